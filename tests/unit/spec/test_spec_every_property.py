"""No property of the OCI runtime spec 1.3 for Linux is skipped silently.

Each is set to 1.5, which none of them can be. A reader that looks at the property must refuse it.
"""

from __future__ import annotations

import pytest
from unit.spec.spec_helpers import GOOD, MAPPINGS, TIME_NAMESPACE, USER_NAMESPACE, changed, load_changed, refused

from minirun.errors import ConfigError
from minirun.spec.load import parse

NONSENSE = 1.5

TOP = "ociVersion root mounts process hostname domainname linux hooks annotations"
ROOT = "path readonly"
MOUNT = "destination source type options uidMappings gidMappings"
PROCESS = """terminal consoleSize cwd env args rlimits apparmorProfile capabilities noNewPrivileges oomScoreAdj
    scheduler selinuxLabel ioPriority user execCPUAffinity"""
CAPABILITIES = "effective bounding inheritable permitted ambient"
SCHEDULER = "policy nice priority flags runtime deadline period"
USER = "uid gid umask additionalGids"
LINUX = """namespaces uidMappings gidMappings timeOffsets devices netDevices cgroupsPath resources rootfsPropagation
    maskedPaths readonlyPaths mountLabel personality sysctl seccomp intelRdt memoryPolicy"""
RESOURCES = "devices memory cpu blockIO hugepageLimits network pids rdma unified"
MEMORY = "limit reservation swap kernel kernelTCP swappiness disableOOMKiller useHierarchy checkBeforeUpdate"
CPU = "shares quota burst period realtimeRuntime realtimePeriod cpus mems idle"
THROTTLES = [f"throttle{way}{unit}Device" for way in ("Read", "Write") for unit in ("Bps", "IOPS")]
BLOCK_IO = " ".join(["weight leafWeight weightDevice", *THROTTLES])

EVERY_NAMESPACE = [{"type": name} for name in ("mount", "network", "user", "time")]
WHOLE = changed(
    {
        **USER_NAMESPACE,
        "/mounts": [{"destination": "/a", "uidMappings": [{**MAPPINGS[0]}], "gidMappings": [{**MAPPINGS[0]}]}],
        "/process/terminal": True,
        "/process/rlimits": [{"type": "RLIMIT_CPU", "soft": 1, "hard": 1}],
        "/process/scheduler": {"policy": "SCHED_DEADLINE"},
        "/process/capabilities": {},
        "/process/ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 0},
        "/process/consoleSize": {"height": 1, "width": 1},
        "/process/execCPUAffinity": {},
        "/linux/namespaces": EVERY_NAMESPACE,
        "/linux/timeOffsets": {"monotonic": {}},
        "/linux/devices": [{"type": "c", "path": "/a", "major": 1, "minor": 1}],
        "/linux/resources": {
            "devices": [{"allow": True}],
            "memory": {},
            "cpu": {},
            "network": {},
            "pids": {},
            "blockIO": {
                "weightDevice": [{"major": 8, "minor": 0, "weight": 10}],
                **{name: [{"major": 8, "minor": 0, "rate": 1}] for name in THROTTLES},
            },
            "hugepageLimits": [{"pageSize": "2MB", "limit": 1}],
            "rdma": {"mlx5_1": {"hcaHandles": 1}},
        },
        "/linux/personality": {"domain": "LINUX"},
        "/linux/seccomp": {
            "defaultAction": "SCMP_ACT_ERRNO",
            "syscalls": [
                {
                    "names": ["read"],
                    "action": "SCMP_ACT_ERRNO",
                    "args": [{"index": 0, "value": 0, "op": "SCMP_CMP_EQ"}],
                }
            ],
        },
        "/linux/netDevices": {"eth0": {}},
        "/linux/memoryPolicy": {"mode": "MPOL_LOCAL"},
        "/linux/intelRdt": {},
    }
)

OBJECTS = {
    "": TOP,
    "/root": ROOT,
    "/mounts/0": MOUNT,
    "/mounts/0/uidMappings/0": "containerID hostID size",
    "/mounts/0/gidMappings/0": "containerID hostID size",
    "/process": PROCESS,
    "/process/rlimits/0": "type soft hard",
    "/process/capabilities": CAPABILITIES,
    "/process/scheduler": SCHEDULER,
    "/process/ioPriority": "class priority",
    "/process/execCPUAffinity": "initial final",
    "/process/consoleSize": "height width",
    "/process/user": USER,
    "/linux": LINUX,
    "/linux/namespaces/0": "type path",
    "/linux/uidMappings/0": "containerID hostID size",
    "/linux/gidMappings/0": "containerID hostID size",
    "/linux/timeOffsets/monotonic": "secs nanosecs",
    "/linux/devices/0": "type path major minor fileMode uid gid",
    "/linux/personality": "domain flags",
    "/linux/seccomp": "defaultAction defaultErrnoRet architectures flags listenerPath listenerMetadata syscalls",
    "/linux/seccomp/syscalls/0": "names action errnoRet args",
    "/linux/seccomp/syscalls/0/args/0": "index value valueTwo op",
    "/linux/netDevices/eth0": "name",
    "/linux/memoryPolicy": "mode nodes flags",
    "/linux/intelRdt": "closID schemata l3CacheSchema memBwSchema enableMonitoring enableCMT enableMBM",
    "/linux/resources": RESOURCES,
    "/linux/resources/devices/0": "allow type major minor access",
    "/linux/resources/memory": MEMORY,
    "/linux/resources/cpu": CPU,
    "/linux/resources/network": "classID priorities",
    "/linux/resources/pids": "limit",
    "/linux/resources/blockIO": BLOCK_IO,
    "/linux/resources/blockIO/weightDevice/0": "major minor weight leafWeight",
    **{f"/linux/resources/blockIO/{name}/0": "major minor rate" for name in THROTTLES},
    "/linux/resources/hugepageLimits/0": "pageSize limit",
    "/linux/resources/rdma/mlx5_1": "hcaHandles hcaObjects",
}
# The objects whose keys are free.
FREE = (
    "/annotations",
    "/linux/sysctl",
    "/linux/timeOffsets",
    "/linux/netDevices",
    "/linux/resources/unified",
    "/linux/resources/rdma",
)
IGNORED = {"/process": "commandLine", "/process/user": "username"}


def test_the_whole_is_good() -> None:
    parse(WHOLE)


@pytest.mark.parametrize("pointer", [f"{place}/{name}" for place, names in OBJECTS.items() for name in names.split()])
def test_nonsense_is_refused_where_it_stands(pointer: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(changed({pointer: NONSENSE}, WHOLE))
    assert caught.value.pointer.startswith(pointer)


@pytest.mark.parametrize("pointer", FREE)
def test_nonsense_is_refused_as_a_value(pointer: str) -> None:
    assert refused({**TIME_NAMESPACE, pointer: {"net.x": 1.5}}).pointer.startswith(pointer)


@pytest.mark.parametrize("pointer", [f"{place}/{name}" for place, names in IGNORED.items() for name in names.split()])
def test_what_is_not_for_this_program_is_ignored(pointer: str) -> None:
    assert load_changed({pointer: NONSENSE}) == parse(GOOD)
