"""Hooks: programs of the engine or the image that run at certain moments (config.md#posix-platform-hooks).

Each gets the container's state on standard input. What it writes is told when it fails. One that fails ends the
container, but for those at the very end.
"""

from __future__ import annotations

import os
from errno import EACCES, ENOENT, ENOEXEC

from ..errors import Interrupted
from ..kernel.libc import Flags, array, show
from ..safe import safe
from .hook_program import Program, emptied, memory_file, run_hook, run_with, variables_of
from .shell import quoted
from .step import CONTAINER, RUNTIME, Context, Refused, Step
from .told import State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


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


# kind: who runs it, and what the container's status is then (runtime.md#lifecycle)
KINDS: dict[str, tuple[type[RunHook], str]] = {
    "prestart": (RunHook, "creating"),
    "createRuntime": (RunHook, "creating"),
    "createContainer": (RunContainerHook, "creating"),
    "startContainer": (RunStartContainerHook, "created"),
    "poststart": (RunHook, "running"),
    "poststop": (RunPoststopHook, "stopped"),
}
