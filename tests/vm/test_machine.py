"""The test machine itself. Its own tests take a minute or two and want packages that nothing else does, so they run
only when they are asked for:

    sudo MINIRUN_TEST_VM=1 .venv/bin/python -m pytest tests/vm
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from vm.host.talk import cut

if TYPE_CHECKING:
    from collections.abc import Iterator

RUN = Path(__file__).with_name("run")
ASKED_FOR = pytest.mark.skipif("MINIRUN_TEST_VM" not in os.environ, reason="MINIRUN_TEST_VM=1 tests the test machine")

Result = subprocess.CompletedProcess[str]


@pytest.mark.parametrize(
    ("text", "copied", "held", "ended"),
    [
        (b"words", b"words", b"", False),
        (b"words EN", b"words ", b"EN", False),
        (b"words EN more", b"words EN more", b"", False),
        (b"EEN", b"E", b"EN", False),
        (b"wordsEND", b"words", b"", True),
        (b"END", b"", b"", True),
        (b"wordsEND of a background process", b"words", b"", True),
        (b"", b"", b"", False),
    ],
)
def test_cut(text: bytes, copied: bytes, held: bytes, ended: bool) -> None:
    assert cut(text, b"END") == (copied, held, ended)


@pytest.fixture(params=["--uml", "--cold", "--timeout=200"], ids=["uml", "qemu cold", "qemu restored"], scope="module")
def option(request: pytest.FixtureRequest) -> str:
    """One way to start a machine."""
    word: str = request.param
    return word


def run(*words: str | Path, **more: str) -> Result:
    return subprocess.run([RUN, *words], capture_output=True, text=True, check=False, timeout=600, **more)


@contextlib.contextmanager
def running(*words: str) -> Iterator[subprocess.Popen[str]]:
    """A machine whose command has written a first line."""
    with subprocess.Popen([RUN, *words, "echo started; sleep 100"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "started\n"
            yield process
        finally:
            process.kill()


def left_behind() -> list[str]:
    """Processes and files of machines that are there now."""
    found = [str(path) for path in Path("/tmp").glob("minirun-vm-*")]
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (entry / "cmdline").read_text().replace("\0", " ")
            if words.startswith(("linux.uml", "qemu-system", "/usr/lib/qemu")) and re.search(
                "/machine-|source=", words
            ):
                found.append(f"{entry.name} {words}")
    return found


@ASKED_FOR
def test_output_errors_and_status(option: str) -> None:
    done = run(option, "echo one; echo two >&2; exit 7")
    assert (done.stdout, done.stderr, done.returncode) == ("one\n", "two\n", 7)


@ASKED_FOR
def test_a_debian_with_systemd_and_cgroup_v2(option: str) -> None:
    done = run(
        option, "id -u; systemctl is-system-running --wait; stat -fc %T /sys/fs/cgroup; . /etc/os-release; echo $ID"
    )
    assert done.stdout.split() == ["0", "running", "cgroup2fs", "debian"], done.stderr


@ASKED_FOR
def test_share(option: str, tmp_path: Path) -> None:
    """The directory has its own name, is where the command runs, and can be written."""
    (tmp_path / "there").write_text("from the host")
    done = run(option, "--share", tmp_path, "pwd; cat there; echo from the machine >back")
    assert done.stdout == f"{tmp_path}\nfrom the host"
    assert (tmp_path / "back").read_text() == "from the machine\n"
    assert (tmp_path / "back").stat().st_uid == 0


@ASKED_FOR
def test_nothing_stays_in_the_machine(option: str) -> None:
    assert run(option, "touch /root/mark /var/mark").returncode == 0
    assert run(option, "ls /root/mark /var/mark").returncode == 2


@ASKED_FOR
def test_all_of_a_long_output(option: str) -> None:
    done = run(option, "seq 100000")
    assert done.stdout == "".join(f"{number}\n" for number in range(1, 100001))


@ASKED_FOR
def test_a_long_command(option: str) -> None:
    assert run(option, f"echo {'x' * 100_000} | wc -c").stdout == "100001\n"


@ASKED_FOR
def test_a_background_process_does_not_keep_it_up(option: str) -> None:
    done = run(option, "sleep 1000 & echo done")
    assert (done.stdout, done.returncode) == ("done\n", 0)


@ASKED_FOR
def test_time_is_up(option: str) -> None:
    done = run(option, "--timeout", "2", "echo started; sleep 1000")
    assert (done.stdout, done.returncode) == ("started\n", 124)


@ASKED_FOR
def test_the_machine_fails(option: str) -> None:
    done = run(option, "echo started; poweroff -ff")
    assert (done.stdout, done.returncode) == ("started\n", 125)


@ASKED_FOR
def test_shell(option: str) -> None:
    """It is on a terminal, echoes what is typed, and its status is handed on."""
    keyboard, terminal = os.openpty()
    with subprocess.Popen([RUN, option, "--shell"], stdin=terminal, stdout=subprocess.PIPE, text=True) as process:
        os.write(keyboard, b"tty; exit 3\n")
        try:
            screen, _ = process.communicate(timeout=120)
        finally:
            process.terminate()
            os.close(keyboard)
            os.close(terminal)
    assert "tty; exit 3" in screen
    assert "/dev/pts/" in screen
    assert process.returncode == 3


@ASKED_FOR
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_signals_leave_nothing_behind(option: str, number: signal.Signals) -> None:
    with running(option) as process:
        assert left_behind()
        process.send_signal(number)
        assert process.wait(60) == (-number if number == signal.SIGKILL else 128 + number)
    deadline = time.monotonic() + 10
    while left_behind() and time.monotonic() < deadline:
        time.sleep(0.1)  # after SIGKILL, the kernel ends the machine, and nobody waits for that
    assert left_behind() == []


@ASKED_FOR
def test_what_is_missing(tmp_path: Path) -> None:
    """Without the emulator it names the package."""
    (tmp_path / "python3").symlink_to("/usr/bin/python3")
    (tmp_path / "env").symlink_to("/usr/bin/env")
    done = run("--uml", "true", env={"PATH": str(tmp_path)})
    assert done.returncode == 125
    assert "apt-get install --no-install-recommends user-mode-linux" in done.stderr
