"""What explain says about system calls is what a run makes, as strace(1) sees it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kernel.kit import needs
from kernel.kit.runtime import new_id
from minirun.plan.container import Options
from minirun.teach.explanation import explain

if TYPE_CHECKING:
    from collections.abc import Callable

    from kernel.kit.bundle import Bundle
    from kernel.kit.runtime import Runtime

pytestmark = [pytest.mark.root, pytest.mark.only("minirun", "only it explains itself"), needs.program("strace")]

# These calls are all in the plan, but for lookups of what is there already. Others, such as openat and close, are made
# for many more reasons.
TRACED = (
    *(
        "clone3",
        "unshare",
        "setns",
        "sethostname",
        "setsid",
        "mount",
        "open_tree",
        "mount_setattr",
        "move_mount",
        "fsopen",
        "fsmount",
    ),
    *("pivot_root", "umount2", "mknodat", "symlinkat", "close_range", "capset", "setresuid", "setresgid", "keyctl"),
)
# Much of what comes before is for minirun itself: the mount that its interpreter lies on.
FORK = re.compile(r"^(?:\d+ +)?(?:v?fork|clone3?)\(")
# The file is one of the kernel's options, and the link to it is left out where it is not.
HAS_KCORE = Path("/proc/kcore").exists()


@needs.clone()
def test_a_run_makes_the_calls_that_explain_names(runtime: Runtime, bundle: Callable[..., Bundle], place: Path) -> None:
    container = bundle("exit", "0")
    container.namespace("cgroup")
    container.config["hostname"] = "explained"
    container.config["root"]["readonly"] = True
    container.bind(place, "/mnt", "ro", "rslave")
    container.linux["readonlyPaths"] = ["/proc/sys"]
    container.write()
    log = place / "strace"
    command = ["strace", "-f", "-o", str(log), "-e", f"trace=fork,vfork,clone,{','.join(TRACED)}"]
    name = new_id()
    words = [*command, *runtime.command(container, name)]
    run = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    explained = explain(Options(id=name, bundle=str(container.path)))
    forks = next(step for step in explained.steps if step.sentence.startswith("fork"))
    made = [step for step in explained.steps[forks.number - 1 :] if HAS_KCORE or "/proc/kcore" not in step.sentence]
    calls = [call for step in made for call in step.calls]
    assert told(calls) == seen(log.read_text().splitlines())


def told(calls: list[str]) -> list[tuple[str, frozenset[str]]]:
    plain = [re.sub(r"^\w+ = ", "", call) for call in calls]
    return [shape(call) for call in plain if call.split("(")[0] in TRACED]


def seen(lines: list[str]) -> list[tuple[str, frozenset[str]]]:
    """From the fork on. KEYCTL_DESCRIBE only asks."""
    begun = next(number for number, line in enumerate(lines) if FORK.match(line))
    calls = [re.sub(r"^\d+ +", "", line) for line in lines[begun:]]
    return [shape(call) for call in calls if call.split("(")[0] in TRACED and "KEYCTL_DESCRIBE" not in call]


def shape(call: str) -> tuple[str, frozenset[str]]:
    """The name and the flags; strace writes O_RDONLY and the like, which are zero, too."""
    flags = re.findall(r"\b(?:MS|MNT|MOUNT_ATTR|OPEN_TREE|MOVE_MOUNT|AT|CLONE|CAP|S|CLOSE_RANGE)_[A-Z_]+", call)
    return call.split("(")[0], frozenset(flags)
