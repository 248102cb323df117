"""config.md#posix-platform-hooks: which program runs, when, where and with what. Failures are in hook_failures.py."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

from ..hooks import ENVIRONMENT, IN_CONTAINER, KINDS, OF_CREATE, OUTSIDE, PID, READ, Hooks, for_each, parsed
from ..hooks import STATE as STATE_READ
from ..life import file_lines
from ..machine import NAMESPACES
from ..runtime import TIME_LIMIT
from ..suite import clause, expect, expect_true

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..container import Container

HOOKS = "config.md#posix-platform-hooks"

# ---- what a hook is


@clause(
    HOOKS,
    "For POSIX platforms, the configuration structure supports `hooks` for configuring custom actions related to the "
    "lifecycle of the container. `hooks` (object, OPTIONAL) MAY contain any of the following properties",
    each=("an empty object", "empty lists"),
)
def there_are_no_hooks(container: Container, how: str) -> None:
    container.config["hooks"] = {} if how == "an empty object" else {kind: [] for kind in KINDS}
    go_through(container)


@clause(
    HOOKS,
    "`path` (string, REQUIRED) with similar semantics to IEEE Std 1003.1-2008 `execv`'s path. "
    "This specification extends the IEEE standard in that `path` MUST be absolute.",
    each=("relative", "missing"),
)
def the_path_of_a_hook_is_no_path(container: Container, what: str) -> None:
    hooks = Hooks(container)
    hooks.add("createRuntime")
    entry = container.config["hooks"]["createRuntime"][0]
    entry["path"] = "bin/sh"  # which there is, seen from the directory that the runtime is called in
    if what == "missing":
        del entry["path"]
    container.must_be_refused(f"the path of a hook is {what}", cwd="/")


@clause(
    HOOKS,
    "`args` (array of strings, OPTIONAL) with the same semantics as IEEE Std 1003.1-2008 `execv`'s argv.",
    each=KINDS,
)
def args_of_a_hook(container: Container, kind: str) -> None:
    """The first word is the program's name for itself; it need not be its path."""

    def words(hooks: Hooks, kind: str) -> list[str]:
        line = f"exec 3</proc/self/cmdline; cat <&3 >{hooks.directory}/{kind}"
        return ["/another/place/sh", "-c", line, "a b", "", "ä", "*"]

    wrote, hooks = written_by_all(container, "args", lambda hooks, kind: hooks.add(kind, args=words(hooks, kind)))
    expect("the words", wrote[kind].split("\0")[:-1], words(hooks, kind))


def written_by_all(container: Container, what: str, add: Callable[[Hooks, str], None]) -> tuple[dict[str, str], Hooks]:
    """What a hook of each kind wrote into the file of its name, in one life that the cases of all kinds share."""

    def find_out() -> tuple[dict[str, str], Hooks]:
        hooks = Hooks(container)
        for kind in KINDS:
            add(hooks, kind)
        go_through(container)
        return {kind: "\n".join(file_lines(hooks.directory / kind)) for kind in KINDS}, hooks

    return container.shared(f"hooks: {what}", find_out)


@clause(HOOKS, "`args` (array of strings, OPTIONAL)", each=("createRuntime", "startContainer"))
def args_of_a_hook_are_optional(container: Container, kind: str) -> None:
    hooks = Hooks(container)
    container.config["hooks"] = {kind: [{"path": program_on_both_sides(container, hooks)}]}
    go_through(container)
    expect_true("the hook has run", hooks.log)


@clause(
    HOOKS,
    "`env` (array of strings, OPTIONAL) with the same semantics as IEEE Std 1003.1-2008's `environ`.",
    each=KINDS,
)
def env_of_a_hook(container: Container, kind: str) -> None:
    """What /proc shows is the environment as it was at execve(2), without what the shell adds."""
    wanted = ["PATH=/usr/bin:/bin", "EMPTY=", "TWO WORDS=a b", "EQUALS=a=b"]
    line = "exec 3</proc/self/environ; cat <&3 >"
    wrote, _ = written_by_all(container, "env", lambda hooks, kind: hooks.add(kind, f"{line}{kind}", env=wanted))
    expect("the environment", sorted(wrote[kind].split("\0")[:-1]), sorted(wanted))


