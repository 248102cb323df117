"""config.md#process: which program is run, with which arguments, environment and working directory, and how it ends."""

from __future__ import annotations

import os
import shutil
import signal

import pytest

pytestmark = pytest.mark.root


# ---- args


def test_the_arguments_arrive_as_they_are(runtime, bundle):
    words = ["", "two words", "*", "$HOME", 'a"b', "Grüße", "line\nbreak"]
    made = bundle("all", *words)
    assert runtime.run(made).json["argv"] == ["/probe", "all", *words]


def test_the_program_is_looked_up_in_the_containers_path(runtime, bundle, probe):
    made = bundle()
    made.directory("opt/deep")
    made.add_probe(probe, "opt/deep/tool")
    made.process["args"] = ["tool"]
    made.process["env"] = ["PATH=/nowhere:/opt/deep:/bin"]
    assert runtime.run(made, environment={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}).json["argv"] == ["tool"]


def test_the_first_directory_of_the_path_wins(runtime, bundle, probe):
    made = bundle()
    made.file("bin/tool", "not a program", 0o644)
    made.directory("opt")
    made.add_probe(probe, "opt/tool")
    made.process["args"] = ["tool"]
    made.process["env"] = ["PATH=/bin:/opt"]
    assert runtime.run(made).status == 0  # execvp(3) goes on after a file that can't be executed


def test_a_path_with_a_slash_is_not_looked_up(runtime, bundle):
    made = bundle()
    made.process["args"] = ["../probe"]
    made.process["cwd"] = "/tmp"
    assert runtime.run(made).json["argv"] == ["../probe"]


@pytest.mark.parametrize("name", ["no-such-program", "/no/such/program", "./no-such-program"])
def test_a_program_that_does_not_exist_is_named_in_the_error(runtime, bundle, name):
    made = bundle()
    made.process["args"] = [name]
    result = runtime.run(made)
    assert result.refused
    assert name in result.stderr


def test_a_program_of_the_host_is_not_found(runtime, bundle):
    made = bundle()
    made.process["args"] = ["ls"]
    made.process["env"] = []
    assert runtime.run(made).refused


def test_a_file_that_is_not_executable_is_refused(runtime, bundle):
    made = bundle()
    made.file("bin/text", "#!/probe\n", 0o644)
    made.process["args"] = ["/bin/text"]
    assert runtime.run(made).refused


def test_a_program_that_is_there_and_can_not_be_executed_is_named(runtime, bundle):
    """As all of them are where the bundle lies on a file system that is mounted noexec."""
    made = bundle()
    made.file("bin/text", "#!/probe\n", 0o644)
    made.process["args"] = ["text"]
    made.process["env"] = ["PATH=/nowhere:/bin"]
    result = runtime.run(made)
    assert result.refused
    if runtime.name == "minirun":
        assert "not found in $PATH" in result.stderr  # engines match it
        assert "/bin/text is there" in result.stderr and "noexec" in result.stderr


def test_a_directory_is_refused(runtime, bundle):
    made = bundle()
    made.process["args"] = ["/bin"]
    result = runtime.run(made)
    assert result.refused and "permission denied" in result.stderr  # engines give the exit status 126 for these words
    if runtime.name == "minirun":
        assert 'exec: "/bin": is a directory' in result.stderr  # and newer ones for these


def test_a_script_is_run_by_its_interpreter(runtime, bundle):
    made = bundle()
    made.file("bin/script", "#!/probe all\n", 0o755)
    made.process["args"] = ["/bin/script", "word"]
    assert runtime.run(made).json["argv"] == ["/probe", "all", "/bin/script", "word"]


@pytest.mark.parametrize("args", [[], None])
def test_a_process_without_arguments_is_refused(runtime, bundle, args):
    made = bundle()
    made.process["args"] = args
    assert runtime.run(made).refused


# ---- env


def test_the_environment_is_that_of_the_config_and_nothing_of_the_callers(runtime, bundle):
    made = bundle()
    made.process["env"] = ["PATH=/bin", "GREETING=hello world", "EMPTY=", "HOME=/tmp"]
    told = runtime.run(made, environment={"LEAK": "1", "LD_LIBRARY_PATH": "/leak"}).json["env"]
    assert sorted(told) == sorted(made.process["env"])


def test_without_an_environment_only_home_may_be_set(runtime, bundle):
    """All peers set HOME from the image's /etc/passwd; the spec is silent."""
    made = bundle()
    del made.process["env"]
    assert {entry.partition("=")[0] for entry in runtime.run(made).json["env"]} <= {"HOME", "PATH"}


# ---- cwd


