"""exec: a further process in a container, with what is its own and what is the container's."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from kernel.kit import needs
from kernel.kit.host import nothing_left
from kernel.kit.life import Life
from kernel.kit.outside import FILES, Process
from kernel.kit.runtime import PATIENCE, REPOSITORY, TIMEOUT

pytestmark = pytest.mark.root
DRIVER = Path(__file__).parent / "kit" / "exec_driver.py"


@pytest.fixture
def running(life) -> Life:
    return life().started()


def look(one: Life, *options: str) -> dict[str, Any]:
    """What the probe sees as a further process."""
    seen: dict[str, Any] = one.call("exec", "/probe", options=options).json
    return seen


# ---- what the container can do to it


@pytest.mark.only("minirun", "others enter the container's pid namespace with all of their rights")
def test_nothing_in_the_containers_reach_has_more_rights_than_it(life):
    """With CAP_SYS_PTRACE, and no user namespace between, any process that it can see may be taken over."""
    one = life("seize")
    one.bundle.capabilities("CAP_SYS_PTRACE")
    own = sum(1 << needs.CAPABILITIES[name] for name in one.bundle.process["capabilities"]["bounding"])
    one.bundle.write()
    one.started()
    one.wait_for(lambda: "ready" in one.output())
    for _ in range(20):
        assert one.call("exec", "/probe", "exit", "0").status == 0
        if one.output().count("minirun:child") >= 3:
            break
    seized = [line.split(maxsplit=3) for line in one.output().splitlines()[1:]]
    assert {"minirun:child"} <= {words[2] for words in seized if words[1] == "Name:"}, "none was seen in time"
    assert all(int(words[2], 16) & ~own == 0 for words in seized if words[1] == "CapPrm:"), seized
    opened = {words[3] for words in seized if words[1] == "fd" and int(words[2]) > 2}
    assert all(target.startswith("socket:") for target in opened), opened


@pytest.mark.parametrize("denied", ["clone", "setsid"])
def test_a_filter_that_forbids_what_entering_takes_forbids_it_to_the_program_only(life, denied):
    one = life()
    one.bundle.linux["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": [denied], "action": "SCMP_ACT_ERRNO"}],
    }
    one.bundle.write()
    assert table(look(one.started()))["Seccomp"] == "2"


def test_a_limit_on_the_users_processes(running, place):
    """RLIMIT_NPROC; a fork of minirun's own would come up against it."""
    process = {
        "args": ["/probe"],
        "cwd": "/",
        "user": {"uid": 54321, "gid": 0},
        "rlimits": [{"type": "RLIMIT_NPROC", "soft": 1, "hard": 1}],
    }
    (place / "process.json").write_text(json.dumps(process))
    seen = running.line("exec", "--process", str(place / "process.json"), running.id).json
    assert seen["rlimits"]["RLIMIT_NPROC"] == [1, 1]


# ---- what it shares with the container


def test_it_is_in_all_namespaces_of_the_container(running):
    namespaces = look(running)["namespaces"]
    first = running.process
    for kind, file in FILES.items():
        if (first.proc / "ns" / file).exists():
            assert namespaces[file] == first.namespace(kind), kind


def test_it_sees_the_containers_root_and_processes(running):
    seen = running.call("exec", "/probe", "list", "/proc", options=[]).json
    numbers = [name for name in seen["/proc"] if name.isdigit()]
    assert "1" in numbers and len(numbers) <= 4


def test_it_is_in_the_containers_cgroup(running, place):
    running.call("exec", "/probe", "sleep", options=["--detach", "--pid-file", str(place / "pid")])
    assert Process((place / "pid").read_text()).cgroup() == running.process.cgroup()


def test_a_user_namespace_is_joined_as_its_root(life):
    one = life()
    one.bundle.user_namespace()
    one.bundle.write()
    one.started()
    seen = look(one)
    assert seen["namespaces"]["user"] == one.process.namespace("user")
    assert seen["uid"] == 0


