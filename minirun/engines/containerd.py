"""containerd, as Kubernetes uses it: config.toml, the tables of its CRI plugin (containerd-config.toml(5)).

Not a file of its own by `imports`: before containerd 2.0 what one file says of a plugin replaces all that others have
said of it, so whoever adds one runtime loses the settings of the others (containerd's issue 5837).
"""

from __future__ import annotations

import json

from ..errors import StateError
from . import block
from .engine import NAME, Engine, Wish, indented, runtime_class

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PLUGIN = {2: "io.containerd.grpc.v1.cri"}  # by the version of the file's layout
# What containerd has where a file names no runtime. A file that names one has to name this one, too, or it is unknown.
USUAL = "runc"
TYPE = 'runtime_type = "io.containerd.runc.v2"'
NEWER_PLUGIN = "io.containerd.cri.v1.runtime"  # since 3, that of containerd 2


def file(wish: Wish) -> str:
    return f"{wish.root}{wish.home or '/etc'}/containerd/config.toml"


def lines(text: str, wish: Wish) -> str:
    """Raises StateError."""
    config = parsed(block.take_out(text) or "")
    version = [] if config else ["version = 2", ""]  # which every containerd since 1.3 can read
    table = f'plugins."{plugin(config)}".containerd'
    default = [f"[{table}]", f"default_runtime_name = {json.dumps(NAME)}", ""] if wish.default else []
    usual = [] if in_cri(config, "runtimes") else [f"[{table}.runtimes.{USUAL}]", TYPE, ""]
    return "\n".join([*version, *default, *usual, *runtime(f"{table}.runtimes.{NAME}", wish, config), ""])


def runtime(table: str, wish: Wish, config: dict[str, Any]) -> list[str]:
    # All runtimes of a node have to have their cgroups made by the same, so it is as for runc.
    is_systemd = in_cri(config, "runtimes", USUAL, "options", "SystemdCgroup") is True
    systemd = ["SystemdCgroup = true"] if is_systemd else []
    return [f"[{table}]", TYPE, "", f"[{table}.options]", f"BinaryName = {json.dumps(wish.launcher)}", *systemd]


def in_cri(config: dict[str, Any], *names: str) -> object:
    """What the file says about containers at these names; None for nothing."""
    found: Any = config
    for name in ("plugins", plugin(config), "containerd", *names):
        found = found.get(name) if isinstance(found, dict) else None
    return found


def plugin(config: dict[str, Any]) -> str:
    """Raises StateError."""
    version = config.get("version", 1 if config else 2)
    if not isinstance(version, int) or version < 2:
        raise StateError(
            f"its layout is that of version {version}, which containerd 2 has given up\n"
            "  cure:  containerd config migrate prints it in the layout of today"
        )
    return PLUGIN.get(version, NEWER_PLUGIN)


def parsed(text: str) -> dict[str, Any]:
    """Raises StateError."""
    import tomllib

    try:
        return tomllib.loads(text)
    except ValueError as error:
        raise StateError(
            f"it is no TOML, so containerd can't read it either: {error}\n  cure:  mend it first"
        ) from None


def put_in(text: str | None, wish: Wish) -> str:
    """Raises StateError where the file has such tables already, since TOML lets nobody add to them further down."""
    added = lines(text or "", wish)
    after = block.put_in(text, added)
    try:
        parsed(after)
    except StateError:
        raise StateError(
            "it has one of these tables already, and what others have put there stays\n"
            f"  cure:  change it by hand. What it is to have:\n{indented(added)}".rstrip("\n")
        ) from None
    return after


def afterwards(wish: Wish) -> str:
    restart = "systemctl --user restart containerd" if wish.home else "sudo systemctl restart containerd"
    return (
        f"  {restart}\n"
        f"  kubectl apply -f FILE   # of a pod's runtimeClassName: {NAME}; the FILE:\n\n{indented(runtime_class())}\n"
        f"Without Kubernetes nothing has to be set up: ctr run --runc-binary {wish.launcher} …,\n"
        f"nerdctl run --runtime {wish.launcher} …\n"
    )


CONTAINERD = Engine(file, lines, put_in, block.take_out, afterwards)
