"""What the tests of the spec room share: a good config.json, and how to spoil it at a JSON pointer."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from minirun.errors import ConfigError
from minirun.spec.config import Config
from minirun.spec.load import parse

GONE = object()  # as a value: delete what stands there

GOOD: dict[str, Any] = {
    "ociVersion": "1.3.0",
    "root": {"path": "rootfs"},
    "process": {"cwd": "/", "user": {"uid": 0, "gid": 0}, "args": ["sh"]},
    "linux": {"namespaces": [{"type": name} for name in ("pid", "network", "mount", "ipc", "uts", "cgroup")]},
}

MAPPINGS = [{"containerID": 0, "hostID": 1000, "size": 1}]
USER_NAMESPACE = {
    "/linux/namespaces/-": {"type": "user"},
    "/linux/uidMappings": MAPPINGS,
    "/linux/gidMappings": MAPPINGS,
}
TIME_NAMESPACE = {"/linux/namespaces/-": {"type": "time"}}


def changed(changes: dict[str, Any], config: dict[str, Any] = GOOD) -> dict[str, Any]:
    """A copy with the values at the JSON pointers changed. Missing objects are made; "-" adds to an array."""
    result = copy.deepcopy(config)
    for pointer, value in changes.items():
        *parents, last = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
        holder: Any = result
        for part in parents:
            holder = holder[int(part)] if isinstance(holder, list) else holder.setdefault(part, {})
        if value is GONE:
            del holder[last]
        elif last == "-":
            holder.append(copy.deepcopy(value))
        else:
            holder[int(last) if isinstance(holder, list) else last] = copy.deepcopy(value)
    return result


def load_changed(changes: dict[str, Any]) -> Config:
    return parse(changed(changes))


def refused(changes: dict[str, Any]) -> ConfigError:
    """The error for the good config with the changes."""
    with pytest.raises(ConfigError) as caught:
        load_changed(changes)
    return caught.value


class Bad:
    """One row of a table: what to change in the good config, and where the error must point to.

    `at` is the pointer of the error; without it, the pointer of the change. `also` are changes that are good by
    themselves. `says` is a word which tells this error from another one at the same place.
    """

    def __init__(
        self, pointer: str, value: object, at: str | None = None, *, also: dict[str, Any] | None = None, says: str = ""
    ) -> None:
        self.good, self.changes = also or {}, {**(also or {}), pointer: value}
        self.at, self.says = pointer if at is None else at, says
        self.name = f"{pointer}={'GONE' if value is GONE else repr(value)[:40]}"

    def check(self) -> None:
        load_changed(self.good)  # the change is to blame, nothing else
        error = refused(self.changes)
        assert error.pointer == self.at
        assert self.says in f"{error.found} {error.allowed}"


def bad(*rows: Bad) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("row", rows, ids=lambda row: row.name)
