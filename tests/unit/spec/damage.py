"""How to damage a config.json: hypothesis chooses the places, and what is done there."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st
from unit.spec.spec_helpers import GOOD

from minirun.spec.default import default

# Words that lead somewhere: names of properties, and values that some of them take.
NAMES = sorted(
    {*GOOD, *GOOD["process"], "monotonic"} | {"linux", "resources", "blockIO", "hugepageLimits", "rdma", "unified"}
)
WORDS = st.sampled_from(
    ["/", "/proc", "1.0.0", "mount", "user", "net.x", "SCHED_FIFO", "RLIMIT_CPU", "rwm", "A=b", "", *NAMES]
)
EDGES = [*(sign * 2**power for power in (0, 8, 16, 31, 32, 63, 64, 200) for sign in (1, -1)), 10**4200]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from(EDGES),
    st.floats(),
    st.text(max_size=8),
    WORDS,
    st.sampled_from(["\ud800", "a\0b", "\x1b"]),
)
KEYS = st.one_of(WORDS, st.text(max_size=5), st.sampled_from(["\ud800", "\0", "~/"]))
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=8
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths to everything in a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path] * bool(path) + [place for key, inner in items for place in places(inner, (*path, key))]


def mutate(config: Any, place: tuple[Any, ...], way: str, key: str, value: Any) -> None:
    """Replaces, deletes or inserts at a place. An earlier mutation may have taken it away."""
    *parents, last = place
    try:
        for part in parents:
            config = config[part]
        if way == "delete":
            del config[last]
        elif way == "replace":
            config[last] = value
        elif isinstance(config, list):
            config.insert(last, value)
        else:
            config[key] = value
    except (LookupError, TypeError):
        pass


RICH: dict[str, Any] = copy.deepcopy(default(True, 1000, 1000))
RICH["annotations"] = {"a": "b"}
RICH["process"]["scheduler"] = {"policy": "SCHED_FIFO", "priority": 1, "flags": ["SCHED_FLAG_RECLAIM"]}
RICH["process"]["ioPriority"] = {"class": "IOPRIO_CLASS_BE", "priority": 1}
RICH["process"]["consoleSize"] = {"height": 1, "width": 1}
RICH["process"]["oomScoreAdj"] = 1
RICH["process"]["user"] = {"uid": 1, "gid": 1, "umask": 18, "additionalGids": [2]}
RICH["linux"]["namespaces"] += [{"type": "time"}, {"type": "network", "path": "/x"}]
RICH["linux"]["timeOffsets"] = {"monotonic": {"secs": 1}}
RICH["linux"]["sysctl"] = {"net.ipv4.ip_forward": "1"}
RICH["linux"]["devices"] = [{"type": "c", "path": "/a", "major": 1, "minor": 3, "fileMode": 438}]
RICH["linux"]["personality"] = {"domain": "LINUX", "flags": []}
RICH["linux"]["cgroupsPath"] = "/a"
RICH["linux"]["rootfsPropagation"] = "slave"
RICH["linux"]["resources"] = {
    "devices": [{"allow": True, "type": "c", "major": -1, "access": "r"}],
    "memory": {"limit": 5, "swap": 6, "kernel": 0},
    "cpu": {"shares": 5, "quota": 6, "burst": 1, "idle": 0, "cpus": "0"},
    "pids": {"limit": 5},
    "network": {"priorities": []},
    "blockIO": {
        "weight": 0,
        "weightDevice": [{"major": 8, "minor": 0, "weight": 10}],
        "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 1}],
    },
    "hugepageLimits": [{"pageSize": "2MB", "limit": 1}],
    "rdma": {"mlx5_1": {"hcaHandles": 1}},
    "unified": {"memory.high": "1"},
}
RICH["linux"]["seccomp"] = {
    "defaultAction": "SCMP_ACT_ERRNO",
    "defaultErrnoRet": 1,
    "syscalls": [
        {
            "names": ["read"],
            "action": "SCMP_ACT_ALLOW",
            "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}, {"index": 0, "value": 2, "op": "SCMP_CMP_LT"}],
        }
    ],
}
RICH["linux"]["netDevices"] = {"eth0": {"name": "eth1"}}
RICH["linux"]["memoryPolicy"] = {"mode": "MPOL_BIND", "nodes": "0-1", "flags": ["MPOL_F_STATIC_NODES"]}
RICH["linux"]["intelRdt"] = {"closID": "a", "schemata": ["MB:0=20"]}
RICH["mounts"] += [
    {"destination": "/v", "source": "v", "options": ["rbind", "ro"]},
    {
        "destination": "/m",
        "source": "/m",
        "options": ["bind", "idmap"],
        "uidMappings": [{"containerID": 0, "hostID": 1, "size": 1}],
        "gidMappings": [{"containerID": 0, "hostID": 1, "size": 1}],
    },
    {"destination": "/t", "type": "tmpfs", "options": ["tmpcopyup"]},
]
RICH["hooks"] = {
    "prestart": [{"path": "/a", "args": ["a"], "env": ["A=b"], "timeout": 1}],
    "poststop": [{"path": "/b"}],
}
PLACES = places(RICH)
MUTATIONS = st.lists(
    st.tuples(st.sampled_from(PLACES), st.sampled_from(["replace", "delete", "insert"]), KEYS, JSON),
    min_size=1,
    max_size=4,
)


def damaged(mutations: list[tuple[tuple[Any, ...], str, str, Any]]) -> Any:
    """A copy of RICH after the mutations."""
    config = copy.deepcopy(RICH)
    for place, way, key, value in mutations:
        mutate(config, place, way, key, copy.deepcopy(value))
    return config
