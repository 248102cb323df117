"""An explanation as one HTML page that needs nothing else: a timeline of the two processes, and maps of what they make.

The page's frame, its style and its few lines of script are files of their own (assets/). Whatever comes from
config.json goes through `html`; the page also forbids the browser to load anything, and every script but its own, by
its hash.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from string import Template

from .chapters import CHAPTERS
from .explanation import UNKNOWN
from .flags import flags_in, without_flags
from .mount_tree import drawn
from .outcome import HOLDS, HOST, JOINED, NEW
from .page_film import film
from .page_panels import html, numbers
from .page_parts import within
from .page_run import axis, came_of, seen, times
from .panels import changes_told
from .text import WHO, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .explanation import Explanation, Told

ASSETS = os.path.join(os.path.dirname(__file__), "assets")


def page(explanation: Explanation) -> str:
    made = {name: "\n".join(make(explanation)) for name, make in PARTS.items()}
    parts = {name: part for name, part in made.items() if part}
    script = asset("page.js")
    return Template(asset("page.html")).substitute(
        title=f"The container {html(explanation.id)}, step by step",
        summary=f"From {html(explanation.bundle)}. Arrow keys choose a step, the space bar plays.",
        links="".join(f'<a href="#{name}">{TITLES[name]}</a>' for name in parts if name not in ON_TOP),
        parts="\n".join(sections(explanation, parts)),
        style=asset("colours.css") + asset("page.css"),
        script=script,
        script_hash=hash_of(script),
    )


def asset(name: str) -> str:
    with open(os.path.join(ASSETS, name), encoding="utf-8") as file:
        return file.read()


def hash_of(script: str) -> str:
    """By which a Content Security Policy knows the one script that may run."""
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"


FLAGS, LISTS = r"(?<=\|)", r"(?<=[:,])"
JOINTS = rf"{FLAGS}|(?<=\w{{4}}_)|(?<=.)(?=/)"  # and of names and paths


def breakable(text: str, joints: str = JOINTS) -> str:
    """Flags and paths are long words, and lanes are narrow: where lines may end in there."""
    return re.sub(r"\S{17,}", lambda word: re.sub(joints, "<wbr>", word[0]), html(text))


def whole_options(command: str) -> str:
    """A browser would end lines behind the hyphens of --options. Nothing is added that would be copied."""
    told = breakable(command, LISTS)
    return re.sub(r"(?<!\S)--?[A-Za-z][\w-]*", lambda option: f'<span class="option">{option[0]}</span>', told)


def sections(explanation: Explanation, parts: dict[str, str]) -> Iterator[str]:
    """The film has the first screen for itself."""
    for name, part in parts.items():
        if name != "film":
            yield from notes(explanation) if name == "overview" else ()
        yield section(name, part)


def section(name: str, content: str) -> str:
    return f'<section id="{name}"><h2>{TITLES[name]}</h2>\n{content}\n</section>'


def notes(explanation: Explanation) -> Iterator[str]:
    yield from (f'<p class="note"><strong>Note:</strong> {html(note)}</p>' for note in explanation.notes)


def lanes(scale: str = "") -> str:
    heads = (f'<div class="{process}">{html(who)}{scale}</div>' for process, who in WHO.items())
    return f'<div class="lanes">{"".join(heads)}</div>'


# ---- the whole, on one screen


def overview(explanation: Explanation) -> Iterator[str]:
    """A line for each chapter of each process."""
    bands = explanation.sections()
    if len(bands) < 2:
        return
    yield f'{lanes()}<ol class="overview">'
    before = bands[0][0].process
    for band in bands:
        first, process = band[0], band[0].process
        turn = "" if process == before else " handed"
        yield f'<li class="{process}{turn}"><a href="#step-{first.number}">'
        yield f"<strong>{html(first.chapter)}</strong> {numbers(band)}"
        yield f' <span class="first">{html(CHAPTERS[first.chapter].meaning)}</span>'
        yield f"{time(explanation.took(*band))}</a></li>"
        before = process
    yield "</ol>"


def time(took: str) -> str:
    return f' <span class="time">{html(took)}</span>' if took else ""


# ---- the timeline


def timeline(explanation: Explanation) -> Iterator[str]:
    longest = max(explanation.durations.values(), default=0)
    if explanation.durations:
        yield f"<p>A bar from edge to edge is {shown(longest)}. {UNKNOWN} is what was not measured.</p>"
    yield lanes("".join(axis(longest)) if longest else "")
    told_about: set[str] = set()
    before = ""
    for band in explanation.sections():
        chapter, process = band[0].chapter, band[0].process
        if before and before != process:
            yield f'<p class="turn to-{process}"><span>{ARROWS[process]}</span></p>'
        yield f'<div class="band {process}"><div class="work"><h3>{html(chapter)}</h3><ol>'
        for told in band:
            yield from step(told, explanation, longest)
        yield "</ol></div>"
        if chapter not in told_about:
            yield f'<p class="about">{html(CHAPTERS[chapter].about)} <em>{html(CHAPTERS[chapter].manual)}</em></p>'
        yield "</div>"
        told_about.add(chapter)
        before = process


ARROWS = {"container": "hands over →", "runtime": "← hands over"}


def step(told: Told, explanation: Explanation, longest: int) -> Iterator[str]:
    """What stands in the lane, and hidden below it all there is to know."""
    came = came_of(told, explanation)
    yield f'<li class="step {told.process}{fate(told, explanation)}" id="step-{told.number}"{heard(told)}>'
    yield '<button type="button" aria-controls="detail">'
    sentence = breakable(without_flags(told.sentence))
    yield f'<span class="number">{told.number}</span> <span class="sentence">{sentence}</span>'
    yield time(explanation.took(told))
    if duration := explanation.durations.get(told.number):
        yield f'<span class="bar" style="--share:{duration / longest:.4f}"></span>'
    yield "</button>"
    yield from more(told, came)
    yield "</li>"


def heard(told: Told) -> str:
    """What a screen reader says of the change."""
    return f' data-heard="{html("; ".join(changes_told(told.changes)))}"' if told.changes else ""


def fate(told: Told, explanation: Explanation) -> str:
    """In a run that a step has ended."""
    failed = explanation.run.failed
    if not failed:
        return ""
    return " failed" if told.number == failed else "" if told.number in explanation.durations else " unreached"


def more(told: Told, came: str) -> Iterator[str]:
    yield f'<div class="more {told.process}"><p class="which">{told.number} · {html(WHO[told.process])}</p>'
    yield f'<p class="title">{breakable(without_flags(told.sentence))}</p>'
    yield f'<p class="of-run">{html(came)}</p>' if came else ""
    if told.reason:
        yield f"<p>{with_code(html(told.reason))}</p>"
    yield from flag_table(told.sentence)
    calls = "\n".join(told.calls)
    yield (
        f"<h4>System calls</h4><pre>{breakable(calls, FLAGS)}</pre>"
        if calls
        else f"<p>No system call: {html(told.no_calls)}.</p>"
    )
    yield (
        f"<h4>By hand</h4><pre>{whole_options(told.shell)}</pre>"
        if told.shell
        else f"<p>No command: {html(told.no_shell)}.</p>"
    )
    if told.listing:
        yield f"<h4>The program that the kernel runs</h4><pre>{html(told.listing)}</pre>"
    yield from within(told)
    for name, value in (("Manual", told.manual), ("Specification", told.clause), ("In config.json", told.pointer)):
        if value:
            yield f'<h4>{name}</h4><div class="source"><code>{html(value)}</code></div>'
    yield "</div>"


def with_code(text: str) -> str:
    """A docstring marks code by backquotes."""
    return re.sub("`(.+?)`", r"<code>\1</code>", text)


def flag_table(sentence: str) -> Iterator[str]:
    flags = flags_in(sentence)
    if flags:
        yield '<table class="map">'
        yield from (f"<tr><td><code>{breakable(flag)}</code></td><td>{html(about)}</td></tr>" for flag, about in flags)
        yield "</table>"


# ---- the maps


def namespaces(explanation: Explanation) -> Iterator[str]:
    """The host's world, the container's, and what is the same in both."""
    rows = explanation.outcome.namespaces
    if not rows:
        return
    own = [row for row in rows if row.kind in (NEW, JOINED)]
    yield '<div class="worlds"><div class="world runtime"><h3>The host, and the runtime</h3><ul>'
    yield from (f"<li><b>{row.type}</b> <small>{HOLDS[row.type]}</small></li>" for row in own)
    yield '</ul></div><div class="world container"><h3>The container</h3><ul>'
    for row in own:
        path = f": <code>{html(row.path)}</code>" if row.path else ""
        link = f'<a href="#step-{row.number}">step {row.number}</a>'
        yield f"<li><b>{row.type}</b> <small>{row.kind}{path}, {link}</small></li>"
    yield '</ul></div><div class="world both"><h3>Shared by both</h3><ul>'
    shared = [f"<li><b>{row.type}</b> <small>{HOLDS[row.type]}</small></li>" for row in rows if row.kind == HOST]
    yield from shared or ["<li>no namespace</li>"]
    yield "</ul></div></div>"


def mounts(explanation: Explanation) -> Iterator[str]:
    tree = list(drawn(explanation.outcome.tree()))
    if not tree:
        return
    yield '<table class="map tree">'
    for _mark, name, one in tree:
        mount = one.mount
        source = mount.source if mount.source != mount.type else ""
        lines, branch, point = name.partition("─ ") if mount.parent else ("", "", name)
        yield f'<tr><td>{lines}{branch}<a href="#step-{mount.id}">{html(point)}</a></td>'
        yield f"<td>{html(mount.type)}</td><td>{html(source)}</td></tr>"
    yield "</table>"


def cgroup(explanation: Explanation) -> Iterator[str]:
    outcome = explanation.outcome
    if not outcome.namespaces:
        return
    if not outcome.cgroup:
        yield "<p>None of its own: it stays in its caller's.</p>"
        return
    names = [name for name in outcome.cgroup.split("/") if name]
    yield '<table class="map tree"><tr><td>/</td><td></td></tr>'
    yield from (f"<tr><td>{INDENT * depth}└─ {html(name)}</td><td></td></tr>" for depth, name in enumerate(names))
    for limit in outcome.limits:
        branch = "└─" if limit is outcome.limits[-1] else "├─"
        yield f'<tr><td>{INDENT * len(names)}{branch} <a href="#step-{limit.number}">{html(limit.name)}</a></td>'
        yield f"<td>{html(limit.value)}</td></tr>"
    yield "</table>"
    if not outcome.limits:
        yield "<p>Without limits of its own.</p>"


INDENT = "   "
ON_TOP = ("film", "overview")  # these are in sight
PARTS = {
    "film": film,
    "overview": overview,
    "times": times,
    "seen": seen,
    "timeline": timeline,
    "namespaces": namespaces,
    "mounts": mounts,
    "cgroup": cgroup,
}
TITLES = {
    "film": "The film",
    "overview": "Who does what",
    "times": "Times",
    "seen": "As seen",
    "timeline": "Timeline",
    "namespaces": "Namespaces",
    "mounts": "Mounts",
    "cgroup": "Cgroup",
}
