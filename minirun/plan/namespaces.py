"""`namespaces`, id mappings and time offsets -> the steps that take the process into its namespaces."""

from __future__ import annotations

from ..spec.reader import escape
from ..spec.sysctl import namespace_of
from ..steps import namespaces as steps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..spec.config import Config, IdMapping, Linux, TimeOffset
    from ..steps.step import Step

# Joining the user namespace comes last: only the host's root may join namespaces of any owner. The mount namespace
# comes before it and after the others, whose paths lead nowhere once it is entered.
JOIN_ORDER = ("cgroup", "ipc", "uts", "network", "pid", "time", "mount", "user")
# An ordinary user has rights over nothing but what belongs to the own user namespace, and only inside of that.
USERS_JOIN_ORDER = ("user", *JOIN_ORDER[:-1])


def new_namespaces(linux: Linux) -> tuple[str, ...]:
    """The types that get a new namespace, in the order of steps.namespaces.TYPES."""
    new = {namespace.type for namespace in linux.namespaces if namespace.path is None}
    return tuple(name for name in steps.TYPES if name in new)


def begins_in_pid_namespace(linux: Linux) -> bool:
    """Whether the container's process can begin as the first one of its pid namespace. Not with a user namespace,
    which has to be there before what it is to own; and other clocks take a second fork in any case."""
    return "pid" in new_namespaces(linux) and {"user", "time"}.isdisjoint(one.type for one in linux.namespaces)


def namespace_steps(config: Config, uid: int = 0, gid: int = 0, groups_may_stay: bool = False) -> list[Step]:
    """Join what has a path, then leave for what has none: the user namespace first, since it will own the others.
    `uid` and `gid` are the caller's."""
    linux = config.linux
    new = new_namespaces(linux)
    first = "pid" if begins_in_pid_namespace(linux) else "user"  # which is made apart: by the fork, or by user_steps
    rest = tuple(name for name in new if name != first)
    # whether the second fork is part of the same shell command
    at_once = not {"pid", "time"}.isdisjoint(rest) and not linux.time_offsets  # clocks are set before the fork
    return [
        *join_steps(config, uid, groups_may_stay),
        *(user_steps(config, uid, gid, groups_may_stay) if "user" in new else []),
        *([steps.Unshare(rest, by_user=uid != 0, forks=at_once)] if rest else []),
        *(time_steps(linux, uid) if linux.time_offsets else []),
        *(fork_steps(linux, at_once) if first == "user" else []),
        *net_device_steps(linux),
    ]


def join_steps(
    config: Config, uid: int = 0, groups_may_stay: bool = False, opened: tuple[Step, ...] = ()
) -> list[Step]:
    """Every path is opened before the first namespace is entered: after that it may mean something else. `opened` is to
    be done in between."""
    linux = config.linux
    paths = {
        namespace.type: (namespace.path, f"/linux/namespaces/{index}/path")
        for index, namespace in enumerate(linux.namespaces)
        if namespace.path is not None
    }
    if not paths:
        return [*opened]
    from ..steps.joining import JoinNamespace, OpenNamespace

    order = [name for name in (USERS_JOIN_ORDER if uid else JOIN_ORDER) if name in paths]
    opens = [OpenNamespace(name, paths[name][0], changed_by(config, name, uid), paths[name][1]) for name in order]
    joins: list[Step] = [*opens, *opened]
    for name in order:
        joins.append(JoinNamespace(name, paths[name][1]))
        if name == "user":
            from ..steps import user_namespace

            keep = config.extensions.keep_groups
            become = user_namespace.BecomeNamespaceRoot(paths[name][1], groups_may_stay, keep)
            joins += [*check_steps(linux), become]
    return joins


def changed_by(config: Config, kind: str, uid: int = 0) -> str:
    """The property that changes something in a namespace of this kind, which must not be the host's own; else "".

    Root may name the host's network and set something there: engines do, as Podman with --network=ns:/proc/1/ns/net."""
    if kind == "mount":
        return "/mounts"
    if kind == "uts" and (config.hostname is not None or config.domainname is not None):
        return "/hostname" if config.hostname is not None else "/domainname"
    if kind == "network" and config.linux.net_devices:
        return "/linux/netDevices"
    owned = any(namespace_of(key) == kind for key in config.linux.sysctl)
    return "/linux/sysctl" if owned and (uid or kind != "network") else ""


def check_steps(linux: Linux) -> list[Step]:
    """Mappings beside a user namespace that is joined: engines repeat those that it has."""
    from ..steps import user_namespace

    told = (("uid", linux.uid_mappings), ("gid", linux.gid_mappings))
    return [
        user_namespace.CheckIdMap(kind, ranges(mappings), f"/linux/{kind}Mappings")
        for kind, mappings in told
        if mappings
    ]


def user_steps(config: Config, uid: int = 0, gid: int = 0, groups_may_stay: bool = False) -> list[Step]:
    from ..steps import user_namespace

    linux = config.linux
    uids, gids = ranges(linux.uid_mappings), ranges(linux.gid_mappings)
    return [
        steps.Unshare(("user",), by_user=uid != 0),
        user_namespace.WriteIdMap("uid", uids, "/linux/uidMappings", bool(uid) and not is_own(uids, uid)),
        *([user_namespace.DenySetgroups()] if uid and is_own(gids, gid) else []),
        user_namespace.WriteIdMap("gid", gids, "/linux/gidMappings", bool(uid) and not is_own(gids, gid)),
        user_namespace.BecomeNamespaceRoot("/linux/uidMappings", groups_may_stay, config.extensions.keep_groups),
    ]


def is_own(lines: tuple[tuple[int, int, int], ...], own: int) -> bool:
    """Whether nothing but the caller's own id is mapped, which every user may do (user_namespaces(7))."""
    return [line[1:] for line in lines] == [(own, 1)]


def ranges(mappings: tuple[IdMapping, ...]) -> tuple[tuple[int, int, int], ...]:
    return tuple((mapping.container_id, mapping.host_id, mapping.size) for mapping in mappings)


def place_of(offset: TimeOffset) -> str:
    return offset.place or f"/linux/timeOffsets/{offset.clock}"


def time_steps(linux: Linux, uid: int) -> list[Step]:
    from ..steps.second_fork import WriteTimeOffset

    writes: list[Step] = [
        WriteTimeOffset(offset.clock, offset.secs, offset.nanosecs, place_of(offset)) for offset in linux.time_offsets
    ]
    if not uid:
        return writes
    from ..steps.process import CloseToTracers, OpenToUser

    return [OpenToUser(), *writes, CloseToTracers()]


def fork_steps(linux: Linux, at_once: bool = False) -> list[Step]:
    if {"pid", "time"}.isdisjoint(namespace.type for namespace in linux.namespaces):
        return []
    from ..steps.second_fork import AdoptContainer, ForkIntoNamespaces

    return [ForkIntoNamespaces(at_once), AdoptContainer()]


def net_device_steps(linux: Linux) -> list[Step]:
    """Before the sysctls, which may be of one of these devices."""
    if not linux.net_devices:
        return []
    from ..steps.network import MoveNetDevice

    return [
        MoveNetDevice(device.host_name, device.name, f"/linux/netDevices/{escape(device.host_name)}")
        for device in linux.net_devices
    ]


def name_steps(config: Config) -> list[Step]:
    """The UTS namespace's two names."""
    names: list[Step] = []
    if config.hostname is not None:
        names.append(steps.SetHostname(config.hostname))
    if config.domainname is not None:
        names.append(steps.SetDomainname(config.domainname))
    return names
