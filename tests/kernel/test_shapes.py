"""What people put into config.json, on any runtime: the table is shapes.py, the reasons in docs/compatibility.md."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from kernel.kit import needs
from kernel.kit.changes import GONE, Change
from kernel.shapes import REFUSED, SHAPES, Row

if TYPE_CHECKING:
    from collections.abc import Callable

    from kernel.kit.bundle import Bundle
    from kernel.kit.runtime import Runtime

pytestmark = [pytest.mark.root, needs.static_busybox()]

PROGRAMS = (
    *("cat", "cut", "df", "echo", "grep", "hostname", "id", "ls"),
    *("mkdir", "pwd", "sh", "stat", "tail", "touch", "tr", "wc"),
)


def merged(base: object, change: Any) -> Any:
    if not isinstance(change, dict):
        return change
    result = dict(base) if isinstance(base, dict) else {}
    for name, value in change.items():
        if name.endswith("+"):
            result[name[:-1]] = [*result[name[:-1]], *value]
        elif value is GONE:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def without_gone(value: Any) -> Any:
    """The same without what is in a list, to which nothing was merged."""
    if isinstance(value, list):
        return [without_gone(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {name: without_gone(one) for name, one in value.items() if one is not GONE}


def shaped(bundle: Callable[..., Bundle], change: Change, look: str) -> Bundle:
    """With `look` for a shell, unless the change has its own `args`: then it is ""."""
    made = bundle()
    shutil.copy(shutil.which("busybox") or "", made.rootfs / "bin")
    for name in PROGRAMS:
        made.link(f"bin/{name}", "busybox")
    made.file("etc/target")
    made.link("etc/link", "target")
    (made.path / "link").symlink_to("rootfs")
    (made.path / "data").mkdir()
    (made.path / "data" / "datum").write_text("bound")
    os.mkfifo(made.path / "pipe")
    made.config["hostname"] = "shape"
    made.process["args"] = ["/bin/sh", "-c", look]
    made.config = without_gone(merged(made.config, change))
    return made


def marked(row: Row) -> Any:
    name, change, look, expected, others = row
    marks = [pytest.mark.deviates(other, "docs/compatibility.md") for other in others.split()]
    return pytest.param(change, look, expected, id=name, marks=marks)


@pytest.mark.parametrize(("change", "look", "expected"), [marked(row) for row in SHAPES])
def test_shapes(runtime: Runtime, bundle: Callable[..., Bundle], change: Change, look: str, expected: object) -> None:
    done = runtime.run(shaped(bundle, change, look))
    if expected is REFUSED:
        assert done.status != 0 and done.stdout == "", done
    else:
        assert (done.status, done.stdout.strip("\n")) == (0, expected), done


def test_the_table_is_one_of_facts() -> None:
    """No name twice, and each row about a change of its own."""
    names = [row[0] for row in SHAPES]
    assert len(set(names)) == len(names) >= 60
    assert all(set(row[4].split()) <= {"runc", "crun"} for row in SHAPES)


def test_a_change_is_merged() -> None:
    assert merged({"a": {"b": 1, "c": [1]}}, {"a": {"b": GONE, "c+": [2]}, "d": {}}) == {"a": {"c": [1, 2]}, "d": {}}
