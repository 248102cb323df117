"""The command line as a table: every command, option and argument once, for the quick reader and for click alike."""

from __future__ import annotations

from ..record import Record

TEXT, NUMBER, FLAG, MANY = "text", "number", "flag", "many"  # MANY: a text that may be given more than once


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
    """One command. `arguments` are positional; those behind the first `required` ones may be left out."""

    name: str
    help: str
    options: tuple[Option, ...]
    arguments: tuple[str, ...] = ()
    required: int = 0
    rest: bool = False  # the last argument takes all words that are left, whatever they look like


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

# What it takes to make a container.
CREATION = (
    Option("bundle", ("--bundle", "-b"), TEXT, "The bundle's directory; here, if not given.", None, "DIR"),
    Option("console_socket", ("--console-socket",), TEXT, "Send the terminal's master side there.", None, "SOCKET"),
    Option("pid_file", ("--pid-file",), TEXT, "Write the pid of the container's process there.", None, "FILE"),
    Option("preserve_fds", ("--preserve-fds",), NUMBER, "Hand on N descriptors beside 0, 1 and 2.", 0, "N"),
    Option("no_pivot", ("--no-pivot",), FLAG, "Move the root instead of pivot_root(2); for initial ramdisks only."),
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
      sudo minirun run --detach --bundle /srv/bundle web
    """,
    (
        *CREATION,
        Option("id", ("--id",), TEXT, "Name the container.", None, "ID"),
        Option("detach", ("--detach", "-d"), FLAG, "Return when the program runs, and leave it alone."),
        Option("keep", ("--keep",), FLAG, "Leave the container's state and cgroup when it has ended."),
    ),
    ("target",),
)

CREATE = Command(
    "create",
    """Make a container whose program waits for start.

    \b
    Example:
      sudo minirun create --bundle bundle/ web && sudo minirun start web
    """,
    CREATION,
    ("id",),
    1,
)

START = Command(
    "start",
    """Let a created container run its program.

    \b
    Example:
      sudo minirun start web
    """,
    (),
    ("id",),
    1,
)

EXEC = Command(
    "exec",
    """Run a further program in a container; the exit status is its own, 255 if it can't be run.

    \b
    Examples:
      sudo minirun exec web ps
      sudo minirun exec --tty --user 1000 web sh
      sudo minirun exec --detach --process process.json web
    """,
    (
        Option("process", ("--process", "-p"), TEXT, "All about the process, as in config.json.", None, "FILE"),
        Option("tty", ("--tty", "-t"), FLAG, "With a terminal."),
        Option("detach", ("--detach", "-d"), FLAG, "Return when the program runs, and leave it alone."),
        Option("console_socket", ("--console-socket",), TEXT, "Send the terminal's master side there.", None, "SOCKET"),
        Option("pid_file", ("--pid-file",), TEXT, "Write the program's pid there.", None, "FILE"),
        Option("user", ("--user", "-u"), TEXT, "Who runs it, as numbers.", None, "UID[:GID]"),
        Option("additional_gids", ("--additional-gids", "-g"), MANY, "One more group, as a number.", (), "GID"),
        Option("cwd", ("--cwd",), TEXT, "The directory to run it in.", None, "DIR"),
        Option("env", ("--env", "-e"), MANY, "One more variable of its environment.", (), "NAME=VALUE"),
        Option("cap", ("--cap", "-c"), MANY, "One more capability, such as CAP_SYS_TIME.", (), "CAP"),
        Option("no_new_privs", ("--no-new-privs",), FLAG, "It can't gain privileges by what it executes."),
        Option("preserve_fds", ("--preserve-fds",), NUMBER, "Hand on N descriptors beside 0, 1 and 2.", 0, "N"),
        Option("cgroup", ("--cgroup",), TEXT, "Run it in a cgroup below the container's.", None, "PATH"),
        Option("ignore_paused", ("--ignore-paused",), FLAG, "Wait in a paused container until it is resumed."),
    ),
    ("id", "arguments"),
    1,
    rest=True,
)

STATE = Command(
    "state",
    """Print a container's state as JSON.

    \b
    Example:
      sudo minirun state web | jq -r .status
    """,
    (),
    ("id",),
    1,
)

KILL = Command(
    "kill",
    """Send a signal to a container's process; SIGTERM, if none is given.

    \b
    Examples:
      sudo minirun kill web
      sudo minirun kill --all web KILL
    """,
    (Option("all", ("--all", "-a"), FLAG, "To all processes of the container."),),
    ("id", "signal"),
    1,
)

DELETE = Command(
    "delete",
    """Remove what is left of a container that has ended.

    \b
    Examples:
      sudo minirun delete web
      sudo minirun delete --force web
    """,
    (Option("force", ("--force", "-f"), FLAG, "End it first; no error where there is no such container."),),
    ("id",),
    1,
)

FORMAT = Option("format", ("--format", "-f"), TEXT, "How to print it.", "table", "", ("table", "json"))

LIST = Command(
    "list",
    """List the containers.

    \b
    Example:
      sudo minirun list --format json | jq -r '.[].id'
    """,
    (FORMAT, Option("quiet", ("--quiet", "-q"), FLAG, "Only their ids.")),
)

PS = Command(
    "ps",
    """List the processes of a container, as the host sees them.

    \b
    Example:
      sudo minirun ps web
    """,
    (FORMAT,),
    ("id",),
    1,
)

PAUSE = Command(
    "pause",
    """Stop all processes of a container, without their noticing.

    \b
    Example:
      sudo minirun pause web; sudo minirun resume web
    """,
    (),
    ("id",),
    1,
)

RESUME = Command(
    "resume",
    """Let the processes of a paused container go on.

    \b
    Example:
      sudo minirun resume web
    """,
    (),
    ("id",),
    1,
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

VALIDATE = Command(
    "validate",
    """Say everything that is wrong with a bundle. Nothing runs, and you need not be root.

    The exit status is 1 if there are errors; warnings are for what will be ignored, or may be missing later.

    \b
    Examples:
      minirun validate bundle/
      minirun validate --format json bundle/ | jq -r '.[].pointer'
    """,
    (Option("format", ("--format", "-f"), TEXT, "How to print it.", "text", "", ("text", "json")),),
    ("bundle",),
)

FEATURES = Command(
    "features",
    """Print what minirun can do, as JSON for engines.

    \b
    Example:
      minirun features | jq .linux.namespaces
    """,
    (),
)

COMPLETION = Command(
    "completion",
    """Print what makes a shell complete minirun's commands, options and containers: bash, zsh or fish.

    \b
    Examples:
      source <(minirun completion bash)
      minirun completion zsh > "${fpath[1]}/_minirun"
      minirun completion fish > ~/.config/fish/completions/minirun.fish
    """,
    (),
    ("shell",),
    1,
)

COMMANDS = {
    command.name: command
    for command in (
        *(RUN, CREATE, START, EXEC),
        *(STATE, LIST, PS),
        *(PAUSE, RESUME, KILL, DELETE),
        *(SPEC, VALIDATE, FEATURES, COMPLETION),
    )
}


class Call(Record):
    """A command line, read."""

    command: str
    named: dict[str, object]  # every option and argument of the command, and the global ones
