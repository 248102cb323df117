"""config.md#posix-process, rlimits: getrlimit(2). config.md#linux-process, oomScoreAdj."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..machine import needs_capability
from ..suite import clause, expect

if TYPE_CHECKING:
    from ..container import Container

POSIX = "config.md#posix-process"
LINUX = "config.md#linux-process"
UNMAPPED = "The runtime MUST generate an error for any values which cannot be mapped to a relevant kernel interface."

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


def rlimit(kind: str, soft: int, hard: int) -> dict[str, Any]:
    return {"type": kind, "soft": soft, "hard": hard}


@clause(POSIX, "For each entry in `rlimits`, a getrlimit(3) on `type` MUST succeed.")
def every_type_of_rlimit_is_known(container: Container) -> None:
    container.process["rlimits"] = [rlimit(kind, value, value) for kind, value in LOWERED.items()]
    expect("the limits", container.look()["rlimits"], {kind: [value, value] for kind, value in LOWERED.items()})


@clause(POSIX, "`rlim.rlim_cur` MUST match the configured value.")
def the_soft_limit_matches(container: Container) -> None:
    container.process["rlimits"] = [rlimit("RLIMIT_NOFILE", 63, 64)]
    expect("the soft limit", container.look()["rlimits"]["RLIMIT_NOFILE"][0], 63)


@clause(POSIX, "`rlim.rlim_max` MUST match the configured value.")
def the_hard_limit_matches(container: Container) -> None:
    container.process["rlimits"] = [rlimit("RLIMIT_NOFILE", 63, 64)]
    expect("the hard limit", container.look()["rlimits"]["RLIMIT_NOFILE"][1], 64)


@clause(POSIX, "`rlim.rlim_cur` MUST match the configured value.")
def the_greatest_number_means_no_limit(container: Container) -> None:
    container.process["rlimits"] = [rlimit("RLIMIT_CPU", 2**64 - 1, 2**64 - 1)]
    expect("RLIMIT_CPU", container.look()["rlimits"]["RLIMIT_CPU"], [2**64 - 1, 2**64 - 1])


@clause(POSIX, UNMAPPED)
def an_unknown_type_of_rlimit(container: Container) -> None:
    container.process["rlimits"] = [rlimit("RLIMIT_FLAVOUR", 1, 1)]
    container.must_be_refused("there is no RLIMIT_FLAVOUR")


@clause(POSIX, UNMAPPED)
def a_soft_limit_above_the_hard_one(container: Container) -> None:
    container.process["rlimits"] = [rlimit("RLIMIT_NOFILE", 64, 63)]
    container.must_be_refused("the soft limit is above the hard one, which the kernel refuses")


@clause(POSIX, "If `rlimits` contains duplicated entries with same `type`, the runtime MUST generate an error.")
def a_type_of_rlimit_twice(container: Container) -> None:
    container.process["rlimits"] = [rlimit("RLIMIT_NOFILE", 64, 64), rlimit("RLIMIT_NOFILE", 32, 32)]
    container.must_be_refused("RLIMIT_NOFILE stands there twice")


@clause(LINUX, "If `oomScoreAdj` is set, the runtime MUST set `oom_score_adj` to the given value.", each=(0, 500, 1000))
def oom_score_adj_is_set(container: Container, value: int) -> None:
    container.process["oomScoreAdj"] = value
    expect("oom_score_adj", container.look()["oom_score_adj"], str(value))


@clause(LINUX, "If `oomScoreAdj` is set, the runtime MUST set `oom_score_adj` to the given value.")
def oom_score_adj_is_lowered(container: Container) -> None:
    needs_capability(24, "CAP_SYS_RESOURCE")
    container.process["oomScoreAdj"] = -500
    expect("oom_score_adj", container.look()["oom_score_adj"], "-500")


@clause(LINUX, "If `oomScoreAdj` is not set, the runtime MUST NOT change the value of `oom_score_adj`.")
def oom_score_adj_is_not_set(container: Container) -> None:
    raised = container.look(preexec_fn=lambda: Path("/proc/self/oom_score_adj").write_text("321"))
    expect("oom_score_adj where the caller has 321", raised["oom_score_adj"], "321")
