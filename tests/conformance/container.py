"""A container to try: config.json as a dictionary for the case to change, and a root file system with the probe."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from .life import Life
from .machine import Mounted, parse_mount
from .runtime import TIME_LIMIT, descendants, ended, new_id, read_line
from .suite import Broken, expect_true

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .runtime import Result, Runtime

T = TypeVar("T")

EMPTY_DIRECTORIES = ("proc", "sys", "dev", "tmp", "bin", "etc", "mnt", "run")

MOUNTS: tuple[tuple[str, str, str, list[str]], ...] = (
    ("/proc", "proc", "proc", []),
    ("/dev", "tmpfs", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
    ("/dev/pts", "devpts", "devpts", ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]),
    ("/dev/shm", "tmpfs", "shm", ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
    ("/sys", "sysfs", "sysfs", ["nosuid", "noexec", "nodev", "ro"]),
)

CAPABILITIES = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_KILL", "CAP_MKNOD", "CAP_SETGID", "CAP_SETUID"]

# What the container says if it runs although the runtime should have refused it.
IT_RAN = "the container ran"


def base_config() -> dict[str, Any]:
    """The least that all runtimes take. Every case changes one thing of it."""
    return {
        "ociVersion": "1.0.2",
        "process": {
            "user": {"uid": 0, "gid": 0},
            "args": ["/probe"],
            "env": ["PATH=/bin:/usr/bin", "TERM=xterm"],
            "cwd": "/",
            "capabilities": {name: list(CAPABILITIES) for name in ("bounding", "effective", "permitted")},
        },
        "root": {"path": "rootfs"},
        "mounts": [
            {"destination": destination, "type": kind, "source": source, "options": list(options)}
            for destination, kind, source, options in MOUNTS
        ],
        "linux": {"namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount")]},
    }


class Seen(dict[str, Any]):
    """What the probe told."""

    def mounts(self) -> list[Mounted]:
        return [parse_mount(line) for line in self["mountinfo"]]

    def mounted_at(self, point: str) -> Mounted:
        """The mount that is seen at `point`: the last one, when one hides another."""
        found = [mount for mount in self.mounts() if mount.point == point]
        expect_true(f"something is mounted at {point}", found)
        return found[-1]


class Running:
    """A container beside the case; its program waits. Seen from the host's /proc."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def text(self, name: str) -> str:
        return Path(f"/proc/{self.pid}/{name}").read_text()

    def lines(self, name: str) -> list[str]:
        return self.text(name).splitlines()

    def mounts(self) -> list[Mounted]:
        return [parse_mount(line) for line in self.lines("mountinfo")]

    def cgroups(self) -> list[str]:
        """The paths in /proc/PID/cgroup; that of version 2 is the last one: cgroups(7)."""
        return [line.split(":", 2)[2] for line in self.lines("cgroup")]


