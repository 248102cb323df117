"""Docker's swarm mode: two nodes in one machine, each a dockerd in a network of its own; between them a cable.

The first node is the manager. Its client is the engine; `nodes` has both.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engines.kit.daemon import SYSTEM_PATH, Daemon, make_network, runtime_directory
from engines.kit.docker import answers, docker_version
from engines.kit.engine import Engine, wait_until
from engines.kit.image import IMAGE, image_file
from engines.kit.sides import runtime_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SWARM = "Swarm"
BEAT = "2s"  # how often a node says that it is there; after three times it counts as gone


# What nodes say to and of each other, which depends on who is quicker, and on no runtime.
CLUSTER = re.compile(r"memberlist|Neighbor entry|NetworkDB|\[core\]|module=dispatcher|module=raft")


class Node:
    """A dockerd."""

    def __init__(self, number: int, side: str) -> None:
        self.short, self.side = f"engines-swarm{number}-{side}", side
        self.address = f"10.9.9.{number}"
        self.network = make_network(self.short)
        self.host = ["docker", "--host", f"unix:///run/{self.short}.sock"]

    def start(self) -> None:
        path = runtime_of(self.side, "runc").path
        settings = Path(f"/run/{self.short}.json")
        settings.write_text(json.dumps(self.settings(path)))
        places = f"{runtime_directory(self.short, path)}:{SYSTEM_PATH}"
        self.daemon = Daemon(self.short, [*self.network, "dockerd", f"--config-file={settings}"], {"PATH": places})
        wait_until(lambda: answers([*self.host, "version"]), "an answer of dockerd", 60)
        self("import", "--change=CMD sh", str(image_file()), f"{IMAGE}:latest")
        self("tag", f"{IMAGE}:latest", f"{IMAGE}:second")

    def settings(self, path: str) -> dict[str, Any]:
        return {
            "data-root": f"/var/lib/{self.short}",
            "exec-root": f"/run/{self.short}",
            "pidfile": f"/run/{self.short}.pid",
            "hosts": [f"unix:///run/{self.short}.sock"],
            "runtimes": {self.side: {"path": path}},
            "default-runtime": self.side,
        }

    def __call__(self, *words: str) -> str:
        done = subprocess.run([*self.host, *words], stdout=subprocess.PIPE, text=True, check=True)
        return done.stdout.strip()

    def containers(self) -> list[str]:
        return self("ps", "--quiet", "--no-trunc").split()

    def processes(self) -> list[int]:
        """dockerd, its containerd and their shims."""
        mine = f"/run/{self.short}"
        return [pid for pid in pids() if mine in command_of(pid)]

    def kill(self) -> None:
        """As if somebody had pulled the plug."""
        firsts = map(int, self.firsts())
        for pid in [self.daemon.process.pid, *self.processes(), *firsts]:
            end(pid)
        self.daemon.process.wait()

    def firsts(self) -> list[str]:
        return self("inspect", "--format={{.State.Pid}}", *found).split() if (found := self.containers()) else []


def pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def end(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


class Swarm(Engine):
    def __init__(self, name: str, side: str) -> None:
        super().__init__()
        self.name, self.side = name, side
        self.runtime = runtime_of(side, "runc")
        self.version = docker_version()
        self.nodes = [Node(number, side) for number in (1, 2)]
        connect(self.nodes)
        for node in self.nodes:
            node.start()
        self.form()

    def form(self) -> None:
        first, second = self.nodes
        self("swarm", "init", f"--advertise-addr={first.address}", f"--dispatcher-heartbeat={BEAT}")
        token = self("swarm", "join-token", "--quiet", "worker").out
        second("swarm", "join", f"--advertise-addr={second.address}", f"--token={token}", f"{first.address}:2377")
        wait_until(lambda: self("node", "ls", "--format={{.Status}}").out.split() == ["Ready", "Ready"], "both nodes")

    def client(self) -> Sequence[str]:
        return self.nodes[0].host

    def environment(self) -> Mapping[str, str]:
        return {"PATH": SYSTEM_PATH, "HOME": "/root"}

    def counts(self) -> list[int]:
        """How many containers run on each node."""
        return [len(node.containers()) for node in self.nodes if node.daemon.process.poll() is None]

    def clean_up(self) -> None:
        for service in self("service", "ls", "--quiet").out.split():
            self("service", "rm", service)
        wait_until(lambda: sum(self.counts()) == 0, "the end of all tasks")
        for node in reversed(self.nodes):
            self.said += [line for line in node.daemon.news() if not CLUSTER.search(line)]
            if node.daemon.process.poll() is None:
                node("swarm", "leave", "--force")
            node.daemon.stop()


def connect(nodes: Sequence[Node]) -> None:
    first, second = nodes
    exists = subprocess.run(["ip", "-netns", first.short, "link", "show", "cable"], capture_output=True, check=False)
    if exists.returncode == 0:
        return
    words = f"ip -netns {first.short} link add cable type veth peer name cable netns {second.short}"
    subprocess.run(words.split(), check=True)
    for node in nodes:
        for command in (f"address add {node.address}/24 dev cable", "link set cable up"):
            subprocess.run(["ip", "-netns", node.short, *command.split()], check=True)
