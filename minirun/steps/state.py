"""The books of a container: a directory of its own below the runtime's, named after its id."""

from __future__ import annotations

import os
import time
from errno import EACCES, EEXIST, ENOENT, ENOTDIR, EROFS

from .. import quick_json
from ..kernel import files, locks, processes
from ..kernel.libc import Flags, SystemCallError, show
from .layout import DEFAULT_ROOT, LIFE, LOCK, STATE, users_root
from .shell import quoted
from .step import RUNTIME, Context, Refused, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .world import World


class MakeStateDirectory(Step):
    """mkdir(2) either makes the directory or fails: that is what makes an id belong to one container only."""

    runs_in = RUNTIME
    is_undone_last = True  # who is to try again goes by the books
    chapter = "books"
    man = "mkdir(2)"
    spec = "runtime.md#create"
    cures = {
        EACCES: "the directory is another user's: as root use sudo; else name your own with --root, or with "
        "XDG_RUNTIME_DIR, which su(1) leaves as it was",
        EROFS: "name a directory that can be written with --root",
        EEXIST: "the state directory must be a directory: name another with --root",
        ENOTDIR: "every name on the way to the state directory must be a directory: name another with --root",
    }

    root: str
    id: str

    def describe(self) -> str:
        return f"take the id {self.id}: make {self.root}/{self.id}"

    def shell(self) -> str:
        return f"mkdir -p {quoted(self.root)} && mkdir -m 711 {quoted(self.root)}/{self.id}"

    def calls(self) -> tuple[str, ...]:
        return (show("mkdir", f"{self.root}/{self.id}", files.octal(0o711)),)

    def effect(self, world: World) -> World:
        return world.noting("lock")

    def apply(self, context: Context) -> None:
        for _attempt in range(100):  # another container's end may remove an empty root just now
            self.make_root(context)
            try:
                files.mkdir(f"{self.root}/{self.id}", 0o711)
                return self.own(context)
            except SystemCallError as error:
                if error.errno == ENOENT:
                    continue
                self.remove_root(context)
                if error.errno == EEXIST:
                    raise Refused("container with given ID already exists", "choose another id") from None
                raise
        raise Refused(f"{self.root} is taken away again and again", "name another directory with --root")

    def own(self, context: Context) -> None:
        """Without its lock a directory would keep the id from others, and be nobody's."""
        try:
            context.lock = locks.open(f"{self.root}/{self.id}/{LOCK}", make=True)
            locks.wait_for(context.lock, LIFE)
            context.owns_id = True
        except OSError:
            self.undo(context)
            raise

    def undo(self, context: Context) -> None:
        directory = f"{self.root}/{self.id}"
        if files.is_there(directory):  # somebody may have tidied up before us
            remove_books(directory)
        self.remove_root(context)

    def remove_root(self, context: Context) -> None:
        """The last one closes the door: an empty root goes, unless the user made it."""
        for directory in [*reversed(context.made), DEFAULT_ROOT, users_root()]:
            if directory and f"{self.root}/".startswith(f"{directory}/"):
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
            # Roots of user namespaces come through root's own. The sticky bit keeps what is in a user's from being
            # tidied up when it is old (XDG Base Directory Specification).
            os.makedirs(directory, 0o711 if os.geteuid() == 0 else 0o1700, exist_ok=True)
            context.made.append(directory)


def remove_books(directory: str) -> None:
    """First goes what tells of a container, and last the lock: after a failure, or a kill, it is then as if a `create`
    had been killed, and `delete --force` removes the rest."""
    names = sorted(os.listdir(directory), key=lambda name: (name != STATE, name == LOCK))
    other = next((name for name in names if is_directory(f"{directory}/{name}")), "")
    if other:
        raise Refused(f"{directory}/{other} is a directory, and not minirun's")
    for name in names:
        os.unlink(f"{directory}/{name}")
    files.rmdir(directory)


def is_directory(path: str) -> bool:
    return os.path.isdir(path) and not os.path.islink(path)


