"""What is fuzzed. A target is a function that gets the bytes of a file and holds what minirun promises about any such
file; it raises whatever breaks a promise. What a user is to see, a MinirunError, breaks none.

Nothing of the host is changed: no step is applied but CompileFilter, whose program stays in memory.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import io
import json
import os
import shutil
import subprocess
import tempfile
import xml.etree.ElementTree
import zlib
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from minirun.cli import commands, quick
from minirun.cli import explain as printing
from minirun.cli.spelling import plain
from minirun.cli.values import root as root_of
from minirun.errors import KINDS, ConfigError, MinirunError
from minirun.kernel.libc import SystemCallError
from minirun.operations import checked_id
from minirun.plan.container import Options, plan
from minirun.plan.exec import ExecOptions, exec_plan
from minirun.plan.lasting import lasting_steps
from minirun.plan.seccomp import compile_steps, load_steps
from minirun.runtime import books, events, overview, remade, start
from minirun.runtime import exec as runtime_exec
from minirun.runtime import update as runtime_update
from minirun.runtime.foresight import ERROR
from minirun.runtime.log import Log
from minirun.runtime.validate import Report, validate
from minirun.spec.default import default
from minirun.spec.load import decode, parse
from minirun.spec.load_seccomp import read_seccomp
from minirun.spec.reader import Node
from minirun.steps.hooks import State
from minirun.steps.seccomp import CompileFilter
from minirun.steps.step import Channel, Context, Step
from minirun.teach import explanation, real_run
from minirun.teach.chapters import CHAPTERS
from minirun.teach.protections import PROTECTIONS
from minirun.teach.without import ALL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# What a plan is made with, beside its config.json.
OPTIONS = (
    Options("x", "/bundle"),
    Options("x", "/bundle", wait_for_start=True, notify_socket="/n", listen_fds=2, no_pivot=True, new_keyring=False),
    Options("x", "/bundle", uid=1000, gid=1000, rootless=True, cgroup_manager="disabled"),
    Options("x", "/bundle", cgroup_manager="systemd", detach=True, pid_file="/p", pidfd_socket="/s"),
)
ERRNOS = (errno.EPERM, errno.EACCES, errno.EINVAL, errno.ENOENT, errno.EBUSY, errno.EOPNOTSUPP)
SCRIPTS_READ_BY_BASH = 16  # one in so many, since bash has to be started for it


class Promise(AssertionError):
    """Something that minirun promises does not hold."""


def must(holds: object, promise: str) -> None:
    if not holds:
        raise Promise(promise)


def told(error: MinirunError) -> None:
    """An error can be printed, as a few lines without anything that moves a cursor, and survives a trip as JSON."""
    harmless(str(error))
    again = KINDS[type(error).__name__].from_json(json.loads(json.dumps(error.to_json())))
    must(str(again) == str(error), "an error is the same after a trip through JSON")


def harmless(text: str) -> None:
    """For a terminal: no control characters but the ends of lines, and nothing that can't be encoded."""
    text.encode()
    strange = next((letter for letter in text if not letter.isprintable() and letter != "\n"), "")
    must(not strange, f"no control characters for a terminal, and there is {strange!r}")


def choice(data: bytes, count: int) -> int:
    """A number below `count` that is the same each time for the same bytes."""
    return zlib.crc32(data) % count


# ---- config.json


def config(data: bytes) -> None:
    """From bytes to the plan, by several command lines, and what each of its steps says of itself."""
    try:
        value = decode(data)
        whole = parse(value)
    except ConfigError as error:
        return told(error)
    must(whole == parse(decode(data)), "the same file is read twice in the same way")
    for options in OPTIONS:
        with contextlib.suppress(StopIteration):
            steps = planned(functools.partial(plan, whole, options))
            must(steps == plan(parse(value), options), "the plan made twice is equal")
            each_tells(steps, data)
    return None


def planned(make: Callable[[], tuple[Step, ...]]) -> tuple[Step, ...]:
    """The steps. Raises StopIteration where an error says why there are none."""
    try:
        return make()
    except MinirunError as error:
        told(error)
        raise StopIteration from error


