"""The runtime itself, while it is where the container can see it: its memory, its files, its libraries.

Until execve(2) the container's process is minirun, a Python of the host's. Others in the container may look into it
(CVE-2016-9962) or write to what it runs (CVE-2019-5736); and it is a Python: what it imports once it has the
container's root would be the image's.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kernel.escapes.kit import without
from kernel.kit import needs
from kernel.kit.runtime import REPOSITORY, TIMEOUT
from kernel.test_runtime_file import LOADERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kernel.escapes.kit import Attacked
    from kernel.kit.bundle import Bundle
    from kernel.kit.life import Life

pytestmark = [pytest.mark.root, pytest.mark.only("minirun", "it is weakened for the proof")]


# ---- looked into


@pytest.fixture
def leaked(outside: Path) -> Iterator[int]:
    descriptor = os.open(outside, os.O_RDONLY | os.O_DIRECTORY)
    yield descriptor
    os.close(descriptor)


@without("open-to-tracers+enters-first")
@pytest.mark.parametrize(
    ("capabilities", "user_namespace"),
    [((), False), (("CAP_SYS_ADMIN",), False), (("CAP_SYS_ADMIN",), True)],
    ids=["few rights", "CAP_SYS_ADMIN", "user namespace"],
)
def test_nobody_looks_into_a_process_that_joins(
    attacked: Attacked,
    lives: Callable[..., Life],
    leaked: int,
    capabilities: tuple[str, ...],
    user_namespace: bool,
) -> None:
    """CVE-2016-9962: the container's first process looks into every other one, again and again, while further processes
    come: minirun holds a directory of the host's."""
    hunter = lives("hunt", "secret")
    hunter.bundle.capabilities(*capabilities)
    if user_namespace:
        hunter.bundle.user_namespace()
    assert found(attacked, hunter, leaked) == attacked.is_weak


@without("enters-first")
def test_nor_does_who_has_the_right_to(attacked: Attacked, lives: Callable[..., Life], leaked: int) -> None:
    """CAP_SYS_PTRACE looks into processes that are closed to tracers as well."""
    hunter = lives("hunt", "secret")
    hunter.bundle.capabilities("CAP_SYS_PTRACE")
    assert found(attacked, hunter, leaked) == attacked.is_weak


def found(attacked: Attacked, hunter: Life, leaked: int) -> bool:
    """Whether the hunter finds anything while further processes come."""
    hunter.bundle.write()
    hunter.started()

    def attempt() -> bool:
        hunter.line("exec", hunter.id, "/probe", "exit", pass_fds=(leaked,))
        return hunter.output() != "ready\n"

    return attacked.race(attempt)


@without("open-to-tracers")
def test_nobody_looks_into_a_container_that_joins(
    attacked: Attacked, lives: Callable[..., Life], bundle: Callable[..., Bundle], leaked: int
) -> None:
    """The same from one container into another, whose pid namespace is the first one's."""
    hunter = lives("hunt", "secret").started()
    made = bundle("exit", "0", name="joining")
    made.namespace("pid", str(hunter.process.proc / "ns/pid"))

    def attempt() -> bool:
        attacked.run(made, pass_fds=(leaked,))
        return hunter.output() != "ready\n"

    assert attacked.race(attempt) == attacked.is_weak


# ---- written to


@without("not-sealed")
@pytest.mark.parametrize(
    ("command", "program"),
    [("run", "/proc/self/exe"), ("run", "/bin/link"), ("run", "/bin/script"), ("exec", "/bin/script")],
)
def test_the_interpreter_can_not_be_written_to(
    attacked: Attacked, lives: Callable[..., Life], impostor: Path, command: str, program: str
) -> None:
    """CVE-2019-5736: the program is minirun's own file, whose loader is the image's. It keeps that file open, and runs
    the probe, which looks whether it is one that can be written. An interpreter that was sealed in place is not even
    run; test_seal.py makes whole attacks."""
    one = lives("sleep")
    for name in LOADERS:
        shutil.copy(impostor, one.bundle.file(name))
        (one.bundle.rootfs / name).chmod(0o755)
    one.bundle.file("bin/script", "#!/proc/self/exe\n", 0o755)
    one.bundle.link("bin/link", "/proc/self/exe")
    if command == "exec":
        result = one.started().call("exec", program)
    else:
        one.bundle.process["args"] = [program]
        result = attacked.run(one.bundle)
    if "ENOEXEC" in result.stderr:
        assert not attacked.is_weak
        return
    found = result.json["/proc/self/fd/9"]
    its_own = found["inode"] == (one.bundle.rootfs / "probe").stat().st_ino
    assert (not its_own and not found["readonly"]) == attacked.is_weak


# ---- lied to: modules of the image


