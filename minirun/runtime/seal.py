"""Keep the interpreter of the host out of the container's hands (CVE-2019-5736).

Until execve(2), the container's process runs the host's python3, and an image whose program is `#!/proc/self/exe` even
makes it the program. Root inside could then open /proc/self/exe for writing and change python3 for the whole host. So
minirun makes a private, read-only copy of the mount that its interpreter lies on, and goes over to that: in place, with
the memory that it has (in_place.py), which takes 2 ms; or, wherever something stands in the way of that, by starting
itself once more from the copy, which takes three times as long, and all its modules anew. --debug tells which.

An ordinary user may copy no mount, and mostly need not: root inside is the user outside, for whom root's python3 is
read-only already. One that belongs to the user, as from pyenv or conda, is copied inside a user namespace.
"""

from __future__ import annotations

import os

from ..errors import StateError
from ..kernel import mounts, namespaces
from ..kernel.constants import AT_FDCWD, CLONE_NEWNS, CLONE_NEWUSER, MOUNT_ATTR_RDONLY
from ..kernel.libc import SystemCallError
from ..safe import safe
from .again import OWN_PROGRAM, own_name, start_again
from .in_place import NotInPlace, seal_in_place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..kernel.sockets import MessageSocket


def is_sealed() -> bool:
    """Whether this process runs from a read-only mount, or in place: nothing else makes an empty file a program."""
    return bool(os.statvfs(OWN_PROGRAM).f_flag & os.ST_RDONLY) or not os.stat(OWN_PROGRAM).st_size


def is_out_of_reach() -> bool:
    """Whether an ordinary user runs an interpreter of somebody else's, and can neither write to it nor get the right
    to: the kernel gives the root of a user namespace none over files whose owner is not mapped (user_namespaces(7))."""
    return os.geteuid() not in (0, os.stat(OWN_PROGRAM).st_uid) and not os.access(
        OWN_PROGRAM, os.W_OK, effective_ids=True
    )


def nobody(_how: str) -> None:
    """Who is told nothing."""


def seal(arguments: list[str], tell: Callable[[str], None] = nobody) -> None:
    """Return as a sealed process; or start this one again, sealed, with the same arguments. `tell` hears how.

    Raises StateError where the kernel does not allow it.
    """
    if is_sealed() or is_out_of_reach():
        return
    try:
        tree = sealed_copy(OWN_PROGRAM) if os.geteuid() == 0 else copy_of_user()
    except SystemCallError as error:
        raise refusal(error) from error
    name = own_name()
    reason = obstacle(tree)
    if reason:
        tell(f"the interpreter is sealed by a second start: {reason}")
        start_again(tree, arguments, name)
    os.close(tree)
    tell("the interpreter is sealed in place")


def obstacle(tree: int) -> str:
    """What stands in the way of sealing in place; "" where it is done."""
    try:
        seal_in_place(tree)
    except SystemCallError as error:
        return f"{error.shown}: {error.strerror}"
    except (NotInPlace, OSError) as error:
        return str(error)
    return ""


def sealed_copy(program: str) -> int:
    """A descriptor of the program on a read-only copy of its mount."""
    tree = mounts.open_tree(AT_FDCWD, program, False)
    mounts.mount_setattr(tree, False, attr_set=MOUNT_ATTR_RDONLY)
    return tree


def copy_of_user() -> int:
    """The same, by a child in new namespaces, which hands the descriptor over and ends. There the program has to be
    found by its path: open_tree(2) copies no mount of another mount namespace."""
    from ..kernel.sockets import MessageSocket as Socket

    program = os.readlink(OWN_PROGRAM)
    here, there = Socket.pair()
    child = os.fork()
    if child == 0:
        send_copy(there, program)
    there.close()
    message, descriptors, _ = here.receive()
    here.close()
    os.waitpid(child, 0)
    if descriptors:
        return descriptors[0]
    number, _, shown = message.decode().partition(" ")
    raise SystemCallError(int(number or 0), "unshare", shown)


def send_copy(there: MessageSocket, program: str) -> None:
    """The child: send the descriptor, or the errno and the call that failed. Never returns."""
    try:
        namespaces.unshare(CLONE_NEWUSER | CLONE_NEWNS)
        there.send(b"sealed", (sealed_copy(program),))
    except SystemCallError as error:
        there.send(f"{error.errno} {error.shown}".encode())
    finally:
        os._exit(0)


def refusal(error: SystemCallError) -> StateError:
    from ..steps.namespaces import Unshare
    from .caller import is_host_root

    cure = "running a container takes root: use sudo"
    if os.geteuid() != 0:
        cure = Unshare(("user", "mount"), by_user=True).cure(error)
    elif not is_host_root():
        cure = "the mount namespace has to be this user namespace's, too: unshare has --mount"
    return StateError(
        f"can't keep {safe(own_name())} out of the container's reach: {error.strerror}\n"
        f"  call:  {safe(error.shown)}\n"
        f"  cure:  {cure}"
    )
