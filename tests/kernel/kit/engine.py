"""An engine in short: it becomes the parent of every container, and collects each process that ends at once.

    python engine.py COUNT BUNDLE ID RUNTIME...

It takes COUNT containers of one bundle, one after the other, through create, start, state, delete, and prints as JSON
what the commands that failed have said. All is done on one processor, where a program is often at its end before the
runtime looks at it again.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
import tempfile

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


def main() -> None:
    count, bundle, name, *runtime = sys.argv[1:]
    os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    commands = (
        ["create", "--bundle", bundle, name],
        ["start", name],
        ["state", name],
        ["delete", "--force", name],
    )
    failures = [said for _ in range(int(count)) for words in commands if (said := call([*runtime, *words]))]
    print(json.dumps(failures))


def call(words: list[str]) -> str:
    """One command to its end, however many others end meanwhile; what it said, if it failed."""
    with tempfile.TemporaryFile() as errors:  # no pipe: the program holds its end as long as it runs
        streams = ((os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0), (os.POSIX_SPAWN_DUP2, errors.fileno(), 2))
        pid = os.posix_spawnp(words[0], words, os.environ, file_actions=streams)
        while (ended := os.waitpid(-1, 0))[0] != pid:
            pass
        errors.seek(0)
        return errors.read().decode() if ended[1] else ""


if __name__ == "__main__":
    main()
