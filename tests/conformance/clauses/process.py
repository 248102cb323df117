"""config.md#process: what is executed, where and with which words. The terminal is in terminal.py."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from ..life import must_fail
from ..runtime import MARKER
from ..suite import clause, expect, expect_true

if TYPE_CHECKING:
    from ..container import Container

PROCESS = "config.md#process"
ARGS = (
    "This specification extends the IEEE standard in that at least one entry is REQUIRED (non-Windows), and that "
    "entry is used with the same semantics as `execvp`'s file."
)
ENV = "`env` (array of strings, OPTIONAL) with the same semantics as IEEE Std 1003.1-2008's `environ`."


@clause(PROCESS, "`cwd` (string, REQUIRED) is the working directory that will be set for the executable.")
def cwd_is_set(container: Container) -> None:
    container.process["cwd"] = "/mnt"
    expect("the working directory", container.look()["cwd"], "/mnt")


@clause(PROCESS, "`cwd` (string, REQUIRED) is the working directory that will be set for the executable.")
def cwd_is_missing(container: Container) -> None:
    del container.process["cwd"]
    container.must_be_refused("there is no process.cwd")


@clause(PROCESS, "This value MUST be an absolute path.")
def cwd_is_relative(container: Container) -> None:
    container.process["cwd"] = "mnt"
    container.must_be_refused("process.cwd is 'mnt'")


@clause(PROCESS, ENV)
def env_is_given_to_the_program(container: Container) -> None:
    wanted = ["PATH=/bin", "EMPTY=", "TWO WORDS=a b", "EQUALS=a=b=c", "LINES=a\nb", "UTF8=ä€"]
    container.process["env"] = wanted
    told = container.look()["env"]
    expect("entries that are missing", [entry for entry in wanted if entry not in told], [])


@clause(PROCESS, ENV)
def env_of_the_caller_is_not_given_to_the_program(container: Container) -> None:
    told = container.look()["env"]
    expect("variables of the caller", [entry for entry in told if entry.startswith(MARKER)], [])


@clause(PROCESS, "`env` (array of strings, OPTIONAL)")
def env_is_optional(container: Container) -> None:
    del container.process["env"]
    container.look("fds")


@clause(PROCESS, "`args` (array of strings, OPTIONAL) with similar semantics to IEEE Std 1003.1-2008 `execvp`'s argv.")
def args_arrive_as_they_are(container: Container) -> None:
    words = ["tell", "", "two words", "-x", "ä\n$HOME'"]
    expect("the arguments", container.look(*words)["argv"], ["/probe", *words])


@clause(PROCESS, ARGS)
def args_are_empty(container: Container) -> None:
    container.process["args"] = []
    container.must_be_refused("process.args is empty", own_args=True)


@clause(PROCESS, ARGS)
def args_are_missing(container: Container) -> None:
    del container.process["args"]
    container.must_be_refused("there is no process.args", own_args=True)


@clause(PROCESS, ARGS)
def a_program_without_a_slash_is_searched_in_the_containers_path(container: Container) -> None:
    (container.rootfs / "tools").mkdir()
    os.link(container.rootfs / "probe", container.rootfs / "tools" / "conformance-probe")
    container.process["env"] = ["PATH=/nowhere:/tools"]
    container.process["args"] = ["conformance-probe"]
    expect("argv", container.look()["argv"], ["conformance-probe"])


@clause(PROCESS, ARGS)
def a_program_with_a_slash_is_relative_to_cwd(container: Container) -> None:
    (container.rootfs / "mnt" / "tools").mkdir()
    os.link(container.rootfs / "probe", container.rootfs / "mnt" / "tools" / "probe")
    container.process["cwd"] = "/mnt"
    container.process["args"] = ["tools/probe"]
    expect("argv", container.look()["argv"], ["tools/probe"])


NOT_APPLIED = "This operation MUST run the user-specified program as specified by `process`."


@clause("runtime.md#start", NOT_APPLIED)
def a_program_that_does_not_exist(container: Container) -> None:
    container.process["args"] = ["/missing"]
    container.must_be_refused("there is no such program", own_args=True)


@clause("runtime.md#start", NOT_APPLIED)
def a_program_that_can_not_be_executed(container: Container) -> None:
    container.file("/etc/text", "text", 0o644)
    container.process["args"] = ["/etc/text"]
    container.must_be_refused("the program has no permission to be executed", own_args=True)


@clause("runtime.md#start", "This operation MUST generate an error if `process` was not set.")
def process_is_missing(container: Container) -> None:
    container.write("fds")
    del container.config["process"]
    (container.bundle / "config.json").write_text(json.dumps(container.config))
    result = container.runtime.run(container.bundle, container.id)
    expect_true("the runtime refused a container without a process", result.status != 0)


@clause(
    PROCESS,
    "`process` (object, OPTIONAL) specifies the container process. This property is REQUIRED when `start` is called.",
)
def process_is_missing_until_start(container: Container) -> None:
    """So `create` can do without, and the error comes with `start`."""
    with container.life("sleep") as life:
        del container.config["process"]
        container.write()
        life.must_create()
        must_fail("start", life.start())
