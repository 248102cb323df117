"""What tests/faults/run does: choose faults, inflict them, judge, tell."""

from __future__ import annotations

import argparse
import fnmatch
import math
import os
import random
import signal
import sys
import time

from . import bundle, kill, known, process, refuse, surroundings, world
from .commands import COMMANDS
from .fault import Fault
from .judge import judge


def main(about: str) -> int:
    options = parse(about)
    if os.geteuid() != 0:
        sys.exit("run: faults are inflicted on containers of root: use sudo")
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # nothing is left of this one either
    print(f"seed {options.seed}", flush=True)
    start = time.monotonic()
    world.enter()
    process.import_all()
    before = begin()
    tried: dict[str, bool] = {}
    try:
        for name in options.commands or COMMANDS:
            tried |= try_command(name, options, before)
    finally:
        world.sweep(before)
    return report(tried, options.all, time.monotonic() - start)


def parse(about: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="for the moments, and the choice")
    parser.add_argument("--seconds", type=float, metavar="N", help="for each command, in place of two")
    parser.add_argument("--all", action="store_true", help="however long it takes")
    parser.add_argument("--only", metavar="PATTERN", help="faults with such a name")
    parser.add_argument("--verbose", action="store_true", help="tell each fault before it is inflicted")
    parser.add_argument("commands", nargs="*", metavar="command", help=", ".join(COMMANDS))
    options = parser.parse_args()
    if unknown := set(options.commands) - COMMANDS.keys():
        parser.error(f"no such command: {', '.join(unknown)}")
    return options


def begin() -> world.Traces:
    """The image, with all that containers make in it: what is there once they have gone, was there before."""
    bundle.make_image()
    for kind in bundle.KINDS:
        for script in (bundle.STAY, bundle.END):
            place = bundle.write(kind, script)
        done = process.minirun("run", "--bundle", place, world.NAME)
        assert done.status == 0, done
    return world.traces()


def try_command(name: str, options: argparse.Namespace, before: world.Traces) -> dict[str, bool]:
    """The faults that were inflicted, and whether something was wrong then."""
    start, tried, limit = time.monotonic(), {}, seconds_of(options)
    faults = chosen(name, options)
    for fault in faults:
        if time.monotonic() - start > limit and not is_first(name, fault):
            break
        if options.verbose:
            print(f"{name}: {fault.name}", flush=True)
        met, complaints = inflict(name, fault, before)
        tried |= {f"{name}: {fault.name}": bool(complaints)} if met or complaints else {}
    failures = [fault for fault, wrong in tried.items() if wrong and not known.reason(fault)]
    line = f"{name:16} {len(tried):5} of {len(faults)} faults, {len(failures)} failures"
    print(f"{line}, {time.monotonic() - start:.0f} seconds", flush=True)
    return tried


def seconds_of(options: argparse.Namespace) -> float:
    if options.seconds is not None:
        return float(options.seconds)
    return math.inf if options.all or options.only else 2


def chosen(name: str, options: argparse.Namespace) -> list[Fault]:
    """Those that are always tried first, the others in an order by the seed."""
    command, dice = COMMANDS[name], random.Random(f"{options.seed} {name}")
    kills = [*kill.at_each_step(command), *kill.at_random(command, dice)]
    found = [*kills, *refuse.each_call(command), *surroundings.each(command)]
    dice.shuffle(found)
    found.sort(key=lambda fault: not is_first(name, fault))
    return [fault for fault in found if fnmatch.fnmatchcase(fault.name, options.only or "*")]


def is_first(name: str, fault: Fault) -> bool:
    return fault.is_first or known.is_remembered(f"{name}: {fault.name}")


def inflict(name: str, fault: Fault, before: world.Traces) -> tuple[bool, list[str]]:
    """Whether it has come to the fault, and what was wrong then."""
    command = COMMANDS[name]
    outcome = fault.inflict()
    complaints = judge(command, outcome, before)
    why = known.reason(f"{name}: {fault.name}")
    for complaint in complaints:
        print(f"{'known' if why else 'FAILED'}  {name}: {fault.name}\n  {why or complaint}", flush=True)
    world.sweep(before)
    return outcome.met, complaints


def report(tried: dict[str, bool], everything: bool, seconds: float) -> int:
    """The last lines; the exit status."""
    failures = [name for name, wrong in tried.items() if wrong and not known.reason(name)]
    outlived = known.outlived(tried, everything)
    for pattern in outlived:
        print(f"FAILED  {pattern}: known.py says that this makes something wrong, and it does not")
    others = sum(tried.values()) - len(failures)
    print(f"{len(tried)} faults injected, {len(failures)} failures, {others} known ones, {seconds:.0f} seconds")
    return 1 if failures or outlived else 0
