"""`hooks` -> the steps that run them. Where they stand among the others, container.py says."""

from __future__ import annotations

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
    from ..steps import hooks

    step, status = hooks.KINDS[kind]
    more = (config.process.env,) if kind == "startContainer" and config.process else ()
    return [
        step(kind, status, hooks.Program(*entry.values()), state, f"/hooks/{kind}/{index}", *more)
        for index, entry in enumerate(entries)
    ]


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
