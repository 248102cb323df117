"""What this machine lacks, and the mounts and processes of the host that a case needs."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import platform
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from .runtime import PREFIX, descendants, kill
from .suite import NotTestable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .container import Container

# The spec's names of the namespaces and those in /proc/PID/ns: config-linux.md#namespaces, namespaces(7).
NAMESPACES = {
    "pid": "pid",
    "network": "net",
    "mount": "mnt",
    "ipc": "ipc",
    "uts": "uts",
    "user": "user",
    "cgroup": "cgroup",
    "time": "time",
}
UNSHARE = NAMESPACES | {"mount": "mount"}

CGROUP = Path("/sys/fs/cgroup")

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
PR_CAPBSET_DROP = 24
CLONE_NEWNS = 0x00020000  # linux/sched.h
CLONE_NEWNET = 0x40000000

LIBC = ctypes.CDLL(None, use_errno=True)


def move_out() -> None:
    """Into a mount namespace of our own, whose root propagates as it does under systemd: mount_namespaces(7).

    What a runtime forgets there goes with this process. Orphans become our children, so that they can be found.
    """
    LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    if LIBC.unshare(CLONE_NEWNS) == 0:
        mount("--make-rprivate", "/")
        mount("--make-rshared", "/")


def end_orphans() -> None:
    kill(reversed(descendants(os.getpid())))
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass


# ---- what a case needs


def needs_cgroup2(container: Container, controller: str = "") -> None:
    """The host has cgroup v2 alone: a hybrid one may put a container into either version."""
    needs_cgroups(container)
    if not (CGROUP / "cgroup.controllers").exists():
        raise NotTestable("needs a host with cgroup v2 only")
    if controller and controller not in (CGROUP / "cgroup.controllers").read_text().split():
        raise NotTestable(f"needs the {controller} controller in cgroup v2")


def needs_cgroups(container: Container) -> None:
    if not container.runtime.has_cgroups:
        raise NotTestable("the runtime was started with --cgroup-manager=disabled")


def has_cgroup_file(controller: str, name: str, text: str = "") -> bool:
    """Whether this kernel has such a file for a cgroup whose parent has enabled the controller, and takes the text."""
    directory = CGROUP / f"{PREFIX}-look"
    directory.mkdir()
    try:
        (CGROUP / "cgroup.subtree_control").write_text(f"+{controller}")
        if text and (directory / name).exists():
            (directory / name).write_text(text)
        return (directory / name).exists()
    except OSError:
        return False
    finally:
        directory.rmdir()


def needs_namespace(kind: str) -> None:
    if not Path("/proc/self/ns", NAMESPACES[kind]).exists():
        raise NotTestable(f"this kernel has no {kind} namespaces")


def needs_kernel(*wanted: int) -> None:
    release = platform.release().split("-")[0].split(".")
    if tuple(int(number) for number in release[:2]) < wanted:
        raise NotTestable(f"needs Linux {'.'.join(map(str, wanted))}")


def needs_capability(number: int, name: str) -> None:
    if not capabilities() >> number & 1:
        raise NotTestable(f"the suite runs without {name}")


def needs_owner_maps(directory: Path) -> None:
    """mount_setattr(2), "ID-mapped mounts": some file systems know them, and some kernels."""
    needs_kernel(5, 12)
    words = ["stat", "--file-system", "--format=%T", str(directory)]
    kind = subprocess.run(words, check=True, capture_output=True, text=True, timeout=10).stdout.strip()
    if kind == "tmpfs":
        needs_kernel(6, 3)
    elif kind not in ("ext2/ext3", "xfs", "btrfs"):
        raise NotTestable(f"{kind} is not known to map owners")


def needs_apparmor() -> None:
    enabled = Path("/sys/module/apparmor/parameters/enabled")
    if not (enabled.exists() and enabled.read_text().startswith("Y") and shutil.which("apparmor_parser")):
        raise NotTestable("needs AppArmor and its parser")


@functools.cache
def capabilities() -> int:
    status = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in status if line.startswith("CapEff:")), 16)


def namespace(kind: str, pid: int | str = "self") -> str:
    """The identity of a process's namespace, such as "net:[4026531840]"."""
    return os.readlink(f"/proc/{pid}/ns/{NAMESPACES[kind]}")


# ---- mounts


class Mounted(NamedTuple):
    """A line of proc_pid_mountinfo(5)."""

    point: str
    options: set[str]
    propagation: tuple[str, ...]
    type: str
    super_options: set[str]


