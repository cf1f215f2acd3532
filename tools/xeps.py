"""Write the list of supported XEPs from the code that supports them.

uv run tools/xeps.py            # rewrite docs/generated/xeps.md
uv run tools/xeps.py --check    # fail if it is stale; CI runs this
"""

from __future__ import annotations

import sys
from pathlib import Path

from natter.xmpp import xeps

TABLE = Path(__file__).parent.parent / "docs" / "generated" / "xeps.md"
HEAD = """# Supported XMPP extensions

Made by `tools/xeps.py` from `libs/xmpp/src/natter/xmpp/xeps/`. Do not edit.

| XEP | Title | Version | Status | Note |
|---|---|---|---|---|
"""


def render() -> str:
    """The table, ordered by number."""
    found = sorted((module.XEP for module in xeps.ALL), key=lambda x: x.number)
    return HEAD + "".join(
        f"| [{x.number:04}](https://xmpp.org/extensions/xep-{x.number:04}.html) "
        f"| {x.title} | {x.version} | {x.status} | {x.note} |\n"
        for x in found
    )


def main() -> int:
    """Write, or with --check compare."""
    if "--check" in sys.argv[1:]:
        if TABLE.exists() and TABLE.read_text() == render():
            return 0
        print(f"{TABLE} is stale: run tools/xeps.py", file=sys.stderr)
        return 1
    TABLE.parent.mkdir(parents=True, exist_ok=True)
    TABLE.write_text(render())
    return 0


if __name__ == "__main__":
    sys.exit(main())
