"""`minirun update`: other limits for a container that is there."""

from __future__ import annotations

import os
import sys

from .. import quick_json
from ..errors import ConfigError, MinirunError, StateError
from ..plan.update import update_plan
from ..safe import safe
from ..spec.load import decode, parse
from ..spec.load_resources import read_resources
from ..spec.reader import Node
from ..spec.sizes import size, whole
from ..spec.update import asked_for, changed, concerned
from ..steps.layout import LIMITS
from ..steps.step import Channel
from .books import ALIVE, Container, find_own
from .lock import Lock
from .own_signals import Signals
from .remade import config_of, context_of, options_of
from .undo import undo
from .walk import do

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ..plan.options import Options
    from ..steps.step import Context, Step
    from .log import Log

    Json = dict[str, Any]

# What the command line calls the properties of /linux/resources, and how it writes their values.
SIZE, NUMBER, TEXT = "size", "number", "text"
FLAGS = (
    ("memory", "memory", "limit", SIZE),
    ("memory_reservation", "memory", "reservation", SIZE),
    ("memory_swap", "memory", "swap", SIZE),
    ("kernel_memory", "memory", "kernel", SIZE),
    ("kernel_memory_tcp", "memory", "kernelTCP", SIZE),
    ("cpu_period", "cpu", "period", NUMBER),
    ("cpu_quota", "cpu", "quota", NUMBER),
    ("cpu_burst", "cpu", "burst", NUMBER),
    ("cpu_share", "cpu", "shares", NUMBER),
    ("cpu_rt_period", "cpu", "realtimePeriod", NUMBER),
    ("cpu_rt_runtime", "cpu", "realtimeRuntime", NUMBER),
    ("cpu_idle", "cpu", "idle", NUMBER),
    ("cpuset_cpus", "cpu", "cpus", TEXT),
    ("cpuset_mems", "cpu", "mems", TEXT),
    ("blkio_weight", "blockIO", "weight", NUMBER),
    ("pids_limit", "pids", "limit", NUMBER),
    ("l3_cache_schema", "intelRdt", "l3CacheSchema", TEXT),
    ("mem_bw_schema", "intelRdt", "memBwSchema", TEXT),
)


def update(root: str, name: str, change: Json, log: Log) -> None:
    """Change the limits of a container that runs, is paused or waits for start, all or none. Raises MinirunError."""
    lock = Lock(root, name, LIMITS)
    own = Signals()  # nothing interrupts it half way
    try:
        container = find_own(root, name)
        if container.status() not in ALIVE:
            raise StateError(f"container not running: {name}")
        container.own_cgroup()
        apply_change(container, change, log)
    finally:
        own.close()
        lock.release()


def apply_change(container: Container, change: Json, log: Log) -> None:
    config = decode(config_of(container))
    assert isinstance(config, dict)
    context = context_of(container, log, Channel())
    wanted, steps = planned(config, change, options_of(container))
    context.config = (quick_json.dumps(wanted, indent="\t") + "\n").encode()
    apply_all(steps, context, log)


def planned(config: Json, change: Json, options: Options) -> tuple[Json, tuple[Step, ...]]:
    """The config.json as the change makes it, and the steps that lead there. Raises MinirunError."""
    asked = asked_for(change)
    try:
        wanted = changed(config, asked)
        after = parse(wanted)
        resources = read_resources(Node(concerned(asked, wanted), "/linux/resources"))
        return wanted, update_plan(parse(config), after, resources, options)
    except ConfigError as error:
        raise explained(error) from None


def explained(error: ConfigError) -> MinirunError:
    """The same in the words of an update, which is no config.json."""
    place = error.pointer.removeprefix("/linux").removeprefix("/resources")
    return MinirunError(f"can't update {place}: {error.found}\n  allowed: {error.allowed}")


def apply_all(steps: tuple[Step, ...], context: Context, log: Log) -> None:
    """All steps, or none."""
    applied: list[Step] = []
    try:
        for index, step in enumerate(steps):
            do(step, index, steps, context, log)
            applied.append(step)
    except BaseException:
        undo(applied, context, log)
        for failure in context.left:
            log.warning(safe(failure))
        raise
    finally:
        for new, old in context.filters_before.values():
            os.close(new)
            os.close(old)


# ---- what is asked for


def read_change(file: str, flags: Mapping[str, str | None]) -> Json:
    """A file's resources, "-" being stdin, with those of the command line over them. Raises MinirunError."""
    change = from_file(file) if file else {}
    for flag, group, key, kind in FLAGS:
        word = flags[flag]
        if word is not None:
            members = change.get(group) or {}
            change[group] = Node(members, f"/{group}").object() | {key: value_of(word, kind, flag)}
    if not change and not file:
        raise StateError(
            "there is nothing to update\n  cure:  name a limit, such as --memory 64M: minirun update --help"
        )
    return change


def from_file(file: str) -> Json:
    try:
        if file == "-":
            data = sys.stdin.buffer.read()
        else:
            with open(file, "rb") as stream:
                data = stream.read()
        return dict(Node(decode(data), "").object())
    except OSError as error:
        raise StateError(f"can't read the resources from {safe(file)}: {error.strerror}") from None
    except ConfigError as error:
        raise StateError(
            f"can't read the resources from {safe(file)}: {error.found}\n  allowed: {error.allowed}"
        ) from None


def value_of(word: str, kind: str, flag: str) -> str | int:
    if kind == TEXT:
        return word
    number = size(word) if kind == SIZE else whole(word)
    if number is None:
        unit = ", or with a unit such as 64M" if kind == SIZE else ""
        raise StateError(f"--{flag.replace('_', '-')}: found {word!r}\n  allowed: a whole number{unit}")
    return number
