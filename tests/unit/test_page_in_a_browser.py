"""The page of `explain --format html` in a real browser: Chromium without a window, by its DevTools protocol."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from test_pictures import HOSTILE, told

from minirun.teach.page import page

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed")

# The protocol goes through descriptors 3 and 4 (--remote-debugging-pipe); each message ends with a zero byte.
START = 'exec "$@" 3<&"$READ" 4>&"$WRITE"'
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", "--window-size=1280,720")
# What would tell of an error, or of something that is loaded.
TROUBLE = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded", "Network.requestWillBeSent")


class Browser:
    """One page in it."""

    def __init__(self, profile: Path) -> None:
        reading, self.write_end = os.pipe()
        self.read_end, writing = os.pipe()
        self.process = subprocess.Popen(
            ["bash", "-c", START, "bash", str(CHROMIUM), *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(reading, writing),
            env=os.environ | {"READ": str(reading), "WRITE": str(writing), "HOME": str(profile)},
            stderr=subprocess.DEVNULL,
        )
        os.close(reading)
        os.close(writing)
        self.messages = open(self.read_end, "rb")
        self.events: list[dict[str, Any]] = []
        self.number = 0
        self.session: dict[str, str] = {}
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = {"sessionId": self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]}
        for domain in ("Runtime", "Log", "Network", "Page"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> Any:
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters, **self.session}
        os.write(self.write_end, json.dumps(message).encode() + b"\0")
        while (answer := self.next()).get("id") != self.number:
            self.events.append(answer)
        assert "error" not in answer, answer
        return answer["result"]

    def next(self) -> dict[str, Any]:
        letters = iter(lambda: self.messages.read(1), b"\0")
        text = b"".join(iter(lambda: next(letters, b""), b""))
        assert text, "the browser has ended"
        message: dict[str, Any] = json.loads(text)
        return message

    def open(self, file: Path) -> None:
        self.call("Page.navigate", url=f"file://{file}")
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self.events.append(self.next())

    def value(self, expression: str) -> Any:
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def press(self, key: str) -> None:
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key)

    def click(self, selector: str) -> None:
        element = f"document.querySelector('{selector}')"
        self.value(f"{element}.scrollIntoView({{block: 'center'}})")
        x, y = self.value(f"(r => [r.x + r.width / 2, r.y + r.height / 2])({element}.getBoundingClientRect())")
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def follow(self, selector: str) -> None:
        """Clicks a link that changes the page's address, of which the page hears a little later."""
        self.value("followed = new Promise(resolve => addEventListener('hashchange', resolve, {once: true}))")
        self.click(selector)
        self.call("Runtime.evaluate", expression="followed.then(() => true)", awaitPromise=True)

    def end(self) -> None:
        os.close(self.write_end)  # it ends with the pipe
        self.process.wait(timeout=30)
        self.messages.close()


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    one = Browser(tmp_path / "profile")
    try:
        yield one
    finally:
        one.end()


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
