"""checkpoint and restore: a program goes on where it was, in a container like the one before; what a failure leaves.

Where CRIU can't work, only what needs none of it is tested. runc is asked the same where its command line has it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kernel.kit import needs
from kernel.kit.bundle import Bundle
from kernel.kit.life import Life
from kernel.kit.outside import Process, cgroup2_root
from kernel.kit.runtime import TIMEOUT, Result

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.root, pytest.mark.machine, needs.cgroup2(), needs.static_busybox()]
with_criu = needs.criu()
with_checkpoints = pytest.mark.deviates("crun", "Debian builds it without checkpoints")

# Two processes, a pipe between them, an open file, and a number that nothing but their memory knows.
COUNT = """
exec 7>/tmp/open
while :; do echo tick; sleep 0.1; done | while read -r _line; do n=$((n+1)); echo $n >/tmp/new; mv /tmp/new /tmp/n; done
"""
SAY = "while :; do n=$((n+1)); echo line $n; sleep 0.1; done"
ONCE = "echo ready; while [ ! -e /tmp/go ]; do sleep 0.1; done; exit 7"


class Kept(Life):
    """A container that has no file of the host open: CRIU could not know it."""

    @property
    def images(self) -> Path:
        return self.bundle.path / "images"

    def popen(self, *words: str, **more) -> subprocess.Popen[bytes]:
        return subprocess.Popen([*self.runtime.argv, *words], stdin=subprocess.DEVNULL, **more)

    def begin(self, *options: str, **streams) -> Kept:
        """Detached, with /dev/null for streams unless it is told others."""
        null = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        words = ["run", "--detach", *options, "--bundle", str(self.bundle.path), self.id]
        assert self.popen(*words, **null | streams).wait(TIMEOUT) == 0
        return self

    def checkpoint(self, *options: str) -> Result:
        return self.call("checkpoint", options=["--image-path", str(self.images), *options])

    def restore(self, *options: str) -> Result:
        words = ["--detach", "--image-path", str(self.images), "--bundle", str(self.bundle.path), *options]
        return self.call("restore", options=words)

    def number(self) -> int:
        file = self.bundle.rootfs / "tmp/n"
        return int(file.read_text()) if file.exists() else 0

    def counts(self) -> None:
        """It goes on from here."""
        before = self.number()
        self.wait_for(lambda: self.number() > before)


@pytest.fixture
def busybox(place) -> Bundle:
    """A bundle with busybox, which need not be compiled first."""
    made = Bundle(place / "bundle", Path(shutil.which("busybox") or ""), ())
    (made.rootfs / "probe").rename(made.rootfs / "bin/busybox")
    for name in ("sh", "sleep", "mv"):
        (made.rootfs / "bin" / name).symlink_to("busybox")
    return made


@pytest.fixture
def kept(runtime, busybox) -> Iterator[Kept]:
    with contextlib.ExitStack() as stack:

        def make(script: str) -> Kept:
            made = busybox
            made.process["args"] = ["/bin/sh", "-c", script]
            made.process["env"].append("KEPT=this")
            made.write()
            one = Kept(runtime, made)
            stack.callback(one.end)
            return one

        yield make


def options_of_mounts(pid: int) -> list[tuple[str, ...]]:
    """Mount point, options and file system of each."""
    lines = (line.split(" ") for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines())
    return sorted((words[4], words[5], words[words.index("-") + 1]) for words in lines)


def ends_well(done: Result) -> None:
    assert done.status == 0, done


# ---- where there is a CRIU


@with_criu
@with_checkpoints
def test_a_program_goes_on_where_it_was(kept, tmp_path) -> None:
    """With its memory, pipe, open file, environment and pid; and its mounts, cgroup and limits are those of before."""
    one = kept(COUNT)
    one.bundle.bind(tmp_path, "/mnt", "ro", "nodev")
    one.bundle.namespace("cgroup")
    one.bundle.mount("/sys/fs/cgroup", "ro", kind="cgroup", source="cgroup")
    one.bundle.linux["resources"] = {"pids": {"limit": 50}, "memory": {"limit": 1 << 27}}
    one.bundle.linux["maskedPaths"] = ["/proc/keys", "/proc/timer_list", "/proc/acpi"]
    one.bundle.linux["readonlyPaths"] = ["/proc/sys"]
    one.bundle.write()
    one.begin().counts()
    pid, before = one.state()["pid"], one.number()
    cgroup, mounts = Process(pid).cgroup(), options_of_mounts(pid)

    ends_well(one.checkpoint())
    assert one.call("state").status == 1, "it is deleted, and its id is free"
    assert not Path(f"{cgroup2_root()}{cgroup}").exists()
    at_the_end = one.number()
    assert before <= at_the_end
    ends_well(one.restore())

    assert one.status == "running"
    one.wait_for(lambda: one.number() > at_the_end)
    assert one.number() < at_the_end + 10000
    process = one.process
    assert process.cgroup() == cgroup
    assert Path(f"{cgroup2_root()}{cgroup}/pids.max").read_text() == "50\n"
    assert process.status()["NSpid"].split()[-1] == "1"
    assert b"KEPT=this" in Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0")
    assert os.readlink(f"/proc/{process.pid}/fd/7").endswith("/tmp/open")
    assert os.readlink(f"/proc/{process.pid}/ns/cgroup") != os.readlink("/proc/self/ns/cgroup")
    if one.runtime.name == "minirun":  # others lose options
        assert options_of_mounts(process.pid) == mounts

    inside = one.call("exec", "/bin/busybox", "ip", "addr", "show", "lo")
    assert "inet 127.0.0.1/8" in inside.stdout or one.runtime.name != "minirun", inside
    ends_well(one.kill("KILL"))
    one.wait_for(lambda: one.status == "stopped")
    ends_well(one.delete())
    assert not Path(f"{cgroup2_root()}{cgroup}").exists()


@with_criu
@with_checkpoints
def test_the_mounts_may_be_in_another_order(kept, tmp_path) -> None:
    """As Podman has them when it imports a checkpoint: config.json is made anew."""
    one = kept(COUNT)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"is_{name}").touch()
        one.bundle.bind(tmp_path / name, f"/mnt/{name}", "ro")
    one.bundle.write()
    one.begin().counts()
    ends_well(one.checkpoint())
    one.bundle.config["mounts"].reverse()
    one.bundle.write()
    ends_well(one.restore())
    inside = Path(f"/proc/{one.process.pid}/root/mnt")
    assert (inside / "a/is_a").exists() and (inside / "b/is_b").exists()


@with_criu
@with_checkpoints
def test_mount_points_may_be_missing(kept, tmp_path) -> None:
    """As in the root directory of a container that is new."""
    one = kept(COUNT)
    (tmp_path / "directory/below").mkdir(parents=True)
    (tmp_path / "file").write_text("content")
    one.bundle.bind(tmp_path / "directory", "/mnt/directory", "ro")
    one.bundle.bind(tmp_path / "file", "/mnt/file", "ro")
    one.bundle.mount("/mnt/directory/below", kind="tmpfs")
    one.bundle.write()
    one.begin().counts()
    ends_well(one.checkpoint())
    for place in ("mnt/directory", "mnt", "proc", "dev"):
        (one.bundle.rootfs / place / "file").unlink(missing_ok=True)
        (one.bundle.rootfs / place).rmdir()
    ends_well(one.restore())
    inside = Path(f"/proc/{one.process.pid}/root")
    assert (inside / "mnt/file").read_text() == "content"
    assert (inside / "mnt/directory/below").is_mount() and (inside / "proc/self").is_symlink()


@with_criu
@pytest.mark.only("minirun", "others say nothing of it")
def test_a_program_that_was_to_gain_nothing_is_told_of(kept) -> None:
    one = kept(COUNT)
    one.bundle.process["noNewPrivileges"] = True
    one.bundle.write()
    one.begin().counts()
    ends_well(one.checkpoint())
    restored = one.restore()
    ends_well(restored)
    kept_it = one.process.status()["NoNewPrivs"] == "1"
    assert kept_it != ("/process/noNewPrivileges" in restored.stderr), restored


@with_criu
@with_checkpoints
def test_its_output_goes_to_the_new_caller_and_its_status_too(kept) -> None:
    one = kept(ONCE)
    reading, writing = os.pipe()
    one.begin(stdout=writing, stderr=writing)
    os.close(writing)
    assert os.read(reading, 6) == b"ready\n"
    ends_well(one.checkpoint())
    os.close(reading)
    words = ["--image-path", str(one.images), "--bundle", str(one.bundle.path), one.id]
    with one.popen("restore", *words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as restored:
        one.wait_for(lambda: restored.poll() is not None or one.call("state").status == 0)
        (one.bundle.rootfs / "tmp/go").touch()
        said = restored.communicate(timeout=TIMEOUT)[0]
    assert restored.returncode == 7, said
    assert one.call("state").status == 1, "nothing of it is left"


@with_criu
@with_checkpoints
def test_a_network_namespace_that_was_joined_is_joined_again(kept) -> None:
    with subprocess.Popen(["unshare", "--net", "sleep", "1000"]) as holder:
        one = kept(COUNT)
        one.bundle.namespace("network", f"/proc/{holder.pid}/ns/net")
        one.bundle.write()
        own = os.readlink("/proc/self/ns/net")
        one.wait_for(lambda: os.readlink(f"/proc/{holder.pid}/ns/net") != own)
        one.begin().counts()
        ends_well(one.checkpoint())
        ends_well(one.restore())
        one.counts()
        assert os.readlink(f"/proc/{one.process.pid}/ns/net") == os.readlink(f"/proc/{holder.pid}/ns/net")
        holder.kill()


@with_criu
@with_checkpoints
def test_a_terminal_is_made_anew(kept) -> None:
    one = kept(SAY)
    one.bundle.process["terminal"] = True
    one.bundle.without_mount("/dev/pts")
    one.bundle.mount("/dev/pts", "newinstance", "ptmxmode=0666", "mode=0620", kind="devpts", source="devpts")
    one.bundle.write()
    with console(one) as (path, accept):
        one.begin("--console-socket", path)
        first = accept()
    assert b"line " in os.read(first, 1000)
    ends_well(one.checkpoint())
    os.close(first)
    with console(one) as (path, accept):
        ends_well(one.restore("--console-socket", path))
        second = accept()
    assert b"line " in os.read(second, 1000)
    os.close(second)


@contextlib.contextmanager
def console(one: Kept):
    path = f"/tmp/{one.id}.console"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        listener.settimeout(TIMEOUT)

        def accept() -> int:
            connection = listener.accept()[0]
            with connection:
                return socket.recv_fds(connection, 100, 1)[1][0]

        try:
            yield path, accept
        finally:
            os.unlink(path)


@with_criu
def test_after_a_failure_it_goes_on_and_no_images_are_left(kept, tmp_path) -> None:
    one = kept(COUNT)
    with (tmp_path / "output").open("w") as output:
        one.begin(stdout=output)
    failed = one.checkpoint()
    assert failed.status == 1
    if one.runtime.name == "minirun":
        assert "have standard streams be pipes or /dev/null" in failed.stderr
        assert [path.name for path in one.images.iterdir()] == ["dump.log"]
    assert one.status == "running"
    one.counts()


@with_criu
@pytest.mark.only("minirun", "others leave a container behind")
def test_of_a_restore_that_fails_nothing_is_left(kept) -> None:
    one = kept(COUNT).begin()
    one.counts()
    cgroup = one.process.cgroup()
    ends_well(one.checkpoint())
    for image in one.images.glob("pagemap-*.img"):
        image.write_bytes(image.read_bytes()[:20])
    failed = one.restore()
    assert failed.status == 1
    assert "CRIU has failed" in failed.stderr and "restore.log" in failed.stderr, failed
    assert one.call("state").status == 1
    assert not Path(f"{cgroup2_root()}{cgroup}").exists()
    assert not Path("/run/minirun", one.id).exists()


# ---- where there is none


@pytest.mark.only("minirun", "others say it otherwise")
def test_without_criu_the_error_says_what_to_install(kept) -> None:
    one = kept(COUNT).begin()
    failed = one.line("--criu", "/no/criu", "checkpoint", "--image-path", str(one.images), one.id)
    assert (
        failed.refused and "there is no program /no/criu" in failed.stderr and "apt-get install criu" in failed.stderr
    )
    assert not one.images.exists()
    assert one.status == "running"
    one.counts()


@pytest.mark.only("minirun", "others say it otherwise")
def test_a_criu_that_does_not_work_leaves_the_container_alone(kept, tmp_path) -> None:
    """Such as one that is too old for the kernel. It says so on standard error, and ends."""
    broken = tmp_path / "criu"
    broken.write_text("#!/bin/sh\necho too old >&2\nexit 1\n")
    broken.chmod(0o755)
    one = kept(COUNT).begin()
    failed = one.line("--criu", str(broken), "checkpoint", "--image-path", str(one.images), one.id)
    assert failed.refused and "it has ended and written no log" in failed.stderr and "too old" in failed.stderr, failed
    assert not one.images.exists()
    one.counts()
    (one.images).mkdir()
    (one.images / "inventory.img").touch()
    again = Kept(one.runtime, one.bundle)
    words = ["--image-path", str(one.images), "--bundle", str(one.bundle.path), again.id]
    failed = again.line("--criu", str(broken), "restore", *words)
    assert failed.refused and "it has ended and written no log" in failed.stderr, failed
    assert again.call("state").status == 1
    assert not Path(f"{cgroup2_root()}/minirun/{again.id}").exists()


@pytest.mark.only("minirun", "others remove nothing")
def test_a_failure_leaves_the_images_of_an_earlier_checkpoint(kept) -> None:
    one = kept(COUNT).begin()
    (one.images / "more.img").mkdir(parents=True)
    for name in ("inventory.img", "mounts.json"):
        (one.images / name).write_text("earlier")
    failed = one.line("--criu", "/no/criu", "checkpoint", "--image-path", str(one.images), one.id)
    assert failed.refused and "could not undo" not in failed.stderr, failed
    assert sorted(path.name for path in one.images.iterdir()) == ["inventory.img", "more.img", "mounts.json"]
    one.counts()


@pytest.mark.only("minirun", "others have the directory made beforehand")
def test_where_the_log_can_not_be_no_directory_is_left(kept) -> None:
    one = kept(COUNT).begin()
    failed = one.checkpoint("--work-path", "/proc/nothing/here")
    assert failed.refused and "/proc/nothing" in failed.stderr, failed
    assert not one.images.exists()


@pytest.mark.only("minirun", "the others have no such files")
@pytest.mark.parametrize("put", [os.mkfifo, os.mkdir, lambda path: os.symlink("/dev/zero", path)])
def test_no_file_beside_the_images_makes_a_restore_wait(kept, put) -> None:
    one = kept(COUNT)
    one.bundle.write()
    one.images.mkdir()
    (one.images / "inventory.img").touch()
    put(one.images / "mounts.json")
    failed = one.restore()
    assert failed.refused and "mounts.json is damaged" in failed.stderr, failed
    assert one.call("state").status == 1


@pytest.mark.only("minirun", "the others have no such files")
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("mounts.json", '{"external": []}'),
        ("mounts.json", '{"external": {"/x": 3}}'),
        ("mounts.json", '{"external": {"/x": {}}}'),
        ("mounts.json", '{"external": {"/x": {"mount": [], "below": ""}}}'),
        ("mounts.json", '{"external": {"/x": {"path": "/"}}}'),
        ("mounts.json", '{"external": {"/x": {"path": "/dev/../etc"}}}'),
        ("descriptors.json", "[3]"),
    ],
)
def test_damaged_images_are_told(kept, name, content) -> None:
    """Neither as a fault of minirun, nor by any file of the host's that they name."""
    one = kept(COUNT)
    one.bundle.write()
    one.images.mkdir()
    (one.images / "inventory.img").touch()
    (one.images / name).write_text(content)
    failed = one.restore()
    assert failed.refused and f"{name} is damaged" in failed.stderr, failed
    assert one.call("state").status == 1


