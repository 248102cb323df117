"""`intelRdt` -> the steps that make a class of service, say what it may use, and put the container into it.

Few machines have that, so the steps are imported where config.json asks for it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..spec.config import Linux
    from ..spec.config_rare import IntelRdt
    from ..steps.step import Step

PLACE = "/linux/intelRdt"


def resctrl_steps(linux: Linux, container_id: str) -> list[Step]:
    """Everything that can be made before there is a process."""
    rdt = linux.intel_rdt
    if rdt is None:
        return []
    from ..steps.resctrl import MakeMonitoringGroup, WriteSchema

    group = group_of(rdt, container_id)
    steps: list[Step] = [*find_resctrl_steps(linux), *clos_steps(rdt, group)]
    steps += [WriteSchema(group, line, f"{PLACE}/{place}") for line, place in schema_lines(rdt)]
    if rdt.enable_monitoring:
        steps.append(MakeMonitoringGroup(group, container_id))
    return steps


def find_resctrl_steps(linux: Linux) -> list[Step]:
    if linux.intel_rdt is None:
        return []
    from ..steps.resctrl import FindResctrl

    return [FindResctrl()]


def join_resctrl_steps(linux: Linux, container_id: str) -> list[Step]:
    """The class of service first: a monitoring group only takes tasks of its own."""
    rdt = linux.intel_rdt
    if rdt is None:
        return []
    from ..steps.resctrl import JoinClos, MakeMonitoringGroup

    group = group_of(rdt, container_id)
    monitoring = [JoinClos(MakeMonitoringGroup(group, container_id).directory())] if rdt.enable_monitoring else []
    return [JoinClos(group), *monitoring]


def group_of(rdt: IntelRdt, container_id: str) -> str:
    return container_id if rdt.clos_id is None else rdt.clos_id


def clos_steps(rdt: IntelRdt, group: str) -> list[Step]:
    """config-linux.md#intelrdt: whether the group has to be new, may be there, or must be there."""
    from ..steps.resctrl import FindClos, MakeClos

    if rdt.clos_id is None:
        return [MakeClos(group, False, ())]
    if not schema_lines(rdt):
        return [FindClos(group)] if group else []
    compared = tuple(line for line, place in schema_lines(rdt) if not place.startswith("schemata"))
    return [MakeClos(group, True, compared)]


def schema_lines(rdt: IntelRdt) -> list[tuple[str, str]]:
    """The lines in the order in which they MUST be written, and their places. Up to version 1.2 of the spec the cache's
    schema could have lines of the memory's in it, which do not count."""
    cache = [line for line in (rdt.l3_cache_schema or "").splitlines() if line and not line.startswith("MB:")]
    return [
        *((line, "l3CacheSchema") for line in cache),
        *([(rdt.mem_bw_schema, "memBwSchema")] if rdt.mem_bw_schema else []),
        *((line, f"schemata/{index}") for index, line in enumerate(rdt.schemata)),
    ]
