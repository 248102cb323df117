"""`cgroupsPath` -> the step that makes the container's cgroup, where minirun makes it; its limits are in limits.py."""

from __future__ import annotations

from ..errors import ConfigError
from ..steps.cgroup import MakeCgroup
from .options import CGROUPFS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..spec.config import Linux
    from ..steps.step import Step


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
