"""The session keyring of a container, which its first process makes and later ones join."""

from __future__ import annotations

from ..steps.keyring import JoinSessionKeyring

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..spec.config import Process
    from ..steps.step import Step


def keyring_steps(process: Process, container_id: str, new: bool, *, share: bool = True) -> list[Step]:
    """Named as other runtimes do it, who can then be told apart from the caller's in /proc/keys."""
    return [JoinSessionKeyring(f"_ses.{container_id}", process.selinux_label or "", share)] if new else []
