"""A config.json of any size costs no more than a few times its size, and what the kernel could not use is refused
before anything is made of it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from minirun.errors import ConfigError
from minirun.runtime.validate import validate
from minirun.spec.gather import MOST_ERRORS
from minirun.spec.load import MOST_VALUES, decode, parse
from minirun.spec.repeats import repeated_names

if TYPE_CHECKING:
    from pathlib import Path

MANY = 300_000
MIB = 1 << 20


def sample() -> dict[str, Any]:
    """Lists that are refused by their length, each with an element: path -> element."""
    return {
        "/mounts": {"destination": "/m"},
        "/linux/devices": {"path": "/d", "type": "p"},
        "/linux/maskedPaths": "/p",
        "/linux/readonlyPaths": "/p",
        "/linux/namespaces": {"type": "pid"},
        "/linux/uidMappings": {"containerID": 0, "hostID": 0, "size": 1},
        "/linux/gidMappings": {"containerID": 0, "hostID": 0, "size": 1},
        "/linux/seccomp/syscalls": {"names": ["getpid"], "action": "SCMP_ACT_ALLOW"},
        "/process/rlimits": {"type": "RLIMIT_CPU", "soft": 1, "hard": 1},
        "/hooks/prestart": {"path": "/p"},
        "/hooks/poststop": {"path": "/p"},
    }


def config_with(pointer: str, value: object) -> dict[str, Any]:
    made: dict[str, Any] = {
        "ociVersion": "1.0.2",
        "root": {"path": "rootfs"},
        "process": {"cwd": "/", "args": ["p"], "user": {"uid": 0, "gid": 0}},
        "linux": {"seccomp": {"defaultAction": "SCMP_ACT_ALLOW"}},
    }
    *above, last = pointer.strip("/").split("/")
    holder = made
    for name in above:
        holder = holder.setdefault(name, {})
    holder[last] = value
    return made


@pytest.mark.parametrize("pointer", sample())
def test_a_list_that_is_too_long_is_refused_by_its_length(pointer: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(config_with(pointer, [sample()[pointer]] * MANY))
    assert (caught.value.pointer, caught.value.found) == (pointer, f"found {MANY} elements")


def test_a_mount_has_as_many_mappings_as_the_kernel_takes() -> None:
    maps = [{"containerID": n, "hostID": n, "size": 1} for n in range(341)]
    mount = {"destination": "/m", "source": "/", "options": ["bind"], "uidMappings": maps, "gidMappings": maps[:340]}
    with pytest.raises(ConfigError) as caught:
        parse(config_with("/mounts", [mount]))
    assert caught.value.pointer == "/mounts/0/uidMappings"


@pytest.mark.parametrize("part", [b"[],", b"{},", b"1,", b'{"a":1},'])
def test_too_many_values_are_not_even_read(part: bytes) -> None:
    with pytest.raises(ConfigError, match="values"):
        decode(b'{"a": [' + part * MOST_VALUES + b"1]}")


MEASURED = """
import sys
from minirun.cli.start import start
try:
    sys.exit(start(sys.argv[1:]))
finally:
    print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")), file=sys.stderr)
"""


def run_validate(bundle: Path, text: str) -> tuple[subprocess.CompletedProcess[str], int]:
    """`validate`, and the most memory that it had, in bytes."""
    (bundle / "rootfs").mkdir()
    (bundle / "config.json").write_text(text)
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, "validate", str(bundle)], capture_output=True, text=True, check=False
    )
    return done, int(done.stderr.split()[-2]) * 1024


@pytest.mark.parametrize("pointer", ["/mounts", "/linux/devices", "/linux/uidMappings", "/hooks/prestart"])
def test_what_is_refused_takes_hardly_any_memory(tmp_path: Path, pointer: str) -> None:
    text = json.dumps(config_with(pointer, [sample()[pointer] | {"other": [1, 2]}] * MANY))
    done, most = run_validate(tmp_path, text)
    assert done.returncode == 1 and "values" in done.stdout, done
    assert most < 3 * len(text) + 40 * MIB


@pytest.mark.parametrize("pointer", ["/process/env", "/process/args", "/linux/resources/unified", "/annotations"])
def test_many_small_values_take_so_much(tmp_path: Path, pointer: str) -> None:
    """A string of three bytes is fifty in memory."""
    names = [f"variable.{n}" for n in range(60_000)]
    texts = [f"{name}=x" for name in names]
    value = texts if pointer.startswith("/process") else dict.fromkeys(names, "x")
    text = json.dumps(config_with(pointer, value))
    done, most = run_validate(tmp_path, text)
    assert done.returncode == 0, done
    assert most < 25 * len(text) + 30 * MIB


def test_a_long_string_is_there_a_few_times(tmp_path: Path) -> None:
    text = json.dumps(config_with("/annotations", {"a": "x" * (50 * MIB)}))
    done, most = run_validate(tmp_path, text)
    assert done.returncode == 0, done
    assert most < 6 * len(text)


def test_of_many_mistakes_as_many_are_told_as_somebody_may_read(tmp_path: Path) -> None:
    text = json.dumps(config_with("/process/args", [1] * 20_000)).encode()
    found = validate(str(tmp_path), text)
    errors = [finding for finding in found if finding.level == "error"]
    assert len(errors) == MOST_ERRORS + 1 and "more is wrong" in errors[-1].message


def test_of_many_unknown_names_as_many_are_told(tmp_path: Path) -> None:
    text = json.dumps(config_with("/process/x", 1) | {f"unknown{n}": 1 for n in range(5_000)}).encode()
    warnings = [finding for finding in validate(str(tmp_path), text) if "no effect" in finding.message]
    assert len(warnings) == MOST_ERRORS


def test_a_name_that_comes_twice_among_many_is_found_at_once() -> None:
    pairs = [f'"{n}": 1' for n in range(100_000)] + ['"7": 2', '"8": 2', '"7": 3']
    assert list(repeated_names(f"{{{', '.join(pairs)}}}".encode())) == ["/7", "/8"]


def test_an_object_that_is_replaced_by_its_namesake_leaves_no_trace() -> None:
    inner = ", ".join(f'"a": {{"x": 1, "x": 2}}, "b{n}": {{"y": {n}}}' for n in range(50))
    found = set(repeated_names(f"{{{inner}}}".encode()))
    assert found == {"/a", "/a/x"}
