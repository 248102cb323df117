"""`minirun setup`: an engine is told of minirun. Nothing is started anew: whoever has the engine knows when."""

from __future__ import annotations

import os

from ..engines import file
from ..engines.containerd import CONTAINERD
from ..engines.crio import CRIO
from ..engines.docker import DOCKER
from ..engines.engine import Wish
from ..engines.launcher import launcher, whose
from ..engines.podman import PODMAN
from ..errors import StateError
from ..runtime.again import HOME
from ..safe import safe
from .output import complain, say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ..engines.engine import Engine

ENGINES = {"podman": PODMAN, "docker": DOCKER, "containerd": CONTAINERD, "crio": CRIO}


def setup(values: Mapping[str, Any]) -> int:
    """minirun setup. Raises StateError."""
    engine = named(values["engine"])
    if values["write"] and values["undo"]:
        raise StateError("--write puts in what --undo takes out\n  allowed: one of them")
    wish = Wish("" if values["undo"] else launcher(HOME), values["default"], users_own())
    if values["file"] == "":
        raise StateError("--file is empty\n  allowed: the path of a file; without --file, it is the engine's own")
    path = os.path.abspath(values["file"] or engine.file(wish))
    try:
        return take_out(engine, path) if values["undo"] else put_in(engine, path, wish, values["write"])
    except StateError as error:
        raise StateError(str(error) if path in str(error) else f"{safe(path)}: {error}") from None


def named(name: str) -> Engine:
    if name not in ENGINES:
        raise StateError(f"setup knows no engine {name!r}\n  allowed: {', '.join(ENGINES)}")
    return ENGINES[name]


def users_own() -> str:
    """Where a user's engines read; "" for root, whose are the system's."""
    if os.geteuid() == 0:
        return ""
    return os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")


def put_in(engine: Engine, path: str, wish: Wish, write: bool) -> int:
    before = file.read(path)
    after = engine.put_in(before, wish)
    say(f"Into {path}:\n\n{engine.lines(before or '', wish)}\n")
    if write:
        warn(wish)
        say(replaced(path, before, after))
    say(f"Then:\n\n{engine.afterwards(wish)}")
    if not write:
        say("\n--write puts these lines there, and keeps what is there; --undo takes them out again.\n")
    return 0


def replaced(path: str, before: str | None, after: str) -> str:
    if after == before:
        return f"{path} has them already: nothing is changed.\n\n"
    file.replace(path, after)
    return f"{'made' if before is None else 'changed'} {path}\n\n"


def warn(wish: Wish) -> None:
    """Of what root's engine would run that is not root's alone."""
    other = "" if wish.home else whose(wish.launcher, HOME)
    if other:
        complain(f"{wish.launcher} is {other}'s to change, and root's engine will run it")


def take_out(engine: Engine, path: str) -> int:
    before = file.read(path)
    after = None if before is None else engine.take_out(before)
    if after == before:
        say(f"nothing of minirun's is in {path}\n")
    elif after is None:
        file.remove(path)
        say(f"removed {path}, which had nothing else in it\n")
    else:
        file.replace(path, after)
        say(f"changed {path}\n")
    return 0
