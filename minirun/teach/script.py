"""The plan as a shell script: the same container, built by hand.

The script is started again for each part of the container's process, since a program that gives a process a new
namespace (unshare) or other rights (setpriv) has to be followed by another shell:

    runtime                           the container's process
    cgroup, limits
    bash "$0" inside-1 & ────────►    joins the cgroup
                                      exec unshare … bash "$0" inside-2
    ids, clocks   ◄──── turns ────►   mounts, devices
                                      exec env -i … setpriv … sh -c "$at_last"
    pivot_root, umount ◄───────────   waits
    rlimits, late limits ─────────►   cd, umask, exec PROGRAM

In one point its order is another than minirun's. pivot_root takes the host's commands out of the process's reach, and
setpriv is one of them. So who the process is comes first; it then waits, and the runtime, by nsenter, changes the root
under its feet. What is left after that a shell can do by itself.
"""

from __future__ import annotations

from textwrap import wrap

from ..errors import StateError
from ..steps.cgroup import EnableControllers, MakeCgroup
from ..steps.descriptors import KeepDescriptors, ReopenNull
from ..steps.hooks import RunHook
from ..steps.labels import OpenExecAttribute
from ..steps.namespaces import WriteTimeOffset
from ..steps.notify import MakeNotifyDirectory
from ..steps.process import StartContainerProcess
from ..steps.program import ChangeDirectory, Execute, FindHome, FindProgram, ResetSignals, SetUmask, WaitForStart
from ..steps.rootfs import BindRootfs, ChangeRoot, DetachOldRoot, MoveRoot, PivotRoot, SetRootPropagation
from ..steps.scheduling import SetRlimit
from ..steps.scope import ChooseScope
from ..steps.shell import quoted
from ..steps.state import MakeStateDirectory, OpenStartSocket, SaveConfig, WriteState
from ..steps.step import RUNTIME
from ..steps.terminal import BindConsole, UseTerminal
from .explanation import steps_of
from .text import folded, safe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..plan.container import Options
    from ..steps.step import Step

WIDTH = 110
NEW_SHELL = '"$SHELL"'  # how a command ends after which another shell has to go on
SETPRIV = "exec setpriv "
BOOKS = "nothing looks into the books of a container that minirun does not know"
CALLERS = "the program uses the terminal of this script"
INSTEAD: dict[type[Step], str] = {
    MakeStateDirectory: BOOKS,
    SaveConfig: BOOKS,
    WriteState: BOOKS,
    OpenStartSocket: BOOKS,
    MakeNotifyDirectory: BOOKS,
    RunHook: "hooks are told of a container that minirun knows",
    WaitForStart: "this script goes on by itself",
    BindConsole: CALLERS,
    UseTerminal: CALLERS,
    KeepDescriptors: "this script closes what it has opened; what its caller has opened stays open",
    ReopenNull: "after the root has changed, a shell can't tell whose /dev/null it has",
    ResetSignals: "env has --default-signal for that, further down",
    FindProgram: "exec looks for it by itself",
    OpenExecAttribute: "only the step that writes to it needs it",
}
UNKNOWN: dict[type[Step], str] = {
    ChooseScope: "there is no script for a cgroup that systemd makes\n  cure:  leave --systemd-cgroup out",
    MoveRoot: "there is no script for --no-pivot\n  cure:  leave it out",
    ChangeRoot: "there is no script for a container in the host's mount namespace, where it would have to undo all of "
    'its mounts\n  cure:  {"type": "mount"} in /linux/namespaces',
}
OF_OTHERS = ("keyctl", "numactl", "aa-exec", "runcon", "chcon", "resctrl")  # of packages that are not everywhere
ROOT_CHANGES = (PivotRoot, DetachOldRoot)
AT_LAST = (ChangeDirectory, FindHome, SetUmask)  # what is different after the root has changed

HEAD = """
The container {id} of {bundle}, built by hand. Save it as a file and run it as root. It takes bash, util-linux,
hostname, and of iproute2 ip.

The numbers are those of the steps: “minirun explain --step N” says more about each. What a shell can't do is a comment.
The order is another than minirun's in one point: pivot_root takes the host's commands out of the process's reach, and
setpriv is one of them. So setpriv comes first; then the process waits while the runtime changes its root.
"""

