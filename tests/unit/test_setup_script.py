"""scripts/setup.sh, which brings a machine to where ./try and ./test can begin: with an index of Python packages that
can't be reached, with servers of Debian that can't, and through a proxy."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
CLOSED = "http://127.0.0.1:9/simple"  # discard (services(5)): nobody listens
ANYBODY = 'id() { echo 1000; }; sudo() { echo "sudo $*"; }; type() { [ "$2" = sudo ]; }\n'
ROOT = "id() { echo 0; }\n"
# What apt-get says of servers that it can't reach.
NO_SERVERS = """apt-get() {
    case "$*" in
    *update*)
        for number in {1..20}; do
            echo "W: Failed to fetch http://server/$number  Temporary failure resolving 'server'" >&2
        done ;;
    *)
        echo "E: Unable to locate package x" >&2
        return 100 ;;
    esac
}
env() { while [[ $1 = *=* ]]; do shift; done; "$@"; }
is_installed() { false; }
"""


def ran(script: str, place: Path = REPOSITORY, **environment: str) -> subprocess.CompletedProcess[str]:
    """A few lines of bash that have read scripts/setup.sh, in another directory than the checkout."""
    whole = f". {REPOSITORY}/scripts/setup.sh\ncd {place}\n{script}"
    clean = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return subprocess.run(
        ["bash", "-c", whole, "try"], env=clean | environment, capture_output=True, text=True, timeout=120
    )


def test_sudo_is_told_to_hand_on_who_the_proxy_is() -> None:
    """By their names: everybody could see the values, and a password in them, on sudo's command line."""
    told = ran(f"{ANYBODY}as_root apt-get update", http_proxy="http://u:secret@p:1", NO_PROXY="here", NO="x")
    option, *command = told.stdout.split()[1:]
    assert set(option.removeprefix("--preserve-env=").split(",")) == {"http_proxy", "NO_PROXY"}
    assert command == ["apt-get", "update"]


def test_without_a_proxy_sudo_is_called_as_ever() -> None:
    assert ran(f"{ANYBODY}as_root apt-get update").stdout == "sudo apt-get update\n"


@pytest.fixture
def with_pip(tmp_path: Path) -> Path:
    if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False).returncode:
        pytest.skip("this Python has no pip")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    python = tmp_path / ".venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    return tmp_path


def test_of_an_index_that_can_not_be_reached_there_is_one_reason_and_not_a_word_of_pips(with_pip: Path) -> None:
    line = 'pip_install no-such-package-of-minirun || echo "because: $why"'
    told = ran(line, with_pip, PIP_INDEX_URL=CLOSED, PIP_CONFIG_FILE="/dev/null")
    assert (told.returncode, told.stdout, told.stderr) == (0, "because: can't be reached (Connection refused)\n", "")


def test_so_it_is_with_a_proxy_that_can_not_be_reached(with_pip: Path) -> None:
    index = {"PIP_INDEX_URL": "https://index.invalid/simple", "PIP_CONFIG_FILE": "/dev/null"}
    told = ran(
        'pip_install no-such-package || echo "because: $why"', with_pip, https_proxy="http://127.0.0.1:9", **index
    )
    assert (told.returncode, told.stdout, told.stderr) == (0, "because: can't be reached (Connection refused)\n", "")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("", "has no minirun-test"),
        (
            '<a href="minirun_test-1-py3-none-any.whl" data-requires-python="&lt;3">x</a>',
            "has no minirun-test for Python 3.",
        ),
    ],
)
def test_what_an_index_does_not_have_is_not_called_unreachable(line: str, why: str, with_pip: Path) -> None:
    """Nothing of this name, or nothing for this Python. To pip's last line it is all the same."""
    (with_pip / "index" / "minirun-test").mkdir(parents=True)
    (with_pip / "index" / "minirun-test" / "index.html").write_text(line)
    index = {"PIP_INDEX_URL": f"file://{with_pip}/index", "PIP_CONFIG_FILE": "/dev/null"}
    told = ran('pip_install minirun-test || echo "because: $why"', with_pip, **index)
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.startswith(f"because: {why}")


def test_other_trouble_of_pips_is_told_and_the_end(with_pip: Path) -> None:
    told = ran('pip_install ./nowhere || echo "went on"', with_pip, PIP_CONFIG_FILE="/dev/null")
    assert told.returncode == 1 and told.stdout == ""
    assert "nowhere" in told.stderr and told.stderr.endswith("try: pip could not install ./nowhere\n")


def test_where_nothing_can_be_reached_one_sentence_says_what_helps(tmp_path: Path) -> None:
    told = ran(f"{ROOT}{NO_SERVERS}python=/usr/bin/false why='has reasons'\ninstall_from_debian .", tmp_path)
    assert told.returncode == 1
    *before, last = told.stderr.splitlines()
    assert "the index of Python packages has reasons, and Debian's packages can't be had either" in last
    assert "http_proxy" in last and "PIP_INDEX_URL" in last and "python3-click" in last
    assert len(before) == 3, "what is used in its place, what is installed, why that fails"
    assert before[-1].endswith("(Temporary failure resolving 'server'): trying with what it has")


def test_a_python_that_is_not_debians_gives_way_to_it_but_not_if_it_was_asked_for(tmp_path: Path) -> None:
    begin = 'python=/opt/python3 why=x\nfind_python() { echo "$PYTHON"; }\n'
    assert ran(f'{begin}use_python_of_debian; echo "$python"', tmp_path).stdout == "/usr/bin/python3\n"
    assert ran(f"PYTHON=/opt/python3 {begin}use_python_of_debian x", tmp_path).returncode == 1


def test_what_is_copied_runs_like_what_pip_installs(tmp_path: Path) -> None:
    for name in ("minirun", "scripts"):
        shutil.copytree(REPOSITORY / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "docs").mkdir()
    shutil.copy(REPOSITORY / "docs" / "minirun.8", tmp_path / "docs")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / ".venv"], check=True)
    assert ran("copy_minirun", tmp_path).returncode == 0
    shutil.rmtree(tmp_path / "minirun")
    command = [tmp_path / ".venv" / "bin" / "minirun", "features"]
    assert '"ociVersionMax"' in subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert (tmp_path / ".venv" / "share" / "man" / "man8" / "minirun.8").exists()
