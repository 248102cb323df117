"""Flags of run, create, exec and the others: what each brings about."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kernel.kit import needs
from kernel.kit.life import has_ended
from kernel.kit.outside import Process
from kernel.kit.runtime import new_id

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.root

# Sets LISTEN_PID to the runtime's own pid, as systemd does, with sockets for files 3 and 4.
LISTENING = ("sh", "-c", 'exec 3</etc/hostname 4</etc/passwd 5</etc/group; LISTEN_PID=$$; export LISTEN_PID; exec "$@"')
LISTEN_FDS = {"LISTEN_FDS": "2", "LISTEN_FDNAMES": "web:control"}


# ---- descriptors and sockets


def environment(told: dict) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in told["env"])


@pytest.mark.deviates("crun", "version 1.8 hands them on and does not say so")
def test_sockets_of_a_service_manager_reach_the_program(runtime, bundle):
    """sd_listen_fds(3)"""
    told = runtime.run(bundle(), prefix=[*LISTENING, "sh"], environment=LISTEN_FDS).json
    assert set(told["fds"]) == {"0", "1", "2", "3", "4"}
    assert environment(told)["LISTEN_FDS"] == "2"
    assert environment(told)["LISTEN_PID"] == str(told["pid"]) == "1"


@pytest.mark.deviates("runc", "version 1.1 does not tell the names")
@pytest.mark.deviates("crun", "version 1.8 hands them on and does not say so")
def test_the_names_of_the_sockets_are_told(runtime, bundle):
    told = runtime.run(bundle(), prefix=[*LISTENING, "sh"], environment=LISTEN_FDS).json
    assert environment(told)["LISTEN_FDNAMES"] == "web:control"


def test_preserved_descriptors_come_behind_the_sockets(runtime, bundle):
    options = ["--preserve-fds", "1"]
    told = runtime.run(bundle("fds"), prefix=[*LISTENING, "sh"], environment=LISTEN_FDS, options=options).json
    assert set(told["fds"]) == {"0", "1", "2", "3", "4", "5"}


def test_the_sockets_are_the_callers_files(runtime, bundle):
    told = runtime.run(bundle("read", "/proc/self/fd/4"), prefix=[*LISTENING, "sh"], environment=LISTEN_FDS).json
    assert told["/proc/self/fd/4"]["text"].startswith(Path("/etc/passwd").read_text()[:100])


@pytest.mark.deviates("crun", "takes them, whomever they were meant for")
def test_sockets_of_another_process_are_not_taken(runtime, bundle):
    """A variable that has come down from somewhere says nothing about this process's descriptors."""
    told = runtime.run(bundle(), environment={**LISTEN_FDS, "LISTEN_PID": "1"}).json
    assert set(told["fds"]) == {"0", "1", "2"}
    assert "LISTEN_FDS" not in environment(told)


@pytest.mark.only("minirun", "others leave the number of the first process in it")
def test_the_pid_is_the_programs_without_a_pid_namespace(runtime, bundle):
    made = bundle()
    made.without_namespace("pid")
    told = runtime.run(made, prefix=[*LISTENING, "sh"], environment=LISTEN_FDS).json
    assert environment(told)["LISTEN_PID"] == str(told["pid"])


@pytest.mark.only("minirun", "others fail in ways of their own")
@pytest.mark.parametrize("number", ["9", "x"])
def test_sockets_that_are_not_there_are_an_error(runtime, bundle, number):
    assert runtime.run(bundle(), prefix=[*LISTENING, "sh"], environment={"LISTEN_FDS": number}).refused


@pytest.mark.deviates("runc", "version 1.1 hands them to the first process only")
@pytest.mark.deviates("crun", "version 1.8 hands them on and does not say so")
def test_a_further_process_gets_sockets_too(life, runtime):
    one = life().started()
    line = [*LISTENING, "sh", *runtime.argv, "exec", one.id, "/probe"]
    done = subprocess.run(line, env=runtime.environment | LISTEN_FDS, capture_output=True, timeout=20, check=True)
    told = json.loads(done.stdout)
    assert set(told["fds"]) == {"0", "1", "2", "3", "4"}
    assert environment(told)["LISTEN_FDS"] == "2"


@contextlib.contextmanager
def listener(path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))
        made.listen()
        made.settimeout(20)
        yield made


def received(at: socket.socket) -> tuple[str, int]:
    connection, _address = at.accept()
    with connection:
        message, descriptors, _, _ = socket.recv_fds(connection, 4096, 4)
        assert connection.recv(1) == b""
    assert len(descriptors) == 1
    return message.decode(), descriptors[0]


