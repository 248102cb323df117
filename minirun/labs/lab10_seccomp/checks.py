"""Lab 10. The filter of the container's process is read from the kernel, and asked about the calls that the lab is
about; who made it, and from which profile, does not matter."""

from __future__ import annotations

import os
import stat
from errno import ENOSYS, EPERM

from ...kernel.libseccomp import seccomp_syscall_resolve_name
from .. import bundles, look, sweep
from ..lab import Finding, Goal, Lab, done, not_yet, question, wrong
from ..needs import ROOT, Need, programs
from .filters import cannot_be_read, filters, verdict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..desk import Desk

GIVEN = ("agent.py", "profile.json")  # files of this folder
PROGRAM = ("sleep", "1009")
FILTERED = "2"  # proc_pid_status(5), Seccomp
LISTENER = "anon_inode:seccomp notify"
NODES = {"null": (1, 3), "zero": (1, 5), "random": (1, 8)}


def make(desk: Desk) -> None:
    config = bundles.busybox(desk.file("bundle"), args=list(PROGRAM), terminal=False)
    for names in config["process"]["capabilities"].values():
        names.append("CAP_SETFCAP")  # which root needs to be root in a user namespace, too (user_namespaces(7))
    config["mounts"].append({"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"})
    bundles.write(desk.file("bundle"), config)
    for name in GIVEN:
        desk.give(f"{os.path.dirname(__file__)}/{name}", name)


def clear(desk: Desk) -> None:
    """The agent stands in the directory, but in the machine's own namespaces."""
    for pid in agents():
        if sweep.is_below(sweep.link_of(pid, "cwd"), desk.directory):
            sweep.end(str(pid))


def agents() -> list[int]:
    found = ((pid, look.command(pid)) for pid in look.pids())
    return [pid for pid, words in found if words[-1:] == ["agent.sock"] and "agent.py" in words]


# ---- what is seen of the container


def answers(*names: str) -> dict[str, str]:
    """What its filters say to these calls, of those that this machine has. "errno" is followed by its number."""
    process = look.contained(*PROGRAM)
    programs_of_it = filters(process.pid) if process else []
    return {name: verdict(programs_of_it, name) for name in names if seccomp_syscall_resolve_name(name) >= 0}


def told(found: dict[str, str]) -> str:
    return ", ".join(f"{name}: {action}" for name, action in found.items())


def all_are(found: dict[str, str], action: str) -> bool:
    return set(found.values()) == {action}


# ---- goals


def filtered(_desk: Desk) -> Finding:
    process = look.contained(*PROGRAM)
    if process is None:
        return not_yet("the container lab10, with a filter", "no process sleep 1009 in a container")
    mode = look.status(process.pid).get("Seccomp", "0")
    if mode == FILTERED:
        return done(f"process {process.pid}, Seccomp: 2")
    return wrong("no_filter", f"process {process.pid}, Seccomp: {mode}", "Seccomp: 2")


def refused(_desk: Desk) -> Finding:
    found, right = answers("unshare", "ptrace"), f"errno {EPERM}"
    if all_are(found, right):
        return done(told(found))
    if right in found.values():
        return wrong("one_is_allowed", told(found), "both refused, with EPERM")
    return wrong("killed_for_asking" if "kill" in found.values() else "", told(found), "both refused, with EPERM")


def logged(_desk: Desk) -> Finding:
    found = answers("mkdir", "mkdirat")
    if all_are(found, "log"):
        return done(told(found))
    if "log" in found.values():
        return wrong("another_mkdir", told(found), "both logged")
    return not_yet("log", told(found))


def killed(_desk: Desk) -> Finding:
    found = answers("sethostname")
    if all_are(found, "kill"):
        return done(told(found))
    if all_are(found, "allow"):
        return not_yet("kill", told(found))
    return wrong("refused_not_killed", told(found), "kill")


def handed_over(_desk: Desk) -> Finding:
    found = answers("mknod", "mknodat")
    if not all_are(found, "notify"):
        return not_yet("notify for both, with a listener", told(found))
    holder = next(filter(holds_listener, look.pids()), None)
    if holder is None:
        return wrong("nobody_listens", f"{told(found)}, and no process has a listener", "an agent that answers")
    return done(f"process {holder} ({' '.join(look.command(holder)[:2])}) has a listener")


def holds_listener(pid: int) -> bool:
    directory = f"/proc/{pid}/fd"
    try:
        return any(link(f"{directory}/{name}") == LISTENER for name in os.listdir(directory))
    except OSError:
        return False


