"""The one thing that every network namespace needs: its loopback interface up (netdevice(7)).

Two ioctls, because a netlink library takes ten times longer to import than a whole container takes to start.
"""

from __future__ import annotations

from . import ctypes
from .constants import IFF_UP, SIOCGIFFLAGS, SIOCSIFFLAGS
from .libc import Flags, call, show

AF_INET, SOCK_DGRAM, SOCK_CLOEXEC = 2, 2, 0o2000000  # bits/socket.h


class InterfaceFlags(ctypes.Structure):
    """struct ifreq, net/if.h, as the flag requests use it"""

    _fields_ = [("name", ctypes.c_char * 16), ("flags", ctypes.c_short), ("unused", ctypes.c_char * 22)]


def set_interface_up(name: str) -> None:
    """SIOCSIFFLAGS with IFF_UP (netdevice(7)), on an interface of this process's network namespace."""
    control = call("socket", AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0, shown=lambda: show("socket", Flags("AF_INET")))
    request = InterfaceFlags(name.encode())
    try:
        ioctl(control, SIOCGIFFLAGS, "SIOCGIFFLAGS", request)
        request.flags |= IFF_UP
        ioctl(control, SIOCSIFFLAGS, "SIOCSIFFLAGS", request)
    finally:
        call("close", control, shown=lambda: show("close", control))


def ioctl(control: int, request: int, name: str, argument: InterfaceFlags) -> None:
    call(
        "ioctl",
        control,
        ctypes.c_ulong(request),
        ctypes.byref(argument),
        shown=lambda: show("ioctl", control, Flags(name), argument.name.decode()),
    )
