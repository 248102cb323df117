"""The manual page, written from the table that the program itself goes by. After a change there:

    python3 -m minirun.cli.man > docs/minirun.8

It is in the language of man(7): lines that begin with a dot are requests, and `\\-` is a hyphen that can be copied into
a shell.
"""

from __future__ import annotations

from textwrap import wrap

from .. import __version__
from .table import COMMANDS, FLAG, GLOBAL, MANY, NUMBER, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = "\b"  # how click marks lines that stay as they are (click.Command, help)

DESCRIPTION = """
minirun runs a process as config.json describes it, in namespaces, control groups and a root directory of its own (OCI
runtime specification 1.3). A directory with a config.json and a root file system is a bundle.

Everything that minirun does to a container is one list of steps. explain prints it, and run --narrate tells each step
as it is done, with the manual page that explains it. An error says which step failed, where in config.json it comes
from, and what helps.
"""

STATUS = """
run and exec exit with the status of the program, or 128 + N where signal N has ended it. Otherwise 0 means success and
1 failure; exec exits with 255 where the program can't be run.
"""

FILES = (
    ("/run/minirun/ID", "What is known of the container ID, its config.json among it; elsewhere with --root."),
    ("$XDG_RUNTIME_DIR/minirun/ID", "The same for containers of users other than root."),
    ("/var/lib/minirun/networks", "Networks, and who has which address; elsewhere with --networks."),
    ("/sys/fs/cgroup", "The control groups (version 2) that containers get theirs in."),
)

ENVIRONMENT = (
    (
        "XDG_RUNTIME_DIR",
        "Where a user other than root keeps what is known of containers. A login sets it (pam_systemd(8)).",
    ),
    (
        "LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES",
        "Sockets that are open already, from descriptor 3 on, are the program's (sd_listen_fds(3)).",
    ),
    (
        "NOTIFY_SOCKET",
        "Who listens there hears when the program is ready (sd_notify(3)). start and run --detach wait for that. "
        + "metrics, and health with --notify, have news of their own.",
    ),
    (
        "REGISTRY_AUTH_FILE",
        "A file with logins to registries, as podman login, skopeo login and docker login write it; otherwise it is "
        + "looked for where these do (containers-auth.json(5)).",
    ),
    (
        "SSL_CERT_FILE",
        "Certificates of those who sign what registries show; for registries with one of your own making.",
    ),
    ("TRACEPARENT, TRACESTATE", "The trace that a trace is to be a part of (W3C Trace Context)."),
)

# Those that click answers (cli/commands.py).
QUESTIONS = (
    Option("help", ("-h", "-?", "--help"), FLAG, "Help, also for each command: minirun run --help."),
    Option("usage", ("--usage",), FLAG, "One line of help, also for each command."),
    Option("version", ("-v", "-V", "--version"), FLAG, "The version, and that of the specification."),
)

# What a shell would read, and what a manual page prints in its place unless it is told not to (groff_char(7)).
TYPED = str.maketrans({"-": "\\-", "'": "\\(aq", "`": "\\(ga", "^": "\\(ha", "~": "\\(ti", "\\": "\\e"})

SEE_ALSO = (
    ("namespaces", 7),
    ("cgroups", 7),
    ("capabilities", 7),
    ("mount_namespaces", 7),
    ("pivot_root", 2),
    ("seccomp", 2),
    ("unshare", 1),
    ("nsenter", 1),
)


def page() -> str:
    """The whole page."""
    return "\n".join(lines()) + "\n"


def lines() -> Iterator[str]:
    yield '.\\" Written by minirun.cli.man; changes here will be lost.'
    yield f'.TH MINIRUN 8 "" "minirun {__version__}" "System Administration"'
    yield from (".SH NAME", "minirun \\- run containers, as config.json describes them")
    yield from (".SH SYNOPSIS", ".B minirun", "[\\fIOPTION\\fR]... \\fICOMMAND\\fR [\\fIWORD\\fR]...")
    yield from (".SH DESCRIPTION", paragraphs(DESCRIPTION))
    yield from (".SH OPTIONS", "These stand before the command.", *options(GLOBAL))
    yield from options(QUESTIONS)
    yield ".SH COMMANDS"
    for command in COMMANDS.values():
        yield from section(command)
    yield from (".SH EXIT STATUS", paragraphs(STATUS))
    yield ".SH ENVIRONMENT"
    for names, meaning in ENVIRONMENT:
        yield from entry(f"\\fB{plain(names)}\\fR", meaning)
    yield ".SH FILES"
    for path, meaning in FILES:
        yield from entry(f"\\fI{plain(path)}\\fR", meaning)
    yield from (".SH SEE ALSO", ",\n".join(f".BR {plain(name)} ({number})" for name, number in SEE_ALSO))


def section(command: Command) -> Iterator[str]:
    """One command: how it is called, what it does, its options, examples."""
    yield f".SS minirun {command.name}"
    yield " ".join([f"\\fBminirun {command.name}\\fR", *synopsis(command)])
    parts = command.help.strip().split("\n\n")
    for part in parts:
        if EXAMPLES not in part:
            yield from (".PP", plain(part))
    yield from options(command.options)
    for part in parts:
        if EXAMPLES in part:
            yield from examples(part)


def synopsis(command: Command) -> Iterator[str]:
    if command.options:
        yield "[\\fIOPTION\\fR]..."
    for number, name in enumerate(command.arguments):
        word = f"\\fI{name.upper()}\\fR"
        dots = "..." if (command.rest or command.many) and name == command.arguments[-1] else ""
        yield f"{word}{dots}" if number < command.required else f"[{word}]{dots}"


def examples(paragraph: str) -> Iterator[str]:
    """A heading, and lines as they are to be typed."""
    heading, *typed = [line.strip() for line in paragraph.replace(EXAMPLES, "").strip().splitlines()]
    yield from (".PP", plain(heading), ".PP", ".RS 4", ".EX", *map(literal, typed), ".EE", ".RE")


def options(table: tuple[Option, ...]) -> Iterator[str]:
    for option in table:
        flags = ", ".join(f"\\fB{literal(flag)}\\fR" for flag in option.flags)
        notes = " May be given more than once." if option.kind == MANY else ""
        notes += f" If not given: {option.default}." if option.default not in (None, 0, ".", ()) else ""
        yield from entry(flags + value(option), option.help + notes)


def value(option: Option) -> str:
    """What stands behind the flag."""
    if option.kind == FLAG:
        return ""
    if option.choices:
        return " " + "|".join(f"\\fB{literal(word)}\\fR" for word in option.choices)
    return f" \\fI{literal(option.metavar or ('N' if option.kind == NUMBER else option.name.upper()))}\\fR"


def entry(heading: str, text: str) -> tuple[str, ...]:
    return (".TP", heading, plain(text))


def paragraphs(text: str) -> str:
    return "\n.PP\n".join(map(plain, text.split("\n\n")))


def plain(text: str) -> str:
    """Prose, in which only a hyphen at the beginning of a word belongs to an option."""
    words = [literal(word) if word.startswith("-") else word.replace("\\", "\\e") for word in text.split()]
    wrapped = wrap(" ".join(words), 80, break_on_hyphens=False, break_long_words=False)
    return "\n".join(map(guarded, wrapped))


def literal(text: str) -> str:
    """What is to be typed as it stands here."""
    return guarded(text.translate(TYPED))


def guarded(line: str) -> str:
    """A dot or an apostrophe would make a request of the line."""
    return f"\\&{line}" if line.startswith((".", "'")) else line


if __name__ == "__main__":
    print(page(), end="")
