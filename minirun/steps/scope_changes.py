"""Other limits for a scope that is there: systemd is told again, and so it is when that is taken back."""

from __future__ import annotations

from ..cgroups.restoring import lines_to_restore
from ..cgroups.systemd import Property
from ..kernel import files
from ..kernel.libc import SystemCallError
from .scope import SetScopeLimits, Systemd
from .step import Context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from ..cgroups.systemd_values import Value


class ChangeScopeLimits(SetScopeLimits):
    """The same in an update, which can be taken back. `files` of the cgroup are those that systemd may write then."""

    files: tuple[tuple[str, str], ...] = ()

    def apply(self, context: Context) -> None:
        lines = [(path, line) for name, value in self.files for path, line in as_it_is(context.cgroup, name, value)]
        with Systemd(self.user, self.properties) as systemd:
            had = systemd.scope_properties(self.unit)
            context.scope_before = restoring(self.properties, had), lines
            systemd.change(self.unit, self.properties)

    def undo(self, context: Context) -> None:
        """The files come after the properties: they may say it more exactly."""
        properties, lines = context.scope_before
        with Systemd(self.user) as systemd:
            systemd.change(self.unit, properties)
        for path, line in lines:
            files.write_file(path, line)


def as_it_is(cgroup: str, name: str, value: str) -> list[tuple[str, str]]:
    """What makes the file say again what it says now; nothing where it is missing."""
    path = f"{cgroup}/{name}"
    try:
        return [(path, line) for line in lines_to_restore(name, value, files.read_file(path))]
    except SystemCallError:
        return []


def restoring(changed: Iterable[Property], had: Mapping[str, tuple[str, Any]]) -> tuple[Property, ...]:
    """What makes these properties say again what they said. A list takes on more lines until it is emptied."""
    names = [made.name for made in changed if made.name in had]
    lists = [Property(name, had[name][0], ()) for name in names if had[name][0] == "a(st)"]
    values = [Property(name, signature, frozen(value)) for name in names for signature, value in [had[name]]]
    return (*lists, *values)


def frozen(value: Any) -> Value:
    """What came over D-Bus, as a step has it."""
    found: Value = tuple(value) if isinstance(value, list) else value
    return found
