"""`--set POINTER=VALUE` and `-- COMMAND`: config.json changed for once, and what is told of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from unit.spec.spec_helpers import GOOD
from unit.test_directory import CONFIG as BARE

from minirun.cli import commands, quick
from minirun.cli.actions import perform
from minirun.cli.spelling import plain
from minirun.cli.table import Call
from minirun.errors import ConfigError, MinirunError
from minirun.spec.changes import changed

REPOSITORY = Path(__file__).parents[2]
LIMIT = "/linux/resources/memory/limit"
CONFIG = BARE | {"linux": {"namespaces": [{"type": "mount"}]}}


def made(*lines: str, config: Any = GOOD) -> Any:
    return json.loads(changed(json.dumps(config).encode(), lines).text)


def at(value: Any, *names: Any) -> Any:
    for name in names:
        value = value[name]
    return value


# ---- what becomes of config.json


@pytest.mark.parametrize(
    ("line", "names", "value"),
    [
        ("/hostname=web", ("hostname",), "web"),
        ("/hostname=a=b", ("hostname",), "a=b"),
        ("/hostname=", ("hostname",), ""),
        ("/hostname=NaN", ("hostname",), "NaN"),
        ('/hostname="7"', ("hostname",), "7"),
        ("/process/terminal=true", ("process", "terminal"), True),
        ('/process/args=["ls","-l"]', ("process", "args"), ["ls", "-l"]),
        ("/process/args/0=id", ("process", "args"), ["id"]),
        ("/process/args/-=-c", ("process", "args"), ["sh", "-c"]),
        ("/process/env/-=A=b", ("process", "env"), ["A=b"]),
        ("/mounts/-/destination=/x", ("mounts",), [{"destination": "/x"}]),
        ("/linux/sysctl/net.ipv4~1x~0=y", ("linux", "sysctl"), {"net.ipv4/x~": "y"}),
        ("/annotations/~01=~3", ("annotations",), {"~1": "~3"}),
        (f"{LIMIT}=67108864", ("linux", "resources", "memory", "limit"), 67108864),
        (f"{LIMIT}=64M", ("linux", "resources", "memory", "limit"), 67108864),
        (f"{LIMIT}=1.5g", ("linux", "resources", "memory", "limit"), 3 << 29),
        (f"{LIMIT}=-1", ("linux", "resources", "memory", "limit"), -1),
        (f'{LIMIT[:-6]}={{"limit":"64k"}}', ("linux", "resources", "memory", "limit"), 65536),
        ('/process/rlimits/-={"type":"RLIMIT_AS","soft":"1k","hard":"2k"}', ("process", "rlimits", 0, "soft"), 1024),
        ("/hostname=64M", ("hostname",), "64M"),
    ],
)
def test_a_value_is_put_there(line: str, names: tuple[Any, ...], value: object) -> None:
    assert at(made(line), *names) == value


def test_null_takes_away() -> None:
    config = {"root": {"path": "rootfs", "readonly": True}, "mounts": [{"destination": "/a"}, {"destination": "/b"}]}
    after = made("/root/readonly=null", "/mounts/0=null", config=config)
    assert after == {"root": {"path": "rootfs"}, "mounts": [{"destination": "/b"}]}


def test_null_makes_nothing_on_the_way() -> None:
    assert made("/linux/resources/memory/limit=null", "/mounts/-=null") == GOOD


def test_changes_are_made_in_their_order() -> None:
    assert made("/process/args=[]", "/process/args/-=a", "/process/args/-=b")["process"]["args"] == ["a", "b"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("hostname=web", "a place in config.json"),
        ("/hostname", "a place in config.json"),
        ("/~3=1", "--set: found '/~3'\n  allowed: behind a ~, 0 for ~ itself or 1 for / (RFC 6901)"),
        ("/annotations/~=1", "0 for ~ itself"),
        ("/annotations/~0~=1", "0 for ~ itself"),
        ("/process/args/1=x", "--set /process/args/1: /process/args is an array of 1\n  allowed: 0 to 0, or - to add"),
        ("/process/args/x=y", "is an array of 1"),
        ("/process/cwd/x=y", "--set /process/cwd/x: /process/cwd is '/'\n  allowed: a place in an object or an array"),
        (f"/x={'[' * 900}{']' * 900}", "nested too deeply"),
    ],
)
def test_what_can_not_be_put_there_is_told(line: str, expected: str) -> None:
    with pytest.raises(MinirunError) as caught:
        made(line)
    assert expected in str(caught.value)


# ---- a mistake is told to be one of --set


@pytest.fixture(autouse=True)
def unsealed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program that runs here is pytest."""
    monkeypatch.setattr("minirun.cli.actions.seal", lambda _values: None)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    (tmp_path / "rootfs").mkdir()
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    return tmp_path


