"""create, start, state, kill, delete: what the kernel shows after each, and that a wrong one has no effect.

runtime.md#lifecycle, runtime.md#operations
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kernel.kit.host import nothing_left
from kernel.kit.life import Life
from kernel.kit.outside import Process, cgroup2_root, is_zombie, parent_of
from kernel.kit.runtime import TIMEOUT, new_id

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.root

VERSION_1 = pytest.mark.deviates("runc", "looks into the cgroups of version 1 where both are mounted")


def executable(one: Life) -> str:
    return os.readlink(f"/proc/{one.state()['pid']}/exe")


# ---- create


def test_create_does_not_run_the_program(life):
    one = life("say", "words")
    assert one.create().status == 0
    assert one.status == "created"
    time.sleep(0.2)
    assert one.output().count("words") == 0
    assert not executable(one).endswith("/probe")


def test_a_created_container_is_set_up_already(life, runtime):
    """Its namespaces are new, its process is in its cgroup, its root is the bundle's."""
    one = life().created()
    process = one.process
    assert all(process.namespace(kind) != Process().namespace(kind) for kind in ("mount", "pid", "uts"))
    assert process.inside("/probe").exists()
    assert one.id in process.cgroup() or runtime.name != "minirun"


OPENED = 'exec "$@" 3<"{0}" 4<"{0}/kept" 5>"{0}/log" 7<"{0}" 9<"{0}/config.json"'


def created_by_who_has_files_open(one: Life, place: Path) -> dict[int, str]:
    """What its process has open beside the standard streams."""
    (place / "kept").touch()
    (place / "config.json").touch()
    shell = ["sh", "-c", OPENED.format(place), "sh", *one.runtime.argv]
    words = ["create", "--preserve-fds", "2", "--bundle", str(one.bundle.path), one.id]
    with open(place / "said", "w") as said:
        done = subprocess.run([*shell, *words], stdin=subprocess.DEVNULL, stdout=said, stderr=said, timeout=TIMEOUT)
    assert done.returncode == 0, (place / "said").read_text()
    held = Path(f"/proc/{one.state()['pid']}/fd")
    return {int(name.name): os.readlink(name) for name in held.iterdir() if int(name.name) > 2}


@pytest.mark.deviates("crun", "they are closed by execve(2)")
def test_who_waits_for_start_holds_no_file_of_the_callers(life, place):
    """No pipe of it would come to its end, and no file system could be unmounted, until somebody says `start`."""
    held = created_by_who_has_files_open(life(), place)
    assert {number: path for number, path in held.items() if path.startswith(str(place))} == {
        3: str(place),
        4: f"{place}/kept",
    }


@pytest.mark.only("minirun", "others hold what they wait with, which is a FIFO in their state directory")
def test_nor_one_of_the_hosts(life, place):
    """Only what was asked for, and sockets of minirun's: one of them is where it waits."""
    held = created_by_who_has_files_open(life(), place)
    assert held.keys() >= {3, 4}
    assert all(path.startswith("socket:") for number, path in held.items() if number > 4), held


def test_the_state_has_the_fields_of_the_spec(life):
    """runtime.md#state"""
    one = life(annotations={"org.example.key": "value"}).created()
    state = one.state()
    assert (state["id"], state["bundle"]) == (one.id, str(one.bundle.path))
    assert state["annotations"] == {"org.example.key": "value"}
    assert state["ociVersion"].startswith("1.")
    assert Path(f"/proc/{state['pid']}").exists()


def test_create_takes_the_config_of_its_moment(life):
    """runtime.md#lifecycle, 2: later changes don't matter."""
    one = life("say", "before").created()
    one.bundle.process["args"] = ["/probe", "say", "after"]
    one.bundle.write()
    assert one.start().status == 0
    one.wait_for(lambda: one.status == "stopped")
    assert "before" in one.output() and "after" not in one.output()


