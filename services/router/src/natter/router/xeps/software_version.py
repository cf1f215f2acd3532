"""XEP-0092: Software Version.  Name and version; the operating system only where the operator says so."""

from __future__ import annotations

from natter.xmpp.element import Element
from natter.xmpp.xeps import software_version

from ..question import Question

QUERY = f"{{{software_version.NS}}}query"
FEATURES = software_version.XEP.features


def version(question: Question) -> tuple[Element, ...]:
    """What runs here."""
    server = question.server
    # XEP-0092 §5: what the host runs on is nobody's business by default.
    return (software_version.query(software_version.Software(server.name, server.version, server.os)),)
