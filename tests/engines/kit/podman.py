"""Podman, root's and a user's, with each of the cgroup managers."""

from __future__ import annotations

import functools
import pwd
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from engines.kit.engine import Engine
from engines.kit.image import IMAGE, image_file
from engines.kit.sides import runtime_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

USER = "student"
CONFIGURATION = """\
[containers]
log_driver = "k8s-file"

[engine]
runtime = "{runtime.name}"
cgroup_manager = "{kind.manager}"
events_logger = "file"
infra_image = "localhost/pause"
runtime_supports_json = ["crun", "runc", "minirun"]
runtime_supports_nocgroup = ["crun", "minirun"]

"""
RUNTIMES = """\
[engine.runtimes]
{runtime.name} = ["{runtime.path}"]
"""

# For those whom no test starts: the units of a health check.
FOR_ALL = Path("/etc/containers/containers.conf")


class Kind(NamedTuple):
    user: str  # root or a user's name
    manager: str  # of cgroups: systemd or cgroupfs


ROOT, ROOT_CGROUPFS = "Podman, root, systemd", "Podman, root, cgroupfs"
ROOTLESS, ROOTLESS_CGROUPFS = "Podman, rootless, systemd", "Podman, rootless, cgroupfs"
BOTH = (ROOT, ROOTLESS)
ALL = (ROOT, ROOT_CGROUPFS, ROOTLESS, ROOTLESS_CGROUPFS)
KINDS = {
    ROOT: Kind("root", "systemd"),
    ROOT_CGROUPFS: Kind("root", "cgroupfs"),
    ROOTLESS: Kind(USER, "systemd"),
    ROOTLESS_CGROUPFS: Kind(USER, "cgroupfs"),
}


class Podman(Engine):
    def __init__(self, name: str, side: str) -> None:
        super().__init__()
        self.name, self.kind = name, KINDS[name]
        self.runtime = runtime_of(side, "crun")
        self.version = podman_version()
        self.configuration = Path(f"/run/engines-podman-{self.kind.user}-{self.kind.manager}-{side}.conf")
        runtimes = RUNTIMES.format(runtime=self.runtime)
        self.configuration.write_text(CONFIGURATION.format(runtime=self.runtime, kind=self.kind) + runtimes)
        FOR_ALL.write_text(runtimes)
        give_ids()
        load_images(self)

    @property
    def rootless(self) -> bool:
        return self.kind.user != "root"

    def client(self) -> Sequence[str]:
        return [*become(self.kind.user), "podman"]

    def environment(self) -> Mapping[str, str]:
        return {"CONTAINERS_CONF": str(self.configuration), **environment_of(self.kind.user)}

    def clean_up(self) -> None:
        """Only where something is to be left: each command takes its time."""
        if any(words[0] in ("pod", "play") for words in self.commands):
            self.run([*self.client(), "pod", "rm", "--all", "--force", "--time=0"])
        if any("--rm" not in words for words in self.commands):
            self.run([*self.client(), "rm", "--all", "--force", "--time=0"])

    def inspect(self, container: str, what: str) -> str:
        return self("inspect", "--format", "{{" + what + "}}", container).out

    def start(self, *words: str, name: str = "one") -> str:
        """A container that goes on until it is stopped, at once by SIGTERM, unless `words` end with another program."""
        program = () if IMAGE in words else (IMAGE, "sh", "-c", "trap exit TERM; while true; do sleep 0.1; done")
        self("run", "-d", "--name", name, "--network=none", *words, *program)
        return name

    def output(self, *words: str) -> str:
        """Of a container without a network, which is quicker."""
        return self("run", "--rm", "--network=none", *words).out

    def pid(self, container: str) -> int:
        return int(self.inspect(container, ".State.Pid"))

    def cgroup(self, container: str) -> Path:
        """The directory of the cgroup in which the container's first process is."""
        return cgroup_of(self.pid(container))


def cgroup_of(pid: int) -> Path:
    return Path("/sys/fs/cgroup", Path(f"/proc/{pid}/cgroup").read_text().strip().partition("::/")[2])


@functools.cache
def podman_version() -> str:
    return subprocess.run(["podman", "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout.split()[-1]


# ---- a user, as after a login


def become(user: str) -> list[str]:
    """Words before a command that make it the user's, in a cgroup that the user's systemd has made."""
    if user == "root":
        return []
    return ["sh", "-c", f'echo $$ >{users_cgroup(user)}/cgroup.procs; exec {" ".join(bare(user))} "$@"', "sh"]


def bare(user: str) -> list[str]:
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"]


def environment_of(user: str) -> dict[str, str]:
    path = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
    if user == "root":
        return path | {"HOME": "/root"}
    found = pwd.getpwnam(user)
    books = f"/run/user/{found.pw_uid}"
    bus = f"unix:path={books}/bus"
    return path | {"HOME": found.pw_dir, "USER": user, "XDG_RUNTIME_DIR": books, "DBUS_SESSION_BUS_ADDRESS": bus}


@functools.cache
def users_cgroup(user: str) -> Path:
    """That of a service of the user's systemd, which has delegated it; both are started for that."""
    uid = pwd.getpwnam(user).pw_uid
    subprocess.run(["systemctl", "start", f"user@{uid}.service"], check=True)
    words = ["systemd-run", "--quiet", "--user", "--property=Delegate=yes", "--unit=engines", "sleep", "infinity"]
    subprocess.run([*bare(user), *words], env=environment_of(user), check=True)
    return Path(f"/sys/fs/cgroup/user.slice/user-{uid}.slice/user@{uid}.service/app.slice/engines.service")


@functools.cache
def give_ids() -> None:
    """For `--userns=auto` of root's, which takes those of the user "containers" (podman-run(1))."""
    for name in ("subuid", "subgid"):
        with Path("/etc", name).open("a") as file:
            file.write("containers:1000000:1000000\n")


# ---- images, which each user has to get once


IMAGES_OF: set[str] = set()


def load_images(podman: Podman) -> None:
    if podman.kind.user in IMAGES_OF:
        return
    podman("import", "--change=CMD sh", "--change=ENV PATH=/bin:/sbin", str(image_file()), IMAGE)
    podman("import", '--change=ENTRYPOINT ["/bin/sleep","100000"]', str(image_file()), "localhost/pause")
    IMAGES_OF.add(podman.kind.user)
    podman.said.clear()
