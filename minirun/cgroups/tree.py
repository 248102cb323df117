"""A cgroup and those below it, however many, deep and long-named they are.

A container that may write to its cgroup makes others: thousands beside each other, thousands below each other, and with
names that together are longer than a path may be (PATH_MAX, path_resolution(7)). So one goes from each to the next by
descriptor, with two of them at most, and in a loop.
"""

from __future__ import annotations

import os
from errno import ENODEV, ENOENT

from ..kernel import files
from ..kernel.libc import SystemCallError
from .hierarchy import DIRECTORY, open_cgroup

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

GONE = (ENOENT, ENODEV)
SOME = 1000  # cgroups that may come while one is on the way


class Restless(Exception):
    """A tree that grows faster than one can walk it."""


def walk(path: str, most: float = float("inf")) -> Iterator[tuple[int, str]]:
    """This cgroup and all below it, each after those below it: a descriptor of its parent, and its name there.

    The descriptor is open until the next one is asked for. What comes or goes meanwhile may be told of, or not. Raises
    SystemCallError where no cgroup can be at this path, Restless where there are more than `most`.
    """
    parent, _, name = path.rpartition("/")
    try:
        place = Place(open_cgroup(parent))
    except SystemCallError as error:
        if error.errno not in GONE:
            raise
        return
    levels = [[name]]  # what is still to come on each level, from the top down to where one is
    try:
        while levels != [[]]:
            if not levels[-1]:  # all of a level are told, so the one above them is next
                levels.pop()
                place.go("..")
            elif place.has_others_below(levels[-1][-1]) and place.go(levels[-1][-1]):
                levels.append(place.names())
                most -= len(levels[-1])
                if most < 0:
                    raise Restless
                continue
            yield place.descriptor, levels[-1].pop()
    finally:
        os.close(place.descriptor)


def walk_as_it_is(path: str) -> Iterator[tuple[int, str]]:
    """The same while a container may be making more of them, by which it must not keep anybody on the way for ever.

    Raises Restless when there are many more than at the beginning.
    """
    try:
        counts = files.read_file(f"{path}/cgroup.stat").split()  # nr_descendants N …
    except SystemCallError as error:
        if error.errno not in GONE:
            raise
        return
    yield from walk(path, 2 * int(counts[1]) + SOME)


class Place:
    """Where one is on the way."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.device = os.fstat(descriptor).st_dev

    def go(self, name: str) -> bool:
        """To another directory; False where it is gone."""
        try:
            following = files.openat(self.descriptor, name, DIRECTORY)
        except SystemCallError as error:
            if error.errno not in GONE:
                raise
            return False
        os.close(self.descriptor)
        self.descriptor = following
        return True

    def has_others_below(self, name: str) -> bool:
        """By the number of its links, 2 and one for each directory in it: that saves opening those without. What is
        mounted on a cgroup has none."""
        try:
            status = os.stat(name, dir_fd=self.descriptor, follow_symlinks=False)
        except OSError:
            return False  # it is gone
        return status.st_nlink != 2 and status.st_dev == self.device

    def names(self) -> list[str]:
        """The cgroups in it; none where it is gone."""
        try:
            with os.scandir(self.descriptor) as entries:
                return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        except OSError as error:
            if error.errno not in GONE:
                raise
            return []
