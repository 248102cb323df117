"""Nobody in a container gets to write to the interpreter that runs minirun (CVE-2019-5736), by whichever way it was
sealed: in place, or by a second start. The interpreter is a copy, and the attacks are whole ones: without the seal, the
copy is another file afterwards.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kernel.kit.life import Life
from kernel.kit.runtime import PATIENCE, REPOSITORY, TIMEOUT, Runtime, new_id
from kernel.test_runtime_file import LOADERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kernel.kit.bundle import Bundle

pytestmark = [pytest.mark.root, pytest.mark.only("minirun", "it has an interpreter")]

HERE = Path(__file__).parent
HOME = Path(sysconfig.get_path("purelib"))
PR_SET_MM, PR_SET_MM_MAP_SIZE = 35, 15  # linux/prctl.h
LONGEST = 60.0 * PATIENCE  # seconds until an attack has to have succeeded, or been put to the test
ISOLATED = ("-I", "-S", "-X", "utf8")

IN_PLACE, AGAIN, NOT_AT_ALL = "in place", "by a second start", "not sealed"
WAYS = (IN_PLACE, AGAIN, NOT_AT_ALL)


def kernel_can() -> bool:
    """Whether the kernel was built with CONFIG_CHECKPOINT_RESTORE, which sealing in place takes."""
    return ctypes.CDLL(None).prctl(PR_SET_MM, PR_SET_MM_MAP_SIZE, ctypes.byref(ctypes.c_uint()), 0, 0) == 0


def is_new_enough(python: str) -> bool:
    words = [python, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
    return os.path.exists(python) and subprocess.run(words, check=False).returncode == 0


# Debian's has all of Python in its one file, others have a library beside it.
INTERPRETERS = [python for python in (sys.executable, "/usr/bin/python3") if is_new_enough(python)]


class Sealed(Runtime):
    """minirun by a copy of an interpreter, sealed in one of the ways."""

    def __init__(self, way: str, python: str, place: Path) -> None:
        super().__init__("minirun")
        self.way, self.program = way, place / Path(python).name
        shutil.copy(os.path.realpath(python), self.program)
        self.before = self.program.read_bytes()
        self.argv = [str(self.program), *ISOLATED, str(HOME / "minirun/__main__.py")]
        if way == AGAIN:
            self.argv = [sys.executable, str(HERE / "kit/refuse_prctl.py"), str(PR_SET_MM), *self.argv]
        if way == NOT_AT_ALL:
            self.argv = [str(self.program), str(HERE / "escapes/weak.py"), "not-sealed"]
            self.environment["PYTHONPATH"] = str(REPOSITORY)

    def is_spoiled(self) -> bool:
        return self.program.read_bytes() != self.before


@pytest.fixture(params=[(way, python) for way in WAYS for python in INTERPRETERS], ids=" ".join)
def sealed(runtime: Runtime, place: Path, request: pytest.FixtureRequest) -> Sealed:
    return sealed_by(*request.param, place)


@pytest.fixture(params=INTERPRETERS)
def in_place(runtime: Runtime, place: Path, request: pytest.FixtureRequest) -> Callable[[str], tuple[int, str, str]]:
    """Runs a program in the copy of an interpreter, which may be sealed in place: its exit status and what it says."""
    copy = sealed_by(IN_PLACE, request.param, place)

    def runs(program: str) -> tuple[int, str, str]:
        words = [copy.program, "-I", "-S", "-c", f"import os, sys\nsys.path.insert(0, {str(HOME)!r})\n{program}"]
        done = subprocess.run(words, capture_output=True, text=True, timeout=TIMEOUT, check=False)
        return done.returncode, done.stdout, done.stderr

    return runs


def sealed_by(way: str, python: str, place: Path) -> Sealed:
    if way == IN_PLACE and not (platform.machine() == "x86_64" and kernel_can()):
        pytest.skip("in place is for x86_64 and CONFIG_CHECKPOINT_RESTORE")
    return Sealed(way, python, place)


@pytest.fixture
def lives(runtime: Runtime, sealed: Sealed, bundle: Callable[..., Bundle]) -> Iterator[Callable[..., Life]]:
    """Containers whose program is the probe. They end by the runtime that nobody has attacked."""
    made: list[Life] = []

    def make(*args: str) -> Life:
        one = Life(sealed, bundle(*(args or ("sleep",)), name=f"bundle{len(made)}"))
        made.append(one)
        return one

    yield make
    for one in reversed(made):
        one.runtime = runtime
        one.end()


def eventually(happens: Callable[[], bool]) -> bool:
    end = time.monotonic() + TIMEOUT
    while not happens() and time.monotonic() < end:
        time.sleep(0.01)
    return happens()


# ---- how it was sealed


@pytest.mark.parametrize("command", ["run", "create", "exec"])
def test_debug_tells_the_way(sealed: Sealed, lives: Callable[..., Life], command: str) -> None:
    one = lives("sleep" if command == "exec" else "exit")
    if command == "exec":
        told = one.started().line("--debug", "exec", one.id, "/probe", "exit").stderr
    else:
        told = one.line("--debug", command, "--bundle", str(one.bundle.path), one.id).stderr
    expected = {IN_PLACE: [IN_PLACE], AGAIN: [f"{AGAIN}: prctl(PR_SET_MM"], NOT_AT_ALL: []}[sealed.way]
    lines = [line for line in told.splitlines() if "the interpreter is sealed" in line]
    assert len(lines) == len(expected)
    assert all(part in line for part, line in zip(expected, lines))


@pytest.mark.parametrize(("level", "way"), [(0, IN_PLACE), (1, IN_PLACE), (2, AGAIN)])
def test_files_in_memory_that_may_not_be_executed(
    runtime: Runtime, bundle: Callable[..., Bundle], level: int, way: str
) -> None:
    """Sysctl vm.memfd_noexec, which is a pid namespace's own: 1 is for who does not say otherwise, 2 is for all."""
    if not (platform.machine() == "x86_64" and kernel_can() and os.path.exists("/proc/sys/vm/memfd_noexec")):
        pytest.skip("in place is for x86_64 and CONFIG_CHECKPOINT_RESTORE, and the sysctl for Linux 6.3")
    made = bundle("exit")
    made.write()
    script = f'echo {level} > /proc/sys/vm/memfd_noexec; exec "$@"'
    beside = ("unshare", "--pid", "--fork", "--mount-proc", "sh", "-c", script, "sh")
    command = [*beside, *runtime.argv, "--debug", "run", "--bundle", str(made.path), new_id()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)
    assert done.returncode == 0, done.stderr
    assert f"the interpreter is sealed {way}" in done.stderr


