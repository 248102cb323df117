"""What `explain --without` says is so of what `run --without` runs: a program in the container tries what the sentence
says (tests/probe/escapes.c).

All deeds are tried in one container with all protections, where none succeeds, and in others, each of which lacks some
protections that have nothing to do with each other: there those deeds succeed, and still no others. They are harmless:
processes, files, sockets, keys and memory are the test's own.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kernel.kit import needs
from kernel.kit.helpers import mount, unmount
from kernel.kit.outside import Process, children
from kernel.kit.runtime import REPOSITORY, TIMEOUT, Result, ended, new_id
from kernel.test_runtime_file import LOADERS
from minirun.spec.default import MASKED_PATHS, READONLY_PATHS
from minirun.teach.protections import PROTECTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from kernel.kit.bundle import Bundle
    from kernel.kit.runtime import Runtime

pytestmark = [pytest.mark.root, pytest.mark.only("minirun", "only it explains itself"), needs.cgroup2()]

DRIVER = Path(__file__).parent / "kit" / "without_driver.py"
MIB = 1 << 20
SECRET = "a secret of the host's root"
FOREVER = ["sleep", "600"]
libc = ctypes.CDLL(None, use_errno=True)
LATER = 1_000_000  # seconds that the container's clock is ahead
GROUP = 4242
DISKS = sorted(Path("/sys/block").glob("*/queue/read_ahead_kb"))


class Scene:
    """Things of the host for a container to get at, all the test's own."""

    def __init__(self, place: Path, ends: contextlib.ExitStack) -> None:
        self.volume = place / "volume"
        self.volume.mkdir(mode=0o755)
        # With devices, wherever the tests are, and shared, as all mounts are under systemd.
        mount("-t", "tmpfs", "-o", "mode=755", "--make-shared", "tmpfs", self.volume)
        ends.callback(unmount, self.volume)
        self.secret = self.volume / "secret"
        self.secret.write_text(SECRET)
        self.secret.chmod(0o600)
        self.null = self.volume / "null"
        os.mknod(self.null, 0o020666, os.makedev(1, 3))
        for name in ("deep", "spread"):
            (self.volume / name).mkdir()
        self.directory = os.open(self.volume / "deep", os.O_RDONLY)
        ends.callback(os.close, self.directory)
        self.name = f"minirun-test-{os.getpid()}-without"
        self.tcp = ends.enter_context(socket.create_server(("127.0.0.1", 0)))
        self.unix = ends.enter_context(socket.socket(socket.AF_UNIX))
        self.unix.bind(f"\0{self.name}")
        self.unix.listen()
        self.memory = libc.shmget(0, 4096, 0o1600)  # IPC_PRIVATE, IPC_CREAT
        ends.callback(libc.shmctl, self.memory, 0, None)  # IPC_RMID
        self.add_key()

    def add_key(self) -> None:
        if Path("/proc/keys").exists():
            keyctl, add_key = {"x86_64": (250, 248), "aarch64": (219, 217)}[os.uname().machine]
            libc.syscall(keyctl, 1, self.name.encode())  # KEYCTL_JOIN_SESSION_KEYRING
            libc.syscall(add_key, b"user", self.name.encode(), b"key", 3, -3)  # KEY_SPEC_SESSION_KEYRING


@pytest.fixture
def scene(place: Path) -> Iterator[Scene]:
    with contextlib.ExitStack() as ends:
        yield Scene(place, ends)


# ---- the deeds: protection -> what only it keeps the program from


