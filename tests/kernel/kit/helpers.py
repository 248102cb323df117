"""Mounts and processes of the host that a test needs, ended with the test."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from kernel.kit.outside import FILES, Process, children
from kernel.kit.runtime import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

UNSHARE = {
    "pid": "--pid",
    "network": "--net",
    "mount": "--mount",
    "ipc": "--ipc",
    "uts": "--uts",
    "user": "--user",
    "cgroup": "--cgroup",
    "time": "--time",
}


def mount(*words: str | Path) -> None:
    subprocess.run(["mount", *map(str, words)], check=True, timeout=10, capture_output=True)


def unmount(point: Path) -> None:
    subprocess.run(["umount", "--lazy", "--recursive", str(point)], check=False, timeout=10, capture_output=True)


@contextlib.contextmanager
def mount_tree(top: Path) -> Iterator[Path]:
    """A private tmpfs at `top` with another one at `top`/sub: what `bind` and `rbind` differ about."""
    top.mkdir(exist_ok=True)
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", top)
    try:
        (top / "sub").mkdir()
        mount("--make-private", top)
        mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", top / "sub")
        yield top
    finally:
        unmount(top)


@contextlib.contextmanager
def shared_mount(top: Path) -> Iterator[Path]:
    """`top` as a mount of its own that propagates: mount_namespaces(7)."""
    top.mkdir(exist_ok=True)
    mount("--bind", top, top)
    try:
        mount("--make-shared", top)
        yield top
    finally:
        unmount(top)


@contextlib.contextmanager
def namespace_holder(kind: str) -> Iterator[Process]:
    """A process in a new namespace of this kind, for a container to join."""
    sleep = ("sleep", str(120 * PATIENCE))  # the end of one whose test was killed
    with subprocess.Popen(["unshare", UNSHARE[kind], "--fork", "--kill-child", *sleep]) as unshare:
        try:
            yield Process(wait_for_child(unshare.pid, kind))
        finally:
            unshare.send_signal(signal.SIGKILL)
            unshare.wait(10)


def wait_for_child(pid: int, kind: str) -> int:
    """unshare's child, as soon as it is in its new namespace and runs sleep."""
    deadline = time.monotonic() + 10 * PATIENCE
    ours = Process().namespace(kind)
    while time.monotonic() < deadline:
        for child in children(pid):
            with contextlib.suppress(OSError):
                if Process(child).namespace(kind) != ours and Process(child).text("comm") == "sleep":
                    return child
        time.sleep(0.01)
    raise AssertionError(f"unshare made no process in a new {FILES[kind]} namespace")
