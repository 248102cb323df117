"""The page of `explain --format html` in a real browser."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from browser import CHROMIUM, TROUBLE, Browser
from test_explain import config, options
from test_pictures import HOSTILE, explained_whole, told

from minirun.plan.container import plan
from minirun.spec.load import parse
from minirun.teach.explanation import stages_of, tell
from minirun.teach.page import page

if TYPE_CHECKING:
    from pathlib import Path

    from minirun.teach.explanation import Explanation

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed")


def test_steps_are_chosen_by_mouse_and_keyboard_and_nothing_is_loaded(browser: Browser, tmp_path: Path) -> None:
    explained, file = told(HOSTILE), tmp_path / "page.html"
    file.write_text(page(explained))
    browser.open(file)
    assert browser.value("document.title") == "The container id, step by step"
    shown = "document.querySelector('#detail .title').innerText"
    sentences = [browser.value(f"document.querySelector('#step-{n} .sentence').textContent") for n in (1, 2, 3, 4)]
    assert sentences[2] == explained.steps[2].sentence
    assert browser.value(shown) == sentences[0], "the first one is chosen"
    browser.click("#step-3 button")
    assert browser.value(shown) == sentences[2]
    assert explained.steps[2].manual in browser.value("document.getElementById('detail').innerText")
    for key, place in (("ArrowDown", 3), ("ArrowUp", 2), ("Home", 0), ("ArrowDown", 1)):
        browser.press(key)
        assert browser.value(shown) == sentences[place], key
    browser.press("End")
    last = f"step-{len(explained.steps)}"
    assert browser.value("document.activeElement.parentElement.id") == last
    assert browser.value("document.querySelector('.step [aria-current]').parentElement.id") == last
    browser.follow("#mounts a")
    assert browser.value("location.hash") == "#" + browser.value("document.activeElement.parentElement.id")
    mount = browser.value("location.hash")
    browser.press("ArrowDown")
    browser.click("#mounts a")  # the page's address stays as it is
    assert mount == "#" + browser.value("document.activeElement.parentElement.id")
    browser.follow("#overview li a")
    assert browser.value(shown) == sentences[0]
    assert browser.value("getComputedStyle(document.querySelector('.step .more')).display") == "none"
    browser.call("Emulation.setEmulatedMedia", media="print")
    assert browser.value("getComputedStyle(document.querySelector('.step .more')).display") == "block"
    assert browser.value("getComputedStyle(document.getElementById('detail')).display") == "none"
    trouble = [event for event in browser.events if event["method"] in TROUBLE]
    assert [event["params"]["request"]["url"] for event in trouble] == [f"file://{file}"], "the page itself, only"


def test_the_film_shows_what_there_is_after_each_step(browser: Browser, tmp_path: Path) -> None:
    """By keys, buttons, the slider and the address; and what the step has changed is marked, and nothing else."""
    explained, file = told("film"), tmp_path / "page.html"
    file.write_text(page(explained))
    browser.open(file)
    enters = next(one.number for one in explained.steps if one.sentence.startswith("enter new namespaces"))
    place = "document.querySelector('.film .caption b').textContent"
    assert browser.value(place) == f"1 of {len(explained.steps)}"
    browser.value(f"document.querySelector('.film input').value = {enters}")
    browser.value("document.querySelector('.film input').dispatchEvent(new Event('input', {bubbles: true}))")
    assert browser.value(place) == f"{enters} of {len(explained.steps)}"
    assert browser.value("location.hash") == f"#step-{enters}"
    boxes = "[...document.querySelectorAll('.film .boxes .changed b')].map((box) => box.textContent).sort().join()"
    changed = sorted(change.name for change in explained.steps[enters - 1].changes if change.panel == "namespaces")
    assert browser.value(boxes) == ",".join(changed) != ""
    browser.press("ArrowRight")
    assert browser.value(boxes) == ""
    assert browser.value(place) == f"{enters + 1} of {len(explained.steps)}"
    browser.press("ArrowLeft")
    assert browser.value(boxes) == ",".join(changed)
    browser.click(".film [data-do=last]")
    assert browser.value(place) == f"{len(explained.steps)} of {len(explained.steps)}"
    assert "out of sight" in browser.value("document.querySelector('.film .mounts').innerText")
    lit = browser.value("document.querySelectorAll('.film .lamps .lit').length")
    browser.click(".film [data-do=first]")
    scene = sum(band[0].number <= enters for band in explained.sections())
    browser.click(f".film .scenes li:nth-child({scene}) a")
    assert browser.value("document.querySelectorAll('.film .lamps .lit').length") == 41 > lit


def test_the_film_plays_and_pauses(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(page(told("film")))
    browser.open(file)
    browser.value("document.querySelector('.film select').value = '3'")
    place = "Number(document.querySelector('.film .caption b').textContent.split(' ')[0])"
    browser.click(".film [data-do=play]")
    deadline = time.monotonic() + 20
    while browser.value(place) < 3:
        assert time.monotonic() < deadline
    browser.click(".film [data-do=play]")
    stopped = browser.value(place)
    time.sleep(1)
    assert browser.value(place) == stopped


def test_without_scripts_and_on_paper_there_is_a_frame_for_each_chapter(browser: Browser, tmp_path: Path) -> None:
    explained, file = told("film"), tmp_path / "page.html"
    file.write_text(page(explained))
    browser.open(file)
    shown = "getComputedStyle(document.querySelector('{}')).display"
    assert browser.value(shown.format(".paper")) == "none"
    browser.call("Emulation.setEmulatedMedia", media="print")
    assert browser.value(shown.format(".paper")) == "block"
    assert browser.value(shown.format(".film")) == "none"
    assert browser.value("document.querySelectorAll('.paper .frame').length") == len(explained.sections())


@pytest.mark.parametrize(("width", "smallest"), [(1920, 20), (1280, 18), (390, 16)])
def test_the_page_fits_a_wall_and_a_telephone(browser: Browser, tmp_path: Path, width: int, smallest: int) -> None:
    explained, file = told("word" * 50), tmp_path / "page.html"
    file.write_text(page(explained.replace(durations={1: 10**9})))
    browser.call("Emulation.setDeviceMetricsOverride", width=width, height=720, deviceScaleFactor=1, mobile=width < 500)
    browser.open(file)
    assert browser.value("innerWidth") == width, "a telephone shows all of a page that is too wide, and that small"
    assert browser.value("document.documentElement.scrollWidth") <= width
    for text in (".sentence", "#detail p", "#detail pre"):
        assert browser.value(f"parseFloat(getComputedStyle(document.querySelector('{text}')).fontSize)") >= smallest


def test_on_a_telephone_the_pane_is_a_line_until_somebody_asks_for_more(browser: Browser, tmp_path: Path) -> None:
    """It lies on the page there."""
    file = tmp_path / "page.html"
    file.write_text(page(told("word")))
    browser.call("Emulation.setDeviceMetricsOverride", width=390, height=720, deviceScaleFactor=1, mobile=True)
    browser.open(file)
    height = "document.getElementById('detail').offsetHeight"
    folded = browser.value(height)
    assert folded < 720 / 8
    browser.click("#step-3 button")
    assert browser.value(height) > 720 / 3, "who chooses a step wants to read of it"
    calls = "getComputedStyle(document.querySelector('#detail pre')).display"
    assert browser.value(calls) == "block"
    browser.click("#detail > button")
    assert browser.value(height) == pytest.approx(folded, abs=4)
    browser.value("choose(3)")
    assert "4 · " in browser.value("document.querySelector('#detail .which').innerText")
    assert browser.value(height) < 720 / 8
    browser.click("#detail > button")
    assert browser.value(calls) == "block"
    browser.call("Emulation.setDeviceMetricsOverride", width=1280, height=720, deviceScaleFactor=1, mobile=False)
    browser.click("#detail > button")  # no effect: it is not there
    assert browser.value("getComputedStyle(document.querySelector('#detail > button')).display") == "none"


# The lowest edge of any panel at any step, and what is cut in one.
LOWEST = (
    "Math.max(...steps.map((_, n) => (goOnStage(n), document.querySelector('.film').getBoundingClientRect().bottom)))"
)
CUT = """steps.flatMap((_, n) => (goOnStage(n), [...document.querySelectorAll('.film .panel')].filter((panel) =>
  panel.scrollHeight > panel.clientHeight || panel.scrollWidth > panel.clientWidth).map(() => n + 1))).join()"""
WIDEST = "Math.max(...steps.map((_, n) => (goOnStage(n), document.documentElement.scrollWidth)))"


@pytest.mark.parametrize("which", ["default", "rich"])
@pytest.mark.parametrize(("width", "height"), [(1280, 720), (1366, 768), (1440, 900)])
def test_the_whole_stage_is_on_one_screen_at_every_step(
    browser: Browser, tmp_path: Path, which: str, width: int, height: int
) -> None:
    open_at(browser, tmp_path, told("engine") if which == "rich" else whole_film(), width, height)
    assert browser.value(LOWEST) <= height
    assert browser.value(CUT) == ""
    assert browser.value("parseFloat(getComputedStyle(document.querySelector('.stage')).fontSize)") >= 12


@pytest.mark.parametrize("which", ["default", "rich"])
def test_nothing_scrolls_sideways_on_a_telephone(browser: Browser, tmp_path: Path, which: str) -> None:
    open_at(browser, tmp_path, told("engine") if which == "rich" else whole_film(), 390, 844)
    assert browser.value(WIDEST) <= 390
    assert browser.value(CUT) == ""


@pytest.mark.parametrize("width", [1280, 390])
def test_an_option_of_a_command_is_not_cut_at_its_hyphens(browser: Browser, tmp_path: Path, width: int) -> None:
    explained = whole_film()
    open_at(browser, tmp_path, explained, width, 720)
    browser.value("unfold(true)")
    step = next(one for one in explained.steps if "--rbind" in one.shell)
    browser.value(f"goOnStage({step.number - 1})")
    assert browser.value("[...document.querySelectorAll('#detail .option')].map((one) => one.textContent)").count(
        "--rbind"
    )
    lines = (
        "Math.max(...steps.flatMap((_, n) => (goOnStage(n), [...document.querySelectorAll('#detail .option')].map({})))"
    )
    assert browser.value(lines.format("(one) => one.getClientRects().length") + ")") == 1
    copied = "[...document.querySelectorAll('#detail pre')].map((one) => one.textContent)"
    browser.value(f"goOnStage({step.number - 1})")
    assert step.shell in browser.value(copied)


def whole_film() -> Explanation:
    """Of the default config.json."""
    steps = plan(parse(config()), options())
    stages = stages_of(steps)
    every = tuple(tell(number, step, stages) for number, step in enumerate(steps, start=1))
    return explained_whole().replace(steps=every, stages=stages)


def open_at(browser: Browser, place: Path, explained: Explanation, width: int, height: int) -> None:
    file = place / "page.html"
    file.write_text(page(explained))
    browser.call(
        "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500
    )
    browser.open(file)
