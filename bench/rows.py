"""What is measured: the commands of each row. What happens between two `yield` is not."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from stopwatch import orphans

if TYPE_CHECKING:
    from collections.abc import Iterator

    Commands = Iterator[tuple[str, list[str]]]

SUM = "create+start+delete"
LIFE = ("create", "start", SUM, "exec", "state", "kill", "delete", "list")
NEEDED = ("create", "start", "kill", "delete")  # without these there is no life
SMALL = ("version", "features")
ENGINES = ("podman", "docker")
PYTHON = "python"  # containers in one Python process
ROWS = ("run", *LIFE, *SMALL, *ENGINES, PYTHON)


class Runtime:
    """A runtime, as the words of a command, of which `run` may have options of its own."""

    def __init__(self, command: str, place: Path, program: str = "") -> None:
        self.name = command
        words = shlex.split(command)
        self.program = program or shutil.which(words[0]) or words[0]
        split = words.index("run") if "run" in words else len(words)
        self.only_runs = "run" in words
        self.global_options, self.options = words[1:split], words[split + 1 :]
        self.id = f"minirun-bench-{os.getpid()}"
        self.root = place / f"state-of-{words[0].replace('/', '-')}"
        self.root.mkdir(exist_ok=True)
        self.docker_name = ""  # by which dockerd knows it

    @property
    def real_program(self) -> str:
        return os.path.realpath(self.program)

    @property
    def is_minirun(self) -> bool:
        """Plainly so, without options that its Python interface would not have."""
        return os.path.basename(self.program) == "minirun" and not self.global_options

    def command(self, *words: str | Path) -> list[str]:
        """With a state directory of its own, in which `list` finds no other containers."""
        return [self.program, "--root", str(self.root), *self.global_options, *map(str, words)]

    def run(self, bundle: Path) -> list[str]:
        return self.command("run", *self.options, "--bundle", bundle, self.id)


def one_run(runtime: Runtime, place: Path) -> Commands:
    yield "run", runtime.run(place / "true")


def life(runtime: Runtime, place: Path) -> Commands:
    """As an engine has it: a container in several commands, and a second program beside the first."""
    pid_file = place / "pid"
    pid_file.unlink(missing_ok=True)
    yield "create", runtime.command("create", "--bundle", place / "sleep", "--pid-file", pid_file, runtime.id)
    yield "start", runtime.command("start", runtime.id)
    yield "state", runtime.command("state", runtime.id)
    yield "list", runtime.command("list")
    yield "exec", runtime.command("exec", runtime.id, "/bin/true")
    yield "kill", runtime.command("kill", runtime.id, "KILL")
    os.waitpid(int(pid_file.read_text()), 0)  # it is a child of the subreaper since `create` has ended
    yield "delete", runtime.command("delete", runtime.id)


def small(runtime: Runtime, _place: Path) -> Commands:
    yield "version", runtime.command("--version")
    yield "features", runtime.command("features")


# ---- engines above the runtime


def podman(runtime: Runtime, place: Path) -> Commands:
    """With a storage of its own, and a directory in the place of an image."""
    storage = ["--root", place / "podman", "--runroot", place / "podman-run", "--runtime", runtime.program]
    container = ["run", "--rm", "--network=none", "--rootfs", place / "engine" / "rootfs", "/bin/true"]
    yield "podman", [str(shutil.which("podman")), *map(str, [*storage, *container])]
    orphans()  # conmon(8) and podman's own cleaning up, which would be in the next one's way


def why_no_podman() -> str:
    return "" if shutil.which("podman") else "it is not installed"


def docker(runtime: Runtime, _place: Path) -> Commands:
    words = ["run", "--rm", "--network=none", "--runtime", runtime.docker_name, IMAGE, "/bin/true"]
    yield "docker", [str(shutil.which("docker")), *words]


IMAGE = "minirun-bench"


def docker_names() -> dict[str, str]:
    """The runtimes' names in dockerd's configuration, by their programs; none where it does not answer."""
    try:
        asked = subprocess.run(["docker", "info", "--format", "{{json .Runtimes}}"], capture_output=True, text=True)
        runtimes = json.loads(asked.stdout) or {}
    except (OSError, ValueError):
        return {}
    paths = {name: shutil.which(one.get("path", "")) for name, one in runtimes.items()}
    return {os.path.realpath(path): name for name, path in paths.items() if path}


def load_image(rootfs: Path) -> None:
    with subprocess.Popen(["tar", "-C", rootfs, "-c", "."], stdout=subprocess.PIPE) as tar:
        subprocess.run(["docker", "import", "-", IMAGE], check=True, stdin=tar.stdout, stdout=subprocess.DEVNULL)


def remove_image() -> None:
    subprocess.run(["docker", "image", "rm", IMAGE], check=True, stdout=subprocess.DEVNULL)
