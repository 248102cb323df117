"""The class's machine as a student gets it: the files of classroom/box, started under QEMU without a network, and
somebody at the console who types. It takes minutes without KVM, so it runs only where somebody names the directory:

    sudo classroom/box stick; MINIRUN_TEST_BOX=stick .venv/bin/python -m pytest tests/vm/test_class_machine.py
"""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import subprocess
import tarfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

STICK = Path(os.environ.get("MINIRUN_TEST_BOX", "/nonexistent"))
BOOT, COMMAND = 900, 300  # seconds, for emulated processors that are shared with others

pytestmark = [
    pytest.mark.skipif("MINIRUN_TEST_BOX" not in os.environ, reason="MINIRUN_TEST_BOX=DIRECTORY tests the class's box"),
    pytest.mark.timeout(2 * BOOT),
]

# The disk as libvirt shows it, and as VirtualBox does, for which QEMU has the same controller.
DISKS = {
    "minirun.qcow2": ("-machine", "pc", "-drive", "file={},if=virtio"),
    "minirun.vmdk": ("-machine", "q35", "-drive", "file={},if=ide"),
}


class Console:
    """Types into the machine's serial line, and reads what comes of it."""

    def __init__(self, disk: str) -> None:
        words = [word.format(STICK / disk) for word in DISKS[disk]]
        common = ("-m", "1024", "-smp", "2", "-nic", "none", "-display", "none", "-serial", "stdio", "-snapshot")
        program = shutil.which("qemu-system-x86_64")
        if program is None:
            pytest.skip("qemu-system-x86_64 is not installed")
        self.qemu = subprocess.Popen([program, *common, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.read = ""
        self.greeting = ""

    def type(self, line: str) -> None:
        assert self.qemu.stdin
        self.qemu.stdin.write(f"{line}\n".encode())
        self.qemu.stdin.flush()

    def wait_for(self, pattern: str, seconds: float) -> re.Match[str]:
        """What comes after it stays to be read."""
        assert self.qemu.stdout
        deadline = time.monotonic() + seconds
        while not (found := re.search(pattern, self.read)):
            if not select.select([self.qemu.stdout], [], [], max(0, deadline - time.monotonic()))[0]:
                raise AssertionError(f"no {pattern!r} within {seconds} s, but: {self.read[-2000:]}")
            self.read += os.read(self.qemu.stdout.fileno(), 65536).decode(errors="replace").replace("\r", "")
        self.read = self.read[found.end() :]
        return found

    def log_in(self) -> None:
        self.wait_for("login: ", BOOT)
        self.type("vagrant")
        self.wait_for("Password: ", COMMAND)
        self.type("vagrant")
        self.greeting = self.wait_for(r"(?s)(.*)vagrant@minirun:~\$ ", COMMAND)[1]
        self.type("exec sh")  # without readline, whose echo has a mind of its own
        self.type("stty -echo; PS1=")

    def run(self, command: str) -> str:
        """The output of a command that has to succeed."""
        self.type(f"echo 'be''gin'; {command}; echo \"status: $?\"")
        done = self.wait_for(r"(?s)begin\n(.*?)status: (\d+)\n", COMMAND)
        assert done[2] == "0", done[1]
        return done[1]


@pytest.fixture(scope="module", params=DISKS)
def console(request: pytest.FixtureRequest) -> Iterator[Console]:
    console = Console(request.param)
    try:
        console.log_in()
        yield console
    finally:
        console.qemu.kill()
        console.qemu.communicate()


def test_the_greeting_is_shown(console: Console) -> None:
    assert "sudo minirun lab start 00" in console.greeting


def test_the_machine_has_started_as_a_whole(console: Console) -> None:
    """Without waiting for a network that it has not."""
    state = console.run("systemctl is-system-running --wait; systemctl --failed --no-legend --no-pager")
    assert state.split() == ["running"]


def test_a_bundle_runs(console: Console) -> None:
    console.type('sudo minirun run ~/bundles/busybox; echo "status: $?"')
    console.wait_for("/ # ", COMMAND)
    console.type("echo I am $$; exit 7")
    console.wait_for("I am 1\n", COMMAND)
    console.wait_for("status: 7\n", COMMAND)


def test_minirun_explains(console: Console) -> None:
    """To the user who may not run it, too."""
    assert "pivot_root" in console.run("minirun explain ~/bundles/busybox")


def test_what_the_greeting_names_is_there(console: Console) -> None:
    assert "00" in console.run("minirun lab list")
    console.run("man --where minirun && man --where 7 namespaces && man --where 2 pivot_root")
    console.run("tmux -f /etc/tmux.conf new-session -d && tmux kill-server")


def test_root_is_the_disk_with_room(console: Console) -> None:
    assert int(console.run("df --output=avail -BG / | tail -n 1").strip(" G\n")) >= 5


# ---- Vagrant's files


@pytest.mark.parametrize(
    ("name", "provider", "disk"),
    [("minirun.box", "libvirt", "box.img"), ("minirun-virtualbox.box", "virtualbox", "box.vmdk")],
)
def test_a_box_has_what_its_provider_wants(name: str, provider: str, disk: str) -> None:
    with tarfile.open(STICK / name) as box:
        metadata = box.extractfile("./metadata.json")
        assert metadata
        assert json.load(metadata)["provider"] == provider
        assert box.getmember(f"./{disk}").size > 100 << 20
