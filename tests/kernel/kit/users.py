"""A user who is not root, and the runtime under test as that user runs it."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kernel.kit import runtime as kit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kernel.kit.bundle import Bundle

UID = 54321  # nobody's


def become(uid: int) -> list[str]:
    """Words that make a command another user's, whose group has the same number."""
    return ["setpriv", "--reuid", str(uid), "--regid", str(uid), "--clear-groups"]


BECOME = become(UID)
PYTHON = "/usr/bin/python3"


class UsersRuntime(kit.Runtime):
    """Every command is the user's. It has a directory for its books, as a login would give it one."""

    def __init__(self, runtime: kit.Runtime, home: Path) -> None:
        self.name, self.become, self.argv = runtime.name, BECOME, [*BECOME, *runtime.argv]
        self.books = home / "run"
        self.books.mkdir(mode=0o700)
        os.chown(self.books, UID, UID)
        self.environment = runtime.environment | {"XDG_RUNTIME_DIR": str(self.books), "HOME": str(home)}
        if self.name == "minirun" and not self.works():
            self.install(home)

    def works(self) -> bool:
        """Whether the user can read what the runtime consists of."""
        words = [*self.argv, "--version"]
        return subprocess.run(words, env=self.environment, capture_output=True, check=False).returncode == 0

    def install(self, home: Path, python: str = PYTHON) -> None:
        """A copy of minirun for the user to read, run by the system's Python."""
        if not (home / "lib").exists():
            shutil.copytree(kit.REPOSITORY / "minirun", home / "lib" / "minirun")
        self.argv = [*self.become, python, "-m", "minirun"]
        self.environment = self.environment | {"PYTHONPATH": str(home / "lib")}

    def drive(self, bundle: Bundle, index: int) -> subprocess.CompletedProcess[str]:
        """Fail before this step of the bundle's plan: plan_driver.py."""
        home = self.books.parent
        driver = home / "plan_driver.py"
        shutil.copy(Path(__file__).with_name("plan_driver.py"), driver)
        self.install(home)
        words = [*BECOME, PYTHON, str(driver), str(bundle.path), kit.new_id(), str(index), "fail"]
        return subprocess.run(
            words, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )

    def use_own_python(self, home: Path) -> None:
        """Run it by an interpreter that belongs to the user, who could write to it."""
        own = home / "python"
        shutil.copy(os.path.realpath(PYTHON), own)
        os.chown(own, UID, UID)
        self.install(home, str(own))


class LoggedInRuntime(UsersRuntime):
    """By a user whom systemd knows, and who has a systemd of the own: user@.service(5). It makes the cgroups.

    What a login mounts is in the host's mount namespace, which these tests have left."""

    def __init__(self, runtime: kit.Runtime, home: Path, uid: int) -> None:
        self.name, self.become = runtime.name, ["nsenter", "--target=1", "--mount", *become(uid)]
        self.books = Path(f"/run/user/{uid}")
        self.argv = [*self.become, *runtime.argv, "--systemd-cgroup"]
        self.environment = runtime.environment | {"XDG_RUNTIME_DIR": str(self.books), "HOME": str(home)}


@contextlib.contextmanager
def somebody_with_systemd() -> Iterator[int]:
    """The number of a user whose systemd runs for as long."""
    found = next((one.pw_uid for one in pwd.getpwall() if 1000 <= one.pw_uid < 60000), None)
    if found is None or not Path("/run/systemd/system").is_dir():
        pytest.skip("needs a user whom systemd knows")
    service = f"user@{found}.service"
    was_there = subprocess.run(["systemctl", "--quiet", "is-active", service], check=False).returncode == 0
    subprocess.run(["systemctl", "start", service], check=True, timeout=kit.TIMEOUT)
    try:
        yield found
    finally:
        if not was_there:
            subprocess.run(["systemctl", "stop", service], check=False, timeout=kit.TIMEOUT)


def give(bundle: Bundle, uid: int = UID) -> None:
    """Makes the bundle the user's, with a config.json that maps the user's id to root."""
    bundle.user_namespace(uid, 1)
    for path in (bundle.path, *bundle.path.rglob("*")):
        os.chown(path, uid, uid, follow_symlinks=False)


def has_python() -> bool:
    """Whether the system's Python can run minirun; the tests' own may lie where the user can't enter."""
    code = "import sys; sys.exit(sys.version_info < (3, 11))"
    return sys.version_info >= (3, 11) and subprocess.run([PYTHON, "-c", code], check=False).returncode == 0
