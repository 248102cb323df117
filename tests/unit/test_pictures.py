"""A plan as pictures: the page, the SVG, the sequence diagram; and times of a run, as a file."""

from __future__ import annotations

import errno
import json
import os
import re
import xml.etree.ElementTree as xml
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest
from test_explain import REPOSITORY, config, explained, minirun, options, rich_config

from minirun.errors import StateError
from minirun.kernel import constants as c
from minirun.plan.container import plan
from minirun.runtime.log import Log
from minirun.runtime.walk import do
from minirun.spec.default import default
from minirun.spec.load import parse
from minirun.steps.seccomp import CompileFilter
from minirun.steps.step import CONTAINER, RUNTIME, Channel, Context, Step
from minirun.steps.syscall_filter import Rule
from minirun.teach import timeline
from minirun.teach.explanation import Explanation, stages_of, tell
from minirun.teach.mermaid import mermaid
from minirun.teach.outcome import HOST, JOINED, NEW, outcome
from minirun.teach.page import asset, page
from minirun.teach.page_film import Frames, for_script, marks
from minirun.teach.page_panels import TITLES, body
from minirun.teach.real_run import real_run
from minirun.teach.several import Several
from minirun.teach.svg import svg
from minirun.teach.timeline import CLOCKS, Timeline
from minirun.teach.whole_file import why_not, write_whole

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = "</script></title><script>alert(1)</script><img src=x onerror='alert(1)'>\" -->]]>$style"


def told(word: str) -> Explanation:
    steps = plan(parse(rich_config(word)), options())
    stages = stages_of(steps)
    every = tuple(tell(number, step, stages) for number, step in enumerate(steps, start=1))
    return Explanation("id", f"/{word}", every, (word,), outcome(steps), stages)


# ---- what comes of a plan


def test_namespaces_are_new_joined_or_the_hosts() -> None:
    found = {row.type: (row.kind, row.path) for row in told("word").outcome.namespaces}
    assert found == {
        **dict.fromkeys(("pid", "uts", "mount", "time", "ipc", "cgroup"), (NEW, "")),
        "network": (JOINED, "/ns/word"),
        "user": (HOST, ""),
    }


def test_mounts_lie_on_those_of_the_paths_above_them() -> None:
    mounts = explained_whole().outcome.mounts
    parents = {mount.point: next((m.point for m in mounts if m.id == mount.parent), "") for mount in mounts}
    assert parents["/"] == ""
    assert parents["/proc"] == parents["/dev"] == "/"
    assert parents["/dev/pts"] == "/dev"
    assert parents["/proc/kcore"] == "/proc"
    assert parents["/sys/fs/cgroup"] == "/sys"


def test_limits_are_those_of_the_cgroups_files() -> None:
    found = told("word").outcome
    assert found.cgroup == "/word"
    limits = {limit.name: limit.value for limit in found.limits}
    assert (limits["memory.max"], limits["pids.max"], limits["io.max"]) == (str(1 << 26), "9", "word")


def explained_whole() -> Explanation:
    return explained().replace(outcome=outcome(plan(parse(config()), options())))


# ---- the page


class Elements(HTMLParser):
    """Every element with its attributes, as a browser takes them, and the text of each script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def values(self, name: str) -> list[str]:
        return [value for _, attributes in self.found if (value := attributes.get(name))]


def test_the_page_has_every_step_and_every_link_leads_somewhere() -> None:
    elements = Elements(page(explained_whole()))
    ids = elements.values("id")
    assert [name for name in ids if name.startswith("step-")] == [f"step-{t.number}" for t in explained().steps]
    assert len(ids) == len(set(ids))
    assert {link.removeprefix("#") for link in elements.values("href")} <= set(ids)
    assert {"timeline", "namespaces", "mounts", "cgroup"} <= set(ids)


def test_the_page_loads_nothing_and_words_of_config_json_are_words() -> None:
    harmless, hostile = Elements(page(told(re.sub("[^/]", "x", HOSTILE)))), Elements(page(told(HOSTILE)))
    shape, expected = (
        [(tag, sorted(attributes)) for tag, attributes in elements.found if not only_breaks_lines(tag, attributes)]
        for elements in (hostile, harmless)
    )
    assert shape == expected
    assert not {"src", "srcset", "action", "data"} & {name for _, names in shape for name in names}
    assert all(link.startswith("#") for link in hostile.values("href"))


def only_breaks_lines(tag: str, attributes: dict[str, str | None]) -> bool:
    """A name that has to be quoted may make another word of an option."""
    return tag == "wbr" or attributes == {"class": "option"}


def test_the_film_has_each_panel_as_it_is_after_each_step() -> None:
    """Put together as the page's script does it."""
    bodies: list[list[str]] = []
    made = told(HOSTILE)
    frames = Frames(made)
    for other, first, pieces, last in json.loads(for_script(frames.bodies)):
        others = bodies[other] if other >= 0 else []
        bodies.append([*others[:first], *pieces, *others[len(others) - last :]])
    shown = [["".join(bodies[number]) for number in frame] for frame in frames.numbers]
    changes = [(), *(one.changes for one in made.steps)]
    assert shown == [
        ["".join(body(name, stage[name], marks(changed, name))) for name in TITLES]
        for stage, changed in zip(made.stages, changes)
    ]


