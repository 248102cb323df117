"""config.md#process, terminal: pty(7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..suite import clause, expect, expect_true

if TYPE_CHECKING:
    from ..container import Container

PROCESS = "config.md#process"
PTY = 136  # the major number of pseudoterminals, Documentation/admin-guide/devices.txt


@clause(
    PROCESS, "`terminal` (bool, OPTIONAL) specifies whether a terminal is attached to the process, defaults to false."
)
def no_terminal_by_default(container: Container) -> None:
    expect("standard streams that are terminals", container.look()["terminal"]["isatty"], [False, False, False])


@clause(
    PROCESS,
    (
        "As an example, if set to true on Linux a pseudoterminal pair is allocated for the process and the "
        "pseudoterminal pty is duplicated on the process's standard streams."
    ),
)
def a_terminal_on_the_standard_streams(container: Container) -> None:
    container.process["terminal"] = True
    told = container.look_at_terminal()
    expect("standard streams that are terminals", told["terminal"]["isatty"], [True, True, True])
    streams = {told["fds"][number] for number in ("0", "1", "2")}
    expect("different terminals on the standard streams", len(streams), 1)
    expect_true(
        f"the terminal is one of the container ({streams})", streams.pop().startswith(("/dev/pts/", "/dev/console"))
    )


@clause(
    "config-linux.md#default-devices",
    (
        "`/dev/console` is set up if `terminal` is enabled in the config by bind mounting the pseudoterminal pty "
        "to `/dev/console`."
    ),
)
def dev_console_is_the_terminal(container: Container) -> None:
    container.process["terminal"] = True
    told = container.look_at_terminal()
    expect(
        "/dev/console",
        (told["dev"]["console"] if "console" in told["dev"] else told["dev"].get("/dev/console", {})).get("major"),
        PTY,
    )
    expect("the type of the mount at /dev/console", told.mounted_at("/dev/console").type, "devpts")


@clause(PROCESS, "`consoleSize` (object, OPTIONAL) specifies the console size in characters of the terminal.")
def console_size_is_set(container: Container) -> None:
    container.process.update(terminal=True, consoleSize={"height": 33, "width": 77})
    told = container.look_at_terminal()["terminal"]
    expect("rows and columns", (told["rows"], told["columns"]), (33, 77))


@clause(PROCESS, "Runtimes MUST ignore `consoleSize` if `terminal` is `false` or unset.", each=("false", "unset"))
def console_size_without_a_terminal_is_ignored(container: Container, terminal: str) -> None:
    container.process["consoleSize"] = {"height": 33, "width": 77}
    if terminal == "false":
        container.process["terminal"] = False
    container.look("fds")
