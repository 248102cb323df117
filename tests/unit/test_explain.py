"""minirun explain: a plan told, for people and for programs; and that every step can be told."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_plan import all_step_classes

from minirun.cli.explain import chosen, default_root, put
from minirun.errors import StateError
from minirun.kernel import constants
from minirun.kernel.libc import show
from minirun.plan.checkpoint import checkpoint_plan
from minirun.plan.container import Options, plan
from minirun.plan.restore import restore_plan
from minirun.spec.default import default
from minirun.spec.load import parse
from minirun.steps.criu import Wishes
from minirun.steps.shell import below, in_root, quoted
from minirun.teach import markdown, page, text
from minirun.teach.chapters import CHAPTERS
from minirun.teach.explanation import Explanation, tell
from minirun.teach.script import script_of
from minirun.teach.script_lines import on_lines

if TYPE_CHECKING:
    from minirun.steps.step import Step

REPOSITORY = Path(__file__).parents[2]


def config(**linux: Any) -> dict[str, Any]:
    made = default(rootless=False, uid=0, gid=0)
    made["linux"] |= linux
    return made


def rich_config(word: str) -> dict[str, Any]:
    """As many kinds of steps as one container can have; `word` is wherever config.json takes any."""
    path = f"/{word}"
    made = config(
        namespaces=[{"type": kind} for kind in ("pid", "uts", "mount", "time", "ipc")]
        + [{"type": "network", "path": f"/ns{path}"}, {"type": "cgroup"}],
        timeOffsets={"boottime": {"secs": 7, "nanosecs": 0}},
        cgroupsPath=path,
        resources={"memory": {"limit": 1 << 26}, "pids": {"limit": 9}, "unified": {"io.max": word}},
        devices=[{"path": f"/dev{path}", "type": "c", "major": 1, "minor": 3, "uid": 5, "gid": 5}],
        netDevices={"eth1": {"name": "eth0"}},
        sysctl={"net.ipv4.ip_forward": word},
        maskedPaths=[f"/proc{path}"],
        readonlyPaths=[f"/proc/sys{path}"],
        rootfsPropagation="shared",
        mountLabel=word.replace('"', ""),
        seccomp={"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": path, "syscalls": NOTIFIED},
        intelRdt={"closID": "group", "schemata": ["L3:0=f"], "enableMonitoring": True},
        personality={"domain": "LINUX"},
        memoryPolicy={"mode": "MPOL_BIND", "nodes": "0"},
    )
    made["hostname"], made["domainname"] = word, word
    made["root"] = {"path": word, "readonly": True}
    made["mounts"] += [
        {"destination": path, "type": word, "source": word, "options": ["ro", f"name={word}"]},
        {"destination": path, "source": path, "options": ["rbind", "rro", "rslave"]},
        {"destination": path, "source": path, "options": ["remount", "nosuid"]},
        {"destination": path, "source": path, "type": "overlay", "options": [f"lowerdir={path}:/b", "upperdir=/u"]},
        {"destination": "/", "source": path, "type": "overlay", "options": [f"lowerdir={path}", f"upperdir={path}/u"]},
        {"destination": path, "type": "tmpfs", "options": ["rnodev", "ro"]},
        {"destination": path, "type": "tmpfs", "options": ["tmpcopyup"]},
        {"destination": path, "source": path, "options": ["bind", "idmap"], **MAPPINGS},
        {"destination": path, "source": f"{word}/a{path}", "options": ["bind", "idmap"], **MAPPINGS},
        {"destination": path, "source": path, "options": ["bind", "copy-symlink"]},
    ]
    made["process"] |= {
        "args": [word, word],
        "env": [f"A={word}"],
        "cwd": path,
        "oomScoreAdj": 5,
        "capabilities": {kind: ["CAP_KILL", f"CAP_{word}"] for kind in ("bounding", "inheritable", "ambient")},
        "apparmorProfile": word,
        "selinuxLabel": word,
        "scheduler": {"policy": "SCHED_BATCH", "nice": 3},
        "ioPriority": {"class": "IOPRIO_CLASS_IDLE", "priority": 0},
    }
    made["hooks"] = {kind: [{"path": path, "args": [word]}] for kind in KINDS}
    return made


MAPPINGS = {name: [{"containerID": 0, "hostID": 7, "size": 9}] for name in ("uidMappings", "gidMappings")}
NOTIFIED = [{"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"}]


def options(**more: Any) -> Options:
    return Options(**{"id": "example", "bundle": "/bundle", **more})


KEPT_NAMESPACES = [
    *({"type": kind, "path": "/word"} for kind in ("pid", "ipc")),
    *({"type": kind} for kind in ("mount", "network", "uts")),
]


def checkpoint_plans(word: str) -> list[tuple[Step, ...]]:
    """Of a container that is there, and of one that is made of images."""
    wishes = Wishes(f"/{word}", f"/{word}/log", f"../{word}", pre_dump=True, status_fd=3, page_server=f"{word}:7")
    kept = parse(config(namespaces=KEPT_NAMESPACES))
    return [
        checkpoint_plan(kept, options(), wishes),
        checkpoint_plan(kept, options(), Wishes(f"/{word}", f"/{word}", leave_running=True)),
        restore_plan(kept, options(detach=True, console_socket=f"/{word}"), Wishes(f"/{word}", f"/{word}")),
    ]


def plans(word: str = "word") -> list[tuple[Step, ...]]:
    """Plans that have, all together, every step of a container's start."""
    user = [{"type": kind} for kind in ("user", "pid", "mount", "uts")]
    joined = [{"type": kind, "path": f"/{word}"} for kind in ("user", "mount", "pid")] + [{"type": "uts"}]
    device = [{"path": "/dev/x", "type": "c", "major": 1, "minor": 3}]
    own_cgroup = [{"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup"}]
    given_away = options(detach=True, console_socket=f"/{word}", pid_file=f"/{word}", pidfd_socket=f"/{word}")
    return [
        plan(parse(config()), options()),
        plan(parse(rich_config(word)), options(listen_fds=2, listen_names=word, wait_for_start=True)),
        plan(parse(config(namespaces=user, devices=device, **MAPPINGS)), given_away),
        plan(parse(config(namespaces=joined, **MAPPINGS)), options(no_pivot=True, notify_socket="/notify")),
        plan(parse(config(namespaces=[]) | {"root": {"path": word}, "hostname": None}), options()),
        plan(parse(config(namespaces=[*user, {"type": "cgroup"}], **MAPPINGS) | {"mounts": own_cgroup}), options()),
        plan(parse(without_terminal(intelRdt={"closID": "group"})), options(cgroup_manager="disabled")),
        plan(parse(with_early_filter()), options()),
        plan(parse(config_for_systemd(word)), options(cgroup_manager="systemd")),
        plan(parse(annotated(word) | {"mounts": own_cgroup}), options()),
        *users_plans(),
    ]


