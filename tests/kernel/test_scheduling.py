"""config.md#linux-process, scheduler and ioPriority: sched(7), ioprio_set(2); config-linux.md#personality."""

from __future__ import annotations

import os

import pytest

from kernel.kit import needs

pytestmark = pytest.mark.root

NEWER = pytest.mark.deviates("runc", "came with 1.2")

POLICIES = {"SCHED_OTHER": 0, "SCHED_FIFO": 1, "SCHED_RR": 2, "SCHED_BATCH": 3, "SCHED_IDLE": 5, "SCHED_DEADLINE": 6}
RESET_ON_FORK = 1


# ---- scheduler


@NEWER
@pytest.mark.parametrize(
    "wanted",
    [
        {"policy": "SCHED_OTHER", "nice": 7},
        {"policy": "SCHED_BATCH", "nice": 5},
        {"policy": "SCHED_IDLE"},
        pytest.param({"policy": "SCHED_FIFO", "priority": 10}, marks=needs.real_time()),
        pytest.param({"policy": "SCHED_RR", "priority": 1}, marks=needs.real_time()),
    ],
    ids=lambda wanted: wanted["policy"],
)
def test_the_scheduling_policy_is_set(runtime, bundle, wanted):
    made = bundle()
    made.process["scheduler"] = wanted
    told = runtime.run(made).json["scheduler"]
    assert told["policy"] == POLICIES[wanted["policy"]]
    assert told["priority"] == wanted.get("priority", 0)
    if "nice" in wanted:
        assert told["nice"] == wanted["nice"]


@NEWER
@needs.capability("CAP_SYS_NICE")
def test_a_deadline_is_set(runtime, bundle):
    """sched(7): such a thread can't fork, but it can execute a program."""
    made = bundle()
    times = {"runtime": 10_000_000, "deadline": 30_000_000, "period": 30_000_000}
    made.process["scheduler"] = {"policy": "SCHED_DEADLINE", **times}
    told = runtime.run(made).json["scheduler"]
    assert {name: told[name] for name in times} == times


@NEWER
def test_flags_of_the_scheduler_are_set(runtime, bundle):
    made = bundle()
    made.process["scheduler"] = {"policy": "SCHED_BATCH", "flags": ["SCHED_FLAG_RESET_ON_FORK"]}
    assert runtime.run(made).json["scheduler"]["flags"] & RESET_ON_FORK


@NEWER
@pytest.mark.parametrize(
    "wanted",
    [
        {"policy": "SCHED_FLAVOUR"},
        {"policy": "SCHED_OTHER", "priority": 5},
        {"policy": "SCHED_FIFO", "priority": 100},
        {"policy": "SCHED_OTHER", "runtime": 1},
        {"policy": "SCHED_OTHER", "flags": ["SCHED_FLAG_FLAVOUR"]},
    ],
    ids=str,
)
def test_a_scheduler_that_makes_no_sense_is_refused(runtime, bundle, wanted):
    made = bundle()
    made.process["scheduler"] = wanted
    assert runtime.run(made).refused


def test_without_a_scheduler_the_callers_nice_value_stays(runtime, bundle):
    niceness = os.getpriority(os.PRIO_PROCESS, 0)
    told = runtime.run(bundle(), prefix=("nice", "-n", "3")).json["scheduler"]
    assert (told["policy"], told["nice"]) == (0, niceness + 3)


@NEWER
@needs.capability("CAP_SYS_NICE")
@pytest.mark.parametrize(
    ("wanted", "policy", "nice"),
    [
        ({"policy": "SCHED_BATCH", "nice": 7}, 3, 7),
        ({"policy": "SCHED_IDLE", "nice": 7}, 5, 0),
        ({"policy": "SCHED_RR", "priority": 1, "nice": 7}, 2, 0),
    ],
)
def test_nice_goes_with_any_policy_and_has_its_effect_with_some(runtime, bundle, wanted, policy, nice):
    made = bundle()
    made.process["scheduler"] = wanted
    told = runtime.run(made).json["scheduler"]
    assert (told["policy"], told["nice"]) == (policy, nice)


# ---- input and output


@NEWER
@pytest.mark.parametrize(("name", "number"), [("IOPRIO_CLASS_BE", 2), ("IOPRIO_CLASS_IDLE", 3)])
def test_the_io_priority_is_set(runtime, bundle, name, number):
    made = bundle()
    made.process["ioPriority"] = {"class": name, "priority": 5}
    assert runtime.run(made).json["io_priority"] == {"class": number, "level": 5}


@NEWER
def test_a_level_that_is_missing_is_0(runtime, bundle):
    made = bundle()
    made.process["ioPriority"] = {"class": "IOPRIO_CLASS_BE"}
    assert runtime.run(made).json["io_priority"] == {"class": 2, "level": 0}


