"""Swarm: services on two nodes."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from engines.kit.engine import wait_until
from engines.kit.engines import on
from engines.kit.image import IMAGE
from engines.kit.podman import cgroup_of
from engines.kit.swarm import SWARM

if TYPE_CHECKING:
    from engines.kit.swarm import Swarm

NAME = "service"


def create(engine: Swarm, *options: str, replicas: int = 2) -> None:
    words = [f"--name={NAME}", f"--replicas={replicas}", "--detach", "--no-resolve-image", "--restart-delay=0s"]
    engine("service", "create", *words, *options, f"{IMAGE}:latest", "sleep", "1000")
    wait_until(lambda: sum(engine.counts()) == replicas, f"{replicas} tasks", 60)


def first_processes(engine: Swarm) -> list[int]:
    return [int(pid) for node in engine.nodes for pid in node.firsts()]


def memory_limits(engine: Swarm) -> list[str]:
    return [(cgroup_of(pid) / "memory.max").read_text().strip() for pid in first_processes(engine)]


@on(SWARM)
def test_replicas(engine: Swarm) -> None:
    """A service with two replicas, one on each node; `scale` to four and to one; its logs"""
    create(engine)
    assert engine.counts() == [1, 1]
    engine("service", "scale", "--detach", f"{NAME}=4")
    wait_until(lambda: engine.counts() == [2, 2], "four tasks", 60)
    engine("service", "scale", "--detach", f"{NAME}=1")
    wait_until(lambda: sum(engine.counts()) == 1, "one task", 60)


@on(SWARM)
def test_rolling_update(engine: Swarm) -> None:
    """A rolling update of image and limits replaces one task after the other"""
    create(engine, "--limit-memory=64m", "--update-delay=1s", "--update-parallelism=1", "--stop-grace-period=1s")
    assert memory_limits(engine) == ["67108864"] * 2
    words = [f"--image={IMAGE}:second", "--limit-memory=32m", "--no-resolve-image", "--detach"]
    engine("service", "update", *words, NAME)
    show = ["service", "inspect", "--format={{.UpdateStatus.State}}", NAME]
    wait_until(lambda: engine(*show).out == "completed", "the update's end", 90)
    assert memory_limits(engine) == ["33554432"] * 2
    shown = engine("service", "ps", "--filter=desired-state=running", "--format={{.Image}}", NAME).out
    assert shown.split() == [f"{IMAGE}:second"] * 2


@on(SWARM)
def test_killed_task(engine: Swarm) -> None:
    """A task that is killed is replaced"""
    create(engine)
    before = first_processes(engine)
    os.kill(before[0], signal.SIGKILL)
    wait_until(lambda: len(now := first_processes(engine)) == 2 and before[0] not in now, "another task", 60)
    failed = engine("service", "ps", "--filter=desired-state=shutdown", "--format={{.Error}}", NAME).out
    assert "137" in failed


@on(SWARM)
def test_killed_node(engine: Swarm) -> None:
    """When a node is killed, its tasks move to the other"""
    create(engine)
    engine.nodes[1].kill()
    wait_until(lambda: engine.counts() == [2], "two tasks on the other node", 90)
    states = engine("node", "ls", "--format={{.Status}}").out.split()
    assert sorted(states) == ["Down", "Ready"]
