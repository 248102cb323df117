"""System calls that are refused once: each that a process makes, with each errno that its man page lets expect."""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import re
import shutil
import subprocess
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from minirun.steps import step as sides
from minirun.steps.step import Observer

from .commands import prepare, remove
from .fault import CONTAINER, RUNTIME, Fault, Outcome
from .kill import pid_in_books
from .process import Gate, Process, become_program
from .world import OWN, PLACE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from minirun.steps.step import Context, Step

    from .commands import Command
    from .process import Result

TRACE = PLACE / "written" / "trace"

# ---- the calls

OPENING = ("EMFILE", "ENOMEM", "EACCES")
READING = ("EIO", "EINTR", "ENOMEM")
WRITING = ("EIO", "EINTR", "ENOSPC")
MAKING = ("ENOSPC", "EPERM", "EIO")
FACILITY = ("EPERM", "ENOMEM", "ENOSYS")
ASKING = ("ENOMEM", "EACCES", "EIO")
FORKING = ("EAGAIN", "ENOMEM")
WAITING = ("EINTR", "ENOMEM")

ERRNOS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("open", "openat", "openat2", "dup", "dup2", "dup3"), OPENING),
    **dict.fromkeys(("pipe2", "socket", "socketpair", "signalfd4", "epoll_create1", "eventfd2"), OPENING),
    **dict.fromkeys(("accept", "accept4", "connect", "bind", "listen", "getsockname"), ("ENOMEM", "EACCES")),
    **dict.fromkeys(("read", "pread64", "getdents64", "recvmsg", "recvfrom"), READING),
    **dict.fromkeys(("write", "pwrite64", "sendmsg", "sendto", "ftruncate"), (*WRITING, "EAGAIN")),
    **dict.fromkeys(("mkdir", "mkdirat", "mknodat", "symlinkat", "linkat", "rename", "renameat", "renameat2"), MAKING),
    **dict.fromkeys(("rmdir", "unlink", "unlinkat"), ("EBUSY", "EPERM", "EIO")),
    **dict.fromkeys(("stat", "lstat", "fstat", "newfstatat", "statx", "statfs", "fstatfs"), ASKING),
    **dict.fromkeys(("access", "faccessat2", "readlink", "readlinkat", "getcwd", "lseek", "getxattr"), ASKING),
    **dict.fromkeys(
        ("chdir", "fchdir", "chroot", "chown", "fchown", "fchownat", "chmod", "fchmod", "fchmodat"), MAKING
    ),
    **dict.fromkeys(("mount", "umount2", "open_tree", "move_mount", "fsopen", "fsconfig", "fsmount"), FACILITY),
    **dict.fromkeys(("mount_setattr", "pivot_root", "unshare", "setns", "bpf", "seccomp", "keyctl"), FACILITY),
    **dict.fromkeys(
        ("prctl", "prlimit64", "setrlimit", "ioprio_set", "personality", "setpriority"), ("EPERM", "EINVAL")
    ),
    **dict.fromkeys(("sched_setaffinity", "sched_setattr", "set_mempolicy", "close_range"), FACILITY),
    **dict.fromkeys(("pidfd_open", "pidfd_send_signal", "kill", "tgkill"), ("EPERM", "ENOMEM", "ESRCH")),
    **dict.fromkeys(("setgroups", "setresuid", "setresgid", "capset", "capget", "setsid"), ("EPERM", "EAGAIN")),
    **dict.fromkeys(("sethostname", "setdomainname"), ("EPERM",)),
    **dict.fromkeys(("clone", "fork", "vfork"), FORKING),
    "clone3": (*FORKING, "ENOSYS", "EPERM", "EBUSY"),
    **dict.fromkeys(("wait4", "waitid"), ("EINTR", "ECHILD")),
    **dict.fromkeys(("poll", "ppoll", "pselect6", "select"), WAITING),
    **dict.fromkeys(("mmap", "brk", "mremap"), ("ENOMEM",)),
    **dict.fromkeys(("ioctl", "fcntl", "flock", "setsockopt", "getsockopt"), ("EINTR", "ENOMEM", "EPERM")),
    **dict.fromkeys(("execve", "execveat"), ("ENOMEM", "EACCES", "EAGAIN")),
    "close": ("EIO",),
    "getrandom": ("EAGAIN",),
}
# What can't fail, or tells of Python and the C library only.
NEVER = re.compile(
    r"get[a-z]*id|getpgrp|getgroups|getres[ug]id|gettimeofday|getrusage|times|umask|uname|sysinfo|alarm|setitimer"
    r"|munmap|madvise|mprotect|futex|exit|exit_group|rt_sig\w+|sigaltstack|set_robust_list|set_tid_address|rseq"
    r"|arch_prctl|restart_syscall|clock_\w+|nanosleep|sched_yield|sched_getaffinity"
    r"|epoll_ctl|epoll_wait"  # those of the event loop by which pyroute2 talks to the kernel
)
# Python asks by the first whether something is there, and takes any error for a no; the others are hidden behind its
# MemoryError, or behind a library that could not be loaded.
MUTE = ("access", "faccessat2", "newfstatat", "stat", "mmap", "brk", "mremap")
# How minirun puts it where it knows what it means.
SAYINGS = {"EACCES": ("belongs to another user",)}
# Where the other process, or another command, may be quicker than usual: these are held up.
SLOW = ("sendmsg", "recvmsg", "rename", "mkdir", "rmdir", "clone", "clone3", "execve", "unlink", "fcntl", "pidfd_open")
DELAY = 100_000  # microseconds


class Call(NamedTuple):
    name: str
    occurrence: int  # in this process, from 1 on

    def __str__(self) -> str:
        return f"{self.name} {self.occurrence}"


