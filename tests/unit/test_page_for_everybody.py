"""The page of `explain --format html` by keyboard alone, for who hears it, and for who wants nothing to move."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from browser import CHROMIUM
from test_page_in_a_browser import open_at, whole_film
from test_page_of_a_run import with_run

if TYPE_CHECKING:
    from pathlib import Path

    from browser import Browser

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed")

TAB, SPACE, ENTER = ("Tab", 9, ""), (" ", 32, " "), ("Enter", 13, "\r")
MOVING = "[...document.querySelectorAll('*')].filter((one) => getComputedStyle(one).animationName !== 'none').length"
HEARD = "document.querySelector('.film [role=status]').textContent"


def press(browser: Browser, key: tuple[str, int, str]) -> None:
    """As a keyboard does, which knows of numbers."""
    name, number, text = key
    for kind in ("keyDown", "keyUp"):
        more = {"text": text} if text and kind == "keyDown" else {}
        browser.call("Input.dispatchKeyEvent", type=kind, key=name, windowsVirtualKeyCode=number, **more)


def test_tab_comes_to_everything_and_on_again(browser: Browser, tmp_path: Path) -> None:
    """From the head to the scenes, what plays the film, one step for all, and the pane; and what has it, shows it."""
    open_at(browser, tmp_path, whole_film(), 1280, 720)
    places: list[str] = []
    place = """(one => one.closest('nav, .scenes, .controls, .overview, .step, #detail, .world, .map, body').className
      || one.closest('nav, .step, #detail, body').tagName)(document.activeElement)"""
    for _ in range(250):
        press(browser, TAB)
        places.append(browser.value(place).split()[0])
        width = browser.value("parseFloat(getComputedStyle(document.activeElement).outlineWidth)")
        assert width >= 3 or places[-1] == "BODY", places[-1]
        if places[-1] in ("ASIDE", "BODY"):
            break
    order = list(dict.fromkeys(places))
    assert order[:3] == ["NAV", "scenes", "controls"]
    assert places.count("step") == 1, "one stop for all steps"
    assert places.count("controls") == 7
    assert order[-1] == "ASIDE"


def test_the_film_by_keyboard_alone(browser: Browser, tmp_path: Path) -> None:
    open_at(browser, tmp_path, whole_film(), 1280, 720)
    browser.value("document.querySelector('[data-do=on]').focus()")
    press(browser, SPACE)
    press(browser, ENTER)
    assert browser.value("chosen") == 2, "on a button these are the button's"
    browser.press("ArrowLeft")
    assert browser.value("chosen") == 1
    browser.value("document.activeElement.blur()")
    press(browser, SPACE)
    assert browser.value("playing") > 0
    press(browser, SPACE)
    assert browser.value("playing") == 0
    assert browser.value("scrollY") == 0, "and the page stays where it is"


def test_a_change_is_heard_in_a_sentence(browser: Browser, tmp_path: Path) -> None:
    whole = whole_film()
    named = next(one for one in whole.steps if one.sentence.startswith("set the host name"))
    open_at(browser, tmp_path, with_run(whole, results={named.number: "as it was"}), 1280, 720)
    browser.value(f"goOnStage({named.number - 1})")
    heard = browser.value(HEARD)
    assert heard.startswith(f"step {named.number} of {len(whole.steps)}. set the host name to")
    assert browser.value("document.querySelectorAll('.scenes [aria-current=true]').length") == 1
    assert "inside: host name the host's → " in heard and heard.endswith("→ as it was")
    assert len(heard) < 250
    assert browser.value("document.querySelectorAll('[aria-live], [role=status]').length") == 1, "nothing else speaks"
    assert browser.value("document.querySelector('.film input').getAttribute('aria-valuetext')").startswith("step ")


def test_everything_that_one_can_use_has_a_name(browser: Browser, tmp_path: Path) -> None:
    open_at(browser, tmp_path, with_run(whole_film()), 1280, 720)
    browser.call("Accessibility.enable")
    nodes: list[dict[str, Any]] = browser.call("Accessibility.getFullAXTree")["nodes"]
    used = [node for node in nodes if node.get("role", {}).get("value") in ("button", "link", "slider", "combobox")]
    assert len(used) > 100
    assert [node["role"]["value"] for node in used if not node.get("name", {}).get("value", "").strip()] == []
    groups = [node["name"]["value"] for node in nodes if node.get("role", {}).get("value") == "group"]
    assert {"Namespaces", "Files", "Capabilities", "Limits"} <= set(groups)


@pytest.mark.parametrize(("wish", "moves"), [("no-preference", True), ("reduce", False)])
def test_nothing_moves_where_that_is_wished(browser: Browser, tmp_path: Path, wish: str, moves: bool) -> None:
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-reduced-motion", "value": wish}])
    open_at(browser, tmp_path, whole_film(), 1280, 720)
    browser.value("goOnStage(steps.length - 2)")
    assert browser.value("document.querySelectorAll('.film .changed').length") > 0
    assert (browser.value(MOVING) > 0) is moves