@without("imports-inside")
def test_no_module_of_the_image_is_loaded(attacked: Attacked, lives: Callable[..., Life]) -> None:
    """The container has a file where minirun has a module that only few commands need. Whoever loads it runs it, as the
    host's root and with all rights: it leaves a trace."""
    one = lives().started()
    for installed in (REPOSITORY, Path(sysconfig.get_path("purelib"))):
        one.bundle.file(str(installed / "minirun/kernel/terminals.py"), 'open("/tmp/loaded", "w").close()')
    one.call("exec", "/probe", "exit", options=["--tty"])
    assert (one.bundle.rootfs / "tmp/loaded").exists() == attacked.is_weak


# What a process does by name when it has the container's root, beside looking for the program: its root, the working
# directory, the host's root below (pivot_root), the list of users, the null device, its terminal.
EXPECTED = {"/", ".", "", "/etc/passwd", "/dev/null", "/dev/pts/ptmx"}
PATHS = re.compile(r'^\d+ +(?!execve)\w+\((?:AT_FDCWD, |\d+, )?"([^"]*)"')
ENTERS = re.compile(r"^\d+ +(?:pivot_root\(|setns\(\d+, CLONE_NEWNS\)).* = 0$")
FORKS = re.compile(
    r"^\d+ +(?:clone|clone3|fork|vfork)\(.* = (\d+)$|^\d+ +<\.\.\. (?:clone|clone3|fork|vfork) resumed>.* = (\d+)$"
)
BECOMES = re.compile(r"^\d+ +(?:execve|<\.\.\. execve resumed>).* = 0$")

LINES: dict[str, tuple[str | bytes, ...]] = {
    "run": ("run", "BUNDLE"),
    "run, told": ("--debug", "run", "--narrate", "BUNDLE"),
    "exec": ("exec", "ID", "/probe", "exit"),
    "exec of no program": ("exec", "ID", "no-such-program"),
    "exec, told": ("--debug", "exec", "ID", "/probe", "exit"),
    "exec with a terminal": ("exec", "--tty", "ID", "/probe", "exit"),
    "exec as nobody known": ("exec", "--user", "4711:4711", "ID", "/probe", "exit"),
    "exec with a right more": ("exec", "--cap", "CAP_NO_SUCH", "ID", "/probe", "exit"),
    "exec of no words": ("exec", "ID", b"/probe\xff\xfe", b"\x80"),
    "exec in no directory": ("exec", "--cwd", "/no/such/directory", "ID", "/probe"),
}


@needs.program("strace")
@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
@pytest.mark.parametrize("attacked", [""], indirect=True)
def test_nothing_is_looked_up_inside(
    attacked: Attacked, lives: Callable[..., Life], place: Path, line: tuple[str | bytes, ...]
) -> None:
    """Every path that minirun gives to the kernel when it has the container's root."""
    seen = looked_up(attacked, lives, place, line)
    assert seen, "nothing was traced"
    assert {path for path in seen if not is_program(path)} <= EXPECTED


@needs.program("strace")
@pytest.mark.parametrize("attacked", ["imports-inside"], indirect=True)
def test_what_is_looked_up_inside_is_seen(attacked: Attacked, lives: Callable[..., Life], place: Path) -> None:
    seen = looked_up(attacked, lives, place, LINES["exec with a terminal"])
    assert any(path.endswith("/minirun/kernel") for path in seen), seen


def is_program(path: str) -> bool:
    return path.endswith(("/probe", "/no-such-program", "/no/such/directory")) or path.startswith("/probe")


def looked_up(attacked: Attacked, lives: Callable[..., Life], place: Path, line: tuple[str | bytes, ...]) -> set[str]:
    one, trace = lives("sleep"), place / "trace"
    if line[0] == "exec" or "exec" in line:
        one.started()
    else:
        one.bundle.process["args"] = ["/probe", "exit"]
        one.bundle.write()
    put_in = {"BUNDLE": str(one.bundle.path), "ID": one.id}
    words = [put_in.get(word, word) if isinstance(word, str) else word for word in line]
    tracer = [
        "strace",
        "--follow-forks",
        "--string-limit=4096",
        "--trace=%file,%process,setns,pivot_root",
        f"--output={trace}",
    ]
    subprocess.run(
        [*tracer, *attacked.argv, *words],
        env=attacked.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=TIMEOUT,
        check=False,
    )
    return set(paths_inside(trace.read_text(errors="surrogateescape").splitlines()))


def paths_inside(lines: list[str]) -> Iterator[str]:
    """The paths in the calls of a process with the container's root, from when it has it until it is the program."""
    inside: set[str] = set()
    for line in lines:
        pid = line.split()[0]
        if ENTERS.match(line):
            inside.add(pid)
        elif forked := FORKS.match(line):
            inside |= {forked[1] or forked[2]} if pid in inside else set()
        elif BECOMES.match(line):
            inside.discard(pid)
        elif pid in inside and (path := PATHS.match(line)):
            yield path[1]
