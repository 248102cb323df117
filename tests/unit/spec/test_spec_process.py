"""config.json's /process."""

from __future__ import annotations

from typing import Any

import pytest
from unit.spec.spec_helpers import GONE, Bad, bad, load_changed, refused

from minirun.spec.config import Capabilities, ConsoleSize, Process, Rlimit, User
from minirun.spec.config_rare import IOPriority, Scheduler

P = "/process"
MAX = 2**64 - 1

SIXTEEN = "AS CORE CPU DATA FSIZE LOCKS MEMLOCK MSGQUEUE NICE NOFILE NPROC RSS RTPRIO RTTIME SIGPENDING STACK"
SEVEN = "RESET_ON_FORK RECLAIM DL_OVERRUN KEEP_POLICY KEEP_PARAMS UTIL_CLAMP_MIN UTIL_CLAMP_MAX"


def process(changes: dict[str, Any]) -> Process:
    result = load_changed(changes).process
    assert result is not None
    return result


def rlimit(kind: str, soft: object, hard: object) -> dict[str, object]:
    return {"type": kind, "soft": soft, "hard": hard}


def scheduler(policy: str, **rest: object) -> dict[str, object]:
    return {"policy": policy, **rest}


@bad(
    Bad(f"{P}/terminal", "yes"),
    Bad(f"{P}/cwd", GONE, says="missing"),
    Bad(f"{P}/cwd", ""),
    Bad(f"{P}/cwd", "tmp", says="absolute"),
    Bad(f"{P}/args", GONE, says="missing"),
    Bad(f"{P}/args", []),
    Bad(f"{P}/args", "sh"),
    Bad(f"{P}/args", ["sh", 1], f"{P}/args/1"),
    Bad(f"{P}/args", ["sh", "a\0"], f"{P}/args/1"),
    Bad(f"{P}/env", {}),
    Bad(f"{P}/env", ["A=b", "PATH"], f"{P}/env/1"),
    Bad(f"{P}/env", ["=b"], f"{P}/env/0"),
    Bad(f"{P}/env", [""], f"{P}/env/0"),
    Bad(f"{P}/env", ["A=\0"], f"{P}/env/0"),
    Bad(f"{P}/user/uid", GONE, says="missing"),
    Bad(f"{P}/user/gid", GONE, says="missing"),
    Bad(f"{P}/user/uid", -1),
    Bad(f"{P}/user/uid", 2**32 - 1),
    Bad(f"{P}/user/uid", "root"),
    Bad(f"{P}/user/uid", True),
    Bad(f"{P}/user/uid", 1.0),
    Bad(f"{P}/user/gid", 2**32 - 1),
    Bad(f"{P}/user/umask", 0o1000),
    Bad(f"{P}/user/umask", -1),
    Bad(f"{P}/user/additionalGids", [1, -1], f"{P}/user/additionalGids/1"),
    Bad(f"{P}/noNewPrivileges", 1),
    Bad(f"{P}/oomScoreAdj", 1001),
    Bad(f"{P}/oomScoreAdj", -1001),
    Bad(f"{P}/oomScoreAdj", "0"),
    Bad(f"{P}/consoleSize", {"height": 1}, f"{P}/consoleSize/width", also={f"{P}/terminal": True}),
    Bad(f"{P}/consoleSize", {"height": -1, "width": 1}, f"{P}/consoleSize/height", also={f"{P}/terminal": True}),
    Bad(f"{P}/consoleSize", {"height": 65536, "width": 1}, f"{P}/consoleSize/height", also={f"{P}/terminal": True}),
)
def test_bad(row: Bad) -> None:
    row.check()