@pytest.mark.deviates("runc", "has it from version 1.2 on")
@pytest.mark.deviates("crun", "has none")
@pytest.mark.parametrize("command", ["create", "run"])
def test_a_pidfd_of_the_first_process(life, place, command):
    one = life("sleep")
    options = ["--pidfd-socket", str(place / "pidfd"), "--bundle", str(one.bundle.path)]
    with listener(place / "pidfd") as at:
        assert one.call(command, options=[*options, *["--detach"] * (command == "run")]).status == 0
        message, pidfd = received(at)
    assert message == "standard"
    assert pid_of(pidfd) == one.state()["pid"]
    ends_by(pidfd)
    one.wait_for(lambda: one.status == "stopped")


@pytest.mark.deviates("runc", "has it from version 1.2 on")
@pytest.mark.deviates("crun", "has none")
def test_a_pidfd_of_a_further_process(life, place):
    one = life().started()
    options = ["--pidfd-socket", str(place / "pidfd"), "--detach", "--pid-file", str(place / "pid")]
    with listener(place / "pidfd") as at:
        assert one.call("exec", "/probe", "sleep", options=options).status == 0
        message, pidfd = received(at)
    assert message == "setns"
    assert pid_of(pidfd) == int((place / "pid").read_text())
    ends_by(pidfd)
    assert one.status == "running"


def pid_of(pidfd: int) -> int:
    lines = Path(f"/proc/self/fdinfo/{pidfd}").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("Pid:")).split()[1])


def ends_by(pidfd: int) -> None:
    signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    assert select.select([pidfd], [], [], 20)[0]
    os.close(pidfd)


@pytest.mark.only("minirun", "others have no such option here")
def test_a_pidfd_socket_without_a_listener_is_refused(runtime, bundle, place):
    assert runtime.run(bundle(), options=["--pidfd-socket", str(place / "nobody")]).refused


# ---- where the configuration comes from


@pytest.mark.deviates("runc", "has no --config")
def test_another_file_in_place_of_config_json(runtime, bundle, place):
    made = bundle("say", "from config.json")
    made.write()
    made.process["args"] = ["/probe", "say", "from the other"]
    (place / "other.json").write_text(json.dumps(made.config))
    (made.path / "config.json").unlink()
    line = [*runtime.argv, "run", "--bundle", str(made.path), "--config", "other.json", new_id()]
    done = subprocess.run(line, env=runtime.environment, capture_output=True, text=True, cwd=place, timeout=20)
    assert done.stdout == "from the other", done


@pytest.mark.deviates("runc", "has no --config")
def test_create_with_another_file(life, place):
    one = life("say", "from config.json")
    one.bundle.process["args"] = ["/probe", "say", "from the other"]
    (place / "other.json").write_text(json.dumps(one.bundle.config))
    one.started("--config", str(place / "other.json"))
    one.wait_for(lambda: one.status == "stopped")
    assert one.output() == "from the other"


@pytest.mark.deviates("runc", "has no --file")
def test_spec_to_another_file(runtime, place):
    line = [*runtime.argv, "spec", "--file", "other.json", "--bundle", str(place)]
    subprocess.run(line, env=runtime.environment, check=True, timeout=20)
    assert json.loads((place / "other.json").read_text())["process"]["args"] == ["sh"]
    assert not (place / "config.json").exists()


# ---- what is accepted, and changes nothing


@pytest.mark.parametrize("flags", [["--rootless", "false"], ["--rootless=auto"]])
def test_global_flags_without_an_effect(runtime, bundle, flags):
    made = bundle("exit", "3")
    made.write()
    line = [*runtime.argv, *flags, "run", "--bundle", str(made.path), new_id()]
    assert subprocess.run(line, env=runtime.environment, timeout=20, check=False).returncode == 3


def test_no_subreaper(runtime, bundle):
    assert runtime.run(bundle("exit", "3"), options=["--no-subreaper"]).status == 3


@pytest.mark.deviates("crun", "takes a value with --tty only")
@pytest.mark.parametrize("value", ["false", "0", "F"])
def test_a_flag_that_says_no(runtime, bundle, value):
    """Or it would return at once, with 0."""
    assert runtime.run(bundle("exit", "3"), options=[f"--detach={value}"]).status == 3


