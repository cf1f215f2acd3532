"""Protocol scripts (`*.scn`): what each client sends and must receive, as XML a protocol engineer can read.

    [Client] crone                   whoever takes part; `jid: user/resource` in the next line where it is not the name
    -----
    crone connects                   logs in and sends initial presence
    crone makes {room} as first      an instant room (XEP-0045 §10.1.2)
    hag joins {room} as third        and takes in everything up to the room's subject
    hag sends:                       followed by an indented stanza; {name} stands for what was captured
      <message to='{room}' type='groupchat'><body>hello</body></message>
    crone receives:                  the next stanza that comes must be like this one
      <message from='{room}/third' type='groupchat'><body>hello</body></message>
    crone receives nothing           up to the room's answer to a ping
    crone forgets                    what has come by then is not looked at
    crone disconnects

A stanza is like the expected one if it has its name, its attributes, its text and, in any order, its children; it may
have more. `{*}` stands for any value, `{?name}` for any value and keeps it, and <absent xmlns='scn'/> holds what must
not be there. At the end of a script nobody may have anything left unread.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from difflib import unified_diff
from pathlib import Path

from lxml import etree
from raw import Raw

Element = etree._Element
RECEIVE_SECONDS_MAX = 20.0
_ROOT = b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
_ABSENT = "{scn}absent"
_HOLE = re.compile(r"\{(\?\w+|\*)\}")
_STEP = re.compile(
    r"(\w+) (connects|disconnects|forgets|receives nothing|sends:|receives:|(?:makes|joins) (\S+) as (.+))"
)


class Unlike(AssertionError):
    """A script that did not go as it is written."""


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a script, with the stanza below it."""

    line: int
    who: str
    verb: str
    room: str = ""
    nick: str = ""
    stanza: str = ""


@dataclass(frozen=True, slots=True)
class Script:
    """A script: its clients as user/resource by name, and what happens."""

    path: Path
    clients: dict[str, str]
    steps: tuple[Step, ...]


def read(path: Path) -> Script:
    """Parse a script. ValueError with the line where it makes no sense."""
    clients: dict[str, str] = {}
    steps: list[Step] = []
    name, lines = "", path.read_text().splitlines()
    for number, text in enumerate(lines, 1):
        line = text.split(" # ", 1)[0].rstrip() if not text.startswith((" ", "\t")) else text.rstrip()
        if not line or line.startswith(("#", "---")):
            continue
        if line.startswith("[Client] "):
            name = line.removeprefix("[Client] ")
            clients[name] = f"{name}/{name}"
        elif line.strip().startswith("jid:") and not steps:
            clients[name] = line.partition(":")[2].strip()
        elif line[0] in " \t":
            last = steps.pop()
            steps.append(Step(last.line, last.who, last.verb, stanza=last.stanza + line.strip() + "\n"))
        elif (found := _STEP.fullmatch(line)) is not None and found[1] in clients:
            verb = found[2].split()[0] if found[3] else found[2]
            steps.append(Step(number, found[1], verb, found[3] or "", found[4] or ""))
        else:
            raise ValueError(f"{path.name}:{number}: {line}")
    return Script(path, clients, tuple(steps))


def like(expected: Element, got: Element, captured: dict[str, str]) -> bool:
    """Whether `got` is what was expected; values that it fills in are added to `captured`."""
    if expected.tag != got.tag:
        return False
    for key, value in expected.attrib.items():
        if key not in got.attrib or not _text_like(str(value), str(got.attrib[key]), captured):
            return False
    text = (expected.text or "").strip()
    if text and not _text_like(text, (got.text or "").strip(), captured):
        return False
    rest = list(got)
    for child in expected:
        if child.tag == _ABSENT:
            if any(like(unwanted, other, dict(captured)) for unwanted in child for other in got):
                return False
            continue
        for other in rest:
            trial = dict(captured)
            if like(child, other, trial):
                captured.update(trial)
                rest.remove(other)
                break
        else:
            return False
    return True


def _text_like(expected: str, got: str, captured: dict[str, str]) -> bool:
    parts = _HOLE.split(expected)
    pattern = "".join(re.escape(part) if place % 2 == 0 else "(.*)" for place, part in enumerate(parts))
    found = re.fullmatch(pattern, got, re.DOTALL)
    if found is None:
        return False
    for name, value in zip(parts[1::2], found.groups(), strict=True):
        if name != "*":
            captured[name[1:]] = value
    return True


def pretty(element: Element) -> list[str]:
    """An element as lines, attributes in order, for people to compare."""
    copy = etree.fromstring(etree.tostring(element))
    etree.cleanup_namespaces(copy)
    _ordered(copy)
    etree.indent(copy)
    return etree.tostring(copy, encoding="unicode").splitlines()


def _ordered(element: Element) -> None:
    for each in element.iter():
        pairs = sorted((str(k), str(v)) for k, v in each.attrib.items())
        each.attrib.clear()
        for key, value in pairs:
            each.set(key, value)


