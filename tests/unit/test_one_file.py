"""one_file.py: the code of a command is there at once, as long as nobody could object to it."""

from __future__ import annotations

import json
import marshal
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from minirun import one_file

if TYPE_CHECKING:
    from collections.abc import Callable

REPOSITORY = Path(__file__).parents[2]
TITLE = "ID          PID         STATUS      BUNDLE      CREATED     OWNER\n"
BY_ITSELF = {"minirun", "minirun.one_file"}  # what it takes to read the file


@pytest.fixture
def home(tmp_path: Path) -> Path:
    shutil.copytree(REPOSITORY / "minirun", tmp_path / "minirun", ignore=shutil.ignore_patterns("__pycache__", "labs"))
    (tmp_path / "minirun/__pycache__").mkdir()
    return tmp_path


def listed(home: Path, *options: str) -> tuple[str, set[str]]:
    """What `list` of nothing prints, and which of minirun's modules Python has searched for."""
    flags = ["-I", "-S", "-X", "importtime", *options]
    command = [sys.executable, *flags, home / "minirun/__main__.py", "--root", "/mnt", "list"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    names = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    return done.stdout, {name for name in names if name.startswith("minirun")}


def the_file(home: Path) -> Path:
    return home / f"minirun/__pycache__/list.{sys.implementation.cache_tag}.code"


def is_used(home: Path) -> bool:
    return listed(home)[1] == BY_ITSELF


def test_it_is_made_once_and_used_from_then_on(home: Path) -> None:
    first = listed(home)
    assert first[0] == TITLE and first[1] > BY_ITSELF
    made = the_file(home).stat()
    assert listed(home) == (TITLE, BY_ITSELF)
    assert (made.st_mtime_ns, made.st_mode & 0o777) == (the_file(home).stat().st_mtime_ns, 0o644)
    assert [path.name for path in the_file(home).parent.iterdir() if ".code" in path.name] == [the_file(home).name]


def test_all_is_as_if_it_had_been_imported(home: Path) -> None:
    """Each module, with what `import` gives it."""
    listed(home)
    program = """
import sys
sys.path.append(sys.argv[1])
if sys.argv[2:]:
    from minirun import one_file
    one_file.load(sys.argv[1], ["list"])
    assert one_file.used == ["list"]
import minirun.cli.actions, minirun.runtime.overview
parts = [each for each in ("errors", "cli", "cli.table", "runtime.overview", "kernel", "kernel.ctypes", "kernel.libc")]
found = [(each, sys.modules[each]) for each in ("minirun", *(f"minirun.{part}" for part in parts))]
for name, module in found:
    print(name, module.__file__, module.__package__, module.__spec__.origin, getattr(module, "__path__", 0))
    print(module.__doc__, eval(name) is module)
"""
    command = [sys.executable, "-I", "-S", "-c", program, home]
    usual, at_once = (subprocess.check_output([*command, *more], text=True) for more in ([], ["at once"]))
    assert usual == at_once


def test_a_changed_source_is_what_counts(home: Path) -> None:
    listed(home)
    source = home / "minirun/runtime/overview.py"
    source.write_text(source.read_text().replace('"owner"', '"whose"'))
    assert listed(home)[0] == TITLE.replace("OWNER", "WHOSE")
    assert is_used(home)


def test_a_source_that_is_gone(home: Path) -> None:
    (home / "minirun/runtime/more.py").write_text("")
    source = home / "minirun/runtime/overview.py"
    source.write_text(source.read_text().replace("\nfrom .. import", "\nfrom . import more\nfrom .. import", 1))
    listed(home)
    (home / "minirun/runtime/more.py").unlink()
    command = [sys.executable, "-I", "-S", home / "minirun/__main__.py", "--root", "/mnt", "list"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "cannot import name 'more'" in done.stderr


def make_writable(path: Path) -> None:
    path.chmod(0o666)


def make_somebody_elses(path: Path) -> None:
    os.chown(path, 65534, 65534)


def make_link(path: Path) -> None:
    path.rename(path.with_suffix(".elsewhere"))
    path.symlink_to(path.with_suffix(".elsewhere"))


def make_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def make_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def make_half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5000])


def make_empty(path: Path) -> None:
    path.write_bytes(b"")


def make_garbage(path: Path) -> None:
    path.write_bytes(b"\x00garbage")


