"""A small picture of what a plan changes: the container's process, its cgroup, its books. `effect` of a step takes one
and returns it as it will be.

It holds what the kernel tells of a process afterwards (proc(5), cgroups(7)), and only what a plan can know without
asking it: where that depends on the image or on the host, the picture says so. Nothing here is done, or read from
anywhere, and a run does not even import it.
"""

from __future__ import annotations

from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from .cgroup_entry import JoinCgroup
    from .mount_flags import Change

HOST, OWN = "the host's", "its own"  # whose namespace, root, session; a path says which one was joined
NO_FILE = "nothing"  # what a masked path shows
NAMESPACES = ("cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts")
LATER = ("pid", "time")  # these begin with the next child: unshare(2)
RESTRICTIONS = {1: "ro", 2: "nosuid", 4: "nodev", 8: "noexec"}  # the same bits for mount(2) and mount_setattr(2)
ALL = sum(RESTRICTIONS)
READ_ONLY = 1
UNMAPPED = 65534  # what an id of outside looks like inside of a user namespace: user_namespaces(7)
NONE = frozenset[str]()


class Mount(Record):
    """One of those that the container sees."""

    place: str  # as config.json has it: below the container's root
    type: str  # of the file system; "" where it shows a part of one that is mounted elsewhere
    source: str
    flags: int = 0  # of RESTRICTIONS
    unknown: int = 0  # likewise: those that it has if its source has them
    is_certain: bool = True  # else it is there only if something is at its place to be covered
    brings_others: bool = False  # with all that is mounted below the source

    def words(self) -> tuple[str, ...]:
        return tuple(word for flag, word in RESTRICTIONS.items() if flag & self.flags)

    def changed(self, attr_set: int, attr_clr: int) -> Mount:
        flags = self.flags & ~attr_clr | attr_set & ALL
        return self.replace(flags=flags, unknown=self.unknown & ~(attr_set | attr_clr))


class Process(Record):
    """As /proc/PID will tell. Ids are those inside of its user namespace."""

    namespaces: Mapping[str, str]  # type -> HOST, OWN, or the path of the one that it has joined
    capabilities: Mapping[str, frozenset[str]]  # set -> names
    coming: tuple[str, ...] = ()  # types of the namespaces that its next child will be in
    held: Mapping[str, str] = {}  # type -> path of a namespace that it will join
    root: str = HOST
    sees_host: bool = True  # whether the host's mounts are in its mount tree
    mounts: tuple[Mount, ...] = ()  # of the container's tree, in the order in which they came
    cgroup: str = HOST
    uid: int = 0
    gid: int = 0
    groups: tuple[int, ...] | None = None  # None: the caller's
    host_name: str = HOST
    domain_name: str = HOST
    session: str = HOST
    has_terminal: bool = False  # of its own
    is_dumpable: bool = True
    has_no_new_privs: bool = False
    filters: int = 0  # for system calls, beside those that minirun has itself
    directory: str = HOST
    umask: int | None = 0o022  # as minirun works; None: the caller's
    blocks_signals: bool = True
    keyring: str = HOST
    clos: str = ""  # its class of service in resctrl
    label: str = ""  # of AppArmor or SELinux, from execve(2) on; "" is minirun's own
    rlimits: Mapping[str, tuple[int, int]] = {}  # soft, hard; of the others, the caller's
    scheduling: Mapping[str, str] = {}  # what the kernel heeds when it shares out processors and memory
    descriptors: tuple[int, ...] | None = None  # that the program gets; None: all that are open
    program: tuple[str, ...] = ()  # () is minirun's own code