BEGINNING = r"""
set -eua                              # what is set here, the later shells know, too
[ -n "${BASH_SOURCE-}" ] || { echo "save this script as a file first: it starts itself again" >&2; exit 1; }

finish() {                            # whatever happens: nothing stays
    [ -z "$helper" ] || kill -KILL "$helper" $pid 2> /dev/null || :
    [ -z "$own_cgroup" ] || echo 1 > "$own_cgroup/cgroup.kill"
    wait
    [ -z "$own_cgroup" ] || rmdir "$own_cgroup" "$cgroups/minirun" 2> /dev/null || :
    rm -r "$work"
}

take_turn() {                         # wait for the container's process, and learn its pid
    until read -r -t 1 pid <&8; do kill -0 "$helper" 2> /dev/null || exit 1; done
}

hand_over() {                         # the container's process waits; its /proc is still the host's
    read -r pid _ < /proc/self/stat
    echo "$pid" >&8
    read -r _ <&9
}

runtime() {
pid= helper= own_cgroup=              # whatever the caller calls so
callers_umask=$(umask)
umask 022
work=$(mktemp -d)
trap finish EXIT
mkfifo "$work/to-runtime" "$work/to-container"
exec 8<> "$work/to-runtime" 9<> "$work/to-container"
"""

AFTER_THE_LAST_TURN = """
echo go >&9
status=0
wait "$helper" || status=$?           # the program's
helper=
exit "$status"
}
"""


def script(options: Options) -> str:
    """The whole script. Raises MinirunError as a run would."""
    return script_of(steps_of(options), options.id, options.bundle)


def script_of(steps: tuple[Step, ...], name: str, bundle: str) -> str:
    parts = Parts()
    for number, step in enumerate(steps, start=1):
        parts.add(number, step)
    head = comment(HEAD.format(id=name, bundle=bundle))
    return "\n".join(["#!/bin/bash", *head, *BEGINNING.rstrip().splitlines(), *parts.lines(), ""])


def comment(text: str) -> Iterator[str]:
    """Words of config.json are among it, which must not end the comment."""
    for number, paragraph in enumerate(text.strip().split("\n\n")):
        yield from ["#"] if number else []
        yield from (f"# {line}" for line in wrap(safe(paragraph.replace("\n", " ")), WIDTH, break_long_words=False))