def parse_mount(line: str) -> Mounted:
    """The optional fields, between the options and the hyphen, are the propagation; there may be none."""
    left, right = line.split(" - ", 1)
    point, options, *propagation = left.split()[4:]
    kind, _source, super_options = [*right.split(" "), "", ""][:3]
    return Mounted(point, set(options.split(",")), tuple(propagation), kind, set(super_options.split(",")))


def mount(*words: str | Path) -> None:
    subprocess.run(["mount", *map(str, words)], check=True, timeout=10, capture_output=True)


@contextlib.contextmanager
def host_mount(point: Path, *options: str) -> Iterator[Path]:
    """A private tmpfs of the host with these options."""
    point.mkdir(exist_ok=True)
    mount("-t", "tmpfs", "-o", ",".join(["mode=755", *options]), "tmpfs", point)
    try:
        mount("--make-private", point)
        yield point
    finally:
        subprocess.run(["umount", "--lazy", "--recursive", str(point)], check=False, timeout=10, capture_output=True)


@contextlib.contextmanager
def mount_tree(top: Path, *options: str) -> Iterator[Path]:
    """A tmpfs with another one at `sub`, both with these options: what the recursive options are about."""
    with host_mount(top):
        (top / "sub").mkdir()
        mount("-t", "tmpfs", "-o", ",".join(["mode=755", *options]), "tmpfs", top / "sub")
        mount("--make-rprivate", top)
        if options:
            mount("-o", ",".join(["remount", "bind", *options]), top)
        yield top


@contextlib.contextmanager
def other_mounts() -> Iterator[None]:
    """The suite, and what it starts, in a mount namespace of its own, for a container that is to share it."""
    directory, own = Path.cwd(), os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    try:
        if LIBC.unshare(CLONE_NEWNS) != 0:
            raise NotTestable("no mount namespace can be made here")
        mount("--make-rprivate", "/")
        yield
    finally:
        LIBC.setns(own, CLONE_NEWNS)
        os.close(own)
        os.chdir(directory)  # setns(2) leads to the root


# ---- a network to take devices from


@contextlib.contextmanager
def other_network() -> Iterator[None]:
    """The suite, and what it starts, in a network namespace with the veth(4) pair near and far."""
    if shutil.which("ip") is None:
        raise NotTestable("needs ip of iproute2")
    own = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        if LIBC.unshare(CLONE_NEWNET) != 0:
            raise NotTestable("no network namespace can be made here")
        words = ["link", "add", "far", "type", "veth", "peer", "name", "near"]
        if subprocess.run(["ip", *words], capture_output=True, timeout=10, check=False).returncode != 0:
            raise NotTestable("this kernel has no veth devices")
        yield
    finally:
        LIBC.setns(own, CLONE_NEWNET)
        os.close(own)


# ---- namespaces to join


@contextlib.contextmanager
def namespace_holder(kind: str) -> Iterator[int]:
    """A process in a new namespace of this kind, for a container to join."""
    if shutil.which("unshare") is None:
        raise NotTestable("needs unshare of util-linux")
    words = ["unshare", f"--{UNSHARE[kind]}", "--fork", "--kill-child"]
    with subprocess.Popen([*words, "sleep", "120"], stderr=subprocess.DEVNULL) as process:
        try:
            holder = wait_for_child(process, kind)
            if kind == "user":
                map_ids(holder)
            yield holder
        finally:
            kill(reversed(descendants(process.pid)))
            process.send_signal(signal.SIGKILL)
            process.wait(10)


def map_ids(pid: int) -> None:
    """Root of the namespace is 100000 outside. Not by unshare's options, whose syntax changed in version 2.39."""
    for name in ("uid_map", "gid_map"):
        Path(f"/proc/{pid}/{name}").write_text("0 100000 65536")


def wait_for_child(process: subprocess.Popen[bytes], kind: str) -> int:
    """unshare's child, as soon as it is in its new namespace and runs sleep."""
    deadline = time.monotonic() + 10
    ours = namespace(kind)
    while time.monotonic() < deadline and process.poll() is None:
        for child in descendants(process.pid):
            with contextlib.suppress(OSError):
                if namespace(kind, child) != ours and Path(f"/proc/{child}/comm").read_text() == "sleep\n":
                    return child
        time.sleep(0.01)
    raise NotTestable(f"unshare makes no {kind} namespace here")
