"""inspect shows what the kernel has of a process, whichever runtime has made it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kernel.kit import needs
from kernel.kit.outside import Process
from minirun.teach import inspection, inspection_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from kernel.kit.bundle import Bundle
    from kernel.kit.runtime import Runtime

pytestmark = pytest.mark.root


def test_a_container_beside_the_host(runtime: Runtime, bundle: Callable[..., Bundle], place: Path) -> None:
    made = bundle("wait")
    made.user_namespace()
    made.bind(place, "/mnt", "ro")
    made.process["noNewPrivileges"] = True
    if {"memory", "pids"} <= needs.controllers():
        made.linux["resources"] = {"memory": {"limit": 1 << 26}, "pids": {"limit": 99}}
    with runtime.running(made) as container:
        process, own = inspection.look(container.host_pid), inspection.look(os.getpid())
        text, shown = inspection_text.text(process, own), json.loads(inspection_text.json(process, own))
        kinds = {name: os.readlink(container.proc / "ns" / name) for name in shown["namespaces"]}
        mounts, cgroup, status = container.mounts(), container.cgroup(), container.status()
    assert [mount["point"] for mount in shown["mounts"]] == [mount.point for mount in mounts]
    found = {mount["point"]: (mount["is"], mount["elsewhere"]) for mount in shown["mounts"]}
    assert (found["/proc"], found["/mnt"]) == (("new", ""), ("elsewhere", str(place)))
    assert found["/"] == ("elsewhere", str(made.rootfs))
    assert shown["uidMap"] == ["0 100000 65536"] and shown["cgroup"] == cgroup
    assert set(shown["capabilities"]["bounding"]) == set(made.process["capabilities"]["bounding"])
    assert {name: f"{name}:[{inode}]" for name, inode in shown["namespaces"].items()} == kinds
    assert shown["noNewPrivileges"] and status["NoNewPrivs"] == "1"
    assert shown["seccomp"].split()[0] == ("off" if status["Seccomp"] == "0" else "filter")
    if "resources" in made.linux:
        assert (shown["limits"]["memory.max"], shown["limits"]["pids.max"]) == (str(1 << 26), "99")
    assert shown["innerPids"] == [1] and status["NSpid"].split() == [str(shown["pid"]), "1"]
    assert "  dropped, of what is effective in the other: all but CAP_" in text
    assert "they count in its own user namespace" in text
    assert shown["against"]["pid"] == os.getpid()
    assert "  + ├─ proc " in text and f"← {place}" in text and "0 100000 65536" in text


def test_oneself(runtime: Runtime) -> None:
    """Against itself nothing is new, and everything is the same."""
    own = inspection.look(os.getpid())
    assert own.namespaces["net"] == int(Process().namespace("network")[5:-1])
    assert {mount["is"] for mount in json.loads(inspection_text.json(own, own))["mounts"]} == {"same"}
    assert "they share the mount namespace" in inspection_text.text(own, own)
