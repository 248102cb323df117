"""What bench/ makes of its words and of figures, here made up. That it measures: tests/kernel/test_bench.py."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from types import ModuleType

BENCH = Path(__file__).parents[2] / "bench"


def program(name: str) -> ModuleType:
    """A program of bench/, which has no .py at its end."""
    loader = SourceFileLoader(f"bench_{name}", str(BENCH / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


sys.path.insert(0, str(BENCH))
machine, measuring, phases, rows, stopwatch, table = map(
    importlib.import_module, ("machine", "measuring", "phases", "rows", "stopwatch", "table")
)
run, document = program("run"), program("document")
sys.path.remove(str(BENCH))

Sample = stopwatch.Sample


# ---- words


def test_all_rows_and_three_runtimes_are_measured_by_default() -> None:
    options = run.read_words([])
    assert (options.runs, options.only, options.runtime) == (20, list(rows.ROWS), ["minirun", "runc", "crun"])


def test_rows_and_runtimes_can_be_chosen() -> None:
    options = run.read_words(["--runs", "3", "--only", "run,exec", "minirun", "minirun run --narrate"])
    assert (options.runs, options.only) == (3, ["run", "exec"])
    assert options.runtime == ["minirun", "minirun run --narrate"]


@pytest.mark.parametrize(("words", "told"), [(["--only", "run,jump"], "no row jump"), (["--runs=0"], "at least 1")])
def test_wrong_words(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run.read_words(words)
    assert told in capsys.readouterr().err


def test_a_runtime_is_a_command_with_options_of_run(tmp_path: Path) -> None:
    runtime = rows.Runtime("runc --debug run --no-pivot", tmp_path, "/usr/sbin/runc")
    bundle = tmp_path / "true"
    root = str(tmp_path / "state-of-runc")
    assert runtime.run(bundle) == [
        *("/usr/sbin/runc", "--root", root, "--debug"),
        *("run", "--no-pivot", "--bundle", str(bundle), runtime.id),
    ]


def test_docker_is_asked_by_what_name_it_knows_a_runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("runc", "docker"):
        (tmp_path / name).touch(mode=0o755)
    answer = '{"runc": {"path": "runc"}, "other": {"path": "/nowhere"}, "shim": {"runtimeType": "io.containerd.x.v1"}}'
    (tmp_path / "docker").write_text(f"#!/bin/sh\necho '{answer}'\n")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert rows.docker_names() == {os.path.realpath(tmp_path / "runc"): "runc"}


def test_a_docker_that_does_not_answer_knows_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "docker").write_text("#!/bin/sh\necho null; exit 1\n")
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert rows.docker_names() == {}


# ---- turns


def takes_a_second(_command: list[str]) -> Sample:
    return Sample(1000.0, 10.0)


def measured(only: list[str], names: tuple[str, ...], group: object, runs: int = 2) -> table.Measured:
    """Of commands that are not run."""
    bench = measuring.Bench([], Path("/nowhere"), runs, only)
    runtime = type("Runtime", (), {"name": "runc"})()
    able = bench.first_turn(group, runtime)
    for _ in range(runs):
        for row, sample in bench.turn(group, runtime, able, takes_a_second).items():
            bench.note(row, runtime, sample)
    return bench.measured


def a_life(_runtime: object, _place: Path) -> rows.Commands:
    for row in ("create", "start", "exec", "kill", "delete"):
        yield row, ["true"]


def test_a_life_has_a_sum_and_only_what_is_asked_for_is_noted() -> None:
    figures = measured([rows.SUM, "exec"], rows.LIFE, a_life)
    assert set(figures) == {rows.SUM, "exec"}
    assert figures[rows.SUM]["runc"].wall == [3000.0, 3000.0]
    assert figures["exec"]["runc"].cpu == [10.0, 10.0]


def test_what_a_runtime_can_not_do_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    def small(_runtime: object, _place: Path) -> rows.Commands:
        yield "version", ["true"]
        yield "features", ["sh", "-c", "echo no such command >&2; exit 1"]

    assert set(measured(["version", "features"], rows.SMALL, small)) == {"version"}
    assert capsys.readouterr().err == "left out: features of runc: no such command\n"


def test_without_start_there_is_no_life() -> None:
    def stillborn(_runtime: object, _place: Path) -> rows.Commands:
        yield "create", ["true"]
        yield "start", ["false"]
        raise AssertionError("it goes on")

    assert measured(["create", "start"], rows.LIFE, stillborn) == {}


def test_an_engine_has_its_wall_time_only() -> None:
    def podman(_runtime: object, _place: Path) -> rows.Commands:
        yield "podman", ["true"]

    figures = measured(["podman"], ("podman",), podman)["podman"]["runc"]
    assert (figures.wall, figures.cpu, figures.memory) == ([1000.0, 1000.0], [], [])


def test_the_sum_of_commands_has_their_largest_peak() -> None:
    assert table.total([Sample(1, 2), Sample(10, 20), Sample(100, 200)]) == Sample(111, 222)
    assert table.total([Sample(memory=3), Sample(memory=5), Sample(memory=4)]) == Sample(memory=5)


# ---- the table


def figures(*samples: Sample) -> table.Figures:
    one = table.Figures()
    for sample in samples:
        one.note(sample)
    return one


MEASURED = {
    "run": {
        "minirun": figures(Sample(30, 20), Sample(20, 10), Sample(100, 30), Sample(memory=12)),
        "runc": figures(Sample(20, 10), Sample(memory=8)),
        "crun": figures(Sample(10, 5), Sample(memory=4)),
    },
    "features": {"minirun": figures(Sample(7, 7)), "runc": figures(Sample(14, 14))},
}


def test_medians_minima_and_ratios_to_both() -> None:
    head, *lines = table.cells(MEASURED)
    assert head[2:6] == ["wall min", "median", "/runc", "/crun"]
    assert " ".join(lines[0]) == "run minirun 20.0 30.0 1.50 3.00 10.0 20.0 2.00 4.00 12.0 1.50 3.00"
    assert " ".join(lines[2]) == " crun 10.0 10.0 0.50 1.00 5.0 5.0 0.50 1.00 4.0 0.50 1.00"


def test_what_was_not_measured_is_a_dash() -> None:
    *_, minirun, _runc = table.cells(MEASURED)
    assert " ".join(minirun) == "features minirun 7.0 7.0 0.50 - 7.0 7.0 0.50 - - - -"


def test_without_runc_and_crun_the_first_is_the_measure() -> None:
    head, _first, second = table.cells(
        {"run": {"minirun": figures(Sample(4, 4)), "minirun run -x": figures(Sample(5))}}
    )
    assert head[4] == "/minirun"
    assert second[:5] == ["", "minirun run -x", "5.0", "5.0", "1.25"]


def test_as_text_and_as_markdown() -> None:
    lines = [["", "", "wall"], ["run", "minirun", "1.0"], ["", "runc", "10.0"]]
    assert table.as_text(lines) == "              wall\nrun  minirun   1.0\n     runc     10.0"
    assert (
        table.as_markdown(lines) == "|  |  | wall |\n| --- | --- | --: |\n| run | minirun | 1.0 |\n|  | runc | 10.0 |"
    )


def test_a_machine_that_is_not_quiet_is_warned_of() -> None:
    assert machine.not_quiet(0.5) == ""
    assert "load average 0.75" in machine.not_quiet(0.75)


# ---- the waterfall

TRACE = """\
7 100.000000 execve("/x/bin/minirun", ["/x/bin/minirun", "run"], 0x7ffc /* 3 vars */) = 0
7 100.002000 execve("/x/bin/python3", ["/x/bin/python3", "/x/minirun/__main__.py"], 0x7ffc /* 3 vars */) = 0
7 100.003000 openat(AT_FDCWD, "/etc/ld.so.cache", O_RDONLY|O_CLOEXEC) = 3
7 100.010000 openat(AT_FDCWD, "/x/minirun/__main__.py", O_RDONLY) = 3
{seal}
7 100.050000 openat(AT_FDCWD, "/bundle/config.json", O_RDONLY|O_CLOEXEC) = 3
7 100.051000 clone(child_stack=NULL, flags=SIGCHLD) = 8
8 100.052000 open_tree(0, "", OPEN_TREE_CLONE) = 4
8 100.060000 execve("/bin/true", ["/bin/true"], 0x7f8b /* 3 vars */) = 0
8 100.061000 exit_group(0) = ?
8 100.062000 +++ exited with 0 +++
7 100.064000 exit_group(0) = ?
7 100.070000 +++ exited with 0 +++
"""
TWO_STARTS = """\
7 100.020000 open_tree(AT_FDCWD, "/proc/self/exe", OPEN_TREE_CLONE) = 3
7 100.021000 execveat(3, "", ["/x/bin/python3", "/x/minirun/__main__.py"], AT_EMPTY_PATH) = 0
7 100.029000 openat(AT_FDCWD, "/x/minirun/__main__.py", O_RDONLY) = 3"""
IN_PLACE = """\
7 100.020000 open_tree(AT_FDCWD, "/proc/self/exe", OPEN_TREE_CLONE) = 3
7 100.021500 prctl(PR_SET_MM, PR_SET_MM_MAP, 0x7ffd, 120, 0) = 0"""


def lengths(seal: str) -> dict[str, float]:
    parts = phases.parts_of(phases.lines_of(TRACE.format(seal=seal)))
    return {part.name: round(part.length, 3) for part in parts}


def test_a_run_in_phases() -> None:
    assert lengths(TWO_STARTS) == {
        "launcher: sh, then env": 2,
        "the interpreter starts": 8,
        "imports up to the seal": 10,
        "the seal": 1,
        "the interpreter starts again": 8,
        "imports": 21,
        "config.json, plan, first steps": 1,
        "steps of both processes, in turn": 9,
        "the program: /bin/true": 2,
        "steps are taken back, end": 8,
    }


def test_a_seal_in_place_has_no_second_start() -> None:
    found = lengths(IN_PLACE)
    assert (found["the seal"], found["imports"]) == (1.5, 28.5)
    assert "the interpreter starts again" not in found


def test_what_strace_takes_is_taken_away() -> None:
    parts = phases.medians([[phases.Part("one", length, 3), phases.Part("two", 20, 1)] for length in (10, 12, 90)])
    price = phases.price_of_a_stop(parts, untraced=24)
    assert phases.corrected(parts, price) == [("one", 6), ("two", 18)]


def test_each_bar_begins_where_the_one_before_ends() -> None:
    one, two, _whole = phases.drawn([("one", 20.0), ("two", 40.0)])
    assert one.endswith("20.0 ms  " + 20 * "█")
    assert two.endswith("40.0 ms  " + 20 * " " + 40 * "█")


# ---- the document


def test_a_place_of_the_document_is_filled_anew() -> None:
    page = "a\n<!-- table -->\nold\n<!-- end of table -->\nz\n"
    once = document.replaced(page, "table", "new \\1\n")
    assert once == "a\n<!-- table -->\n\nnew \\1\n\n<!-- end of table -->\nz\n"
    assert document.replaced(once, "table", "new \\1") == once


def test_a_place_that_is_not_there() -> None:
    with pytest.raises(SystemExit, match="no place for table"):
        document.replaced("text", "table", "new")


@pytest.mark.parametrize("name", ["table", "waterfall", "prices"])
def test_every_place_of_the_document_is_filled(name: str) -> None:
    page = document.DOCUMENT.read_text()
    filled = re.search(f"<!-- {name} -->(.*)<!-- end of {name} -->", page, re.DOTALL)
    assert filled and " ms" in filled[1]