SHOW = """
from minirun.runtime.seal import seal
before = [open(f"/proc/self/{name}", "rb").read() for name in ("cmdline", "environ", "auxv", "comm")]
fields = lambda: open("/proc/self/stat").read().rpartition(")")[2].split()
addresses = lambda: [fields()[number - 3] for number in (26, 27, 28, 45, 46, 47, 48, 49, 50, 51)]
known = addresses()
how = []
seal(["no second start"], how.append)
assert how == ["the interpreter is sealed in place"], how
assert before == [open(f"/proc/self/{name}", "rb").read() for name in ("cmdline", "environ", "auxv", "comm")]
assert known == addresses()
program = os.stat(sys.executable)
for entry in os.scandir("/proc/self/map_files"):
    file = os.stat(entry.path)
    if (file.st_dev, file.st_ino) == (program.st_dev, program.st_ino):
        assert os.statvfs(entry.path).f_flag & os.ST_RDONLY, entry.name
assert not any(os.path.samestat(os.stat(f"/proc/self/fd/{name}"), program) for name in range(3, 10)
               if os.path.exists(f"/proc/self/fd/{name}"))
assert os.stat("/proc/self/exe").st_size == 0
import ctypes
libc, BRK = ctypes.CDLL(None), 12
libc.syscall.restype = libc.sbrk.restype = ctypes.c_long
assert libc.syscall(BRK, 0) == libc.sbrk(0)
try:
    os.execv("/proc/self/exe", ["x"])
except OSError as error:
    print(error.strerror)
"""


def test_in_place_all_but_the_file_is_as_before(in_place: Callable[[str], tuple[int, str, str]]) -> None:
    """The command line, the environment, the auxiliary vector, the addresses; and no mapping, no descriptor, and no
    link leads to the file by a mount that can be written to."""
    assert in_place(SHOW) == (0, "Exec format error\n", "")


WORK = """
from minirun.runtime.seal import seal
how = []
seal(["no second start"], how.append)
assert how == ["the interpreter is sealed in place"], how
import ast, decimal, gc, json, os, re, subprocess, threading
for number in range(20):
    made = [[None, True, (), "", b"", 0, object, type, {number: number}] * 1000 for _ in range(20)]
    assert json.loads(json.dumps(made[0][:4])) == [None, True, [], ""]
    del made
    gc.collect()
    tree = compile(ast.parse("def f(x):\\n    return [y for y in x if y]"), "x", "exec")
    names = {}
    exec(tree, names)
    assert names["f"]([0, 1]) == [1]
    thread = threading.Thread(target=re.compile, args=("(a|b)*",))
    thread.start()
    thread.join()
    child = os.fork()
    if child == 0:
        gc.collect()
        os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
assert decimal.Decimal(1) / 3 != 0
assert subprocess.run(["/bin/sh", "-c", "exit 3"]).returncode == 3
print("well")
"""


def test_in_place_python_goes_on(in_place: Callable[[str], tuple[int, str, str]]) -> None:
    """Memory comes and goes, modules are loaded, threads and processes are started."""
    assert in_place(WORK) == (0, "well\n", "")


