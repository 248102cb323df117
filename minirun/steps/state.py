"""The books of a container: a directory of its own below the runtime's, named after its id."""

from __future__ import annotations

import json
import os
from errno import EACCES, EEXIST, ENOENT, EROFS

from ..kernel import files
from ..kernel.libc import SystemCallError
from .step import RUNTIME, Context, Refused, Step

DEFAULT_ROOT = "/run/minirun"


class MakeStateDirectory(Step):
    """mkdir(2) either makes the directory or fails: that is what makes an id belong to one container only."""

    runs_in = RUNTIME
    chapter = "state"
    man = "mkdir(2)"
    spec = "runtime.md#create"
    cures = {
        EACCES: "the state directory belongs to root: use sudo, or name another with --root",
        EROFS: "name a directory that can be written with --root",
    }

    root: str
    id: str

    def describe(self) -> str:
        return f"take the id {self.id}: make {self.root}/{self.id}"

    def shell(self) -> str:
        return f"mkdir -p {self.root} && mkdir -m 711 {self.root}/{self.id}"

    def apply(self, context: Context) -> None:
        for _attempt in range(100):  # another container's end may remove an empty root just now
            self.make_root(context)
            try:
                files.mkdir(f"{self.root}/{self.id}", 0o711)
                return
            except SystemCallError as error:
                if error.errno == ENOENT:
                    continue
                self.remove_root(context)
                if error.errno == EEXIST:
                    raise Refused("container with given ID already exists", "choose another id") from None
                raise
        raise Refused(f"{self.root} is taken away again and again", "name another directory with --root")

    def undo(self, context: Context) -> None:
        directory = f"{self.root}/{self.id}"
        if os.path.isdir(directory):  # somebody may have tidied up before us
            for name in os.listdir(directory):
                os.unlink(f"{directory}/{name}")
            os.rmdir(directory)
        self.remove_root(context)

    def remove_root(self, context: Context) -> None:
        """The last one closes the door: an empty root goes, unless the user made it."""
        for directory in [*reversed(context.made), DEFAULT_ROOT]:
            if f"{self.root}/".startswith(f"{directory}/"):
                try:
                    os.rmdir(directory)
                except OSError:
                    pass  # other containers live there

    def make_root(self, context: Context) -> None:
        """mkdir -p, noting what was not there."""
        missing = []
        directory = self.root
        while not os.path.isdir(directory):
            missing.append(directory)
            directory = os.path.dirname(directory)
        for directory in reversed(missing):
            os.makedirs(directory, 0o711, exist_ok=True)
            context.made.append(directory)


class WriteState(Step):
    """Write down what `state` needs to know, whole or not at all. The status itself is derived from the process."""

    runs_in = RUNTIME
    chapter = "state"
    man = "rename(2)"
    spec = "runtime.md#state"

    directory: str
    id: str
    bundle: str
    oci_version: str
    annotations: tuple[tuple[str, str], ...] = ()

    def describe(self) -> str:
        return f"write {self.directory}/state.json"

    def shell(self) -> str:
        return f"echo … > {self.directory}/state.json.new && mv {self.directory}/state.json{{.new,}}"

    def apply(self, context: Context) -> None:
        state = {
            "ociVersion": self.oci_version,
            "id": self.id,
            "pid": context.pid,
            "pidStartTime": start_time(context.pid),
            "bundle": self.bundle,
            "cgroup": context.cgroup,
            "annotations": dict(self.annotations),
        }
        path = f"{self.directory}/state.json"
        files.create_file(f"{path}.new", (json.dumps(state, indent=2) + "\n").encode(), 0o600)
        os.rename(f"{path}.new", path)


def start_time(pid: int) -> int:
    """When the process started, in clock ticks since boot (proc(5), field 22 of stat): with it a pid is unique."""
    stat = files.read_file(f"/proc/{pid}/stat")
    return int(stat.rpartition(")")[2].split()[19])
