"""XEP-0313: Message Archive Management.  Queries of an archive, and the shapes of its answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from .. import jid, ns
from ..element import E, Element, attr_escape, insert_to
from ..spec import Xep
from . import data_forms, date_time, forward, rsm
from . import fulltext as fulltext_

NS = ns.MAM
EXTENDED = f"{NS}#extended"
# Of users' archives: these know the field, and have no groupchat, which is the rooms'.
GROUPCHAT_FIELD = f"{NS}#groupchat-field"
FULLTEXT_FIELD = fulltext_.FIELD

XEP = Xep(
    313,
    "Message Archive Management",
    version="1.1.3",
    status="complete",
    features=(NS, EXTENDED),
    note="of users and rooms; groupchat is in the archives of rooms only",
)

QUERY = f"{{{NS}}}query"
METADATA = f"{{{NS}}}metadata"
# Ids in one query; more are a bad request.
IDS_MAX: Final = 1000
_VALIDATE: Final = "http://jabber.org/protocol/xdata-validate"


class Unsupported(ValueError):
    """The form has a field that this archive does not know: feature-not-implemented (XEP-0313 §4.1.5)."""


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked of an archive. Times are Unix microseconds; "" and None: no such filter."""

    queryid: str = ""
    node: str = ""
    with_: str = ""
    start_us: int | None = None
    end_us: int | None = None
    before_id: str = ""
    after_id: str = ""
    ids: tuple[str, ...] = ()
    text: str = ""
    page: rsm.Request = field(default_factory=rsm.Request)
    flip: bool = False


def parse(query: Element, *, fulltext: bool = False, of_user: bool = False) -> Query:
    """The query that a <query/> says, to the archive of a user or of a room.

    `Unsupported` for a field that is not known, ValueError for anything else that is malformed: bad-request.
    """
    read = dict(_READERS)
    if fulltext:
        read[FULLTEXT_FIELD] = _text
    if of_user:
        read[_GROUPCHAT] = _groupchat
    found: dict[str, object] = {}
    form = data_forms.find(query)
    if form is not None:
        if form.form_type != NS:
            raise ValueError("the form is not a query's")
        for given in form.fields:
            if given.var == data_forms.FORM_TYPE:
                continue
            reader = read.get(given.var)
            if reader is None:
                # XEP-0313 §4.1.5: a field that the server does not recognise.
                raise Unsupported(given.var)
            found |= reader(given)
    return Query(
        queryid=query.get("queryid", ""),
        node=query.get("node", ""),
        page=rsm.find(query) or rsm.Request(),
        # XEP-0313 §4.3.4: the page in reverse order.
        flip=query.find(f"{{{NS}}}flip-page") is not None,
        **found,  # type: ignore[arg-type]
    )


def _with(given: data_forms.Field) -> dict[str, object]:
    # XEP-0313 §4.1.1: a JID. It is compared, never a pattern.
    return {"with_": jid.normalise(given.value.strip())}


def _start(given: data_forms.Field) -> dict[str, object]:
    return {"start_us": date_time.parse(given.value)}


def _end(given: data_forms.Field) -> dict[str, object]:
    return {"end_us": date_time.parse(given.value)}


def _before(given: data_forms.Field) -> dict[str, object]:
    return {"before_id": given.value}


def _after(given: data_forms.Field) -> dict[str, object]:
    return {"after_id": given.value}


def _ids(given: data_forms.Field) -> dict[str, object]:
    if len(given.values) > IDS_MAX:
        raise ValueError("too many ids")
    return {"ids": tuple(dict.fromkeys(given.values))}


def _text(given: data_forms.Field) -> dict[str, object]:
    return {"text": given.value.strip()}


def _groupchat(given: data_forms.Field) -> dict[str, object]:
    # XEP-0313 §4.1.4: with or without, there is none. What is not a boolean is malformed.
    if given.value.strip() not in ("true", "false", "1", "0"):
        raise ValueError("not a boolean")
    return {}


_GROUPCHAT: Final = "include-groupchat"
_READERS: Final[Mapping[str, Callable[[data_forms.Field], dict[str, object]]]] = {
    "with": _with,
    "start": _start,
    "end": _end,
    "before-id": _before,
    "after-id": _after,
    "ids": _ids,
}


def form(*, fulltext: bool = False, of_user: bool = False) -> Element:
    """The <query/> that tells which fields a query may have."""
    fields = [
        data_forms.form_type(NS),
        data_forms.Field("with", kind="jid-single"),
        *(data_forms.Field(var, kind="text-single") for var in ("start", "end", "before-id", "after-id")),
    ]
    x = data_forms.render(data_forms.Form("form", tuple(fields)))
    # XEP-0313 §4.1.5: the list of ids is open.
    validate = E(f"{{{_VALIDATE}}}validate", {"datatype": "xs:string"}, E(f"{{{_VALIDATE}}}open"))
    x.append(E(f"{{{ns.DATA}}}field", {"type": "list-multi", "var": "ids"}, validate))
    if of_user:
        x.append(E(f"{{{ns.DATA}}}field", {"type": "boolean", "var": _GROUPCHAT}))
    if fulltext:
        x.append(E(f"{{{ns.DATA}}}field", {"type": "text-single", "var": FULLTEXT_FIELD}))
    return E(QUERY, None, x)


def result(stanza: bytes, *, archive: str, to: str, id: str, queryid: str, stamp_us: int) -> bytes:
    """The message that brings one archived `stanza` to who asked. `to` "": the gateway writes it."""
    query = f" queryid='{attr_escape(queryid)}'" if queryid else ""
    # XEP-0313 §4.2: the archive's id, the id of the query, when it was received, and the message itself.
    head = f"<message from='{attr_escape(archive)}'><result xmlns='{NS}'{query} id='{attr_escape(id)}'>"
    message = b"%b%b</result></message>" % (head.encode(), forward.forwarded(stanza, stamp_us))
    return insert_to(message, to) if to else message


def fin(page: rsm.Result, *, complete: bool, stable: bool = True) -> Element:
    """The end of the answer."""
    # XEP-0313 §4.3.2: 'complete' on the last page of what matches; 'stable' is only said where it is not so.
    marks = {"complete": "true" if complete else None, "stable": None if stable else "false"}
    return E(f"{{{NS}}}fin", marks, rsm.result(page))


def metadata(first: tuple[str, int] | None, last: tuple[str, int] | None) -> Element:
    """The answer to a metadata request: id and time of the oldest and of the newest message."""
    element = E(METADATA)
    # XEP-0313 §5: empty for an empty archive.
    for name, edge in (("start", first), ("end", last)):
        if edge is not None:
            element.append(E(f"{{{NS}}}{name}", {"id": edge[0], "timestamp": date_time.render(edge[1])}))
    return element
