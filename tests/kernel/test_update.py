"""update: what the kernel shows afterwards, that an update which fails changes nothing, and that the books know."""

from __future__ import annotations

import contextlib
import json
import subprocess
from pathlib import Path

import pytest

from kernel.kit import needs
from kernel.kit.life import Life
from kernel.kit.outside import cgroup2_root

pytestmark = [pytest.mark.root, needs.cgroup2()]

MIB = 1 << 20
OWN_BOOKS = pytest.mark.only("minirun", "others take no account of what was there before, or not all of it")


def directory(one: Life) -> Path:
    return Path(str(cgroup2_root()) + one.process.cgroup())


def told(one: Life, *names: str) -> dict[str, str]:
    return {name: (directory(one) / name).read_text().strip() for name in names}


def started(life, **resources) -> Life:
    one = life("sleep")
    one.bundle.linux["resources"] = resources
    one.bundle.write()
    return one.started()


def update(one: Life, *flags: str):
    return one.call("update", options=flags)


def update_by_file(one: Life, resources: object, style: str = "--resources={}"):
    file = one.bundle.path / "resources.json"
    file.write_text(json.dumps(resources))
    return update(one, *style.format(file).split())


FLAGS = [
    ("memory", ("--memory", str(64 * MIB)), {"memory.max": str(64 * MIB)}),
    ("memory", ("--memory", "64M", "--memory-swap", "96M"), {"memory.swap.max": str(32 * MIB)}),
    ("memory", ("--memory-reservation", "32M"), {"memory.low": str(32 * MIB)}),
    ("cpu", ("--cpu-quota", "50000", "--cpu-period", "20000"), {"cpu.max": "50000 20000"}),
    ("cpu", ("--cpu-quota", "50000"), {"cpu.max": "50000 100000"}),
    ("cpu", ("--cpu-share", "2"), {"cpu.weight": "1"}),
    ("cpu", ("--cpu-share", "262144"), {"cpu.weight": "10000"}),
    ("pids", ("--pids-limit", "50"), {"pids.max": "50"}),
    ("pids", ("--pids-limit", "-1"), {"pids.max": "max"}),
    ("cpuset", ("--cpuset-cpus", "0", "--cpuset-mems", "0"), {"cpuset.cpus": "0", "cpuset.mems": "0"}),
]


@pytest.mark.parametrize(
    ("flags", "files"),
    [pytest.param(flags, files, marks=needs.controller(name), id=" ".join(flags)) for name, flags, files in FLAGS],
)
def test_a_limit_by_its_flag(life, runtime, flags, files):
    if runtime.name == "crun":
        flags = [word.replace("M", "0" * 6) if word[0].isdigit() else word for word in flags]
        if any(word.endswith("000000") for word in flags):
            pytest.skip("crun wants plain numbers")
    one = started(life)
    assert update(one, *flags).status == 0
    assert told(one, *files) == files


@needs.controller("pids")
@pytest.mark.deviates("runc", "before 1.4 takes 0 for a limit that stays as it is")
@pytest.mark.deviates("crun", "takes 0 for a limit that stays as it is")
def test_no_processes_are_one(life):
    one = started(life)
    assert update(one, "--pids-limit", "0").status == 0
    assert told(one, "pids.max") == {"pids.max": "1"}


@needs.controller("cpu")
@pytest.mark.only("minirun", "the versions of Debian 12 have no such flags")
def test_idle_and_burst_by_their_flags(life):
    one = started(life)
    assert update(one, "--cpu-idle", "1").status == 0
    assert update(one, "--cpu-burst=20000", "--cpu-quota=50000").status == 0
    assert told(one, "cpu.idle", "cpu.max", "cpu.max.burst") == {
        "cpu.idle": "1",
        "cpu.max": "50000 100000",
        "cpu.max.burst": "20000",
    }


@needs.controller("memory")
@needs.controller("pids")
@pytest.mark.parametrize("style", ["--resources={}", "--resources {}", "-r {}"])
def test_limits_from_a_file(life, style):
    one = started(life)
    limits = {"memory": {"limit": 64 * MIB, "swap": 128 * MIB}, "pids": {"limit": 40}}
    assert update_by_file(one, limits, style).status == 0
    assert told(one, "memory.max", "memory.swap.max", "pids.max") == {
        "memory.max": str(64 * MIB),
        "memory.swap.max": str(64 * MIB),
        "pids.max": "40",
    }


