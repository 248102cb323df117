"""tests/vm/test: what runs where, and when; which tests go on to QEMU, by the reports of those that had them first."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
from typing import TYPE_CHECKING

import pytest
from kernel.kit.runtime import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

CASE = '<testcase classname="tests.kernel.{}" name="{}" time="1">{}</testcase>'
ON_DEBIAN = "tests/kernel/test_checkpoint.py::test_a_program_goes_on_where_it_was"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """It has no suffix, since it is a command."""
    path = str(REPOSITORY / "tests/vm/test")
    loader = importlib.machinery.SourceFileLoader("minirun_tests_vm_test", path)
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(REPOSITORY / "tests/vm"))
    try:
        loader.exec_module(module)
    finally:
        sys.path.pop(0)
    return module


def report(directory: Path, place: str, **outcomes: str) -> None:
    """Tests of tests/kernel/test_checkpoint.py, each with nothing or `skipped`."""
    cases = [CASE.format("test_checkpoint", name, outcome and f"<{outcome}/>") for name, outcome in outcomes.items()]
    (directory / f"{place}.xml").write_text(f"<testsuite>{''.join(cases)}</testsuite>")


def test_qemu_gets_what_nobody_has_done_and_what_is_to_be_seen_on_debian(script, tmp_path):
    shown = ON_DEBIAN.partition("::")[2]
    assert ON_DEBIAN in script.ON_DEBIAN
    report(tmp_path, "host", done="", here="", nowhere="skipped", host_only="skipped", **{shown: ""})
    report(tmp_path, "uml-1", done="", here="skipped", nowhere="skipped", **{shown: "skipped"})
    path = "tests/kernel/test_checkpoint.py"
    machines = [script.Place("uml-1")]
    assert script.for_qemu(tmp_path, machines) == [f"{path}::nowhere", ON_DEBIAN]
    (tmp_path / "host.xml").unlink()
    assert script.for_qemu(tmp_path, machines) == [f"{path}::here", f"{path}::nowhere", ON_DEBIAN]


def test_what_is_to_be_seen_on_debian_is_there(script):
    for test in script.ON_DEBIAN:
        path, _, name = test.partition("::")
        assert f"def {name}(" in (REPOSITORY / path).read_text()


def test_a_place_waits_for_the_one_that_it_is_after(script, tmp_path, monkeypatch):
    lines = {
        "first": "until [ -e begun ]; do sleep 0.01; done; touch done; exit 2",
        "beside": "touch begun",
        "second": "[ -e done ] || exit 3",
    }
    monkeypatch.setattr(script, "command", lambda share, place: ["sh", "-c", f"cd {share}; {lines[place.name]}"])
    places = [script.Place("second", after="first"), script.Place("first"), script.Place("beside")]
    assert script.run_side_by_side(tmp_path, places) == 2


def test_a_place_that_was_killed_has_failed(script, tmp_path, monkeypatch):
    monkeypatch.setattr(script, "command", lambda share, place: ["sh", "-c", place.name])
    assert script.run_side_by_side(tmp_path, [script.Place("kill -KILL $$"), script.Place("exit 0")]) == 128 + 9