def deeds(scene: Scene, victim: int, cgroup: str) -> dict[str, tuple[str, ...]]:
    held = f"capabilities:{Process().status()['CapBnd']}"  # the machine may have none of some
    secrets = [path for path in ("/proc/timer_list", "/proc/keys", "/proc/kcore") if is_readable(path)]
    tried = {
        "pid": (f"signal:{victim}", f"holds:/proc/{victim}/comm={FOREVER[0]}"),
        "network": (f"abstract:{scene.name}", f"port:{scene.tcp.getsockname()[1]}"),
        "mount": (f"walk-out:{scene.secret}",),
        "uts": (f"rename:{os.uname().nodename}",),
        "ipc": (f"shm:{scene.memory}",),
        "user": ("read:/mnt/secret",),
        "cgroup": (f"holds:/proc/self/cgroup={cgroup}",),
        "pivot": (f"walk-out:{scene.secret}",),
        "detach": (f"read:/..{scene.secret}",),
        "propagation": ("mount:/mnt/spread",),
        "masked-paths": tuple(f"read:{path}" for path in secrets),
        "readonly-paths": ("rewrite:/proc/sys/kernel/core_pattern",),
        "readonly-sys": tuple(f"rewrite:{path}" for path in DISKS[:1]),
        "mount-flags": ("suid:/quiet/suid", "device:/quiet/null"),
        "readonly-root": ("create:/etc/left",),
        "device-filter": ("disk:/dev/other",),
        "capabilities": (held, "unmount:/covered", "clock"),
        "bounding-set": (held,),
        "no-new-privs": ("suid:/suid",),
        "groups": (f"group:{GROUP}",),
        "seccomp": ("unshare",),
        "own-cgroup": ("disk:/dev/third",),
        "memory": ("memory:32",),
        "pids": ("forks:25",),
        "cpu": ("calculate:50",),
        "rlimits": ("files:90",),
        "session": ("job",),
        "descriptors": (f"read:/proc/self/fd/{scene.directory}/../secret",),
        "null": ("chmod:/proc/self/fd/0",),
        "keyring": (f"key:{scene.name}",),
    }
    return {name: tried[name] for name in tried if name in provable()}


def is_readable(path: str) -> bool:
    """With all capabilities. Kernels that are locked down refuse the memory to everybody."""
    try:
        with open(path, "rb") as file:
            return bool(file.read(1))
    except OSError:
        return False


# What else it can do then, since each of these is needed for the same.
ALSO = {
    "mount": {"pivot"},
    "pivot": {"mount"},
    "detach": {"mount", "pivot"},
    "capabilities": {"bounding-set"},
    "bounding-set": {"capabilities"},
    "own-cgroup": {"device-filter", "memory", "pids", "cpu"},
    "device-filter": {"own-cgroup"},
}
OTHER_TESTS = {
    "time": "test_only_a_shifted_clock_hides_how_long_the_host_is_up",  # it takes a kernel with time namespaces
    "tracers": "test_tracers_and_the_callers_terminal",
    "seal": "test_an_interpreter_that_is_not_sealed_can_be_opened_by_the_program",
    "io": "kernel/test_limits_hold.py: test_a_writer_is_slowed_down",  # it takes a disk
    "label": "kernel/test_labels.py: test_a_profile_denies_what_it_denies",  # it takes a profile, and AppArmor on
}


def provable() -> set[str]:
    """Some kernels lack a facility. Where version 1 has the controllers, nothing can be limited."""
    missing = {name for name in ("memory", "pids", "cpu") if name not in needs.controllers()}
    missing |= {"keyring"} if not Path("/proc/keys").exists() else set()
    missing |= {"readonly-sys"} if not DISKS else set()
    return {protection.name for protection in PROTECTIONS} - missing - OTHER_TESTS.keys()


# ---- a container with all protections, and what leaves one out


QUIET = ("nosuid", "nodev", "noexec")


