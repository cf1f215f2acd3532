"""XEP-0128: Service Discovery Extensions.  Facts about an entity as a form inside disco#info."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..spec import Xep
from .data_forms import FORM_TYPE, Field, Form, form_type

XEP = Xep(128, "Service Discovery Extensions", version="1.0.1", status="partial", note="rooms")


def extension(namespace: str, facts: Mapping[str, Sequence[str]]) -> Form:
    """The form that says `facts` under the FORM_TYPE `namespace`, for `disco.Info.forms`."""
    # XEP-0128 §2: type result, FORM_TYPE hidden, fields without a type unless they need one.
    fields = (Field(var, tuple(values), "text-multi" if len(values) > 1 else None) for var, values in facts.items())
    return Form("result", (form_type(namespace), *fields))


def facts(forms: Sequence[Form], namespace: str) -> Mapping[str, tuple[str, ...]]:
    """The facts under a FORM_TYPE; empty where no form has it."""
    for form in forms:
        if form.form_type == namespace:
            return {field.var: field.values for field in form.fields if field.var != FORM_TYPE}
    return {}
