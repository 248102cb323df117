"""Containers that make cgroups below their own: deeper than a program calls itself, longer than a path, and restless.

Whatever they do there, every command that looks into the cgroup or ends it comes to its end, and tells the truth.
"""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kernel.kit import needs
from kernel.kit.outside import cgroup2_root, children, is_zombie
from kernel.kit.runtime import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from kernel.kit.life import Life

pytestmark = [
    pytest.mark.root,
    needs.cgroup2(),
    pytest.mark.only("minirun", "others call themselves for each level, go by path, or wait for ten seconds"),
]

SOON = 4 * PATIENCE  # seconds; one or two where nobody else uses the machine


@pytest.fixture
def dweller(life: Callable[..., Life]) -> Callable[..., Life]:
    """A container whose program has said that it lives in cgroups of its own."""

    def start(*words: str) -> Life:
        one = life(*words)
        one.bundle.namespace("cgroup")
        one.bundle.mount("/sys/fs/cgroup", "nosuid", kind="cgroup", source="cgroup")
        one.bundle.write()
        one.started()
        one.wait_for(lambda: "ready" in one.output())
        return one

    return start


def in_time(one: Life, command: str, *words: str, options: tuple[str, ...] = ()) -> str:
    """The output of a command that goes well, and soon."""
    begun = time.monotonic()
    done = one.call(command, *words, options=options)
    assert done.status == 0, done
    assert time.monotonic() - begun < SOON, command
    return done.stdout


SHAPES = [("dig", "1500", "1"), ("dig", "50", "200"), ("spread", "12000")]


@pytest.mark.parametrize("shape", SHAPES, ids=" ".join)
def test_every_command_looks_into_any_tree(dweller, shape):
    one = dweller(*shape)
    found = json.loads(in_time(one, "ps", options=("--format", "json")))
    assert found == sorted([one.state()["pid"], *children(one.state()["pid"])]) and len(found) == 2
    for command in ("pause", "resume", "state"):
        in_time(one, command)
    in_time(one, "events", options=("--stats",))
    in_time(one, "stats", options=("--json",))
    in_time(one, "inspect")
    in_time(one, "exec", "/probe", "exit", "0")
    in_time(one, "kill", "USR1", options=("--all",))  # which process 1 does not get without a handler
    one.wait_for(lambda: is_zombie(found[1]))
    in_time(one, "kill", "KILL", options=("--all",))
    one.wait_for(lambda: one.status == "stopped")
    in_time(one, "delete")
    assert is_gone(one)


@pytest.mark.parametrize("shape", SHAPES, ids=" ".join)
def test_any_tree_is_removed_by_force(dweller, shape):
    one = dweller(*shape)
    in_time(one, "delete", options=("--force",))
    assert is_gone(one)


def is_gone(one: Life) -> bool:
    return not cgroup_of(one).exists() and one.call("state").status == 1


def cgroup_of(one: Life) -> Path:
    return Path(str(cgroup2_root()), "minirun", one.id)


def test_run_removes_any_tree_at_its_end(runtime, bundle):
    made = bundle("dig", "1500", "1")
    made.namespace("cgroup")
    made.mount("/sys/fs/cgroup", "nosuid", kind="cgroup", source="cgroup")
    with runtime.running(made) as container:
        os.kill(container.pid, signal.SIGKILL)
        assert container.wait() == 128 + signal.SIGKILL
        assert not Path(str(cgroup2_root()), "minirun", container.container_id).exists()


# ---- one that does not want to


def test_nothing_that_a_container_does_to_its_cgroups_keeps_a_command_from_ending(dweller):
    """It forks, moves about, freezes and thaws others and, as root may, itself; and it digs."""
    one = dweller("riot")
    pid = one.state()["pid"]
    for command, *words in (("ps", "-f", "json"), ("pause",), ("resume",), ("kill", "-a"), ("exec",), ("state",)):
        begun = time.monotonic()
        done = one.call(command, *ARGUMENTS.get(command, ()), options=words)
        assert time.monotonic() - begun < SOON, command
        assert "unexpected" not in done.stderr and "Traceback" not in done.stderr
        assert command != "ps" or done.status or pid in done.json
    in_time(one, "delete", options=("--force",))
    assert is_gone(one)


ARGUMENTS = {"kill": ("USR1",), "exec": ("/probe", "exit", "0")}


def test_kill_all_ends_who_can_not_be_frozen(dweller):
    one = dweller("riot")
    in_time(one, "kill", "KILL", options=("--all",))
    one.wait_for(lambda: one.status == "stopped")
    one.wait_for(lambda: "populated 0" in (cgroup_of(one) / "cgroup.events").read_text())
    in_time(one, "delete")
    assert is_gone(one)
