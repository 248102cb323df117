"""The command line: python3 -m tests.conformance --runtime runc --runtime 'crun --cgroup-manager=disabled'"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

from . import clauses as _clauses  # noqa: F401  (importing them registers the cases)
from . import report
from .container import Container
from .known import known
from .machine import CGROUP, end_orphans, move_out
from .runtime import PREFIX, Runtime
from .suite import CASES, FAIL, NOT_TESTABLE, PASS, Broken, Case, NotTestable, Outcome, chosen, part_of

PROBE_SOURCES = Path(__file__).resolve().parent.parent / "probe"


def main() -> int:
    options = parse(sys.argv[1:])
    cases = part_of(chosen(options.only), options.part)
    if options.list:
        print("\n".join(f"{case.name:60} {case.level:7} {case.anchor}: {case.sentence}" for case in cases))
        return 0
    if not cases:
        return fail(f"no case has {' or '.join(options.only)} in its name")
    if options.report:
        machines, outcomes = read_reports(options.report)
        write_reports(options, cases, machines, [outcome for outcome in outcomes if outcome.case in cases])
        return 0
    if os.geteuid() != 0:
        return fail("the suite makes containers as root: run it with sudo")
    runtimes = [Runtime(words) for words in options.runtime or ["runc"]]
    wrong = [f"{runtime.name}: {problem}" for runtime in runtimes if (problem := runtime.find())]
    if wrong:
        return fail("\n".join(wrong))
    move_out()
    os.umask(0o022)
    workshop = Path(tempfile.mkdtemp(prefix=f"{PREFIX}-"))
    workshop.chmod(0o755)
    try:
        outcomes = try_all(runtimes, cases, workshop, options)
    except (Broken, subprocess.SubprocessError) as error:
        return fail(str(error))
    finally:
        end_orphans()
        shutil.rmtree(workshop, ignore_errors=True)
    write_reports(options, cases, {runtime.title: this_machine() for runtime in runtimes}, outcomes)
    return 1 if report.unexplained(outcomes) else 0


def parse(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python3 -m tests.conformance", description="Tries a container runtime against the clauses of its spec."
    )
    parser.add_argument("--runtime", action="append", help="a name, a path, a quoted command, or NAME=COMMAND")
    parser.add_argument(
        "--only",
        metavar="PATTERN",
        action="append",
        default=[],
        help="only cases whose name or anchor has PATTERN in it; may be given more than once",
    )
    parser.add_argument("--part", default="1/1", metavar="K/N", help="of those, the Kth of N parts")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every outcome to FILE")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table to FILE")
    parser.add_argument("--report", type=Path, metavar="FILE", action="append", help="show what --json wrote instead")
    parser.add_argument("--probe", type=Path, metavar="FILE", help="the probe, built elsewhere, where there is no gcc")
    parser.add_argument("--verbose", action="store_true", help="say what each case came to, as soon as it is known")
    parser.add_argument("--list", action="store_true", help="list the cases with their sentences")
    return parser.parse_args(words)


def fail(message: str) -> int:
    print(message, file=sys.stderr)
    return 2


def try_all(runtimes: list[Runtime], cases: list[Case], workshop: Path, options: argparse.Namespace) -> list[Outcome]:
    probe = Path(shutil.copy(options.probe, workshop)) if options.probe else build_probe(workshop)
    probe.chmod(0o755)
    for runtime in runtimes:
        check_that_it_runs(runtime, workshop, probe)
    outcomes = []
    for number, case in enumerate(cases):
        for place, runtime in enumerate(runtimes):
            outcomes.append(outcome := try_one(case, Container(runtime, workshop / f"{number}-{place}", probe)))
            if options.verbose:
                line = f"{outcome.seconds:6.2f} s  {outcome.kind:6} {outcome.runtime}  {case.name}  {outcome.found}"
                print(line.rstrip(), file=sys.stderr)
    return outcomes


def build_probe(workshop: Path) -> Path:
    parts = ("probe", "facts", "deeds", "tracer", "hogs", "cgroups", "escapes", "json")
    sources = [str(PROBE_SOURCES / f"{name}.c") for name in parts]
    words = ["gcc", "-static", "-Os", "-o", str(workshop / "probe"), *sources]
    subprocess.run(words, check=True, timeout=120)
    return workshop / "probe"


def check_that_it_runs(runtime: Runtime, workshop: Path, probe: Path) -> None:
    """A runtime that refuses everything would pass every case of a refusal."""
    container = Container(runtime, workshop / f"first-{len(os.listdir(workshop))}", probe)
    try:
        container.look()
    except Broken as broken:
        raise Broken(f"{runtime.title} does not run the container that all cases begin with: {broken}") from None
    finally:
        container.remove()


def try_one(case: Case, container: Container) -> Outcome:
    runtime, start = container.runtime, time.monotonic()
    kind, found = PASS, ""
    try:
        case.try_it(container)
    except NotTestable as reason:
        kind, found = NOT_TESTABLE, str(reason)
    except Broken as broken:
        kind, found = FAIL, str(broken)
    except Exception:  # a mistake in the case must not hide the others
        kind, found = FAIL, traceback.format_exc()
    finally:
        container.remove()
    why = known(runtime.name, runtime.version, case.name)
    return report.judged(case, runtime.title, kind, found, why, time.monotonic() - start)


def read_reports(files: list[Path]) -> tuple[dict[str, str], list[Outcome]]:
    """Several reports of one runtime make one column: what a machine could not test, another one may have."""
    machines: dict[str, str] = {}
    outcomes: dict[tuple[str, str], Outcome] = {}
    for file in files:
        its_machines, its_outcomes = report.from_json(file.read_text())
        for title, machine in its_machines.items():
            names = [*machines.get(title, "").split("; "), machine]
            machines[title] = "; ".join(dict.fromkeys(filter(None, names)))
        for outcome in its_outcomes:
            key = (outcome.case.name, outcome.runtime)
            if key not in outcomes or outcome.kind != NOT_TESTABLE:
                outcomes[key] = outcome
    cases, titles = list(CASES), list(machines)
    return machines, sorted(
        outcomes.values(), key=lambda outcome: (cases.index(outcome.case.name), titles.index(outcome.runtime))
    )


def write_reports(
    options: argparse.Namespace, cases: list[Case], machines: dict[str, str], outcomes: list[Outcome]
) -> None:
    print(report.text_table(cases, list(machines), outcomes))
    print(report.text_details(outcomes))
    print(report.text_slowest(outcomes))
    if options.json:
        options.json.write_text(report.as_json(machines, outcomes))
    if options.markdown:
        options.markdown.write_text(report.markdown(cases, machines, outcomes))


def this_machine() -> str:
    version = "cgroup v2" if (CGROUP / "cgroup.controllers").exists() else "cgroup v1 and v2 side by side"
    return f"Linux {platform.release().split('-')[0]} ({platform.machine()}) with {version}"


if __name__ == "__main__":
    sys.exit(main())