def protect(made: Bundle, scene: Scene) -> None:
    """All but the user namespace, behind which few of the others would show."""
    made.config["hostname"] = "protected"
    made.config["root"]["readonly"] = True
    made.bind(scene.volume, "/mnt")
    made.bind(scene.volume, "/quiet", *QUIET)
    made.mount("/covered", "ro")
    made.link("link", scene.volume / "deep")
    made.directory(str(scene.volume / "deep"))
    made.mount("/link/made")
    made.mount("/sys/fs/cgroup", "ro", kind="cgroup", source="cgroup")
    made.namespace("cgroup")
    made.capabilities("CAP_SYS_CHROOT")
    for directory in (made.rootfs, scene.volume):
        shutil.copy(made.rootfs / "probe", directory / "suid")
        (directory / "suid").chmod(0o4755)
    made.process["noNewPrivileges"] = True
    made.process["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 64, "hard": 64}]
    made.linux["maskedPaths"], made.linux["readonlyPaths"] = list(MASKED_PATHS), list(READONLY_PATHS)
    made.linux["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["unshare"], "action": "SCMP_ACT_ERRNO"}],
    }
    limits = {
        "memory": {"limit": 24 * MIB, "swap": 24 * MIB},
        "pids": {"limit": 20},
        "cpu": {"quota": 10_000, "period": 20_000},
    }
    made.linux["resources"] = {name: value for name, value in limits.items() if name in provable()}


# Each container lacks one of these groups. no_new_privs does what the bounding set and nosuid do, too: they alone would
# not show. Without the bounding set, the program has all capabilities: so it is there that mounts must not spread, and
# where masks keep /proc/kcore away.
GROUPS = (
    (),
    ("pid", "network", "ipc", "cgroup", "detach"),
    (
        "masked-paths",
        "readonly-paths",
        "readonly-root",
        "readonly-sys",
        "mount-flags",
        "no-new-privs",
        "bounding-set",
        "seccomp",
        "rlimits",
        "keyring",
    ),
    ("uts", "propagation", "device-filter", "capabilities", "memory", "pids", "cpu"),
    ("mount", "own-cgroup"),
    ("pivot", "groups", "session", "descriptors", "null"),
    ("symlinks",),
)


def test_every_protection_has_its_proof() -> None:
    names = [protection.name for protection in PROTECTIONS]
    assert len(set(names)) == len(names)
    shown = {name for group in GROUPS for name in group} | {"user", *OTHER_TESTS}
    assert shown == set(names)
    for test in OTHER_TESTS.values():
        file, _, function = test.rpartition(": ")
        text = (REPOSITORY / "tests" / (file or "kernel/test_without.py")).read_text()
        assert f"\ndef {function}(" in text


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: "-".join(group) or "nothing")
def test_what_a_protection_is_for(
    runtime: Runtime, bundle: Callable[..., Bundle], scene: Scene, group: tuple[str, ...]
) -> None:
    made = bundle()
    protect(made, scene)
    done = attack(runtime, made, scene, group)
    expected = {name for name in group if name in provable()}
    # None of them has a user namespace: what that keeps from root, each can do.
    assert done == {"user"} | expected.union(*(ALSO[name] for name in expected & ALSO.keys())) & provable()


def test_a_user_namespace_makes_root_nobody_to_the_host(
    runtime: Runtime, bundle: Callable[..., Bundle], scene: Scene
) -> None:
    made = bundle("attack", f"user={deeds(scene, 1, '')['user'][0]}", "file=create:/mnt/file")
    made.bind(scene.volume, "/mnt")
    made.user_namespace()
    scene.volume.chmod(0o777)
    assert runtime.run(made).json == {"user": "EACCES", "file": ""}
    assert (scene.volume / "file").stat().st_uid == 100000
    (scene.volume / "file").unlink()
    assert runtime.run(made, options=without(["user"])).json == {"user": "", "file": ""}
    assert (scene.volume / "file").stat().st_uid == 0


def attack(runtime: Runtime, made: Bundle, scene: Scene, group: Sequence[str]) -> set[str]:
    """Runs the container in a job, and tells which deeds have succeeded, for those outside by what they have done."""
    name = new_id()
    with contextlib.ExitStack() as ends:
        victim, job = (ends.enter_context(killed(subprocess.Popen(FOREVER, process_group=0))) for _ in range(2))
        tried = deeds(scene, victim.pid, name)
        made.process["args"] = ["/probe", "attack", *numbered(tried)]
        made.write()
        if "symlinks" in group:  # minirun has no other way to look them up
            command = [sys.executable, str(DRIVER), str(made.path), name, "follow"]
        else:
            command = runtime.command(made, name, without([one for one in group if one in provable()]))
        result = run(command, scene, job.pid)
        done = {protection for protection in tried if succeeded(result.json, protection)}
        seen = {
            "pid": "pid" in done and is_signalled(victim),
            "propagation": os.path.ismount(scene.volume / "spread"),
            "symlinks": (scene.volume / "deep" / "made").exists(),
            "session": is_signalled(job),
            "null": scene.null.stat().st_mode & 0o777 == 0o600,
            "readonly-root": (made.rootfs / "etc" / "left").exists(),
        }
    return done - seen.keys() | {protection for protection, happened in seen.items() if happened}


def without(names: Sequence[str]) -> list[str]:
    """The test machine may break, and this host need not: the deeds are harmless."""
    return [*(word for name in names for word in ("--without", name)), "--i-know"]


def numbered(tried: dict[str, tuple[str, ...]]) -> list[str]:
    """The probe's words: each deed with a name, by which it tells what became of it."""
    return [f"{name}.{number}={deed}" for name, several in tried.items() for number, deed in enumerate(several)]


def succeeded(errors: dict[str, str], name: str) -> bool:
    """Whether the deeds against this protection have: all of them, or none."""
    outcomes = {told: error for told, error in errors.items() if told.partition(".")[0] == name}
    assert len({error == "" for error in outcomes.values()}) == 1, outcomes
    return "" in outcomes.values()


