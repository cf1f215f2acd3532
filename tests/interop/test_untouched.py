"""What clients say arrives as it was written: live, copied, late and from the archive."""

from __future__ import annotations

import re

from person import PASSWORD
from raw import Raw, tls
from stack import Stack

# Each as a client would write it, with signs, prefixes and spaces that a careless server would change.
PAYLOADS = {
    "XEP-0184": "<body>read me</body><request xmlns='urn:xmpp:receipts'/>",
    "XEP-0184 received": "<received xmlns='urn:xmpp:receipts' id='m1'/>",
    "XEP-0085": "<body>b</body><active xmlns=\"http://jabber.org/protocol/chatstates\"/><thread parent='p'>t</thread>",
    "XEP-0333": "<displayed xmlns='urn:xmpp:chat-markers:0' id='m1'/>",
    "XEP-0333 markable": "<body>b</body><markable xmlns='urn:xmpp:chat-markers:0'/>",
    "XEP-0308": "<body>better</body><replace id='bad1' xmlns='urn:xmpp:message-correct:0'/>",
    "XEP-0444": "<reactions id='744f' xmlns='urn:xmpp:reactions:0'>"
    "<reaction>👋</reaction><reaction>&#x1F422;</reaction></reactions>",
    "XEP-0461": "<body>&gt; Anna wrote:\n&gt; hi\nyes</body><reply to='anna@a.b/c' id='m2' xmlns='urn:xmpp:reply:0'/>"
    "<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='0' end='20'/></fallback>",
    "XEP-0372": "<body>Hi Juliet</body>"
    "<reference xmlns='urn:xmpp:reference:0' begin='3' end='9' type='mention' uri='xmpp:j@c'/>",
    "XEP-0424": "<retract id='m3' xmlns='urn:xmpp:message-retract:1'/><body>This person &amp; so on</body>"
    "<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:message-retract:1'/><store xmlns='urn:xmpp:hints'/>",
    "XEP-0384": "<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='27183'><key rid='31415'>BASE+/=</key>"
    "<iv>BASE</iv></header><payload>BASE</payload></encrypted><store xmlns='urn:xmpp:hints'/>"
    "<encryption xmlns='urn:xmpp:eme:0' name='OMEMO' namespace='eu.siacs.conversations.axolotl'/>"
    "<body>I sent you…</body>",
    "XEP-0066": "<body>https://a.b/c?d=1&amp;e=2</body><x xmlns='jabber:x:oob'><url>https://a.b/c?d=1&amp;e=2</url></x>",
    "XEP-0231": "<body>p</body>"
    "<x:html xmlns:x='http://jabber.org/protocol/xhtml-im'><x:img  src = 'cid:s@b.x'  alt=''/></x:html>",
    "unknown": "<body>b</body><a xmlns='urn:x'><![CDATA[<&]]>&#13;&#9;<b xmlns=''/>\u2028</a>",
}


async def person(stack: Stack, name: str, resource: str, *, presence: bool = True) -> Raw:
    host, port = stack.endpoint("c2s_tls")
    raw = await Raw.open(host, port, secure=tls(stack.ca))
    return await raw.login(name, PASSWORD, resource=resource, presence=presence)


def message(to: str, number: int, payload: str) -> str:
    return f"<message to='{to}' type='chat' id='u{number}'>{payload}</message>"


async def arrived(raw: Raw, wrong: str) -> str:
    """Everything up to the last message."""
    return (await raw.until(f".*id=.u{len(PAYLOADS)}.>{wrong}.*?</message>", seconds=60)).group(0)


async def test_as_it_was_written(stack: Stack) -> None:
    alice = await person(stack, "alice", "untouched")
    bob, desk = await person(stack, "bob", "untouched"), await person(stack, "bob", "untouched-desk")
    desk.send("<iq type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>")
    await desk.until("id='c'")
    end = "<body>end</body>"
    alice.send("".join(message(bob.jid, number, payload) for number, payload in enumerate(PAYLOADS.values())))
    alice.send(message(bob.jid, len(PAYLOADS), end))
    # Nobody is there.
    alice.send("".join(message("carol@localhost", number, payload) for number, payload in enumerate(PAYLOADS.values())))
    alice.send(message("carol@localhost", len(PAYLOADS), end))
    live, copied = await arrived(bob, end), await arrived(desk, end)
    form = "<field var='FORM_TYPE'><value>urn:xmpp:mam:2</value></field>"
    form += f"<field var='with'><value>{alice.jid}</value></field>"
    x = f"<x xmlns='jabber:x:data' type='submit'>{form}</x>"
    bob.send(f"<iq type='set' id='q'><query xmlns='urn:xmpp:mam:2'>{x}</query></iq>")
    archived = (await bob.until(".*<iq[^>]*id='q'.*?</iq>", seconds=60)).group(0)
    carol = await person(stack, "carol", "untouched", presence=False)
    carol.send("<presence/>")
    late = await arrived(carol, end)
    for number, (what, payload) in enumerate(PAYLOADS.items()):
        for where, text in (("live", live), ("copied", copied), ("late", late), ("archived", archived)):
            found = re.search(f"<message[^>]*id=.u{number}.[^>]*>(.*?)</message>", text, re.DOTALL)
            assert found is not None and found[1].startswith(payload), (what, where, found and found[1])
            # What the server adds stands behind it.
            added = re.sub(r"<(stanza-id|delay) [^>]*?(/>|>[^<]*</delay>)", "", found[1].removeprefix(payload))
            assert added == "", (what, where, added)
    for raw in (alice, bob, desk, carol):
        await raw.close()
