"""Who may divide the container's cgroup further: its owner (cgroups(7), "Delegating a hierarchy")."""

from __future__ import annotations

import os
from errno import ENOENT, EPERM

from ..kernel import files
from ..kernel.libc import Flags, show
from .shell import below
from .step import RUNTIME, Context, Refused, Step

DELEGATE = "/sys/kernel/cgroup/delegate"
BEFORE_DELEGATE = ("cgroup.procs", "cgroup.subtree_control", "cgroup.threads")  # the spec's list without that file


class GiveCgroup(Step):
    """Make the program's user the owner of the cgroup, but not of its limits: those files stay root's.

    So a container that sees its cgroup, and can write to it, may make others below and put its processes there, as
    systemd and container engines inside do. Without a cgroup namespace it could move processes of others.
    """

    runs_in = RUNTIME
    chapter = "limits"
    man = "cgroups(7)"
    spec = "config-linux.md#cgroup-ownership"

    uid: int  # as the container counts
    origin: str = "/process/user/uid"
    below: str = ""  # begins with /: one below the container's

    def describe(self) -> str:
        which = f"the cgroup {self.below} below it" if self.below else "the cgroup"
        return f"give {which}, not its limits, to user {self.uid} of the container"

    def shell(self) -> str:
        line = f"$1 <= {self.uid} && {self.uid} < $1 + $3 {{ print $2 + {self.uid} - $1 }}"
        find = f"owner=$(awk '{line}' \"/proc/$pid/uid_map\")"
        place = below("cgroup", self.below)
        file = f'{place}"/$file"'
        give = f'for file in $(< {DELEGATE}); do [ ! -e {file} ] || chown "$owner" {file}; done'
        return f'{find} && chown "$owner" {place} && {give}'

    def calls(self) -> tuple[str, ...]:
        cgroup = f"$cgroup{self.below}"
        places = [cgroup, *(f"{cgroup}/{name}" for name in BEFORE_DELEGATE)]
        shown = [show("chown", place, Flags(f"host_id_of_{self.uid}"), -1) for place in places]
        return *shown[:-1], f"{shown[-1]}  // and what else {DELEGATE} names"

    def apply(self, context: Context) -> None:
        owner = host_id(self.uid, files.read_file(f"/proc/{context.pid}/uid_map"))
        try:
            for name in ("", *delegated()):
                give(f"{context.cgroup}{self.below}/{name}", owner)
        except OSError as error:
            if error.errno != EPERM:
                raise
            context.log.warning(f"the container's cgroup stays minirun's: giving it to user {owner} takes CAP_CHOWN")


def host_id(uid: int, id_map: str) -> int:
    """The id of a user of the container outside, by the lines of its uid_map (user_namespaces(7))."""
    for inside, outside, size in (map(int, line.split()) for line in id_map.splitlines()):
        if inside <= uid < inside + size:
            return outside + uid - inside
    raise Refused(f"user {uid} is not mapped to any of the host's", "map the id in /linux/uidMappings")


def delegated() -> tuple[str, ...]:
    """The files that the kernel names as safe in other hands."""
    try:
        return tuple(files.read_file(DELEGATE).split())
    except OSError:
        return BEFORE_DELEGATE


def give(path: str, owner: int) -> None:
    """chown(2). Not every cgroup has every file that may be given away."""
    try:
        os.chown(path, owner, -1)
    except OSError as error:
        if error.errno != ENOENT:
            raise
