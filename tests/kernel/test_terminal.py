"""config.md#process, terminal and consoleSize: pty(7), termios(3), ioctl_tty(2)."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import time

import pytest

from kernel.kit import needs
from kernel.kit.outside import mounted_at
from kernel.kit.runtime import TIMEOUT, new_id
from kernel.kit.typist import at_a_terminal, typing_to

pytestmark = pytest.mark.root

CTRL_C, CTRL_D, CTRL_Z, CTRL_BACKSLASH = "\x03", "\x04", "\x1a", "\x1c"


def probe_at_a_terminal(runtime, made, **size):
    """What the probe tells when its output goes to the terminal."""
    with at_a_terminal(runtime, made, **size) as typist:
        status = typist.status()
        assert status == 0, typist.screen
        return json.loads(typist.screen)


@pytest.fixture
def shell(bundle):
    """A bundle with busybox's sh instead of the probe, which says when it is ready to be typed at."""
    made = bundle()
    shutil.copy(shutil.which("busybox"), made.rootfs / "bin/busybox")
    for name in ("sh", "sleep", "stty", "cat", "tty"):
        made.link(f"bin/{name}", "busybox")
    made.process["args"] = ["sh"]
    made.process["env"] = ["PATH=/bin", "PS1=ready> ", "TERM=dumb"]
    return made


def interrupt_until_prompt(typist):
    """Again and again, because nothing tells when the shell has put its job into the foreground."""
    for _ in range(20):
        typist.type(CTRL_C)
        while typist.look(0.3):
            if b"ready> " in typist.screen:
                typist.see("ready> ")
                return
    pytest.fail(f"the shell does not come back: {typist.screen!r}")


# ---- what the program finds


def test_the_programs_standard_streams_are_the_containers_own_terminal(runtime, bundle):
    told = probe_at_a_terminal(runtime, bundle())
    assert told["terminal"]["isatty"] == [True, True, True]
    assert told["terminal"]["name"] in ("/dev/pts/0", "/dev/console")
    assert {told["fds"][number] for number in "012"} <= {"/dev/pts/0", "/dev/console"}
    assert set(told["fds"]) == {"0", "1", "2"}


def test_the_terminal_controls_the_program(runtime, bundle):
    told = probe_at_a_terminal(runtime, bundle())
    assert told["terminal"]["controlling_error"] == ""
    assert told["sid"] == told["terminal"]["session"] == 1
    assert told["terminal"]["foreground_pgid"] == told["pgid"]


def test_dev_console_is_the_terminal(runtime, bundle):
    """runtime-linux.md: /dev/console is bound from the terminal, or is a link to it."""
    told = probe_at_a_terminal(runtime, bundle())
    console = told["dev"]["/dev/console"]
    assert (console["type"], console["major"]) == ("c", 136) or console["type"] == "l"
    if console["type"] == "c":
        assert mounted_at(told["mountinfo"], "/dev/console").type == "devpts"


def test_the_terminal_belongs_to_the_user(runtime, bundle):
    made = bundle("open", "/dev/tty", "/proc/self/fd/0", "/proc/self/fd/1")
    made.process["user"] = {"uid": 1000, "gid": 1000}
    assert {answer for file in probe_at_a_terminal(runtime, made).values() for answer in file.values()} == {""}


def test_a_terminal_works_in_a_user_namespace(runtime, bundle):
    made = bundle()
    made.user_namespace()
    told = probe_at_a_terminal(runtime, made)
    assert told["terminal"]["isatty"] == [True, True, True]


@pytest.mark.deviates("runc", "sets the size when the program may have started already")
def test_the_window_has_the_size_of_the_callers(runtime, bundle):
    told = probe_at_a_terminal(runtime, bundle(), rows=33, columns=101)
    assert (told["terminal"]["rows"], told["terminal"]["columns"]) == (33, 101)


def test_a_change_of_the_windows_size_reaches_the_program(runtime, bundle):
    with at_a_terminal(runtime, bundle("wait")) as typist:
        typist.see("ready")
        typist.resize(50, 132)
        typist.see("SIGWINCH")


@needs.static_busybox()
def test_the_new_size_of_the_window_is_seen(runtime, shell):
    with at_a_terminal(runtime, shell) as typist:
        typist.see("ready> ")
        typist.resize(50, 132)
        for _ in range(20):
            typist.type("stty size\n")
            if "50 132" in typist.see("ready> "):
                return
        pytest.fail("the size did not change")


