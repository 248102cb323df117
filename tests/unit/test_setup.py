"""`minirun setup`: what becomes of the engines' files, and that all of it can be taken back."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minirun.cli.setup import ENGINES
from minirun.engines import file
from minirun.engines.engine import Wish
from minirun.engines.launcher import whose
from minirun.errors import StateError
from minirun.kernel import files

if TYPE_CHECKING:
    from collections.abc import Callable

    Setup = Callable[..., subprocess.CompletedProcess[str]]

REPOSITORY = Path(__file__).parents[2]
LAUNCHER = "/usr/local/bin/minirun"
WISH = Wish(LAUNCHER)
BY_DEFAULT = Wish(LAUNCHER, default=True)
CRI = {2: "io.containerd.grpc.v1.cri", 3: "io.containerd.cri.v1.runtime"}

# What may be in the file before.
TOML = ("", "# nothing\n", "version = 2\n", 'version = 2\n[plugins."x"]\na = 1', "version = 3\n\n\n[a]\r\n")
JSON = (
    "{}",
    "{\n}\n",
    " { } \n",
    '{"debug": true}',
    '{"debug":true,"runtimes":{}}',
    '{\n  "debug": true\n}\n',
    '{\n\t"runtimes": {\n\t\t"nvidia": {\n\t\t\t"path": "nvidia", "runtimeArgs": []\n\t\t}\n\t},\n\t"debug" : true\n}',
    '{\n    "runtimes": {"crun": {"path": "/usr/bin/crun"}},\n    "hosts": ["}", "{\\"runtimes\\": {"]\n}\n',
    '{"runtimes": { }, "log-opts": {"max-size": "1m"}\r\n}',
)
BEFORE = [(name, text) for name in ENGINES for text in (JSON if name == "docker" else TOML)]


def refuses(name: str, text: str) -> bool:
    """containerd's file of a layout that has no number, or an old one."""
    return name == "containerd" and "version" not in text and text.strip(" \n") not in ("", "# nothing")


# ---- the texts


@pytest.mark.parametrize("wish", [WISH, BY_DEFAULT])
@pytest.mark.parametrize(("name", "text"), [*BEFORE, *((name, None) for name in ENGINES)])
def test_what_is_put_in_can_be_taken_out_to_the_byte(name: str, text: str | None, wish: Wish, tmp_path: Path) -> None:
    engine, wish = ENGINES[name], wish.replace(root=str(tmp_path))
    after = engine.put_in(text, wish)
    assert after != text
    assert engine.put_in(after, wish) == after, "a second time changes nothing"
    assert engine.take_out(after) == text


@pytest.mark.parametrize(("name", "text"), BEFORE)
def test_what_is_there_stays(name: str, text: str) -> None:
    after = ENGINES[name].put_in(text, WISH)
    before, now = (
        (json.loads(text), json.loads(after)) if name == "docker" else (tomllib.loads(text), tomllib.loads(after))
    )
    assert now == merged(before, now)
    assert ENGINES[name].take_out(text) == text, "and there is nothing to take out of it"


def merged(before: Any, now: Any) -> Any:
    """What is before, and of what is now the rest."""
    if not isinstance(before, dict):
        return before
    return now | {key: merged(value, now[key]) for key, value in before.items()}


scalars = st.none() | st.booleans() | st.integers() | st.text()
objects = st.dictionaries(
    st.text(), st.recursive(scalars, lambda some: st.lists(some) | st.dictionaries(st.text(), some))
)
white = st.text(alphabet=" \n\t", max_size=3)


@given(objects, st.none() | st.dictionaries(st.text(), st.none()), st.none() | st.integers(0, 4), white, white)
def test_so_it_is_with_any_json(content: Any, runtimes: Any, indent: int | None, before: str, behind: str) -> None:
    content.pop("default-runtime", None)
    content.pop("runtimes", None)
    if runtimes is not None:
        runtimes.pop("minirun", None)
        content["runtimes"] = runtimes
    text = before + json.dumps(content, indent=indent) + behind
    after = ENGINES["docker"].put_in(text, BY_DEFAULT)
    wanted = {"runtimes": (runtimes or {}) | {"minirun": {"path": LAUNCHER}}, "default-runtime": "minirun"}
    assert json.loads(after) == content | wanted
    assert ENGINES["docker"].take_out(after) == text


