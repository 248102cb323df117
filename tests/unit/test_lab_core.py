"""labs/: what is found of a goal, what is written down, what a reset leaves alone. The labs themselves: tests/labs."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from minirun.errors import StateError
from minirun.labs import check, marks, sweep
from minirun.labs.catalogue import folder, folders
from minirun.labs.desk import Desk
from minirun.labs.lab import DONE, NOT_YET, WRONG, Finding, Goal, Lab, done, not_yet, question, wrong


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Of a lab that has just been started."""
    monkeypatch.setenv("MINIRUN_LABS", str(tmp_path))
    one = Desk("07")
    one.note()
    os.mkdir(one.directory)
    return one


def lab(*goals: Goal) -> Lab:
    return Lab("Title", 20, goals, {"upside_down": "Turn it around."})


def statuses(lab: Lab, desk: Desk) -> list[str]:
    return [one.finding.status for one in check.check(lab, desk).goals]


# ---- goals


def test_the_score_is_that_of_the_goals_that_are_reached(desk: Desk) -> None:
    goals = (Goal("a", "", lambda _: done("it"), points=3), Goal("b", "", lambda _: not_yet("more"), points=4))
    result = check.check(lab(*goals), desk)
    assert (result.score, result.points, result.exit_status) == (3, 7, check.SOME_NOT_YET)


def test_one_wrong_thing_tells_more_than_what_is_missing(desk: Desk) -> None:
    goals = (Goal("a", "", lambda _: not_yet("")), Goal("b", "", lambda _: wrong("upside_down", "it", "that")))
    result = check.check(lab(*goals), desk)
    assert result.exit_status == check.SOME_WRONG
    assert "hint      Turn it around." in check.text(result)


def test_what_need_not_last_is_remembered(desk: Desk) -> None:
    findings = iter([done("a zombie"), not_yet("a zombie"), not_yet("a zombie")])
    goals = lab(Goal("seen", "", lambda _: next(findings), once=True))
    assert statuses(goals, desk) == [DONE]
    assert statuses(goals, Desk("07")) == [DONE]


def test_what_has_to_last_is_looked_at_again(desk: Desk) -> None:
    findings = iter([done("it runs"), not_yet("it to run")])
    goals = lab(Goal("runs", "", lambda _: next(findings)))
    assert [statuses(goals, desk), statuses(goals, desk)] == [[DONE], [NOT_YET]]


def test_nobody_looks_at_what_comes_after_something_that_is_missing(desk: Desk) -> None:
    def never(_desk: Desk) -> Finding:
        raise AssertionError

    assert (
        statuses(lab(Goal("a", "", lambda _: not_yet("")), Goal("b", "", never, after=("a",))), desk) == [NOT_YET] * 2
    )


@pytest.mark.parametrize(
    ("error", "expected"), [(ProcessLookupError(3, ""), NOT_YET), (FileNotFoundError(2, ""), NOT_YET)]
)
def test_what_goes_while_one_looks_is_not_there_yet(desk: Desk, error: OSError, expected: str) -> None:
    def look(_desk: Desk) -> Finding:
        raise error

    assert statuses(lab(Goal("a", "", look)), desk) == [expected]


def test_another_error_is_not_the_students(desk: Desk) -> None:
    def look(_desk: Desk) -> Finding:
        raise PermissionError(1, "")

    with pytest.raises(PermissionError):
        check.check(lab(Goal("a", "", look)), desk)


@pytest.mark.parametrize(("given", "expected"), [(None, NOT_YET), ("The  KERNEL", DONE), ("runc", WRONG)])
def test_a_question(desk: Desk, given: str | None, expected: str) -> None:
    asked = question("who", "Who?", ("the kernel",), wrongs={"upside_down": ("runc",)})
    if given is not None:
        desk.answers["who"] = given
    (one,) = check.check(lab(asked), desk).goals
    assert one.finding.status == expected
    assert one.finding.hint == ("upside_down" if expected == WRONG else "")


def test_hints_come_one_after_the_other_and_the_last_one_stays(desk: Desk) -> None:
    result = check.check(lab(Goal("a", "", lambda _: not_yet(""), tips=("first", "second"))), desk)
    assert [check.hint(result, desk) for _ in range(3)] == ["a: first", "a: second", "a: second"]


def test_what_is_wrong_comes_before_what_is_missing(desk: Desk) -> None:
    goals = (
        Goal("a", "", lambda _: not_yet(""), tips=("first",)),
        Goal("b", "", lambda _: wrong("upside_down", "", "")),
    )
    assert check.hint(check.check(lab(*goals), desk), desk) == "b: Turn it around."


@pytest.mark.parametrize("width", [40, 80])
def test_the_text_of_a_check_is_as_wide_as_the_terminal(desk: Desk, width: int) -> None:
    goals = (Goal("a", "word " * 40, lambda _: wrong("upside_down", "found " * 30, "expected " * 30)),)
    assert max(map(len, check.text(check.check(lab(*goals), desk), width).splitlines())) <= width


