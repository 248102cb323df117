"""Podman: a file of its own among those that are read after containers.conf (containers.conf(5))."""

from __future__ import annotations

import glob
import json

from ..errors import StateError
from . import block
from .engine import NAME, Engine, Wish

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Lists that name a runtime which can do something; who sets one replaces it. Podman's own, where no file has any.
LISTS = {
    "runtime_supports_json": ("crun", "crun-vm", "runc", "kata", "runsc", "youki", "krun"),
    "runtime_supports_nocgroup": ("crun", "crun-vm", "krun"),
}
# Where podman reads, the last one wins.
SYSTEM = ("/usr/share/containers", "/etc/containers")
PLACES = ("containers.conf", "containers.conf.d/*.conf")
OWN = "containers.conf.d/minirun.conf"


def file(wish: Wish) -> str:
    return f"{wish.root}{wish.home or '/etc'}/containers/{OWN}"


def lines(_text: str, wish: Wish) -> str:
    own = [f'runtime = "{NAME}"'] if wish.default else []
    lists = [f"{name} = {json.dumps(with_own(name, wish))}" for name in LISTS]
    return "\n".join(["[engine]", *own, *lists, "", "[engine.runtimes]", f"{NAME} = [{json.dumps(wish.launcher)}]", ""])


def with_own(name: str, wish: Wish) -> list[str]:
    """What podman goes by without minirun's file, and minirun."""
    names = list(LISTS[name])
    for path in read_before(wish):
        names = after(names, engine_table(path).get(name))
    return [*(word for word in names if word != NAME), NAME]


def after(names: list[str], found: object) -> list[str]:
    """`{append=true}` among the words adds to what was there (containers.conf(5), since podman 5)."""
    if not isinstance(found, list):
        return names
    words = [word for word in found if isinstance(word, str)]
    return [*names, *words] if {"append": True} in found else words


def read_before(wish: Wish) -> list[str]:
    directories = [wish.root + path for path in SYSTEM]
    directories += [f"{wish.root}{wish.home}/containers"] if wish.home else []
    found = [
        path for directory in directories for place in PLACES for path in sorted(glob.glob(f"{directory}/{place}"))
    ]
    return [path for path in found if not path.endswith(f"/{OWN}")]


def engine_table(path: str) -> dict[str, Any]:
    """Raises StateError. What the caller may not read podman can't read either, and goes on without it."""
    import tomllib

    try:
        with open(path, "rb") as opened:
            table = tomllib.load(opened).get("engine", {})
    except OSError:
        return {}
    except ValueError as error:
        raise StateError(
            f"{path!r} is no TOML, so podman can't read it either: {error}\n  cure:  mend it first"
        ) from None
    return table if isinstance(table, dict) else {}


def put_in(text: str | None, wish: Wish) -> str:
    return block.put_in(text, lines("", wish))


def afterwards(wish: Wish) -> str:
    sudo = "" if wish.home else "sudo "
    runtime = "" if wish.default else f" --runtime {NAME}"
    return f"  {sudo}podman{runtime} run --rm IMAGE\n"


PODMAN = Engine(file, lines, put_in, block.take_out, afterwards)
