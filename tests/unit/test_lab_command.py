"""`minirun lab`: what its actions answer, and what they say when something is missing. The labs: tests/labs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from minirun.labs.catalogue import folders
from minirun.teach.throw_away import is_throw_away

if TYPE_CHECKING:
    from collections.abc import Callable

    Lab = Callable[..., subprocess.CompletedProcess[str]]

REPOSITORY = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "minirun", "lab"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return os.environ | {"MINIRUN_LABS": str(tmp_path), "PYTHONPATH": str(REPOSITORY)}


@pytest.fixture
def lab(environment: dict[str, str]) -> Lab:
    """Runs `minirun lab` with some words."""

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*COMMAND, *words], env=environment, capture_output=True, text=True, check=False)

    return run


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("stort", "00"), "lab can't 'stort'; allowed: list, show, start"),
        (("show",), "which lab?; cure: minirun lab show 00"),
        (("show", "77"), "there is no lab '77'; allowed: 00"),
        (("check", "00"), "lab 00 is not started, or was reset; cure: minirun lab start 00"),
        (("hint", "00"), "lab 00 is not started"),
        (("watch", "00"), "lab 00 is not started"),
        (("answer", "00", "pid", "1"), "lab 00 is not started"),
        (("reset",), "reset what?; cure: minirun lab reset 00"),
        (("report",), "whose report?; cure: minirun lab report --name"),
        (("report", "--verify", "/nowhere"), "can't read '/nowhere': no such file or directory (ENOENT)"),
        (("book", "-o", "/nowhere/labs.html"), "can't write /nowhere/labs.html: there is no directory /nowhere"),
    ],
)
def test_what_is_missing_is_told(lab: Lab, words: tuple[str, ...], said: str) -> None:
    done = lab(*words)
    assert done.returncode == 1
    assert f"minirun: {said}" in done.stderr


def test_a_life_of_a_lab(lab: Lab, tmp_path: Path) -> None:
    assert f"cd {tmp_path}/00\n" in lab("start", "00").stdout
    assert "is started already" in lab("start", "00").stdout
    assert (tmp_path / "00" / "bundle" / "config.json").exists()
    checked = lab("check", "00")
    assert (checked.returncode, checked.stdout.splitlines()[-1]) == (2, "Score of the lab: 0 of 10")
    assert [lab("hint", "00").stdout.partition(":")[0] for _ in range(2)] == ["runs", "runs"]
    assert lab("solution", "00").stdout.startswith("#!/bin/bash\n")
    assert lab("reset", "00").stdout == f"lab 00: removed directory {tmp_path}/00\n"
    row = json.loads(lab("progress", "--json").stdout)[0]
    assert (row["lab"], row["hints"], row["resets"], row["checks"], row["solution_read"]) == ("00", 2, 1, 1, True)
    assert lab("reset", "--all").returncode == 0
    assert json.loads(lab("list", "--json").stdout)[0]["hints"] == 0
    assert sorted(name for name in os.listdir(tmp_path) if name != ".books") == []


def test_an_answer_to_what_is_not_asked(lab: Lab) -> None:
    lab("start", "00")
    assert "lab 00 asks no question 'colour'" in lab("answer", "00", "colour", "blue").stderr
    assert "allowed: pid, namespaces, shared" in lab("answer", "00").stderr
    assert "what is the answer?" in lab("answer", "00", "pid").stderr
    lab("reset", "00")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_who_stands_in_other_namespaces_is_sent_back(lab: Lab, environment: dict[str, str]) -> None:
    lab("start", "00")
    inside = ["unshare", "--uts", *COMMAND, "check", "00"]
    done = subprocess.run(inside, env=environment, capture_output=True, text=True, check=False)
    assert "lab 00 was started elsewhere: this shell has other namespaces (uts); cure:" in done.stderr
    lab("reset", "00")


def test_the_list_fits_a_terminal_whatever_was_reached(lab: Lab, tmp_path: Path) -> None:
    all_done = {"score": 10, "at": 1e9, "solution_read": True}
    (tmp_path / ".marks.json").write_text(json.dumps({one.number: all_done for one in folders()}))
    assert max(map(len, lab("list").stdout.splitlines())) <= 80


def test_the_list_has_every_lab(lab: Lab) -> None:
    lines = lab("list").stdout.splitlines()
    assert [line[:2] for line in lines[1 : 1 + len(folders())]] == [one.number for one in folders()]


def test_all_pages_are_in_the_book(lab: Lab, tmp_path: Path) -> None:
    assert lab("book", "-o", f"{tmp_path}/labs.html").returncode == 0
    text = (tmp_path / "labs.html").read_text()
    assert all(f'id="lab-{one.number}"' in text for one in folders())


def test_a_report_that_was_changed(lab: Lab, tmp_path: Path) -> None:
    file = tmp_path / "report.txt"
    assert lab("report", "--name", "Ada", "--key", "friday", "--output", str(file)).returncode == 0
    assert lab("report", "--verify", str(file), "--key", "friday").returncode == 0
    assert lab("report", "--verify", str(file), "--key", "monday").returncode == 1
    file.write_text(file.read_text().replace("Ada", "Bob"))
    assert lab("report", "--verify", str(file), "--key", "friday").returncode == 1


def test_watch_goes_on_until_it_is_stopped(lab: Lab, environment: dict[str, str]) -> None:
    lab("start", "00")
    with subprocess.Popen(
        [*COMMAND, "watch", "00"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as on:
        assert on.stdout
        assert on.stderr
        assert on.stdout.readline().startswith(b"Lab 00.")
        time.sleep(0.1)
        assert on.poll() is None
        on.send_signal(signal.SIGINT)
        assert b"Traceback" not in on.stderr.read()
    assert on.returncode in (130, -signal.SIGINT)
    lab("reset", "00")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_user_without_root_is_told_which_labs_need_none(environment: dict[str, str]) -> None:
    needing = [one.number for one in folders() if not one.lab.rootless]
    if not needing:
        pytest.skip("all labs can be done without root")
    as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    environment["MINIRUN_LABS"] = "/nowhere"
    done = subprocess.run(
        [*as_nobody, *COMMAND, "start", needing[0]], env=environment, capture_output=True, text=True, check=False
    )
    assert "it needs root; cure: sudo; without root there are the labs 00" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.skipif(is_throw_away(), reason="this machine may break")
def test_a_lab_that_breaks_the_machine_is_for_others(lab: Lab, tmp_path: Path) -> None:
    done = lab("start", "18")
    assert done.returncode == 1
    assert "lab 18 can't be done here: it lets containers do to the machine what they are kept from" in done.stderr
    assert "(there is no /etc/minirun-throw-away); cure: a machine to throw away: sudo tests/vm/run" in done.stderr
    assert list(tmp_path.iterdir()) == []
    assert not os.path.exists("/root/lab18-token")
