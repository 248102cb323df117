"""Where the program begins: `minirun …` and `python -m minirun …`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line, and exit with its status."""
    from .cli.start import start

    sys.exit(start(sys.argv[1:]))


if __name__ == "__main__":
    main()
