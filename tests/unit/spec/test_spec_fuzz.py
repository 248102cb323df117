"""Whatever stands in config.json, the answer is a Config or an explained error, never a traceback."""

from __future__ import annotations

import contextlib
import copy
import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from unit.spec.spec_helpers import GOOD

from minirun.errors import MinirunError
from minirun.spec.config import Config
from minirun.spec.default import default
from minirun.spec.load import decode, parse

QUICK = settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))

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


def outcome(value: object) -> None:
    try:
        config = parse(value)
    except MinirunError as error:
        f"{error}".encode()  # it can be printed
    else:
        assert isinstance(config, Config)


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
PLACES = places(RICH)
MUTATIONS = st.lists(
    st.tuples(st.sampled_from(PLACES), st.sampled_from(["replace", "delete", "insert"]), KEYS, JSON),
    min_size=1,
    max_size=4,
)


def test_the_start_of_the_mutations_is_good() -> None:
    assert isinstance(parse(RICH), Config)


@QUICK
@given(st.binary())
def test_any_bytes(data: bytes) -> None:
    with contextlib.suppress(MinirunError):
        outcome(decode(data))


@QUICK
@given(st.binary(max_size=20), st.integers(0, 3000), st.integers(0, 20))
def test_damaged_files(junk: bytes, start: int, length: int) -> None:
    good = json.dumps(RICH).encode()
    with contextlib.suppress(MinirunError):
        outcome(decode(good[:start] + junk + good[start + length :]))


@QUICK
@given(JSON)
def test_any_json(value: object) -> None:
    outcome(value)


@QUICK
@given(
    st.dictionaries(st.sampled_from(["process", "mounts", "linux", "root", "hostname", "annotations", "hooks"]), JSON)
)
def test_any_json_under_known_names(members: dict[str, object]) -> None:
    outcome({**GOOD, **members})


@QUICK
@given(MUTATIONS)
def test_mutations_of_a_good_config(mutations: list[tuple[tuple[Any, ...], str, str, Any]]) -> None:
    config = copy.deepcopy(RICH)
    for place, way, key, value in mutations:
        mutate(config, place, way, key, copy.deepcopy(value))
    outcome(config)