def done(*words: str) -> int:
    call = quick.read(plain(list(words)))
    assert call
    return perform(call)


@pytest.mark.parametrize("command", [("run",), ("create", "web", "--bundle"), ("explain",)])
def test_an_error_says_that_it_comes_from_it(
    command: tuple[str, ...], bundle: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert done("--root", str(tmp_path / "root"), *command, str(bundle), f"--set={LIMIT}=much") == 1
    assert f"config.json: {LIMIT}: found 'much' (by --set); allowed: a whole number" in capfd.readouterr().err
    assert not (tmp_path / "root").exists()


def test_an_error_of_the_file_is_not_told_to_be_one_of_it(bundle: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (bundle / "config.json").write_text(json.dumps(CONFIG | {"hostname": 5}))
    assert done("run", str(bundle), "--set=/domainname=web") == 1
    assert "/hostname: found 5; allowed" in capfd.readouterr().err


LINES = """{
    "root": {"path": "rootfs"},
    "hostname": 5,
    "mounts": [{"destination": "/a", "options": 1},
        {"destination": "/b", "type": 7}]
}
"""


@pytest.mark.parametrize(
    ("pointer", "changes", "line"),
    [
        ("/hostname", ["/domainname=web"], " (line 3)"),
        ("/hostname", ["/hostname=5"], ""),
        ("/mounts/1/type", ["/mounts/-={}"], " (line 5)"),
        ("/mounts/0/type", ["/mounts/0=null"], ""),  # it was another one's number in the file
        ("/mounts/1/type", ["/hostname=null", "/mounts/0/options=null"], " (line 5)"),
    ],
)
def test_the_line_is_that_of_the_file(pointer: str, changes: list[str], line: str) -> None:
    error = changed(LINES.encode(), changes).told(ConfigError(pointer, "found x", "y"))
    assert str(error).startswith(f"config.json: {pointer}{line}: found x")


@pytest.mark.parametrize("command", [("run",), ("create", "web", "--bundle"), ("explain",)])
def test_without_a_change_the_line_is_told(
    command: tuple[str, ...], bundle: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (bundle / "config.json").write_text(json.dumps(CONFIG | {"hostname": 5}, indent=4))
    before, _colon, _behind = (bundle / "config.json").read_text().partition('"hostname"')
    line = before.count("\n") + 1
    assert done("--root", str(tmp_path / "root"), "--log", str(tmp_path / "log"), *command, str(bundle)) == 1
    assert f"config.json: /hostname (line {line}): found 5; allowed" in capfd.readouterr().err
    done("--root", str(tmp_path / "root"), "--log", str(tmp_path / "json"), "--log-format=json", *command, str(bundle))
    assert json.loads((tmp_path / "json").read_text())["where"] == "/hostname"


def test_so_does_an_error_of_the_plan() -> None:
    change = changed(json.dumps(GOOD).encode(), ["/mounts/-={}"])
    assert change.told(ConfigError("/mounts/0/options", "found x", "y")).found == "found x (by --set)"
    assert change.told(ConfigError("/mounts/00", "found x", "y")).found == "found x"


def test_findings_do(bundle: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert done("validate", str(bundle), "--set", "/hostnam=web", "--set", "/process/cwd=tmp", "--", "no such") == 1
    told = capfd.readouterr().out
    assert "error: /process/cwd: found 'tmp' (by --set)\n" in told
    assert "warning: /hostnam: has no effect here (by --set)\n" in told


def test_a_name_that_stands_there_twice_is_told_of_what_the_file_has(
    bundle: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (bundle / "config.json").write_text('{\n"hostname": "a",\n"hostname": "b",\n' + json.dumps(CONFIG)[1:])
    assert done("validate", str(bundle), "--set=/process/noNewPrivileges=true") == 1  # there is no uts namespace
    assert "warning: /hostname (line 3): stands there more than once" in capfd.readouterr().out
    assert done("validate", str(bundle), "--set=/hostname=c") == 1
    assert "more than once" not in capfd.readouterr().out


# ---- a look at it


def test_the_config_is_printed_and_nothing_runs(
    bundle: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "root"
    assert done("--root", str(root), "run", str(bundle), "--print-config", f"--set={LIMIT}=1k", "--", "ls", "-l") == 0
    told = json.loads(capfd.readouterr().out)
    assert (told["linux"]["resources"], told["process"]["args"]) == ({"memory": {"limit": 1024}}, ["ls", "-l"])
    assert not root.exists()


def test_without_changes_it_is_the_file(bundle: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert done("run", str(bundle), "--print-config") == 0
    assert json.loads(capfd.readouterr().out) == json.loads((bundle / "config.json").read_text())


def test_explain_tells_the_changed_plan(bundle: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for form in ("--script", "--format=json", "--verbose"):
        assert done("explain", str(bundle), form, "--", "/bin/another-program") == 0
        assert "/bin/another-program" in capfd.readouterr().out
    uts = '/linux/namespaces/-={"type":"uts"}'
    assert done("explain", str(bundle), "--diff", str(bundle), "--set", uts, "--set", "/hostname=another-name") == 0
    assert "set the host name to another-name" in capfd.readouterr().out
    assert done("explain", str(bundle), "--without=uts", "--format=json", "--set", uts) == 0
    assert json.loads(capfd.readouterr().out)


# ---- the words behind --

COMMAND = '/process/args=["ls","-l=false","--","x"]'
BEHIND = ["--", "ls", "-l=false", "--", "x"]


@pytest.mark.parametrize(
    "words",
    [
        ["run", "bundle"],
        ["run", "--bundle", "dir", "web"],
        ["run", "--detach", "bundle"],
        ["run", "bundle", "--id", "web"],
        ["run", "--id=web", "--bundle", "dir"],
        ["--debug", "create", "-b", "dir", "web"],
        ["explain", "bundle"],
        ["validate", "bundle"],
    ],
)
def test_a_program_behind_two_hyphens_is_the_containers(words: list[str]) -> None:
    spelled = plain([*words, *BEHIND])
    assert spelled == [*words, "--set", COMMAND]
    call = quick.read(spelled)
    assert call
    assert call.named["set"] == (COMMAND,)


@pytest.mark.parametrize(
    "words",
    [["run", "--", "bundle"], ["run", "--bundle", "dir", "--", "web"], ["create", "--", "web"], ["run", "b", "--"]],
)
def test_without_a_target_before_them_they_end_the_options_as_with_others(words: list[str]) -> None:
    assert plain(words) == words


def test_click_reads_the_same() -> None:
    calls: list[Call] = []
    words = plain(["run", "--set", "/a=b", "bundle", *BEHIND])
    program = commands.program(lambda call: calls.append(call) or 0)
    program.main(words, prog_name="minirun", standalone_mode=False)
    assert calls == [quick.read(words)]
    assert calls[0].named["set"] == ("/a=b", COMMAND)
    with pytest.raises(click.UsageError):
        program.main(["state", "web", "--set", "/a=b"], prog_name="minirun", standalone_mode=False)


# ---- names that mean nothing, told at a terminal


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.isatty", lambda descriptor: descriptor == 2)
    monkeypatch.setattr("minirun.operations.run_bundle", lambda *_options, **_more: 0)


FILTER = '/linux/seccomp={"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["%s"],"action":"SCMP_ACT_ALLOW"}]}'
SLIP = '--set=/linux/resources/memory={"limt":5}'


@pytest.mark.usefixtures("terminal")
def test_a_person_is_told_what_may_be_meant(bundle: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert done("run", str(bundle), SLIP, "--set=/x=1") == 0
    place = "minirun: warning: config.json: /linux/resources/memory/limt"
    told = capfd.readouterr().err.splitlines()
    assert sorted(told) == [
        f"{place}: has no effect here; did you mean 'limit'?",
        "minirun: warning: config.json: /x: has no effect here",
    ]


@pytest.mark.usefixtures("terminal")
def test_of_the_file_itself_too_and_of_many_only_some(bundle: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (bundle / "config.json").write_text(json.dumps(CONFIG | {f"x{number}": 1 for number in range(9)}))
    assert done("run", str(bundle)) == 0
    *_, last = lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 6
    assert "4 more like these; minirun validate has them all" in last


@pytest.mark.usefixtures("terminal")
def test_questions_come_before_what_nobody_can_help_with(bundle: Path, capfd: pytest.CaptureFixture[str]) -> None:
    unknown = {f"x{number}": 1 for number in range(9)}
    (bundle / "config.json").write_text(json.dumps(unknown | CONFIG))
    words = ["--set=/hostnam=web", '--set=/process/capabilities={"bounding":["CAP_NET_ADMN"]}']
    assert done("run", str(bundle), *words, "--set=/linux/namespaces/0=null") == 0
    first, second, third, *_ = capfd.readouterr().err.splitlines()
    assert first.endswith("/hostnam: has no effect here; did you mean 'hostname'?")
    assert second.endswith("did you mean 'CAP_NET_ADMIN'?")
    assert "only a chroot" in third


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("line", [["--log", "/dev/null"], ["--log-format", "json"], ["--log-level", "error"]])
def test_who_reads_a_log_is_not(line: list[str], bundle: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert done(*line, "run", str(bundle), SLIP) == 0
    assert capfd.readouterr().err == ""


@pytest.mark.usefixtures("terminal")
def test_nor_is_an_engine(bundle: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """Which has no terminal for it, or calls create."""
    assert done("create", "-b", str(bundle), "web", SLIP) == 0
    monkeypatch.setattr("os.isatty", lambda _descriptor: False)
    assert done("run", str(bundle), SLIP) == 0
    assert capfd.readouterr().err == ""


@pytest.mark.usefixtures("terminal")
def test_what_is_no_json_is_the_runs_to_tell(bundle: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (bundle / "config.json").write_text("{")
    assert done("run", str(bundle)) == 0
    assert capfd.readouterr().err == ""


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize(("options", "line"), [([], " (line 4)"), (["--set=/domainname=web"], "")])
def test_a_name_that_stands_there_twice_is_told(
    options: list[str], line: str, bundle: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    twice = '"domainname": "a",\n"hostname": "b",\n"hostname": "c",\n'
    (bundle / "config.json").write_text("{\n" + twice + json.dumps(CONFIG)[1:])
    assert done("run", str(bundle), *options) == 0
    told = f"minirun: warning: config.json: /hostname{line}: stands there more than once, and the last one counts\n"
    assert capfd.readouterr().err == told


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ('/process/capabilities={"bounding":["CAP_NET_ADMN"]}', "bounding/0: 'CAP_NET_ADMN' is no capability; did"),
        (FILTER % "mkdir2", ""),  # what is longer than a name that is known may be a newer one
        (FILTER % "mkdri", "names/0: 'mkdri' is no system call that libseccomp knows; did you mean 'mkdir'?"),
        ('/mounts/-={"destination":"/x","type":"tmpfs","options":["nodv"]}', "options/0: 'nodv' is no option that"),
        ('/mounts/-={"destination":"/x","type":"tmpfs","options":["sise=5","uid=5"]}', "did you mean 'size'?"),
        ('/mounts/-={"destination":"/x","type":"xfs","options":["wsize=5","noquota","inode64"]}', ""),
        ("/annotations/org.opencontainers.image.stopSignal=SIGTREM", "'SIGTREM' is no signal; did you mean 'SIGTERM'?"),
        ("/annotations/org.opencontainers.image.stopSignal=SIGRTMIN+3", ""),
    ],
)
def test_a_word_that_is_nearly_known_is_told(
    change: str, told: str, bundle: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert done("run", str(bundle), "--set", change) == 0
    found = capfd.readouterr().err
    assert found.count("minirun: warning: config.json: /") == bool(told)
    assert told in found


@pytest.mark.usefixtures("terminal")
def test_a_chroot_is_told(bundle: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert done("run", str(bundle), "--set=/linux/namespaces/0=null") == 0
    assert "/linux/namespaces: no mount namespace: the root is only a chroot" in capfd.readouterr().err


# ---- what a plain run pays for it

DRIVER = """
import sys
sys.path.append(sys.argv[1])
from minirun import operations
from minirun.cli import actions, start
actions.seal = lambda values: None
operations.run_bundle = lambda *options, **more: 0
assert start.start(sys.argv[2:]) == 0
print(*sys.modules)
"""


@pytest.mark.parametrize(("options", "is_needed"), [([], False), (["--set", "/x=1"], True)])
def test_a_plain_run_imports_nothing_for_it(options: list[str], is_needed: bool, bundle: Path) -> None:
    words = [str(REPOSITORY), "--root", str(bundle / "root"), "run", str(bundle), *options]
    told = subprocess.run(
        [sys.executable, "-I", "-B", "-c", DRIVER, *words], capture_output=True, text=True, check=True
    )
    imported = {"minirun.cli.setting", "minirun.spec.changes", "minirun.spec.gather"}
    never = {"minirun.cli.docker_words", "minirun.cli.unknown_names", "minirun.cli.commands"}
    assert set(told.stdout.split()) & (imported | never) == (imported if is_needed else set())
