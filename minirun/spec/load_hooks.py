"""`hooks`: programs that run at certain moments of the container's life (config.md#posix-platform-hooks)."""

from __future__ import annotations

from .config import Hook, Hooks
from .load_process import read_variable
from .reader import Node

LONGEST = 2**31 // 1000 - 1  # seconds: poll(2) counts milliseconds in an int


def read_hooks(node: Node) -> Hooks:
    return Hooks(
        prestart=node.each("prestart", read_hook),
        create_runtime=node.each("createRuntime", read_hook),
        create_container=node.each("createContainer", read_hook),
        start_container=node.each("startContainer", read_hook),
        poststart=node.each("poststart", read_hook),
        poststop=node.each("poststop", read_hook),
    )


def read_hook(node: Node) -> Hook:
    """Without `args`, the program is its own first argument, as execv(3) would want it."""
    path = node.need("path").absolute_path()
    return Hook(
        path=path,
        args=node.each("args", Node.string) or (path,),
        env=node.each("env", read_variable),
        timeout=node.number("timeout", 1, LONGEST),
    )
