"""--narrate and --step tell what really happens, where it can be seen at that moment, and change nothing of it."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from kernel.kit import needs
from kernel.kit.host import nothing_left
from kernel.kit.outside import Process
from kernel.kit.profiles import ERRNO, allowing, rule
from kernel.kit.runtime import new_id
from kernel.kit.typist import at_a_terminal, typing_to
from minirun.plan.container import Options
from minirun.teach.explanation import explain
from minirun.teach.inspection_text import names
from minirun.teach.narrate import TAKEN_BACK

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kernel.kit.bundle import Bundle
    from kernel.kit.life import Life
    from kernel.kit.runtime import Runtime
    from kernel.kit.typist import Typist

pytestmark = [pytest.mark.root, pytest.mark.only("minirun", "only it tells its steps")]

LINE = re.compile(r"^ {0,4}(\d+)  +(?:([\d.]+ (?:µs|ms|s))  )? *(\S.*?)(?: → (.*?))?(?:  +\S+\(\d\))?$")
CTRL_C = "\x03"
PROMPT = "?: help > "


def told(text: str) -> list[tuple[int, bool, str]]:
    """Of each step's line: its number, whether it has a time, its sentence."""
    return [(int(number), bool(time), sentence) for number, time, sentence, _ in lines(text)]


def results(text: str) -> dict[str, str]:
    """What came of each step, by the first word of its sentence."""
    return {sentence.split()[0]: result for _, _, sentence, result in lines(text) if result}


def lines(text: str) -> list[tuple[str, str, str, str]]:
    """Number, time, sentence, result."""
    matches = [LINE.match(line) for line in text.splitlines()]
    return [match.groups("") for match in matches if match]


def everywhere(made: Bundle) -> Bundle:
    """Where a second process has little of the host: another user, and soon another root."""
    made.user_namespace()
    made.namespace("cgroup")
    made.config["hostname"] = "told"
    made.config["root"]["readonly"] = True
    return made


def test_each_step_is_told_once_and_the_program_has_its_streams_for_itself(
    runtime: Runtime, bundle: Callable[..., Bundle]
) -> None:
    made, name = everywhere(bundle()), new_id()
    made.config["hooks"] = {"poststart": [{"path": "/bin/true"}]}
    with nothing_left(runtime.name):
        result = runtime.run(made, options=["--narrate"], container_id=name)
    assert set(result.json["fds"]) == {"0", "1", "2"}
    steps = [(step.number, step.sentence) for step in explain(Options(id=name, bundle=str(made.path))).steps]
    run, _, undone = result.stderr.partition(f"{TAKEN_BACK}\n")
    assert [(number, sentence) for number, _, sentence in told(run)] == steps
    assert [sentence for _, timed, sentence in told(run) if not timed] == ["execute /probe"]
    assert [line for line in run.splitlines() if not line.startswith(" ")][-1] == "HOOKS: the runtime"
    assert [sentence.split()[0] for _, _, sentence in told(undone)] == ["make", "take"]  # the cgroup, the directory


def test_before_the_program_runs_it_shows_what_the_program_will_find(
    runtime: Runtime, bundle: Callable[..., Bundle]
) -> None:
    """And a program that ends at once is no exception."""
    made = everywhere(bundle())
    made.process["noNewPrivileges"] = True
    with nothing_left(runtime.name):
        result = runtime.run(made, options=["--narrate=full"])
    found, picture = result.json, result.stderr.partition("BEFORE AND AFTER")[2].partition("EXEC: the container")[0]
    for name, link in found["namespaces"].items():
        if link:  # a kernel may be built without
            assert re.search(rf"^  {name} +{link.partition('[')[2][:-1]} ", picture, re.MULTILINE)
    tree = picture.partition("MOUNTS  ")[2].partition("\n\n")[0].splitlines()
    assert sum("─ " in line or " / " in line for line in tree) == len(found["mountinfo"])
    assert f"bounding: {', '.join(names(found['capabilities']['bounding']))} " in " ".join(picture.split())
    assert f"no_new_privs    {'on' if found['no_new_privs'] else 'off'}" in picture
    assert f"uid map         {' '.join(found['uid_map'][0].split())} " in picture
    files = re.findall(r"^ +(\d+)  .*(?<!\(closed by execve\))$", picture.partition("OPEN FILES  ")[2], re.MULTILINE)
    assert set(files) == set(found["fds"])
    (number,) = (number for number, _, sentence in told(result.stderr) if sentence == "execute /probe")
    assert f"still to come: {number} execute /probe" in picture


