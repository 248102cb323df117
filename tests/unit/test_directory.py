"""What may lie below the state directory: nothing is believed, waited for or removed that is not a container's."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterator
from errno import ENOMEM
from pathlib import Path
from typing import Any

import pytest

from minirun.errors import StateError
from minirun.plan.exec import ExecOptions
from minirun.runtime import delete, freezer, kill, start
from minirun.runtime.books import find
from minirun.runtime.exec import Wishes, execute
from minirun.runtime.log import Log
from minirun.runtime.members import processes_of
from minirun.runtime.overview import containers
from minirun.runtime.update import update
from minirun.runtime.usage import Watch

Deed = Callable[[str], object]


def deeds(root: str) -> dict[str, Deed]:
    """What can be done to a container, by its name."""
    return {
        "delete": lambda name: delete.delete(root, name, Log()),
        "delete --force": lambda name: delete.delete(root, name, Log(), force=True),
        "state": lambda name: find(root, name).state(),
        "start": lambda name: start.start(root, name, Log()),
        "kill": lambda name: kill.kill(root, name, 9),
        "kill --all": lambda name: kill.kill(root, name, 9, everything=True),
        "pause": lambda name: freezer.pause(root, name),
        "resume": lambda name: freezer.resume(root, name),
        "ps": lambda name: processes_of(find(root, name)),
        "stats": lambda name: Watch(root, (name,)).look(),
        "update": lambda name: update(root, name, {}, Log()),
        "exec": lambda name: execute(root, name, Wishes(args=("/x",)), ExecOptions(), Log(), ignore_paused=False),
    }


def refusal(act: Deed, deed: str) -> str:
    """The error of something that must have one."""
    try:
        act("web")
    except StateError as error:
        return str(error)
    raise AssertionError(f"{deed} was done")


def tree(top: Path) -> list[tuple[str, int]]:
    return sorted((str(path), path.lstat().st_mode) for path in top.rglob("*"))


# ---- directories that are no container's


def a_file(place: Path) -> None:
    place.write_text("precious")


def a_fifo(place: Path) -> None:
    os.mkfifo(place)


def a_link_to_a_directory(place: Path) -> None:
    (place.parent / "elsewhere").mkdir()
    (place.parent / "elsewhere" / "lock").touch()
    place.symlink_to("elsewhere")


def a_link_to_nothing(place: Path) -> None:
    place.symlink_to("nowhere")


def peoples_files(place: Path) -> None:
    (place / "sub").mkdir(parents=True)
    for name in ("a", "z", "sub/q"):
        (place / name).touch()


def files_beside_a_lock(place: Path) -> None:
    peoples_files(place)
    (place / "lock").touch()


def a_directory_beside_a_lock(place: Path) -> None:
    (place / "config.json").mkdir(parents=True)
    (place / "lock").touch()


def a_config_without_a_lock(place: Path) -> None:
    """Somebody's bundle, for instance."""
    place.mkdir()
    (place / "config.json").touch()


def a_lock_that_is_a_fifo(place: Path) -> None:
    place.mkdir()
    os.mkfifo(place / "lock")


def a_lock_that_is_a_directory(place: Path) -> None:
    (place / "lock").mkdir(parents=True)


def a_lock_that_is_a_socket(place: Path) -> None:
    place.mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place / "lock"))


def a_lock_that_is_a_link(place: Path) -> None:
    place.mkdir()
    (place.parent / "victim").touch()
    (place / "lock").symlink_to("../victim")


FOREIGN = [
    a_file,
    a_fifo,
    a_link_to_a_directory,
    a_link_to_nothing,
    peoples_files,
    files_beside_a_lock,
    a_directory_beside_a_lock,
    a_config_without_a_lock,
    a_lock_that_is_a_fifo,
    a_lock_that_is_a_directory,
    a_lock_that_is_a_socket,
    a_lock_that_is_a_link,
]


@pytest.mark.parametrize("make", FOREIGN, ids=lambda make: make.__name__)
def test_what_is_no_containers_is_told_and_left_alone(make: Callable[[Path], None], tmp_path: Path) -> None:
    make(tmp_path / "web")
    before = tree(tmp_path)
    for deed, act in deeds(str(tmp_path)).items():
        told = refusal(act, deed)
        assert "no container of minirun's: " in told and "\n  cure:  " in told, deed
        assert tree(tmp_path) == before, deed
    assert list(containers(str(tmp_path))) == []


def nothing_in_it(place: Path) -> None:
    place.mkdir()


def a_lock(place: Path) -> None:
    place.mkdir()
    (place / "lock").touch()


def half_written_books(place: Path) -> None:
    a_lock(place)
    for name in ("config.json", ".state.json.4711"):
        (place / name).write_text("{")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place / "start"))


