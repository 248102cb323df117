"""config.md#posix-process, rlimits: getrlimit(2). config.md#linux-process, oomScoreAdj: proc_pid_oom_score_adj(5)."""

from __future__ import annotations

import resource

import pytest

from kernel.kit import needs
from kernel.kit.outside import Process

pytestmark = pytest.mark.root

# Lower than what any caller has: raising takes CAP_SYS_RESOURCE.
LOWERED = {
    "RLIMIT_AS": 1 << 40,
    "RLIMIT_CORE": 0,
    "RLIMIT_CPU": 3600,
    "RLIMIT_DATA": 1 << 38,
    "RLIMIT_FSIZE": 1 << 33,
    "RLIMIT_LOCKS": 500,
    "RLIMIT_MEMLOCK": 4096,
    "RLIMIT_MSGQUEUE": 1000,
    "RLIMIT_NICE": 0,
    "RLIMIT_NOFILE": 64,
    "RLIMIT_NPROC": 500,
    "RLIMIT_RSS": 1 << 30,
    "RLIMIT_RTPRIO": 0,
    "RLIMIT_RTTIME": 1_000_000,
    "RLIMIT_SIGPENDING": 100,
    "RLIMIT_STACK": 1 << 20,
}


def rlimit(kind, soft, hard):
    return {"type": kind, "soft": soft, "hard": hard}


def test_every_limit_can_be_set(runtime, bundle):
    made = bundle()
    made.process["rlimits"] = [rlimit(kind, value // 2, value) for kind, value in LOWERED.items()]
    assert runtime.run(made).json["rlimits"] == {kind: [value // 2, value] for kind, value in LOWERED.items()}


def test_limits_that_are_not_listed_stay_the_callers(runtime, bundle):
    made = bundle()
    made.process["rlimits"] = [rlimit("RLIMIT_NOFILE", 64, 64)]
    told = runtime.run(made).json["rlimits"]
    for kind in ("RLIMIT_CORE", "RLIMIT_STACK", "RLIMIT_NPROC", "RLIMIT_MEMLOCK", "RLIMIT_DATA"):
        number = getattr(resource, kind)
        assert told[kind] == [value % 2**64 for value in resource.getrlimit(number)], kind


@pytest.mark.deviates("runc", "1.1.5 may keep the soft limit that its Go version raised for itself")
def test_the_number_of_files_stays_the_callers(runtime, bundle):
    told = runtime.run(bundle(), prefix=("prlimit", "--nofile=500:1000")).json["rlimits"]
    assert told["RLIMIT_NOFILE"] == [500, 1000]


def test_the_greatest_number_means_no_limit(runtime, bundle):
    made = bundle()
    made.process["rlimits"] = [rlimit("RLIMIT_CPU", 2**64 - 1, 2**64 - 1)]
    assert runtime.run(made).json["rlimits"]["RLIMIT_CPU"] == [2**64 - 1, 2**64 - 1]


@needs.capability("CAP_SYS_RESOURCE")
def test_a_limit_can_be_raised_over_the_callers(runtime, bundle):
    made = bundle()
    made.process["rlimits"] = [rlimit("RLIMIT_NOFILE", 2000, 2000)]
    told = runtime.run(made, prefix=("prlimit", "--nofile=500:500")).json["rlimits"]
    assert told["RLIMIT_NOFILE"] == [2000, 2000]


def test_a_limit_above_the_callers_without_the_privilege_is_refused(runtime, bundle):
    if needs.held("CAP_SYS_RESOURCE"):
        pytest.skip("these tests have CAP_SYS_RESOURCE")
    made = bundle()
    made.process["rlimits"] = [rlimit("RLIMIT_NOFILE", 2000, 2000)]
    assert runtime.run(made, prefix=("prlimit", "--nofile=500:500")).refused


@pytest.mark.parametrize(
    "rlimits",
    [
        [rlimit("RLIMIT_FLAVOUR", 1, 1)],
        [rlimit("RLIMIT_NOFILE", 64, 32)],
        [rlimit("RLIMIT_NOFILE", -1, 64)],
        pytest.param(
            [rlimit("RLIMIT_NOFILE", 64, 64), rlimit("RLIMIT_NOFILE", 32, 32)],
            marks=pytest.mark.deviates("runc", "takes a type twice, which MUST be an error"),
        ),
        [{"soft": 1, "hard": 1}],
    ],
    ids=["unknown", "soft above hard", "negative", "twice", "no type"],
)
def test_limits_that_make_no_sense_are_refused(runtime, bundle, rlimits):
    made = bundle()
    made.process["rlimits"] = rlimits
    assert runtime.run(made).refused


# ---- out of memory


@pytest.mark.parametrize("value", [500, 1000])
def test_the_oom_score_is_adjusted(runtime, bundle, value):
    made = bundle("sleep")
    made.process["oomScoreAdj"] = value
    with runtime.running(made) as container:
        assert container.text("oom_score_adj") == str(value)


@needs.capability("CAP_SYS_RESOURCE")
def test_the_oom_score_can_be_lowered(runtime, bundle):
    made = bundle()
    made.process["oomScoreAdj"] = -500
    assert runtime.run(made).json["oom_score_adj"] == "-500"


@needs.program("choom")
def test_without_an_oom_score_the_callers_stays(runtime, bundle):
    """config.md#linux-process: the runtime MUST NOT change it."""
    made = bundle()
    assert runtime.run(made).json["oom_score_adj"] == Process().text("oom_score_adj")
    assert runtime.run(made, prefix=("choom", "-n", "321", "--")).json["oom_score_adj"] == "321"


@pytest.mark.parametrize("value", [1001, -1001])
def test_an_oom_score_out_of_range_is_refused(runtime, bundle, value):
    made = bundle()
    made.process["oomScoreAdj"] = value
    assert runtime.run(made).refused
