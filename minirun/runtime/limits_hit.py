"""What the kernel counted of a container's limits: why it ended, where a limit had to do with it.

The OOM killer ends a process with SIGKILL, and a shell shows that as 137, like any other SIGKILL. Which limit it was,
and that it was one at all, only the cgroup knows, and it goes with the container. What is counted, and where:
Documentation/admin-guide/cgroup-v2.rst, "Memory Interface Files" and "PID Interface Files".
"""

from __future__ import annotations

from ..cgroups.hits import hits
from ..cgroups.statistics import number
from ..kernel import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..steps.step import Step

MEMORY, PIDS = "/linux/resources/memory/limit", "/linux/resources/pids/limit"


def tell(cgroup: str, before: Mapping[str, int], steps: Iterable[Step] = ()) -> list[str]:
    """A paragraph for each limit that was hit since the counters were as in `before`. `steps` have set the limits."""
    now = hits(cgroup)
    since = {name: count - before.get(name, 0) for name, count in now.items()}
    places = {str(getattr(step, "name", "")): step.place for step in steps}
    told = []
    if since.get("oom_kill", 0) > 0:
        told.append(out_of_memory(cgroup, since, places.get("memory.max", MEMORY)))
    if since.get("pids", 0) > 0:
        told.append(out_of_pids(cgroup, since["pids"], places.get("pids.max", PIDS)))
    return told


def out_of_memory(cgroup: str, since: Mapping[str, int], place: str) -> str:
    killed = since["oom_kill"]
    what = f"the kernel killed {killed} process{'es' if killed > 1 else ''} of the container (SIGKILL)"
    peak = f"\n  peak:  {amount(value(cgroup, 'memory.peak'))} (memory.peak)"
    if since.get("oom_here", 0) > 0:
        limit = amount(value(cgroup, "memory.max"))
        cure = f"raise {place} in config.json, or have the program use less"
        return f"out of memory: {what}\n  limit: {limit} (memory.max){peak}\n  cure:  {cure}"
    if since.get("oom", 0) > 0:
        cure = "a limit that was set inside the container: see memory.max of the cgroups that its processes made"
        return f"out of memory: {what} for a limit of a cgroup below its own{peak}\n  cure:  {cure}"
    cure = "the host had no memory left, or a cgroup above: see dmesg, and memory.max of the cgroups above"
    return f"out of memory: {what}, but not for its own limit{peak}\n  cure:  {cure}"


def out_of_pids(cgroup: str, refused: int, place: str) -> str:
    """Before Linux 6.11 the cgroup of the process that wanted to fork(2) counts, whosever limit it was."""
    limit = value(cgroup, "pids.max")
    times = "once" if refused == 1 else f"{refused} times"
    what = f"out of processes: the container was {times} refused a process or thread (fork(2), EAGAIN)"
    if limit == "max":
        return f"{what}, but not for its own limit\n  cure:  see pids.max of the cgroups above"
    return f"{what}\n  limit: {limit} (pids.max)\n  cure:  raise {place} in config.json, or have the program start less"


def value(cgroup: str, name: str) -> str:
    """ "" where the file is not there, as memory.peak before Linux 5.19."""
    try:
        return files.read_file(f"{cgroup}/{name}").strip()
    except OSError:
        return ""


def amount(text: str) -> str:
    """ "67108864" -> "64.0 MiB, 67108864 bytes" """
    return f"{number(text) / 2**20:.1f} MiB, {text} bytes" if text.isdigit() else text or "not known"
