"""config-linux.md#user-namespace-mappings (user_namespaces(7)) and #offset-for-time-namespace (time_namespaces(7))."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..machine import needs_namespace
from ..suite import SHOULD, clause, expect, expect_true

if TYPE_CHECKING:
    from ..container import Container

MAPPINGS = "config-linux.md#user-namespace-mappings"
OFFSETS = "config-linux.md#offset-for-time-namespace"


@clause(
    MAPPINGS,
    (
        "`uidMappings` (array of objects, OPTIONAL) describes the user namespace uid mappings from the host to "
        "the container."
    ),
    each=("uid", "gid"),
)
def the_id_mappings(container: Container, kind: str) -> None:
    needs_namespace("user")
    container.user_namespace()
    container.linux[f"{kind}Mappings"] = [
        {"containerID": 0, "hostID": 100000, "size": 1000},
        {"containerID": 5000, "hostID": 200000, "size": 10},
    ]
    told = [[int(word) for word in line.split()] for line in container.look()[f"{kind}_map"]]
    expect(f"/proc/self/{kind}_map", told, [[0, 100000, 1000], [5000, 200000, 10]])


@clause(
    MAPPINGS,
    "The runtime SHOULD NOT modify the ownership of referenced filesystems to realize the mapping.",
    level=SHOULD,
)
def the_owner_of_the_root_file_system_stays(container: Container) -> None:
    needs_namespace("user")
    container.user_namespace()
    file = container.file("/etc/owned")
    container.look("fds")
    owners = {path: (path.stat().st_uid, path.stat().st_gid) for path in (container.rootfs, file)}
    expect("the owners", set(owners.values()), {(0, 0)})


@clause(MAPPINGS, "`size` (uint32, REQUIRED) - is the number of ids to be mapped.")
def a_mapping_without_a_size(container: Container) -> None:
    needs_namespace("user")
    container.user_namespace()
    del container.linux["uidMappings"][0]["size"]
    container.must_be_refused("a mapping has no size")


@clause(OFFSETS, "`timeOffsets` (object, OPTIONAL) sets the offset for Time Namespace.", each=("monotonic", "boottime"))
def the_clocks_have_an_offset(container: Container, clock: str) -> None:
    needs_namespace("time")
    container.namespace("time")
    container.linux["timeOffsets"] = {clock: {"secs": 1_000_000, "nanosecs": 5}}
    seconds = container.look()["clocks"][clock]
    expect_true(f"the {clock} clock is a million seconds ahead ({seconds})", seconds >= 1_000_000)


@clause(OFFSETS, "`secs` (int64, OPTIONAL) - is the offset of clock (in seconds) in the container.")
def a_time_offset_without_seconds(container: Container) -> None:
    needs_namespace("time")
    container.namespace("time")
    container.linux["timeOffsets"] = {"boottime": {"nanosecs": 7}}
    told = [line.split() for line in container.look()["timens_offsets"]]
    expect_true(f"the offset is 7 nanoseconds ({told})", ["boottime", "0", "7"] in told)


@clause(OFFSETS, "The name of the clock is the entry key.")
def a_clock_that_does_not_exist(container: Container) -> None:
    needs_namespace("time")
    container.namespace("time")
    container.linux["timeOffsets"] = {"sundial": {"secs": 1}}
    container.must_be_refused("there is no clock of this name")