class Container:
    def __init__(self, runtime: Runtime, place: Path, probe: Path) -> None:
        self.runtime, self.place, self.id = runtime, place, new_id()
        self.bundle, self.rootfs = place / "bundle", place / "bundle" / "rootfs"
        self.config = base_config()
        # umask: the caller's must not take the search permission away that user namespaces need on the whole path.
        for directory in (place, self.bundle, self.rootfs, *(self.rootfs / name for name in EMPTY_DIRECTORIES)):
            directory.mkdir()
            directory.chmod(0o755)
        os.link(probe, self.rootfs / "probe")

    @property
    def process(self) -> dict[str, Any]:
        return self.config["process"]

    @property
    def linux(self) -> dict[str, Any]:
        return self.config["linux"]

    # ---- changing the config

    def mount(
        self, destination: str, *options: str, kind: str = "tmpfs", source: str | Path = "tmpfs"
    ) -> dict[str, Any]:
        entry = {"destination": destination, "type": kind, "source": str(source), "options": list(options)}
        self.config["mounts"].append(entry)
        return entry

    def bind(self, source: str | Path, destination: str, *options: str) -> dict[str, Any]:
        binding = () if "rbind" in options or "bind" in options else ("bind",)
        return self.mount(destination, *binding, *options, kind="none", source=source)

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

    def resources(self, **limits: Any) -> None:
        self.linux.setdefault("resources", {}).update(limits)

    # ---- changing the root file system and the host

    def file(self, path: str, text: str = "", mode: int = 0o644) -> Path:
        target = self.rootfs / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(mode)
        return target

    def host_programs(self) -> None:
        """A shell and what it calls, for a container that has to do more than the probe can."""
        for directory in ("/bin", "/lib", "/lib64", "/usr"):
            if Path(directory).exists():
                self.bind(directory, directory, "ro")

    def host_directory(self, name: str = "host") -> Path:
        directory = self.place / name
        directory.mkdir()
        directory.chmod(0o755)
        return directory

    # ---- running it

    def write(self, *words: str) -> None:
        if words:
            self.process["args"] = ["/probe", *words]
        (self.bundle / "config.json").write_text(json.dumps(self.config, indent=2))

    def run(self, *words: str, **more: Any) -> Result:
        self.write(*words)
        return self.runtime.run(self.bundle, self.id, **more)

    def look(self, *words: str, **more: Any) -> Seen:
        """What the probe tells: everything, or what the words ask for. The runtime has to run it."""
        return told(result := self.run(*words, **more), result.stdout)

    def look_once(self, *words: str) -> Seen:
        """Like look(), but one run of the container answers all cases that ask the same of the same config.json."""
        key = json.dumps([self.config, words])
        return self.shared(key, lambda: self.look(*words))

    def shared(self, key: str, find_out: Callable[[], T]) -> T:
        """What several cases want to know of the runtime, and the first of them finds out."""
        memory = self.runtime.memory
        if key not in memory:
            memory[key] = find_out()
        found: T = memory[key]
        return found

    def look_at_terminal(self, *words: str) -> Seen:
        self.write(*words)
        screen = self.runtime.run_at_terminal(self.bundle, self.id)
        return told(None, screen[screen.find("{") :] or screen)

    def must_be_refused(self, why: str, *, own_args: bool = False, **more: Any) -> Result:
        """The runtime has to fail before the program ran; `why` says what is wrong with this container."""
        result = self.run(**more) if own_args else self.run("say", IT_RAN, **more)
        if result.status == 0 or result.stdout:
            raise Broken(f"{why}, and yet {result.stdout or 'the exit status was 0'}")
        return result

    @contextlib.contextmanager
    def running(self) -> Iterator[Running]:
        self.write("sleep")
        process = self.runtime.start(self.bundle, self.id)
        try:
            with ended(process):
                if read_line(process) != "ready":
                    raise Broken(f"the runtime did not start the program: {process.communicate(timeout=5)[1][-600:]}")
                yield Running(self.find_program(process))
        finally:
            self.delete()

    # ---- one operation after the other

    @contextlib.contextmanager
    def life(self, *words: str) -> Iterator[Life]:
        """To be taken through its operations; the words are the probe's."""
        self.write(*words)
        life = Life(self)
        try:
            yield life
        finally:
            life.end()

    @contextlib.contextmanager
    def created(self, *words: str) -> Iterator[Life]:
        with self.life(*words or ("sleep",)) as life:
            life.must_create()
            yield life

    @contextlib.contextmanager
    def started(self, *words: str) -> Iterator[Life]:
        with self.created(*words) as life:
            life.must_start()
            yield life

    @contextlib.contextmanager
    def stopped(self) -> Iterator[Life]:
        with self.started() as life:
            life.must_stop()
            yield life

    def at(self, stage: str) -> contextlib.AbstractContextManager[Life]:
        """By the status in the spec."""
        return {"created": self.created, "running": self.started, "stopped": self.stopped}[stage]()

    def find_program(self, process: subprocess.Popen[str]) -> int:
        """The host's number of the process below the runtime that runs the probe."""
        probe = os.stat(self.rootfs / "probe")
        deadline = time.monotonic() + TIME_LIMIT
        while time.monotonic() < deadline:
            for pid in descendants(process.pid):
                with contextlib.suppress(OSError):
                    program = os.stat(f"/proc/{pid}/exe")
                    if (program.st_dev, program.st_ino) == (probe.st_dev, probe.st_ino):
                        return pid
            time.sleep(0.01)
        raise Broken("no process below the runtime runs the container's program")

    # ---- afterwards

    def delete(self) -> None:
        self.runtime.delete_leftovers(self.id)

    def mounts_of_the_host(self) -> list[str]:
        points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
        return [point for point in points if point.startswith(str(self.place))]

    def cgroups_of_the_host(self) -> list[str]:
        """By their names, the deepest first."""
        walk = os.walk("/sys/fs/cgroup", topdown=False)
        return [f"{directory}/{name}" for directory, names, _files in walk for name in names if self.id in name]

    def left_behind(self) -> list[str]:
        """Mounts, cgroups and processes of this container that are on the host."""
        found = [f"the mount {point}" for point in self.mounts_of_the_host()]
        found += [f"the cgroup {path}" for path in self.cgroups_of_the_host()]
        for pid in descendants(os.getpid()):
            with contextlib.suppress(OSError):
                if self.id in Path(f"/proc/{pid}/cmdline").read_text():
                    found.append(f"the process {pid}")
        return found

    def remove(self) -> None:
        """Everything on disk, but for the files behind a mount that a runtime left."""
        if not self.mounts_of_the_host():
            shutil.rmtree(self.place, ignore_errors=True)


def told(result: Result | None, text: str) -> Seen:
    if result is not None and result.status != 0:
        raise Broken(f"the runtime refused the container (status {result.status}): {result.last_words}")
    try:
        return Seen(json.loads(text))
    except ValueError:
        raise Broken(f"the program did not run as it should: {text[:600]!r}") from None
