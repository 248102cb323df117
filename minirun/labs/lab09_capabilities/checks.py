"""Lab 09. The five sets of a process and its no_new_privs are lines of /proc/PID/status (capabilities(7))."""

from __future__ import annotations

import json
import os
import shutil
import stat

from ...errors import StateError
from ...kernel.constants import CAPABILITIES
from .. import bundles, look, sweep
from ..desk import place
from ..lab import Finding, Goal, Lab, done, not_yet, question, wrong
from ..needs import ROOT, Need, programs
from .table import DEEDS, DOCKER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ...teach.inspection import Facts
    from ..desk import Desk

CONTAINED, ONE, SETUID, NO_EFFECT = "9091", "9093", "9095", "9097"  # the seconds of each sleep
COPIED = ("sleep", "id")  # programs of which the lab has copies with the setuid bit
THEIRS = 1000  # the user whose file the probe tries to read


def make(desk: Desk) -> None:
    make_bundle(desk)
    desk.write("docker.json", json.dumps(DOCKER) + "\n")
    os.makedirs(desk.file("mighty"), exist_ok=True)
    for name in COPIED:
        program = shutil.which(name)
        if program is None:
            raise StateError(f"there is no {name} here\n  cure:  apt-get install coreutils")
        refuse_many(program)
        shutil.copy(program, desk.file(f"mighty/{name}"))
        os.chmod(desk.file(f"mighty/{name}"), 0o4755)


def refuse_many(program: str) -> None:
    """Where one program plays many, by the name that it is called by, setuid would be for all of them. GNU's sleep and
    id say no to this word. Raises StateError."""
    import subprocess

    as_echo = subprocess.run(["echo", "x"], executable=program, capture_output=True, check=False)
    if as_echo.returncode == 0:
        raise StateError(f"{program!r} plays other programs, too, and must not be setuid\n  cure:  the class's machine")


def make_bundle(desk: Desk) -> None:
    """A container that may do all that this process may, as with Docker's --privileged."""
    config = bundles.busybox(desk.file("bundle"), args=["sleep", CONTAINED], terminal=False, noNewPrivileges=False)
    every = names(int(look.status(os.getpid())["CapBnd"], 16))
    config["process"]["capabilities"] = dict.fromkeys(("bounding", "effective", "permitted"), every)
    config["mounts"].append({"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"})
    bundles.write(desk.file("bundle"), config)
    desk.give(f"{os.path.dirname(__file__)}/probe.sh", "bundle/rootfs/bin/probe", mode=0o755)
    os.chown(desk.write("bundle/rootfs/root/theirs", "theirs\n", mode=0o600), THEIRS, THEIRS)


def clear(_desk: Desk) -> None:
    for seconds in (ONE, SETUID, NO_EFFECT):
        sweep.end_running("sleep", seconds)


def setuid_is_ignored() -> str:
    """A mount with nosuid, such as many a /home is, would have the bit without an effect (mount(8))."""
    above = place()
    while not os.path.isdir(above):
        above = os.path.dirname(above)
    if not os.statvfs(above).f_flag & os.ST_NOSUID:
        return ""
    return f"{above} is mounted with nosuid, so that setuid programs have no effect there\n  cure:  $MINIRUN_LABS"


SETUID_COUNTS = Need("a place for labs that is not mounted with nosuid", setuid_is_ignored)


# ---- what is seen of a process


def names(mask: int) -> list[str]:
    return [name for bit, name in enumerate(CAPABILITIES) if mask >> bit & 1]


def mask_of(wanted: tuple[str, ...]) -> int:
    return sum(1 << CAPABILITIES.index(name) for name in wanted)


def told(mask: int) -> str:
    found = [name.removeprefix("CAP_").lower() for name in names(mask)]
    return f"{len(found)} ({', '.join(found[:3])}…)" if len(found) > 3 else ", ".join(found) or "none"


def sleeper(seconds: str) -> Facts | None:
    return next(iter(look.processes("sleep", seconds)), None)


def users(one: Facts) -> tuple[int, int]:
    """Real and effective."""
    real, effective, *_ = map(int, one.ids["Uid"].split())
    return real, effective


# ---- goals


def fourteen(_desk: Desk) -> Finding:
    process, right = sleeper(CONTAINED), mask_of(DOCKER)
    if process is None:
        return not_yet("the container lab09 with Docker's fourteen", "no process sleep 9091")
    sets = process.capabilities
    found, expected = f"effective: {told(sets['effective'])}", f"Docker's {told(right)}"
    if sets["effective"] & ~right:
        return wrong("more_than_fourteen", found, expected)
    if sets["effective"] != right:
        return wrong("missing_some", found, f"also {told(right & ~sets['effective'])}")
    if sets["bounding"] == sets["permitted"] == right:
        return done(found)
    return wrong("", f"bounding: {told(sets['bounding'])}", "the same fourteen in all three sets")


def matrix(desk: Desk) -> Finding:
    text = desk.read("matrix")
    if text is None:
        return not_yet("the file matrix with eight lines, a deed and its capability in each")
    given = {row[0]: row[1].upper() for line in text.splitlines() if len(row := line.split()) == 2}
    for deed, right in DEEDS.items():
        answer = given.get(deed)
        if answer is None:
            return not_yet(f"a line for {deed}", f"{len(given.keys() & DEEDS)} lines")
        if f"CAP_{answer.removeprefix('CAP_')}" not in right:
            return wrong("another_capability", f"{deed} {answer}", f"another capability for {deed}")
    return done(f"{len(DEEDS)} deeds")


