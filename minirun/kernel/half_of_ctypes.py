# mypy: ignore-errors
"""The names of ctypes that minirun uses, over `_ctypes`. kernel/ctypes.py says why, and tells their types."""

import _ctypes
import os
from _ctypes import Array, Structure, addressof, byref, get_errno, sizeof

__all__ = (
    "CDLL",
    "Array",
    "PyDLL",
    "Structure",
    "addressof",
    "byref",
    "c_char",
    "c_char_p",
    "c_int",
    "c_int32",
    "c_long",
    "c_short",
    "c_size_t",
    "c_uint",
    "c_uint8",
    "c_uint32",
    "c_uint64",
    "c_ulong",
    "c_ushort",
    "c_void_p",
    "create_string_buffer",
    "get_errno",
    "sizeof",
)


def simple(name: str, code: str) -> type:
    """A type of C, by the letter that `_type_` has in ctypes."""
    return type(_ctypes._SimpleCData)(name, (_ctypes._SimpleCData,), {"_type_": code})


c_char, c_char_p, c_void_p = simple("c_char", "c"), simple("c_char_p", "z"), simple("c_void_p", "P")
c_uint8, c_short, c_ushort = simple("c_uint8", "B"), simple("c_short", "h"), simple("c_ushort", "H")
c_int32 = c_int = simple("c_int", "i")
c_uint32 = c_uint = simple("c_uint", "I")
c_long = simple("c_long", "l")
c_size_t = c_ulong = simple("c_ulong", "L")  # where Linux runs, size_t is as wide as a long
c_uint64 = c_ulong if sizeof(c_ulong) == 8 else simple("c_uint64", "Q")


def create_string_buffer(init: bytes | int) -> Array:
    """So many bytes, or these and a NUL."""
    if isinstance(init, int):
        return (c_char * init)()
    buffer = (c_char * (len(init) + 1))()
    buffer.value = init
    return buffer


class CDLL:
    """A library, by dlopen(3); None is this program with all that it has loaded. Its functions are its attributes."""

    flags = _ctypes.FUNCFLAG_CDECL

    def __init__(self, name: str | None, use_errno: bool = False) -> None:
        self._handle = _ctypes.dlopen(name, os.RTLD_NOW)  # _ctypes looks for it by this name
        flags = self.flags | (_ctypes.FUNCFLAG_USE_ERRNO if use_errno else 0)
        self.kind = type(_ctypes.CFuncPtr)("Function", (_ctypes.CFuncPtr,), {"_flags_": flags, "_restype_": c_int})

    def __getattr__(self, name: str) -> _ctypes.CFuncPtr:
        if name.startswith("__"):
            raise AttributeError(name)
        function = self.kind((name, self))
        setattr(self, name, function)
        return function


class PyDLL(CDLL):
    """One whose functions are called like Python's own: nothing of Python happens around the call."""

    flags = CDLL.flags | _ctypes.FUNCFLAG_PYTHONAPI
