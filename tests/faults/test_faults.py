"""Some faults of each command, always the same; and that a minirun with a fault of its own is found out.

Each in a process of its own, since that one leaves for other namespaces.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from kernel.kit import needs
from kernel.kit.runtime import PATIENCE

pytestmark = [
    pytest.mark.root,
    needs.program("strace"),
    needs.static_busybox(),
    needs.cgroup2(),
]

HERE = Path(__file__).parent
SEED = "12"


def inflict(*words: str, change: str = "") -> subprocess.CompletedProcess[str]:
    """`change` is a line of Python that spoils minirun, once all that it needs is imported."""
    environment = os.environ | {"PYTHONPATH": f"{HERE.parent}:{HERE.parents[1]}"}
    return subprocess.run(
        [sys.executable, "-c", SPOILED.format(change=change), "--seed", SEED, *words],
        env=environment,
        capture_output=True,
        text=True,
        timeout=280 * PATIENCE,
        check=False,
    )


SPOILED = """
import sys, time
from faults import main, process
begin = main.begin
def begin_spoiled():
    before = begin()
    {change}
    return before
main.begin = begin_spoiled
sys.exit(main.main(""))
"""

GROUPS = (
    ("run", "run (plain)", "run (user)", "run -d"),
    ("create", "create (user)", "start"),
    ("exec", "exec (user)", "exec -d"),
    ("update", "pause", "resume", "kill", "kill --all", "delete", "delete --force"),
)


@pytest.mark.slow
@pytest.mark.parametrize("names", GROUPS, ids=lambda names: names[0])
def test_nothing_is_left_and_all_is_told(names: tuple[str, ...]) -> None:
    done = inflict("--seconds", "1", *names, change="pass")
    assert done.returncode == 0, done.stdout + done.stderr


FORGET = "import minirun.steps as s; s.cgroup.MakeCgroup.undo = s.state.MakeStateDirectory.undo = lambda *_: None"
LITTER = "import minirun.steps.state as s; s.MakeStateDirectory.remove_root = lambda *_: open('/run/litter', 'w')"
MUTE = "import minirun.errors as e; e.StepError.__str__ = lambda error: {}"
REFUSED = "refuse mount 3 of *: EPERM"
# How minirun could be wrong, a fault that shows it, and what is said then.
WRONG = {
    "a failed run leaves something": (LITTER, REFUSED, "the failed command has left a file: /run/litter"),
    "delete leaves something": (FORGET, "kill the runtime before step 20 *", "delete --force leaves a cgroup: "),
    "an error says nothing": (MUTE.format("'no'"), REFUSED, "it does not say what has failed"),
    "an error shows Python": (MUTE.format("'Traceback'"), REFUSED, "the command shows Python"),
    "it hangs": (
        "import minirun.runtime.run as r; process.PATIENCE = 0.5; r.end_process = lambda context: time.sleep(1)",
        REFUSED,
        "the command hangs",
    ),
    "list does not know": (
        "import minirun.runtime.overview as o; o.ids = lambda root: []",
        "kill the runtime before step 30 *",
        "list does not know it",
    ),
}


@pytest.mark.parametrize(("change", "fault", "said"), WRONG.values(), ids=WRONG)
def test_a_wrong_minirun_is_found_out(change: str, fault: str, said: str) -> None:
    done = inflict("--only", fault, "run (plain)", change=change)
    assert done.returncode == 1 and said in done.stdout, done.stdout + done.stderr
