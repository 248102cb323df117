"""containerd, with `ctr` as its client, and by CRI as a kubelet uses it."""

from __future__ import annotations

import functools
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engines.kit.archive import archive
from engines.kit.cri import call, decode
from engines.kit.daemon import SYSTEM_PATH, Daemon, make_network, wait_for_socket
from engines.kit.engine import Engine, wait_until
from engines.kit.podman import cgroup_of
from engines.kit.sides import runtime_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from engines.kit.cri import Message

IMAGE, PAUSE = "docker.io/library/busybox:latest", "docker.io/library/pause:latest"
NAMESPACES = ("default", "k8s.io")  # containerd's: ctr's own, and that of CRI
CTR, CTR_SYSTEMD = "containerd by ctr, cgroupfs", "containerd by ctr, systemd"
CRI, CRI_SYSTEMD = "containerd by CRI, cgroupfs", "containerd by CRI, systemd"
KINDS = (CTR, CTR_SYSTEMD, CRI, CRI_SYSTEMD)

CONFIGURATION = """\
version = 2
root = "/var/lib/{short}"
state = "/run/{short}"
disabled_plugins = ["io.containerd.internal.v1.opt"]

[grpc]
address = "/run/{short}.sock"

[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{pause}"
stream_server_port = "0"

[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "/run/{short}-cni"

[plugins."io.containerd.grpc.v1.cri".containerd]
default_runtime_name = "cgroupfs"
"""
HANDLER = """
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.{name}]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.{name}.options]
BinaryName = "{path}"
SystemdCgroup = {systemd}
"""
NETWORK = """{
 "cniVersion": "0.4.0", "name": "pods",
 "plugins": [
  {"type": "bridge", "bridge": "pods", "isGateway": true,
   "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.77.0.0/24"}]], "dataDir": "/run/%s-addresses"}},
  {"type": "loopback"}
 ]
}
"""


class Containerd(Engine):
    def __init__(self, name: str, side: str) -> None:
        super().__init__()
        self.name, self.side = name, side
        self.runtime = runtime_of(side, "runc")
        self.version = containerd_version()
        self.systemd = name.endswith("systemd")
        self.daemon, self.network = start_daemon(side)
        self.socket = f"/run/{short_name(side)}.sock"
        self.daemon.news()

    def client(self) -> Sequence[str]:
        return [*self.network, "ctr", "--address", self.socket]

    def environment(self) -> Mapping[str, str]:
        return {"PATH": SYSTEM_PATH, "HOME": "/root"}

    def pid(self, container: str) -> int:
        lines = [line.split() for line in self("task", "ls").out.split("\n")]
        return next(int(words[1]) for words in lines if words[0] == container)

    def cgroup(self, container: str) -> Path:
        return cgroup_of(self.pid(container))


class Ctr(Containerd):
    def start(self, *words: str, **options: Any) -> Any:
        """`ctr run` with the runtime under test."""
        systemd = ["--runc-systemd-cgroup", "--cgroup=system.slice:engines:box"] if self.systemd else []
        return self("run", f"--runc-binary={self.runtime.path}", *systemd, *words, **options)

    def clean_up(self) -> None:
        for name in self("container", "ls", "--quiet").out.split():
            self.run([*self.client(), "task", "delete", "--force", name])
            self("container", "delete", name)
        self.said += self.daemon.news()


class Cri(Containerd):
    def ask(self, method: str, message: Message) -> Message:
        """One call of the runtime service, which has to go well."""
        return call(self.socket, method, message)

    @property
    def handler(self) -> str:
        return "systemd" if self.systemd else "cgroupfs"

    def clean_up(self) -> None:
        for pod in self.ask("ListPodSandbox", {}).get(1, []):
            name = decode(pod)[1][0]
            self.ask("StopPodSandbox", {1: name})
            self.ask("RemovePodSandbox", {1: name})
        self.said += self.daemon.news()


ENGINES = {CTR: Ctr, CTR_SYSTEMD: Ctr, CRI: Cri, CRI_SYSTEMD: Cri}


def short_name(side: str) -> str:
    return f"engines-containerd-{side}"


@functools.cache
def containerd_version() -> str:
    said = subprocess.run(["containerd", "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout
    return said.split()[2].partition("~")[0]


@functools.cache
def start_daemon(side: str) -> tuple[Daemon, list[str]]:
    """One for all tests of one side, and the words that start a program in its network."""
    short = short_name(side)
    configuration = Path(f"/run/{short}.toml")
    configuration.write_text(configured(short, runtime_of(side, "runc").path))
    networks = Path(f"/run/{short}-cni")
    networks.mkdir(exist_ok=True)
    (networks / "pods.conflist").write_text(NETWORK % short)
    network = make_network(short)
    daemon = Daemon(short, [*network, "containerd", f"--config={configuration}"], {})
    wait_for_socket(Path(f"/run/{short}.sock"))
    client = ["ctr", "--address", f"/run/{short}.sock"]
    for space in NAMESPACES:
        for name, command in ((IMAGE, ("sh",)), (PAUSE, ("sleep", "100000"))):
            words = [*client, "--namespace", space, "image", "import", "--no-unpack", str(archive(name, command))]
            wait_until(lambda words=words: succeeds(words), "an import")
    return daemon, network


def configured(short: str, path: str) -> str:
    handlers = (HANDLER.format(name=name, path=path, systemd=systemd) for name, systemd in MANAGERS)
    return CONFIGURATION.format(short=short, pause=PAUSE) + "".join(handlers)


MANAGERS = (("cgroupfs", "false"), ("systemd", "true"))


def succeeds(words: Sequence[str]) -> bool:
    return subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0
