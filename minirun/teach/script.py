"""The plan as a shell script: the same container, built by hand.

The script is started again for each part of the container's process, since a program that gives a process a new
namespace (unshare) or other rights (setpriv) has to be followed by another shell:

    runtime                           the container's process
    cgroup, limits
    bash "$script" inside_1 & ──►     joins the cgroup
                                      exec unshare --pid --fork bash "$script" inside_2
                                      exec unshare … bash "$script" inside_3
    ids, clocks   ◄──── turns ────►   mounts, devices
                                      cd, umask
                                      exec env -i … setpriv … sh -c "$at_last"
    pivot_root, umount ◄───────────   waits
    late limits ──────────────────►   exec PROGRAM

In one point its order is another than minirun's. pivot_root takes the host's commands out of the process's reach, and
setpriv is one of them. So who the process is comes first; it then waits, and the runtime, by nsenter, changes the root
under its feet. What is left after that a shell can do by itself. The directory that it is in by then stays, so `cd`
comes before setpriv, as it does in the plan.
"""

from __future__ import annotations

from itertools import groupby

from ..errors import StateError
from ..safe import safe
from ..steps.cgroup import ChooseCgroup, MakeCgroup
from ..steps.descriptors import AnnounceListeners, CloseFiles, KeepDescriptors, ReopenNull
from ..steps.devices import MakeDevice, MakeSymlink
from ..steps.home import ChangeDirectory, FindHome
from ..steps.hooks import RunHook
from ..steps.keyring import JoinSessionKeyring
from ..steps.labels import LabelMount, OpenExecAttribute, SetExecLabel
from ..steps.limits import EnableControllers
from ..steps.network import MoveNetDevice
from ..steps.notify import MakeNotifyDirectory
from ..steps.other_roots import ChangeRoot, MoveRoot
from ..steps.process import StartContainerProcess
from ..steps.program import DEFAULT_PATH, Execute, FindProgram, ResetSignals, SetUmask
from ..steps.rlimits import SetRlimit
from ..steps.rootfs import BindRootfs, DetachOldRoot, PivotRoot, SetRootPropagation
from ..steps.scheduling import SetMemoryPolicy
from ..steps.scope import ChooseScope
from ..steps.second_fork import AdoptContainer, WriteTimeOffset
from ..steps.shell import PLAIN, between_quotes, in_root, quoted
from ..steps.start_socket import OpenStartSocket
from ..steps.state import MakeStateDirectory, SaveConfig, WriteState
from ..steps.step import CONTAINER, RUNTIME
from ..steps.terminal import BindConsole, UseTerminal
from ..steps.waiting import WaitForStart
from .explanation import steps_of
from .script_frame import BEGINNING, CLOSE_OTHERS, HEAD, REOPEN_NULL, RUNTIME_BEGINS, RUNTIME_ENDS
from .script_lines import on_lines
from .script_part import Entry, Part, comment
from .script_places import HIDING, Places
from .script_programs import looked_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..plan.options import Options
    from ..steps.step import Step

    Numbered = tuple[int, Step]

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
    CloseFiles: "a shell does not mark them first: they are closed already",
    BindConsole: CALLERS,
    UseTerminal: CALLERS,
    ResetSignals: "env has --default-signal for that, further down",
    FindProgram: "exec looks for it by itself",
    OpenExecAttribute: "only the step that writes to it needs it",
    AnnounceListeners: "this script hands on no sockets",
    AdoptContainer: "take_turn looks for it",
}
UNKNOWN: dict[type[Step], str] = {
    ChooseScope: "there is no script for a cgroup that systemd makes\n  cure:  leave --systemd-cgroup out",
    MoveRoot: "there is no script for --no-pivot\n  cure:  leave it out",
    ChangeRoot: "there is no script for a container in the host's mount namespace, where it would have to undo all of "
    'its mounts\n  cure:  {"type": "mount"} in /linux/namespaces',
}
NOT_BORN_THERE = (
    "No shell can have a process begin somewhere else than where it is itself. So this one goes there first."
)
OF_OTHERS = (JoinSessionKeyring, SetMemoryPolicy, SetExecLabel, LabelMount)  # by packages that are not everywhere
ROOT_CHANGES = (PivotRoot, DetachOldRoot)
# No shell takes these for variables, or not with any value.
NO_VARIABLES = frozenset(("_", "PPID", "UID", "EUID", "OPTIND", "LINENO", "SHELLOPTS", "BASHOPTS", "BASH_VERSINFO"))


def script(options: Options, text: bytes | None = None) -> str:
    """The whole script. Raises MinirunError as a run would. `text` stands for config.json."""
    return script_of(steps_of(options, text), options.id, options.bundle, options.uid)


