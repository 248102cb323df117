"""The command `minirun` as an engine has to start it: by its whole path, with next to no environment."""

from __future__ import annotations

import os
import pwd

from ..errors import StateError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

# From where the package is: where pip has put the command, and in sources.
BESIDE = ("../../../bin/minirun", "scripts/minirun")


def launcher(home: str) -> str:
    """`home` has the package in it. Raises StateError."""
    path = next(candidates(home), "")
    if not path:
        raise StateError(
            f"found no command minirun for what is in {home!r}\n  cure:  install it: pip install, or try in the sources"
        )
    check(path)
    return path


def candidates(home: str) -> Iterator[str]:
    import shutil

    for place in BESIDE:
        path = os.path.normpath(f"{home}/{place}")
        if os.access(path, os.X_OK):
            yield path
    found = shutil.which("minirun")
    if found:
        yield os.path.abspath(found)


def check(path: str) -> None:
    """Podman starts it without PATH and HOME. Raises StateError."""
    import subprocess

    done = subprocess.run([path, "--version"], env={}, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise StateError(
            f"{path!r} does not run without the caller's environment, as an engine would start it\n{done.stderr}"
        )


def whose(path: str, home: str) -> str:
    """The user who could change what root's engine then runs; "" if only root could."""
    owners = [os.stat(place).st_uid for place in (path, os.path.dirname(path), f"{home}/minirun")]
    other = next(filter(None, owners), 0)
    return name_of(other) if other else ""


def name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
