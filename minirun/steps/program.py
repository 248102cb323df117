"""The last things before the program, and the program: directory, HOME, PATH, umask, signals, execve."""

from __future__ import annotations

import os
from errno import E2BIG, EACCES, EAGAIN, ENOENT, ENOEXEC, EPERM, ESRCH, ETXTBSY

from ..errors import ContainerDied
from ..kernel import files, processes, signals
from ..kernel.libc import Flags, SystemCallError, array, show
from .shell import quoted
from .step import RUNTIME, Context, Refused, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .world import World

DEFAULT_PATH = "/bin:/usr/bin"  # confstr(3), _CS_PATH: where execvp(3) looks without a PATH
DENIED = "permission denied"
EXECUTABLE = "it must be a file, executable (chmod +x) for the container's user, and its mount not noexec"


class FindProgram(Step):
    """Look the program up in the container's PATH, as the container's user, while its absence can still be told."""

    chapter = "exec"
    man = "execvp(3)"
    spec = "config.md#process"

    name: str
    path: str = DEFAULT_PATH
    origin: str = "/process/args/0"

    def describe(self) -> str:
        return f"find the program {self.name}" + ("" if "/" in self.name else f" in {self.path or 'the directory .'}")

    def shell(self) -> str:
        return f"command -v {quoted(self.name)}"

    def calls(self) -> tuple[str, ...]:
        directories = [""] if "/" in self.name else [f"{directory or '.'}/" for directory in self.path.split(":")]
        access = Flags("X_OK"), Flags("AT_EACCESS")
        return tuple(
            show("faccessat", Flags("AT_FDCWD"), f"{directory}{self.name}", *access) for directory in directories
        )

    def apply(self, context: Context) -> None:
        if "/" in self.name:
            problem = why_not(self.name)
            if problem:
                raise Refused(f'exec: "{self.name}": {problem}', EXECUTABLE)
            context.program = self.name
            return
        problems = {}
        for directory in self.path.split(":"):
            candidate = f"{directory or '.'}/{self.name}"
            problems[candidate] = why_not(candidate)
            if not problems[candidate]:
                context.program = context.result = candidate
                return
        raise Refused(f'exec: "{self.name}": executable file not found in $PATH', self.remedy(problems))

    def remedy(self, problems: dict[str, str]) -> str:
        """A program that is there and can't be executed is likelier to be the one that is meant than any other."""
        for candidate, problem in problems.items():
            if problem == DENIED:
                return f"{candidate} is there: {EXECUTABLE}"
        return f"the container's PATH is {self.path!r}: set it in /process/env, or give the program's whole path"


def why_not(path: str) -> str:
    """What keeps this user from executing the file; "" if nothing does."""
    try:
        if os.path.isdir(path):
            return f"is a directory: {DENIED}"  # execve(2) says EACCES; engines look for either, for exit status 126
        os.stat(path)
    except OSError as error:
        return f"stat {path}: {(error.strerror or '').lower()}"
    return "" if may_execute(path) else DENIED


def may_execute(path: str) -> bool:
    """faccessat2(2), since access(2) asks for the real user and takes his permitted capabilities for effective ones. A
    filter that minirun itself is under may be older than that call, and refuse it; the real user is the same one."""
    return os.access(path, os.X_OK, effective_ids=True) or os.access(path, os.X_OK)


class SetUmask(Step):
    """The config's umask; the caller's where it has none, since minirun worked under its own until here."""

    chapter = "exec"
    man = "umask(2)"
    spec = "config.md#posix-platform-user"

    value: int | None
    origin: str = "/process/user/umask"

    def describe(self) -> str:
        return "put the caller's umask back" if self.value is None else f"set the umask to {self.value:04o}"

    no_shell = "a shell has changed no umask that it would have to put back"

    def shell(self) -> str | None:
        return None if self.value is None else f"umask {self.value:04o}"

    def calls(self) -> tuple[str, ...]:
        return (show("umask", Flags("callers") if self.value is None else files.octal(self.value)),)

    def effect(self, world: World) -> World:
        return world.become(umask=self.value)

    def apply(self, context: Context) -> None:
        os.umask(context.umask if self.value is None else self.value)


class ResetSignals(Step):
    """What the caller has blocked or ignored is no business of the program's: neither what a daemon reads by
    signalfd(2), nor what a shell has its background jobs ignore. Python itself ignores SIGPIPE and SIGXFSZ."""

    chapter = "exec"
    man = "signal(7)"
    no_shell = "a shell changes neither for the programs that it starts"

    def describe(self) -> str:
        return "unblock all signals, and ignore none"

    def calls(self) -> tuple[str, ...]:
        return (
            show("rt_sigaction", Flags("SIGPIPE"), Flags("SIG_DFL")),
            show("rt_sigaction", Flags("SIGXFSZ"), Flags("SIG_DFL")),
            show("rt_sigprocmask", Flags("SIG_SETMASK"), array(())),
        )

    def effect(self, world: World) -> World:
        return world.become(blocks_signals=False)

    def apply(self, context: Context) -> None:
        signals.reset()


class Execute(Step):
    """Become the program. If the kernel agrees, nothing of minirun is left in this process."""

    becomes_program = True
    chapter = "exec"
    man = "execve(2)"
    spec = "config.md#process"
    cures = {
        ENOENT: "the program exists, so its interpreter is missing: the #! line, or the ELF loader (readelf -l)",
        ENOEXEC: "not a program of this machine: the architecture, or a script without #! line",
        EACCES: "the program, or its interpreter, is not executable for this user, or its mount is noexec",
        EPERM: "the program's file capabilities exceed the bounding set (capabilities(7))",
        ETXTBSY: "somebody has the program open for writing",
        EAGAIN: "this user has reached RLIMIT_NPROC",
        E2BIG: "args and env are too long together: at most a quarter of the stack limit, and 128 KiB each",
    }

    arguments: tuple[str, ...]
    environment: tuple[str, ...]
    origin: str = "/process/args"

    def describe(self) -> str:
        line = " ".join(self.arguments)
        return f"execute {line}" if len(line) <= 100 else f"execute {line[:100]}…"

    def shell(self) -> str:
        return "exec env -i " + " ".join(quoted(word) for word in (*self.environment, *self.arguments))

    def calls(self) -> tuple[str, ...]:
        return (show("execve", Flags("program"), array(self.arguments), array(self.environment)),)

    def effect(self, world: World) -> World:
        return world.executing(self.arguments)

    def apply(self, context: Context) -> None:
        environment = dict(pair.split("=", 1) for pair in self.environment) | context.variables
        try:
            processes.execve(context.program, self.arguments, environment)
        except SystemCallError as error:
            raise SystemCallError(error.errno or ESRCH, error.call, self.shown(context)) from None

    def shown(self, context: Context) -> str:
        return f'execve("{context.program}", {list(self.arguments)}, {len(self.environment)} variables)'


class SeeProgramRun(Step):
    """The kernel says whether the process has become the program, or has ended before it could. One that is gone has
    run: its end was no message, so it was at execve(2), and an engine that is its parent has collected it since."""

    runs_in = RUNTIME
    chapter = "exec"
    man = "proc(5)"
    spec = "runtime.md#start"
    no_shell = "a shell's own exec tells it"

    def describe(self) -> str:
        return "see that the program runs"

    def calls(self) -> tuple[str, ...]:
        return (show("read", "/proc/$pid/stat"),)

    def apply(self, context: Context) -> None:
        stat = processes.stat_fields(context.pid, context.start_time)
        if stat and not processes.has_executed(stat):
            raise ContainerDied
        context.program_runs = True
