"""minirun.plan.update: the steps of an update."""

from __future__ import annotations

from typing import Any

import pytest
from unit.spec.spec_helpers import GOOD

from minirun.errors import ConfigError, StateError
from minirun.plan.container import Options
from minirun.plan.update import update_plan
from minirun.runtime.events import seconds
from minirun.runtime.update import FLAGS, read_change
from minirun.spec.load import parse
from minirun.spec.load_resources import read_resources
from minirun.spec.reader import Node
from minirun.spec.sizes import size
from minirun.spec.update import asked_for, changed, concerned
from minirun.steps.cgroup_changes import ChangeLimit, CheckMemoryInUse
from minirun.steps.device_filter import ReplaceDeviceFilter
from minirun.steps.limits import EnableControllers
from minirun.steps.resctrl import ChangeSchema, FindResctrl
from minirun.steps.state import ReplaceConfig
from minirun.steps.step import Step

OPTIONS = Options(id="example", bundle="/bundle")
KEEP = ReplaceConfig("/run/minirun/example")


def steps(change: dict[str, Any], **linux: object) -> list[Step]:
    config = {**GOOD, "linux": {**GOOD.get("linux", {}), **linux}}
    asked = asked_for(change)
    whole = changed(config, asked)
    resources = read_resources(Node(concerned(asked, whole), "/linux/resources"))
    return list(update_plan(parse(config), parse(whole), resources, OPTIONS))


def test_nothing_asked_for_changes_nothing() -> None:
    assert steps({"memory": {"limit": 0}}) == [KEEP]


def test_files_are_written_in_order_and_the_books_last() -> None:
    before = {"memory": {"limit": 10, "swap": 15}}
    assert steps({"memory": {"limit": 20}, "pids": {"limit": 5}}, resources=before) == [
        EnableControllers("/minirun/example", ("memory", "pids"), ""),
        ChangeLimit("memory.swap.max", "5", ""),
        ChangeLimit("memory.max", "20", ""),
        ChangeLimit("pids.max", "5", ""),
        KEEP,
    ]


def test_the_memory_in_use_is_looked_at_first() -> None:
    asked = {"memory": {"limit": 20, "checkBeforeUpdate": True}}
    assert steps(asked)[0] == CheckMemoryInUse(20)
    assert steps({"memory": {"limit": 20}}, resources={"memory": {"checkBeforeUpdate": True}})[0] == CheckMemoryInUse(
        20
    )
    asked = {"memory": {"limit": 20, "swap": 30, "checkBeforeUpdate": True}}
    assert steps(asked)[0] == CheckMemoryInUse(20, 30)
    for limit in (-1, 0):
        kinds = [type(step) for step in steps({"memory": {"limit": limit, "checkBeforeUpdate": True}})]
        assert CheckMemoryInUse not in kinds


def test_device_rules_only_where_there_are_some() -> None:
    (replaced, kept) = steps({"devices": [{"allow": False}]}, resources={"devices": [{"allow": True}]})
    assert isinstance(replaced, ReplaceDeviceFilter) and kept == KEEP
    assert steps({"devices": []}, resources={"devices": [{"allow": True}]}) == [KEEP]


def test_schemata_of_the_own_class() -> None:
    asked = {"intelRdt": {"memBwSchema": "MB:0=20"}}
    assert steps(asked, intelRdt={"l3CacheSchema": "L3:0=f"}) == [
        FindResctrl(""),
        ChangeSchema("example", "L3:0=f", ""),
        ChangeSchema("example", "MB:0=20", ""),
        KEEP,
    ]


@pytest.mark.parametrize(
    ("before", "asked"),
    [
        (None, {"memBwSchema": "MB:0=20"}),
        ({}, {"closID": "other"}),
        ({}, {"enableMonitoring": True}),
        ({"closID": "gold"}, {"closID": "other", "memBwSchema": "MB:0=20"}),
    ],
)
def test_another_class_is_refused(before: object, asked: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="/linux/intelRdt"):
        steps({"intelRdt": asked}, intelRdt=before)


# ---- what the command line asks for

NO_FLAGS = dict.fromkeys((flag for flag, *_ in FLAGS), None)


def test_flags_are_properties() -> None:
    flags = NO_FLAGS | {"memory": "64M", "cpu_quota": "-1", "cpuset_cpus": "0-1", "mem_bw_schema": "MB:0=1"}
    assert read_change("", flags) == {
        "memory": {"limit": 64 << 20},
        "cpu": {"quota": -1, "cpus": "0-1"},
        "intelRdt": {"memBwSchema": "MB:0=1"},
    }


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("0", 0),
        ("-1", -1),
        ("512", 512),
        ("512b", 512),
        ("1k", 1024),
        ("64M", 64 << 20),
        ("64mb", 64 << 20),
        ("64MiB", 64 << 20),
        ("2G", 2 << 30),
        ("1T", 1 << 40),
        ("1.5G", 3 << 29),
        ("0.25 MiB", 1 << 18),
        ("2.999", 2),
        *((word, None) for word in ("", "M", "x", "1.G", ".5G", "1.5.5G", "-0.5G", "1.-5G", "1  k", "--1", "5MM")),
        *((word, None) for word in ("٣", "1.٣", "1" * 30, "1." + "1" * 30)),
    ],
)
def test_sizes(word: str, expected: int | None) -> None:
    assert size(word) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5s", 5.0),
        ("5", 5.0),
        ("0.5", 0.5),
        ("500ms", 0.5),
        ("1m30s", 90.0),
        ("1.5h", 5400.0),
        ("2h45m", 9900.0),
        ("100us", 0.0001),
        ("100µs", 0.0001),
        ("1ns", 1e-9),
        (".5s", 0.5),
    ],
)
def test_durations(text: str, expected: float) -> None:
    assert seconds(text) == pytest.approx(expected)


@pytest.mark.parametrize(
    "text", ["", "0", "0s", "-5s", "5x", "s", "5s5", "1.2.3s", ".", "1 s", "5S", "inf", "1000h", "٣"]
)
def test_durations_that_are_none(text: str) -> None:
    with pytest.raises(StateError, match="--interval"):
        seconds(text)
