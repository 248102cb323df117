"""The container's process itself: how it begins, and that nobody looks into it before it is the container's."""

from __future__ import annotations

import os
import sys
from errno import ENOENT

from ..kernel import files, processes, signals, sockets
from ..kernel.libc import Flags, show
from .sockets import SOCKET_CURES
from .step import CONTAINER, RUNTIME, Context, Step


class StartContainerProcess(Step):
    """Fork. From here on two processes walk down this list, each doing its own steps."""

    runs_in = RUNTIME
    chapter = "process"
    man = "fork(2)"
    spec = "runtime.md#create"

    def describe(self) -> str:
        return "fork the process that becomes the container"

    def shell(self) -> str:
        return "( … ) & pid=$!"

    def calls(self) -> tuple[str, ...]:
        return (
            "pid = " + show("fork"),
            show("close_range", 3, Flags("~0"), Flags("CLOSE_RANGE_CLOEXEC")) + "  // in the parent",
            "pidfd = " + show("pidfd_open", Flags("pid"), 0) + "  // in the parent",
        )

    def apply(self, context: Context) -> None:
        pid = processes.fork()
        if pid == 0:
            context.me = CONTAINER
            processes.set_name("minirun:child")
            # Load no module from here on: its path may be closed to a user namespace's root, and later leads into the
            # image, where a file of this name would run with minirun's rights.
            sys.meta_path.clear()
        else:
            files.close_on_exec_from(3)  # what the caller left open is for the program, not for hooks
            context.pid = pid
            context.pidfd = signals.pidfd_open(pid)
            context.result = f"pid {pid}"
        context.channel.keep_side(context.me)


class SendPidfd(Step):
    """Hand a descriptor of the process to somebody who wants to wait for it or send it signals. A pid could be another
    process's by then; this can't. The message is a word, which says what kind of process it is."""

    runs_in = RUNTIME
    chapter = "books"
    man = "pidfd_open(2)"
    no_shell = "a shell can't send a descriptor"
    cures = {
        **SOCKET_CURES,
        ENOENT: "--pidfd-socket names a socket on which somebody listens already",
    }

    path: str
    kind: str

    def describe(self) -> str:
        return f"send a pidfd of the process to {self.path}"

    def calls(self) -> tuple[str, ...]:
        connected = show("connect", Flags("socket"), self.path)
        return (connected, show("sendmsg", Flags("socket"), self.kind, Flags("SCM_RIGHTS pidfd")))

    def apply(self, context: Context) -> None:
        sockets.send_descriptor(self.path, context.pidfd, self.kind.encode())


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

    def apply(self, context: Context) -> None:
        os.setsid()
