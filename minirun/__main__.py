"""Where the program begins: `minirun …` and `python -m minirun …`."""

from __future__ import annotations

import os
import signal
import sys


def main() -> None:
    """Run the command line, and exit with its status."""
    # Before there is anything to tidy up, Ctrl-C ends minirun as it ends other programs: without a traceback.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    open_missing_streams()
    from .cli.start import start

    sys.exit(start(sys.argv[1:]))


def open_missing_streams() -> None:
    """Where the caller has closed 0, 1 or 2, open /dev/null there. Otherwise the next file that is opened would get the
    number, and error messages would go into it."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open("/dev/null", os.O_RDWR), True)  # open(2) takes the lowest number that is free


if __name__ == "__main__":
    main()
