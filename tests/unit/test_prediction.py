"""What somebody predicts of a step: words, and what they are compared with."""

from __future__ import annotations

import json
import os
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from minirun.errors import StateError
from minirun.labs.predicted import predicted
from minirun.runtime.log import Log
from minirun.steps.step import RUNTIME, Channel, Context
from minirun.teach import seen
from minirun.teach.mount_tree import parse
from minirun.teach.pictured import Pictured
from minirun.teach.predicting import open_file
from minirun.teach.prediction import (
    KINDS,
    NOTHING,
    PARTLY,
    RIGHT,
    WRONG,
    Prediction,
    Unknown,
    read,
    told,
    understood,
    verdict,
    vocabulary,
)

if TYPE_CHECKING:
    from pathlib import Path

HOST = """\
22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw
23 22 0:21 / /proc rw shared:5 - proc proc rw
24 22 0:30 /a /sys/fs/cgroup rw - cgroup2 cgroup rw
"""
BOUND = "90 22 8:1 /srv/b/rootfs /srv/b/rootfs rw shared:1 - ext4 /dev/sda1 rw\n"
PROC = "91 90 0:40 / /srv/b/rootfs/proc rw - proc proc rw\n"


# ---- words


@pytest.mark.parametrize(
    ("text", "predicted"),
    [
        ("namespaces uts pid", ("namespaces uts", "namespaces pid")),
        ("namespace network, mount", ("namespaces net", "namespaces mnt")),
        ("namespaces", ("namespaces",)),
        ("mount /proc/ /Data hostname", ("mounts /proc", "mounts /Data", "hostname")),
        ("mounts /", ("mounts /",)),
        ("Capabilities CAP_KILL chown", ("capabilities CAP_KILL", "capabilities CAP_CHOWN")),
        ("cgroup namespaces cgroup", ("cgroup", "namespaces cgroup")),
        ("ids uid maps gid", ("ids uid", "maps gid")),
        ("limits memory.max hugetlb.2MB.max", ("limits memory.max", "limits hugetlb.2MB.max")),
        ("rlimits RLIMIT_NOFILE core", ("rlimits nofile", "rlimits core")),
        ("descriptors 0 1", ("descriptors 0", "descriptors 1")),
        ("nothing", ("nothing",)),
        ("", ()),
    ],
)
def test_what_is_understood(text: str, predicted: tuple[str, ...]) -> None:
    assert understood(text) == predicted


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("colour", "colour is no word"),
        ("uts", "uts is no word"),
        ("namespaces uts /proc", "/proc is no word"),
        ("hostname web", "web is no word"),
        ("\x1b[2J", r"\x1b[2J is no word"),
        ("nothing hostname", "nothing stands alone"),
    ],
)
def test_what_is_not_understood(text: str, words: str) -> None:
    with pytest.raises(Unknown) as raised:
        understood(text)
    assert str(raised.value).startswith(words)


def test_the_list_has_every_word_and_its_examples_are_understood() -> None:
    lines = vocabulary(73)
    assert [line.split()[0] for line in lines[1:] if line[2] != " "] == [*KINDS]
    assert max(map(len, lines[1:])) <= 73
    for word, kind in KINDS.items():
        found = understood(f"{word} {kind.example}")
        assert len(found) == max(1, len(kind.example.split())) and all(one.split()[0] == word for one in found)


def test_every_word_can_be_seen() -> None:
    assert looked().keys() | {NOTHING} == KINDS.keys()


# ---- compared

UNSHARED = ("namespaces ipc", "namespaces uts", "hostname")


