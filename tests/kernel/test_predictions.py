"""`p WORDS` at the questions of run --step: the kernel decides what is right, and the container is none the worse."""

from __future__ import annotations

import contextlib
import json
import shlex
from typing import TYPE_CHECKING

import pytest

from kernel.kit import needs
from kernel.kit.agent import agent
from kernel.kit.host import nothing_left
from kernel.kit.profiles import NOTIFY, allowing, rule
from kernel.kit.runtime import new_id
from kernel.kit.typist import typing_to
from kernel.kit.users import BECOME, PYTHON, UsersRuntime, give, has_python
from kernel.test_narrate import PROMPT, everywhere
from minirun.teach.prediction import KINDS, NOTHING, read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from kernel.kit.bundle import Bundle
    from kernel.kit.life import Life
    from kernel.kit.runtime import Runtime
    from kernel.kit.typist import Typist

pytestmark = [pytest.mark.root, pytest.mark.only("minirun", "only it asks at its steps")]

KILL = "SCMP_ACT_KILL_PROCESS"
LAST = "execute /probe"


class Student:
    """At the questions, one after the other."""

    def __init__(self, typist: Typist) -> None:
        self.typist, self.question = typist, typist.see(PROMPT)

    def answer(self, line: str) -> str:
        """What is told until the next question, on one line."""
        self.typist.type(f"{line}\n")
        self.question = self.typist.see(PROMPT)
        return " ".join(self.question.partition("\n")[2].split())

    def is_asked_about(self, sentence: str) -> bool:
        return sentence in " ".join(self.question.rpartition("next, by process")[2].split())

    def go_to(self, sentence: str) -> None:
        while not self.is_asked_about(sentence):
            self.answer("")

    def predict(self, sentence: str, words: str) -> str:
        self.go_to(sentence)
        return self.answer(f"p {words}")

    def finish(self) -> int:
        self.typist.type("c\n")
        return self.typist.status()


@contextlib.contextmanager
def student(words: list[str], environment: dict[str, str]) -> Iterator[Student]:
    with typing_to(words, environment) as typist:
        yield Student(typist)


@contextlib.contextmanager
def stepping(runtime: Runtime, made: Bundle, *options: str, output: str = "") -> Iterator[Student]:
    made.write()
    words = runtime.command(made, new_id(), ["--step", *options])
    if output:
        words = ["sh", "-c", f"exec {shlex.join(words)} > {output}"]
    with nothing_left(runtime.name), student(words, runtime.environment) as one:
        yield one


def check(one: Student, table: list[tuple[str, str, str]]) -> None:
    for sentence, words, told in table:
        heard = one.predict(sentence, words)
        assert told in heard, f"at {sentence!r}, p {words}: {heard}"


