"""XEP-0004: Data Forms.  Forms and fields as values; the check of a submission against the form that was offered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, cast, get_args

from .. import jid, ns
from ..element import E, Element
from ..spec import Xep

NS = ns.DATA

XEP = Xep(4, "Data Forms", version="2.13.2", status="complete", features=(NS,))

FormKind = Literal["form", "submit", "cancel", "result"]
FieldKind = Literal[
    "boolean",
    "fixed",
    "hidden",
    "jid-multi",
    "jid-single",
    "list-multi",
    "list-single",
    "text-multi",
    "text-private",
    "text-single",
]

_FORM_KINDS: Final = frozenset(get_args(FormKind))
_FIELD_KINDS: Final = frozenset(get_args(FieldKind))
# XEP-0004 §3.2: these may have several values, the others may not.
_MULTI: Final = frozenset({"list-multi", "jid-multi", "text-multi", "hidden"})
# XEP-0004 §3.3: xs:boolean, in both of its spellings.
_BOOLEANS: Final = {"1": True, "true": True, "0": False, "false": False}
FORM_TYPE: Final = "FORM_TYPE"


class FormError(ValueError):
    """A submission breaks the form. Answered with `not-acceptable` and this text (XEP-0004 §4)."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `options` are (value, label); `kind` None in a submission that leaves the type out."""

    var: str
    values: tuple[str, ...] = ()
    kind: FieldKind | None = None
    label: str = ""
    description: str = ""
    required: bool = False
    options: tuple[tuple[str, str], ...] = ()

    @property
    def value(self) -> str:
        """The first value, or ""."""
        return self.values[0] if self.values else ""


@dataclass(frozen=True, slots=True)
class Form:
    """One form. A result of several items has `reported` and `items` in place of `fields`."""

    kind: FormKind
    fields: tuple[Field, ...] = ()
    title: str = ""
    instructions: tuple[str, ...] = ()
    reported: tuple[Field, ...] = ()
    items: tuple[tuple[Field, ...], ...] = field(default=())

    def get(self, var: str) -> Field | None:
        """The field of that name."""
        return next((f for f in self.fields if f.var == var), None)

    def value(self, var: str, default: str = "") -> str:
        """The first value of a field, or `default` where there is no such field."""
        found = self.get(var)
        return default if found is None else found.value

    @property
    def form_type(self) -> str:
        """What FORM_TYPE says (XEP-0068), or ""."""
        return self.value(FORM_TYPE)


def form_type(namespace: str) -> Field:
    """The hidden field that names what a form is about (XEP-0068)."""
    return Field(FORM_TYPE, (namespace,), "hidden")


def boolean(text: str, default: bool = False) -> bool:
    """A boolean field's value; anything that is none counts as `default`."""
    return _BOOLEANS.get(text.strip(), default)


def boolean_field(var: str, value: bool, label: str = "") -> Field:
    """A boolean field as a form offers it."""
    return Field(var, ("1" if value else "0",), "boolean", label)


def find(parent: Element) -> Form | None:
    """The form among the children of `parent`; None where there is none. ValueError where it is malformed."""
    x = parent.find(f"{{{NS}}}x")
    return None if x is None else parse(x)


def parse(x: Element) -> Form:
    """The form that an <x/> element says. ValueError where it has no known type."""
    kind = x.get("type", "")
    if kind not in _FORM_KINDS:
        raise ValueError("a data form has no known type")
    reported = x.find(f"{{{NS}}}reported")
    return Form(
        cast(FormKind, kind),
        _fields(x),
        (x.findtext(f"{{{NS}}}title") or ""),
        tuple(i.text or "" for i in x.findall(f"{{{NS}}}instructions")),
        () if reported is None else _fields(reported),
        tuple(_fields(item) for item in x.findall(f"{{{NS}}}item")),
    )


def _fields(parent: Element) -> tuple[Field, ...]:
    return tuple(map(_field, parent.findall(f"{{{NS}}}field")))


