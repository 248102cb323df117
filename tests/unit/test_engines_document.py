"""docs/engines.md tells what came out of tests/engines, and minirun does what the engines' own runtimes do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.engines.document import DOCUMENT, Result, all_tests, merged, read_results, render, results_of, worse

if TYPE_CHECKING:
    from pathlib import Path

REPORT = """\
<testsuites><testsuite>
<testcase classname="tests.engines.test_podman_life" name="test_run[Podman, root-minirun]"><properties>
<property name="engine" value="Podman, root"/>
<property name="side" value="minirun"/><property name="runtime" value="minirun"/>
<property name="version" value="4.3.1"/><property name="machine" value="UML"/></properties>{}</testcase>
</testsuite></testsuites>
"""


def test_the_document_is_what_came_out() -> None:
    again = "to write it anew: python3 -m tests.engines.document"
    assert DOCUMENT.read_text() == render(DOCUMENT.read_text(), read_results()), again


def test_no_test_is_gone_of_which_a_result_is_told() -> None:
    assert {result.test for result in read_results()} <= set(all_tests())


def test_minirun_does_what_the_reference_does() -> None:
    assert worse(read_results()) == []


def reported(directory: Path, child: str) -> Result:
    report = directory / "report.xml"
    report.write_text(REPORT.format(child))
    return next(results_of(report))


def test_a_report_is_read(tmp_path: Path) -> None:
    found = reported(tmp_path, "")
    assert (found.key, found.outcome) == (("test_podman_life.test_run", "Podman, root", "minirun"), "works")
    assert reported(tmp_path, '<error message="said more&#10;lines"/>').outcome == "fails"
    assert reported(tmp_path, '<failure message="one"/>').reason == "one"
    assert reported(tmp_path, '<skipped type="pytest.xfail" message="can not"/>').outcome == "fails"
    assert reported(tmp_path, '<skipped type="pytest.skip" message="no AppArmor"/>').outcome == "skipped"


def test_what_was_not_tried_is_no_news(tmp_path: Path) -> None:
    worked, skipped = reported(tmp_path, ""), reported(tmp_path, '<skipped message="no AppArmor"/>')
    failed = reported(tmp_path, "<failure/>")
    assert merged([worked], [skipped]) == [worked]
    assert merged([worked], [failed]) == [failed]


def test_a_difference_is_found(tmp_path: Path) -> None:
    reference = reported(tmp_path, "")._replace(side="reference")
    failed = reported(tmp_path, "<failure/>")
    assert worse([reference, failed]) == ["test_podman_life.test_run with Podman, root"]
    assert worse([reference]) == []
    assert worse([reference, reported(tmp_path, "")]) == []
