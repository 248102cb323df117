"""Which mounts of a container are of the host's files, so that they are not the container's to keep in images."""

from __future__ import annotations

import os
from errno import EFBIG, EINVAL, EISDIR, ELOOP, ENOENT, ENXIO

from .. import quick_json
from ..kernel import files
from ..kernel.libc import SystemCallError
from ..kernel.mountinfo import unescaped
from ..record import Record
from .step import Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

EXTERNAL = "mounts.json"
LARGEST = 1 << 24  # bytes: a mount has some hundred, and a mount namespace has 100000 mounts at most (fs.mount-max)
NO_FILE = (EINVAL, EISDIR, ELOOP, EFBIG, ENXIO)  # one that makes whoever reads it wait, never ends, or lies elsewhere

# Those that CRIU makes anew by itself, although the host has the same one mounted.
KERNELS_OWN = ("proc", "sysfs", "cgroup2", "mqueue", "devpts", "tracefs", "debugfs", "securityfs", "bpf")


class Mounted(Record):
    """A line of proc_pid_mountinfo(5)."""

    number: int
    parent: int
    device: str
    root: str
    point: str
    options: str  # of the mount, not of its file system
    type: str


def mounted(pid: int | str) -> list[Mounted]:
    return [read_line(line) for line in files.read_file(f"/proc/{pid}/mountinfo").splitlines()]


def read_line(line: str) -> Mounted:
    before, _, after = line.partition(" - ")
    number, parent, device, root, point, options = before.split(" ")[:6]
    return Mounted(int(number), int(parent), device, unescaped(root), unescaped(point), options, after.split(" ")[0])


def external_mounts(pid: int, of_config: Mapping[int, str]) -> dict[str, dict[str, object]]:
    """By mount point: the destination in config.json and the path below it, or the path on the host. `of_config` has
    the destinations, by the kernel's numbers for the mounts there."""
    inside = mounted(pid)
    hosts = {mount.device for mount in mounted("self")}
    by_number = {mount.number: mount for mount in inside}
    found = {mount.point: origin(mount, by_number, of_config) for mount in inside if is_external(mount, inside, hosts)}
    own = {mount.point: origin(mount, by_number, of_config) for mount in inside if mount.number in of_config}
    return found | own


def is_external(mount: Mounted, inside: Iterable[Mounted], hosts: Iterable[str]) -> bool:
    """What is of the container's root, such as a path that is bound on itself, CRIU can tell by that."""
    if mount.point == "/" or mount.type in KERNELS_OWN or mount.device not in hosts:
        return False
    root = next((one for one in inside if one.point == "/"), None)
    return not (root and mount.device == root.device and is_below(mount.root, root.root))


def is_below(path: str, above: str) -> bool:
    return f"{path}/".startswith(f"{above.rstrip('/')}/")


def origin(mount: Mounted, by_number: Mapping[int, Mounted], of_config: Mapping[int, str]) -> dict[str, object]:
    above: Mounted | None = mount
    while above:
        if above.number in of_config:
            return {"mount": of_config[above.number], "below": mount.point[len(above.point) :]}
        above = by_number.get(above.parent)
    if mount.type != "devtmpfs":  # by a name that the container may have given to anything
        raise Refused(f"{mount.point} is of the host's files, and not by config.json", "have config.json mount it")
    return {"path": f"/dev{mount.root}"}


def place_below(source: str, below: str) -> str:
    """What is mounted below a mount of config.json, if the host has a mount there as well. Any other name may lead
    elsewhere by now, if somebody else writes to that directory. Raises Refused."""
    path = os.path.realpath(source) + below
    if below and not any(one.point == path for one in mounted("self")):
        raise Refused(f"nothing is mounted on {path} any more", "mount it there again, on the host")
    return path


def noted_mounts(images: str) -> dict[str, dict[str, Any]]:
    """What `external_mounts` has found at the checkpoint. Raises Refused."""
    return noted(f"{images}/{EXTERNAL}", "external", is_origin)


def noted_options(images: str) -> dict[str, str]:
    """The options of all mounts then. Raises Refused."""
    return noted(f"{images}/{EXTERNAL}", "options", lambda value: isinstance(value, str))


def noted(path: str, name: str, is_good: Callable[[Any], bool]) -> dict[str, Any]:
    found = read_json(path, {}, lambda content: isinstance(content.get(name, {}), dict)).get(name, {})
    if not all(map(is_good, found.values())):
        raise damaged(path)
    return dict(found)


def is_origin(told: Any) -> bool:
    """What `origin` makes. A path is that of a device: images are no reason to hand in other files of the host's."""
    if not isinstance(told, dict):
        return False
    path = told.get("path", "")
    if path:
        return isinstance(path, str) and path.startswith("/dev/") and ".." not in path.split("/")
    return isinstance(told.get("mount"), str) and isinstance(told.get("below"), str)


def read_json(path: str, otherwise: Any, is_good: Callable[[Any], bool]) -> Any:
    """What is in a file beside the images, if it is of the same kind. Raises Refused."""
    try:
        found = quick_json.loads(files.read_regular(path, LARGEST).decode())
    except SystemCallError as error:
        if error.errno == ENOENT:
            return otherwise
        if error.errno not in NO_FILE:
            raise
        raise damaged(path) from None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, type(otherwise)) or not is_good(found):
        raise damaged(path)
    return found


def damaged(path: str) -> Refused:
    return Refused(f"{path} is damaged", "make the checkpoint again")
