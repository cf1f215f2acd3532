"""How a sender learns that the server has taken what it sent: by an echo to itself, or XEP-0198. No I/O here."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Protocol

SM = "urn:xmpp:sm:3"
WRAP = 1 << 32


class Acceptance(Protocol):
    """Told of everything that is sent and heard; `item` is whatever the sender wants to hear of again."""

    def sent(self, xml: str, item: Any = None) -> None:
        """A stanza was sent."""

    def probe(self, jid: str) -> str:
        """What to send in order to ask; "" while asking makes no sense."""

    def heard(self, element: str) -> tuple[list[Any], str]:
        """Something came: items that are accepted now, and what to answer."""

    def broken(self) -> None:
        """The connection is gone."""


@dataclass(slots=True)
class Echo:
    """A numbered message to oneself through the same lane: when it is back, all before it were taken."""

    number: int = 0
    # Items behind the last probe, and by probe.
    open: list[Any] = field(default_factory=list)
    asked: dict[int, list[Any]] = field(default_factory=dict)

    def sent(self, xml: str, item: Any = None) -> None:
        if item is not None:
            self.open.append(item)

    def probe(self, jid: str) -> str:
        self.number += 1
        self.asked[self.number], self.open = self.open, []
        return f"<message to='{jid}' type='chat' id='echo-{self.number}'><body>echo {self.number}</body></message>"

    def heard(self, element: str) -> tuple[list[Any], str]:
        # An error says that there is no such session any more: then what was said before it may have been refused, too.
        error = re.match(r"""<message\b[^>]*\btype=['"]error['"]""", element)
        found = re.search(r"""\bid=['"]echo-(\d+)['"]""", element) if not error and "<message" in element[:8] else None
        if found is None or int(found.group(1)) not in self.asked:
            return [], ""
        # Those before it were taken too, whatever became of their echoes.
        done = [n for n in self.asked if n <= int(found.group(1))]
        return [item for n in done for item in self.asked.pop(n)], ""

    def broken(self) -> None:
        self.asked.clear()
        self.open.clear()


@dataclass(slots=True)
class Managed:
    """XEP-0198 on the client's side, resumption included."""

    enabled: bool = False
    # To resume with, "" where the server does not offer it.
    id: str = ""
    # Stanzas handled here (§4), and acknowledged by the server.
    inbound: int = 0
    acknowledged: int = 0
    unacknowledged: deque[tuple[str, Any]] = field(default_factory=deque)

    @staticmethod
    def offered(features: str) -> bool:
        """Whether stream features offer it."""
        return SM in features

    @staticmethod
    def enable() -> str:
        """XEP-0198 §3: after binding."""
        return f"<enable xmlns='{SM}' resume='true'/>"

    def sent(self, xml: str, item: Any = None) -> None:
        if self.enabled:
            self.unacknowledged.append((xml, item))

    def probe(self, jid: str) -> str:
        return f"<r xmlns='{SM}'/>" if self.enabled else ""

    def heard(self, element: str) -> tuple[list[Any], str]:
        name = re.match(r"<([A-Za-z]+)", element)
        match name.group(1) if name else "":
            case "message" | "presence" | "iq":
                # §4: counted from <enabled/> on.
                self.inbound = (self.inbound + 1) % WRAP if self.enabled else 0
            case "r":
                return [], f"<a xmlns='{SM}' h='{self.inbound}'/>"
            case "a":
                return self._acknowledge(element), ""
            case "enabled":
                self.enabled, self.inbound, self.acknowledged = True, 0, 0
                self.unacknowledged.clear()
                resumable = re.search(r"""\bresume=['"](?:true|1)['"]""", element)
                found = re.search(r"""\bid=['"]([^'"]+)['"]""", element)
                self.id = found.group(1) if resumable and found else ""
        return [], ""

    def resume(self) -> str:
        """XEP-0198 §5: after authentication, in place of binding; "" when there is nothing to resume."""
        return f"<resume xmlns='{SM}' previd='{self.id}' h='{self.inbound}'/>" if self.id else ""

    def resumed(self, element: str) -> tuple[list[Any], list[str]]:
        """<resumed/> came: items that were accepted, and what to send again."""
        self.enabled = True
        return self._acknowledge(element), [xml for xml, _ in self.unacknowledged]

    def failed(self, element: str) -> list[Any]:
        """<failed/> came: items that were accepted all the same (§5: it may carry h); the session starts anew."""
        done = self._acknowledge(element) if " h=" in element else []
        self.forget()
        return done

    def broken(self) -> None:
        if not self.id:
            self.forget()

    def forget(self) -> None:
        """There is nothing to resume."""
        self.enabled, self.id, self.inbound, self.acknowledged = False, "", 0, 0
        self.unacknowledged.clear()

    def _acknowledge(self, element: str) -> list[Any]:
        found = re.search(r"""\bh=['"](\d+)['"]""", element)
        if found is None:
            return []
        count = (int(found.group(1)) - self.acknowledged) % WRAP
        if count > len(self.unacknowledged):
            raise AssertionError(f"acknowledged {count} of {len(self.unacknowledged)}: {element}")
        self.acknowledged = int(found.group(1))
        done = [self.unacknowledged.popleft()[1] for _ in range(count)]
        return [item for item in done if item is not None]
