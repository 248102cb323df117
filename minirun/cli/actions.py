"""What the commands do: from the values of a command line to the runtime, and from its end to an exit status."""

from __future__ import annotations

import os
import signal
import sys

from ..errors import MinirunError, StateError
from .table import Call

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ..plan.container import Options
    from ..runtime.log import Log

ID_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+.-")


def perform(call: Call) -> int:
    """Do what the command line says; the exit status. Every failure ends here, told in one piece on stderr."""
    values = call.named
    try:
        status = ACTIONS[call.command](values)
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # "minirun list | head": nobody wants to read the rest
        os.dup2(os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC), 1)
        return 128 + signal.SIGPIPE
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

    from ..runtime.run import run as run_container

    bundle, name = which(values["target"], values["bundle"], values["id"])
    options = creation_options(values, bundle, os.urandom(6).hex() if name is None else name)
    return run_container(options, log(values), stay=not values["detach"], keep=values["keep"])


def create(values: Mapping[str, Any]) -> int:
    """minirun create"""
    from ..runtime.seal import seal

    seal(sys.argv[1:])

    from ..runtime.run import run as run_container

    options = creation_options(values, values["bundle"] or ".", values["id"])
    return run_container(options.replace(wait_for_start=True), log(values), stay=False)


def creation_options(values: Mapping[str, Any], bundle: str, name: str) -> Options:
    from ..plan.container import Options

    return Options(
        id=checked_id(name),
        bundle=os.path.abspath(bundle),
        root=root(values),
        preserve_fds=values["preserve_fds"],
        no_pivot=values["no_pivot"],
        pid_file=absolute(values["pid_file"]),
        console_socket=absolute(values["console_socket"]),
        detach=values.get("detach", True),
    )


def start(values: Mapping[str, Any]) -> int:
    """minirun start"""
    from ..runtime import lifecycle

    lifecycle.start(root(values), checked_id(values["id"]), log(values))
    return 0


def execute(values: Mapping[str, Any]) -> int:
    """minirun exec"""
    from ..runtime.seal import seal

    seal(sys.argv[1:])

    from ..plan.exec import ExecOptions
    from ..runtime import exec as runtime

    wishes = runtime.Wishes(
        args=tuple(values["arguments"]),
        file=absolute(values["process"]),
        cwd=values["cwd"] or "",
        env=tuple(values["env"]),
        user=values["user"] or "",
        additional_gids=tuple(values["additional_gids"]),
        capabilities=tuple(values["cap"]),
        no_new_privileges=values["no_new_privs"],
        terminal=values["tty"],
    )
    options = ExecOptions(
        preserve_fds=values["preserve_fds"],
        pid_file=absolute(values["pid_file"]),
        console_socket=absolute(values["console_socket"]),
        detach=values["detach"],
        cgroup=values["cgroup"] or "",
    )
    name, paused = checked_id(values["id"]), values["ignore_paused"]
    return runtime.execute(root(values), name, wishes, options, log(values), ignore_paused=paused)


def state(values: Mapping[str, Any]) -> int:
    """minirun state"""
    import json

    from ..runtime import books

    print(json.dumps(books.find(root(values), checked_id(values["id"])).state(), indent=2))
    return 0


def list_containers(values: Mapping[str, Any]) -> int:
    """minirun list"""
    from ..runtime import overview

    print(overview.list_containers(root(values), values["format"], values["quiet"]), end="")
    return 0


def ps(values: Mapping[str, Any]) -> int:
    """minirun ps"""
    from ..runtime import overview

    print(overview.list_processes(root(values), checked_id(values["id"]), values["format"]), end="")
    return 0


def pause(values: Mapping[str, Any]) -> int:
    """minirun pause"""
    from ..runtime import freezer

    freezer.pause(root(values), checked_id(values["id"]))
    return 0


def resume(values: Mapping[str, Any]) -> int:
    """minirun resume"""
    from ..runtime import freezer

    freezer.resume(root(values), checked_id(values["id"]))
    return 0


def kill(values: Mapping[str, Any]) -> int:
    """minirun kill"""
    from ..runtime import books, lifecycle

    number = books.signal_number(values["signal"] or "TERM")
    lifecycle.kill(root(values), checked_id(values["id"]), number, everything=values["all"])
    return 0


def update(values: Mapping[str, Any]) -> int:
    """minirun update"""
    from ..runtime import update as runtime

    file = values["resources"] or ""
    change = runtime.read_change(file if file == "-" else absolute(file), values)  # before anything is locked
    runtime.update(root(values), checked_id(values["id"]), change, log(values))
    return 0


def events(values: Mapping[str, Any]) -> int:
    """minirun events"""
    from ..runtime import events as runtime

    name, once = checked_id(values["id"]), values["stats"]
    runtime.events(root(values), name, None if once else runtime.seconds(values["interval"]))
    return 0


def delete(values: Mapping[str, Any]) -> int:
    """minirun delete"""
    from ..runtime import lifecycle

    lifecycle.delete(root(values), checked_id(values["id"]), log(values), force=values["force"])
    return 0


def log(values: Mapping[str, Any]) -> Log:
    from ..runtime.log import Log

    return Log(values["log"], values["log_format"], values["debug"])


def root(values: Mapping[str, Any]) -> str:
    directory: str = values["root"]
    return os.path.abspath(directory)


def absolute(path: str | None) -> str:
    """A path as it is meant here and now; "" for none."""
    return os.path.abspath(path) if path else ""


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


def validate(values: Mapping[str, Any]) -> int:
    """minirun validate"""
    from ..runtime.validate import Report
    from ..runtime.validate import validate as problems

    report = Report(problems(values["bundle"] or "."))
    print(report.json() if values["format"] == "json" else report.text(), end="")
    return report.exit_status


def features(values: Mapping[str, Any]) -> int:
    """minirun features"""
    import json

    from ..runtime.features import features

    print(json.dumps(features(), indent=2))
    return 0


ACTIONS = {
    "run": run,
    "create": create,
    "start": start,
    "exec": execute,
    "state": state,
    "list": list_containers,
    "ps": ps,
    "pause": pause,
    "resume": resume,
    "kill": kill,
    "update": update,
    "events": events,
    "delete": delete,
    "spec": spec,
    "validate": validate,
    "features": features,
}
