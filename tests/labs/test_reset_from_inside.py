"""`lab reset`, typed in a shell that the student has put into a cgroup of the lab's, leaves that shell alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from labs.student import Student
from minirun.cgroups.hierarchy import mount_point

if TYPE_CHECKING:
    from pathlib import Path

    from kernel.kit.runtime import Runtime

pytestmark = [pytest.mark.root, pytest.mark.only("minirun", "its own labs")]

SCRIPT = """
mkdir {cgroup} || exit
echo $$ >{cgroup}/cgroup.procs
sleep 4711 &
minirun lab reset 00
echo "still here, in $(grep ^0:: /proc/$$/cgroup)"
"""


def test_the_shell_goes_on_at_the_root_of_the_hierarchy(place: Path, runtime: Runtime) -> None:
    student = Student("00", place, runtime)
    student.start()
    script = place / "script"
    script.write_text(SCRIPT.format(cgroup=f"{mount_point()}/lab00shell"))
    done = student.script(str(script))
    assert "still here, in 0::/\n" in done.stdout, done.stdout
    assert student.left() == []
