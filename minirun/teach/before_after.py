"""`run --narrate=full`: what has become of the container's process, beside minirun's own, as `inspect` shows it.

The moment is that of the runtime's last step before the program: the other process waits for its turn, so nothing
changes while it is looked at, and a program that ends at once is no worse than any other. What is still to come by then
is said: execve(2), and with no_new_privs the filter. After it nobody could stop the process but a tracer (ptrace(2)).
"""

from __future__ import annotations

import os
from time import perf_counter_ns

from ..errors import MinirunError
from ..safe import safe
from ..steps.step import RUNTIME, Observer
from .inspection import look
from .inspection_text import text, wrapped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..steps.step import Context, Step
    from .inspection import Facts
    from .narrate import Narrator
    from .panels import Stage

TITLE = "BEFORE AND AFTER: the container's process beside the runtime"
EXECVE = (
    "execve(2) then closes what is marked so, and works out the capabilities anew: root gets those of the bounding "
    "set, other users keep the ambient ones (capabilities(7))"
)


class BeforeAndAfter(Observer):
    """Shows the process once. `narrator` does the writing, and must not count the time."""

    def __init__(self, narrator: Narrator) -> None:
        self.narrator = narrator
        self.steps: Sequence[Step] = ()
        self.program = self.moment = 0
        self.is_shown = False
        self.seen: tuple[int, Facts, Facts] | None = None  # after which step, the process, the runtime

    def prepare(self, steps: tuple[Step, ...], first: int = 0) -> None:
        self.steps = steps
        self.program = next(index for index, step in enumerate(steps) if step.becomes_program)
        self.moment = max(index for index in range(self.program) if steps[index].runs_in == RUNTIME)

    def after(self, step: Step, index: int, context: Context) -> None:
        """An ordinary user may not look into the process before it is the program (steps/process.py: CloseToTracers),
        so there a later step is tried."""
        if context.me != RUNTIME or index < self.moment or self.is_shown:
            return
        begun = perf_counter_ns()
        try:
            self.show(index, context)
        except MinirunError as error:
            if index == len(self.steps) - 1:
                self.narrator.say(self.narrator.paint("note", f"there is no picture: {safe(str(error))}"))
        self.narrator.begun += perf_counter_ns() - begun

    def show(self, index: int, context: Context) -> None:
        """Raises StateError where the process can't be looked at."""
        process, own = look(context.pid), look(os.getpid()).replace(command="minirun, the runtime")
        self.seen = index, process, own
        if index < self.program:
            process = process.replace(command=f"minirun, until step {self.program + 1}")
        narrator = self.narrator
        lines = ["", narrator.paint("heading", TITLE), *self.moment_told(index)]
        narrator.say("\n".join([*lines, text(process, own, narrator.width, narrator.paint)]))
        self.is_shown = True

    def stage(self) -> tuple[int, Stage] | None:
        """What was seen, in the words of the film: for the timeline."""
        from .as_seen import stage_seen

        return (self.seen[0], stage_seen(self.seen[1], self.seen[2])) if self.seen else None

    def moment_told(self, index: int) -> list[str]:
        """What the picture can't show."""
        width = self.narrator.width
        if index > self.program:
            return wrapped("as the program runs", width)
        coming = [f"{number + 1} {self.narrator.sentences[number]}" for number in range(index + 1, self.program + 1)]
        return [*wrapped(f"as it waits; still to come: {', '.join(coming)}", width), *wrapped(EXECVE, width)]
