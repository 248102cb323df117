"""Hooks that write down what they see, in a directory that has the same path on the host and in the container.

They are lines of shell. The host has one, and startContainer hooks, which are found in the container, have the host's.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .life import file_lines, settled
from .suite import Broken, clause

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .container import Container

# In the order of runtime.md#lifecycle, with their headings in config.md.
HEADINGS = {
    "prestart": "prestart",
    "createRuntime": "createruntime-hooks",
    "createContainer": "createcontainer-hooks",
    "startContainer": "startcontainer-hooks",
    "poststart": "poststart",
    "poststop": "poststop",
}
KINDS = tuple(HEADINGS)
OF_CREATE, OF_START = KINDS[:3], KINDS[3:5]
IN_CONTAINER = ("createContainer", "startContainer")
OUTSIDE = ("prestart", "createRuntime", "poststart", "poststop")

ENVIRONMENT = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
# The shell's words for the state, and for the pid in it. Every hook reads its state first, but in the one case that is
# about hooks that don't.
READ, STATE = "state=$(cat)", '"$state"'
SAVE_STATE = f"echo {STATE} >state"
PID = rf"""$(echo {STATE} | sed -n 's/.*"pid" *: *\([0-9]*\).*/\1/p')"""


def for_each(kinds: Iterable[str], sentence: str, anchor: str = "") -> Callable[..., Any]:
    """A clause that the spec has once for each of these kinds, each time below the kind's own heading.

    The kind stands in the sentence as KIND.
    """

    def register(function: Callable[..., None]) -> Callable[..., None]:
        for kind in kinds:
            clause(anchor or f"config.md#{HEADINGS[kind]}", sentence.replace("KIND", kind), each=(kind,))(function)
        return function

    return register


class Hooks:
    def __init__(self, container: Container) -> None:
        self.container, self.directory = container, container.host_directory("notes")
        container.bind(self.directory, str(self.directory))
        container.host_programs()

    def add(self, kind: str, line: str = "", **more: Any) -> None:
        """A hook of this kind that runs a line of shell in that directory, or just notes its kind."""
        line = f"{READ}; cd {self.directory} && {{ {line or self.note(kind)}\n}}"
        entry = {"path": "/bin/sh", "args": ["sh", "-c", line], "env": ENVIRONMENT, **more}
        self.container.config.setdefault("hooks", {}).setdefault(kind, []).append(entry)

    def note(self, text: str) -> str:
        return f"echo {text} >>log"

    @property
    def log(self) -> list[str]:
        return file_lines(self.directory / "log")

    def lines(self, name: str) -> list[str]:
        """What a hook wrote into this file; a hook that a runtime does not wait for may come to it later."""
        file = self.directory / name
        settled(lambda: [] if file.exists() and file.stat().st_size else [file])
        if not file.exists():
            raise Broken("the hook was not called, or could not write what it saw")
        return file_lines(file)

    def state(self) -> dict[str, Any]:
        """What SAVE_STATE wrote."""
        return parsed("\n".join(self.lines("state")))


def parsed(text: str) -> dict[str, Any]:
    try:
        state: dict[str, Any] = json.loads(text)
    except ValueError:
        raise Broken(f"the state on standard input is not JSON: {text[:600]!r}") from None
    return state
