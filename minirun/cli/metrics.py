"""What the room of the metrics does for the command line: `stats --format prometheus`, `metrics`, `health`, `trace`.

minirun works without that room, and says so here where it is missing."""

from __future__ import annotations

import os

from .. import operations
from ..errors import StateError
from .output import say, say_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from ..metrics.health import HealthCheck
    from ..metrics.notifying import Manager
    from ..runtime.books import Container

    Values = Mapping[str, Any]
    Warn = Callable[[str], None]

ROOM = "minirun.metrics"


def in_room(act: Callable[[], int]) -> int:
    """Raises StateError where minirun was installed without the room."""
    try:
        return act()
    except ModuleNotFoundError as error:
        if (error.name or "").startswith(ROOM):
            raise StateError("this minirun has no metrics room: minirun/metrics was left out") from None
        raise


# ---- numbers


def print_exposition(root: str, names: tuple[str, ...]) -> int:
    """`stats --format prometheus`. Raises StateError where one that is named is not there."""
    from ..metrics.families import Collector, exposition
    from ..metrics.library import PROMETHEUS, need

    need(PROMETHEUS)
    for name in names:
        operations.state(root, name)
    say(exposition(Collector(root, names)))
    return 0


def serve_metrics(root: str, values: Values, warn: Warn) -> int:
    """`metrics`, until a signal asks for an end."""
    from ..metrics.families import Collector
    from ..metrics.library import PROMETHEUS, need
    from ..metrics.server import listen, serve, url
    from ..metrics.start_up import timelines

    need(PROMETHEUS)
    directory = os.path.abspath(values["timelines"]) if values["timelines"] else ""
    if directory:
        timelines(directory)
    server = listen(values["listen"], values["public"], Collector(root, timelines=directory), warn)
    manager = manager_of(warn)

    def ready() -> None:
        say(f"{url(server)}\n")
        manager.hear("READY=1")

    serve(server, ready)
    return 0


def manager_of(warn: Warn) -> Manager:
    from ..metrics.notifying import Manager
    from .environment import notify_socket

    return Manager(notify_socket(), warn)


# ---- health


def check_health(root: str, values: Values, warn: Warn) -> int:
    """`health`; the exit status is 0 where the container is healthy."""
    from ..metrics.waiting import Stopped
    from ..metrics.watching import EXIT_STATUS, health_once

    name = operations.checked_id(values["id"])
    if values["watch"] or values["notify"]:
        return watch_over(root, name, values, warn)
    if values["interval"] is not None or values["retries"] is not None:
        raise StateError("--interval and --retries are about more than one check\n  allowed: with --watch or --notify")
    try:
        status, told = health_once(root, name, lambda container: check_of(container, values))
    except Stopped as stopped:
        return 128 + stopped.number
    say_health(status, told)
    return EXIT_STATUS[status]


def watch_over(root: str, name: str, values: Values, warn: Warn) -> int:
    from ..metrics.notifying import Manager
    from ..metrics.watching import watch_health

    if values["notify"] and not os.environ.get("NOTIFY_SOCKET"):
        raise StateError(
            "--notify: nobody wants to hear, there is no NOTIFY_SOCKET\n"
            "  cure:  for a unit of systemd: Type=notify, NotifyAccess=all"
        )
    manager = manager_of(warn) if values["notify"] else Manager("", warn)
    watch_health(root, name, lambda container: check_of(container, values), manager, say_health)
    return 0


def say_health(status: str, told: str) -> None:
    say(f"{status}{': ' if told else ''}{told}\n")


def check_of(container: Container, values: Values) -> HealthCheck:
    from ..metrics.health import health_check

    words = tuple(values["arguments"])
    options = {name: values[name] for name in ("interval", "timeout", "start_period", "retries")}
    return health_check(container.facts["annotations"], words[words[:1] == ("--",) :], options)


# ---- traces


def trace_timeline(values: Values) -> int:
    """`trace`."""
    from ..metrics.timelines import recording
    from ..metrics.trace import as_lines, send, spans
    from ..teach.whole_file import save

    if values["otlp"] and values["output"]:
        raise StateError("to a collector, or into a file?\n  allowed: one of --otlp and --output")
    found = spans(recording(values["timeline"]), os.environ)
    if not found:
        raise StateError(
            "TRACEPARENT says that its trace is not recorded\n  cure:  its last two digits are 01, if it is"
        )
    if values["otlp"]:
        send(found, values["otlp"])
    elif values["output"]:
        save(os.path.abspath(values["output"]), as_lines(found))
    else:
        say_json(as_lines(found))
    return 0