def test_a_created_container_can_be_looked_into(life):
    one = life().created()
    assert one.call("exec", "/probe", "exit", "7").status == 7


@pytest.mark.skipif("not __import__('os').path.exists('/proc/self/ns/time')", reason="no time namespaces")
@pytest.mark.deviates("runc", "came with 1.2")
def test_the_time_namespace_is_joined(life):
    one = life()
    one.bundle.namespace("time")
    one.bundle.linux["timeOffsets"] = {"boottime": {"secs": 100000}}
    one.bundle.write()
    one.started()
    assert look(one)["namespaces"]["time"] == one.process.namespace("time")


# ---- what is its own


def test_the_exit_status_is_handed_on(running):
    assert running.call("exec", "/probe", "exit", "3").status == 3


def test_a_signals_number_is_the_exit_status(running):
    assert running.call("exec", "/probe", "signal", "9").status == 128 + signal.SIGKILL


def test_the_words_behind_the_id_are_the_programs(running):
    """Even if they look like options."""
    ran = running.call("exec", "/probe", "say", "--tty", "--debug")
    assert (ran.status, ran.stdout) == (0, "--tty")


def test_environment_directory_and_user(running):
    seen = look(running, "--env", "A=1", "--env", "B=2=3", "--cwd", "/tmp", "--user", "1000:2000", "-g", "3000")
    assert {"A=1", "B=2=3"} <= set(seen["env"])
    assert "TERM=xterm" in seen["env"]
    assert seen["cwd"] == "/tmp"
    assert (seen["uid"], seen["gid"], seen["groups"]) == (1000, 2000, [3000])


def test_a_capability_more(running):
    number = needs.CAPABILITIES["CAP_NET_RAW"]
    assert not int(table(look(running))["CapEff"], 16) >> number & 1
    assert int(table(look(running, "--cap", "CAP_NET_RAW"))["CapEff"], 16) >> number & 1


@pytest.mark.parametrize("options", [(), ("--user", "1000")])
def test_a_capability_more_is_not_inheritable(running, options):
    """CVE-2022-29162, CVE-2022-27650: what the program executes then would get it by a flag of the file's."""
    seen = table(look(running, *options, "--cap", "CAP_NET_RAW"))
    assert int(seen["CapInh"], 16) == int(seen["CapAmb"], 16) == 0


def test_a_capability_more_leaves_the_others_as_they_are(life):
    """It is in the bounding, effective and permitted sets; in the other two is what config.json has there."""
    one = life()
    one.bundle.process["capabilities"].update(inheritable=["CAP_KILL"], ambient=["CAP_KILL"])
    one.bundle.write()
    one.started()
    before, after = (
        {name: int(mask, 16) for name, mask in table(seen).items() if name.startswith("Cap")}
        for seen in (look(one), look(one, "--cap", "CAP_NET_RAW"))
    )
    more = 1 << needs.CAPABILITIES["CAP_NET_RAW"]
    assert before["CapInh"] == before["CapAmb"] == 1 << needs.CAPABILITIES["CAP_KILL"]
    assert after == before | {name: before[name] | more for name in ("CapBnd", "CapEff", "CapPrm")}


def table(seen: dict[str, Any]) -> dict[str, str]:
    return {name: value.strip() for name, _, value in (line.partition(":") for line in seen["status"])}


def test_no_new_privileges(running):
    assert table(look(running))["NoNewPrivs"] == "0"
    assert table(look(running, "--no-new-privs"))["NoNewPrivs"] == "1"


def test_a_process_from_a_file(running, place):
    process = {
        "terminal": False,
        "user": {"uid": 7, "gid": 8},
        "args": ["/probe"],
        "env": ["ONLY=this"],
        "cwd": "/tmp",
        "noNewPrivileges": True,
    }
    (place / "process.json").write_text(json.dumps(process))
    ran = running.line("exec", "--process", str(place / "process.json"), running.id)
    seen = ran.json
    assert (seen["uid"], seen["gid"], seen["cwd"]) == (7, 8, "/tmp")
    assert "ONLY=this" in seen["env"] and "TERM=xterm" not in seen["env"]
    assert int(table(seen)["CapEff"], 16) == 0
    assert table(seen)["NoNewPrivs"] == "1"


