"""The commands that change no container: they look at one, at a bundle, or at what minirun can do."""

from __future__ import annotations

import os
import sys

from .. import operations, quick_json
from ..errors import StateError
from .output import say_json, show
from .values import (
    creation_options,
    log,
    named_root,
    pid_of,
    printing,
    root,
    which,
    with_config,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import ModuleType
    from typing import Any

    from ..runtime.foresight import Finding


def state(values: Mapping[str, Any]) -> int:
    """minirun state"""

    say_json(quick_json.dumps(operations.state(root(values), values["id"]), indent=2) + "\n")
    return 0


def list_containers(values: Mapping[str, Any]) -> int:
    """minirun list"""
    from ..runtime import overview

    found = operations.containers(named_root(values))
    printing(values)(overview.list_containers(found, values["format"], values["quiet"]))
    return 0


def ps(values: Mapping[str, Any]) -> int:
    """minirun ps"""
    from ..runtime import overview

    found = operations.processes(root(values), values["id"])
    printing(values)(overview.list_processes(found, values["format"], values["ps_options"]))
    return 0


def events(values: Mapping[str, Any]) -> int:
    """minirun events"""

    from ..runtime.events import seconds

    interval = None if values["stats"] else seconds(values["interval"])
    for event in operations.events(root(values), values["id"], interval):
        say_json(quick_json.dumps(event) + "\n")
    return 0


def stats(values: Mapping[str, Any]) -> int:
    """minirun stats"""
    from ..runtime.events import seconds
    from .stats import stats as print_usage

    if values["format"] == "prometheus":
        return in_prometheus_format(values)
    interval = None if values["interval"] is None else seconds(values["interval"])
    return print_usage(root(values), values["id"], interval, values["json"] or values["format"] == "json")


def in_prometheus_format(values: Mapping[str, Any]) -> int:
    from .metrics import in_room, print_exposition

    if values["json"] or values["interval"] is not None:
        raise StateError("--format prometheus is printed once, for who asks again\n  allowed: beside it only ids")
    return in_room(lambda: print_exposition(named_root(values), values["id"]))


def metrics(values: Mapping[str, Any]) -> int:
    """minirun metrics"""
    from .metrics import in_room, serve_metrics

    return in_room(lambda: serve_metrics(named_root(values), values, log(values).warning))


def health(values: Mapping[str, Any]) -> int:
    """minirun health"""
    from .metrics import check_health, in_room

    return in_room(lambda: check_health(root(values), values, log(values).warning))


def trace_of_run(values: Mapping[str, Any]) -> int:
    """minirun trace"""
    from .metrics import in_room, trace_timeline

    return in_room(lambda: trace_timeline(values))


def top(values: Mapping[str, Any]) -> int:
    """minirun top"""
    from ..runtime.events import seconds
    from .top import top as show_usage

    return show_usage(root(values), values["id"], seconds(values["interval"]))


def spec(values: Mapping[str, Any]) -> int:
    """minirun spec"""
    change = None
    if values["network"] or values["publish"]:
        from .network import connection

        change = connection(values)
    operations.write_default_config(values["bundle"], rootless=values["rootless"], name=values["file"], change=change)
    return 0


def network(values: Mapping[str, Any]) -> int:
    """minirun network"""
    from . import network as networks

    return networks.network(values)


def validate(values: Mapping[str, Any]) -> int:
    """minirun validate"""
    from ..runtime.validate import Report

    report = Report(findings(values["bundle"] or ".", values["set"]))
    printing(values)(report.json() if values["format"] == "json" else report.text())
    return report.exit_status


def findings(bundle: str, lines: Sequence[str]) -> list[Finding]:
    if not lines:
        return operations.validate(bundle)
    from .setting import findings_of

    return findings_of(bundle, lines)


def explain(values: Mapping[str, Any]) -> int:
    """minirun explain"""
    if values["image"]:
        return of_images("explain_image")(values)
    from . import explain as explaining

    bundle, name = which(values["target"], values["bundle"], values["id"], values["config"])
    from ..runtime.caller import as_caller_or_root

    told = {**values, "root": values["root"] or explaining.default_root()}
    options = creation_options(told, bundle, explaining.name_of(bundle) if name is None else name)

    def act(config: bytes | None) -> int:
        explaining.explain(as_caller_or_root(options, config), {**values, "config_text": config})
        return 0

    return with_config(values, options, act)


def inspect(values: Mapping[str, Any]) -> int:
    """minirun inspect"""
    from ..teach import inspection, inspection_text
    from .terminal import columns, painting

    process = inspection.look(pid_of(values["process"], values))
    if values["against"]:
        against = inspection.look(pid_of(values["against"], values))
    else:
        against = inspection.look(os.getpid()).replace(command="minirun itself")
    if values["format"] == "json":
        say_json(inspection_text.json(process, against))
    else:
        show(inspection_text.text(process, against, columns(sys.stdout), painting(sys.stdout)))
    return 0


def lab(values: Mapping[str, Any]) -> int:
    """minirun lab"""
    from . import lab as labs

    return labs.lab(values)


def setup(values: Mapping[str, Any]) -> int:
    """minirun setup"""
    from . import setup as engines

    return engines.setup(values)


def features(values: Mapping[str, Any]) -> int:
    """minirun features"""

    say_json(quick_json.dumps(operations.features(), indent=2) + "\n")
    return 0


# ---- images


def images_room() -> ModuleType:
    """What has to do with images; it may be missing. Raises StateError."""
    from . import images

    images.look_for_room()
    return images


def of_images(name: str) -> Callable[[Mapping[str, Any]], int]:
    return lambda values: int(getattr(images_room(), name)(values))


ACTIONS = {
    "state": state,
    "list": list_containers,
    "ps": ps,
    "events": events,
    "stats": stats,
    "top": top,
    "metrics": metrics,
    "health": health,
    "trace": trace_of_run,
    "spec": spec,
    "network": network,
    "pull": of_images("pull"),
    "bundle": of_images("bundle"),
    "images": of_images("images"),
    "diff": of_images("diff"),
    "validate": validate,
    "explain": explain,
    "inspect": inspect,
    "lab": lab,
    "setup": setup,
    "features": features,
}
