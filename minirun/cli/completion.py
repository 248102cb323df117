"""Completion in a shell, by click's own mechanism: the shell starts minirun again with the words so far in its
environment, and minirun prints what could come next."""

from __future__ import annotations

import os
import signal
from typing import Any

import click
from click.shell_completion import CompletionItem, get_completion_class

from .. import operations
from ..errors import MinirunError
from .table import Option

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_MINIRUN_COMPLETE"  # click's name for it, made from the program's


def script(program: click.Command, shell: str) -> str:
    """What the shell has to read."""
    kind = get_completion_class(shell) if shell in SHELLS else None
    if kind is None:
        raise MinirunError(f"no completion for {shell!r}\n  allowed: {', '.join(SHELLS)}")
    return kind(program, {}, "minirun", VARIABLE).source()


def ids(context: click.Context, _parameter: click.Parameter, beginning: str) -> list[CompletionItem]:
    """The containers that there are; none where the caller may not look (/run/minirun belongs to root)."""
    given = context.find_root().params.get("root")
    try:
        root = operations.default_root() if given is None else os.path.abspath(given)
        found = [(state["id"], state["status"]) for state in operations.containers(root)]
    except (OSError, MinirunError):
        return []
    return [CompletionItem(name, help=status) for name, status in found if name.startswith(beginning)]


def signals(_context: click.Context, _parameter: click.Parameter, beginning: str) -> list[CompletionItem]:
    names = [one.name.removeprefix("SIG") for one in signal.Signals]
    return [CompletionItem(name) for name in names if name.startswith(beginning.upper())]


def shells(_context: click.Context, _parameter: click.Parameter, beginning: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in SHELLS if name.startswith(beginning)]


def protections(_context: click.Context, _parameter: click.Parameter, beginning: str) -> list[CompletionItem]:
    """With a few words on each, which zsh and fish show."""
    from ..teach.protections import PROTECTIONS

    named = ((protection.name, protection.title) for protection in PROTECTIONS)
    return [CompletionItem(name, help=title) for name, title in named if name.startswith(beginning)]


def protections_or_all(context: click.Context, parameter: click.Parameter, beginning: str) -> list[CompletionItem]:
    every = [CompletionItem("all", help="each of them")] if "all".startswith(beginning) else []
    return [*protections(context, parameter, beginning), *every]


def lab_actions(_context: click.Context, _parameter: click.Parameter, beginning: str) -> list[CompletionItem]:
    from .lab import ACTIONS

    return [CompletionItem(name) for name in ACTIONS if name.startswith(beginning)]


def network_deeds(_context: click.Context, _parameter: click.Parameter, beginning: str) -> list[CompletionItem]:
    from .network import DEEDS

    return [CompletionItem(name) for name in DEEDS if name.startswith(beginning)]


def networks(context: click.Context, _parameter: click.Parameter, beginning: str) -> list[CompletionItem]:
    from .network import known_names

    return [CompletionItem(name) for name in known_names(context.params) if name.startswith(beginning)]


def image_actions(_context: click.Context, _parameter: click.Parameter, beginning: str) -> list[CompletionItem]:
    from .images import IMAGE_ACTIONS

    return [CompletionItem(name) for name in IMAGE_ACTIONS if name.startswith(beginning)]


def stored_images(context: click.Context, _parameter: click.Parameter, beginning: str) -> list[CompletionItem]:
    """Those of the store, if there is one; and of the room, if that is there."""
    try:
        from ..images.store import default_store, names_at
    except ImportError:
        return []
    names = names_at(context.params.get("store") or default_store())
    return [CompletionItem(name) for name in names if name.startswith(beginning)]


def images(context: click.Context, parameter: click.Parameter, beginning: str) -> list[CompletionItem]:
    """Those, and how others begin."""
    kinds = ("oci:", "docker-archive:", "tar:", "docker://")
    known = stored_images(context, parameter, beginning)
    return [*known, *(CompletionItem(kind) for kind in kinds if kind.startswith(beginning))]


def labs(_context: click.Context, _parameter: click.Parameter, beginning: str) -> list[CompletionItem]:
    from ..labs.catalogue import folders

    return [CompletionItem(one.number, help=one.lab.title) for one in folders() if one.number.startswith(beginning)]


def engines(_context: click.Context, _parameter: click.Parameter, beginning: str) -> list[CompletionItem]:
    from .setup import ENGINES

    return [CompletionItem(name) for name in ENGINES if name.startswith(beginning)]


def directories(_context: click.Context, _parameter: click.Parameter, beginning: str) -> list[CompletionItem]:
    return [CompletionItem(beginning, type="dir")]  # the shell knows better which there are


def paths(_context: click.Context, _parameter: click.Parameter, beginning: str) -> list[CompletionItem]:
    return [CompletionItem(beginning, type="file")]


# What people change for once. Places come with what stands before the value.
PLACES = (
    *("/hostname=", "/process/args=", "/process/cwd=", "/process/env/-=", "/process/terminal=", "/process/user/uid="),
    *("/root/readonly=", "/mounts/-=", "/linux/resources/memory/limit=", "/linux/resources/pids/limit="),
    *("/linux/resources/cpu/quota=", "/linux/resources/cpu/shares=", "/linux/resources/cpu/cpus="),
)


def places(_context: click.Context, _parameter: click.Parameter, beginning: str) -> list[CompletionItem]:
    return [CompletionItem(place) for place in PLACES if place.startswith(beginning)]


def nothing(_context: click.Context, _parameter: click.Parameter, _beginning: str) -> list[CompletionItem]:
    return []


ARGUMENTS = {
    "id": ids,
    "ids": ids,
    "signal": signals,
    "process": ids,
    "shell": shells,
    "target": directories,
    "bundle": directories,
    "action": lab_actions,
    "lab": labs,
    "engine": engines,
    "timeline": paths,
    "deed": network_deeds,
    "network": networks,
    "image": images,
    "names": stored_images,
    "directory": directories,
}
METAVARS = {
    "DIR": directories,
    "IMAGE": images,
    "FILE": paths,
    "SOCKET": paths,
    "PID|ID": ids,
    "NETWORK": networks,
    "WHAT": protections_or_all,
    "NAME": protections,
    "POINTER=VALUE": places,
}


def of_argument(command: str, name: str) -> Any:
    """What completes an argument. A container that is to be created is not there yet."""
    if (command, name) == ("images", "action"):
        return image_actions
    return nothing if (command, name) == ("create", "id") else ARGUMENTS.get(name, nothing)


def of_option(option: Option) -> Any:
    """What completes an option's value; None leaves the choices that it may have to click."""
    return METAVARS.get(option.metavar)
