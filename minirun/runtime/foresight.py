"""What the steps of a plan would find, as far as a look at the host and the bundle tells. Nothing is changed.

Almost all of it is a warning: what is missing now may be there when the container is made.
"""

from __future__ import annotations

import errno
import os
import stat

from ..kernel import files, processes
from ..kernel.constants import CAPABILITIES
from ..kernel.libc import SystemCallError
from ..plan.rootfs import plain
from ..record import Record
from ..spec.clauses import clause
from ..steps.binds import BindMount
from ..steps.home import MakeWorkingDirectory
from ..steps.hooks import RunHook
from ..steps.joining import OpenNamespace
from ..steps.mapped_mounts import OpenMappedMount
from ..steps.other_roots import ChangeRoot
from ..steps.program import FindProgram
from ..steps.rootfs import BindRootfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..errors import ConfigError
    from ..spec.config import Capabilities, Config, Process
    from ..steps.step import Step

ERROR, WARNING = "error", "warning"


class Finding(Record):
    """Something that is wrong with a bundle, or may be. `pointer` is a JSON pointer (RFC 6901) into config.json."""

    level: str
    pointer: str
    message: str
    cure: str
    excerpt: str = ""  # the line where it stands, for people
    line: int = 0  # the number of that, if it is in a file

    @property
    def clause(self) -> str:
        return clause(self.pointer)

    def to_json(self) -> dict[str, object]:
        """`line` is null where there is none to look up."""
        told = {name: getattr(self, name) for name in ("level", "pointer", "message", "cure", "clause")}
        return told | {"line": self.line or None}

    @classmethod
    def of_error(cls, error: ConfigError) -> Finding:
        return cls(ERROR, error.pointer, error.found, error.allowed, error.excerpt())


CHROOT = Finding(
    WARNING,
    "/linux/namespaces",
    "no mount namespace: the root is only a chroot, which a process with CAP_SYS_CHROOT leaves again; minirun exec "
    "enters it, too, but nsenter(1) without --root begins in the host's root",
    'an entry {"type": "mount"}',
)


def look_ahead(config: Config, steps: Sequence[Step]) -> Iterator[Finding]:
    """What can be told before a step is done."""
    places = {plain(mount.destination) for mount in config.mounts}
    root = next((step.path for step in steps if isinstance(step, BindRootfs)), "")
    for step in steps:
        if isinstance(step, BindRootfs):
            yield from look_for_root(step)
        elif isinstance(step, (BindMount, OpenMappedMount)):
            yield from look_for_source(step)
        elif isinstance(step, OpenNamespace):
            yield from look_for_path(step.path, step.origin, "a namespace, such as /proc/PID/ns/net")
        elif isinstance(step, RunHook):
            yield from look_for_hook(step, root, places)
        elif isinstance(step, MakeWorkingDirectory):
            yield from look_for_directory(step, root, places)
        elif isinstance(step, ChangeRoot):
            yield CHROOT
        elif isinstance(step, FindProgram) and config.process:
            yield from look_for_program(step, root, places, config.process)
    if config.process:
        yield from look_at_capabilities(config.process)


# ---- files of the host


def look_for_root(step: BindRootfs) -> Iterator[Finding]:
    """config.md#root: a directory MUST exist at the path."""
    trouble = trouble_with(os.path.join(step.path, ""))  # stat(2) takes a directory only, if the path ends with /
    if trouble:
        yield Finding(
            ERROR, step.origin, f"{step.path!r}: {trouble}", "a directory, absolute or relative to the bundle"
        )


def look_for_source(step: BindMount | OpenMappedMount) -> Iterator[Finding]:
    """Not for one that lies below the container's root, where mounts may put it, nor for where a symlink leads that is
    meant itself."""
    of_container = step.inside if isinstance(step, BindMount) else step.is_copied
    is_symlink = isinstance(step, BindMount) and not step.follow and os.path.islink(step.source)
    if not of_container and not is_symlink:
        yield from look_for_path(step.source, f"{step.origin}/source", "a file or directory of the host")


def look_for_path(path: str, pointer: str, meant: str) -> Iterator[Finding]:
    trouble = trouble_with(path)
    if trouble:
        yield Finding(WARNING, pointer, f"{path!r}: {trouble}", f"{meant}, by the time that the container is made")


