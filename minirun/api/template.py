"""The process that workers are forked from: a Python that has minirun in it already, out of the container's reach, and
idle. The first container pays for its start, and those that follow for a fork. api/warm.py starts it and asks.

    caller                                  template                            worker
      │ ── what it is ────────────────────────►│ born
      │                                        │
      │ ── a wish, with descriptors ──────────►│ is the caller what it was?
      │                                        │ ── clone3(2), CLONE_PARENT ─────►│ a child of the caller's
      │ ◄───────────────────── the pid ────────│                                  │
      │ ── what to do, in which environment (api/worker.py) ─────────────────────►│

A process inherits more than its orders. What a program often changes between two containers is sent along: the current
directory, the standard streams and other descriptors, the environment. All the rest is as it was when the template was
started, if it is still the same for the caller: its user and rights, its limits, namespaces, cgroup, whatever `traits`
reads. Where something differs, the template ends, and the caller starts another.

That look is also what keeps rights from staying behind. A program may run a container as root, and become nobody for
good; what takes it over later finds a socket of root's, but nobody who listens. The kernel says who has sent a message,
so a process that the caller has forked is not taken for the caller. The socket has no name, and is in no container.
"""

from __future__ import annotations

import gc
import os
import select
from importlib import import_module

from ..kernel import files, keys, processes, scheduling, signals
from ..kernel.siblings import fork_sibling
from ..kernel.sockets import MessageSocket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Begin = Callable[[str, tuple[int, ...]], int]  # a worker's life, from the operation and what came with the wish

# Of proc_pid_status(5). The first is the pid in all its namespaces: a child of the caller is somebody else.
STATUS = (
    *("NStgid", "Umask", "Uid", "Gid", "Groups", "SigIgn", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"),
    *("NoNewPrivs", "Seccomp", "Seccomp_filters", "THP_enabled", "Cpus_allowed", "Mems_allowed"),
    *("Speculation_Store_Bypass", "SpeculationIndirectBranch"),
)
# Each is a page of proc(5); attr/current is what SELinux and AppArmor call the process.
WHOLE = ("limits", "cgroup", "oom_score_adj", "personality", "loginuid", "sessionid", "attr/current")
# Of proc_pid_stat(5), counted from field 3: the session and its terminal, niceness, real-time priority and policy.
FIELDS = (3, 4, 16, 37, 38)

# What a worker would import itself (tests/kernel/test_warm_api.py).
NEEDED = (
    *("minirun.runtime.run", "minirun.runtime.exec", "minirun.runtime.log"),
    *("minirun.runtime.start", "minirun.runtime.kill", "minirun.runtime.delete"),
    *("minirun.kernel.network", "minirun.cgroups.hits"),
)


def traits(thread: str) -> str:
    """What a child of a thread inherits, as proc(5) shows it; `thread` is its directory there."""
    status = (line for line in text(f"{thread}/status").splitlines() if line.partition(":")[0] in STATUS)
    fields = text(f"{thread}/stat").rpartition(")")[2].split()
    namespaces = (os.readlink(f"{thread}/ns/{name}") for name in sorted(os.listdir(f"{thread}/ns")))
    root = os.stat(f"{thread}/root")
    return "\n".join(
        [
            *status,
            *(text(f"{thread}/{name}") for name in WHOLE),
            *(fields[number] for number in FIELDS),
            *namespaces,
            f"{root.st_dev} {root.st_ino}",
        ]
    )


def own_traits() -> str:
    """What nobody but the thread itself can ask for: its session keyring, its priority with disks, its timers."""
    return f"{asked(keys.session_keyring)} {asked(scheduling.ioprio)} {scheduling.timer_slack()}"


def asked(question: Callable[[], int]) -> int:
    """The answer; -1 where the kernel does not have such a thing."""
    try:
        return question()
    except OSError:
        return -1


def text(path: str) -> str:
    """What stands there; "" where the kernel does not have it."""
    try:
        return files.read_file(path)
    except OSError:
        return ""


def serve(descriptor: int, begin: Begin) -> int:
    """Fork workers until the caller has ended, or is not what it was; the exit status."""
    end, caller = MessageSocket.of(descriptor), os.getppid()
    life = signals.pidfd_open(caller)
    processes.set_name("minirun")  # for ps
    os.chdir("/")  # or it would keep a file system of the caller's from being unmounted
    get_ready()
    born = end.receive()[0].decode(errors="surrogateescape")
    while is_asked(end, life):
        wish, descriptors, sender = end.receive()
        if sender != caller or not is_same(caller, wish.decode(), born):
            return 0
        pid = fork_sibling()
        if pid == 0:
            end.close()
            os.close(life)
            os._exit(begin(wish.decode().split()[0], descriptors))
        for received in descriptors:
            os.close(received)
        end.send(str(pid).encode())
    return 0


def get_ready() -> None:
    """Import what workers need, and let no collection of garbage touch it: a page that is written to is copied."""
    for name in NEEDED:
        import_module(name)
    gc.collect()
    gc.freeze()


def is_asked(end: MessageSocket, life: int) -> bool:
    """Wait for a wish. The caller's end counts beside that of the socket, which its children may hold as well."""
    poll = select.poll()
    poll.register(end.fileno(), select.POLLIN)
    poll.register(life, select.POLLIN)
    ready = dict(poll.poll())
    return bool(ready.get(end.fileno(), 0) & select.POLLIN) and life not in ready


def is_same(caller: int, wish: str, born: str) -> bool:
    _operation, thread, *own = wish.split()
    return born == birth(f"/proc/{caller}/task/{thread}", " ".join(own))


def birth(thread: str, own: str) -> str:
    return f"{own}\n{traits(thread)}"
