"""Options, marks and fixtures that all tests share.

    pytest tests/kernel                              minirun
    pytest tests/kernel --runtime runc,crun          others: what they pass too proves the test
    pytest --part 1/2                                every second test, when another machine runs the others
    pytest --sample                                  what the host can't show, and a sample of what it runs, too
    pytest tests/kernel/escapes --race-seconds 600   attacks that race, for longer than a second each

$MINIRUN_TEST_PATIENCE multiplies all time limits, for emulated machines.

Marks: `root` needs root; `only("minirun", reason)` is skipped elsewhere; `deviates("runc", reason)` may fail there,
because that runtime does not follow the spec or is too old to know it.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from kernel.kit.bundle import Bundle
from kernel.kit.helpers import unmount
from kernel.kit.host import adopt_orphans, move_out
from kernel.kit.life import Life
from kernel.kit.outside import Process
from kernel.kit.runtime import PATIENCE, Runtime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROBE_SOURCES = Path(__file__).parent / "probe"
# What the test machine is for: cgroup v2 with all its controllers, systemd, AppArmor.
ABOUT_THE_MACHINE = (
    "test_cgroup",
    "test_conformance",
    "test_conversion",
    "test_device_filter",
    "test_events",
    "test_labels",
    "test_limits",
    "test_limits_hold",
    "test_systemd",
    "test_update",
    "test_without",
)
# What asks nothing of cgroups or systemd: paths, mounts, programs, terminals, images, the Python interface.
THE_SAME_ANYWHERE = (
    "test_api",
    "test_behind_the_filter",
    "test_bench",
    "test_bind_sources",
    "test_by_hand",
    "test_capabilities",
    "test_descriptors_inside",
    "test_devices",
    "test_false_proc",
    "test_foreign_texts",
    "test_hooks",
    "test_hooks_that_hang",
    "test_hostile_images",
    "test_hostile_rootfs",
    "test_hostname",
    "test_hosts_root",
    "test_images",
    "test_inheritance",
    "test_keyring",
    "test_map_helpers",
    "test_mapped_mounts",
    "test_mounts",
    "test_mounts_on_root",
    "test_namespaces",
    "test_narrate",
    "test_net_devices",
    "test_paths",
    "test_pid_file",
    "test_predictions",
    "test_program",
    "test_real_input",
    "test_registry",
    "test_rootfs",
    "test_rootfs_scripts",
    "test_run_without",
    "test_runtime_file",
    "test_runtime_inside",
    "test_seccomp",
    "test_set",
    "test_shapes",
    "test_sockets",
    "test_stdio",
    "test_swapped_paths",
    "test_symlink_options",
    "test_sysctl",
    "test_terminal",
    "test_terminal_tricks",
    "test_user",
    "test_warnings",
)
SAMPLE = 5  # every fifth of them
MARKS = (
    "root: needs the privileges of root",
    "only(runtime, reason): makes sense with one runtime only",
    "machine: about what only the test machine has, whatever the file",
    "deviates(runtime, reason): this other runtime is known not to do it",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--runtime",
        action="append",
        default=[],
        help="the container runtime under test: a name or a path; may be given more than once, or as a,b",
    )
    parser.addoption("--part", default="1/1", metavar="K/N", help="share the tests out in N parts, and run the Kth")
    parser.addoption(
        "--race-seconds", type=float, default=1.0, help="how long an attack of tests/kernel/escapes that races may try"
    )
    parser.addoption(
        "--sample",
        action="store_true",
        help="where the host runs all of them: of a test with many values the first only, and of what is the same "
        "anywhere every fifth; but all that is about what only the machine has",
    )


def pytest_configure(config: pytest.Config) -> None:
    # A shell starts what it starts with & deaf to these (bash(1), "Signals"), and so would be what the tests start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    for mark in MARKS:
        config.addinivalue_line("markers", mark)
    config.option.timeout = min(PATIENCE, 2) * (config.option.timeout or float(config.getini("timeout")))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "runtime" in metafunc.fixturenames:
        given = ",".join(metafunc.config.getoption("runtime")) or "minirun"
        metafunc.parametrize("runtime", given.split(","), indirect=True, scope="session", ids=os.path.basename)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("sample"):
        items[:] = sample(items)
    part, parts = map(int, config.getoption("part").split("/"))
    items[:] = items[part - 1 :: parts]
    for item in items:
        if item.get_closest_marker("root") and os.geteuid() != 0:
            item.add_marker(pytest.mark.skip(reason="needs root"))
        if isinstance(item, pytest.Function) and hasattr(item, "callspec"):
            mark_for_runtime(item, os.path.basename(item.callspec.params.get("runtime", "")))


def sample(items: list[pytest.Item]) -> list[pytest.Item]:
    firsts = list({item.nodeid.partition("[")[0]: item for item in reversed(items)}.values())
    anywhere = [item for item in firsts if item.path.stem in THE_SAME_ANYWHERE]
    chosen = {*firsts} - {*anywhere} | {*anywhere[::SAMPLE]}
    return [item for item in items if item in chosen or is_about_the_machine(item)]


def is_about_the_machine(item: pytest.Item) -> bool:
    return item.path.stem in ABOUT_THE_MACHINE or item.get_closest_marker("machine") is not None


def mark_for_runtime(item: pytest.Function, runtime: str) -> None:
    for mark in item.iter_markers("only"):
        if mark.args[0] != runtime:
            item.add_marker(pytest.mark.skip(reason=f"{mark.args[0]} only: {mark.args[1]}"))
    for mark in item.iter_markers("deviates"):
        if mark.args[0] == runtime:
            item.add_marker(pytest.mark.xfail(strict=False, reason=f"{runtime}: {mark.args[1]}"))


# ---- fixtures


@pytest.fixture(scope="session")
def runtime(request: pytest.FixtureRequest) -> Iterator[Runtime]:
    """The runtime under test: `runtime.run(bundle)` to the end, `with runtime.running(bundle)` beside the test."""
    found = Runtime(request.param)
    if shutil.which(found.argv[0]) is None:
        pytest.skip(f"the runtime {found.argv[0]} is not installed")
    if os.geteuid() == 0:
        move_out()
    adopt_orphans()
    yield found
    found.delete_leftovers()


@pytest.fixture(scope="session")
def workshop() -> Iterator[Path]:
    """A directory for bundles that every user may search, unlike tmp_path: user namespaces need that."""
    directory = Path(tempfile.mkdtemp(prefix=f"minirun-tests-{os.getpid()}-"))
    directory.chmod(0o755)
    yield directory
    # A mount that a runtime left in here would have its files deleted with ours.
    for mount in reversed(Process().mounts()):
        if Path(mount.point).is_relative_to(directory):
            unmount(Path(mount.point))
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def probe(workshop: Path) -> Path:
    """The program of tests/probe, linked statically."""
    parts = ("probe", "facts", "deeds", "tracer", "hogs", "cgroups", "escapes", "json")
    sources = [str(PROBE_SOURCES / f"{name}.c") for name in parts]
    return compile_c(workshop / "probe", "-static", "-Os", *sources)


@pytest.fixture(scope="session")
def impostor(workshop: Path) -> Path:
    """The attacker's loader of tests/probe/impostor.c, which looks at what could be done."""
    return compile_impostor(workshop, "exe")


