"""Where the program begins, each time: by the launcher (scripts/minirun), by `python -m minirun`, and once more where
sealing it takes a second start (runtime/seal.py). The first and the last run it as a file, in a Python
that was told to look for no packages (-I -S), minirun among them.
"""

import _signal
import os
import sys

HOME = os.path.realpath(f"{__file__}/../..")  # the directory that has minirun in it


def main() -> None:
    """Run the command line, and end with its status."""
    sys.excepthook = tell
    end_by_interrupt()
    if HOME not in sys.path:
        sys.path.append(HOME)
    if sys.flags.isolated:
        from minirun.one_file import load

        load(HOME, sys.argv[1:])
    from minirun.cli.begin import begin

    begin(HOME)


def tell(_kind: object, error: BaseException, _trace: object) -> None:
    """In the place of a traceback, while nothing of minirun is there that could say more."""
    if sys.stderr:
        sys.stderr.write(f"minirun: can't start: {error!r}\n  cure:  see what keeps it from memory, or its own files\n")


def end_by_interrupt() -> None:
    """Before there is anything to tidy up, Ctrl-C ends minirun as it ends other programs: without a traceback."""
    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)


if __name__ == "__main__":
    main()
