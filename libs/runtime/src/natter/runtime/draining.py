"""`natter drain`: tells one process of this machine, or of this pod, to finish and leave."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path

from . import runfile
from .sections import RuntimeSection
from .users import CommandFailed

ANSWER_SECONDS_MAX = 5.0


def address_of(instance: str, settings: RuntimeSection, data: Path) -> str:
    """Its operations page: of an instance that `natter up` runs in `data`, or of this pod's one process."""
    if instance:
        known = (runfile.read(data) or {}).get("endpoints", {}).get("ops", {})
        if instance not in known:
            there = ", ".join(sorted(known)) or "nothing"
            raise CommandFailed(f"there is no {instance} in {data}: there is {there}")
        return str(known[instance])
    if not settings.ops_port:
        raise CommandFailed("say which: natter drain INSTANCE --data DIR, or set runtime.ops_port")
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.ops_host, settings.ops_host)
    return f"{host}:{settings.ops_port}"


def drain(address: str) -> None:
    """POST /drain."""
    request = urllib.request.Request(f"http://{address}/drain", method="POST")
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS_MAX):
            pass
    except urllib.error.HTTPError as error:
        raise CommandFailed(f"{address} answers {error.code}: {error.read(500).decode(errors='replace')}") from None
    except OSError as error:
        raise CommandFailed(f"{address} does not answer: {error}") from None
