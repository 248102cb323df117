"""What `run --timeline` writes down of a run beside its times, for the page of `explain --timing`: what came of its
steps, what ended it, and with --narrate=full what the program then finds."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from kernel.kit.host import nothing_left
from kernel.kit.runtime import new_id
from kernel.test_narrate import everywhere
from minirun.plan.container import Options
from minirun.steps.world import HOST
from minirun.teach.as_seen import LONG_NAMES, compared
from minirun.teach.explanation import explain
from minirun.teach.real_run import real_run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kernel.kit.bundle import Bundle
    from kernel.kit.runtime import Result, Runtime
    from minirun.teach.explanation import Explanation
    from minirun.teach.real_run import RealRun

pytestmark = [pytest.mark.root, pytest.mark.only("minirun", "only it has timelines")]


def ran(runtime: Runtime, made: Bundle, path: Path, *options: str) -> tuple[Result, Explanation, RealRun]:
    name = new_id()
    with nothing_left(runtime.name):
        result = runtime.run(made, options=["--timeline", str(path), *options], container_id=name)
    explained = explain(Options(id=name, bundle=str(made.path)))
    return result, explained, real_run(str(path), explained.steps)


def test_what_was_seen_is_what_the_program_finds_and_what_was_predicted(
    runtime: Runtime, bundle: Callable[..., Bundle], tmp_path: Path
) -> None:
    made = everywhere(bundle())
    made.process["noNewPrivileges"] = True
    made.process["user"] = {"uid": 5, "gid": 6, "additionalGids": [8, 7]}
    result, explained, run = ran(runtime, made, tmp_path / "times.json", "--narrate=full")
    found = result.json
    for name, link in found["namespaces"].items():
        if link:  # a kernel may be built without
            is_hosts = link == os.readlink(f"/proc/self/ns/{name}")
            assert (run.seen["namespaces"][LONG_NAMES.get(name, name)] == HOST) is is_hosts, name
    points = {line.split()[4] for line in found["mountinfo"]}
    assert set(run.seen["mounts"]) == points
    bounding = [name for name, sets in run.seen["capabilities"].items() if "bounding" in sets.split()]
    assert len(bounding) == int(found["capabilities"]["bounding"]).bit_count()
    identity = {"user": "5", "group": "6", "further groups": "7 8", "no_new_privs": "set", "system calls": "all"}
    assert run.seen["identity"] == identity
    assert run.seen["inside"]["map of uids"] in explained.stages[-1]["inside"].values()
    beside = compared(explained.stages[run.seen_after], run.seen)
    assert [one for one in beside if not one.agrees] == []
    assert {one.panel for one in beside} >= {"namespaces", "mounts", "identity", "capabilities", "inside"}


def test_what_the_plan_could_not_know_is_in_the_file(
    runtime: Runtime, bundle: Callable[..., Bundle], tmp_path: Path
) -> None:
    made = bundle()
    made.linux["maskedPaths"] = ["/proc/nowhere", "/proc/keys"]
    _, explained, run = ran(runtime, made, tmp_path / "times.json")
    by_sentence = {one.sentence: one.number for one in explained.steps}
    assert run.results[by_sentence["hide /proc/nowhere"]] == "not there"
    assert by_sentence["hide /proc/keys"] not in run.results
    assert run.failed == run.seen_after == 0


@pytest.mark.parametrize("of_the_runtime", [False, True])
def test_the_step_that_ended_the_run_is_in_the_file(
    runtime: Runtime, bundle: Callable[..., Bundle], tmp_path: Path, of_the_runtime: bool
) -> None:
    made = bundle()
    if of_the_runtime:
        made.config["hooks"] = {"prestart": [{"path": "/bin/false"}]}
        sentence = "prestart"
    else:
        made.bind("/nowhere/data", "/data")
        sentence = "bind /nowhere/data on /data"
    result, explained, run = ran(runtime, made, tmp_path / "times.json", "--narrate=full")
    assert result.status != 0
    assert sentence in explained.steps[run.failed - 1].sentence
    assert run.why in result.stderr != ""
    assert max(run.durations) == run.failed, "no later step was done"
    assert run.seen_after == 0
