"""The books of a container when two commands are at them, at moments that no clock can bring about."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from errno import EMFILE, ENOSPC
from itertools import islice
from pathlib import Path

import pytest

from minirun.errors import StateError
from minirun.kernel import files, locks, signals
from minirun.kernel.libc import SystemCallError
from minirun.plan.exec import ExecOptions
from minirun.runtime import delete, freezer, kill, start
from minirun.runtime.books import Container, find, is_frozen
from minirun.runtime.directory import unknown
from minirun.runtime.exec import Wishes, execute
from minirun.runtime.lock import Lock
from minirun.runtime.log import Log
from minirun.runtime.overview import containers, matching
from minirun.runtime.usage import Watch, parents
from minirun.steps.state import MakeStateDirectory
from minirun.steps.step import Channel, Context


@pytest.fixture
def too_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A state directory whose only container goes while somebody waits for its lock."""
    (tmp_path / "web").mkdir()

    def gone(root: str, name: str, _part: object, *, force: bool) -> None:
        os.rmdir(f"{root}/{name}")
        raise unknown(root, name)

    monkeypatch.setattr(delete, "Lock", gone)
    return str(tmp_path)


def test_a_forced_delete_that_comes_too_late_is_content(too_late: str) -> None:
    """Engines delete twice, and one may come while the other is at work."""
    delete.delete(too_late, "web", Log(), force=True)


def test_another_delete_that_finds_nothing_is_told(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="does not exist"):
        delete.delete(str(tmp_path), "web", Log())


@pytest.mark.parametrize("facts", ['{"id": "web", "init_process_pid": 7}', "[]"])
def test_the_books_of_another_runtime_are_left_alone(facts: str, tmp_path: Path) -> None:
    """`minirun --root /run/runc list`: the directories and the file have the same names there."""
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "state.json").write_text(facts)
    assert list(containers(str(tmp_path))) == []
    with pytest.raises(StateError, match="another runtime"):
        delete.delete(str(tmp_path), "web", Log(), force=True)
    assert (tmp_path / "web" / "state.json").exists()


@pytest.fixture
def of_another_user() -> Iterator[str]:
    """A state directory that may be walked through, as root's is, and not looked into."""
    with tempfile.TemporaryDirectory() as root:
        (Path(root) / "web").mkdir(mode=0o711)
        (Path(root) / "web" / "state.json").touch(mode=0o000)
        os.chmod(root, 0o311)
        uid = os.geteuid()
        os.seteuid(uid or 65534)
        yield root
        os.seteuid(uid)
        os.chmod(root, 0o700)


def test_the_books_of_another_user_are_no_fault_of_minirun(of_another_user: str) -> None:
    """Nor is there less to say of them than that."""
    deeds: list[Callable[[], object]] = [
        lambda: find(of_another_user, "web"),
        lambda: find(of_another_user, "none"),
        lambda: Lock(of_another_user, "web"),
        lambda: list(containers(of_another_user)),
        lambda: matching(of_another_user, "w"),
        lambda: Watch(of_another_user, ()).look(),
    ]
    for deed in deeds:
        with pytest.raises(StateError, match="belongs to another user\n  cure:"):
            deed()


def test_without_cgroup2_in_sight_there_is_an_end_to_the_cgroups_above() -> None:
    """It may be unmounted while containers run, or not be in the mount namespace of who asks."""
    assert list(parents("/c", "/c/minirun/web")) == ["/c/minirun"]
    assert list(islice(parents("", "/c/minirun/web"), 9)) == []


def test_root_does_nothing_that_another_user_has_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hooks, pids and paths: all of them would be the user's choice, and the rights root's."""
    books = tmp_path / "web"
    books.mkdir()
    (tmp_path / "link").symlink_to(books)
    if os.geteuid() == 0:
        os.lchown(books, 54321, -1)
        os.lchown(tmp_path / "link", 54321, -1)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    for name in ("web", "link"):
        for act in (
            lambda name: delete.delete(str(tmp_path), name, Log(), force=True),
            lambda name: start.start(str(tmp_path), name, Log()),
            lambda name: kill.kill(str(tmp_path), name, 9),
            lambda name: freezer.pause(str(tmp_path), name),
            lambda name: execute(str(tmp_path), name, Wishes(), ExecOptions(), Log(), ignore_paused=False),
        ):
            with pytest.raises(StateError, match=r"is user \d+'s"):
                act(name)
    assert list(books.iterdir()) == []


def full_disk(*_arguments: object, **_more: object) -> None:
    raise SystemCallError(ENOSPC, "open", "open(…)")


def test_an_id_without_its_lock_is_free_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = Context(Log(), Channel())
    monkeypatch.setattr(locks, "open", full_disk)
    with pytest.raises(SystemCallError):
        MakeStateDirectory(f"{tmp_path}/root", "web").apply(context)
    assert list(tmp_path.iterdir()) == []
    assert not context.owns_id


def test_a_file_that_cannot_be_replaced_leaves_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pid").mkdir()
    with pytest.raises(SystemCallError, match="directory"):
        files.replace_file(f"{tmp_path}/pid", b"7", 0o644)
    monkeypatch.setattr(os, "write", full_disk)
    with pytest.raises(SystemCallError):
        files.replace_file(f"{tmp_path}/other", b"7", 0o644)
    assert [entry.name for entry in tmp_path.iterdir()] == ["pid"]


def test_a_root_that_the_user_made_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has no directory from a login has no `minirun` in it either; that of "" would be /minirun."""
    removed: list[str] = []
    monkeypatch.setattr(os, "rmdir", removed.append)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    MakeStateDirectory("/minirun", "web").remove_root(Context(Log(), Channel()))
    assert removed == []
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    MakeStateDirectory(f"{tmp_path}/minirun", "web").remove_root(Context(Log(), Channel()))
    assert removed == [f"{tmp_path}/minirun"]


def no_descriptor(*_arguments: object) -> None:
    raise SystemCallError(EMFILE, "open", "open(…)")


@pytest.mark.parametrize(
    ("function", "ask"),
    [
        ("pidfd_open", lambda: Container("", {"pid": 1}).open_process()),
        ("read_file", lambda: is_frozen("/cgroup")),
        ("open", lambda: freezer.wait_for("/cgroup", b"frozen 1", 1)),
    ],
)
def test_what_could_not_be_asked_is_no_answer(
    function: str, ask: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it, a container would seem to have ended, for the want of a descriptor."""
    monkeypatch.setattr(signals if function == "pidfd_open" else files, function, no_descriptor)
    with pytest.raises(SystemCallError):
        ask()
