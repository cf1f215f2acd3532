"""Write the list of js_streams, buckets and subjects from the code that names them.

uv run tools/subjects.py            # rewrite docs/generated/subjects.md
uv run tools/subjects.py --check    # fail if it is stale; CI runs this
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

from natter.bus import subjects
from natter.bus.api import StreamSpec

PAGE = Path(__file__).parent.parent / "docs" / "generated" / "subjects.md"
SAMPLES = (
    (subjects.lane, (0,)),
    (subjects.deliver, ("gateway-1-0badcafe",)),
    (subjects.shard, ("user", 3)),
    (subjects.archive, (0,)),
    (subjects.journal, ("room", "den@conference.localhost")),
    (subjects.chapter, ("den@conference.localhost", "0badcafe", 7)),
    (subjects.availability, (3, "bob@localhost/phone")),
    (subjects.facts, ("gateway-1-0badcafe",)),
    (subjects.rpc, ("accounts", "credentials")),
)


def limit(spec: StreamSpec) -> str:
    """What the js_stream forgets, in words."""
    found = [f"{spec.bytes_max >> 30} GiB"]
    if spec.age_seconds_max:
        found.append(f"{spec.age_seconds_max:g} s")
    if spec.per_subject_max > 0:
        found.append(f"{spec.per_subject_max} per subject")
    return ", ".join(found)


def render() -> str:
    """The page."""
    lines = [
        "# js_streams and subjects",
        "",
        "Made by `tools/subjects.py` from `natter.bus.subjects`. Do not edit.",
        "",
        "| js_stream | subjects | kept | storage |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {s.name} | {', '.join(f'`{x}`' for x in s.subjects)} | {limit(s)} | {'memory' if s.in_memory else 'file'} |"
        for s in subjects.streams()
    ]
    lines += ["", "Full means refused (`discard=new`), never silently forgotten.", ""]
    lines += ["| subject | what travels on it |", "|---|---|"]
    for make, sample in SAMPLES:
        lines.append(f"| `{make(*sample)}` | {(inspect.getdoc(make) or '').splitlines()[0]} |")  # type: ignore[operator]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    if "--check" in sys.argv:
        stale = not PAGE.exists() or PAGE.read_text() != render()
        if stale:
            print(f"stale: {PAGE.name}; run: uv run tools/subjects.py")
        sys.exit(stale)
    PAGE.write_text(render())