@pytest.mark.only("minirun", "others say it otherwise")
@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("--parent-path", "/before"), "--parent-path '/before' is absolute"),
        (("--page-server", "here"), "allowed: HOST:PORT"),
        (("--status-fd", "99"), "an open file that minirun has inherited"),
    ],
)
def test_options_that_can_not_be(kept, flags, told) -> None:
    failed = kept(COUNT).checkpoint(*flags)
    assert failed.refused and told in failed.stderr, failed


@pytest.mark.only("minirun", "others say it otherwise")
def test_what_is_no_container_or_no_checkpoint(kept) -> None:
    one = kept(COUNT)
    assert "container does not exist" in one.checkpoint().stderr
    failed = one.restore()
    assert failed.refused and "there is no checkpoint" in failed.stderr
    assert one.call("state").status == 1
    one.created()
    failed = one.checkpoint()
    assert failed.refused and "cannot checkpoint a created container" in failed.stderr


@pytest.mark.only("minirun", "others leave it to CRIU")
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"namespaces": [{"type": "pid"}, {"type": "network"}]}, "no mount namespace"),
        ({"namespaces": [{"type": "mount"}, {"type": "time", "path": "/proc/self/ns/time"}]}, "join a time namespace"),
    ],
)
def test_what_no_criu_can_keep(kept, change, told) -> None:
    one = kept(COUNT)
    one.bundle.linux.update(change)
    one.bundle.write()
    one.images.mkdir()
    (one.images / "inventory.img").touch()
    failed = one.restore()
    assert failed.refused and told in failed.stderr, failed


@pytest.mark.deviates("crun", "Debian builds it without checkpoints")
@pytest.mark.parametrize("command", ["checkpoint", "restore"])
def test_the_help_says_that_it_can_be_had(runtime, command) -> None:
    """Podman asks for that, and looks for CRIU itself."""
    done = subprocess.run([*runtime.argv, command, "--help"], capture_output=True, text=True, timeout=TIMEOUT)
    assert done.returncode == 0
    for flag in ("--image-path", "--work-path", "--tcp-established", "--manage-cgroups-mode", "--lazy-pages"):
        assert flag in done.stdout