def without_terminal(**linux: Any) -> dict[str, Any]:
    made = config(resources={}, **linux)
    return made | {"process": made["process"] | {"terminal": False}}


def with_early_filter() -> dict[str, Any]:
    made = config(seccomp={"defaultAction": "SCMP_ACT_ALLOW"})
    return made | {"process": made["process"] | {"noNewPrivileges": False}}


def config_for_systemd(word: str) -> dict[str, Any]:
    text = word.replace("\\", "\\\\").replace("'", "\\'")
    made = config(cgroupsPath="a.slice:b:c", resources={"memory": {"limit": 1 << 26}, "pids": {"limit": 9}})
    return made | {"annotations": {"org.systemd.property.Documentation": f"['{text}']"}}


def annotated(word: str) -> dict[str, Any]:
    path, made = f"/{word}", config(namespaces=[{"type": "mount"}, {"type": "cgroup"}])
    told = {"hooks.stdout": path, "hooks.stderr": "/dev/stderr", "pidfd_receiver": path, "delegate-cgroup": word}
    told |= {"keep_original_groups": "1", "seccomp_bpf_data": "BgAAAAAA/38="}
    annotations = {f"run.oci.{name}": value for name, value in told.items()}
    hooks = {"prestart": [{"path": path}]}
    return made | {"hostname": None, "hooks": hooks, "annotations": annotations}


