"""All that /proc says of what makes a process a container, whoever started it: it need not have been minirun."""

from __future__ import annotations

import os
from errno import ENAMETOOLONG

from ..cgroups.hierarchy import mount_point
from ..errors import StateError, call_of, reason
from ..kernel import files
from ..record import Record
from .mount_tree import Mount, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts")  # as in /proc/PID/ns
CAPABILITY_SETS = {
    "effective": "CapEff",
    "permitted": "CapPrm",
    "inheritable": "CapInh",
    "bounding": "CapBnd",
    "ambient": "CapAmb",
}
# The files of a cgroup that limit it, and what stands in them where nobody has set a limit (cgroups(7)).
UNLIMITED = {
    "memory.max": "max",
    "memory.high": "max",
    "memory.low": "0",
    "memory.min": "0",
    "memory.swap.max": "max",
    "pids.max": "max",
    "cpu.max": "max 100000",
    "cpu.weight": "100",
    "cpu.idle": "0",
    "cpu.max.burst": "0",
    "cpuset.cpus": "",
    "cpuset.mems": "",
    "io.max": "",
    "io.weight": "default 100",
    "cgroup.freeze": "0",
}
TOO_LONG = "one with too long a path for the kernel to tell"
NO_LIMIT = 1 << 60  # bytes: for huge pages some kernels print all that a counter can hold, not "max"


class Facts(Record):
    """A process, as it was a moment ago."""

    pid: int
    inner_pids: tuple[int, ...]  # in the PID namespaces below the reader's, the outermost first (pid_namespaces(7))
    command: str
    namespaces: dict[str, int]  # name in /proc/PID/ns -> inode
    root: str
    mounts: tuple[Mount, ...]
    ids: dict[str, str]  # "Uid", "Gid": real, effective, saved, file system; "Groups"
    id_maps: dict[str, tuple[str, ...]]  # "uid", "gid": lines of inside, outside, how many
    capabilities: dict[str, int]
    no_new_privileges: bool
    seccomp: str
    label: str  # of AppArmor or SELinux
    cgroup: str
    v1_cgroups: dict[str, str]  # of a hybrid host: controllers -> path
    limits: dict[str, str]
    limits_above: dict[str, dict[str, str]]  # those of the cgroups above, which count as well: path -> limits
    descriptors: dict[int, str]
    closed_by_exec: tuple[int, ...]  # those of them that execve(2) closes


