"""Types what a lab's page shows, into shells that stay what they are between one block and the next.

A terminal is a bash that reads its commands from a pipe, and whose controlling terminal (credentials(7)) is a
pseudoterminal, for programs that ask there, as `run --step` does.
"""

from __future__ import annotations

import itertools
import os
import pty
import re
import select
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from kernel.kit.runtime import PATIENCE

from minirun.labs import transcript
from minirun.labs.check import SOME_NOT_YET, SOME_WRONG
from minirun.labs.page import read

if TYPE_CHECKING:
    from labs.student import Student
    from minirun.labs.transcript import Line

ENDED = "__ended_"
GAP = re.compile(r"[ \t]+")
QUESTION = re.compile(rb"> $")  # what `run --step` ends its questions with
FROM_INSIDE = re.compile(r"^(?:[/~]\S* [#$] )+", re.MULTILINE)  # prompts of a container's own shell
NOBODY = 65534
TIMEOUT = 60 * PATIENCE
# setsid(2), and then the terminal is this session's (TIOCSCTTY, ioctl_tty(2)).
TAKES_TERMINAL = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(int(sys.argv[1]), termios.TIOCSCTTY, 0)
os.execvp(sys.argv[2], sys.argv[2:])
"""


class Typed:
    """One command of a page, or with "?" an answer to the program that it has started; and the output that is shown."""

    def __init__(self, lines: tuple[Line, ...]) -> None:
        self.terminal, self.kind = lines[0].prompt[:-1], lines[0].prompt[-1]
        self.words = "\n".join(line.text for line in lines)
        self.shown: list[str] = []

    def shows_message(self) -> bool:
        """A message of minirun's, which may be several lines at a terminal, and nowhere else."""
        return any(line.startswith("minirun: ") for line in self.shown)

    def pattern(self) -> str:
        """… stands for anything, on a line of its own for any lines. How wide a gap is depends on what is beside it."""
        lines = ("[ \\t]+".join(map(re.escape, GAP.split(line))).replace("…", ".*") for line in self.shown)
        return "".join("(?:.*\n)*" if line == ".*" else f"{line}\n" for line in lines)


def typed(page: str) -> list[Typed]:
    found: list[Typed] = []
    for block in read(page).walk():
        if block.type != "fence" or block.info != "console":
            continue
        for lines in transcript.commands(block.content):
            if lines[0].prompt:
                found.append(Typed(lines))
            else:
                found[-1].shown.append(lines[0].text)
    return found


class Terminal:
    """One bash."""

    def __init__(self, student: Student, root: bool) -> None:
        self.keyboard, other = pty.openpty()
        as_user = [] if root else ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        self.shell = subprocess.Popen(
            [sys.executable, "-c", TAKES_TERMINAL, str(other), *as_user, "bash", "--norc", "--noprofile"],
            cwd=student.directory,
            env=student.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=[other],
        )
        os.close(other)
        self.said = b""

    def type(self, words: str, answers: list[str], *, errors_here: bool) -> tuple[str, int]:
        """What it prints, and its exit status. With `errors_here` standard error is the terminal."""
        self.said = b""
        self.write(f"{{ {words}\n}} 2>/dev/tty\n" if errors_here else f"{words}\n")
        for answer in answers:
            self.read_until(QUESTION)
            self.said += b"\n"
            os.write(self.keyboard, f"{answer}\n".encode())
        self.write(f'echo "{ENDED}$?"\n')
        self.read_until(re.compile(rf"{ENDED}(\d+)\r?\n".encode()))
        text, _, after = self.said.decode(errors="replace").replace("\r", "").rpartition(ENDED)
        status, _, late = after.partition("\n")
        return cleaned(text + (self.errors(late) if errors_here else ""), words), int(status)

    def errors(self, late: str) -> str:
        """What comes from the terminal still, up to a word of ours: it is not as quick as a pipe."""
        self.said = late.encode()
        self.write(f"echo {ENDED}: >/dev/tty\n")
        self.read_until(re.compile(f"{ENDED}:".encode()))
        return self.said.decode(errors="replace").replace("\r", "").partition(ENDED)[0]

    def write(self, text: str) -> None:
        assert self.shell.stdin
        self.shell.stdin.write(text.encode())
        self.shell.stdin.flush()

    def read_until(self, wanted: re.Pattern[bytes]) -> None:
        assert self.shell.stdout
        sources, deadline = [self.shell.stdout.fileno(), self.keyboard], time.monotonic() + TIMEOUT
        while not wanted.search(self.said):
            ready = select.select(sources, [], [], max(0.0, deadline - time.monotonic()))[0]
            assert ready, f"nothing came: {self.said.decode(errors='replace')}"
            for source in ready:
                self.said += read_some(source)

    def close(self) -> None:
        assert self.shell.stdin
        assert self.shell.stdout
        self.shell.stdin.close()
        os.close(self.keyboard)  # hangs up what is left in the session
        try:
            self.shell.wait(10 * PATIENCE)
        except subprocess.TimeoutExpired:
            self.shell.kill()
            self.shell.wait()
        self.shell.stdout.close()


def read_some(source: int) -> bytes:
    try:
        return os.read(source, 65536)
    except OSError:  # EIO: a terminal that nobody has open any more
        return b""


def cleaned(text: str, words: str) -> str:
    """Without what a container's terminal shows of the typing, and its shell's prompts."""
    lines = FROM_INSIDE.sub("", text).split("\n")
    kept = (line for line in lines if line != words and ENDED not in line)
    return "\n".join(kept).strip("\n")


def type_page(page: str, student: Student) -> None:
    """All of it, in order; AssertionError where the page shows something else than what happens."""
    terminals: dict[str, Terminal] = {}
    every = typed(page)
    assert every, "a page without a command"
    try:
        while every:
            command = every.pop(0)
            answers = [every.pop(0) for _ in itertools.takewhile(lambda one: one.kind == "?", every[:])]
            name = f"{command.terminal}{command.kind}"
            if name not in terminals:
                terminals[name] = Terminal(student, root=command.kind == "#")
            said, status = terminals[name].type(
                command.words, [answer.words for answer in answers], errors_here=command.shows_message()
            )
            compare(name, said, status, command, answers)
    finally:
        for terminal in terminals.values():
            terminal.close()


def compare(name: str, said: str, status: int, command: Typed, answers: list[Typed]) -> None:
    """What is shown below the last answer is what comes after it. Where nothing is shown, it has to go well."""
    shown = [command, *answers][-1]
    told = f"{name} {command.words}\n{said}\n--- status {status}; the page shows:\n{shown.pattern()}"
    if answers and shown.shown:
        assert re.search(shown.pattern() + r"\Z", f"{said}\n"), told
    elif shown.shown:
        assert re.fullmatch(shown.pattern(), f"{said}\n"), told
    else:
        assert status == 0 or (status in (SOME_NOT_YET, SOME_WRONG) and "minirun lab" in command.words), told