def make_another_pythons(path: Path) -> None:
    version, home, parts = marshal.loads(path.read_bytes())
    path.write_bytes(marshal.dumps((f"{version} of another day", home, parts)))


def make_another_homes(path: Path) -> None:
    version, _home, parts = marshal.loads(path.read_bytes())
    path.write_bytes(marshal.dumps((version, "/another", parts)))


def make_something_else(path: Path) -> None:
    path.write_bytes(marshal.dumps([1, 2]))


SPOILED = [each for name, each in sorted(globals().items()) if name.startswith("make_")]


@pytest.mark.parametrize("spoil", SPOILED, ids=lambda each: each.__name__)
def test_not_used(home: Path, spoil: Callable[[Path], None]) -> None:
    """And still the command does what it does."""
    if spoil is make_somebody_elses and os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    listed(home)
    assert is_used(home)
    spoil(the_file(home))
    output, searched = listed(home)
    assert output == TITLE and searched > BY_ITSELF


def test_not_made(home: Path) -> None:
    """By a command that fails, and where Python is told to write no code."""
    command = [sys.executable, "-I", "-S", home / "minirun/__main__.py", "kill", "nobody"]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 1
    listed(home, "-B")
    assert list(home.glob("minirun/__pycache__/*.code*")) == []


def test_not_made_where_nobody_has_looked_for_it(home: Path) -> None:
    """A test, or another program that imports minirun, may have imported much more; and by -v nobody would find it."""
    program = "import sys; sys.path.append(sys.argv[1]); from minirun.cli.start import start; start(['list'])"
    subprocess.run([sys.executable, "-I", "-S", "-c", program, home], capture_output=True, check=True)
    subprocess.run([sys.executable, "-I", "-S", home / "minirun/__main__.py", "-v"], capture_output=True, check=True)
    assert list(home.glob("minirun/__pycache__/*.code*")) == []


def test_not_made_of_what_imports_click(home: Path) -> None:
    """Nor of what teaches."""
    written = {"ociVersion": "1.0.2", "process": {"cwd": "/", "args": ["a"]}, "root": {"path": "r"}}
    (home / "config.json").write_text(json.dumps(written))
    for words in (["completion", "bash"], ["explain", home], ["list"], ["--version"]):
        command = [sys.executable, "-I", "-S", home / "minirun/__main__.py", *words]
        done = subprocess.run(command, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
    assert {path.name.partition(".")[0] for path in home.glob("minirun/__pycache__/*.code")} == {"list", "version"}


def test_another_commands_file_gets_into_none(home: Path) -> None:
    """It is read where its name is a word of the line, but what it has brought is not what this command needs."""
    listed(home)
    command = [sys.executable, "-I", "-S", home / "minirun/__main__.py", "--root", "list", "--version"]
    subprocess.run(command, capture_output=True, check=True)
    assert [path.name.partition(".")[0] for path in home.glob("minirun/__pycache__/*.code")] == ["list"]


@pytest.mark.parametrize("spoil", [make_writable, make_link, make_directory])
def test_it_is_not_made_again_where_it_would_be_refused_again(home: Path, spoil: Callable[[Path], None]) -> None:
    listed(home)
    spoil(the_file(home))
    before = os.lstat(the_file(home))
    listed(home)
    assert os.lstat(the_file(home)).st_mtime_ns == before.st_mtime_ns


def test_nobody_else_may_ever_write_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who had opened it in time could write to it later, whatever its mode is then."""
    modes: list[int] = []
    monkeypatch.setattr(os, "fchmod", lambda descriptor, _mode: modes.append(os.fstat(descriptor).st_mode & 0o777))
    before = os.umask(0)
    try:
        one_file.write(str(tmp_path / "list.code"), b"")
    finally:
        os.umask(before)
    assert modes == [0o644]


def test_a_source_that_is_changed_while_it_is_read(tmp_path: Path) -> None:
    """By pip, which installs another minirun meanwhile. What has been read is not to pass for what is there then."""
    source = tmp_path / "module.py"
    source.write_text("old")

    class Loader:
        def get_code(self, _name: str) -> str:
            read = source.read_text()
            source.write_text("another")
            return read

    module = SimpleNamespace(__file__=str(source), __loader__=Loader())
    _name, _source, stamp, _is_package, code = one_file.part("minirun.module", module)
    assert (code, stamp) != ("old", one_file.stamp(str(source)))