def users_plans() -> list[tuple[Step, ...]]:
    """Those without root."""
    own, more = default(True, 1000, 1001), default(True, 1000, 1001)
    own["linux"]["namespaces"].append({"type": "time"})
    own["linux"]["timeOffsets"] = {"boottime": {"secs": 7}}
    own["linux"]["namespaces"] = [entry for entry in own["linux"]["namespaces"] if entry["type"] != "cgroup"]
    for name in ("uidMappings", "gidMappings"):
        more["linux"][name].append({"containerID": 1, "hostID": 100000, "size": 9})
    user = options(uid=1000, gid=1001, rootless=True, cgroup_manager="inherited")
    own["linux"]["resources"] = {"devices": [{"allow": False}]}
    return [
        plan(parse(own), user),
        plan(parse(more), user),
        plan(parse(own), user.replace(cgroup_manager="systemd-user")),
    ]


KINDS = ("createRuntime", "createContainer", "startContainer", "poststop")
# Steps of exec, update and run --without, which nothing explains yet.
OF_OTHERS = {
    *("SetUserInGroups", "BecomeNamespaceRootInGroups"),
    *(
        "HoldProc",
        "JoinCgroup",
        "SetAffinity",
        "CheckMemoryInUse",
        "ChangeLimit",
        "ReplaceDeviceFilter",
        "CheckProcess",
    ),
    *("ChangeSchema", "ReplaceConfig", "ChangeScopeLimits", "JoinScope", "CloseFiles", "AllowRlimit", "LowerRlimit"),
    *("FindProgramOutside", "FindProgramInside"),
}


# ---- the catalogue is complete


@pytest.mark.parametrize("kind", all_step_classes(), ids=lambda kind: kind.__name__)
def test_every_kind_of_step_can_be_told(kind: type[Step]) -> None:
    step = next(base for base in kind.__mro__ if base.__name__ == "Step")
    assert kind.describe is not step.describe, "a sentence"
    assert kind.shell is not step.shell or kind.no_shell, "a command, or why there is none"
    assert kind.calls is not step.calls or kind.no_calls, "system calls, or why there are none"
    assert re.fullmatch(r"[a-z0-9_.-]+\([1-8]\)", kind.man), "a manual page with its section"
    assert re.fullmatch(r"((config|config-linux|runtime|runtime-linux)\.md#[a-z-]+)?", kind.spec)
    assert kind.chapter in CHAPTERS


def test_every_step_of_a_plan_is_told() -> None:
    seen = set()
    for steps in [*plans(), *checkpoint_plans("word")]:
        for number, step in enumerate(steps, start=1):
            told = tell(number, step)
            seen.add(type(step).__name__)
            assert told.sentence, step
            assert told.shell or told.no_shell, step
            assert told.calls or told.no_calls, step
            for call in told.calls:
                assert re.fullmatch(r"(\w+ = )?[a-z_0-9]+\(.*\)(  // .*)?", call), call
    assert seen | OF_OTHERS == {kind.__name__ for kind in all_step_classes()}


def test_the_flags_in_calls_are_those_of_the_kernels_headers() -> None:
    known = vars(constants).keys() | set(constants.OPEN_FLAGS)
    for steps in [*plans(), *checkpoint_plans("word")]:
        for call in (call for step in steps for call in step.calls()):
            flags = re.findall(r"\b(?:MS|MNT|MOUNT_ATTR|OPEN_TREE|MOVE_MOUNT|CLONE|RESOLVE|O|PR)_[A-Z_]+", call)
            assert set(flags) <= known, call