def test_docker_is_told_as_others_in_the_file_are() -> None:
    before = '{\n  "runtimes": {\n    "crun": {\n      "path": "/usr/bin/crun"\n    }\n  }\n}\n'
    wanted = {"runtimes": {"crun": {"path": "/usr/bin/crun"}, "minirun": {"path": LAUNCHER}}}
    assert ENGINES["docker"].put_in(before, WISH) == json.dumps(wanted, indent=2) + "\n"


@pytest.mark.parametrize("name", ["podman", "containerd", "crio"])
def test_what_others_have_added_later_stays(name: str, tmp_path: Path) -> None:
    engine, wish = ENGINES[name], WISH.replace(root=str(tmp_path))
    for before in (None, "", "version = 2\n", "version = 2"):
        after = engine.put_in(before, wish)
        assert engine.take_out(after + "[more]\n") == ("" if not before else before.rstrip("\n") + "\n") + "[more]\n"


def test_what_others_have_added_to_docker_s_file_stays() -> None:
    after = json.loads(ENGINES["docker"].put_in(None, BY_DEFAULT))
    after["runtimes"]["crun"] = {"path": "/usr/bin/crun"}
    left = ENGINES["docker"].take_out(json.dumps(after, indent=2))
    assert left is not None
    assert json.loads(left) == {"runtimes": {"crun": {"path": "/usr/bin/crun"}}}


@pytest.mark.parametrize("name", ["podman", "containerd", "crio"])
def test_a_block_that_was_changed_is_nobody_s_to_remove(name: str, tmp_path: Path) -> None:
    engine, wish = ENGINES[name], WISH.replace(root=str(tmp_path))
    changed = engine.put_in(None, wish).replace(LAUNCHER, "/opt/minirun")
    for again in (lambda: engine.take_out(changed), lambda: engine.put_in(changed, wish)):
        with pytest.raises(
            StateError, match=r"somebody has changed what minirun had put there, from line 1 on\n  cure:"
        ):
            again()


@pytest.mark.parametrize("name", ["podman", "containerd", "crio"])
def test_a_block_is_brought_up_to_date_where_it_is(name: str, tmp_path: Path) -> None:
    engine, wish = ENGINES[name], WISH.replace(root=str(tmp_path))
    old = engine.put_in("version = 2\n", wish.replace(launcher="/opt/minirun")) + "# behind\n"
    assert engine.put_in(old, wish) == engine.put_in("version = 2\n", wish) + "# behind\n"


@pytest.mark.parametrize(
    ("text", "wish", "why"),
    [
        ("", WISH, "it is no JSON, so Docker can't read it either"),
        ('{"debug": true,}', WISH, "it is no JSON"),
        ("[]", WISH, "it is no JSON object"),
        ("[" * 100_000, WISH, "it is no JSON"),
        ('{"runtimes": []}', WISH, '"runtimes" is no object in it'),
        ('{"runtimes": {"minirun": {"path": "/opt/x"}}}', WISH, "there is a runtime minirun in it already, another"),
        ('{"default-runtime": "nvidia"}', BY_DEFAULT, "the default runtime is 'nvidia' already"),
    ],
)
def test_docker_s_file_is_not_written_over(text: str, wish: Wish, why: str) -> None:
    with pytest.raises(StateError, match=why):
        ENGINES["docker"].put_in(text, wish)


def test_an_entry_with_more_in_it_is_somebody_s() -> None:
    text = '{"runtimes": {"minirun": {"path": "/opt/x", "runtimeArgs": ["--debug"]}}}'
    with pytest.raises(StateError, match='take out "minirun" by hand'):
        ENGINES["docker"].take_out(text)


# ---- containerd