@pytest.mark.deviates("runc", "the caller's window has the last word from the beginning")
@pytest.mark.deviates("crun", "version 1.8 keeps that size")
def test_a_console_size_holds_until_the_window_changes(runtime, shell):
    shell.process["consoleSize"] = {"height": 13, "width": 47}
    with at_a_terminal(runtime, shell) as typist:
        typist.see("ready> ")
        typist.type("stty size\n")
        typist.see("13 47\r\n")
        typist.resize(50, 132)
        for _ in range(20):
            typist.type("stty size\n")
            if "50 132" in typist.see("ready> "):
                return
        pytest.fail("the size did not change")


@contextlib.contextmanager
def received_terminal(one, place):
    """The terminal of a container that is started, as an engine gets it."""
    one.bundle.process["terminal"] = True
    one.bundle.write()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place / "console"))
        listener.listen()
        one.started("--console-socket", str(place / "console"))
        connection, _address = listener.accept()
        with connection:
            terminal = socket.recv_fds(connection, 4096, 1)[1][0]
    try:
        yield terminal
    finally:
        os.close(terminal)


def exec_at_a_terminal(runtime, one, *words, **size):
    """What the probe tells of its terminal when exec is called from one."""
    with typing_to([*runtime.argv, "exec", *words], runtime.environment, **size) as typist:
        assert typist.status() == 0, typist.screen
        told = json.loads(typist.screen)["terminal"]
    return told["rows"], told["columns"]


@pytest.mark.deviates("runc", "the caller's window has the last word from the beginning")
def test_so_does_that_of_a_further_process(life, runtime, place):
    one = life("sleep").started()
    process = {**one.bundle.process, "terminal": True, "consoleSize": {"height": 13, "width": 47}, "args": ["/probe"]}
    (place / "process.json").write_text(json.dumps(process))
    assert exec_at_a_terminal(runtime, one, "--process", str(place / "process.json"), one.id) == (13, 47)


@pytest.mark.deviates("runc", "sets the size when the program may have started already")
def test_a_further_process_has_not_the_first_ones_console_size(life, runtime, place):
    one = life("sleep")
    one.bundle.process["consoleSize"] = {"height": 13, "width": 47}
    with received_terminal(one, place):
        assert exec_at_a_terminal(runtime, one, "--tty", one.id, "/probe", rows=33, columns=101) == (33, 101)


# ---- the ends of lines


def redirected(runtime, made, words):
    """Runs a bundle with a terminal, at one whose shell has such redirections."""
    made.process["terminal"] = True
    made.write()
    line = ["sh", "-c", f'"$@" {words}', "sh", *runtime.command(made, new_id())]
    return typing_to(line, runtime.environment)


LINES = b"".join(b"%015d\n" % number for number in range(16))
ON_A_SCREEN = LINES.replace(b"\n", b"\r\n")


CLEARS_LATE = pytest.mark.deviates("runc", "sees to it when the program may have written already")
ADDS_CR = pytest.mark.deviates("crun", "ends lines by CR LF, whatever they go to")


@CLEARS_LATE
@ADDS_CR
@pytest.mark.parametrize("stdin", ["", "</dev/null"])
def test_in_a_file_a_line_ends_as_the_program_ended_it(runtime, bundle, place, stdin):
    with redirected(runtime, bundle("flood", str(len(LINES))), f"{stdin} >{place}/out") as typist:
        assert typist.status() == 0
    assert (place / "out").read_bytes() == LINES


@CLEARS_LATE
@ADDS_CR
def test_of_a_further_process_too(life, runtime, place):
    one = life("sleep").started()
    words = [*runtime.argv, "exec", "--tty", one.id, "/probe", "flood", str(len(LINES))]
    with typing_to(["sh", "-c", f'"$@" >{place}/out', "sh", *words], runtime.environment) as typist:
        assert typist.status() == 0
    assert (place / "out").read_bytes() == LINES


@CLEARS_LATE
@ADDS_CR
@pytest.mark.parametrize("words", ["", "| cat", "</dev/null", "</dev/null | cat"])
def test_on_a_screen_it_begins_anew_on_the_left(runtime, bundle, words):
    """Whichever of the two terminals sees to that, it is one."""
    with redirected(runtime, bundle("flood", str(len(LINES))), words) as typist:
        assert typist.status() == 0
        assert typist.screen == ON_A_SCREEN