def trouble_with(path: str) -> str:
    """What stat(2) has to say against the path, but for what may be different for whoever makes the container."""
    try:
        os.stat(path)
    except PermissionError:
        return ""
    except OSError as error:
        return (error.strerror or "").lower()
    return ""


def look_for_hook(step: RunHook, root: str, places: set[str]) -> Iterator[Finding]:
    """config.md#posix-platform-hooks: those of startContainer are programs of the container, the others of the host."""
    path, is_inside = step.program.path, step.kind == "startContainer"
    if is_inside and is_mounted(path, places):
        return
    if is_program(root if is_inside else "/", path) is False:
        where = "in the root file system, where this hook is looked up" if is_inside else "on the host"
        yield Finding(
            WARNING, f"{step.origin}/path", f"{path!r} is no program {where}", "an executable file (chmod +x)"
        )


def look_for_directory(step: MakeWorkingDirectory, root: str, places: set[str]) -> Iterator[Finding]:
    """Not for one below a mount, where nobody can see it yet."""
    if not is_mounted(step.path, places) and kind_of(root, step.path) == 0:
        message = f"{step.path!r} is not in the root file system: a run makes it, empty and root's"
        yield Finding(WARNING, step.origin, message, "a directory of the image, if another one is meant")


# ---- the program


def look_for_program(step: FindProgram, root: str, places: set[str], process: Process) -> Iterator[Finding]:
    """Where execvp(3) would look, but for what is in a mount."""
    directories = [""] if "/" in step.name else step.path.split(":")
    candidates = [os.path.join(process.cwd, directory, step.name) for directory in directories]
    if any(is_mounted(path, places) for path in candidates):
        return
    if all(is_program(root, path) is False for path in candidates):
        way = "" if "/" in step.name else f" by the PATH {step.path!r}"
        yield Finding(
            WARNING,
            step.origin,
            f"{step.name!r} is no program in the root file system{way}",
            "an executable file of the image, by its whole path or with its directory in the PATH of /process/env",
        )


def is_mounted(path: str, places: set[str]) -> bool:
    """Whether what is there will be a mount's: of one at that place, or on the way to it."""
    way = plain(path)
    while way not in places and way != os.path.dirname(way):
        way = os.path.dirname(way)
    return way in places


def is_program(root: str, path: str) -> bool | None:
    """Whether a file that somebody may execute stands there, with `root` for "/"; None where that can't be told."""
    mode = kind_of(root, path)
    return None if mode is None else stat.S_ISREG(mode) and bool(mode & 0o111)


def kind_of(root: str, path: str) -> int | None:
    """st_mode (inode(7)) of what is there; 0 if nothing is, None where that can't be told."""
    try:
        directory = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        place = files.open_in_root(directory, path, os.O_PATH | os.O_CLOEXEC)
    except SystemCallError as error:
        return 0 if error.errno in (errno.ENOENT, errno.ENOTDIR) else None
    finally:
        os.close(directory)
    mode = os.fstat(place).st_mode
    os.close(place)
    return mode


# ---- capabilities


def look_at_capabilities(process: Process) -> Iterator[Finding]:
    """config.md#linux-process: what can't be granted MUST be a warning."""
    granted = process.capabilities
    if granted is None:
        return
    for kind, names in zip(granted.fields, granted.values()):
        for index, name in enumerate(names):
            place = f"/process/capabilities/{kind}/{index}"
            if name not in CAPABILITIES:
                continue  # near_misses.py
            if not processes.knows_capability(CAPABILITIES.index(name)):
                yield Finding(WARNING, place, f"this kernel does not know {name!r}", "a name of capabilities(7)")
            elif kind == "ambient" and not is_granted(name, process.user.uid, granted):
                yield Finding(WARNING, place, f"{name} has no effect", "permitted and inheritable have to list it, too")
            elif kind == "effective" and name not in granted.permitted:
                yield Finding(WARNING, place, f"{name} has no effect", "permitted has to list it, too")


def is_granted(name: str, uid: int, granted: Capabilities) -> bool:
    """capabilities(7): execve(2) gives user 0 what is permitted and in the bounding set, and others what is ambient."""
    return name in granted.permitted and (name in granted.inheritable or (uid == 0 and name in granted.bounding))
