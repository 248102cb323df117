"""An update of a container that is there -> steps: its files first, the books last."""

from __future__ import annotations

from ..cgroups import devices, resources
from ..errors import ConfigError
from ..steps.cgroup_changes import ChangeLimit, CheckMemoryInUse
from ..steps.device_filter import ReplaceDeviceFilter
from ..steps.limits import EnableControllers
from ..steps.resctrl import ChangeSchema, FindResctrl
from ..steps.state import ReplaceConfig
from .cgroup import cgroup_path, controllers
from .options import BY_SYSTEMD
from .resctrl import group_of, schema_lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..cgroups.resources import CgroupFile
    from ..spec.config import Config, Memory, Resources
    from ..spec.config_rare import IntelRdt
    from ..steps.step import Step
    from .options import Options


def update_plan(before: Config, after: Config, concerned: Resources, options: Options) -> tuple[Step, ...]:
    """What leads from one config.json to the other, of which `concerned` is the part to write.

    Each step can be taken back, so that an update which fails half way changes nothing.
    """
    files = resources.files(concerned, is_new=False)
    return (
        *check_steps(concerned.memory),
        *controller_steps(after, files, options),
        *(ChangeLimit(file.name, file.value, "", file.optional, file.otherwise) for file in files),
        *device_steps(concerned),
        *schema_steps(before.linux.intel_rdt, after.linux.intel_rdt, options.id),
        ReplaceConfig(options.directory),  # from here on, the next update and `delete` go by it
    )


def controller_steps(after: Config, files: tuple[CgroupFile, ...], options: Options) -> list[Step]:
    """What has to be done by those who made the cgroup, before its files can be written."""
    if not files:
        return []
    if options.cgroup_manager in BY_SYSTEMD:
        from .scope import change_steps

        return change_steps(after.linux, options.id, files, options.cgroup_manager)
    return [EnableControllers(cgroup_path(after.linux, options.id), controllers(files), origin="")]


def check_steps(memory: Memory | None) -> list[Step]:
    """config-linux.md#memory: with `checkBeforeUpdate`, a limit below what is in use MUST be an error."""
    if not (memory and memory.check_before_update):
        return []
    limit, swap = (value if value and value != resources.NO_LIMIT else 0 for value in (memory.limit, memory.swap))
    return [CheckMemoryInUse(limit, swap)] if limit or swap else []


def device_steps(concerned: Resources) -> list[Step]:
    """An update without rules leaves those that are there; it can't ask for none."""
    if not concerned.devices:
        return []
    rules = concerned.devices + devices.default_rules()
    return [ReplaceDeviceFilter(rules, devices.program(rules), origin="")]


def schema_steps(before: IntelRdt | None, after: IntelRdt | None, container_id: str) -> list[Step]:
    """New schemata for the class of service that the container is in. It can't go into another one: some of its
    processes might be forking just now."""
    if after is None or after == before:
        return []
    schemata = {"l3_cache_schema": after.l3_cache_schema, "mem_bw_schema": after.mem_bw_schema}
    if before is None or before.replace(**schemata) != after:
        raise ConfigError(
            "/linux/intelRdt",
            "found more than new schemata for the container's own class of service",
            "l3CacheSchema and memBwSchema, for a container that was created with /linux/intelRdt",
        )
    group = group_of(after, container_id)
    return [FindResctrl(origin=""), *(ChangeSchema(group, line, "") for line, _place in schema_lines(after))]
