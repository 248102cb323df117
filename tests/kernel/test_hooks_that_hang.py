"""Hooks that don't end, and hooks that call the runtime about their own container: nobody waits for ever.

A signal to the runtime ends the set-up whatever it is waiting for, and `delete --force` ends both.
"""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest

from kernel.kit import needs
from kernel.kit.host import nothing_left
from kernel.kit.runtime import TIMEOUT, ended, new_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from kernel.kit.bundle import Bundle
    from kernel.kit.runtime import Runtime

pytestmark = [pytest.mark.root, needs.static_busybox(), pytest.mark.only("minirun", "others wait for their hooks")]

BEFORE = ("prestart", "createRuntime", "createContainer", "startContainer", "poststart")
OUTSIDE = ("prestart", "createRuntime", "poststart")
HANGING = {
    "and has children": "touch {mark}; sleep 600; true",
    "and is deaf": "trap '' TERM INT HUP; touch {mark}; sleep 600; true",
    "and reads nothing": "exec <&-; touch {mark}; sleep 600; true",
}


@pytest.fixture
def hooked(bundle: Callable[..., Bundle], place: Path) -> Callable[..., Bundle]:
    """A bundle with hooks that are lines of shell, in which {place} and {mark} are the same outside and inside."""
    (place / "shared").mkdir()

    def make(*args: str, **hooks: str) -> Bundle:
        made = bundle(*(args or ("exit", "0")))
        for name in ("sh", "sleep", "touch"):
            shutil.copy(shutil.which("busybox") or "", made.rootfs / "bin" / name)
        made.bind(place / "shared", str(place / "shared"))
        made.config["hooks"] = {kind: [shell(line, place)] for kind, line in hooks.items()}
        made.write()
        return made

    return make


def shell(line: str, place: Path, **more: Any) -> dict[str, Any]:
    line = line.replace("{mark}", f"{place}/shared/mark").replace("{place}", f"{place}/shared")
    return {"path": "/bin/sh", "args": ["sh", "-c", line], "env": ["PATH=/bin:/usr/bin"], **more}


@contextlib.contextmanager
def hanging(runtime: Runtime, made: Bundle, place: Path, name: str) -> Iterator[subprocess.Popen[str]]:
    """A `run` that is waiting for its hook."""
    command = runtime.command(made, name)
    errors = (place / "errors").open("w")
    started = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors, text=True)
    errors.close()
    with ended(started):
        deadline = time.monotonic() + TIMEOUT
        while not (place / "shared" / "mark").exists():
            assert time.monotonic() < deadline and started.poll() is None, (place / "errors").read_text()
            time.sleep(0.01)
        yield started


# ---- signals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("kind", BEFORE)
def test_one_signal_ends_the_set_up_and_the_hook(runtime, hooked, place, kind, number):
    made = hooked(**{kind: HANGING["and is deaf"]})
    with nothing_left(runtime.name), hanging(runtime, made, place, new_id()) as started:
        started.send_signal(number)
        assert started.wait(TIMEOUT) == 128 + number


@pytest.mark.parametrize("how", HANGING)
@pytest.mark.parametrize("kind", ["createRuntime", "createContainer"])
def test_however_it_hangs(runtime, hooked, place, kind, how):
    """Without a pid namespace, with whose first process all others of it end."""
    made = hooked(**{kind: HANGING[how]})
    made.without_namespace("pid")
    made.write()
    with nothing_left(runtime.name), hanging(runtime, made, place, new_id()) as started:
        started.send_signal(signal.SIGTERM)
        assert started.wait(TIMEOUT) == 128 + signal.SIGTERM


def test_one_signal_is_enough_where_what_tidies_up_hangs_as_well(runtime, hooked, place):
    made = hooked(createRuntime=HANGING["and has children"], poststop="sleep 600; true")
    with nothing_left(runtime.name), hanging(runtime, made, place, new_id()) as started:
        started.send_signal(signal.SIGTERM)
        assert started.wait(TIMEOUT) == 128 + signal.SIGTERM
    assert "error running poststop hook #0: /bin/sh: ended, because of SIGTERM" in (place / "errors").read_text()


def test_a_signal_ends_a_poststop_hook_and_the_rest_is_done(runtime, hooked, place):
    made = hooked("exit", "7", poststop=HANGING["and is deaf"])
    made.config["hooks"]["poststop"].append(shell("touch {place}/second", place))
    made.write()
    with nothing_left(runtime.name), hanging(runtime, made, place, new_id()) as started:
        started.send_signal(signal.SIGTERM)
        assert started.wait(TIMEOUT) == 7
    assert (place / "shared" / "second").exists()


