"""scripts/minirun: whatever the caller's environment says to Python, to a shell, or by a closed stream, minirun starts.

Most lines are tried on an installation like pip's, in a directory with a space, by `list` of a directory with nothing
in it. test_start.py of the kernel tests has those that take a container.
"""

from __future__ import annotations

import fcntl
import os
import random
import shutil
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
VERSION = f"python{sys.version_info[0]}.{sys.version_info[1]}"
LISTED = "ID          PID         STATUS      BUNDLE      CREATED     OWNER\n"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation for the Python of the tests."""
    place = tmp_path_factory.mktemp("an installation")
    packages = place / "lib" / VERSION / "site-packages"
    packages.mkdir(parents=True)
    (packages / "minirun").symlink_to(REPOSITORY / "minirun")
    (place / "bin").mkdir()
    (place / "bin" / VERSION).symlink_to(sys.executable)
    shutil.copy(REPOSITORY / "scripts/minirun", place / "bin")
    return place


def listed(*command: str | Path, **more: object) -> subprocess.CompletedProcess[str]:
    words = [*command, "--root", "/mnt", "list"]
    return subprocess.run(words, **{"capture_output": True, "text": True, "check": False, "timeout": 30, **more})  # type: ignore[call-overload]


def check(told: subprocess.CompletedProcess[str]) -> None:
    assert (told.returncode, told.stderr, told.stdout) == (0, "", LISTED)


# ---- the environment

VARIABLES = [
    "PYTHONBREAKPOINT=x",
    "PYTHONCOERCECLOCALE=warn",
    "PYTHONDEBUG=9",
    "PYTHONDEVMODE=1",
    "PYTHONDONTWRITEBYTECODE=1",
    "PYTHONDUMPREFS=1",
    "PYTHONEXECUTABLE=/x",
    "PYTHONFAULTHANDLER=1",
    "PYTHONHASHSEED=garbage",
    "PYTHONHOME=/nowhere",
    "PYTHONINSPECT=1",
    "PYTHONINTMAXSTRDIGITS=1",
    "PYTHONIOENCODING=utf-16",
    "PYTHONIOENCODING=garbage",
    "PYTHONMALLOC=garbage",
    "PYTHONMALLOC=debug",
    "PYTHONMALLOCSTATS=1",
    "PYTHONNODEBUGRANGES=1",
    "PYTHONNOUSERSITE=0",
    "PYTHONOPTIMIZE=2",
    "PYTHONPATH=EVIL",
    "PYTHONPERFSUPPORT=garbage",
    "PYTHONPLATLIBDIR=x",
    "PYTHONPROFILEIMPORTTIME=1",
    "PYTHONPYCACHEPREFIX=EVIL",
    "PYTHONSAFEPATH=1",
    "PYTHONSTARTUP=EVIL/json.py",
    "PYTHONTRACEMALLOC=garbage",
    "PYTHONTRACEMALLOC=9",
    "PYTHONUNBUFFERED=1",
    "PYTHONUSERBASE=EVIL",
    "PYTHONUTF8=garbage",
    "PYTHONUTF8=0",
    "PYTHONVERBOSE=2",
    "PYTHONWARNINGS=error",
    "PYTHON_FROZEN_MODULES=garbage",
    "PYTHON_GIL=garbage",
    "PYTHON_CPU_COUNT=garbage",
    "LANG=garbage",
    "LC_ALL=C",
    "LC_ALL=xx_YY.FOO",
    "ENV=EVIL/json.py",
    "BASH_ENV=EVIL/json.py",
    "IFS=/",
    "CDPATH=/tmp",
    "HOME=EVIL",
    "HOME=",
    "POSIXLY_CORRECT=1",
]


@pytest.fixture(scope="module")
def evil(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with files by the names of modules that any start of Python looks for."""
    place = tmp_path_factory.mktemp("evil")
    user = place / ".local" / "lib" / VERSION / "site-packages"  # what HOME and PYTHONUSERBASE lead to
    for directory in (place, place / "minirun", user, place / "lib" / VERSION / "site-packages"):
        directory.mkdir(parents=True, exist_ok=True)
        for name in ("__init__", "__main__", "json", "os", "_signal", "site", "sitecustomize", "usercustomize", "re"):
            (directory / f"{name}.py").write_text("raise SystemExit('somebody else is here')\n")
        (directory / "evil.pth").write_text("import sys; sys.exit('somebody else is here')\n")
    return place


@pytest.mark.parametrize("setting", VARIABLES)
def test_no_variable_of_the_caller_is_heard(home: Path, evil: Path, setting: str) -> None:
    name, _, value = setting.replace("EVIL", str(evil)).partition("=")
    check(listed(home / "bin/minirun", env=os.environ | {name: value}))


def test_nor_are_files_of_the_current_directory(home: Path, evil: Path) -> None:
    check(listed(home / "bin/minirun", cwd=evil))


def test_it_takes_no_environment(home: Path) -> None:
    check(listed(home / "bin/minirun", env={}))


@pytest.mark.parametrize("path", ["", "/nowhere"])
def test_it_takes_no_path(home: Path, path: str) -> None:
    check(listed(home / "bin/minirun", env={"PATH": path}))


