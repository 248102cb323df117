"""A picture that minirun makes of a container (minirun/steps/world.py), beside what the kernel tells: what differs?

Not compared, because /proc does not show it: the keyring, the priority of input and output, the memory policy, the
label until execve(2), and what is inside of other namespaces (sysctl, network devices).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from minirun.kernel.constants import PERSONALITIES, SCHED_POLICIES
from minirun.steps.world import ALL, HOST, OWN, RESTRICTIONS, UNMAPPED
from minirun.teach.film import names_in
from minirun.teach.mount_tree import Mount as RealMount
from minirun.teach.seen import RLIMITS, amounts, root_mount, shortened

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from minirun.steps.world import Mount, World

    Seen = Mapping[str, Any]

T = TypeVar("T")
SHORT = {"mount": "mnt", "network": "net"}  # as in /proc/PID/ns
SESSION, TERMINAL, NICE, POLICY = 3, 4, 16, 38  # proc_pid_stat(5): of the fields behind the name
UNLIMITED = 2**64 - 1
PAGE = 4096


def differences(world: World, seen: Seen, before: Seen, rootfs: str) -> list[str]:
    """`before` is of minirun's own process before the first step."""
    return list(Comparison(world, seen, before, rootfs).all())


class Comparison:
    def __init__(self, world: World, seen: Seen, before: Seen, rootfs: str) -> None:
        self.world, self.process, self.seen, self.before = world, world.process, seen, before
        self.rootfs = rootfs
        self.status, self.status_before = fields(seen["status"]), fields(before["status"])
        self.stat, self.stat_before = (text["stat"].rpartition(")")[2].split() for text in (seen, before))

    def all(self) -> Iterator[str]:
        pairs = [*self.of_names(), *self.of_identity(), *self.of_rights(), *self.of_state(), *self.of_cgroup()]
        yield from (f"{what}: told {told}, real {real}" for what, told, real in pairs if told != real)
        yield from self.of_namespaces()
        yield from self.of_mounts()

    # ---- values that are the same or not: what, told, real

    def of_names(self) -> Iterator[tuple[str, object, object]]:
        told = (self.process.host_name, self.process.domain_name)
        for what, name, before, real in zip(
            ("host name", "domain name"), told, self.before["names"], self.seen["names"]
        ):
            yield what, before if name == HOST else name, real

    def of_identity(self) -> Iterator[tuple[str, object, object]]:
        process = self.process
        if process.uid == UNMAPPED:  # so it is still as it was outside
            yield "ids", self.before["ids"], self.seen["ids"]
        else:
            yield "uid", [self.shown("uid", process.uid)] * 4, numbers(self.seen["ids"]["Uid"])
            yield "gid", [self.shown("gid", process.gid)] * 4, numbers(self.seen["ids"]["Gid"])
            if process.groups is not None:
                told = sorted(self.shown("gid", number) for number in process.groups)
                yield "groups", told, sorted(numbers(self.seen["ids"]["Groups"]))
            owner = self.shown("uid", process.uid) if process.is_dumpable else 0
            yield "owner of /proc/PID", owner, self.seen["owner"]
        for kind, lines in self.world.maps.items():
            yield f"{kind} map", [" ".join(map(str, line)) for line in lines], self.seen["id_maps"][kind]

    def shown(self, kind: str, number: int) -> int:
        """As the host sees it."""
        for inside, outside, size in self.world.maps.get(kind, ()):
            if inside <= number < inside + size:
                return outside + number - inside
        return number

    def of_rights(self) -> Iterator[tuple[str, object, object]]:
        for name, told in self.process.capabilities.items():
            yield f"{name} capabilities", sorted(told), sorted(names_in(self.seen["capabilities"][name]))
        yield "no_new_privs", self.process.has_no_new_privs, self.seen["no_new_privileges"]
        own = int(self.status.get("Seccomp_filters", 0)) - int(self.status_before.get("Seccomp_filters", 0))
        yield "filters", self.process.filters, own

    def of_state(self) -> Iterator[tuple[str, object, object]]:
        process = self.process
        told = self.status_before["Umask"] if process.umask is None else f"{process.umask:04o}"
        yield "umask", told, self.status["Umask"]
        yield "session", process.session, OWN if self.stat[SESSION] == str(self.seen["pid"]) else HOST
        yield "terminal", process.has_terminal, self.stat[TERMINAL] not in ("0", self.stat_before[TERMINAL])
        yield "directory", self.before["cwd"] if process.directory == HOST else process.directory, self.seen["cwd"]
        if not process.blocks_signals:
            yield "blocked signals", 0, int(self.status["SigBlk"], 16)
        if process.descriptors is not None:
            yield "descriptors", list(process.descriptors), self.seen["descriptors"]
        if process.program:
            yield "program", " ".join(process.program), self.seen["command"]
        limits = dict(zip(RLIMITS, map(amounts, self.seen["limits"].splitlines()[1:])))
        for name, pair in process.rlimits.items():
            yield name, " ".join(map(amount, pair)), limits[name.removeprefix("RLIMIT_").lower()]
        yield from self.of_scheduling()

    def of_scheduling(self) -> Iterator[tuple[str, object, object]]:
        real = {
            "oom_score_adj": self.seen["oom_score_adj"].strip(),
            "policy": self.stat[POLICY],
            "nice": self.stat[NICE],
            "personality": int(self.seen["personality"], 16),
        }
        meaning = {"policy": lambda word: str(SCHED_POLICIES[word]), "personality": PERSONALITIES.get}
        for name, told in self.process.scheduling.items():
            if name in real:
                yield name, meaning.get(name, str)(told), real[name]

    def of_cgroup(self) -> Iterator[tuple[str, object, object]]:
        told = self.before["cgroup"] if self.process.cgroup == HOST else self.process.cgroup
        yield "cgroup", True, self.seen["cgroup"].endswith(told) or f"{told} is not {self.seen['cgroup']}"
        yield "devices", set(), set(self.world.devices) - set(self.seen["devices"])
        for clock, (seconds, nanoseconds) in self.world.clocks.items():
            yield (
                clock,
                True,
                [clock, str(seconds), str(nanoseconds)]
                in [line.split() for line in (self.seen["clocks"] or "").splitlines()],
            )
        if not self.world.may_set_groups:
            yield "setgroups", "deny", (self.seen["setgroups"] or "").strip()
        yield "books", set(), set(self.world.books) - set(self.seen["books"])
        for name, real in self.seen["limits_of_cgroup"].items():
            if name in self.world.limits and not (real is None and name in self.world.uncertain_limits):
                yield name, rounded(self.world.limits[name]), rounded(real or "")

    # ---- sets of things

    def of_namespaces(self) -> Iterator[str]:
        for kind, whose in self.process.namespaces.items():
            name = SHORT.get(kind, kind)
            real, hosts = self.seen["namespaces"].get(name), self.before["namespaces"].get(name)
            joined = None if whose in (HOST, OWN) else Path(whose).stat().st_ino
            agrees = real == hosts if whose == HOST else real != hosts if whose == OWN else real == joined
            if not agrees:
                yield f"namespace {kind}: told {whose}, real {real}, the host's is {hosts}"

    def of_mounts(self) -> Iterator[str]:
        real, before = mounts_of(self.seen), mounts_of(self.before)
        process = self.process
        if process.root == OWN and process.sees_host and process.namespaces["mount"] == OWN:
            return  # between pivot_root(2) and umount2(2) both trees begin at /
        is_own = root_mount(real) != root_mount(before)
        if is_own != (process.root == OWN):
            yield f"root: told {process.root}, and {'another' if is_own else 'the same'} one is real"
        tree = real if is_own else tuple(mount for mount in real if f"{mount.point}/".startswith(f"{self.rootfs}/"))
        found = by_place((shortened(mount.point, self.rootfs), mount) for mount in tree)
        told = by_place((os.path.normpath(mount.place), mount) for mount in process.mounts)
        bringing = tuple(os.path.normpath(mount.place) for mount in process.mounts if mount.brings_others)
        for place in sorted({*told, *found}):
            yield from of_place(place, told.get(place, []), found.get(place, []), bringing)


