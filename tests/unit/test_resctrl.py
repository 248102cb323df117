"""minirun.steps.resctrl, on directories that look like those of the kernel: few machines have the real ones.

What the kernel does by itself, files in a new directory and their removal, the tests do in its place.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from minirun.kernel.libc import SystemCallError
from minirun.steps import resctrl
from minirun.steps.step import Channel, Context, Log, Refused, Step

if TYPE_CHECKING:
    pass

HELD = "    MB:0=100;1= 20\n    L3:0=0ff;1=fff\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "tasks").write_text("")
    (tmp_path / "schemata").write_text(HELD)
    (tmp_path / "mon_groups").mkdir()
    return tmp_path


@pytest.fixture
def context(tree: Path) -> Context:
    made = Context(Log(), Channel())
    made.resctrl, made.pid = str(tree), 42
    return made


def group(tree: Path, name: str) -> Path:
    """A group that is there already."""
    (tree / name).mkdir()
    (tree / name / "tasks").write_text("")
    (tree / name / "schemata").write_text(HELD)
    return tree / name


def test_without_resctrl_there_is_an_error(monkeypatch: pytest.MonkeyPatch, context: Context) -> None:
    monkeypatch.setattr(resctrl, "in_sight", lambda *_types: [])
    monkeypatch.setattr(resctrl, "mount_points", lambda *_types: [])
    with pytest.raises(Refused, match="no resctrl file system is mounted"):
        resctrl.FindResctrl().apply(context)


def test_it_is_found_where_it_is_mounted(monkeypatch: pytest.MonkeyPatch, context: Context) -> None:
    monkeypatch.setattr(resctrl, "in_sight", lambda *types: [("/", "/somewhere")] if types == ("resctrl",) else [])
    resctrl.FindResctrl().apply(context)
    assert context.resctrl == "/somewhere"


def test_a_mount_over_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resctrl, "in_sight", lambda *_types: [])
    monkeypatch.setattr(resctrl, "mount_points", lambda *_types: ["/sys/fs/resctrl"])
    for act in (resctrl.FindResctrl().apply, resctrl.MakeClos("box", False, ()).undo):
        with pytest.raises(Refused, match="mounted on /sys/fs/resctrl, but something else"):
            act(Context(Log(), Channel()))


def test_with_its_last_mount_the_groups_have_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is left that would keep the books."""
    monkeypatch.setattr(resctrl, "mount_points", lambda *_types: [])
    resctrl.MakeClos("box", False, ()).undo(Context(Log(), Channel()))
    resctrl.MakeMonitoringGroup("", "box").undo(Context(Log(), Channel()))


# ---- a group of the container's own


def test_a_group_of_its_own_goes_with_the_container(tree: Path, context: Context) -> None:
    step = resctrl.MakeClos("box", False, ())
    step.apply(context)
    assert (tree / "box").is_dir()
    context.program_runs = True
    step.undo(context)
    assert not (tree / "box").exists()
    step.undo(context)  # somebody was quicker


def test_a_group_of_its_own_must_be_new(tree: Path, context: Context) -> None:
    group(tree, "box")
    with pytest.raises(SystemCallError) as caught:
        resctrl.MakeClos("box", False, ()).apply(context)
    assert "closID" in resctrl.MakeClos("box", False, ()).cure(caught.value)


# ---- a group that config.json names


@pytest.mark.parametrize("runs", [True, False])
def test_a_shared_group_stays_unless_the_start_fails(tree: Path, context: Context, runs: bool) -> None:
    step = resctrl.MakeClos("gold", True, ("L3:0=f",))
    step.apply(context)
    context.program_runs = runs
    step.undo(context)
    assert (tree / "gold").exists() == runs


def test_a_shared_group_that_was_there_is_never_removed(tree: Path, context: Context) -> None:
    group(tree, "gold")
    step = resctrl.MakeClos("gold", True, ("L3:0=ff", "MB:1=20"))
    step.apply(context)
    step.undo(context)
    assert (tree / "gold").is_dir()


@pytest.mark.parametrize("line", ["L3:0=f", "L3:0=ff;1=ff", "L3:2=ff", "MB:0=20", "L2:0=ff"])
def test_a_shared_group_with_another_schema_is_an_error(tree: Path, context: Context, line: str) -> None:
    group(tree, "gold")
    with pytest.raises(Refused, match="another schema"):
        resctrl.MakeClos("gold", True, (line,)).apply(context)


@pytest.mark.parametrize("line", ["L3:0=ff;1=fff", "L3:1=FFF", "L3:0=00ff", "MB:0=100;1=20", "MB:1=20"])
def test_a_schema_may_be_written_in_several_ways(line: str) -> None:
    resctrl.refuse_other_schemata(HELD, (line,))


def test_a_group_that_must_be_there(tree: Path, context: Context) -> None:
    with pytest.raises(Refused, match="no class of service"):
        resctrl.FindClos("gold").apply(context)
    group(tree, "gold")
    resctrl.FindClos("gold").apply(context)


# ---- what is written


@pytest.mark.parametrize(
    ("step", "file", "text"),
    [
        (resctrl.WriteSchema("gold", "L3:0=f", ""), "gold/schemata", "L3:0=f\n"),
        (resctrl.WriteSchema("", "L3:0=f", ""), "schemata", "L3:0=f\n"),
        (resctrl.JoinClos("gold"), "gold/tasks", "42"),
        (resctrl.JoinClos(""), "tasks", "42"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_is_written(tree: Path, context: Context, step: Step, file: str, text: str) -> None:
    group(tree, "gold")
    before = len((tree / file).read_text())
    step.apply(context)
    written = (tree / file).read_text()  # the kernel does not keep what was written, but these files do
    assert written.startswith(text)
    assert before <= len(written)


@pytest.mark.parametrize("name", ["", "gold"])
def test_a_monitoring_group_goes_with_the_container(tree: Path, context: Context, name: str) -> None:
    group(tree, "gold")
    (tree / "gold" / "mon_groups").mkdir()
    step = resctrl.MakeMonitoringGroup(name, "box")
    step.apply(context)
    assert os.listdir(tree / name / "mon_groups") == ["box"]
    context.program_runs = True
    step.undo(context)
    assert os.listdir(tree / name / "mon_groups") == []


def test_undoing_needs_no_memory_of_the_start(tree: Path, context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """`delete` is another process than `create`."""
    resctrl.MakeClos("box", False, ()).apply(context)
    monkeypatch.setattr(resctrl, "mount_points", lambda *_types: [str(tree)])
    monkeypatch.setattr(resctrl, "in_sight", lambda *_types: [("/", str(tree))])
    resctrl.MakeClos("box", False, ()).undo(Context(Log(), Channel()))
    assert not (tree / "box").exists()