@pytest.mark.skipif(shutil.which("man") is None, reason="needs man")
def test_the_manual_pages_exist() -> None:
    """On Debian 12: pages that only a newer release has are of no use to who wants to read on."""
    pages = {kind.man for kind in all_step_classes()} | {chapter.manual for chapter in CHAPTERS.values()}
    wanted = [found[1] + "." + found[2] for name in pages if (found := re.fullmatch(r"([\w-]+)\((\d)\)", name))]
    told = subprocess.run(["man", "--where", *wanted], capture_output=True, text=True, env=os.environ | {"LC_ALL": "C"})
    missing = set(re.findall(r"No manual entry for (\S+)", told.stderr)) - OF_LIBRARIES
    if len(missing) > len(wanted) / 2:
        pytest.skip("the manual pages of the kernel's interfaces are not installed")
    assert not missing


OF_LIBRARIES = {"seccomp_init.3", "sd_notify.3", "sd_listen_fds.3"}  # which their packages for developers bring


# ---- commands take config.json's words literally


@given(st.text(max_size=30).map(lambda text: text.replace("\0", "")))
def test_a_shell_reads_the_words_back(word: str) -> None:
    script = f"rootfs=; printf '%s\\0' {quoted(word)} {in_root(word)} {below('rootfs', word)}"
    assert shell(script) == f"{word}\0" * 3


def shell(script: str) -> str:
    return subprocess.run(["bash", "-c", script], capture_output=True, check=True).stdout.decode()


WORDS = (
    "$(echo>RAN)`echo>RAN`'$(echo>RAN);echo>RAN;'\"$(echo>RAN);echo>RAN;\"",
    "a\necho>RAN\n;echo>RAN&echo>RAN\nAT_LAST\necho>RAN\n",
)


@pytest.mark.parametrize("word", WORDS)
def test_no_command_runs_what_stands_in_config_json(word: str, tmp_path: Path) -> None:
    """As nobody, and without any programs: what a shell does by itself is enough to leave a file behind."""
    tmp_path.chmod(0o777)
    for step in (*plans(word)[1], *plans(word)[-1]):
        run_as_nobody(step.shell() or "", tmp_path)
        assert not (tmp_path / "RAN").exists(), step
    run_as_nobody("echo>RAN", tmp_path)
    assert (tmp_path / "RAN").exists(), "the words would do what they are here for"


@pytest.mark.parametrize("word", WORDS)
def test_no_script_runs_what_stands_in_config_json(word: str, tmp_path: Path) -> None:
    """Each part of it, and past every command that fails."""
    tmp_path.chmod(0o777)
    whole = script_of(plan(parse(rich_config(word)), options()), "id", f"/{word}")
    for stops in ("\nset -eu ", "\n    exit 1\n", "\ntrap finish EXIT", "\nPATH=/usr"):
        assert stops in whole
        whole = whole.replace(stops, f"\n: {stops[1:]}")
    file = tmp_path / "by-hand"
    file.write_text(whole)
    parts = re.findall(r"^(runtime|give_back|inside_\d+)\(\) ", whole, re.MULTILINE)
    assert len(parts) > 5
    mark = re.findall(r"^IFS= read .* << '(\w+)'", whole, re.MULTILINE)[0]
    at_last = re.split(rf"^IFS= read .* << '{mark}'.*$|^{mark}$", whole, flags=re.MULTILINE)[1]
    for part in (*(f". ./by-hand {part}" for part in parts), at_last):
        run_as_nobody(part, tmp_path)
        assert not (tmp_path / "RAN").exists(), part
    shell(whole.replace('"${1-runtime}"', ""))  # it can be read to its end


TEXTS = st.text(max_size=20).map(lambda text: text.replace("\0", ""))
STUBS = """
leave() { [ $# = 0 ] || printf '%s\\0' "$@" "$A"; }
alias exec=leave
read() { :; }
echo() { :; }
"""