def of_place(place: str, told: list[Mount], real: list[RealMount], bringing: tuple[str, ...]) -> Iterator[str]:
    certain = [mount for mount in told if mount.is_certain]
    if not told:
        if not any(place.startswith(f"{above.rstrip('/')}/") for above in bringing if above != "/"):
            yield f"mounts on {place}: told none, real {[mount.type for mount in real]}"
    elif len(real) not in (len(told), len(certain)):
        yield f"mounts on {place}: told {len(told)}, real {len(real)}"
    else:
        for one, other in zip(told if len(real) == len(told) else certain, real):
            flags = sum(flag for flag, word in RESTRICTIONS.items() if word in other.options)
            if (one.flags ^ flags) & ALL & ~one.unknown or one.type not in ("", other.type):
                yield f"mount on {place}: told {one.type} {one.words()}, real {other.type} {other.options}"


def mounts_of(seen: Seen) -> tuple[RealMount, ...]:
    lists = ("options", "propagation")
    return tuple(RealMount(**{**mount, **{name: tuple(mount[name]) for name in lists}}) for mount in seen["mounts"])


def by_place(pairs: Iterable[tuple[str, T]]) -> dict[str, list[T]]:
    found: dict[str, list[T]] = {}
    for place, mount in pairs:
        found.setdefault(place, []).append(mount)
    return found


def fields(text: str) -> dict[str, str]:
    return {name: value.strip() for name, _, value in (line.partition(":") for line in text.splitlines())}


def numbers(text: str) -> list[int]:
    return [int(word) for word in text.split()]


def amount(value: int) -> str:
    return "unlimited" if value == UNLIMITED else str(value)


def rounded(text: str) -> str:
    """Memory is counted in pages."""
    text = text.strip()
    return str(int(text) // PAGE * PAGE) if text.isdigit() and int(text) >= PAGE else text
