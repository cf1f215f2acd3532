"""NATS subject patterns: `*` matches one token, a last `>` matches one or more."""

from __future__ import annotations

from collections.abc import Callable, Sequence


def matches(pattern: str, subject: str) -> bool:
    """Whether `subject` falls under `pattern`."""
    if pattern == subject:
        return True
    wanted, found = pattern.split("."), subject.split(".")
    if wanted[-1] == ">":
        wanted.pop()
        if len(found) <= len(wanted):
            return False
    elif len(found) != len(wanted):
        return False
    return all(w in ("*", f) for w, f in zip(wanted, found, strict=False))


def is_literal(pattern: str) -> bool:
    """Whether the pattern names exactly one subject."""
    return "*" not in pattern and not pattern.endswith(">")


def matcher(patterns: Sequence[str]) -> Callable[[str], bool]:
    """A predicate for any of several patterns; a set look-up where no wildcard is used."""
    literal = frozenset(p for p in patterns if is_literal(p))
    wild = tuple(p for p in patterns if p not in literal)
    if not wild:
        return literal.__contains__
    return lambda subject: subject in literal or any(matches(p, subject) for p in wild)