@pytest.mark.parametrize("make", [nothing_in_it, a_lock, half_written_books], ids=lambda make: make.__name__)
def test_what_a_create_left_that_was_killed_is_removed_by_force(make: Callable[[Path], None], tmp_path: Path) -> None:
    make(tmp_path / "web")
    for deed, act in deeds(str(tmp_path)).items():
        if deed != "delete --force":
            with pytest.raises(StateError, match=r"not created yet\n  cure:  .*minirun delete --force web"):
                act("web")
    deeds(str(tmp_path))["delete --force"]("web")
    assert list(tmp_path.iterdir()) == []


# ---- books that somebody has written by hand

GOOD: dict[str, Any] = {
    "ociVersion": "1.0.2",
    "id": "web",
    "pid": 0,
    "pidStartTime": 0,
    "bundle": "/bundle",
    "rootfs": "/bundle/rootfs",
    "created": 1.5,
    "complete": True,
    "annotations": {},
    "cgroup": "",
    "cgroupInode": 0,
    "made": [],
    "options": {"id": "web", "bundle": "/bundle", "cgroup_manager": "disabled"},
}
CONFIG = {
    "ociVersion": "1.0.2",
    "root": {"path": "rootfs"},
    "process": {"cwd": "/", "args": ["/x"], "user": {"uid": 0, "gid": 0}},
}


@pytest.fixture
def books(tmp_path: Path) -> Path:
    """Those of a container that has ended."""
    place = tmp_path / "web"
    place.mkdir()
    (place / "lock").touch()
    (place / "state.json").write_text(json.dumps(GOOD))
    (place / "config.json").write_text(json.dumps(CONFIG))
    return place


def test_the_books_of_a_container_that_has_ended(books: Path) -> None:
    """They are good, so what is wrong below is the one thing that is changed."""
    assert find(str(books.parent), "web").state()["status"] == "stopped"
    delete.delete(str(books.parent), "web", Log())
    assert not books.exists()


