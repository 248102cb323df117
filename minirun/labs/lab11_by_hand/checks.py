"""Lab 11. The same bundle three times: by a runtime (sleep 1117), by hand (sleep 1119), and by the script of `explain`
with a line less. What is compared is what the kernel says of the three processes."""

from __future__ import annotations

import os
import shutil
import time

from .. import bundles, look, sweep
from ..lab import Goal, Lab
from ..needs import programs
from ..predicted import predicted
from ..programs import said
from .compare import MASKED, READ_ONLY
from .looks import BY_HAND, PROGRAM, gone, less, mounts, namespaces, reference, rights, root

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..desk import Desk

CHROOTED = ("sleep", "1123")  # of the page
USER = 1000
KINDS = ("mount", "pid", "uts", "ipc", "network", "cgroup")
PATIENCE = 5.0  # seconds in which the scripts clear up behind their container


def make(desk: Desk) -> None:
    bundle = desk.file("bundle")
    config = bundles.busybox(bundle, args=list(PROGRAM), terminal=False, user={"uid": USER, "gid": USER})
    config["process"].update(capabilities={}, rlimits=[])
    config["mounts"] = [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        tmpfs("/dev", "nosuid", "mode=755"),
        tmpfs("/tmp", "nosuid", "nodev", "noexec", "mode=1777"),
    ]
    config["linux"] = {
        "namespaces": [{"type": kind} for kind in KINDS],
        "maskedPaths": list(MASKED),
        "readonlyPaths": list(READ_ONLY),
    }
    bundles.write(bundle, config)
    copy_setpriv(f"{bundle}/rootfs")


def tmpfs(destination: str, *options: str) -> dict[str, object]:
    return {"destination": destination, "type": "tmpfs", "source": "tmpfs", "options": list(options)}


def copy_setpriv(root: str) -> None:
    """The machine's own, with its libraries: busybox has one that can do less, and after pivot_root(2) there is no
    other."""
    program = shutil.which("setpriv") or ""
    libraries = [word for word in said("ldd", program).split() if word.startswith("/")]
    if os.path.lexists(f"{root}/bin/setpriv"):  # busybox's, through which the copy would go into busybox itself
        os.unlink(f"{root}/bin/setpriv")
    shutil.copy(program, f"{root}/bin/setpriv")
    for library in libraries:
        os.makedirs(f"{root}{os.path.dirname(library)}", exist_ok=True)
        shutil.copy(library, f"{root}{library}")


def clear(desk: Desk) -> None:
    """The scripts clear up when their container ends: they are given the time."""
    waiting = {script for pid in look.running(*PROGRAM) for script in scripts_above(pid, desk)}
    for words in (PROGRAM, BY_HAND, CHROOTED):
        sweep.end_running(*words)
    deadline = time.monotonic() + PATIENCE
    while any(map(sweep.is_alive, waiting)) and time.monotonic() < deadline:
        time.sleep(0.02)


def scripts_above(pid: int, desk: Desk) -> Iterator[int]:
    """Those of its parents that were started in the directory with an argument: no shell that somebody types in."""
    pid = int(look.status(pid).get("PPid", "0"))
    while len(look.command(pid)) > 1 and sweep.is_below(sweep.link_of(pid, "cwd"), desk.directory):
        yield pid
        pid = int(look.status(pid).get("PPid", "0"))


LAB = Lab(
    "By hand",
    40,
    goals=(
        predicted(6),
        Goal(
            "reference",
            "A runtime has made the container lab11 of the bundle.",
            reference,
            tips=("minirun run --detach --bundle bundle lab11",),
        ),
        Goal(
            "namespaces",
            "sleep 1119 has the same kinds of namespaces of its own, and the host name lab11.",
            namespaces,
            points=3,
            tips=(
                "one unshare makes all six; echo lab11 > /proc/sys/kernel/hostname sets the host name",
                "fork: Cannot allocate memory? The first child became process 1, and has ended: unshare --fork",
            ),
            after=("reference",),
        ),
        Goal(
            "root",
            "Its root is bundle/rootfs, also for its mount namespace, and the old root is gone.",
            root,
            points=3,
            tips=("pivot_root . . in a directory that is a mount, then umount -l .",),
            after=("reference",),
        ),
        Goal(
            "mounts",
            "It has the same mounts as the runtime's, with the same flags.",
            mounts,
            points=3,
            tips=(
                "minirun explain bundle has the command for each",
                "read-only takes two: mount --bind PATH PATH, mount -o remount,bind,ro PATH",
                "a file is hidden with mount --bind /dev/null PATH",
            ),
            after=("root",),
        ),
        Goal(
            "rights",
            "It has the same user and groups, no capabilities either, and NoNewPrivs.",
            rights,
            points=3,
            tips=("setpriv --help; one setpriv does it all", "also the bounding set, which --reuid leaves full"),
            after=("reference",),
        ),
        Goal(
            "less",
            "The container of the script, lab11less, lacks one thing that the runtime's has.",
            less,
            points=3,
            tips=(
                "minirun explain --script --id lab11less bundle > less.sh, one line deleted, then bash less.sh &",
                "not every line protects: those with remount, umount and those of setpriv do",
            ),
            after=("reference",),
        ),
        Goal(
            "gone",
            "Which protection is gone? Its name as in minirun explain --without all bundle.",
            gone,
            points=2,
            tips=(
                "the comment above the line has the number of the step",
                "minirun explain --without NUMBER bundle says which protections that step makes",
            ),
            after=("less",),
            question=True,
        ),
    ),
    hints={
        "namespaces_differ": "Compare the two processes with lsns -p. Each kind is an option of unshare.",
        "only_chroot": "The process has another root, its mount namespace has not: whoever has CAP_SYS_CHROOT walks "
        "back out (lab 04). pivot_root changes the root of the namespace.",
        "old_root_stays": "The old root is still mounted, over the new one: all files of the machine are one step "
        "away. After pivot_root . . comes umount -l .",
        "can_be_written": "That mount may be written to, and the runtime's may not. A bind mount takes over the flags "
        "of what it shows, so ro comes with a second call: mount -o remount,bind,ro.",
        "still_root": "It still runs as root. setpriv changes user and group, and has to be told to forget the other "
        "groups, too.",
        "set_stays_full": "With the change from root to another user the effective and permitted sets became empty, "
        "but the bounding set did not: a program with file capabilities could still give some back.",
        "privileges_may_grow": "A set-user-ID program inside would make it root again. no_new_privs takes the power "
        "from such files, for this process and all that come from it.",
        "nothing_lost": "The script has built all that the runtime has built. Either no line is missing, or the line "
        "protects from nothing that can be seen in /proc. Take another one.",
        "too_much_lost": "More than one thing differs from the runtime's container. Make the script anew, and delete "
        "one line only.",
        "another_protection": "That one is still there, or cannot be told from /proc. Look at the number of the step "
        "in the comment above the line that you have deleted.",
    },
    needs=(programs("setpriv", "unshare", "pivot_root", "jq"),),
    make=make,
    clear=clear,
    runtimes=True,
)
