"""`--sample`: which tests the test machine repeats beside a host that runs all of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from kernel.kit.runtime import REPOSITORY

if TYPE_CHECKING:
    from types import ModuleType

    import pytest


class Item(NamedTuple):
    nodeid: str
    path: Path
    mark: str = ""

    def get_closest_marker(self, name: str) -> str | None:
        return name if name == self.mark else None


def items_of(file: str, number: int, mark: str = "") -> list[Item]:
    path = Path(f"tests/kernel/{file}.py")
    return [Item(f"{path}::test_{one}[{value}]", path, mark) for one in range(number) for value in "ab"]


def shared(pytestconfig: pytest.Config) -> ModuleType:
    """tests/conftest.py, which pytest has imported under a name that others have too."""
    plugins, path = pytestconfig.pluginmanager, f"{REPOSITORY}/tests/conftest.py"
    return next(plugin for plugin in plugins.get_plugins() if getattr(plugin, "__file__", "") == path)


def test_what_only_the_machine_has_is_whole(pytestconfig):
    items = [*items_of("test_limits", 3), *items_of("test_mounts", 1, "machine")]
    assert shared(pytestconfig).sample(items) == items


def test_of_others_there_is_one_value(pytestconfig):
    items = items_of("test_lifecycle", 3)
    assert shared(pytestconfig).sample(items) == items[::2]


def test_of_what_is_the_same_anywhere_there_is_a_fifth(pytestconfig):
    items = items_of("test_mounts", 10)
    chosen = shared(pytestconfig).sample(items)
    assert len(chosen) == 2 and set(chosen) < set(items[::2])


def test_the_tables_name_files_that_there_are(pytestconfig):
    here = {path.stem for path in (REPOSITORY / "tests").rglob("test_*.py")}
    tables = shared(pytestconfig)
    assert here >= {*tables.ABOUT_THE_MACHINE, *tables.THE_SAME_ANYWHERE}
    assert not {*tables.ABOUT_THE_MACHINE} & {*tables.THE_SAME_ANYWHERE}