@settings(max_examples=20, deadline=None)
@given(TEXTS)
def test_every_script_is_one_that_bash_takes(word: str) -> None:
    """And the program gets its words as they stand in config.json."""
    made = rich_config("word")
    made["process"] |= {"args": [f"/{word}", word, f"-{word}"], "env": [f"A={word}", f"PATH={word}"], "cwd": f"/{word}"}
    made["hostname"], made["annotations"], made["mounts"][0]["source"] = word, {f"a{word}": word}, word
    whole = script_of(plan(parse(made), options()), word, f"/{word}")
    subprocess.run(["bash", "-n"], input=whole.encode(), check=True, capture_output=True)
    at_last = re.split(r"^IFS= read .* << 'AT_LAST'.*\n|^AT_LAST\n", whole, flags=re.MULTILINE)[1]
    given = whole.partition('"$at_last" sh ')[2].partition("\n}")[0]  # the words that a plain sh could not write
    told = subprocess.run(
        ["bash", "-c", f'HOME=/; exec sh -c "$0" sh {given}', STUBS + at_last], capture_output=True, check=True
    )
    assert told.stdout.decode() == "\0".join((f"/{word}", word, f"-{word}", word, ""))
    assert all(line.isprintable() for line in whole.split("\n"))


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="needs shellcheck")
def test_shellcheck_finds_nothing_in_the_scripts(tmp_path: Path) -> None:
    files = []
    for number, steps in enumerate(plans()):
        with contextlib.suppress(StateError):  # there is none for some
            files.append(tmp_path / str(number))
            files[-1].write_text(script_of(steps, "id", "/bundle"))
    found = subprocess.run(["shellcheck", *filter(Path.exists, files)], capture_output=True, text=True)
    assert found.stdout == ""


def test_a_command_comes_in_lines() -> None:
    said = on_lines("if [ a ]; then b 'c && d' && e || f; elif g; then h; else i | j; fi && for k in l; do m; done < n")
    assert said == [
        "if [ a ]; then",
        "    b 'c && d'",
        "    e || f",
        "elif g; then",
        "    h",
        "else",
        "    i | j",
        "fi",
        "for k in l; do",
        "    m",
        "done < n",
    ]


def run_as_nobody(script: str, directory: Path) -> None:
    bash = shutil.which("bash") or "/bin/bash"
    subprocess.run([bash, "-c", script], cwd=directory, env={"PATH": ""}, capture_output=True, timeout=20, **nobody())


def nobody() -> dict[str, Any]:
    return {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}


# ---- what is printed


def explained(**more: Any) -> Explanation:
    steps = plan(parse(config(**more)), options())
    return Explanation("example", "/bundle", tuple(tell(n, step) for n, step in enumerate(steps, start=1)), ("a note",))


def test_the_summary_has_every_step_in_order_and_fits_a_few_screens() -> None:
    said = text.summary(explained())
    lines = said.splitlines()
    assert len(lines) < 250
    assert max(map(len, lines)) <= 100
    ranges = [found for line in lines if (found := re.match(r" *(\d+)(?:-(\d+))?  \S", line))]
    numbers = [n for found in ranges for n in range(int(found[1]), int(found[2] or found[1]) + 1)]
    assert numbers == list(range(1, len(explained().steps) + 1))
    for chapter in {told.chapter for told in explained().steps}:
        heading = next(number for number, line in enumerate(lines) if line.startswith(f"{chapter.upper()}: "))
        assert lines[heading + 1].startswith(f"  {CHAPTERS[chapter].about[:40]}"), "its introduction"
    assert lines[-1] == "note: a note"


@pytest.mark.parametrize("word", ["word", 'it\'s \\"here\\" for $(a  b)', "then", "do", "a\nb;  c&&", "\\", "(( ", "`"])
def test_a_folded_command_is_the_same_command(word: str) -> None:
    commands = [command for step in plans(word)[1] if (command := step.shell())]
    assert any(quoted(word) in command for command in commands)
    for width in (20, 60, 100):
        assert parsed(["\n".join(text.folded(command, width)) for command in commands]) == parsed(commands)


def parsed(commands: list[str]) -> str:
    """How bash itself writes the commands."""
    return shell("\n".join(f"f() {{ {command}\n}}; declare -f f" for command in commands))


def test_strings_in_calls_are_those_of_c() -> None:
    assert show("execve", 'a "b" \\ \n') == r'execve("a \"b\" \\ \n")'


