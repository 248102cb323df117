"""The machine under QEMU: Debian's kernel on two processors, by KVM where that works, else emulated.

A boot takes an emulated processor ten seconds and more. So the first machine is saved once it has booted, and later
ones go on from there. A shared directory can't be part of what is saved (virtiofs does not migrate), so its device is
plugged in afterwards.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from host.machine import BOOT_LIMIT, Machine
from host.qmp import Qmp
from host.talk import NAMES, MachineFailed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PROGRAM = "qemu-system-x86_64"

# Where Debian has the daemon that serves a directory, version 12 and later ones, with its words for that directory.
VIRTIOFSD = {
    "/usr/lib/qemu/virtiofsd": ("-o", "source={share},xattr,log_level=err"),
    "/usr/libexec/virtiofsd": ("--shared-dir={share}", "--xattr", "--log-level=error"),
}

# virtiofsd reads and writes the machine's memory, hence the memory that can be shared.
HARDWARE = """
    -nodefaults -no-user-config -display none -no-reboot -smp 2 -m {memory} -cpu max
    -machine pc,memory-backend=memory -object memory-backend-memfd,id=memory,size={memory},share=on
    -chardev stdio,id=console,signal=off -serial chardev:console
    -device virtio-serial-pci
"""

# An emulated processor has no side channels to mitigate, and its clocks need no check.
KERNEL_WORDS = "console=ttyS0 quiet panic=-1 systemd.show_status=0 mitigations=off no_timer_check tsc=reliable"


class Qemu(Machine):
    packages = {"qemu-system-x86": (PROGRAM,), "qemu-utils": ("qemu-img",), "virtiofsd": tuple(VIRTIOFSD)}

    def start(self, *, cold: bool) -> None:
        if cold:
            self.boot(disk_words(self.image / "root.img", "raw", snapshot=True))
        else:
            self.go_on_from(saved_state(self.image, self.memory))
        if self.share:
            self.plug_share(self.share)

    def boot(self, storage: Sequence[str]) -> None:
        self.launch(storage)
        self.wait_for_agent()

    def go_on_from(self, state: Path) -> None:
        memory = shlex.quote(str(state / "memory"))
        try:
            self.launch([*disk_words(state / "disk", "qcow2", snapshot=True), "-incoming", f"exec:cat {memory}"])
            self.monitor.wait_while("query-status", {"inmigrate"}, time.monotonic() + 60)
            self.talk.order("clock", str(int(time.time())))
            self.talk.expect("set", time.monotonic() + 60)
        except (MachineFailed, TimeoutError) as error:
            shutil.rmtree(state)
            raise self.failed("could not go on from its saved state, which is removed now", error) from None

    def save(self, memory: Path) -> None:
        """Waits until all of the boot is done, and writes the machine's memory to a file."""
        self.talk.order("settle")
        self.talk.expect("settled", time.monotonic() + BOOT_LIMIT)
        self.monitor.command("migrate-set-parameters", **{"max-bandwidth": 10**12})
        self.monitor.command("migrate", uri=f"exec:cat > {shlex.quote(str(memory))}")
        ended = self.monitor.wait_while("query-migrate", {"none", "setup", "active", "device"}, time.monotonic() + 120)
        if ended != "completed":
            raise MachineFailed(f"the booted machine could not be saved: {ended}")

    def launch(self, storage: Sequence[str]) -> None:
        """Starts QEMU. It inherits its lines as descriptors, so that none has a name on the host."""
        ends = dict(zip(NAMES, self.talk.far, strict=True))
        near, ends["monitor"] = socket.socketpair()
        if self.share:
            ends["share"] = self.serve(self.share)
        words = [
            *HARDWARE.format(memory=self.memory).split(),
            *accelerator(),
            *kernel_words(self.image),
            *storage,
            *line_words(ends),
        ]
        self.spawn([PROGRAM, *words], list(ends.values()))
        self.monitor = Qmp(near)

    def serve(self, share: Path) -> socket.socket:
        """Starts the daemon that serves the directory's files; a connection to it."""
        program = next(filter(os.path.exists, VIRTIOFSD))
        words = [word.format(share=share) for word in VIRTIOFSD[program]]
        listener, connection = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
        listener.bind("")  # a name in the abstract namespace (unix(7)), which goes with its last descriptor
        listener.listen(1)
        connection.connect(listener.getsockname())
        self.spawn([program, f"--fd={listener.fileno()}", *words], [listener])
        return connection

    def plug_share(self, share: Path) -> None:
        self.monitor.command("device_add", driver="vhost-user-fs-pci", id="share", chardev="share", tag="share")
        self.talk.share("virtiofs", share, time.monotonic() + 60)


# ---- QEMU's words


def accelerator() -> list[str]:
    return ["-accel", "kvm" if has_kvm() else "tcg,thread=multi,tb-size=512"]


def has_kvm() -> bool:
    """/dev/kvm can be there and be opened and still not run anything, where the processor is itself a virtual one."""
    flags = Path("/proc/cpuinfo").read_text().split()
    return os.access("/dev/kvm", os.R_OK | os.W_OK) and not {"vmx", "svm"}.isdisjoint(flags)


def kernel_words(image: Path) -> list[str]:
    return ["-kernel", f"{image}/vmlinuz", "-initrd", f"{image}/initrd", "-append", KERNEL_WORDS]


def disk_words(path: Path, file_format: str, *, snapshot: bool) -> list[str]:
    """With a snapshot, what the machine writes goes to a file that QEMU removes at once.

    Nobody writes to the image itself, so there is nothing to lock; and QEMU takes the lock of a User-mode Linux that
    reads it for a writer's.
    """
    name = str(path).replace(",", ",,")
    kept = "on" if snapshot else "off"
    locking = "file.locking=off" if file_format == "raw" else "file.locking=off,backing.file.locking=off"
    drive = f"if=none,id=disk,file={name},format={file_format},{locking},snapshot={kept},cache=unsafe"
    return ["-drive", drive, "-device", "virtio-blk-pci,drive=disk"]


def line_words(ends: Mapping[str, socket.socket]) -> list[str]:
    lines = [("-chardev", f"socket,id={name},fd={end.fileno()}") for name, end in ends.items()]
    ports = [("-device", f"virtserialport,chardev={name},name=minirun.{name}") for name in NAMES]
    return [word for words in (*lines, *ports) for word in words] + ["-mon", "chardev=monitor,mode=control"]


# ---- the saved state


def saved_state(image: Path, memory: str) -> Path:
    """The directory with a booted machine's memory and disk, made if need be. It fits one QEMU and one hardware."""
    version = subprocess.run([PROGRAM, "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout
    fingerprint = hashlib.sha256(
        "\n".join([version, HARDWARE, memory, KERNEL_WORDS, *accelerator()]).encode()
    ).hexdigest()
    state = image / f"booted-{fingerprint[:12]}"
    with open(image.parent / "lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not state.is_dir():
            print("run: booting a machine to save its state, once", file=sys.stderr)
            make_saved_state(image, memory, state)
    return state


def make_saved_state(image: Path, memory: str, state: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="saving-", dir=image) as temporary:
        unfinished = Path(temporary, "state")
        unfinished.mkdir()
        disk = unfinished / "disk"
        create = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", str(image / "root.img"), str(disk)]
        subprocess.run(create, check=True)
        with Qemu(image, None, memory) as machine:
            machine.boot(disk_words(disk, "qcow2", snapshot=False))
            machine.save(unfinished / "memory")
        unfinished.rename(state)
