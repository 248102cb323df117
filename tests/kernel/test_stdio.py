"""Standard input, output and error belong to the program; of all other descriptors it gets none (runtime-linux.md)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kernel.kit.runtime import new_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from kernel.kit.bundle import Bundle
    from kernel.kit.runtime import Runtime

pytestmark = pytest.mark.root

# Opens a file as descriptor 3 (and one as 5) before it starts the runtime.
WITH_3 = ("sh", "-c", 'exec 3</etc/hostname; exec "$@"', "sh")
WITH_3_AND_5 = ("sh", "-c", 'exec 3</etc/hostname 5</etc/passwd; exec "$@"', "sh")


def test_standard_input_reaches_the_program(runtime, bundle):
    result = runtime.run(bundle("cat"), stdin="hello from outside\n")
    assert (result.status, result.stdout) == (0, "hello from outside\n"), result


def test_a_lot_of_input_arrives_complete(runtime, bundle):
    text = "".join(f"{number:015}\n" for number in range(65536))
    result = runtime.run(bundle("cat"), stdin=text)
    assert result.stdout == text
    assert "1048576 bytes" in result.stderr


def test_the_end_of_input_reaches_the_program(runtime, bundle):
    assert "0 bytes" in runtime.run(bundle("cat"), stdin="").stderr


def test_output_and_errors_stay_apart(runtime, bundle):
    result = runtime.run(bundle("say", "to output\n", "to errors\n"))
    assert (result.stdout, result.stderr) == ("to output\n", "to errors\n")


def test_nothing_is_added_to_what_a_program_writes(runtime, bundle):
    result = runtime.run(bundle("exit", "0"))
    assert (result.stdout, result.stderr) == ("", "")


def test_a_lot_of_output_arrives_complete(runtime, bundle):
    result = runtime.run(bundle("flood", "1048576"))
    assert result.stdout == "".join(f"{number:015}\n" for number in range(65536))


def test_a_program_whose_reader_goes_away_dies_of_sigpipe(runtime, bundle):
    """So it does outside of containers. Python programs ignore the signal, and what is ignored stays so: signal(7)."""
    made = bundle("flood", "1048576")
    made.without_namespace("pid")  # the first process of a PID namespace would get an error instead
    made.write()
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as output:
        command = runtime.command(made, new_id())
        status = subprocess.run(command, stdout=output, env=runtime.environment, timeout=20, check=False).returncode
    assert status in (128 + signal.SIGPIPE, -signal.SIGPIPE)


def test_the_program_has_descriptors_0_1_and_2_only(runtime, bundle):
    assert set(runtime.run(bundle("fds")).json["fds"]) == {"0", "1", "2"}


def test_the_callers_other_descriptors_do_not_reach_the_program(runtime, bundle):
    result = runtime.run(bundle("fds"), prefix=WITH_3_AND_5)
    assert set(result.json["fds"]) == {"0", "1", "2"}


def test_preserve_fds_passes_the_next_descriptors(runtime, bundle):
    told = runtime.run(bundle("fds"), prefix=WITH_3_AND_5, options=["--preserve-fds", "1"]).json["fds"]
    assert set(told) == {"0", "1", "2", "3"}


@pytest.mark.deviates("crun", "1.8.1 does not look at them")
def test_a_descriptor_to_preserve_has_to_be_open(runtime, bundle):
    assert runtime.run(bundle("exit", "0"), options=["--preserve-fds", "9"]).refused


def test_a_preserved_descriptor_can_be_used(runtime, bundle):
    made = bundle("read", "/proc/self/fd/3")
    told = runtime.run(made, prefix=WITH_3, options=["--preserve-fds", "1"]).json
    with open("/etc/hostname") as file:
        assert told["/proc/self/fd/3"]["text"] == file.read()


def test_no_signal_is_blocked_or_ignored(runtime, bundle):
    """signal(7): both are kept over execve(2), so what the runtime does for itself would reach the program."""
    told = runtime.run(bundle()).json
    assert (told["signals_blocked"], told["signals_ignored"]) == ([], [])


def test_the_hosts_null_device_is_not_handed_on(runtime, bundle):
    """Root inside could change its owner and mode for everybody."""
    with runtime.running(bundle("sleep")) as container:  # its standard input is the host's /dev/null
        given, hosts = os.stat(f"/proc/{container.host_pid}/fd/0"), os.stat("/dev/null")
        assert (given.st_dev, given.st_ino) != (hosts.st_dev, hosts.st_ino)


# What the image may have in the place of its /dev/null.
IN_ITS_PLACE: dict[str, Callable[[Path], object]] = {
    "nothing": lambda path: None,
    "file": Path.touch,
    "fifo": os.mkfifo,
    "link": lambda path: path.symlink_to("/proc/self/fd/0"),
    "zero": lambda path: os.mknod(path, 0o020666, os.makedev(1, 5)),
}


@pytest.fixture
def hosts_null(place):
    """A stand-in for the host's /dev/null, so that the real one comes to no harm."""
    os.mknod(place / "null", 0o020666, os.makedev(1, 3))
    (place / "null").chmod(0o666)
    return place / "null"