class Parts:
    """The script while it grows."""

    def __init__(self) -> None:
        self.runtime: list[str] = []  # up to the last turn
        self.inside: list[list[str]] = [[]]  # the container's process, one shell after the other
        self.after: list[str] = []  # the runtime again, while the container's process waits for the last time
        self.rights: list[str] = []  # the words of setpriv
        self.at_last: list[str] = []  # what the last shell does before the program
        self.program = Execute((), ())  # by its step
        self.has_forked = False
        self.is_runtimes_turn = False
        self.root_has_changed = False

    def add(self, number: int, step: Step) -> None:
        """Put a step where it belongs. Raises StateError for one that no script can do."""
        told = ["", *comment(f"{number}. {step.describe()}")]
        command = step.shell() or 'umask "$1"'  # the only one left without: SetUmask, to the caller's
        reason = why_not(step)
        if type(step) in UNKNOWN:
            raise StateError(UNKNOWN[type(step)])
        if isinstance(step, Execute):
            self.program = step
        elif isinstance(step, StartContainerProcess):
            self.has_forked = True
            self.runtime += [*told, '"$BASH" "$0" inside-1 <&0 & helper=$!']
        elif self.changes_root(step):
            self.root_has_changed = True
            self.after += [*told, on_root(step)]
        elif isinstance(step, WriteTimeOffset):
            self.shift_clock(told, step)
        elif reason:
            self.place(step).extend([*told, *comment(f"(not here: {reason})")])
        elif step.runs_in == RUNTIME:
            self.by_runtime(told, command, step)
        else:
            self.by_container(told, command, step)

    def shift_clock(self, told: list[str], step: WriteTimeOffset) -> None:
        """By unshare(1), in the line that ends the shell before: a program that it starts may be inside the namespace
        already, since newer kernels enter it with execve(2), too. It takes whole seconds."""
        *before, line = self.inside[-2]
        shifted = line.replace("exec unshare ", f"exec unshare --{step.clock} {step.secs} ", 1)
        self.inside[-2] = [*before, *told[1:], shifted]

    def changes_root(self, step: Step) -> bool:
        return isinstance(step, ROOT_CHANGES) or (self.root_has_changed and isinstance(step, SetRootPropagation))

    def place(self, step: Step) -> list[str]:
        """Where the lines of an ordinary step go."""
        if step.runs_in == RUNTIME:
            return self.after if self.is_late(step) else self.runtime
        return self.at_last if isinstance(step, AT_LAST) else self.inside[-1]

    def is_late(self, step: Step) -> bool:
        """Of the runtime's steps, whether it waits for the last turn. Limits can't: they need the user from before."""
        return self.root_has_changed and not isinstance(step, SetRlimit)

    def by_runtime(self, told: list[str], command: str, step: Step) -> None:
        if self.has_forked and not self.is_late(step) and not self.is_runtimes_turn:
            self.inside[-1] += ["", "hand_over"]
            self.runtime += ["", "take_turn"]
            self.is_runtimes_turn = True
        lines = folded(command, WIDTH)
        if isinstance(step, EnableControllers):
            lines[-1] += " || :"  # those that nobody needs may be missing
        if isinstance(step, MakeCgroup):
            lines.append("own_cgroup=$cgroup")
        self.place(step).extend([*told, *or_exit(lines)])

    def by_container(self, told: list[str], command: str, step: Step) -> None:
        if self.root_has_changed and command.startswith(SETPRIV):
            self.rights += [*told, command.removeprefix(SETPRIV).removesuffix(NEW_SHELL).strip()]
            return
        if isinstance(step, BindRootfs):
            self.runtime[:0] = [f"rootfs={quoted(step.path)}"]  # the runtime changes the root of it later
        if self.is_runtimes_turn:
            self.runtime.append("echo go >&9")
            self.is_runtimes_turn = False
        if command.endswith(NEW_SHELL):
            following = f'"$BASH" "$0" inside-{len(self.inside) + 1}'
            self.inside[-1] += [*told, command.removesuffix(NEW_SHELL) + following]
            self.inside.append([])
        else:
            self.place(step).extend([*told, *or_exit(folded(command, WIDTH))])

    # ---- put together

    def lines(self) -> Iterator[str]:
        yield from self.runtime
        yield from ["echo go >&9"] if self.is_runtimes_turn else []
        yield from ("", "# The container's process is ready but for its root.", "take_turn", *self.after)
        yield from ("", *AFTER_THE_LAST_TURN.strip().splitlines(), "", 'case "${1-runtime}" in', "runtime) runtime ;;")
        for number, stage in enumerate(self.inside, start=1):
            yield from ("", f"inside-{number})", *without_first_blank(stage))
            yield from self.last_words() if number == len(self.inside) else []
            yield ";;"
        yield "esac"

    def last_words(self) -> Iterator[str]:
        """The last shell of the container's process, which has no host any more, and the program."""
        last = [
            'echo "$0" >&8; read -r _ <&9   # meanwhile the runtime changes the root',
            "exec 8>&- 9>&-",
            *self.at_last,
            "",
            "unset PWD OLDPWD               # which the shell has added",
            "exec " + " ".join(map(quoted, self.program.arguments)),
        ]
        mark = "AT_LAST"
        while mark in "\n".join(last).split("\n"):  # an argument may have lines, too
            mark += "_"
        yield from ("", f"IFS= read -r -d '' at_last << '{mark}' || :", *last, mark, "")
        yield from ("read -r pid _ < /proc/self/stat", *(line for line in self.rights if line.startswith("#")))
        yield "# env, setpriv and sh are the host's still, and PATH is the container's already"
        yield "exec env -i --default-signal \\"
        words = [*map(quoted, self.program.environment), '"$(command -v setpriv)"']
        words += [line for line in self.rights if line and not line.startswith("#")]
        words.append('"$(command -v sh)" -ec "$at_last" "$pid" "$callers_umask"')
        yield " \\\n".join(f"    {word}" for word in words)


def why_not(step: Step) -> str:
    """Why a step is not in the script; "" where it is."""
    for kind, reason in INSTEAD.items():
        if isinstance(step, kind):
            return reason
    if isinstance(step, SetUmask) and step.value is None:
        return ""
    command = step.shell()
    if command is None:
        return step.no_shell
    tool = next((tool for tool in OF_OTHERS if f"{tool} " in command or f"{tool}=" in command), "")
    return f"{tool} is of a package that not every system has: {command}" if tool else ""


def or_exit(lines: list[str]) -> list[str]:
    """`set -e` heeds the last command of a list with && only (bash(1), "set"): what fails before would go unnoticed."""
    return [*lines[:-1], f"{lines[-1]} || exit"] if "&&" in "".join(lines) else lines


def on_root(step: Step) -> str:
    """A change of the root of a process, made from outside.

    nsenter --root=/ keeps the host's root, and with it the host's commands; the directory to work in is then named by
    way of the process.
    """
    enter = "nsenter --target $pid --mount"
    if isinstance(step, PivotRoot):
        return f"{enter} sh -c {quoted(step.shell())}"
    outside = f'{enter} --root=/ --wd="/proc/$pid/root"'
    if isinstance(step, DetachOldRoot):
        return f"{outside} umount --no-canonicalize --lazy ."
    return f"{outside} {(step.shell() or '').removesuffix('/')}."


def without_first_blank(lines: list[str]) -> Iterable[str]:
    return lines[1:] if lines and not lines[0] else lines