def docker_says(limit: int) -> dict[str, object]:
    """What docker sends for `docker update --memory --cpus`: zero is for what stays as it is."""
    return {
        "memory": {"limit": limit, "reservation": 0, "swap": 2 * limit, "kernel": 0},
        "cpu": {"shares": 0, "quota": 25000, "period": 100000},
        "blockIO": {"weight": 0},
    }


@needs.controller("memory")
@needs.controller("cpu")
@pytest.mark.deviates("crun", "cannot set kernel memory with cgroupv2, not even to nothing")
def test_limits_from_stdin_as_docker_sends_them(life):
    one = started(life, cpu={"shares": 2}, memory={"reservation": MIB})
    done = subprocess.run(
        [*one.runtime.argv, "update", "--resources", "-", one.id],
        input=json.dumps(docker_says(96 * MIB)),
        text=True,
        env=one.runtime.environment,
        check=False,
    )
    assert done.returncode == 0
    assert told(one, "memory.max", "memory.swap.max", "memory.low", "cpu.max", "cpu.weight") == {
        "memory.max": str(96 * MIB),
        "memory.swap.max": str(96 * MIB),
        "memory.low": str(MIB),
        "cpu.max": "25000 100000",
        "cpu.weight": "1",
    }


@needs.controller("memory")
def test_memory_up_and_down(life):
    one = started(life, memory={"limit": 64 * MIB, "swap": 64 * MIB})
    for limit, swap in ((256, 512), (32, 32), (128, 128), (-1, -1), (64, 96)):
        numbers = {"limit": limit * MIB if limit > 0 else -1, "swap": swap * MIB if swap > 0 else -1}
        assert update_by_file(one, {"memory": numbers}).status == 0
        alone = "max" if swap < 0 else str((swap - limit) * MIB)
        expected = {"memory.max": "max" if limit < 0 else str(limit * MIB), "memory.swap.max": alone}
        assert told(one, *expected) == expected


@needs.controller("memory")
def test_a_limit_of_memory_leaves_that_of_swap(life):
    one = started(life, memory={"limit": 64 * MIB, "swap": 96 * MIB})
    assert update(one, "--memory", str(128 * MIB)).status == 0
    assert told(one, "memory.max", "memory.swap.max") == {
        "memory.max": str(128 * MIB),
        "memory.swap.max": str(32 * MIB),
    }


@OWN_BOOKS
@needs.controller("memory")
def test_a_limit_of_swap_counts_from_that_of_memory(life):
    one = started(life, memory={"limit": 64 * MIB})
    assert update(one, "--memory", "32M").status == 0
    assert update(one, "--memory-swap", "80M").status == 0
    assert told(one, "memory.max", "memory.swap.max") == {
        "memory.max": str(32 * MIB),
        "memory.swap.max": str(48 * MIB),
    }


@needs.controller("cpu")
@pytest.mark.deviates("crun", "1.8.1 forgets the quota")
def test_a_period_leaves_the_quota(life):
    one = started(life, cpu={"quota": 5000, "period": 10000})
    assert update(one, "--cpu-period", "20000").status == 0
    assert told(one, "cpu.max") == {"cpu.max": "5000 20000"}


@OWN_BOOKS
@needs.controller("cpu")
def test_burst_and_quota_go_up_and_down_together(life):
    """cpu.max.burst may never be above the quota, whatever comes first."""
    one = started(life, cpu={"quota": 50000, "burst": 40000})
    for quota, burst in ((90000, 80000), (10000, 9000), (60000, 60000)):
        assert update_by_file(one, {"cpu": {"quota": quota, "burst": burst}}).status == 0
        assert told(one, "cpu.max", "cpu.max.burst") == {"cpu.max": f"{quota} 100000", "cpu.max.burst": str(burst)}
    assert update(one, "--cpu-quota", "50000").status == 1, "the burst is above it"
    assert told(one, "cpu.max") == {"cpu.max": "60000 100000"}


@OWN_BOOKS
@needs.controller("cpu")
def test_a_container_that_is_idle_no_more_has_its_shares_again(life):
    one = started(life, cpu={"shares": 2, "idle": 1})
    assert update(one, "--cpu-idle", "0").status == 0
    assert told(one, "cpu.idle", "cpu.weight") == {"cpu.idle": "0", "cpu.weight": "1"}