@pytest.mark.only("minirun", "others hand on the host's, where the image has none")
@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("there", IN_ITS_PLACE)
def test_the_hosts_null_device_can_not_be_changed(runtime, bundle, place, hosts_null, there, number):
    """/proc/self/fd leads to the node itself, whatever the container has at /dev/null."""
    made = bundle("chmod", f"/proc/self/fd/{number}", "0600")
    (place / "dev").mkdir()
    IN_ITS_PLACE[there](place / "dev" / "null")
    made.without_mount("/dev")
    made.bind(place / "dev", "/dev")
    made.write()
    with hosts_null.open("r+b", buffering=0) as device:
        given = {("stdin", "stdout", "stderr")[number]: device}
        command = runtime.command(made, new_id())
        subprocess.run(command, **given, env=runtime.environment, timeout=20, check=True)
    assert hosts_null.stat().st_mode & 0o777 == 0o666


@pytest.mark.only("minirun", "others hand on the host's, where the container has removed its own")
@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("there", IN_ITS_PLACE)
def test_nor_by_a_further_program(life, hosts_null, there, number):
    """The container has had the time to put anything in the place of its own."""
    one = life().started()
    own = Path(f"/proc/{one.process.pid}/root/dev/null")
    own.unlink()
    IN_ITS_PLACE[there](own)
    words = ["exec", one.id, "/probe", "chmod", f"/proc/self/fd/{number}", "0600"]
    with hosts_null.open("r+b", buffering=0) as device:
        given = {("stdin", "stdout", "stderr")[number]: device}
        command = [*one.runtime.argv, *words]
        subprocess.run(command, **given, env=one.runtime.environment, timeout=20, check=True)
    assert hosts_null.stat().st_mode & 0o777 == 0o666


@pytest.mark.only("minirun", "others hand on the host's")
@pytest.mark.parametrize("terminal", [False, True])
def test_nor_by_a_descriptor_that_is_preserved(life, hosts_null, terminal):
    one = life().started()
    options = ["--preserve-fds", "1", *["--tty"] * terminal]
    words = ["exec", *options, one.id, "/probe", "chmod", "/proc/self/fd/3", "0600"]
    command = [*("sh", "-c", f'exec 3<>{hosts_null}; exec "$@"', "sh"), *one.runtime.argv, *words]
    subprocess.run(command, stdin=subprocess.DEVNULL, env=one.runtime.environment, timeout=20, check=True)
    assert hosts_null.stat().st_mode & 0o777 == 0o666


def test_a_directory_is_no_way_to_the_host(runtime, bundle, place):
    """CVE-2024-21626, by the caller's mistake: standard input is a directory, and .. leads on from it."""
    (place / "secret").write_text("the host's")
    (place / "given").mkdir()
    made = bundle("read", "/proc/self/fd/0/../secret")
    made.write()
    descriptor = os.open(place / "given", os.O_RDONLY)
    command = runtime.command(made, new_id())
    done = subprocess.run(
        command, stdin=descriptor, capture_output=True, env=runtime.environment, timeout=20, check=True
    )
    os.close(descriptor)
    assert b"the host's" not in done.stdout


@pytest.fixture
def terminal():
    """One of the caller's."""
    master, terminal = os.openpty()
    yield terminal
    os.close(master)
    os.close(terminal)


def run_at(terminal: int, runtime: Runtime, made: Bundle) -> dict[str, Any]:
    """What the program of a container without a terminal of its own tells, as in a pipeline of commands."""
    command = runtime.command(made, new_id())
    made.write()
    done = subprocess.run(command, stdin=terminal, capture_output=True, env=runtime.environment, timeout=20, check=True)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.mark.only("minirun", "others let it be changed")
def test_the_callers_terminal_keeps_its_owner_and_mode(runtime, bundle, terminal):
    before = os.fstat(terminal).st_mode
    assert run_at(terminal, runtime, bundle("chmod", "/proc/self/fd/0", "0666"))["chmod"] == "EROFS"
    assert os.fstat(terminal).st_mode == before


def test_a_terminal_of_the_callers_is_one_inside(runtime, bundle, terminal):
    assert run_at(terminal, runtime, bundle())["terminal"]["isatty"] == [True, False, False]


def test_an_ordinary_user_may_open_its_pipes_anew(runtime, bundle):
    """Servers write their logs to /dev/stdout."""
    made = bundle("open", "/dev/stdout")
    made.process["user"] = {"uid": 1000, "gid": 1000}
    result = runtime.run(made)
    assert result.status == 0, result
    assert json.loads(result.stdout)["/dev/stdout"]["write"] == "", result


@pytest.mark.only("minirun", "runc gives files of the host to the user, too")
def test_a_file_of_the_host_keeps_its_owner(runtime, bundle, place):
    made = bundle("say", "to output\n", "")
    made.process["user"] = {"uid": 1000, "gid": 1000}
    made.write()
    with (place / "log").open("wb") as output:
        command = runtime.command(made, new_id())
        subprocess.run(command, stdout=output, env=runtime.environment, timeout=20, check=True)
    assert (place / "log").read_text() == "to output\n"
    assert (place / "log").stat().st_uid == 0


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_descriptors_of_the_caller_do_no_harm(runtime, bundle, closed):
    result = runtime.run(bundle("exit", "3"), prefix=["sh", "-c", f'exec "$@" {closed}', "sh"])
    assert result.status == 3, result
