"""Hooks: programs of the engine or the image that run at certain moments (config.md#posix-platform-hooks).

Each gets the container's state on standard input. What it writes is told when it fails. One that fails ends the
container, but for those at the very end.
"""

from __future__ import annotations

import os
from errno import EACCES, ENOENT, ENOEXEC
from time import monotonic

from ..errors import Interrupted
from ..kernel import files, processes, signals
from ..kernel.libc import Flags, SystemCallError, array, show
from ..record import Record
from ..safe import safe
from .hook_output import hook_output
from .shell import quoted
from .step import CONTAINER, RUNTIME, Context, Refused, Step
from .told import State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

SHORT, LONG = 0.001, 0.02  # seconds between two looks at a hook behind the filter
TOLD = 400  # bytes of what a failed hook wrote


class Program(Record):
    """What a hook runs. `timeout` is in seconds. Without `env` it gets what there is. What it writes goes to the two
    files, or to where it is told from when the hook fails. `directory` is a descriptor of where it begins, -1 for where
    minirun is."""

    path: str
    args: tuple[str, ...]
    env: tuple[str, ...] | None = None
    timeout: int | None = None
    stdout: str = ""
    stderr: str = ""
    directory: int = -1


class RunHook(Step):
    """One hook, in minirun's own namespaces."""

    runs_in = RUNTIME
    chapter = "hooks"
    man = "execve(2)"
    spec = "config.md#posix-platform-hooks"
    cures = {
        ENOENT: "the program must exist on the host, and if it is a script, its interpreter as well",
        EACCES: "the program must be executable: chmod +x",
        ENOEXEC: "a script begins with #! and the path of its interpreter",
    }

    kind: str
    status: str  # of the container at that moment
    program: Program
    state: State
    origin: str

    @property
    def known_as(self) -> str:
        return f"error running {self.kind} hook #{self.origin.rpartition('/')[2]}"

    def describe(self) -> str:
        return f"run the {self.kind} hook {self.program.path}"

    def shell(self) -> str:
        out, err = (f" {sign}{quoted(path)}" if path else "" for sign, path in self.redirected())
        return f"minirun state {self.state.id} | {quoted(self.program.path)}{out}{err}"

    def redirected(self) -> tuple[tuple[str, str], ...]:
        return (">>", self.program.stdout), ("2>>", self.program.stderr)

    def calls(self) -> tuple[str, ...]:
        program = self.program
        variables = Flags("environ") if program.env is None else array(program.env)
        return (
            show("fork"),
            show("execve", program.path, array(program.args), variables) + "  // in the child",
            show("wait4", Flags("child")),
        )

    def pid(self, context: Context) -> int:
        return context.pid

    def apply(self, context: Context) -> None:
        run_hook(self.complete(context), self.state.to_json(self.status, self.pid(context)), context)

    def complete(self, context: Context) -> Program:
        """The program with the variables that it gets. The spec does not say which, where config.json has no `env`."""
        if self.program.env is not None:
            return self.program
        return self.program.replace(env=tuple(f"{name}={value}" for name, value in self.inherited(context).items()))

    def inherited(self, context: Context) -> Mapping[str, str]:
        """The runtime's own, as runc has it. Never the container's program's: those are the image's say, and LD_PRELOAD
        among them would be the host's root's to load (CVE-2025-23266)."""
        return {name: value for name, value in os.environ.items() if name}


class RunContainerHook(RunHook):
    """One hook, in the container's namespaces: before pivot_root(2) by the host's paths, after it by the image's."""

    runs_in = CONTAINER

    def pid(self, context: Context) -> int:
        return os.getpid()

    def complete(self, context: Context) -> Program:
        """It begins in the container's root directory, as engines' hooks expect, which is not "/" yet."""
        return super().complete(context).replace(directory=context.root)


