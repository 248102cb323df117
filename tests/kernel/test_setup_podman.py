"""`minirun setup podman`: after it podman runs containers by minirun, and after --undo it does not know it. It changes
the machine's own configuration, so only a machine to throw away is asked."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kernel.kit import needs
from kernel.kit.runtime import TIMEOUT, Runtime
from minirun.teach.throw_away import MARK, is_throw_away

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Podman = Callable[..., str]

pytestmark = [
    pytest.mark.root,
    pytest.mark.only("minirun", "others have no such command"),
    pytest.mark.skipif(not is_throw_away(), reason=f"changes /etc/containers: only where there is {MARK}"),
    needs.program("podman"),
    needs.static_busybox(),
]

FILE = Path("/etc/containers/containers.conf.d/minirun.conf")
IMAGE = "minirun-test-setup"


def out(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, timeout=3 * TIMEOUT, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def setup(runtime: Runtime) -> Iterator[Podman]:
    """Runs `minirun setup podman` with some words; whatever the test does, nothing of it stays."""
    assert not FILE.exists()
    yield lambda *words: out(*runtime.argv, "setup", "podman", *words)
    FILE.unlink(missing_ok=True)


@pytest.fixture
def image(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "bin").mkdir()
    shutil.copy(shutil.which("busybox") or "", tmp_path / "bin")
    for name in ("cat", "sleep"):
        os.symlink("busybox", tmp_path / "bin" / name)
    out("tar", "-cf", f"{tmp_path}/image.tar", "-C", str(tmp_path), "bin")
    out("podman", "import", "--quiet", f"{tmp_path}/image.tar", IMAGE)
    yield IMAGE
    out("podman", "rmi", "--force", IMAGE)


def run(image: str, *options: str) -> str:
    """The runtime that podman has for a container, and minirun knows of it if that is minirun."""
    name = out("podman", *options, "run", "--detach", "--network", "none", image, "sleep", "600").strip()
    try:
        told = out("podman", "inspect", "--format", "{{.OCIRuntime}}", name).strip()
        assert Path("/run/minirun", name).exists() == (told == "minirun")
        return told
    finally:
        out("podman", "rm", "--force", "--time", "0", name)


def test_podman_runs_by_minirun_what_names_it(setup: Podman, image: str) -> None:
    before = run(image)
    assert before != "minirun"
    setup("--write")
    assert run(image, "--runtime", "minirun") == "minirun"
    assert run(image) == before, "the others are as they were"


def test_podman_runs_everything_by_minirun_where_it_is_the_default(setup: Podman, image: str) -> None:
    before = run(image)
    setup("--write", "--default")
    assert run(image) == "minirun"
    assert run(image, "--runtime", before) == before, "podman still knows the others"
    setup("--undo")
    assert not FILE.exists() and run(image) == before


def test_what_podman_asks_about_a_runtime_is_answered(setup: Podman, image: str) -> None:
    """runtime_supports_json: an error comes to podman as words, not as JSON; runtime_supports_nocgroup."""
    setup("--write", "--default")
    words = ["podman", "run", "--rm", "--network", "none"]
    failed = subprocess.run([*words, image, "/nothing"], capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert failed.returncode == 127 and "no such file or directory" in failed.stderr and "{" not in failed.stderr
    assert out(*words, "--cgroups", "disabled", image, "cat", "/proc/1/comm") == "cat\n"


def test_users_without_root_read_the_same(setup: Podman) -> None:
    setup("--write", "--default")
    told = out("su", "-", "student", "-c", "podman info --format '{{.Host.OCIRuntime.Name}}'")
    assert told == "minirun\n"
