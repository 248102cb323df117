"""user_namespaces(7): maps for a user other than root, by newuidmap(1) and newgidmap(1).

The user and what root grants to it are in files that are bound over those of /etc, in a mount namespace of the test's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kernel.kit import needs

USER = 54321
DRIVER = Path(__file__).parent / "kit" / "map_driver.py"
REPOSITORY = Path(__file__).parents[2]
BECOME = f"setpriv --reuid {USER} --regid {USER} --clear-groups"

pytestmark = [
    pytest.mark.root,
    needs.program("newuidmap"),
    needs.program("newgidmap"),
    needs.command(f"{BECOME} {sys.executable} -c 'import json'", "other users can't run this Python"),
    needs.command(f"{BECOME} unshare --user true", "only root may make user namespaces here"),
]

SCRIPT = f"""
for name in passwd subuid subgid; do mount --bind "$1/$name" "/etc/$name"; done
shift
exec {BECOME} "$@"
"""


@pytest.fixture
def granted(place: Path) -> Path:
    """A directory with the three files of /etc: the user may have 1000 ids from 700000 on."""
    (place / "passwd").write_text(
        f"{Path('/etc/passwd').read_text().rstrip()}\nminirun-test:x:{USER}:{USER}::/:/bin/sh\n"
    )
    for name in ("subuid", "subgid"):
        (place / name).write_text("minirun-test:700000:1000\n")
    return place


def drive(etc: Path, uids: str, gids: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, str(DRIVER), uids, gids]
    return subprocess.run(
        ["unshare", "--mount", "sh", "-c", SCRIPT, "sh", str(etc), *words],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def told(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_user_maps_what_root_has_granted(granted: Path) -> None:
    inside = told(drive(granted, f"0,{USER},1:1,700000,1000", f"0,{USER},1:1,700000,1000"))
    expected = ["0", str(USER), "1", "1", "700000", "1000"]
    assert inside["uid_map"] == inside["gid_map"] == expected
    assert (inside["uid"], inside["gid"]) == (0, 0)


def test_the_process_is_closed_to_tracers_again(granted: Path) -> None:
    """ptrace(2): what it has open belongs to nobody of the namespace (CVE-2016-9962)."""
    inside = told(drive(granted, f"0,{USER},1:1,700000,1000", f"0,{USER},1:1,700000,1000"))
    assert inside["owner"] != 0


@pytest.mark.parametrize(
    ("uids", "gids", "file"),
    [
        (f"0,{USER},1:1,700000,1001", f"0,{USER},1", "/etc/subuid"),
        ("0,0,1", f"0,{USER},1", "/etc/subuid"),
        (f"0,{USER},1:1,700000,10", "0,0,10", "/etc/subgid"),
    ],
)
def test_what_root_has_not_granted_is_refused(granted: Path, uids: str, gids: str, file: str) -> None:
    done = drive(granted, uids, gids)
    assert done.returncode == 1
    assert "not allowed" in done.stderr
    assert file in done.stderr
