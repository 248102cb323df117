"""The same without root: an ordinary user runs minirun, and is who the container's root is outside.

What such a container can spoil is the user's: files, processes, the part of the cgroups that systemd has given to the
user (CVE-2023-25809).
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kernel.escapes.kit import HERE, Attacked, shared_volume, swapping, without
from kernel.kit import needs
from kernel.kit.bundle import Bundle
from kernel.kit.host import tree
from kernel.kit.outside import cgroup2_root
from kernel.kit.runtime import REPOSITORY, TIMEOUT, new_id
from kernel.kit.users import BECOME, PYTHON, UID, give, has_python

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kernel.kit.life import Life
    from kernel.kit.runtime import Runtime

pytestmark = [
    pytest.mark.root,
    pytest.mark.only("minirun", "it is weakened for the proof"),
    needs.command(f"{' '.join(BECOME)} unshare --user true", "only root may make user namespaces here"),
    pytest.mark.skipif(not has_python(), reason=f"{PYTHON} is too old for minirun"),
]


class AttackedOfUser(Attacked):
    """A copy that the user can read, run by the user."""

    def __init__(self, weakening: str, seconds: float, home: Path) -> None:
        super().__init__(weakening, seconds)
        shutil.copytree(REPOSITORY / "minirun", home / "lib/minirun")
        shutil.copy(HERE / "weak.py", home)
        program = [str(home / "weak.py"), weakening] if weakening else ["-m", "minirun"]
        self.argv = [*BECOME, PYTHON, *program]
        (home / "run").mkdir(mode=0o700)
        os.chown(home / "run", UID, UID)
        self.environment |= {"PYTHONPATH": str(home / "lib"), "XDG_RUNTIME_DIR": str(home / "run"), "HOME": str(home)}


class UsersBundle(Bundle):
    def write(self) -> Path:
        give(self)
        return super().write()


@pytest.fixture
def attacked(runtime: Runtime, request: pytest.FixtureRequest, place: Path) -> Attacked:
    return AttackedOfUser(request.param, request.config.getoption("race_seconds"), place)


@pytest.fixture
def bundle(place: Path, probe: Path) -> Callable[..., Bundle]:
    return lambda *args, name="bundle": UsersBundle(place / name, probe, args)


@pytest.fixture
def users_outside(outside: Path) -> Path:
    for path in (outside, *outside.rglob("*")):
        os.chown(path, UID, UID)
    return outside


@without("paths-by-name")
def test_a_users_runtime_makes_nothing_where_a_swapped_directory_leads(
    attacked: Attacked, bundle: Callable[..., Bundle], place: Path, users_outside: Path
) -> None:
    made = bundle("exit", "0")
    volume = shared_volume(made, place, users_outside)
    os.chown(volume / "way", UID, UID)
    before, mounts, numbers = tree(users_outside), list(made.mounts), itertools.count()

    def attempt() -> bool:
        made.config["mounts"] = list(mounts)
        for _ in range(10):
            made.mount(f"/vol/way/{next(numbers)}")
        attacked.try_it(made)
        return tree(users_outside) != before

    with swapping(volume / "way", volume / "link"):
        assert attacked.race_put_to_test(attempt) == attacked.is_weak


@pytest.fixture
def leaked(users_outside: Path) -> Iterator[int]:
    descriptor = os.open(users_outside, os.O_RDONLY | os.O_DIRECTORY)
    yield descriptor
    os.close(descriptor)


@without("descriptors-stay-open")
@pytest.mark.parametrize("command", ["run", "exec"])
def test_a_users_program_has_no_directory_of_the_callers(
    attacked: Attacked, lives: Callable[..., Life], users_outside: Path, leaked: int, command: str
) -> None:
    words = ("attack", f"leak=create:/proc/self/fd/{leaked}/made")
    if command == "run":
        attacked.run(lives(*words).bundle, pass_fds=(leaked,))
    else:
        one = lives().started()
        one.line("exec", one.id, "/probe", *words, pass_fds=(leaked,))
    assert (users_outside / "made").exists() == attacked.is_weak


@without("open-to-tracers+enters-first")
def test_nobody_looks_into_a_users_process_that_joins(
    attacked: Attacked, lives: Callable[..., Life], leaked: int
) -> None:
    hunter = lives("hunt", "secret").started()

    def attempt() -> bool:
        hunter.line("exec", hunter.id, "/probe", "exit", pass_fds=(leaked,))
        return hunter.output() != "ready\n"

    assert attacked.race(attempt) == attacked.is_weak


# ---- cgroups


@pytest.fixture
def users_cgroup() -> Iterator[Path]:
    """A cgroup that is the user's, as systemd makes one at a login."""
    place = cgroup2_root() / f"minirun-test-{os.getpid()}-users"
    place.mkdir()
    os.chown(place, UID, UID)
    yield place
    for path in (*place.glob("*/"), place):
        path.rmdir()


@needs.cgroup2()
@without("hosts-cgroups")
def test_a_users_container_has_no_cgroup_of_the_hosts(
    attacked: Attacked, bundle: Callable[..., Bundle], users_cgroup: Path
) -> None:
    """CVE-2023-25809: without a cgroup namespace, and a cgroup of its own, /sys/fs/cgroup would be the host's, and what
    is the user's in there can be written."""
    made = bundle("attack", f"cgroup=mkdir:/sys/fs/cgroup/{users_cgroup.name}/made")
    made.mount("/sys/fs/cgroup", "nosuid", "noexec", "nodev", kind="cgroup", source="cgroup")
    assert attacked.run(made).status == 0
    assert (users_cgroup / "made").exists() == attacked.is_weak


# ---- helpers with more rights than the user


@needs.program("newuidmap")
@without("callers-environment")
def test_the_helpers_are_not_found_by_the_callers_path(
    attacked: Attacked, bundle: Callable[..., Bundle], place: Path
) -> None:
    """newuidmap is set-user-id, and config.json may be somebody else's: neither the caller's PATH nor the program's
    variables lead to another program, or into that one."""
    made = bundle("exit", "0")
    (place / "bin").mkdir()
    (false := place / "bin/newuidmap").write_text(f"#!/bin/sh\n: > {place}/run/called\n")
    false.chmod(0o755)
    made.process["env"] = [f"PATH={place}/bin"]
    made.write()
    made.linux["uidMappings"] = [
        {"containerID": 0, "hostID": UID, "size": 1},
        {"containerID": 1, "hostID": 1, "size": 9},
    ]
    (made.path / "config.json").write_text(json.dumps(made.config))
    line = attacked.command(made, new_id())
    path = {"PATH": f"{place}/bin:{os.environ['PATH']}"}
    subprocess.run(line, env=attacked.environment | path, capture_output=True, timeout=TIMEOUT, check=False)
    assert (place / "run/called").exists() == attacked.is_weak
