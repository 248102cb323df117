"""Namespaces: unshare(2) and setns(2). The man page of the subject is namespaces(7)."""

from __future__ import annotations

from .libc import Flags, call, show


def unshare(flags: int) -> None:
    """unshare(2): leave the namespaces that `flags` (CLONE_NEW…) names, for new ones."""
    call("unshare", flags, shown=lambda: show("unshare", Flags.of(flags, "CLONE_")))


def setns(descriptor: int, kind: int) -> None:
    """setns(2): enter the namespace that `descriptor` holds; EINVAL unless it is of the kind CLONE_NEW…"""
    call("setns", descriptor, kind, shown=lambda: show("setns", descriptor, Flags.of(kind, "CLONE_")))
