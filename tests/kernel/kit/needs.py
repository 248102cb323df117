"""Reasons to skip: what a test needs and this machine lacks. A test never passes for the want of something."""

from __future__ import annotations

import functools
import os
import platform
import shutil
import subprocess
from pathlib import Path

import pytest

from kernel.kit.outside import Process, cgroup2_root
from minirun.kernel.clone import address_of_thread_id

# Numbers of linux/capability.h.
CAPABILITIES = {
    "CAP_CHOWN": 0,
    "CAP_DAC_OVERRIDE": 1,
    "CAP_FOWNER": 3,
    "CAP_KILL": 5,
    "CAP_SETGID": 6,
    "CAP_SETUID": 7,
    "CAP_NET_BIND_SERVICE": 10,
    "CAP_NET_RAW": 13,
    "CAP_SYS_CHROOT": 18,
    "CAP_SYS_PTRACE": 19,
    "CAP_SYS_ADMIN": 21,
    "CAP_SYS_NICE": 23,
    "CAP_SYS_RESOURCE": 24,
    "CAP_MKNOD": 27,
    "CAP_AUDIT_WRITE": 29,
}


def program(name: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(name) is None, reason=f"needs the program {name}")


def static_busybox() -> pytest.MarkDecorator:
    """A busybox that runs in a root file system without libraries."""
    path = shutil.which("busybox")
    linked = path and subprocess.run(["ldd", path], capture_output=True, timeout=10, check=False).returncode == 0
    return pytest.mark.skipif(not path or bool(linked), reason="needs a statically linked busybox")


@functools.cache
def has_nat() -> bool:
    """Bridges, veth pairs, and NAT by nftables in the family inet: not every kernel has its modules."""
    table = """table inet t {
        chain a { type nat hook prerouting priority -100; fib daddr type local accept; }
        chain b { type nat hook postrouting priority 100; masquerade; }
    }"""
    script = f"ip link add mr0 type bridge && ip link add mr1 type veth && nft '{table}'"
    tried = subprocess.run(["unshare", "--net", "sh", "-c", script], capture_output=True, timeout=60, check=False)
    return tried.returncode == 0


def nat() -> pytest.MarkDecorator:
    return pytest.mark.skipif(os.geteuid() == 0 and not has_nat(), reason="needs bridges, and NAT by nftables")


def namespace(kind: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not Path("/proc/self/ns", kind).exists(), reason=f"this kernel has no {kind} namespaces")


def can_clone() -> bool:
    """PR_GET_TID_ADDRESS, prctl(2): CONFIG_CHECKPOINT_RESTORE, which User-mode Linux does not have."""
    try:
        return address_of_thread_id() > 0
    except OSError:
        return False


def clone() -> pytest.MarkDecorator:
    return pytest.mark.skipif(not can_clone(), reason="this kernel does not tell where it writes the thread's id")


def held(capability: str) -> bool:
    return bool(int(Process().status()["CapBnd"], 16) >> CAPABILITIES[capability] & 1)


def capability(name: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not held(name), reason=f"these tests run without {name}")


@functools.cache
def controllers() -> frozenset[str]:
    """The controllers that cgroup v2 has here; those of version 1 can't be had at the same time (cgroups(7))."""
    root = cgroup2_root()
    return frozenset((root / "cgroup.controllers").read_text().split()) if root else frozenset()


def cgroup2() -> pytest.MarkDecorator:
    return pytest.mark.skipif(cgroup2_root() is None, reason="cgroup v2 is not mounted")


def controller(name: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(name not in controllers(), reason=f"cgroup v2 has no {name} controller on this host")


def no_controller(name: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(name in controllers(), reason=f"cgroup v2 has the {name} controller on this host")


def ipv6() -> pytest.MarkDecorator:
    return pytest.mark.skipif(not Path("/proc/net/if_inet6").exists(), reason="this kernel has no IPv6")


def machine(name: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(platform.machine() != name, reason=f"needs a {name} machine")


def command(line: str, reason: str) -> pytest.MarkDecorator:
    """A line of shell that has to succeed; `reason` says what it means that it does not."""
    return pytest.mark.skipif(
        subprocess.run(["sh", "-c", line], capture_output=True, check=False).returncode != 0, reason=reason
    )


def real_time() -> pytest.MarkDecorator:
    """A kernel with CONFIG_RT_GROUP_SCHED and cgroup v2 gives real-time policies to the root cgroup only (sched(7))."""
    return command("chrt --fifo 1 true", "no real-time policy for the processes of this cgroup")


def path(name: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not os.path.lexists(name), reason=f"this host has no {name}")


def maps_owners(directory: Path) -> bool:
    """Whether mounts of this file system can be ID-mapped: mount_setattr(2) lists those that can."""
    words = ["stat", "--file-system", "--format=%T", str(directory)]
    kind = subprocess.run(words, check=True, capture_output=True, text=True, timeout=10).stdout.strip()
    release = tuple(int(number) for number in platform.release().split("-")[0].split(".")[:2])
    return kind in ("ext2/ext3", "xfs", "btrfs") or (kind == "tmpfs" and release >= (6, 3))


@functools.cache
def why_no_criu() -> str:
    """What CRIU says that it can't work here; "" where it can."""
    path = shutil.which("criu", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if path is None:
        return "needs the program criu"
    done = subprocess.run([path, "check"], capture_output=True, text=True, timeout=120, check=False)
    return "" if done.returncode == 0 else f"CRIU can't work here: {done.stderr.strip().splitlines()[:1]}"


def criu() -> pytest.MarkDecorator:
    why = why_no_criu() if os.geteuid() == 0 else "needs root"
    return pytest.mark.skipif(bool(why), reason=why)
