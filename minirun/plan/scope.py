"""`cgroupsPath`, `resources` and annotations -> the steps by which systemd makes the container's cgroup.

What systemd does not know, and what it only knows roughly, is then written to the files of the cgroup as in one that
minirun has made itself (limits.py).
"""

from __future__ import annotations

from ..cgroups import resources, systemd, systemd_values
from ..errors import ConfigError
from ..spec.config import UNIT_PROPERTY
from ..spec.reader import escape
from ..steps import scope as steps
from ..steps import scope_changes
from .cgroup import LATE, controllers, origin_of, set_limit
from .options import SYSTEMD_USER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..cgroups.systemd import Property, Scope
    from ..spec.config import Config, Linux
    from ..steps.step import Step

OWN = ("PIDs", "Slice")  # config.json says these otherwise


def scope_of(linux: Linux, container_id: str, manager: str) -> Scope:
    default = "user.slice" if manager == SYSTEMD_USER else "system.slice"
    try:
        return systemd.scope(linux.cgroups_path, container_id, default)
    except systemd.BadName as error:
        raise ConfigError("/linux/cgroupsPath", f"found {linux.cgroups_path!r}", str(error)) from None


def choose_scope(linux: Linux, container_id: str, manager: str) -> Step:
    place = scope_of(linux, container_id, manager)
    return steps.ChooseScope(place.unit, systemd.path_of(place), manager == SYSTEMD_USER, origin_of(linux))


def scope_steps(config: Config, container_id: str, manager: str) -> list[Step]:
    """The container's process waits while it is moved and its limits are set."""
    linux = config.linux
    files = resources.files(linux.resources)
    needed = controllers(files)
    return [
        start_step(config, container_id, manager),
        *([steps.EnableControllersOfScope(needed)] if needed else []),
        *(set_limit(file) for file in files if file.controller not in LATE),
    ]


def start_step(config: Config, container_id: str, manager: str) -> Step:
    place = scope_of(config.linux, container_id, manager)
    limits = systemd.limit_properties(resources.files(config.linux.resources))
    properties = (
        *systemd.base_properties(place, container_id),
        *(made for made in limits if not systemd.is_late(made)),
        *annotated(config.annotations),  # last, so that they win
    )
    others = systemd.passing_slices(place.slice)
    return steps.StartScope(place.unit, properties, others, manager == SYSTEMD_USER, origin_of(config.linux))


def annotated(annotations: Mapping[str, str]) -> tuple[Property, ...]:
    """Properties that config.json asks for by systemd's own names."""
    return tuple(
        annotation(name.removeprefix(UNIT_PROPERTY), text, f"/annotations/{escape(name)}")
        for name, text in annotations.items()
        if name.startswith(UNIT_PROPERTY)
    )


def annotation(name: str, text: str, pointer: str) -> Property:
    if not (name.isascii() and name.isalnum() and name[0].isupper()) or name in OWN:
        raise ConfigError(pointer, f"found the property {name!r}", f"a property of scopes, but for {' and '.join(OWN)}")
    try:
        return in_microseconds(systemd.Property(name, *systemd_values.parse(text), place=pointer))
    except ValueError as error:
        raise ConfigError(
            pointer,
            f"found {text!r}: {error}",
            "a value as GVariant text, such as uint64 100, true, 'text' or ['a', 'b']",
        ) from None


def in_microseconds(made: Property) -> Property:
    """systemd.unit(5) has times as TimeoutStopSec=, D-Bus as TimeoutStopUSec; people write the former."""
    if not made.name.endswith("Sec") or made.name.endswith("USec"):
        return made
    if isinstance(made.value, bool) or not isinstance(made.value, (int, float)) or made.value < 0:
        raise ValueError("a time is a number of seconds")
    longest = systemd.INFINITY
    time = longest if made.value in (longest, float("inf")) else int(made.value * 1000000)
    if time > longest:
        raise ValueError(f"a time is a number of seconds; without end, it is uint64 {longest}")
    return made.replace(name=f"{made.name[:-3]}USec", signature="t", value=time)


def late_scope_steps(linux: Linux, container_id: str, manager: str) -> list[Step]:
    limits = systemd.limit_properties(resources.files(linux.resources))
    late = tuple(made for made in limits if systemd.is_late(made))
    unit = scope_of(linux, container_id, manager).unit
    return [steps.SetScopeLimits(unit, late, manager == SYSTEMD_USER)] if late else []


def change_steps(linux: Linux, container_id: str, files: tuple[resources.CgroupFile, ...], manager: str) -> list[Step]:
    """For an update: systemd hears of it first, since its idea of a value may be less exact than the file's."""
    needed = controllers(files)
    changes = systemd.limit_properties(files)
    written = tuple((name, value) for file in files for name, value in choices(file) if name in systemd.TRANSLATIONS)
    unit = scope_of(linux, container_id, manager).unit
    return [
        *([steps.EnableControllersOfScope(needed, "")] if needed else []),
        *([scope_changes.ChangeScopeLimits(unit, changes, manager == SYSTEMD_USER, "", written)] if changes else []),
    ]


def choices(file: resources.CgroupFile) -> list[tuple[str, str]]:
    return [(file.name, file.value), *([file.otherwise] if file.otherwise else [])]


def join_scope(linux: Linux, container_id: str, below: str, beside: int) -> Step:
    return steps.JoinScope(scope_of(linux, container_id, SYSTEMD_USER).unit, True, below, beside)