# ---- what is written down


def test_a_desk_that_nobody_has_started() -> None:
    with pytest.raises(StateError, match=r"lab 99 is not started.*\n  cure:  minirun lab start 99"):
        Desk("99").must_be_started()


@pytest.mark.parametrize(
    "text", ["{", "[]", '"x"', '{"answers": 5}', '{"answers": {"pid": 1}}', '{"namespaces": []}', '{"reached": ["a"]}']
)
def test_damaged_books_are_told(desk: Desk, text: str) -> None:
    Path(desk.books).write_text(text)
    with pytest.raises(StateError, match=r"is damaged.*\n  cure:"):
        Desk("07")
    assert Desk("07", forgiving=True).is_started


@pytest.mark.parametrize("text", ["[]", '{"07": []}', '{"07": {"goals": ["a"]}}'])
def test_damaged_marks_are_told(desk: Desk, text: str) -> None:
    Path(marks.path()).write_text(text)
    with pytest.raises(StateError, match=r"is damaged.*\n  cure:.*--all"):
        marks.mark_of("07")


def test_an_answer_stays_that_was_given_during_a_check(desk: Desk) -> None:
    other = Desk("07")
    other.answers["pid"] = "4711"
    other.note()
    desk.reached["runs"] = 1.0
    desk.note()
    other.answers["pid"] = "4713"
    other.note()
    desk.note()
    assert (Desk("07").answers, Desk("07").reached) == ({"pid": "4713"}, {"runs": 1.0})


def test_a_check_that_ends_after_a_reset_writes_nothing(desk: Desk) -> None:
    Desk("07").forget()
    with pytest.raises(StateError, match="is not started, or was reset"):
        desk.note()
    assert not desk.is_started


def test_what_leads_out_of_the_directory_is_not_read(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret")
    Path(desk.file("captured")).symlink_to(tmp_path / "token")
    os.mkfifo(desk.file("life"))
    desk.write("own", "words")
    assert [desk.read(name) for name in ("captured", "life", "own")] == [None, None, "words"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("lab07", True), ("lab07-web", True), ("lab07a", True), ("lab070", False), ("mylab07", False)],
)
def test_names_of_the_lab(desk: Desk, name: str, expected: bool) -> None:
    assert desk.is_named(name) == expected


@pytest.mark.parametrize(("source", "expected"), [("lab07", True), ("lab07:/home", False), ("lab07/data", False)])
def test_a_servers_directory_is_no_mount_of_the_lab(desk: Desk, source: str, expected: bool) -> None:
    assert sweep.is_source(source, desk) == expected


def test_a_secret_stays_the_same(desk: Desk) -> None:
    assert desk.secret() == Desk("07").secret()


def test_the_best_score_stays(desk: Desk) -> None:
    findings = iter([done("it"), not_yet("it")])
    goals = lab(Goal("a", "", lambda _: next(findings), points=5))
    for _ in range(2):
        marks.note(check.check(goals, desk), desk)
    mark = marks.mark_of("07")
    assert (mark["score"], mark["checks"], list(mark["goals"])) == (5, 2, ["a"])
    marks.forget()
    assert marks.mark_of("07")["score"] == 0


def test_the_table_and_its_json_have_every_lab(desk: Desk) -> None:
    numbers = [one.number for one in folders()]
    assert [row["lab"] for row in json.loads(marks.to_json(folders()))] == numbers
    assert all(any(line.startswith(number) for line in marks.table(folders()).splitlines()) for number in numbers)


@pytest.mark.parametrize("word", ["0", "00"])
def test_a_lab_by_its_number(word: str) -> None:
    assert folder(word).number == "00"


def test_no_such_lab() -> None:
    with pytest.raises(StateError, match=r"there is no lab 'x'\n  allowed: 00"):
        folder("x")


# ---- what is swept


def test_a_directory_goes_and_what_a_symlink_leads_to_stays(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("")
    (Path(desk.directory) / "link").symlink_to(tmp_path / "mine")
    assert sweep.remove_directory(desk.directory) is None
    assert (not os.path.exists(desk.directory), (tmp_path / "mine").exists()) == (True, True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives networks names")
def test_the_machines_own_network_is_never_the_labs(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("minirun.labs.swept_networks.NAMED_NETWORKS", str(tmp_path))
    (tmp_path / "lab07-all").symlink_to("/proc/self/ns/net")
    (tmp_path / "lab07-gone").symlink_to("/proc/0/ns/net")
    assert sweep.its_networks(desk) == set()


def test_this_process_and_its_parents_are_spared() -> None:
    assert {os.getpid(), os.getppid()} <= set(sweep.own_line())