def test_start_tells_the_rest_and_delete_what_it_takes_back(life: Callable[..., Life]) -> None:
    one = life("sleep")
    created = one.call("create", options=["--narrate", "--bundle", str(one.bundle.path)])
    started, pid = one.call("start", "--narrate"), one.process.pid
    deleted = one.call("delete", options=["--force", "--narrate"])
    assert results(created.stderr)["fork"] == f"pid {pid}" + ("" if needs.can_clone() else ", by fork(2)")
    assert created.status == started.status == deleted.status == 0
    last = told(created.stderr)[-1]
    assert last[2] == "wait for start"
    assert [(number, sentence) for number, _, sentence in told(started.stderr)] == [
        (last[0] + 1, "execute /probe sleep"),
        (last[0] + 2, "see that the program runs"),
    ]
    assert deleted.stderr.startswith(f"{TAKEN_BACK}\n") and told(deleted.stderr)[-1][0] == 1


def test_a_pipe_that_nobody_reads_does_not_keep_the_program_from_running(
    runtime: Runtime, bundle: Callable[..., Bundle]
) -> None:
    """The first process of a pid namespace would be protected from SIGPIPE (pid_namespaces(7))."""
    made = bundle("exit", "3")
    made.without_namespace("pid")
    made.write()
    reading, writing = os.pipe()
    os.close(reading)
    words = runtime.command(made, new_id(), ["--narrate"])
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stderr=writing, env=runtime.environment)
    os.close(writing)
    assert done.returncode == 3


def go_to(typist: Typist, sentence: str) -> int:
    """Answer with Enter until this step is next; the pid of the process whose turn it is."""
    while True:
        asked = typist.see(PROMPT)
        if sentence in asked.rpartition("next, by process")[2]:
            return int(re.findall(r"next, by process (\d+)", asked)[-1])
        typist.type("\n")


def test_between_two_steps_the_kernel_shows_what_is_done_and_what_is_not(
    runtime: Runtime, bundle: Callable[..., Bundle]
) -> None:
    made = everywhere(bundle("say", "hello from inside"))
    with nothing_left(runtime.name), at_a_terminal(runtime, made, options=["--step"]) as typist:
        for sentence in ("take the id", "keep a copy", "enable the controllers"):  # at the first, nothing is there
            go_to(typist, sentence)
            look_where_it_says(typist)
        process = Process(go_to(typist, "enter new namespaces: user"))
        assert process.namespace("user") == Process().namespace("user")
        typist.type("\n")
        for sentence in ("fork into the new pid", "take on the process"):  # then not at the helper, which has ended
            go_to(typist, sentence)
            look_where_it_says(typist)
        process = Process(go_to(typist, "set the host name"))  # in a pid namespace by now, and still told by our number
        assert process.namespace("user") != Process().namespace("user")
        assert process.namespace("pid") != Process().namespace("pid")
        commands = look_where_it_says(typist, with_minirun="-m" not in runtime.argv)
        assert f"lsns -p {process.pid}" in commands and any(c.endswith(f" inspect {process.pid}") for c in commands)
        go_to(typist, "bind the terminal on /dev/console")
        assert "pts" in done(look_where_it_says(typist)[1]), "not the host's /dev"
        go_to(typist, "detach the host's root")  # it has another /proc now
        look_where_it_says(typist)
        assert {mount.point for mount in process.mounts()} >= {"/", "/proc", "/dev"}
        typist.type("c\n")
        typist.see("hello from inside")
        assert typist.status() == 0


def test_the_way_leads_on_and_one_can_look_back(runtime: Runtime, bundle: Callable[..., Bundle]) -> None:
    made = bundle("say", "hello")
    made.config["hostname"] = "stepping"
    made.namespace("cgroup")
    made.write()
    with nothing_left(runtime.name), at_a_terminal(runtime, made, options=["--step"]) as typist:
        typist.see(PROMPT)

        def answered(line: str) -> str:
            typist.type(f"{line}\n")
            return " ".join(typist.see(PROMPT).split())

        assert "next, by process" in answered("/UNSHARE")
        assert "namespaces: cgroup, ipc, mount, network, uts the host's → its own" in answered("")
        pid = re.findall(r"next, by process (\d+)", answered("/set the host name"))[-1]
        assert Process(int(pid)).namespace("uts") != Process().namespace("uts")
        answered("")
        looked_back = answered("b")
        assert "was: set the host name to stepping" in looked_back and "host name the host's → stepping" in looked_back
        assert "was: bring the loopback interface up It has changed nothing" in answered("b")
        assert "inside: host name: stepping" in answered("s")
        assert "no later step has 'sethostname'" in answered("/sethostname")
        assert "does not come any more" in answered("g 1")
        assert "next, by process" in answered("/detach the host's root")
        assert "the host's mounts in sight → out of sight" in answered("")
        assert "execute" in answered("/execve(2)")
        typist.type("\n")
        typist.see("hello")
        assert typist.status() == 0