class RunStartContainerHook(RunContainerHook):
    """One hook that is a program of the container's, since the root is the image's by then."""

    man = RunHook.man
    cures = RunHook.cures | {
        ENOENT: "this hook is looked up in the container: give the path as it is there, or mount the program, and if "
        "it is a script, its interpreter as well"
    }

    variables: tuple[str, ...] = ()  # of the container's program

    def complete(self, context: Context) -> Program:
        return super().complete(context).replace(directory=-1)  # which is process.cwd by then

    def apply(self, context: Context) -> None:
        """Files that are there already serve one hook after the other."""
        if context.hook_files:
            run_with(self.complete(context), *emptied(context.hook_files), context)
        else:
            super().apply(context)

    def inherited(self, context: Context) -> Mapping[str, str]:
        """What the program will get, HOME included: it is of the same image."""
        return variables_of(self.variables) | context.variables


class MakeHookFiles(Step):
    """What hooks behind the system call filter are given, and what they write, while any call is allowed: a filter may
    be older than memfd_create(2)."""

    chapter = "hooks"
    man = "memfd_create(2)"
    no_shell = "a shell writes no files in memory"

    status: str
    state: State
    origin: str = "/hooks/startContainer"

    def describe(self) -> str:
        return "make the files that the startContainer hooks read from and write to"

    def calls(self) -> tuple[str, ...]:
        made = show("memfd_create", "hook", Flags("MFD_CLOEXEC"))
        return (f"given = {made}", f"written = {made}")

    def apply(self, context: Context) -> None:
        context.hook_files = memory_file(self.state.to_json(self.status, os.getpid())), memory_file(b"")


class RunPoststopHook(RunHook):
    """One hook when nothing of the container is left. What goes wrong then is a warning (runtime.md#lifecycle, 13)."""

    is_undone_last = True

    def describe(self) -> str:
        return f"have the poststop hook {self.program.path} run after the end"

    def apply(self, context: Context) -> None:
        """Only the undoing does something."""

    def undo(self, context: Context) -> None:
        if not context.owns_id:
            return
        try:
            run_hook(self.complete(context), self.state.to_json(self.status, 0), context)
        except (Refused, OSError) as error:
            self.warn(context, str(error))
        except Interrupted as error:
            self.warn(context, f"ended, because of {error.args[1]}")

    def warn(self, context: Context, what: str) -> None:
        context.log.warning(f"{self.origin}: {self.known_as}: {safe(self.program.path)}: {safe(what)}")


# ---- a program, from its start to its end


def run_hook(program: Program, state: bytes, context: Context) -> None:
    """Run it to its end. Raises Refused when it fails, SystemCallError when it can't be executed.

    The state comes as a file in memory: that has an end, and nobody waits if the hook does not read it.
    """
    given, written = memory_file(state), memory_file(b"")
    try:
        run_with(program, given, written, context)
    finally:
        os.close(given)
        os.close(written)


def outputs(program: Program, written: int, context: Context) -> tuple[int, int]:
    """Its standard output and standard error."""
    if not (program.stdout or program.stderr):
        return written, written
    out, err = (hook_output(path, context) if path else written for path in (program.stdout, program.stderr))
    return out, err


def run_with(program: Program, given: int, written: int, context: Context) -> None:
    """The same with open files: what the hook reads, and what it writes to."""
    pid = start(program, (given, *outputs(program, written, context)), context)
    problem = wait(pid, program.timeout, context)
    if problem:
        said = last_words(written)
        raise Refused(f"it {problem}" + (f": {said}" if said else ""), "minirun's part is done: see the hook's own")


def emptied(streams: tuple[int, int]) -> tuple[int, int]:
    """As they were before another hook had them."""
    for descriptor in streams:
        os.lseek(descriptor, 0, os.SEEK_SET)
    os.ftruncate(streams[1], 0)
    return streams