@dataclass(slots=True)
class Speaker:
    """A client of a script: what it received and has not been asked for."""

    raw: Raw
    heard: deque[Element] = field(default_factory=deque)
    _parser: etree.XMLPullParser = field(default_factory=lambda: etree.XMLPullParser(events=("start", "end")))
    _depth: int = 0

    def begin(self) -> None:
        """Take over from the login."""
        self._parser.feed(_ROOT + self.raw.text.encode())
        self.raw.text = ""
        self._collect()

    async def next(self) -> Element:
        """The next stanza."""
        async with asyncio.timeout(RECEIVE_SECONDS_MAX):
            while not self.heard:
                data = await self.raw.reader.read(65536)
                if not data:
                    raise Unlike(f"{self.raw.jid} was disconnected")
                self._parser.feed(data)
                self._collect()
        return self.heard.popleft()

    def _collect(self) -> None:
        for event, element in self._parser.read_events():
            self._depth += 1 if event == "start" else -1
            if event == "end" and self._depth == 1:
                self.heard.append(element)


Connect = Callable[[str, str], Awaitable[Raw]]


@dataclass(slots=True)
class Play:
    """One performance of a script. `connect` logs a user in with a resource."""

    script: Script
    connect: Connect
    names: dict[str, str] = field(default_factory=dict)
    speakers: dict[str, Speaker] = field(default_factory=dict)
    pings: int = 0

    async def perform(self) -> None:
        """Everything in order. `Unlike` names the line and shows the difference."""
        self.names["room"] = f"r{secrets.token_hex(5)}@conference.localhost"
        try:
            for step in self.script.steps:
                await self._step(step)
            for who, speaker in self.speakers.items():
                await self._barrier(Step(0, who, "end"), speaker)
                if speaker.heard:
                    raise Unlike(f"{self.script.path.name}: {who} has unread:\n" + self._shown(speaker.heard))
        finally:
            await asyncio.gather(*(speaker.raw.close() for speaker in self.speakers.values()))

    async def _step(self, step: Step) -> None:
        if step.verb == "connects":
            user, _, resource = self.script.clients[step.who].partition("/")
            speaker = self.speakers[step.who] = Speaker(await self.connect(user, resource))
            speaker.begin()
            self.names[step.who] = speaker.raw.jid
            self.names[f"{step.who}_bare"] = speaker.raw.jid.partition("/")[0]
            return
        speaker = self.speakers[step.who]
        match step.verb:
            case "disconnects":
                await self.speakers.pop(step.who).raw.close()
            case "sends:":
                speaker.raw.send(self._filled(step.stanza))
            case "receives:":
                await self._receive(step, speaker)
            case "receives nothing":
                await self._barrier(step, speaker)
                if speaker.heard:
                    raise Unlike(self._where(step) + "\nbut received:\n" + self._shown(speaker.heard))
            case "forgets":
                await self._barrier(step, speaker)
                speaker.heard.clear()
            case "makes" | "joins":
                await self._enter(step, speaker)

    async def _receive(self, step: Step, speaker: Speaker) -> None:
        expected = etree.fromstring(_ROOT + self._filled(step.stanza).encode() + b"</stream:stream>")[0]
        try:
            got = await speaker.next()
        except TimeoutError:
            raise Unlike(f"{self._where(step)}\nbut nothing came, in place of:\n" + self._shown([expected])) from None
        trial = dict(self.names)
        if not like(expected, got, trial):
            diff = unified_diff(pretty(expected), pretty(got), "expected", "received", lineterm="", n=99)
            raise Unlike("\n".join([self._where(step), *diff, "behind it:", self._shown(speaker.heard)]))
        self.names = trial

    async def _barrier(self, step: Step, speaker: Speaker) -> None:
        """Everything the room had for this client before it answers a ping."""
        self.pings += 1
        id = f"scn-{self.pings}"
        speaker.raw.send(f"<iq type='get' id='{id}' to='{self.names['room']}'><ping xmlns='urn:xmpp:ping'/></iq>")
        before: list[Element] = []
        try:
            while (got := await speaker.next()).get("id") != id:
                before.append(got)
        except TimeoutError:
            raise Unlike(f"{self._where(step)}: the room does not answer") from None
        speaker.heard.extendleft(reversed(before))

    async def _enter(self, step: Step, speaker: Speaker) -> None:
        room = self._filled(step.room)
        speaker.raw.send(f"<presence to='{room}/{step.nick}'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
        await self._until(step, speaker, lambda got: got.find("{jabber:client}subject") is not None)
        if step.verb == "makes":
            form = "<x xmlns='jabber:x:data' type='submit'/>"
            query = f"<query xmlns='http://jabber.org/protocol/muc#owner'>{form}</query>"
            speaker.raw.send(f"<iq type='set' id='made' to='{room}'>{query}</iq>")
            await self._until(step, speaker, lambda got: got.get("id") == "made")

    async def _until(self, step: Step, speaker: Speaker, last: Callable[[Element], bool]) -> None:
        try:
            while not last(got := await speaker.next()):
                if got.get("type") == "error":
                    raise Unlike(self._where(step) + "\nbut received:\n" + self._shown([got]))
        except TimeoutError:
            raise Unlike(f"{self._where(step)}: not within {RECEIVE_SECONDS_MAX} s") from None

    def _filled(self, text: str) -> str:
        for name, value in self.names.items():
            text = text.replace("{" + name + "}", value)
        return text

    def _where(self, step: Step) -> str:
        return f"{self.script.path.name}:{step.line}: {step.who} {step.verb}"

    @staticmethod
    def _shown(elements: deque[Element] | list[Element]) -> str:
        return "\n".join(line for element in elements for line in pretty(element)) or "nothing"