def script_of(steps: tuple[Step, ...], name: str, bundle: str, uid: int = 0) -> str:
    numbered = list(enumerate(steps, start=1))
    parts = Parts(uid)
    for _, group in groupby(numbered, key=in_one_loop):
        parts.add(list(group))
    fork = next((number for number, step in numbered if isinstance(step, StartContainerProcess)), 0)
    needs, command = ("root", "sudo bash FILE") if not uid else (f"the user {uid}", "bash FILE")
    head = comment(HEAD.format(id=name, bundle=bundle, needs=needs, command=command, fork=fork))
    body = list(parts.lines())
    begin = body.index("runtime() {") + 1
    body[begin:begin] = looked_for(body)
    return "\n".join(["#!/bin/bash", *head, *BEGINNING.rstrip().splitlines(), *body, ""])


def in_one_loop(numbered: Numbered) -> object:
    """Many paths in a row are hidden, or made read-only, by the same command."""
    number, step = numbered
    return (type(step), getattr(step, "data", "")) if isinstance(step, HIDING) else number


class Parts:
    """The script while it grows."""

    def __init__(self, uid: int) -> None:
        self.uid = uid  # of whom the script is for
        self.runtime = Part()  # up to the last turn
        self.inside = [Part()]  # the container's process, one shell after the other
        self.after = Part()  # the runtime again, while the container's process waits for the last time
        self.rights: list[tuple[str, str]] = []  # what setpriv is to do, and its words for it
        self.back: list[str] = []  # what a failure takes back
        self.rootfs = ""
        self.places = Places()
        self.finds_home = False
        self.program = Execute((), ())  # by its step
        self.handed: list[str] = []  # words of the program's that its shell could not write
        self.has_forked = False
        self.is_runtimes_turn = False
        self.root_has_changed = False

    def add(self, group: list[Numbered]) -> None:
        """Put steps, most of the time one, where they belong. Raises StateError for one that no script can do."""
        number, step = group[0]
        if type(step) in UNKNOWN:
            raise StateError(UNKNOWN[type(step)])
        told = f"{number}. {step.describe()}" if len(group) == 1 else told_together(group)
        reason = why_not(step)
        if isinstance(step, Execute):
            self.program = step
        elif isinstance(step, WriteTimeOffset):
            self.shift_clock(told, step)
        elif reason:
            self.place(step).add(Entry(heading(step), told, (), reason))
        elif step.runs_in == RUNTIME or self.changes_root(step):
            self.by_runtime(told, step)
        else:
            self.by_container(told, step, group)

    def changes_root(self, step: Step) -> bool:
        return isinstance(step, ROOT_CHANGES) or (self.root_has_changed and isinstance(step, SetRootPropagation))

    def shift_clock(self, told: str, step: WriteTimeOffset) -> None:
        """By unshare(1), in the line that ends the shell before: a program that it starts may be inside the namespace
        already, since newer kernels enter it with execve(2), too. It takes whole seconds."""
        entry = self.inside[-2].entries[-1]
        rest = f" (not here: the {step.nanosecs} ns, since unshare takes whole seconds)" if step.nanosecs else ""
        entry.told.append(told + rest)
        entry.commands[-1] = entry.commands[-1].replace("exec unshare ", f"exec unshare --{step.clock} {step.secs} ", 1)

    def place(self, step: Step) -> Part:
        """Where the lines of an ordinary step go."""
        if step.runs_in == RUNTIME or self.changes_root(step):
            return self.after if self.is_late(step) else self.runtime
        return self.inside[-1]

    def is_late(self, step: Step) -> bool:
        """Of the runtime's steps, whether it waits for the last turn. Limits can't: they need the user from before."""
        return self.root_has_changed and not isinstance(step, SetRlimit)

    def by_runtime(self, told: str, step: Step) -> None:
        self.root_has_changed |= isinstance(step, ROOT_CHANGES)
        if self.has_forked and not self.is_late(step) and not self.is_runtimes_turn:
            self.inside[-1].then("", "hand_over")
            self.runtime.then("", "take_turn")
            self.is_runtimes_turn = True
        self.has_forked |= isinstance(step, StartContainerProcess)
        if isinstance(step, MoveNetDevice):
            names = f"dev {quoted(step.name)} netns $$ name {quoted(step.host_name)}"
            self.back.append(f"    nsenter --net=/proc/self/fd/6 ip link set {names}")
        self.place(step).add(Entry(heading(step), told, runtimes_lines(step, self.uid)))
        if isinstance(step, StartContainerProcess) and step.is_born_inside:
            self.go_inside(step)

    def go_inside(self, step: StartContainerProcess) -> None:
        """A process is born where the shell is that starts it. So this one joins the cgroup, and has a child."""
        lines = [step.cgroup.shell()] if step.cgroup else []
        if step.new_pid_namespace:
            lines.append('exec unshare --pid --fork "$BASH" "$script" inside_2')
            self.inside.append(Part())
        self.inside[0].add(Entry((step.chapter, CONTAINER), NOT_BORN_THERE, lines))

    def by_container(self, told: str, step: Step, group: list[Numbered]) -> None:
        command = step.shell() or ""
        if self.root_has_changed and command.startswith(SETPRIV):
            self.rights.append((told, command.removeprefix(SETPRIV).removesuffix(NEW_SHELL).strip()))
            return
        if self.is_runtimes_turn:
            self.runtime.then("", "echo go >&9")
            self.is_runtimes_turn = False
        if command.endswith(NEW_SHELL):
            following = f'"$BASH" "$script" inside_{len(self.inside) + 1}'
            self.inside[-1].add(Entry(heading(step), told, [command.removesuffix(NEW_SHELL) + following]))
            self.inside.append(Part())
            return
        lines = [*self.places.look_before([step for _, step in group]), *containers_lines(step, group, self.places)]
        self.place(step).add(Entry(heading(step), told, lines))
        self.finds_home |= isinstance(step, FindHome)
        if isinstance(step, BindRootfs):
            self.rootfs = step.path
            self.inside[-1].entries.append(self.places.entry)

    # ---- put together

    def lines(self) -> Iterator[str]:
        seen = [("", "")]  # headings
        yield from (
            "",
            "give_back() {                         # what a failure would take with it",
            "    :",
            *self.back,
            "}",
        )
        yield from ("", "", "runtime() {", *self.beginning(), *self.runtime.lines(seen))
        yield from ["", "echo go >&9"] if self.is_runtimes_turn else []
        yield from ("", "# The container's process is ready but for its root.", "take_turn")
        yield from (*self.after.lines(seen), *RUNTIME_ENDS.rstrip().splitlines(), "}")
        for number, part in enumerate(self.inside, start=1):
            yield from ("", "", f"inside_{number}() {{", *part.lines(seen))
            yield from self.last_words() if number == len(self.inside) else ()
            yield "}"
        yield from (
            "",
            "",
            "set -a                                # what is set from here on, the next parts know, too",
        )
        yield '"${1-runtime}"'

    def beginning(self) -> Iterator[str]:
        whose = "run this as root: sudo bash $0" if not self.uid else f"this is for the user {self.uid}"
        text = RUNTIME_BEGINS.replace("USER_ID", str(self.uid)).replace("NOT_USER", whose)
        yield from text.strip().splitlines()
        yield f"rootfs={quoted(self.rootfs)}"

    def last_words(self) -> Iterator[str]:
        """The last shell of the container's process, which has no host any more, and the program."""
        last = ["echo ready >&8", "read -r _ <&9                  # meanwhile the runtime changes the root"]
        last += ["exec 7<&- 8>&- 9>&-", "unset PWD OLDPWD               # which the shell has added"]
        last += self.variables()
        last.append("exec " + " ".join(map(self.literal, self.program.arguments)))
        mark = "AT_LAST"
        while mark in "\n".join(last).split("\n"):  # an argument may have lines, too
            mark += "_"
        yield from ("", "# What a shell does after that, when it has no commands but its own.")
        yield from (f"IFS= read -r -d '' at_last << '{mark}' || :", *last, mark)
        yield from ("", "exec 7< /                             # the host's root, which the runtime has to find again")
        yield ""
        for told, _ in self.rights:
            yield from comment(told)
        words = ['"$setpriv"', *(option for _, option in self.rights)]
        words.append(" ".join(['"$sh" -ec "$at_last"', *self.parameters()]))
        yield from ("exec env -i --default-signal \\", " \\\n".join(f"    {word}" for word in words))

    def variables(self) -> Iterator[str]:
        """The program's environment, only now: the host's commands are to know nothing of it, as of LD_PRELOAD."""
        for pair in self.program.environment:
            name, _, value = pair.partition("=")
            if name in NO_VARIABLES or not (name.isascii() and name.isidentifier()):
                yield from comment(f"(not here: {name}, which a shell does not take for a variable's name)")
            else:
                yield f"export {name}={self.literal(value)}"
        if not any(pair.startswith("PATH=") for pair in self.program.environment):
            yield f"PATH={DEFAULT_PATH}"
        if self.finds_home:
            yield 'export HOME="$1"'

    def literal(self, word: str) -> str:
        """For the last shell, of which nobody knows whether it has $'…': what takes that is a parameter of its."""
        if word and PLAIN.issuperset(word):
            return word
        if word.replace("\n", "").isprintable():
            return between_quotes(word)
        self.handed.append(word)
        return f'"${{{1 + len(self.handed)}}}"'

    def parameters(self) -> list[str]:
        """$0, the home directory, and then the words from `literal`."""
        if not (self.finds_home or self.handed):
            return []
        return ["sh", '"$HOME"' if self.finds_home else '""', *map(quoted, self.handed)]


