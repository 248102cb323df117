"""What the commands do: from the values of a command line to the runtime, and from its end to an exit status."""

from __future__ import annotations

import os
import sys

from .. import operations, quick_json
from ..errors import ConfigError, MinirunError, StateError, unexpected
from ..kernel import signals
from ..operations import checked_id
from .output import say, say_json, show
from .table import Call

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from ..plan.options import Options
    from ..runtime.foresight import Finding
    from ..runtime.log import Log
    from ..steps.criu import Wishes


PID_DIGITS = 7  # the kernel counts up to 4194304 (proc_sys_kernel(5), pid_max)


def perform(call: Call) -> int:
    """Do what the command line says; the exit status. Every failure ends here, told in one piece on stderr."""
    values = call.named
    try:
        return ACTIONS[call.command](values)
    except BrokenPipeError:  # "minirun list | head": nobody wants to read the rest
        return 128 + signals.SIGPIPE
    except MinirunError as error:
        tell(str(error), values)
        return error.exit_status
    except Exception as error:
        tell(unexpected(error) + trace(error, values), values)
        return 1


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

    bundle, name = which(values["target"], values["bundle"], values["id"], values["config"])
    options = creation_options(values, bundle, operations.new_id() if name is None else name)
    return with_config(values, options, lambda config: run_with(config, options, values))


def run_with(config: bytes | None, options: Options, values: Mapping[str, Any]) -> int:
    if values["without"]:
        options = left_out(options, config, values)
    if os.isatty(2):
        tell_unknown_names(config, options, values)
    return operations.run_bundle(
        options, watched(values), config=config, stay=not values["detach"], keep=values["keep"]
    )


def tell_unknown_names(config: bytes | None, options: Options, values: Mapping[str, Any]) -> None:
    """A person at a terminal may wonder; an engine would show it as an error."""
    if values["log"] or values["log_format"] != "text":
        return
    from ..spec.load import content
    from .unknown_names import warn

    file = content(options.bundle, options.config)
    warn(file, file if config is None else config, log(values))


def with_config(values: Mapping[str, Any], options: Options, act: Callable[[bytes | None], int]) -> int:
    """Act on config.json as --set has it; None is for the file as it is. A ConfigError has its line then."""
    if not values["set"] and not values.get("print_config"):
        try:
            return act(None)
        except ConfigError as error:
            raise in_its_line(error, options) from None
    from .setting import with_changes

    return with_changes(values, options.bundle, options.config, act)


def in_its_line(error: ConfigError, options: Options) -> ConfigError:
    """From the file once more: to keep what was read would be for this alone. It may be another by now."""
    from ..spec.lines import located
    from ..spec.load import content, decode

    try:
        data = content(options.bundle, options.config)
        decode(data)
    except MinirunError:
        return error
    return located(error, data)


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


def creation_options(values: Mapping[str, Any], bundle: str, name: str) -> Options:
    from ..plan.options import Options
    from .environment import listeners, notify_socket

    listen_fds, listen_names = listeners()
    return Options(
        id=checked_id(name),
        bundle=absolute(bundle),
        root=root(values),
        preserve_fds=values["preserve_fds"],
        no_pivot=values["no_pivot"],
        pid_file=absolute(values["pid_file"]),
        console_socket=absolute(values["console_socket"]),
        detach=values.get("detach", True),
        config=absolute(values["config"]),
        pidfd_socket=absolute(values["pidfd_socket"]),
        new_keyring=not values["no_new_keyring"],
        cgroup_manager=cgroup_manager(values),
        listen_fds=listen_fds,
        listen_names=listen_names,
        notify_socket=notify_socket(),
    )


def cgroup_manager(values: Mapping[str, Any]) -> str:
    return operations.cgroup_manager("systemd" if values["systemd_cgroup"] else values["cgroup_manager"])


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


def criu_wishes(values: Mapping[str, Any]) -> Wishes:
    """What both have in common, and what one of them has. Raises StateError."""
    from .criu import wishes

    images = absolute(values["image_path"] or "checkpoint")
    return wishes(values, images, absolute(values["work_path"]) or images)


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


def delete(values: Mapping[str, Any]) -> int:
    """minirun delete"""
    told = watched(without_lost_log(values) if values["force"] else values)
    each(values, lambda name: operations.delete(root(values), name, told, force=values["force"]))
    return 0