class World(Record):
    """What there is of a container at one moment. Each method returns another one."""

    runtime: Process  # minirun's own, of which the container's begins as a copy
    process: Process  # the container's, as it is or will begin
    is_started: bool = False
    devices: tuple[str, ...] = ()  # what was made in the container's /dev, unless that is not the container's own
    has_device_filter: bool = False
    all_capabilities: frozenset[str] = NONE  # that this kernel knows
    books: tuple[str, ...] = ()  # files of the container's directory
    cgroup: str = ""  # as a path below the mount of cgroup2; "" for none of its own
    limits: Mapping[str, str] = {}  # files of the cgroup that were written
    uncertain_limits: frozenset[str] = NONE  # of these: the kernel may lack them, or take another in their place
    maps: Mapping[str, tuple[tuple[int, int, int], ...]] = {}  # of the user namespace: "uid" and "gid"
    may_set_groups: bool = True  # whoever is inside of it
    clocks: Mapping[str, tuple[int, int]] = {}  # of the time namespace: how many s and ns they differ
    sysctl: Mapping[str, str] = {}
    links: tuple[str, ...] = ()  # network devices that were moved in

    # ---- the process

    def become(self, **changes: Any) -> World:
        return self.replace(process=self.process.replace(**changes))

    def starting(self, cgroup: JoinCgroup | None, new_namespaces: tuple[str, ...]) -> World:
        started = self.replace(is_started=True).entering(OWN, *new_namespaces)
        return cgroup.effect(started) if cgroup else started

    def executing(self, arguments: tuple[str, ...]) -> World:
        """execve(2) works out the capabilities anew (capabilities(7), "Transformation of capabilities")."""
        sets = self.process.capabilities
        permitted = sets["inheritable"] | sets["bounding"] if self.process.uid == 0 else sets["ambient"]
        if self.process.has_no_new_privs:
            permitted &= sets["permitted"] | sets["ambient"]
        is_dumpable = permitted <= sets["permitted"]  # who has gained something is closed to tracers (ptrace(2))
        executed = self.become(program=arguments, is_dumpable=is_dumpable)
        return executed.holding(permitted=permitted, effective=permitted)

    def scheduled(self, **values: object) -> World:
        shown = {name: str(value) for name, value in values.items()}
        return self.become(scheduling={**self.process.scheduling, **shown})

    def rlimited(self, name: str, soft: int, hard: int) -> World:
        return self.become(rlimits={**self.process.rlimits, name: (soft, hard)})

    # ---- namespaces(7)

    def entering(self, whose: str, *types: str) -> World:
        entered = self.become(namespaces={**self.process.namespaces, **dict.fromkeys(types, whose)})
        return entered.become(uid=UNMAPPED, gid=UNMAPPED).ruling_all() if "user" in types else entered

    def unsharing(self, types: tuple[str, ...]) -> World:
        coming = tuple(name for name in types if name in LATER)
        return self.entering(OWN, *(name for name in types if name not in LATER)).become(coming=coming)

    def forking(self) -> World:
        return self.entering(OWN, *self.process.coming).become(coming=())

    def holding_namespace(self, kind: str, path: str) -> World:
        return self.become(held={**self.process.held, kind: path})

    def joining(self, kind: str) -> World:
        return self.entering(self.process.held[kind], kind)

    # ---- mounts: mount_namespaces(7)

    def mounting(self, place: str, kind: str, source: str, flags: int, *changes: Change) -> World:
        return self.covered(Mount(place, kind, source, flags & ALL), changes)

    def binding(self, place: str, source: str, *changes: Change, brings_others: bool = False) -> World:
        return self.covered(Mount(place, "", source, unknown=ALL, brings_others=brings_others), changes)

    def covering(self, place: str, source: str = NO_FILE) -> World:
        return self.covered(Mount(place, "", source, READ_ONLY, ALL & ~READ_ONLY, is_certain=False))

    def covered(self, mount: Mount, changes: tuple[Change, ...] = ()) -> World:
        for change in changes:
            mount = mount.changed(change.attr_set, change.attr_clr)
        return self.become(mounts=(*self.process.mounts, mount))

    def restricting(self, place: str, attr_set: int, attr_clr: int = 0) -> World:
        """The one on top of those that have this place."""
        mounts = list(self.process.mounts)
        top = max((index for index, mount in enumerate(mounts) if mount.place == place), default=None)
        if top is not None:
            mounts[top] = mounts[top].changed(attr_set, attr_clr)
        return self.become(mounts=tuple(mounts))

    def uncovered(self) -> World:
        """Without what a mount on the root has covered: when the host's root is gone, no path leads there any more."""
        roots = [index for index, mount in enumerate(self.process.mounts) if mount.place == "/"]
        return self.become(mounts=self.process.mounts[max(roots, default=0) :])

    # ---- credentials(7), capabilities(7)

    def belonging(self, uid: int, gid: int, groups: tuple[int, ...] | None) -> World:
        """Without `groups`, these stay as they are. Capabilities are kept: all sets for root, for others what is
        permitted, no longer effective."""
        groups = self.process.groups if groups is None else groups
        changed = self.become(uid=uid, gid=gid, groups=groups, is_dumpable=False)
        return changed.holding(effective=NONE, ambient=NONE) if uid and not self.process.uid else changed

    def holding(self, **sets: frozenset[str]) -> World:
        return self.become(capabilities={**self.process.capabilities, **sets})

    def ruling_all(self) -> World:
        """Who enters a user namespace has all rights in there (user_namespaces(7))."""
        every = dict.fromkeys(("effective", "permitted", "bounding"), self.all_capabilities)
        return self.holding(**every, inheritable=NONE, ambient=NONE)

    def bounding(self, names: frozenset[str]) -> World:
        return self.holding(bounding=self.process.capabilities["bounding"] & names)

    def granting(self, effective: frozenset[str], permitted: frozenset[str], inheritable: frozenset[str]) -> World:
        """No more than the process holds: what lacks is left out, with a warning."""
        held = self.process.capabilities
        granted = permitted & held["permitted"]
        passed_on = inheritable & (held["inheritable"] | held["permitted"] & held["bounding"])
        ambient = held["ambient"] & granted & passed_on
        return self.holding(effective=effective & granted, permitted=granted, inheritable=passed_on, ambient=ambient)

    def keeping_through_execve(self, names: frozenset[str]) -> World:
        held = self.process.capabilities
        return self.holding(ambient=names & held["permitted"] & held["inheritable"])

    # ---- what minirun has on the host, or makes in there

    def noting(self, name: str) -> World:
        return self.replace(books=tuple(dict.fromkeys((*self.books, name))))

    def limiting(self, name: str, value: str, is_certain: bool) -> World:
        uncertain = self.uncertain_limits - {name} if is_certain else self.uncertain_limits | {name}
        return self.replace(limits={**self.limits, name: value}, uncertain_limits=uncertain)

    def making(self, path: str) -> World:
        return self.replace(devices=(*self.devices, path))

    def shifting(self, clock: str, seconds: int, nanoseconds: int) -> World:
        return self.replace(clocks={**self.clocks, clock: (seconds, nanoseconds)})
