"""The ids of a user namespace: which users and groups inside are which outside (user_namespaces(7))."""

from __future__ import annotations

from errno import EINVAL, EPERM

from ..kernel import files, processes, programs
from ..kernel.libc import Flags, show
from .credentials import set_groups
from .step import RUNTIME, Context, Refused, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .world import World

# Who lets a user map more ids than the own one: those that root has granted in /etc/subuid and /etc/subgid.
MAP_HELPERS = {"uid": "newuidmap", "gid": "newgidmap"}


class DenySetgroups(Step):
    """The price of mapping one's own group without help: nobody inside may set groups, since a group may be there to
    keep its members from a file (CVE-2014-8989)."""

    runs_in = RUNTIME
    chapter = "namespaces"
    man = "user_namespaces(7)"
    spec = "config-linux.md#user-namespace-mappings"

    origin: str = "/linux/gidMappings"

    def describe(self) -> str:
        return "let nobody in the user namespace set groups"

    def shell(self) -> str:
        return 'echo deny > "/proc/$pid/setgroups"'

    def calls(self) -> tuple[str, ...]:
        return (show("write", "/proc/$pid/setgroups", "deny"),)

    def effect(self, world: World) -> World:
        return world.replace(may_set_groups=False)

    def apply(self, context: Context) -> None:
        files.write_file(f"/proc/{context.pid}/setgroups", "deny")


class WriteIdMap(Step):
    """Say which ids of the host the ids of a new user namespace are. Only a process outside may write several, and only
    one with CAP_SETUID there: other users have the set-user-id programs newuidmap(1) and newgidmap(1) do it."""

    runs_in = RUNTIME
    chapter = "namespaces"
    man = "user_namespaces(7)"
    spec = "config-linux.md#user-namespace-mappings"
    cures = {
        EINVAL: "the ranges must not overlap, and there may be at most 340",
        EPERM: "the ids outside must be yours: as root any, else those of /etc/subuid and /etc/subgid",
    }

    kind: str  # "uid" or "gid"
    lines: tuple[tuple[int, int, int], ...]  # id inside, id outside, how many
    origin: str
    by_helper: bool = False

    def describe(self) -> str:
        ranges = ", ".join(f"{size} from {inside} as {outside}" for inside, outside, size in self.lines)
        helper = f", by {MAP_HELPERS[self.kind]}" * self.by_helper
        return f"map {self.kind}s of the user namespace to the host's{helper}: {ranges}"

    def text(self) -> str:
        return "".join(f"{inside} {outside} {size}\n" for inside, outside, size in self.lines)

    def shell(self) -> str:
        if self.by_helper:
            return f'{MAP_HELPERS[self.kind]} "$pid" {" ".join(self.text().split())}'
        shown = self.text().strip().replace("\n", "\\n")
        return f"printf '{shown}\\n' > \"/proc/$pid/{self.kind}_map\""

    def calls(self) -> tuple[str, ...]:
        if self.by_helper:
            helper = f"/usr/bin/{MAP_HELPERS[self.kind]}"
            return (show("execve", helper, [helper, "$pid", *self.text().split()], []),)
        return (show("write", f"/proc/$pid/{self.kind}_map", self.text()),)

    def effect(self, world: World) -> World:
        return world.replace(maps={**world.maps, self.kind: self.lines})

    def apply(self, context: Context) -> None:
        if self.by_helper:
            self.ask_helper(context.pid)
        else:
            files.write_file(f"/proc/{context.pid}/{self.kind}_map", self.text())

    def ask_helper(self, pid: int) -> None:
        helper = MAP_HELPERS[self.kind]
        program = programs.find(helper)
        if program is None:
            raise Refused(
                f"there is no {helper} here, which maps ids for users other than root",
                "install uidmap, or map only your own id, as minirun spec --rootless does",
            )
        status, message = programs.run_program(program, (str(pid), *self.text().split()))
        if status != 0:
            granted = f"/etc/sub{self.kind}"
            raise Refused(
                message or f"{helper} ended with status {status}",
                f"root grants ids in {granted}: subuid(5); without, map only your own, as minirun spec --rootless does",
            )


class BecomeNamespaceRoot(Step):
    """Be user 0 of the new user namespace: an id that is not mapped can make no file."""

    chapter = "namespaces"
    man = "user_namespaces(7)"
    spec = "config-linux.md#user-namespace-mappings"
    cures = {EINVAL: "the mappings must hold id 0 of the container: minirun builds the container as its root"}

    origin: str = "/linux/uidMappings"
    groups_may_stay: bool = False
    keep_groups: bool = False

    def describe(self) -> str:
        return "become user 0 and group 0 of the user namespace"

    def shell(self) -> str:
        groups = "--keep-groups" if self.groups_may_stay or self.keep_groups else "--clear-groups"
        return f'exec setpriv --reuid 0 --regid 0 {groups} "$SHELL"'

    def calls(self) -> tuple[str, ...]:
        return (
            *([] if self.keep_groups else [show("setgroups", 0, None)]),
            show("setresgid", 0, 0, 0),
            show("setresuid", 0, 0, 0),
            show("prctl", Flags("PR_SET_DUMPABLE"), 0),
        )

    def effect(self, world: World) -> World:
        return world.belonging(0, 0, None if self.keep_groups else ())

    def apply(self, context: Context) -> None:
        if not self.keep_groups:
            set_groups((), self.groups_may_stay)
        processes.setresgid(0)
        processes.setresuid(0)
        # A change of user makes a process dumpable or not by a sysctl: keep it closed to the container's processes.
        processes.set_dumpable(False)


class CheckIdMap(Step):
    """A user namespace that is joined has its mappings already; those of config.json must be the same."""

    chapter = "namespaces"
    man = "user_namespaces(7)"
    spec = "config-linux.md#user-namespace-mappings"

    kind: str  # "uid" or "gid"
    lines: tuple[tuple[int, int, int], ...]
    origin: str

    def describe(self) -> str:
        return f"compare the {self.kind} mappings with those of the user namespace"

    def shell(self) -> str:
        return (
            f'[ "$(echo $(< /proc/self/{self.kind}_map))" = "{" ".join(str(n) for line in self.lines for n in line)}" ]'
        )

    def calls(self) -> tuple[str, ...]:
        return (show("read", f"/proc/self/{self.kind}_map"),)

    def apply(self, context: Context) -> None:
        held = tuple(
            tuple(map(int, line.split())) for line in files.read_file(f"/proc/self/{self.kind}_map").splitlines()
        )
        if sorted(held) != sorted(self.lines):
            raise Refused(
                f"the user namespace has other mappings: {held}", "leave them out of config.json, or copy them into it"
            )
