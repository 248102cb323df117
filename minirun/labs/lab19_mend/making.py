"""What `start` makes for lab 19: bundles, a copy of minirun with three faults, and what starts it."""

from __future__ import annotations

import json
import random

from ...runtime.again import HOME
from ...spec.default import default, mount
from .. import bundles
from ..catalogue import text_of
from . import copies, mutants, suite

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..desk import Desk

    Json = dict[str, Any]

KILL_ITSELF = "kill -KILL $$"
ONE_CAPABILITY = ["CAP_KILL"]
TMP = mount("/tmp", "tmpfs", "tmpfs", "nosuid", "nodev", "noexec", "mode=1777", "size=1m")
OWN: Json = {
    "cwd": "/root/work",
    "env": ["PATH=/bin", "SUM=1+1=2"],
    "user": {"uid": 0, "gid": 0, "additionalGids": [7, 9]},
    "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 200, "hard": 300}],
    "oomScoreAdj": 900,
}


def make(desk: Desk) -> None:
    bundles.rootfs(desk.file("rootfs"))
    write_bundle(desk, "look", ["sh", "-c", suite.PROBE])
    # a shell that kills itself can't, as process 1 of its namespace: the kernel spares that one (pid_namespaces(7))
    write_bundle(desk, "killed", ["sh", "-c", KILL_ITSELF], without="pid")
    own_bundle(desk)
    desk.write("suite.py", text_of(suite.__file__), 0o755)
    package = copies.copy(desk.directory)
    for fault in chosen(desk):
        mutants.change(package, fault)
    for hidden in mutants.HIDDEN:
        mutants.changed(package, hidden)  # a minirun that they do not fit is told now
    copies.launcher(desk, "bin/minirun", desk.directory)
    copies.launcher(desk, "bin/good", HOME)


def write_bundle(desk: Desk, name: str, args: list[str], without: str = "") -> None:
    config = config_of(desk, args)
    config["process"]["user"]["umask"] = 0
    config["process"]["capabilities"] = dict.fromkeys(("bounding", "effective", "permitted"), ONE_CAPABILITY)
    config["hostname"] = "lab19-suite"
    config["linux"]["maskedPaths"] = ["/proc/version"]
    config["linux"]["namespaces"] = [one for one in config["linux"]["namespaces"] if one["type"] != without]
    write(desk, name, config)


def own_bundle(desk: Desk) -> None:
    """What the student's test is about. Its program is a shell that reads what to do from standard input."""
    config = config_of(desk, ["sh"])
    config["process"] |= OWN
    config["hostname"], config["domainname"] = "lab19-own", "lab19.example"
    write(desk, "own", config)


def config_of(desk: Desk, args: list[str]) -> Json:
    """Without limits: those are another lab's, and some machines have none."""
    config = default(False, 0, 0)
    config["process"] |= {"args": args, "terminal": False}
    config["root"]["path"] = desk.file("rootfs")
    config["mounts"].append(TMP)
    return config


def write(desk: Desk, name: str, config: Json) -> None:
    desk.write(f"bundles/{name}/config.json", json.dumps(config, indent="\t") + "\n")


def chosen(desk: Desk) -> list[mutants.Mutant]:
    """Three, the same as long as the lab is not reset."""
    return random.Random(desk.secret()).sample(mutants.FAULTS, 3)
