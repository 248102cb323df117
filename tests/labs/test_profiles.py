"""What the bundles of labs have more than `minirun spec` writes: valid, and in force in the container that runs."""

from __future__ import annotations

import copy
import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from kernel.kit import needs
from kernel.kit.runtime import TIMEOUT, new_id

from minirun.labs import bundles
from minirun.labs.profiles import with_filter, with_limits, with_user_namespace
from minirun.operations import validate
from minirun.plan.container import Options, plan
from minirun.spec.default import default
from minirun.spec.load import parse
from minirun.teach.without import ALL, without

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kernel.kit.runtime import Runtime

    Json = dict[str, Any]
    Change = Callable[[Json], Json]

ADDED = [
    (with_filter, {"seccomp"}),
    (with_limits, {"memory", "pids", "cpu"}),
    (with_user_namespace, {"user"}),
]


def had(config: Json) -> set[str]:
    steps = plan(parse(config), Options(id="lab", bundle="/bundle"))
    return {one.protection.name for one in without(ALL, steps) if one.has}


@pytest.mark.parametrize(("change", "added"), ADDED)
def test_each_adds_what_it_says_and_leaves_the_config_that_it_was_given(change: Change, added: set[str]) -> None:
    config = default(rootless=False, uid=0, gid=0)
    before = copy.deepcopy(config)
    changed = change(config)
    assert config == before
    assert had(changed) - had(config) == added
    assert change(changed) == changed, "twice is once"


def test_together_they_are_valid(tmp_path: Path) -> None:
    config = with_user_namespace(with_limits(with_filter(default(rootless=False, uid=0, gid=0))))
    (tmp_path / "rootfs").mkdir()
    assert [one for one in validate(str(tmp_path), json.dumps(config).encode()) if one.level == "error"] == []


def test_other_limits_stay() -> None:
    config = default(rootless=False, uid=0, gid=0)
    config["linux"]["resources"] = {"devices": [{"allow": True}], "pids": {"limit": 3}}
    assert with_limits(config)["linux"]["resources"]["devices"] == [{"allow": True}]


# ---- in force


@pytest.fixture
def shell(runtime: Runtime, place: Path) -> Callable[[Change, str], str]:
    """What a line of shell prints in a lab's bundle that is changed so; on one line."""
    directory = str(place / "bundle")
    config = bundles.busybox(directory, terminal=False)

    def run(change: Change, line: str) -> str:
        changed = change(config)
        changed["process"]["args"] = ["sh", "-c", line]
        bundles.write(directory, changed)
        words = [*runtime.argv, "run", "--bundle", directory, new_id()]
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT, check=False
        )
        assert done.stderr == "" or "not permitted" in done.stderr, done.stderr
        return " ".join(done.stdout.split())

    return run


ROOT = (pytest.mark.root, needs.cgroup2(), needs.static_busybox())


def in_the_kernel(*marks: pytest.MarkDecorator) -> Callable[[Any], Any]:
    def marked(test: Any) -> Any:
        for mark in (*ROOT, pytest.mark.only("minirun", "its own labs"), *marks):
            test = mark(test)
        return test

    return marked


@in_the_kernel()
def test_the_filter_refuses_a_new_namespace(shell: Callable[[Change, str], str]) -> None:
    line = "grep '^Seccomp:' /proc/self/status; unshare -U true && echo made || echo refused"
    assert shell(with_filter, line) == "Seccomp: 2 refused"
    assert shell(lambda config: config, line) == "Seccomp: 0 made"


@in_the_kernel()
def test_root_is_nobody_outside(shell: Callable[[Change, str], str]) -> None:
    line = "id -u; cat /proc/self/uid_map; stat -c %u /bin/busybox /dev/pts; grep CapEff /proc/self/status"
    uid, *mapped, image, own, _, _held = shell(with_user_namespace, line).split()
    assert (uid, mapped, image, own) == ("0", ["0", "100000", "65536"], "65534", "0")


@in_the_kernel(needs.controller("memory"), needs.controller("pids"), needs.controller("cpu"))
def test_the_limits_hold(shell: Callable[[Change, str], str]) -> None:
    def with_cgroup(config: Json) -> Json:
        changed = with_limits(config)
        changed["mounts"].append(
            {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["ro"]}
        )
        return changed

    files = ("memory.max", "memory.swap.max", "pids.max", "cpu.max")
    said = shell(with_cgroup, f"cd /sys/fs/cgroup && cat {' '.join(files)}")
    assert said == "67108864 0 64 50000 100000"


@in_the_kernel(needs.controller("memory"), needs.controller("pids"), needs.controller("cpu"))
def test_all_together(shell: Callable[[Change, str], str]) -> None:
    line = "id -u; grep '^Seccomp:' /proc/self/status; cat /proc/self/uid_map"
    said = shell(lambda config: with_user_namespace(with_limits(with_filter(config))), line)
    assert said == "0 Seccomp: 2 0 100000 65536"