def test_the_module_starts_again_without_them(evil: Path) -> None:
    """python -m minirun: there Python has heard the variables, and hears them no more."""
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "PYTHONIOENCODING": "utf-16", "PYTHONWARNINGS": "error"}
    check(listed(sys.executable, "-P", "-m", "minirun", env=environment, cwd=evil))


# ---- where it is found


def test_it_is_found_by_a_link(home: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(home / "bin/minirun")
    (tmp_path / "second link").symlink_to("link")
    check(listed(tmp_path / "second link", env={"PATH": "/nowhere"}))


def test_it_is_found_by_a_relative_name(home: Path) -> None:
    check(listed("./minirun", cwd=home / "bin"))
    check(listed("sh", "minirun", cwd=home / "bin"))


def test_it_runs_from_the_sources(home: Path) -> None:
    """As in the class's machine: the Python is the system's."""
    told = listed(REPOSITORY / "scripts/minirun")
    if "minirun: found no Python" in told.stderr:
        pytest.skip("there is no Python of the system's")
    check(told)


def test_a_python_that_is_gone_is_told(tmp_path: Path) -> None:
    """A virtual environment whose Python has been removed; and no other one is here, as far as the script can see."""
    (tmp_path / "bin").mkdir()
    script = (
        (REPOSITORY / "scripts/minirun").read_text().replace("/usr/bin/", "/nowhere/").replace("/usr/local/", "/no/")
    )
    (tmp_path / "bin/minirun").write_text(script)
    (tmp_path / "bin/minirun").chmod(0o755)
    told = listed(tmp_path / "bin/minirun")
    assert told.returncode == 1
    assert told.stderr.startswith("minirun: found no Python for") and "\n  cure:  " in told.stderr


def test_a_copy_is_told_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    shutil.copy(REPOSITORY / "scripts/minirun", tmp_path / "bin")
    (tmp_path / "bin/python3").write_text("#!/bin/sh\nexit 1\n")  # has no such module
    (tmp_path / "bin/python3").chmod(0o755)
    told = listed(tmp_path / "bin/minirun")
    assert told.returncode == 1
    assert told.stderr.startswith("minirun: found nothing of it but ") and "\n  cure:  " in told.stderr


# ---- streams


def with_streams(home: Path, redirections: str) -> subprocess.CompletedProcess[str]:
    script = f'exec "$0" --root /mnt list {redirections}'
    return subprocess.run(["sh", "-c", script, home / "bin/minirun"], capture_output=True, text=True, timeout=30)


@pytest.mark.parametrize("redirections", ["</", "<&-", "2</", "2>&-", "</ 2</", "0>/dev/null", "</ 3</ 4</ 5<&0"])
def test_other_streams_may_be_anything(home: Path, redirections: str) -> None:
    told = with_streams(home, redirections)
    assert (told.returncode, told.stderr, told.stdout) == (0, "", LISTED)


@pytest.mark.parametrize(
    ("redirections", "reason"),
    [("1</", "EBADF"), ("1</dev/null", "EBADF"), (">/dev/full", "ENOSPC"), (">/dev/full </ 2>&2", "ENOSPC")],
)
def test_an_output_that_can_not_be_written_is_told(home: Path, redirections: str, reason: str) -> None:
    told = with_streams(home, redirections)
    assert told.returncode == 1
    assert told.stderr.startswith("minirun: can't write to standard output: ") and f"({reason})" in told.stderr
    assert len(told.stderr.splitlines()) == 1


@pytest.mark.parametrize("redirections", [">&-", ">&- <&- 2>&-", ">/dev/full 2>/dev/full", ">/dev/full 2>&-"])
def test_nobody_is_told_where_nobody_can_be(home: Path, redirections: str) -> None:
    assert with_streams(home, redirections).stderr == ""


def test_a_reader_that_is_gone_is_no_error(home: Path) -> None:
    script = '"$0" features; echo "$?" >&2'
    words = ["bash", "-c", f"({script}) | true", home / "bin/minirun"]
    told = subprocess.run(words, capture_output=True, text=True, timeout=30)
    assert told.stderr in ("0\n", f"{128 + signal.SIGPIPE}\n")


# ---- a signal


@pytest.mark.parametrize("has_terminal", [False, True])
def test_an_interrupt_at_any_moment_ends_it_without_a_word(home: Path, has_terminal: bool) -> None:
    def begin() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.setsid()
        if has_terminal:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    master, terminal = os.openpty()
    for _ in range(25):
        with subprocess.Popen(
            [home / "bin/minirun", "--root", "/mnt", "list"],
            stdin=terminal,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            preexec_fn=begin,
        ) as process:
            time.sleep(random.uniform(0, 0.03))
            process.send_signal(signal.SIGINT)
            assert process.communicate(timeout=30)[1] == b""
            assert process.returncode in (-signal.SIGINT, 0)
    os.close(master)
    os.close(terminal)


# ---- what is said where the start itself fails


@pytest.mark.parametrize("files", [4, 6, 10, 11, 12, 13, 14, 16])
def test_few_descriptors_are_no_traceback(home: Path, files: int) -> None:
    script = f'ulimit -n {files}; exec "$0" --root /mnt list'
    told = subprocess.run(["sh", "-c", script, home / "bin/minirun"], capture_output=True, text=True, timeout=30)
    assert "Traceback" not in told.stderr and "fault" not in told.stderr
