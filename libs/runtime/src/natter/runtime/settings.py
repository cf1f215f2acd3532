"""Settings: one natter.toml, NATTER_SECTION__KEY in the environment over it, flags over both. Unknown: an error."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Generic, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from .sections import SHARED, ArchiveSection, BusSection, RuntimeSection, Server, TelemetrySection

PREFIX = "NATTER_"
CONFIG_VARIABLE = "NATTER_CONFIG"
CONFIG_DEFAULT = "natter.toml"
ENTRY_POINT_GROUP = "natter.settings"
CONFIG_BYTES_MAX = 1 << 20
# OpenTelemetry's own variables, below natter's.
STANDARD_VARIABLES = {"OTEL_TRACES_SAMPLER_ARG": "sample_ratio", "OTEL_EXPORTER_OTLP_ENDPOINT": "otlp_endpoint"}

S = TypeVar("S", bound=BaseModel)


class SettingsError(Exception):
    """One line for the operator: which file or variable, which key, what to write instead."""


@dataclass(frozen=True, slots=True)
class Given:
    """One value as it was given, and by what: a file, a variable, a flag."""

    source: str
    section: str
    key: str
    value: Any


@dataclass(frozen=True, slots=True)
class Loaded(Generic[S]):
    """The settings of one process."""

    server: Server
    bus: BusSection
    telemetry: TelemetrySection
    runtime: RuntimeSection
    service: S
    archive: ArchiveSection


def service_names() -> list[str]:
    """The services that are installed; each has a section of its own name."""
    return sorted(p.name for p in entry_points(group=ENTRY_POINT_GROUP))


def service_models() -> dict[str, type[BaseModel]]:
    """The Settings class of every installed service."""
    return {p.name: p.load() for p in entry_points(group=ENTRY_POINT_GROUP)}


def gather(
    *, file: str | None = None, environ: Mapping[str, str] | None = None, overrides: Sequence[str] = ()
) -> list[Given]:
    """Everything that was set, weakest first.

    `overrides` are `section.key=value`; without `file` it is NATTER_CONFIG, or ./natter.toml if there is one.
    """
    env = os.environ if environ is None else environ
    if file is None:
        file = env.get(CONFIG_VARIABLE)
    if file is None and Path(CONFIG_DEFAULT).exists():
        file = CONFIG_DEFAULT
    given = _from_file(Path(file)) if file else []
    return given + _from_environment(env) + [_from_flag(text) for text in overrides]


def validate(given: Sequence[Given], models: Mapping[str, type[BaseModel]], known: Sequence[str]) -> dict[str, Any]:
    """An instance per section of `models`. Sections in `known` without a model are somebody else's: left alone."""
    chosen: dict[str, dict[str, Given]] = {section: {} for section in models}
    for item in given:
        model = models.get(item.section)
        if model is not None:
            if item.key not in model.model_fields:
                hint = _nearest(item.key, list(model.model_fields), f"{item.section}.")
                raise SettingsError(f"{item.source}: unknown key '{item.section}.{item.key}'{hint}")
            _refuse_unknown_below(item, model)
            chosen[item.section][item.key] = item
        elif item.section not in known:
            raise SettingsError(
                f"{item.source}: unknown section '{item.section}'{_nearest(item.section, [*models, *known])}"
            )
    return {section: _build(section, model, chosen[section]) for section, model in models.items()}


def load(
    section: str,
    model: type[S],
    *,
    file: str | None = None,
    environ: Mapping[str, str] | None = None,
    overrides: Sequence[str] = (),
) -> Loaded[S]:
    """The shared sections and the one of this service."""
    given = gather(file=file, environ=environ, overrides=overrides)
    found = validate(given, {**SHARED, section: model}, service_names())
    return Loaded(found["server"], found["bus"], found["telemetry"], found["runtime"], found[section], found["archive"])


def load_all(
    *, file: str | None = None, environ: Mapping[str, str] | None = None, overrides: Sequence[str] = ()
) -> dict[str, Any]:
    """Every section of every installed service: what the launcher checks before it starts anything."""
    models = {**SHARED, **service_models()}
    return validate(gather(file=file, environ=environ, overrides=overrides), models, ())


