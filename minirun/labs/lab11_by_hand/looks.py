"""What the checks of lab 11 find: goal by goal, one container beside the other."""

from __future__ import annotations

import os

from .. import look
from ..lab import Finding, done, not_yet, wrong
from .compare import extra_mounts, flags, is_root_of_namespace, lost_steps, names_of, own_namespaces, roots

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...teach.inspection import Facts
    from ..desk import Desk

PROGRAM, BY_HAND = ("sleep", "1117"), ("sleep", "1119")


# ---- the three


def built_by(words: tuple[str, ...], is_script: bool = False) -> Facts | None:
    """The latest that runs these words; whether it is the script's, its cgroup says."""
    found = [one for one in map(look.process, look.running(*words)) if one and is_script == is_of_script(one)]
    return found[-1] if found else None


def is_of_script(one: Facts) -> bool:
    return any("lab11less" in path for path in (one.cgroup, *one.v1_cgroups.values()))


def of_runtime() -> Facts | None:
    one = built_by(PROGRAM)
    return one if one and "pid" in own_namespaces(one) else None


MISSING = not_yet("the process sleep 1119, built by hand", "no such process")


def reference(_desk: Desk) -> Finding:
    one = of_runtime()
    return done(f"process {one.pid}") if one else not_yet("the container lab11 of a runtime, with sleep 1117")


def namespaces(desk: Desk) -> Finding:
    runtime, hand = of_runtime(), built_by(BY_HAND)
    if runtime is None or hand is None:
        return MISSING
    wanted, own = own_namespaces(runtime), own_namespaces(hand)
    if own != wanted:
        return wrong("namespaces_differ", f"of its own: {', '.join(sorted(own))}", ", ".join(sorted(wanted)))
    name = look.host_name(hand.pid)
    if name != desk.prefix:
        return not_yet(f"the host name {desk.prefix} inside", name)
    return done(f"{', '.join(sorted(own))}; host name {name}")


def root(_desk: Desk) -> Finding:
    hand = built_by(BY_HAND)
    if hand is None:
        return MISSING
    if not os.path.exists(f"/proc/{hand.pid}/root/bin/busybox"):
        return not_yet("the root bundle/rootfs", "another root")
    if roots(hand) > 1:
        return wrong("old_root_stays", f"{len(hand.mounts)} mounts, the machine's among them", "those of the bundle")
    if not is_root_of_namespace(hand):
        return wrong("only_chroot", "its mount namespace has another root than it", "the same")
    return done("the root of its mount namespace is bundle/rootfs")


def mounts(_desk: Desk) -> Finding:
    runtime, hand = of_runtime(), built_by(BY_HAND)
    if runtime is None or hand is None:
        return MISSING
    wanted, found = flags(runtime), flags(hand)
    for point, expected in wanted.items():
        if point not in found:
            return not_yet(f"{point}: {told(expected)}", f"nothing is mounted on {point}")
        if found[point] != expected:
            hint = "can_be_written" if set(expected) - set(found[point]) == {"ro"} else ""
            return wrong(hint, f"{point}: {told(found[point])}", f"{point}: {told(expected)}")
    more = extra_mounts(hand, runtime)
    if more:
        return wrong("", f"also {min(more)}", f"{len(wanted)} mounts")
    return done(", ".join(sorted(wanted)))


def told(expected: tuple[str, ...]) -> str:
    return ", ".join(expected) or "a mask"


def rights(_desk: Desk) -> Finding:
    runtime, hand = of_runtime(), built_by(BY_HAND)
    if runtime is None or hand is None:
        return MISSING
    if hand.ids != runtime.ids:
        hint = "still_root" if hand.ids["Uid"].split()[1] == "0" else ""
        return wrong(hint, shown(hand), shown(runtime))
    for name, expected in runtime.capabilities.items():
        if hand.capabilities[name] != expected:
            return wrong("set_stays_full", f"{name} {hand.capabilities[name]:x}", f"{name} {expected:x}")
    if hand.no_new_privileges != runtime.no_new_privileges:
        return wrong("privileges_may_grow", "NoNewPrivs 0", "NoNewPrivs 1")
    return done(f"{shown(hand)}, no capabilities, NoNewPrivs 1")


def shown(one: Facts) -> str:
    user, group = (one.ids[name].split()[1] for name in ("Uid", "Gid"))
    return f"user {user}, group {group}, groups {one.ids['Groups'] or 'none'}"


# ---- a line less


def less(_desk: Desk) -> Finding:
    runtime, one = of_runtime(), built_by(PROGRAM, is_script=True)
    if runtime is None or one is None:
        return not_yet("a container of the script for lab11less", "no such process")
    lost = lost_steps(one, runtime)
    if not lost:
        return wrong("nothing_lost", f"process {one.pid} is as the one of the runtime", "a difference")
    if len(lost) > 1:
        return wrong("too_much_lost", f"{len(lost)} differences", "one")
    return done(f"process {one.pid} differs in one thing")


def lost_names(_desk: Desk) -> Iterator[str]:
    runtime, one = of_runtime(), built_by(PROGRAM, is_script=True)
    if runtime and one:
        for step in lost_steps(one, runtime):
            yield from names_of(step)


def gone(desk: Desk) -> Finding:
    answer = desk.answers.get("gone")
    if answer is None:
        return not_yet("minirun lab answer 11 gone NAME")
    if answer in lost_names(desk):
        return done(answer)
    return wrong("another_protection", answer, "the protection that the container lacks")