def test_the_kernel_decides(runtime: Runtime, bundle: Callable[..., Bundle], tmp_path: Path) -> None:
    """Steps of both processes, before the fork and after it, before pivot_root and after it."""
    made, file = everywhere(bundle("say", "it runs")), tmp_path / "predictions"
    made.process["noNewPrivileges"] = True
    made.process["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 500, "hard": 500}]
    table = [
        ("take the id", "nothing", "right: nothing"),
        ("make the cgroup", "cgroup", "right: cgroup directory changed"),
        ("fork the process", "process cgroup limits", "partly: process and cgroup path changed; limits did not"),
        (
            "namespaces: user",
            "namespaces user",
            "partly: namespaces user changed; so did ids uid, gid and maps uid, gid",
        ),
        ("map uids", "maps uid", "right: maps uid changed"),  # by the runtime, of the other process
        ("map gids", "nothing", "not so: maps gid changed why: "),
        # all but pid; in the mount namespace of another owner, shared mounts are slaves (mount_namespaces(7))
        ("enter new namespaces", "namespaces propagation", "right: namespaces cgroup, ipc, mnt, net, uts and propag"),
        ("fork into the new pid", "process, namespaces pid", "right: process and namespaces pid changed"),
        (
            "take on the process",
            "process",
            "not so: process did not change; nothing that has a word here did why: Learn",
        ),
        ("set the host name", "hostname", "right: hostname changed"),
        ("mount proc on /proc", "mount /proc", "right: mounts /proc changed"),
        ("mount tmpfs on /dev", "mount /DEV", "not so: mounts /DEV did not change; mounts /dev did why: "),
        ("make the root file system read-only", "mounts / root", "partly: mounts / changed; root did not"),
        ("the root of the mount namespace", "root cwd", "right: root and cwd changed"),
        ("detach the host's root", "mounts", "right: mounts "),
        ("set RLIMIT_NOFILE", "rlimits nofile", "right: rlimits nofile changed"),  # by the runtime, behind pivot_root
        ("limit the capability bounding set", "caps", "caps is no word"),
        ("limit the capability bounding set", "capabilities kill", "not so: capabilities CAP_KILL did not change; "),
        ("set no_new_privs", "no_new_privs", "right: no_new_privs changed"),
        ("the container is created", "nothing", "right: nothing"),
        (LAST, "nothing", "nothing can be compared after this step: after execve(2)"),
    ]
    with stepping(runtime, made, "--predictions", str(file)) as one:
        check(one, table)
        assert one.finish() == 0
        assert b"it runs" in one.typist.screen
    made_ones = [row for row in table if row[2].startswith(("right", "partly", "not so"))]
    assert [one.right for one in read(str(file))] == [told.startswith("right") for _, _, told in made_ones]
    assert all(sentence in one.sentence for one, (sentence, _, _) in zip(read(str(file)), made_ones))
    eighth = json.loads(file.read_text().splitlines()[7])
    assert eighth["class"] == "ForkIntoNamespaces" and eighth["changed"] == ["process", "namespaces pid"]
    assert eighth["predicted"] == ["process", "namespaces pid"] and eighth["right"] is True


def test_the_words_are_told_to_who_asks_and_to_who_errs(runtime: Runtime, bundle: Callable[..., Bundle]) -> None:
    with stepping(runtime, bundle()) as one:
        for words in ("", "namespaces uts colour", "nothing uts", "namespaces nothing"):
            told = one.predict("enter new namespaces", words)
            assert all(f" {kind} " in told for kind in KINDS), told
            assert one.is_asked_about("enter new namespaces"), "the step is not done"
        assert "colour is no word" in one.answer("p namespaces colour")
        assert "right: " in one.answer("PREDICT Namespaces UTS ipc network mount")
        assert one.finish() == 0


def test_without_a_pid_namespace(runtime: Runtime, bundle: Callable[..., Bundle]) -> None:
    made = bundle()
    made.without_namespace("pid")
    with stepping(runtime, made) as one:
        check(
            one,
            [
                (
                    "enter new namespaces",
                    "namespaces pid",
                    "not so: namespaces pid did not change; namespaces ipc, mnt, net",
                ),
                ("mount proc on /proc", "mounts /proc/", "right: mounts /proc changed"),
                ("the root of the mount namespace", "nothing", "not so: root and cwd changed"),
                ("become user 0", NOTHING, "right: nothing"),
            ],
        )
        assert one.finish() == 0


@pytest.mark.parametrize("late", [False, True])
def test_behind_a_filter_nobody_looks(runtime: Runtime, bundle: Callable[..., Bundle], late: bool) -> None:
    """It would end the process: reading links is what looking takes, and nothing else at these steps."""
    made = bundle()
    made.process["noNewPrivileges"] = late
    made.linux["seccomp"] = allowing(rule("readlinkat", action=KILL))
    with stepping(runtime, made) as one:
        assert "right: seccomp changed" in one.predict("load the system call filter", "seccomp")
        for sentence in (LAST,) if late else ("give up the capability", LAST):
            assert "nothing can be compared after this step" in one.predict(sentence, "capabilities")
        assert one.finish() == 0


def test_what_the_filter_changes_is_told_by_the_plans_picture(
    runtime: Runtime, bundle: Callable[..., Bundle], place: Path, tmp_path: Path
) -> None:
    """Before the step: until the listener is handed on, nobody could allow anything (seccomp_unotify(2))."""
    made, file = bundle(), tmp_path / "predictions"
    made.linux["seccomp"] = allowing(rule("getpgid", action=NOTIFY), listenerPath=str(place / "agent"))
    with agent(place / "agent"), stepping(runtime, made, "--predictions", str(file)) as one:
        told = one.predict("load the system call filter", "seccomp")
        assert "By the plan's picture: right: seccomp changed" in told
        assert one.is_asked_about("send the listener"), "and then it is done"
        assert one.finish() == 0
    assert [made.changed for made in read(str(file))] == [("seccomp",)]


def test_where_nobody_can_look_the_plans_picture_tells(runtime: Runtime, bundle: Callable[..., Bundle]) -> None:
    made = bundle()
    made.process["noNewPrivileges"] = False
    made.linux["seccomp"] = allowing(rule("readlinkat", action=KILL))
    with stepping(runtime, made) as one:
        told = one.predict("give up the capability", "hostname")
        assert "nothing can be compared" in told and "By the plan's picture: not so: hostname did not change" in told
        assert one.finish() == 0


@pytest.mark.parametrize("has_pids", [True, False])
def test_the_plans_picture_and_the_kernel_agree_on_every_step(
    runtime: Runtime, bundle: Callable[..., Bundle], tmp_path: Path, has_pids: bool
) -> None:
    made, file = bundle(), tmp_path / "predictions"
    if not has_pids:
        made.without_namespace("pid")
    made.process["user"] = {"uid": 5, "gid": 6, "umask": 0o27, "additionalGids": [7]}
    made.process.update({"oomScoreAdj": 100, "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 500, "hard": 500}]})
    made.config |= {"hostname": "one", "domainname": "two"}
    made.config["root"]["readonly"] = True
    made.linux.update(maskedPaths=["/proc/keys", "/proc/nowhere"], readonlyPaths=["/proc/sys"])
    made.mount("/data", "ro")
    with stepping(runtime, made, "--predictions", str(file)) as one:
        while not one.is_asked_about(LAST):
            one.answer("p nothing")
        assert one.finish() == 0
    predictions = read(str(file))
    assert len(predictions) > 40
    assert [(one.sentence, one.otherwise) for one in predictions if one.otherwise] == []


def test_where_the_plans_picture_is_wrong_the_student_is_told(
    runtime: Runtime, bundle: Callable[..., Bundle], tmp_path: Path
) -> None:
    """It has the places of config.json, and knows nothing of symlinks in the image."""
    made, file = bundle(), tmp_path / "predictions"
    (made.rootfs / "other").mkdir()
    (made.rootfs / "data").symlink_to("other")
    made.mount("/data")
    with stepping(runtime, made, "--predictions", str(file)) as one:
        told = one.predict("mount tmpfs on /data", "mounts /data")
        assert "not so: mounts /data did not change; mounts /other did" in told
        said = "it says that mounts /data changed; it does not know that mounts /other changed. The kernel decides"
        assert f"the plan's picture has it otherwise: {said}" in told
        assert one.finish() == 0
    assert [made.otherwise for made in read(str(file))] == [("mounts /data", "mounts /other")]


def test_a_program_finds_nothing_of_it(runtime: Runtime, bundle: Callable[..., Bundle], tmp_path: Path) -> None:
    """Neither a descriptor nor anything else, though each step was looked at."""
    made, file, output = everywhere(bundle()), tmp_path / "predictions", tmp_path / "output"
    made.mount("/dev/shm")
    with stepping(runtime, made, "--predictions", str(file), output=str(output)) as one:
        while not one.is_asked_about(LAST):
            one.answer("p nothing")
        assert one.finish() == 0
    assert set(json.loads(output.read_text())["fds"]) == {"0", "1", "2"}
    assert len(read(str(file))) > 40
    numbers = [one.step for one in read(str(file))]
    assert numbers == [*range(1, len(numbers) + 1)], "each step once, whichever process it was"
    assert [one for one in read(str(file)) if one.otherwise] == [], "kernel and picture agree"


@pytest.mark.machine
@needs.controller("memory")
@needs.controller("pids")
def test_limits_are_the_containers_cgroups(runtime: Runtime, bundle: Callable[..., Bundle]) -> None:
    made = bundle()
    made.linux["resources"] = {"memory": {"limit": 1 << 28}, "pids": {"limit": 100}}
    with stepping(runtime, made) as one:
        check(
            one,
            [
                ("set memory.max", "limits memory.max", "right: limits memory.max changed"),
                ("fork the process", "cgroup path limits", "and namespaces pid; limits did not"),
                ("set pids.max", "limits memory.max", "not so: limits memory.max did not change; limits pids.max did"),
            ],
        )
        assert one.finish() == 0


def test_a_further_process_is_looked_at_as_well(life: Callable[..., Life]) -> None:
    one = life("sleep")
    one.create()
    one.start()
    words = [*one.runtime.argv, "exec", "--step", one.id, "/probe", "say", "further"]
    with student(words, one.runtime.environment) as asked:
        check(
            asked,
            [
                ("join the uts namespace", "namespaces uts", "right: namespaces uts changed"),
                ("join the pid namespace", "namespaces pid", "not so: namespaces pid did not change; nothing that"),
                ("fork into the new pid", "process namespaces pid", "right: process and namespaces pid changed"),
                ("take on the process", "nothing", "right: nothing"),  # by the runtime again
            ],
        )
        assert asked.finish() == 0
        assert b"further" in asked.typist.screen


@needs.command(f"{' '.join(BECOME)} unshare --user true", "only root may make user namespaces here")
@pytest.mark.skipif(not has_python(), reason=f"{PYTHON} is too old for minirun")
def test_a_user_predicts_as_well(runtime: Runtime, bundle: Callable[..., Bundle], place: Path) -> None:
    """The runtime's own steps can be seen as long as the process is not closed to tracers; the others always."""
    made = bundle("say", "it runs")
    give(made)
    with stepping(UsersRuntime(runtime, place), made) as one:
        check(
            one,
            [
                ("namespaces: user", "namespaces user", "partly: namespaces user changed; so did ids"),
                ("map uids", "maps", "right: maps uid changed"),
                ("the root of the mount namespace", "root cwd", "right: root and cwd changed"),
                ("the container is created", "nothing", "it can't be seen from here"),
            ],
        )
        assert one.finish() == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--predictions", "/tmp/x"], "cure:  add --step"),
        (["--step", "--predictions", "/nowhere/x"], "cure:  name a file"),
        (["--step", "--predictions", "/dev/null"], "/dev/null is no regular file"),
    ],
)
def test_a_file_that_is_none(runtime: Runtime, bundle: Callable[..., Bundle], options: list[str], words: str) -> None:
    made = bundle()
    made.write()
    with nothing_left(runtime.name), typing_to(runtime.command(made, new_id(), options), runtime.environment) as typist:
        assert words in typist.see("cure:") + typist.see("\n")
        assert typist.status() == 1