# ---- whose


class Enter(Observer):
    """Has the container's process stand still when it has just been forked: by the runtime, or by the helper."""

    def __init__(self, gate: Gate, after: str) -> None:
        self.gate, self.step = gate, after

    def after(self, step: Step, index: int, context: Context) -> None:
        if type(step).__name__ == self.step and context.me == sides.CONTAINER:
            self.gate.stop()


HELPER = "helper"
PROGRAM = "program"  # the runtime from execve on: Python's start, minirun's modules, and that it starts itself again


def forks_of(command: Command) -> dict[str, str]:
    """Which processes it forks: each with the step in which that happens."""
    if command.observed or command.words[0] not in ("run", "create", "exec"):
        return {}
    forks_again = command.words[0] == "exec" or command.kind == "user"
    if forks_again:
        return {HELPER: "StartContainerProcess", CONTAINER: "ForkIntoNamespaces"}
    return {CONTAINER: "StartContainerProcess"}


def targets_of(command: Command) -> tuple[str, ...]:
    """Which processes there are."""
    if command.observed:
        return (RUNTIME, CONTAINER)
    forks = forks_of(command)
    return (PROGRAM, RUNTIME, *forks) if forks else (RUNTIME,)


# ---- by strace


def trace(command: Command, target: str, *options: str) -> tuple[Result, str]:
    """The command, with strace at one of its processes from its beginning on; what strace has seen."""
    gate = Gate()
    forks = forks_of(command)
    observer = Enter(gate, forks[target]) if target in forks else None
    words = prepare(command)
    TRACE.write_text("")
    waiting = pid_in_books() if command.observed and target == CONTAINER else 0
    tracer = attach(waiting, options) if waiting else None
    begin = {RUNTIME: gate.stop, PROGRAM: lambda: (gate.stop(), become_program(words))}
    process = Process(words, observer, begin.get(target))
    if not waiting and gate.is_reached(process):
        tracer = attach(process.pid if target in begin else process.container(), options)
        gate.open()
    result = process.end()
    if tracer:
        detach(tracer)
    gate.close()
    return result, TRACE.read_text(errors="replace")


def attach(pid: int, options: tuple[str, ...]) -> subprocess.Popen[bytes]:
    words = ["strace", "--output", str(TRACE), *options, "--attach", str(pid)]
    tracer = subprocess.Popen(words, stderr=subprocess.PIPE)
    OWN.add(tracer.pid)
    assert tracer.stderr
    said = tracer.stderr.readline()
    assert b"attached" in said, said
    return tracer


def detach(tracer: subprocess.Popen[bytes]) -> None:
    """Where the container goes on, strace would, too."""
    with contextlib.suppress(ProcessLookupError):
        tracer.terminate()
    assert tracer.stderr
    tracer.stderr.close()
    tracer.wait()
    OWN.remove(tracer.pid)


def calls_of(command: Command, target: str) -> list[Call]:
    """What this process calls when nothing is wrong. The first read is the gate's."""
    _, seen = trace(command, target)
    remove()
    made = re.findall(r"^(\w+)\(", seen if target in (RUNTIME, PROGRAM) else until_program(seen), re.MULTILINE)
    counts: Counter[str] = Counter()
    found = [Call(name, counts[name]) for name in made if not counts.update([name])]
    worth = [call for call in found if not NEVER.fullmatch(call.name) and call != Call("read", 1)]
    return some_of(worth) if target == PROGRAM else worth


def until_program(seen: str) -> str:
    """What the container's process does until execve has made it another program."""
    became = re.search(r"^execve\(.* = 0$", seen, re.MULTILINE)
    return seen[: became.end()] if became else seen


def some_of(calls: list[Call]) -> list[Call]:
    """Of the thousands by which Python finds its modules: the first, the last and the middle one of each name."""
    last = {call.name: call.occurrence for call in calls}
    return [call for call in calls if call.occurrence in (1, last[call.name] // 2, last[call.name])]


# ---- the faults


def each_call(command: Command) -> Iterator[Fault]:
    for target in targets_of(command) if shutil.which("strace") else ():
        for call in calls_of(command, target):
            for name in ERRNOS.get(call.name, ("EPERM", "ENOSYS")):
                words = f"refuse {call} of the {target}: {name}"
                yield Fault(words, functools.partial(refuse, command, target, call, name))
            yield Fault(f"kill at {call} of the {target}", functools.partial(kill_at_call, command, target, call))
            if call.name in SLOW:
                yield Fault(f"hold up {call} of the {target}", functools.partial(hold_up, command, target, call))


def refuse(command: Command, target: str, call: Call, name: str) -> Outcome:
    result, seen = trace(command, target, f"--inject={call.name}:error={name}:when={call.occurrence}")
    clues = () if call.name in MUTE else (name, call.name, words_of(name), *SAYINGS.get(name, ()))
    return Outcome(result, "(INJECTED)" in seen, clues=clues, by_python=target == PROGRAM)


def words_of(name: str) -> str:
    return os.strerror(getattr(errno, name))


def kill_at_call(command: Command, target: str, call: Call) -> Outcome:
    result, seen = trace(command, target, f"--inject={call.name}:signal=KILL:when={call.occurrence}")
    met = "killed by SIGKILL" in seen
    return Outcome(result, met, (RUNTIME if target == PROGRAM else target,) if met else ())


def hold_up(command: Command, target: str, call: Call) -> Outcome:
    result, seen = trace(command, target, f"--inject={call.name}:delay_enter={DELAY}:when={call.occurrence}")
    return Outcome(result, "(DELAYED)" in seen, harmless=True)
