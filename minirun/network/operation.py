"""What an operation is: a part of what it takes to connect a container, told, shown as a command, done and taken
back, like a step.

The commands are for a shell as root on the host; $pid is the container's process. What is there already is as good as
made, so that the same list mends what a reboot, or somebody, has taken away.
"""

from __future__ import annotations

from errno import EPERM

from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import ClassVar

    from .links import Sites

INSIDE = 'nsenter --target "$pid" --net '


class NetworkRefused(Exception):
    """An operation can't be done although no system call failed: what was found, and what helps."""

    def __init__(self, reason: str, cure: str = "") -> None:
        super().__init__(reason)
        self.reason, self.cure = reason, cure


class Operation(Record):
    """The class says what stands behind it, the fields are its arguments."""

    man: ClassVar[str] = ""
    cures: ClassVar[Mapping[int, str]] = {EPERM: "this takes CAP_NET_ADMIN: minirun has to be root's"}

    def describe(self) -> str:
        """One English sentence without its full stop, which also reads well after "can't"."""
        raise NotImplementedError

    def shell(self) -> str:
        raise NotImplementedError

    def apply(self, sites: Sites) -> None:
        """Raises SystemCallError, NftError, NetworkRefused."""
        raise NotImplementedError

    def undo(self, sites: Sites) -> None:
        """Take back what is left on the host, if it is there."""
