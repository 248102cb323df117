"""A symlink that is handed in as what it is: crun's mount option copy-symlink."""

from __future__ import annotations

import os
import stat
from errno import EEXIST

from ..kernel import files, mounts
from ..kernel.libc import Flags, SystemCallError, show
from .binds import BindMount, open_inside
from .mounts import attach, show_attach
from .paths import link_target, make_parent, refuse_hosts, show_find
from .shell import in_root, quoted
from .step import Context, Refused


class CopySymlink(BindMount):
    """Make a symlink in the container that is like the host's; bind what is none."""

    man = "symlink(2)"

    def describe(self) -> str:
        return f"copy the symlink {self.source} to {self.destination}, or bind what is no symlink"

    def shell(self) -> str:
        source, place = in_root(self.inside) if self.inside else quoted(self.source), in_root(self.destination)
        parent = in_root(self.destination.rpartition("/")[0] or "/")
        copied = f'mkdir -p {parent} && target=$(readlink {source}) && ln -sfn "$target" {place}'
        return f"if [ -L {source} ]; then {copied}; else {super().shell()}; fi"

    def calls(self) -> tuple[str, ...]:
        parent, _, name = self.destination.rpartition("/")
        return (
            f"source = {show('open', self.source, files.open_flags(self.flags))}  // a symlink:",
            show_find(parent or "/", name="parent"),
            show("symlinkat", Flags("target"), Flags("parent"), name) + "  // all else:",
            "tree = " + mounts.show_open_tree(Flags("source"), "", self.recursive),
            *show_attach(self.destination, self.changes),
        )

    @property
    def flags(self) -> int:
        return os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC

    def apply(self, context: Context) -> None:
        source = self.open_source(context)
        try:
            if stat.S_ISLNK(os.fstat(source).st_mode):
                self.copy(context, os.readlink("", dir_fd=source))
            else:
                self.show(context, source)
        finally:
            os.close(source)

    def open_source(self, context: Context) -> int:
        if self.is_opened:
            return context.incoming.pop()
        if self.inside:
            return open_inside(context.root, self.inside, follow=False)
        return files.open(self.source, self.flags)

    def copy(self, context: Context, target: str) -> None:
        parent, name = make_parent(context, self.destination)
        try:
            refuse_hosts(context, parent, self.destination)
            files.symlinkat(target, parent, name)
        except SystemCallError as error:
            if error.errno != EEXIST:
                raise
            self.compare(link_target(parent, name), target)
        finally:
            os.close(parent)

    def compare(self, found: str, target: str) -> None:
        if found != target:
            what = f"a symlink to {found}" if found else "no symlink"
            raise Refused(
                f"{self.destination} is {what} in the root file system, where one to {target} is to be",
                "take it away there, or leave the option copy-symlink out",
            )

    def show(self, context: Context, source: int) -> None:
        tree = mounts.open_tree(source, "", self.recursive)
        try:
            attach(context, tree, self.destination, self.changes)
        finally:
            os.close(tree)
