"""config.md#linux-process: scheduler (sched(7)), ioPriority (ioprio_set(2)), execCPUAffinity."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ..container import told as told_by
from ..machine import needs_capability
from ..suite import NotTestable, clause, expect

if TYPE_CHECKING:
    from ..container import Container

LINUX = "config.md#linux-process"
POLICY = "`policy` (string, REQUIRED) represents the scheduling policy."
NICE = "`nice` (int32, OPTIONAL) is the nice value for the process, affecting its priority."
INVALID = "Runtimes MUST generate an error when invalid or unsupported values are encountered."

# linux/sched.h
POLICIES = {"SCHED_OTHER": 0, "SCHED_BATCH": 3, "SCHED_IDLE": 5}
CLASSES = {"IOPRIO_CLASS_RT": 1, "IOPRIO_CLASS_BE": 2, "IOPRIO_CLASS_IDLE": 3}
RESET_ON_FORK = 1


@clause(LINUX, POLICY, each=POLICIES)
def the_scheduling_policy(container: Container, policy: str) -> None:
    container.process["scheduler"] = {"policy": policy}
    expect("the policy", container.look()["scheduler"]["policy"], POLICIES[policy])


@clause(
    LINUX,
    (
        "`priority` (int32, OPTIONAL) represents the static priority of the process, used by real-time policies "
        "like SCHED_FIFO and SCHED_RR."
    ),
    each=(("SCHED_FIFO", 1), ("SCHED_RR", 2)),
)
def a_real_time_policy(container: Container, policy: tuple[str, int]) -> None:
    needs_capability(23, "CAP_SYS_NICE")
    container.process["scheduler"] = {"policy": policy[0], "priority": 7}
    result = container.run()
    if result.status != 0 and "not permitted" in result.stderr:
        raise NotTestable("the container's cgroup may not have real-time processes (sched(7), CONFIG_RT_GROUP_SCHED)")
    told = told_by(result, result.stdout)["scheduler"]
    expect("policy and priority", (told["policy"], told["priority"]), (policy[1], 7))


@clause(LINUX, NICE)
def the_nice_value(container: Container) -> None:
    container.process["scheduler"] = {"policy": "SCHED_OTHER", "nice": 7}
    expect("the nice value", container.look()["scheduler"]["nice"], 7)


@clause(LINUX, "If not set, the runtime must use the value 0.")
def the_nice_value_is_not_set(container: Container) -> None:
    container.process["scheduler"] = {"policy": "SCHED_BATCH"}
    told = container.look(preexec_fn=raise_nice)["scheduler"]
    expect("policy and nice value where the caller has 5", (told["policy"], told["nice"]), (3, 0))


def raise_nice() -> None:
    os.nice(5 - os.nice(0))


@clause(LINUX, "`flags` (array of strings, OPTIONAL) is an array of strings representing scheduling flags.")
def a_scheduling_flag(container: Container) -> None:
    container.process["scheduler"] = {"policy": "SCHED_OTHER", "flags": ["SCHED_FLAG_RESET_ON_FORK"]}
    expect("the flags", container.look()["scheduler"]["flags"] & RESET_ON_FORK, RESET_ON_FORK)


DEADLINE = {"policy": "SCHED_DEADLINE", "runtime": 10_000_000, "deadline": 30_000_000, "period": 100_000_000}


def with_a_deadline(container: Container, *flags: str) -> dict[str, Any]:
    """What sched_getattr(2) tells. 10 ms of each 100 ms are asked for."""
    needs_capability(23, "CAP_SYS_NICE")
    container.process["scheduler"] = DEADLINE | ({"flags": list(flags)} if flags else {})
    told: dict[str, Any] = container.look()["scheduler"]
    return told


@clause(
    LINUX,
    (
        "`runtime` (uint64, OPTIONAL) represents the amount of time in nanoseconds during which the process is "
        "allowed to run in a given period, used by the deadline scheduler."
    ),
)
def a_deadline(container: Container) -> None:
    told = with_a_deadline(container)
    found = [told[name] for name in ("policy", "runtime", "deadline", "period")]
    expect("policy, runtime, deadline, period", found, [6, 10_000_000, 30_000_000, 100_000_000])


@clause(
    LINUX,
    "`flags` (array of strings, OPTIONAL) is an array of strings representing scheduling flags.",
    each=(("SCHED_FLAG_RECLAIM", 2), ("SCHED_FLAG_DL_OVERRUN", 4)),
)
def a_flag_of_a_deadline(container: Container, flag: tuple[str, int]) -> None:
    expect(flag[0], with_a_deadline(container, flag[0])["flags"] & flag[1], flag[1])


@clause(LINUX, INVALID, each=("policy", "flag"))
def scheduling_that_does_not_exist(container: Container, part: str) -> None:
    scheduler: dict[str, Any] = {"policy": "SCHED_NEVER"}
    if part == "flag":
        scheduler = {"policy": "SCHED_OTHER", "flags": ["SCHED_FLAG_NONSENSE"]}
    container.process["scheduler"] = scheduler
    container.must_be_refused(f"process.scheduler is {scheduler}")


@clause(LINUX, "`class` (string, REQUIRED) specifies the I/O scheduling class.", each=CLASSES)
def the_io_priority(container: Container, name: str) -> None:
    container.process["ioPriority"] = {"class": name, "priority": 3}
    told = container.look()["io_priority"]
    expect("the class", told["class"], CLASSES[name])
    if name != "IOPRIO_CLASS_IDLE":  # which has no levels: ioprio_set(2)
        expect("the level", told["level"], 3)


@clause(LINUX, "The value should be an integer ranging from 0 (highest) to 7 (lowest).")
def an_io_priority_out_of_range(container: Container) -> None:
    container.process["ioPriority"] = {"class": "IOPRIO_CLASS_BE", "priority": 8}
    container.must_be_refused("the priority is 8")


@clause(LINUX, "Possible values are `IOPRIO_CLASS_RT`, `IOPRIO_CLASS_BE`, and `IOPRIO_CLASS_IDLE`.")
def an_io_class_that_does_not_exist(container: Container) -> None:
    container.process["ioPriority"] = {"class": "IOPRIO_CLASS_BEST", "priority": 3}
    container.must_be_refused("there is no IOPRIO_CLASS_BEST")


@clause(LINUX, "This setting is not applicable to the container's init process.")
def exec_cpu_affinity_is_not_for_the_first_process(container: Container) -> None:
    def affinity() -> str:
        lines = [line for line in container.look()["status"] if line.startswith("Cpus_allowed_list")]
        return lines[0].split()[1]

    wanted = affinity()
    container.process["execCPUAffinity"] = {"initial": "0", "final": "0"}
    expect("the processors of the first process", affinity(), wanted)