def each_tells(steps: tuple[Step, ...], data: bytes) -> None:
    number = ERRNOS[choice(data, len(ERRNOS))]
    for count, step in enumerate(steps, start=1):
        must(step.describe(), "each step says what it does")
        step.cure(SystemCallError(number, "call", "call()"))
        one = explanation.tell(count, step)
        must(one.calls or one.no_calls, f"{step} names its calls, or says why there are none")
        must(one.shell or one.no_shell, f"{step} has a command, or says why there is none")
        json.dumps(one.to_json()).encode()


# ---- validate


@functools.cache
def bundle() -> str:
    """A bundle with a root file system, for what looks at files. It is removed in the end by whoever uses this."""
    place = tempfile.mkdtemp(prefix="minirun-fuzz-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
    Path(place, "rootfs", "bin").mkdir(parents=True)
    Path(place, "books", "x").mkdir(parents=True)
    config = default(False, 0, 0)
    config["process"]["terminal"] = False
    Path(place, "books", "x", "config.json").write_text(json.dumps(config))
    return place


def forget() -> None:
    """Remove what this process has made."""
    if bundle.cache_info().currsize:
        shutil.rmtree(bundle())
        bundle.cache_clear()


def findings(data: bytes) -> None:
    """`validate` finds an error where a run stops at one: the same one, first of all. Else there is none."""
    found = validate(bundle(), data)
    report = Report(found)
    harmless(report.text())
    must(len(json.loads(report.json())) == len(found), "as JSON, all findings are there")
    errors = [(one.pointer, one.message, one.cure) for one in found if one.level == ERROR]
    stops = error_of_a_run(data)
    if stops:
        must(errors[:1] == [stops], f"a run stops at {stops}, and validate says first {errors[:1]}")
    else:
        must(all(pointer == "/root/path" for pointer, *_ in errors), f"a run has no errors, and validate has {errors}")


def error_of_a_run(data: bytes) -> tuple[str, str, str] | None:
    try:
        plan(parse(decode(data)), Options("validate", bundle()))
    except ConfigError as error:
        return error.pointer, error.found, error.allowed
    return None


# ---- explain


# The formats, and what nobody would get from these: the options of `explain` beside them.
FORMS: tuple[dict[str, Any], ...] = (
    *({"format": name} for name in ("text", "markdown", "html", "svg", "mermaid", "json")),
    {"verbose": True},
    {"step": "9"},
    {"script": True},
    *({"without": word} for word in (ALL, "12", *CHAPTERS, *(one.name for one in PROTECTIONS))),
    {"without": ALL, "format": "json"},
)
OPTIONS_OF_EXPLAIN = ("without", "diff", "output", "script", "timing", "step", "verbose", "config_text")
NOTHING = {"format": "text", **dict.fromkeys(OPTIONS_OF_EXPLAIN)}


def explain(data: bytes) -> None:
    """The plan in two of the forms that it can be printed in."""
    Path(bundle(), "config.json").write_bytes(data)
    # Most of the protections are alike: a third of the time goes to them.
    for chosen in (FORMS[choice(data, 9)], FORMS[choice(data[::-1], len(FORMS))]):
        options = OPTIONS[choice(data[1:], len(OPTIONS))].replace(bundle=bundle())
        with contextlib.suppress(StopIteration):
            check_form(chosen, printed(functools.partial(printing.explain, options, NOTHING | chosen)), data)


def printed(act: Callable[[], object]) -> str:
    """What is written to stdout. Raises StopIteration where an error says why that is nothing."""
    written, stdout = os.memfd_create("stdout"), os.dup(1)
    try:
        os.dup2(written, 1)
        act()
        return os.pread(written, os.fstat(written).st_size, 0).decode()
    except MinirunError as error:
        told(error)
        raise StopIteration from error
    finally:
        os.dup2(stdout, 1)
        os.close(stdout)
        os.close(written)


def check_form(chosen: dict[str, Any], said: str, data: bytes) -> None:
    form = chosen.get("format", "script" if chosen.get("script") else "text")
    harmless(said)
    if form == "json":
        json.loads(said)
    elif form == "svg":
        xml.etree.ElementTree.fromstring(said)
    elif form == "html":
        Balanced().feed(said)
    elif form == "script" and choice(data, SCRIPTS_READ_BY_BASH) == 0:
        read = subprocess.run(["bash", "-n"], input=said.encode(), capture_output=True, check=False)
        must(read.returncode == 0 and not read.stderr, f"bash can read the script: {read.stderr!r}")


class Balanced(HTMLParser):
    """Raises where an element is not closed by its own end."""

    VOID = frozenset(("meta", "link", "br", "hr", "img", "input", "wbr", "col"))

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.open += [] if tag in self.VOID else [tag]

    def handle_endtag(self, tag: str) -> None:
        must(self.open and self.open.pop() == tag, f"</{tag}> closes what was opened last")

    def feed(self, data: str) -> None:
        super().feed(data)
        self.close()
        must(not self.open, f"all elements are closed: {self.open}")


@functools.cache
def explained() -> explanation.Explanation:
    steps = plan(parse(default(False, 0, 0)), OPTIONS[0])
    return explanation.Explanation("x", "/bundle", tuple(explanation.tell(n, step) for n, step in enumerate(steps, 1)))


def timing(data: bytes) -> None:
    """The file of a run's times (`run --timeline`), which a picture takes its durations from."""
    from minirun.teach import page, svg

    path = Path(bundle(), "timeline")
    path.write_bytes(data)
    try:
        times = real_run.real_run(str(path), explained().steps)
    except MinirunError as error:
        return told(error)
    for draw, form in ((page.page, "html"), (svg.svg, "svg")):
        check_form({"format": form}, draw(explained().replace(durations=times.durations, run=times)), data)
    return None


# ---- the system call filter


def seccomp(data: bytes) -> None:
    """/linux/seccomp: its program can be run by the kernel as far as its form goes."""
    try:
        wanted = read_seccomp(Node(decode(data), "/linux/seccomp"))
    except ConfigError as error:
        return told(error)
    steps = (*compile_steps(wanted), *load_steps(wanted, State("1.0.0", "x", "/bundle", ()), "creating"))
    each_tells(steps, data)
    context = Context(Silent(), Channel())
    for step in steps:
        if isinstance(step, CompileFilter):
            with contextlib.suppress(SystemCallError):  # libseccomp may refuse what the spec permits
                step.apply(context)
                must(context.filter and len(context.filter) % 8 == 0, "a program is whole instructions")
    return None


class Silent(Log):
    def warning(self, message: str) -> None:
        message.encode()


# ---- the books


def state(data: bytes) -> None:
    """state.json: the commands that ask."""
    root = f"{bundle()}/books"
    Path(root, "x", "state.json").write_bytes(data)
    table = overview.list_containers(overview.containers(root), "table", quiet=False)
    harmless(table)
    json.loads(overview.list_containers(overview.containers(root), "json", quiet=False))
    for ask in (states, own_cgroup, steps_again):
        try:
            ask(books.find(root, "x"))
        except MinirunError as error:
            told(error)


def states(container: books.Container) -> None:
    json.dumps(container.state()).encode()
    container.owner()
    descriptor = container.open_process()
    if descriptor >= 0:
        os.close(descriptor)


def own_cgroup(container: books.Container) -> None:
    container.own_cgroup()
    container.remaining_cgroup()


def steps_again(container: books.Container) -> None:
    remade.context_of(container, Silent(), Channel())
    remade.steps_of(container, lasting_steps)
    start.rest_of(container)
    each_tells(remade.steps_of(container, plan), container.directory.encode())


# ---- update


def update(data: bytes) -> None:
    """{"config": a container's config.json, "change": what `update --resources` is given}"""
    with contextlib.suppress(ConfigError, StopIteration):
        both = decode(data)
        before = both.get("config") if isinstance(both, dict) else None
        parse(before)  # the books have only what a create has taken
        assert isinstance(both, dict)
        assert isinstance(before, dict)
        for options in OPTIONS:
            each_tells(planned(functools.partial(update_steps, before, both.get("change"), options)), data)


def update_steps(before: dict[str, Any], change: object, options: Options) -> tuple[Step, ...]:
    wanted, steps = runtime_update.planned(before, change_of(change), options)
    must(parse(decode(json.dumps(wanted).encode())) == parse(wanted), "the books can be read again")
    return steps


def change_of(change: object) -> dict[str, Any]:
    path = Path(bundle(), "change")
    path.write_text(json.dumps(change))
    return runtime_update.from_file(str(path))


# ---- exec


def process(data: bytes) -> None:
    """exec's --process FILE."""
    path = Path(bundle(), "process")
    path.write_bytes(data)
    with contextlib.suppress(StopIteration):
        for base in (default(False, 0, 0), default(True, 1000, 1000)):
            steps = planned(functools.partial(exec_steps, base, str(path)))
            must(steps == exec_steps(base, str(path)), "the plan made twice is equal")
            each_tells(steps, data)


def exec_steps(base: dict[str, Any], path: str) -> tuple[Step, ...]:
    return exec_plan(parse(base), runtime_exec.process_of(path), ExecOptions(pid=1, start_time=1, cgroup="below"))


# ---- the command line


def words(data: bytes) -> None:
    """An array of words: the quick reader reads what click reads, or leaves the line to it; and what the values say."""
    line = words_of(data)
    spelled = plain(line)
    call, by_click = quick.read(spelled), read_by_click(spelled)
    if call is not None:
        must(call == by_click, f"{line}: the quick reader reads {call}, click {by_click}")
    if by_click is not None:
        for read in readers(by_click.command, by_click.named):
            try:
                read()
            except MinirunError as error:
                told(error)


def words_of(data: bytes) -> list[str]:
    """As the kernel would hand them over: no NUL, and bytes that are no UTF-8 as Python shows them."""
    try:
        value = decode(data)
    except ConfigError:
        value = data.decode(errors="surrogateescape").split("\n")
    found = value if isinstance(value, list) else [value]
    texts = [one if isinstance(one, str) else json.dumps(one) for one in found]
    return [os.fsdecode(text.replace("\0", "").encode(errors="surrogatepass")) for text in texts]


CLICKED: list[quick.Call] = []


@functools.cache
def program() -> click.Group:
    return commands.program(lambda call: CLICKED.append(call) or 0)


def read_by_click(line: list[str]) -> quick.Call | None:
    """What click makes of the words; None where it objects, or answers by itself."""
    CLICKED.clear()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(click.ClickException, click.Abort):
        program().main(line, prog_name="minirun", standalone_mode=False)
    return CLICKED[0] if CLICKED else None


def readers(command: str, values: Any) -> Iterator[Callable[[], object]]:
    """What the commands do with values before they do anything else."""
    target = values.get("id") or values.get("target") or ""
    target = " ".join(target) if isinstance(target, tuple) else target
    yield lambda: checked_id(target)
    yield lambda: books.signal_number(values.get("signal") or target)
    yield lambda: events.seconds(values.get("interval") or target)
    yield lambda: overview.matching(f"{bundle()}/books", target)
    yield lambda: root_of(values)
    if command == "exec":
        yield lambda: exec_plan(parse(default(False, 0, 0)), wished(values), ExecOptions())
    if command == "update" and not values["resources"]:
        yield lambda: runtime_update.planned(default(False, 0, 0), runtime_update.read_change("", values), OPTIONS[0])


def wished(values: Any) -> Any:
    return runtime_exec.wished(
        parse(default(False, 0, 0)).process,
        runtime_exec.Wishes(
            args=tuple(values["arguments"]),
            cwd=values["cwd"] or "",
            env=tuple(values["env"]),
            user=values["user"] or "",
            additional_gids=tuple(values["additional_gids"]),
            capabilities=tuple(values["cap"]),
        ),
    )


TARGETS: dict[str, Callable[[bytes], None]] = {
    "config": config,
    "validate": findings,
    "explain": explain,
    "seccomp": seccomp,
    "process": process,
    "update": update,
    "state": state,
    "timing": timing,
    "words": words,
}
