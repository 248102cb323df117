"""`hooks`: programs that run at certain moments of the container's life (config.md#posix-platform-hooks)."""

from __future__ import annotations

from .config import Hook, Hooks
from .load_process import read_variable
from .reader import Node, refuse_more_than

MOST_HOOKS = 1000
LONGEST = 2**31 // 1000 - 1  # seconds: poll(2) counts milliseconds in an int


def read_hooks(node: Node) -> Hooks:
    return Hooks(
        prestart=node.maybe("prestart", read_several) or (),
        create_runtime=node.maybe("createRuntime", read_several) or (),
        create_container=node.maybe("createContainer", read_several) or (),
        start_container=node.maybe("startContainer", read_several) or (),
        poststart=node.maybe("poststart", read_several) or (),
        poststop=node.maybe("poststop", read_several) or (),
    )


def read_several(node: Node) -> tuple[Hook, ...]:
    """Those of one moment, each of which is a program to wait for."""
    refuse_more_than(MOST_HOOKS, node)
    return node.every(read_hook)


def read_hook(node: Node) -> Hook:
    """Without `args`, the program is its own first argument, as execv(3) would want it."""
    path = node.need("path").absolute_path()
    return Hook(
        path=path,
        args=node.each("args", Node.string) or (path,),
        env=node.maybe("env", read_variables),
        timeout=node.number("timeout", 1, LONGEST),
    )


def read_variables(node: Node) -> tuple[str, ...]:
    return node.every(read_variable)