def only_one(_desk: Desk) -> Finding:
    process, right = sleeper(ONE), mask_of(("CAP_NET_BIND_SERVICE",))
    if process is None:
        return not_yet("the process sleep 9093 of an ordinary user, with CAP_NET_BIND_SERVICE alone")
    effective, found = process.capabilities["effective"], f"process {process.pid} of user {users(process)[1]}"
    if 0 in users(process):
        return wrong("still_root", found, "an ordinary user's")
    if effective == 0:
        return wrong("lost_by_exec", f"{found}, effective: none", "net_bind_service")
    return done(found) if effective == right else wrong("", f"effective: {told(effective)}", "net_bind_service alone")


def setuid(_desk: Desk) -> Finding:
    process = sleeper(SETUID)
    if process is None:
        return not_yet("the process sleep 9095, by an ordinary user from mighty/sleep")
    real, effective = users(process)
    found = f"process {process.pid}: real user {real}, effective {effective}"
    if real == 0:
        return wrong("started_by_root", found, "an ordinary user's")
    return done(found) if effective == 0 else not_yet("effective user 0", found)


def no_effect(desk: Desk) -> Finding:
    process, program = sleeper(NO_EFFECT), desk.file("mighty/sleep")
    if process is None:
        return not_yet("the process sleep 9097, by an ordinary user from mighty/sleep, without its effect")
    real, effective = users(process)
    found = f"process {process.pid}: real user {real}, effective {effective}"
    if real == 0:
        return wrong("started_by_root", found, "an ordinary user's")
    if effective == 0:
        return wrong("still_effective", found, "no user 0, though the program is setuid")
    if not is_setuid(program):
        return wrong("bit_gone", f"{program} is no setuid program of root's any more", "mode 4755")
    if os.readlink(f"/proc/{process.pid}/exe") != program or not process.no_new_privileges:
        return not_yet(f"{program}, with NoNewPrivs: 1", found)
    return done(f"{found}, NoNewPrivs: 1")


def is_setuid(program: str) -> bool:
    try:
        found = os.stat(program)
    except OSError:
        return False
    return bool(found.st_mode & stat.S_ISUID) and found.st_uid == 0


LAB = Lab(
    "Root in pieces: capabilities and no_new_privs",
    35,
    goals=(
        Goal(
            "fourteen",
            "The container lab09 has Docker's fourteen capabilities, and can't get others.",
            fourteen,
            points=4,
            tips=("/process/capabilities in bundle/config.json has a list for each set; docker.json has the fourteen",),
        ),
        Goal(
            "matrix",
            "The file matrix says of each of the probe's eight deeds which capability it takes.",
            matrix,
            points=3,
            tips=(
                "take one capability away, run the probe, and see which deed has become a no",
                "two deeds are refused with the fourteen: what allows those is among the others, in capabilities(7)",
            ),
        ),
        Goal(
            "one",
            "sleep 9093 runs as an ordinary user with CAP_NET_BIND_SERVICE, and no other.",
            only_one,
            points=3,
            tips=(
                "execve(2) takes the capabilities of whoever is not root; one set of the five is for keeping them",
                "setpriv --help: --inh-caps, --ambient-caps",
            ),
        ),
        Goal(
            "setuid",
            "sleep 9095 was started by an ordinary user from a setuid program, and is root.",
            setuid,
            points=1,
            tips=("without root, in the lab's directory: mighty/sleep 9095 &",),
        ),
        Goal(
            "no_effect",
            "sleep 9097 was started from the same program, and is not root: no_new_privs is set.",
            no_effect,
            points=3,
            tips=("setpriv --no-new-privs sets it, and then starts a program",),
            after=("setuid",),
        ),
        question(
            "bit",
            "CapEff is 0000000000002000. Which capability is that?",
            ("cap_net_raw", "net_raw"),
            tips=("capsh --decode=2000",),
        ),
        question(
            "way_back",
            "sleep 9097 starts further programs. How many of them can take no_new_privs off again?",
            ("0", "none", "no", "zero"),
            tips=("prctl(2), PR_SET_NO_NEW_PRIVS",),
        ),
    ),
    hints={
        "more_than_fourteen": "This container may do more than Docker's: with all of them it could load a module, or "
        "mount the machine's disk. Put docker.json's list in the place of all three lists in config.json, and start it "
        "anew. The effective set alone is not enough: when root starts a program, that gets all of the bounding set.",
        "missing_some": "Some of the fourteen are missing, and images of Docker's rely on them: apt without CAP_SETUID "
        "can't become its user. docker.json has the list.",
        "another_capability": "That capability is not what this deed takes. Take it away from the fourteen: does "
        "the deed fail then? Two deeds fail with the fourteen already: for those add it, and see whether they succeed. "
        "capabilities(7) says of each what it allows.",
        "still_root": "sleep 9093 runs as root: then it owns root's files, whatever its capabilities are. Become "
        "another user, and keep one capability on the way.",
        "lost_by_exec": "The user is right, but nothing is left: who is not root loses all capabilities at execve(2), "
        "but for the ambient ones (capabilities(7), “Transformation of capabilities during execve”).",
        "started_by_root": "Root started that one, so there is nothing to gain. Start it in a terminal of an ordinary "
        "user.",
        "still_effective": "sleep 9097 became root, as the bit on its program says. Have no_new_privs set before the "
        "program is started.",
        "bit_gone": "mighty/sleep has lost the setuid bit, or its owner: like that it is a program like any other. "
        "chown root mighty/sleep, then chmod 4755 (in this order: chown takes the bit away).",
    },
    needs=(ROOT, SETUID_COUNTS, programs("setpriv", "capsh", "jq")),
    make=make,
    clear=clear,
    runtimes=True,
)