# ---- all or nothing


@needs.controller("memory")
@needs.controller("cpu")
@needs.controller("pids")
@pytest.mark.only("minirun", "others leave what they have written")
def test_an_update_that_fails_changes_nothing(life):
    limits = {"memory": {"limit": 64 * MIB}, "cpu": {"quota": 50000, "burst": 40000}, "pids": {"limit": 60}}
    one = started(life, **limits)
    names = ("memory.max", "memory.swap.max", "cpu.max", "cpu.max.burst", "pids.max")
    before = told(one, *names)
    asked = {
        "memory": {"limit": 32 * MIB, "swap": 40 * MIB},
        "cpu": {"quota": 20000, "burst": 0},
        "pids": {"limit": 30},
        "unified": {"memory.high": "16777216", "memory.oom.group": "nonsense"},
    }
    refused = update_by_file(one, asked)
    assert refused.status == 1 and "memory.oom.group" in refused.stderr
    assert told(one, *names) == before
    assert told(one, "memory.high") == {"memory.high": "max"}
    assert update(one, "--memory-swap", "80M").status == 0, "the books still have the old limit"
    assert told(one, "memory.swap.max") == {"memory.swap.max": str(16 * MIB)}


@needs.controller("io")
@pytest.mark.only("minirun", "others leave what they have written")
def test_limits_of_disks_that_fail_half_way_are_taken_back(life):
    disk = next(path for path in Path("/sys/block").iterdir() if not path.name.startswith(("loop", "ram")))
    major, minor = map(int, (disk / "dev").read_text().split(":"))
    here, nowhere = {"major": major, "minor": minor}, {"major": 4000, "minor": 77}
    one = started(life, blockIO={"throttleReadBpsDevice": [{**here, "rate": MIB}]})
    before = told(one, "io.max")
    rates = [{**here, "rate": 5}, {**nowhere, "rate": 5}]
    assert update_by_file(one, {"blockIO": {"throttleWriteBpsDevice": rates}}).status == 1
    assert told(one, "io.max") == before
    assert update_by_file(one, {"blockIO": {"throttleReadBpsDevice": [{**here, "rate": 0}]}}).status == 0
    assert told(one, "io.max") == {"io.max": ""}


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (("--memory", "much"), "--memory"),
        (("--cpu-quota", "5x"), "--cpu-quota"),
        (("--memory", "-5"), "/memory/limit"),
        (("--memory-swap", "5"), "/memory/swap"),
        (("--blkio-weight", "5"), "/blockIO/weight"),
        (("--kernel-memory", "5M"), "/memory/kernel"),
        (("--cpu-rt-runtime", "500"), "/cpu/realtimeRuntime"),
        (("--resources", "/does/not/exist"), "/does/not/exist"),
        (("--l3-cache-schema", "L3:0=f"), "/intelRdt"),
        ((), "nothing to update"),
    ],
)
@pytest.mark.only("minirun", "its own words")
def test_what_makes_no_sense_is_refused(life, flags, expected):
    one = started(life)
    refused = update(one, *flags)
    assert refused.status == 1 and expected in refused.stderr and "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"memory": 5}', '{"memory": {"limit": "5M"}}', '{"pids": [5]}', "\xff"]
)
@pytest.mark.deviates("crun", "takes a value of another type for none")
def test_a_file_that_makes_no_sense_is_refused(life, runtime, text):
    if runtime.name != "minirun" and text in ("", "[]"):
        pytest.skip("others take an empty file for no change")
    one = started(life)
    file = one.bundle.path / "resources.json"
    file.write_text(text)
    refused = update(one, "--resources", str(file))
    assert refused.status != 0 and "Traceback" not in refused.stderr


@pytest.mark.only("minirun", "its own words")
@pytest.mark.parametrize(
    ("controller", "flag"),
    [
        pytest.param(name, flag, marks=needs.no_controller(name))
        for name, flag in (("memory", "--memory=64M"), ("cpu", "--cpu-quota=5000"), ("pids", "--pids-limit=9"))
    ],
)
def test_a_limit_without_its_controller_is_refused_by_name(life, controller, flag):
    refused = update(started(life), flag)
    assert refused.status == 1 and f"no {controller} controller" in refused.stderr