def look(pid: int) -> Facts:
    """Raises StateError where there is no such process, or it is not the caller's to look at."""
    try:
        directory = os.open(f"/proc/{pid}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        if is_there(pid):  # and hidden: proc(5), hidepid
            raise closed(pid, "hidden") from None
        raise StateError(f"there is no process {pid}\n  cure:  ps -e lists them, minirun list the containers") from None
    try:
        return facts(pid, directory, mount_point())
    except PermissionError as error:
        raise closed(pid, f"{error.filename}: permission denied") from None
    except OSError as error:
        if is_there(pid):
            raise StateError(f"can't look at all of process {pid}: {reason(error)}: {call_of(error)}") from None
        raise StateError(f"process {pid} has just ended") from None
    finally:
        os.close(directory)


def is_there(pid: int) -> bool:
    """Signal 0 asks just that, and is refused for a process of somebody else (kill(2), where 0 is one's own group)."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return pid > 0


def closed(pid: int, why: str) -> StateError:
    return StateError(
        f"may not look at process {pid}: /proc/{pid}: {why}\n"
        "  cure:  use sudo: only root, and mostly who runs the process, may (ptrace(2), access mode checks)"
    )


def facts(pid: int, directory: int, hierarchy: str) -> Facts:
    """By a descriptor of /proc/PID, which never becomes that of a later process with the same pid. `hierarchy` is where
    cgroup2 is mounted; "" for who has it not in sight: then there are no limits."""
    status = fields(read(directory, "status"))
    if status["State"][0] in "ZX":
        raise StateError(f"process {pid} has ended; process {status['PPid']} has not asked for its exit status yet")
    cgroups = cgroup_paths(cgroup_text(directory))
    own_cgroup, opened = cgroups.pop("", ""), dict(descriptors(directory))
    return Facts(
        pid=pid,
        inner_pids=tuple(map(int, status.get("NSpid", "").split()[1:])),
        command=command(status["Name"], read(directory, "cmdline").rstrip("\0").split("\0")),
        namespaces=dict(namespaces(directory)),
        root=link(directory, "root"),
        mounts=parse(read(directory, "mountinfo")),
        ids={name: " ".join(status[name].split()) for name in ("Uid", "Gid", "Groups")},
        id_maps={kind: id_map(read(directory, f"{kind}_map")) for kind in ("uid", "gid")},
        capabilities={name: int(status[field], 16) for name, field in CAPABILITY_SETS.items()},
        no_new_privileges=status["NoNewPrivs"] == "1",
        seccomp=seccomp(status),
        label=label(directory),
        cgroup=own_cgroup,
        v1_cgroups=cgroups,
        limits=limits(hierarchy, own_cgroup),
        limits_above={path: found for path in above(own_cgroup) if (found := limits(hierarchy, path))},
        descriptors=opened,
        closed_by_exec=tuple(number for number in opened if is_closed_by_exec(directory, number)),
    )


# ---- files of /proc/PID


def read(directory: int, name: str) -> str:
    descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=directory)
    try:
        return b"".join(iter(lambda: os.read(descriptor, 1 << 16), b"")).decode(errors="surrogateescape")
    finally:
        os.close(descriptor)


def cgroup_text(directory: int) -> str:
    """A container may live deeper in cgroups of its own making than a path is long (PATH_MAX, path_resolution(7)): some
    kernels cut it off, the others say no."""
    try:
        return read(directory, "cgroup")
    except OSError as error:
        if error.errno != ENAMETOOLONG:
            raise
        return f"0::{TOO_LONG}\n"


def link(directory: int, name: str) -> str:
    return os.readlink(name, dir_fd=directory)


def namespaces(directory: int) -> Iterator[tuple[str, int]]:
    """ "net:[4026531840]": the number is the inode, by which two are the same or not."""
    for name in NAMESPACES:
        try:
            yield name, int(link(directory, f"ns/{name}").partition("[")[2].rstrip("]"))
        except FileNotFoundError:
            pass  # a kernel that was built without it


def descriptors(directory: int) -> Iterator[tuple[int, str]]:
    opened = os.open("fd", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=directory)
    try:
        for number in sorted(map(int, os.listdir(opened))):
            try:
                yield number, os.readlink(str(number), dir_fd=opened)
            except FileNotFoundError:
                pass  # closed meanwhile
            except OSError as error:
                if error.errno != ENAMETOOLONG:
                    raise
                yield number, TOO_LONG
    finally:
        os.close(opened)


def is_closed_by_exec(directory: int, number: int) -> bool:
    """proc_pid_fdinfo(5): the flags are those of open(2), in octal."""
    try:
        return bool(int(fields(read(directory, f"fdinfo/{number}"))["flags"], 8) & os.O_CLOEXEC)
    except FileNotFoundError:
        return False


def label(directory: int) -> str:
    """The module's word is "" where there is none; without a module the file can't be read (EINVAL)."""
    try:
        return read(directory, "attr/current").rstrip("\0\n")
    except OSError:
        return ""


# ---- their texts


def command(name: str, words: list[str]) -> str:
    """The command line; with the name that the process has given itself, if it has, as minirun's does that waits for
    `start` (PR_SET_NAME(2const)). A thread of the kernel has a name only: ps(1) shows it so, too."""
    if words == [""]:
        return f"[{name}]"
    line = " ".join(words)
    return line if words[0].rpartition("/")[2].startswith(name) else f"{name}: {line}"


def fields(text: str) -> dict[str, str]:
    """proc_pid_status(5). A line ends with a line feed; of what else Python takes for its end, names may be full."""
    return {name: value.strip() for name, _, value in (line.partition(":") for line in text.split("\n") if line)}


def id_map(text: str) -> tuple[str, ...]:
    """user_namespaces(7): id inside, id outside, how many."""
    return tuple(" ".join(line.split()) for line in text.splitlines())


def cgroup_paths(text: str) -> dict[str, str]:
    """proc_pid_cgroup(5): controllers -> path. Version 2 is the one without a list of controllers."""
    rows = (line.split(":", 2) for line in text.split("\n") if line)
    return {controllers: path for _number, controllers, path in rows}


def seccomp(status: dict[str, str]) -> str:
    """proc_pid_status(5): 0 for off, 1 for strict, 2 for filter."""
    mode = {"0": "off", "1": "strict"}.get(status.get("Seccomp", "0"), "filter")
    number = status.get("Seccomp_filters", "")
    return f"{mode} ({number})" if mode == "filter" and number else mode


def above(path: str) -> Iterator[str]:
    """The cgroups above, the nearest first; the root of all has no limits."""
    path = path.rpartition("/")[0]
    while path:
        yield path
        path = path.rpartition("/")[0]


def limits(mount: str, path: str) -> dict[str, str]:
    """Those that are set. The path is as minirun sees it: what is above its own cgroup namespace begins with /.."""
    return {} if not mount or not path or f"{path}/".startswith("/../") else limits_in(f"{mount}{path}")


def limits_in(directory: str) -> dict[str, str]:
    found = {}
    for name, unlimited in (UNLIMITED | huge_pages(directory)).items():
        try:
            value = files.read_file(f"{directory}/{name}").strip()
        except OSError:
            continue  # the controller is not enabled there
        if value != unlimited and not (value.isdigit() and int(value) >= NO_LIMIT):
            found[name] = value.replace("\n", "; ")
    return found


def huge_pages(directory: str) -> dict[str, str]:
    """Their limits by size, as hugetlb.2MB.max: which sizes there are depends on the machine."""
    try:
        names = [name.split(".") for name in sorted(os.listdir(directory))]
    except OSError:
        return {}
    return {".".join(words): "max" for words in names if (words[0], words[2:]) == ("hugetlb", ["max"])}