def test_with_many_mounts_a_line_of_one_is_not_written_again_for_each_of_the_others() -> None:
    few, many = (page(with_mounts(number)).count("/a/mount-0<") for number in (2, 40))
    assert few == many < 10


def with_mounts(number: int) -> Explanation:
    mounts = [{"destination": f"/a/mount-{one}", "type": "tmpfs", "source": "tmpfs"} for one in range(number)]
    steps = plan(parse(config() | {"mounts": mounts}), options())
    stages = stages_of(steps)
    every = tuple(tell(number, step, stages) for number, step in enumerate(steps, start=1))
    return Explanation("id", "/b", every, (), outcome(steps), stages)


def test_the_overview_leads_to_each_part_of_the_timeline() -> None:
    said = page(explained_whole())
    _, _, rest = said.partition('<ol class="overview">')
    links = re.findall(r'<a href="#step-(\d+)">', rest.partition("</ol>")[0])
    assert links == [str(band[0].number) for band in explained_whole().sections()]


def test_a_step_without_a_time_has_a_dash_where_others_have_one() -> None:
    times = re.compile(r'<span class="time">(.*?)</span>')
    assert not times.findall(page(explained_whole()))
    said = page(explained_whole().replace(durations={1: 5000, 2: 0})).partition('<section id="timeline">')[2]
    assert times.findall(said)[:3] == ["5 µs", "0 µs", "–"]
    assert ">&gt; 5 µs</text>" in svg(explained_whole().replace(durations={1: 5000}))


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_text_can_be_told_from_what_is_behind_it(mode: str) -> None:
    """Web Content Accessibility Guidelines 2.2, 1.4.3: at least 4.5 to 1."""
    light, dark, *_ = re.findall(r":root \{(.*?)\}", asset("colours.css"), re.DOTALL)
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]+)", light if mode == "light" else dark))
    for text in ("text", "soft", "runtime", "container", "failed"):
        for behind in ("page", "code", "runtime-soft", "container-soft", "chosen"):
            brighter, darker = sorted((luminance(colours[text]), luminance(colours[behind])), reverse=True)
            assert (brighter + 0.05) / (darker + 0.05) >= 4.5, (text, behind)