@pytest.mark.parametrize(("value", "is_terminal"), [("true", True), ("false", False)])
@pytest.mark.deviates("runc", "goes by the file of --process alone")
@pytest.mark.deviates("crun", "goes by the file of --process alone")
def test_exec_with_and_without_a_terminal(life, place, value, is_terminal):
    one = life().started()
    one.bundle.process["args"] = ["/probe", "read", "/proc/self/stat"]
    (place / "process.json").write_text(json.dumps(one.bundle.process | {"terminal": False}))
    options = [f"--tty={value}", "--process", str(place / "process.json"), "--detach", "--pid-file", str(place / "pid")]
    with listener(place / "console") as at:
        options += ["--console-socket", str(place / "console")] if is_terminal else []
        assert one.call("exec", options=options).status == 0
        if is_terminal:
            os.close(received_terminal(at))


def received_terminal(at: socket.socket) -> int:
    connection, _address = at.accept()
    with connection:
        descriptor = socket.recv_fds(connection, 4096, 4)[1][0]
    assert os.isatty(descriptor)
    return descriptor


# ---- which containers are meant


@pytest.mark.deviates("runc", "has no --regex")
def test_kill_and_delete_by_a_regular_expression(life, runtime):
    mark = f"flags{os.getpid()}"
    several = [life(), life(), life()]
    for number, one in enumerate(several):
        one.id += f"-{mark}{'x' if number < 2 else 'y'}"
        one.started()
    assert several[0].line("kill", "--regex", f"{mark}x$", "KILL").status == 0
    for one in several[:2]:
        one.wait_for(lambda one=one: one.status == "stopped")
    assert several[2].status == "running"
    assert several[0].line("delete", "--regex", f"{mark}x$").status == 0
    assert [one.call("state").status for one in several[:2]] == [1, 1]
    assert several[2].status == "running"
    assert several[0].line("delete", "--force", "--regex", mark).status == 0
    assert several[2].call("state").status == 1


@pytest.mark.only("minirun", "crun takes anything, and does nothing")
def test_a_regular_expression_that_is_none(life):
    refused = life().line("kill", "--regex", "(")
    assert refused.status == 1 and "(" in refused.stderr


@pytest.mark.only("minirun", "crun stays silent")
def test_by_regular_expression_failures_are_told_and_the_others_done(life):
    mark = f"some{os.getpid()}"
    ended, running = life("exit", "0"), life()
    for one in (ended, running):
        one.id += f"-{mark}"
        one.started()
    ended.wait_for(lambda: ended.status == "stopped")
    told = running.line("kill", "--regex", mark, "KILL")
    assert told.status == 1 and ended.id in told.stderr and running.id not in told.stderr
    running.wait_for(lambda: running.status == "stopped")


@pytest.mark.only("minirun", "an aid of its own")
def test_a_mistyped_id_is_asked_about(life):
    one = life()
    one.id += "-webserver"
    one.started()
    wrong = one.id.replace("webserver", "webservre")
    told = one.line("kill", wrong)
    assert told.status == 1
    assert f"did you mean {one.id}?" in told.stderr


# ---- list, state, ps


def test_the_owner_is_told(life):
    one = life().created()
    entry = next(entry for entry in one.line("list", "--format", "json").json if entry["id"] == one.id)
    assert entry["owner"] == "root"


@pytest.mark.deviates("runc", "older versions make the directory")
@pytest.mark.deviates("crun", "makes the directory")
@pytest.mark.parametrize("flags", [[], ["--quiet"], ["--format", "json"]], ids=str)
def test_a_list_of_a_root_that_is_not_there_fails(runtime, place, flags):
    words = [*runtime.argv, "--root", str(place / "nowhere"), "list", *flags]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert done.stdout == "" and str(place / "nowhere") in done.stderr
    assert not (place / "nowhere").exists()