def test_steps_alike_are_told_together() -> None:
    said = text.summary(explained(maskedPaths=["/proc/a", "/proc/b", "/proc/c"], readonlyPaths=["/proc/d"]))
    assert re.search(r"\d+-\d+  hide /proc/a, /proc/b, /proc/c +/linux/maskedPaths  mount\(2\)", said)
    assert re.search(r"\d+  make /proc/d read-only +/linux/readonlyPaths/0 ", said)


def test_everything_about_a_step() -> None:
    number = next(told.number for told in explained().steps if told.pointer == "/mounts/0")
    said = text.details(explained().steps[number - 1 : number])
    for part in (
        f"{number}  mount proc on /proc",
        "the container's process",
        'mount("proc", "/proc/self/fd/{place}", "proc", 0, NULL)',
        'mkdir -p "$rootfs/proc" && mount -t proc proc "$rootfs/proc"',
        "Mount a new file system",
        "config   /mounts/0",
        "spec     config.md#mounts",
        "manual   mount(2)",
    ):
        assert part in said
    assert "more of the kind" in text.details(explained().steps), "dozens of calls are not a help"


def test_what_config_json_brings_along_does_not_reach_the_terminal() -> None:
    escape = "\x1b]0;title\x07"
    steps = plan(parse(rich_config(escape)), options())
    told = Explanation("id", "/b", tuple(tell(n, step) for n, step in enumerate(steps, start=1)), (escape,))
    for said in (text.summary(told), text.details(told.steps), markdown.markdown(told), page.page(told), told.json()):
        assert "\x1b" not in said
        assert "\x07" not in said


def test_markdown_and_html_take_words_literally() -> None:
    steps = plan(parse(rich_config("<b>*x*</b>```")), options())
    told = Explanation("id", "/b", tuple(tell(n, step) for n, step in enumerate(steps, start=1)))
    assert "<b>" not in page.page(told)
    outside_code = re.sub(r"^(`{3,})\w*\n.*?^\1$", "", markdown.markdown(told), flags=re.MULTILINE | re.DOTALL)
    assert not re.search(r"(?<!\\)<b>|(?<!\\)\*x", outside_code)


# ---- the command


def minirun(*words: str, cwd: Path | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), **variables}
    command = [sys.executable, "-m", "minirun", "explain", *words]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    made = tmp_path / "web"
    (made / "rootfs").mkdir(parents=True)
    (made / "config.json").write_text(json.dumps(config()))
    return made


def test_json_is_what_its_page_says(bundle: Path) -> None:
    told = json.loads(minirun("--format", "json", str(bundle)).stdout)
    documented = (REPOSITORY / "docs" / "explain.md").read_text()
    for member in {*told, *told["steps"][0]}:
        assert f"`{member}`" in documented
    assert told["id"] == "web"
    assert told["bundle"] == str(bundle)
    assert [step["number"] for step in told["steps"]] == list(range(1, len(told["steps"]) + 1))
    assert {step["chapter"] for step in told["steps"]} == told["chapters"].keys()


def test_options_that_change_the_plan_change_what_is_told(bundle: Path) -> None:
    usual = minirun("web", cwd=bundle).stdout
    other = minirun("--no-pivot", "--preserve-fds=3", "--no-new-keyring", "--bundle", str(bundle), "other").stdout
    assert "pivot_root . ." in usual
    assert "pivot_root . ." not in other
    assert "above 5 as close-on-exec" in other
    assert "_ses.web" in usual
    assert "session keyring" not in other
    assert "/run/minirun/other" in other


def test_an_error_is_that_of_a_run(bundle: Path) -> None:
    (bundle / "config.json").write_text(json.dumps(config(resources={"memory": {"limit": "much"}})))
    told = minirun(str(bundle))
    assert told.returncode == 1
    assert told.stdout == ""
    assert told.stderr.startswith("minirun: config.json: /linux/resources/memory/limit: ")
    assert "; allowed: " in told.stderr


def test_a_bundle_without_a_root_is_explained_and_that_is_noted(bundle: Path) -> None:
    (bundle / "rootfs").rmdir()
    told = minirun(str(bundle))
    assert told.returncode == 0
    assert re.search(r"^note: /root/path: '.*/web/rootfs/': no such file", told.stdout, re.MULTILINE) or (
        "note: /root/path: " in told.stdout
    )