def link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


def answered(_desk: Desk) -> Finding:
    process = look.contained(*PROGRAM)
    if process is None:
        return not_yet("the container to stay", "it has just ended")
    found = [name for name, numbers in NODES.items() if is_device(f"/proc/{process.pid}/root/tmp/{name}", numbers)]
    if len(found) == len(NODES):
        return done("three devices, in a container that may not make any")
    return not_yet("the devices /tmp/null, /tmp/zero and /tmp/random in the container", ", ".join(found) or "none")


def is_device(path: str, numbers: tuple[int, int]) -> bool:
    try:
        found = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISCHR(found.st_mode) and (os.major(found.st_rdev), os.minor(found.st_rdev)) == numbers


LAB = Lab(
    "Seccomp: which calls a program may make",
    40,
    goals=(
        Goal(
            "filter",
            "The container lab10 has a filter for its system calls.",
            filtered,
            points=2,
            tips=("/linux/seccomp in bundle/config.json is the profile; the page's first one is enough",),
        ),
        Goal(
            "errno",
            "Its filter refuses unshare and ptrace with EPERM.",
            refused,
            points=3,
            tips=("an entry of /linux/seccomp/syscalls has names and an action, here SCMP_ACT_ERRNO",),
            after=("filter",),
        ),
        Goal(
            "log",
            "It logs mkdir, by whichever system call, and allows it.",
            logged,
            points=2,
            tips=("SCMP_ACT_LOG", "programs make directories by mkdir(2) or by mkdirat(2): name both"),
            after=("filter",),
        ),
        Goal(
            "kill",
            "It kills whoever wants to set the host name.",
            killed,
            points=2,
            tips=("SCMP_ACT_KILL_PROCESS; the system call is sethostname(2)",),
            after=("filter",),
        ),
        Goal(
            "notify",
            "It hands mknod over to somebody outside, who has a listener.",
            handed_over,
            points=3,
            tips=(
                "the agent first: python3 agent.py agent.sock &",
                "SCMP_ACT_NOTIFY for mknod and mknodat, and listenerPath beside syscalls: the socket's full path",
            ),
            after=("filter",),
        ),
        Goal(
            "answered",
            "Three calls were answered: /tmp/null, /tmp/zero and /tmp/random are devices in the container.",
            answered,
            points=3,
            tips=("minirun exec lab10 mknod /tmp/null c 1 3", "the numbers of the others: ls -l /dev/zero /dev/random"),
            after=("notify",),
        ),
        question(
            "status",
            "What is a shell's $? for a program that the filter has killed?",
            ("159",),
            tips=("minirun exec lab10 hostname other; echo $?", "128 and the number of the signal: kill -l SYS"),
        ),
        question(
            "clone3",
            "With which errno does Docker's profile answer clone3, so that programs try the older clone?",
            ("enosys", str(ENOSYS)),
            wrongs={"refused_for_good": ("eperm", "1", "eacces", "13")},
            tips=("what does a kernel say that is older than the call? errno(3)",),
        ),
    ),
    hints={
        "no_filter": "The container runs without any filter: Seccomp is 0 in its status. The profile is /linux/seccomp "
        "in config.json. Delete the container and start it again: a filter is set before the program, and stays.",
        "one_is_allowed": "One of the two is refused, the other one is not. A name that the profile does not have gets "
        "the default action.",
        "killed_for_asking": "The filter ends whoever asks. Many programs try a call and can go on without: for those "
        "an errno is kinder. SCMP_ACT_ERRNO.",
        "another_mkdir": "One of two calls that make directories is logged, the other goes by unseen. Filters know "
        "nothing but the calls' numbers, and the C library may use either.",
        "refused_not_killed": "sethostname gets an errno, and the program goes on. SCMP_ACT_KILL_PROCESS ends it, by "
        "SIGSYS.",
        "nobody_listens": "The filter hands mknod over, but nobody has its listener: such calls fail with ENOSYS. "
        "Start the agent again, then the container: the listener is made with the filter.",
        "refused_for_good": "With that one the C library would believe that threads are forbidden. It tries the older "
        "clone(2) where the kernel does not seem to have clone3(2) at all.",
    },
    needs=(ROOT, programs("jq", "python3"), Need("a kernel that tells its filters", cannot_be_read)),
    make=make,
    clear=clear,
    runtimes=True,
)