def test_a_list_of_a_root_without_containers_is_empty(runtime, place):
    words = [*runtime.argv, "--root", str(place), "list", "--quiet"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.only("minirun", "others leave it empty there")
def test_the_state_has_the_owner(life):
    assert life().created().state()["owner"] == "root"


@needs.cgroup2()
@needs.command("ps -ef", "ps -ef does not work here, as under User-mode Linux, which has no boot time")
@pytest.mark.deviates("crun", "shows nothing but the pid")
def test_ps_is_the_hosts(life):
    one = life().started()
    pid = one.state()["pid"]
    heading, line = one.call("ps").stdout.splitlines()
    assert heading.split()[:3] == ["UID", "PID", "PPID"]
    assert line.split()[1] == str(pid) and line.endswith("/probe sleep")


@needs.cgroup2()
@needs.program("ps")
@pytest.mark.deviates("crun", "shows nothing but the pid")
def test_ps_takes_options_behind_the_id(life):
    one = life().started()
    heading, line = one.call("ps", "-e", "-o", "stat,pid,comm").stdout.splitlines()
    assert heading.split() == ["STAT", "PID", "COMMAND"]
    assert line.split()[1:] == [str(one.state()["pid"]), "probe"]


@needs.cgroup2()
@needs.program("ps")
@pytest.mark.only("minirun", "runc shows nothing")
@pytest.mark.parametrize("options", [["-e", "-o", "comm"], ["--no-such-option"]])
def test_ps_without_pids_is_an_error(life, options):
    refused = life().started().call("ps", *options)
    assert refused.status == 1 and "ps" in refused.stderr


# ---- cgroups


@pytest.mark.deviates("runc", "has no --cgroup-manager")
def test_without_a_cgroup_of_its_own(runtime, bundle):
    made = bundle("sleep")
    made.write()
    line = [*runtime.argv, "--cgroup-manager", "disabled", "run", "--bundle", str(made.path), new_id()]
    with subprocess.Popen(line, env=runtime.environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "ready\n"
            inside = next(pid for pid in children_of(process.pid) if Process(pid).text("comm") == "probe")
            assert Process(inside).cgroup() == Process(process.pid).cgroup() == Process().cgroup()
        finally:
            process.terminate()
            for pid in children_of(process.pid):
                os.kill(pid, signal.SIGKILL)


def children_of(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.only("minirun", "the words are its own")
class TestWithoutACgroup:
    @pytest.fixture
    def one(self, life):
        made = life()
        line = ["--cgroup-manager", "disabled", "create", "--bundle", str(made.bundle.path), made.id]
        assert made.line(*line).status == 0
        assert made.start().status == 0
        return made

    def test_life_goes_on(self, one, place):
        options = ["--detach", "--pid-file", str(place / "pid")]
        assert one.call("exec", "/probe", "sleep", options=options).status == 0
        assert Process((place / "pid").read_text()).cgroup() == Process().cgroup()
        pid = one.state()["pid"]
        assert one.kill("KILL").status == 0
        one.wait_for(lambda: has_ended(pid))
        assert one.status == "stopped"

    def test_its_processes_are_those_of_its_pid_namespace(self, one, place):
        options = ["--detach", "--pid-file", str(place / "pid")]
        assert one.call("exec", "/probe", "sleep", options=options).status == 0
        pids = [one.state()["pid"], int((place / "pid").read_text())]
        assert one.call("ps", options=["--format", "json"]).json == sorted(pids)
        assert one.kill("KILL", options=["--all"]).status == 0
        one.wait_for(lambda: all(map(has_ended, pids)))

    @pytest.mark.parametrize("command", [["pause"], ["update", "--pids-limit=5"], ["events", "--stats"]])
    def test_what_takes_a_cgroup_is_refused(self, one, command):
        refused = one.call(command[0], options=command[1:])
        assert refused.status == 1 and "no cgroup" in refused.stderr

    def test_processes_of_others_in_its_pid_namespace_are_not_its(self, one, life):
        guest = life()
        guest.bundle.namespace("pid", f"/proc/{one.state()['pid']}/ns/pid")
        guest.bundle.write()
        line = ["--cgroup-manager", "disabled", "run", "--detach", "--bundle", str(guest.bundle.path), guest.id]
        assert guest.line(*line).status == 0
        for command in (["ps"], ["kill", "--all"]):
            refused = guest.line(*command, guest.id)
            assert refused.status == 1 and "no cgroup" in refused.stderr

    def test_exec_in_a_cgroup_below_is_refused(self, one):
        refused = one.call("exec", "/probe", options=["--cgroup", "sub"])
        assert refused.status == 255 and "no cgroup" in refused.stderr

    def test_a_limit_is_refused(self, life):
        made = life()
        made.bundle.linux["resources"] = {"pids": {"limit": 10}}
        made.bundle.write()
        refused = made.line("--cgroup-manager", "disabled", "create", "--bundle", str(made.bundle.path), made.id)
        assert refused.status == 1 and "/linux/resources/pids" in refused.stderr

    def test_device_rules_that_do_not_hold_are_a_warning(self, life):
        made = life()
        made.bundle.linux["resources"] = {"devices": [{"allow": False, "access": "rwm"}]}
        made.bundle.write()
        told = made.line("--cgroup-manager", "disabled", "create", "--bundle", str(made.bundle.path), made.id)
        assert told.status == 0 and "device rules" in told.stderr


@pytest.mark.only("minirun", "what helps is its own")
@pytest.mark.parametrize("flags", [["--systemd-cgroup"], ["--cgroup-manager=systemd"]])
def test_systemd_that_can_not_be_asked_is_an_error(life, runtime, flags, monkeypatch):
    monkeypatch.setitem(runtime.environment, "DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus")
    one = life()
    one.bundle.linux["cgroupsPath"] = "a.slice:b:c"
    one.bundle.write()
    refused = one.line(*flags, "create", "--bundle", str(one.bundle.path), one.id)
    assert refused.status == 1 and "/nonexistent/bus" in refused.stderr and "cure:" in refused.stderr
    assert one.line(*flags, "delete", "--force", one.id).status == 0  # engines say it at every call


# ---- logs


@pytest.mark.only("minirun", "what others warn of is up to them")
@pytest.mark.parametrize(("level", "warned"), [("error", False), ("warning", True), ("debug", True)])
def test_log_levels(life, level, warned):
    one = life()
    one.bundle.linux["resources"] = {"devices": [{"allow": False, "access": "rwm"}]}
    one.bundle.write()
    flags = ["--cgroup-manager", "disabled", "--log-level", level]
    told = one.line(*flags, "create", "--bundle", str(one.bundle.path), one.id).stderr
    assert ("warning" in told) == warned
    assert ("pivot_root" in told) == (level == "debug")


def test_the_log_file_may_have_a_scheme(runtime, place):
    log = place / "log"
    where = f"file:{log}" if runtime.name != "runc" else str(log)
    subprocess.run([*runtime.argv, "--log", where, "state", "nobody-at-all"], env=runtime.environment, timeout=20)
    assert log.read_text().strip()


# ---- labels of a further process

ON = "grep -q Y /sys/module/apparmor/parameters/enabled && which apparmor_parser"


@needs.command(ON, "AppArmor is off here, or apparmor_parser is missing")
def test_a_further_process_with_a_profile(life, tmp_path):
    name = f"minirun-flags-{os.getpid()}"
    source = tmp_path / "profile"
    source.write_text(f"profile {name} flags=(attach_disconnected) {{ file, capability, signal, unix, }}\n")
    subprocess.run(["apparmor_parser", "--replace", str(source)], check=True, timeout=60)
    try:
        words = ["/probe", "read", "/proc/self/attr/current"]
        seen = life().started().call("exec", *words, options=["--apparmor", name]).json
        assert seen["/proc/self/attr/current"]["text"].rstrip("\0\n") == f"{name} (enforce)"
    finally:
        subprocess.run(["apparmor_parser", "--remove", str(source)], check=True, timeout=60)


@needs.command("! grep -q Y /sys/module/apparmor/parameters/enabled", "AppArmor is on here")
@pytest.mark.only("minirun", "others leave it out")
def test_a_profile_for_a_further_process_without_apparmor(life):
    refused = life().started().call("exec", "/probe", options=["--apparmor", "docker-default"])
    assert refused.status == 255 and "AppArmor" in refused.stderr


@needs.command("! mountpoint -q /sys/fs/selinux", "SELinux may be on here")
@pytest.mark.only("minirun", "others leave it out")
def test_a_label_for_a_further_process_without_selinux(life):
    refused = life().started().call("exec", "/probe", options=["--process-label", "system_u:system_r:container_t:s0"])
    assert refused.status == 255 and "SELinux" in refused.stderr


# ---- what engines ask


@pytest.mark.parametrize(
    "line",
    [["run", "--no-such-flag", "x"], ["--no-such-flag", "list"], ["start"], ["kill"], ["state", "a", "b"], ["exec"]],
)
@pytest.mark.deviates("crun", "has other statuses for some")
def test_wrong_arguments_exit_with_1(runtime, line):
    done = subprocess.run([*runtime.argv, *line], env=runtime.environment, capture_output=True, timeout=20)
    assert done.returncode == 1 and (done.stderr or done.stdout)


@pytest.mark.parametrize("line", [["-?"], ["--usage"], ["run", "--usage"], ["-V"], ["--help"], ["exec", "-?"]])
@pytest.mark.deviates("runc", "has -h and -v only")
def test_questions_exit_with_0(runtime, line):
    done = subprocess.run([*runtime.argv, *line], env=runtime.environment, capture_output=True, text=True, timeout=20)
    assert done.returncode == 0 and done.stdout