def test_so_it_does_in_delete(runtime, life, hooked, place):
    one = life()
    one.bundle = hooked("sleep", poststop=HANGING["and is deaf"])
    one.created()
    with nothing_left(runtime.name):
        deleting = subprocess.Popen([*runtime.argv, "delete", one.id], stderr=subprocess.PIPE, text=True)
        with ended(deleting):
            one.wait_for((place / "shared" / "mark").exists)
            deleting.send_signal(signal.SIGINT)
            assert deleting.communicate(timeout=TIMEOUT)[1].count("because of SIGINT") == 1
            assert deleting.returncode == 0


def test_so_it_does_in_start_and_the_container_is_deleted(runtime, life, hooked, place):
    one = life()
    one.bundle = hooked("sleep", poststart=HANGING["and is deaf"])
    one.created()
    starting = subprocess.Popen([*runtime.argv, "start", one.id], stderr=subprocess.DEVNULL)
    with ended(starting):
        one.wait_for((place / "shared" / "mark").exists)
        starting.send_signal(signal.SIGTERM)
        assert starting.wait(TIMEOUT) == 128 + signal.SIGTERM
    assert one.call("state").status == 1


@pytest.mark.parametrize("kind", ["createRuntime", "createContainer"])
def test_a_hook_whose_time_is_up_ends_with_all_that_it_has_started(runtime, hooked, place, kind):
    made = hooked()
    made.config["hooks"] = {kind: [shell("sleep 600 & sleep 601; true", place, timeout=1)]}
    made.without_namespace("pid")
    with nothing_left(runtime.name):
        assert "timeout of 1 s" in runtime.run(made).stderr


@pytest.mark.parametrize("kind", BEFORE)
def test_nobody_waits_for_a_daemon_that_a_hook_leaves(runtime, hooked, kind):
    """It has the hook's standard output and standard error still."""
    made = hooked(**{kind: "sleep 2 &"})
    began = time.monotonic()
    assert runtime.run(made).status == 0
    assert time.monotonic() - began < 2


# ---- delete --force


@pytest.mark.parametrize("kind", BEFORE)
def test_a_forced_delete_ends_a_run_that_waits_for_its_hook(runtime, hooked, place, kind):
    name = new_id()
    with nothing_left(runtime.name), hanging(runtime, hooked(**{kind: HANGING["and is deaf"]}), place, name) as started:
        deleted = subprocess.run([*runtime.argv, "delete", "--force", name], timeout=TIMEOUT)
        assert deleted.returncode == 0
        assert started.wait(TIMEOUT) == 128 + signal.SIGTERM


@pytest.mark.parametrize("kind", OUTSIDE)
def test_a_forced_delete_in_a_hook_ends_both(runtime, hooked, kind):
    name = new_id()
    made = hooked(**{kind: f"{' '.join(runtime.argv)} delete --force {name}"})
    with nothing_left(runtime.name):
        assert runtime.run(made, container_id=name).status == 128 + signal.SIGTERM


# ---- calls about its own container

CALLS = (
    "start ID",
    "delete ID",
    "exec ID /probe exit 0",
    "pause ID",
    "resume ID",
    "state ID",
    "run --bundle BUNDLE ID",
)
# Who gets what it asks for; the others are told why not.
DONE = {
    **{kind: {"state ID"} for kind in ("prestart", "createRuntime", "createContainer")},
    "poststart": {"exec ID /probe exit 0", "pause ID", "resume ID", "state ID"},
}


@pytest.mark.parametrize("kind", DONE)
def test_every_command_answers_at_once(runtime, hooked, place, kind):
    name, made = new_id(), hooked("sleep")
    words = [call.replace("ID", name).replace("BUNDLE", str(made.path)) for call in CALLS]
    lines = [f"{' '.join(runtime.argv)} {line} >{place}/output 2>&1; echo $? >>{place}/answers" for line in words]
    made.config["hooks"] = {kind: [shell("; ".join([*lines, f"touch {place}/done"]), place)]}
    with nothing_left(runtime.name), contextlib.ExitStack() as ends:
        made.write()
        started = subprocess.Popen(runtime.command(made, name), stdout=subprocess.DEVNULL)
        ends.enter_context(ended(started))
        deadline = time.monotonic() + TIMEOUT
        while not (place / "done").exists():
            assert time.monotonic() < deadline, (place / "answers").read_text()
            time.sleep(0.01)
        assert subprocess.run([*runtime.argv, "delete", "--force", name]).returncode == 0
        started.wait(TIMEOUT)
    answers = dict(zip(CALLS, (place / "answers").read_text().split()))
    assert {call for call, status in answers.items() if status == "0"} == DONE[kind], answers


def test_a_poststop_hook_may_ask_as_well(runtime, hooked, place):
    name = new_id()
    lines = [f"{' '.join(runtime.argv)} {line} {name}" for line in ("start", "delete", "delete --force", "state")]
    made = hooked(poststop="; ".join(f"{line} 2>/dev/null; echo $? >>{{place}}/answers" for line in lines))
    with nothing_left(runtime.name):
        assert runtime.run(made, container_id=name).status == 0
    assert (place / "shared" / "answers").read_text().split() == ["1", "1", "0", "1"]
