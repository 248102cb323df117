"""The mounts that a process sees, as a tree, beside those that another one sees: proc_pid_mountinfo(5)."""

from __future__ import annotations

from ..kernel.mountinfo import unescaped
from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SAME, MOVED, NEW = "same", "elsewhere", "new"
MARKS = {SAME: " ", MOVED: ">", NEW: "+"}
USUAL = {"rw", "relatime"}  # options that say nothing


class Mount(Record):
    """One line of mountinfo."""

    id: int
    parent: int
    device: str  # major:minor of the file system: two mounts of one file system have the same
    root: str  # the directory of the file system that is mounted
    point: str  # where, below the process's own root
    options: tuple[str, ...]
    propagation: tuple[str, ...]  # such as shared:5, master:5; () is private
    type: str
    source: str


class Compared(Record):
    """A mount, and what the other process has of it."""

    mount: Mount
    change: str  # one of SAME, MOVED, NEW
    elsewhere: str = ""  # where the other process sees the same directory


def parse(text: str) -> tuple[Mount, ...]:
    """The kernel escapes the line breaks of paths, but not all that Python takes for one (str.splitlines)."""
    return tuple(parse_line(line) for line in text.split("\n") if line)


def parse_line(line: str) -> Mount:
    before, _, after = line.partition(" - ")
    number, parent, device, root, point, options, *propagation = before.split(" ")
    kind, source = after.split(" ")[:2]
    return Mount(
        int(number),
        int(parent),
        device,
        unescaped(root),
        unescaped(point),
        tuple(options.split(",")),
        tuple(propagation),
        kind,
        unescaped(source),
    )


def compare(mounts: Sequence[Mount], others: Sequence[Mount]) -> list[Compared]:
    by_device: dict[str, list[Mount]] = {}
    for other in others:
        by_device.setdefault(other.device, []).append(other)
    return [compare_one(mount, by_device.get(mount.device, [])) for mount in mounts]


def compare_one(mount: Mount, of_the_same: Sequence[Mount]) -> Compared:
    """`of_the_same` file system are these mounts of the other process."""
    if not of_the_same:
        return Compared(mount, NEW)
    if any((other.root, other.point) == (mount.root, mount.point) for other in of_the_same):
        return Compared(mount, SAME)
    holding = [other for other in of_the_same if f"{mount.root}/".startswith(f"{other.root.rstrip('/')}/")]
    if not holding:
        return Compared(mount, MOVED)
    nearest = max(holding, key=lambda other: len(other.root))
    rest = mount.root[len(nearest.root.rstrip("/")) :].rstrip("/")
    return Compared(mount, MOVED, f"{nearest.point.rstrip('/')}{rest}" or "/")


def drawn(compared: Sequence[Compared]) -> Iterator[tuple[str, str, Compared]]:
    """Mark, name with the lines of the tree before it, and the mount; parents first."""
    inside = {one.mount.id for one in compared}
    children: dict[int, list[Compared]] = {}
    for one in compared:  # the root's parent is out of sight, and so is that of a mount that covers the root
        parent = one.mount.parent if one.mount.parent in inside and one.mount.parent != one.mount.id else 0
        children.setdefault(parent, []).append(one)
    waiting = [(one, one.mount.point, "") for one in reversed(children.get(0, ()))]
    while waiting:  # no recursion: mounts may be stacked higher than Python's own stack
        one, name, margin = waiting.pop()
        yield MARKS[one.change], name, one
        waiting += reversed([*branches(one, children.get(one.mount.id, []), margin)])


def branches(above: Compared, below: Sequence[Compared], margin: str) -> Iterator[tuple[Compared, str, str]]:
    """Each with its name, and with what stands before the names below it."""
    for one in below:
        fork, more = ("└─", "   ") if one is below[-1] else ("├─", "│  ")
        yield one, f"{margin}{fork} {shortened(one.mount, above.mount)}", margin + more


def shortened(mount: Mount, above: Mount) -> str:
    """Without what the mount above says already."""
    inside = mount.point.removeprefix(f"{above.point.rstrip('/')}/")
    return inside if inside != mount.point else mount.point


def flags(mount: Mount) -> str:
    """What is not usual: options, and where mounts of others would come through."""
    shown = [option for option in mount.options if option not in USUAL]
    return ",".join([*shown, *(word.partition(":")[0] for word in mount.propagation)])
