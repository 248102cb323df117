"""The process itself: how it begins, what it keeps of minirun's, and how it becomes the container's program."""

from __future__ import annotations

import os
import signal
import sys
from errno import EACCES, EINVAL, ENOENT, ENOEXEC, ENOTDIR, EPERM, ESRCH, ETXTBSY

from ..kernel import files, processes, signals
from ..kernel.constants import (
    IOPRIO_CLASSES,
    PERSONALITIES,
    RLIMITS,
    SCHED_FLAGS,
    SCHED_POLICIES,
)
from ..kernel.libc import SystemCallError
from ..kernel.sockets import is_open
from .step import CONTAINER, RUNTIME, Context, Refused, Step

RLIM_INFINITY = 2**64 - 1


class StartContainerProcess(Step):
    """Fork. From here on two processes walk down this list, each doing its own steps."""

    runs_in = RUNTIME
    chapter = "process"
    man = "fork(2)"
    spec = "runtime.md#create"

    def describe(self) -> str:
        return "fork the process that becomes the container"

    def shell(self) -> str:
        return "( … ) & pid=$!"

    def apply(self, context: Context) -> None:
        pid = os.fork()
        if pid == 0:
            context.me = CONTAINER
            # Load no module from here on: its path may be closed to a user namespace's root, and later leads into the
            # image, where a file of this name would run with minirun's rights.
            sys.meta_path.clear()
            context.umask = os.umask(0o022)  # mount points that it makes are for everybody
        else:
            context.pid = pid
            context.pidfd = signals.pidfd_open(pid)
        context.channel.keep_side(context.me)


class SetOomScoreAdj(Step):
    """First of all, since lowering it takes the rights of the host's root."""

    chapter = "process"
    man = "proc_pid_oom_score_adj(5)"
    spec = "config.md#linux-process"
    cures = {
        EACCES: "a lower value than now takes CAP_SYS_RESOURCE",
        EPERM: "a lower value than now takes CAP_SYS_RESOURCE",
    }

    value: int
    origin: str = "/process/oomScoreAdj"

    def describe(self) -> str:
        return f"set the OOM killer's score adjustment to {self.value}"

    def shell(self) -> str:
        return f"choom -n {self.value} -p $$"

    def apply(self, context: Context) -> None:
        files.write_file("/proc/self/oom_score_adj", str(self.value))


class CloseToTracers(Step):
    """Be non-dumpable until the program runs: nobody inside may trace this process or open what it holds
    (CVE-2016-9962)."""

    chapter = "process"
    man = "prctl(2)"
    no_shell = "a shell is traced by nobody but its user"

    def describe(self) -> str:
        return "refuse to be traced by other processes"

    def apply(self, context: Context) -> None:
        processes.set_dumpable(False)


class StartSession(Step):
    """A session of its own: the signals of the caller's terminal reach minirun, which passes them on."""

    chapter = "process"
    man = "setsid(2)"

    def describe(self) -> str:
        return "start a new session"

    def shell(self) -> str:
        return "setsid"

    def apply(self, context: Context) -> None:
        os.setsid()


class SetRlimit(Step):
    """Set by the runtime, which is still root when the container's process is not any more."""

    runs_in = RUNTIME
    chapter = "limits"
    man = "prlimit(2)"
    spec = "config.md#posix-process"
    cures = {
        EPERM: "a hard limit above the present one takes CAP_SYS_RESOURCE: lower it in config.json",
        EINVAL: "the soft limit must not exceed the hard one",
    }

    type: str
    soft: int
    hard: int
    origin: str

    def describe(self) -> str:
        return f"set {self.type} to {limit(self.soft)}, at most {limit(self.hard)}"

    def shell(self) -> str:
        name = self.type.removeprefix("RLIMIT_").lower()
        return f"prlimit --pid $pid --{name}={limit(self.soft)}:{limit(self.hard)}"

    def apply(self, context: Context) -> None:
        processes.prlimit(context.pid, RLIMITS.index(self.type), self.type, self.soft, self.hard)


def limit(value: int) -> str:
    return "unlimited" if value == RLIM_INFINITY else str(value)


