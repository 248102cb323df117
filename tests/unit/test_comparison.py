"""`explain --diff`: two bundles beside each other."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from test_explain import minirun

from minirun.spec.default import default

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def pair(tmp_path: Path) -> Callable[..., tuple[str, str]]:
    def made(change: Callable[[Any], object]) -> tuple[str, str]:
        for name in ("first", "second"):
            (tmp_path / name / "rootfs").mkdir(parents=True)
            config = default(rootless=False, uid=0, gid=0)
            if name == "second":
                change(config)
            (tmp_path / name / "config.json").write_text(json.dumps(config))
        return str(tmp_path / "first"), str(tmp_path / "second")

    return made


def test_bundles_that_differ_in_their_names_alone_are_the_same(pair: Callable[..., tuple[str, str]]) -> None:
    first, second = pair(lambda config: None)
    told = minirun("--diff", second, first).stdout
    assert "both containers are the same" in told
    assert "STEPS" not in told


def test_what_differs_is_told_of_the_containers_and_of_the_steps(pair: Callable[..., tuple[str, str]]) -> None:
    def change(config: Any) -> None:
        config["linux"]["namespaces"] = [one for one in config["linux"]["namespaces"] if one["type"] != "network"]
        config["linux"]["resources"]["memory"] = {"limit": 67108864}

    first, second = pair(change)
    told = " ".join(minirun("--diff", second, first).stdout.split())
    assert "namespaces: network its own → the host's" in told
    assert "cgroup: memory.max (67108864) is new" in told
    assert "bring the loopback interface up (/linux/namespaces) STEPS of" in told
    assert "set memory.max to 67108864 (/linux/resources/memory/limit)" in told.partition(f"STEPS of {second}")[2]
    found = json.loads(minirun("--format", "json", "--diff", second, first).stdout)
    assert {"panel": "namespaces", "name": "network", "was": "its own", "now": "the host's"} in found["differences"]
    assert any(step["pointer"] == "/linux/resources/memory/limit" for step in found["steps"]["second"])


def test_an_error_of_either_is_one_of_the_command(pair: Callable[..., tuple[str, str]]) -> None:
    first, second = pair(lambda config: config.pop("root"))
    done = minirun("--diff", second, first)
    assert (done.returncode, done.stdout) == (1, "")
    assert "/root" in done.stderr
    assert minirun("--diff", second, "--step", "3", first).returncode == 1