def as_environment(given: Sequence[Given]) -> dict[str, str]:
    """All that was given as variables, for a process that is started: it sees these and no file."""
    return {CONFIG_VARIABLE: ""} | {variable(g.section, g.key): text_of(g.value) for g in given}


def other_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without natter's settings."""
    return {k: v for k, v in environ.items() if not (k.startswith(PREFIX) and "__" in k) and k != CONFIG_VARIABLE}


def text_of(value: Any) -> str:
    """A value as a variable holds it; `gather` reads it back as the same."""
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value, default=str) if isinstance(value, list | dict) else str(value)


def variable(section: str, key: str) -> str:
    """The environment variable of a setting."""
    return f"{PREFIX}{section}__{key}".upper()


def _from_file(path: Path) -> list[Given]:
    try:
        text = path.read_bytes()
        if len(text) > CONFIG_BYTES_MAX:
            raise SettingsError(f"{path}: larger than {CONFIG_BYTES_MAX} bytes")
        document = tomllib.loads(text.decode())
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: is not TOML: {error}") from None
    for section, table in document.items():
        if not isinstance(table, dict):
            raise SettingsError(f"{path}: '{section}' stands outside a section; write it below [section]")
    return [
        Given(str(path), section, key, value) for section, table in document.items() for key, value in table.items()
    ]


def _from_environment(environ: Mapping[str, str]) -> list[Given]:
    given = [
        Given(f"environment {name}", "telemetry", key, environ[name])
        for name, key in STANDARD_VARIABLES.items()
        if environ.get(name)
    ]
    for name, value in sorted(environ.items()):
        # Names without "__" are not settings: NATTER_CONFIG, and what Kubernetes adds for a Service called natter-….
        if name.startswith(PREFIX) and "__" in name:
            section, _, key = name.removeprefix(PREFIX).lower().partition("__")
            given.append(Given(f"environment {name}", section, key, value))
    return given


def _from_flag(text: str) -> Given:
    name, equals, value = text.partition("=")
    section, dot, key = name.strip().partition(".")
    if not (equals and dot and section and key):
        raise SettingsError(f"--set {text}: write --set section.key=value")
    return Given(f"--set {name}", section.strip(), key.strip(), value)


def _nearest(name: str, names: Sequence[str], prefix: str = "") -> str:
    close = get_close_matches(name, names, n=1, cutoff=0.5)
    return f"; did you mean '{prefix}{close[0]}'?" if close else f"; known are {', '.join(sorted(set(names)))}"


def _refuse_unknown_below(item: Given, model: type[BaseModel]) -> None:
    """Tables inside a section: the same rule."""
    annotation = model.model_fields[item.key].annotation
    inner = next(
        (t for t in (annotation, *get_args(annotation)) if isinstance(t, type) and issubclass(t, BaseModel)), None
    )
    if inner is None or not isinstance(item.value, dict):
        return
    for key, value in item.value.items():
        name = f"{item.section}.{item.key}"
        if key not in inner.model_fields:
            raise SettingsError(
                f"{item.source}: unknown key '{name}.{key}'{_nearest(key, list(inner.model_fields), name + '.')}"
            )
        _refuse_unknown_below(Given(item.source, name, key, value), inner)


def _build(section: str, model: type[BaseModel], chosen: Mapping[str, Given]) -> BaseModel:
    try:
        return model.model_validate({key: _decoded(item.value) for key, item in chosen.items()})
    except ValidationError as error:
        # `input` may be a secret: the message says where and why, never what stood there.
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        item = chosen.get(str(first["loc"][0])) if first["loc"] else None
        source = item.source if item else CONFIG_DEFAULT
        raise SettingsError(f"{source}: {section}.{place}: {first['msg']}") from None


def _decoded(value: Any) -> Any:
    """Lists and tables in variables and flags are written as JSON."""
    if isinstance(value, str) and value[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value
