"""The container's cgroup where systemd makes it, as a unit of its own: a scope (systemd.scope(5)).

A scope has the processes that it is given when it starts, so it starts when the container's process is there. Its
cgroup is delegated (Delegate=, systemd.resource-control(5)): from then on minirun writes its files as it does in one
that it has made itself (cgroup.py), and systemd those that its properties stand for (cgroups/systemd.py).
"""

from __future__ import annotations

import os

from ..cgroups import hierarchy
from ..cgroups.members import is_another
from ..cgroups.systemd import Property, cgroup_name
from ..cgroups.systemd_bus import MANAGER, NAME, Manager, SystemdError
from ..cgroups.systemd_values import words
from ..kernel import files
from ..kernel.libc import show
from .cgroup import ChooseCgroup
from .cgroup_removal import check_in_sight, kill_cgroup, remove_cgroup
from .limits import EnableControllers
from .shell import quoted
from .step import RUNTIME, Context, Refused, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..cgroups.systemd_bus import Units
    from .world import World


class Systemd(Manager):
    """A manager whose errors are a step's."""

    def __init__(self, user: bool, properties: Sequence[Property] = ()) -> None:
        self.properties = properties
        try:
            super().__init__(user)
        except SystemdError as error:
            raise Refused(error.reason, error.cure) from None

    def __exit__(self, *exception: object) -> None:
        super().__exit__(*exception)
        error = exception[1]
        if isinstance(error, SystemdError):
            raise Refused(error.reason + self.asked_by(error.reason), error.cure) from None

    def asked_by(self, reason: str) -> str:
        """Where in config.json the property that systemd names comes from."""
        places = (made.place for made in self.properties if made.place and made.name in reason)
        return "".join(f" (from {place})" for place in list(places)[:1])


def busctl(user: bool, method: str, signature: str, *arguments: str) -> str:
    """A method of the manager, as a command. The arguments are a shell's words already."""
    manager = f"busctl {'--user ' if user else ''}call {NAME} /org/freedesktop/systemd1 {MANAGER}"
    return f"{manager} {method} {quoted(signature)} {' '.join(arguments)}"


def told(properties: Iterable[Property]) -> list[str]:
    """Properties as busctl(1) takes them."""
    found = list(properties)
    pairs = ((made.name, made.signature, *words(made.signature, made.value)) for made in found)
    return [str(len(found)), *(quoted(word) for pair in pairs for word in pair)]


OVER_DBUS = "systemd makes them; minirun asks it over D-Bus"


class ChooseScope(Step):
    """See where systemd will make the cgroup, so that the books can tell of it before there is anything."""

    runs_in = RUNTIME
    chapter = "limits"
    man = "systemd.scope(5)"
    spec = "config-linux.md#control-groups"
    no_calls = OVER_DBUS

    unit: str
    path: str  # below the manager's own cgroup
    user: bool
    origin: str = ""

    def describe(self) -> str:
        return f"see that systemd has no unit {self.unit} in use"

    def shell(self) -> str:
        return f"! systemctl {'--user ' if self.user else ''}--quiet is-active {quoted(self.unit)}"

    def apply(self, context: Context) -> None:
        with Systemd(self.user) as systemd:
            path = systemd.cgroup() + self.path
        ChooseCgroup(path, self.origin).apply(context)