def without_lost_log(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """An engine that tidies up may have removed the log's directory first. The container has to go all the same."""
    path = (values["log"] or "").removeprefix("file:")
    is_lost = path.startswith("/") and not os.path.isdir(os.path.dirname(path))
    return {**values, "log": None} if is_lost else values


def each(values: Mapping[str, Any], act: Callable[[str], None]) -> None:
    """Act on the container of this id; with --regex on every one whose id matches, and then tell all that failed."""
    if not values["regex"]:
        return act(values["id"])
    failures = []
    for name in operations.matching(root(values), values["id"]):
        try:
            act(name)
        except MinirunError as error:
            failures.append(f"{name}: {error}")
    if failures:
        raise StateError("\n".join(failures))
    return None


def printing(values: Mapping[str, Any]) -> Callable[[str], None]:
    """How to print what a command makes for people, or with --format json for programs."""
    return say_json if values["format"] == "json" else say


def log(values: Mapping[str, Any]) -> Log:
    from ..runtime.log import Log

    return Log(values["log"], values["log_format"], level(values))


def watched(values: Mapping[str, Any]) -> Log:
    """The log of a command that walks down a plan."""
    told = log(values)
    if values["narrate"] or any(values.get(name) for name in ("narrate_full", "step", "timeline", "predictions")):
        from .watching import observer

        told.observer = observer(values)
    return told


def level(values: Mapping[str, Any]) -> str:
    word: str = values["log_level"]
    return "debug" if values["debug"] else word


def root(values: Mapping[str, Any]) -> str:
    directory: str | None = values["root"]
    if directory is None:
        return operations.default_root()
    return absolute(directory) or os.getcwd()


def named_root(values: Mapping[str, Any]) -> str:
    """The same, for who looks at all of it. One that the caller names has to be there, or an empty answer would hide
    that it is another than the one where the containers are. Raises StateError."""
    directory = root(values)
    if values["root"] is not None and not os.path.isdir(directory):
        raise StateError(
            f"can't list the containers of {directory!r}: no such directory\n"
            "  cure:  --root has to be what it was when they were created"
        )
    return directory


def absolute(path: str | None) -> str:
    """A path as it is meant here and now; "" for none. Raises StateError."""
    try:
        return os.path.abspath(path) if path else ""
    except FileNotFoundError:  # getcwd(2)
        raise StateError(
            f"can't find {path!r}: the current directory has been removed\n  cure:  cd to another, or give whole paths"
        ) from None


def which(
    target: str | None, bundle: str | None, name: str | None, config: str | None = None
) -> tuple[str, str | None]:
    """Bundle and id. TARGET is a bundle if it holds a config.json, or if nothing else can be one."""
    if bundle is not None or target is None:
        return bundle or ".", target if name is None else name
    is_bundle = os.path.exists(f"{target}/config.json") or "/" in target
    if is_bundle or not (config or os.path.exists("config.json")):
        return target, name
    return ".", target if name is None else name


def spec(values: Mapping[str, Any]) -> int:
    """minirun spec"""
    operations.write_default_config(values["bundle"], rootless=values["rootless"], name=values["file"])
    return 0


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


def pid_of(word: str, values: Mapping[str, Any]) -> int:
    """A pid, or the process of the container that is called so. Raises StateError."""
    if word.isascii() and word.isdigit() and len(word) <= PID_DIGITS:
        return int(word)
    found = operations.state(root(values), word)
    pid: int = found["pid"]
    if not pid:
        raise StateError(f"container {word} is {found['status']}: there is no process to look at")
    return pid


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
    "state": state,
    "list": list_containers,
    "ps": ps,
    "pause": pause,
    "resume": resume,
    "kill": kill,
    "update": update,
    "checkpoint": checkpoint,
    "restore": restore,
    "events": events,
    "stats": stats,
    "top": top,
    "metrics": metrics,
    "health": health,
    "trace": trace_of_run,
    "delete": delete,
    "spec": spec,
    "validate": validate,
    "explain": explain,
    "inspect": inspect,
    "lab": lab,
    "setup": setup,
    "features": features,
    "completion": completion,
}
