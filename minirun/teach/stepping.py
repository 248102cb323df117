"""`--step`: before each step the process whose turn it is asks at the terminal, and waits. Meanwhile one can look at
the container as it is then, from another terminal.

    Enter   do this step          c   do the rest without asking
    q       stop, take all back   ?   what the step is, and where to look

The terminal is opened before the fork. The container's process may read it although it is in another session by then:
job control is only for those whose controlling terminal it is (setsid(2)).
"""

from __future__ import annotations

import mmap
import os
import select
import signal

from ..errors import Interrupted, StateError
from ..kernel.signals import read_signal, signalfd
from ..steps.shell import quoted
from ..steps.state import MakeStateDirectory
from ..steps.step import RUNTIME, Refused
from .explanation import tell
from .narrate import WIDTH, Narrator
from .text import INDENT, details, plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..steps.step import Context, Step
    from .text import Paint

TERMINAL = "/dev/tty"  # tty(4)
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)  # what ends a set-up: runtime/sync.py
GO_ON, STOP = "c", "q"
GOES_ON, ASKS = 0, 1  # whether the answer was `c`; whether a question is open
PROMPT = "{INDENT}next, by process {pid}: {sentence}\n{INDENT}Enter: do it   c: go on   q: stop   ?: help > "

# Where to look while a step of the chapter is next, from another terminal, as root.
LOOK = {
    "books": ("ls -l $directory", "minirun list"),
    "limits": ("cat $cgroup/cgroup.procs", "grep -s . $cgroup/memory.* $cgroup/pids.* $cgroup/cpu.*"),
    "process": ("ls -l /proc/$pid/fd", "grep -E '^(Name|State|PPid|NSpid):' /proc/$pid/status"),
    "namespaces": ("lsns -p $pid", "ls -l /proc/$pid/ns", "cat /proc/$pid/uid_map"),
    "mounts": ("findmnt -N $pid", "cat /proc/$pid/mountinfo", "ls -l /proc/$pid/root/"),
    "devices": ("findmnt -N $pid -t devpts,tmpfs", "ls -l /proc/$pid/root/dev"),
    "hooks": ("ps -o pid,ppid,args --ppid $pid", "ls -l /proc/$pid/ns"),
    "filters": ("grep -E '^(NoNewPrivs|Seccomp)' /proc/$pid/status",),
    "identity": ("grep -E '^(Uid|Gid|Groups|Cap|NoNewPrivs)' /proc/$pid/status", "cat /proc/$pid/limits"),
    "resctrl": ("findmnt -t resctrl", "grep -s $pid /sys/fs/resctrl/*/tasks"),
    "exec": ("ls -l /proc/$pid/exe /proc/$pid/cwd /proc/$pid/root", "ps -o pid,user,args -p $pid"),
}
ALWAYS = ("minirun inspect $pid",)


def open_terminal() -> int:
    """Raises StateError where minirun has none, as in a service or a pipeline of a machine."""
    try:
        return os.open(TERMINAL, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        raise StateError(
            f"--step asks at the terminal, and there is none: {TERMINAL}: {error.strerror}\n"
            "  cure:  --narrate tells the same without asking; script(1) and ssh -t give a terminal"
        ) from None


class Stepper(Narrator):
    """Narrates, and waits before each step."""

    tells_total = False  # mostly, that would be the time that somebody has spent reading

    def __init__(self, descriptor: int, paint: Paint = plain) -> None:
        super().__init__(descriptor, paint)
        self.terminal = open_terminal()
        self.proc = os.open("/proc", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)  # the host's, wherever / will be
        self.signals = -1
        self.shared = mmap.mmap(-1, len((GOES_ON, ASKS)))  # both processes read and write these bytes
        self.last = 0  # the step after which the program may read the terminal itself
        self.helps: list[str] = []
        self.directory = ""
        self.pid = 0

    def prepare(self, steps: tuple[Step, ...], first: int = 0) -> None:
        super().prepare(steps, first)
        self.signals = signalfd(ENDING)
        told = [tell(number, step) for number, step in enumerate(steps, start=1)]
        self.helps = [details((one,), WIDTH, self.paint) for one in told]
        self.last = next((index for index, step in enumerate(steps) if step.becomes_program), 0)
        made = [step for step in steps if isinstance(step, MakeStateDirectory)]
        self.directory = f"{made[0].root}/{made[0].id}" if made else ""

    def before(self, step: Step, index: int, context: Context) -> None:
        self.announce(step, index)
        if not self.shared[GOES_ON] and not step.ends_create and index <= self.last:
            self.ask(step, index, context)
        self.start(step, index, context)

    def failed(self, error: BaseException, context: Context) -> None:
        if self.shared[ASKS]:  # Ctrl-C and Ctrl-D leave the cursor behind the question
            self.write("\n")
        super().failed(error, context)

    def ask(self, step: Step, index: int, context: Context) -> None:
        """Until the answer is one. Raises Refused, Interrupted."""
        self.note_pid(context)
        prompt = PROMPT.format(INDENT=INDENT, pid=self.pid, sentence=self.sentences[index])
        while True:
            self.write(prompt)
            answer = self.read(context)
            if answer in ("", GO_ON):
                self.shared[GOES_ON] = answer == GO_ON
                return
            if answer == STOP:
                raise Refused("stopped before it, as you asked")
            self.write(self.helps[index] + "".join(f"{INDENT}{line}\n" for line in self.places(step, context)))

    def places(self, step: Step, context: Context) -> list[str]:
        """Commands for another terminal, which can be copied as they are."""
        known = {"$pid": str(self.pid), "$cgroup": quoted(context.cgroup), "$directory": quoted(self.directory)}
        lines = ["look from another terminal, as root:"]
        for command in (*LOOK[step.chapter], *ALWAYS):
            if ("$cgroup" in command and not context.cgroup) or ("$directory" in command and not self.directory):
                continue  # there is none
            for name, value in known.items():
                command = command.replace(name, value)
            lines.append(f"  {command}")
        return lines

    def note_pid(self, context: Context) -> None:
        """The container's process, by the host's number: its own getpid(2) is 1 where it has a pid namespace, but the
        host's /proc still says what the host calls it."""
        if context.me == RUNTIME:
            self.pid = context.pid or os.getpid()
        elif not context.is_filtered:
            self.pid = int(os.readlink("self", dir_fd=self.proc))

    def read(self, context: Context) -> str:
        """A line. The end of the input is an answer, too: there is nobody left to ask."""
        self.shared[ASKS] = True
        if context.me == RUNTIME:
            self.wait_for_line()
        try:
            typed = os.read(self.terminal, 1000)
        except OSError:
            return "" if context.is_filtered else STOP
        self.shared[ASKS] = not typed.endswith(b"\n")
        return typed.decode(errors="replace").strip().lower() if typed else STOP

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
