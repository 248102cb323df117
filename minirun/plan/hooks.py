"""`hooks` -> the steps that run them. Where they stand among the others, container.py says."""

from __future__ import annotations

from ..steps import hooks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..spec.config import Config, Hook
    from ..steps.step import Step
    from .options import Options


def hook_steps(config: Config, kind: str, state: hooks.State) -> list[Step]:
    """The hooks of one kind, in the order of config.json."""
    entries: tuple[Hook, ...] = getattr(config.hooks, FIELDS[kind])
    step, status = KINDS[kind]
    return [
        step(kind, status, hooks.Program(*entry.values()), state, f"/hooks/{kind}/{index}")
        for index, entry in enumerate(entries)
    ]


def poststop_steps(config: Config, state: hooks.State) -> list[Step]:
    """The last one first, because they are undone in reverse."""
    return hook_steps(config, "poststop", state)[::-1]


# kind: who runs it, and what the container's status is then (runtime.md#lifecycle)
KINDS: dict[str, tuple[type[hooks.RunHook], str]] = {
    "prestart": (hooks.RunHook, "creating"),
    "createRuntime": (hooks.RunHook, "creating"),
    "createContainer": (hooks.RunContainerHook, "creating"),
    "startContainer": (hooks.RunStartContainerHook, "created"),
    "poststart": (hooks.RunHook, "running"),
    "poststop": (hooks.RunPoststopHook, "stopped"),
}

FIELDS = {
    "prestart": "prestart",
    "createRuntime": "create_runtime",
    "createContainer": "create_container",
    "startContainer": "start_container",
    "poststart": "poststart",
    "poststop": "poststop",
}


def told_to_others(config: Config, options: Options) -> hooks.State:
    return hooks.State(config.oci_version, options.id, options.bundle, tuple(sorted(config.annotations.items())))
