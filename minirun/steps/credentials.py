"""Who the program is and what it may do: user, groups, capabilities (credentials(7), capabilities(7)).

The order is fixed by what each step takes: dropping from the bounding set needs CAP_SETPCAP, changing the user
needs CAP_SETUID, and a change away from user 0 clears the sets unless they are kept; so the sets come last.
"""

from __future__ import annotations

from errno import EINVAL, EPERM

from ..kernel import processes
from ..kernel.constants import CAPABILITIES
from ..kernel.libc import Flags, SystemCallError, array, show
from ..safe import safe
from .shell import quoted
from .step import Context, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .world import World

LOST = "the container's process lacks it: drop it from config.json, or give it to minirun's own process"


class DropBoundingSet(Step):
    """Give up for ever what is not listed: not even a set-user-id program can bring it back."""

    chapter = "identity"
    man = "capabilities(7)"
    spec = "config.md#linux-process"
    no_calls = "there is none that is not listed"
    cures = {EPERM: "dropping takes CAP_SETPCAP"}

    keep: tuple[str, ...]
    origin: str = "/process/capabilities/bounding"

    def describe(self) -> str:
        return f"limit the capability bounding set to {shown(self.keep)}"

    def shell(self) -> str:
        return f'exec setpriv --bounding-set {setpriv_list(self.keep)} "$SHELL"'

    def calls(self) -> tuple[str, ...]:
        return tuple(
            show("prctl", Flags("PR_CAPBSET_DROP"), Flags(name)) for name in CAPABILITIES if name not in self.keep
        )

    def effect(self, world: World) -> World:
        return world.bounding(frozenset(self.keep))

    def apply(self, context: Context) -> None:
        kept = set(known(self.keep, context, self.origin))
        for number in range(64):
            if number not in kept and not processes.drop_bounding_capability(number):
                break


class SetUser(Step):
    """Groups first: once the user is changed, nobody is left who may set them."""

    chapter = "identity"
    man = "credentials(7)"
    spec = "config.md#posix-platform-user"
    cures = {
        EINVAL: "in a user namespace the ids must be mapped: see /linux/uidMappings and /linux/gidMappings",
        EPERM: "setgroups is denied in this user namespace (user_namespaces(7)): leave additionalGids empty",
    }

    uid: int
    gid: int
    additional_gids: tuple[int, ...] = ()
    origin: str = "/process/user"
    groups_may_stay: bool = False
    keep_groups: bool = False

    def describe(self) -> str:
        groups = f" and the groups {', '.join(map(str, self.additional_gids))}" if self.additional_gids else ""
        kept = "capabilities and the caller's groups" if self.keep_groups else "capabilities"
        return f"become user {self.uid} with group {self.gid}{groups}, {kept} kept"

    def shell(self) -> str:
        none = "--keep-groups" if self.groups_may_stay or self.keep_groups else "--clear-groups"
        groups = f"--groups {','.join(map(str, self.additional_gids))}" if self.additional_gids else none
        return f'exec setpriv --reuid {self.uid} --regid {self.gid} {groups} "$SHELL"'

    def calls(self) -> tuple[str, ...]:
        return (
            show("prctl", Flags("PR_SET_KEEPCAPS"), 1),
            *([] if self.keep_groups else [show("setgroups", len(self.additional_gids), array(self.additional_gids))]),
            show("setresgid", self.gid, self.gid, self.gid),
            show("setresuid", self.uid, self.uid, self.uid),
            show("prctl", Flags("PR_SET_KEEPCAPS"), 0),
            show("prctl", Flags("PR_SET_DUMPABLE"), 0),
        )

    def effect(self, world: World) -> World:
        return world.belonging(self.uid, self.gid, None if self.keep_groups else self.additional_gids)

    def apply(self, context: Context) -> None:
        processes.set_keep_capabilities(True)
        if not self.keep_groups:
            set_groups(self.additional_gids, self.groups_may_stay)
        processes.setresgid(self.gid)
        processes.setresuid(self.uid)
        processes.set_keep_capabilities(False)
        processes.set_dumpable(False)  # a change of user may have set it, as sysctl fs.suid_dumpable says


def set_groups(gids: tuple[int, ...], may_stay: bool) -> None:
    """setgroups(2). An ordinary user's container may have to keep the user's groups, because a group can also be there
    to keep somebody out: then setgroups is denied (user_namespaces(7)). Inside they are seen as nogroup."""
    try:
        processes.setgroups(gids)
    except SystemCallError as error:
        if error.errno != EPERM or gids or not may_stay:
            raise