def test_the_pid_file_is_a_number_and_nothing_else(life, place):
    one = life().created("--pid-file", str(place / "pid"))
    assert (place / "pid").read_text() == str(one.state()["pid"])


def test_the_process_becomes_a_child_of_the_nearest_subreaper(life):
    """Engines learn the exit status that way. Here the tests are the subreaper."""
    one = life().started()
    pid = one.state()["pid"]
    assert parent_of(pid) == os.getpid()
    os.kill(pid, signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL


def test_a_create_that_fails_leaves_nothing(life, runtime):
    one = life("sleep")
    one.bundle.process["args"] = ["/missing"]
    one.bundle.write()
    with nothing_left(runtime.name):
        refused = one.create()
        assert refused.status == 1
        assert "no such file or directory" in refused.stderr
    assert one.call("state").status != 0


def test_an_id_belongs_to_one_container(life, runtime):
    first, second = life().created(), life()
    second.id = first.id
    assert second.create().status == 1
    assert first.status == "created"
    assert first.state()["bundle"] == str(first.bundle.path)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a b", "ü"])
def test_an_id_that_is_no_name_is_refused(life, name):
    one = life()
    one.id = name
    refused = one.create()
    assert refused.status != 0
    one.id = new_id()


def test_a_terminal_needs_somebody_to_hold_it(life, runtime):
    one = life()
    one.bundle.process["terminal"] = True
    one.bundle.write()
    with nothing_left(runtime.name):
        assert one.create().status == 1


def test_the_terminal_is_sent_to_the_console_socket(life, place):
    one = life("say", "words")
    one.bundle.process["terminal"] = True
    one.bundle.write()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place / "console"))
        listener.listen()
        one.started("--console-socket", str(place / "console"))
        connection, _address = listener.accept()
    with connection:
        message, descriptors, _flags, _address = socket.recv_fds(connection, 4096, 4)
    assert message
    assert len(descriptors) == 1
    assert os.read(descriptors[0], 100).split() == [b"words"]
    os.close(descriptors[0])


# ---- start


def test_start_runs_the_program(life):
    one = life().created()
    assert one.start().status == 0
    assert one.status == "running"
    one.wait_for(lambda: executable(one).endswith("/probe"))


def test_the_pid_stays_the_same(life):
    one = life().created()
    before = one.state()["pid"]
    one.start()
    assert one.state()["pid"] == before


def test_the_program_writes_where_create_did(life):
    one = life("say", "words").started()
    one.wait_for(lambda: "words" in one.output())


def test_a_second_start_is_refused_and_changes_nothing(life):
    one = life().started()
    refused = one.start()
    assert refused.status == 1
    assert "cannot start an already running container" in refused.stderr
    assert one.status == "running"


@pytest.mark.deviates("runc", "wants a process at create already")
@pytest.mark.deviates("crun", "wants a process at create already")
def test_a_container_without_a_process_is_created_and_can_not_be_started(life):
    """runtime.md#create: all of config.json but its process; runtime.md#start: without one, an error and no more."""
    one = life()
    del one.bundle.config["process"]
    one.bundle.write()
    assert one.create().status == 0
    refused = one.start()
    assert refused.status == 1
    assert "has no process" in refused.stderr
    assert one.status == "created"
    assert one.delete("--force").status == 0


def test_a_stopped_container_can_not_be_started(life):
    one = life("exit", "0").started()
    one.wait_for(lambda: one.status == "stopped")
    assert one.start().status == 1