class StartScope(Step):
    """Have systemd make the unit, and the container's process the first one in it."""

    runs_in = RUNTIME
    chapter = "limits"
    man = "org.freedesktop.systemd1(5)"
    spec = "config-linux.md#cgroups-path"
    no_calls = OVER_DBUS

    unit: str
    properties: tuple[Property, ...]
    others: Units  # the slices above it: they come, if need be, and go with it
    user: bool
    origin: str = ""

    def describe(self) -> str:
        instance = "the user's systemd" if self.user else "systemd"
        return f"have {instance} start {self.unit} with the container's process ({self.shown()})"

    def shown(self) -> str:
        """What a reader may not expect: limits, and what annotations ask for."""
        usual = ("Description", "Delegate", "DefaultDependencies", "CollectMode", "DevicePolicy")
        shown = (made for made in self.properties if made.name not in usual and not made.name.endswith("Accounting"))
        return ", ".join(f"{made.name}={text_of(made)}" for made in shown)

    def shell(self) -> str:
        """Without the slices: where they are there already, systemd refuses all of it. busctl does not wait."""
        pid = ["PIDs", "au", "1", '"$pid"']
        count, *rest = told(self.properties)
        arguments = [quoted(self.unit), "fail", str(int(count) + 1), *pid, *rest, "0"]
        ask = busctl(self.user, "StartTransientUnit", "ssa(sv)a(sa(sv))", *arguments)
        wait = f'until grep -qF {quoted(self.unit)} "/proc/$pid/cgroup"; do sleep 0.1; done'
        return f'{ask} && {wait}; cgroup=/sys/fs/cgroup$(sed -n "s/^0:://p" "/proc/$pid/cgroup")'

    def effect(self, world: World) -> World:
        return world.replace(cgroup=self.unit).become(cgroup=self.unit)

    def apply(self, context: Context) -> None:
        process = Property("PIDs", "au", (context.pid,))
        with Systemd(self.user, self.properties) as systemd:
            systemd.start(self.unit, (process, *self.properties), self.missing(context.made))
        try:
            context.cgroup = self.find(context.pid)
            context.cgroup_inode = os.stat(context.cgroup).st_ino
        except BaseException:
            self.stop_again(context)
            raise
        if context.cgroup not in context.made:
            context.made.append(context.cgroup)

    def missing(self, made: list[str]) -> Units:
        """The slices that had no cgroup before."""
        return tuple(
            other for other in self.others if any(place.endswith(f"/{cgroup_name(other[0])}") for place in made)
        )

    def find(self, pid: int) -> str:
        """The cgroup that the process is in now."""
        path = path_of(pid)
        if cgroup_name(self.unit) not in path.split("/"):
            raise Refused(
                f"systemd has started {self.unit}, but the process is in the cgroup {path or 'of no v2 hierarchy'}",
                "boot with systemd.unified_cgroup_hierarchy=1",
            )
        return hierarchy.mount_point() + path

    def undo(self, context: Context) -> None:
        """A unit that was there before is somebody else's, and so is one that has come since, when the container had
        ended and its unit with it. systemd would wait for what is frozen or blocks SIGTERM."""
        if context.cgroup not in context.made or is_another(context.cgroup, context.cgroup_inode):
            return
        check_in_sight(context.cgroup)
        kill_cgroup(context.cgroup)
        try:
            stop_in(context.cgroup, self.unit, self.user)
        except Refused as error:
            context.log.warning(f"can't have systemd stop {self.unit}, which ends with its cgroup: {error}")
        remove_cgroup(context.cgroup)  # nothing, unless systemd could not be asked

    def stop_again(self, context: Context) -> None:
        try:
            stop(self.unit, self.user)
        except Refused as error:
            context.left.append(self.not_undone(error))


def path_of(pid: int) -> str:
    """The cgroup of a process, below the root of the hierarchy (cgroups(7), "/proc files")."""
    lines = files.read_file(f"/proc/{pid}/cgroup").splitlines()
    return next((line.removeprefix("0::") for line in lines if line.startswith("0::")), "")


def text_of(made: Property) -> str:
    """The value as a reader knows it."""
    if isinstance(made.value, bytes):
        return made.value.hex()
    items = made.value if isinstance(made.value, tuple) else (made.value,)
    return ", ".join(" ".join(map(str, item)) if isinstance(item, tuple) else str(item) for item in items)


def stop(unit: str, user: bool) -> None:
    with Systemd(user) as systemd:
        systemd.stop(unit)


