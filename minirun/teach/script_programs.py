"""The programs that a script calls, looked for before it does anything: what is missing has a package."""

from __future__ import annotations

import re

from .script_lines import WIDTH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Debian's. Each name stands at the beginning of a command, or behind one of another program's that calls it.
PACKAGES = {
    **dict.fromkeys(("mount", "umount"), "mount"),
    **dict.fromkeys(("findmnt", "nsenter", "pivot_root", "prlimit", "setpriv", "setsid", "unshare"), "util-linux"),
    **dict.fromkeys(("chrt", "ionice", "taskset"), "util-linux"),
    **dict.fromkeys(("find", "xargs"), "findutils"),
    "awk": "mawk",
    "hostname": "hostname",
    "ip": "iproute2",
    "keyctl": "keyutils",
    "newgidmap": "uidmap",
    "newuidmap": "uidmap",
    "numactl": "numactl",
    "sysctl": "procps",
}
WORD = re.compile(r"(?<![\w/.$='\"-])[a-z_]+(?=[ )])")


def looked_for(lines: Iterable[str]) -> Iterator[str]:
    """The lines that end the script where one is not there. A word of something else may look like such a command: then
    there is one program more to look for."""
    commands = [line for line in lines if not line.startswith("#")]
    called = {word for line in commands for word in WORD.findall(line) if word in PACKAGES}
    line = "needs"
    for name in sorted(called):
        if len(f"{line} {name}={PACKAGES[name]} \\") > WIDTH:
            yield f"{line} \\"
            line = "   "
        line += f" {name}={PACKAGES[name]}"
    if called:
        yield line
