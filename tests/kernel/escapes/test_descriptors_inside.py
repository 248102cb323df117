"""What a container is given by descriptor: a directory of the host that stays open is a way out (CVE-2024-21626).

The caller of minirun has one open, and means nothing by it, as engines have had. Whatever runs in the container tries
to make a file there.
"""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from kernel.escapes.kit import swapping, without

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from kernel.escapes.kit import Attacked
    from kernel.kit.bundle import Bundle
    from kernel.kit.life import Life

pytestmark = [pytest.mark.root, pytest.mark.only("minirun", "it is weakened for the proof")]


@pytest.fixture
def leaked(outside: Path) -> Iterator[int]:
    """A descriptor of a directory of the host, as the caller has it open, and as minirun gets it."""
    descriptor = os.open(outside, os.O_RDONLY | os.O_DIRECTORY)
    yield descriptor
    os.close(descriptor)


# ---- by the descriptor


@without("descriptors-stay-open")
def test_a_program_has_no_directory_of_the_callers(
    attacked: Attacked, bundle: Callable[..., Bundle], outside: Path, leaked: int
) -> None:
    made = bundle("attack", f"leak=create:/proc/self/fd/{leaked}/made")
    attacked.run(made, pass_fds=(leaked,))
    assert (outside / "made").exists() == attacked.is_weak


@without("descriptors-stay-open")
def test_a_further_process_has_none(attacked: Attacked, lives: Callable[..., Life], outside: Path, leaked: int) -> None:
    one = lives().started()
    deed = f"leak=create:/proc/self/fd/{leaked}/made"
    one.line("exec", one.id, "/probe", "attack", deed, pass_fds=(leaked,))
    assert (outside / "made").exists() == attacked.is_weak


@without("descriptors-stay-open")
def test_a_hook_in_the_container_has_none(
    attacked: Attacked, bundle: Callable[..., Bundle], outside: Path, leaked: int
) -> None:
    """The program of a startContainer hook is the image's."""
    made = bundle("exit", "0")
    words = ["/probe", "attack", f"leak=create:/proc/self/fd/{leaked}/made"]
    made.config["hooks"] = {"startContainer": [{"path": "/probe", "args": words}]}
    attacked.run(made, pass_fds=(leaked,))
    assert (outside / "made").exists() == attacked.is_weak


# ---- by the working directory


@without("directory-anywhere+enters-first")
@pytest.mark.parametrize("by", ["descriptor", "symlink"])
def test_a_further_process_does_not_begin_in_one(
    attacked: Attacked, lives: Callable[..., Life], outside: Path, leaked: int, by: str
) -> None:
    one = lives()
    one.bundle.link("mnt/link", f"/proc/self/fd/{leaked}")
    one.started()
    cwd = "/mnt/link" if by == "symlink" else f"/proc/self/fd/{leaked}"
    one.line("exec", "--cwd", cwd, one.id, "/probe", "attack", "cwd=create:made", pass_fds=(leaked,))
    assert (outside / "made").exists() == attacked.is_weak


@without("directory-anywhere")
def test_a_program_does_not_begin_in_one_by_a_swapped_symlink(
    attacked: Attacked, bundle: Callable[..., Bundle], place: Path, outside: Path, leaked: int
) -> None:
    """The directory is looked at before the root changes, when such links are refused, and entered afterwards."""
    made = bundle("attack", "cwd=create:made")
    (place / "volume" / "way").mkdir(parents=True)
    (place / "volume" / "link").symlink_to(f"/proc/self/fd/{leaked}")
    made.bind(place / "volume", "/vol")
    made.process["cwd"] = "/vol/way"

    def attempt() -> bool:
        attacked.try_it(made, pass_fds=(leaked,))
        return (outside / "made").exists()

    with swapping(place / "volume" / "way", place / "volume" / "link"):
        assert attacked.race(attempt) == attacked.is_weak


# ---- by the null device


@without("null-by-name")
def test_a_symlink_at_dev_null_brings_no_file(attacked: Attacked, lives: Callable[..., Life], place: Path) -> None:
    """CVE-2026-88265: a running container has a symlink to a volume at /dev/null. A further process that is to write
    nowhere would write there."""
    one = lives()
    (place / "file").write_text("the host's\n")
    one.bundle.bind(place / "file", "/mnt/file")
    one.bundle.write()
    one.started()
    null = one.process.inside("/dev/null")
    null.unlink()
    null.symlink_to("/mnt/file")
    words = [*attacked.argv, "exec", one.id, "/probe", "say", "gotcha", ""]
    subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=attacked.environment, check=False)
    assert ((place / "file").read_text() != "the host's\n") == attacked.is_weak
