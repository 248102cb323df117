"""A plan as a film: what there is of the container before its first step, and after each (steps/world.py)."""

from __future__ import annotations

from itertools import accumulate

from ..kernel.constants import CAPABILITIES
from ..steps.world import HOST, NAMESPACES, NONE, Process, World

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..steps.step import Step
    from .inspection import Facts

EFFECTIVE = 1  # of the four ids of proc_pid_status(5)


def film(steps: Sequence[Step], start: World) -> tuple[World, ...]:
    """One picture more than there are steps: the first one is the start."""
    return tuple(accumulate(steps, lambda world, step: step.effect(world), initial=start))


def start(capabilities: Mapping[str, frozenset[str]] | None = None, uid: int = 0, gid: int = 0) -> World:
    """Before the first step, for a runtime of this user. Root is thought to hold all capabilities if nothing else is
    known, other users none."""
    known = frozenset(CAPABILITIES)
    held = capabilities or usual(known, uid)
    runtime = Process(dict.fromkeys(NAMESPACES, HOST), held, uid=uid, gid=gid)
    return World(runtime, runtime, all_capabilities=known)


def start_as(process: Facts) -> World:
    """For the runtime that this one is."""
    held = {name: frozenset(names_in(mask)) for name, mask in process.capabilities.items()}
    uid, gid = (int(process.ids[kind].split()[EFFECTIVE]) for kind in ("Uid", "Gid"))
    return start(held, uid, gid)


def names_in(mask: int) -> list[str]:
    return [name for number, name in enumerate(CAPABILITIES) if mask >> number & 1]


def usual(known: frozenset[str], uid: int) -> dict[str, frozenset[str]]:
    own = NONE if uid else known
    return {"effective": own, "permitted": own, "inheritable": NONE, "bounding": known, "ambient": NONE}
