"""`--narrate`: each step as it really happens, a line with how long it took, on what was standard error at the start.

Both processes tell their own steps. Later the container's has another standard error (its terminal), and nothing to
import from: so all lines are made before the fork but for their times, and the descriptor is a copy.
"""

from __future__ import annotations

import os
from time import perf_counter_ns

from ..kernel.telling import put
from ..safe import safe
from ..steps.seccomp import LoadFilter
from ..steps.step import RUNTIME, Observer, Step
from .text import COLUMN, plain, shown, title

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..steps.step import Context
    from .text import Paint

TIME = 8  # columns for a duration
WIDTH = 100  # columns of a line, where nobody says otherwise
TAKEN_BACK = "TAKEN BACK by the runtime: what it did in these steps"


class Narrator(Observer):
    """Tells everything, and changes nothing."""

    tells_total = True

    def __init__(self, descriptor: int, paint: Paint = plain, width: int = WIDTH) -> None:
        self.width = width
        self.descriptor = os.dup(descriptor)  # close-on-exec, so that it is not the program's (dup(2), PEP 446)
        self.paint = paint
        self.steps: tuple[Step, ...] = ()
        self.running = -1  # the step that this process is at, counted from 0
        self.following = False  # whether the other process's steps have to be told here
        self.next = 0  # the first step that is not told yet; this counts where `following`
        self.silent = False
        self.undoing_began = False
        self.begun = self.started = 0  # in nanoseconds: the walk, the step

    # ---- what the walk calls

    def prepare(self, steps: tuple[Step, ...], first: int = 0) -> None:
        self.steps = steps
        self.headings = [self.heading(index, first) for index in range(len(steps))]
        self.sentences = [safe(step.describe()) for step in steps]
        self.numbers = {id(step): index for index, step in enumerate(steps)}  # two steps may be equal
        self.following, self.next = first > 0, first  # the container's process tells its steps where `create` ran
        self.begun = perf_counter_ns()

    def before(self, step: Step, index: int, context: Context) -> None:
        self.announce(step, index)
        self.start(step, index, context)

    def after(self, step: Step, index: int, context: Context) -> None:
        self.running = -1
        if step.runs_in == context.me and not self.is_told_before(step):  # two come back from fork(2)
            self.tell(index, self.duration(context), result=context.result)
            self.tell_parts(step)
        if index == len(self.steps) - 1 and self.tells_total:
            self.say(f"{'':{COLUMN}}  {shown(perf_counter_ns() - self.begun):>{TIME}}  in all; the program runs")

    def failed(self, error: BaseException, context: Context) -> None:
        why = safe(getattr(error, "reason", str(error)))
        if self.running >= 0:
            self.tell(self.running, self.duration(context), why)
        elif self.following and getattr(error, "details", None):
            place = int(error.details["number"]) - 1  # type: ignore[attr-defined]  # it is a StepError
            self.follow(place)
            self.say(self.headings[place])
            self.tell(place, "", why)

    def descriptors(self) -> tuple[int, ...]:
        return (self.descriptor,)

    def undoing(self, step: Step) -> None:
        if not step.leaves_something():
            return  # it has left nothing
        if not self.undoing_began:
            self.say(self.paint("heading", TAKEN_BACK))
        self.undoing_began = True
        self.tell(self.numbers[id(step)], "")

    # ---- in parts

    def announce(self, step: Step, index: int) -> None:
        """All that comes before the line of the step itself."""
        if self.following:
            self.follow(index)
        if self.headings[index]:
            self.say(self.headings[index])

    def start(self, step: Step, index: int, context: Context) -> None:
        if self.is_told_before(step):
            self.tell(index, "")
        self.silent = self.silent or step.ends_create  # `start` tells the rest
        self.running = index
        self.started = 0 if context.is_filtered else perf_counter_ns()

    def is_told_before(self, step: Step) -> bool:
        """Nobody comes back to tell, or nobody knows when; or the filter wants somebody to be asked about write(2), who
        can't answer before the runtime has handed on the listener (seccomp_unotify(2))."""
        return step.becomes_program or step.ends_create or isinstance(step, LoadFilter)

    def follow(self, index: int) -> None:
        """The container's process is through with its steps up to this one: it has handed over."""
        for place in range(self.next, index):
            if self.steps[place].runs_in != RUNTIME:
                self.say(self.headings[place])
                self.tell(place, "")
        self.next = index + 1

    def heading(self, index: int, first: int) -> str:
        """Where the process or the chapter changes; "" elsewhere."""
        step, last = self.steps[index], self.steps[index - 1]
        if index > first and (step.runs_in, step.chapter) == (last.runs_in, last.chapter):
            return ""
        return self.paint("heading", title(step.chapter, step.runs_in))

    def duration(self, context: Context) -> str:
        """Once a filter holds, looking at the clock may be the call that it kills for: there are machines where the
        kernel has to be asked for the time (vdso(7))."""
        return "" if context.is_filtered or not self.started else shown(perf_counter_ns() - self.started)

    def tell(self, index: int, duration: str, failure: str = "", result: str = "") -> None:
        number, sentence, manual = f"{index + 1:>{COLUMN}}", self.sentences[index], self.steps[index].man
        sentence += f" → {safe(result)}" if result else ""
        room = self.width - COLUMN - TIME - 4 - len(sentence)
        time = self.paint("about", f"{duration:>{TIME}}")
        if failure:
            ending = f"  {self.paint('note', f'FAILED: {failure}')}"
        else:
            ending = self.paint("source", f"{manual:>{room}}") if room > len(manual) + 1 else ""
        self.say(f"{self.paint('number', number)}  {time}  {sentence}{ending}")

    def tell_parts(self, step: Step) -> None:
        """What a hook of minirun's own has done."""
        if step.chapter == "hooks" and step.runs_in == RUNTIME:
            from .hook_parts import parts_of  # only where there are hooks

            for part in parts_of(step):
                self.say(f"{'':{COLUMN}}  {'':{TIME}}  - {safe(part.sentence)}")

    def say(self, line: str) -> None:
        """In one write(2), so that lines of several processes do not mix. That nobody reads them must not keep a
        container from starting."""
        if line and not self.silent:
            put(self.descriptor, f"{line}\n".encode(errors="backslashreplace"))
