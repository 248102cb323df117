"""Lab 01. Namespaces that are quickly understood: host name, message queue and clock, which only some processes have.

The queue is a POSIX one, since those have names (mq_overview(7)), by which it is known whose it is.
"""

from __future__ import annotations

import os
import socket
from time import CLOCK_BOOTTIME, clock_gettime

from ...kernel.mounts import new_mount
from ...teach.mount_tree import parse
from .. import look
from ..lab import Finding, Goal, Lab, done, not_yet, question, wrong
from ..needs import ROOT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..desk import Desk

NAME = QUEUE = "lab01"
KEPT, KEPT_NAME = "kept", "lab01-kept"
OFFSET = 10 * 24 * 60 * 60  # seconds
TOLERANCE = 5  # seconds between two looks at two clocks
HAS_TIME = os.path.exists("/proc/self/ns/time")  # CONFIG_TIME_NS; not in User-mode Linux


def make(desk: Desk) -> None:
    desk.kept["hostname"] = look.host_name(look.host().pid)


def clear(desk: Desk) -> None:
    """Of the machine's own, which no reset of a directory brings back: its name, and its queues."""
    old, machine = desk.kept.get("hostname", ""), look.host().pid
    if old and look.host_name(machine).startswith(NAME):
        look.inside(machine, ("uts",), lambda: socket.sethostname(old))
    look.inside(machine, ("ipc",), remove_queues)


# ---- host names


def name(_desk: Desk) -> Finding:
    machine = look.host_name(look.host().pid)
    if machine == NAME:
        return wrong("host_renamed", f"the machine itself is called {NAME}", "the machine keeps its name")
    names = {pid: look.host_name(pid) for pid in look.apart("uts")}
    named = next((pid for pid, found in names.items() if found == NAME), None)
    if named:
        return done(f"process {named} is on {NAME}, the machine is {machine}")
    return not_yet(f"a process whose host is called {NAME}, in a UTS namespace of its own")


def kept(desk: Desk) -> Finding:
    path = desk.file(KEPT)
    expected = f"a UTS namespace mounted on {path}, with the name {KEPT_NAME}"
    mounted = next((one for one in parse(look.read("/proc/self/mountinfo") or "") if one.point == path), None)
    if mounted is None:
        if os.path.exists(path):
            return wrong("kept_is_a_file", "a file that nothing is mounted on", expected)
        return not_yet(expected)
    if not mounted.root.startswith("uts:"):
        return wrong("kept_of_another_kind", mounted.root, expected)
    found = look.within([path], lambda: os.uname().nodename)
    return done(f"{mounted.root} is called {found}") if found == KEPT_NAME else not_yet(expected, f"it is {found}")


# ---- queues


def queues() -> list[str]:
    """Those of the caller's IPC namespace."""
    return os.listdir(opened_queues())


def remove_queues() -> None:
    directory = opened_queues()
    for found in os.listdir(directory):
        if found.startswith(QUEUE):
            os.unlink(found, dir_fd=directory)


def opened_queues() -> int:
    """A new mount of their file system shows them, wherever one is mounted. Its descriptor is good for paths only
    (O_PATH), so the directory is opened by it. The child of `look.inside` closes them, when it ends."""
    return os.open(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=new_mount("mqueue"))


def queue(_desk: Desk) -> Finding:
    if QUEUE in (look.inside(look.host().pid, ("ipc",), queues) or ()):
        return wrong("queue_on_machine", f"the machine has a queue {QUEUE}", f"{QUEUE} in another IPC namespace only")
    holder = next((pid for pid in look.apart("ipc") if QUEUE in (look.inside(pid, ("ipc",), queues) or ())), None)
    if holder:
        return done(f"process {holder} has the queue {QUEUE}, the machine has not")
    return not_yet(f"a process in an IPC namespace of its own that has a message queue {QUEUE}")


# ---- clocks


def since_boot() -> float:
    return clock_gettime(CLOCK_BOOTTIME)


def uptime(_desk: Desk) -> Finding:
    ahead = {pid: (look.inside(pid, ("time",), since_boot) or 0) - since_boot() for pid in look.apart("time")}
    expected = f"a process for which the machine has been up {OFFSET} seconds longer (unshare --boottime)"
    for pid, seconds in ahead.items():
        if abs(seconds - OFFSET) < TOLERANCE:
            return done(f"process {pid} is {seconds:.0f} seconds ahead")
    others = [f"process {pid}: {seconds:.0f} seconds ahead" for pid, seconds in ahead.items()]
    return not_yet(expected, others[0] if others else "")


# What a kernel without time namespaces can't show is not asked for. There is no named hint for these either.
CLOCKS = (
    Goal(
        "uptime",
        "A process has a clock of its own: for it the machine was started ten days earlier.",
        uptime,
        points=3,
        tips=(
            "the namespace is for the next child: unshare --time --fork; man unshare has an option for each clock",
            f"the option wants seconds: ten days are {OFFSET}",
        ),
    ),
    question(
        "wall",
        "Which clock of clock_gettime(2) does no time namespace shift?",
        ("clock_realtime", "realtime"),
        tips=("man 7 time_namespaces lists the clocks that are shifted; which one does date(1) read?",),
    ),
)

LAB = Lab(
    "Names and clocks: uts, ipc, time",
    25,
    goals=(
        Goal(
            "name",
            f"A process is on a host that is called {NAME}, and the machine keeps its own name.",
            name,
            points=3,
            tips=(f"unshare --uts bash, and in it: hostname {NAME}", "leave that shell open while you check"),
        ),
        Goal(
            "queue",
            f"A message queue {QUEUE} is in an IPC namespace that is not the machine's.",
            queue,
            points=3,
            tips=(
                "unshare --ipc --mount bash; a queue is a file in a file system of the type mqueue",
                f"mount -t mqueue lab01 mq; touch mq/{QUEUE}: in the shell that unshare has started",
            ),
        ),
        Goal(
            "kept",
            f"The file {KEPT} in the lab's directory holds a UTS namespace with the name {KEPT_NAME}; no process need "
            "be in it.",
            kept,
            points=4,
            tips=(
                "man unshare: its options for namespaces may have a file as value; the file has to be there before",
                "nsenter takes such a file, too, and can run hostname in it",
            ),
        ),
        *(CLOCKS if HAS_TIME else ()),
        question(
            "right",
            "Which capability does sethostname(2) ask for?",
            ("cap_sys_admin", "sys_admin"),
            wrongs={"a_user_is_no_right": ("root", "uid 0", "user 0", "0", "euid 0")},
            tips=("man 2 sethostname, under ERRORS", "setpriv --bounding-set=-NAME runs a program without one"),
        ),
    ),
    hints={
        "host_renamed": "The name was set outside: the shell in which hostname ran has the machine's UTS namespace "
        "(readlink /proc/$$/ns/uts). Give the machine its old name back with hostname, then unshare first.",
        "queue_on_machine": "The queue was made through a mount of the machine's queues, which shows them from any "
        "namespace. Remove it there, mount the file system anew in the shell that unshare --ipc has started, and make "
        "the queue in that mount.",
        "kept_is_a_file": "There is the file, but no namespace is mounted on it, so it is only a file. The option of "
        "unshare for the kind of namespace takes the file as its value, with = before it.",
        "kept_of_another_kind": "That is a namespace of another kind. The host name belongs to the UTS namespace. "
        "umount the file, then keep the right one.",
        "a_user_is_no_right": "Being user 0 is not what the kernel asks for here: root has this right only as long as "
        "nobody takes the capability away. The manual page names it.",
    },
    needs=(ROOT,),
    make=make,
    clear=clear,
)
