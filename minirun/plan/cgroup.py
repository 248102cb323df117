"""`cgroupsPath` -> the step that makes the container's cgroup, where minirun makes it; a limit -> the step
that sets it. Which limits there are, and when they come, is in limits.py."""

from __future__ import annotations

from ..errors import ConfigError
from ..steps.cgroup import MakeCgroup
from .options import CGROUPFS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..cgroups.resources import CgroupFile
    from ..spec.config import Linux
    from ..steps.step import Step

# Limits that would hit the set-up itself, which forks, and has more to calculate than many a program: with a hundredth
# of a processor it would take seconds. They come when it is done.
LATE = ("pids", "cpu")


def make_cgroup_steps(linux: Linux, container_id: str, manager: str = CGROUPFS) -> list[Step]:
    return [MakeCgroup(cgroup_path(linux, container_id), origin_of(linux))] if manager == CGROUPFS else []


def cgroup_path(linux: Linux, container_id: str) -> str:
    """Relative to where cgroup2 is mounted. A relative `cgroupsPath` is taken from minirun's own place in the tree."""
    told = linux.cgroups_path
    if not told:
        return f"/minirun/{container_id}"
    parts = [part for part in told.split("/") if part not in ("", ".")]
    if ".." in parts or not parts:
        raise ConfigError("/linux/cgroupsPath", f"found {told!r}", "a path below the root of the hierarchy, without ..")
    return "/" + "/".join(parts if told.startswith("/") else ["minirun", *parts])


def origin_of(linux: Linux) -> str:
    return "/linux/cgroupsPath" if linux.cgroups_path else ""


def controllers(files: tuple[CgroupFile, ...]) -> tuple[str, ...]:
    """Those that have to be there."""
    return tuple(dict.fromkeys(file.controller for file in files if file.controller and not file.optional))


def set_limit(file: CgroupFile) -> Step:
    from ..steps.limits import SetLimit  # `delete` does without

    return SetLimit(file.name, file.value, file.place, file.optional, file.otherwise)