@clause(HOOKS, "`timeout` (int, OPTIONAL) is the number of seconds before aborting the hook.", each=KINDS)
def timeout_of_a_hook(container: Container, kind: str) -> None:
    """A runtime that let the hook have its time would run into the suite's own limit."""
    hooks = Hooks(container)
    hooks.add(kind, f"{hooks.note('begun')}; exec sleep {2 * TIME_LIMIT:.0f}", timeout=1)
    with container.life("sleep") as life:
        life.create()
        life.start()
        if kind == "startContainer":  # `start` may not wait for it, and nobody else has ended the container yet
            life.wait_for("the container ends", life.is_over)
        life.kill()
        life.delete()
        expect("the hooks that were called", hooks.log, ["begun"])


@clause(HOOKS, "If set, `timeout` MUST be greater than zero.", each=(0, -1))
def timeout_of_a_hook_is_not_above_zero(container: Container, timeout: int) -> None:
    Hooks(container).add("createRuntime", timeout=timeout)
    container.must_be_refused(f"the timeout of a hook is {timeout}")


# ---- order and state


@clause(HOOKS, "Hooks MUST be called in the listed order.", each=KINDS)
def hooks_are_called_in_the_listed_order(container: Container, kind: str) -> None:
    def add(hooks: Hooks, kind: str) -> None:
        for number in ("first", "second", "third"):
            hooks.add(kind, f"echo {number} >>{kind}")

    wrote, _ = written_by_all(container, "order", add)
    expect("the hooks", wrote[kind].split(), ["first", "second", "third"])


STATE = (
    "The state of the container MUST be passed to hooks over stdin so that they may do work appropriate to the "
    "current state of the container."
)


@clause(HOOKS, STATE, each=KINDS)
def the_state_on_standard_input(container: Container, kind: str) -> None:
    container.config["annotations"] = {"org.example.key": "a value"}
    wrote, hooks = written_by_all(container, "state", lambda hooks, kind: hooks.add(kind, f"echo {STATE_READ} >{kind}"))
    state = parsed(wrote[kind])
    wanted = {
        "id": hooks.container.id,
        "bundle": str(hooks.container.bundle),
        "annotations": {"org.example.key": "a value"},
    }
    expect("the state", {key: state.get(key) for key in wanted}, wanted)


@clause(HOOKS, STATE, each=KINDS)
def a_hook_that_does_not_read_its_state(container: Container, kind: str) -> None:
    """It may; and the state is longer than a pipe holds: pipe(7)."""
    hooks = Hooks(container)
    line = f"exec <&-; echo {kind} >>{hooks.directory}/log"
    hooks.add(kind, args=["sh", "-c", line])
    container.config["annotations"] = {"org.example.key": "long " * 40000}
    go_through(container)
    expect("the hooks that ran", hooks.log, [kind])


# ---- when


def noted_at_each_stage(container: Container, kind: str) -> tuple[list[str], list[str], list[str]]:
    """What a slow hook has noted when create, start and delete return."""
    hooks = Hooks(container)
    hooks.add(kind, f"sleep 0.3; {hooks.note(kind)}")
    with container.created() as life:
        after_create = hooks.log
        life.must_start()
        after_start = hooks.log
        life.wait_for_program()
        life.must_stop()
        life.must_delete()
        return after_create, after_start, hooks.log


AFTER_ENVIRONMENT = (
    "The `KIND` hooks MUST be called as part of the `create` operation after the runtime environment has been created "
    "(according to the configuration in config.json) but before the `pivot_root` or any equivalent operation has been "
    "executed."
)


@for_each(OF_CREATE, AFTER_ENVIRONMENT)
def hooks_that_are_part_of_create(container: Container, kind: str) -> None:
    expect("after create, start and delete", noted_at_each_stage(container, kind), ([kind], [kind], [kind]))


@for_each(OF_CREATE, AFTER_ENVIRONMENT)
def the_mounts_are_there(container: Container, kind: str) -> None:
    expect_true("a mount of config.json is there", mount_points_seen(container, kind))