@bad(
    Bad(f"{P}/rlimits", [rlimit("RLIMIT_FOO", 1, 1)], f"{P}/rlimits/0/type", says="RLIMIT_SIGPENDING"),
    Bad(f"{P}/rlimits", [rlimit("NOFILE", 1, 1)], f"{P}/rlimits/0/type"),
    Bad(f"{P}/rlimits", [rlimit("RLIMIT_CPU", 2, 1)], f"{P}/rlimits/0/soft", says="at most 1"),
    Bad(f"{P}/rlimits", [rlimit("RLIMIT_CPU", -1, 1)], f"{P}/rlimits/0/soft"),
    Bad(f"{P}/rlimits", [rlimit("RLIMIT_CPU", 1, MAX + 1)], f"{P}/rlimits/0/hard"),
    Bad(f"{P}/rlimits", [{"type": "RLIMIT_CPU", "soft": 1}], f"{P}/rlimits/0/hard", says="missing"),
    Bad(f"{P}/rlimits", [{"type": "RLIMIT_CPU", "hard": 1}], f"{P}/rlimits/0/soft", says="missing"),
    Bad(f"{P}/rlimits", [{"soft": 1, "hard": 1}], f"{P}/rlimits/0/type", says="missing"),
    Bad(
        f"{P}/rlimits",
        [rlimit("RLIMIT_CPU", 1, 1), rlimit("RLIMIT_AS", 1, 1), rlimit("RLIMIT_CPU", 1, 1)],
        f"{P}/rlimits/2/type",
        says="second",
    ),
)
def test_bad_rlimits(row: Bad) -> None:
    row.check()


@bad(
    Bad(f"{P}/capabilities", ["CAP_KILL"]),
    Bad(f"{P}/capabilities", {"bounding": "CAP_KILL"}, f"{P}/capabilities/bounding"),
    *(Bad(f"{P}/capabilities", {name: ["CAP_KILL", 5]}, f"{P}/capabilities/{name}/1") for name in Capabilities.fields),
)
def test_bad_capabilities(row: Bad) -> None:
    row.check()


S = f"{P}/scheduler"


@bad(
    Bad(S, {}, f"{S}/policy", says="missing"),
    Bad(S, scheduler("SCHED_NORMAL"), f"{S}/policy"),
    Bad(S, scheduler("sched_other"), f"{S}/policy"),
    *(
        Bad(S, scheduler(f"SCHED_{policy}", priority=1), f"{S}/priority")
        for policy in ("OTHER", "BATCH", "ISO", "IDLE", "DEADLINE")
    ),
    *(
        Bad(S, scheduler(f"SCHED_{policy}", priority=value), f"{S}/priority")
        for policy in ("FIFO", "RR")
        for value in (0, 100, -1, "1")
    ),
    Bad(S, scheduler("SCHED_FIFO"), f"{S}/priority", says="missing"),
    *(Bad(S, scheduler("SCHED_OTHER", **{name: 1}), f"{S}/{name}") for name in ("runtime", "deadline", "period")),
    *(Bad(S, scheduler("SCHED_DEADLINE", **{name: -1}), f"{S}/{name}") for name in ("runtime", "deadline", "period")),
    Bad(S, scheduler("SCHED_DEADLINE", period=MAX + 1), f"{S}/period"),
    Bad(S, scheduler("SCHED_OTHER", nice=20), f"{S}/nice"),
    Bad(S, scheduler("SCHED_OTHER", nice=-21), f"{S}/nice"),
    Bad(S, scheduler("SCHED_IDLE", nice="x"), f"{S}/nice"),
    Bad(S, scheduler("SCHED_OTHER", flags=["SCHED_FLAG_FOO"]), f"{S}/flags/0", says="UTIL_CLAMP_MAX"),
    Bad(f"{P}/ioPriority", {"priority": 0}, f"{P}/ioPriority/class", says="missing"),
    Bad(f"{P}/ioPriority", {"class": "IOPRIO_CLASS_NONE", "priority": 0}, f"{P}/ioPriority/class"),
    Bad(f"{P}/ioPriority", {"class": "IOPRIO_CLASS_RT", "priority": 8}, f"{P}/ioPriority/priority"),
    Bad(f"{P}/ioPriority", {"class": "IOPRIO_CLASS_RT", "priority": -1}, f"{P}/ioPriority/priority"),
)
def test_bad_scheduling(row: Bad) -> None:
    row.check()


def test_absence_is_none() -> None:
    assert process({}) == Process(cwd="/", user=User(0, 0), args=("sh",))


