"""The script of `explain --script` builds what a run builds: the same program is asked for the facts in both."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kernel.kit import needs
from kernel.kit.outside import Process, cgroup2_root, parse_mounts, table
from kernel.kit.runtime import TIMEOUT, new_id
from minirun.plan.container import Options
from minirun.teach.script import script

if TYPE_CHECKING:
    from collections.abc import Callable

    from kernel.kit.bundle import Bundle
    from kernel.kit.runtime import Runtime

pytestmark = [pytest.mark.root, pytest.mark.only("minirun", "only it writes such a script"), needs.cgroup2()]


def by_hand(runtime: Runtime, container: Bundle, place: Path, name: str) -> subprocess.CompletedProcess[str]:
    """Writes the script, runs it, and sees that it has left nothing."""
    container.write()
    file = place / "by-hand.sh"
    file.write_text(script(Options(id=name, bundle=str(container.path))))
    mounts = Process().lines("mountinfo")
    command = ["bash", str(file)]
    environment = runtime.environment | {"TMPDIR": str(place)}
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        said = process.communicate(timeout=TIMEOUT)
    root = cgroup2_root()
    assert root and not list(root.rglob(name)), "the cgroup"
    assert Process().lines("mountinfo") == mounts
    assert {entry.name for entry in place.iterdir()} == {container.path.name, file.name}, "the script's directory"
    return subprocess.CompletedProcess(command, process.returncode, *said)


def rich(container: Bundle) -> Bundle:
    container.namespace("cgroup")
    container.config |= {"hostname": "built", "domainname": "by.hand"}
    container.config["root"]["readonly"] = True
    container.directory("etc")
    container.file("etc/passwd", "root:x:0:0::/root:/bin/sh\nsomebody:x:1000:1000::/home/it's:/bin/sh\n")
    container.bind(container.path, "/mnt", "ro", "nosuid")
    container.bind(container.path / "rootfs/etc/passwd", "/made/for/it")
    container.mount("/run", "mode=711", "noexec")
    container.mount("/etc", "tmpcopyup", "ro")  # HOME comes from the copy
    container.linux["personality"] = {"domain": "LINUX32"}
    container.config["process"] |= {
        "user": {"uid": 1000, "gid": 1001, "additionalGids": [7, 8], "umask": 0o27},
        "env": ["PATH=/nowhere", 'QUOTED=it\'s "$HOME" `x`', "LINES=a\nb"],
        "cwd": "/run",
        "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200}],
        "noNewPrivileges": True,
        "oomScoreAdj": 77,
    }
    for name in ("inheritable", "ambient"):
        container.process["capabilities"][name] = ["CAP_KILL"]
    container.config["linux"] |= {
        "maskedPaths": ["/proc/meminfo", "/sys/firmware", "/proc/no"],
        "readonlyPaths": ["/proc/sys"],
    }
    container.linux["sysctl"] = {"net.ipv4.ip_forward": "1"}
    return container


def test_what_the_script_builds_is_what_a_run_builds(
    runtime: Runtime, bundle: Callable[..., Bundle], place: Path
) -> None:
    container = rich(bundle())
    name = new_id()
    done = by_hand(runtime, container, place, name)  # first: the script makes mount points, too
    assert done.returncode == 0, done.stderr
    built = facts(json.loads(done.stdout))
    ran = facts(runtime.run(container, container_id=name).json)
    assert ran.keys() == built.keys()
    assert [(name, ran[name], built[name]) for name in ran if ran[name] != built[name]] == []


# What a shell can't do, or what no two processes have in common.
OTHERWISE = {"session_keyring", "clocks", "status"}
OF_STATUS = ("Umask", "Uid", "Gid", "Groups", "NSpid", "NSsid", "SigIgn", "SigBlk", "NoNewPrivs", "Seccomp", "CapBnd")


def facts(told: dict[str, Any]) -> dict[str, Any]:
    """What the program says, but for the numbers that each container has of its own."""
    made = {name: value for name, value in told.items() if name not in OTHERWISE}
    made["env"] = sorted(told["env"])
    made["fds"] = {number: re.sub(r"\d+", "", target) for number, target in told["fds"].items()}
    made["namespaces"] = {kind: target == host_namespace(kind) for kind, target in told["namespaces"].items()}
    for mounted in parse_mounts(told["mountinfo"]):
        made[f"mount on {mounted.point}"] = mounted._replace(number=0, parent=0)
    made["mountinfo"] = [mounted.point for mounted in parse_mounts(told["mountinfo"])]
    status = table(told["status"])
    return made | {name: status[name] for name in OF_STATUS}


def host_namespace(kind: str) -> str | None:
    names = {"mnt": "mount", "net": "network"}
    try:
        return Process().namespace(names.get(kind, kind))
    except FileNotFoundError:  # this kernel has none
        return None


def test_a_script_with_a_user_namespace(runtime: Runtime, bundle: Callable[..., Bundle], place: Path) -> None:
    """The runtime's turns in between: id mappings. And clocks, which it has no turn for."""
    container = bundle()
    container.config["mounts"] = [mount for mount in container.mounts if mount["destination"] in ("/proc", "/dev")]
    container.user_namespace()
    container.config |= {"hostname": "built", "domainname": "by.hand"}
    if Path("/proc/self/ns/time").exists():
        container.namespace("time")
        container.linux["timeOffsets"] = {"boottime": {"secs": 864000}, "monotonic": {"secs": 1000}}
    name = new_id()
    ran = facts(runtime.run(container, container_id=name).json)
    done = by_hand(runtime, container, place, name)
    assert done.returncode == 0, done.stderr
    built = facts(json.loads(done.stdout))
    assert [(name, ran[name], built[name]) for name in ran if ran[name] != built[name]] == []


@needs.controller("memory")
@needs.controller("pids")
def test_a_script_sets_the_limits(runtime: Runtime, bundle: Callable[..., Bundle], place: Path) -> None:
    files = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/pids.max")
    container = bundle("read", *files)
    container.without_mount("/dev")
    container.namespace("cgroup")
    container.mount("/sys/fs/cgroup", "ro", kind="cgroup", source="cgroup")
    container.linux["resources"] = {"memory": {"limit": 1 << 26}, "pids": {"limit": 33}}
    done = by_hand(runtime, container, place, new_id())
    assert [json.loads(done.stdout)[name]["text"].strip() for name in files] == [str(1 << 26), "33"], done


def test_a_script_that_fails_leaves_nothing_and_the_programs_status_is_its_own(
    runtime: Runtime, bundle: Callable[..., Bundle], place: Path
) -> None:
    container = bundle("exit", "7")
    assert by_hand(runtime, container, place, new_id()).returncode == 7
    piped = subprocess.run(["bash"], input=(place / "by-hand.sh").read_text(), capture_output=True, text=True)
    assert (piped.returncode, piped.stderr) == (1, "bash: save this script as a file first: it starts itself again\n")
    container.bind(place / "nothing", "/mnt", "ro")
    done = by_hand(runtime, container, place, new_id())
    assert done.returncode == 1, "two commands are one step here, and the first of them fails"
    assert "nothing" in done.stderr
    container.config["mounts"] = []
    container.mount("/tmp", kind="nosuchfs")
    done = by_hand(runtime, container, place, new_id())
    assert done.returncode == 1
    assert "rootfs/tmp" in done.stderr
