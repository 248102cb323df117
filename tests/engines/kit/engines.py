"""All engines by their names, and the mark that says which of them a test is for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from engines.kit import containerd, docker, podman, swarm
from engines.kit.sides import SIDES

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from engines.kit.engine import Engine

# A name -> what makes the engine, given the name and the side. Made for each test: what is dear is kept by its class.
ENGINES: dict[str, Callable[[str, str], Engine]] = {
    **dict.fromkeys(podman.KINDS, podman.Podman),
    **dict.fromkeys(docker.KINDS, docker.Docker),
    **containerd.ENGINES,
    swarm.SWARM: swarm.Swarm,
}


def make_engine(name: str, side: str) -> Engine:
    return ENGINES[name](name, side)


def on(*names: str, quick: Collection[str] = (), quick_sides: Collection[str] = SIDES) -> pytest.MarkDecorator:
    """The test is for these engines, each with the reference first and then with minirun; for those in `quick` with
    every change (pytest -m quick), unless `quick_sides` has only one of the two."""
    values = [
        pytest.param((name, side), marks=[pytest.mark.quick] * is_quick, id=f"{identifier(name)}-{side}")
        for name in names
        for side in SIDES
        for is_quick in [name in quick and side in quick_sides]
    ]
    return pytest.mark.parametrize("engine", values, indirect=True)


def identifier(name: str) -> str:
    """For pytest -k: podman-root-systemd"""
    return name.lower().replace(", ", "-").replace(" ", "-")
