"""natter.toml, environment, flags: which wins, and what a mistake looks like."""

from __future__ import annotations

from pathlib import Path

import pytest
from natter.runtime import settings
from natter.runtime.settings import SettingsError
from pydantic import BaseModel, Field


class Inner(BaseModel):
    depth_max: int = 4


class Fake(BaseModel):
    lanes_max: int = Field(3, ge=1, description="A number.")
    names: tuple[str, ...] = ()
    tls: Inner = Inner()


def load(tmp_path: Path, text: str = "", environ: dict[str, str] | None = None, *overrides: str) -> Fake:
    file = tmp_path / "natter.toml"
    file.write_text(text)
    return settings.load("fake", Fake, file=str(file), environ=environ or {}, overrides=overrides).service


def test_a_flag_wins_over_the_environment_over_the_file_over_the_default(tmp_path: Path) -> None:
    assert load(tmp_path).lanes_max == 3
    assert load(tmp_path, "[fake]\nlanes_max = 4").lanes_max == 4
    environ = {"NATTER_FAKE__LANES_MAX": "5"}
    assert load(tmp_path, "[fake]\nlanes_max = 4", environ).lanes_max == 5
    assert load(tmp_path, "[fake]\nlanes_max = 4", environ, "fake.lanes_max=6").lanes_max == 6


def test_the_shared_sections_come_along(tmp_path: Path) -> None:
    loaded = settings.load("fake", Fake, environ={"NATTER_SERVER__DOMAIN": "example.org", "NATTER_BUS__LANES": "16"})
    assert (loaded.server.domain, loaded.bus.lanes) == ("example.org", 16)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[fake]\nlane_max = 1", "natter.toml: unknown key 'fake.lane_max'; did you mean 'fake.lanes_max'?"),
        ("[fake]\nxyz = 1", "natter.toml: unknown key 'fake.xyz'; known are lanes_max, names, tls"),
        ("[fak]\nx = 1", "natter.toml: unknown section 'fak'; did you mean 'fake'?"),
        ("[fake]\nlanes_max = 0", "natter.toml: fake.lanes_max: Input should be greater than or equal to 1"),
        (
            "[fake.tls]\ndept_max = 1",
            "natter.toml: unknown key 'fake.tls.dept_max'; did you mean 'fake.tls.depth_max'?",
        ),
        ("lanes_max = 1", "natter.toml: 'lanes_max' stands outside a section; write it below [section]"),
        ("[fake", "natter.toml: is not TOML:"),
    ],
)
def test_a_mistake_is_one_line_that_names_file_key_and_remedy(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(SettingsError) as raised:
        load(tmp_path, text)
    message = str(raised.value)
    assert message.removeprefix(f"{tmp_path}/").startswith(expected)
    assert "\n" not in message


def test_a_mistake_in_a_variable_or_flag_names_it(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^environment NATTER_FAKE__LANE_MAX: unknown key"):
        load(tmp_path, "", {"NATTER_FAKE__LANE_MAX": "1"})
    with pytest.raises(SettingsError, match=r"^--set fake.lanes_max: fake.lanes_max: Input should be a valid integer"):
        load(tmp_path, "", {}, "fake.lanes_max=many")
    with pytest.raises(SettingsError, match=r"write --set section.key=value"):
        load(tmp_path, "", {}, "lanes_max")


def test_a_wrong_secret_is_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as raised:
        load(tmp_path, "", {"NATTER_BUS__PASSWORD": "s3cret" * 100})
    assert "s3cret" not in str(raised.value)


def test_a_missing_file_is_an_error_only_when_it_was_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert settings.load("fake", Fake, environ={}).service == Fake()
    with pytest.raises(SettingsError, match=r"other\.toml: cannot be read: No such file"):
        settings.load("fake", Fake, environ={"NATTER_CONFIG": "other.toml"})
    (tmp_path / "natter.toml").write_text("[fake]\nlanes_max = 9")
    assert settings.load("fake", Fake, environ={}).service.lanes_max == 9
    assert settings.load("fake", Fake, environ={"NATTER_CONFIG": ""}).service.lanes_max == 3


def test_another_services_section_is_not_this_ones_business(tmp_path: Path) -> None:
    assert load(tmp_path, "[router]\nwhatever = 1") == Fake()


def test_what_kubernetes_adds_is_not_taken_for_settings(tmp_path: Path) -> None:
    assert load(tmp_path, "", {"NATTER_GATEWAY_PORT": "tcp://10.0.0.1:5222", "NATTER_SERVICE_HOST": "x"}) == Fake()


def test_what_was_given_survives_the_way_through_the_environment(tmp_path: Path) -> None:
    text = '[fake]\nlanes_max = 4\nnames = ["a", "b"]\n[server]\nopen_registration = true'
    (tmp_path / "natter.toml").write_text(text)
    given = settings.gather(file=str(tmp_path / "natter.toml"), environ={}, overrides=["fake.lanes_max=7"])
    environ = settings.as_environment(given)
    loaded = settings.load("fake", Fake, environ=environ)
    assert (loaded.service.lanes_max, loaded.service.names) == (7, ("a", "b"))
    assert loaded.server.open_registration is True


def test_the_environment_without_settings_keeps_the_rest() -> None:
    environ = {"PATH": "/bin", "NATTER_BUS__URL": "x", "NATTER_CONFIG": "y", "NATTER_GATEWAY_PORT": "1"}
    assert settings.other_environment(environ) == {"PATH": "/bin", "NATTER_GATEWAY_PORT": "1"}


def test_the_variables_of_opentelemetry_are_honoured_below_ours() -> None:
    environ = {"OTEL_TRACES_SAMPLER_ARG": "0.5", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}
    telemetry = settings.load("fake", Fake, environ=environ).telemetry
    assert (telemetry.sample_ratio, telemetry.otlp_endpoint) == (0.5, "http://collector:4318")
    environ["NATTER_TELEMETRY__SAMPLE_RATIO"] = "0.25"
    assert settings.load("fake", Fake, environ=environ).telemetry.sample_ratio == 0.25
