"""Lab 04. What chroot(2) does not do, and pivot_root(2) does.

The root of a process is told by its inode, and so is the root of its mount namespace, which a process that enters the
namespace gets as its own (setns(2)). By these two, a chroot is told from a pivot_root.
"""

from __future__ import annotations

import os
import shutil

from ...teach.mount_tree import Mount, parse
from .. import bundles, look, sweep
from ..lab import Finding, Goal, Lab, done, not_yet, question, wrong
from ..needs import ROOT, programs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..desk import Desk

JAIL, TOKEN, LOOT = "jail", "token", "jail/loot"
ASLEEP = (("sleep", "4401"), ("sleep", "4403"))
OF_THE_KERNEL = ("proc", "sysfs")  # file systems with nothing of the machine's disks, and one device for all mounts


def make(desk: Desk) -> None:
    desk.kept["mnt"] = str(look.namespace(os.getpid(), "mnt"))  # the terminal's; process 1 may be in another one
    bundles.rootfs(desk.file(JAIL))
    os.mkdir(desk.file("jail/old"))
    desk.write(
        "jail/dev/null", "", mode=0o666
    )  # a shell's background job reads it; the device may be forbidden (nodev)
    desk.write(TOKEN, f"{desk.secret()}\n", mode=0o600)
    shutil.copy(f"{os.path.dirname(__file__)}/breakout.c", desk.directory)


def clear(desk: Desk) -> None:
    """Those behind a pivot_root have nothing that leads to the lab's directory by its name."""
    for pid in jailed_processes(desk):
        sweep.end(str(pid))
    for words in ASLEEP:
        sweep.end_running(*words)


# ---- whose root


def root(pid: int) -> tuple[int, int] | None:
    return look.identity(f"/proc/{pid}/root")


def jailed_processes(desk: Desk) -> list[int]:
    """After `mount --bind / jail`, that is everybody's root, and says nothing."""
    jail = look.identity(desk.file(JAIL))
    is_jail = jail not in (None, look.identity("/"))
    return [pid for pid in look.pids() if is_jail and root(pid) == jail]


def breakouts(desk: Desk) -> list[int]:
    """Processes that run the jail's program breakout."""
    program = look.identity(desk.file("jail/breakout"))
    return [pid for pid in look.pids() if program and look.identity(f"/proc/{pid}/exe") == program]


def machines_process(desk: Desk) -> int:
    return look.fellow("mnt", int(desk.kept["mnt"]))


def is_apart(pid: int, desk: Desk) -> bool:
    """Whether it is in another mount namespace than the machine's."""
    return look.namespace(pid, "mnt") not in (0, int(desk.kept["mnt"]))


def of_namespace(pid: int) -> tuple[tuple[int, int] | None, tuple[Mount, ...]]:
    """The root of its mount namespace, and all mounts in it, whatever root the process itself has."""
    proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
    try:
        top, text = look.inside(pid, ("mnt",), lambda: [look.identity("/"), mountinfo(proc)]) or (None, "")
    finally:
        os.close(proc)
    return top and tuple(top), parse(text)


def mountinfo(proc: int) -> str:
    """The caller's. By a descriptor, as there need not be a /proc where the caller has come to."""
    with open(os.open("self/mountinfo", os.O_RDONLY, dir_fd=proc), encoding="utf-8", errors="surrogateescape") as file:
        return file.read()


def pivoted_processes(desk: Desk) -> Iterator[tuple[int, tuple[Mount, ...]]]:
    """Those for which the jail is the root of the whole mount namespace, with its mounts."""
    jail = look.identity(desk.file(JAIL))
    for pid in jailed_processes(desk):
        if is_apart(pid, desk):
            top, mounts = of_namespace(pid)
            if top == jail:
                yield pid, mounts


# ---- looks


def jailed(desk: Desk) -> Finding:
    found = jailed_processes(desk)
    expected = f"a process with {desk.file(JAIL)} as its root"
    return done(f"the root of process {found[0]} is {JAIL}") if found else not_yet(expected)


def escaped(desk: Desk) -> Finding:
    expected = f"a process that runs {JAIL}/breakout, started by one in the jail, and has the machine's root"
    machine, jail = root(machines_process(desk)), look.identity(desk.file(JAIL))
    free = [pid for pid in breakouts(desk) if root(pid) == machine]
    for pid in free:
        if root(int(look.status(pid).get("PPid", "0"))) == jail:
            return done(f"process {pid} came from the jail, and its root is the machine's")
    if free:
        return wrong("started_outside", f"process {free[0]} was started by one outside of the jail", expected)
    return not_yet(expected)


def loot(desk: Desk) -> Finding:
    found, expected = desk.read(LOOT), f"the words of {TOKEN}, in {LOOT}"
    if found is None:
        return not_yet(expected)
    if found.strip() == desk.secret():
        return done(f"{LOOT} has them")
    return wrong("empty_loot", f"{LOOT} has {len(found)} bytes, and not those", expected)