@pytest.fixture(scope="session")
def spoiler(workshop: Path) -> Path:
    """The same, which does it."""
    return compile_impostor(workshop, "spoil")


def compile_impostor(workshop: Path, verb: str) -> Path:
    flags = ("-static", "-nostdlib", "-ffreestanding", "-fno-stack-protector", "-Os", f'-DVERB="{verb}"')
    return compile_c(workshop / f"impostor-{verb}", *flags, str(PROBE_SOURCES / "impostor.c"))


def compile_c(target: Path, *words: str) -> Path:
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc")
    subprocess.run(["gcc", "-o", str(target), *words], check=True, timeout=120)
    return target


@pytest.fixture
def place(workshop: Path) -> Iterator[Path]:
    """An empty directory of the host for one test."""
    directory = Path(tempfile.mkdtemp(prefix="test-", dir=workshop))
    directory.chmod(0o755)
    yield directory
    if not any(Path(mount.point).is_relative_to(directory) for mount in Process().mounts()):
        shutil.rmtree(directory)


@pytest.fixture
def life(runtime: Runtime, bundle: Callable[..., Bundle]) -> Iterator[Callable[..., Life]]:
    """Makes the life of a container whose program is the probe: `life("exit", "3", hooks={…}).created()`."""
    names = (f"bundle{number}" for number in itertools.count())
    with contextlib.ExitStack() as ends:  # each is ended, whatever becomes of the others

        def make(*args: str, **config: object) -> Life:
            its_bundle = bundle(*(args or ("sleep",)), name=next(names))
            its_bundle.config.update(config)
            one = Life(runtime, its_bundle)
            ends.callback(one.end)
            return one

        yield make


@pytest.fixture
def bundle(place: Path, probe: Path) -> Callable[..., Bundle]:
    """Makes a bundle whose program is the probe with the given words: `bundle("read", "/etc/motd")`."""

    def make(*args: str, name: str = "bundle") -> Bundle:
        return Bundle(place / name, probe, args)

    return make
