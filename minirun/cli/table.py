"""The command line as a table: every command, option and argument once, for the quick reader and for click alike."""

from __future__ import annotations

from ..record import Record

TEXT, NUMBER, FLAG = "text", "number", "flag"


class Option(Record):
    """One option: `name` is how the program calls it, `flags` how the user does."""

    name: str
    flags: tuple[str, ...]
    kind: str
    help: str
    default: object = None
    metavar: str = ""
    choices: tuple[str, ...] = ()


class Command(Record):
    """One command. `arguments` are positional and may be left out, in the order of their names."""

    name: str
    help: str
    options: tuple[Option, ...]
    arguments: tuple[str, ...] = ()


GLOBAL = (
    Option(
        "root",
        ("--root",),
        TEXT,
        "Directory of the containers' state; made when missing.",
        "/run/minirun",
        "DIR",
    ),
    Option("debug", ("--debug",), FLAG, "Tell every step on stderr (and in the log file)."),
    Option("log", ("--log",), TEXT, "Write errors and warnings to a file, too.", None, "FILE"),
    Option("log_format", ("--log-format",), TEXT, "How the log file is written.", "text", "", ("text", "json")),
)

RUN = Command(
    "run",
    """Run a container and wait for its end; the exit status is its own.

    TARGET is a bundle, a directory that holds config.json. As with other runtimes it may also be the container's id:
    with --bundle, or in the bundle's own directory. Without an id one is made up.

    \b
    Examples:
      sudo minirun run bundle/
      sudo minirun run --id web bundle/
      sudo minirun run --bundle /srv/bundle web
    """,
    (
        Option("bundle", ("--bundle", "-b"), TEXT, "The bundle's directory; TARGET is then the id.", None, "DIR"),
        Option("id", ("--id",), TEXT, "Name the container.", None, "ID"),
        Option("preserve_fds", ("--preserve-fds",), NUMBER, "Hand on N descriptors beside 0, 1 and 2.", 0, "N"),
        Option("no_pivot", ("--no-pivot",), FLAG, "Move the root instead of pivot_root(2); for initial ramdisks only."),
    ),
    ("target",),
)

SPEC = Command(
    "spec",
    """Write a config.json to start from.

    \b
    Example:
      mkdir -p bundle/rootfs && minirun spec --bundle bundle
    """,
    (
        Option("bundle", ("--bundle", "-b"), TEXT, "Where to write config.json.", ".", "DIR"),
        Option(
            "rootless", ("--rootless",), FLAG, "For a container without root: with a user namespace of your own id."
        ),
    ),
)

COMMANDS = {command.name: command for command in (RUN, SPEC)}


class Call(Record):
    """A command line, read."""

    command: str
    named: dict[str, object]  # every option and argument of the command, and the global ones
