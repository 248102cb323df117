"""minirun explain --without: the table of protections, and what it says of a container."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from test_plan import all_step_classes

from minirun.cli.completion import of_option
from minirun.cli.table import EXPLAIN
from minirun.errors import StateError
from minirun.kernel.constants import CAPABILITIES
from minirun.plan.container import Options, plan
from minirun.spec.default import default
from minirun.spec.load import parse
from minirun.teach import without as teaching
from minirun.teach.chapters import CHAPTERS
from minirun.teach.protections import PROTECTIONS

if TYPE_CHECKING:
    from pathlib import Path

    from minirun.teach.without import WithoutIt

CLASSES = {kind.__name__: kind for kind in all_step_classes()}
ABSENT = {
    "user",
    "time",
    "seccomp",
    "label",
    "memory",
    "pids",
    "cpu",
    "io",
}  # what the default config.json does not ask for


def found(word: str = "all", **changes: Any) -> dict[str, WithoutIt]:
    """What is told of the default container. The name of a change may be of config.json, of process or of linux."""
    config = default(rootless=False, uid=0, gid=0)
    for name, value in changes.items():
        place = next((part for part in (config["process"], config) if name in part), config["linux"])
        place[name] = value
    steps = plan(parse(config), Options(id="example", bundle="/bundle"))
    return {one.protection.name: one for one in teaching.without(word, steps)}


def test_the_table_fits_the_steps_and_the_chapters() -> None:
    names = [protection.name for protection in PROTECTIONS]
    assert len({*names, *CHAPTERS, "all"}) == len(names) + len(CHAPTERS) + 1, "each word means one thing"
    for protection in PROTECTIONS:
        chapters = {CLASSES[name].chapter for name in protection.steps}
        assert protection.chapter in (chapters or CHAPTERS), protection.name
        assert bool(protection.steps) != bool(protection.outside)
        assert protection.unless in {"", *CLASSES}


def test_numbers_of_the_host_stand_in_the_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    assert f"network interfaces ({len(socket.if_nameindex())} now)" in found()["network"].sentence
    assert not [one for one in found().values() if "{" in one.sentence]

    def refused() -> str:
        raise PermissionError

    for name, (words, _) in teaching.NUMBERS.items():
        monkeypatch.setitem(teaching.NUMBERS, name, (words, refused))
    assert "the host's memory; then" in found()["memory"].sentence
    assert not [one for one in found().values() if "()" in one.sentence or "  " in one.sentence]


@pytest.mark.parametrize(("seconds", "told"), [(0, "0 hours"), (7199, "1 hour"), (172800, "2 days")])
def test_a_number_goes_with_its_word(monkeypatch: pytest.MonkeyPatch, seconds: int, told: str) -> None:
    monkeypatch.setattr(teaching.files, "read_file", lambda path: f"{seconds}.25 1.00\n")
    assert teaching.uptime() == told


def test_what_a_container_has_follows_from_its_plan() -> None:
    assert {name for name, one in found().items() if not one.has} == ABSENT
    limited = found(resources={"memory": {"limit": 1 << 26}, "pids": {"limit": 9}, "cpu": {"quota": 1000}})
    assert {name for name, one in limited.items() if not one.has} == ABSENT - {"memory", "pids", "cpu"}


def test_what_takes_nothing_away_is_no_protection() -> None:
    sets = {name: list(CAPABILITIES) for name in ("bounding", "effective", "permitted", "ambient", "inheritable")}
    everything = found(
        capabilities=sets,
        resources={"devices": [{"allow": True, "access": "rwm"}], "memory": {"limit": -1}, "pids": {"limit": -1}},
    )
    absent = {name for name, one in everything.items() if not one.has}
    assert absent == ABSENT | {"capabilities", "bounding-set", "device-filter"}


@pytest.mark.parametrize(
    ("rules", "has"),
    [
        ([{"allow": True, "access": "rwm"}], False),
        ([{"allow": False, "access": "rwm"}, {"allow": True}], False),
        ([{"allow": True}, {"allow": False, "type": "b", "major": 8, "access": "rwm"}], True),
        ([{"allow": True, "access": "r"}], True),
        ([], True),
    ],
)
def test_a_device_filter_is_there_unless_it_allows_all(rules: list[dict[str, Any]], has: bool) -> None:
    assert found(resources={"devices": rules})["device-filter"].has is has


def test_a_mount_protects_by_its_flags() -> None:
    def sys(kind: str, *options: str) -> dict[str, WithoutIt]:
        return found(mounts=[{"destination": "/sys", "type": kind, "source": "/sys", "options": list(options)}])

    assert sys("sysfs", "ro")["readonly-sys"].has and sys("none", "rbind", "rro")["readonly-sys"].has
    assert not sys("sysfs", "nosuid")["readonly-sys"].has
    assert sys("sysfs", "nosuid")["mount-flags"].has and not sys("sysfs", "ro")["mount-flags"].has
    assert not found(rootfsPropagation="shared")["propagation"].has
    assert found(rootfsPropagation="private")["propagation"].has


def test_groups_stay_where_nobody_may_set_them() -> None:
    config = default(rootless=True, uid=1000, gid=1000)
    steps = plan(parse(config), Options(id="example", bundle="/bundle", uid=1000, gid=1000, rootless=True))
    (groups,) = teaching.without("groups", steps)
    assert not groups.has
    assert "gidMappings" in teaching.text("example", [groups])


def test_a_time_namespace_hides_nothing_by_itself() -> None:
    clocks = {"namespaces": [{"type": name} for name in ("mount", "uts", "time")]}
    assert not found(**clocks)["time"].has
    assert found(**clocks, timeOffsets={"boottime": {"secs": 5}})["time"].has


def test_a_namespace_that_is_joined_is_shared() -> None:
    joined = found(namespaces=[{"type": "mount"}, {"type": "uts"}, {"type": "pid", "path": "/proc/7/ns/pid"}])
    assert joined["pid"].joined == joined["pid"].steps and not joined["mount"].joined
    assert "This container shares one with those who are in it" in teaching.text("example", [joined["pid"]])


def test_a_word_is_a_protection_a_chapter_or_a_step() -> None:
    assert list(found("pid")) == ["pid"]
    assert {"pid", "session", "keyring"} <= found("namespaces").keys() and "memory" not in found("namespaces")
    (start,), (unshare,) = found("pid")["pid"].steps, found("uts")["uts"].steps
    assert set(found(str(start))) == {"pid", "own-cgroup"}, "who is born in both"
    assert set(found(str(unshare))) == {"network", "uts", "ipc", "mount", "cgroup"}, "one unshare(2) for all"


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("pdi", "did you mean pid?"),
        ("hooks", "nothing in the chapter hooks"),
        ("", "names:"),
        ("\x1b[2J", "\\x1b"),
        ("1", "step 1 is no protection by itself: take"),
        ("999", "there is no step 999"),
        ("0", "there is no step 0"),
        ("-1", "there is no step -1"),
        ("9" * 5000, "there is no step 9"),  # more digits than Python takes for a number
    ],
)
def test_another_word_is_an_error_that_helps(word: str, said: str) -> None:
    with pytest.raises(StateError) as error:
        found(word)
    assert said in str(error.value)
    assert "\x1b" not in str(error.value)


def test_the_text_says_all_and_fits_the_screen() -> None:
    every = found()
    for width in (60, 80, 100):
        lines = teaching.text("example", tuple(every.values()), width).splitlines()
        assert [line for line in lines if len(line) > width and "chroot" not in line] == []  # one word, in quotes
    said = teaching.text("example", tuple(every.values()))
    for one in every.values():
        assert one.protection.title in said and one.protection.source in said
    assert said.count("This container does not have it") == len(ABSENT)
    outside = [one for one in every.values() if one.protection.outside]
    assert said.count("This container has it by step") == len(every) - len(ABSENT) - len(outside)


def test_on_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(default(rootless=False, uid=0, gid=0)))

    def explain(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "minirun", "explain", *words, str(tmp_path)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    told = json.loads(explain("--without", "memory", "--format", "json").stdout)["without"]
    assert [(one["name"], one["has"], one["steps"]) for one in told] == [("memory", False, [])]
    assert "CVE-2016-9962" in explain("--without", "tracers").stdout
    for others in (["--format", "html"], ["--verbose"]):
        assert "--format text or json" in explain("--without", "pid", *others).stderr


def test_the_tab_key_knows_them() -> None:
    (option,) = (option for option in EXPLAIN.options if option.name == "without")
    found = of_option(option)(None, None, "read")
    assert [(item.value, item.help) for item in found] == [
        ("readonly-paths", "read-only paths"),
        ("readonly-sys", "the read-only /sys"),
        ("readonly-root", "the read-only root"),
    ]
