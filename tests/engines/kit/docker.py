"""Docker: a daemon for each way to tell it of a runtime, and its client."""

from __future__ import annotations

import functools
import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from engines.kit.daemon import SYSTEM_PATH, Daemon, make_network, runtime_directory
from engines.kit.engine import Engine, wait_until
from engines.kit.image import IMAGE, image_file
from engines.kit.podman import cgroup_of
from engines.kit.sides import runtime_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Kind(NamedTuple):
    settings: Mapping[str, Any] = {}  # of daemon.json
    by_default: bool = True  # whether the runtime is the daemon's default, or each `run` has to name it


KINDS = {
    "Docker, default runtime": Kind(),
    "Docker, --runtime": Kind(by_default=False),
    "Docker, cgroupfs": Kind({"exec-opts": ["native.cgroupdriver=cgroupfs"]}),
    "Docker, userns-remap": Kind({"userns-remap": "default"}),
}


class Docker(Engine):
    def __init__(self, name: str, side: str) -> None:
        super().__init__()
        self.name, self.kind, self.side = name, KINDS[name], side
        self.runtime = runtime_of(side, "runc")
        self.version = docker_version()
        self.daemon, self.network = start_daemon(name, side)
        self.daemon.news()

    def client(self) -> Sequence[str]:
        return [*self.network, "docker"]

    def environment(self) -> Mapping[str, str]:
        socket = f"unix:///run/{short_name(self.name, self.side)}.sock"
        return {"PATH": SYSTEM_PATH, "HOME": "/root", "DOCKER_HOST": socket}

    def start(self, *words: str, **options: Any) -> Any:
        """`docker run` with the runtime under test."""
        return self("run", *self.named_runtime(), *words, **options)

    def named_runtime(self) -> list[str]:
        return [] if self.kind.by_default else [f"--runtime={self.side}"]

    def clean_up(self) -> None:
        left = self("ps", "--all", "--quiet").out.split()
        if left:
            self("rm", "--force", "--volumes", *left)
        self.said += self.daemon.news()

    def inspect(self, container: str, what: str) -> str:
        return self("inspect", "--format", "{{" + what + "}}", container).out

    def pid(self, container: str) -> int:
        return int(self.inspect(container, ".State.Pid"))

    def cgroup(self, container: str) -> Path:
        return cgroup_of(self.pid(container))


def short_name(name: str, side: str) -> str:
    return f"engines-{list(KINDS).index(name)}-{side}"


@functools.cache
def docker_version() -> str:
    words = ["docker", "version", "--format", "{{.Client.Version}}"]
    said = subprocess.run(words, capture_output=True, text=True, check=False).stdout  # complains that nobody answers
    return said.strip().partition("+")[0]


@functools.cache
def start_daemon(name: str, side: str) -> tuple[Daemon, list[str]]:
    """One for all tests, and the words that start a program in its network."""
    short, kind, runtime = short_name(name, side), KINDS[name], runtime_of(side, "runc")
    settings = Path(f"/run/{short}.json")
    settings.write_text(json.dumps(settings_of(short, kind, side, runtime.path)))
    network = make_network(short)
    path = f"{runtime_directory(short, runtime.path)}:" if kind.by_default else ""
    daemon = Daemon(short, [*network, "dockerd", f"--config-file={settings}"], {"PATH": f"{path}{SYSTEM_PATH}"})
    host = ["docker", "--host", f"unix:///run/{short}.sock"]
    wait_until(lambda: answers([*host, "version"]), "an answer of dockerd", 60)
    assert answers([*host, "import", "--change=CMD sh", str(image_file()), IMAGE])
    return daemon, network


def settings_of(short: str, kind: Kind, side: str, path: str) -> dict[str, Any]:
    return {
        "data-root": f"/var/lib/{short}",
        "exec-root": f"/run/{short}",
        "pidfile": f"/run/{short}.pid",
        "hosts": [f"unix:///run/{short}.sock"],
        "runtimes": {side: {"path": path}},
        "default-runtime": side if kind.by_default else "runc",
        **kind.settings,
    }


def answers(words: Sequence[str]) -> bool:
    return subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0
