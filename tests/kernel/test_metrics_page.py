"""docs/metrics.md: its transcripts are what happens, and its unit does what it says there."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kernel.kit import needs
from kernel.kit.runtime import REPOSITORY, TIMEOUT
from kernel.test_examples import free_port
from kernel.test_health import with_busybox
from kernel.test_readme import hello, output, pattern, transcripts, tried  # noqa: F401

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kernel.kit.life import Life

pytestmark = [
    pytest.mark.root,
    needs.cgroup2(),
    needs.static_busybox(),
    pytest.mark.only("minirun", "its own documents"),
]

PAGE = "docs/metrics.md"


@pytest.fixture
def tidy(hello: Path) -> Iterator[Path]:  # noqa: F811
    """Whatever goes wrong, nothing that the page has started stays."""
    yield hello
    with contextlib.suppress(OSError, ValueError):
        os.kill(int((hello / "metrics.pid").read_text()), signal.SIGKILL)
    for name in ("web", "checked"):
        subprocess.run([hello / ".venv/bin/minirun", "delete", "--force", name], check=True, timeout=TIMEOUT)


@needs.program("jq")
def test_the_page_shows_what_happens(tidy: Path) -> None:
    pytest.importorskip("prometheus_client", reason="needs the Python library prometheus_client")
    pytest.importorskip("opentelemetry.sdk", reason="needs the Python library opentelemetry-sdk, which Debian 12 lacks")
    port = free_port()
    for command, expected in transcripts(PAGE):
        words, lines = at_port(port, command), pattern(at_port(port, expected))
        shown = output(words, tidy, lines)
        assert re.fullmatch(lines, shown), f"$ {words}{shown}--- {PAGE}:\n{expected}"


def at_port(port: int, text: str) -> str:
    """9200 may be somebody's on this host."""
    text = text.replace("minirun metrics --timelines", f"minirun metrics --listen 127.0.0.1:{port} --timelines")
    return text.replace("127.0.0.1:9200/", f"127.0.0.1:{port}/")


# ---- the unit


def systemctl(*words: str) -> str:
    return subprocess.run(["systemctl", *words], capture_output=True, text=True, timeout=TIMEOUT, check=False).stdout


@contextlib.contextmanager
def unit_of_the_page(one: Life) -> Iterator[str]:
    """As it stands there, but for the names, and the times."""
    (text,) = re.findall(r"^```ini\n(.*?)^```", (REPOSITORY / PAGE).read_text(), re.MULTILINE | re.DOTALL)
    for old, new in (("minirun", " ".join(one.runtime.argv)), ("/srv/web", str(one.bundle.path)), ("web", one.id)):
        text = re.sub(rf"(?<![/\w]){old}\b", new, text)
    name = f"{one.id}.service"
    file = Path("/run/systemd/system") / name
    file.write_text(text.replace("20s", "100ms").replace("WatchdogSec=60", "WatchdogSec=10"))
    try:
        systemctl("daemon-reload")
        yield name
    finally:
        systemctl("stop", name)
        file.unlink()
        systemctl("daemon-reload")
        systemctl("reset-failed", name)


def restarts(unit: str) -> int:
    return int(systemctl("show", "--value", "--property=NRestarts", unit))


@pytest.mark.machine
@needs.command("test -S /run/dbus/system_bus_socket && test -d /run/systemd/system", "systemd does not run here")
def test_the_unit_is_ready_while_the_container_is_healthy(life) -> None:
    """It waits for the first success, begins anew when the container fails, and when minirun is killed, which leaves
    its container behind; and leaves nothing when it is stopped."""
    test = {"org.minirun.health.test": '["CMD", "busybox", "test", "-e", "/good"]'}
    one = with_busybox(life("wait", annotations=test))
    good = one.bundle.rootfs / "good"
    with unit_of_the_page(one) as name:

        def is_now(state: str) -> bool:
            return systemctl("is-active", name).strip() == state

        systemctl("start", "--no-block", name)
        one.wait_for(lambda: one.call("state").status == 0 and one.status == "running")
        assert is_now("activating")
        good.touch()
        one.wait_for(lambda: is_now("active"))
        first = one.state()["pid"]
        good.unlink()
        one.wait_for(lambda: not is_now("active"))
        good.touch()
        one.wait_for(lambda: is_now("active"))
        assert one.state()["pid"] != first
        assert restarts(name) == 1
        os.kill(int(systemctl("show", "--value", "--property=MainPID", name)), signal.SIGKILL)
        one.wait_for(lambda: restarts(name) == 2 and is_now("active"))
        systemctl("stop", name)
        assert one.call("state").status == 1, "the container is gone"
        assert systemctl("show", "--value", "--property=ControlGroup", name).strip() == "", "and who has asked it"