def stop_in(cgroup: str, unit: str, user: bool) -> None:
    """A unit that has another cgroup, in another slice, has only the name."""
    with Systemd(user) as systemd:
        if systemd.cgroup_of(unit) in ("", cgroup.removeprefix(hierarchy.mount_point())):
            systemd.stop(unit)


class EnableControllersOfScope(Step):
    """systemd hands down the controllers that it knows. hugetlb, rdma and misc are for others to hand down."""

    runs_in = RUNTIME
    chapter = "limits"
    man = "cgroups(7)"
    spec = "config-linux.md#control-groups"

    needed: tuple[str, ...]
    origin: str = "/linux/resources"

    def describe(self) -> str:
        return f"see that the unit's cgroup has its controllers ({', '.join(self.needed)})"

    def shell(self) -> str:
        return 'cat "$cgroup/cgroup.controllers"'

    def calls(self) -> tuple[str, ...]:
        return (show("read", "$cgroup/cgroup.controllers"),)

    def apply(self, context: Context) -> None:
        found = files.read_file(f"{context.cgroup}/cgroup.controllers").split()
        missing = tuple(name for name in self.needed if name not in found)
        if missing:
            path = context.cgroup.removeprefix(hierarchy.mount_point())
            EnableControllers(path, missing, self.origin).apply(context)


class SetScopeLimits(Step):
    """Tell systemd of limits of a scope that is there, so that it keeps them."""

    runs_in = RUNTIME
    chapter = "limits"
    man = "org.freedesktop.systemd1(5)"
    spec = "config-linux.md#control-groups"
    no_calls = OVER_DBUS

    unit: str
    properties: tuple[Property, ...]
    user: bool
    origin: str = "/linux/resources"

    def describe(self) -> str:
        return f"tell systemd: {', '.join(f'{made.name}={text_of(made)}' for made in self.properties)}"

    def shell(self) -> str:
        arguments = [quoted(self.unit), "true", *told(self.properties)]
        return busctl(self.user, "SetUnitProperties", "sba(sv)", *arguments)

    def effect(self, world: World) -> World:
        return world.replace(limits={**world.limits, **{made.name: text_of(made) for made in self.properties}})

    def apply(self, context: Context) -> None:
        with Systemd(self.user, self.properties) as systemd:
            systemd.change(self.unit, self.properties)


class JoinScope(Step):
    """Have systemd move the process: from a session of the user's, the user may not (cgroups(7), "Delegation")."""

    runs_in = RUNTIME
    chapter = "limits"
    man = "org.freedesktop.systemd1(5)"
    spec = "config-linux.md#cgroups-path"
    no_calls = OVER_DBUS

    unit: str
    user: bool
    below: str = ""  # the name of a cgroup below the container's
    beside: int = 0  # where that has no room for processes: who has found a place below it (JoinCgroup)
    origin: str = ""

    def describe(self) -> str:
        where = f"the cgroup {self.below} below {self.unit}" if self.below else self.unit
        return f"have systemd move the process into {where}"

    def shell(self) -> str:
        arguments = [quoted(self.unit), quoted(self.below), "1", '"$pid"']
        return busctl(self.user, "AttachProcessesToUnit", "ssau", *arguments)

    def effect(self, world: World) -> World:
        return world.become(cgroup=world.cgroup)

    def apply(self, context: Context) -> None:
        below = f"/{self.below.strip('/')}" if self.below else self.place_beside(context.cgroup)
        with Systemd(self.user) as systemd:
            systemd.attach(self.unit, below, (context.pid,))

    def place_beside(self, cgroup: str) -> str:
        """Below the scope's cgroup; "" for that itself, which has room unless it hands controllers down."""
        if not self.beside or not files.read_file(f"{cgroup}/cgroup.subtree_control").strip():
            return ""
        place = hierarchy.mount_point() + path_of(self.beside)
        return place.removeprefix(cgroup) if place.startswith(f"{cgroup}/") else ""