STRANGE = {
    "threads": """
import threading
threading.Thread(target=threading.Event().wait, daemon=True).start()
""",
    "r-xp, and was changed": """
code = next(line for line in open("/proc/self/maps") if line.endswith(os.path.realpath(sys.executable) + "\\n")
            and " r-xp " in line)
with open("/proc/self/mem", "r+b", buffering=0) as memory:
    memory.seek(int(code.split("-")[0], 16))
    byte = memory.read(1)
    memory.seek(-1, os.SEEK_CUR)
    memory.write(byte)
""",
    "part of the interpreter is r--s": """
import mmap
with open("/proc/self/exe", "rb") as file:
    kept = mmap.mmap(file.fileno(), 4096, mmap.MAP_SHARED, mmap.PROT_READ)
""",
}
LOOK = """
mappings = lambda: [line for line in open("/proc/self/maps") if "python" in line]
from minirun.runtime import seal
before = mappings()
print(seal.obstacle(seal.sealed_copy("/proc/self/exe")), flush=True)
assert mappings() == before
assert os.path.samefile("/proc/self/exe", sys.executable)
os._exit(0)
"""


@pytest.mark.parametrize("reason", STRANGE)
def test_what_is_not_known_is_left_alone(in_place: Callable[[str], tuple[int, str, str]], reason: str) -> None:
    """The way is chosen before anything is changed."""
    status, said, complaint = in_place(STRANGE[reason] + LOOK)
    assert (status, complaint) == (0, "")
    assert reason in said


# ---- the attacks


@pytest.mark.parametrize("command", ["start", "exec"])
@pytest.mark.parametrize("program", ["/proc/self/exe", "/bin/script", "/bin/link"])
def test_an_image_that_has_the_interpreter_run(
    sealed: Sealed, lives: Callable[..., Life], spoiler: Path, program: str, command: str
) -> None:
    """The program is the runtime's file, with a loader of the image's: it keeps the file open until nobody runs it, and
    writes to it."""
    one = lives()
    for name in LOADERS:
        shutil.copy(spoiler, one.bundle.file(name))
        (one.bundle.rootfs / name).chmod(0o755)
    one.bundle.file("bin/script", "#!/proc/self/exe\n", 0o755)
    one.bundle.link("bin/link", "/proc/self/exe")
    if command == "exec":
        result = one.started().call("exec", program, options=["--detach"])
        file = one.bundle.path / f"{one.calls}-output"
    else:
        one.bundle.process["args"] = [program]
        one.bundle.write()
        result = one.created().start()
        file = one.programs_output
    if sealed.way == IN_PLACE:
        assert result.status != 0
        assert "ENOEXEC" in result.stderr
    else:
        assert result.status == 0, result
        assert eventually(lambda: file.read_text().endswith("\n"))
        assert file.read_text() == {AGAIN: "EROFS\n", NOT_AT_ALL: "spoiled\n"}[sealed.way]
    assert sealed.is_spoiled() == (sealed.way == NOT_AT_ALL)


@pytest.mark.parametrize("by", ["exec", "another container"])
@pytest.mark.parametrize("capabilities", [("CAP_SYS_PTRACE",), ("CAP_SYS_PTRACE", "CAP_SYS_ADMIN")], ids=" ".join)
def test_a_first_process_that_lies_in_wait(
    sealed: Sealed, lives: Callable[..., Life], by: str, capabilities: tuple[str, ...]
) -> None:
    """It takes hold of what every process that comes has in /proc/PID/exe and, where it may, in map_files."""
    hunter = lives("lurk", str(sealed.program.stat().st_ino))
    hunter.bundle.capabilities(*capabilities)
    hunter.bundle.write()
    hunter.started()
    assert eventually(lambda: "ready" in hunter.output())
    met = ["met a program", *["met a mapping"] * ("CAP_SYS_ADMIN" in capabilities)]
    pid, tried, end = hunter.process.pid, 0, time.monotonic() + LONGEST
    while not sealed.is_spoiled() and time.monotonic() < end:
        with contextlib.suppress(OSError):  # it may be spoiled by now
            come(sealed, hunter, pid, lives, by)
        tried += 1
        if sealed.way != NOT_AT_ALL and tried >= 5 and all(word in hunter.output() for word in met):
            break
    assert sealed.is_spoiled() == (sealed.way == NOT_AT_ALL)
    assert sealed.is_spoiled() or all(word in hunter.output() for word in met), "it was never put to the test"


def come(sealed: Sealed, hunter: Life, pid: int, lives: Callable[..., Life], by: str) -> None:
    if by == "exec":
        hunter.call("exec", "/probe", "exit")
        return
    other = lives("exit")
    other.bundle.namespace("pid", f"/proc/{pid}/ns/pid")
    sealed.run(other.bundle)
