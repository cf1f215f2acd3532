"""The Dockerfile built for real, by BuildKit, which is what `docker build` uses; needs no Docker."""

from __future__ import annotations

import re
import shutil
import subprocess
import tarfile
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import shorten
from typing import IO

import programs
import standin
from layers import Image, take
from stack import end_with_parent, wait_for

ROOT = Path(__file__).parents[2]
BUILDKIT = "github.com/moby/buildkit/cmd/"
BUILDKIT_VERSION = "v0.26.2"
COMPILE_SECONDS_MAX = 1800
BUILD_SECONDS_MAX = 1200
# Of a log that is shown when a build fails.
SHOWN_CHARS_MAX = 4000
LOG_LINES_MAX = 1000
SAID_CHARS_MAX = 110
# `#9 [build 3/4] RUN …`, `#9 12.3 what it printed`, `#9 DONE 14.1s`: the first is told.
STEP = re.compile(r"^#\d+ (\[(?!internal|context).*|exporting to .*)$")
# What BuildKit says when it asks a registry in vain.
NOT_PULLED = re.compile(r"failed to (?:resolve source metadata|fetch .*token|do request)", re.IGNORECASE)


def _program(name: str) -> str:
    return programs.built(f"{BUILDKIT}{name}", BUILDKIT_VERSION, seconds_max=COMPILE_SECONDS_MAX)


def failure(target: str, base: str, log: str) -> str:
    """What to tell who sees a build fail: the end of its log, and what to do about a base that is out of reach."""
    said = f"building {target} failed; the end of what it said:\n{log[-SHOWN_CHARS_MAX:]}"
    if base == "pinned" and NOT_PULLED.search(log):
        said += "\nThe pinned base cannot be pulled from its registry: `make test-image BASE=debian` builds on a Debian"
        said += "\nthat is made of Debian's packages in its stead."
    return said


@dataclass(slots=True)
class Builder:
    """A buildkitd of its own in `folder`. Root only: it mounts. `base`: one of standin.BASES."""

    folder: Path
    base: str
    _began: float = field(default_factory=time.monotonic)
    _daemon: subprocess.Popen[bytes] | None = None
    _base: list[str] = field(default_factory=list)
    _told: set[str] = field(default_factory=set)

    def say(self, what: str) -> None:
        """What is being done, with the minutes and seconds since the beginning."""
        minutes, seconds = divmod(int(time.monotonic() - self._began), 60)
        print(f"  {minutes}:{seconds:02} {shorten(what, SAID_CHARS_MAX, placeholder=' …')}", flush=True)

    def start(self) -> None:
        """Have everything that a build needs; the tests are NOT RUN where it cannot be had."""
        daemon, runc = _program("buildkitd"), programs.debian("runc")
        _program("buildctl")
        if self.base == "debian":
            self.say("making a Debian that stands in for the pinned base")
            digest = standin.make(self.folder / "base")
            # A name that no stage has: that would take the stage's place.
            self._base = ["--opt=build-arg:PYTHON=standin", f"--opt=context:standin=oci-layout://standin@{digest}"]
            self._base.append(f"--oci-layout=standin={self.folder / 'base'}")
        config, log = self.folder / "buildkitd.toml", self.folder / "buildkitd.log"
        config.write_text(f'[worker.oci]\ndefaultCgroupParent = "/{self.folder.name}/build"\n')
        command = [daemon, "--config", str(config), "--addr", self._address, "--root", str(self.folder / "state")]
        command += ["--containerd-worker=false", "--oci-worker-binary", runc, "--oci-worker-net=host"]
        with log.open("ab") as out:
            self._daemon = subprocess.Popen(command, stdout=out, stderr=out, preexec_fn=end_with_parent)
        process = self._daemon
        wait_for("buildkitd", lambda: (self.folder / "socket").exists() or process.poll() is not None, seconds_max=60)
        assert process.poll() is None, log.read_text()

    @property
    def _address(self) -> str:
        return f"unix://{self.folder}/socket"

    def build(self, target: str) -> Image:
        """`docker build --target TARGET .`"""
        self.say(f"building {target}")
        written = self.folder / "dockerfile"
        written.mkdir(exist_ok=True)
        # The front end that the first line asks for is in a registry, too; buildkitd has the same one inside.
        text = (ROOT / "Dockerfile").read_text()
        (written / "Dockerfile").write_text("".join(text.splitlines(keepends=True)[1:]) if self._base else text)
        command = [_program("buildctl"), "--addr", self._address, "build", "--frontend=dockerfile.v0"]
        command += [f"--opt=target={target}", f"--local=context={ROOT}", f"--local=dockerfile={written}", *self._base]
        command += ["--progress=plain", "--output=type=oci,compression=uncompressed,force-compression=true,dest=-"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout is not None and process.stderr is not None
            limit = threading.Timer(BUILD_SECONDS_MAX, process.kill)
            limit.start()
            log: deque[str] = deque(maxlen=LOG_LINES_MAX)
            told = threading.Thread(target=self._tell, args=(process.stderr, log))
            told.start()
            image = None
            try:
                # Nothing comes from a build that fails, or only a part.
                with suppress(tarfile.ReadError):
                    image = take(process.stdout, self.folder / "layers", self.folder / target)
                while process.stdout.read(1 << 20):
                    pass
            except BaseException:
                process.kill()
                raise
            finally:
                limit.cancel()
                told.join()
        assert process.returncode == 0 and image is not None, failure(target, self.base, "".join(log))
        return image

    def _tell(self, stream: IO[bytes], log: deque[str]) -> None:
        for line in stream:
            log.append(line.decode(errors="replace"))
            step = STEP.match(log[-1])
            if step and step[1] not in self._told:
                self._told.add(step[1])
                self.say(step[1])

    def stop(self) -> None:
        """End buildkitd and remove what it kept; images stay."""
        if self._daemon is not None:
            self._daemon.terminate()
            self._daemon.wait(60)
            self._daemon = None
            self.say("removing what only building needed")
            for kept in ("state", "base"):
                shutil.rmtree(self.folder / kept, ignore_errors=True)
