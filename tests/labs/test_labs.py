"""Every lab, done as a student does it: untouched it scores nothing, solved all; each wrong state has its own hint;
what the page shows is what its commands do; a reset leaves nothing."""

from __future__ import annotations

import contextlib
import shutil
from typing import TYPE_CHECKING

import pytest

from labs.student import Student
from labs.typing_in import type_page
from minirun.cgroups.hierarchy import held_by_v1
from minirun.labs.catalogue import folder, folders

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from kernel.kit.runtime import Runtime

pytestmark = [pytest.mark.root, pytest.mark.only("minirun", "its own labs")]

machine = pytest.mark.machine
# Labs that only the test machine can show.
THERE = {one.number for one in folders() if any(need.is_of_machine for need in one.lab.needs)}


def of_labs(*values: tuple[str, ...]) -> list[object]:
    """Parameters, the first of each being the lab's number."""
    return [pytest.param(*value, marks=[machine] if value[0] in THERE else [], id="-".join(value)) for value in values]


NUMBERS = [(one.number,) for one in folders()]
WRONG = [(one.number, hint) for one in folders() for hint in one.wrong_states()]
OTHERS = [(one.number, other) for one in folders() if one.lab.runtimes for other in ("runc", "crun")]


@pytest.fixture
def begin(place: Path, runtime: Runtime) -> Iterator[Callable[..., Student]]:
    """Starts a lab, which is reset in the end. Skips where it can't be done."""
    with contextlib.ExitStack() as ends:

        def start(number: str, other: str = "minirun") -> Student:
            for why in (folder(number).lab.missing(), reason_against(other)):
                if why:
                    pytest.skip(f"lab {number}: {why.splitlines()[0]}")
            student = Student(number, place, runtime, other)
            student.start()
            ends.callback(all_is_gone, student)
            return student

        yield start


def all_is_gone(student: Student) -> None:
    student.reset()
    assert student.left() == []


def reason_against(other: str) -> str:
    if other != "minirun" and shutil.which(other) is None:
        return f"the runtime {other} is not installed"
    if other == "crun" and held_by_v1():
        return "crun wants all controllers on one version of cgroups"
    return ""


def both_ways(student: Student) -> None:
    """The solution, after which all is done, and once more."""
    for _ in range(2):
        done = student.script(f"{folder(student.number).path}/solution.sh")
        assert done.returncode == 0, done.stdout
        result = student.checked()
        assert result["score"] == result["points"], result


@machine
@pytest.mark.parametrize("number", of_labs(*NUMBERS))
def test_untouched_nothing_and_solved_all(begin: Callable[..., Student], number: str) -> None:
    student = begin(number)
    result = student.checked()
    assert result["score"] == 0, result
    assert student.hints() == set()
    both_ways(student)
    all_is_gone(student)
    student.start()
    assert student.checked()["score"] == 0


@pytest.mark.parametrize(("number", "other"), of_labs(*OTHERS))
def test_by_another_runtime(begin: Callable[..., Student], number: str, other: str) -> None:
    both_ways(begin(number, other))


@pytest.mark.parametrize(("number", "hint"), of_labs(*WRONG))
def test_a_wrong_state_has_its_own_hint(begin: Callable[..., Student], number: str, hint: str) -> None:
    student = begin(number)
    done = student.script(folder(number).wrong_states()[hint])
    assert student.hints() == {hint}, f"{student.checked()}\n{done.stdout}"


@pytest.mark.parametrize("number", of_labs(*NUMBERS))
def test_every_command_of_the_page(begin: Callable[..., Student], number: str) -> None:
    type_page(folder(number).page, begin(number))
