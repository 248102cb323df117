"""`run --without`: the plan of a container that lacks some of its protections and is the same in all else.

What config.json asks for is not asked for any more (`config_without`): then all of it goes, and what depends on it is
where it has to be without, as a filter is that can't be loaded late where there is no no_new_privs. What minirun does
in any case is taken out of the list, or something else is put in its place (`steps_without`). Both are pure functions,
so all that happens is in the plan, to be narrated and undone like any other. The names are those of
teach/protections.py.
"""

from __future__ import annotations

from functools import partial

from ..errors import ConfigError, StateError
from ..safe import safe
from ..spec.config import DeviceRule
from ..spec.rules import check_rules
from ..spec.sysctl import namespace_of
from ..steps import (
    cgroup_entry,
    credentials,
    descriptors,
    filter_rights,
    keyring,
    left_out,
    other_roots,
    process,
    rootfs,
    scope,
)
from ..steps.user_namespace import BecomeNamespaceRoot
from .namespaces import new_namespaces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..spec.config import Config, Mount, Resources
    from ..steps.step import Step
    from .options import Options, Part

    Steps = tuple[Step, ...]


def made_without(part: Part, config: Config, options: Options) -> Steps:
    """Every step of a part of the plan but those. Raises ConfigError, StateError."""
    names = names_of(options.without)
    return steps_without(tuple(part(config_without(config, names), options)), names)


SEPARATOR = ","  # in the options of a container, which its books keep


def names_of(words: str) -> tuple[str, ...]:
    """Raises StateError for what can't be left out."""
    names = tuple(words.split(SEPARATOR))
    for name in names:
        if name not in (*OF_CONFIG, *OF_STEPS, *BEFORE):
            why = IMPOSSIBLE.get(name, "nothing is called so")
            raise StateError(f"can't run a container without {safe(name)}: {why}")
    return names


IMPOSSIBLE = {
    "symlinks": "there is no step to leave out, since minirun has no other way to look for a path of the image",
}
BEFORE = ("seal",)  # comes before the first step: who starts the run leaves it out (cli/actions.py)


def config_without(config: Config, names: tuple[str, ...]) -> Config:
    """config.json as if it had not asked for these. Raises StateError where the rest can't be without them."""
    for name in names:
        config = OF_CONFIG[name](config) if name in OF_CONFIG else config
    if "user" in new_namespaces(config.linux):
        config = config.replace(mounts=tuple(seen for mount in config.mounts for seen in as_seen(mount, names)))
    try:
        check_rules(config)
    except ConfigError as error:
        found = error.found.removeprefix("found ")
        raise StateError(
            f"can't leave out {', '.join(names)}: {error.pointer} of config.json has {found}\n"
            "  cure:  leave that out as well, by --without or in config.json"
        ) from None
    return config


def steps_without(steps: Steps, names: tuple[str, ...]) -> Steps:
    """The list without the steps that minirun does in any case."""
    for name in names:
        instead = OF_STEPS.get(name, {})
        steps = tuple(new for step in steps for new in substitutes(step, instead))
    return steps


def check_exec(names: tuple[str, ...]) -> None:
    """setns(2) into a mount namespace leads to its root, which in such a container is the host's."""
    if "pivot" in names:
        raise StateError(
            "the container runs without pivot: who enters its mount namespace is in the host's root, not in its own\n"
            '  cure:  nsenter --root="/proc/$pid/root", with the pid that minirun state shows'
        )


def substitutes(step: Step, instead: dict[type, Any]) -> Steps:
    """What stands in the place of a step: mostly itself."""
    kind = next((kind for kind in instead if isinstance(step, kind)), None)
    if kind is None:
        return (step,)
    made: Steps = instead[kind](step)
    return made


# ---- namespaces


def without_namespace(kind: str, config: Config) -> Config:
    """With all that would otherwise be the host's."""
    linux = config.linux
    changes: dict[str, Any] = {
        "namespaces": tuple(one for one in linux.namespaces if one.type != kind),
        "sysctl": {key: value for key, value in linux.sysctl.items() if namespace_of(key) != kind},
    }
    if kind == "network":
        changes["net_devices"] = ()
    elif kind == "time":
        changes["time_offsets"] = ()
    elif kind == "user":
        changes |= {"uid_mappings": (), "gid_mappings": ()}
        config = config.replace(mounts=tuple(map(unmapped, config.mounts)))
    elif kind == "uts":
        config = config.replace(hostname=None, domainname=None)
    return config.replace(linux=linux.replace(**changes))


# What shows a namespace, and where the host has it. Of a namespace that is not its own, a user namespace may not mount
# it (user_namespaces(7)), but bind the host's.
SHOWN_BY = {"proc": ("pid", "/proc"), "sysfs": ("network", "/sys"), "mqueue": ("ipc", "")}


def as_seen(mount: Mount, names: tuple[str, ...]) -> tuple[Mount, ...]:
    """Message queues need no mount, and few hosts without systemd have one. What is read-only is so with all below it,
    cgroups for one (CVE-2023-25809)."""
    kind, place = SHOWN_BY.get(mount.type or "", ("", ""))
    if kind not in names:
        return (mount,)
    words = ("rbind", *mount.options, *(["rro"] if "ro" in mount.options else []))
    return (mount.replace(type="none", source=place, options=words),) if place else ()


def unmapped(mount: Mount) -> Mount:
    """Owners were mapped so that the root of the user namespace is one: without it, root is."""
    return without_words(mount, "idmap", "ridmap").replace(uid_mappings=(), gid_mappings=())