def test_one_step_in_any_form(bundle: Path) -> None:
    said = minirun("--step", "19", "--format", "json", str(bundle)).stdout
    assert [step["number"] for step in json.loads(said)["steps"]] == [19]


@pytest.mark.parametrize(
    "words",
    [
        ("--timing", "run.json"),
        ("--timing", "run.json", "--format", "mermaid"),
        ("--timing", "run.json", "--script"),
        ("--script", "--format", "html"),
        ("--script", "--step", "3"),
    ],
)
def test_what_would_be_ignored_is_refused(bundle: Path, words: tuple[str, ...]) -> None:
    told = minirun(*words, str(bundle))
    assert (told.returncode, told.stdout) == (1, "")
    assert "; allowed: " in told.stderr


def test_what_no_script_can_do_is_an_error(bundle: Path) -> None:
    assert minirun("--no-pivot", str(bundle)).returncode == 0
    told = minirun("--no-pivot", "--script", str(bundle))
    assert told.returncode == 1
    assert "no script for --no-pivot; cure:" in told.stderr


@pytest.mark.parametrize("word", ["0", "-1", "999", "1.5", "mount"])
def test_a_step_that_does_not_exist(word: str) -> None:
    assert chosen(explained(), "1").number == 1
    with pytest.raises(StateError, match=f"there is no step {word}\n  allowed: 1 to {len(explained().steps)}"):
        chosen(explained(), word)


def test_step_0_is_no_way_to_ask_for_all_of_them(bundle: Path) -> None:
    told = minirun("--step", "0", str(bundle))
    assert (told.returncode, told.stdout) == (1, "")
    assert "there is no step 0; allowed:" in told.stderr


def test_who_has_no_place_for_containers_may_read_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> str:
        raise StateError("there is no place for the containers' state")

    monkeypatch.setattr("minirun.operations.default_root", nowhere)
    assert default_root() == "/run/minirun"


def test_the_encoding_is_not_the_callers(bundle: Path) -> None:
    told = minirun(str(bundle), PYTHONIOENCODING="ascii", LC_ALL="C")
    assert (told.returncode, told.stderr) == (0, "")
    assert "…" in told.stdout


@pytest.mark.parametrize(
    ("is_terminal", "program", "page", "is_told"),
    [
        (True, None, "", True),
        (True, "/bin/man", "", True),
        (True, "/bin/man", "unshare.2.gz", False),
        (False, None, "", False),
    ],
)
def test_where_there_is_no_manual_it_is_said_what_brings_it(
    is_terminal: bool,
    program: str | None,
    page: str,
    is_told: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """To a person, whom each step sends to one of its pages."""
    (tmp_path / "man2").mkdir()
    (tmp_path / "man2" / page).touch()
    monkeypatch.setattr("minirun.cli.manual.PAGES", str(tmp_path))
    monkeypatch.setattr("minirun.cli.manual.which", {"man": program}.get)
    monkeypatch.setattr("sys.stdout.isatty", lambda: is_terminal)
    monkeypatch.setattr("minirun.cli.explain.columns", lambda _stream: 80)
    put(lambda _width, _paint: "unshare(2)\n")
    told = capfd.readouterr().out
    assert told.startswith("unshare(2)\n")
    assert ("apt-get install man-db manpages manpages-dev" in told) == is_told


@pytest.mark.skipif(shutil.which("script") is None, reason="needs script")
def test_colours_are_for_terminals_only(bundle: Path) -> None:
    def at_terminal(**variables: str) -> str:
        line = f"stty rows 500 cols 100; {sys.executable} -m minirun explain {bundle}"
        environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "TERM": "xterm", **variables}
        return subprocess.run(
            ["script", "-qec", line, "/dev/null"], env=environment, capture_output=True, text=True
        ).stdout

    assert "\x1b[1mBOOKS" in at_terminal()
    assert "\x1b" not in at_terminal(NO_COLOR="1")
    assert "\x1b" not in minirun(str(bundle)).stdout
