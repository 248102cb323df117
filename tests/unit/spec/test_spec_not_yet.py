"""Properties that minirun can't apply yet are errors, unless they ask for nothing."""

from __future__ import annotations

from typing import Any

import pytest
from unit.spec.spec_helpers import GOOD, Bad, bad, changed, load_changed, refused

from minirun import __version__
from minirun.spec.load import parse
from minirun.spec.not_yet import NOT_YET

R = "/linux/resources"

EXAMPLES = (
    Bad(f"{R}/blockIO", {"weight": 10}),
    Bad(f"{R}/blockIO", {"throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 600}]}),
    Bad(f"{R}/hugepageLimits", [{"pageSize": "2MB", "limit": 0}]),
    Bad(f"{R}/rdma", {"mlx5_1": {"hcaHandles": 3}}),
    Bad(f"{R}/unified", {"memory.high": "1"}),
)


@bad(*EXAMPLES)
def test_asking_for_it_is_an_error(row: Bad) -> None:
    row.check()
    assert __version__ in refused(row.changes).found


def test_every_line_of_the_table_has_an_example() -> None:
    shapes = {"/".join("*" if part.isdigit() else part for part in row.at.split("/")) for row in EXAMPLES}
    assert shapes >= set(NOT_YET)


@pytest.mark.parametrize("pointer", [pointer for pointer in NOT_YET if "*" not in pointer])
@pytest.mark.parametrize(
    "nothing", [None, {}, [], "", 0, False, {"a": []}, {"a": {"b": ["", 0][1], "c": ""}, "d": None}]
)
def test_asking_for_nothing_is_none(pointer: str, nothing: object) -> None:
    if pointer.startswith(R):
        assert load_changed({pointer: nothing}) == parse(changed({R: {}}))
    else:
        assert load_changed({pointer: nothing}) == parse(GOOD)


@pytest.mark.parametrize("key", ["uidMappings", "gidMappings"])
def test_mounts_without_mappings(key: str) -> None:
    assert load_changed({"/mounts": [{"destination": "/a", key: []}]}) == load_changed(
        {"/mounts": [{"destination": "/a"}]}
    )


def test_an_entry_is_something_even_if_it_is_empty() -> None:
    assert refused({f"{R}/hugepageLimits": [{}]}).pointer == f"{R}/hugepageLimits"


def test_depth_is_no_way_around() -> None:
    deep: Any = "x"
    for _ in range(50_000):
        deep = {"a": deep}
    value = {**GOOD, "linux": {"resources": {"rdma": deep}}}
    with pytest.raises(Exception, match="can't apply this yet"):
        parse(value)
    while isinstance(deep, dict):  # or else the collector takes it apart recursively
        deep = deep.pop("a")
