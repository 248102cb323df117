"""From the interpreter's start to the first decision. What the caller has made of this process is put right; and
whatever goes wrong, from here to the end, is told in words: no traceback is seen."""

from __future__ import annotations

import _signal
import os
import sys

from ..errors import MinirunError, unexpected
from ..runtime.again import OWN_PROGRAM, restored, start_again
from .output import complain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

PACKAGES = ("click", "jeepney", "markdown_it", "psutil", "pyroute2")  # pyproject.toml, dependencies


def begin(home: str) -> NoReturn:
    """Run the command line in sys.argv, and end with its status. `home` is the directory that has minirun in it."""
    os._exit(status_of(home))  # Python's own end would flush the streams once more, and tell of it where it can't


def status_of(home: str) -> int:
    try:
        return put_right_and_start(home)
    except SystemExit as end:  # click's, after a completion
        return end.code if isinstance(end.code, int) else 0
    except BrokenPipeError:  # "minirun --help | head": nobody wants to read the rest
        return 128 + int(_signal.SIGPIPE)
    except MinirunError as error:
        complain(str(error))
    except Exception as error:
        complain(unexpected(error))
    return 1


def put_right_and_start(home: str) -> int:
    open_missing_streams()
    if not sys.flags.isolated:
        start_again(OWN_PROGRAM, sys.argv[1:])  # in a Python that hears nothing of the environment; never returns
    sys.argv[1:] = restored(sys.argv[1:])  # without the word by which the launcher tells what to put back
    find_packages(home)
    from .start import start

    return start(sys.argv[1:])


def open_missing_streams() -> None:
    """Where the caller has closed 0, 1 or 2, open /dev/null there. Otherwise the next file that is opened would get the
    number, and error messages would go into it."""
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # open(2) takes the lowest number that is free
        if getattr(sys, name) is None:
            setattr(sys, name, open(descriptor, "r" if descriptor == 0 else "w", closefd=False))


def find_packages(home: str) -> None:
    """Most of the time all are beside minirun. Else the search that python(1) has been told to leave out (-S) is made
    up for: sources, Debian's packages, `pip install --editable`."""
    if sys.flags.no_site and not all(os.path.isdir(f"{home}/{name}") for name in PACKAGES):
        import site

        site.main()
