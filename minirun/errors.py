"""What can go wrong, as one tree. Each error says what failed, where, and what to do about it.

    MinirunError                 everything that a user may see; the command line prints it and exits with 1
    ├── ConfigError              config.json is wrong: JSON pointer, what was found, what is allowed
    ├── StepError                the kernel refused a step of the plan: step, call, errno, cure
    ├── ContainerDied            the container's process ended before it could run the program
    ├── StateError               the state directory: an id that is taken, a directory that can't be used
    └── Interrupted              a signal asked minirun to stop while it was still setting up

Every error survives a trip through JSON (`to_json`, `from_json`), because those of the container's process are told by
the runtime's, and those of the runtime's by the program that uses minirun as a library (api/).
"""

from __future__ import annotations

from errno import EAGAIN, EDQUOT, EIO, EMFILE, ENFILE, ENOENT, ENOMEM, ENOSPC, errorcode
from os import strerror

from .safe import safe, safe_lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self

# What can be scarce wherever a file is opened or written, and what helps.
SHORTAGES = {
    EMFILE: "let minirun open more files at once: ulimit -n",
    ENFILE: "let all programs together open more files: sysctl fs.file-max",
    ENOMEM: "this host is out of memory: free -m; or the cgroup that minirun itself runs in is at its limit",
    ENOSPC: "a file system is full: df, df -i",
    EDQUOT: "a quota is used up: quota(1)",
    EIO: "a disk fails: dmesg",
    EAGAIN: "let this user have more processes: ulimit -u; or minirun's own cgroup: pids.max",
}
MISSING = {"/proc/": "mount -t proc proc /proc", "/dev/null": "mknod -m 666 /dev/null c 1 3"}
FILTERED = "something around minirun may keep it from this: a system call filter, a security module (dmesg), a sandbox"


class MinirunError(Exception):
    """A failure that minirun explains to its user."""

    exit_status = 1

    def __str__(self) -> str:
        """The line breaks are minirun's: who puts a value into a message sees to those in there, by !r or safe."""
        return safe_lines(super().__str__())

    @property
    def cure(self) -> str:
        """What helps; "" where minirun does not know."""
        return str(self).partition(CURE)[2].partition("\n")[0]

    def to_json(self) -> dict[str, Any]:
        return {"values": list(self.args)}

    @classmethod
    def from_json(cls, details: dict[str, Any]) -> Self:
        return cls(*details["values"])


CURE = "\n  cure:  "  # how a message goes on with what helps


def reason(error: OSError) -> str:
    """ "permission denied (EACCES)": lower case, as engines match it."""
    text = strerror(error.errno or 0)
    return f"{text[:1].lower()}{text[1:]} ({errorcode.get(error.errno or 0, error.errno)})"


def unexpected(error: Exception) -> str:
    """The message for what nothing in minirun has foreseen: the kernel has refused something, or minirun is wrong."""
    if isinstance(error, OSError):
        return refused(error)
    if isinstance(error, MemoryError):
        return f"no memory is left{CURE}{SHORTAGES[ENOMEM]}; or minirun's own limit is too small: ulimit -v"
    if isinstance(error, ImportError):
        return f"a part of minirun's installation can't be used: {error}{CURE}install it again, with all that it needs"
    return f"unexpected: {error!r}{CURE}this is a fault of minirun; --debug shows where"


def refused(error: OSError) -> str:
    """The message for a system call that has failed outside of any step."""
    return f"can't go on: {reason(error)}\n  call:  {safe(call_of(error))}{CURE}{remedy(error)}"


def call_of(error: OSError) -> str:
    """The call as C has it, where it went through kernel/libc.py; else who has Python make it, and on what."""
    shown: str = getattr(error, "shown", "")
    place = f", {error.filename}" if error.filename else ""
    return shown or f"in {caller_of(error)}{place}"