@pytest.mark.parametrize(
    ("text", "changed", "how", "line"),
    [
        ("namespaces hostname", UNSHARED, RIGHT, "right: namespaces ipc, uts and hostname changed"),
        ("namespaces ipc uts hostname", UNSHARED, RIGHT, "right: namespaces ipc, uts and hostname changed"),
        (
            "namespaces uts pid",
            UNSHARED,
            PARTLY,
            "partly: namespaces uts changed; so did namespaces ipc and hostname; namespaces pid did not",
        ),
        ("namespaces", UNSHARED, PARTLY, "partly: namespaces ipc, uts changed; so did hostname"),
        ("hostname ids", ("hostname",), PARTLY, "partly: hostname changed; ids did not"),
        ("mounts", ("hostname",), WRONG, "not so: mounts did not change; hostname did"),
        ("mounts /pro", ("mounts /proc",), WRONG, "not so: mounts /pro did not change; mounts /proc did"),
        ("mounts", (), WRONG, "not so: mounts did not change; nothing that has a word here did"),
        ("nothing", (), RIGHT, "right: nothing that has a word here changed"),
        ("nothing", ("hostname",), WRONG, "not so: hostname changed"),
    ],
)
def test_three_cases(text: str, changed: tuple[str, ...], how: str, line: str) -> None:
    assert (verdict(understood(text), changed), told(understood(text), changed)) == (how, line)


def test_many_names_are_cut_short() -> None:
    many = tuple(f"mounts /{number}" for number in range(8))
    assert told(("mounts",), many) == "right: mounts /0, /1, /2, /3, /4, /5, 2 more changed"


# ---- seen


def looked() -> seen.Seen:
    """This process."""
    context = Context(Log(), Channel())
    context.me = RUNTIME
    proc = os.open("/proc", os.O_PATH | os.O_DIRECTORY)
    try:
        return seen.look(os.getpid(), proc, "", context)
    finally:
        os.close(proc)


def test_who_looks_twice_sees_the_same() -> None:
    """Whatever is opened to look, at whichever numbers."""
    before = looked()
    reading, writing = os.pipe()  # these are close-on-exec
    assert seen.changes(before, looked()) == ()
    os.set_inheritable(writing, True)
    assert seen.changes(before, looked()) == (f"descriptors {writing}",)
    os.close(reading)
    os.close(writing)


def test_what_a_process_changes_of_itself() -> None:
    before, umask, cwd = looked(), os.umask(0o123), os.getcwd()
    os.chdir("/proc")
    changed = seen.changes(before, looked())
    os.umask(umask)
    os.chdir(cwd)
    assert changed == ("umask", "cwd")


def mounts(text: str) -> seen.Seen:
    return looked() | seen.of_mounts(parse(text), "/srv/b/rootfs")


@pytest.mark.parametrize(
    ("after", "changed"),
    [
        (HOST + BOUND, ("mounts /",)),
        (HOST + BOUND + PROC, ("mounts /", "mounts /proc")),
        (HOST + PROC.replace("rootfs/proc", "rootfs/my\\040proc"), (r"mounts /my\040proc",)),
        (HOST.replace("shared", "master"), ("propagation /", "propagation /proc")),
        (HOST.replace("/proc rw", "/proc ro"), ("mounts /proc",)),
        (HOST.replace("0:30 /a", "0:30 /.."), ()),  # looked at from another cgroup namespace
        (HOST.replace("22 ", "122 ").replace("23 ", "123 ").replace("24 ", "124 "), ()),  # in a copy of the namespace
    ],
)
def test_mounts(after: str, changed: tuple[str, ...]) -> None:
    assert seen.changes(mounts(HOST), mounts(after)) == changed


def test_after_pivot_root_the_mounts_have_the_names_of_config_json_as_before() -> None:
    """The host's root lies on the new one, where that was told to be moved (pivot_root(2): ".", ".")."""
    pivoted = """\
90 1 8:1 /srv/b/rootfs / rw shared:1 - ext4 /dev/sda1 rw
91 90 0:40 / /proc rw - proc proc rw
22 90 8:1 / / rw shared:1 - ext4 /dev/sda1 rw
23 22 0:21 / /proc rw shared:5 - proc proc rw
24 22 0:30 /a /sys/fs/cgroup rw - cgroup2 cgroup rw
"""
    assert seen.changes(mounts(HOST + BOUND + PROC), mounts(pivoted)) == ("root",)


