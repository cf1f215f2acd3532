"""XEP-0030: Service Discovery.  The server, and the sender's own account."""

from __future__ import annotations

from natter.xmpp.element import Element
from natter.xmpp.xeps import disco

from ..question import Question, Refused

INFO = f"{{{disco.NS}}}query"
ITEMS = f"{{{disco.NS_ITEMS}}}query"
FEATURES = disco.XEP.features


def info(question: Question) -> tuple[Element, ...]:
    """disco#info: who we are and what we can do."""
    _no_node(question)
    if question.of_account:
        # XEP-0030 §8: a bare JID's identity; one's own account may always be asked.
        features = (*FEATURES, *question.server.account_features)
        return (disco.info_query(disco.Info((disco.Identity("account", "registered"),), features)),)
    server = question.server
    identity = disco.Identity("server", "im", name=server.name)
    return (disco.info_query(disco.Info((identity,), server.features)),)


def items(question: Question) -> tuple[Element, ...]:
    """disco#items: the hosts beside the server; an account has none."""
    _no_node(question)
    if question.of_account:
        return (disco.items_query(()),)
    return (disco.items_query((disco.Item(question.server.conference, name="Rooms"),)),)


def _no_node(question: Question) -> None:
    # XEP-0030 §7: a node that does not exist.
    if question.query.get("node"):
        raise Refused("item-not-found")