def caller_of(error: OSError) -> str:
    """The innermost function of the traceback: "reap (foreground.py)"."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    code = trace.tb_frame.f_code if trace else None
    return f"{code.co_name} ({code.co_filename.rpartition('/')[2]})" if code else "Python"


def remedy(error: OSError) -> str:
    """What helps, as far as errno and call tell."""
    if error.errno == ENOENT:
        return next((cure for place, cure in MISSING.items() if place in call_of(error)), "see why it is missing")
    return SHORTAGES.get(error.errno or 0, FILTERED)


class ConfigError(MinirunError):
    """config.json can't be used.

    `pointer` is the place as a JSON pointer (RFC 6901), `found` what stands there, `allowed` what may stand there.
    Of a text that is no JSON, `line` is the one with the mistake, and `column` where in it, from 0 on. `number` is that
    of the line to which the pointer leads, from 1 on; 0 if nobody has looked, or if the value is in no file.
    """

    def __init__(
        self, pointer: str, found: str, allowed: str, line: str = "", column: int = 0, number: int = 0
    ) -> None:
        super().__init__(pointer, found, allowed, *((line, column, number) if line or number else ()))
        self.pointer, self.found, self.allowed = pointer, found, allowed
        self.line, self.column, self.number = line, column, number

    def in_line(self, number: int) -> ConfigError:
        """The same error, at this line of the file."""
        return ConfigError(self.pointer, self.found, self.allowed, self.line, self.column, number)

    def __str__(self) -> str:
        place, found, allowed = map(safe, (self.pointer or "the top level", self.found, self.allowed))
        known = next((f"{words}: " for start, words in KNOWN_AS.items() if self.pointer.startswith(start)), "")
        return f"config.json: {place}{in_line(self.number)}: {known}{found}\n{self.excerpt()}  allowed: {allowed}"

    def excerpt(self) -> str:
        """The line with a caret below the mistake."""
        return f"  line:    {safe(self.line)}\n           {' ' * self.column}^\n" if self.line else ""


def in_line(number: int) -> str:
    """What stands behind a place of which the line is known."""
    return f" (line {number})" if number else ""


# What other runtimes call an error at these places, where callers look for that.
KNOWN_AS = {
    "/linux/memoryPolicy/mode": "invalid memory policy mode",
    "/linux/memoryPolicy/flags": "invalid memory policy flag",
    "/linux/memoryPolicy/nodes": "invalid memory policy node",
}


STOPPED = "stopped before it, as you asked"  # the reason of a StepError that is no failure


class StepError(MinirunError):
    """A step of the plan failed. `number` counts from 1; `place` is its origin in config.json, "" if it has none. Where
    that is another document, `document` says which."""

    def __init__(
        self,
        number: int,
        total: int,
        sentence: str,
        place: str,
        reason: str,
        *,
        call: str = "",
        cure: str = "",
        manual: str = "",
        document: str = "in config.json",
    ) -> None:
        super().__init__(sentence)
        texts = {"sentence": sentence, "place": place, "reason": reason, "call": call, "cure": cure, "manual": manual}
        # Short enough for one message, and for a screen: arguments may be a megabyte long.
        clipped = {name: text if len(text) <= 600 else text[:600] + "…" for name, text in texts.items()}
        self.details: dict[str, Any] = {"number": number, "total": total, **clipped, "document": document}

    @property
    def pointer(self) -> str:
        """The step's origin in config.json, as a JSON pointer."""
        return str(self.details["place"])

    @property
    def reason(self) -> str:
        """Why not, such as "permission denied (EACCES)"."""
        return str(self.details["reason"])

    @property
    def call(self) -> str:
        """The system call with its arguments; "" where none failed."""
        return str(self.details["call"])

    @property
    def cure(self) -> str:
        return str(self.details["cure"])

    def to_json(self) -> dict[str, Any]:
        return self.details

    @classmethod
    def from_json(cls, details: dict[str, Any]) -> Self:
        return cls(**details)

    def __str__(self) -> str:
        told = {name: safe(str(value)) for name, value in self.details.items()}
        if self.reason == STOPPED:
            return f"stopped before step {told['number']} of {told['total']}, as you asked"
        origin = f", from {told['place']} {told['document']}" if told["place"] else ""
        lines = [f"can't {told['sentence']}: {told['reason']}"]
        lines += [f"  step:  {told['number']} of {told['total']}{origin}"] if self.details["total"] else []
        lines += [f"  {name + ':':6} {told[key]}" for name, key in ROWS if told[key]]
        return "\n".join(lines)


ROWS = (("call", "call"), ("cure", "cure"), ("see", "manual"))


class ContainerDied(MinirunError):
    """The container's process ended during its set-up, without a word: somebody killed it, or memory ran out."""


class StateError(MinirunError):
    """The state directory can't be used as asked."""


class Interrupted(MinirunError):
    """A signal asked for an end during the set-up. The exit status is the shell's: 128 + the signal's number."""

    def __init__(self, signal_number: int, name: str) -> None:
        super().__init__(signal_number, name)
        self.exit_status = 128 + signal_number

    def __str__(self) -> str:
        return f"stopped by {self.args[1]} while the container was being set up"


KINDS = {kind.__name__: kind for kind in (MinirunError, ConfigError, StepError, ContainerDied, StateError, Interrupted)}
