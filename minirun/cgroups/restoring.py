"""How to take back what was written to a file of a cgroup: Documentation/admin-guide/cgroup-v2.rst of the kernel.

Most files have one value. Some have a line for each device that has a limit, and a write changes one of the lines.
"""

from __future__ import annotations

# What to say of a device that was not in the list, so that it is not in the list again.
NOTHING_SET = {
    "io.max": "rbps=max wbps=max riops=max wiops=max",
    "rdma.max": "hca_handle=max hca_object=max",
    "io.weight": "default",
    "io.bfq.weight": "default",
}


def lines_to_restore(name: str, written: str, before: str) -> list[str]:
    """What to write to the file, one line after the other, so that it says what it said `before` a line was `written`.

    A line feed alone stands for an empty file: write(2) of nothing does nothing.
    """
    lines = before.splitlines() or ["\n"]
    if name not in NOTHING_SET:
        return lines
    key = written.split()[0]
    return [line for line in lines if line.split()[:1] == [key]] or [f"{key} {NOTHING_SET[name]}"]
