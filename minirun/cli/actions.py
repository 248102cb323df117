"""What the commands do: from the values of a command line to the runtime, and from its end to an exit status."""

from __future__ import annotations

import os
import sys

from .. import operations
from ..errors import MinirunError, StateError, unexpected
from ..kernel import signals
from ..operations import checked_id
from .output import say
from .table import Call
from .values import (
    absolute,
    cgroup_manager,
    creation_options,
    criu_wishes,
    each,
    level,
    log,
    root,
    watched,
    which,
    with_config,
    without_lost_log,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from ..plan.options import Options


def perform(call: Call) -> int:
    """Do what the command line says; the exit status. Every failure ends here, told in one piece on stderr."""
    values = call.named
    try:
        return action_for(call.command)(values)
    except BrokenPipeError:  # "minirun list | head": nobody wants to read the rest
        return 128 + signals.SIGPIPE
    except MinirunError as error:
        tell(str(error), values)
        return error.exit_status
    except Exception as error:
        tell(unexpected(error) + trace(error, values), values)
        return 1


def action_for(command: str) -> Callable[[Mapping[str, Any]], int]:
    """The function for a command. Those that only look at something are apart: a run needs none of them."""
    if command in ACTIONS:
        return ACTIONS[command]
    from .looking import ACTIONS as LOOKING

    return LOOKING[command]


def trace(error: Exception, values: Mapping[str, Any]) -> str:
    """Of a fault of minirun's, where it is, for who wants to know; what the kernel has refused is none."""
    if level(values) != "debug" or isinstance(error, OSError):
        return ""
    import traceback

    return f"\n{traceback.format_exc()}"


def tell(message: str, values: Mapping[str, Any]) -> None:
    from ..runtime.log import Log

    try:
        log(values).error(message)
    except StateError:
        Log().error(message)


def perform_run(values: Mapping[str, Any]) -> int:
    """minirun run"""
    if "seal" not in values["without"]:
        seal(values)  # before anything else is imported: here the program may start again

    if is_image(values["target"]):
        from .looking import images_room

        values = images_room().as_bundle(values)
    bundle, name = which(values["target"], values["bundle"], values["id"], values["config"])
    options = creation_options(values, bundle, operations.new_id() if name is None else name)
    return with_config(values, options, lambda config: run_with(config, options, values))


IMAGES = ("oci:", "docker-archive:", "tar:", "docker:")  # images/reference.py, which a plain run does not import


def is_image(target: str | None) -> bool:
    return target is not None and target.startswith(IMAGES) and not os.path.exists(target)


def run_with(config: bytes | None, options: Options, values: Mapping[str, Any]) -> int:
    if values["without"]:
        options = left_out(options, config, values)
    run_log = watched(values)
    if os.isatty(2):
        run_log.told = tell_unknown_names(config, options, values)
    return operations.run_bundle(options, run_log, config=config, stay=not values["detach"], keep=values["keep"])


def tell_unknown_names(config: bytes | None, options: Options, values: Mapping[str, Any]) -> frozenset[str]:
    """A person at a terminal may wonder; an engine would show it as an error. The places that it was about."""
    if values["log"] or values["log_format"] != "text":
        return frozenset()
    from ..spec.load import content
    from .unknown_names import warn

    file = content(options.bundle, options.config)
    return warn(file, file if config is None else config, log(values))


def seal(values: Mapping[str, Any]) -> None:
    """Keep the interpreter out of the container's reach; --debug tells how."""
    from ..runtime import seal as sealing

    tell = log(values).debug if level(values) == "debug" else sealing.nobody
    sealing.seal(sys.argv[1:], tell)


def left_out(options: Options, config: bytes | None, values: Mapping[str, Any]) -> Options:
    """The same without what is to be left out, and a warning of each. Raises StateError."""
    from ..runtime.caller import as_caller_or_root
    from ..teach.left_out import checked, warnings

    options = options.replace(without=checked(values["without"], values["i_know"]))
    for told in tuple(warnings(as_caller_or_root(options, config), config)):
        log(values).warning(told)
    return options


def create(values: Mapping[str, Any]) -> int:
    """minirun create"""
    seal(values)

    options = creation_options(values, values["bundle"] or ".", values["id"]).replace(wait_for_start=True)
    told = watched(values)
    return with_config(values, options, lambda config: operations.run_bundle(options, told, config=config, stay=False))


def start(values: Mapping[str, Any]) -> int:
    """minirun start"""
    from .environment import notify_socket

    return operations.start(root(values), values["id"], watched(values), notify_socket())


def execute(values: Mapping[str, Any]) -> int:
    """minirun exec"""
    seal(values)

    from ..plan.exec import ExecOptions
    from ..runtime.exec import Wishes
    from .environment import listeners

    wishes = Wishes(
        args=tuple(values["arguments"]),
        file=absolute(values["process"]),
        cwd=values["cwd"] or "",
        env=tuple(values["env"]),
        user=values["user"] or "",
        additional_gids=tuple(values["additional_gids"]),
        capabilities=tuple(values["cap"]),
        no_new_privileges=values["no_new_privs"],
        terminal=values["tty"],
        selinux_label=values["process_label"] or "",
        apparmor_profile=values["apparmor"] or "",
    )
    listen_fds, listen_names = listeners()
    options = ExecOptions(
        preserve_fds=values["preserve_fds"],
        pid_file=absolute(values["pid_file"]),
        console_socket=absolute(values["console_socket"]),
        detach=values["detach"],
        cgroup=values["cgroup"] or "",
        pidfd_socket=absolute(values["pidfd_socket"]),
        listen_fds=listen_fds,
        listen_names=listen_names,
    )
    name, paused = values["id"], values["ignore_paused"]
    return operations.execute(root(values), name, wishes, options, watched(values), ignore_paused=paused)


def pause(values: Mapping[str, Any]) -> int:
    """minirun pause"""
    operations.pause(root(values), values["id"])
    return 0


def resume(values: Mapping[str, Any]) -> int:
    """minirun resume"""
    operations.resume(root(values), values["id"])
    return 0


def kill(values: Mapping[str, Any]) -> int:
    """minirun kill"""
    word = values["signal"] or "TERM"
    each(values, lambda name: operations.kill(root(values), name, word, everything=values["all"]))
    return 0


def update(values: Mapping[str, Any]) -> int:
    """minirun update"""
    from ..runtime.update import read_change

    file = values["resources"] or ""
    change = read_change(file if file == "-" else absolute(file), values)  # before anything is locked
    operations.update(root(values), values["id"], change, log(values))
    return 0


def checkpoint(values: Mapping[str, Any]) -> int:
    """minirun checkpoint"""
    operations.checkpoint(root(values), values["id"], criu_wishes(values), watched(values))
    return 0


def restore(values: Mapping[str, Any]) -> int:
    """minirun restore"""
    from ..plan.options import Options

    options = Options(
        id=checked_id(values["id"]),
        bundle=absolute(values["bundle"] or "."),
        root=root(values),
        pid_file=absolute(values["pid_file"]),
        console_socket=absolute(values["console_socket"]),
        detach=values["detach"],
        cgroup_manager=cgroup_manager(values),
    )
    wishes, told, stay = criu_wishes(values), watched(values), not values["detach"]
    return with_config(
        values, options, lambda config: operations.restore(options, wishes, told, config=config, stay=stay)
    )


def delete(values: Mapping[str, Any]) -> int:
    """minirun delete"""
    told = watched(without_lost_log(values) if values["force"] else values)
    each(values, lambda name: operations.delete(root(values), name, told, force=values["force"]))
    return 0


def completion(values: Mapping[str, Any]) -> int:
    """minirun completion"""
    from .commands import program
    from .completion import script

    say(script(program(perform), values["shell"]) + "\n")
    return 0


ACTIONS = {
    "run": perform_run,
    "create": create,
    "start": start,
    "exec": execute,
    "pause": pause,
    "resume": resume,
    "kill": kill,
    "update": update,
    "checkpoint": checkpoint,
    "restore": restore,
    "delete": delete,
    "completion": completion,
}
