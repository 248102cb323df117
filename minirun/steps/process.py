"""The container's process itself: how it begins, and that nobody looks into it before it is the container's."""

from __future__ import annotations

import os
import sys
from errno import EACCES, EAGAIN, EINVAL, ENOSPC, ENOSYS, EPERM

from ..kernel import closing, namespaces, processes, signals
from ..kernel.clone import clone, show_clone
from ..kernel.constants import CLONE_NEWPID
from ..kernel.libc import Flags, SystemCallError, show
from .cgroup_entry import JoinCgroup, move
from .step import CONTAINER, RUNTIME, Context, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .world import World

# Of clone3(2): an older kernel, or the filter of a container that minirun is in. Of prctl(2): see kernel/clone.py.
NOT_HERE = (ENOSYS, EPERM, EACCES, EINVAL)
WAITING = "minirun's children are to be in a new pid namespace already: start it in there, as by unshare --pid --fork"


NOWHERE = -1  # a descriptor of no cgroup: where this process is


class StartContainerProcess(Step):
    """Fork. From here on two processes walk down this list, each doing its own steps.

    The kernel can have the new one begin where it is to be: in its cgroup, so that none of its instructions escapes a
    limit, and nobody waits for it to be moved; and as the first process of a pid namespace, which takes none that is
    there already. Where clone3(2) is refused, it is forked, and moved before it goes on. A shell has no such call: a
    process of its begins where the shell is, so that has to go there first.
    """

    runs_in = RUNTIME
    chapter = "process"
    man = "clone(2)"
    spec = "runtime.md#create"
    cures = {
        **JoinCgroup.cures,
        ("unshare", EPERM): "a new pid namespace takes CAP_SYS_ADMIN",
        ("unshare", EINVAL): WAITING,
        EAGAIN: "a limit on processes is reached: pids.max of the cgroup or of one above, or RLIMIT_NPROC",
        ENOSPC: "a limit is reached: sysctl user.max_pid_namespaces, or a depth of 32 (pid_namespaces(7))",
    }

    cgroup: JoinCgroup | None = None  # the step that is saved by being born there
    new_pid_namespace: bool = False
    origin: str = ""

    @property
    def types(self) -> tuple[str, ...]:
        """Of the new namespaces, as Unshare has them."""
        return ("pid",) if self.new_pid_namespace else ()

    @property
    def is_born_inside(self) -> bool:
        return bool(self.cgroup or self.new_pid_namespace)

    def describe(self) -> str:
        below = f"the cgroup {self.cgroup.below} below the container's" if self.cgroup and self.cgroup.below else ""
        places = [below or "its cgroup"] if self.cgroup else []
        places += ["a new pid namespace"] if self.new_pid_namespace else []
        where = " and in ".join(places)
        return "fork the process that becomes the container" + (f", in {where}" if where else "")

    def shell(self) -> str:
        join = f"{self.cgroup.shell()}; " if self.cgroup else ""
        if not self.new_pid_namespace:
            return f"( {join}… ) & pid=$!"
        first = 'sleep 1; pid=$(< "/proc/$!/task/$!/children")'
        return f"( {join}exec unshare --pid --fork … ) & {first}"

    def calls(self) -> tuple[str, ...]:
        marked = show("close_range", 3, Flags("~0"), Flags("CLOSE_RANGE_CLOEXEC")) + "  // in the parent"
        if not self.is_born_inside:
            pidfd = "pidfd = " + show("pidfd_open", Flags("pid"), 0) + "  // likewise"
            return ("pid = " + show("fork"), marked, pidfd)
        cloned = "pid = " + show_clone(self.flags(), "cgroup" if self.cgroup else "")
        return (*([self.cgroup.show_opened()] if self.cgroup else []), cloned, marked)

    def effect(self, world: World) -> World:
        return world.starting(self.cgroup, self.types)

    def flags(self) -> int:
        return CLONE_NEWPID if self.new_pid_namespace else 0

    def apply(self, context: Context) -> None:
        if not (self.is_born_inside and self.is_cloned(context)):
            self.fork_and_move(context)
        if context.pid == 0:
            context.me = CONTAINER
            processes.set_name("minirun:child")
            # Load no module from here on: its path may be closed to a user namespace's root, and later leads into the
            # image, where a file of this name would run with minirun's rights.
            sys.meta_path.clear()
        else:
            closing.close_on_exec_from(3)  # what the caller left open is for the program, not for hooks
        context.channel.keep_side(context.me)

    def is_cloned(self, context: Context) -> bool:
        """By clone3(2), the one call that does it all; False where it is refused."""

        def born(place: int) -> tuple[int, int]:
            return clone(self.flags(), place)

        try:
            context.pid, context.pidfd = self.cgroup.enter(context, born) if self.cgroup else born(NOWHERE)
        except SystemCallError as error:
            if error.errno in NOT_HERE:
                return False
            raise
        context.result = f"pid {context.pid}"
        return True

    def fork_and_move(self, context: Context) -> None:
        """The child waits for its turn, so it is in its cgroup before it does anything."""
        context.pid = namespaces.fork_into_pid_namespace() if self.new_pid_namespace else processes.fork()
        if context.pid:
            context.pidfd = signals.pidfd_open(context.pid)
            if self.cgroup:
                self.cgroup.enter(context, lambda place: move(context.pid, place))
            context.result = f"pid {context.pid}" + ", by fork(2)" * self.is_born_inside


class CloseToTracers(Step):
    """Be non-dumpable until the program runs: nobody inside may trace this process or open what it holds
    (CVE-2016-9962)."""

    chapter = "namespaces"
    man = "prctl(2)"
    no_shell = "a shell is traced by nobody but its user"

    def describe(self) -> str:
        return "close the process to tracers"

    def calls(self) -> tuple[str, ...]:
        return (show("prctl", Flags("PR_SET_DUMPABLE"), 0),)

    def effect(self, world: World) -> World:
        return world.become(is_dumpable=False)

    def apply(self, context: Context) -> None:
        processes.set_dumpable(False)


class OpenToUser(Step):
    """The files in the /proc/PID of a closed process belong to root, so that an ordinary user's runtime could not write
    there (proc(5)). Nobody else is in the new namespaces yet."""

    chapter = "process"
    man = "prctl(2)"
    no_shell = CloseToTracers.no_shell

    def describe(self) -> str:
        return "open the process to tracers of the same user"

    def calls(self) -> tuple[str, ...]:
        return (show("prctl", Flags("PR_SET_DUMPABLE"), 1),)

    def effect(self, world: World) -> World:
        return world.become(is_dumpable=True)

    def apply(self, context: Context) -> None:
        processes.set_dumpable(True)


class StartSession(Step):
    """A session of its own: the signals of the caller's terminal reach minirun, which passes them on."""

    chapter = "namespaces"
    man = "setsid(2)"

    def describe(self) -> str:
        return "start a new session"

    def shell(self) -> str:
        return 'exec setsid "$SHELL"'

    def calls(self) -> tuple[str, ...]:
        return (show("setsid"),)

    def effect(self, world: World) -> World:
        return world.become(session="its own")

    def apply(self, context: Context) -> None:
        os.setsid()
