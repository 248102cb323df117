"""Connected sockets that carry messages, descriptors and the sender's pid (unix(7)).

`_socket` is the C half of Python's socket module. The other half makes enumerations that nothing here uses.
"""

from __future__ import annotations

import _socket
import _struct as struct
import errno
import os
import stat
import sys

from . import ctypes, files
from .libc import Flags, SystemCallError, call, os_call, show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

MESSAGE_SIZE = 1 << 16
SO_PASSCRED, SCM_CREDENTIALS = 16, 2  # asm-generic/socket.h, linux/socket.h
DESCRIPTORS_AT_MOST = 16
ABSTRACT_AT_MOST = 107  # bytes of a name: unix(7)
PATIENCE = 10  # seconds for whoever listens to take a connection that waits


class MessageSocket:
    """One end of two sockets of type SOCK_SEQPACKET: what is sent at once is received at once."""

    def __init__(self, end: _socket.socket) -> None:
        self.end = end

    @classmethod
    def pair(cls) -> tuple[MessageSocket, MessageSocket]:
        ends = os_call(
            "socketpair",
            _socket.socketpair,
            _socket.AF_UNIX,
            _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC,
            shown=lambda: show("socketpair", Flags("AF_UNIX"), Flags("SOCK_SEQPACKET|SOCK_CLOEXEC")),
        )
        return cls(ends[0]), cls(ends[1])

    @classmethod
    def of(cls, descriptor: int) -> MessageSocket:
        """An end of such a pair that this process has been started with."""
        return cls(_socket.socket(fileno=descriptor))

    @classmethod
    def listen(cls, directory: str, name: str) -> MessageSocket:
        """bind(2) and listen(2). Whoever may write to the socket's file may connect."""
        end = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC)
        with_address(directory, name, end.bind)
        end.listen(1)
        return cls(end)

    @classmethod
    def connect(cls, directory: str, name: str) -> MessageSocket:
        """connect(2). Raises OSError: ENOENT without a socket, ECONNREFUSED when nobody listens any more."""
        end = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC)
        with_address(directory, name, end.connect)
        return cls(end)

    @classmethod
    def take_datagrams(cls, directory: str, name: str) -> MessageSocket:
        """bind(2) a socket of type SOCK_DGRAM, which anybody may send to; `receive` raises BlockingIOError when there
        is no message."""
        end = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
        with_address(directory, name, end.bind)
        end.setblocking(False)
        return cls(end)

    @classmethod
    def to_datagrams(cls, address: str) -> MessageSocket:
        """connect(2) to such a socket: a path, or an abstract address, which begins with @. Raises OSError."""
        end = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
        if address.startswith("@"):
            connect_to_name(end, address[1:])
        else:
            connect(end, address)
        end.setblocking(False)  # who does not read does not hear
        return cls(end)

    def accept(self) -> MessageSocket:
        """accept4(2): wait until somebody connects."""
        descriptor, _address = self.end._accept()  # type: ignore[attr-defined]
        return Accepted(descriptor)

    def fileno(self) -> int:
        return self.end.fileno()

    def close(self) -> None:
        """close(2): whatever it says, the descriptor is free after it."""
        try:
            self.end.close()
        except OSError:
            pass

    def forget(self) -> None:
        """Close nothing: the number is another file's by now."""
        self.end.detach()

    def detached(self) -> int:
        """The descriptor alone, which is the caller's to close."""
        return self.end.detach()

    def hang_up(self) -> None:
        """shutdown(2): nothing more is sent, but what comes is still received."""
        os_call("shutdown", self.end.shutdown, _socket.SHUT_WR)

    def want_credentials(self) -> None:
        """SO_PASSCRED: the kernel adds to each message who sent it, with the pid as this process sees it."""
        os_call(
            "setsockopt",
            lambda: self.end.setsockopt(_socket.SOL_SOCKET, SO_PASSCRED, 1),
            shown=lambda: show("setsockopt", self.fileno(), Flags("SOL_SOCKET"), Flags("SO_PASSCRED"), 1),
        )

    def send(self, message: bytes, descriptors: tuple[int, ...] = ()) -> None:
        """Send a message; `descriptors` go along as SCM_RIGHTS. Raises OSError (EPIPE: the other end is gone).

        The container's process may be under its system call filter by now, so these are the calls that filters touch
        least. Some have sendmsg(2) watched, and nobody could answer for it before the listener has been sent.
        """
        if descriptors:
            sendmmsg(self.fileno(), message, descriptors)
        else:
            os.write(self.fileno(), message)

    def peek(self, wait: bool = True) -> bytes:
        """The next message, which stays where it is (recv(2)). Without `wait`, BlockingIOError if there is none."""
        return self.end.recv(MESSAGE_SIZE, _socket.MSG_PEEK | (0 if wait else _socket.MSG_DONTWAIT))

    def read(self) -> bytes:
        """The next message without what comes along with it, by read(2), which no filter for system calls refuses."""
        return os.read(self.fileno(), MESSAGE_SIZE)

    def receive(self) -> tuple[bytes, tuple[int, ...], int]:
        """The next message, its descriptors (close-on-exec) and the sender's pid (0 unless asked for).

        An empty message means that nobody holds the other end any more.
        """
        room = _socket.CMSG_SPACE(4 * DESCRIPTORS_AT_MOST) + _socket.CMSG_SPACE(12)
        message, extras, _flags, _address = self.end.recvmsg(MESSAGE_SIZE, room, _socket.MSG_CMSG_CLOEXEC)
        descriptors: list[int] = []
        sender = 0
        for level, kind, data in extras:
            if level == _socket.SOL_SOCKET and kind == _socket.SCM_RIGHTS:
                descriptors += struct.unpack_from(f"{len(data) // 4}i", data)
            elif level == _socket.SOL_SOCKET and kind == SCM_CREDENTIALS:
                sender = int.from_bytes(data[:4], sys.byteorder)  # struct ucred: pid, uid, gid
        return message, tuple(descriptors), sender


