"""`from minirun import …` as such: what it costs those who don't use it, and that it is typed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import minirun
from minirun import Container, errors
from minirun.api.process import Process

if TYPE_CHECKING:
    from collections.abc import Callable

REPOSITORY = Path(__file__).parents[2]

USE = """
from minirun import Bundle, Container, StepError, run

bundle = Bundle.create("bundle", rootfs="/srv", args=["true"])
bundle.config["hostname"] = "a"
with Container.run(bundle, env={"A": "b"}, text=True) as container:
    number: int = container.pid
    names: list[int] = container.processes()
    ids: list[str] = [one.id for one in Container.list()]
    status: int | None = container.wait(timeout=3.0)
    container.exec(["true"], user=3, cwd="/", check=True).returncode + 1
try:
    run("bundle", capture_output=True)
except StepError as error:
    text: str = error.pointer + error.cure + error.call
"""

MISUSE = """
from minirun import Container

Container.run(3)
Container.run("bundle", colour="blue")
Container.find("a").kill(signal=[])
"""


def test_the_runtime_itself_does_not_import_it() -> None:
    modules = "import sys, minirun, minirun.__main__, minirun.cli.actions, json; print(json.dumps(list(sys.modules)))"
    code = f"import sys; sys.path.append({str(REPOSITORY)!r}); {modules}"
    told = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    assert not {"minirun.api", "subprocess", "typing", "pathlib"} & set(json.loads(told.stdout))


def test_every_name_is_there() -> None:
    assert all(getattr(minirun, name) for name in minirun.__all__)
    assert set(minirun.__all__) == set(minirun.HOMES)
    with pytest.raises(AttributeError):
        minirun.no_such_name  # noqa: B018


def test_it_is_typed(tmp_path: Path) -> None:
    assert check_types(tmp_path, USE) == []
    assert [line.split(":")[1] for line in check_types(tmp_path, MISUSE)] == ["4", "5", "6"]


def check_types(folder: Path, text: str) -> list[str]:
    """What mypy has against a program."""
    mypy = shutil.which("mypy", path=str(Path(sys.executable).parent))
    if mypy is None:
        pytest.skip("mypy is not installed")
    (folder / "program.py").write_text(text)
    words = [mypy, "--strict", f"--config-file={REPOSITORY}/pyproject.toml", str(folder / "program.py")]
    told = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, check=False).stdout
    return [line for line in told.splitlines() if "program.py" in line and ": error:" in line]


@pytest.mark.parametrize(
    "error",
    [
        errors.MinirunError("a\n  cure:  b"),
        errors.ConfigError("/a", "found b", "c"),
        errors.StepError(3, 7, "do it", "/a", "no (EPERM)", call="a()", cure="b", manual="a(2)"),
        errors.ContainerDied("why"),
        errors.StateError("a\n  cure:  b\n  more"),
        errors.Interrupted(15, "SIGTERM"),
    ],
)
def test_an_error_crosses_as_it_is(error: errors.MinirunError) -> None:
    """From the process that fails to the one that asked."""
    told = json.loads(json.dumps({"kind": type(error).__name__, **error.to_json()}))
    copy = errors.KINDS[told.pop("kind")].from_json(told)
    assert (type(copy), str(copy), copy.exit_status) == (type(error), str(error), error.exit_status)
    assert copy.cure == ("b" if "b" in str(error).partition("cure:")[2] else "")


def test_every_kind_of_error_can_cross() -> None:
    kinds = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)}
    assert set(errors.KINDS.values()) == kinds


@pytest.mark.parametrize("call", [Container.run, Container.create, minirun.run, Container("one").spawn])
def test_a_misspelt_name_is_refused(call: Callable[..., object]) -> None:
    with pytest.raises(TypeError, match="colour"):
        call("bundle", colour="blue")


def test_streams_that_subprocess_refuses() -> None:
    """And no socket is left open, which pytest would tell of."""
    with pytest.raises(AttributeError):
        Process("run", {}, stdin="no file")  # type: ignore[arg-type]