@pytest.mark.deviates("runc", "the caller's terminal ends lines all the same")
def test_a_program_has_the_say_over_the_whole_screen(runtime, shell):
    """A full-screen program that wants LF to go straight down gets that."""
    shell.process["args"] = ["sh", "-c", "stty -onlcr; echo one; echo two"]
    with at_a_terminal(runtime, shell) as typist:
        assert typist.status() == 0
        assert typist.screen == b"one\ntwo\n"


def read_all(terminal):
    text = b""
    with contextlib.suppress(OSError):  # EIO: nobody holds the other side any more
        while piece := os.read(terminal, 4096):
            text += piece
    return text


def test_who_takes_the_terminal_at_a_socket_sees_to_the_ends_himself(life, place):
    """As engines do, which have their own notion of them."""
    with received_terminal(life("flood", str(len(LINES))), place) as terminal:
        assert read_all(terminal) == ON_A_SCREEN


# ---- the caller's terminal


def test_the_callers_terminal_is_raw_while_the_program_runs(runtime, bundle):
    with at_a_terminal(runtime, bundle("wait")) as typist:
        assert not typist.raw
        typist.see("ready")
        typist.until_raw()


@pytest.mark.parametrize("words", [("exit", "0"), ("exit", "3"), ("say", "bye")])
def test_the_callers_terminal_is_as_before_when_the_program_has_ended(runtime, bundle, words):
    with at_a_terminal(runtime, bundle(*words)) as typist:
        before = typist.settings
        typist.status()
        assert typist.settings == before


def test_the_callers_terminal_is_as_before_when_the_container_can_not_be_made(runtime, bundle):
    made = bundle()
    made.process["args"] = ["/no/such/program"]
    with at_a_terminal(runtime, made) as typist:
        before = typist.settings
        assert typist.status() == 1
        assert typist.settings == before


ENDS_ITSELF = pytest.mark.deviates("runc", "ends itself with status 0, and not the program")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, pytest.param(signal.SIGINT, marks=ENDS_ITSELF)])
def test_the_callers_terminal_is_as_before_when_a_signal_ended_the_program(runtime, bundle, number):
    made = bundle("sleep")
    made.without_namespace("pid")  # the first process of a PID namespace would not get the signal
    with at_a_terminal(runtime, made) as typist:
        before = typist.settings
        typist.see("ready")
        typist.until_raw()
        typist.send(number)
        assert typist.status() == 128 + number
        assert typist.settings == before


def test_a_sighup_that_is_no_hang_up_is_the_programs_and_nothing_else(runtime, shell):
    """kill(1) sends it to have a service read its files again: the terminal is there as before."""
    line = "trap 'echo again' HUP; echo ready; until [ \"$line\" = two ]; do read line; done"
    shell.process["args"] = ["sh", "-c", line]
    with at_a_terminal(runtime, shell) as typist:
        typist.see("ready")
        typist.until_raw()
        typist.send(signal.SIGHUP)
        typist.see("again")
        typist.type("one\rtwo\r")
        assert typist.status() == 0


@pytest.mark.only("minirun", "runc stays, with nobody at its terminal")
def test_where_the_callers_terminal_is_hung_up_the_containers_is_too(runtime, shell):
    """In raw mode it is nothing typed that could say so."""
    shell.process["args"] = ["sh", "-c", "trap '' HUP; stty raw; echo ready; cat >/dev/null; echo >/over"]
    with at_a_terminal(runtime, shell) as typist:
        typist.see("ready")
        with open("/dev/null") as nobody:
            os.dup2(nobody.fileno(), typist.keyboard)
        deadline = time.monotonic() + TIMEOUT
        while not (shell.rootfs / "over").exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)


# ---- typing


def test_ctrl_c_reaches_the_program_once_and_not_the_runtime(runtime, bundle):
    with at_a_terminal(runtime, bundle("wait")) as typist:
        typist.see("ready")
        typist.until_raw()
        typist.type(CTRL_C)
        typist.see("SIGINT")
        typist.type(CTRL_BACKSLASH)
        assert "SIGINT" not in typist.see("SIGQUIT")
        typist.send(signal.SIGTERM)
        assert typist.status() == 0


