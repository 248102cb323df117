"""How the kernel is to deal with the process -> steps, which are imported where config.json says something about it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..spec.config import Linux, Process
    from ..steps.step import Step


def oom_steps(process: Process) -> list[Step]:
    if process.oom_score_adj is None:
        return []
    from ..steps.scheduling import SetOomScoreAdj

    return [SetOomScoreAdj(process.oom_score_adj)]


def scheduler_steps(process: Process) -> list[Step]:
    if process.scheduler is None:
        return []
    from ..steps.scheduling import SetScheduler

    return [SetScheduler(*process.scheduler.values())]


def io_priority_steps(process: Process) -> list[Step]:
    if process.io_priority is None:
        return []
    from ..steps.scheduling import SetIOPriority

    return [SetIOPriority(*process.io_priority.values())]


def affinity_steps(cpus: tuple[int, ...], name: str) -> list[Step]:
    if not cpus:
        return []
    from ..steps.scheduling import SetAffinity

    return [SetAffinity(cpus, f"/process/execCPUAffinity/{name}")]


def personality_steps(linux: Linux) -> list[Step]:
    if linux.personality is None:
        return []
    from ..steps.scheduling import SetPersonality

    return [SetPersonality(linux.personality.domain)]


def memory_policy_steps(linux: Linux) -> list[Step]:
    if linux.memory_policy is None:
        return []
    from ..steps.scheduling import SetMemoryPolicy

    return [SetMemoryPolicy(*linux.memory_policy.values())]
