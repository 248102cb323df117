"""A /proc that is not what it seems: settings and labels that are written elsewhere, and files that never end.

The runtime gives the kernel its orders by way of /proc. Where the container decides what lies there, the order goes to
another file, or to none: the program runs without its label (CVE-2019-16884, CVE-2019-19921, CVE-2023-28642), or a
value from config.json is written to a file that config.json does not mean (CVE-2025-52881).
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from kernel.escapes.kit import cover, in_mounts_of, swapping, without
from kernel.kit.helpers import namespace_holder
from kernel.kit.outside import parse_mounts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from kernel.escapes.kit import Attacked
    from kernel.kit.bundle import Bundle
    from kernel.kit.life import Life

pytestmark = [pytest.mark.root, pytest.mark.only("minirun", "it is weakened for the proof")]

KEY, FILE, VALUE = "kernel.msgmax", "/proc/sys/kernel/msgmax", "4711"


# ---- where /proc is mounted


@without("proc-by-symlink")
def test_proc_is_not_mounted_where_a_symlink_leads(attacked: Attacked, bundle: Callable[..., Bundle]) -> None:
    """CVE-2023-27561, CVE-2023-28642: what masks and read-only paths are for is then somewhere else."""
    made = bundle()
    made.link("proc", "/tmp")
    result = attacked.try_it(made)
    assert (result.status == 0 and is_proc(result.json, "/tmp")) == attacked.is_weak


@without("proc-by-symlink")
def test_proc_is_not_mounted_where_a_swapped_symlink_leads(attacked: Attacked, bundle: Callable[..., Bundle]) -> None:
    made = bundle()
    made.link("other", "/tmp")

    def attempt() -> bool:
        result = attacked.try_it(made)
        return result.status == 0 and is_proc(result.json, "/tmp")

    with swapping(made.rootfs / "proc", made.rootfs / "other"):
        assert attacked.race_put_to_test(attempt) == attacked.is_weak


@without("mounts-inside-proc")
@pytest.mark.parametrize("inside", ["/proc/sys", "/proc/sys/kernel", "/proc/irq"])
def test_nothing_is_mounted_inside_of_proc(attacked: Attacked, bundle: Callable[..., Bundle], inside: str) -> None:
    """The image has a symlink at the mount's destination: GHSA-fh74-hm69-rqjw."""
    made = bundle()
    made.link("mnt", inside)
    made.mount("/mnt")
    result = attacked.try_it(made)
    covered = result.status == 0 and any(
        mount.type == "tmpfs" and mount.point.startswith("/proc/") for mount in parse_mounts(result.json["mountinfo"])
    )
    assert covered == attacked.is_weak


@without("mounts-inside-proc")
def test_no_volume_lies_over_proc(attacked: Attacked, bundle: Callable[..., Bundle], place: Path) -> None:
    """CVE-2019-16884: an image may name its volumes, and this one has a false /proc in it."""
    made = bundle("stat", "/proc/1")
    (place / "volume").mkdir()
    made.bind(place / "volume", "/proc")
    result = attacked.try_it(made)
    assert (result.status == 0 and result.json["/proc/1"].get("error") == "ENOENT") == attacked.is_weak


def is_proc(told: dict, path: str) -> bool:
    return any(mount.point == path and mount.type == "proc" for mount in parse_mounts(told["mountinfo"] or []))


# ---- where a setting goes


@without("sysctl-after-the-root")
def test_a_setting_does_not_go_to_a_file_of_the_image(attacked: Attacked, bundle: Callable[..., Bundle]) -> None:
    made = bundle("exit", "0")
    made.without_mount("/proc")
    file = made.file(FILE, "as it was")
    made.linux["sysctl"] = {KEY: VALUE}
    attacked.try_it(made)
    assert file.read_text().startswith(VALUE) == attacked.is_weak


@without("sysctl-by-path")
def test_a_setting_does_not_go_to_what_others_have_mounted_there(
    attacked: Attacked, bundle: Callable[..., Bundle], place: Path
) -> None:
    """CVE-2025-52881: in a mount namespace that is joined, somebody has covered a part of /proc/sys."""
    made = bundle("exit", "0")
    (decoy := place / "decoy").write_text("the host's")
    with namespace_holder("mount") as holder:
        in_mounts_of(holder, lambda: make_false_settings(decoy))
        made.namespace("mount", str(holder.proc / "ns/mnt"))
        made.linux["sysctl"] = {KEY: VALUE}
        attacked.try_it(made)
    assert (decoy.read_text() != "the host's") == attacked.is_weak


