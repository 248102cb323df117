"""The labs' book in a real browser: on a wall, on a telephone, in the dark, and on paper."""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from browser import CHROMIUM, TROUBLE, Browser

from minirun.labs.book import book

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed")

PAGE = (Path(__file__).parent / "lab_page.md").read_text()
LABS = [(f"{number:02}", f"A title of some words, number {number}", PAGE) for number in range(20)]
SCREENS = [(1920, 1080), (1280, 720), (1000, 700), (390, 844)]

# What is read, each with the least contrast that its letters may have (WCAG 2.2, 1.4.3: level AA).
CONTRASTS = """
(() => {
  const light = (part) => (part /= 255) <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  const luminance = ([r, g, b]) => 0.2126 * light(r) + 0.7152 * light(g) + 0.0722 * light(b);
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const behind = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const colour = numbers(getComputedStyle(one).backgroundColor);
      if (colour.length < 4 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = {};
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !element.checkVisibility() || element.tagName === "SCRIPT") continue;
    const both = [numbers(getComputedStyle(element).color), behind(element)].map(luminance).sort((a, b) => b - a);
    const name = element.tagName + "." + element.className + " in " + element.parentElement.className;
    found[name] = Math.min(found[name] ?? 99, (both[0] + 0.05) / (both[1] + 0.05));
  }
  return found;
})()
"""

TOO_WIDE = """
[...document.querySelectorAll("body *")].filter((element) =>
  element.getBoundingClientRect().right > innerWidth + 1 && !element.closest("pre, .table")).map((one) => one.outerHTML)
"""


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Browser:
    file = tmp_path / "labs.html"
    file.write_text(book(LABS))
    browser.call("Emulation.setDeviceMetricsOverride", width=1280, height=720, deviceScaleFactor=1, mobile=False)
    browser.open(file)
    return browser


def size_of(browser: Browser, selector: str) -> float:
    return float(browser.value(f"parseFloat(getComputedStyle(document.querySelector('{selector}')).fontSize)"))


def wait_for_a_frame(browser: Browser) -> None:
    """A page hears of scrolling with the next frame."""
    expression = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))"
    browser.call("Runtime.evaluate", expression=expression, awaitPromise=True)


@pytest.mark.parametrize(("width", "height"), SCREENS)
def test_the_book_fits(opened: Browser, width: int, height: int) -> None:
    mobile = width < 500
    opened.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile)
    wait_for_a_frame(opened)
    assert opened.value("innerWidth") == width, "a telephone shows all of a page that is too wide, and that small"
    assert opened.value("document.documentElement.scrollWidth") <= width
    assert opened.value(TOO_WIDE) == []
    for text in (".lab p", ".lab li", "td"):
        assert size_of(opened, text) >= 18, text
    assert size_of(opened, "pre kbd") >= (18 if width > 1000 else 16)
    assert opened.value("document.getElementById('contents').checkVisibility()") is (width > 1000)
    longest = "[...document.querySelectorAll('pre')].every((box) => box.scrollWidth === box.clientWidth)"
    if width >= 1280:
        assert opened.value(longest), "76 columns of code fit"
    if mobile:
        assert not opened.value(longest), "code is moved inside of its box"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_whatever_is_read_has_contrast(opened: Browser, scheme: str) -> None:
    opened.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    opened.value("document.getElementById('lab-04').scrollIntoView()")
    wait_for_a_frame(opened)
    background = opened.value("getComputedStyle(document.body).backgroundColor")
    assert background == {"light": "rgb(255, 255, 255)", "dark": "rgb(22, 24, 27)"}[scheme]
    found = opened.value(CONTRASTS)
    assert len(found) > 20
    assert {name: ratio for name, ratio in found.items() if ratio < 4.5} == {}


def test_one_finds_ones_way_and_nothing_is_loaded(opened: Browser) -> None:
    here = "document.querySelector('[aria-current]')?.hash"
    assert opened.value(here) is None, "on the first page one is in no lab yet"
    opened.follow('#contents a[href="#lab-04"]')
    wait_for_a_frame(opened)
    assert opened.value(here) == "#lab-04"
    assert opened.value("Math.abs(document.getElementById('lab-04').getBoundingClientRect().top)") < 20
    opened.follow('#contents a[href="#lab-04-questions"]')
    wait_for_a_frame(opened)
    assert opened.value(here) == "#lab-04"
    assert opened.value("document.querySelectorAll('#contents ul a').length") == 20 * 6
    shown = "[...document.querySelectorAll('#contents ul a')].filter((one) => one.checkVisibility()).length"
    assert opened.value(shown) == 6, "the sections of this lab"
    trouble = [event for event in opened.events if event["method"] in TROUBLE]
    assert [event["params"]["request"]["url"].rpartition("/")[2] for event in trouble] == ["labs.html"]


def test_a_command_is_copied_without_its_prompt(opened: Browser) -> None:
    opened.call("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
    opened.value("chosen = [...document.querySelectorAll('.typed')].find((one) => one.innerText.includes('> /bin/sh'))")
    opened.value("chosen.id = 'chosen'")
    opened.click("#chosen button")
    assert opened.value("document.querySelector('#chosen button').getBoundingClientRect().right") <= 1280
    told = """new Promise((done) => {
      const look = () => chosen.innerText.endsWith("copied") ? done(1) : setTimeout(look, 10);
      look();
    })"""
    opened.call("Runtime.evaluate", expression=told, awaitPromise=True)
    expression = "navigator.clipboard.readText()"
    copied = opened.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
    assert copied["result"]["value"] == "unshare --mount \\\nchroot root \\\n/bin/sh"
    opened.value("getSelection().selectAllChildren(chosen.parentElement)")
    assert "1#" not in opened.value("getSelection().toString()"), "nor by hand"


def test_paper(opened: Browser, tmp_path: Path) -> None:
    """Each lab begins a page; links say where they lead; what is for screens only is gone."""
    if not shutil.which("pdftotext"):
        pytest.skip("pdftotext is not installed")
    printed, file = opened.call("Page.printToPDF", paperWidth=8.27, paperHeight=11.69), tmp_path / "labs.pdf"
    file.write_bytes(base64.b64decode(printed["data"]))
    text = subprocess.run(["pdftotext", "-layout", file, "-"], capture_output=True, text=True, check=True).stdout
    pages = [page.lstrip() for page in text.split("\f")]
    assert pages[0].startswith("minirun: the labs") and "A title of some words, number 19" in pages[0]
    assert sum(page.startswith("04. chroot is no jail") for page in pages) == len(LABS)
    assert text.count("04. chroot is no jail") == len(LABS), "and nowhere else"
    assert "Next:" not in text and "All labs" not in text and "copy" not in text
    joined = re.sub(r"\s", "", text)
    assert joined.count("chroot(2)<https://man7.org/linux/man-pages/man2/chroot.2.html>") == len(LABS)
    assert "a line that is exactly as long as allowed\n" in text, "76 columns are one line"