def test_a_file_that_describes_no_process_is_named(running, runtime, place):
    (place / "process.json").write_text(json.dumps({"cwd": "/", "user": {"uid": 0, "gid": 0}, "args": "sh"}))
    refused = running.line("exec", "--process", str(place / "process.json"), running.id)
    assert refused.status != 0
    if runtime.name == "minirun":
        assert f"{place}/process.json" in refused.stderr and "/args" in refused.stderr
        assert "config.json" not in refused.stderr


@pytest.mark.deviates("crun", "takes any path")
@pytest.mark.parametrize("path", ["..", "../..", "sub/../.."])
def test_a_cgroup_that_is_not_below_the_containers_is_refused(running, place, path):
    options = ["--cgroup", path, "--detach", "--pid-file", str(place / "pid")]
    refused = running.call("exec", "/probe", "sleep", options=options)
    assert refused.status == 255 and "bad sub cgroup path" in refused.stderr
    assert not (place / "pid").exists()


@pytest.mark.deviates("runc", "takes it where there is cgroup v1")
def test_a_controller_before_the_cgroup_is_refused(running):
    assert running.call("exec", "/probe", "exit", "0", options=["--cgroup", "memory:/"]).status == 255


@pytest.mark.deviates("runc", "looks at them with create and run only")
@pytest.mark.deviates("crun", "1.8.1 does not look at them")
def test_a_descriptor_to_preserve_has_to_be_open_for_it_too(running):
    assert running.call("exec", "/probe", "exit", "0", options=["--preserve-fds", "2"]).status == 255


@pytest.mark.deviates("runc", "came with 1.3")
def test_affinity(running, place):
    process = dict(running.bundle.process, execCPUAffinity={"initial": "0", "final": "0"}, args=["/probe"])
    (place / "process.json").write_text(json.dumps(process))
    seen = running.line("exec", "--process", str(place / "process.json"), running.id).json
    assert table(seen)["Cpus_allowed_list"] == "0"


def test_a_terminal_by_the_console_socket(running, place):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place / "console"))
        listener.listen()
        options = ["--detach", "--tty", "--console-socket", str(place / "console")]
        assert running.call("exec", "/probe", "say", "words", options=options).status == 0
        connection, _address = listener.accept()
    with connection:
        _message, descriptors, _flags, _address = socket.recv_fds(connection, 4096, 4)
    assert os.read(descriptors[0], 100).split() == [b"words"]
    os.close(descriptors[0])


def test_detached_it_goes_on_alone(running, runtime, place):
    options = ["--detach", "--pid-file", str(place / "pid")]
    assert running.call("exec", "/probe", "sleep", options=options).status == 0
    pid = (place / "pid").read_text()
    assert Process(pid).namespace("pid") == running.process.namespace("pid")
    assert os.readlink(f"/proc/{pid}/exe").endswith("/probe")


def test_files_of_the_caller_stay_outside(running):
    with open("/etc/hosts") as inherited:
        options: list[str] = []
        argv = [*options, running.id, "/probe", "fds"]
        seen = running.line("exec", *argv, pass_fds=[inherited.fileno()]).json
    assert len(seen["fds"]) == 3


# ---- what is refused


def test_a_program_that_is_not_there(running):
    refused = running.call("exec", "/missing")
    assert refused.status == 255
    assert "no such file or directory" in refused.stderr


@pytest.mark.parametrize("seccomp", [None, {"defaultAction": "SCMP_ACT_ALLOW"}], ids=["", "filtered"])
def test_a_program_that_is_named_by_way_of_its_own_process(life, seccomp):
    """fexecve(3) does it like this. /proc/self is there for the container's own processes only."""
    one = life()
    one.bundle.linux["seccomp"] = seccomp
    one.bundle.write()
    one.started()
    with_3 = ["sh", "-c", 'exec 3< "$0"; exec "$@"', f"/proc/{one.process.pid}/root/probe"]
    words = ["exec", "--preserve-fds", "1", one.id, "/proc/self/fd/3", "exit", "7"]
    command = [*with_3, *one.runtime.argv, *words]
    assert subprocess.run(command, env=one.runtime.environment, timeout=TIMEOUT, check=False).returncode == 7


