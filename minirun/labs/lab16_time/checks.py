"""Lab 16. Where the time of a start goes, from the student's own recordings: three of the bundle as it came, in
before/, three of the mended one, in after/. What was made cheaper has to do what it is for: a container that runs has
to have it. No time is compared with one that another machine has taken.
"""

from __future__ import annotations

import os
from glob import glob
from statistics import median_low

from ...errors import StateError
from ...teach.timeline_file import events_of
from .. import bundles, look, sweep
from ..lab import Finding, Goal, Lab, done, not_yet, question, wrong

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..desk import Desk

    Event = dict[str, Any]

PROGRAM = ("sleep", "47161")
HOOK = "/hooks/createRuntime/0"
CACHE = "/var/cache"
WAIT, SAVED = 500_000, 200_000  # microseconds: what the hook waits, and how much less counts
JUNK, MEGABYTES = 4, 6  # files that nobody needs, and how large each is
LEAST = 3  # recordings, for a median
AS_GOOD = 0.9  # of the third dearest: what is so near to it may stand in its place
HERE = os.path.dirname(os.path.abspath(__file__))


def make(desk: Desk) -> None:
    hook = desk.give(f"{HERE}/network", "network", mode=0o755)
    config = bundles.busybox(desk.file("bundle"), args=list(PROGRAM), terminal=False)
    desk.write(f"bundle/rootfs{CACHE}/index", f"{desk.secret()}\n")
    for number in range(JUNK):
        desk.write(f"bundle/rootfs{CACHE}/old-{number}.tar", "\n" * (MEGABYTES << 20))
    options = ["nosuid", "nodev", "size=64m", "mode=755", "tmpcopyup"]
    config["mounts"].append({"destination": CACHE, "type": "tmpfs", "source": "tmpfs", "options": options})
    config["hooks"] = {"createRuntime": [{"path": hook, "args": ["network"]}]}
    bundles.write(desk.file("bundle"), config)


# ---- recordings


def recordings(desk: Desk, name: str) -> list[list[Event]]:
    """The steps of each; [] where there are none, or files that are no timelines."""
    try:
        return [steps_of(path) for path in sorted(glob(f"{desk.file(name)}/*.json"))]
    except StateError:
        return []


def steps_of(path: str) -> list[Event]:
    every = (one for one in events_of(path) if one.get("ph") == "X" and one.get("cat") != "taken back")
    return [one for one in every if isinstance(one.get("dur"), int) and isinstance(one["args"].get("number"), int)]


def medians(every: list[list[Event]]) -> dict[int, int]:
    """Number of a step -> the median of its times."""
    times: dict[int, list[int]] = {}
    for one in every:
        for step in one:
            times.setdefault(step["args"]["number"], []).append(step["dur"])
    return {number: median_low(found) for number, found in times.items()}


def hook_time(every: list[list[Event]]) -> int | None:
    """None where the hook is not in all."""
    times = [step["dur"] for one in every for step in one if step["args"].get("pointer") == HOOK]
    return median_low(times) if times and len(times) == len(every) else None


def cache_time(every: list[list[Event]]) -> int:
    """All that is done at that place, in one step or several."""
    sums = [sum(int(step["dur"]) for step in one if CACHE in str(step.get("name"))) for one in every]
    return median_low(sums)


# ---- looks


def recorded(desk: Desk) -> Finding:
    every = recordings(desk, "before")
    if len(every) < LEAST:
        return not_yet(f"{LEAST} recordings in before/", f"{len(every)}")
    time = hook_time(every)
    if time is None or time < WAIT:
        return wrong("mended_before", "recordings without the hook's whole wait", "recordings of the bundle as it came")
    return done(f"{len(every)} recordings")


def dearest(desk: Desk) -> Finding:
    answer, times = desk.answers.get("dearest"), medians(recordings(desk, "before"))
    if answer is None:
        return not_yet("minirun lab answer 16 dearest, and three numbers")
    given = {int(word) for word in answer.replace(",", " ").split() if word.isdecimal()}
    ordered = sorted(times.values(), reverse=True)
    if len(given) == 3 <= len(ordered) and all(times.get(number, 0) >= AS_GOOD * ordered[2] for number in given):
        return done(answer)
    return wrong("not_the_three", answer, "the numbers of the three steps whose medians are the largest")


def largest_chapter(desk: Desk) -> tuple[str, ...]:
    """Of the first recording, without the hook."""
    sums: dict[str, int] = {}
    for step in next(iter(recordings(desk, "before")), []):
        if step.get("cat") != "hooks":
            sums[str(step.get("cat"))] = sums.get(str(step.get("cat")), 0) + step["dur"]
    return (max(sums, key=lambda name: sums[name]),) if sums else ()


