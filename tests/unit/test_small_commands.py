"""What the small commands import of minirun: an engine calls them all the time, and none of them needs all of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from unit.test_directory import CONFIG, GOOD

HOME = Path(__file__).parents[2]

COMMAND_LINE = {"actions", "environment", "looking", "output", "quick", "spelling", "start", "table", "values"}
PLAN_AGAIN = {"plan.options", "plan.hooks", "plan.notify"}
STEPS_AGAIN = {"steps.context", "steps.paths", "steps.shell", "steps.step", "steps.told"}

# What a command may import of the rooms in which the path of a run lies.
MAY_IMPORT = {
    "--version": set(),
    "features": {"plan.hooks", "plan.mount_options", "steps.told"},
    "state web": {"steps.layout"},
    "list": {"steps.layout"},
    "kill web": {"steps.layout", "steps.step", "steps.context"},  # the log tells why not
    "start web": {"plan.start", "steps.layout", "steps.program", *PLAN_AGAIN, *STEPS_AGAIN},
    "delete web": {
        *(
            "plan.lasting",
            "plan.cgroup",
            "plan.resctrl",
            "steps.layout",
            "steps.state",
            "steps.cgroup",
            "steps.cgroup_removal",
            "steps.named_file",
        ),
        *PLAN_AGAIN,
        *STEPS_AGAIN,
    },
}
NO_CONFIG = ("--version", "state web", "list", "kill web")  # these have nothing to do with what it says


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A state directory with the books of a container that has ended."""
    place = tmp_path / "web"
    place.mkdir()
    (place / "lock").touch()
    (place / "state.json").write_text(json.dumps(GOOD))
    config = CONFIG | {"linux": {"namespaces": [{"type": "mount"}]}}  # without one, its root is something to undo
    (place / "config.json").write_text(json.dumps(config))
    return tmp_path


@pytest.mark.parametrize("command", MAY_IMPORT)
def test_a_command_imports_what_it_needs(command: str, root: Path) -> None:
    found = imported(command, root)
    assert "cli.start" in found
    assert {name for name in found if room(name) in ("plan", "steps")} <= MAY_IMPORT[command]
    assert {name for name in found if room(name) == "cli"} <= {f"cli.{name}" for name in COMMAND_LINE}
    assert not [name for name in found if room(name) in ("teach", "labs", "api", "metrics", "network")]
    if command in NO_CONFIG:
        assert not [name for name in found if room(name) in ("spec", "cgroups")]


DRIVER = """
import sys
sys.path.append(sys.argv[1])
from minirun.cli.start import start
start(sys.argv[2:])
print(*sys.modules, sep="\\n", file=sys.stderr)
"""


def imported(command: str, root: Path) -> set[str]:
    """The names of minirun's modules, without "minirun.". Not by __main__.py, which has them all from one file."""
    words = [command] if command == "--version" else ["--root", str(root), *command.split()]
    told = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", DRIVER, str(HOME), *words], capture_output=True, text=True
    )
    return {name.removeprefix("minirun.") for name in told.stderr.splitlines() if name.count(".") > 1}


def room(name: str) -> str:
    return name.partition(".")[0]
