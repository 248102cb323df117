"""What another container does to a volume that both share, until it is killed.

python swap.py exchange ONE OTHER          exchanges the two, all the time: renameat2(2), RENAME_EXCHANGE
python swap.py replace NEW OLD…            as soon as NEW is there, OLD comes in its place, for each pair in turn
"""

from __future__ import annotations

import ctypes
import os
import sys

AT_FDCWD, RENAME_EXCHANGE = -100, 2  # fcntl.h, linux/fs.h
renameat2 = ctypes.CDLL(None).renameat2


def exchange(one: bytes, other: bytes) -> bool:
    return renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE) == 0


def main() -> None:
    deed, *words = sys.argv[1:]
    paths = [os.fsencode(word) for word in words]
    print("ready", flush=True)
    while deed == "exchange":
        exchange(*paths)
    for new, old in zip(paths[::2], paths[1::2]):
        while not exchange(new, old):
            pass


if __name__ == "__main__":
    main()
