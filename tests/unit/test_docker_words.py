"""What people type who know Docker: each of these words is an error that says what to write here."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from minirun.cli.docker_words import SETTINGS, SWITCHES, advice
from minirun.cli.elsewhere import COMMANDS_OF_OTHERS
from minirun.cli.table import COMMANDS
from minirun.spec.changes import changed
from minirun.spec.default import default
from minirun.spec.load import decode, parse

HOME = Path(__file__).parents[2]
RUN = COMMANDS["run"]

# What is asked for, where it then stands in config.json, and what stands there.
ROWS: list[tuple[str, tuple[Any, ...], Any]] = [
    ("-t", ("process", "terminal"), True),
    ("--tty", ("process", "terminal"), True),
    ("--read-only", ("root", "readonly"), True),
    ("-v /a:/b:ro", ("mounts", -1), {"destination": "/b", "type": "bind", "source": "/a", "options": ["rbind", "ro"]}),
    ("-v /a:/b", ("mounts", -1, "options"), ["rbind"]),
    ("--volume=/a:/b:z,rslave", ("mounts", -1, "options"), ["rbind", "rslave"]),
    ("-v .:/b", ("mounts", -1, "source"), str(Path.cwd())),
    ("--mount type=bind,source=/a,target=/b,readonly", ("mounts", -1, "options"), ["rbind", "ro"]),
    ("--mount type=tmpfs,dst=/b", ("mounts", -1, "type"), "tmpfs"),
    ("--tmpfs /b:size=64m", ("mounts", -1, "options"), ["nosuid", "nodev", "size=64m"]),
    ("--device /dev/null", ("linux", "resources", "devices", -1), None),
    ("-e A=b", ("process", "env", -1), "A=b"),
    ("-eA=7", ("process", "env", -1), "A=7"),
    ("-u 1000:100", ("process", "user"), {"uid": 1000, "gid": 100}),
    ("-u 1000", ("process", "user", "uid"), 1000),
    ("--group-add 7", ("process", "user", "additionalGids"), [7]),
    ("-w /tmp", ("process", "cwd"), "/tmp"),
    ("--cap-add sys_time", ("process", "capabilities", "permitted", -1), "CAP_SYS_TIME"),
    ("--cap-drop ALL", ("process", "capabilities"), {}),
    ("--ulimit core=5:7", ("process", "rlimits", -1), {"type": "RLIMIT_CORE", "soft": 5, "hard": 7}),
    ("--ulimit core=5", ("process", "rlimits", -1, "hard"), 5),
    ("--security-opt no-new-privileges", ("process", "noNewPrivileges"), True),
    ("--security-opt apparmor=x", ("process", "apparmorProfile"), "x"),
    ("--oom-score-adj 5", ("process", "oomScoreAdj"), 5),
    ("--hostname web", ("hostname",), "web"),
    ("--hostname 7", ("hostname",), "7"),
    ("--domainname web", ("domainname",), "web"),
    ("-m 64M", ("linux", "resources", "memory", "limit"), 64 << 20),
    ("-m64m", ("linux", "resources", "memory", "limit"), 64 << 20),
    ("--memory=1g", ("linux", "resources", "memory", "limit"), 1 << 30),
    ("-m 1g --memory-swap 2g", ("linux", "resources", "memory", "swap"), 2 << 30),
    ("--memory-reservation 1g", ("linux", "resources", "memory", "reservation"), 1 << 30),
    ("--cpus 1.5", ("linux", "resources", "cpu"), {"quota": 150000, "period": 100000}),
    ("-c 512", ("linux", "resources", "cpu", "shares"), 512),
    ("--cpu-quota 50000", ("linux", "resources", "cpu", "quota"), 50000),
    ("--cpu-period 50000", ("linux", "resources", "cpu", "period"), 50000),
    ("--cpuset-cpus 0", ("linux", "resources", "cpu", "cpus"), "0"),
    ("--cpuset-mems 0-1", ("linux", "resources", "cpu", "mems"), "0-1"),
    ("--pids-limit 9", ("linux", "resources", "pids", "limit"), 9),
    ("--blkio-weight 10", ("linux", "resources", "blockIO", "weight"), 10),
    ("--sysctl net.ipv4.ip_forward=1", ("linux", "sysctl"), {"net.ipv4.ip_forward": "1"}),
    ("-l a/b=true", ("annotations",), {"a/b": "true"}),
    ("--annotation a=b", ("annotations",), {"a": "b"}),
]


@pytest.mark.parametrize(("words", "names", "value"), ROWS)
def test_the_line_that_is_told_does_it(words: str, names: tuple[Any, ...], value: object) -> None:
    lines = [line.partition(": ")[2] for line in advice(RUN, [*words.split(), "image"])]
    told = [word for word in shlex.split(" ".join(lines)) if word != "--set"]
    text = changed(json.dumps(default(rootless=False, uid=0, gid=0)).encode(), told).text
    parse(decode(text))
    found = json.loads(text)
    for name in names:
        found = found[name]
    assert found == value or value is None


def flags_of(table: dict[str, Any]) -> list[str]:
    return [flag for flags in table for flag in flags.split()]


@pytest.mark.parametrize("flag", [*flags_of(SWITCHES), *flags_of(SETTINGS)])
@pytest.mark.parametrize("value", ["x", "a=b", "host", "1:2", "/dev/null", "", "\x1b", "nan", "inf"])
def test_there_is_an_answer_to_each(flag: str, value: str) -> None:
    (answer,) = advice(RUN, [flag, *([value] if flag in flags_of(SETTINGS) else []), "image"])
    assert answer.startswith(flag)
    assert answer.partition(": ")[2]


def test_no_option_that_is_minirun_s_own_is_taken_for_another() -> None:
    for name in ("run", "create"):
        own = {flag for option in COMMANDS[name].options for flag in option.flags}
        assert own.isdisjoint((*flags_of(SWITCHES), *flags_of(SETTINGS)))


def test_many_words_in_one() -> None:
    told = advice(RUN, ["-dit", "--rm=true", "-p80:80", "--bundle", "-m", "-m64M", "web", "sh", "-c", "-v x"])
    assert [line.partition(":")[0] for line in told] == ["-i", "-t", "--rm", "-p 80", "-m 64M", "sh -c '-v x'"]
    assert told[-1] == "sh -c '-v x': TARGET -- sh -c '-v x'"


def test_what_a_program_has_behind_two_hyphens_is_its_own() -> None:
    assert advice(RUN, ["bundle", "--", "sh", "-v", "x"]) == []


def minirun(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "minirun", *words], cwd=HOME, capture_output=True, text=True)


def test_it_stands_below_the_error() -> None:
    told = minirun("run", "-m", "64M", "--hostname", "a\x1bb", "image", "sh")
    assert (told.returncode, told.stdout) == (1, "")
    lines = told.stderr.splitlines()
    assert "No such option" in lines[-4]
    assert lines[-3:] == [
        "  -m 64M: --set /linux/resources/memory/limit=64M",
        "  --hostname a\\x1bb: --set '/hostname=a\\x1bb'",
        "  sh: TARGET -- sh",
    ]


def test_a_mistake_in_another_command_has_no_such_lines() -> None:
    told = minirun("state", "-m", "64M", "web")
    assert told.returncode == 1
    assert "--set" not in told.stderr


@pytest.mark.parametrize("name", ["stop", "rm", "logs", "image", "push", "build"])
def test_commands_of_others_have_an_answer(name: str) -> None:
    told = minirun(name, "web")
    assert told.returncode == 1
    assert f"no such command '{name}': {COMMANDS_OF_OTHERS[name]}\n" in told.stderr


def test_none_of_them_is_a_command_here() -> None:
    assert COMMANDS.keys().isdisjoint(COMMANDS_OF_OTHERS)
