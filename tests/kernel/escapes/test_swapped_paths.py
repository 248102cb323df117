"""Paths of the image that change while minirun walks them: symlink races, and what a symlink alone can do.

Two containers share a volume. One exchanges a directory there with a symlink to the host, without an end (swap.py),
while minirun puts the other together. A runtime that looks a path up and then uses its name goes where the symlink
leads (CVE-2021-30465, CVE-2024-45310).
"""

from __future__ import annotations

import copy
import itertools
import os
from typing import TYPE_CHECKING

import pytest

from kernel.escapes.kit import replacing, shared_volume, swapping, without
from kernel.kit.host import tree
from kernel.kit.typist import at_a_terminal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kernel.escapes.kit import Attacked
    from kernel.kit.bundle import Bundle

pytestmark = [pytest.mark.root, pytest.mark.only("minirun", "it is weakened for the proof")]

TRIES = 10  # mounts, devices … in one container: each is a chance


def mount_points(made: Bundle, message: Path, names: list[str]) -> None:
    for name in names:
        made.mount(name)


def mount_points_for_files(made: Bundle, message: Path, names: list[str]) -> None:
    for name in names:
        made.bind(message, name)


def devices(made: Bundle, message: Path, names: list[str]) -> None:
    null = {"type": "c", "major": 1, "minor": 3, "fileMode": 0o666}
    made.linux["devices"] = [{"path": name, **null} for name in names]


def working_directory(made: Bundle, message: Path, names: list[str]) -> None:
    made.process["cwd"] = names[0]


WAYS = [mount_points, mount_points_for_files, devices, working_directory]


@without("paths-by-name")
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__.replace("_", " "))
def test_nothing_is_made_where_a_swapped_directory_leads(
    attacked: Attacked, bundle: Callable[..., Bundle], place: Path, outside: Path, way: Callable[..., None]
) -> None:
    made = bundle("exit", "0")
    volume = shared_volume(made, place, outside)
    (message := place / "message").write_text("hello")
    before, config = tree(outside), made.config
    numbers = itertools.count()  # each time other names, or they would be there already

    def attempt() -> bool:
        made.config = copy.deepcopy(config)
        way(made, message, [f"/vol/way/{next(numbers)}" for _ in range(TRIES)])
        attacked.try_it(made)
        return tree(outside) != before

    with swapping(volume / "way", volume / "link"):
        assert attacked.race_put_to_test(attempt) == attacked.is_weak


@without("paths-by-name+nodes-anywhere")
def test_no_device_is_made_where_a_swapped_dev_leads(
    attacked: Attacked, bundle: Callable[..., Bundle], outside: Path
) -> None:
    """The image's own /dev changes: CVE-2026-41579 and CVE-2026-47766 with a race. Without one, test_hostile_rootfs.py
    has them."""
    made = bundle("exit", "0")
    made.without_mount("/dev")
    made.link("other", outside)
    made.directory(str(outside))
    before = tree(outside)

    def attempt() -> bool:
        attacked.try_it(made)
        return tree(outside) != before

    with swapping(made.rootfs / "dev", made.rootfs / "other"):
        assert attacked.race_put_to_test(attempt) == attacked.is_weak


@without("copies-by-name")
def test_nothing_is_copied_from_where_a_swapped_directory_leads(
    attacked: Attacked, bundle: Callable[..., Bundle], place: Path, outside: Path
) -> None:
    """tmpcopyup fills a new tmpfs with what lies below, directory by directory."""
    copies = [f"/copy{number}/{name}/secret" for number in range(2) for name in ("way", "link")]
    made = bundle("read", *copies)
    volume = shared_volume(made, place, outside)
    for number in range(2):
        made.bind(volume, f"/copy{number}")
        made.mount(f"/copy{number}", "tmpcopyup")

    def attempt() -> bool:
        return "the host's secret" in attacked.try_it(made).stdout

    with swapping(volume / "way", volume / "link"):
        assert attacked.race(attempt) == attacked.is_weak