@for_each(OF_CREATE, AFTER_ENVIRONMENT)
def the_root_is_still_the_hosts(container: Container, kind: str) -> None:
    """Until pivot_root(2), what will be /mounted has a longer path."""
    points = mount_points_seen(container, kind)
    expect_true(f"the mount is somewhere below the host's root: {points}", points and "/mounted" not in points)


def mount_points_seen(container: Container, kind: str) -> list[str]:
    """Where a mount of config.json is for the container's process at the time of a hook."""
    hooks = Hooks(container)
    container.mount("/mounted")
    pid = "self" if kind in IN_CONTAINER else PID
    hooks.add(kind, f"cat /proc/{pid}/mountinfo >mounts")
    with container.created():
        points = [line.split()[4] for line in hooks.lines("mounts")]
    return [point for point in points if point.endswith("/mounted")]


@for_each(("prestart", "createRuntime"), AFTER_ENVIRONMENT)
def the_namespaces_are_there(container: Container, kind: str) -> None:
    hooks = Hooks(container)
    hooks.add(kind, f"pid={PID}; for name in {' '.join(new(container))}; do readlink /proc/$pid/ns/$name; done >seen")
    with container.created() as life:
        expect("the namespaces", hooks.lines("seen"), namespaces_of(life.pid, container))


@for_each(("prestart",), "The `prestart` hooks MUST be called before the `createRuntime` hooks.")
def prestart_before_create_runtime(container: Container, _kind: str) -> None:
    expect_order(container, "prestart", "createRuntime")


@for_each(("createContainer",), "The `createContainer` hooks MUST be called after the `createRuntime` hooks.")
def create_container_after_create_runtime(container: Container, _kind: str) -> None:
    expect_order(container, "createRuntime", "createContainer")


def expect_order(container: Container, first: str, second: str) -> None:
    """The order in config.json must not matter."""
    hooks = Hooks(container)
    hooks.add(second)
    hooks.add(first)
    with container.created():
        expect("the hooks", hooks.log, [first, second])


BEFORE_PROGRAM = (
    "The `startContainer` hooks MUST be called before the user-specified process is executed as part of the `start` "
    "operation."
)


@for_each(("startContainer",), BEFORE_PROGRAM)
def hooks_that_are_part_of_start(container: Container, kind: str) -> None:
    expect("after create, start and delete", noted_at_each_stage(container, kind), ([], [kind], [kind]))


@for_each(("startContainer",), BEFORE_PROGRAM)
def the_program_does_not_run_yet(container: Container, kind: str) -> None:
    hooks = Hooks(container)
    hooks.add(kind, "cat /proc/1/comm >program")
    go_through(container)
    expect_true("the container's process is not the program", hooks.lines("program") != ["probe"])


AFTER_PROGRAM = (
    "The `poststart` hooks MUST be called after the user-specified process is executed but before the `start` "
    "operation returns."
)


@for_each(("poststart",), AFTER_PROGRAM)
def hooks_that_end_start(container: Container, kind: str) -> None:
    expect("after create, start and delete", noted_at_each_stage(container, kind), ([], [kind], [kind]))


@for_each(("poststart",), AFTER_PROGRAM)
def the_program_runs_already(container: Container, kind: str) -> None:
    expect_true("the container's process is the program", program_at_that_time(container, kind, Hooks(container)))


@for_each(("poststart",), AFTER_PROGRAM)
def the_program_runs_already_after_a_slow_beginning(container: Container, kind: str) -> None:
    """A startContainer hook holds the program up, so that a runtime that does not wait for it can't win the race."""
    hooks = Hooks(container)
    hooks.add("startContainer", "sleep 0.5")
    expect_true("the container's process is the program", program_at_that_time(container, kind, hooks))


def program_at_that_time(container: Container, kind: str, hooks: Hooks) -> bool:
    hooks.add(kind, f"readlink /proc/{PID}/exe >executable")
    go_through(container)
    return hooks.lines("executable")[0].endswith("/probe")


