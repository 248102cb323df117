"""The page of `explain --format html` in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from browser import CHROMIUM, TROUBLE, Browser
from test_pictures import HOSTILE, told

from minirun.teach.page import page

if TYPE_CHECKING:
    from pathlib import Path

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
    assert browser.value("document.querySelector('[aria-current]').parentElement.id") == last
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
