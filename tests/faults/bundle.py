"""What the containers are: busybox, and a config.json from which steps of nearly every class come."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kernel.kit.bundle import EMPTY_DIRECTORIES, base_config
from kernel.kit.needs import maps_owners

from .world import NAME, OWN_DEVICE, PLACE

if TYPE_CHECKING:
    from collections.abc import Callable

PROGRAMS = ("sh", "sleep", "true")
OWNER = 100000  # root of a container with a user namespace

STAY = 'trap "exit 0" TERM; echo ran; while :; do sleep 100 & wait; done'
END = "echo ran"


def make_image() -> None:
    """The root file system that all of them have, and a directory for a volume."""
    for name in EMPTY_DIRECTORIES:
        (PLACE / "rootfs" / name).mkdir(parents=True)
    shutil.copy2(str(shutil.which("busybox")), PLACE / "rootfs/bin/busybox")
    for name in PROGRAMS:
        (PLACE / "rootfs/bin" / name).symlink_to("busybox")
    for name in ("new", "volume", "mapped"):
        (PLACE / "rootfs/mnt" / name).mkdir()
    (PLACE / "volume").mkdir()


def config(script: str) -> dict[str, Any]:
    """The least that a container can do with."""
    made = base_config()
    made["root"]["path"] = str(PLACE / "rootfs")
    made["process"]["args"] = ["sh", "-c", script]
    return made


def plain(script: str) -> dict[str, Any]:
    made = config(script)
    made["hostname"] = "plain"
    made["linux"]["resources"] = {"devices": [{"allow": False, "access": "rwm"}]}
    return made


def rich(script: str) -> dict[str, Any]:
    """Something of every kind that root can have without a user namespace."""
    made = plain(script)
    made["annotations"] = {"org.example": "yes"}
    made["process"] |= {
        "oomScoreAdj": 100,
        "noNewPrivileges": True,
        "ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 5},
    }
    made["process"]["rlimits"] = [{"type": "RLIMIT_CORE", "soft": 0, "hard": 0}]
    linux = made["linux"]
    linux["cgroupsPath"] = f"/{NAME}/deep/down"
    linux["namespaces"].append({"type": "cgroup"})
    linux |= {"maskedPaths": ["/proc/kcore", "/sys/firmware"], "readonlyPaths": ["/proc/sys"]}
    linux["sysctl"] = {"net.ipv4.ip_forward": "1"}
    linux["devices"] = [{"path": "/dev/listed", "type": "c", "major": 1, "minor": 3}]
    filtered = [{"names": ["getsid"], "action": "SCMP_ACT_ERRNO"}]
    linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": filtered}
    made["hooks"] = {
        kind: [{"path": "/bin/true"}]
        for kind in ("createRuntime", "createContainer", "startContainer", "poststart", "poststop")
    }
    made["mounts"] += [
        {"destination": "/mnt/new", "type": "tmpfs", "source": "tmpfs", "options": ["rshared", "size=1m"]},
        {"destination": "/mnt/volume", "source": str(PLACE / "volume"), "options": ["bind", "ro"]},
        {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["ro"]},
    ]
    return made


def user(script: str) -> dict[str, Any]:
    """With a user namespace, and with what not every kernel has."""
    made = plain(script)
    linux = made["linux"]
    linux["namespaces"] += [{"type": "user"}, {"type": "cgroup"}]
    ids = [{"containerID": 0, "hostID": OWNER, "size": 65536}]
    linux |= {"uidMappings": ids, "gidMappings": ids}
    if Path("/proc/self/ns/time").exists():
        linux["namespaces"].append({"type": "time"})
        linux["timeOffsets"] = {"boottime": {"secs": 7}}
    if add_network_device():
        linux["netDevices"] = {OWN_DEVICE: {"name": "inside0"}}
    if maps_owners(PLACE):
        mapped = ["bind", "idmap"]
        made["mounts"].append({"destination": "/mnt/mapped", "source": str(PLACE / "volume"), "options": mapped})
    return made


KINDS: dict[str, Callable[[str], dict[str, Any]]] = {"plain": plain, "rich": rich, "user": user}


def write(kind: str, script: str) -> str:
    """Make a bundle; its path."""
    made = KINDS[kind](script)
    place = PLACE / f"{kind}-{'end' if script == END else 'stay'}"
    place.mkdir(exist_ok=True)
    (place / "config.json").write_text(json.dumps(made, indent=1))
    (PLACE / "resources.json").write_text(json.dumps(CHANGE))
    give_image_to(OWNER if kind == "user" else 0)
    return str(place)


# For `update`: limits that every cgroup v2 has, whatever its controllers.
CHANGE = {
    "unified": {"cgroup.max.depth": "20", "cgroup.max.descendants": "50"},
    "devices": [{"allow": False, "access": "rwm"}, {"allow": True, "type": "c", "major": 1, "minor": 3}],
}


def give_image_to(owner: int) -> None:
    """To who is root inside, so that it may make what is missing."""
    for directory, _, _ in os.walk(PLACE / "rootfs"):
        os.chown(directory, owner, owner)


def add_network_device() -> bool:
    """Whether the host has the one that containers take along; where they have taken it into their grave, anew."""
    words = ["ip", "link", "add", OWN_DEVICE, "type", "veth", "peer", "name", f"{OWN_DEVICE}-peer"]
    return has_network_device() or subprocess.run(words, check=False, capture_output=True).returncode == 0


def has_network_device() -> bool:
    return OWN_DEVICE in (name for _, name in socket.if_nameindex())
