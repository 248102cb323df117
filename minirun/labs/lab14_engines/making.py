"""What lab 14 needs of Podman: a place of its own, so that a reset takes all of it away, and the three runtimes."""

from __future__ import annotations

import json
import os
import shlex
import shutil
from glob import glob

from ...errors import MinirunError, StateError
from .. import bundles, look, sweep
from ..programs import said

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..desk import Desk

    Json = dict[str, Any]

# containers.conf(5). Nothing of it is in /run/libpod or /dev/shm, which the Podman of the machine uses.
CONTAINERS = """\
[containers]
netns = "none"             # no network: this lab is about something else
log_driver = "k8s-file"    # what a container writes goes into a file

[engine]
runtime = "crun"           # where --runtime says nothing
cgroup_manager = "systemd"
events_logger = "none"
lock_type = "file"
tmp_dir = "{directory}/run/libpod"
runtime_supports_json = ["crun", "runc", "minirun"]

[engine.runtimes]
minirun = ["{minirun}"]

[network]
network_backend = "netavark"
"""
# containers-storage.conf(5)
STORAGE = """\
[storage]
driver = "vfs"             # each layer a directory, copied: works anywhere
graphroot = "{directory}/storage"
runroot = "{directory}/run"
"""
PODMAN = """\
#!/bin/sh
export CONTAINERS_CONF={conf}
export CONTAINERS_STORAGE_CONF={storage}
exec {podman} "$@"
"""
ENGINES = {"podman": "/var/lib/containers/storage/libpod", "docker": "/run/docker.sock"}  # and where it has been used
SUPERVISORS = ("conmon", "podman")
CGROUPFS_PARENT = "/libpod_parent"


def make(desk: Desk) -> None:
    bundles.rootfs(desk.file("rootfs"))
    paths = {"directory": desk.directory, "minirun": program("minirun")}
    conf = desk.write("containers.conf", CONTAINERS.format(**paths))
    storage = desk.write("storage.conf", STORAGE.format(**paths))
    words = {"conf": conf, "storage": storage, "podman": program("podman")}
    desk.write("podman", PODMAN.format(**{name: shlex.quote(word) for name, word in words.items()}), 0o755)


def program(name: str) -> str:
    """Raises StateError."""
    path = shutil.which(name)
    if path is None:
        raise StateError(f"the $PATH does not lead to {name}\n  cure:  a link to it in /usr/local/bin")
    return os.path.abspath(path)


def clear(desk: Desk) -> None:
    """Without Podman, which may be what is broken: first those that would tell it, then the containers."""
    for pid in look.pids():
        words = look.command(pid)
        is_of_podman = bool(words) and os.path.basename(words[0]) in SUPERVISORS
        if is_of_podman and any(sweep.is_below(word, desk.directory) for word in words):
            sweep.end(str(pid))
    for container in containers(desk):
        sweep.delete(container)
    for engine in ENGINES:
        remove_elsewhere(engine, desk.prefix)
    remove_parent()


def containers(desk: Desk) -> list[str]:
    """Those whose bundle is in the directory, each as "runtime id"."""
    from ... import operations

    try:
        found = [("minirun", state) for state in operations.containers(operations.default_root())]
    except MinirunError:
        found = []
    for runtime in ("runc", "crun"):
        found += [(runtime, state) for state in json.loads(said(runtime, "list", "--format", "json") or "[]") or []]
    return [f"{runtime} {state['id']}" for runtime, state in found if sweep.is_below(state["bundle"], desk.directory)]


def remove_elsewhere(engine: str, prefix: str) -> None:
    """What was started by the engine as the machine has it, not by that of the directory."""
    if os.path.exists(ENGINES[engine]):
        names = said(engine, "ps", "--all", "--filter", f"name=^{prefix}", "--format", "{{.Names}}").split()
        if names:
            said(engine, "rm", "--force", *names)


def remove_parent() -> None:
    """Podman never removes the directory above its cgroups, where it has made them itself. While there is something in
    one, rmdir(2) does not, either."""
    parent = look.cgroup(CGROUPFS_PARENT)
    for directory in (*glob(f"{parent}/*/"), parent):
        try:
            os.rmdir(directory)
        except OSError:
            continue
