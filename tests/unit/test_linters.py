"""The style as tests: the linters' word, and that the rooms of the house import in one direction only."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).parents[2]
PACKAGE = REPOSITORY / "minirun"

# Python programs whose names do not end in .py.
PYTHON_SCRIPTS = (
    *("bench/document", "bench/growth", "bench/prices", "bench/run", "bench/soak", "bench/waterfall"),
    *("docs/draw", "docs/record"),
    *("tests/faults/run", "tests/fuzz/run", "tests/vm/run", "tests/vm/test"),
)

# Where shell scripts live. Which of the files there are some, their first lines tell.
LABS = tuple(str(path.relative_to(REPOSITORY)) for path in PACKAGE.glob("labs/lab*/**") if path.is_dir())
EXAMPLES = tuple(str(path.relative_to(REPOSITORY)) for path in (REPOSITORY / "examples").glob("**") if path.is_dir())
SHELL_FOLDERS = (".", ".ci", "bench", "rootfs", "scripts", "tests/vm", "tests/vm/guest", "classroom", *EXAMPLES, *LABS)


# ---- linters


def lint(tool: str, *words: str) -> None:
    """Runs a linter that is installed beside this Python, or else on $PATH, and expects that it finds nothing."""
    path = shutil.which(tool, path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if path is None:
        pytest.skip(f"{tool} is not installed")
    done = subprocess.run([path, *words], cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join([tool, *words])}\n{done.stdout}{done.stderr}"


def test_ruff_check() -> None:
    lint("ruff", "check", "--quiet", "--output-format=concise", ".", *PYTHON_SCRIPTS)


def test_ruff_format() -> None:
    lint("ruff", "format", "--check", "--quiet", ".", *PYTHON_SCRIPTS)


def test_mypy_strict() -> None:
    lint("mypy", "--strict", "minirun")


def test_shellcheck() -> None:
    lint("shellcheck", "--external-sources", *shell_scripts())


def shell_scripts() -> list[str]:
    files = (path for folder in SHELL_FOLDERS for path in sorted((REPOSITORY / folder).iterdir()) if path.is_file())
    return [str(path.relative_to(REPOSITORY)) for path in files if is_shell_script(path)]


def is_shell_script(path: Path) -> bool:
    with path.open(errors="replace") as file:
        first = file.readline()
    return path.suffix == ".sh" or first.startswith(("#!/bin/sh", "#!/bin/bash"))


def test_shellcheck_is_given_the_scripts() -> None:
    """The scripts that are known to be there, so that a wrong pattern above can't make the test above empty."""
    assert {"try", "test", ".ci/run", "rootfs/busybox", "rootfs/common.sh", "scripts/setup.sh"} <= set(shell_scripts())


def test_lines_of_shell_scripts_are_short() -> None:
    """ruff holds the same limit for Python."""
    for name in shell_scripts():
        for number, line in enumerate((REPOSITORY / name).read_text().splitlines(), start=1):
            assert len(line) <= 120, f"{name}:{number} has {len(line)} characters"


# ---- imports

# Each may import what stands after it.
STREET = ("__main__", "cli", "api", "operations", "runtime", "plan", "steps", "cgroups", "kernel")
# These may import what the runtime may, and only the command line imports them.
EXTRAS = ("teach", "labs", "engines", "metrics", "network", "images")
EVERYWHERE = {
    "__init__",
    "errors",
    "one_file",
    "one_line",
    "quick_json",
    "record",
    "safe",
}  # but for the kernel room, which imports nothing of ours

MAY_IMPORT = {room: EVERYWHERE | set(STREET[place + 1 :]) for place, room in enumerate(STREET)}
MAY_IMPORT |= {extra: MAY_IMPORT["runtime"] | set(EXTRAS) for extra in EXTRAS}
MAY_IMPORT["cli"] |= set(EXTRAS)
MAY_IMPORT["labs"] |= {"operations", "runtime"}  # `lab reset` deletes containers
MAY_IMPORT["metrics"] |= {"api", "operations", "runtime"}  # books, statistics; a health check is an `exec`
MAY_IMPORT["engines"] = EVERYWHERE | {"kernel"}  # other programs' files
MAY_IMPORT["network"] = EVERYWHERE | {"kernel"}  # a program for hooks, which knows nothing of the runtime
MAY_IMPORT["images"] = EVERYWHERE | {"kernel"}
MAY_IMPORT["kernel"] = set()
MAY_IMPORT["spec"] = set(EVERYWHERE)
MAY_IMPORT |= {name: set(EVERYWHERE) for name in EVERYWHERE}
MAY_IMPORT["__init__"] |= {"api", "operations"}  # what `from minirun import …` gives, imported when it is asked for
for above_spec in ("cli", "api", "operations", "runtime", *EXTRAS, "plan"):
    MAY_IMPORT[above_spec].add("spec")

# Modules of a room that is closed otherwise.
OPEN_DOORS = {("cgroups", "minirun.spec.config")}  # the typed records of linux.resources


def python_files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


class WithoutTypes(ast.NodeTransformer):
    """Leaves out what only a type checker imports."""

    def visit_If(self, node: ast.If) -> list[ast.stmt] | ast.If:
        return node.orelse if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING" else node