@NEWER
@needs.capability("CAP_SYS_ADMIN")
def test_a_real_time_io_priority_is_set(runtime, bundle):
    made = bundle()
    made.process["ioPriority"] = {"class": "IOPRIO_CLASS_RT", "priority": 1}
    assert runtime.run(made).json["io_priority"] == {"class": 1, "level": 1}


@NEWER
@pytest.mark.parametrize(
    "wanted", [{"class": "IOPRIO_CLASS_FLAVOUR", "priority": 1}, {"class": "IOPRIO_CLASS_BE", "priority": 8}]
)
def test_an_io_priority_that_makes_no_sense_is_refused(runtime, bundle, wanted):
    made = bundle()
    made.process["ioPriority"] = wanted
    assert runtime.run(made).refused


# ---- memory policy (config-linux.md#memory-policy, set_mempolicy(2))

NEWER_THAN_RUNC = pytest.mark.deviates("runc", "came with 1.4")
NEWER_THAN_CRUN = pytest.mark.deviates("crun", "1.21 does not know it yet, 1.28 does")
NUMA = needs.path("/proc/self/numa_maps")


@NUMA
@pytest.mark.parametrize(
    ("wanted", "shown"),
    [
        ({"mode": "MPOL_BIND", "nodes": "0"}, "bind:0"),
        ({"mode": "MPOL_INTERLEAVE", "nodes": "0"}, "interleave:0"),
        ({"mode": "MPOL_PREFERRED", "nodes": "0"}, "prefer:0"),
        ({"mode": "MPOL_PREFERRED_MANY", "nodes": "0"}, "prefer (many):0"),
        ({"mode": "MPOL_LOCAL"}, "local"),
        ({"mode": "MPOL_DEFAULT", "nodes": ""}, "default"),
        ({"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES"]}, "bind=static:0"),
        ({"mode": "MPOL_BIND", "nodes": "0-0", "flags": ["MPOL_F_RELATIVE_NODES"]}, "bind=relative:0"),
    ],
    ids=str,
)
@NEWER_THAN_RUNC
@NEWER_THAN_CRUN
def test_the_memory_policy_is_set(runtime, bundle, wanted, shown):
    made = bundle("sleep")
    made.linux["memoryPolicy"] = wanted
    with runtime.running(made) as container:
        line = next(line for line in container.lines("numa_maps") if "stack" in line)
        assert line.split(" ", 1)[1].startswith(shown)


@NEWER_THAN_RUNC
@NEWER_THAN_CRUN
@pytest.mark.parametrize(
    "wanted",
    [
        {"mode": "MPOL_FORGET", "nodes": "0"},
        {"mode": "MPOL_BIND"},
        {"mode": "MPOL_LOCAL", "nodes": "0"},
        {"mode": "MPOL_BIND", "nodes": "900"},
        {"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES", "MPOL_F_RELATIVE_NODES"]},
    ],
    ids=str,
)
def test_a_memory_policy_that_cannot_be_is_refused(runtime, bundle, wanted):
    made = bundle()
    made.linux["memoryPolicy"] = wanted
    assert runtime.run(made).refused


# ---- resctrl (config-linux.md#intelrdt)


@needs.command("! grep -q ' - resctrl ' /proc/self/mountinfo", "resctrl is mounted here")
@pytest.mark.deviates("runc", "1.1 looks for resctrl only if there is one of the two older schemata")
@pytest.mark.deviates("crun", "goes on without resctrl")
@pytest.mark.parametrize("wanted", [{"closID": "gold"}, {"schemata": ["L3:0=f"]}, {"enableMonitoring": True}], ids=str)
def test_a_class_of_service_without_resctrl_is_refused(runtime, bundle, wanted):
    made = bundle()
    made.linux["intelRdt"] = wanted
    result = runtime.run(made)
    assert result.refused
    if runtime.name == "minirun":
        assert "mount -t resctrl" in result.stderr


# ---- personality


@NEWER
@needs.machine("x86_64")
@needs.command("test $(setarch i686 uname -m) = i686", "this kernel is the same for programs of 32 bits")
def test_linux32_makes_the_machine_look_like_one_of_32_bits(runtime, bundle):
    """personality(2), PER_LINUX32 = 8"""
    made = bundle()
    made.linux["personality"] = {"domain": "LINUX32"}
    told = runtime.run(made).json
    assert told["personality"] & 0xFF == 8
    assert told["machine"] == "i686"


def test_linux_is_the_usual_personality(runtime, bundle):
    made = bundle()
    made.linux["personality"] = {"domain": "LINUX"}
    assert runtime.run(made).json["personality"] & 0xFF == 0


@NEWER
@pytest.mark.parametrize("wanted", [{"domain": "MINIX"}, {"domain": "LINUX", "flags": ["ADDR_NO_RANDOMIZE"]}, {}])
def test_a_personality_that_makes_no_sense_is_refused(runtime, bundle, wanted):
    """config-linux.md#personality: there are no flags yet, so any is unsupported."""
    made = bundle()
    made.linux["personality"] = wanted
    assert runtime.run(made).refused