class SetCapabilities(Step):
    """Set the three sets of the thread. The program of a user other than 0 keeps them only if they are ambient too."""

    chapter = "identity"
    man = "capabilities(7)"
    spec = "config.md#linux-process"
    cures = {EPERM: LOST}

    effective: tuple[str, ...]
    permitted: tuple[str, ...]
    inheritable: tuple[str, ...]
    origin: str = "/process/capabilities"
    until_filter: tuple[str, ...] = ()  # stay effective until GiveUpFilterRights

    def describe(self) -> str:
        kept = f"; {shown(self.until_filter)} until the filter is loaded" if self.until_filter else ""
        return (
            f"set the capabilities: effective {shown(self.effective)}; permitted {shown(self.permitted)}; "
            f"inheritable {shown(self.inheritable)}{kept}"
        )

    def shell(self) -> str:
        return f'exec setpriv --inh-caps {setpriv_list(self.inheritable)} "$SHELL"'

    def calls(self) -> tuple[str, ...]:
        kept = self.until_filter
        return (show_capset((*self.effective, *kept), (*self.permitted, *kept), self.inheritable),)

    def effect(self, world: World) -> World:
        kept = frozenset(self.until_filter)
        effective, permitted = kept.union(self.effective), kept.union(self.permitted)
        return world.granting(effective, permitted, frozenset(self.inheritable))

    def apply(self, context: Context) -> None:
        _, held, inherited = processes.capget()
        permitted = mask(self.permitted, context, f"{self.origin}/permitted")
        grantable = permitted & held
        warn_lost(context, permitted & ~held, f"{self.origin}/permitted")
        effective = mask(self.effective, context, f"{self.origin}/effective")
        inheritable = mask(self.inheritable, context, f"{self.origin}/inheritable")
        warn_lost(context, effective & ~grantable, f"{self.origin}/effective")
        # capset(2): nothing becomes inheritable that is neither held nor inherited, or that the bounding set lacks.
        heritable = inherited | (held & bounding_mask() if inheritable else 0)
        warn_lost(context, inheritable & ~heritable, f"{self.origin}/inheritable")
        context.capabilities = (effective & grantable, grantable, inheritable & heritable)
        kept = mask(self.until_filter, context, self.origin) & held
        processes.capset((effective & grantable) | kept, grantable | kept, inheritable & heritable)


def show_capset(*sets: tuple[str, ...]) -> str:
    told = ", ".join(
        f"{name} {'|'.join(held) or 0}" for name, held in zip(("effective", "permitted", "inheritable"), sets)
    )
    return show("capset", Flags("header"), Flags(f"{{{told}}}"))


def bounding_mask() -> int:
    return sum(1 << number for number in processes.bounding_set())


class SetAmbientSet(Step):
    """Capabilities that survive execve(2) of an ordinary program by an ordinary user. The caller's are forgotten."""

    chapter = "identity"
    man = "capabilities(7)"
    spec = "config.md#linux-process"

    names: tuple[str, ...]
    uid: int  # of the program
    origin: str = "/process/capabilities/ambient"

    def describe(self) -> str:
        return f"set the ambient capabilities to {shown(self.names)}"

    def shell(self) -> str:
        return f'exec setpriv --ambient-caps {setpriv_list(self.names)} "$SHELL"'

    def calls(self) -> tuple[str, ...]:
        return (
            show("prctl", Flags("PR_CAP_AMBIENT"), Flags("PR_CAP_AMBIENT_CLEAR_ALL")),
            *(
                show("prctl", Flags("PR_CAP_AMBIENT"), Flags("PR_CAP_AMBIENT_RAISE"), Flags(name))
                for name in self.names
            ),
        )

    def effect(self, world: World) -> World:
        return world.keeping_through_execve(frozenset(self.names))

    def apply(self, context: Context) -> None:
        refused = []
        processes.clear_ambient_capabilities()
        for number in known(self.names, context, self.origin):
            if not context.capabilities[1] & 1 << number:  # CAP_SYS_ADMIN may be there only for a while
                refused.append(number)
                continue
            try:
                processes.raise_ambient_capability(number)
            except SystemCallError as error:
                if error.errno not in (EPERM, EINVAL):
                    raise
                refused.append(number)
        for number in refused:
            if self.uid or not comes_with_root(number):  # config.md#linux-process wants a warning, and no more
                told = f"can't raise ambient capability {CAPABILITIES[number]}"
                context.log.warning(f"{self.origin}: {told}: it is not both permitted and inheritable")


def comes_with_root(number: int) -> bool:
    """Whether execve(2) grants it to user 0 in any case, as it does what is permitted and in the bounding set
    (capabilities(7)). Files that `runc spec` wrote list such ones as ambient."""
    permitted = processes.capget()[1]
    return bool(permitted & bounding_mask() & 1 << number)


class SetNoNewPrivs(Step):
    """From here on execve(2) grants nothing: set-user-id bits and file capabilities have no effect."""

    chapter = "exec"
    man = "prctl(2)"
    spec = "config.md#linux-process"

    origin: str = "/process/noNewPrivileges"

    def describe(self) -> str:
        return "set no_new_privs"

    def shell(self) -> str:
        return 'exec setpriv --no-new-privs "$SHELL"'

    def calls(self) -> tuple[str, ...]:
        return (show("prctl", Flags("PR_SET_NO_NEW_PRIVS"), 1),)

    def effect(self, world: World) -> World:
        return world.become(has_no_new_privs=True)

    def apply(self, context: Context) -> None:
        processes.set_no_new_privs()


def known(names: tuple[str, ...], context: Context, origin: str) -> list[int]:
    """The numbers of the capabilities that this kernel knows. The spec asks for a warning about the others."""
    numbers = []
    for index, name in enumerate(names):
        number = CAPABILITIES.index(name) if name in CAPABILITIES else 64
        if processes.knows_capability(number):
            numbers.append(number)
        elif f"{origin}/{index}" not in context.log.told:
            context.log.warning(f"{origin}/{index}: this kernel does not know {safe(name)}; it is left out")
    return numbers


def mask(names: tuple[str, ...], context: Context, origin: str) -> int:
    return sum({1 << number for number in known(names, context, origin)})


def warn_lost(context: Context, lost: int, origin: str) -> None:
    for number, name in enumerate(CAPABILITIES):
        if lost >> number & 1:
            context.log.warning(f"{origin}: {name} can't be granted; {LOST}")


def shown(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "nothing"


def setpriv_list(names: tuple[str, ...]) -> str:
    return quoted(",".join(["-all", *(f"+{name.removeprefix('CAP_').lower()}" for name in names)]))
