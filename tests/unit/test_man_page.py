"""docs/minirun.8: it is what the program's own table says, the programs that show it have nothing against it, and it
tells of every command and option."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from minirun.cli import man
from minirun.cli.table import COMMANDS, FLAG, GLOBAL, Command, Option

PAGE = Path(__file__).parents[2] / "docs" / "minirun.8"


def render(*command: str) -> str:
    """The page as a reader sees it. Expects no warning."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"needs the program {command[0]}")
    environment = os.environ | {"LC_ALL": "C.UTF-8", "MANWIDTH": "200", "MAN_KEEP_FORMATTING": ""}
    done = subprocess.run([*command, str(PAGE)], capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return re.sub(".\b", "", done.stdout)  # what is printed twice, or underlined


def test_the_page_is_what_the_table_says() -> None:
    assert PAGE.read_text() == man.page(), "python3 -m minirun.cli.man > docs/minirun.8"


def test_man_shows_every_command_and_option() -> None:
    shown = render("man", "--warnings", "--no-hyphenation", "--no-justification", "--local-file")
    sections = re.split(r"^ {3}minirun ", shown, flags=re.MULTILINE)
    assert_options(sections[0], GLOBAL)
    by_name = {text.split("\n", 1)[0]: text for text in sections[1:]}
    assert list(by_name) == list(COMMANDS)
    for name, command in COMMANDS.items():
        assert_options(by_name[name], command.options)
        assert_examples(by_name[name], command)


def assert_options(shown: str, options: tuple[Option, ...]) -> None:
    for option in options:
        [line] = [line for line in shown.splitlines() if f"{line.strip()} ".startswith(f"{', '.join(option.flags)} ")]
        assert option.kind == FLAG or len(line.split()) > len(option.flags), f"no value behind {option.flags}"
        assert " ".join(option.help.split()) in " ".join(shown.split()), option.help


def assert_examples(shown: str, command: Command) -> None:
    """To be copied into a shell: with the hyphens and quotes of the shell."""
    examples = command.help.partition("\b")[2].strip().splitlines()[1:]
    assert examples
    for line in examples:
        assert line.strip() in shown


def test_mandoc_has_no_objection() -> None:
    render("mandoc", "-W", "error")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain words", "plain words"),
        ("with --all of it", r"with \-\-all of it"),
        ("well-known", "well-known"),
        (".dot", r"\&.dot"),
        (r"a \b", r"a \eb"),
    ],
)
def test_prose(text: str, expected: str) -> None:
    assert man.plain(text) == expected


def test_no_line_becomes_a_request() -> None:
    """Wherever the line is broken."""
    assert not [line for line in man.plain(" ".join([".PP 'x"] * 60)).splitlines() if line.startswith((".", "'"))]
