"""Each test is one operation of an engine, and comes twice: with the runtime that the engine has by itself, and with
minirun. Its first line of documentation is the row of docs/engines.md.

    sudo tests/vm/test --engines                                          all of them, in the machine with the engines
    sudo tests/vm/test --engines --uml tests/engines/test_podman.py -k pod    some

    @on("Podman, root, systemd", "Podman, rootless, systemd")
    def test_run(engine):
        '''`run` hands on output and exit status.'''
        assert engine("run", "--rm", IMAGE, "sh", "-c", "echo out; exit 3", status=3).out == "out"

The test fails if minirun does, and also if the engine has a line more to say than with the reference. What a reference
can't do is marked `@reference_fails("reason")`. The mark `quick` is for those that run with every change.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from engines.kit.engines import make_engine
from engines.kit.sides import MINIRUN, REFERENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engines.kit.engine import Engine

THROW_AWAY = Path("/etc/minirun-throw-away")  # tests/vm/provision


def pytest_ignore_collect() -> bool | None:
    """Only in a machine that may break: the engines' containers, networks and daemons are root's."""
    return None if THROW_AWAY.exists() and shutil.which("podman") else True


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--lives", type=int, default=10, metavar="N", help="containers of test_podman_life: short_lives")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "quick: runs with every change, not only when all is asked for")
    config.addinivalue_line("markers", "reference_fails(reason): the reference can't do this, here or at all")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        mark = item.get_closest_marker("reference_fails")
        if mark and isinstance(item, pytest.Function) and item.callspec.params["engine"][1] == REFERENCE:
            item.add_marker(pytest.mark.xfail(strict=False, reason=mark.args[0]))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Tells a failure at once: all of them take an hour and more."""
    if report.failed:
        errors = [line for line in report.longreprtext.splitlines() if line.startswith("E ")]
        print("", report.nodeid, *errors, sep="\n", file=sys.__stdout__, flush=True)


@pytest.fixture(scope="session", autouse=True)
def _firewall() -> None:
    """User-mode Linux has iptables, and no nftables."""
    if is_uml():
        for name in ("iptables", "ip6tables"):
            legacy = shutil.which(f"{name}-legacy")
            subprocess.run(["update-alternatives", "--quiet", "--set", name, str(legacy)], check=True)


def is_uml() -> bool:
    return "User Mode Linux" in Path("/proc/cpuinfo").read_text()


@pytest.fixture(scope="session")
def said_before() -> dict[tuple[str, str], set[str]]:
    """What an engine on the reference said in a test: (test, engine) -> lines."""
    return defaultdict(set)


@pytest.fixture
def engine(request: pytest.FixtureRequest, said_before: dict[tuple[str, str], set[str]]) -> Iterator[Engine]:
    """`engine("run", "--rm", IMAGE, "true")` is one command; kit/engine.py and the engine's own file have the rest."""
    name, side = request.param
    made = make_engine(name, side)
    note(request.node, made, side)
    yield made
    made.clean_up()
    key = (request.function.__name__, name)
    if side == REFERENCE:
        said_before[key] |= made.warnings()
    elif key in said_before:
        assert made.warnings() <= said_before[key], f"only with minirun: {made.warnings() - said_before[key]}"


def note(item: Any, engine: Engine, side: str) -> None:
    """For docs/engines.md, by way of JUnit's XML (document.py)."""
    machine = "UML" if is_uml() else "QEMU"
    item.user_properties += [
        ("engine", engine.name),
        ("side", side),
        ("runtime", engine.runtime.version if side == REFERENCE else MINIRUN),
        ("version", engine.version),
        ("machine", machine),
    ]