AFTER_DELETION = (
    "The `poststop` hooks MUST be called after the container is deleted but before the `delete` operation returns."
)


@for_each(("poststop",), AFTER_DELETION)
def hooks_that_end_delete(container: Container, kind: str) -> None:
    expect("after create, start and delete", noted_at_each_stage(container, kind), ([], [], [kind]))


@for_each(("poststop",), AFTER_DELETION)
def the_cgroups_are_gone(container: Container, kind: str) -> None:
    hooks = Hooks(container)
    hooks.add(
        kind, f"{{ find /sys/fs/cgroup -name '*{container.id}*'; echo end; }} >found 2>errors; {hooks.note(kind)}"
    )
    go_through(container)
    expect("the hooks that ran", hooks.log, [kind])
    expect("cgroups of the container", hooks.lines("found"), ["end"])


@for_each(("poststop",), AFTER_DELETION)
def the_container_does_not_exist_any_more(container: Container, kind: str) -> None:
    hooks = Hooks(container)
    query = shlex.join([*container.runtime.argv, "state", container.id])
    hooks.add(kind, f"if {query} >answer 2>errors; then cat answer >>log; else {hooks.note('an error')}; fi")
    go_through(container)
    expect("the answer of `state`", hooks.log, ["an error"])


# ---- where


@for_each(OUTSIDE, "The `KIND` hooks' path MUST resolve in the runtime namespace.")
def the_path_is_one_of_the_host(container: Container, kind: str) -> None:
    expect("the program that ran", program_found(container, kind), ["of the host"])


@for_each(("createContainer",), "The `createContainer` hooks' path MUST resolve in the runtime namespace.")
def the_path_is_still_one_of_the_host(container: Container, kind: str) -> None:
    expect("the program that ran", program_found(container, kind), ["of the host"])


@for_each(("startContainer",), "The `startContainer` hooks' path MUST resolve in the container namespace.")
def the_path_is_one_of_the_container(container: Container, kind: str) -> None:
    expect("the program that ran", program_found(container, kind), ["of the container"])


def program_found(container: Container, kind: str) -> list[str]:
    hooks = Hooks(container)
    program = program_on_both_sides(container, hooks)
    container.config["hooks"] = {kind: [{"path": program, "args": ["program"], "env": ENVIRONMENT}]}
    go_through(container)
    return hooks.log


def program_on_both_sides(container: Container, hooks: Hooks) -> str:
    """A path that holds one program on the host and another one in the container; each notes which it is."""
    program = container.host_directory("programs") / "program"
    program.write_text(f"#!/bin/sh\n{READ}\necho of the host >>{hooks.directory}/log\n")
    program.chmod(0o755)
    container.file(str(program), program.read_text().replace("host", "container"), 0o755)
    return str(program)


@for_each(OUTSIDE, "The `KIND` hooks MUST be executed in the runtime namespace.")
def executed_in_the_runtimes_namespaces(container: Container, kind: str) -> None:
    hooks = Hooks(container)
    hooks.add(kind, f"for name in {' '.join(new(container))}; do readlink /proc/self/ns/$name; done >seen")
    go_through(container)
    expect("the namespaces", hooks.lines("seen"), namespaces_of(os.getpid(), container))


@for_each(IN_CONTAINER, "The `KIND` hooks MUST be executed in the container namespace.")
def executed_in_the_containers_namespaces(container: Container, kind: str) -> None:
    hooks = Hooks(container)
    hooks.add(kind, f"for name in {' '.join(new(container))}; do readlink /proc/self/ns/$name; done >seen")
    with container.started() as life:
        expect("the namespaces", hooks.lines("seen"), namespaces_of(life.pid, container))


def new(container: Container) -> list[str]:
    """The namespaces of config.json, by their names in /proc/PID/ns."""
    return [NAMESPACES[entry["type"]] for entry in container.linux["namespaces"]]


def namespaces_of(pid: int, container: Container) -> list[str]:
    return [os.readlink(f"/proc/{pid}/ns/{name}") for name in new(container)]


def go_through(container: Container) -> None:
    with container.life("sleep") as life:
        life.go_through()
