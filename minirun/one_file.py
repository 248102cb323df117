"""All of minirun's code that a command needs, in one file.

A run imports a hundred modules. For each one Python searches directories, opens a file and reads it, and makes code of
it by itself, with all the names again that stand in every other one. So when a command has ended well, the code of what
it has imported is written to one file, in the order in which the modules were ready, and next time all of them are
there at once. What a command needs beyond that, for a config.json that asks for more, is imported as ever.

The file is like a .pyc of Python's: it lies beside them, is made by whoever may write there, and can be deleted at any
time. It is not used where Python is another one, one of the sources has changed or moved, or somebody could have
written to it who could not have written to the sources.
"""

from __future__ import annotations

import gc
import marshal
import mmap
import os
import sys
from errno import ENOENT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from io import FileIO
    from types import CodeType
    from typing import Any

    Part = tuple[str, str, tuple[int, int], bool, CodeType]  # name, source and its stamp, whether a package, code
    __loader__: Any

PLACE = "{}/minirun/__pycache__/{}.{}.code"
# For who has time to look, and with what they need so large that a plain command should not have it in its file. And
# click takes longer than all that, and can't be found yet when the file is read.
APART = ("minirun.engines", "minirun.images", "minirun.labs", "minirun.teach", "click")
WRITABLE_BY_OTHERS = 0o022
FOR_ALL_TO_READ = 0o644

used: list[str] | None = None  # by this process; None where nobody has looked: in a test, which has imported more

Loader, Spec = type(__loader__), type(__spec__)  # SourceFileLoader and ModuleSpec, without importlib


def place(home: str, command: str) -> str:
    return PLACE.format(home, command, sys.implementation.cache_tag)


# ---- before the command


def load(home: str, words: list[str]) -> None:
    """Have ready what the command on this command line has needed before."""
    global used
    gc.disable()  # nothing of what is made here goes away again
    used, parts = found(home, words)
    for part in parts:
        make_module(*part)
    gc.freeze()
    gc.enable()


def found(home: str, words: list[str]) -> tuple[list[str], list[Part]]:
    """The first word that has a file. It may be another one than the command's name, such as the container's."""
    for word in words:
        command = word.removeprefix("--")
        if command.isalpha() and (parts := read(home, place(home, command))):
            return [command], parts
    return [], []


def read(home: str, path: str) -> list[Part]:
    """What stands in the file; nothing if it is not to be used."""
    try:
        with open(path, "rb", 0, opener=without_symlink) as file:
            python, sources, parts = content(file) if is_ours(file.fileno(), home) else ("", "", [])
        is_fresh = (python, sources) == (sys.version, home) and all(stamp(part[1]) == part[2] for part in parts)
        return parts if is_fresh else []
    except (OSError, EOFError, ValueError, TypeError):
        return []


def content(file: FileIO) -> Any:
    """Mapped, not read: it is as large as all the rest that a start has in memory. It is never changed in place."""
    with mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as data:
        return marshal.loads(data)


def without_symlink(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)


def is_ours(descriptor: int, home: str) -> bool:
    found, sources = os.fstat(descriptor), os.stat(f"{home}/minirun")
    return found.st_uid in (0, sources.st_uid) and not found.st_mode & WRITABLE_BY_OTHERS


def stamp(source: str) -> tuple[int, int]:
    """What changes with the file, as Python looks at it for a .pyc. Raises OSError."""
    found = os.stat(source)
    return found.st_mtime_ns, found.st_size


def make_module(name: str, source: str, _stamp: tuple[int, int], is_package: bool, code: CodeType) -> None:
    """What `import` does, once it has found and read the module."""
    if name in sys.modules:
        return
    module: Any = type(sys)(name)
    package, _, last = name.rpartition(".")
    module.__file__, module.__loader__ = source, Loader(name, source)
    module.__spec__ = Spec(name, module.__loader__, origin=source, is_package=is_package)
    module.__package__ = name if is_package else package
    if is_package:
        module.__path__ = module.__spec__.submodule_search_locations = [os.path.dirname(source)]
    sys.modules[name] = module
    exec(code, module.__dict__)
    setattr(sys.modules[package], last, module)


# ---- after it


def keep(home: str, command: str) -> None:
    """Write the file, where none was used: nor that of another command, whose name is a word of this line."""
    path = place(home, command)
    if used is None or used or sys.dont_write_bytecode or not os.access(os.path.dirname(path), os.W_OK):
        return
    if is_refused(home, path) or any(name.startswith(APART) for name in sys.modules):
        return
    try:
        write(path, marshal.dumps((sys.version, home, imported())))
    except OSError:
        pass  # a full disk, a read-only one: it goes without


def is_refused(home: str, path: str) -> bool:
    """Whether there is something that another try would not make better: on a shared folder, say, where all files are
    the host's."""
    try:
        with open(path, "rb", 0, opener=without_symlink) as file:
            return not is_ours(file.fileno(), home)
    except OSError as error:
        return error.errno != ENOENT


def imported() -> list[Part]:
    """All that this process has imported of minirun, in the order in which the modules were ready (sys.modules)."""
    return [part(name, module) for name, module in sys.modules.items() if name.startswith("minirun")]


def part(name: str, module: Any) -> Part:
    source = module.__file__
    before = stamp(source)  # one that is changed while it is read is another next time
    return name, source, before, hasattr(module, "__path__"), module.__loader__.get_code(name)


def write(path: str, data: bytes) -> None:
    """All of it or nothing, since others may read it meanwhile. Raises OSError."""
    draft = f"{path}.{os.getpid()}"
    try:
        with open(draft, "xb", opener=writable_by_owner) as file:
            os.fchmod(file.fileno(), FOR_ALL_TO_READ)  # the caller's umask may have taken from it
            file.write(data)
        os.replace(draft, path)
    except OSError:
        os.unlink(draft)
        raise


def writable_by_owner(path: str, flags: int) -> int:
    """From the first moment: who has opened it for writing, where the caller's umask is 0, can write for good."""
    return os.open(path, flags, FOR_ALL_TO_READ)
