"""A container to try: config.json as a dictionary for the test to change, and a root file system with the probe."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

EMPTY_DIRECTORIES = ("proc", "sys", "dev", "tmp", "bin", "etc", "mnt", "run")

MOUNTS: tuple[tuple[str, str, str, list[str]], ...] = (
    ("/proc", "proc", "proc", []),
    ("/dev", "tmpfs", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
    ("/dev/pts", "devpts", "devpts", ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]),
    ("/dev/shm", "tmpfs", "shm", ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
    ("/dev/mqueue", "mqueue", "mqueue", ["nosuid", "noexec", "nodev"]),
    ("/sys", "sysfs", "sysfs", ["nosuid", "noexec", "nodev", "ro"]),
)

CAPABILITIES = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_KILL", "CAP_MKNOD", "CAP_SETGID", "CAP_SETUID"]


def base_config() -> dict[str, Any]:
    """The least that all runtimes take: five new namespaces, the usual mounts, a few capabilities, no limits."""
    return {
        "ociVersion": "1.0.2",
        "process": {
            "terminal": False,
            "user": {"uid": 0, "gid": 0},
            "args": ["/probe"],
            "env": ["PATH=/bin:/usr/bin", "TERM=xterm"],
            "cwd": "/",
            "capabilities": {
                "bounding": list(CAPABILITIES),
                "effective": list(CAPABILITIES),
                "permitted": list(CAPABILITIES),
            },
        },
        "root": {"path": "rootfs"},
        "mounts": [
            {"destination": destination, "type": kind, "source": source, "options": list(options)}
            for destination, kind, source, options in MOUNTS
        ],
        "linux": {"namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount")]},
    }


class Bundle:
    """A directory with `rootfs` and, once `write` was called, config.json. A test changes `config` as it likes."""

    def __init__(self, path: Path, probe: Path, args: tuple[str, ...]) -> None:
        self.path, self.rootfs = path, path / "rootfs"
        self.config = base_config()
        self.process["args"] = ["/probe", *args]
        # umask: the caller's must not take the search permission away that user namespaces need on the whole path.
        for directory in (path, self.rootfs, *(self.rootfs / name for name in EMPTY_DIRECTORIES)):
            directory.mkdir()
            directory.chmod(0o755)
        self.add_probe(probe)

    @property
    def process(self) -> dict[str, Any]:
        return self.config["process"]

    @property
    def linux(self) -> dict[str, Any]:
        return self.config["linux"]

    @property
    def mounts(self) -> list[dict[str, Any]]:
        return self.config["mounts"]

    # ---- changing the config

    def mount(self, destination: str, *options: str, kind: str = "tmpfs", source: str | Path = "tmpfs") -> None:
        self.mounts.append({"destination": destination, "type": kind, "source": str(source), "options": list(options)})

    def bind(self, source: str | Path, destination: str, *options: str) -> None:
        binding = () if "rbind" in options or "bind" in options else ("bind",)
        self.mount(destination, *binding, *options, kind="none", source=source)

    def without_mount(self, destination: str) -> None:
        """Leaves out the mount at `destination` and those below it."""
        self.config["mounts"] = [
            mount for mount in self.mounts if not (mount["destination"] + "/").startswith(destination + "/")
        ]

    def namespace(self, kind: str, path: str | None = None) -> None:
        """Adds a namespace, or gives the one of this kind a path."""
        self.without_namespace(kind)
        self.linux["namespaces"].append({"type": kind} if path is None else {"type": kind, "path": path})

    def without_namespace(self, kind: str) -> None:
        self.linux["namespaces"] = [entry for entry in self.linux["namespaces"] if entry["type"] != kind]

    def user_namespace(self, host_id: int = 100000, size: int = 65536) -> None:
        """A new user namespace whose root is `host_id` outside."""
        self.namespace("user")
        for name in ("uidMappings", "gidMappings"):
            self.linux[name] = [{"containerID": 0, "hostID": host_id, "size": size}]

    def capabilities(self, *names: str) -> None:
        """Adds to the three sets that a root process needs."""
        for held in self.process["capabilities"].values():
            held += names

    # ---- changing the root file system

    def add_probe(self, probe: Path, path: str = "probe") -> Path:
        target = self.rootfs / path.lstrip("/")
        shutil.copy(probe, target)
        target.chmod(0o755)
        return target

    def file(self, path: str, text: str = "", mode: int = 0o644) -> Path:
        target = self.rootfs / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(mode)
        return target

    def directory(self, path: str) -> Path:
        target = self.rootfs / path.lstrip("/")
        target.mkdir(parents=True, exist_ok=True)
        return target

    def link(self, path: str, target: str | Path) -> Path:
        """A symbolic link in the image, in the place of an empty directory if there is one."""
        link = self.rootfs / path.lstrip("/")
        if link.is_dir():
            link.rmdir()
        link.symlink_to(target)
        return link

    def write(self) -> Path:
        (self.path / "config.json").write_text(json.dumps(self.config, indent=2))
        return self.path
