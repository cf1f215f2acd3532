"""Containers of an image as the chart runs them, by runc: its user, no capability, a read-only root."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import programs
from layers import Image
from stack import end_with_parent

# What may be written, and by whom.
WRITTEN = {"/tmp": 0, "/var/lib/natter": 10001}
RUNC_SECONDS_MAX = 60


@dataclass(slots=True)
class Containers:
    """By name. `folder` holds what they need and write; cgroups have its name, too."""

    folder: Path
    cgroup: str
    _running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(
        self,
        name: str,
        image: Image,
        *words: str,
        environ: dict[str, str] | None = None,
        shown: Path | None = None,
    ) -> subprocess.Popen[bytes]:
        """`natter WORDS` in a container; signals to the process reach it. `shown`: a folder to be seen as /mnt."""
        bundle = self.folder / name
        bundle.mkdir(parents=True)
        self._runc("spec", "--bundle", str(bundle))
        spec = json.loads((bundle / "config.json").read_text())
        user, _, group = str(image.config["User"]).partition(":")
        env = [*image.config["Env"], *(f"{key}={value}" for key, value in (environ or {}).items() if key != "PATH")]
        args = [*image.config["Entrypoint"], *(words or image.config["Cmd"])]
        spec["process"] |= {"terminal": False, "args": args, "env": env, "cwd": image.config["WorkingDir"]}
        spec["process"]["user"] = {"uid": int(user), "gid": int(group)}
        spec["process"]["capabilities"] = {kind: [] for kind in spec["process"]["capabilities"]}
        spec["process"].pop("rlimits", None)
        spec["root"] = {"path": str(image.root), "readonly": True}
        spec["mounts"] += [
            {"destination": place, "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev", f"uid={owner}"]}
            for place, owner in WRITTEN.items()
        ]
        if shown:
            seen = {"type": "bind", "source": str(shown), "options": ["rbind", "ro"]}
            spec["mounts"].append({"destination": "/mnt", **seen})
        spec["linux"]["namespaces"] = [n for n in spec["linux"]["namespaces"] if n["type"] != "network"]
        spec["linux"]["cgroupsPath"] = f"/{self.cgroup}/{name}"
        (bundle / "config.json").write_text(json.dumps(spec))
        with (bundle / "out").open("wb") as out:
            self._running[name] = subprocess.Popen(
                [programs.debian("runc"), "--root", str(self.folder / "runc"), "run", "--bundle", str(bundle), name],
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
                preexec_fn=end_with_parent,
            )
        return self._running[name]

    def output(self, name: str) -> str:
        """What it wrote."""
        return (self.folder / name / "out").read_text(errors="replace")

    def pid(self, name: str) -> int:
        """Its first process."""
        return int(json.loads(self._runc("state", name))["pid"])

    def close(self) -> None:
        """Kill all that still run; that of runc alone would leave what it runs."""
        for name, process in self._running.items():
            if process.poll() is None:
                self._runc("delete", "--force", name)
                process.wait(RUNC_SECONDS_MAX)
        self._running.clear()

    def _runc(self, *words: str) -> str:
        command = [programs.debian("runc"), "--root", str(self.folder / "runc"), *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=RUNC_SECONDS_MAX, check=False)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
        return done.stdout
