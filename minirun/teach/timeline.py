"""`run --timeline FILE`: when each step began and ended, in the Chrome trace-event format, which Perfetto draws.

Both processes write their times into memory that they share. So the container's needs no file, and the runtime writes
the whole at the end. The clock is that of the calendar: in a time namespace the monotonic one, which would never jump,
has another zero (time_namespaces(7)).
"""

from __future__ import annotations

import _struct as struct
import mmap
import os
from time import time_ns

from ..safe import safe
from ..steps.step import CONTAINER, RUNTIME, Observer, Step
from .whole_file import why_not, write_whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..steps.step import Context, Log
    from .before_after import BeforeAndAfter

# What may be behind a look at the clock; the second is for machines whose time_t has 32 bits (clock_gettime(2)).
CLOCKS = ("clock_gettime", "clock_gettime64")
ENTRY = struct.Struct("@qq")  # begin and end of a step in nanoseconds since 1970; 0 is not known
ROOM = 200  # bytes for what came of a step, in a few words


class Timeline(Observer):
    """Looks at the clock before and after each step, and at nothing else. It writes down what `beside` has seen."""

    def __init__(self, path: str, beside: BeforeAndAfter | None = None) -> None:
        self.path, self.beside = path, beside
        self.failure: tuple[int, str] | None = None  # which step has ended the walk, and why
        self.steps: tuple[Step, ...] = ()
        self.undone: list[tuple[int, int]] = []  # numbers of the steps, and when the runtime began to take them back
        self.pids: dict[str, int] = {}

    def prepare(self, steps: tuple[Step, ...], first: int = 0) -> None:
        self.steps = steps
        self.times = mmap.mmap(-1, ENTRY.size * (len(steps) + 1))  # MAP_SHARED: fork(2) does not copy it
        self.results = mmap.mmap(-1, ROOM * (len(steps) + 1))
        self.places = {id(step): index for index, step in enumerate(steps)}  # two steps may be equal
        self.pids[RUNTIME] = os.getpid()
        self.may_always_look = clocks_stay_allowed(steps)

    def before(self, step: Step, index: int, context: Context) -> None:
        if context.me == RUNTIME:
            self.note_program(index)
        if self.may_look(context):
            self.set(index, time_ns(), 0)

    def after(self, step: Step, index: int, context: Context) -> None:
        if self.may_look(context) and step.runs_in == context.me:  # two come back from fork(2)
            self.set(index, self.get(index)[0], time_ns())
            self.note_result(index, context.result)
        if context.me == RUNTIME and context.pid:
            self.pids[CONTAINER] = context.pid

    def failed(self, error: BaseException, context: Context) -> None:
        """The runtime hears of the other process's errors, and which step that was."""
        number = int(getattr(error, "details", {}).get("number", 0) or 0)
        if context.me == RUNTIME and number:
            self.failure = number - 1, str(getattr(error, "reason", error))
            begun, ended = self.get(number - 1)
            self.set(number - 1, begun, ended or time_ns())

    def note_result(self, index: int, result: str) -> None:
        told = result.encode(errors="replace")[: ROOM - 1]
        self.results[index * ROOM : index * ROOM + len(told)] = told

    def may_look(self, context: Context) -> bool:
        """Once a filter holds, looking at the clock may be the call that it kills for: on most machines the kernel need
        not be asked for the time, but there are others (vdso(7))."""
        return self.may_always_look or not context.is_filtered

    def note_program(self, index: int) -> None:
        """Nobody comes back from execve(2); the runtime, whose turn it is then, sees that it is done."""
        if index and self.steps[index - 1].becomes_program:
            begun = self.get(index - 1)[0]
            if begun:
                self.set(index - 1, begun, time_ns())

    def undoing(self, step: Step) -> None:
        self.undone.append((self.places[id(step)], time_ns()))

    def ended(self, log: Log) -> None:
        try:
            write_whole(self.path, self.whole())
        except OSError as error:  # the container has run: its exit status counts
            log.warning(f"there is no timeline: {why_not(self.path, error)}")

    def whole(self) -> str:
        from .timeline_file import written

        seen = self.beside.stage() if self.beside else None
        return written(self.steps, self.all_times(), self.undone_times(), self.pids, self.more(), seen)

    def more(self) -> dict[int, dict[str, str]]:
        """What is known of some steps beside their times."""
        told = {index: self.result(index) for index in range(len(self.steps))}
        found = {index: {"result": safe(result)} for index, result in told.items() if result}
        if self.failure:
            index, why = self.failure
            found.setdefault(index, {})["failed"] = safe(why)
        return found

    def result(self, index: int) -> str:
        return self.results[index * ROOM : (index + 1) * ROOM].rstrip(b"\0").decode(errors="replace")

    def all_times(self) -> list[tuple[int, int]]:
        return [self.get(index) for index in range(len(self.steps))]

    def undone_times(self) -> list[tuple[int, int, int]]:
        """One begins where the other ends. Those that leave nothing on the host are not worth telling."""
        ends = [begun for _, begun in self.undone[1:]] + [time_ns()]
        rows = ((index, begun, end) for (index, begun), end in zip(self.undone, ends))
        return [row for row in rows if type(self.steps[row[0]]).undo is not Step.undo]

    def get(self, index: int) -> tuple[int, int]:
        begun, ended = ENTRY.unpack_from(self.times, index * ENTRY.size)
        return begun, ended

    def set(self, index: int, begun: int, ended: int) -> None:
        ENTRY.pack_into(self.times, index * ENTRY.size, begun, ended)


def clocks_stay_allowed(steps: tuple[Step, ...]) -> bool:
    """Whether a system call filter, where the plan has one, lets everybody look at the clock. Most do."""
    from ..steps.seccomp import CompileFilter  # libseccomp, which a run without a timeline may not need
    from ..steps.syscall_filter import always_allows

    filters = [step for step in steps if isinstance(step, CompileFilter)]
    return all(always_allows(name, one.default, one.rules) for one in filters for name in CLOCKS)
