"""What others are told of a container: hooks, and who listens to its system calls."""

from __future__ import annotations

from .. import quick_json
from ..record import Record


class State(Record):
    """What others are told of the container, but for status and pid (runtime.md#state)."""

    oci_version: str
    id: str
    bundle: str
    annotations: tuple[tuple[str, str], ...]

    def to_json(self, status: str, pid: int) -> bytes:
        return quick_json.dumps(self.members(status, pid)).encode()

    def members(self, status: str, pid: int) -> dict[str, object]:
        state: dict[str, object] = {"ociVersion": self.oci_version, "id": self.id, "status": status}
        if pid:
            state["pid"] = pid
        return state | {"bundle": self.bundle, "annotations": dict(self.annotations)}
