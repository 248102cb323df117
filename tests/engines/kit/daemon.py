"""A daemon of an engine: a program with a directory, a network and a log of its own, which is ended by its pid."""

from __future__ import annotations

import atexit
import re
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from engines.kit.engine import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
LOUD = re.compile(r"^\S+ level=(warning|error|fatal|panic)\b")
# What containerd says of any runtime's containers, whether that is before a test's end or after it.
ORDINARY = (
    re.compile(r'msg="cleaning up after shim disconnected"'),
    # The shim asks for news of memory once `start` has ended. Where the program has ended as well, its cgroup is gone.
    re.compile(r'msg="error from \*cgroupsv2\.Manager\.EventChan" error="failed to add inotify watch for .*'),
    # A client at a terminal tells its size, though the program may have ended.
    re.compile(r"/resize returned error: cannot resize a stopped container"),
    # A health check that comes as the container ends is refused, by the shim or by the runtime.
    re.compile(r'msg="Health check for container \w+ error: '),
    re.compile(r'msg="copy shim log" error="read \S+: file already closed"'),
    re.compile(r'msg="stream copy error: reading from a closed fifo"'),
)
CLEANUP = re.compile(r'msg="cleanup warnings (.*)\\n"$')
ORDINARY_OF_CLEANUP = (
    re.compile(r'level=info msg=\\"starting signal loop\\"'),
    re.compile(r'msg=\\"failed to read init pid file\\"'),  # after a `create` that has failed
    # Who collects all processes has been quicker than who waits for this one: 255 is no status of a runtime's.
    re.compile(r'msg=\\"failed to remove runc container\\" .* exit status 255: \\"'),
)


class Daemon:
    """Started at once; the caller waits for what shows that it is ready (`wait_until`)."""

    def __init__(self, name: str, words: Sequence[str], environment: Mapping[str, str]) -> None:
        self.name, self.log = name, Path(f"/run/{name}.log")
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                words,
                env={"PATH": SYSTEM_PATH, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.heard = 0
        atexit.register(self.stop)

    def news(self) -> list[str]:
        """The warnings and errors in its log that nobody has asked for yet."""
        with self.log.open("rb") as log:
            log.seek(self.heard)
            text = log.read()
        whole = text[: text.rfind(b"\n") + 1]
        self.heard += len(whole)
        return [line for line in whole.decode(errors="replace").splitlines() if is_news(line)]

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(60)
        atexit.unregister(self.stop)


def is_news(line: str) -> bool:
    if not LOUD.search(line):
        return False
    cleanup = CLEANUP.search(line)
    if cleanup:
        return not all(matches(part, ORDINARY_OF_CLEANUP) for part in cleanup[1].split("\\n"))
    return not matches(line, ORDINARY)


def matches(line: str, patterns: Iterable[re.Pattern[str]]) -> bool:
    return any(pattern.search(line) for pattern in patterns)


def make_network(name: str) -> list[str]:
    """A network namespace in which nothing is but lo; the words that start a program in it, with the host's files."""
    if not Path("/run/netns", name).exists():
        subprocess.run(["ip", "netns", "add", name], check=True)
        subprocess.run(["ip", "-netns", name, "link", "set", "lo", "up"], check=True)
    return ["nsenter", f"--net=/run/netns/{name}"]


def runtime_directory(name: str, path: str) -> str:
    """A directory in which `runc` is the runtime at `path`: who looks for that in $PATH, such as BuildKit, finds it."""
    directory = Path(f"/run/{name}-path")
    directory.mkdir(exist_ok=True)
    link = directory / "runc"
    if not link.is_symlink():
        link.symlink_to(path)
    return str(directory)


def wait_for_socket(path: Path) -> None:
    wait_until(path.is_socket, f"{path}")
