"""What `run --without groups` has in the place of two steps: the same without setgroups(2), so that the container's
process stays in the caller's groups."""

from __future__ import annotations

from ..kernel import processes
from ..kernel.libc import Flags, show
from .credentials import SetUser
from .step import Context
from .user_namespace import BecomeNamespaceRoot


class SetUserInGroups(SetUser):
    """Become another user, and stay in the groups of who has started minirun."""

    man = SetUser.man

    def describe(self) -> str:
        return f"become user {self.uid} with group {self.gid}, in the caller's groups, capabilities kept"

    def shell(self) -> str:
        return f'exec setpriv --reuid {self.uid} --regid {self.gid} --keep-groups "$SHELL"'

    def calls(self) -> tuple[str, ...]:
        return tuple(call for call in super().calls() if not call.startswith("setgroups"))

    def apply(self, context: Context) -> None:
        processes.set_keep_capabilities(True)
        processes.setresgid(self.gid)
        processes.setresuid(self.uid)
        processes.set_keep_capabilities(False)
        processes.set_dumpable(False)


class BecomeNamespaceRootInGroups(BecomeNamespaceRoot):
    """Be user 0 of the new user namespace, and stay in the caller's groups, which nobody inside can name."""

    man = BecomeNamespaceRoot.man

    def shell(self) -> str:
        return 'exec setpriv --reuid 0 --regid 0 --keep-groups "$SHELL"'

    def calls(self) -> tuple[str, ...]:
        return (
            show("setresgid", 0, 0, 0),
            show("setresuid", 0, 0, 0),
            show("prctl", Flags("PR_SET_DUMPABLE"), 0),
        )

    def describe(self) -> str:
        return "become user 0 and group 0 of the user namespace, in the caller's groups"

    def apply(self, context: Context) -> None:
        processes.setresgid(0)
        processes.setresuid(0)
        processes.set_dumpable(False)