def imports(path: Path, at_run_time: bool = False) -> Iterator[tuple[int, str]]:
    """Line and full dotted name of all that a file imports, wherever in the file that is."""
    package = ("minirun", *path.relative_to(PACKAGE).parent.parts)
    tree = ast.parse(path.read_text())
    for node in ast.walk(WithoutTypes().visit(tree) if at_run_time else tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = [*base, *filter(None, [node.module])]
            yield from ((node.lineno, ".".join([*module, alias.name])) for alias in node.names)


def room_of(path: Path) -> str:
    """The room that a file is in, or for those at the top of the package its own name."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def room_of_import(name: str) -> str | None:
    """The room that an imported name is in; None for a name that is not ours."""
    first, second, *_ = [*name.split("."), ""]
    if first != "minirun":
        return None
    is_module = (PACKAGE / second).is_dir() or (PACKAGE / f"{second}.py").is_file()
    return second if second and is_module else "__init__"


def wrong_imports(path: Path) -> list[str]:
    room = room_of(path)
    return [
        f"{path.relative_to(REPOSITORY)}:{line}: {room} may not import {name}"
        for line, name in imports(path)
        if room_of_import(name) not in {None, room} | MAY_IMPORT[room]
        and (room, ".".join(name.split(".")[:3])) not in OPEN_DOORS
    ]


def test_imports_point_down() -> None:
    """docs/architecture.md, "Rooms". Imports inside functions and under TYPE_CHECKING count as well."""
    unknown = {room_of(path) for path in python_files()} - MAY_IMPORT.keys()
    assert not unknown, f"give these rooms a place in the table of {__file__}: {unknown}"
    assert [wrong for path in python_files() for wrong in wrong_imports(path)] == []


def modules() -> dict[str, Path]:
    """All of ours by their dotted names."""
    return {".".join(("minirun", *path.relative_to(PACKAGE).with_suffix("").parts)): path for path in python_files()}


def imported(path: Path, ours: dict[str, Path]) -> set[str]:
    """Which of our modules a file imports when it runs, wherever in it that is."""
    names = (name for _line, name in imports(path, at_run_time=True))
    return {module for name in names for module in (name, name.rpartition(".")[0]) if module in ours}


def circle(of: str, imports_of: dict[str, set[str]]) -> list[str]:
    """The shortest way from a module back to it; empty where there is none."""
    ways = [[of]]
    seen: set[str] = set()
    for way in ways:
        for name in sorted(imports_of[way[-1]] - seen):
            if name == of:
                return [*way, of]
            seen.add(name)
            ways.append([*way, name])
    return []


def test_no_circle_of_imports() -> None:
    """Within a room, too: what two files need of each other belongs into a third, or is handed over by their caller.
    Imports inside functions count, those under TYPE_CHECKING are for the reader's eye."""
    ours = modules()
    imports_of = {name: imported(path, ours) for name, path in ours.items()}
    circles = (circle(name, imports_of) for name in ours)
    assert [" -> ".join(way) for way in circles if way] == []


@pytest.mark.parametrize(
    ("first", "second", "way"),
    [
        ("from . import second", "", []),
        ("from . import second", "from .first import name", ["minirun.first", "minirun.second", "minirun.first"]),
        (
            "def late():\n    from .second import name",
            "from minirun import first",
            ["minirun.first", "minirun.second", "minirun.first"],
        ),
        ("from . import second", "if TYPE_CHECKING:\n    from .first import name", []),
    ],
)
def test_the_test_of_circles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str, second: str, way: list[str]
) -> None:
    monkeypatch.setitem(globals(), "PACKAGE", tmp_path)
    (tmp_path / "first.py").write_text(first)
    (tmp_path / "second.py").write_text(second)
    ours = modules()
    assert circle("minirun.first", {name: imported(path, ours) for name, path in ours.items()}) == way


def test_one_function_is_called_run() -> None:
    """The one that `from minirun import run` gives. A reader who looks for another finds it by what it does."""
    functions = (
        (path.relative_to(PACKAGE), node.name)
        for path in python_files()
        if room_of(path) != "labs"
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef)
    )
    assert [str(path) for path, name in functions if name == "run"] == ["api/container.py"]


def test_only_the_command_line_imports_click() -> None:
    importers = {room_of(path) for path in python_files() for _, name in imports(path) if name.split(".")[0] == "click"}
    assert importers <= {"cli"}


@pytest.mark.parametrize(
    ("room", "text", "allowed"),
    [
        ("cli", "from ..runtime import run", True),
        ("api", "from .. import operations", True),
        ("api", "from ..cli import table", False),
        ("runtime", "from .. import operations", False),
        ("steps", "from ..kernel.libc import call", True),
        ("cgroups", "from ..spec.config import Memory", True),
        ("plan", "from .. import __version__", True),
        ("kernel", "from .libc import call", True),
        ("kernel", "import os", True),
        ("cgroups", "from ..spec.load import load", False),
        ("steps", "from ..spec.config import Mount", False),
        ("steps", "from ..plan import mounts", False),
        ("runtime", "from ..cli import table", False),
        ("runtime", "from .. import teach", False),
        ("runtime", "from .. import engines", False),
        ("engines", "from ..runtime import log", False),
        ("network", "from ..steps import step", False),
        ("plan", "from .. import network", False),
        ("runtime", "import minirun.cli.table", False),
        ("kernel", "from ..errors import MinirunError", False),
        ("kernel", "def late():\n    from .. import __version__", False),
    ],
)
def test_the_test_of_imports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: str, text: str, allowed: bool
) -> None:
    """A wrong import is found, a right one is not."""
    package = tmp_path / "minirun"
    for folder in (*STREET[1:], *EXTRAS, "spec"):
        (package / folder).mkdir(parents=True)
    for name in (*EVERYWHERE, "__main__"):
        (package / f"{name}.py").touch()
    monkeypatch.setitem(globals(), "PACKAGE", package)
    monkeypatch.setitem(globals(), "REPOSITORY", tmp_path)
    file = package / room / "example.py"
    file.write_text(text)
    assert (wrong_imports(file) == []) == allowed