def make_false_settings(decoy: Path) -> None:
    cover(os.path.dirname(FILE))
    os.symlink(decoy, FILE)


# ---- where a label goes


@pytest.mark.parametrize("attacked", ["any-module", "label-by-path"], indirect=True)
def test_a_label_does_not_go_to_a_file_of_the_container(attacked: Attacked, lives: Callable[..., Life]) -> None:
    """The container's root has mounted a /proc of its own making when a further process with a label comes. Here no
    module is on: it is about the file that the label is written to, not about what the kernel does with it."""
    one = lives().started()
    in_mounts_of(one.process, make_false_proc)
    one.call("exec", "/probe", "exit", "0", options=["--apparmor", "unconfined-by-the-test"])
    written = one.process.inside("/proc/self/attr/exec").read_text()
    assert written == ("exec unconfined-by-the-test" if attacked.weakening == "label-by-path" else "")


def make_false_proc() -> None:
    cover("/proc")
    os.makedirs("/proc/self/attr")
    os.close(os.open("/proc/self/attr/exec", os.O_CREAT | os.O_WRONLY))


# ---- files of the image that minirun reads


@pytest.fixture
def writer() -> Iterator[Callable[[Path], subprocess.Popen[bytes]]]:
    """Makes a process that waits for somebody to open a FIFO for reading, and ends then."""
    with contextlib.ExitStack() as ends:

        def wait_for_reader(fifo: Path) -> subprocess.Popen[bytes]:
            process = ends.enter_context(subprocess.Popen(["sh", "-c", 'exec 3> "$0"', str(fifo)]))
            ends.callback(process.kill)
            return process

        yield wait_for_reader


@without("special-files")
@pytest.mark.parametrize("command", ["run", "exec"])
def test_no_file_is_opened_that_does_something_when_it_is_opened(
    attacked: Attacked,
    lives: Callable[..., Life],
    writer: Callable[[Path], subprocess.Popen[bytes]],
    command: str,
) -> None:
    """Opening is a deed by itself: of a FIFO, whose writer waits for it, or of a device such as a watchdog, which
    resets the machine if it isn't fed from then on. Of the image, minirun reads the list of users."""
    one = lives("sleep" if command == "exec" else "exit")
    fifo = one.bundle.rootfs / "etc/passwd"
    if command == "exec":
        one.started()
    os.mkfifo(fifo)
    waiting = writer(fifo)
    if command == "exec":
        one.call("exec", "/probe", "exit")
    else:
        attacked.run(one.bundle)
    assert has_ended(waiting) == attacked.is_weak


def has_ended(process: subprocess.Popen[bytes]) -> bool:
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(0.2)
    return process.returncode is not None


def directory(path: Path) -> None:
    path.mkdir()


def large(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(300 << 20)


def leads_to(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target)


HOSTILE = {
    "a directory": directory,
    "300 MB": large,
    "without an end": leads_to("/dev/zero"),
    "not readable": leads_to("/proc/self/mem"),
    "a loop": leads_to("/etc/passwd"),
    "of the host": leads_to("/etc/shadow"),
}

# A small process starts it: what a process had before its execve counts as its own, and pytest has much.
MEASURED = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
"""


@pytest.mark.parametrize("what", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_list_of_users_is_none(life: Callable[..., Life], what: Callable[[Path], None]) -> None:
    one = life().started()
    for name in ("passwd", "group"):
        what(one.bundle.rootfs / "etc" / name)
    words = [sys.executable, "-c", MEASURED, *one.runtime.argv, "exec", one.id, "/probe"]
    done = subprocess.run(words, env=one.runtime.environment, capture_output=True, text=True, check=True)
    assert "HOME=/" in json.loads(done.stdout)["env"]
    assert int(done.stderr) < 100 << 10  # KiB


# ---- a container that has hidden its /proc


@pytest.mark.parametrize("over", ["/proc", "/dev", "/sys", "/etc"])
def test_a_further_process_needs_nothing_of_the_containers(life: Callable[..., Life], over: str) -> None:
    one = life().started()
    in_mounts_of(one.process, lambda: cover(over))
    assert one.call("exec", "/probe", "exit", "3").status == 3
