"""Lab 19 breaks minirun on purpose. Each of its faults has to be there, and to be seen by its own check alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from minirun.labs.desk import Desk
from minirun.labs.lab19_mend import copies, making, mutants, suite

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.root


@pytest.fixture
def desk(place: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A lab that is started, with no fault in the copy."""
    monkeypatch.setenv("MINIRUN_LABS", str(place))
    monkeypatch.setattr(making, "chosen", lambda _desk: [])
    desk = Desk("19")
    making.make(desk)
    return desk


def red(desk: Desk) -> set[str]:
    found = suite.try_all([desk.file("bin/minirun")], desk.directory)
    assert "" not in found, found[""]
    return {name for name, _clause, expected in suite.CHECKS if found[name] != expected}


@pytest.mark.parametrize("fault", mutants.FAULTS, ids=lambda fault: fault.name)
def test_a_fault_is_red_and_mended_green(desk: Desk, fault: mutants.Mutant) -> None:
    mutants.change(desk.file("minirun"), fault)
    assert red(desk) == {fault.name}
    mutants.undo(desk.file("minirun"), fault)
    assert red(desk) == set()


def test_nothing_is_red_by_a_change_that_none_can_find(desk: Desk) -> None:
    mutants.change(desk.file("minirun"), mutants.EQUIVALENT)
    assert red(desk) == set()


def test_each_check_has_a_fault() -> None:
    assert {fault.name for fault in mutants.FAULTS} == {name for name, _clause, _expected in suite.CHECKS}


def test_a_copy_has_no_labs_in_it(desk: Desk) -> None:
    assert not [name for name in copies.files(desk.file("minirun")) if "/lab19" in name.removeprefix(desk.directory)]
