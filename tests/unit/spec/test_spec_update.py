"""What an update makes of a config.json."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from unit.spec.spec_helpers import GOOD
from unit.spec.test_spec_fuzz import JSON, QUICK, RICH

from minirun.errors import ConfigError
from minirun.spec.load import parse
from minirun.spec.load_resources import read_resources
from minirun.spec.reader import Node
from minirun.spec.update import asked_for, changed, concerned


def config(resources: object, **linux: object) -> dict[str, Any]:
    return {**GOOD, "linux": {"resources": resources, **linux}}


def rate(minor: int, number: int) -> dict[str, int]:
    """A limit for the disk 8:minor."""
    return {"major": 8, "minor": minor, "rate": number}


def after(resources: object, change: dict[str, Any]) -> Any:
    """The resources after an update."""
    return changed(config(resources), asked_for(change))["linux"]["resources"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"memory": {"limit": 0, "swap": 0, "reservation": None, "kernel": 0}}, {"memory": {}}),
        (
            {"cpu": {"shares": 0, "quota": 5, "cpus": "", "idle": 0, "burst": 0}},
            {"cpu": {"quota": 5, "idle": 0, "burst": 0}},
        ),
        ({"blockIO": {"weight": 0}, "devices": [], "unified": {}, "network": None}, {"blockIO": {}}),
        ({"memory": {"checkBeforeUpdate": False}}, {"memory": {"checkBeforeUpdate": False}}),
        ({"pids": {"limit": 0}}, {"pids": {"limit": 0}}),
        ({"hugepageLimits": [{"pageSize": "2MB", "limit": 0}]}, {"hugepageLimits": [{"pageSize": "2MB", "limit": 0}]}),
        ({"unified": {"cpuset.cpus": ""}}, {"unified": {"cpuset.cpus": ""}}),
    ],
)
def test_what_engines_send_for_what_stays(change: dict[str, Any], expected: object) -> None:
    assert asked_for(change) == expected


@pytest.mark.parametrize(
    ("before", "change", "expected"),
    [
        ({}, {"pids": {"limit": 5}}, {"pids": {"limit": 5}}),
        (
            {"pids": {"limit": 9}, "cpu": {"shares": 5}},
            {"pids": {"limit": -1}},
            {"pids": {"limit": -1}, "cpu": {"shares": 5}},
        ),
        ({"cpu": {"shares": 5, "quota": 6}}, {"cpu": {"quota": 7}}, {"cpu": {"shares": 5, "quota": 7}}),
        ({"unified": {"a.b": "1", "c.d": "2"}}, {"unified": {"a.b": "3"}}, {"unified": {"a.b": "3", "c.d": "2"}}),
        (
            {"rdma": {"m": {"hcaHandles": 1, "hcaObjects": 2}}},
            {"rdma": {"m": {"hcaHandles": 3}}},
            {"rdma": {"m": {"hcaHandles": 3, "hcaObjects": 2}}},
        ),
        ({"devices": [{"allow": True}]}, {"devices": [{"allow": False}]}, {"devices": [{"allow": False}]}),
        ({"devices": [{"allow": True}]}, {"devices": []}, {"devices": [{"allow": True}]}),
        (
            {"hugepageLimits": [{"pageSize": "2MB", "limit": 1}, {"pageSize": "1GB", "limit": 2}]},
            {"hugepageLimits": [{"pageSize": "2MB", "limit": 3}]},
            {"hugepageLimits": [{"pageSize": "1GB", "limit": 2}, {"pageSize": "2MB", "limit": 3}]},
        ),
        (
            {"blockIO": {"throttleReadBpsDevice": [rate(0, 1)]}},
            {"blockIO": {"throttleReadBpsDevice": [rate(1, 2)]}},
            {"blockIO": {"throttleReadBpsDevice": [rate(0, 1), rate(1, 2)]}},
        ),
    ],
)
def test_what_is_new_over_what_is_old(before: object, change: dict[str, Any], expected: object) -> None:
    assert after(before, change) == expected


@pytest.mark.parametrize(
    ("before", "change", "expected"),
    [
        ({"limit": 10, "swap": 15}, {"limit": 20}, {"limit": 20, "swap": 25}),
        ({"limit": 10, "swap": 10}, {"limit": 5}, {"limit": 5, "swap": 5}),
        ({"limit": 10, "swap": 15}, {"limit": -1}, {"limit": -1}),
        ({"limit": -1, "swap": 15}, {"limit": 20}, {"limit": 20, "swap": 35}),
        ({"limit": 10, "swap": -1}, {"limit": 20}, {"limit": 20, "swap": -1}),
        ({"limit": 10}, {"limit": 20}, {"limit": 20}),
        ({"limit": 10, "swap": 15}, {"swap": 30}, {"limit": 10, "swap": 30}),
        ({"limit": 10, "swap": 15}, {"limit": 12, "swap": 30}, {"limit": 12, "swap": 30}),
        ({"limit": 10, "swap": 15}, {"limit": 12, "swap": 0}, {"limit": 12, "swap": 17}),
        ({"limit": 10, "swap": 15}, {"reservation": 5}, {"limit": 10, "swap": 15, "reservation": 5}),
    ],
)
def test_a_new_limit_of_memory_leaves_that_of_swap(before: object, change: object, expected: object) -> None:
    """`swap` counts both."""
    assert after({"memory": before}, {"memory": change}) == {"memory": expected}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"memory": {"swap": 30}}, {"memory": {"limit": 10, "swap": 30}}),
        ({"memory": {"reservation": 3}}, {"memory": {"reservation": 3}}),
        ({"cpu": {"period": 30}}, {"cpu": {"quota": 5, "period": 30}}),
        ({"cpu": {"idle": 0}}, {"cpu": {"shares": 7, "idle": 0}}),
        ({"cpu": {"cpus": "0"}}, {"cpu": {"cpus": "0"}}),
        ({"pids": {"limit": 3}, "intelRdt": {"memBwSchema": "MB:0=1"}}, {"pids": {"limit": 3}}),
        ({}, {}),
    ],
)
def test_what_shares_a_file_is_written_together(change: dict[str, Any], expected: object) -> None:
    whole = changed(config({"memory": {"limit": 10, "swap": 15}, "cpu": {"quota": 5, "shares": 7}}), change)
    assert concerned(change, whole) == expected


def test_schemata() -> None:
    rdt = {"closID": "gold", "l3CacheSchema": "L3:0=f"}
    made = changed(config({}, intelRdt=rdt), {"intelRdt": {"memBwSchema": "MB:0=20"}})
    assert made["linux"] == {"resources": {}, "intelRdt": {**rdt, "memBwSchema": "MB:0=20"}}


def test_what_was_there_is_not_changed_in_place() -> None:
    before = copy.deepcopy(RICH)
    changed(before, asked_for({"cpu": {"shares": 9}, "unified": {"a.b": "5"}, "devices": [{"allow": True}]}))
    assert before == RICH


@QUICK
@given(JSON)
def test_any_json_is_an_update_or_an_error(change: Any) -> None:
    for wanted in (change, {"memory": change}, {"cpu": change}, {"blockIO": {"weightDevice": change}}):
        if not isinstance(wanted, dict):
            continue
        asked = asked_for(wanted)
        whole = changed(RICH, asked)
        try:
            parse(whole)
        except ConfigError:
            continue
        read_resources(Node(concerned(asked, whole), ""))