def test_what_is_typed_reaches_the_program(runtime, bundle):
    with at_a_terminal(runtime, bundle("cat")) as typist:
        typist.until_raw()
        typist.type("hello\n")
        # Once from the terminal's echo, once from the program.
        assert typist.see("hello\r\n") and typist.see("hello\r\n")
        typist.type(CTRL_D)  # at the start of a line is the end of the input
        typist.see("6 bytes")
        assert typist.status() == 0


def test_a_lot_of_output_arrives_complete(runtime, bundle):
    with at_a_terminal(runtime, bundle("flood", "1048576")) as typist:
        assert typist.status() == 0
        assert typist.screen == b"".join(b"%015d\r\n" % number for number in range(65536))


def test_the_last_words_arrive(runtime, bundle):
    """Written just before the end, when the runtime learns of both at the same time."""
    for number in range(10):
        with at_a_terminal(runtime, bundle("say", "goodbye", name=f"bundle-{number}")) as typist:
            assert typist.status() == 0
            assert typist.screen == b"goodbye"


@needs.static_busybox()
def test_a_shell_has_job_control(runtime, shell):
    with at_a_terminal(runtime, shell) as typist:
        assert "job control" not in typist.see("ready> ")
        typist.type("sh -c 'echo started; exec sleep 60'\n")
        typist.see("started\r\n")  # so it is in the foreground
        typist.type(CTRL_Z)
        typist.see("Stopped")
        typist.see("ready> ")
        typist.type("jobs\n")
        typist.see("Stopped")
        typist.see("ready> ")
        typist.type("fg\n")
        interrupt_until_prompt(typist)  # ends the job, and not the shell
        typist.type("exit 7\n")
        assert typist.status() == 7


@needs.static_busybox()
def test_a_shell_can_be_left_with_ctrl_d(runtime, shell):
    with at_a_terminal(runtime, shell) as typist:
        typist.see("ready> ")
        typist.type(CTRL_D)
        assert typist.status() == 0


# ---- the end of the input

HANGS = pytest.mark.only("minirun", "runc passes no end on, and hangs")


@HANGS
@needs.static_busybox()
@pytest.mark.parametrize("typed", ["", "echo one; echo two\n", "echo one; echo two", "cat; cat\n"])
def test_a_shell_ends_with_its_input(runtime, shell, typed, place):
    """Whenever it comes: before the shell has taken over the terminal, or when it edits a line."""
    (place / "in").write_text(typed)
    with redirected(runtime, shell, f"<{place}/in") as typist:
        assert typist.status() == 0
        assert (b"\r\none\r\ntwo\r\n" in typist.screen) == ("two" in typed)


@HANGS
@needs.static_busybox()
@pytest.mark.parametrize("typed", ["", "one\n", "one"])
def test_whoever_reads_finds_the_end(runtime, shell, typed, place):
    """Each reader, as in a file that has ended."""
    (place / "in").write_text(typed)
    shell.process["args"] = ["sh", "-c", "stty -echo; cat; cat; sleep 0.1; cat; echo end"]
    with redirected(runtime, shell, f"<{place}/in") as typist:
        assert typist.status() == 0
        assert typist.screen.endswith(typed.replace("\n", "\r\n").encode() + b"end\r\n")


@needs.static_busybox()
def test_a_program_that_does_not_read_is_left_in_peace(runtime, shell):
    shell.process["args"] = ["sh", "-c", "sleep 0.5; echo end"]
    with redirected(runtime, shell, "</dev/null") as typist:
        assert typist.status() == 0
        assert typist.screen == b"end\r\n"


# ---- without


def test_without_a_terminal_the_program_has_none(runtime, bundle):
    told = runtime.run(bundle()).json
    assert told["terminal"]["isatty"] == [False, False, False]
    assert told["terminal"]["controlling_error"] != ""


def test_the_size_is_ignored_without_a_terminal(runtime, bundle):
    """config.md#process: consoleSize MUST be ignored if terminal is false or not set."""
    made = bundle()
    made.process["consoleSize"] = {"height": 10, "width": 20}
    assert runtime.run(made).status == 0


def test_a_terminal_for_a_caller_without_one_is_refused_or_given(runtime, bundle):
    """With pipes there is nothing to set to raw mode. A runtime may say so, or copy what there is; it may not hang."""
    made = bundle("say", "hello")
    made.process["terminal"] = True
    result = runtime.run(made, stdin="")
    assert result.refused or (result.status == 0 and "hello" in result.stdout)