def shorter(desk: Desk) -> Finding:
    after = recordings(desk, "after")
    if len(after) < LEAST:
        return not_yet(f"{LEAST} recordings in after/", f"{len(after)}")
    old, new = hook_time(recordings(desk, "before")), hook_time(after)
    if new is None:
        return wrong("hook_removed", "recordings without the hook", "the hook, and less time spent in it")
    if old is not None and new <= old - SAVED:
        return done(f"{in_ms(new)}, once {in_ms(old)}")
    return not_yet(f"a hook that takes {in_ms(SAVED)} less", in_ms(new))


def smaller(desk: Desk) -> Finding:
    after = recordings(desk, "after")
    if len(after) < LEAST:
        return not_yet(f"{LEAST} recordings in after/", f"{len(after)}")
    old, new = cache_time(recordings(desk, "before")), cache_time(after)
    if new <= old // 2:
        return done(f"{in_ms(new)}, once {in_ms(old)}")
    return not_yet(f"at most half of {in_ms(old)} for {CACHE}", in_ms(new))


def in_ms(time: int) -> str:
    return f"{time / 1000:.1f} ms"


def whole(desk: Desk) -> Finding:
    inside = look.contained(*PROGRAM)
    if inside is None:
        return not_yet("the mended container, running in the background")
    if look.read(f"/proc/{inside.pid}/root{CACHE}/index") != desk.secret():
        return wrong("index_lost", f"no {CACHE}/index in the container", "the index that the image has")
    mount = next((one for one in inside.mounts[::-1] if one.point == CACHE), None)
    if mount is None or "ro" in mount.options:
        return wrong("cache_read_only", f"{CACHE} can't be written to", "a place to write in, as it was")
    if (desk.read("network.up") or "").strip() != str(inside.pid):
        return wrong("no_network", "network.up is not of this container", f"a hook that has made it for {inside.pid}")
    return done(f"process {inside.pid}, with index, cache and network")


LAB = Lab(
    "Where the time goes",
    40,
    goals=(
        Goal(
            "recorded",
            "before/ has three recordings of the bundle as it came.",
            recorded,
            points=2,
            tips=("minirun run --detach --timeline before/1.json --bundle bundle lab16; minirun delete --force lab16",),
        ),
        Goal(
            "dearest",
            "You have named the three dearest steps, by the medians of your recordings.",
            dearest,
            points=3,
            tips=("the second column of what steps.jq prints is the number of the step",),
            after=("recorded",),
            question=True,
        ),
        question(
            "chapter",
            "In before/1.json and without the hook: which chapter takes the most time, all its steps together?",
            largest_chapter,
            tips=("the chapter is .cat of an event; jq has group_by and add",),
            after=("recorded",),
        ),
        question(
            "hook",
            "Does the hook spend its time working, or waiting?",
            ("waiting", "wait", "waits", "it waits"),
            wrongs={"hook_works": ("working", "work", "works", "it works")},
            tips=("real is the time by the clock, user and sys that of the processor: bash, time",),
        ),
        Goal(
            "shorter",
            "after/ has three recordings in which the hook takes less time.",
            shorter,
            points=3,
            tips=("what does the hook wait for, and how could it see that this is there?",),
            after=("recorded",),
        ),
        Goal(
            "smaller",
            "In them the cache takes at most half the time, too.",
            smaller,
            points=3,
            tips=("what is copied there? ls -l bundle/rootfs/var/cache",),
            after=("recorded",),
        ),
        Goal(
            "whole",
            "The mended container runs, and has its index, its cache and its network.",
            whole,
            points=3,
            tips=("minirun run --detach --bundle bundle lab16",),
        ),
    ),
    hints={
        "mended_before": "These are recordings of a bundle that you have changed already. Put the hook back (reset and "
        "start do), and record three times, before you mend it.",
        "not_the_three": "One recording is a throw of dice: take of each step the median of your three, and give the "
        "numbers as in the files, not the times.",
        "hook_works": "Run it by hand, under time: real says how long it took, user and sys how long the processor was "
        "busy with it.",
        "hook_removed": "The dearest step is gone, and the network with it. The hook has to stay, and to do what it "
        "does; only the time can be less.",
        "index_lost": "An empty tmpfs is fast. But the program looks for the index in there, which the image has: the "
        "copy was for that. What else is copied, and need not be?",
        "cache_read_only": "Without that mount the index is there, at no cost. But the root is read-only, and the "
        "program has to write in its cache.",
        "no_network": "The container runs, but the file network.up has not its pid: the hook was not called, or ended "
        "before the network was there.",
    },
    make=make,
    clear=lambda _desk: sweep.end_running(*PROGRAM),
    rootless=True,
)