@OWN_BOOKS
@needs.controller("memory")
def test_a_limit_below_what_is_in_use_can_be_refused(life):
    """config-linux.md#memory, checkBeforeUpdate"""
    one = started(life, memory={"limit": 64 * MIB})
    used = int(told(one, "memory.current")["memory.current"])
    assert used > 4096
    refused = update_by_file(one, {"memory": {"limit": 4096, "checkBeforeUpdate": True}})
    assert refused.status == 1 and "rejecting memory limit 4096" in refused.stderr
    refused = update_by_file(one, {"memory": {"limit": 4096, "swap": 8192, "checkBeforeUpdate": True}})
    assert refused.status == 1 and "rejecting memory+swap limit 8192" in refused.stderr
    assert told(one, "memory.max") == {"memory.max": str(64 * MIB)}
    assert one.status == "running"


# ---- what it applies to


@needs.controller("pids")
def test_a_created_and_a_paused_container_can_be_updated(life):
    one = life().created()
    assert update(one, "--pids-limit", "50").status == 0
    assert one.start().status == 0
    one.call("pause")
    assert update(one, "--pids-limit", "60").status == 0
    assert (one.status, told(one, "pids.max")) == ("paused", {"pids.max": "60"})
    one.call("resume")


def test_a_stopped_container_can_not_be_updated(life):
    one = life("exit", "0").started()
    one.wait_for(lambda: one.status == "stopped")
    assert update(one, "--pids-limit", "50").status == 1
    assert life().call("update", options=["--pids-limit", "50"]).status == 1


@needs.controller("pids")
@pytest.mark.only("minirun", "what is left is its own")
def test_an_updated_container_is_deleted_like_others(life):
    one = started(life)
    place = directory(one)
    assert update_by_file(one, {"pids": {"limit": 50}, "unified": {"cgroup.max.depth": "7"}}).status == 0
    assert one.delete("--force").status == 0
    assert not place.exists() and not Path("/run/minirun", one.id).exists()


@needs.controller("pids")
@pytest.mark.only("minirun", "runc 1.1.5 does not lock, and loses updates")
def test_of_many_updates_at_once_none_is_lost(life):
    one = started(life)
    names = ("memory.max", "cpu.max", "pids.max", "cpu.weight")
    flags = ("--memory=64M", "--cpu-quota=5000", "--pids-limit=77", "--cpu-share=2")
    words = [[*one.runtime.argv, "update", flag, one.id] for flag in flags]
    with contextlib.ExitStack() as stack:
        running = [stack.enter_context(subprocess.Popen(line, env=one.runtime.environment)) for line in words]
        assert [process.wait() for process in running] == [0] * len(flags)
    assert list(told(one, *names).values()) == [str(64 * MIB), "5000 100000", "77", "1"]
    kept = json.loads(Path("/run/minirun", one.id, "config.json").read_text())["linux"]["resources"]
    assert kept == {
        "memory": {"limit": 64 * MIB},
        "cpu": {"quota": 5000, "shares": 2},
        "pids": {"limit": 77},
    }


# ---- device rules


@pytest.mark.only("minirun", "others pass over device rules in an update")
def test_device_rules_are_replaced_only_where_they_are_given(life):
    one = life("sleep")
    rules = [{"allow": False, "access": "rwm"}, {"allow": True, "type": "c", "major": 1, "minor": 11, "access": "w"}]
    one.bundle.linux["resources"] = {"devices": rules}
    one.bundle.linux["devices"] = [{"type": "c", "path": "/dev/kmsg", "major": 1, "minor": 11}]
    one.bundle.write()
    one.started()
    assert can_write(one, "/dev/kmsg")
    assert update_by_file(one, {"devices": [], "unified": {"cgroup.max.depth": "7"}}).status == 0
    assert can_write(one, "/dev/kmsg")
    assert update_by_file(one, {"devices": [{"allow": False, "access": "rwm"}]}).status == 0
    assert not can_write(one, "/dev/kmsg")
    assert can_write(one, "/dev/null")
    assert update_by_file(one, {"devices": rules, "unified": {"cgroup.max.nonsense": "7"}}).status == 1
    assert not can_write(one, "/dev/kmsg")
    assert update_by_file(one, {"devices": rules}).status == 0
    assert can_write(one, "/dev/kmsg")


def can_write(one: Life, path: str) -> bool:
    answer: str = one.call("exec", "/probe", "open", path).json[path]["write"]
    assert answer in ("", "EPERM"), answer
    return answer == ""