def test_of_two_starts_at_once_one_wins(life, runtime):
    one = life().created()
    argv = [*runtime.argv, "start", one.id]
    both = [
        subprocess.Popen(argv, env=runtime.environment, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(2)
    ]
    assert sorted(process.wait(30) for process in both) == [0, 1]
    assert one.status == "running"


@pytest.mark.only("minirun", "others don't hear of it")
def test_start_tells_why_the_program_can_not_run(life, runtime):
    """And deletes the container: runtime.md#lifecycle, 8."""
    one = life()
    one.bundle.process["args"] = ["/script"]
    (one.bundle.rootfs / "script").write_text("#!/missing\n")
    (one.bundle.rootfs / "script").chmod(0o755)
    one.bundle.write()
    with nothing_left(runtime.name):
        one.created()
        refused = one.start()
        assert refused.status == 1
        assert "execve" in refused.stderr and "interpreter is missing" in refused.stderr


@pytest.mark.slow
def test_a_program_that_has_ended_and_is_gone_has_run(runtime, bundle):
    """The engine is the parent of the container's process, and collects it before `start` can look."""
    made = bundle("exit", "0")
    made.write()
    engine = [sys.executable, str(Path(__file__).parent / "kit" / "engine.py")]
    done = subprocess.run(
        [*engine, "25", str(made.path), new_id(), *runtime.argv],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=runtime.environment,
        timeout=5 * TIMEOUT,
        check=True,
    )
    assert json.loads(done.stdout) == [], done.stdout


# ---- state


def test_the_state_of_what_does_not_exist_is_an_error(life):
    refused = life().call("state")
    assert refused.status == 1
    assert "does not exist" in refused.stderr


def test_a_stopped_container_has_no_pid(life):
    one = life("exit", "0").started()
    one.wait_for(lambda: one.status == "stopped")
    assert one.state()["pid"] == 0


def test_a_zombie_is_stopped(life):
    """Nobody has asked for its exit status yet; the tests adopt it and don't."""
    one = life().started()
    pid = one.state()["pid"]
    os.kill(pid, signal.SIGKILL)
    one.wait_for(lambda: is_zombie(pid))
    assert one.status == "stopped"


@pytest.mark.only("minirun", "it looks into its books")
def test_another_process_of_the_same_pid_is_not_the_container(life, runtime):
    one = life().started()
    books = Path("/run/minirun", one.id, "state.json")
    facts = json.loads(books.read_text())
    own = facts["pid"]
    books.write_text(json.dumps(facts | {"pid": os.getpid()}))
    assert one.status == "stopped"
    assert one.kill("0").status == 1
    books.write_text(json.dumps(facts | {"pid": own}))
    assert one.status == "running"


@pytest.mark.only("minirun", "it looks into its books")
@pytest.mark.parametrize(
    ("name", "content"),
    [("state.json", "{"), ("state.json", '{"complete": true}'), ("config.json", '{"ociVersion": "7"}')],
)
def test_damaged_books_are_told_of_and_nothing_is_done(life, name, content):
    """Whether the file was written by hand or a disk was full: what is the container's, nobody knows any more."""
    one = life().started()
    process = one.process
    books = Path("/run/minirun", one.id, name)
    good = books.read_text()
    books.write_text(content)
    refused = one.delete("--force")
    assert refused.status == 1 and "damaged" in refused.stderr and str(books.parent) in refused.stderr
    books.write_text(good)
    assert one.status == "running" and one.process.pid == process.pid


@pytest.mark.only("minirun", "it looks into its books")
def test_nobody_waits_for_books_that_never_end(tmp_path, runtime):
    """A user's may be a FIFO when root asks for them."""
    (tmp_path / "one").mkdir()
    os.mkfifo(tmp_path / "one/state.json")
    command = [*runtime.argv, "--root", str(tmp_path), "state", "one"]
    refused = subprocess.run(
        command, env=runtime.environment, capture_output=True, text=True, timeout=TIMEOUT, check=False
    )
    assert refused.returncode == 1 and "damaged" in refused.stderr


# ---- kill


@pytest.mark.parametrize("word", ["KILL", "SIGKILL", "kill", "9"])
def test_kill_takes_names_and_numbers(life, word):
    one = life().started()
    assert one.kill(word).status == 0
    one.wait_for(lambda: one.status == "stopped")


@pytest.mark.deviates("runc", "knows them by number only")
@pytest.mark.parametrize(("word", "number"), [("SIGRTMIN+3", 37), ("rtmax-14", 50), ("37", 37)])
def test_kill_takes_names_of_real_time_signals(life, word, number):
    """SIGRTMIN+3 asks systemd to end (systemd(1)). Without a pid namespace, a signal without a handler ends anybody."""
    one = life("sleep")
    one.bundle.without_namespace("pid")
    one.bundle.write()
    pid = one.started().process.pid
    assert one.kill(word).status == 0
    _pid, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == -number


@pytest.mark.only("minirun", "the words are its own")
@pytest.mark.parametrize("word", ["RTMIN+31", "RTMAX-31", "RTMIN-1", "RTMAX+1", "RTMIN+", "RTMIN+x", "RTMIN+٣"])
def test_there_are_not_more_of_them(life, word):
    refused = life("sleep").created().kill(word)
    assert refused.status == 1 and "unknown signal" in refused.stderr


def test_kill_means_sigterm(life):
    one = life("wait").started()
    one.wait_for(lambda: "ready" in one.output())
    assert one.kill().status == 0
    one.wait_for(lambda: "TERM" in one.output())


def test_a_created_container_can_be_killed(life):
    one = life().created()
    assert one.kill("KILL").status == 0
    one.wait_for(lambda: one.status == "stopped")


def test_a_stopped_container_can_not_be_killed(life):
    one = life("exit", "0").started()
    one.wait_for(lambda: one.status == "stopped")
    refused = one.kill("KILL")
    assert refused.status == 1
    assert "container not running" in refused.stderr


def test_signal_0_asks_whether_it_runs(life):
    """kill(2)"""
    one = life().started()
    assert one.kill("0").status == 0
    assert one.status == "running"
    one.kill("KILL")
    one.wait_for(lambda: one.status == "stopped")
    assert one.kill("0").status == 1


def test_an_unknown_signal_is_refused(life):
    one = life().started()
    assert one.kill("NONSENSE").status == 1
    assert one.status == "running"


ENDING = ("HUP", "INT", "QUIT", "TERM")


@pytest.mark.parametrize("name", ENDING)
@pytest.mark.deviates("crun", "its process waits without handlers, as the first of a pid namespace")
def test_a_created_container_ends_when_it_is_asked_to(life, name):
    """pid_namespaces(7): without a handler the signal would not even arrive."""
    one = life().created()
    assert one.kill(name).status == 0  # at once: when `create` is back, the handlers are there
    one.wait_for(lambda: one.status == "stopped")
    assert one.start().status == 1


@pytest.mark.deviates("crun", "its process waits without handlers, as the first of a pid namespace")
def test_so_it_does_by_who_has_only_its_pid(life, place):
    one = life().created("--pid-file", f"{place}/pid")
    os.kill(int((place / "pid").read_text()), signal.SIGTERM)
    one.wait_for(lambda: one.status == "stopped")


@pytest.mark.only("minirun", "others take no config.json without a process")
def test_so_does_one_that_has_no_program(life):
    one = life()
    del one.bundle.config["process"]
    one.bundle.write()
    one.created().kill("TERM")
    one.wait_for(lambda: one.status == "stopped")


def test_the_program_is_asked_by_its_own_handlers_only(life):
    """Of those for the time before, none is left."""
    one = life().started()  # /probe, without any
    for name in ENDING:
        assert one.kill(name).status == 0
    time.sleep(0.2)
    assert one.status == "running"


@VERSION_1
def test_kill_all_reaches_every_process(life, runtime):
    """In a pid namespace that others use, the end of the first process does not end the rest (pid_namespaces(7))."""
    one = life()
    one.bundle.without_namespace("pid")
    one.bundle.write()
    one.started()
    pid = one.state()["pid"]
    with companion(one) as other:
        assert one.kill("KILL", options=["--all"]).status == 0
        assert other.wait(10) == -signal.SIGKILL
    one.wait_for(lambda: is_zombie(pid))


def in_pid_namespace(one: Life, path: str | None) -> Life:
    """Or, without a path, in that of the host."""
    one.bundle.without_namespace("pid")
    if path:
        one.bundle.namespace("pid", path)
    one.bundle.write()
    return one


@pytest.mark.deviates("runc", "came with 1.2")
@pytest.mark.deviates("crun", "ends the first process only")
@pytest.mark.parametrize("shared", [False, True], ids=["of the host", "of another container"])
def test_sigkill_ends_the_rest_where_the_kernel_does_not(life, shared):
    """Where the pid namespace is not the container's own, the others would go on. Whose it is, goes on."""
    owner = life().started()
    one = in_pid_namespace(life(), f"/proc/{owner.state()['pid']}/ns/pid" if shared else None).started()
    with companion(one) as other:
        assert one.kill("KILL").status == 0
        assert other.wait(10) == -signal.SIGKILL
    one.wait_for(lambda: one.status == "stopped")
    assert owner.status == "running"


def test_another_signal_is_for_the_first_process(life):
    one = in_pid_namespace(life("wait"), None).started()
    with companion(one) as other:
        assert one.kill("TERM").status == 0
        one.wait_for(lambda: one.status == "stopped")
        assert other.poll() is None


def test_sigkill_in_a_pid_namespace_of_its_own_is_for_that(life):
    """What somebody has put into the cgroup from outside is not the container's."""
    one = life().started()
    with companion(one) as other:
        assert one.kill("KILL").status == 0
        one.wait_for(lambda: one.status == "stopped")
        assert other.poll() is None


@pytest.mark.only("minirun", "needs to know where it keeps its processes")
def test_sigkill_finds_the_first_process_in_another_cgroup_too(life):
    one = in_pid_namespace(life(), None).started()
    (cgroup2_root() / "cgroup.procs").write_text(str(one.state()["pid"]))
    assert one.kill("KILL").status == 0
    one.wait_for(lambda: one.status == "stopped")


@VERSION_1
def test_of_a_stopped_container_only_kill_all_ends_what_is_left(life):
    """runtime.md#kill: where it is neither created nor running, a signal has no effect and is an error."""
    one = in_pid_namespace(life(), None).started()
    with companion(one) as other:
        os.kill(one.state()["pid"], signal.SIGKILL)
        one.wait_for(lambda: one.status == "stopped")
        assert one.kill("KILL").status == 1
        assert other.poll() is None
        assert one.kill("KILL", options=["--all"]).status == 0
        assert other.wait(10) == -signal.SIGKILL


def test_kill_all_is_content_where_nothing_is_left(life):
    """Engines say it of each container that has ended, and log what fails."""
    one = life("exit", "0").started()
    one.wait_for(lambda: one.status == "stopped")
    assert one.kill("KILL", options=["--all"]).status == 0
    assert one.kill("KILL").status == 1


@VERSION_1
@pytest.mark.parametrize("stage", ["running", "paused"])
def test_kill_all_takes_any_signal(life, stage):
    """A paused container stays paused; what a signal does not end gets it later."""
    one = life().started()
    if stage == "paused":
        one.call("pause")
    with companion(one) as other:
        assert one.kill("USR1", options=["--all"]).status == 0
        assert one.status == stage
        one.call("resume")
        assert other.wait(10) == -signal.SIGUSR1


@VERSION_1
@pytest.mark.only("minirun", "others stop at a threaded cgroup")
def test_kill_all_and_ps_pass_over_threaded_cgroups(life):
    """Their processes are told by the cgroup that is their domain (cgroups(7))."""
    one = life().started()
    below = Path(str(cgroup2_root()) + one.process.cgroup(), "below")
    below.mkdir()
    (below / "cgroup.type").write_text("threaded")
    with companion(one) as other:
        assert sorted(one.call("ps", options=["--format", "json"]).json) == sorted([one.state()["pid"], other.pid])
        assert one.kill("TERM", options=["--all"]).status == 0
        assert other.wait(10) == -signal.SIGTERM
    below.rmdir()


@contextlib.contextmanager
def companion(one: Life) -> Iterator[subprocess.Popen[bytes]]:
    """Another process in the container's cgroup, which ends with the block at the latest. Where it kept a runtime from
    removing the cgroup, that goes now."""
    cgroup = Path(str(cgroup2_root()) + one.process.cgroup())
    with subprocess.Popen(["sleep", "100"]) as other:
        try:
            (cgroup / "cgroup.procs").write_text(str(other.pid))
            yield other
        finally:
            other.kill()
            other.wait()
            with contextlib.suppress(OSError):
                cgroup.rmdir()


# ---- delete


def test_delete_removes_the_container_and_frees_the_id(life, runtime):
    one = life("exit", "0")
    with nothing_left(runtime.name):
        one.started()
        one.wait_for(lambda: one.status == "stopped")
        assert one.delete().status == 0
    assert one.call("state").status == 1
    one.created()


def test_a_running_container_is_not_deleted(life):
    one = life().started()
    refused = one.delete()
    assert refused.status == 1
    assert f"cannot delete container {one.id} that is not stopped: running" in refused.stderr
    assert one.status == "running"


def test_a_created_container_is_deleted(life, runtime):
    """Against the spec, as engines want it."""
    one = life()
    with nothing_left(runtime.name):
        one.created()
        assert one.delete().status == 0


def test_force_ends_and_deletes(life, runtime):
    one = life()
    with nothing_left(runtime.name):
        one.started()
        assert one.delete("--force").status == 0


def test_delete_of_what_does_not_exist(life):
    one = life()
    assert one.delete().status == 1
    assert one.delete("--force").status == 0


@VERSION_1
def test_delete_also_ends_what_the_first_process_left_behind(life, runtime):
    one = life()
    one.bundle.without_namespace("pid")
    one.bundle.write()
    with nothing_left(runtime.name):
        one.started()
        with companion(one) as other:
            one.kill("KILL")
            one.wait_for(lambda: one.status == "stopped")
            assert one.delete("--force").status == 0
            assert other.wait(10) == -signal.SIGKILL


# ---- run


def test_run_detached_leaves_the_program_alone(life, runtime):
    one = life()
    with nothing_left(runtime.name):
        options = ["--detach", "--bundle", str(one.bundle.path)]
        assert one.call("run", options=options).status == 0
        assert one.status == "running"
        assert one.delete("--force").status == 0


def test_run_can_keep_the_books(life):
    one = life("exit", "3")
    ran = one.call("run", options=["--keep", "--bundle", str(one.bundle.path)])
    assert ran.status == 3
    assert one.status == "stopped"
    assert one.delete().status == 0


@pytest.mark.deviates("runc", "both run the hook")
@pytest.mark.deviates("crun", "both run the hook")
def test_a_container_in_the_foreground_can_be_deleted_from_elsewhere(life, runtime, place):
    """One of the two tidies up, and the other does not mistake what comes after for its own."""
    written = place / "written"
    hook = {"path": "/bin/sh", "args": ["sh", "-c", f"echo once >>{written}"]}
    one = life("sleep", hooks={"poststop": [hook]})
    one.bundle.write()
    with nothing_left(runtime.name):
        argv = [*runtime.argv, "run", "--bundle", str(one.bundle.path), one.id]
        with subprocess.Popen(
            argv, env=runtime.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        ) as run:
            one.wait_for(lambda: one.call("state").status == 0 and one.status == "running")
            assert one.delete("--force").status == 0
            told = run.communicate(timeout=TIMEOUT)[1]
        assert run.returncode == 128 + signal.SIGKILL
    assert (written.read_text(), told) == ("once\n", b"")
