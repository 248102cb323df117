"""What a step is: one operation on the kernel, as a record that can be told, shown in shell, done and undone.

Two processes walk down the same list of steps. Each does those that are its own, and waits at the others:

    RUNTIME      minirun itself, on the host's side
    CONTAINER    the process that becomes the container's program
"""

from __future__ import annotations

from ..errors import reason
from ..record import Record
from .context import CONTAINER as CONTAINER
from .context import RUNTIME as RUNTIME
from .context import Context as Context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import ClassVar

    from ..kernel.libc import SystemCallError
    from .world import World


class Log:
    """Where a step tells what is no error. The runtime's (runtime/log.py) passes it on."""

    told: frozenset[str] = frozenset()  # places in config.json of which it has been told before the run

    def warning(self, message: str) -> None:
        raise NotImplementedError

    def remark(self, message: str) -> None:
        """Of what a person may wonder about; a program that reads the messages would take it for trouble."""

    def descriptors(self) -> tuple[int, ...]:
        """What it may still write to until the program runs, beside standard error."""
        return ()


class Channel:
    """What joins the two processes. The runtime's (runtime/sync.py) has the words that they exchange."""

    def keep_side(self, me: str) -> None:
        """After the fork: close the end that belongs to the other process."""
        raise NotImplementedError

    def descriptor(self) -> int:
        """The end that is left after the fork."""
        raise NotImplementedError

    def wait_for_start(self, context: Context) -> None:
        """Wait until `start` asks to go on."""
        raise NotImplementedError

    def wait(self, context: Context, descriptor: int, seconds: float | None = None) -> bool:
        """Wait for a descriptor to be readable, at most so long; whether it is. Raises Interrupted, ContainerDied when
        there is no use in waiting any more."""
        raise NotImplementedError


class Observer:
    """Who looks on as the plan is walked down, in both processes. This one looks away; those that tell are in teach/.

    In the container's process there is nothing left to import, and after pivot_root none of the host's files:
    `prepare` is the place for all that needs them.
    """

    def prepare(self, steps: tuple[Step, ...], first: int = 0) -> None:
        """Before the fork. The walk begins at step `first`, counted from 0."""

    def before(self, step: Step, index: int, context: Context) -> None:
        """The step is next. Raises Refused or Interrupted to have the walk end here."""

    def after(self, step: Step, index: int, context: Context) -> None:
        """It is done. Of fork(2), both processes hear; of execve(2), nobody."""

    def failed(self, error: BaseException, context: Context) -> None:
        """The walk ends: by the step that this process was at, or by what the other one has told."""

    def descriptors(self) -> tuple[int, ...]:
        """What it writes to, beside standard error."""
        return ()

    def undoing(self, step: Step) -> None:
        """The runtime takes a step back."""

    def ended(self, log: Log) -> None:
        """Of the runtime's: all is done and, where it was to be, taken back."""


class Refused(Exception):
    """A step can't be done although no system call failed: what minirun found, and what helps."""

    def __init__(self, reason: str, cure: str = "") -> None:
        super().__init__(reason)
        self.reason, self.cure = reason, cure


class Step(Record):
    """One operation. The class says what stands behind it, the fields are its arguments."""

    runs_in: ClassVar[str] = CONTAINER
    chapter: ClassVar[str] = ""  # of the story that `explain` and --narrate tell (teach/chapters.py)
    man: ClassVar[str] = ""  # man page with section
    spec: ClassVar[str] = ""  # anchor in the OCI runtime spec
    no_shell: ClassVar[str] = ""  # why there is no shell command for it
    no_calls: ClassVar[str] = ""  # why it makes no system call
    ends_create: ClassVar[bool] = False  # `create` goes no further: from here on it is `start` that walks along
    becomes_program: ClassVar[bool] = False  # where it succeeds, this process is minirun's no more
    is_undone_last: ClassVar[bool] = False  # only when all others are: nothing of the container's is left then
    cures: ClassVar[Mapping[int | tuple[str, int], str]] = {}  # errno, or call and errno -> what helps

    @property
    def place(self) -> str:
        """Where in config.json the step comes from, as a JSON pointer; "" where minirun adds it by itself."""
        return str(getattr(self, "origin", ""))

    @property
    def known_as(self) -> str:
        """What other runtimes call a failure of it, where callers look for that; "" where none do."""
        return ""

    def describe(self) -> str:
        """One English sentence without its full stop, which also reads well after "cannot"."""
        raise NotImplementedError

    def shell(self) -> str | None:
        """A shell command that does the same; None where there is none (`no_shell` says why)."""
        return None

    def calls(self) -> tuple[str, ...]:
        """The system calls that do it, as C would have them, with decoded flags; () where there are none (`no_calls`).

        Descriptors have names, since they have no numbers yet. Beside these, minirun makes what is missing of a path
        (mkdirat), looks at what it has found, and closes what it has opened.
        """
        return ()

    def effect(self, world: World) -> World:
        """What there is of the container when the step is done: `world`, as it was before, with what it changes."""
        return world

    def prepare(self) -> None:
        """Import what `apply` needs and most containers do not. The container's process can import nothing itself."""

    def apply(self, context: Context) -> None:
        """Do it. Raises SystemCallError where the kernel refuses, Refused where minirun does."""
        raise NotImplementedError

    def undo(self, context: Context) -> None:
        """Remove what `apply` left on the host, if it is there. Only steps of the runtime leave anything; see the walk.
        Where this fails, `delete` tries again."""

    @classmethod
    def leaves_something(cls) -> bool:
        """Whether there may be something to undo."""
        return cls.undo is not Step.undo

    def not_undone(self, error: Exception) -> str:
        """What to tell of an undo that failed."""
        why = reason(error) if isinstance(error, OSError) else str(error)
        call = getattr(error, "shown", "")
        return f"could not undo “{self.describe()}”: {why}" + (f": {call}" if call else "")

    def cure(self, error: SystemCallError) -> str:
        """What the user can do about this failure; "" where minirun does not know better than the errno."""
        number = error.errno or 0
        return self.cures.get((error.call, number)) or self.cures.get(number, "")
