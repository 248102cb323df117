"""CRI-O: a file of its own among those that are read after crio.conf (crio.conf.d(5))."""

from __future__ import annotations

import json

from . import block
from .engine import NAME, Engine, Wish, indented, runtime_class


def file(wish: Wish) -> str:
    return f"{wish.root}/etc/crio/crio.conf.d/50-minirun.conf"  # it has no user's own


def lines(_text: str, wish: Wish) -> str:
    default = ["[crio.runtime]", f"default_runtime = {json.dumps(NAME)}", ""] if wish.default else []
    own = [f"runtime_path = {json.dumps(wish.launcher)}", 'runtime_type = "oci"', 'runtime_root = "/run/minirun"']
    return "\n".join([*default, f"[crio.runtime.runtimes.{NAME}]", *own, ""])


def put_in(text: str | None, wish: Wish) -> str:
    return block.put_in(text, lines("", wish))


def afterwards(_wish: Wish) -> str:
    return (
        "  sudo systemctl restart crio\n"
        f"  kubectl apply -f FILE   # of a pod's runtimeClassName: {NAME}; the FILE:\n\n{indented(runtime_class())}"
    )


CRIO = Engine(file, lines, put_in, block.take_out, afterwards)