@without("owner-by-name")
def test_no_owner_is_set_where_a_swapped_device_leads(
    attacked: Attacked, bundle: Callable[..., Bundle], place: Path, outside: Path
) -> None:
    """The new node is taken away as soon as it is there, and a symlink comes in its place: the next call with that name
    is about the host's file."""
    made = bundle("exit", "0")
    volume = shared_volume(made, place, outside)
    config, numbers = made.config, itertools.count()

    def attempt() -> bool:
        made.config = copy.deepcopy(config)
        null = {"type": "c", "major": 1, "minor": 3, "fileMode": 0o666, "uid": 4711, "gid": 4711}
        names = [str(next(numbers)) for _ in range(TRIES)]
        made.linux["devices"] = [{"path": f"/vol/way/{name}", **null} for name in names]
        for name in names:
            (volume / f"{name}-link").symlink_to(outside / "secret")
        with replacing(*((volume / "way" / name, volume / f"{name}-link") for name in names)):
            attacked.try_it(made)
        return (outside / "secret").stat().st_uid == 4711

    assert attacked.race(attempt) == attacked.is_weak


@without("null-of-the-image")
def test_nothing_but_the_null_device_is_bound_over_a_masked_file(
    attacked: Attacked, bundle: Callable[..., Bundle]
) -> None:
    """CVE-2025-31133, CVE-2025-62161: /dev/null changes after it was made. What it leads to would be bound, writable,
    over what should be hidden; here it is another file of the kernel's that is to be hidden, too."""
    masked = [f"/etc/hidden{number}" for number in range(TRIES)]
    made = bundle("read", *masked)
    made.without_mount("/dev")
    made.file("etc/bait", "the kernel's secret")
    os.mknod(made.rootfs / "dev/null", 0o020666, os.makedev(1, 3))
    made.link("dev/other", "/etc/bait")
    for path in masked:
        made.file(path, "hidden")
    made.linux["maskedPaths"] = masked

    def attempt() -> bool:
        return "the kernel's secret" in attacked.try_it(made).stdout

    with swapping(made.rootfs / "dev/null", made.rootfs / "dev/other"):
        assert attacked.race(attempt) == attacked.is_weak


# ---- what needs no race


@without("files-by-name")
def test_dev_console_is_not_made_outside(attacked: Attacked, bundle: Callable[..., Bundle], outside: Path) -> None:
    """CVE-2026-88264: the image's /dev/console is a symlink to where the host has nothing yet."""
    made = bundle("exit", "0")
    made.without_mount("/dev")
    made.mount("/dev/pts", "newinstance", "ptmxmode=0666", kind="devpts", source="devpts")
    made.link("dev/console", outside / "made")
    run_at_a_terminal(attacked, made)
    assert (outside / "made").exists() == attacked.is_weak


@without("files-by-name")
def test_a_mount_point_for_a_file_is_not_made_outside(
    attacked: Attacked, bundle: Callable[..., Bundle], place: Path, outside: Path
) -> None:
    """The same with any file that is mounted."""
    made = bundle("exit", "0")
    (place / "message").write_text("hello")
    made.link("etc/message", outside / "made")
    made.bind(place / "message", "/etc/message")
    attacked.try_it(made)
    assert (outside / "made").exists() == attacked.is_weak


@without("any-terminal")
def test_the_terminal_is_one(attacked: Attacked, bundle: Callable[..., Bundle], outside: Path) -> None:
    """CVE-2025-52565: where the pseudoterminal should be, a symlink leads to a file, which would be the program's
    standard output and /dev/console."""
    made = bundle("say", "gotcha", "")
    made.without_mount("/dev/pts")
    made.without_mount("/dev")
    made.directory("dev/pts")
    for name in ("0", "ptmx"):
        made.link(f"dev/pts/{name}", outside / "secret")
    run_at_a_terminal(attacked, made)
    assert ((outside / "secret").read_text().startswith("gotcha")) == attacked.is_weak


def run_at_a_terminal(attacked: Attacked, made: Bundle) -> None:
    with at_a_terminal(attacked, made) as typist:
        typist.status()