class SetScheduler(Step):
    chapter = "process"
    man = "sched_setattr(2)"
    spec = "config.md#linux-process"
    cures = {
        EPERM: "real-time policies and a lower nice value take CAP_SYS_NICE",
        EINVAL: "the kernel does not take these values together: see sched(7)",
    }

    policy: str
    nice: int
    priority: int
    flags: tuple[str, ...]
    runtime: int
    deadline: int
    period: int
    origin: str = "/process/scheduler"

    def describe(self) -> str:
        return f"schedule by {self.policy}, nice {self.nice}, priority {self.priority}"

    def shell(self) -> str:
        return f"chrt --{self.policy.removeprefix('SCHED_').lower()} --pid {self.priority} $$ && renice {self.nice} $$"

    def apply(self, context: Context) -> None:
        processes.sched_setattr(
            SCHED_POLICIES[self.policy],
            sum(SCHED_FLAGS[name] for name in self.flags),
            self.nice,
            self.priority,
            self.runtime,
            self.deadline,
            self.period,
        )


class SetIOPriority(Step):
    chapter = "process"
    man = "ioprio_set(2)"
    spec = "config.md#linux-process"
    cures = {EPERM: "IOPRIO_CLASS_RT takes CAP_SYS_ADMIN or CAP_SYS_NICE"}

    io_class: str
    priority: int
    origin: str = "/process/ioPriority"

    def describe(self) -> str:
        return f"set the I/O priority to {self.io_class} {self.priority}"

    def shell(self) -> str:
        return f"ionice -c {IOPRIO_CLASSES[self.io_class]} -n {self.priority} -P $$"

    def apply(self, context: Context) -> None:
        processes.ioprio_set_group(IOPRIO_CLASSES[self.io_class], self.priority)


class SetPersonality(Step):
    chapter = "process"
    man = "personality(2)"
    spec = "config-linux.md#personality"

    domain: str
    origin: str = "/linux/personality"

    def describe(self) -> str:
        return f"take the execution domain {self.domain}"

    def shell(self) -> str:
        return "linux32" if self.domain == "LINUX32" else "linux64"

    def apply(self, context: Context) -> None:
        processes.personality(PERSONALITIES[self.domain])


class SetUmask(Step):
    """The config's umask; the caller's where it has none, since minirun worked under its own until here."""

    chapter = "process"
    man = "umask(2)"
    spec = "config.md#posix-platform-user"

    value: int | None
    origin: str = "/process/user/umask"

    def describe(self) -> str:
        return "put the caller's umask back" if self.value is None else f"set the umask to {self.value:04o}"

    def shell(self) -> str:
        return "umask" if self.value is None else f"umask {self.value:04o}"

    def apply(self, context: Context) -> None:
        os.umask(context.umask if self.value is None else self.value)


class KeepDescriptors(Step):
    """Mark every file but 0, 1, 2 and those asked for as close-on-exec: one directory of the host that stays open
    is a way out (CVE-2024-21626)."""

    chapter = "process"
    man = "close_range(2)"
    spec = "runtime-linux.md#file-descriptors"

    preserve: int = 0

    def describe(self) -> str:
        return f"keep the file descriptors 0 to {2 + self.preserve}, close all others when the program starts"

    def shell(self) -> str:
        return "exec 3>&- 4>&- …" if not self.preserve else f"exec {3 + self.preserve}>&- …"

    def apply(self, context: Context) -> None:
        for descriptor in range(3, 3 + self.preserve):
            if not is_open(descriptor):
                raise Refused(f"--preserve-fds {self.preserve}: descriptor {descriptor} is not open", "open it first")
        files.close_on_exec_from(3 + self.preserve)


class ChangeDirectory(Step):
    """Make the working directory where it is missing, enter it, and make sure that it lies inside."""

    chapter = "process"
    man = "chdir(2)"
    spec = "config.md#process"
    cures = {
        ENOTDIR: "cwd must be a directory in the container",
        EACCES: "the container's user may not enter it",
    }

    path: str
    origin: str = "/process/cwd"

    def describe(self) -> str:
        return f"change to the directory {self.path}"

    def shell(self) -> str:
        return f"mkdir -p {self.path} && cd {self.path}"

    def apply(self, context: Context) -> None:
        os.makedirs(self.path, 0o755, exist_ok=True)
        files.chdir(self.path)
        try:
            # getcwd(2): a directory that is not below this process's root has no path here.
            inside = os.getcwd().startswith("/")
        except FileNotFoundError:
            inside = False
        if not inside:
            raise Refused(f"{self.path} leads out of the container", "name a directory of the container")


