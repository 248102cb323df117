"""The config.json that `minirun spec` writes: a shell in a container that shares little with the host."""

from __future__ import annotations

import os

from .. import quick_json
from ..errors import MinirunError
from .load import NAME, strerror

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Json = dict[str, Any]

# No ambient set: the program would keep it through every execve, whether it expects that or not (capabilities(7)).
CAPABILITIES = ("CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE")
CAPABILITY_SETS = ("bounding", "effective", "permitted")

# Files of /proc and /sys that tell about the host, or change it, whatever namespace looks at them.
MASKED_PATHS = (
    "/proc/acpi",
    "/proc/asound",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/sys/firmware",
    "/proc/scsi",
)
READONLY_PATHS = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")

NAMESPACES = ("pid", "network", "ipc", "uts", "mount", "cgroup")
# An unprivileged user could make a network namespace, but nothing to connect it with the outside.
ROOTLESS_NAMESPACES = ("pid", "ipc", "uts", "mount", "cgroup", "user")

QUIET = ("nosuid", "noexec", "nodev")  # nothing in such a mount can be a program or a device
PTS = ("nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620")


def default(rootless: bool, uid: int, gid: int) -> Json:
    """The config; the container's root is the host's `uid` and `gid` if it is rootless."""
    return {
        "ociVersion": "1.0.2",
        "process": process(),
        "root": {"path": "rootfs", "readonly": True},
        "hostname": "minirun",
        "mounts": mounts(rootless),
        "linux": rootless_linux(uid, gid) if rootless else linux(),
    }


def process() -> Json:
    return {
        "terminal": True,
        "user": {"uid": 0, "gid": 0},
        "args": ["sh"],
        "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
        "cwd": "/",
        "capabilities": {name: list(CAPABILITIES) for name in CAPABILITY_SETS},
        "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
        "noNewPrivileges": True,
    }


def mounts(rootless: bool) -> list[Json]:
    # Group 5 is tty on most distributions. It is not mapped in a user namespace with one group.
    pts = PTS if rootless else (*PTS, "gid=5")
    # A new sysfs takes rights over the network namespace (user_namespaces(7)), so rootless binds the host's. With it
    # come the mounts below it, the cgroups for one, where the user may write (CVE-2023-25809): rro is for all of them.
    sys = ("none", "/sys", "rbind") if rootless else ("sysfs", "sysfs")
    return [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        mount("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
        mount("/dev/pts", "devpts", "devpts", *pts),
        mount("/dev/shm", "tmpfs", "shm", *QUIET, "mode=1777", "size=65536k"),
        mount("/dev/mqueue", "mqueue", "mqueue", *QUIET),
        mount("/sys", *sys, *QUIET, "rro" if rootless else "ro"),
        mount("/sys/fs/cgroup", "cgroup", "cgroup", *QUIET, "relatime", "ro"),
    ]


def mount(destination: str, kind: str, source: str, *options: str) -> Json:
    return {"destination": destination, "type": kind, "source": source, "options": list(options)}


def linux() -> Json:
    return {"resources": {"devices": [{"allow": False, "access": "rwm"}]}, **isolation(NAMESPACES)}


def rootless_linux(uid: int, gid: int) -> Json:
    return {
        "uidMappings": [{"containerID": 0, "hostID": uid, "size": 1}],
        "gidMappings": [{"containerID": 0, "hostID": gid, "size": 1}],
        **isolation(ROOTLESS_NAMESPACES),
    }


def isolation(namespaces: tuple[str, ...]) -> Json:
    return {
        "namespaces": [{"type": name} for name in namespaces],
        "maskedPaths": list(MASKED_PATHS),
        "readonlyPaths": list(READONLY_PATHS),
    }


def write(bundle: str, rootless: bool, name: str = NAME, change: Callable[[Json], None] | None = None) -> str:
    """Writes the default config.json, as `change` has it, all of it or nothing, and returns its path."""
    path = os.path.join(bundle, name)
    config = default(rootless, os.geteuid(), os.getegid())
    if change:
        change(config)
    try:
        write_new(path, quick_json.dumps(config, indent="\t") + "\n")
    except FileExistsError:
        raise MinirunError(f"{path!r} exists already\n  cure:  move it away first; minirun overwrites none") from None
    except OSError as error:
        raise MinirunError(f"can't write {path!r}: {strerror(error)}") from None
    return path


def write_new(path: str, text: str) -> None:
    """A file that appears complete: link(2), unlike rename(2), fails where the name is taken."""
    unfinished = f"{path}.{os.urandom(4).hex()}"
    try:
        write_file(unfinished, text)
        os.link(unfinished, path)
    except PermissionError:
        write_file(path, text)  # link(2): the file system has no hard links, as in a folder that a host shares
    finally:
        if os.path.lexists(unfinished):
            os.unlink(unfinished)


def write_file(path: str, text: str) -> None:
    with open(path, "x", encoding="utf-8") as file:
        file.write(text)
