"""Twice as much in config.json is twice as much work for the plan, and for `validate`. It is counted, not timed: by the
functions that Python calls meanwhile, its own and those in C."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from minirun.plan.container import Options, plan
from minirun.runtime.validate import validate
from minirun.spec.default import default
from minirun.spec.load import decode, parse

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Many = Callable[[dict[str, Any], int], None]


def tmpfs(config: dict[str, Any], count: int) -> None:
    config["mounts"] += [{"destination": f"/m/{i}", "type": "tmpfs", "options": ["ro"]} for i in range(count)]


def binds(config: dict[str, Any], count: int) -> None:
    config["mounts"] += [{"destination": f"/m/{i}", "source": "/", "options": ["bind", "ro"]} for i in range(count)]


def wrong_mounts(config: dict[str, Any], count: int) -> None:
    config["mounts"] += [{"destination": f"/m/{i}", "options": ["bind", "ro"]} for i in range(count)]


def devices_and_mounts(config: dict[str, Any], count: int) -> None:
    config["linux"]["devices"] = [{"type": "c", "path": f"/dev/{i}", "major": 1, "minor": i} for i in range(count)]
    tmpfs(config, count)


def hooks_and_mounts(config: dict[str, Any], count: int) -> None:
    config["hooks"] = {"startContainer": [{"path": f"/bin/{i}"} for i in range(count)]}
    tmpfs(config, count)


def paths(config: dict[str, Any], count: int) -> None:
    for name in ("maskedPaths", "readonlyPaths"):
        config["linux"][name] = [f"/proc/{i}" for i in range(count)]


def sysctls(config: dict[str, Any], count: int) -> None:
    config["linux"]["sysctl"] = {f"net.ipv4.conf.e{i}.forwarding": "1" for i in range(count)}


def words(config: dict[str, Any], count: int) -> None:
    config["process"]["args"] = config["process"]["env"] = ["a=b"] * count


KINDS = (tmpfs, binds, wrong_mounts, devices_and_mounts, hooks_and_mounts, paths, sysctls, words)


def text(many: Many, count: int) -> bytes:
    config = default(rootless=False, uid=0, gid=0)
    many(config, count)
    return json.dumps(config).encode()


def calls_of(work: Callable[[], object]) -> int:
    count = 0

    def note(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def grows_evenly(work: Callable[[int], object]) -> bool:
    """A hundred more take what the hundred before took, give or take a few (of what is made once in a while)."""
    work(100)  # what is made once for all is made
    first, second, third = (calls_of(lambda count=count: work(count)) for count in (100, 200, 300))
    return abs((third - second) - (second - first)) < 0.1 * (second - first)


@pytest.mark.parametrize("many", [kind for kind in KINDS if kind is not wrong_mounts])
def test_a_plan_grows_with_its_config(many: Many) -> None:
    assert grows_evenly(lambda count: plan(parse(decode(text(many, count))), Options("x", "/bundle")))


@pytest.mark.parametrize("many", KINDS)
def test_so_does_the_look_for_mistakes(many: Many, tmp_path: Path) -> None:
    assert grows_evenly(lambda count: validate(str(tmp_path), text(many, count)))


def test_the_count_finds_what_grows_faster() -> None:
    assert not grows_evenly(lambda count: [str(i + j) for i in range(count) for j in range(count)])
