"""Every protocol script, with real sockets against one natter; and the reader of scripts itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from lxml import etree
from raw import Raw, tls
from scripted import Play, Unlike, like, read
from stack import Stack

SCRIPTS = sorted((Path(__file__).parent / "scripts").glob("*.scn"))
PASSWORD = "cauldron"


@pytest.fixture(scope="session")
def registered() -> set[str]:
    """Who has an account already."""
    return set()


@pytest.fixture
def connect(stack: Stack, registered: set[str]) -> Callable[[str, str], Awaitable[Raw]]:
    async def go(user: str, resource: str) -> Raw:
        host, port = stack.endpoint("c2s")
        secure = tls(stack.ca)
        if user not in registered:
            new = await Raw.open(host, port)
            await new.features()
            await new.starttls(secure)
            await new.register(user, PASSWORD)
            await new.close()
            registered.add(user)
        raw = await Raw.open(host, port)
        await raw.features()
        await raw.starttls(secure)
        return await raw.login(user, PASSWORD, resource=resource)

    return go


@pytest.mark.stack
@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
async def test_script(path: Path, connect: Callable[[str, str], Awaitable[Raw]]) -> None:
    try:
        await Play(read(path), connect).perform()
    except Unlike as unlike:
        # The script is what matters, not the way to it.
        pytest.fail(str(unlike), pytrace=False)


@pytest.mark.parametrize(
    ("expected", "got", "is_like"),
    [
        ("<a/>", "<a b='1'><c/></a>", True),
        ("<a b='1'/>", "<a b='2'/>", False),
        ("<a>x</a>", "<a> x </a>", True),
        ("<a><c/><c/></a>", "<a><c/></a>", False),
        ("<a><c n='2'/><c n='1'/></a>", "<a><c n='1'/><c n='2'/></a>", True),
        ("<a b='{*}'/>", "<a/>", False),
        ("<a b='x{?rest}'/>", "<a b='xyz'/>", True),
        ("<a><absent xmlns='scn'><c xmlns=''/></absent></a>", "<a><c/></a>", False),
        ("<a><absent xmlns='scn'><c xmlns=''/></absent></a>", "<a><d/></a>", True),
        ("<a xmlns='n'/>", "<a/>", False),
    ],
)
def test_what_is_like_what(expected: str, got: str, is_like: bool) -> None:
    captured: dict[str, str] = {}
    assert like(etree.fromstring(expected), etree.fromstring(got), captured) is is_like
    if "?rest" in expected:
        assert captured == {"rest": "yz"}


def test_a_script_that_makes_no_sense(tmp_path: Path) -> None:
    path = tmp_path / "x.scn"
    path.write_text("[Client] a\n-----\na connects\nb connects\n")
    with pytest.raises(ValueError, match=r"x\.scn:4"):
        read(path)


def test_every_script_can_be_read() -> None:
    assert len(SCRIPTS) > 20
    for path in SCRIPTS:
        assert read(path).steps, path


async def test_a_difference_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "x.scn"
    path.write_text("[Client] a\n-----\na connects\na receives:\n  <message><body>x</body></message>\n")

    async def connect(user: str, resource: str) -> Raw:
        reader = asyncio.StreamReader()
        reader.feed_data(b"<message from='r'><body>y</body></message>")

        class Writer:
            def write(self, data: bytes) -> None:
                reader.feed_eof()

            def close(self) -> None:
                pass

        return Raw(reader, Writer(), jid="a@b/c")  # type: ignore[arg-type]

    with pytest.raises(Unlike, match=r"x\.scn:4: a receives:") as unlike:
        await Play(read(path), connect).perform()
    assert "-  <body>x</body>" in str(unlike.value).replace("ns0:", "")
    assert "+  <body>y</body>" in str(unlike.value).replace("ns0:", "")
