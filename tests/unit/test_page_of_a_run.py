"""The page and the picture of a run that has been: its times on a scale, what came of it, and what was seen."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING

import pytest
from browser import CHROMIUM
from test_page_in_a_browser import CUT, LOWEST, WIDEST, open_at, whole_film
from test_pictures import HOSTILE, told

from minirun.errors import StateError
from minirun.steps.world import HOST
from minirun.teach.as_seen import ANOTHER, NOT_SEEN, compared
from minirun.teach.page import page
from minirun.teach.page_run import came_of, pace
from minirun.teach.real_run import RealRun, real_run
from minirun.teach.scale import share, tick_label, ticks
from minirun.teach.svg import svg

if TYPE_CHECKING:
    from pathlib import Path

    from browser import Browser

    from minirun.teach.explanation import Explanation

MS = 10**6
in_a_browser = pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed")


def with_run(explained: Explanation, **more: object) -> Explanation:
    """Step N has taken N milliseconds, and begun when the one before was done."""
    durations = {one.number: one.number * MS for one in explained.steps}
    begun = {number: sum(range(number)) * MS for number in durations}
    run = RealRun(begun=begun, durations=durations).replace(**more)
    return explained.replace(durations=run.durations, run=run)


# ---- the scale


@pytest.mark.parametrize(
    ("longest", "labels"),
    [
        (57 * MS, ["0", "10 ms", "20 ms", "30 ms", "40 ms", "50 ms"]),
        (5_600_000, ["0", "1 ms", "2 ms", "3 ms", "4 ms", "5 ms"]),
        (900_000, ["0", "200 µs", "400 µs", "600 µs", "800 µs"]),
        (3 * 10**9, ["0", "0.5 s", "1 s", "1.5 s", "2 s", "2.5 s", "3 s"]),
        (0, ["0"]),
    ],
)
def test_ticks_are_at_round_numbers(longest: int, labels: list[str]) -> None:
    assert [tick_label(tick, longest) for tick in ticks(longest)] == labels


def test_shares() -> None:
    assert [share(*pair) for pair in ((1, 3), (1, 10**6), (0, 5), (0, 0))] == ["33.3 %", "< 0.1 %", "0.0 %", "–"]


def test_every_step_is_on_the_scale_where_it_was() -> None:
    explained = with_run(whole_film())
    said = page(explained).partition('<section id="times">')[2].partition("</section>")[0]
    places = re.findall(r"--from:([\d.]+)%;--share:([\d.]+)%", said)
    assert len(places) == len(explained.steps)
    ends = [float(begin) + float(width) for begin, width in places]
    assert ends[-1] == pytest.approx(100, abs=0.01)
    assert all(float(after[0]) == pytest.approx(end, abs=0.01) for after, end in zip(places[1:], ends))


def test_the_picture_has_a_bar_for_each_chapter_and_a_scale() -> None:
    plain, timed = svg(whole_film()), svg(with_run(whole_film()))
    assert 'class="bar' not in plain and 'class="tick"' not in plain
    assert timed.count('class="bar') == len(whole_film().sections())
    assert ">0</text>" in timed and " in all</title>" in timed
    longest = max(float(width) for width in re.findall(r'class="bar [^>]*width="([\d.]+)"', timed))
    assert longest == 424, "the longest is as wide as the scale"


def test_the_film_slows_all_steps_alike() -> None:
    slowed, waits = pace(with_run(whole_film()))
    steps = len(waits)
    assert 30_000 <= sum(waits) <= 90_000, "milliseconds"
    assert waits[-1] == steps * slowed
    assert waits[-1] / waits[steps // 2 - 1] == pytest.approx(steps / (steps // 2))


# ---- what came of it

BOXES = """[...document.querySelectorAll('#times .axis > span')].filter((one) => one.offsetWidth)
  .map((one) => one.getBoundingClientRect())"""
LABELS = f"{BOXES}.length"
CROSSING = f"{BOXES}.some((one, n, all) => n > 0 && one.left < all[n - 1].right)"


def test_what_the_plan_could_not_know_is_told() -> None:
    explained = with_run(whole_film(), results={5: "not made: /proc/kcore is not there"})
    assert came_of(explained.steps[4], explained).endswith("% → not made: /proc/kcore is not there")
    assert came_of(whole_film().steps[4], whole_film()) == ""


@in_a_browser
def test_the_film_ends_where_the_run_did(browser: Browser, tmp_path: Path) -> None:
    """With the container as it was before that step, which has not been done."""
    whole = whole_film()
    failing = next(one.number for one in whole.steps if one.sentence.startswith("mount proc"))
    known = dict.fromkeys(range(1, failing + 1), MS)
    run = RealRun(durations=known, failed=failing, why="no such device (ENODEV)")
    open_at(browser, tmp_path, whole.replace(durations=known, run=run), 1280, 720)
    files = "document.querySelector('.film .mounts').innerText"
    browser.value(f"goOnStage({failing - 2})")
    before = browser.value(files)
    browser.value(f"goOnStage({failing - 1})")
    assert browser.value(files) == before and "/proc" not in before
    assert "The run ended here: no such device" in browser.value("document.querySelector('.caption').innerText")
    assert browser.value("document.querySelectorAll('.film .changed').length") == 0
    assert browser.value("document.querySelectorAll('.step.unreached').length") == len(whole.steps) - failing
    browser.value(f"goOnStage({failing - 3}); document.querySelector('.film select').value = 'run'")
    browser.click(".film [data-do=play]")
    deadline = time.monotonic() + 30
    while browser.value("playing") and time.monotonic() < deadline:
        pass
    assert browser.value("chosen") == failing - 1


@in_a_browser
def test_the_page_of_a_run_fits_as_well(browser: Browser, tmp_path: Path) -> None:
    explained = with_run(told("engine"), seen_after=60, seen={"identity": {"user": "7"}})
    open_at(browser, tmp_path, explained, 1280, 720)
    assert browser.value(LOWEST) <= 720
    assert browser.value(CUT) == ""
    browser.call("Emulation.setDeviceMetricsOverride", width=390, height=844, deviceScaleFactor=1, mobile=True)
    assert browser.value(WIDEST) <= 390
    assert browser.value(LABELS) > 1
    assert browser.value(CROSSING) is False, "labels of the scale do not lie on each other"


# ---- what was seen


def test_what_was_seen_stands_beside_what_was_predicted() -> None:
    predicted = {
        "namespaces": {"uts": "its own", "net": "/ns/x", "user": HOST},
        "mounts": {"/": "bound from /r", "/data": "tmpfs", "/proc/x": "hidden, if it is there", "/data (2)": "tmpfs"},
        "identity": {"user": "0", "further groups": "5 3", "label": "x"},
        "cgroup": {"cgroup": "/minirun/x", "memory.max": "5000"},
    }
    seen = {
        "namespaces": {"uts": ANOTHER, "net": ANOTHER, "user": ANOTHER},
        "mounts": {"/": "mounted: ext4"},
        "identity": {"user": "0", "further groups": "3 5"},
        "cgroup": {"cgroup": "/above/minirun/x", "memory.max": "4096"},
    }
    found = {one.name: (one.seen, one.agrees) for one in compared(predicted, seen)}
    assert found == {
        "uts": (ANOTHER, True),
        "net": (ANOTHER, True),
        "user": ("0", True),
        "/": ("mounted: ext4", True),
        "/data": (NOT_SEEN, False),
        "/proc/x": (NOT_SEEN, True),
        "further groups": ("3 5", True),
        "cgroup": ("/above/minirun/x", True),
        "memory.max": ("4096", True),
    }
    assert [one.agrees for one in compared(predicted, seen) if one.panel == "namespaces"] == [True, True, False]


@in_a_browser
def test_panels_say_whether_they_were_seen_so(browser: Browser, tmp_path: Path) -> None:
    whole = whole_film()
    last = len(whole.steps) - 2
    seen = {"namespaces": {"uts": ANOTHER, "user": HOST}, "identity": {"user": "0", "no_new_privs": "not set"}}
    open_at(browser, tmp_path, with_run(whole, seen_after=last, seen=seen), 1280, 720)
    badge = "document.querySelector('.film .{} .badge').textContent"
    browser.value(f"goOnStage({last - 1})")
    assert browser.value(badge.format("namespaces")) == "✓ seen so"
    assert browser.value(badge.format("identity")) == "✗ seen otherwise: no_new_privs"
    assert browser.value(badge.format("process")) == "", "nobody has looked"
    browser.value(f"goOnStage({last})")
    assert browser.value(badge.format("namespaces")) == ""
    assert browser.value("document.querySelectorAll('#seen .otherwise').length") == 1


@pytest.mark.parametrize(
    "args",
    [
        {},
        {"number": 1},
        {"number": 10**400, "panels": {}},
        {"number": 1, "panels": []},
        {"number": 1, "panels": {"a": {"b": 5}}},
        {"number": 1, "panels": {"a": "b"}},
    ],
)
def test_an_impossible_picture_is_an_error(tmp_path: Path, args: dict[str, object]) -> None:
    path = tmp_path / "times.json"
    path.write_text(json.dumps({"traceEvents": [{"ph": "i", "cat": "seen", "args": args}]}))
    with pytest.raises(StateError, match="not the timeline of a run of this plan"):
        real_run(str(path), whole_film().steps)


def test_words_of_a_timeline_are_words(tmp_path: Path) -> None:
    whole = whole_film()
    first = whole.steps[0]
    args = {"number": 1, "process": first.process, "manual": first.manual, "pointer": first.pointer}
    args |= {"result": HOSTILE, "failed": HOSTILE}
    path = tmp_path / "times.json"
    seen = {"cat": "seen", "args": {"number": 1, "panels": {"books": {"lock": HOSTILE}}}}
    path.write_text(json.dumps({"traceEvents": [{"ph": "X", "dur": 1, "ts": 0, "args": args}, seen]}))
    run = real_run(str(path), whole.steps)
    said = page(whole.replace(durations=run.durations, run=run))
    assert said.count("<script>") == 1 and "alert(1)</" not in said and "<img" not in said