def memory_file(content: bytes) -> int:
    descriptor = os.memfd_create("hook", os.MFD_CLOEXEC)
    os.write(descriptor, content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def start(program: Program, streams: tuple[int, int, int], context: Context) -> int:
    """Fork and execute. An error of execve(2) comes back over a pipe that a success closes; its number."""
    reading, writing = os.pipe()
    pid = processes.fork()
    if pid == 0:
        become(program, streams, writing, context)
    os.close(writing)
    error = int.from_bytes(os.read(reading, 4), "little")
    os.close(reading)
    if error:
        os.waitpid(pid, 0)
        raise SystemCallError(error, "execve", f'execve("{program.path}", {list(program.args)})')
    return pid


def become(program: Program, streams: tuple[int, int, int], failure: int, context: Context) -> None:
    """The hook's process: nothing of minirun but the three streams. Never returns.

    It has a process group of its own, with which what it has started in turn can be ended, and ends with minirun.
    """
    try:
        os.setpgid(0, 0)
        processes.set_death_signal(signals.SIGKILL)
        for stream, descriptor in enumerate(streams):
            os.dup2(descriptor, stream)
        if program.directory >= 0:
            os.fchdir(program.directory)
        leave_nothing_open(context)
        os.umask(context.umask)
        signals.reset()
        processes.execve(program.path, program.args, variables_of(program.env or ()))
    except OSError as error:
        os.write(failure, (error.errno or 1).to_bytes(4, "little"))
    finally:
        os._exit(127)


def leave_nothing_open(context: Context) -> None:
    """Behind the filter, which may be older than close_range(2), all but the program's are marked already."""
    if context.is_filtered:
        for descriptor in range(3, 3 + context.kept):
            os.close(descriptor)
    else:
        files.close_on_exec_from(3)


def variables_of(pairs: tuple[str, ...]) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in pairs)


def wait(pid: int, timeout: int | None, context: Context) -> str:
    """Wait for a hook's end, and bring it about when the time is up; what it did wrong, "" if nothing. Raises
    Interrupted, ContainerDied: then there is no hook any more, either."""
    in_time = False
    try:
        in_time = (has_ended_filtered if context.is_filtered else has_ended)(pid, timeout, context)
    finally:
        if not in_time:
            os.killpg(pid, signals.SIGKILL)  # TERM would be a request, which it may not hear
        status = os.waitpid(pid, 0)[1]
    return problem_of(os.waitstatus_to_exitcode(status)) if in_time else f"took longer than its timeout of {timeout} s"


def has_ended(pid: int, timeout: int | None, context: Context) -> bool:
    """Whether it has, in time."""
    process = signals.pidfd_open(pid)
    try:
        return context.channel.wait(context, process, timeout)
    finally:
        os.close(process)


def has_ended_filtered(pid: int, timeout: int | None, context: Context) -> bool:
    """The same by calls that every filter knows: look now and then, and wait for nothing meanwhile."""
    end = monotonic() + (float("inf") if timeout is None else timeout)
    never, other = os.pipe()
    try:
        pause = SHORT
        while not os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            if monotonic() >= end:
                return False
            context.channel.wait(context, never, pause)
            pause = min(2 * pause, LONG)
        return True
    finally:
        os.close(never)
        os.close(other)


def problem_of(code: int) -> str:
    if code < 0:
        return f"was killed by {signals.name(-code)}"
    return f"exited with status {code}" if code else ""


def last_words(written: int) -> str:
    size = os.fstat(written).st_size
    return os.pread(written, TOLD, max(0, size - TOLD)).decode(errors="replace").strip()


# kind: who runs it, and what the container's status is then (runtime.md#lifecycle)
KINDS: dict[str, tuple[type[RunHook], str]] = {
    "prestart": (RunHook, "creating"),
    "createRuntime": (RunHook, "creating"),
    "createContainer": (RunContainerHook, "creating"),
    "startContainer": (RunStartContainerHook, "created"),
    "poststart": (RunHook, "running"),
    "poststop": (RunPoststopHook, "stopped"),
}
