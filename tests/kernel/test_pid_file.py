"""--pid-file: where the pid is to be written, and what must not be replaced by a file. As rename(2) would do it."""

from __future__ import annotations

import os
import stat
import subprocess

import pytest

from kernel.kit.helpers import mount, unmount
from kernel.kit.runtime import new_id

pytestmark = [pytest.mark.root, pytest.mark.only("minirun", "runc replaces whatever there is")]


@pytest.fixture
def write(runtime, bundle):
    """Runs a container with this --pid-file; `more` goes to subprocess."""
    made = bundle("exit", "0")

    def run(path, **more):
        return runtime.run(made, options=["--pid-file", str(path)], **more)

    return run


def test_a_device_stays_one(write, place):
    os.mknod(place / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    assert write(place / "null").status == 0
    assert stat.S_ISCHR(os.lstat(place / "null").st_mode)


def test_a_fifo_is_written_to(write, place):
    os.mkfifo(place / "fifo")
    reading = os.open(place / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    assert write(place / "fifo").status == 0
    assert os.read(reading, 100).isdigit()
    os.close(reading)
    assert stat.S_ISFIFO(os.lstat(place / "fifo").st_mode)


def test_nobody_waits_for_a_reader(write, place):
    os.mkfifo(place / "fifo")
    result = write(place / "fifo")
    assert result.refused and "nobody reads" in result.stderr
    assert stat.S_ISFIFO(os.lstat(place / "fifo").st_mode)


NODES = {
    "a device": (stat.S_IFCHR, os.makedev(1, 3)),
    "a block device": (stat.S_IFBLK, os.makedev(7, 200)),
    "a socket": (stat.S_IFSOCK, 0),
    "a FIFO": (stat.S_IFIFO, 0),
}


def put(kind, path):
    if kind in NODES:
        os.mknod(path, NODES[kind][0] | 0o666, NODES[kind][1])
    elif kind == "a directory":
        path.mkdir()


@pytest.mark.parametrize("kind", ["a socket", "a directory", "a block device"])
def test_what_can_not_be_written_to_is_told(write, place, kind):
    put(kind, place / "it")
    before = os.lstat(place / "it")
    result = write(place / "it")
    assert result.refused and f"it is {kind}" in result.stderr, result
    assert (os.lstat(place / "it").st_ino, os.lstat(place / "it").st_mode) == (before.st_ino, before.st_mode)


@pytest.mark.parametrize("target", ["target", "nothing", "it"])
def test_a_symlink_is_neither_followed_nor_replaced(write, place, target):
    """Root would write wherever its maker wants."""
    (place / "target").write_text("precious")
    (place / "it").symlink_to(target)
    result = write(place / "it")
    assert result.refused and "it is a symlink" in result.stderr, result
    assert os.readlink(place / "it") == target and (place / "target").read_text() == "precious"
    assert not (place / "nothing").exists()


@pytest.mark.parametrize("path", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_an_open_file_of_the_callers_is_written_to(write, path):
    before = os.lstat(path)
    assert write(path).stdout.isdigit()
    assert os.lstat(path).st_ino == before.st_ino or path.startswith("/proc")


def test_an_open_regular_file_is_not_overwritten(runtime, bundle, place):
    """/dev/stdout > FILE: what stands in the file already stays."""
    made = bundle("say", "hello")
    made.write()
    with open(place / "out", "w+") as out:
        out.write("before ")
        out.flush()
        command = runtime.command(made, new_id(), ["--pid-file", "/dev/stdout"])
        subprocess.run(command, stdout=out, check=True, timeout=20, env=runtime.environment)
    assert (place / "out").read_text().startswith("before ") and len((place / "out").read_text()) > 8


def test_minirun_does_not_write_to_what_is_its_own(write):
    for number in range(3, 12):
        assert write(f"/dev/fd/{number}").refused


def test_a_file_that_is_there_is_replaced(write, place):
    (place / "pid").write_text("a much longer text than a pid")
    before = os.stat(place / "pid").st_ino
    assert write(place / "pid").status == 0
    assert (place / "pid").read_text().isdigit() and os.stat(place / "pid").st_ino != before


def test_a_file_that_is_a_mount_is_written_to(write, place):
    (place / "outside").write_text("a much longer text than a pid")
    (place / "pid").touch()
    mount("--bind", place / "outside", place / "pid")
    try:
        assert write(place / "pid").status == 0
        assert (place / "outside").read_text().isdigit()
    finally:
        unmount(place / "pid")
    assert sorted(os.listdir(place)) == ["bundle", "outside", "pid"]


def test_a_file_is_written_to_where_none_can_be_made(write, place):
    (place / "ro").mkdir()
    (place / "pid").write_text("a much longer text than a pid")
    (place / "ro/pid").touch()
    mount("--bind", place / "ro", place / "ro")
    mount("--bind", place / "pid", place / "ro/pid")
    mount("-o", "remount,bind,ro", place / "ro")
    try:
        assert write(place / "ro/pid").status == 0
        assert (place / "pid").read_text().isdigit()
        result = write(place / "ro/other")
        assert result.refused and "EROFS" in result.stderr
    finally:
        unmount(place / "ro")


def test_the_file_of_another_user_is_replaced_by_root(write, place):
    (place / "sticky").mkdir()
    (place / "sticky").chmod(0o1777)
    (place / "sticky/pid").write_text("precious")
    os.chown(place / "sticky/pid", 1234, 1234)
    os.link(place / "sticky/pid", place / "same")
    assert write(place / "sticky/pid").status == 0
    assert (place / "sticky/pid").read_text().isdigit() and (place / "same").read_text() == "precious"


@pytest.mark.parametrize("kind", ["a device", "a FIFO", "a block device", "a directory", "a socket"])
def test_a_log_keeps_nobody_waiting_and_changes_no_disk(runtime, bundle, place, kind):
    put(kind, place / "log")
    made = bundle("exit", "0")
    made.write()
    command = [*runtime.argv, "--log", str(place / "log"), "run", "--bundle", str(made.path), new_id()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, env=runtime.environment)
    assert (done.returncode, "can't log to" in done.stderr) == ((0, False) if kind == "a device" else (1, True)), done