class SaveConfig(Step):
    """Keep config.json as it is now: what becomes of it later must not matter to this container."""

    runs_in = RUNTIME
    chapter = "books"
    man = "write(2)"
    spec = "runtime.md#lifecycle"

    directory: str
    source: str

    def describe(self) -> str:
        return f"keep a copy of {self.source} in {self.directory}"

    def shell(self) -> str:
        return f"cp {quoted(self.source)} {quoted(self.directory)}/config.json"

    def calls(self) -> tuple[str, ...]:
        return show_new_file(f"{self.directory}/config.json", 0o600)

    def effect(self, world: World) -> World:
        return world.noting("config.json")

    def apply(self, context: Context) -> None:
        files.create_file(f"{self.directory}/config.json", context.config, 0o600)


class ReplaceConfig(Step):
    """Keep config.json as an update has made it: the next update begins from it, and `delete` makes its plan of it."""

    runs_in = RUNTIME
    chapter = "books"
    man = "rename(2)"

    directory: str

    def describe(self) -> str:
        return f"keep the changed config.json in {self.directory}"

    def shell(self) -> str:
        return f"echo … > {quoted(self.directory)}/new && mv {quoted(self.directory)}/{{new,config.json}}"

    def calls(self) -> tuple[str, ...]:
        return show_replaced_file(f"{self.directory}/config.json", 0o600)

    def apply(self, context: Context) -> None:
        files.replace_file(f"{self.directory}/config.json", context.config, 0o600)


class WriteState(Step):
    """Write down what other commands need to know, whole or not at all. The status is not among it: the kernel knows
    better (runtime/books.py)."""

    runs_in = RUNTIME
    chapter = "books"
    man = "rename(2)"
    spec = "runtime.md#state"

    directory: str
    id: str
    bundle: str
    rootfs: str
    oci_version: str
    annotations: tuple[tuple[str, str], ...]
    options: tuple[tuple[str, object], ...]  # of the command line, with which the same plan can be made again
    complete: bool

    def describe(self) -> str:
        return f"write {self.directory}/state.json: the container is {'created' if self.complete else 'being created'}"

    def shell(self) -> str:
        return f"echo … > {quoted(self.directory)}/new && mv {quoted(self.directory)}/{{new,state.json}}"

    def calls(self) -> tuple[str, ...]:
        return show_replaced_file(f"{self.directory}/state.json", 0o600)

    def effect(self, world: World) -> World:
        return world.noting("state.json")

    def apply(self, context: Context) -> None:
        context.created = context.created or time.time()
        state = {
            "ociVersion": self.oci_version,
            "id": self.id,
            "pid": context.pid,
            "pidStartTime": start_time(context.pid),
            "bundle": self.bundle,
            "rootfs": self.rootfs,
            "created": context.created,
            "complete": self.complete,
            "annotations": dict(self.annotations),
            "cgroup": context.cgroup,
            "cgroupInode": context.cgroup_inode,
            "made": context.made,
            "steps": context.total,
            "options": dict(self.options),
        }
        files.replace_file(f"{self.directory}/state.json", quick_json.dumps(state, indent=2).encode() + b"\n", 0o600)


def start_time(pid: int) -> int:
    """Of the container's process; 0 where there is none yet, or it has ended and is gone."""
    stat = processes.stat_fields(pid) if pid else None
    return processes.start_time(stat) if stat else 0


def show_new_file(path: str, mode: int) -> tuple[str, ...]:
    """The calls of files.create_file."""
    flags = files.open_flags(os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC)
    return ("file = " + show("open", path, flags, files.octal(mode)), show("write", Flags("file"), Flags("content")))


def show_replaced_file(path: str, mode: int) -> tuple[str, ...]:
    """The calls of files.replace_file."""
    directory, _, name = path.rpartition("/")
    new = f"{directory}/.{name}.{{pid}}"
    return (*show_new_file(new, mode), show("rename", new, path))