def test_a_directory_is_no_program(running):
    """Engines give the exit status 126 for one of these words, and 127 for what is not there."""
    refused = running.call("exec", "/bin")
    assert refused.status == 255
    assert "permission denied" in refused.stderr and "no such file" not in refused.stderr
    if running.runtime.name == "minirun":
        assert "is a directory" in refused.stderr  # newer ones look for this


def test_a_program_that_is_not_in_the_path(running):
    refused = running.call("exec", "missing")
    assert refused.status == 255
    assert "executable file not found in $PATH" in refused.stderr


@pytest.mark.only("minirun", "its errors say where a value comes from")
def test_an_error_names_the_document_that_it_comes_from(running, place):
    """That of the process is not config.json, which has the first one's."""
    refused = running.call("exec", "/missing")
    assert "from /process/args/0 of this exec" in refused.stderr
    file = place / "process.json"
    file.write_text(json.dumps({"cwd": "/", "args": ["/missing"], "user": {"uid": 0, "gid": 0}}))
    refused = running.line("exec", "--process", str(file), running.id)
    assert f"from /args/0 in {file}" in refused.stderr


def test_a_container_that_has_ended(life):
    one = life("exit", "0").started()
    one.wait_for(lambda: one.status == "stopped")
    refused = one.call("exec", "/probe")
    assert refused.status == 255
    assert "cannot exec in a stopped container" in refused.stderr


@pytest.mark.only("minirun", "the driver knows its insides")
def test_a_pid_that_is_another_process_by_now_is_not_entered(running, life):
    """The other one is in namespaces of its own, and runs as the same user: there is nothing else to stop exec."""
    other = life().started()
    pid = str(other.process.pid)
    words, environment = [sys.executable, str(DRIVER), running.id, pid], {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(words, capture_output=True, text=True, env=environment, timeout=TIMEOUT)
    assert done.stdout == "" and done.returncode == 255, done
    assert "cannot exec in a stopped container: it has just ended" in done.stderr


@pytest.mark.only("minirun", "others wait until the container is deleted")
def test_who_waits_in_a_paused_container_hears_of_its_end(running):
    """What joins its cgroup stands still, and is not among the processes that end with the first one."""
    assert running.call("pause").status == 0
    words = ["exec", "--ignore-paused", running.id, "/probe"]
    with subprocess.Popen([*running.runtime.argv, *words], stderr=subprocess.PIPE, text=True) as waiting:
        time.sleep(0.5 * PATIENCE)
        assert waiting.poll() is None
        assert running.kill("KILL").status == 0
        assert waiting.wait(TIMEOUT) == 255
        assert "it has just ended" in (waiting.stderr.read() if waiting.stderr else "")


def test_a_container_that_does_not_exist(life):
    refused = life().call("exec", "/probe")
    assert refused.status in (1, 255)
    assert "does not exist" in refused.stderr


@pytest.mark.parametrize(
    "options", [["--user", "me"], ["--cwd", "tmp"], ["--env", "novalue"], ["--additional-gids", "x"]]
)
@pytest.mark.only("minirun", "others take some of it")
def test_wishes_that_make_no_sense(running, options):
    assert running.call("exec", "/probe", options=options).status == 255


def test_a_failed_exec_changes_nothing(running, runtime):
    with nothing_left(runtime.name):
        running.call("exec", "/missing")
    assert running.status == "running"


def test_the_filter_for_system_calls_is_the_containers(life):
    one = life()
    one.bundle.linux["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}],
    }
    one.bundle.write()
    one.started()
    assert table(look(one))["Seccomp"] == "2"
    assert one.process.status()["Seccomp"] == "2"
