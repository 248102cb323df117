"""`hooks` -> the steps that run them. Where they stand among the others, container.py says."""

from __future__ import annotations

from ..spec.config import EXTENSION
from ..steps.told import State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..spec.config import Config, Hook
    from ..steps.step import Step
    from .options import Options


def hook_steps(config: Config, kind: str, state: State) -> list[Step]:
    """The hooks of one kind, in the order of config.json."""
    entries: tuple[Hook, ...] = getattr(config.hooks, FIELDS[kind])
    if not entries:
        return []
    from ..steps.hook_program import Program
    from ..steps.hooks import KINDS

    step, status = KINDS[kind]
    output = config.extensions.hooks_stdout, config.extensions.hooks_stderr
    more = (config.process.env,) if kind == "startContainer" and config.process else ()
    programs = [Program(entry.path, entry.args, entry.env, entry.timeout, *output) for entry in entries]
    return [
        step(kind, status, program, state, f"/hooks/{kind}/{index}", *more) for index, program in enumerate(programs)
    ]


def output_steps(config: Config) -> list[Step]:
    """For the words of all hooks, where somebody wants to have them in a file."""
    told = (("stdout", config.extensions.hooks_stdout), ("stderr", config.extensions.hooks_stderr))
    if not any(path for _stream, path in told) or not any(config.hooks.values()):
        return []
    from ..steps.hook_output import OpenHookOutput

    return [OpenHookOutput(path, f"/annotations/{EXTENSION}hooks.{stream}") for stream, path in told if path]


def hook_file_steps(config: Config, state: State) -> list[Step]:
    """For the startContainer hooks, which come behind the filter."""
    if not config.hooks.start_container:
        return []
    from ..steps.hooks import KINDS, MakeHookFiles

    return [MakeHookFiles(KINDS["startContainer"][1], state)]


def poststop_steps(config: Config, state: State) -> list[Step]:
    """The last one first, because they are undone in reverse."""
    return hook_steps(config, "poststop", state)[::-1]


FIELDS = {
    "prestart": "prestart",
    "createRuntime": "create_runtime",
    "createContainer": "create_container",
    "startContainer": "start_container",
    "poststart": "poststart",
    "poststop": "poststop",
}


def told_to_others(config: Config, options: Options) -> State:
    return State(config.oci_version, options.id, options.bundle, tuple(sorted(config.annotations.items())))
