"""What fuzzing begins with: files as programs have written them, in corpus/, and what had been wrong once.

corpus/config/         config.json of Podman, Docker and containerd, of `minirun spec` and `runc spec`, and those of
                       the conformance suite that reach something in minirun which no other does
corpus/update/         what engines send to `update`
corpus/state/          state.json
corpus/words/          command lines
corpus/regressions/    TARGET-WHAT.json: each a case that minirun was wrong about
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CORPUS = Path(__file__).parent / "corpus"
REGRESSIONS = CORPUS / "regressions"


def seeds(target: str) -> list[bytes]:
    """The files that a target begins with."""
    regressions = [path.read_bytes() for path in sorted(REGRESSIONS.glob(f"{target}-*"))]
    return [*MADE_OF.get(target, configs)(), *regressions]


def files(folder: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted((CORPUS / folder).iterdir())]


def configs() -> list[bytes]:
    return files("config")


def parts(*path: str) -> Iterator[bytes]:
    """What the configs have at a place, each once."""
    found: dict[str, None] = {}
    for value in map(json.loads, configs()):
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        if value is not None:
            found[json.dumps(value)] = None
    return (text.encode() for text in found)


def updates() -> Iterator[bytes]:
    """Each config with a change for it: one that an engine has sent, or its own limits once more."""
    changes = [json.loads(data) for data in files("update")]
    for number, data in enumerate(configs()):
        config: Any = json.loads(data)
        limits = (config.get("linux") or {}).get("resources")
        yield json.dumps({"config": config, "change": limits or changes[number % len(changes)]}).encode()


def timelines() -> Iterator[bytes]:
    """Of the default container, as `run --timeline` writes it."""
    from minirun.plan.container import Options, plan
    from minirun.spec.default import default
    from minirun.spec.load import parse
    from minirun.teach.timeline_file import written

    steps = plan(parse(default(False, 0, 0)), Options("x", "/bundle"))
    times = [(10**18 + number * 10**6, 10**18 + number * 10**6 + 5 * 10**5) for number in range(len(steps))]
    yield written(steps, times, [(0, 10**18, 10**18 + 1)], {"runtime": 1, "container": 2}).encode()


def lines() -> Iterator[bytes]:
    for data in files("words"):
        yield from (json.dumps(line).encode() for line in json.loads(data))


MADE_OF: dict[str, Callable[[], list[bytes] | Iterator[bytes]]] = {
    "seccomp": lambda: parts("linux", "seccomp"),
    "process": lambda: parts("process"),
    "update": updates,
    "state": lambda: files("state"),
    "timing": timelines,
    "words": lines,
}