def test_a_cgroup_namespace_gives_the_cgroup_another_path_and_that_is_all() -> None:
    before = looked() | {"namespaces": {"cgroup": 1}, "cgroup": {"path": "/a", "directory": False}}
    after = before | {"namespaces": {"cgroup": 2}, "cgroup": {"path": "/", "directory": False}}
    assert seen.changes(before, after) == ("namespaces cgroup",)


def test_limits_are_those_of_the_containers_cgroup(tmp_path: Path) -> None:
    context = Context(Log(), Channel())
    context.cgroup = str(tmp_path)
    proc, found = os.open("/proc", os.O_PATH | os.O_DIRECTORY), []
    for text in ("max\n", "100\n"):
        (tmp_path / "pids.max").write_text(text)
        found.append(seen.look(os.getpid(), proc, "", context))
    os.close(proc)
    assert seen.changes(*found) == ("limits pids.max",)


# ---- written down


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "predictions"
    assert read(str(path)) == ()
    made = Prediction(7, "MountFilesystem", "mount “proc” on /proc", ("mounts /proc",), ("mounts /proc",), True)
    other = made.replace(step=8, predicted=("nothing",), right=False)
    for one in (made, other):  # a second run adds to what is there
        descriptor = open_file(str(path))
        os.write(descriptor, one.line().encode())
        os.close(descriptor)
    assert read(str(path)) == (made, other)


@pytest.mark.parametrize("line", ["", "{", "[]", "7", '{"step": 1}', '{"step": "x"}'])
def test_what_is_no_prediction(tmp_path: Path, line: str) -> None:
    path = tmp_path / "predictions"
    made = Prediction(7, "SetHostname", "set it", ("hostname",), ("hostname",), True)
    path.write_text(made.line() + line + "\n")
    with pytest.raises(StateError, match=r"line 2 of .* is no prediction"):
        read(str(path))


def test_a_file_that_nobody_reads_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(StateError, match="fifo"):
        open_file(str(tmp_path / "fifo"))


# ---- beside the plan's picture

UTS, DATA, BELOW = "namespaces uts", "mounts /data", "mounts /data/below"


@pytest.mark.parametrize(
    ("picture", "seen", "missing", "more"),
    [
        (Pictured((UTS,), (UTS,)), (UTS,), (), ()),
        (Pictured((UTS,), (UTS,)), (), (UTS,), ()),
        (Pictured(("hostname",)), (), (), ()),  # it may have been that before
        (Pictured(()), (UTS,), (), (UTS,)),
        (Pictured(()), ("process", "propagation /", "descriptors 3", "maps uid"), (), ()),  # of which it knows nothing
        (Pictured((DATA,), (DATA,)), (DATA, BELOW), (), ()),
        (Pictured((DATA,), (DATA,)), (DATA, "mounts /database"), (), ("mounts /database",)),
        (Pictured((), moves=True), ("root", DATA), (), ()),
    ],
)
def test_the_plans_picture_beside_what_was_seen(
    picture: Pictured, seen: tuple[str, ...], missing: tuple[str, ...], more: tuple[str, ...]
) -> None:
    assert (picture.missing(seen), picture.more(seen)) == (missing, more)


def test_a_line_of_before_there_were_pictures_is_read(tmp_path: Path) -> None:
    path = tmp_path / "predictions"
    line = {"step": 1, "class": "X", "sentence": "x", "predicted": [], "changed": [], "right": True}
    path.write_text(json.dumps(line) + "\n")
    assert [one.otherwise for one in read(str(path))] == [()]


def test_a_lab_says_where_the_plans_picture_was_wrong(tmp_path: Path) -> None:
    one = Prediction(7, "X", "x", (UTS,), (), False, (UTS,))
    (tmp_path / "predictions").write_text(one.line())
    desk = SimpleNamespace(file=lambda name: str(tmp_path / name))
    found = predicted(1).look(desk)  # type: ignore[arg-type]
    assert found.found == "1, of which 0 were right; in 7 the plan's picture has it otherwise than the kernel"