def run(command: Sequence[str], scene: Scene, job: int) -> Result:
    """In this process group, with a directory left open, and a null device of the host's."""
    with open(scene.null) as null:
        process = subprocess.Popen(
            command,
            stdin=null,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            pass_fds=(scene.directory,),
            process_group=job,
            extra_groups=[GROUP],
            env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        )
    with ended(process):
        stdout, stderr = process.communicate(timeout=TIMEOUT)
    return Result(process.returncode, stdout, stderr)


@contextlib.contextmanager
def killed(process: subprocess.Popen[Any]) -> Iterator[subprocess.Popen[Any]]:
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def is_signalled(process: subprocess.Popen[Any]) -> bool:
    return process.poll() == -signal.SIGUSR1


# ---- the clock


@needs.namespace("time")
@pytest.mark.parametrize("offset", [None, 0, LATER], ids=["shared", "new", "shifted"])
def test_only_a_shifted_clock_hides_how_long_the_host_is_up(
    runtime: Runtime, bundle: Callable[..., Bundle], offset: int | None
) -> None:
    made = bundle("attack", f"time=uptime:{int(time.clock_gettime(time.CLOCK_BOOTTIME))}")
    if offset is not None:
        made.namespace("time")
        made.linux["timeOffsets"] = {"boottime": {"secs": offset}} if offset else {}
    assert runtime.run(made).json == {"time": "ERANGE" if offset else ""}
    if offset:
        assert runtime.run(made, options=without(["time"])).json == {"time": ""}


# ---- by steps that only the runtime can leave out


@pytest.mark.parametrize("left_out", [(), ("tracers", "session")], ids=["kept", "left out"])
def test_tracers_and_the_callers_terminal(
    runtime: Runtime, bundle: Callable[..., Bundle], scene: Scene, left_out: tuple[str, ...]
) -> None:
    """Another process opens what the container's one holds of the host before it is the program; and that, then, the
    terminal of who has started minirun."""
    made = bundle("attack", "session=tty")
    made.without_namespace("pid")  # the other container's, or here the host's
    made.write()
    with at_own_terminal(made, scene, "hold", *left_out) as driver:
        pid = wait_until_stopped(driver)
        held = [name.removeprefix("CAP_").lower() for name in made.process["capabilities"]["bounding"]]
        rights = ",".join(["-all", *(f"+{name}" for name in held)])
        path = f"/proc/{pid}/fd/{scene.directory}/../secret"
        other = ["setpriv", f"--bounding-set={rights}", "--inh-caps=-all", "cat", path]
        said = subprocess.run(other, capture_output=True, text=True, timeout=TIMEOUT, check=False)
        os.kill(pid, signal.SIGCONT)
        told = Result(driver.wait(TIMEOUT), driver.stdout.read(), "")
    assert (said.stdout == SECRET) == bool(left_out), said
    assert left_out or "Permission denied" in said.stderr
    assert told.json == {"session": "" if left_out else "ENXIO"}


@contextlib.contextmanager
def at_own_terminal(made: Bundle, scene: Scene, *words: str) -> Iterator[Any]:
    """The driver, as the first process of a session that has a terminal."""
    keyboard, screen = os.openpty()
    with (
        subprocess.Popen(
            [sys.executable, str(DRIVER), str(made.path), new_id(), *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            pass_fds=(scene.directory, screen),
            env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
            text=True,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(screen, termios.TIOCSCTTY, 0),
        ) as driver,
        ended(driver),
    ):
        yield driver
    os.close(keyboard)
    os.close(screen)


def wait_until_stopped(driver: subprocess.Popen[str]) -> int:
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline:
        for pid in children(driver.pid):
            with contextlib.suppress(OSError):
                if Process(pid).status()["State"].startswith("T"):
                    return pid
        time.sleep(0.01)
    raise AssertionError("no process has stopped")


def test_an_interpreter_that_is_not_sealed_can_be_opened_by_the_program(
    runtime: Runtime, bundle: Callable[..., Bundle], impostor: Path
) -> None:
    """With the seal, test_runtime_file.py tries the same and more."""
    made = bundle()
    made.process["args"] = ["/proc/self/exe"]
    for name in LOADERS:
        shutil.copy(impostor, made.file(name))
        (made.rootfs / name).chmod(0o755)
    ran = runtime.run(made, options=without(["seal"]))
    found = ran.json["/proc/self/fd/9"]
    assert found["inode"] == os.stat(sys.executable).st_ino
    assert not (found["readonly"] or found["sealed"])
