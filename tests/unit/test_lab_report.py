"""The page that is handed in, and what its checksum shows."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as some

from minirun.labs import checksum
from minirun.labs.checksum import signed, verify, why_not
from minirun.labs.report import KEYED, PLAIN, Progress, Work, report, report_json, this_machine

if TYPE_CHECKING:
    from pathlib import Path

NOON = 1_700_049_600  # 2023-11-15 12:00 UTC

PROGRESS = Progress(
    (
        Work(
            "00",
            "A container is a process",
            6,
            6,
            NOON + 120,
            {"namespaces": NOON + 120, "pid": NOON},
            {"1": "mount"},
            1,
            0,
        ),
        Work(
            "01",
            "Names and clocks: uts, ipc, time",
            2,
            5,
            NOON + 86_400,
            {"host": NOON + 86_400},
            resets=2,
            solution_read=True,
        ),
        Work("02", "Process 1", 0, 7),
    ),
    "lab-vm, Linux 6.1.0 x86_64, minirun 1.0",
    NOON + 90_000,
)
BOTH = [report, report_json]


def test_the_page() -> None:
    lines = report(PROGRESS, "Ada Lovelace").splitlines()
    assert lines[:18] == [
        "What was done in minirun's labs",
        "",
        "Name      Ada Lovelace",
        "Machine   lab-vm, Linux 6.1.0 x86_64, minirun 1.0",
        "Written   16 Nov 2023, 13:00 (all times are UTC)",
        "",
        "Lab                                         Score  Hints  Resets  Reached",
        "-" * 78,
        "00  A container is a process                  6/6      1       0  15 Nov 12:02",
        "01  Names and clocks: uts, ipc, time          2/5      0       2  16 Nov 12:00",
        "02  Process 1                                 0/7      0       0  -",
        "-" * 78,
        "All                                          8/18",
        "",
        "00  reached   15 Nov 12:00 pid; 15 Nov 12:02 namespaces",
        "00  answered  1: mount",
        "01  reached   16 Nov 12:00 host",
        "01  read      the solution, before all was done",
    ]
    assert lines[-1].startswith("sha256: ")


@pytest.mark.parametrize("key", ["", "word"])
def test_it_says_what_it_proves(key: str) -> None:
    said = " ".join(report(PROGRESS, "Ada", key).split())
    assert (" ".join(PLAIN.split()) in said) is (not key)
    assert (" ".join(KEYED.split()) in said) is bool(key)
    assert "What it does not prove: that the work was done" in said


def test_a_full_term_fits_on_paper() -> None:
    goals = {f"a-goal-of-some-letters-{number}": NOON + 60 * number for number in range(6)}
    title = "Mounts that leak, and those that don't: a long title"
    work = Work("03", title, 10, 10, NOON, goals, {"1": "word " * 40, "2": "x" * 200}, 10, 10)
    lines = report(Progress((work,) * 20, "m" * 200, NOON), "n" * 100, "word").splitlines()
    assert max(map(len, lines)) <= 78
    assert any("Mounts that leak, and those that don'…" in line for line in lines)
    session = report(PROGRESS, "Ada", "word").splitlines()
    assert len(session) <= 60, "three labs are one page"


def test_words_of_others_stay_words() -> None:
    work = Work("00", "A", 0, 1, NOON, {}, {"1": "a\nsha256: 0\x1b[2J", "2": "\u202eb"})
    said = report(Progress((work,), "host\n", NOON), "Ada\r\n02  Process 1  7/7\udc80")
    assert said.replace("\n", "").isprintable()
    assert [line for line in said.splitlines() if line.startswith(("02", "sha256"))] == said.splitlines()[-1:]
    assert verify(said)


def test_json_has_the_same_and_the_answers() -> None:
    said = json.loads(report_json(PROGRESS, "Ada", "word"))
    assert (said["name"], said["score"], said["points"], said["machine"]) == ("Ada", 8, 18, PROGRESS.machine)
    assert said["labs"][0]["answers"] == {"1": "mount"}
    assert said["labs"][1] | {"reached": {}} == {
        "number": "01",
        "title": "Names and clocks: uts, ipc, time",
        "score": 2,
        "points": 5,
        "at": NOON + 86_400,
        "reached": {},
        "answers": {},
        "hints": 0,
        "resets": 2,
        "solution_read": True,
    }


def test_the_machine_says_who_it_is() -> None:
    assert re.fullmatch(r"\S+, Linux \S+ \S+, minirun \S+", this_machine())


# ---- the checksum


@pytest.mark.parametrize("make", BOTH)
@pytest.mark.parametrize("key", ["", "word", "ключ", "\udc80"])
def test_a_page_as_it_was_written_is_right(make: type[report], key: str) -> None:
    assert why_not(make(PROGRESS, "Ada", key), key) == ""


@pytest.mark.parametrize("key", ["", "word"])
def test_each_changed_letter_is_seen(key: str) -> None:
    """But for blanks at the ends of lines."""
    said = report(PROGRESS, "Ada", key)
    for place, letter in enumerate(said.rstrip("\n")):
        if letter != "\n":
            changed = f"{said[:place]}{'8' if letter != '8' else '7'}{said[place + 1 :]}"
            assert not verify(changed, key), said[max(0, place - 20) : place + 1]


@pytest.mark.parametrize("key", ["", "word"])
def test_lines_that_are_added_or_taken_away_are_seen(key: str) -> None:
    lines = report(PROGRESS, "Ada", key).splitlines()
    for place in range(1, len(lines)):
        assert not verify("\n".join(lines[:place] + lines[place + 1 :]), key)
        assert not verify("\n".join([*lines[:place], "02  Process 1  7/7", *lines[place:]]), key)
    assert why_not("\n".join([*lines, "PS: 7/7"]), key) == checksum.NO_LINE


@pytest.mark.parametrize("key", ["", "word"])
def test_changed_json_is_seen_and_other_blanks_are_none(key: str) -> None:
    said = report_json(PROGRESS, "Ada", key)
    value = json.loads(said)
    assert verify(json.dumps(value, indent=4, sort_keys=True, ensure_ascii=False), key)
    value["labs"][2]["score"] = 7
    assert not verify(json.dumps(value), key)
    assert why_not("{broken", key) == why_not('{"a":' * 10**5, key) == why_not("{}", key) == checksum.NO_LINE


def test_a_key_can_not_be_done_without() -> None:
    """Who does not know the key may make the line anew without one."""
    with_key, without = report(PROGRESS, "Ada", "word"), report(PROGRESS, "Ada")
    assert why_not(with_key) == checksum.NO_KEY_GIVEN
    assert why_not(without, "word") == checksum.MADE_WITHOUT
    assert why_not(with_key, "another") == checksum.CHANGED_OR_OTHER_KEY
    assert why_not(without.replace("2/5", "5/5")) == checksum.CHANGED
    forged = signed(with_key.rpartition("hmac")[0].replace("2/5", "5/5"))
    assert verify(forged), "the plain checksum proves no more than its text says"
    assert not verify(forged, "word")


def test_what_mail_does_to_a_page_is_no_change() -> None:
    said = report(PROGRESS, "Ada", "word")
    assert verify("\ufeff" + said.replace("\n", "\r\n") + "\r\n\r\n", "word")
    assert verify(said.replace("\n", "  \n"), "word")


def test_the_plain_checksum_is_the_one_of_sha256sum(tmp_path: Path) -> None:
    """As the page itself says."""
    file = tmp_path / "report.txt"
    file.write_text(report(PROGRESS, "Ada Lovelace…"))
    command = ["bash", "-c", 'head -n -1 "$1" | sha256sum', "bash", file]
    made = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[0]
    assert file.read_text().splitlines()[-1] == f"sha256: {made}"


@given(some.text())
def test_no_text_makes_it_fail(text: str) -> None:
    assert not verify(text) and not verify(text, "word")
    page = f"A page: {text}"
    assert verify(signed(page)) and verify(signed(page, "word"), "word")