class FindHome(Step):
    """Where the environment has no HOME, it is the user's of the container's own /etc/passwd, as shells expect."""

    chapter = "process"
    man = "passwd(5)"

    uid: int
    origin: str = "/process/env"

    def describe(self) -> str:
        return f"look up the home directory of user {self.uid} in the container's /etc/passwd"

    def shell(self) -> str:
        return f"export HOME=\"$(awk -F: '$3 == {self.uid} {{print $6; exit}}' /etc/passwd)\""

    def apply(self, context: Context) -> None:
        context.home = "/"
        try:
            lines = files.read_file("/etc/passwd").splitlines()
        except OSError:
            return  # an image without users
        for line in lines:
            row = line.split(":")
            if len(row) >= 6 and row[2] == str(self.uid):
                context.home = row[5] or "/"
                return


class FindProgram(Step):
    """Look the program up in the container's PATH, as the container's user, while its absence can still be told."""

    chapter = "process"
    man = "execvp(3)"
    spec = "config.md#process"

    name: str
    path: str
    origin: str = "/process/args/0"

    def describe(self) -> str:
        return f"find the program {self.name}" + ("" if "/" in self.name else f" in {self.path or 'an empty PATH'}")

    def shell(self) -> str:
        return f"command -v {self.name}"

    def apply(self, context: Context) -> None:
        if "/" in self.name:
            problem = why_not(self.name)
            if problem:
                raise Refused(f'exec: "{self.name}": {problem}', "the program must exist in the root file system")
            context.program = self.name
            return
        for directory in self.path.split(":"):
            candidate = f"{directory or '.'}/{self.name}"
            if not why_not(candidate):
                context.program = candidate
                return
        raise Refused(
            f'exec: "{self.name}": executable file not found in $PATH',
            f"the container's PATH is {self.path!r}: set it in /process/env, or give the program's whole path",
        )


def why_not(path: str) -> str:
    """What keeps this user from executing the file; "" if nothing does."""
    try:
        if os.path.isdir(path):
            return "is a directory"
        os.stat(path)
    except OSError as error:
        return f"stat {path}: {(error.strerror or '').lower()}"
    return "" if os.access(path, os.X_OK, effective_ids=True) else "permission denied"


class ResetSignals(Step):
    """Hand on the caller's signal mask, and the dispositions that Python has changed for itself."""

    chapter = "process"
    man = "signal(7)"
    no_shell = "a shell changes neither for the programs that it starts"

    def describe(self) -> str:
        return "put the caller's signal mask back, and SIGPIPE and SIGXFSZ to their defaults"

    def apply(self, context: Context) -> None:
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, context.signal_mask)


class Execute(Step):
    """Become the program. If the kernel agrees, nothing of minirun is left in this process."""

    chapter = "exec"
    man = "execve(2)"
    spec = "config.md#process"
    cures = {
        ENOENT: "the program exists, so its interpreter is missing: the #! line, or the ELF loader (readelf -l)",
        ENOEXEC: "not a program of this machine: the architecture, or a script without #! line",
        EACCES: "the program, or its interpreter, is not executable for this user, or its mount is noexec",
        EPERM: "the program's file capabilities exceed the bounding set (capabilities(7))",
        ETXTBSY: "somebody has the program open for writing",
    }

    arguments: tuple[str, ...]
    environment: tuple[str, ...]
    origin: str = "/process/args"

    def describe(self) -> str:
        return f"execute {' '.join(self.arguments)}"

    def shell(self) -> str:
        return "exec env -i " + " ".join(f"'{word}'" for word in (*self.environment, *self.arguments))

    def apply(self, context: Context) -> None:
        environment = dict(pair.split("=", 1) for pair in self.environment)
        if context.home:
            environment["HOME"] = context.home
        try:
            processes.execve(context.program, self.arguments, environment)
        except SystemCallError as error:
            raise SystemCallError(error.errno or ESRCH, error.call, self.shown(context)) from None

    def shown(self, context: Context) -> str:
        return f'execve("{context.program}", {list(self.arguments)}, {len(self.environment)} variables)'
