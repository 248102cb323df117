"""What the commands do: from the values of a command line to the runtime, and from its end to an exit status."""

from __future__ import annotations

import os
import sys

from ..errors import MinirunError, StateError
from .table import Call

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

ID_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+.-")


def perform(call: Call) -> int:
    """Do what the command line says; the exit status. Every failure ends here, told in one piece on stderr."""
    values = call.named
    try:
        return ACTIONS[call.command](values)
    except MinirunError as error:
        tell(str(error), values)
        return error.exit_status
    except Exception as error:
        if values["debug"]:
            raise
        tell(f"unexpected: {error!r}\n  cure:  this is a fault of minirun; --debug shows where", values)
        return 1


def tell(message: str, values: Mapping[str, Any]) -> None:
    from ..runtime.log import Log

    try:
        Log(values["log"], values["log_format"], values["debug"]).error(message)
    except StateError:
        Log().error(message)


def run(values: Mapping[str, Any]) -> int:
    """minirun run"""
    from ..runtime.seal import seal

    seal(sys.argv[1:])  # before anything else is imported: here the program starts again

    from ..plan.container import Options
    from ..runtime.log import Log
    from ..runtime.run import run as run_container

    bundle, name = which(values["target"], values["bundle"], values["id"])
    options = Options(
        id=os.urandom(6).hex() if name is None else checked_id(name),
        bundle=os.path.abspath(bundle),
        root=os.path.abspath(values["root"]),
        preserve_fds=values["preserve_fds"],
        no_pivot=values["no_pivot"],
    )
    return run_container(options, Log(values["log"], values["log_format"], values["debug"]))


def which(target: str | None, bundle: str | None, name: str | None) -> tuple[str, str | None]:
    """Bundle and id. TARGET is a bundle if it holds a config.json, or if nothing else can be one."""
    if bundle is not None or target is None:
        return bundle or ".", target if name is None else name
    is_bundle = os.path.exists(f"{target}/config.json") or "/" in target
    if is_bundle or not os.path.exists("config.json"):
        return target, name
    return ".", target if name is None else name


def checked_id(name: str) -> str:
    """The id, if it can be the name of a directory and nothing else. Raises StateError."""
    if not name or name in (".", "..") or not ID_CHARACTERS.issuperset(name):
        raise StateError(
            f"invalid container ID format: {name!r}\n  allowed: letters, digits and _ + - . but not . or .. alone"
        )
    return name


def spec(values: Mapping[str, Any]) -> int:
    """minirun spec"""
    from ..spec.default import write

    write(values["bundle"], values["rootless"])
    return 0


ACTIONS = {"run": run, "spec": spec}