@pytest.mark.parametrize("version", CRI)
def test_containerd_is_told_in_the_layout_of_its_file(version: int) -> None:
    runc = f'[plugins."{CRI[version]}".containerd.runtimes.runc.options]\nSystemdCgroup = true\n'
    after = tomllib.loads(ENGINES["containerd"].put_in(f"version = {version}\n{runc}", BY_DEFAULT))
    found = after["plugins"][CRI[version]]["containerd"]
    assert found["default_runtime_name"] == "minirun"
    assert found["runtimes"]["minirun"] == {
        "runtime_type": "io.containerd.runc.v2",
        "options": {"BinaryName": LAUNCHER, "SystemdCgroup": True},
    }


@pytest.mark.parametrize("version", CRI)
def test_containerd_still_knows_runc(version: int) -> None:
    """It does so by itself only as long as the file names no runtime."""
    table = f'version = {version}\n[plugins."{CRI[version]}".containerd'
    for before, names in ((f"{table}.x]\n", {"runc", "minirun"}), (f"{table}.runtimes.crun]\n", {"crun", "minirun"})):
        after = tomllib.loads(ENGINES["containerd"].put_in(before, WISH))
        assert after["plugins"][CRI[version]]["containerd"]["runtimes"].keys() == names


@pytest.mark.parametrize(
    ("text", "wish", "why"),
    [
        ("oom_score = 1\n", WISH, "its layout is that of version 1, .*\n  cure:  containerd config migrate"),
        ("version = 1\n", WISH, "its layout is that of version 1"),
        ("version =\n", WISH, "it is no TOML, so containerd can't read it either"),
        (f'version = 2\n[plugins."{CRI[2]}".containerd]\n', BY_DEFAULT, "one of these tables already"),
        (f'version = 2\n[plugins."{CRI[2]}".containerd.runtimes.minirun]\n', WISH, "one of these tables already"),
        (f'version = 2\n[plugins."{CRI[2]}".containerd]\nruntimes = {{}}\n', WISH, "one of these tables already"),
    ],
)
def test_containerd_s_file_is_not_spoilt(text: str, wish: Wish, why: str) -> None:
    with pytest.raises(StateError, match=why):
        ENGINES["containerd"].put_in(text, wish)


# ---- podman


def lists(root: Path, home: str = "") -> Any:
    text = ENGINES["podman"].put_in(None, BY_DEFAULT.replace(root=str(root), home=home))
    return tomllib.loads(text)["engine"]


def test_podman_is_told_all_that_it_asks_about_a_runtime(tmp_path: Path) -> None:
    found = lists(tmp_path)
    assert found["runtime"] == "minirun" and found["runtimes"] == {"minirun": [LAUNCHER]}
    assert {"crun", "runc", "minirun"} < set(found["runtime_supports_json"])
    assert {"crun", "minirun"} < set(found["runtime_supports_nocgroup"])