def _field(element: Element) -> Field:
    kind = element.get("type")
    if kind is not None and kind not in _FIELD_KINDS:
        # XEP-0004 §3.3: a type that is not understood counts as text-single.
        kind = "text-single"
    return Field(
        element.get("var", ""),
        tuple(v.text or "" for v in element.findall(f"{{{NS}}}value")),
        cast("FieldKind | None", kind),
        element.get("label", ""),
        element.findtext(f"{{{NS}}}desc") or "",
        element.find(f"{{{NS}}}required") is not None,
        tuple((o.findtext(f"{{{NS}}}value") or "", o.get("label", "")) for o in element.findall(f"{{{NS}}}option")),
    )


def render(form: Form) -> Element:
    """The <x/> element of a form."""
    x = E(f"{{{NS}}}x", {"type": form.kind})
    if form.title:
        x.append(E(f"{{{NS}}}title", None, form.title))
    x.extend([E(f"{{{NS}}}instructions", None, text) for text in form.instructions])
    x.extend(map(_render_field, form.fields))
    # XEP-0004 §3.4: <reported/> before any <item/>.
    if form.reported:
        x.append(E(f"{{{NS}}}reported", None, *map(_render_field, form.reported)))
    x.extend([E(f"{{{NS}}}item", None, *map(_render_field, item)) for item in form.items])
    return x


def _render_field(field: Field) -> Element:
    element = E(f"{{{NS}}}field", {"var": field.var or None, "type": field.kind, "label": field.label or None})
    if field.description:
        element.append(E(f"{{{NS}}}desc", None, field.description))
    if field.required:
        element.append(E(f"{{{NS}}}required"))
    element.extend([E(f"{{{NS}}}value", None, value) for value in field.values])
    for value, label in field.options:
        element.append(E(f"{{{NS}}}option", {"label": label or None}, E(f"{{{NS}}}value", None, value)))
    return element


def validate(submission: Form, offered: Form) -> Mapping[str, tuple[str, ...]]:
    """The submitted values by field name, checked and normalised (booleans "1" and "0", JIDs by PRECIS, each once).

    Raises FormError. Fields that were left out are left out of the answer: they keep their value (XEP-0004 §3.5).
    """
    if submission.form_type and offered.form_type and submission.form_type != offered.form_type:
        raise FormError(f"{FORM_TYPE} is not {offered.form_type}")
    values: dict[str, tuple[str, ...]] = {}
    for declared in offered.fields:
        if declared.kind in ("fixed", "hidden"):
            continue
        given = submission.get(declared.var)
        if given is None:
            # XEP-0004 §3.1: only what is not <required/> may be left out.
            if declared.required:
                raise FormError(f"{declared.var} is required")
            continue
        values[declared.var] = _checked(declared, given.values)
    # XEP-0004 §3.1: fields that were not in the form are ignored.
    return values


def _checked(declared: Field, values: Sequence[str]) -> tuple[str, ...]:
    kind = declared.kind or "text-single"
    if len(values) > 1 and kind not in _MULTI:
        raise FormError(f"{declared.var} takes one value")
    if declared.required and not any(values):
        raise FormError(f"{declared.var} is required")
    match kind:
        case "boolean":
            return tuple(_boolean(declared.var, value) for value in values)
        case "jid-single" | "jid-multi":
            # XEP-0004 §3.3: every value a valid JID, duplicates ignored.
            return tuple(dict.fromkeys(_jid(declared.var, value) for value in values if value))
        case "list-single" | "list-multi":
            return _listed(declared, values)
        case _:
            return tuple(values)


def _boolean(var: str, value: str) -> str:
    known = _BOOLEANS.get(value.strip())
    if known is None:
        raise FormError(f"{var} is not a boolean")
    return "1" if known else "0"


def _jid(var: str, value: str) -> str:
    try:
        return jid.normalise(value.strip())
    except jid.JIDError as error:
        raise FormError(f"{var} is not a JID") from error


def _listed(declared: Field, values: Sequence[str]) -> tuple[str, ...]:
    # XEP-0004 §3.3: a submission must not insert new options.
    known = {value for value, _ in declared.options}
    for value in values:
        if value not in known:
            raise FormError(f"{declared.var} is not one of its options")
    return tuple(dict.fromkeys(values))