def pivoted(desk: Desk) -> Finding:
    expected = f"a mount namespace whose root is {JAIL}"
    found = next(pivoted_processes(desk), None)
    if found:
        return done(f"the root of the mount namespace of process {found[0]} is {JAIL}")
    chrooted = next((pid for pid in jailed_processes(desk) if is_apart(pid, desk)), None)
    if chrooted:
        return wrong("only_chroot", f"process {chrooted} has it as its root, its mount namespace has not", expected)
    return not_yet(expected)


def bare(desk: Desk) -> Finding:
    expected = "nothing of the machine's is mounted below the new root"
    mounted = parse(look.read(f"/proc/{machines_process(desk)}/mountinfo") or "")
    devices = {mount.device for mount in mounted}
    stays = []
    for pid, mounts in pivoted_processes(desk):
        old = [one.point for one in mounts if one.point != "/" and is_machines(one, devices)]
        if not old:
            return done(f"process {pid} has {len(mounts)} mounts, none of them the machine's")
        stays.append(f"process {pid} has {old[0]}, which is mounted on the machine, too")
    return wrong("old_root_stays", stays[0], expected) if stays else not_yet(expected)


def is_machines(mount: Mount, devices: set[str]) -> bool:
    return mount.device in devices and mount.type not in OF_THE_KERNEL


def held(desk: Desk) -> Finding:
    inside = {look.namespace(pid, "mnt") for pid, _mounts in pivoted_processes(desk)}
    for pid in breakouts(desk):
        if look.namespace(pid, "mnt") in inside and root(pid) == look.identity(desk.file(JAIL)):
            return done(f"process {pid} has gone up as far as it could, and its root is {JAIL}")
    return not_yet(f"{JAIL}/breakout, running behind the pivot_root: breakout sleep 4403 &")


LAB = Lab(
    "chroot is no jail; pivot_root is",
    35,
    goals=(
        Goal("jailed", "A process has jail as its root.", jailed, tips=("chroot jail /bin/sh, and leave it open",)),
        Goal(
            "escaped",
            "A check has seen a process that was started in the jail, and had the machine's root.",
            escaped,
            points=3,
            tips=("gcc -static -o jail/breakout breakout.c, outside", "/breakout sleep 4401 &, inside; then check"),
            once=True,
        ),
        Goal(
            "loot",
            "What the token says, which lies outside, is in jail/loot.",
            loot,
            points=2,
            tips=("/breakout cp FROM TO runs cp with the machine's root",),
            after=("escaped",),
        ),
        Goal(
            "pivoted",
            "The jail is the root of a whole mount namespace.",
            pivoted,
            points=4,
            tips=(
                "unshare --mount bash; mount --bind jail jail; cd jail; pivot_root . old",
                "then exec /bin/sh, so that the shell is one of the jail's, and leave it open",
            ),
        ),
        Goal(
            "bare",
            "Nothing of the machine's is mounted in it any more.",
            bare,
            points=3,
            tips=("umount -l /old, inside",),
            after=("pivoted",),
        ),
        Goal(
            "held",
            "The same break-out runs there, and does not get out.",
            held,
            points=3,
            tips=("/breakout sleep 4403 &, behind the pivot_root; then check",),
            after=("bare",),
        ),
        question(
            "itself",
            "In a new mount namespace: with which errno does pivot_root / / fail?",
            ("ebusy", "device or resource busy", "16"),
            wrongs={"not_einval": ("einval", "invalid argument", "22")},
            tips=("man 2 pivot_root, ERRORS: a pathological case; or try: unshare --mount pivot_root / /",),
        ),
        question(
            "way",
            "With proc mounted in the jail, and the machine's PID namespace: which path is the machine's root?",
            ("/proc/1/root", "/proc/1/root/", "proc/1/root", "/proc/1/cwd"),
            tips=("proc has a link to the root of every process (proc_pid_root(5)); which process is always there?",),
        ),
    ),
    hints={
        "started_outside": "It was started by a shell outside of the jail, so there was nothing to break out of. "
        "Start it in the shell that chroot has started.",
        "empty_loot": "The file is there, but it is not what the token says. Look at what cp or cat said: the paths "
        "are those of the machine, once you are outside.",
        "only_chroot": "The process has a mount namespace of its own, and in it another root than the namespace has: "
        "that is chroot again. pivot_root changes the root of the namespace itself.",
        "old_root_stays": "The old root is still mounted below the new one, with all that is on the machine: nobody "
        "has to break out, a path is enough. Unmount it; as long as programs of it run, with -l (MNT_DETACH).",
        "not_einval": "EINVAL is for what is no mount point, or shared. Here both are mount points, and the new root "
        "is on the mount that is the root already.",
    },
    needs=(ROOT, programs("gcc")),
    make=make,
    clear=clear,
)
