"""`--step`: before each step the process whose turn it is asks at the terminal, and waits. Meanwhile one can look at
the container as it is then, from another terminal.

    Enter   do this step          c         do the rest without asking
    q       stop, take all back   n         go on to the next chapter
    ?       what the step is,     g 54      to step 54
            and where to look     /pivot    to the next step that has this word
    s       the container now     b         what the step before this has changed, and again: the one before
                                  p WORDS   do this step, and see whether it has changed that (teach/predicting.py)

The terminal is opened before the fork. The container's process may read it although it is in another session by then:
job control is only for those whose controlling terminal it is (setsid(2)).
"""

from __future__ import annotations

import mmap
import os
import select
import signal
import sys
from os.path import exists
from shutil import which

from ..errors import STOPPED, Interrupted, StateError
from ..kernel.signals import ENDING, read_signal, signalfd
from ..spec.reader import shown
from ..steps.layout import DEFAULT_ROOT
from ..steps.other_roots import MoveRoot
from ..steps.rootfs import BindRootfs, PivotRoot
from ..steps.shell import quoted
from ..steps.state import MakeStateDirectory
from ..steps.step import RUNTIME, Refused
from .explanation import tell
from .film import film, start_as
from .inspection import look
from .narrate import WIDTH, Narrator
from .panels import changes_told, stage, stage_told
from .predicting import Predictor
from .text import INDENT, details, plain
from .way import Way

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..steps.step import Context, Step
    from .text import Paint

TERMINAL = "/dev/tty"  # tty(4)
STOP, PREDICT, BACK, NOW, HELP = "q", ("p", "predict"), "b", "s", ("?", "h", "help")
LONGEST = 4096  # bytes of a line: a terminal takes no more (termios(3), canonical mode)
PROMPT = (
    "{INDENT}next, by process {pid}: {sentence}\n{INDENT}Enter: do it   p: predict   c: go on   q: stop   ?: help > "
)
ANSWERS = (
    "n: go on to the next chapter   g 54: to step 54   /pivot: to a step with this word",
    "s: the container as it is now   b: what the step before this one has changed; again: the one before that",
)

# Where to look while a step of the chapter is next, from another terminal, as root. $root is the container's root
# directory as the process has it by then; what is not there yet is left out.
LOOK = {
    "books": ("ls -l $directory", "$minirun list"),
    "limits": ("cat $cgroup/cgroup.procs", "ls $cgroup", "grep -s . $cgroup/*.max"),
    "process": ("ls -l /proc/$pid/fd", "grep -E '^(Name|State|PPid|NSpid):' /proc/$pid/status"),
    "namespaces": ("lsns -p $pid", "nsenter -t $pid -u hostname", "cat /proc/$pid/uid_map"),
    "mounts": ("findmnt -N $pid", "cat /proc/$pid/mountinfo", "ls -l $root/"),
    "devices": ("findmnt -N $pid -t devpts,tmpfs", "ls -l $root/dev"),
    "hooks": ("ps -o pid,ppid,args -p $pid", "ls -l /proc/$pid/ns"),
    "filters": ("grep -E '^(NoNewPrivs|Seccomp)' /proc/$pid/status",),
    "identity": ("grep -E '^(Uid|Gid|Groups|Cap|NoNewPrivs)' /proc/$pid/status", "cat /proc/$pid/limits"),
    "resctrl": ("findmnt -t resctrl", "grep -s $pid /sys/fs/resctrl/*/tasks"),
    "checkpoint": ("ls -l /proc/$pid/fd", "cat /proc/$pid/mountinfo"),
    "exec": ("ls -l /proc/$pid/exe /proc/$pid/cwd /proc/$pid/root", "ps -o pid,user,args -p $pid"),
}
ALWAYS = ("$minirun inspect $pid",)


