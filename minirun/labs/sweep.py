"""`lab reset`: all that was made for a lab is taken away, whoever made it, with whatever program, also after a crash.

Nothing has to be written down for that: what lies in the lab's directory is the lab's, and so is what has a name that
begins with labNN. The table says of each kind of thing how it is found and how it goes; the order is that of the table.
"""

from __future__ import annotations

import os
import shutil
import signal
from contextlib import suppress
from errno import EINVAL, ENOENT, ESRCH
from time import monotonic, sleep

from ..cgroups.hierarchy import mount_point
from ..errors import MinirunError, StateError
from ..kernel import processes, signals
from ..kernel.constants import MS_PRIVATE, MS_REC
from ..kernel.libc import SystemCallError
from ..kernel.mounts import mount, umount2
from ..record import Record
from ..teach import inspection
from . import look
from .programs import said
from .swept_networks import links, named_networks, remove_link, remove_named_network, remove_table, tables

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .desk import Desk

OTHERS = ("runc", "crun")  # runtimes whose containers may be here, too
MNT_DETACH = 2  # sys/mount.h
PATIENCE = 5.0  # seconds until what was sent SIGKILL is gone
V1_HIERARCHIES = "/sys/fs/cgroup"


class Kind(Record):
    """A kind of thing that a lab leaves: `remove` takes what `find` gives."""

    name: str
    find: Callable[[Desk], list[str]]
    remove: Callable[[str], None]


def sweep(desk: Desk) -> list[str]:
    """Take away all that a lab has left; what that was. Raises StateError where something stays."""
    removed = []
    for kind in KINDS:
        for thing in kind.find(desk):
            kind.remove(thing)
            removed.append(f"{kind.name} {thing}")
    stays = left(desk)
    if stays:
        raise StateError(
            f"lab {desk.number}: this stays: {', '.join(stays)}\n"
            f"  cure:  end what holds it, by lsof or fuser; then minirun lab reset {desk.number} again"
        )
    return removed


def left(desk: Desk) -> list[str]:
    """All that there is of a lab outside of its books."""
    return [f"{kind.name} {thing}" for kind in KINDS for thing in kind.find(desk)]


# ---- containers: their own runtime removes them


def containers(desk: Desk) -> list[str]:
    """Each as "runtime id"."""
    found = [f"minirun {name}" for name in own_containers() if desk.is_named(name)]
    for runtime in filter(shutil.which, OTHERS):
        listed = said(runtime, "list", "--quiet").split()
        found += [f"{runtime} {name}" for name in listed if desk.is_named(name)]
    return found


def own_containers() -> list[str]:
    from .. import operations

    try:
        return [state["id"] for state in operations.containers(operations.default_root())]
    except MinirunError:  # whose books can't be read has no containers here
        return []


def delete(named: str) -> None:
    runtime, name = named.split()
    if runtime != "minirun":
        said(runtime, "delete", "--force", name)
        return
    from .. import operations
    from ..runtime.log import Log

    operations.delete(operations.default_root(), name, Log(), force=True)


# ---- processes


def its_processes(desk: Desk) -> list[str]:
    """But for those that this one descends from: a student may type `reset` in a shell of the lab."""
    spared, networks = set(own_line()), its_networks(desk)
    alive = (pid for pid in look.pids() if pid not in spared and is_alive(pid) and look.is_ours(pid))
    return [str(pid) for pid in alive if belongs(pid, desk, networks)]


def its_networks(desk: Desk) -> set[int]:
    """Never the machine's own, which `ip netns attach` can give a name: all that runs is in it."""
    found = {identity[1] for name in named_networks(desk) if (identity := look.identity(name))}
    return found - {look.host_namespaces().get("net", 0), desk.namespaces.get("net", 0)}


def is_alive(pid: int) -> bool:
    stat = processes.stat_fields(pid)
    return stat is not None and not processes.has_ended(stat)


def own_line() -> Iterator[int]:
    """This process, whose child it is, and so on."""
    pid = os.getpid()
    while pid and (stat := processes.stat_fields(pid)):
        yield pid
        pid = int(stat[1])


def belongs(pid: int, desk: Desk, networks: set[int]) -> bool:
    if any(is_below(link_of(pid, name), desk.directory) for name in ("root", "exe")):
        return True
    groups = (look.read(f"/proc/{pid}/cgroup") or "").replace("\n", "/").split("/")
    if any(map(desk.is_named, groups)) or look.namespace(pid, "net") in networks:
        return True
    if not any(is_apart(pid, kind, desk) for kind in look.host_namespaces()):
        return False  # a shell of the machine's may stand in the directory
    return is_below(link_of(pid, "cwd"), desk.directory) or has_its_host_name(pid, desk)


def is_apart(pid: int, kind: str, desk: Desk) -> bool:
    """From the machine, and from the shell in which the lab was started: where each login has namespaces of its own,
    an editor in the directory has them, too."""
    return look.is_apart(pid, kind) and look.namespace(pid, kind) != desk.namespaces.get(kind)


