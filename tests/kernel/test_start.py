"""Whatever the caller's streams and environment are, and whichever system call is refused: the container runs, or an
error says why. Python never shows. tests/unit/test_launcher.py has what needs no container."""

from __future__ import annotations

import re
import subprocess
from collections import Counter

import pytest

from kernel.kit import needs
from kernel.kit.runtime import PATIENCE, new_id

pytestmark = pytest.mark.root


# ---- streams


@pytest.mark.only("minirun", "runc carries the streams of a foreground container over pipes")
@pytest.mark.parametrize("more", ["", "3</etc/passwd 5</etc/group"])
def test_a_stream_that_is_a_directory_is_the_programs(runtime, bundle, place, more):
    told = runtime.run(bundle("fds"), prefix=("sh", "-c", f'exec "$@" <{place} {more}', "sh")).json["fds"]
    assert told.keys() == {"0", "1", "2"}
    assert told["0"] == "/"  # of a mount that has nothing above


@pytest.mark.only("minirun", "runc carries the streams of a foreground container over pipes")
def test_preserved_descriptors_stay_where_they_are_beside_a_directory(runtime, bundle, place):
    prefix = ("sh", "-c", f'exec "$@" <{place} 3</etc/hostname 4</etc/passwd', "sh")
    told = runtime.run(bundle("fds"), prefix=prefix, options=["--preserve-fds", "2"]).json["fds"]
    assert told.keys() == {"0", "1", "2", "3", "4"}
    assert [told[number].rpartition("/")[2] for number in ("0", "3", "4")] == ["", "hostname", "passwd"]


@pytest.mark.parametrize("stream", [1, 2])
def test_so_are_the_outputs(runtime, bundle, place, stream):
    made = bundle("exit", "3")
    assert runtime.run(made, prefix=("sh", "-c", f'exec "$@" {stream}<{place}', "sh")).status == 3


# ---- the environment


def test_the_callers_python_is_not_the_runtimes_nor_the_programs(runtime, bundle, place):
    (place / "json.py").write_text("raise SystemExit('somebody else is here')\n")
    made = bundle()
    made.process["env"] = ["PYTHONPATH=/of/the/container"]
    told = runtime.run(made, environment={"PYTHONPATH": str(place), "PYTHONHOME": "/nowhere"}).json
    assert [pair for pair in told["env"] if pair.startswith("PYTHON")] == ["PYTHONPATH=/of/the/container"]


# ---- what it costs

# Of Python's library, what a run reads. `collections`, `ctypes`, `enum`, `functools`, `json`, `re`, `signal`, `socket`
# together take longer to import than a container takes to start.
CHEAP = {"__future__", "encodings"}


@pytest.mark.only("minirun", "only it is a Python program")
@needs.program("strace")
def test_little_of_pythons_library_is_read(runtime, bundle, place):
    made = bundle("exit", "0")
    made.namespace("cgroup")
    made.write()
    trace = place / "trace"
    done, _ = traced(runtime, made, "-e", "trace=openat", "-o", str(trace))
    assert done.returncode == 0, done.stderr
    opened = re.findall(
        r'openat\(AT_FDCWD, "(/[^"]*/python3\.\d+/(?:__pycache__/)?(\w+)[^"]*\.pyc?)", .* = \d', trace.read_text()
    )
    assert {
        module for path, module in opened if "/site-packages/" not in path and "/dist-packages/" not in path
    } == CHEAP


# ---- numbers


@pytest.mark.only("minirun", "its own words")
def test_more_groups_than_the_kernel_takes_have_their_place(runtime, bundle):
    made = bundle()
    made.process["user"]["additionalGids"] = list(range(70_000))
    result = runtime.run(made)
    assert result.refused, result
    told = r"/process/user/additionalGids( \(line \d+\))?: found 70000 groups; allowed: at most 65536"
    assert re.search(told, result.stderr), result


# ---- each system call refused, by strace(1)

# What would end Python, or strace, or can't be refused; and what only says how much memory there is.
NOT_REFUSED = {"execve", "execveat", "exit_group", "brk", "rt_sigreturn"}
TIMES = 3 if PATIENCE == 1 else 1  # each call is refused when it is made for the first, the second, the third time
BEGINS = "signalfd"  # the first call of a run itself: what comes before is Python's and the seal's start


def traced(runtime, bundle, *words):
    name = new_id()
    command = ["strace", "-qq", "-f", *words, *runtime.command(bundle, name)]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=runtime.environment, timeout=60
    )
    return done, name


def calls_of_a_run(runtime, bundle, trace):
    """How often the runtime's process has made each call by the time that the run begins, and in all."""
    done, _ = traced(runtime, bundle, "-o", str(trace))
    assert done.returncode == 0, done.stderr
    lines = trace.read_text().splitlines()
    main = lines[0].split()[0]
    names = [match[1] for line in lines if (match := re.match(rf"{main} +(\w+)\(", line))]
    first = next(place for place, name in enumerate(names) if name.startswith(BEGINS))
    return Counter(names[:first]), Counter(names)


@pytest.mark.slow
@pytest.mark.only("minirun", "its own words, and its own order of calls")
@needs.program("strace")
def test_a_refused_call_is_told_with_a_cure(runtime, bundle, place):
    made = bundle("say", "", "")
    made.write()
    before, in_all = calls_of_a_run(runtime, made, place / "trace")
    wrong = []
    for call in sorted(in_all.keys() - NOT_REFUSED):
        for number in range(before[call] + 1, min(before[call] + TIMES, in_all[call]) + 1):
            inject = f"inject={call}:error=EPERM:when={number}"
            done, name = traced(runtime, made, "-o", "/dev/null", "-e", f"trace={call}", "-e", inject)
            if not is_told(done):
                wrong.append(f"{inject}: exit status {done.returncode}: {done.stderr}")
            subprocess.run([*runtime.argv, "delete", "--force", name], capture_output=True, env=runtime.environment)
    assert not wrong, "\n".join(wrong)


def is_told(done):
    """Either nobody minds, or there is a step or a call with its errno, and what helps."""
    said = done.stderr
    if any(word in said for word in ("Traceback", "unexpected", "fault of minirun", "Fatal", "Exception ignored")):
        return False
    return done.returncode == 0 or bool(re.search(r"can't |container's process|/proc", said) and "cure:" in said)
