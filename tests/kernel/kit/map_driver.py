"""Makes a user namespace by minirun's steps, as whatever user this runs, and tells who it is in there.

python map_driver.py UIDS GIDS        each as INSIDE,OUTSIDE,SIZE[:INSIDE,OUTSIDE,SIZE...]
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from minirun.kernel.libc import SystemCallError
from minirun.steps.namespaces import Unshare
from minirun.steps.process import CloseToTracers
from minirun.steps.step import Channel, Context, Log, Refused
from minirun.steps.user_namespace import BecomeNamespaceRoot, WriteIdMap


def ranges(words: str) -> tuple[tuple[int, int, int], ...]:
    return tuple(tuple(map(int, word.split(","))) for word in words.split(":"))  # type: ignore[misc]


def tell() -> None:
    """What the process in the namespace has become."""
    maps = {name: Path(f"/proc/self/{name}").read_text().split() for name in ("uid_map", "gid_map")}
    print(json.dumps({**maps, "uid": os.getuid(), "gid": os.getgid(), "owner": os.stat("/proc/self/mem").st_uid}))


def main() -> None:
    context = Context(Log(), Channel())
    ready, mapped = os.pipe(), os.pipe()
    context.pid = os.fork()
    if context.pid == 0:
        os.close(mapped[1])
        CloseToTracers().apply(context)
        Unshare(("user",)).apply(context)
        os.write(ready[1], b"!")
        if os.read(mapped[0], 1):
            BecomeNamespaceRoot().apply(context)
            tell()
        sys.stdout.flush()
        os._exit(0)
    os.read(ready[0], 1)
    os.close(mapped[0])
    try:
        for kind, words in zip(("uid", "gid"), sys.argv[1:]):
            WriteIdMap(kind, ranges(words), "", by_helper=True).apply(context)
        os.write(mapped[1], b"!")
    except (Refused, SystemCallError) as error:
        print(error, getattr(error, "cure", ""), file=sys.stderr)
        os.close(mapped[1])
        sys.exit(1)
    finally:
        os.waitpid(context.pid, 0)


if __name__ == "__main__":
    main()