@pytest.mark.parametrize("sentence", ["keep a copy", "bring the loopback interface up"])  # one of each process
def test_what_is_no_answer_does_no_step(runtime: Runtime, bundle: Callable[..., Bundle], sentence: str) -> None:
    """However long it is, and whatever a key writes that means nothing here."""
    with nothing_left(runtime.name), at_a_terminal(runtime, bundle(), options=["--step"]) as typist:
        pid = go_to(typist, sentence)
        for line in ("quit", "y" * 1000, "y" * 3000, "\x1b[A", "g x", "\N{SNOWMAN}"):
            typist.type(f"{line}\n")
            told = typist.see(PROMPT)
            assert "is no answer here" in told and f"next, by process {pid}: {sentence}" in told, told
            assert len(told.replace(line, "").splitlines()) < 9, "all about the step is for who asks"
        typist.type("help\n")
        assert "look from another terminal" in typist.see(PROMPT)
        typist.type("q\n")
        assert typist.status() == 1


def look_where_it_says(typist: Typist, *, with_minirun: bool = False) -> list[str]:
    """Each command for another terminal works as it stands there."""
    typist.type("?\n")
    lines = typist.see(PROMPT).partition("as root:")[2].split("next, by")[0].splitlines()
    commands = [line.strip() for line in lines if line.strip()]
    for command in commands:
        if with_minirun or (" inspect " not in command and not command.endswith(" list")):  # they take long to start
            done(command)
    typist.type("\n")
    return commands


def done(command: str) -> str:
    result = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    found_nothing = command.startswith("grep -s")  # no limit is set
    assert (result.returncode == 0 or found_nothing) and not result.stderr, f"{command}: {result}"
    return result.stdout


def test_between_create_and_start_nobody_asks(runtime: Runtime, life: Callable[..., Life]) -> None:
    """The terminal is the shell's again: its next command is typed there."""
    one = life("say", "ran")
    create = [*runtime.argv, "create", "--step", "--bundle", str(one.bundle.path), one.id]
    with typing_to(create, runtime.environment) as typist:
        typist.see(PROMPT)
        typist.type("\n" * 100)  # one for each step, and more
        assert typist.status() == 0
        assert one.start().status == 0
        typist.look(0.1)
    assert b"execute" not in typist.screen


def test_in_the_background_it_asks_nothing(runtime: Runtime, bundle: Callable[..., Bundle]) -> None:
    """There the container's process, in a session of its own, would read what is typed for the shell."""
    made = bundle()
    made.write()
    line = shlex.join(runtime.command(made, new_id(), ["--step"]))
    with (
        nothing_left(runtime.name),
        typing_to(["bash", "-c", f"set -m; {line} & wait $!"], runtime.environment) as typist,
    ):
        assert "in the background" in typist.see("cure:")
        assert typist.status() == 1


@pytest.mark.parametrize(
    ("answer", "status", "words"), [("q\n", 1, "as you asked"), (CTRL_C, 130, "stopped by SIGINT")]
)
def test_a_question_can_be_answered_with_an_end(
    runtime: Runtime, bundle: Callable[..., Bundle], answer: str, status: int, words: str
) -> None:
    made = everywhere(bundle())
    with nothing_left(runtime.name), at_a_terminal(runtime, made, options=["--step"]) as typist:
        pid = go_to(typist, "bring the loopback interface up")  # the question is the container's process's
        typist.type(answer)
        typist.see("TAKEN BACK")
        typist.see(words)
        assert typist.status() == status
        assert not os.path.exists(f"/proc/{pid}")


def test_a_timeline_has_the_steps_in_order_also_where_a_process_has_another_clock(
    runtime: Runtime, bundle: Callable[..., Bundle], tmp_path: Path
) -> None:
    made, name, path = everywhere(bundle("sleep")), new_id(), tmp_path / "times.json"
    if os.path.exists("/proc/self/ns/time"):  # a kernel may be built without
        made.namespace("time")
        made.linux["timeOffsets"] = {"monotonic": {"secs": 100000}}
    made.linux["seccomp"] = allowing(rule("mkdirat", action=ERRNO))  # it lets the clock be looked at
    running = runtime.running(made, options=["--timeline", str(path)], container_id=name, umask=0o077)
    with nothing_left(runtime.name), running as one:
        pid = one.pid
        assert not path.exists()
    assert path.stat().st_mode & 0o777 == 0o600, "nobody else's business"
    steps = explain(Options(id=name, bundle=str(made.path))).steps
    events = [event for event in json.loads(path.read_text())["traceEvents"] if event["ph"] == "X"]
    done = [event for event in events if event["cat"] != "taken back"]
    assert [(event["args"]["number"], event["name"]) for event in done] == [(one.number, one.sentence) for one in steps]
    assert {event["pid"] for event in done if event["args"]["process"] == "container"} == {pid}
    for before, after in pairwise(sorted(events, key=lambda event: event["ts"])):
        assert before["ts"] + before["dur"] <= after["ts"], "no two at the same time: they take turns"
    assert [event["cat"] for event in sorted(events, key=lambda event: event["ts"])[-2:]] == ["taken back"] * 2
    assert [event["args"]["number"] for event in sorted(done, key=lambda e: e["ts"])] == [one.number for one in steps]
