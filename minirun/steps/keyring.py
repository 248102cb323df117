"""The session keyring: keys of the caller, such as those for encrypted directories, are not the container's.

A process finds keys through its session keyring, and inherits that over fork(2), execve(2) and into every namespace:
there is no namespace for keys, but that of the user ids which own them (session-keyring(7), user_namespaces(7)). So a
container gets a new one, named after its id, by which `exec` finds it again.
"""

from __future__ import annotations

import os
from errno import EDQUOT, ENOENT, ENOSYS, EPERM

from ..kernel import files, keys
from ..kernel.constants import (
    KEY_USR_SEARCH,
    RESOLVE_BENEATH,
    RESOLVE_NO_MAGICLINKS,
    RESOLVE_NO_XDEV,
)
from ..kernel.libc import Flags, SystemCallError, show
from .step import Context, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .world import World

LABEL_FILE = ("keycreate",)  # in /proc/self/attr: what label SELinux gives to new keys


class JoinSessionKeyring(Step):
    """The one of this name, or a new one. Whoever has the same user id may join it, too: a name is no secret.

    After the user namespace, whose names are its own and whose root is to own the keyring; before the user changes.
    """

    chapter = "namespaces"
    man = "session-keyring(7)"
    cures = {
        EDQUOT: "this user has as many keys as it may: see keyrings(7), sysctl kernel.keys.maxkeys (root_maxkeys), or "
        "leave the caller's keyring to the container with --no-new-keyring",
        EPERM: "something keeps minirun from keyrings, as a system call filter around it does: --no-new-keyring",
    }

    name: str
    label: str = ""  # SELinux, as the program's
    share: bool = True  # let later processes of the container find it

    def describe(self) -> str:
        return f"join the session keyring {self.name}" + (f", labelled {self.label}" if self.label else "")

    def shell(self) -> str:
        return f'exec keyctl session {self.name} "$SHELL"'

    def calls(self) -> tuple[str, ...]:
        joined = "keyring = " + show("keyctl", Flags("KEYCTL_JOIN_SESSION_KEYRING"), self.name)
        shared = show("keyctl", Flags("KEYCTL_SETPERM"), Flags("keyring"), Flags("permissions|KEY_USR_SEARCH"))
        return (joined, shared) if self.share else (joined,)

    def effect(self, world: World) -> World:
        return world.become(keyring=self.name)

    def apply(self, context: Context) -> None:
        if self.label:
            label_new_keys(context, self.label)
        try:
            self.join()
        except SystemCallError as error:
            if error.errno != ENOSYS:  # a kernel without keys (CONFIG_KEYS) has none to protect
                raise
            context.result = "this kernel has none"
        if self.label:
            label_new_keys(context, "")

    def join(self) -> None:
        keyring = keys.join_session_keyring(self.name)
        if self.share:  # those who come later need the right to search; this process has all rights by holding it
            keys.setperm(keyring, keys.permissions(keyring) | KEY_USR_SEARCH)


def label_new_keys(context: Context, label: str) -> None:
    """setkeycreatecon(3), while /proc is the host's: "" for the policy's own choice."""
    proc = files.open("/proc", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC) if context.proc < 0 else os.dup(context.proc)
    try:
        attribute = open_first(proc, LABEL_FILE)
        try:
            files.write(attribute, "/proc/self/attr/keycreate", label)
        finally:
            os.close(attribute)
    finally:
        os.close(proc)


def open_first(proc: int, names: tuple[str, ...]) -> int:
    """The first of the files in self/attr that exists, in this very mount of /proc: nothing that lies over it."""
    resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS
    for name in names[:-1]:
        try:
            return files.openat2(proc, f"self/attr/{name}", os.O_WRONLY, resolve)
        except SystemCallError as error:
            if error.errno != ENOENT:
                raise
    return files.openat2(proc, f"self/attr/{names[-1]}", os.O_WRONLY, resolve)
