"""Taking away a tree that strangers have made, by descriptor. It may be deeper than a path is long, or than Python
may call itself; so one goes from each directory to the next by its name only, in a loop."""

from __future__ import annotations

import os
import stat

from ..kernel import files

DIRECTORY_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def remove_name(parent: int, name: str, path: str, kept: frozenset[str] | set[str] = frozenset()) -> int:
    """Remove what has this name, and all below it but what is `kept`, by its path. `path` is the name's own. How many
    files that were."""
    if not is_directory(parent, name):
        if path in kept:
            return 0
        os.unlink(name, dir_fd=parent)
        return 1
    count = empty_directory(parent, name, path, kept)
    return count + remove_if_empty(parent, name, path, kept)


def is_directory(parent: int, name: str) -> bool:
    return stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)


def remove_if_empty(parent: int, name: str, path: str, kept: frozenset[str] | set[str]) -> int:
    if path in kept:
        return 0
    try:
        os.rmdir(name, dir_fd=parent)
    except OSError:
        if not kept:
            raise
        return 0  # something in it is kept
    return 1


def empty_directory(parent: int, name: str, path: str, kept: frozenset[str] | set[str] = frozenset()) -> int:
    """Remove all below the directory of this name, likewise."""
    count = 0
    here = files.openat(parent, name, DIRECTORY_FLAGS)
    way, left = [path], [os.listdir(here)]
    try:
        while left:
            if left[-1]:
                one = left[-1].pop()
                below = f"{way[-1]}/{one}"
                if is_directory(here, one):
                    here = step_to(here, one)
                    way.append(below)
                    left.append(os.listdir(here))
                elif below not in kept:
                    os.unlink(one, dir_fd=here)
                    count += 1
            else:
                done = way.pop()
                left.pop()
                if left:
                    here = step_to(here, "..")
                    count += remove_if_empty(here, done.rpartition("/")[2], done, kept)
    finally:
        os.close(here)
    return count


def step_to(here: int, name: str) -> int:
    """Where this fails, `here` stays open."""
    opened = files.openat(here, name, DIRECTORY_FLAGS)
    os.close(here)
    return opened


def remove_path(path: str) -> None:
    """A tree by its path, if it is there."""
    directory, _, name = path.rstrip("/").rpartition("/")
    if os.path.lexists(path):
        parent = files.open(directory or "/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            remove_name(parent, name, "")
        finally:
            os.close(parent)