class Accepted(MessageSocket):
    """An end that nobody sends descriptors to, which takes no other calls than a file: Python's socket makes more."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def fileno(self) -> int:
        return self.descriptor

    def close(self) -> None:
        os.close(self.descriptor)

    def receive(self) -> tuple[bytes, tuple[int, ...], int]:
        return self.read(), (), 0


def with_address(directory: str, name: str, call: Callable[[str], object]) -> None:
    """By the directory's descriptor, because an address has no more than 108 bytes (unix(7))."""
    descriptor = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        call(f"/proc/self/fd/{descriptor}/{name}")
    finally:
        os.close(descriptor)


def connect_to_name(end: _socket.socket, name: str) -> None:
    """connect(2) to an abstract address, which has its limit. Raises SystemCallError."""
    if len(os.fsencode(name)) > ABSTRACT_AT_MOST:
        raise SystemCallError(errno.ENAMETOOLONG, "connect", show("connect", Flags("socket"), f"@{name}"))
    os_call("connect", end.connect, f"\0{name}", shown=lambda: show("connect", Flags("socket"), f"@{name}"))


class Iovec(ctypes.Structure):
    """struct iovec, recvmsg(2)"""

    _fields_ = (("base", ctypes.c_char_p), ("len", ctypes.c_size_t))


class Msghdr(ctypes.Structure):
    """struct msghdr, recvmsg(2)"""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("namelen", ctypes.c_uint),
        ("iov", ctypes.c_void_p),
        ("iovlen", ctypes.c_size_t),
        ("control", ctypes.c_char_p),
        ("controllen", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class Mmsghdr(ctypes.Structure):
    """struct mmsghdr, sendmmsg(2)"""

    _fields_ = (("header", Msghdr), ("sent", ctypes.c_uint))  # the kernel writes the last


def sendmmsg(end: int, message: bytes, descriptors: tuple[int, ...]) -> None:
    """sendmmsg(2): send one message with descriptors (SCM_RIGHTS of unix(7))."""
    rights = struct.pack(
        f"@Nii{len(descriptors)}i",
        _socket.CMSG_LEN(4 * len(descriptors)),
        _socket.SOL_SOCKET,
        _socket.SCM_RIGHTS,
        *descriptors,
    )
    iovec = Iovec(message, len(message))
    header = Msghdr(iov=ctypes.addressof(iovec), iovlen=1, control=rights, controllen=len(rights))
    messages = Mmsghdr(header)
    call(
        "sendmmsg",
        end,
        ctypes.byref(messages),
        1,
        _socket.MSG_NOSIGNAL,
        shown=lambda: show("sendmmsg", end, Flags("…"), 1),
    )


def send_descriptor(path: str, descriptor: int, message: bytes) -> None:
    """Connect to a stream socket and send one message with a descriptor (SCM_RIGHTS). Raises SystemCallError: EAGAIN
    where nobody has accepted or read for PATIENCE seconds, ENOTSOCK where the path leads to something else."""
    end = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
    try:
        end.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDTIMEO, struct.pack("@ll", PATIENCE, 0))
        connect(end, path)
        MessageSocket(end).send(message, (descriptor,))
    finally:
        end.close()


def connect(end: _socket.socket, path: str) -> None:
    """connect(2) to the socket's file by its descriptor, because an address has no more than 108 bytes (unix(7)).

    Raises SystemCallError; of what is no socket, connect(2) itself would say that nobody listens there.
    """
    place = files.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not stat.S_ISSOCK(os.fstat(place).st_mode):
            raise SystemCallError(errno.ENOTSOCK, "connect", show("connect", Flags("socket"), path))
        by_descriptor = files.by_descriptor(place)
        os_call("connect", end.connect, by_descriptor, shown=lambda: show("connect", Flags("socket"), path))
    finally:
        os.close(place)


def is_inherited(descriptor: int) -> bool:
    """Whether this is an open descriptor that the caller handed on: those of our own are close-on-exec."""
    try:
        return os.get_inheritable(descriptor)
    except OSError:
        return False
