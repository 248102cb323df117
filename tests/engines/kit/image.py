"""The one image of all tests: busybox, packed here, because the machine has no network."""

from __future__ import annotations

import functools
import io
import subprocess
import tarfile
from pathlib import Path

IMAGE = "busybox"
FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nsomebody:x:1000:1000::/home/somebody:/bin/sh\n",
    "etc/group": "root:x:0:\nsomebody:x:1000:\nextra:x:2000:somebody\n",
}
FOLDERS = ("bin", "dev", "etc", "home/somebody", "proc", "root", "sys", "tmp", "usr", "var")


@functools.cache
def image_file() -> Path:
    """The image's files as a tar file, which `podman import` and `docker import` take; anybody may read it."""
    path = Path("/run/engines-busybox.tar")
    with tarfile.open(path, "w") as tar:
        for name in FOLDERS:
            add_folder(tar, name)
        for name, text in FILES.items():
            add_file(tar, name, text)
        tar.add("/bin/busybox", "bin/busybox")
        for name in applets():
            add_link(tar, f"bin/{name}")
    path.chmod(0o644)
    return path


def applets() -> list[str]:
    said = subprocess.run(["/bin/busybox", "--list"], stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    return [name for name in said if name != "busybox"]


def add_folder(tar: tarfile.TarFile, name: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
    tar.addfile(entry)


def add_file(tar: tarfile.TarFile, name: str, text: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(text.encode()), 0o644
    tar.addfile(entry, io.BytesIO(text.encode()))


def add_link(tar: tarfile.TarFile, name: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = tarfile.SYMTYPE, "busybox"
    tar.addfile(entry)