def without_words(mount: Mount, *words: str) -> Mount:
    return mount.replace(options=tuple(word for word in mount.options if word not in words))


# ---- files


def without_flags(config: Config) -> Config:
    words = ("nosuid", "nodev", "noexec", "rnosuid", "rnodev", "rnoexec")
    return config.replace(mounts=tuple(without_words(mount, *words) for mount in config.mounts))


def writable_sys(config: Config) -> Config:
    return config.replace(
        mounts=tuple(
            without_words(mount, "ro", "rro") if mount.destination.strip("/") == "sys" else mount
            for mount in config.mounts
        )
    )


# ---- limits


def of_linux(**changes: Any) -> Callable[[Config], Config]:
    return lambda config: config.replace(linux=config.linux.replace(**changes))


def of_process(**changes: Any) -> Callable[[Config], Config]:
    return lambda config: config.replace(process=config.process and config.process.replace(**changes))


def of_resources(change: Callable[[Resources], dict[str, Any]], *files: str) -> Callable[[Config], Config]:
    """`files` of the cgroup may be set by their own names, too."""

    def changed(config: Config) -> Config:
        resources = config.linux.resources
        unified = {name: value for name, value in resources.unified.items() if name not in files}
        resources = resources.replace(unified=unified, **change(resources))
        return config.replace(linux=config.linux.replace(resources=resources))

    return changed


def no_memory_limit(resources: Resources) -> dict[str, Any]:
    return {"memory": resources.memory and resources.memory.replace(limit=None, swap=None)}


def no_quota(resources: Resources) -> dict[str, Any]:
    return {"cpu": resources.cpu and resources.cpu.replace(quota=None, period=None, burst=None)}


def no_throttle(resources: Resources) -> dict[str, Any]:
    block_io = resources.block_io
    rates = [name for name in block_io.fields if name.startswith("throttle_")] if block_io else []
    return {"block_io": block_io and block_io.replace(**dict.fromkeys(rates, ()))}


# ---- what can't go


def refuse_terminal(config: Config) -> Config:
    """ioctl_tty(2), TIOCSCTTY: only the leader of a session gets a terminal, and that takes the caller's place."""
    if config.process and config.process.terminal:
        raise StateError(
            "can't leave out session or null: a terminal takes a session, and the place of the caller's streams\n"
            '  cure:  "terminal": false in /process of config.json'
        )
    return config


def refuse_scope(step: Step) -> Steps:
    raise StateError(
        "can't leave out own-cgroup: systemd starts a scope with the container's process in it\n"
        "  cure:  --cgroup-manager cgroupfs"
    )


# ---- the tables


OF_CONFIG: dict[str, Callable[[Config], Config]] = {
    **{
        kind: partial(without_namespace, kind)
        for kind in ("pid", "network", "mount", "uts", "ipc", "user", "cgroup", "time")
    },
    "propagation": of_linux(rootfs_propagation="shared"),
    "masked-paths": of_linux(masked_paths=()),
    "readonly-paths": of_linux(readonly_paths=()),
    "readonly-sys": writable_sys,
    "mount-flags": without_flags,
    "readonly-root": lambda config: config.replace(root=config.root.replace(readonly=False)),
    "device-filter": of_resources(lambda _resources: {"devices": (DeviceRule(allow=True),)}),
    "no-new-privs": of_process(no_new_privileges=False),
    "seccomp": of_linux(seccomp=None),
    "label": of_process(apparmor_profile=None, selinux_label=None),
    "memory": of_resources(no_memory_limit, "memory.max", "memory.swap.max", "memory.high"),
    "pids": of_resources(lambda _resources: {"pids_limit": None}, "pids.max"),
    "cpu": of_resources(no_quota, "cpu.max"),
    "io": of_resources(no_throttle, "io.max"),
    "rlimits": of_process(rlimits=()),
    "session": refuse_terminal,
    "null": refuse_terminal,
}


def nothing(_step: Step) -> Steps:
    return ()


def changed_root(_step: Step) -> Steps:
    return (other_roots.ChangeRoot(),)


def opened(step: Step) -> Steps:
    """A change of user closes a process again."""
    return (step, process.OpenToUser())


OF_STEPS: dict[str, dict[type, Callable[[Any], Steps]]] = {
    "pivot": {rootfs.PivotRoot: changed_root, other_roots.MoveRoot: changed_root, rootfs.DetachOldRoot: nothing},
    "detach": {rootfs.DetachOldRoot: nothing},
    "capabilities": dict.fromkeys(
        (
            credentials.DropBoundingSet,
            credentials.SetCapabilities,
            credentials.SetAmbientSet,
            filter_rights.GiveUpFilterRights,
        ),
        nothing,
    ),
    "bounding-set": {credentials.DropBoundingSet: nothing},
    "groups": {
        credentials.SetUser: lambda step: (left_out.SetUserInGroups(*step.values()),),
        BecomeNamespaceRoot: lambda step: (left_out.BecomeNamespaceRootInGroups(*step.values()),),
    },
    "own-cgroup": {
        cgroup_entry.JoinCgroup: nothing,
        process.StartContainerProcess: lambda step: (step.replace(cgroup=None),),
        scope.StartScope: refuse_scope,
    },
    "session": {process.StartSession: nothing},
    "tracers": {process.CloseToTracers: nothing, credentials.SetUser: opened, BecomeNamespaceRoot: opened},
    "descriptors": {descriptors.KeepDescriptors: nothing},
    "null": {descriptors.GuardDevices: nothing, descriptors.ReopenNull: nothing},
    "keyring": {keyring.JoinSessionKeyring: nothing},
}
