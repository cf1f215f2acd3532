"""Dockerfile and skaffold.yaml say what the chart and the tree expect of them."""

from __future__ import annotations

import fnmatch
import re
from pathlib import Path
from typing import Any

import yaml
from chart import CHART

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def stages() -> dict[str, str]:
    """Text of each stage by its name."""
    parts = re.split(r"^FROM (\S+) AS (\S+)\n", DOCKERFILE, flags=re.MULTILINE)
    return {
        name: f"FROM {base}\n{text}" for base, name, text in zip(parts[1::3], parts[2::3], parts[3::3], strict=True)
    }


def test_the_base_is_pinned_and_of_the_version_that_is_tested() -> None:
    (base,) = re.findall(r"^ARG PYTHON=(\S+)$", DOCKERFILE, re.MULTILINE)
    version = (ROOT / ".python-version").read_text().strip()
    assert re.fullmatch(rf"python:{re.escape(version)}-slim-bookworm@sha256:[0-9a-f]{{64}}", base)
    bases = set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE))
    assert bases - set(stages()) == {"${PYTHON}"}


def test_it_runs_as_the_user_of_the_chart_without_a_shell_in_between() -> None:
    base = stages()["base"]
    user = re.findall(r'include "natter.pod.security" (\d+)', (CHART / "templates" / "workloads.yaml").read_text())
    assert re.findall(r"^USER (\S+)$", base, re.MULTILINE) == [f"{user[0]}:{user[0]}"]
    assert 'ENTRYPOINT ["natter"]' in base
    for target in ("runtime", "runtime-metrics"):
        assert stages()[target].startswith("FROM base\n")


def test_chdb_is_in_one_image_only_and_tests_in_none() -> None:
    for stage, has in (("build-runtime", False), ("build-runtime-metrics", True)):
        assert ("--no-install-package chdb" in stages()[stage]) is not has
    assert "--no-dev" in DOCKERFILE and "--frozen" in DOCKERFILE


def test_what_the_build_copies_is_let_through_and_nothing_else() -> None:
    lines = (ROOT / ".dockerignore").read_text().split()
    assert lines[0] == "*"
    let = [line[1:] for line in lines if line.startswith("!")]
    copied = [w for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE) for w in line.split()[:-1]]
    for name in copied:
        if name.startswith("--"):
            continue
        assert any(name == place or name.startswith(f"{place}/") for place in let), name
        assert any(fnmatch.fnmatch(p.relative_to(ROOT).as_posix(), name) for p in ROOT.glob(name)), name


def test_skaffold_builds_what_the_chart_runs() -> None:
    found: dict[str, Any] = yaml.safe_load((ROOT / "skaffold.yaml").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    built = {a["image"]: a["docker"]["target"] for a in found["build"]["artifacts"]}
    assert built == {values["image"]["repository"]: "runtime", values["embeddedImage"]["repository"]: "runtime-metrics"}
    assert set(built.values()) <= set(stages())
    (release,) = found["deploy"]["helm"]["releases"]
    for key in release["setValueTemplates"]:
        inner = values
        for part in key.split("."):
            inner = inner[part]
    files = [*release["valuesFiles"], *(f for p in found["profiles"] for patch in p["patches"] for f in patch["value"])]
    assert all((ROOT / file).exists() for file in files)