def test_what_podman_knew_of_other_runtimes_stays_true(tmp_path: Path) -> None:
    """A list replaces the one of the file that is read before."""
    for name, text in {
        "usr/share/containers/containers.conf": '[engine]\nruntime_supports_json = ["a"]\n',
        "etc/containers/containers.conf": '[engine]\nruntime_supports_json=["b"]\nruntime_supports_nocgroup=["x"]\n',
        "etc/containers/containers.conf.d/10.conf": '[engine]\nruntime_supports_json = ["c", {append=true}]\n',
        "etc/containers/containers.conf.d/minirun.conf": '[engine]\nruntime_supports_json = ["not this"]\n',
        "home/containers/containers.conf": '[engine]\nruntime_supports_nocgroup = ["y"]\n',
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert lists(tmp_path)["runtime_supports_json"] == ["b", "c", "minirun"]
    assert lists(tmp_path)["runtime_supports_nocgroup"] == ["x", "minirun"]
    assert lists(tmp_path, "/home")["runtime_supports_nocgroup"] == ["y", "minirun"]


def test_what_podman_could_not_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / "etc/containers/containers.conf"
    path.parent.mkdir(parents=True)
    path.write_text("[engine\n")
    with pytest.raises(StateError, match=r"containers\.conf' is no TOML"):
        lists(tmp_path)


# ---- the files


@pytest.mark.parametrize(
    ("name", "home", "path"),
    [
        ("podman", "", "/etc/containers/containers.conf.d/minirun.conf"),
        ("podman", "/h/.config", "/h/.config/containers/containers.conf.d/minirun.conf"),
        ("docker", "", "/etc/docker/daemon.json"),
        ("docker", "/h/.config", "/h/.config/docker/daemon.json"),
        ("containerd", "", "/etc/containerd/config.toml"),
        ("crio", "", "/etc/crio/crio.conf.d/50-minirun.conf"),
    ],
)
def test_which_file_it_is(name: str, home: str, path: str) -> None:
    assert ENGINES[name].file(WISH.replace(home=home)) == path


def test_a_file_keeps_its_rights_and_attributes(tmp_path: Path) -> None:
    path = tmp_path / "daemon.json"
    path.write_text("{}")
    path.chmod(0o604)
    os.setxattr(path, "user.minirun", b"stays")
    if os.geteuid() == 0:
        os.chown(path, 1234, 5678)
    before = path.stat()
    file.replace(str(path), "{ }")
    after = path.stat()
    assert path.read_text() == "{ }" and os.getxattr(path, "user.minirun") == b"stays"
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert os.listdir(tmp_path) == ["daemon.json"]


@pytest.mark.root
def test_in_somebody_elses_directory_no_file_of_roots_is_given_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose the directory is may put anything in the place of the draft."""
    path, other = tmp_path / "daemon.json", tmp_path / "roots"
    path.write_text("{}")
    other.write_text("secret")
    other.chmod(0o600)
    os.chown(path, 1234, 1234)
    path.chmod(0o666)
    create = files.create_file

    def exchanged(draft: str, content: bytes, mode: int, finish: Callable[[int], None] = lambda _new: None) -> None:
        def exchange_and_finish(new: int) -> None:
            os.unlink(draft)
            os.symlink(other, draft)
            finish(new)

        create(draft, content, mode, exchange_and_finish)

    monkeypatch.setattr(files, "create_file", exchanged)
    file.replace(str(path), "new")
    found = other.stat()
    assert (found.st_uid, stat.S_IMODE(found.st_mode), other.read_text()) == (0, 0o600, "secret")


def test_a_new_one_can_be_read_by_all(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        file.replace(str(tmp_path / "a" / "b" / "new"), "x")
    finally:
        os.umask(before)
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("a", "a/b", "a/b/new")]
    assert modes == [0o755, 0o755, 0o644]


def test_a_full_disk_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "daemon.json"
    path.write_text("{}")

    def full(*_: object) -> None:
        raise OSError(28, "no space")

    monkeypatch.setattr(os, "rename", full)
    with pytest.raises(
        StateError, match=r"can't write '.*daemon.json': no space left on device \(ENOSPC\)\n  cure:  a file"
    ):
        file.replace(str(path), "{ }")
    assert path.read_text() == "{}" and os.listdir(tmp_path) == ["daemon.json"]


@pytest.mark.parametrize("act", [file.read, lambda path: file.replace(path, "{}")])
def test_a_link_is_somebody_elses_to_lead(tmp_path: Path, act: Callable[[str], object]) -> None:
    (tmp_path / "target").write_text("{}")
    (tmp_path / "daemon.json").symlink_to("target")
    with pytest.raises(StateError, match=r"ELOOP\)\n  cure:  it is a symbolic link, .* --file names the file"):
        act(f"{tmp_path}/daemon.json")
    assert (tmp_path / "daemon.json").is_symlink()


def test_a_pipe_in_its_place_keeps_nobody_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "daemon.json")
    with pytest.raises(StateError, match="it is no regular file"):
        file.read(f"{tmp_path}/daemon.json")


AS_ANOTHER = """
import os, sys
from minirun.engines import file
os.chdir(sys.argv[1])
os.setgid(1234)
os.setuid(1234)
try:
    file.replace("./daemon.json", "{ }")
except Exception as error:
    print(error)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
@pytest.mark.parametrize(("owner", "mode"), [(0, 0o644), (1234, 0o444)])
def test_what_is_not_to_be_written_to_is_not_renamed_over(tmp_path: Path, owner: int, mode: int) -> None:
    """Who may write to the directory could, and another user's file would be theirs then."""
    path = tmp_path / "daemon.json"
    path.write_text("{}")
    path.chmod(mode)
    os.chown(path, owner, owner)
    os.chown(tmp_path, 1234, 1234)
    command = [sys.executable, "-B", "-c", AS_ANOTHER, str(tmp_path)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert "permission denied (EACCES)\n  cure:  it is not yours to change: sudo; or" in done.stdout, done.stderr
    assert path.read_text() == "{}" and os.listdir(tmp_path) == ["daemon.json"]


def test_whose_the_command_is(tmp_path: Path) -> None:
    package = tmp_path / "minirun"
    package.mkdir()
    command = tmp_path / "command"
    command.touch()
    if os.geteuid() == 0:
        assert whose(str(command), str(tmp_path)) == ""
        os.chown(package, 1234, 1234)
        assert whose(str(command), str(tmp_path)) == "user 1234"


# ---- the command


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    """Runs `minirun setup` with some words, on a file in the test's directory."""

    def run(*words: str, name: str = "daemon.json") -> subprocess.CompletedProcess[str]:
        command = [str(REPOSITORY / "scripts" / "minirun"), "setup", *words, "--file", str(tmp_path / name)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    return run


@pytest.mark.parametrize("name", ENGINES)
def test_without_an_option_it_only_tells(setup: Setup, tmp_path: Path, name: str) -> None:
    done = setup(name)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"Into {tmp_path}/daemon.json:\n") and "--write puts" in done.stdout
    assert str(REPOSITORY / "scripts" / "minirun") in done.stdout
    assert os.listdir(tmp_path) == []
    assert ("kind: RuntimeClass" in done.stdout) == (name in ("containerd", "crio"))


@pytest.mark.parametrize("name", ENGINES)
def test_it_says_which_file_it_has_changed(setup: Setup, tmp_path: Path, name: str) -> None:
    path = tmp_path / "daemon.json"
    assert f"made {path}\n" in setup(name, "--write").stdout
    assert f"{path} has them already: nothing is changed" in setup(name, "--write").stdout
    assert setup(name, "--undo").stdout == f"removed {path}, which had nothing else in it\n"
    assert setup(name, "--undo").stdout == f"nothing of minirun's is in {path}\n"
    path.write_text('{"a": 1}' if name == "docker" else "version = 2\n")
    before = path.read_bytes()
    assert f"changed {path}\n" in setup(name, "--write", "--default").stdout
    assert setup(name, "--undo").stdout == f"changed {path}\n"
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("dockr",), "setup knows no engine 'dockr'; allowed: podman, docker, containerd, crio"),
        (("docker", "--write", "--undo"), "--write puts in what --undo takes out; allowed: one of them"),
    ],
)
def test_what_can_not_be_meant(setup: Setup, words: tuple[str, ...], said: str) -> None:
    done = setup(*words)
    assert done.returncode == 1 and said in done.stderr


def test_an_empty_name_is_not_the_engines_own_file() -> None:
    """--file "$FILE" where there is no such variable: the system's file is not what was meant."""
    command = [str(REPOSITORY / "scripts" / "minirun"), "setup", "docker", "--file", ""]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "--file is empty" in done.stderr and not done.stdout


def test_an_error_says_which_file_it_is_about(setup: Setup, tmp_path: Path) -> None:
    (tmp_path / "daemon.json").write_text("{,}")
    done = setup("docker", "--write")
    assert done.returncode == 1
    assert done.stderr.startswith(f"minirun: {tmp_path}/daemon.json: it is no JSON, so Docker can't read it either")
    assert (tmp_path / "daemon.json").read_text() == "{,}"
