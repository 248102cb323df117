"""All containers, and the processes of one: for people who look, and for programs that ask."""

from __future__ import annotations

from .. import quick_json
from ..errors import StateError
from ..kernel import programs
from ..safe import safe
from .books import find
from .directory import ids

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

COLUMNS = ("id", "pid", "status", "bundle", "created", "owner")


def containers(root: str) -> Iterator[dict[str, Any]]:
    """The state of each container, in the order of their ids."""
    for name in ids(root):
        try:
            yield find(root, name).state()
        except StateError:
            continue  # just being made, or gone meanwhile


def list_containers(states: Iterable[dict[str, Any]], style: str, quiet: bool) -> str:
    """What `list` prints."""
    found = list(states)
    if quiet:
        return "".join(f"{state['id']}\n" for state in found)
    if style == "json":
        return quick_json.dumps(found) + "\n"
    return table([COLUMNS, *([str(state[name]) for name in COLUMNS] for state in found)])


def matching(root: str, pattern: str) -> list[str]:
    """The ids in which the regular expression finds something. Raises StateError."""
    import re
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what future versions of Python may read in it
            wanted = re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise StateError(f"{pattern!r} is no regular expression: {safe(str(error))}") from None
    return [name for name in ids(root) if wanted.search(name)]


def table(rows: Iterable[Sequence[str]]) -> str:
    """Rows in columns that are as wide as they have to be, and no narrower than others have them."""
    heading, *others = [list(map(safe, row)) for row in rows]
    lines = [[word.upper() for word in heading], *others]
    widths = [max(9, *(len(line[column]) for line in lines)) for column in range(len(heading))]
    return "".join("   ".join(map(str.ljust, line, widths)).rstrip() + "\n" for line in lines)


# ---- the processes of one


def list_processes(found: list[int], style: str, options: Sequence[str] = ()) -> str:
    """What `ps` prints: engines want the pids, people want to know what they are."""
    if style == "json":
        return quick_json.dumps(found) + "\n"
    program = programs.find("ps")
    if program:
        return only(found, output_of(program, options or ("-ef",)))
    if options:
        raise StateError("this host has no ps(1) to give these options to\n  cure:  apt install procps")
    return table([("pid", "ppid", "user", "started", "cpu", "command"), *filter(None, map(process_row, found))])


def output_of(program: str, options: Sequence[str]) -> str:
    """Raises StateError when it fails."""
    import subprocess

    done = subprocess.run([program, *options], capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        said = done.stderr.strip() or f"exit status {done.returncode}"
        raise StateError(f"ps {safe(' '.join(options))}: {safe(said)}")
    return done.stdout


def only(wanted: list[int], listing: str) -> str:
    """The headings of a listing of ps(1), and the lines whose column PID has one of these. Raises StateError."""
    heading, *lines = listing.splitlines()
    columns = heading.split()
    if "PID" not in columns:
        raise StateError("ps shows no column PID to go by\n  cure:  add pid to its -o")
    place, shown = columns.index("PID"), {str(pid) for pid in wanted}
    kept = [line for line in lines if line.split()[place : place + 1] and line.split()[place] in shown]
    return "\n".join([heading, *kept]) + "\n"


def process_row(pid: int) -> list[str] | None:
    """A process as ps(1) would show it; None when it has ended."""
    import time

    import psutil

    try:
        process = psutil.Process(pid)
        with process.oneshot():
            started = time.strftime("%H:%M:%S", time.localtime(process.create_time()))
            used = sum(process.cpu_times()[:2])
            command = " ".join(process.cmdline()) or f"[{process.name()}]"
            return [str(pid), str(process.ppid()), process.username(), started, f"{used:.2f}s", command]
    except psutil.NoSuchProcess:
        return None
