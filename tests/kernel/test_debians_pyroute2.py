"""Debian's own pyroute2 is older than pip's, and minirun goes by it where ./try can reach no index of packages."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from kernel.kit import needs
from kernel.kit.runtime import REPOSITORY, TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kernel.kit.bundle import Bundle

pytestmark = [
    pytest.mark.root,
    pytest.mark.machine,
    pytest.mark.only("minirun", "about its own libraries"),
    needs.command(
        "/usr/bin/python3 -c 'import psutil, pyroute2'", "Debian's own Python has no psutil or pyroute2 here"
    ),
]

MINIRUN = "/usr/bin/python3 -B -m minirun"


def in_network_namespace(script: str, *words: str) -> str:
    """What a shell script says there; $1 and so on are the words."""
    command = ["unshare", "--net", "sh", "-ec", script, "sh", *words]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_network_create_sees_the_hosts_addresses_and_routes(place: Path) -> None:
    script = f"""
    ip link set lo up
    ip address add 10.89.0.7/24 dev lo
    ip route add 10.89.1.0/24 dev lo
    {MINIRUN} network create --networks "$1" web
    """
    assert "10.89.2.0/24" in in_network_namespace(script, str(place / "networks"))


def test_a_device_is_moved_with_its_address(bundle: Callable[..., Bundle]) -> None:
    made = bundle()
    made.linux["netDevices"] = {"near": {"name": "eth0"}}
    made.write()
    script = f"""
    ip link add far type veth peer name near
    ip address add 10.89.0.7/24 dev near
    {MINIRUN} run --bundle "$1" minirun-test-debians-pyroute2
    """
    assert "eth0" in json.loads(in_network_namespace(script, str(made.path)))["interfaces"]
