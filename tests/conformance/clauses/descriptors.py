"""runtime-linux.md"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..suite import clause, expect

if TYPE_CHECKING:
    from ..container import Container

KEPT = (
    "By default, only the `stdin`, `stdout` and `stderr` file descriptors are kept open for the application by "
    "the runtime."
)
LINKS = {
    "/dev/fd": "/proc/self/fd",
    "/dev/stdin": "/proc/self/fd/0",
    "/dev/stdout": "/proc/self/fd/1",
    "/dev/stderr": "/proc/self/fd/2",
}


@clause("runtime-linux.md#file-descriptors", KEPT)
def only_the_standard_streams_are_open(container: Container) -> None:
    expect("the open descriptors", sorted(container.look("fds")["fds"]), ["0", "1", "2"])


@clause("runtime-linux.md#file-descriptors", KEPT)
def descriptors_of_the_caller_are_closed(container: Container) -> None:
    inherited = os.open("/etc/passwd", os.O_RDONLY)
    try:
        told = container.look("fds", pass_fds=[inherited])["fds"]
    finally:
        os.close(inherited)
    expect("the open descriptors", sorted(told), ["0", "1", "2"])


@clause("runtime-linux.md#file-descriptors", KEPT)
def the_standard_streams_are_the_callers(container: Container) -> None:
    result = container.run("cat", stdin="to and fro\n")
    expect("what came back, and standard error", (result.stdout, result.stderr), ("to and fro\n", "11 bytes\n"))


@clause(
    "runtime-linux.md#dev-symbolic-links",
    (
        "While creating the container (step 2 in the lifecycle), runtimes MUST create the following symlinks if "
        "the source file exists after processing `mounts`"
    ),
    each=LINKS,
)
def a_symbolic_link_in_dev(container: Container, path: str) -> None:
    expect(path, container.look_once("stat", *LINKS)[path].get("target"), LINKS[path])
