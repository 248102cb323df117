"""The root directory that layers are unpacked into, always by descriptor.

A layer may bring any symlink, and the next one a file behind it. So the directory that something is to lie in is looked
up by the kernel with this root as "/" (openat2(2), RESOLVE_IN_ROOT), as the program will see it; and what is made there
is made by its name in that directory, and never through a symlink.
"""

from __future__ import annotations

import errno
import os

from ..kernel import files
from ..kernel.libc import SystemCallError
from .errors import ImageError
from .removal import remove_name

MOST_HOPS = 40  # symlinks on one way: path_resolution(7)
PLACE_FLAGS = os.O_PATH | os.O_DIRECTORY
NOWHERE = "\0"  # no path
MOST_BYTES_OF_PATHS = 512 << 20  # in memory, for one layer; its author says how many there are, and how long
BYTES_PER_PATH = 150  # beside its letters


class Tree:
    """`touched` are the paths that the layer at hand has made or said something of, `times` the mtimes that
    directories are to have when it is done: what is made in one changes its own."""

    def __init__(self, path: str) -> None:
        self.root = files.open(path, PLACE_FLAGS | os.O_CLOEXEC)
        self.path = os.readlink(files.by_descriptor(self.root))
        self.touched: set[str] = set()
        self.times: dict[str, int] = {}
        self.bytes = 0  # of memory that these two take
        self.latest: tuple[str, int, str] | None = None  # the directory looked up last: as asked, descriptor, path

    def __enter__(self) -> Tree:
        return self

    def __exit__(self, *_error: object) -> None:
        self.forget()
        os.close(self.root)

    def begin_layer(self) -> None:
        self.touched, self.times, self.bytes = set(), {}, 0

    def touch(self, path: str) -> None:
        if path not in self.touched:
            self.touched.add(path)
            self.count(path)

    def set_time(self, path: str, time: int) -> None:
        if path not in self.times:
            self.count(path)
        self.times[path] = time

    def count(self, path: str) -> None:
        self.bytes += len(path) + BYTES_PER_PATH
        if self.bytes > MOST_BYTES_OF_PATHS:
            raise ImageError(
                f"a layer has so many files that their paths alone take {MOST_BYTES_OF_PATHS} bytes of memory\n"
                "  cure:  if they are meant to be there, have the image made with several layers"
            )

    def forget(self) -> None:
        if self.latest:
            os.close(self.latest[1])
            self.latest = None

    # ---- directories

    def parent(self, names: tuple[str, ...], make: bool = True) -> tuple[int, str]:
        """The directory that the last name is to lie in, and its path on the host. The descriptor stays the tree's."""
        asked = "/".join(names[:-1])
        if self.latest is None or self.latest[0] != asked:
            self.forget()
            found = self.directory(asked, make)
            path = os.readlink(files.by_descriptor(found))
            self.latest = (asked, found, path)
            if path not in self.times:
                self.set_time(path, os.fstat(found).st_mtime_ns)
        return self.latest[1:]

    def directory(self, path: str, make: bool) -> int:
        """Made where it is missing, and its parents. Needs a close. Raises SystemCallError, ImageError."""
        for _hop in range(MOST_HOPS):
            try:
                return files.open_in_root(self.root, path or "/", PLACE_FLAGS)
            except SystemCallError as error:
                if error.errno != errno.ENOENT or not make:
                    raise
            path = self.make_missing(path)
        raise ImageError(f"{path!r} leads on and on, by symlinks")

    def make_missing(self, path: str) -> str:
        """Make the first directory that is missing; where a symlink leads nowhere, the path to go on with."""
        names = [name for name in path.split("/") if name]
        for depth, name in enumerate(names):
            above = "/".join(names[:depth])
            parent = files.open_in_root(self.root, above or "/", PLACE_FLAGS)
            try:
                target = self.make_one(parent, name)
            finally:
                os.close(parent)
            if target is not None:
                return os.path.join(above, target, *names[depth + 1 :])
        return path

    def make_one(self, parent: int, name: str) -> str | None:
        """None where there is a directory by now; else what the symlink there says, if it leads nowhere."""
        try:
            os.close(files.open_in_root(parent, name, PLACE_FLAGS | os.O_NOFOLLOW))
            return None
        except SystemCallError as error:
            if error.errno == errno.ENOENT:
                files.mkdirat(parent, name, 0o755)
                made = f"{os.readlink(files.by_descriptor(parent))}/{name}"
                self.touch(made)
                self.times.pop(made, None)  # of one that was there before, and was removed
                return None
        return os.readlink(name, dir_fd=parent)  # EINVAL: a file is in the way

    # ---- what lies in them

    def remove(self, parent: int, name: str, path: str, keep_touched: bool) -> int:
        """How many files that were: 0 where nothing has this name."""
        self.look_again()
        try:
            return remove_name(parent, name, path, self.touched if keep_touched else frozenset())
        except FileNotFoundError:
            return 0

    def look_again(self) -> None:
        """The latest path may have led through what goes now. Its descriptor is still in use."""
        if self.latest:
            self.latest = (NOWHERE, *self.latest[1:])

    def set_times(self) -> None:
        """Of directories, when nothing more comes into them."""
        self.forget()
        for path, time in self.times.items():
            place = self.again(path)
            if place is not None:
                os.utime(files.by_descriptor(place), ns=(time, time))
                os.close(place)

    def again(self, path: str) -> int | None:
        """A directory by its path on the host, which lies below the root."""
        try:
            return files.open_in_root(self.root, path[len(self.path) :] or "/", PLACE_FLAGS, symlinks=False)
        except SystemCallError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                return None
            raise