def heading(step: Step) -> tuple[str, str]:
    return step.chapter, step.runs_in


def told_together(group: list[Numbered]) -> str:
    (first, step), (last, _) = group[0], group[-1]
    return f"{first}-{last}. {step.replace(path='these paths').describe()}"


def runtimes_lines(step: Step, uid: int) -> list[str]:
    if isinstance(step, StartContainerProcess):
        return ['"$BASH" "$script" inside_1 <&0 & helper=$!']
    if isinstance(step, (*ROOT_CHANGES, SetRootPropagation)):
        return on_root(step, uid)
    lines = or_die(step, on_lines(step.shell() or ""))
    if isinstance(step, ChooseCgroup):
        lines[0] += ' || die "cgroup v2 is not mounted here"'
    if isinstance(step, MakeCgroup):
        lines = ["own_cgroup=$cgroup                    # and what is missing of the way to it", *OWN_CGROUP, *lines]
    if isinstance(step, MoveNetDevice):
        lines.insert(0, 'exec 6< "/proc/$pid/ns/net"            # as long as somebody holds it, its devices live')
    if isinstance(step, EnableControllers) and step.needed:
        lines.append(f"needs_controllers {' '.join(step.needed)}")
    return lines


OWN_CGROUP = ('until [ -e "${own_cgroup%/*}/" ]; do', "    own_cgroup=${own_cgroup%/*}", "done")


