"""Feeds one target with one file after the other until the time is over, or until a promise does not hold.

With atheris, which is libFuzzer for Python, a file that reaches something new in minirun is kept, and changed further.
Where that can't be had, files of the corpus are changed at random, which finds less.
"""

from __future__ import annotations

import hashlib
import random
import resource
import sys
import time
import traceback
from typing import TYPE_CHECKING

from .mutator import Mutator
from .seeds import seeds
from .targets import TARGETS, must

if TYPE_CHECKING:
    from pathlib import Path

LONGEST = 32768  # bytes of a file
PATIENCE = 1.0  # seconds of the processor for one file
HANGS = 60  # seconds, whatever the processor does meanwhile
WARM_UP = 1000  # files, after which all that is made once has been made
BLOCKS = 100_000  # of Python's memory that may be taken after that: libFuzzer's own corpus is not among them
GROWTH = 256 << 10  # KiB of all memory since then: libFuzzer's corpus grows for hours, and is among it
MEGABYTES = 1024  # for the whole process


class Watched:
    """A target that also keeps to its time, and to its memory."""

    def __init__(self, name: str) -> None:
        self.target, self.count, self.blocks, self.peak = TARGETS[name], 0, 0, 0

    def __call__(self, data: bytes) -> None:
        begun = time.process_time()
        self.target(data)
        took = time.process_time() - begun
        must(took < PATIENCE, f"a file takes less than {PATIENCE} s, and this one took {took:.1f} s")
        self.count += 1
        if self.count == WARM_UP:
            self.blocks, self.peak = sys.getallocatedblocks(), peak()
            told("memory_after_warm_up_kb", self.peak)
        elif self.count % WARM_UP == 0:
            self.check_memory()

    def check_memory(self) -> None:
        blocks, grown = sys.getallocatedblocks() - self.blocks, peak() - self.peak
        must(blocks < BLOCKS, f"nothing is kept of a file, and {blocks} blocks of memory are after {self.count}")
        must(grown < GROWTH, f"memory stays flat, and has grown by {grown} KiB after {self.count} files")


def peak() -> int:
    """The most memory that this process has had, in KiB: getrusage(2)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def told(name: str, number: int) -> None:
    """As libFuzzer tells its own figures."""
    print(f"stat::{name}: {number}", file=sys.stderr, flush=True)


def guided(name: str, seconds: int, place: Path, crashes: Path) -> int:
    """By atheris. Does not return: libFuzzer ends the process."""
    import atheris

    mutator, watched = Mutator(seeds(name)), Watched(name)
    for number, data in enumerate(seeds(name)):
        (place / f"{number}").write_bytes(data)

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        rng = random.Random(seed)
        if rng.random() < 0.05:
            return bytes(atheris.Mutate(data, most))
        changed = mutator.mutate(data, rng)
        return changed if len(changed) <= most else data

    words = [
        f"-max_total_time={seconds}",
        f"-timeout={HANGS}",
        f"-max_len={LONGEST}",
        f"-rss_limit_mb={MEGABYTES}",
        "-len_control=0",
        "-print_final_stats=1",
        f"-report_slow_units={HANGS}",
        f"-artifact_prefix={crashes}/{name}-",
    ]
    atheris.Setup([name, *words, str(place)], watched, custom_mutator=mutate)
    atheris.Fuzz()
    return 0


def unguided(name: str, seconds: int, crashes: Path) -> int:
    """At random; the exit status. It says at the end what libFuzzer would."""
    files, rng = seeds(name), random.Random()
    mutator, watched, end = Mutator(files), Watched(name), time.monotonic() + seconds
    while time.monotonic() < end:
        data = rng.choice(files)
        for _ in range(rng.randint(0, 5)):
            data = mutator.mutate(data, rng)
        try:
            watched(data)
        except Exception:
            file = crashes / f"{name}-crash-{hashlib.sha1(data).hexdigest()}"
            file.write_bytes(data)
            print(f"{traceback.format_exc()}\nTest unit written to {file}", file=sys.stderr)
            return 1
    told("number_of_executed_units", watched.count)
    return 0
