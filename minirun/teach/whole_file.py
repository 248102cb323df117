"""Files that somebody names for minirun to write: the whole is there, or the old one still is."""

from __future__ import annotations

import os
from stat import S_ISREG

from ..errors import CURE, SHORTAGES, StateError, reason
from ..kernel import files
from ..safe import safe


def check_writable(path: str) -> None:
    """Before any work is done for it. Raises StateError where `write_whole` could not write the file, or where
    something stands that it should not replace: rename(2) would put a file in the place of /dev/null."""
    directory = os.path.dirname(path)
    try:
        if not S_ISREG(os.lstat(path).st_mode):
            raise StateError(
                f"{safe(path)} is no regular file\n  cure:  name a new file; or have the shell write there, by >"
            )
    except FileNotFoundError:
        pass
    except OSError as error:
        raise StateError(why_not(path, error)) from None
    if not os.path.isdir(directory):
        raise StateError(
            f"can't write {safe(path)}: there is no directory {safe(directory)}\n  cure:  mkdir -p makes it"
        )
    if not os.access(directory, os.W_OK | os.X_OK):
        raise StateError(
            f"can't write {safe(path)}: {safe(directory)} is not yours to write to\n  cure:  name a file elsewhere"
        )


def why_not(path: str, error: OSError) -> str:
    cure = SHORTAGES.get(error.errno or 0, "")
    return f"can't write {safe(path)}: {reason(error)}" + (f"{CURE}{cure}" if cure else "")


def save(path: str, text: str) -> None:
    """Raises StateError."""
    check_writable(path)
    try:
        write_whole(path, text)
    except OSError as error:
        raise StateError(why_not(path, error)) from None


def write_whole(path: str, text: str) -> None:
    """Raises OSError; then nothing is left, and what was there before still is."""
    files.replace_file(path, text.encode(errors="backslashreplace"), 0o666)  # less the caller's umask
