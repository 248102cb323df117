"""The Tab key in bash, zsh and fish, really pressed where that takes a terminal. The containers are made up: files, as
the state directory has them."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from minirun.cli.table import COMMANDS, GLOBAL

REPOSITORY = Path(__file__).parents[2]
PATIENCE = 30 * float(os.environ.get("MINIRUN_TEST_PATIENCE", "1"))  # seconds


@pytest.fixture
def minirun(tmp_path: Path) -> dict[str, str]:
    """An environment in which `minirun` is this one, and $ROOT has two containers that have ended."""
    program = tmp_path / "bin" / "minirun"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nPYTHONPATH={REPOSITORY} exec {sys.executable} -m minirun "$@"\n')
    program.chmod(0o755)
    for name in ("web", "water"):
        directory = tmp_path / "root" / name
        directory.mkdir(parents=True)
        facts = {"id": name, "pid": 0, "pidStartTime": 0, "complete": True, "cgroup": "", "ociVersion": "1.0.2"}
        facts |= {"bundle": "/b", "rootfs": "/b/rootfs", "created": 0.0, "annotations": {}, "made": [], "options": {}}
        (directory / "state.json").write_text(json.dumps(facts))
    (tmp_path / "bundle").mkdir()
    return {"PATH": f"{program.parent}:{os.environ['PATH']}", "ROOT": str(tmp_path / "root"), "TERM": "dumb",
            "HOME": str(tmp_path), "PS1": "$ "}  # fmt: skip


def needs(shell: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(shell) is None, reason=f"needs the program {shell}")


# ---- bash

# What bash does at Tab: it calls the function with the words so far, and takes the array COMPREPLY.
ASK_BASH = """
compopt() { echo "$@"; }
source <(minirun completion bash)
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
$(complete -p minirun | sed 's/.*-F \\([^ ]*\\).*/\\1/') minirun
printf '%s\\n' "${COMPREPLY[@]}"
"""


def ask_bash(environment: dict[str, str], *words: str) -> list[str]:
    command = ["bash", "--norc", "-c", ASK_BASH, "bash", "minirun", *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=True)
    assert done.stderr == ""
    return sorted(done.stdout.split())


def test_bash_completes_engines(minirun: dict[str, str]) -> None:
    assert ask_bash(minirun, "setup", "c") == ["containerd", "crio"]


def test_bash_completes_images(minirun: dict[str, str], tmp_path: Path) -> None:
    """Those of a store that is there; none is made to look."""
    assert ask_bash(minirun, "images", "") == ["list", "prune", "remove"]
    assert ask_bash(minirun, "pull", "--store", str(tmp_path / "none"), "d") == ["docker-archive:", "docker://"]
    assert not (tmp_path / "none").exists()
    known = {"annotations": {"org.opencontainers.image.ref.name": "oci:/lay:app"}}
    (tmp_path / "index.json").write_text(json.dumps({"manifests": [known]}))
    assert ask_bash(minirun, "bundle", "--store", str(tmp_path), "oci:/") == ["oci:/lay:app"]
    assert ask_bash(minirun, "images", "--store", str(tmp_path), "remove", "") == ["oci:/lay:app"]


def test_bash_completes_commands(minirun: dict[str, str]) -> None:
    assert ask_bash(minirun, "") == sorted(COMMANDS)
    assert ask_bash(minirun, "sta") == ["start", "state", "stats"]


def test_bash_completes_every_option(minirun: dict[str, str]) -> None:
    flags = {flag for option in GLOBAL for flag in option.flags}
    assert flags <= set(ask_bash(minirun, "-"))
    for name in ("run", "exec"):
        flags = {flag for option in COMMANDS[name].options for flag in option.flags}
        assert flags <= set(ask_bash(minirun, name, "-"))


def test_bash_completes_the_ids_of_containers(minirun: dict[str, str]) -> None:
    for command in ("start", "state", "kill", "delete", "exec", "ps", "pause", "resume", "stats", "top"):
        assert ask_bash(minirun, "--root", minirun["ROOT"], command, "") == ["water", "web"], command
    assert ask_bash(minirun, "--root", minirun["ROOT"], "kill", "we") == ["web"]
    assert ask_bash(minirun, "--root", minirun["ROOT"], "create", "") == []
    assert ask_bash(minirun, "--root", f"{minirun['ROOT']}/none", "state", "") == []


def test_bash_completes_what_else_has_a_choice(minirun: dict[str, str]) -> None:
    assert ask_bash(minirun, "kill", "web", "ter") == ["TERM"]
    assert ask_bash(minirun, "--log-format", "") == ["json", "text"]
    assert ask_bash(minirun, "completion", "") == ["bash", "fish", "zsh"]
    assert ask_bash(minirun, "lab", "so") == ["solution"]
    assert ask_bash(minirun, "network", "re") == ["remove"]
    assert ask_bash(minirun, "run", "--set", "/linux/resources/m") == ["/linux/resources/memory/limit="]
    assert ask_bash(minirun, "lab", "start", "00") == ["00"]


def test_bash_completes_directories_and_files_itself(minirun: dict[str, str]) -> None:
    assert ask_bash(minirun, "run", "bu") == ["-o", "dirnames"]
    assert ask_bash(minirun, "validate", "bu") == ["-o", "dirnames"]
    assert ask_bash(minirun, "run", "--bundle", "bu") == ["-o", "dirnames"]
    assert ask_bash(minirun, "create", "--pid-file", "x") == ["-o", "default"]


# ---- the Tab key


def press(command: list[str], environment: dict[str, str], *steps: tuple[str, str]) -> None:
    """Types at a shell in a terminal. A step is what to type, and what to wait for then, as a regular expression."""
    pid, master = pty.fork()
    if pid == 0:
        os.chdir(environment["HOME"])
        os.execvpe(command[0], command, environment)
    try:
        read_until(master, r"\$ ")
        for typed, awaited in steps:
            os.write(master, typed.encode())
            read_until(master, awaited)
    finally:
        os.close(master)  # SIGHUP ends the shell
        os.waitpid(pid, 0)


def read_until(master: int, awaited: str) -> str:
    written, deadline = "", time.monotonic() + PATIENCE
    while not re.search(awaited, written):
        assert select.select([master], [], [], max(0, deadline - time.monotonic()))[0], f"no {awaited!r} in {written!r}"
        written += os.read(master, 4096).decode()
    return written


# The line is shown by echo, to see what Tab has made of it. The quotes keep "OK" out of what the terminal echoes.
KEYS = ("\x01echo ok: \x05\r", r"\nok: minirun --root \S+ kill web KILL\b")


@pytest.mark.filterwarnings("ignore:.*fork")
def test_the_tab_key_in_bash(minirun: dict[str, str]) -> None:
    press(
        ["bash", "--norc", "--noprofile", "-i"],
        minirun,
        ("source <(minirun completion bash); echo O''K\r", "OK\r"),
        (f"minirun --root {minirun['ROOT']} kil\twe\tKI\t", "KILL"),
        KEYS,
    )


@pytest.mark.filterwarnings("ignore:.*fork")
@needs("zsh")
def test_the_tab_key_in_zsh(minirun: dict[str, str]) -> None:
    press(
        ["zsh", "--no-rcs", "-i"],
        minirun,
        ("bindkey -e; autoload -U compinit && compinit -u -D; source <(minirun completion zsh); echo O''K\r", "OK\r"),
        (f"minirun --root {minirun['ROOT']} kil\twe\tKI\t", "KILL"),
        KEYS,
    )


@needs("fish")
def test_fish(minirun: dict[str, str]) -> None:
    def ask(line: str) -> list[str]:
        words = ["fish", "--no-config", "-c", f"minirun completion fish | source; complete --do-complete '{line}'"]
        done = subprocess.run(words, env=minirun, capture_output=True, text=True, timeout=PATIENCE, check=True)
        return sorted(done.stdout.splitlines())

    assert [line.split("\t")[0] for line in ask("minirun sta")] == ["start", "state", "stats"]
    assert ask(f"minirun --root {minirun['ROOT']} state w") == ["water\tstopped", "web\tstopped"]
    assert ask("minirun kill web TER") == ["TERM"]


def test_another_shell_is_refused(minirun: dict[str, str]) -> None:
    done = subprocess.run(["minirun", "completion", "tcsh"], env=minirun, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "bash, zsh, fish" in done.stderr
