"""How the kernel deals with the process: when it runs, when it reads and writes, when it dies for lack of memory."""

from __future__ import annotations

from errno import EACCES, EINVAL, ENOSYS, EPERM

from ..kernel import files, scheduling
from ..kernel.constants import (
    IOPRIO_CLASSES,
    MEMORY_FLAGS,
    MEMORY_MODES,
    PERSONALITIES,
    SCHED_FLAGS,
    SCHED_POLICIES,
)
from ..kernel.libc import Flags, array, show
from .step import RUNTIME, Context, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .world import World


class SetOomScoreAdj(Step):
    """First of all, since lowering it takes the rights of the host's root."""

    chapter = "limits"
    man = "proc(5)"
    spec = "config.md#linux-process"
    cures = {
        EACCES: "a lower value than now takes CAP_SYS_RESOURCE: leave it out, or give a higher one",
        EPERM: "a lower value than now takes CAP_SYS_RESOURCE: leave it out, or give a higher one",
    }

    value: int
    origin: str = "/process/oomScoreAdj"

    def describe(self) -> str:
        return f"set the OOM killer's score adjustment to {self.value}"

    def shell(self) -> str:
        return f"echo {self.value} > /proc/self/oom_score_adj"

    def calls(self) -> tuple[str, ...]:
        return (show("write", "/proc/self/oom_score_adj", str(self.value)),)

    def effect(self, world: World) -> World:
        return world.scheduled(oom_score_adj=self.value)

    def apply(self, context: Context) -> None:
        files.write_file("/proc/self/oom_score_adj", str(self.value))


class SetScheduler(Step):
    """Set by the runtime, which keeps its rights, when there is no fork to come: under a deadline a process can't fork,
    and with SCHED_FLAG_RESET_ON_FORK its child would not have the policy."""

    runs_in = RUNTIME
    chapter = "process"
    man = "sched_setattr(2)"
    spec = "config.md#linux-process"
    cures = {
        EPERM: "real-time policies and a lower nice value take CAP_SYS_NICE. A kernel with CONFIG_RT_GROUP_SCHED "
        "gives real-time policies only to processes in the root cgroup",
        EINVAL: "the kernel does not take these values together: see sched(7)",
    }

    policy: str
    nice: int
    priority: int
    flags: tuple[str, ...]
    runtime: int
    deadline: int
    period: int
    origin: str = "/process/scheduler"

    def describe(self) -> str:
        times = f", {self.runtime} of {self.period} ns by {self.deadline}" if self.policy == "SCHED_DEADLINE" else ""
        return f"schedule by {self.policy}, nice {self.nice}, priority {self.priority}{times}"

    def shell(self) -> str | None:
        word = self.policy.removeprefix("SCHED_").lower()
        is_known = word in ("other", "fifo", "rr", "batch", "idle", "deadline")
        if not is_known or set(self.flags) - {"SCHED_FLAG_RESET_ON_FORK"}:
            return None
        reset = "--reset-on-fork " if self.flags else ""
        times = f"--sched-runtime {self.runtime} --sched-deadline {self.deadline} --sched-period {self.period} "
        times = times if word == "deadline" else ""
        change = f'chrt {reset}--{word} {times}--pid {self.priority} "$pid"'
        return f'{change} && renice {self.nice} "$pid" > /dev/null' if word in ("other", "batch") else change

    no_shell = "chrt(1) does not know this policy, or not these flags"

    def calls(self) -> tuple[str, ...]:
        flags = "|".join(self.flags) or "0"
        told = (
            f"sched_policy {self.policy}, sched_flags {flags}, sched_nice {self.nice}, sched_priority {self.priority}"
        )
        times = f", sched_runtime {self.runtime}, sched_deadline {self.deadline}, sched_period {self.period}"
        return (show("sched_setattr", Flags("pid"), Flags(f"{{{told}{times}}}"), 0),)

    def effect(self, world: World) -> World:
        return world.scheduled(policy=self.policy, nice=self.nice, priority=self.priority)

    def apply(self, context: Context) -> None:
        scheduling.sched_setattr(
            context.pid,
            SCHED_POLICIES[self.policy],
            sum(SCHED_FLAGS[name] for name in self.flags),
            self.nice,
            self.priority,
            self.runtime,
            self.deadline,
            self.period,
        )


