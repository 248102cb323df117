"""Keep the interpreter of the host out of the container's hands (CVE-2019-5736).

Until execve(2), the container's process runs the host's python3, and an image whose program is `#!/proc/self/exe` even
makes it the program. Root inside could then open /proc/self/exe for writing and change python3 for the whole host. So
minirun starts itself once more, from a private, read-only copy of the mount that its interpreter lies on.
"""

from __future__ import annotations

import os
import sys

from ..errors import StateError
from ..kernel import mounts
from ..kernel.constants import AT_FDCWD, MOUNT_ATTR_RDONLY
from ..kernel.libc import SystemCallError

OWN_PROGRAM = "/proc/self/exe"

# -I and -S: nothing that the environment or a user's directory says, and no second search for packages, since the
# module path of now is handed over. This is most of a bare interpreter's start.
FLAGS = ("-I", "-S", "-X", "utf8")
CODE = "import sys; sys.path[:] = sys.argv.pop(1).split(':'); from minirun.__main__ import main; main()"


def is_sealed() -> bool:
    """Whether this process runs from a read-only mount."""
    return bool(os.statvfs(OWN_PROGRAM).f_flag & os.ST_RDONLY)


def seal(arguments: list[str]) -> None:
    """Return if this process is sealed; else start it again, sealed, with the same arguments.

    Raises StateError where the kernel does not allow it, as for an ordinary user.
    """
    if is_sealed():
        return
    try:
        tree = mounts.open_tree(AT_FDCWD, OWN_PROGRAM, False)
        mounts.mount_setattr(tree, False, attr_set=MOUNT_ATTR_RDONLY)
    except SystemCallError as error:
        raise StateError(
            f"can't keep {own_name()} out of the container's reach: {error.strerror}\n"
            f"  call:  {error.shown}\n"
            "  cure:  running a container takes root: use sudo"
        ) from error
    # Absolute, since relative entries ("" for the current directory) could mean something else in the next process.
    path = ":".join(os.path.abspath(entry) for entry in sys.path)
    os.execve(tree, [own_name(), *FLAGS, "-c", CODE, path, *arguments], environment())


def own_name() -> str:
    """What Python finds its library by. Engines may start minirun without PATH, which leaves sys.executable empty."""
    return sys.executable or os.readlink(OWN_PROGRAM)


def environment() -> dict[str, str]:
    """The caller's. A variable without a name is possible, and Python refuses to hand it on."""
    return {name: value for name, value in os.environ.items() if name}
