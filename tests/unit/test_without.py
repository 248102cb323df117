"""minirun explain --without: the table of protections, and what it says of a container."""

from __future__ import annotations

import json
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
ABSENT = {"user", "time", "seccomp", "label", "memory", "pids", "cpu"}  # what the default config.json does not ask for


def found(word: str = "all", **changes: Any) -> dict[str, WithoutIt]:
    """What is told of the default container. The name of a change may be of config.json, of process or of linux."""
    config = default(rootless=False, uid=0, gid=0)
    for name, value in changes.items():
        place = next(part for part in (config["process"], config["linux"], config) if name in part or part is config)
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


def test_numbers_of_the_host_stand_in_the_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    assert f"{len(teaching.os.listdir('/sys/class/net'))} network interfaces" in found()["network"].sentence
    assert not [one for one in found().values() if "{" in one.sentence]

    def refused() -> str:
        raise PermissionError

    monkeypatch.setitem(teaching.NUMBERS, "memory", refused)
    assert "{" not in found()["memory"].sentence


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


def test_a_word_is_a_protection_a_chapter_or_a_step() -> None:
    assert list(found("pid")) == ["pid"]
    assert {"pid", "session", "keyring"} <= found("namespaces").keys() and "memory" not in found("namespaces")
    (number,) = found("pid")["pid"].steps
    assert set(found(str(number))) == {"pid", "network", "uts", "ipc", "mount", "cgroup"}, "one unshare(2) for all"


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("pdi", "did you mean pid?"),
        ("hooks", "nothing in the chapter hooks"),
        ("", "names:"),
        ("\x1b[2J", "\\x1b"),
        ("1", "step 1 is no protection by itself: take"),
        ("999", "there is no step 999"),
    ],
)
def test_another_word_is_an_error_that_helps(word: str, said: str) -> None:
    with pytest.raises(StateError) as error:
        found(word)
    assert said in str(error.value)
    assert "\x1b" not in str(error.value)


def test_the_text_says_all_and_fits_the_screen() -> None:
    every = found()
    said = teaching.text("example", tuple(every.values()))
    assert max(map(len, said.splitlines())) <= 100
    for one in every.values():
        assert one.protection.title in said and one.protection.source in said
    assert said.count("This container does not have it") == len(ABSENT)
    assert said.count("This container has it by step") == len(every) - len(ABSENT) - 1, "the seal is no step"


def test_on_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(default(rootless=False, uid=0, gid=0)))

    def explain(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "minirun", "explain", *words, str(tmp_path)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    told = json.loads(explain("--without", "memory", "--format", "json").stdout)["without"]
    assert [(one["name"], one["has"], one["steps"]) for one in told] == [("memory", False, [])]
    assert "CVE-2016-9962" in explain("--without", "tracers").stdout
    assert "--format text or json" in explain("--without", "pid", "--format", "html").stderr


def test_the_tab_key_knows_them() -> None:
    (option,) = (option for option in EXPLAIN.options if option.name == "without")
    found = of_option(option)(None, None, "read")
    assert [(item.value, item.help) for item in found] == [
        ("readonly-paths", "read-only paths"),
        ("readonly-root", "the read-only root"),
    ]
