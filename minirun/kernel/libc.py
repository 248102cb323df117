"""The one door to the kernel: how a system call is made, checked and, when it fails, told.

The functions of this package go through `call`, `syscall` or `os_call`, so that a failure carries the call as a person
would write it, `mount("proc", "/proc", "proc", MS_NOSUID, NULL)`, and no result goes unchecked.
"""

from __future__ import annotations

import errno
import os

from . import constants, ctypes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, TypeVar

    T = TypeVar("T")

# As it is now: a personality(2) of 32 bits changes what uname(2) says, but not which numbers this program uses.
MACHINE = os.uname().machine
if MACHINE in ("i386", "i686") and ctypes.sizeof(ctypes.c_void_p) == 8:
    MACHINE = "x86_64"

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


class SystemCallError(OSError):
    """An OSError that knows its call: `call` is the name, `shown` the whole call with decoded flags."""

    def __init__(self, number: int, call: str, shown: str) -> None:
        super().__init__(number, os.strerror(number))
        self.call, self.shown = call, shown


def text(value: bytes | str | None) -> bytes | None:
    """A C string: the bytes of a path or a word; NULL for None."""
    return value.encode(errors="surrogateescape") if isinstance(value, str) else value


def show(call: str, *arguments: object) -> str:
    """A call as C source: strings quoted, None as NULL, flag names (already words, see `Flags`) as they are."""
    return f"{call}({', '.join(one(argument) for argument in arguments)})"


def one(argument: object) -> str:
    if isinstance(argument, Flags):
        return str(argument)
    if isinstance(argument, str):
        return f'"{"".join(map(letter, argument))}"'
    return "NULL" if argument is None else str(argument)


ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n"}


def letter(char: str) -> str:
    """As C writes it. What a terminal might obey is there by its bytes, in octal: a hexadecimal escape has no end."""
    if char.isprintable() and char not in ESCAPES:
        return char
    return ESCAPES.get(char) or "".join(f"\\{byte:03o}" for byte in char.encode(errors="surrogateescape"))


def array(values: Iterable[object]) -> Flags:
    """Values between braces, as C writes an array."""
    return Flags(f"{{{', '.join(map(one, values))}}}")


class Flags(str):
    """Decoded flags: shown without quotes."""

    @classmethod
    def of(cls, value: int, prefix: str) -> Flags:
        return cls(constants.names(value, prefix))


def call(name: str, *arguments: Any, shown: Callable[[], str]) -> int:
    """Call the C library's function `name`; raises SystemCallError where it answers -1."""
    return checked(getattr(libc, name)(*arguments), name, shown)


def syscall(name: str, *arguments: Any, shown: Callable[[], str]) -> int:
    """Make the system call `name` (syscall(2)), which the C library has no function for."""
    # A variadic function: without c_long a 64-bit argument would be cut to 32 bits.
    longs = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    return checked(libc.syscall(number_of(name, shown), *longs), name, shown)


def number_of(name: str, shown: Callable[[], str]) -> ctypes.c_long:
    """How syscall(2) knows the system call on this machine."""
    numbers = constants.SYSCALLS.get(MACHINE, {})
    if name not in numbers:
        raise SystemCallError(errno.ENOSYS, name, f"{shown()} on {MACHINE}")
    return ctypes.c_long(numbers[name])


def checked(result: int, name: str, shown: Callable[[], str]) -> int:
    if result == -1:
        raise SystemCallError(ctypes.get_errno(), name, shown())
    return result


def os_call(name: str, function: Callable[..., T], *arguments: Any, shown: Callable[[], str] | None = None) -> T:
    """Call a function of Python's os module that makes the system call `name`; its errors become like the others."""
    try:
        return function(*arguments)
    except OSError as error:
        shown = shown or (lambda: show(name, *arguments))
        raise SystemCallError(error.errno or 0, name, shown()) from None
