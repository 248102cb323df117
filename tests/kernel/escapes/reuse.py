"""Has another process get the number of a container's, and tells what has become of it.

    unshare --pid --fork --mount-proc python reuse.py PROGRAM BUNDLE ID SPOILED COMMAND…

In a pid namespace of its own, where the next number can be chosen (/proc/sys/kernel/ns_last_pid), and where nobody else
takes it. PROGRAM is the words of minirun, one string. The container's process is killed and its number given away
before `minirun COMMAND` looks at it; or while it does, if it asks for that (weak.py, reused_after_the_look).
It tells whether the other process still lives, and the command's exit status.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path


def main() -> None:
    program, bundle, name, asked, *command = sys.argv[1:]
    minirun = program.split()
    subprocess.run([*minirun, "run", "--detach", "--bundle", bundle, name], stdin=subprocess.DEVNULL, check=True)
    pid = json.loads(subprocess.run([*minirun, "state", name], capture_output=True, check=True).stdout)["pid"]
    in_time = "reused-after-the-look" in program
    other = 0 if in_time else reuse(pid)
    running = subprocess.Popen(
        [*minirun, *command], env={**os.environ, **({"ASK_FOR_REUSE": asked} if in_time else {})}
    )
    while in_time and running.poll() is None and not other:
        if os.path.exists(asked) and Path(asked).read_text() == str(pid):
            other = reuse(pid)
            os.unlink(asked)
        time.sleep(0.001)
    status = running.wait()
    time.sleep(0.2)  # a signal takes its time
    lives = os.waitpid(other, os.WNOHANG) == (0, 0)
    if lives:
        os.kill(other, signal.SIGKILL)
    subprocess.run([*minirun, "delete", "--force", name], capture_output=True, check=False)
    print(json.dumps({"lives": lives, "status": status}))


def reuse(pid: int) -> int:
    """End this process, and start another one with its number."""
    os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):  # it is an orphan, and so this process's, the first of the namespace
        os.waitpid(pid, 0)
    while os.path.exists(f"/proc/{pid}"):
        time.sleep(0.001)
    time.sleep(0.02)  # proc_pid_stat(5): start times are counted in hundredths of a second
    Path("/proc/sys/kernel/ns_last_pid").write_text(str(pid - 1))
    other = os.fork()
    if other == 0:
        os.execvp("unshare", ["unshare", "--mount", "sleep", "60"])  # exec refuses minirun's own mount namespace
    assert other == pid, (other, pid)
    while Path(f"/proc/{other}/comm").read_text() != "sleep\n":
        time.sleep(0.001)
    return other


if __name__ == "__main__":
    main()