def as_fifo(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def as_directory(file: Path) -> None:
    file.unlink()
    file.mkdir()


def as_link_to_zeros(file: Path) -> None:
    file.unlink()
    file.symlink_to("/dev/zero")


def too_large(file: Path) -> None:
    os.truncate(file, 300 << 20)


def no_utf_8(file: Path) -> None:
    file.write_bytes(b'{"complete": "\xff\xfe"}')


def deeply_nested(file: Path) -> None:
    file.write_text("[" * 100_000)


def long_numbers(file: Path) -> None:
    file.write_text('{"complete": true, "pid": ' + "9" * 5000 + "}")


def half_written(file: Path) -> None:
    file.write_text(json.dumps(GOOD)[:60])


SHAPES = [as_fifo, as_directory, as_link_to_zeros, too_large, no_utf_8, deeply_nested, long_numbers, half_written]


@pytest.mark.parametrize("spoil", SHAPES, ids=lambda spoil: spoil.__name__)
def test_a_state_that_is_no_more_what_it_was_damages_the_books(spoil: Callable[[Path], None], books: Path) -> None:
    spoil(books / "state.json")
    before = tree(books)
    for deed, act in deeds(str(books.parent)).items():
        told = refusal(act, deed)
        assert told.startswith("the books of container web are damaged: ") and "\n  cure:  by hand" in told, deed
        assert tree(books) == before, deed
    assert list(containers(str(books.parent))) == []


@pytest.mark.parametrize("spoil", [os.unlink, as_fifo, as_directory, no_utf_8, deeply_nested, half_written])
def test_without_its_config_no_container_is_deleted(spoil: Callable[[Path], None], books: Path) -> None:
    """It can be told of still."""
    spoil(books / "config.json")
    before = tree(books)
    for deed in ("delete", "delete --force"):
        assert "are damaged" in refusal(deeds(str(books.parent))[deed], deed)
        assert tree(books) == before, deed
    assert [state["status"] for state in containers(str(books.parent))] == ["stopped"]


def wrong_values() -> Iterator[tuple[str, object]]:
    """For each of the facts, some that it can't be."""
    anything: list[object] = [
        None,
        "x",
        -1,
        10**30,
        1.5,
        True,
        [],
        {},
        [7],
        "a\0b",
        "\ud800",
        float("nan"),
        float("inf"),
    ]
    good: dict[str, Callable[[object], bool]] = {
        **dict.fromkeys(("ociVersion", "bundle", "rootfs"), lambda value: value == "x"),
        "id": lambda _value: False,
        "pid": lambda _value: False,
        "pidStartTime": lambda value: type(value) is int,
        "created": lambda value: value == 1.5,
        "complete": lambda value: value is True,
        "annotations": lambda value: value == {},
        "cgroup": lambda _value: False,
        "cgroupInode": lambda value: value is None or type(value) is int,
        "made": lambda value: value == [],
        "options": lambda value: value == {},
    }
    for fact, is_good in good.items():
        yield from ((fact, value) for value in anything if not is_good(value))
    yield from (("cgroup", value) for value in ("relative", "/../etc", "/sys/fs/cgroup/../../../etc"))
    yield from (("made", value) for value in (["relative"], ["/a/../.."], ["\ud800"]))
    yield from (("pid", value) for value in (2**22 + 1, 2**31, 2**64))
    yield "id", "other"


@pytest.mark.parametrize(("fact", "value"), list(wrong_values()))
def test_a_fact_that_can_not_be_damages_the_books(fact: str, value: object, books: Path) -> None:
    (books / "state.json").write_text(json.dumps(GOOD | {fact: value}))
    before = tree(books)
    for act in deeds(str(books.parent)).values():
        assert "are damaged" in refusal(act, fact)
    assert tree(books) == before
    assert list(containers(str(books.parent))) == []


@pytest.mark.parametrize(
    "options",
    [{}, {"id": 7}, {"root": []}, {"preserve_fds": "1"}, {"preserve_fds": True}, {"detach": 1}, {"flavour": "x"}],
    ids=str,
)
def test_options_that_no_command_line_gives_damage_the_books(options: dict[str, object], books: Path) -> None:
    wrong = options if options == {} else {"id": "web", "bundle": "/bundle"} | options
    (books / "state.json").write_text(json.dumps(GOOD | {"options": wrong}))
    for force in (False, True):
        with pytest.raises(StateError, match="damaged"):
            delete.delete(str(books.parent), "web", Log(), force=force)
    assert books.exists()


@pytest.mark.parametrize("pid", [0, 1, os.getpid(), 2**22])
def test_a_pid_that_is_not_the_containers_is_nobodys(pid: int, books: Path) -> None:
    """Its start time tells. Nothing is sent to that process, and the container has ended."""
    (books / "state.json").write_text(json.dumps(GOOD | {"pid": pid, "pidStartTime": 3}))
    for deed in ("kill", "start", "pause"):
        with pytest.raises(StateError):
            deeds(str(books.parent))[deed]("web")
    deeds(str(books.parent))["kill --all"]("web")
    assert find(str(books.parent), "web").status() == "stopped"
    delete.delete(str(books.parent), "web", Log(), force=True)


def test_books_under_another_name_remove_no_other_container(books: Path) -> None:
    """A copy of the directory, or one that was moved: the options in it name the first."""
    root = books.parent
    other = root / "root" / "web"
    other.parent.mkdir()
    books.rename(other)
    (root / "web").mkdir()
    (root / "web" / "lock").touch()
    (other / "state.json").write_text(json.dumps(GOOD | {"options": {**GOOD["options"], "root": str(root)}}))
    delete.delete(str(other.parent), "web", Log())
    assert not other.exists() and (root / "web" / "lock").exists()


def test_the_cgroup_in_the_books_is_the_plans(books: Path) -> None:
    """Nothing else is killed, or removed, because somebody has written it there."""
    victim = books.parent / "victim"
    (victim / "below").mkdir(parents=True)
    options = GOOD["options"] | {"cgroup_manager": "cgroupfs"}
    for cgroup in (str(victim), f"{victim}/minirun/web", ""):
        (books / "state.json").write_text(json.dumps(GOOD | {"options": options, "cgroup": cgroup}))
        with pytest.raises(StateError, match=r"(?s)so its books stay.*cgroup"):
            delete.delete(str(books.parent), "web", Log(), force=True)
        assert (victim / "below").exists() and (books / "state.json").exists()


def test_a_directory_in_the_books_keeps_all_of_them(books: Path) -> None:
    (books / "sub").mkdir()
    (books / "extra").touch()
    before = tree(books)
    with pytest.raises(StateError, match=r"left:  could not undo .*/sub is a directory"):
        delete.delete(str(books.parent), "web", Log(), force=True)
    assert tree(books) == before
    (books / "sub").rmdir()
    delete.delete(str(books.parent), "web", Log(), force=True)
    assert not books.exists()


@pytest.mark.parametrize("most", range(4))
def test_whoever_removes_the_books_can_be_stopped_at_any_file(
    most: int, books: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is left can be deleted by force: it is no damage, and can be told from people's files."""
    (books / ".state.json.4711").touch()
    unlink = os.unlink
    gone: list[str] = []

    def unlink_some(path: str) -> None:
        if len(gone) == most:
            raise PermissionError(1, "not now")
        unlink(path)
        gone.append(os.path.basename(path))

    monkeypatch.setattr(os, "unlink", unlink_some)
    with pytest.raises(StateError, match="operation not permitted"):
        delete.delete(str(books.parent), "web", Log())
    monkeypatch.undo()
    assert gone[:1] == ["state.json"][:most] and (books / "lock").exists()
    delete.delete(str(books.parent), "web", Log(), force=True)
    assert not books.exists()


def test_what_could_not_be_asked_is_not_there_already(books: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`delete --force` of nothing is content, so nothing has to be sure."""

    def no_memory(_path: str) -> None:
        raise OSError(ENOMEM, "")

    monkeypatch.setattr(os, "lstat", no_memory)
    with pytest.raises(OSError, match="memory"):
        delete.delete(str(books.parent), books.name, Log(), force=True)
