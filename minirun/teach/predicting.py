"""`p WORDS` at a question of `run --step`: whom to look at before the step and after it, and what to tell of it.

Nothing of the container is changed: all is read by a descriptor of the host's /proc, which reaches behind pivot_root
too, and what is opened for it is closed again, close-on-exec meanwhile.

The plan's own picture of the step (pictured.py) is asked as well. The kernel decides; where the two disagree, that is
said. Where nobody may look, behind the system call filter and after execve(2), the picture alone can tell.
"""

from __future__ import annotations

import os
from stat import S_ISREG

from ..errors import MinirunError, StateError, reason
from ..kernel.telling import put
from ..safe import safe
from ..steps.rootfs import BindRootfs
from .pictured import Pictured, pictured
from .prediction import RIGHT, Prediction, Unknown, in_words, told, understood, verdict, vocabulary
from .seen import changes, look
from .text import INDENT, in_lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..steps.step import Context, Step
    from ..steps.world import World
    from .seen import Seen

NO_FILE = -1
AFTER_EXECVE = "after execve(2) nobody of minirun is left in the process to look, and the program may change anything"
BEHIND_FILTER = "the system call filter may forbid to look, or end the process for it (seccomp(2))"
FILTER = "seccomp"
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

    def __init__(self, proc: int, width: int, write: Callable[[str], None]) -> None:
        self.proc, self.room, self.write = proc, width - len(INDENT), write
        self.file = NO_FILE  # what they are written down in
        self.rootfs = ""
        self.predicted: tuple[str, ...] = ()
        self.before: Seen = {}
        self.pictures: list[Pictured] = []  # of each step

    def prepare(self, steps: tuple[Step, ...], worlds: tuple[World, ...]) -> None:
        bound = next((step.path for step in steps if isinstance(step, BindRootfs)), "")
        self.rootfs = os.path.realpath(bound) if bound else ""  # as mountinfo has it
        self.pictures = pictured(worlds)
        self.sentences = [safe(step.describe()) for step in steps]

    def descriptors(self) -> tuple[int, ...]:
        return () if self.file == NO_FILE else (self.file,)

    def take(self, words: str, step: Step, index: int, pid: int, context: Context) -> str:
        """What to say where it is no prediction of a step that is then done; "" where it is one."""
        try:
            predicted = understood(words)
            if why_not := blindness(step, context):
                return self.text(
                    f"nothing can be compared after this step: {why_not}. {HOW_ELSE}",
                    *self.by_picture(predicted, index),
                )
            if not predicted:
                return self.text(*vocabulary(self.room))
            self.before = look(pid, self.proc, self.rootfs, context)
        except Unknown as error:
            return self.text(str(error), *vocabulary(self.room))
        except (OSError, MinirunError) as error:
            return self.text(unseen(error))
        self.predicted = predicted
        if FILTER in self.pictures[index].words:
            self.tell_before(step, index)
        return ""

    def by_picture(self, predicted: tuple[str, ...], index: int) -> list[str]:
        return [f"By the plan's picture: {told(predicted, self.pictures[index].words)}"] if predicted else []

    def tell_before(self, step: Step, index: int) -> None:
        """Behind the filter not even write(2) may be allowed, and whoever is asked about it has no listener before the
        next step (seccomp_unotify(2)): so before the step, and by its picture."""
        predicted, self.predicted = self.predicted, ()
        self.write(self.text(*self.by_picture(predicted, index)))
        self.write_down(step, index, predicted, self.pictures[index].words)

    def outcome(self, step: Step, index: int, pid: int, context: Context) -> str:
        """What came of it; "" where nothing was predicted."""
        predicted, self.predicted = self.predicted, ()
        if not predicted or step.runs_in != context.me:  # of fork(2) both processes hear
            return ""
        try:
            seen = changes(self.before, look(pid, self.proc, self.rootfs, context))
        except (OSError, MinirunError) as error:
            return self.text(unseen(error))
        is_right = self.write_down(step, index, predicted, seen)
        why = [] if is_right else [explanation(step, self.sentences[index])]
        return self.text(told(predicted, seen), *why, *contradiction(self.pictures[index], seen))

    def write_down(self, step: Step, index: int, predicted: tuple[str, ...], seen: tuple[str, ...]) -> bool:
        """Whether it was right."""
        is_right, picture = verdict(predicted, seen) == RIGHT, self.pictures[index]
        otherwise = (*picture.missing(seen), *picture.more(seen))
        made = Prediction(index + 1, type(step).__name__, self.sentences[index], predicted, seen, is_right, otherwise)
        if self.file != NO_FILE:
            put(self.file, made.line().encode())
        return is_right

    def text(self, *paragraphs: str) -> str:
        return "".join(f"{INDENT}{line}\n" for one in paragraphs for line in in_lines(one, self.room))


def contradiction(picture: Pictured, seen: tuple[str, ...]) -> list[str]:
    """Where the plan's picture of the step is not what the kernel shows."""
    parts = [f"it says that {in_words(words)} changed" for words in [picture.missing(seen)] if words]
    parts += [f"it does not know that {in_words(words)} changed" for words in [picture.more(seen)] if words]
    return [f"the plan's picture has it otherwise: {'; '.join(parts)}. The kernel decides"] if parts else []


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
