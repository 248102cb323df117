"""Profiles for system calls: a small one to write tests with, one in the shape of an engine's, and engines' own.

An engine keeps its profile in a form of its own, with conditions on the architecture, the kernel and the capabilities,
and hands the runtime what is left of it: `expand` does the same.
"""

from __future__ import annotations

import functools
import json
import platform
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

ALLOW, ERRNO, NOTIFY = "SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_NOTIFY"
ODD = 42  # ENOMSG: an errno that no system call of these tests answers with by itself

GO_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
NATIVE = {"x86_64": "SCMP_ARCH_X86_64", "aarch64": "SCMP_ARCH_AARCH64"}
FAMILY = {"x86_64": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"], "aarch64": ["SCMP_ARCH_ARM"]}

# Numbers of asm/unistd_64.h and asm-generic/unistd.h.
NUMBERS = {
    "x86_64": {
        "getpid": 39,
        "getsid": 124,
        "mkdirat": 258,
        "getpgid": 121,
        "copy_file_range": 326,
        "personality": 135,
        "accept4": 288,
    },
    "aarch64": {
        "getpid": 172,
        "getsid": 156,
        "mkdirat": 34,
        "getpgid": 155,
        "copy_file_range": 285,
        "personality": 92,
        "accept4": 242,
    },
}


def number(name: str) -> int:
    return NUMBERS[platform.machine()][name]


def rule(*names: str, action: str = ALLOW, **more: Any) -> dict[str, Any]:
    return {"names": list(names), "action": action, **more}


def condition(index: int, op: str, value: int, value_two: int = 0) -> dict[str, Any]:
    return {"index": index, "op": f"SCMP_CMP_{op}", "value": value, "valueTwo": value_two}


def allowing(*rules: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Everything but what the rules say."""
    return {"defaultAction": ALLOW, "syscalls": list(rules), **more}


# What a small static program does from execve(2) to its end; more than one C library, more than one architecture.
STATIC_PROGRAM = """
    execve brk arch_prctl set_tid_address set_robust_list rseq prlimit64 readlink readlinkat getrandom mprotect mmap
    munmap fstat newfstatat ioctl write writev exit exit_group rt_sigreturn
"""
# What a runtime does after a filter that is loaded before the capabilities are dropped.
RUNTIMES_OWN = """
    capget capset prctl setuid setgid setresuid setresgid setgroups chdir fchdir getcwd close close_range openat open
    openat2 read pread64 lseek dup dup3 fcntl stat lstat fstatfs statfs access faccessat faccessat2 umask getuid geteuid
    getgid getegid getpid getppid gettid getdents64 rt_sigaction rt_sigprocmask sigaltstack futex sendmsg recvmsg sendto
    recvfrom sendmmsg epoll_create1 epoll_ctl epoll_pwait nanosleep clock_gettime clock_nanosleep madvise tgkill
    sched_yield sched_getaffinity clone clone3 pipe2 setsid unshare keyctl eventfd2 restart_syscall uname statx fchown
    mincore socket socketpair connect wait4 poll ppoll
"""


def only(*rules: dict[str, Any], action: str = ERRNO, **more: Any) -> dict[str, Any]:
    """Nothing but what a static program and the runtime need, and what the rules say."""
    return {"defaultAction": action, "syscalls": [rule(*(STATIC_PROGRAM + RUNTIMES_OWN).split()), *rules], **more}


# ---- an engine's

NEW_NAMESPACES = 0x7E020000  # linux/sched.h: every CLONE_NEW* but that of time
AF_VSOCK = 40


def engine_shaped() -> dict[str, Any]:
    """What engines' profiles have in common: a long list, conditions on arguments, rules for some capabilities only."""
    personalities = [
        rule("personality", args=[condition(0, "EQ", value)]) for value in (0, 0x8, 0x20000, 0x20008, 0xFFFFFFFF)
    ]
    return {
        "defaultAction": ERRNO,
        "defaultErrnoRet": 1,
        "archMap": [{"architecture": native, "subArchitectures": FAMILY[name]} for name, native in NATIVE.items()],
        "syscalls": [
            rule(*(set((STATIC_PROGRAM + RUNTIMES_OWN).split()) - {"clone", "clone3", "socket"})),
            rule("mkdir", "mkdirat", "copy_file_range", "faccessat2", "futex_waitv"),
            *personalities,
            rule("socket", args=[condition(0, "NE", AF_VSOCK)]),
            rule("clone", args=[condition(0, "MASKED_EQ", NEW_NAMESPACES)], excludes={"caps": ["CAP_SYS_ADMIN"]}),
            rule("clone3", action=ERRNO, errnoRet=38, excludes={"caps": ["CAP_SYS_ADMIN"]}),
            rule("clone", "clone3", "mount", "umount2", "setns", includes={"caps": ["CAP_SYS_ADMIN"]}),
            rule("arch_prctl", "modify_ldt", includes={"arches": ["amd64", "x32"]}),
            rule("arm_fadvise64_64", "breakpoint", "cacheflush", includes={"arches": ["arm", "arm64"]}),
            rule("process_vm_readv", "ptrace", includes={"minKernel": "4.8"}),
        ],
    }


def expand(raw: dict[str, Any], capabilities: Iterable[str] = ()) -> dict[str, Any]:
    """The profile as config.json has it, for this machine and a container with these capabilities."""
    held, machine = set(capabilities), platform.machine()
    rules = []
    for entry in raw["syscalls"]:
        includes, excludes = entry.get("includes") or {}, entry.get("excludes") or {}
        wanted = set(includes.get("caps") or []) <= held and not held & set(excludes.get("caps") or [])
        arches = includes.get("arches")
        if wanted and (not arches or GO_ARCHITECTURES[machine] in arches):
            names = entry.get("names") or [entry["name"]]
            kept = {key: entry[key] for key in ("action", "errnoRet", "args") if entry.get(key) is not None}
            rules.append({"names": names, **kept})
    architectures = [NATIVE[machine], *FAMILY[machine]]
    more = {key: raw[key] for key in ("defaultAction", "defaultErrnoRet") if raw.get(key) is not None}
    return {**more, "architectures": architectures, "syscalls": rules}


PODMAN = Path("/usr/share/containers/seccomp.json")  # of Debian's golang-github-containers-common
DOCKER = Path("/usr/share/gocode/src/github.com/docker/docker/profiles/seccomp/default.json")
DOCKERS_PACKAGE = "golang-github-docker-docker-dev"  # the source, since dockerd has its profile compiled in


def podmans() -> dict[str, Any] | None:
    return json.loads(PODMAN.read_text()) if PODMAN.exists() else None


@functools.cache
def dockers() -> dict[str, Any] | None:
    """From Debian's package of Docker's source, which need not be installed; None without network."""
    if DOCKER.exists():
        return json.loads(DOCKER.read_text())
    script = f'apt-get download {DOCKERS_PACKAGE} >&2 && dpkg-deb --fsys-tarfile *.deb | tar -xO ".{DOCKER}"'
    with tempfile.TemporaryDirectory() as place:
        done = subprocess.run(["sh", "-c", script], cwd=place, capture_output=True, timeout=120, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else None
