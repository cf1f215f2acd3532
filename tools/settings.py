"""Write docs/generated/settings.md: every setting of natter.toml with its type, default, bound and sentence.

uv run tools/settings.py            # rewrite it
uv run tools/settings.py --check    # fail if it is stale; CI runs this
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, get_args

from natter.runtime.sections import SHARED
from natter.runtime.settings import service_models, text_of, variable
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

TARGET = Path(__file__).parent.parent / "docs" / "generated" / "settings.md"
HEAD = """# Settings

<!-- Written by tools/settings.py. Do not edit. -->

One `natter.toml` (`--config FILE`, `NATTER_CONFIG`, or in the current folder), over it the environment
(`NATTER_SECTION__KEY`), over both flags (`--set section.key=value`). Unknown keys are errors. Lists are written as JSON
in variables and flags.
"""
BOUNDS = {
    "gt": "> {}",
    "ge": "≥ {}",
    "lt": "< {}",
    "le": "≤ {}",
    "min_length": "length ≥ {}",
    "max_length": "length ≤ {}",
}


def type_of(field: FieldInfo) -> str:
    """The type as one word, or the values that may stand there."""
    annotation: Any = field.annotation
    if getattr(annotation, "__name__", "") == "Literal":
        return " \\| ".join(f"`{a}`" for a in get_args(annotation))
    if annotation is SecretStr:
        return "secret"
    names = {str: "text", int: "integer", float: "number", bool: "true \\| false"}
    return names.get(annotation, "list" if get_args(annotation) else str(getattr(annotation, "__name__", annotation)))


def bound_of(field: FieldInfo) -> str:
    """What pydantic checks."""
    found = []
    for rule in field.metadata:
        found += [
            text.format(getattr(rule, key)) for key, text in BOUNDS.items() if getattr(rule, key, None) is not None
        ]
        if getattr(rule, "pattern", None):
            found.append(f"`{rule.pattern}`")
    return ", ".join(found).replace("|", "\\|")


def default_of(field: FieldInfo) -> str:
    """As one would write it."""
    value = field.get_default(call_default_factory=True)
    if isinstance(value, SecretStr | str):
        return f"`{value}`" if value and not isinstance(value, SecretStr) else ""
    return f"`{text_of(list(value) if isinstance(value, tuple) else value)}`"


def section(name: str, model: type[BaseModel]) -> str:
    """One table."""
    text = f"\n## [{name}]\n\n{(model.__doc__ or '').strip().splitlines()[0]}\n\n"
    text += "| key | type | default | bound | |\n|---|---|---|---|---|\n"
    for key, field in model.model_fields.items():
        cells = (f"`{key}`", type_of(field), default_of(field), bound_of(field), field.description or "")
        text += f"| {' | '.join(cells)} |\n"
    first = next(iter(model.model_fields))
    return text + f"\nIn the environment: `{variable(name, first)}` and so on.\n"


def main() -> int:
    models = {**SHARED, **dict(sorted(service_models().items()))}
    wanted = HEAD + "".join(section(name, model) for name, model in models.items())
    if "--check" in sys.argv:
        stale = not TARGET.exists() or TARGET.read_text() != wanted
        if stale:
            print(f"stale: {TARGET.name}; run: uv run tools/settings.py")
        return int(stale)
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
