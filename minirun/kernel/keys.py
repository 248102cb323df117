"""The kernel's keys and keyrings: keyctl(2), keyrings(7)."""

from __future__ import annotations

from . import ctypes
from .constants import (
    KEY_SPEC_SESSION_KEYRING,
    KEYCTL_DESCRIBE,
    KEYCTL_GET_KEYRING_ID,
    KEYCTL_JOIN_SESSION_KEYRING,
    KEYCTL_SETPERM,
    KEYCTL_UNLINK,
)
from .libc import Flags, show, syscall, text

DESCRIPTION_SIZE = 4096  # of a key: its name has at most that, keyctl_describe(3)


def join_session_keyring(name: str) -> int:
    """KEYCTL_JOIN_SESSION_KEYRING: make the keyring of this name, or a new one, the session's; its serial number."""
    return syscall(
        "keyctl",
        KEYCTL_JOIN_SESSION_KEYRING,
        text(name),
        shown=lambda: show("keyctl", Flags("KEYCTL_JOIN_SESSION_KEYRING"), name),
    )


def session_keyring() -> int:
    """KEYCTL_GET_KEYRING_ID: the serial number of this thread's session keyring."""
    return syscall(
        "keyctl",
        KEYCTL_GET_KEYRING_ID,
        KEY_SPEC_SESSION_KEYRING,
        0,
        shown=lambda: show("keyctl", Flags("KEYCTL_GET_KEYRING_ID"), Flags("KEY_SPEC_SESSION_KEYRING"), 0),
    )


def permissions(key: int) -> int:
    """KEYCTL_DESCRIBE, which answers with "type;uid;gid;permissions;name"."""
    buffer = ctypes.create_string_buffer(DESCRIPTION_SIZE)
    syscall(
        "keyctl",
        KEYCTL_DESCRIBE,
        key,
        buffer,
        len(buffer),
        shown=lambda: show("keyctl", Flags("KEYCTL_DESCRIBE"), key),
    )
    return int(buffer.value.split(b";")[3], 16)


def setperm(key: int, mask: int) -> None:
    """KEYCTL_SETPERM: four times six bits, for who holds the key, its user, its group, and others."""
    syscall(
        "keyctl",
        KEYCTL_SETPERM,
        key,
        mask,
        shown=lambda: show("keyctl", Flags("KEYCTL_SETPERM"), key, Flags(hex(mask))),
    )


def add_key(kind: str, name: str, payload: bytes, keyring: int) -> int:
    """add_key(2): a new key in a keyring, or a new payload for the one of this name; its serial number."""
    return syscall(
        "add_key",
        text(kind),
        text(name),
        payload,
        len(payload),
        keyring,
        shown=lambda: show("add_key", kind, name, Flags("payload"), len(payload), keyring),
    )


def unlink(key: int, keyring: int) -> None:
    """KEYCTL_UNLINK: a key that is in no keyring any more, and that nobody uses, is gone."""
    syscall(
        "keyctl",
        KEYCTL_UNLINK,
        key,
        keyring,
        shown=lambda: show("keyctl", Flags("KEYCTL_UNLINK"), key, keyring),
    )