def test_the_working_directory_is_that_of_the_config(runtime, bundle):
    made = bundle()
    made.directory("srv/data")
    made.process["cwd"] = "/srv/data"
    assert runtime.run(made).json["cwd"] == "/srv/data"


def test_a_missing_working_directory_is_made(runtime, bundle):
    made = bundle()
    made.process["cwd"] = "/srv/new/data"
    assert runtime.run(made).json["cwd"] == "/srv/new/data"


def test_a_working_directory_that_only_the_user_may_enter_is_entered(runtime, bundle):
    """Root without CAP_DAC_OVERRIDE could not, so the user is changed first (or tried again after)."""
    made = bundle()
    directory = made.directory("srv/private")
    os.chown(directory, 1000, 1000)
    directory.chmod(0o700)
    made.process["cwd"] = "/srv/private"
    made.process["user"] = {"uid": 1000, "gid": 1000}
    assert runtime.run(made).json["cwd"] == "/srv/private"


@pytest.mark.parametrize("cwd", ["relative", "", "/probe", "/probe/below"])
def test_a_working_directory_that_is_none_is_refused(runtime, bundle, cwd):
    made = bundle()
    made.process["cwd"] = cwd
    assert runtime.run(made).refused


# ---- the end


@pytest.mark.parametrize("status", [0, 1, 3, 42, 255])
def test_the_programs_exit_status_is_the_runtimes(runtime, bundle, status):
    assert runtime.run(bundle("exit", str(status))).status == status


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGABRT, signal.SIGUSR1])
def test_a_program_that_dies_of_a_signal_gives_128_and_its_number(runtime, bundle, number):
    made = bundle("signal", str(int(number)))
    made.without_namespace("pid")  # the first process of a PID namespace can't kill itself
    assert runtime.run(made).status == 128 + number


def test_a_container_that_is_killed_from_outside_gives_137(runtime, bundle):
    with runtime.running(bundle("sleep")) as container:
        os.kill(container.pid, signal.SIGKILL)
        assert container.wait() == 137


def test_a_working_directory_is_made_on_a_read_only_root(runtime, bundle):
    made = bundle()
    made.config["root"]["readonly"] = True
    made.process["cwd"] = "/not/there/yet"
    assert runtime.run(made).json["cwd"] == "/not/there/yet"


def test_a_working_directory_behind_an_inherited_descriptor_is_refused(runtime, bundle):
    """CVE-2024-21626: from a directory of the host that has the same inode as the root, `..` would lead out."""
    made = bundle("list", "../../..")
    made.process["cwd"] = "/proc/self/fd/9"
    made.write()
    prefix = ("bash", "-c", f'exec 9<{made.rootfs}; exec "$@"', "bash")
    assert runtime.run(made, prefix=prefix).refused


@pytest.mark.only("minirun", "the others look into no directory at all without a PATH")
def test_without_a_path_the_working_directory_is_not_searched(runtime, bundle):
    """execvp(3): then it is /bin:/usr/bin."""
    made = bundle()
    made.process["env"], made.process["args"] = ["TERM=xterm"], ["probe"]
    assert runtime.run(made).refused
    shutil.copy2(made.rootfs / "probe", made.rootfs / "bin" / "probe")
    assert runtime.run(made).status == 0


def test_an_empty_home_is_filled_from_passwd(runtime, bundle):
    made = bundle()
    (made.rootfs / "etc" / "passwd").write_text("root:x:0:0::/the/home:/bin/sh\n")
    made.process["env"].append("HOME=")
    assert "HOME=/the/home" in runtime.run(made).json["env"]


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        (["A=1", "B=2", "A=3"], ["A=3", "B=2"]),
        (["A=1", "A="], ["A="]),
        (["HOME=/tmp", "HOME="], ["HOME=/the/home"]),
        (["HOME=", "HOME=/tmp"], ["HOME=/tmp"]),
    ],
    ids=str,
)
def test_of_a_variable_that_is_there_twice_the_last_one_counts(runtime, bundle, variables, told):
    made = bundle()
    (made.rootfs / "etc" / "passwd").write_text("root:x:0:0::/the/home:/bin/sh\n")
    made.process["env"] = ["PATH=/bin", *variables]
    names = {variable.partition("=")[0] for variable in variables}
    assert sorted(pair for pair in runtime.run(made).json["env"] if pair.partition("=")[0] in names) == told


@pytest.mark.deviates("runc", "waits for a writer")
def test_a_passwd_that_nobody_writes_to_does_not_stop_the_set_up(runtime, bundle):
    made = bundle("exit", "3")
    os.mkfifo(made.rootfs / "etc" / "passwd")
    assert runtime.run(made, timeout=5).status == 3
