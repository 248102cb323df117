"""The suite as one test for each runtime, and tests of the suite itself."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from kernel.kit.runtime import PATIENCE

from . import clauses  # noqa: F401  (importing it registers the cases)
from .known import KNOWN, Known, known
from .report import as_json, from_json, judged, markdown, unexplained
from .suite import CASES, FAIL, MAY, MUST, NOT_TESTABLE, PASS, SHOULD, SURPRISE, Outcome, chosen, part_of
from .suite import KNOWN as KNOWN_FAILURE

REPOSITORY = Path(__file__).resolve().parents[2]
MINIRUN = f"minirun=env PYTHONPATH={REPOSITORY} {sys.executable} -m minirun"


PARTS = [f"{number}/10" for number in range(1, 11)]  # so that machines can share them

# What the test machine has of its own is its cgroups. Programs take so long to start in an emulator that it has no time
# for the clauses that the host can try as well.
ABOUT_CGROUPS = (
    *("#control-groups", "#cgroup", "#unified", "#memory", "#cpu", "#pids", "#block-io", "#huge-page", "#rdma"),
    *("#allowed-device-list", "#default-devices", "#posix-platform-mounts", "#offset-for-time-namespace"),
)
PATTERNS = ABOUT_CGROUPS if PATIENCE > 1 else ()


def run_suite(runtime: str, part: str, report: Path) -> list[dict[str, str]]:
    """In a process of its own, since it leaves for another mount namespace. Returns what is not explained."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc")
    words = ["--runtime", runtime, "--part", part, "--json", str(report)]
    words += [f"--only={pattern}" for pattern in PATTERNS]
    done = subprocess.run(
        [sys.executable, "-m", "tests.conformance", *words],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=280 * PATIENCE,
    )
    assert report.exists(), done.stdout + done.stderr
    outcomes = json.loads(report.read_text())["outcomes"]
    assert len(outcomes) == len(part_of(chosen(PATTERNS), part))
    return [outcome for outcome in outcomes if outcome["outcome"] == FAIL]


@pytest.mark.parametrize("part", PARTS)
def test_minirun(part: str, tmp_path: Path) -> None:
    assert run_suite(MINIRUN, part, tmp_path / "report.json") == []


@pytest.mark.parametrize("part", PARTS)
def test_runc(part: str, tmp_path: Path) -> None:
    """Every failure of the reference runtime is explained in known.py, which proves the cases themselves."""
    if shutil.which("runc") is None:
        pytest.skip("needs runc")
    failed = run_suite("runc", part, tmp_path / "report.json")
    assert [outcome for outcome in failed if outcome["level"] == MUST] == []


def test_every_case_has_its_place_in_the_spec() -> None:
    for case in CASES.values():
        assert re.fullmatch(
            r"(bundle|config|config-linux|features|features-linux|runtime|runtime-linux)\.md#[a-z0-9-]+", case.anchor
        ), case.name
        assert case.level in (MUST, SHOULD, MAY) and case.sentence, case.name


def test_known_failures_belong_to_cases() -> None:
    names = CASES.keys() | {name.partition("[")[0] for name in CASES}
    for table in KNOWN.values():
        assert table.keys() <= names


def test_a_version_in_an_explanation_has_a_source() -> None:
    for name, table in KNOWN.items():
        for case, entry in table.items():
            assert bool(entry.until or entry.since) == bool(entry.source), f"{name}: {case}"


def test_an_explanation_holds_for_some_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = Known("reason", until="1.2.0"), Known("other")
    late = Known("late", source="#7", since="1.1.10", until="1.3")
    monkeypatch.setitem(KNOWN, "some", {"a_case": one, "b_case[x]": other, "c_case": late})
    assert [known("some", version, "c_case") for version in ("1.1.9", "1.1.10", "1.3.0")] == [None, late, None]
    assert str(late) == "late (since 1.1.10, until 1.3, #7)" and str(other) == "other"
    assert known("some", "1.1.9", "a_case[value]") is one
    assert known("some", "1.2.0", "a_case[value]") is None
    assert known("some", "1.10.0", "a_case") is None
    assert known("some", "9.9", "b_case[x]") is other
    assert known("some", "9.9", "b_case[y]") is None


@pytest.mark.parametrize(
    ("kind", "reason", "wanted"),
    [
        (FAIL, None, FAIL),
        (PASS, None, PASS),
        (FAIL, Known("it races"), KNOWN_FAILURE),
        (PASS, Known("it races"), SURPRISE),
        (PASS, Known("it races", sometimes=True), PASS),
        (NOT_TESTABLE, Known("it races"), NOT_TESTABLE),
    ],
)
def test_what_is_known_of_an_outcome(kind: str, reason: Known | None, wanted: str) -> None:
    case = next(iter(CASES.values()))
    assert judged(case, "x 1", kind, "found", reason, 0).kind == wanted


def test_cases_are_chosen_by_name_and_by_anchor() -> None:
    assert {case.anchor for case in chosen(["#sysctl"])} == {"config-linux.md#sysctl"}
    assert [case.name for case in chosen(["the_domainname"])] == ["the_domainname"]
    assert len(chosen(["#sysctl", "the_domainname"])) == len(chosen(["#sysctl"])) + 1
    assert len(chosen()) == len(CASES)
    parts = [case.name for part in PARTS for case in part_of(chosen(), part)]
    assert sorted(parts) == sorted(CASES)


def test_only_an_unexplained_must_fails_the_run() -> None:
    must = next(case for case in CASES.values() if case.level == MUST)
    should = next(case for case in CASES.values() if case.level == SHOULD)
    outcomes = [Outcome(must, "x 1", FAIL, "found"), Outcome(should, "x 1", FAIL), Outcome(must, "y 1", "known")]
    assert unexplained(outcomes) == outcomes[:1]
    table = markdown([must, should], {"x 1": "a machine"}, outcomes[:2])
    assert must.sentence in table and f"| `{must.name}` | MUST | **FAIL** |" in table


def test_a_report_can_be_read_again() -> None:
    outcomes = [Outcome(case, "x 1", FAIL, "found", "", 0.5) for case in chosen(["#sysctl"])]
    assert from_json(as_json({"x 1": "a machine"}, outcomes)) == ({"x 1": "a machine"}, outcomes)


def test_a_runtime_that_is_missing_is_an_error() -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    words = [sys.executable, "-m", "tests.conformance", "--runtime", "no-such-runtime"]
    done = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "no-such-runtime" in done.stderr
