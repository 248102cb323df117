"""`cgroupsPath` and `resources` -> the steps that make the container's cgroup and set its limits."""

from __future__ import annotations

from ..cgroups import devices, resources
from ..errors import ConfigError, StateError
from ..spec.config import EXTENSION
from ..steps import cgroup, cgroup_entry, limits
from ..steps.device_filter import AttachDeviceFilter, LeaveOutDeviceRules
from .cgroup import LATE, cgroup_path, controllers, make_cgroup_steps, origin_of, set_limit
from .options import BY_SYSTEMD, CGROUPFS, DISABLED, INHERITED, SYSTEMD_USER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..spec.config import Config, Linux, Mount, Process
    from ..steps.step import Step
    from .options import Options

DELEGATED = (
    "with --systemd-cgroup, by which your own systemd makes one, those that it has got the controllers for; else none"
)
WITHOUT = {  # the container stays in minirun's own
    DISABLED: ("a limit, but the container gets no cgroup", "no limits, or a cgroup manager"),
    INHERITED: ("a limit, but you may make no cgroup: that takes root", DELEGATED),
}


def choose_cgroup(linux: Linux, container_id: str, manager: str = CGROUPFS) -> Step:
    if manager in BY_SYSTEMD:
        from .scope import choose_scope

        return choose_scope(linux, container_id, manager)
    if manager not in WITHOUT:
        return cgroup.ChooseCgroup(cgroup_path(linux, container_id), origin_of(linux))
    for file in resources.files(linux.resources):
        raise ConfigError(file.place, *WITHOUT[manager])
    return cgroup_entry.StayInCgroup(len(linux.resources.devices))


def cgroup_steps(linux: Linux, container_id: str, manager: str = CGROUPFS) -> list[Step]:
    """Limits are set before a process is in the cgroup, so that there is no moment without them."""
    if manager != CGROUPFS:
        return []
    files = resources.files(linux.resources)
    steps: list[Step] = [
        *make_cgroup_steps(linux, container_id, manager),
        limits.EnableControllers(cgroup_path(linux, container_id), controllers(files)),
    ]
    return [*steps, *(set_limit(file) for file in files if file.controller not in LATE)]


def enter_cgroup_steps(config: Config, container_id: str, manager: str = CGROUPFS) -> list[Step]:
    """For the container's first process, where it is not born there."""
    if manager in BY_SYSTEMD:
        from .scope import scope_steps

        return scope_steps(config, container_id, manager)
    return []


def join_cgroup_steps(linux: Linux, container_id: str, manager: str, below: str = "", beside: int = 0) -> list[Step]:
    """`below` is a cgroup below the container's, `beside` one of its processes that may have gone there."""
    if manager == SYSTEMD_USER:
        from .scope import join_scope

        return [join_scope(linux, container_id, below, beside)]
    if manager not in WITHOUT:
        return [cgroup_entry.JoinCgroup(below, beside)]
    if below:
        raise StateError("the container has no cgroup to be below of\n  cure:  leave --cgroup out")
    return []


def late_limit_steps(linux: Linux, container_id: str, manager: str = CGROUPFS, rootless: bool = False) -> list[Step]:
    """The rest, when nothing but the program is still to come."""
    if manager in WITHOUT:
        return []
    files = resources.files(linux.resources)
    rules = rules_without_root(linux) if rootless else [device_filter(linux)]
    late = [*(set_limit(file) for file in files if file.controller in LATE), *rules]
    if manager in BY_SYSTEMD:
        from .scope import late_scope_steps

        return [*late_scope_steps(linux, container_id, manager), *late]
    return late


def owner_steps(config: Config, process: Process, manager: str = CGROUPFS) -> list[Step]:
    """The program's user owns the cgroup if it has a cgroup namespace of its own, and the cgroup in it to write to."""
    if manager in WITHOUT or not is_programs(config):
        return []
    from ..steps.cgroup_owner import GiveCgroup  # few containers have it to write to

    return [GiveCgroup(process.user.uid)]


def is_programs(config: Config) -> bool:
    is_new = any(namespace.type == "cgroup" and namespace.path is None for namespace in config.linux.namespaces)
    return is_new and any(map(is_writable_cgroup, config.mounts))


def delegation_steps(config: Config, process: Process, options: Options) -> list[Step]:
    """A user's cgroup is the user's already."""
    owner = [] if options.rootless else owner_steps(config, process, options.cgroup_manager)
    return [*owner, *below_steps(config, process, options)]


def below_steps(config: Config, process: Process, options: Options) -> list[Step]:
    """After the cgroup namespace is made: its root stays the container's cgroup."""
    path, place = config.extensions.delegated_cgroup, f"/annotations/{EXTENSION}delegate-cgroup"
    if not path:
        return []
    if options.cgroup_manager in WITHOUT:
        raise ConfigError(place, "a cgroup below the container's, which gets none", WITHOUT[options.cgroup_manager][1])
    from ..steps.cgroup_below import MoveBelow
    from ..steps.cgroup_owner import GiveCgroup

    given = [GiveCgroup(process.user.uid, place, path)] if is_programs(config) and not options.rootless else []
    return [MoveBelow(path, place), *given]


def is_writable_cgroup(mount: Mount) -> bool:
    """In the spec's words (config-linux.md#cgroup-ownership)."""
    place = mount.destination.rstrip("/")
    return mount.source == "cgroup" and place == "/sys/fs/cgroup" and not {"ro", "rro"}.intersection(mount.options)


def rules_without_root(linux: Linux) -> list[Step]:
    """A user's container can open the devices that the user can, which is no reason for a warning by itself."""
    return [LeaveOutDeviceRules(len(linux.resources.devices))] if linux.resources.devices else []


def device_filter(linux: Linux) -> Step:
    """What config.json does not allow is refused, and so it is without a list: the host's disks are devices, too."""
    rules = linux.resources.devices + devices.default_rules()
    return AttachDeviceFilter(rules, devices.program(rules))