def containers_lines(step: Step, group: list[Numbered], places: Places) -> list[str]:
    """Some are others than the step's own, since the container's root is still a directory of the host."""
    command = step.shell() or ""
    if isinstance(step, ReopenNull):
        return REOPEN_NULL.strip().splitlines()
    if isinstance(step, KeepDescriptors):
        return CLOSE_OTHERS.strip().splitlines()
    if isinstance(step, ChangeDirectory):
        return [f"inside {quoted(step.path)}", f"cd {in_root(step.path)}"]
    if isinstance(step, FindHome):
        return on_lines(command.replace("/etc/passwd", in_root("/etc/passwd")))
    if isinstance(step, SetUmask) and step.value is None:
        return ['umask "$callers_umask"']
    if isinstance(step, (MakeDevice, MakeSymlink)) and places.is_kept(step.path):
        place = in_root(step.path)
        return on_lines(f"if [ ! -L {place} ]; then if [ ! -e {place} ]; then {command}; fi; fi")
    if len(group) > 1 and isinstance(step, HIDING):
        words = " ".join(quoted(getattr(other, "path", "")) for _, other in group)
        return on_lines(f"for path in {words}; do {command.replace(in_root(step.path), IN_LOOP)}; done")
    return or_die(step, on_lines(command))


IN_LOOP = '"$rootfs$path"'


def or_die(step: Step, lines: list[str]) -> list[str]:
    """A comparison says nothing by itself."""
    said = quoted(f"cannot {safe(step.describe())}")
    return [
        f"{line} || die {said}" if line.startswith(("[ ", "test ")) and "||" not in line else line for line in lines
    ]


def why_not(step: Step) -> str:
    """Why a step is not in the script; "" where it is."""
    for kind, reason in INSTEAD.items():
        if isinstance(step, kind):
            return reason
    if isinstance(step, SetUmask):
        return ""
    if step.chapter == "resctrl":
        return "few processors have that"
    if isinstance(step, KeepDescriptors) and step.kept:
        return "those that the caller hands on, this script can't tell from its own"
    command = step.shell()
    if command is None:
        return step.no_shell
    return f"not every system has the command: {command}" if isinstance(step, OF_OTHERS) else ""


def on_root(step: Step, uid: int) -> list[str]:
    """A change of the root of a process, made from outside.

    nsenter --root=/ keeps the host's root, and with it the host's commands; the directory to work in is then named by
    way of the process, which holds the old root as its descriptor 7.
    """
    enter = 'nsenter --target "$pid" --mount' + " --user --preserve-credentials" * bool(uid)
    if isinstance(step, PivotRoot):
        return [f'{enter} --wdns="$rootfs" pivot_root . .']
    outside = f'{enter} --root=/ --wd="/proc/$pid/'
    if isinstance(step, DetachOldRoot):
        return [
            "# The host is not to be told of what goes here.",
            f'{outside}fd/7" mount --no-canonicalize --make-rslave .',
            f'{outside}fd/7" umount --no-canonicalize --lazy .',
        ]
    command = (step.shell() or "").removesuffix("/").replace("mount ", "mount --no-canonicalize ")
    return [f'{outside}root" {command}.']