def has_its_host_name(pid: int, desk: Desk) -> bool:
    """It says nothing where the machine itself is called so, as a class's machines are: systemd gives many a service
    a copy of the name (systemd.exec(5), ProtectHostname=)."""
    is_its = is_apart(pid, "uts", desk) and desk.is_named(look.host_name(pid))
    return is_its and not desk.is_named(look.host_name(look.host().pid))


def link_of(pid: int, name: str) -> str:
    try:
        return os.readlink(f"/proc/{pid}/{name}")
    except OSError:
        return ""


def is_below(path: str, directory: str) -> bool:
    return f"{path}/".startswith(f"{directory}/")


def end(pid: str) -> None:
    """SIGKILL, and wait until it has ended, whether or not its parent has asked for its exit status yet."""
    try:
        process = signals.pidfd_open(int(pid))
    except SystemCallError:
        return
    try:
        signals.pidfd_send_signal(process, signal.SIGKILL)
    except SystemCallError as error:
        if error.errno != ESRCH:
            raise
    finally:
        os.close(process)
    deadline = monotonic() + PATIENCE
    while is_alive(int(pid)) and monotonic() < deadline:
        sleep(0.01)


def end_running(*words: str) -> None:
    """For a lab's `clear`: all processes with this command line, but for other users'."""
    for pid in filter(look.is_ours, look.running(*words)):
        end(str(pid))


# ---- mounts, cgroups


def mounts(desk: Desk) -> list[str]:
    """The topmost first: what is mounted below one goes with it."""
    every = inspection.look(os.getpid()).mounts
    found = [one.point for one in every if is_below(one.point, desk.directory) or is_source(one.source, desk)]
    return sorted(found, key=len)


def is_source(source: str, desk: Desk) -> bool:
    """A word of the student's own, such as `mount -t tmpfs lab03 …`: no server's directory, and no part of a pool."""
    return desk.is_named(source) and not set(source) & set(":/")


def unmount(point: str) -> None:
    """After `mount --rbind / all` each mount below is a peer of the machine's own, which would be unmounted with it
    (mount_namespaces(7), shared subtrees). So first they are made private."""
    try:
        mount(None, point, None, MS_REC | MS_PRIVATE, None)
        umount2(point, MNT_DETACH)
    except SystemCallError as error:
        if error.errno not in (EINVAL, ENOENT):  # it went with the one above
            raise


def cgroups(desk: Desk) -> list[str]:
    """Of both versions, those below others first. Root may do the same lab on the machine."""
    tops = dict.fromkeys((V1_HIERARCHIES, mount_point() or V1_HIERARCHIES))
    named = [path for top in tops for path in look.directories_named(top, desk.prefix)]
    own = (path for path in named if desk.is_named(os.path.basename(path)) and may_remove(path))
    below = [directory for path in own for directory, _names, _files in os.walk(path)]
    return sorted(dict.fromkeys(below), key=len, reverse=True)


def may_remove(path: str) -> bool:
    return os.access(os.path.dirname(path), os.W_OK)


def remove_cgroup(path: str) -> None:
    """But for the shell in which the student types `reset`, all in it are ended. That one goes to the hierarchy's root,
    where processes may be in any case (cgroups(7), no internal processes)."""
    spared = {str(pid) for pid in own_line()}
    for pid in (look.read(f"{path}/cgroup.procs") or "").split():
        if pid in spared:
            move(pid, root_of(path))
        else:
            end(pid)
    remove(os.rmdir, path)


def move(pid: str, cgroup: str) -> None:
    with open(f"{cgroup}/cgroup.procs", "w", encoding="ascii") as file:
        file.write(pid)


def root_of(path: str) -> str:
    while os.path.exists(f"{os.path.dirname(path)}/cgroup.procs"):
        path = os.path.dirname(path)
    return path


# ---- files


def directory(desk: Desk) -> list[str]:
    return [desk.directory] if os.path.lexists(desk.directory) else []


def remove_directory(path: str) -> None:
    """Not while anything is mounted in it: rmtree would go on there, as it does in a `mount --bind / all`."""
    if any(is_below(one.point, path) for one in inspection.look(os.getpid()).mounts):
        return
    is_tree = os.path.isdir(path) and not os.path.islink(path)
    remove(shutil.rmtree if is_tree else os.unlink, path)


def remove(how: Callable[[str], None], path: str) -> None:
    """What has gone meanwhile is gone; what can't be removed is told by `left`."""
    with suppress(OSError):
        how(path)


KINDS = (
    Kind("container", containers, delete),
    Kind("process", its_processes, end),
    Kind("mount", mounts, unmount),
    Kind("cgroup", cgroups, remove_cgroup),
    Kind("network namespace", named_networks, remove_named_network),
    Kind("link", links, remove_link),
    Kind("nftables table", tables, remove_table),
    Kind("directory", directory, remove_directory),
)
