"""`p WORDS` at a question of `run --step`: whom to look at before the step and after it, and what to tell of it.

Nothing of the container is changed: all is read by a descriptor of the host's /proc, which reaches behind pivot_root
too, and what is opened for it is closed again, close-on-exec meanwhile.
"""

from __future__ import annotations

import os
from stat import S_ISREG

from ..errors import MinirunError, StateError, reason
from ..kernel.files import put
from ..safe import safe
from ..steps.rootfs import BindRootfs
from .prediction import RIGHT, Prediction, Unknown, told, understood, verdict, vocabulary
from .seen import changes, look
from .text import INDENT, in_lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..steps.step import Context, Step
    from .seen import Seen

NO_FILE = -1
AFTER_EXECVE = "after execve(2) nobody of minirun is left in the process to look, and the program may change anything"
BEHIND_FILTER = "the system call filter may forbid to look, or end the process for it (seccomp(2))"
BY_SUCCESS = ("seccomp",)  # of the step that loads it: no more than that it succeeded can be known behind a filter
HOW_ELSE = "From another terminal, root can look: ? says where"


def open_file(path: str) -> int:
    """What predictions are written down in, behind what is there. Raises StateError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK | os.O_CLOEXEC  # a FIFO would wait for a reader
    try:
        descriptor = os.open(path, flags, 0o666)  # less the caller's umask
    except OSError as error:
        raise StateError(
            f"can't write down predictions in {safe(path)}: {reason(error)}\n  cure:  name a file that you may write to"
        ) from None
    if S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise StateError(f"{safe(path)} is no regular file\n  cure:  name a new file for --predictions")


class Predictor:
    """Knows of one prediction at a time: that of the step at hand."""

    def __init__(self, proc: int, width: int) -> None:
        self.proc, self.room = proc, width - len(INDENT)
        self.file = NO_FILE  # what they are written down in
        self.rootfs = ""
        self.predicted: tuple[str, ...] = ()
        self.before: Seen = {}
        self.unsaid = "", ""  # a line to write down, and what to tell

    def prepare(self, steps: tuple[Step, ...]) -> None:
        bound = next((step.path for step in steps if isinstance(step, BindRootfs)), "")
        self.rootfs = os.path.realpath(bound) if bound else ""  # as mountinfo has it

    def descriptors(self) -> tuple[int, ...]:
        return () if self.file == NO_FILE else (self.file,)

    def take(self, words: str, step: Step, pid: int, context: Context) -> str:
        """What to say where it is no prediction; "" where it is one."""
        why_not = blindness(step, context)
        if why_not:
            return self.text(f"nothing can be compared after this step: {why_not}. {HOW_ELSE}")
        try:
            predicted = understood(words)
            if not predicted:
                return self.text(*vocabulary(self.room))
            self.before = look(pid, self.proc, self.rootfs, context)
        except Unknown as error:
            return self.text(str(error), *vocabulary(self.room))
        except (OSError, MinirunError) as error:
            return self.text(unseen(error))
        self.predicted = predicted
        return ""

    def outcome(self, step: Step, index: int, sentence: str, pid: int, context: Context) -> str:
        """What came of it; "" where nothing was predicted, or it has to be said later."""
        predicted, self.predicted = self.predicted, ()
        if not predicted or step.runs_in != context.me:  # of fork(2) both processes hear
            return ""
        try:
            changed = BY_SUCCESS if context.is_filtered else self.changed(pid, context)
        except (OSError, MinirunError) as error:
            return self.text(unseen(error))
        is_right = verdict(predicted, changed) == RIGHT
        made = Prediction(index + 1, type(step).__name__, sentence, predicted, changed, is_right)
        said = self.text(told(predicted, changed), *([] if is_right else [explanation(step, sentence)]))
        if context.is_filtered:
            self.unsaid = made.line(), said
            return ""
        self.write_down(made.line())
        return said

    def changed(self, pid: int, context: Context) -> tuple[str, ...]:
        return changes(self.before, look(pid, self.proc, self.rootfs, context))

    def late(self) -> str:
        """What the filter has kept from being said: whoever is asked about write(2) has the listener by the next step
        (seccomp_unotify(2))."""
        (line, said), self.unsaid = self.unsaid, ("", "")
        if line:
            self.write_down(line)
        return said

    def write_down(self, line: str) -> None:
        if self.file != NO_FILE:
            put(self.file, line.encode())

    def text(self, *paragraphs: str) -> str:
        return "".join(f"{INDENT}{line}\n" for one in paragraphs for line in in_lines(one, self.room))


def blindness(step: Step, context: Context) -> str:
    """Why the process can't look at itself when the step is done; "" where it can."""
    if step.becomes_program:
        return AFTER_EXECVE
    return BEHIND_FILTER if context.is_filtered else ""


def unseen(error: Exception) -> str:
    """An ordinary user may not look at a process that is closed to tracers (steps/process.py: CloseToTracers)."""
    why = reason(error) if isinstance(error, OSError) else str(error).partition("\n")[0]
    return f"it can't be seen from here what changes: {safe(why)}. {HOW_ELSE}"


def explanation(step: Step, sentence: str) -> str:
    """In the step's own words."""
    why = " ".join((type(step).__doc__ or "").split())
    return f"why: {why}" if why else f"why: the step is to {sentence}, and no more"
