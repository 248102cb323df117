"""What the values of a command line stand for: a directory, a container, a log, the options of a plan."""

from __future__ import annotations

import os

from .. import operations
from ..errors import ConfigError, MinirunError, StateError
from ..operations import checked_id
from .output import say, say_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from ..plan.options import Options
    from ..runtime.log import Log
    from ..steps.criu import Wishes


PID_DIGITS = 7  # the kernel counts up to 4194304 (proc_sys_kernel(5), pid_max)


def with_config(values: Mapping[str, Any], options: Options, act: Callable[[bytes | None], int]) -> int:
    """Call `act` with config.json as --set has it, None for the file as it is. A ConfigError leaves with its line."""
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


def criu_wishes(values: Mapping[str, Any]) -> Wishes:
    """What both have in common, and what one of them has. Raises StateError."""
    from .criu import wishes

    images = absolute(values["image_path"] or "checkpoint")
    return wishes(values, images, absolute(values["work_path"]) or images)


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


def pid_of(word: str, values: Mapping[str, Any]) -> int:
    """A pid, or the process of the container that is called so. Raises StateError."""
    if word.isascii() and word.isdigit() and len(word) <= PID_DIGITS:
        return int(word)
    found = operations.state(root(values), word)
    pid: int = found["pid"]
    if not pid:
        raise StateError(f"container {word} is {found['status']}: there is no process to look at")
    return pid