class SetIOPriority(Step):
    chapter = "process"
    man = "ioprio_set(2)"
    spec = "config.md#linux-process"
    cures = {EPERM: "IOPRIO_CLASS_RT takes CAP_SYS_ADMIN or CAP_SYS_NICE"}

    io_class: str
    priority: int
    origin: str = "/process/ioPriority"

    def describe(self) -> str:
        return f"set the I/O priority to {self.io_class} {self.priority}"

    def shell(self) -> str:
        return f"ionice -c {IOPRIO_CLASSES[self.io_class]} -n {self.priority} -p $$"

    def calls(self) -> tuple[str, ...]:
        return (
            show(
                "ioprio_set", Flags("IOPRIO_WHO_PGRP"), 0, Flags(f"IOPRIO_PRIO_VALUE({self.io_class}, {self.priority})")
            ),
        )

    def effect(self, world: World) -> World:
        return world.scheduled(io=f"{self.io_class} {self.priority}")

    def apply(self, context: Context) -> None:
        scheduling.ioprio_set_group(IOPRIO_CLASSES[self.io_class], self.priority)


class SetAffinity(Step):
    """On which processors the process may run: before, or after, its cgroup has a say in it."""

    chapter = "process"
    man = "sched_setaffinity(2)"
    spec = "config.md#linux-process"
    cures = {EINVAL: "at least one of these processors must exist, and be allowed by the cgroup: see /proc/cpuinfo"}

    cpus: tuple[int, ...]
    origin: str

    def describe(self) -> str:
        return f"run on the processors {', '.join(map(str, self.cpus))}"

    def shell(self) -> str:
        return f"taskset --pid --cpu-list {','.join(map(str, self.cpus))} $$"

    def calls(self) -> tuple[str, ...]:
        return (show("sched_setaffinity", 0, array(self.cpus)),)

    def effect(self, world: World) -> World:
        return world.scheduled(cpus=",".join(map(str, self.cpus)))

    def apply(self, context: Context) -> None:
        scheduling.sched_setaffinity(self.cpus)


class SetMemoryPolicy(Step):
    """From which NUMA nodes the program's memory comes: execve(2) keeps the policy of the process (numa(7))."""

    chapter = "process"
    man = "set_mempolicy(2)"
    spec = "config-linux.md#memory-policy"
    cures = {
        EINVAL: "the nodes must be on-line, have memory, and be allowed by cpuset.mems of the cgroup: see numactl -H. "
        "MPOL_WEIGHTED_INTERLEAVE came with Linux 6.9; MPOL_F_NUMA_BALANCING goes with MPOL_BIND",
        ENOSYS: "this kernel is built without NUMA",
    }

    mode: str
    nodes: tuple[int, ...]
    flags: tuple[str, ...]
    origin: str = "/linux/memoryPolicy"

    def words(self) -> str:
        return "|".join((self.mode, *self.flags))

    def describe(self) -> str:
        nodes = f" on the nodes {', '.join(map(str, self.nodes))}" if self.nodes else ""
        return f"set the memory policy {self.words()}{nodes}"

    def shell(self) -> str | None:
        nodes = ",".join(map(str, self.nodes))
        option = NUMACTL.get(self.mode)
        return option and f'exec numactl {option}{nodes} "$SHELL"'

    no_shell = "numactl(8) of Debian 12 does not know this policy"

    def calls(self) -> tuple[str, ...]:
        return (show("set_mempolicy", Flags(self.words()), array(self.nodes)),)

    def effect(self, world: World) -> World:
        return world.scheduled(memory=self.mode)

    def apply(self, context: Context) -> None:
        mode = MEMORY_MODES[self.mode] | sum(MEMORY_FLAGS[name] for name in set(self.flags))
        scheduling.set_mempolicy(mode, self.nodes, self.words())


NUMACTL = {
    "MPOL_PREFERRED": "--preferred=",
    "MPOL_PREFERRED_MANY": "--preferred-many=",
    "MPOL_BIND": "--membind=",
    "MPOL_INTERLEAVE": "--interleave=",
    "MPOL_LOCAL": "--localalloc",
}


class SetPersonality(Step):
    chapter = "process"
    man = "personality(2)"
    spec = "config-linux.md#personality"

    domain: str
    origin: str = "/linux/personality"

    def describe(self) -> str:
        return f"take the execution domain {self.domain}"

    def shell(self) -> str:
        return f'exec {"linux32" if self.domain == "LINUX32" else "linux64"} "$SHELL"'

    def calls(self) -> tuple[str, ...]:
        return (show("personality", Flags(f"PER_{self.domain}")),)

    def effect(self, world: World) -> World:
        return world.scheduled(personality=self.domain)

    def apply(self, context: Context) -> None:
        scheduling.personality(PERSONALITIES[self.domain])