def open_terminal() -> int:
    """Raises StateError where minirun has none, as in a service or a pipeline of a machine; or has it in the
    background, where the container's process would read what is typed for the shell."""
    try:
        terminal = os.open(TERMINAL, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        raise StateError(
            f"--step asks at the terminal, and there is none: {TERMINAL}: {error.strerror}\n"
            "  cure:  --narrate tells the same without asking; script(1) and ssh -t give a terminal"
        ) from None
    if os.tcgetpgrp(terminal) != os.getpgrp():
        raise StateError(
            "--step asks at the terminal, and minirun runs in the background there\n"
            "  cure:  start it in the foreground, without &"
        )
    return terminal


def own_command(root: str) -> str:
    """How to call this minirun in another terminal, where it may not be in the PATH, nor know of `root`."""
    beside_python = os.path.join(os.path.dirname(sys.executable), "minirun")  # where pip puts it
    name = "minirun" if not exists(beside_python) or which("minirun") == beside_python else quoted(beside_python)
    return name if root == DEFAULT_ROOT else f"{name} --root {quoted(root)}"


class Stepper(Narrator):
    """Narrates, and waits before each step."""

    tells_total = False  # mostly, that would be the time that somebody has spent reading

    def __init__(self, descriptor: int, paint: Paint = plain, width: int = WIDTH) -> None:
        super().__init__(descriptor, paint, width)
        self.terminal = open_terminal()
        self.proc = os.open("/proc", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)  # the host's, wherever / will be
        self.predictor = Predictor(self.proc, width, self.write)
        self.signals = -1
        self.way = Way()
        self.asks = mmap.mmap(-1, 1)  # whether a question is open; both processes read and write it
        self.last = 0  # after this step the terminal is the program's, or with `create` again the shell's
        self.helps: list[str] = []
        self.changes: list[str] = []  # of each step
        self.stages: list[str] = []  # before each step, and behind the last
        self.back = 0  # the step that is looked back at
        self.known: dict[str, str] = {}  # what stands for a word of LOOK
        self.minirun = ""  # how to call it
        self.rootfs = ""  # where the root directory is put together, in the process's mount namespace
        self.changes_root = 0  # the step from which on it is the process's root
        self.pid = 0

    def prepare(self, steps: tuple[Step, ...], first: int = 0) -> None:
        super().prepare(steps, first)
        self.signals = signalfd(ENDING)
        worlds = film(steps, start_as(look(os.getpid())))
        self.predictor.prepare(steps, worlds)
        stages = tuple(map(stage, worlds))
        self.way.steps = told = [tell(number, step, stages) for number, step in enumerate(steps, start=1)]
        self.helps = [details((one,), self.width, self.paint) for one in told]
        self.changes = [self.indented(*changes_told(one.changes)) for one in told]
        self.stages = [self.indented(*stage_told(one)) for one in stages]
        self.last = next((index for index, step in enumerate(steps) if step.ends_create or step.becomes_program), 0)
        made = next((step for step in steps if isinstance(step, MakeStateDirectory)), None)
        self.known["$directory"] = f"{made.root}/{made.id}" if made else ""
        self.minirun = own_command(made.root if made else DEFAULT_ROOT)
        self.rootfs = next((step.path for step in steps if isinstance(step, BindRootfs)), "")
        self.changes_root = next((i for i, step in enumerate(steps) if isinstance(step, (PivotRoot, MoveRoot))), 0)

    def descriptors(self) -> tuple[int, ...]:
        """With the host's /proc: who steps through `exec` into a container trusts it for so long."""
        return (*super().descriptors(), self.terminal, self.proc, self.signals, *self.predictor.descriptors())

    def before(self, step: Step, index: int, context: Context) -> None:
        self.announce(step, index)
        if self.way.asks_at(index) and not step.ends_create and index <= self.last:
            self.ask(step, index, context)
        self.start(step, index, context)

    def after(self, step: Step, index: int, context: Context) -> None:
        super().after(step, index, context)
        if step.runs_in == context.me and self.way.asks_at(index) and not context.is_filtered:
            self.write(self.changes[index])
        if self.predictor.predicted:
            self.note_pid(context)
            self.write(self.predictor.outcome(step, index, self.pid, context))

    def failed(self, error: BaseException, context: Context) -> None:
        if self.asks[0]:  # Ctrl-C and Ctrl-D leave the cursor behind the question
            self.write("\n")
        super().failed(error, context)

    def ask(self, step: Step, index: int, context: Context) -> None:
        """Until the answer is one. Raises Refused, Interrupted."""
        self.note_pid(context)
        acting = os.getpid() if context.me == RUNTIME else self.pid
        prompt = PROMPT.format(INDENT=INDENT, pid=acting, sentence=self.sentences[index])
        self.back = index
        while True:
            self.write(prompt)
            answer = self.read(context)
            if answer.lower() == STOP:
                raise Refused(STOPPED)
            reply = self.reply(answer, step, index, context)
            if not reply:
                return
            self.write(reply)

    def reply(self, answer: str, step: Step, index: int, context: Context) -> str:
        """What to say before the question is asked again; "" where the step may come."""
        word, _, words = answer.partition(" ")
        if word.lower() in PREDICT:
            return self.predictor.take(words, step, index, self.pid, context)
        if answer.lower() == BACK:
            return self.look_back()
        if answer.lower() == NOW:
            return self.stages[index]
        try:
            goal = self.way.goal(answer, index) if answer else index
        except ValueError as error:
            return self.indented(str(error))
        if goal is None and answer.lower() in HELP:
            return self.helps[index] + self.indented(*ANSWERS, *self.places(step, index, context))
        if goal is None:
            return self.indented(f"{shown(answer)} is no answer here", *ANSWERS)
        self.way.go_to(goal)
        return ""

    def look_back(self) -> str:
        if not self.back:
            return self.indented("nothing has been before the first step")
        self.back -= 1
        was = f"{self.back + 1} of {len(self.steps)} was: {self.sentences[self.back]}"
        return self.indented(was) + (
            self.changes[self.back] or self.indented("It has changed nothing that the picture has")
        )

    def indented(self, *lines: str) -> str:
        return "".join(f"{INDENT}{line}\n" for line in lines)

    def places(self, step: Step, index: int, context: Context) -> list[str]:
        """Commands for another terminal, which can be copied as they are."""
        self.known["$pid"] = str(self.pid)
        self.known["$cgroup"] = context.cgroup
        self.known["$root"] = f"/proc/{self.pid}/root" + (self.rootfs if index <= self.changes_root else "")
        lines = ["look from another terminal now, and again after Enter, as root:"]
        for command in (*LOOK[step.chapter], *ALWAYS):
            named = {name: value for name, value in self.known.items() if name in command}
            if all(is_there(value, context) for value in named.values()):
                for name, value in named.items():
                    command = command.replace(name, quoted(value))
                lines.append(f"  {command.replace('$minirun', self.minirun)}")
        return lines

    def note_pid(self, context: Context) -> None:
        """The container's process, by the host's number: its own getpid(2) is 1 where it has a pid namespace, but the
        host's /proc still says what the host calls it."""
        if context.me == RUNTIME:
            # Who has handed over, since a helper that forks into a PID namespace has ended by then.
            self.pid = context.sender or context.pid or os.getpid()
        elif not context.is_filtered:
            self.pid = int(os.readlink("self", dir_fd=self.proc))

    def read(self, context: Context) -> str:
        """A line. The end of the input is an answer, too: there is nobody left to ask."""
        self.asks[0] = True
        if context.me == RUNTIME:
            self.wait_for_line()
        try:
            typed = os.read(self.terminal, LONGEST)
        except OSError:
            return "" if context.is_filtered else STOP
        self.asks[0] = not typed.endswith(b"\n")
        return typed.decode(errors="replace").strip() if typed else STOP

    def wait_for_line(self) -> None:
        """The runtime has blocked its signals, so Ctrl-C would not end a read(2). Raises Interrupted."""
        poll = select.poll()
        poll.register(self.terminal, select.POLLIN)
        poll.register(self.signals, select.POLLIN)
        if self.signals in dict(poll.poll()):
            number = read_signal(self.signals)
            raise Interrupted(number, signal.Signals(number).name)

    def write(self, text: str) -> None:
        try:
            os.write(self.terminal, text.encode(errors="backslashreplace"))
        except OSError:
            pass


def is_there(value: str, context: Context) -> bool:
    """A path that there is, or a number. The container's process can't look, which has another root; but what it has
    the path of was made before it."""
    if context.me != RUNTIME or not value.startswith("/"):
        return bool(value)
    return exists(value)
