"""What one can do with containers, each thing one function. The command line (cli/) and the Python interface (api/) are
two doors to these functions: neither reaches past them to what happens in runtime/.

They take plain values and records of plain values, so that a call can be sent to another process as JSON. Some fork,
or change what belongs to the whole process: its signals, its umask, its name. The command line is a process of its own;
a program that uses minirun as a library is not, so for those api/process.py makes one (api/worker.py lists them).

Each function imports its part of the runtime itself: a command needs one of them, and starting up has to be quick.
"""

from __future__ import annotations

import os

from .errors import StateError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from .plan.exec import ExecOptions
    from .plan.options import Options
    from .runtime.exec import Wishes as ExecWishes
    from .runtime.foresight import Finding
    from .runtime.log import Log
    from .runtime.run import Ready
    from .runtime.usage import Watch
    from .steps.criu import Wishes

ID_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+.-")


def new_id() -> str:
    """An id for a container that nobody has named."""
    return os.urandom(6).hex()


def default_root() -> str:
    """Where the caller's containers have their state, unless told otherwise. Raises StateError."""
    from .runtime.caller import default_root as of_caller

    return of_caller()


def checked_id(name: str) -> str:
    """The id, if it can be the name of a directory and nothing else. Raises StateError."""
    if not name or name in (".", "..") or not ID_CHARACTERS.issuperset(name):
        raise StateError(
            f"invalid container ID format: {name!r}\n  allowed: letters, digits and _ + - . but not . or .. alone"
        )
    return name


def cgroup_manager(word: str) -> str:
    """Who makes the cgroup, for the books and the commands that go by them: of systemd there are two."""
    if word != "systemd":
        return word
    from .cgroups.systemd_bus import is_users

    return "systemd-user" if is_users() else word


# ---- that make something; runtime.md#operations has create and start apart


def run_bundle(
    options: Options,
    log: Log,
    *,
    config: bytes | None = None,
    stay: bool = True,
    keep: bool = False,
    ready: Ready | None = None,
) -> int:
    """Run a container, or create it (`options.wait_for_start`). With `stay`, until its end; its exit status."""
    from .runtime.run import run_container

    checked_id(options.id)
    return run_container(options, log, config=config, stay=stay, keep=keep, ready=ready)


def start(root: str, name: str, log: Log, notify: str = "") -> int:
    """Let a created container run its program, and wait until it is ready where `notify` is to hear of that; the exit
    status."""
    from .runtime import start as runtime

    return runtime.start(root, checked_id(name), log, notify)


def execute(
    root: str,
    name: str,
    wishes: ExecWishes,
    options: ExecOptions,
    log: Log,
    *,
    ignore_paused: bool = False,
    ready: Ready | None = None,
) -> int:
    """Run a further program in a container, to its end unless it is detached; its exit status."""
    from .runtime import exec as runtime

    return runtime.execute(root, checked_id(name), wishes, options, log, ignore_paused=ignore_paused, ready=ready)


def restore(options: Options, wishes: Wishes, log: Log, *, config: bytes | None = None, stay: bool = True) -> int:
    """Make a container of a checkpoint. With `stay`, until its end; its exit status."""
    from .runtime import checkpoint as runtime

    checked_id(options.id)
    return runtime.restore(options, wishes, log, config=config, stay=stay)


# ---- that ask


def state(root: str, name: str) -> dict[str, Any]:
    """The state of a container (runtime.md#state). Raises StateError."""
    from .runtime import books

    return books.find(root, checked_id(name)).state()


def containers(root: str) -> Iterator[dict[str, Any]]:
    """The state of each container, in the order of their ids."""
    from .runtime import overview

    return overview.containers(root)


def processes(root: str, name: str) -> list[int]:
    """The processes of a container, as this process sees them."""
    from .runtime import books
    from .runtime.members import processes_of

    return processes_of(books.find(root, checked_id(name)))


def events(root: str, name: str, interval: float | None) -> Iterator[dict[str, Any]]:
    """What a container uses, now and after each `interval` of seconds (None: only now), and when it runs out of memory.
    Raises StateError."""
    from .runtime import events as runtime

    return runtime.events(root, checked_id(name), interval)


def watch(root: str, names: tuple[str, ...]) -> Watch:
    """What running containers use, these or all, each time that one looks. Raises StateError."""
    from .runtime.usage import Watch

    return Watch(root, tuple(map(checked_id, names)))


def matching(root: str, pattern: str) -> list[str]:
    """The ids of the containers in which a regular expression finds something. Raises StateError."""
    from .runtime import overview

    return overview.matching(root, pattern)


def features() -> dict[str, Any]:
    """What this program can do (features.md)."""
    from .runtime.features import features as all_features

    return all_features()


# ---- that change something


def kill(root: str, name: str, word: str, *, everything: bool = False) -> None:
    """Send a signal, given as a number or a name, to the container's process or to all of them. Raises StateError."""
    from .runtime import books
    from .runtime import kill as runtime

    runtime.kill(root, checked_id(name), books.signal_number(word), everything=everything)


def pause(root: str, name: str) -> None:
    """Stop all processes of a container, without their noticing. Raises StateError."""
    from .runtime import freezer

    freezer.pause(root, checked_id(name))


def resume(root: str, name: str) -> None:
    """Let them go on. Raises StateError."""
    from .runtime import freezer

    freezer.resume(root, checked_id(name))


def update(root: str, name: str, change: dict[str, Any], log: Log) -> None:
    """Change a container's limits, all that are named or none. `change` is like linux.resources in config.json."""
    from .runtime import update as runtime

    runtime.update(root, checked_id(name), change, log)


def checkpoint(root: str, name: str, wishes: Wishes, log: Log) -> None:
    """Write a container to files, and delete it, unless it is to go on."""
    from .runtime import checkpoint as runtime

    runtime.checkpoint(root, checked_id(name), wishes, log)


def delete(root: str, name: str, log: Log, *, force: bool = False) -> None:
    """Remove what is left of a container; with `force`, whatever it is doing."""
    from .runtime import delete as runtime

    runtime.delete(root, checked_id(name), log, force=force)


# ---- bundles


def validate(bundle: str, config: bytes | None = None) -> list[Finding]:
    """What is wrong with a bundle, with `config` in the place of its config.json if it is given."""
    from .runtime.validate import validate as problems

    return problems(bundle, config)


def write_default_config(
    bundle: str,
    *,
    rootless: bool = False,
    name: str = "config.json",
    change: Callable[[dict[str, Any]], None] | None = None,
) -> str:
    """Write a config.json to start from, as `change` has it; its path."""
    from .spec.default import write

    return write(bundle, rootless, name, change)