def luminance(colour: str) -> float:
    """As the guidelines define it."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(share * part for share, part in zip((0.2126, 0.7152, 0.0722), linear))


def test_the_cgroup_is_a_tree_with_its_limits() -> None:
    rows = re.findall(r"<tr><td>(.*?)</td>", page(told("word")).partition('<section id="cgroup">')[2])
    plain = [re.sub("<.*?>", "", row) for row in rows]
    assert plain[:2] == ["/", "└─ word"]
    assert plain[2].startswith("   ├─ ") and plain[-1].startswith("   └─ ")


def test_one_step_alone_has_no_maps() -> None:
    steps = explained().steps[18:19]
    assert Elements(page(Explanation("id", "/b", steps))).values("id") == ["columns", "timeline", "step-19", "detail"]


# ---- the others


@pytest.mark.parametrize("word", ["word", HOSTILE, "a;b#c\nend"])
def test_svg_is_well_formed_and_loads_nothing(word: str) -> None:
    root = xml.fromstring(svg(told(word)))
    assert {element.tag.rpartition("}")[2] for element in root.iter()} <= {
        *("svg", "title", "style", "defs", "marker", "path", "rect", "text", "tspan", "line", "g")
    }
    boxes = [box for box in root.iter() if box.tag.endswith("rect") and box.get("class") in ("runtime", "container")]
    assert len(boxes) == len(told(word).sections())


@pytest.mark.parametrize("word", ["word", HOSTILE, "a;b#c\nend%%{init"])
def test_each_line_of_mermaid_is_one_of_three_kinds(word: str) -> None:
    head, *lines = mermaid(told(word)).splitlines()
    assert head == "sequenceDiagram"
    kinds = r" {4}(participant [RC] as .*|Note over [RC]: .*|[RC]->>[RC]: step \d+ is next)"
    assert all(re.fullmatch(kinds, line) for line in lines)
    rest = [re.sub(r"<br/>|#\d+;|^ *[RC]->>[RC]", "", line) for line in lines]
    assert not [line for line in rest if re.search(r"[<>;#%{}]", line)], "what would end a line or begin markup"


# ---- times


class Made(Step):
    runs_in = RUNTIME
    chapter = "books"
    man = "mkdir(2)"

    word: str

    def describe(self) -> str:
        return f"make {self.word}"

    def apply(self, context: Context) -> None:
        pass

    def undo(self, context: Context) -> None:
        pass


class Executed(Made):
    runs_in = CONTAINER
    chapter = "exec"
    becomes_program = True

    def apply(self, context: Context) -> None:
        os._exit(0)  # nobody comes back from execve(2), either


def test_a_timeline_has_both_processes_and_what_is_taken_back(tmp_path: Path) -> None:
    path = tmp_path / "times.json"
    steps = (Made("<a>"), Made("b"), Executed("c"), Made("d"))
    log = Log()
    log.observer = Several(Timeline(str(path)))
    log.observer.prepare(steps)
    context = Context(log, Channel())
    walk_as_two(steps, context, log)
    log.observer.undoing(steps[0])
    log.observer.ended(log)
    events = [one for one in json.loads(path.read_text())["traceEvents"] if one["ph"] == "X"]
    assert [(one["name"], one["args"]["number"]) for one in events] == [
        ("make <a>", 1),
        ("make b", 2),
        ("make c", 3),
        ("make d", 4),
        ("take back: make <a>", 1),
    ]
    assert all(isinstance(one["dur"], int) and one["dur"] >= 0 for one in events)
    assert events[0]["ts"] == 0, "they count from the first"
    assert [one["pid"] for one in events] == [os.getpid(), os.getpid(), 77, os.getpid(), os.getpid()]
    told = tuple(tell(number, step) for number, step in enumerate(steps, start=1))
    assert set(real_run(str(path), told).durations) == {1, 2, 3, 4}
    for other in (told[:2], (told[0].replace(pointer="/mounts/7"), *told[1:])):
        with pytest.raises(StateError, match="not the timeline of a run of this plan"):
            real_run(str(path), other)


def walk_as_two(steps: tuple[Step, ...], context: Context, log: Log) -> None:
    """The memory is shared: what the child has seen, the parent can tell."""
    do(steps[0], 0, steps, context, log)
    child = os.fork()
    if child == 0:
        context.me = CONTAINER
        do(steps[2], 2, steps, context, log)
    os.waitpid(child, 0)
    context.pid = 77
    do(steps[1], 1, steps, context, log)
    do(steps[3], 3, steps, context, log)


class Filtered(Made):
    runs_in = CONTAINER

    def apply(self, context: Context) -> None:
        context.is_filtered = True


ALLOW, KILL = c.SECCOMP_ACTIONS["SCMP_ACT_ALLOW"], c.SECCOMP_ACTIONS["SCMP_ACT_KILL_PROCESS"]
CLOCK, WITH_ARGUMENT = Rule(CLOCKS, ALLOW), Rule(CLOCKS, ALLOW, ((0, 4, 0, 0),))


@pytest.mark.parametrize(
    ("default", "rules", "may"),
    [
        (ALLOW, (), True),
        (ALLOW, (Rule(("mkdir",), KILL),), True),
        (ALLOW, (Rule(CLOCKS[:1], KILL),), False),
        (ALLOW, (WITH_ARGUMENT,), True),
        (KILL, (), False),
        (KILL, (CLOCK,), True),
        (KILL, (WITH_ARGUMENT,), False),
        (c.SECCOMP_ACTIONS["SCMP_ACT_NOTIFY"], (), False),
    ],
)
def test_behind_a_filter_the_clock_is_looked_at_only_where_that_is_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, default: int, rules: tuple[Rule, ...], may: bool
) -> None:
    steps = (CompileFilter(default, (), rules), Filtered("the filter"), Filtered("more"))
    seen = Timeline(str(tmp_path / "times.json"))
    seen.prepare(steps)
    log = Log()
    log.observer = seen
    context = Context(log, Channel())
    context.me = CONTAINER
    looks: list[bool] = []
    monkeypatch.setattr(timeline, "time_ns", lambda: looks.append(context.is_filtered) or len(looks))
    for index in (1, 2):
        do(steps[index], index, steps, context, log)
    assert looks == ([False, True, True, True] if may else [False])


@pytest.mark.parametrize("wrong", [-1, 10**400, 1.5, "1", None, float("nan"), float("inf"), [1]])
@pytest.mark.parametrize("member", ["dur", "number"])
def test_a_timeline_with_impossible_numbers_is_an_error(tmp_path: Path, member: str, wrong: object) -> None:
    told = tell(1, Made("a"))
    event = {"ph": "X", "dur": 1, "args": {"number": 1, "process": "runtime", "manual": told.manual, "pointer": ""}}
    path = tmp_path / "times.json"
    path.write_text(json.dumps({"traceEvents": [event]}))
    assert real_run(str(path), (told,)).durations == {1: 1000}
    (event if member == "dur" else event["args"])[member] = wrong  # type: ignore[index]
    path.write_text(json.dumps({"traceEvents": [event]}))
    with pytest.raises(StateError, match=r"not the timeline of a run of this plan|no timeline"):
        real_run(str(path), (told,))


@pytest.mark.parametrize(
    "text",
    ["", "[" * 100000, "[]", "{}", '{"traceEvents": 5}', '{"traceEvents": [5]}', '{"traceEvents": [{"args": 5}]}'],
)
def test_what_is_no_timeline_is_an_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "times.json"
    path.write_text(text)
    with pytest.raises(StateError, match="no timeline"):
        real_run(str(path), ())


# ---- the command


def test_output_is_whole_or_not_there(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config()))
    (tmp_path / "rootfs").mkdir()
    target = tmp_path / "page.html"
    assert minirun("--format", "html", "-o", str(target), str(tmp_path)).returncode == 0
    assert target.read_text().endswith("</html>\n")
    for wrong, why in (("/dev/null", "no regular file"), (str(tmp_path / "none/p"), "mkdir -p"), ("rootfs", "regular")):
        refused = minirun("--format", "html", "--output", wrong, str(tmp_path), cwd=tmp_path)
        assert refused.returncode == 1 and why in refused.stderr
    assert sorted(os.listdir(tmp_path)) == ["config.json", "page.html", "rootfs"]


def test_a_full_disk_leaves_the_old_file_and_says_what_helps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "page.html"
    target.write_text("old")

    def full(*_names: str) -> None:
        raise OSError(errno.ENOSPC, "no matter")

    monkeypatch.setattr(os, "rename", full)
    with pytest.raises(OSError, match="No space left") as caught:
        write_whole(str(target), "new")
    assert (target.read_text(), os.listdir(tmp_path)) == ("old", ["page.html"])
    assert why_not("/x", caught.value).splitlines() == [
        "can't write /x: no space left on device (ENOSPC)",
        "  cure:  a file system is full: df, df -i",
    ]
    monkeypatch.setattr(os, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_whole(str(target), "new")
    assert os.listdir(tmp_path) == ["page.html"]


def interrupted(*_names: str) -> None:
    raise KeyboardInterrupt


def test_the_picture_in_docs_is_what_the_command_makes(tmp_path: Path) -> None:
    """To make it anew: minirun spec -b hello; minirun explain --format svg --output docs/plan.svg hello"""
    (tmp_path / "hello/rootfs").mkdir(parents=True)
    (tmp_path / "hello/config.json").write_text(json.dumps(default(rootless=False, uid=0, gid=0)))
    made = minirun("--format", "svg", str(tmp_path / "hello"))
    assert made.stdout == (REPOSITORY / "docs/plan.svg").read_text()
