"""Where hooks write to, if somebody wants to read it although they succeed: a file of the host's."""

from __future__ import annotations

import os
from errno import EACCES, EISDIR, ENOENT, ENXIO

from ..kernel import files
from ..kernel.libc import show
from .named_file import open_to_append
from .shell import quoted
from .step import RUNTIME, Context, Step

FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
MODE = 0o600


class OpenHookOutput(Step):
    """Open the file while it can be: hooks of the container's have another root, and other rights."""

    runs_in = RUNTIME
    chapter = "hooks"
    man = "open(2)"
    cures = {
        ENOENT: "the directory must be there",
        EACCES: "minirun's user must be allowed to write there",
        EISDIR: "name a file",
        ENXIO: "somebody must read from a FIFO before something is written to it",
    }

    path: str
    origin: str

    def describe(self) -> str:
        return f"open {self.path}, to which hooks write"

    def shell(self) -> str:
        return f"(umask 077; : >>{quoted(self.path)})"

    def calls(self) -> tuple[str, ...]:
        return (show("open", self.path, files.open_flags(FLAGS), files.octal(MODE)),)

    def apply(self, context: Context) -> None:
        hook_output(self.path, context)


def hook_output(path: str, context: Context) -> int:
    """A descriptor of the file. `start` and `delete` run hooks as well, and open it when it is needed."""
    if path not in context.hook_output:
        context.hook_output[path] = open_to_append(path, MODE)
    return context.hook_output[path]
