"""Where the program begins: `minirun …` and `python -m minirun …`."""

from __future__ import annotations

import signal
import sys


def main() -> None:
    """Run the command line, and exit with its status."""
    # Before there is anything to tidy up, Ctrl-C ends minirun as it ends other programs: without a traceback.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    from .cli.start import start

    sys.exit(start(sys.argv[1:]))


if __name__ == "__main__":
    main()