def test_everything_arrives() -> None:
    everything = {
        f"{P}/cwd": "/tmp",
        f"{P}/user": {"uid": 2**32 - 2, "gid": 2, "umask": 0o777, "additionalGids": [3, 4]},
        f"{P}/args": ["ls", ""],
        f"{P}/env": ["A=", "B=c=d"],
        f"{P}/terminal": True,
        f"{P}/consoleSize": {"height": 0, "width": 65535},
        f"{P}/noNewPrivileges": True,
        f"{P}/oomScoreAdj": -1000,
    }
    assert process(everything) == Process(
        cwd="/tmp",
        user=User(uid=2**32 - 2, gid=2, umask=0o777, additional_gids=(3, 4)),
        args=("ls", ""),
        env=("A=", "B=c=d"),
        terminal=True,
        console_size=ConsoleSize(height=0, width=65535),
        no_new_privileges=True,
        oom_score_adj=-1000,
    )


def test_zero_is_not_absence() -> None:
    zeros = process({f"{P}/oomScoreAdj": 0, f"{P}/user/umask": 0})
    assert (zeros.oom_score_adj, zeros.user.umask) == (0, 0)


def test_a_window_without_size() -> None:
    sizes = {f"{P}/terminal": True, f"{P}/consoleSize": {"height": 65535, "width": 0}}
    assert process(sizes).console_size == ConsoleSize(height=65535, width=0)


@pytest.mark.parametrize("size", [{"height": 1, "width": 1}, {"height": -1}, "big"])
def test_console_size_is_ignored_without_a_terminal(size: object) -> None:
    assert process({f"{P}/consoleSize": size}).console_size is None


@pytest.mark.parametrize("kind", [f"RLIMIT_{name}" for name in SIXTEEN.split()])
def test_rlimits(kind: str) -> None:
    assert process({f"{P}/rlimits": [rlimit(kind, 0, MAX)]}).rlimits == (Rlimit(kind, 0, MAX),)


def test_soft_limit_may_be_the_hard_one() -> None:
    assert process({f"{P}/rlimits": [rlimit("RLIMIT_CPU", MAX, MAX)]}).rlimits == (Rlimit("RLIMIT_CPU", MAX, MAX),)


def test_unknown_capabilities_are_no_errors() -> None:
    sets = {name: [f"CAP_{name}", "CAP_OF_TOMORROW", "chown"] for name in Capabilities.fields}
    read = process({f"{P}/capabilities": sets}).capabilities
    assert read == Capabilities(**{name: tuple(names) for name, names in sets.items()})


def test_empty_capabilities_are_not_absent() -> None:
    assert process({f"{P}/capabilities": {}}).capabilities == Capabilities()
    assert process({}).capabilities is None


@pytest.mark.parametrize(
    "good",
    [
        scheduler("SCHED_OTHER", nice=-20),
        scheduler("SCHED_BATCH", nice=19, priority=0, runtime=0, deadline=0, period=0),
        scheduler("SCHED_FIFO", priority=1, nice=19),
        scheduler("SCHED_RR", priority=99),
        scheduler("SCHED_IDLE", nice=-20),
        scheduler("SCHED_ISO"),
        scheduler(
            "SCHED_DEADLINE", runtime=1, deadline=2, period=MAX, flags=[f"SCHED_FLAG_{name}" for name in SEVEN.split()]
        ),
    ],
)
def test_schedulers(good: dict[str, Any]) -> None:
    expected: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in good.items()}
    assert process({S: good}).scheduler == Scheduler(**expected)


@pytest.mark.parametrize("cls", ["IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE"])
@pytest.mark.parametrize("priority", [0, 7])
def test_io_priority(cls: str, priority: int) -> None:
    value = {"class": cls, "priority": priority}
    assert process({f"{P}/ioPriority": value}).io_priority == IOPriority(cls, priority)


def test_io_priority_without_a_level() -> None:
    assert process({f"{P}/ioPriority": {"class": "IOPRIO_CLASS_BE"}}).io_priority == IOPriority("IOPRIO_CLASS_BE", 0)


def test_affinity_of_exec() -> None:
    read = process({f"{P}/execCPUAffinity": {"initial": "0-2,5", "final": "7"}})
    assert (read.affinity_before, read.affinity_after) == ((0, 1, 2, 5), (7,))
    assert process({f"{P}/execCPUAffinity": {"final": ""}}) == process({})


@pytest.mark.parametrize("cpus", ["a", "1-", "-1", "2-1", "0,", "1 ,2", "0-99999", "0-1-2"])
def test_affinity_that_is_no_list(cpus: str) -> None:
    assert refused({f"{P}/execCPUAffinity": {"initial": cpus}}).pointer == f"{P}/execCPUAffinity/initial"
