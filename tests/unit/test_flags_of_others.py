"""A command line that was written for runc or crun is read here, too: every command and flag of theirs, and what it is
called here."""

from __future__ import annotations

import click
import pytest

from minirun.cli import commands, quick
from minirun.cli.actions import perform
from minirun.cli.spelling import plain
from minirun.cli.table import COMMANDS, GLOBAL, Call

RUNC, CRUN = "runc", "crun"
BOTH = (RUNC, CRUN)

# command ("" for the global flags), flag, a value or None, whose it is, the name and the value that are read
ROWS = [
    ("", "--debug", None, BOTH, "debug", True),
    ("", "--log", "/log", BOTH, "log", "/log"),
    ("", "--log", "journald:web", (CRUN,), "log", "journald:web"),
    ("", "--log", "syslog:web", (CRUN,), "log", "syslog:web"),
    ("", "--log", "file:/log", (CRUN,), "log", "file:/log"),
    ("", "--log-format", "text", BOTH, "log_format", "text"),
    ("", "--log-format", "json", BOTH, "log_format", "json"),
    ("", "--log-level", "error", (CRUN,), "log_level", "error"),
    ("", "--log-level", "warning", (CRUN,), "log_level", "warning"),
    ("", "--log-level", "debug", (CRUN,), "log_level", "debug"),
    ("", "--root", "/state", BOTH, "root", "/state"),
    ("", "--systemd-cgroup", None, BOTH, "systemd_cgroup", True),
    ("", "--cgroup-manager", "cgroupfs", (CRUN,), "cgroup_manager", "cgroupfs"),
    ("", "--cgroup-manager", "systemd", (CRUN,), "cgroup_manager", "systemd"),
    ("", "--cgroup-manager", "disabled", (CRUN,), "cgroup_manager", "disabled"),
    ("", "--rootless", "true", BOTH, "rootless_mode", "true"),
    ("", "--rootless", "false", BOTH, "rootless_mode", "false"),
    ("", "--rootless", "auto", BOTH, "rootless_mode", "auto"),
    ("", "--criu", "/usr/sbin/criu", (RUNC,), "criu", "/usr/sbin/criu"),
    *(
        (command, *row)
        for command in ("create", "run")
        for row in (
            ("--bundle", "/b", BOTH, "bundle", "/b"),
            ("-b", "/b", BOTH, "bundle", "/b"),
            ("--config", "/c", (CRUN,), "config", "/c"),
            ("-f", "/c", (CRUN,), "config", "/c"),
            ("--console-socket", "/s", BOTH, "console_socket", "/s"),
            ("--pidfd-socket", "/s", (RUNC,), "pidfd_socket", "/s"),
            ("--pid-file", "/p", BOTH, "pid_file", "/p"),
            ("--no-pivot", None, BOTH, "no_pivot", True),
            ("--no-new-keyring", None, BOTH, "no_new_keyring", True),
            ("--no-subreaper", None, BOTH, "no_subreaper", True),
            ("--preserve-fds", "3", BOTH, "preserve_fds", 3),
        )
    ),
    ("run", "--detach", None, BOTH, "detach", True),
    ("run", "-d", None, BOTH, "detach", True),
    ("run", "--keep", None, BOTH, "keep", True),
    *(
        (command, *row)
        for command in ("checkpoint", "restore")
        for row in (
            ("--image-path", "/i", BOTH, "image_path", "/i"),
            ("--work-path", "/w", BOTH, "work_path", "/w"),
            ("--tcp-established", None, BOTH, "tcp_established", True),
            ("--ext-unix-sk", None, BOTH, "ext_unix_sk", True),
            ("--shell-job", None, BOTH, "shell_job", True),
            ("--file-locks", None, BOTH, "file_locks", True),
            ("--lazy-pages", None, (RUNC,), "lazy_pages", True),
            ("--auto-dedup", None, (RUNC,), "auto_dedup", True),
            ("--manage-cgroups-mode", "soft", BOTH, "manage_cgroups_mode", "soft"),
            ("--manage-cgroups-mode", "ignore", BOTH, "manage_cgroups_mode", "ignore"),
            ("--empty-ns", "network", (RUNC,), "empty_ns", "network"),
        )
    ),
    ("checkpoint", "--parent-path", "../p", BOTH, "parent_path", "../p"),
    ("checkpoint", "--leave-running", None, BOTH, "leave_running", True),
    ("checkpoint", "--pre-dump", None, BOTH, "pre_dump", True),
    ("checkpoint", "--page-server", "host:7", (RUNC,), "page_server", "host:7"),
    ("checkpoint", "--status-fd", "3", (RUNC,), "status_fd", "3"),
    ("checkpoint", "--tcp-skip-in-flight", None, (RUNC,), "tcp_skip_in_flight", True),
    ("checkpoint", "--link-remap", None, (RUNC,), "link_remap", True),
    ("restore", "--bundle", "/b", BOTH, "bundle", "/b"),
    ("restore", "-b", "/b", BOTH, "bundle", "/b"),
    ("restore", "--pid-file", "/p", BOTH, "pid_file", "/p"),
    ("restore", "--console-socket", "/s", BOTH, "console_socket", "/s"),
    ("restore", "--detach", None, BOTH, "detach", True),
    ("restore", "-d", None, BOTH, "detach", True),
    ("restore", "--no-pivot", None, (RUNC,), "no_pivot", True),
    ("restore", "--no-subreaper", None, (RUNC,), "no_subreaper", True),
    ("restore", "--lsm-profile", "selinux:l", BOTH, "lsm_profile", "selinux:l"),
    ("restore", "--lsm-mount-context", "c", BOTH, "lsm_mount_context", "c"),
    ("kill", "--all", None, BOTH, "all", True),
    ("kill", "-a", None, BOTH, "all", True),
    ("kill", "--regex", None, (CRUN,), "regex", True),
    ("kill", "-r", None, (CRUN,), "regex", True),
    ("delete", "--force", None, BOTH, "force", True),
    ("delete", "-f", None, BOTH, "force", True),
    ("delete", "--regex", None, (CRUN,), "regex", True),
    ("delete", "-r", None, (CRUN,), "regex", True),
    ("exec", "--console-socket", "/s", BOTH, "console_socket", "/s"),
    ("exec", "--pidfd-socket", "/s", (RUNC,), "pidfd_socket", "/s"),
    ("exec", "--cwd", "/tmp", BOTH, "cwd", "/tmp"),
    ("exec", "--env", "A=b", BOTH, "env", ("A=b",)),
    ("exec", "-e", "A=b", BOTH, "env", ("A=b",)),
    ("exec", "--tty", None, BOTH, "tty", True),
    ("exec", "-t", None, BOTH, "tty", True),
    ("exec", "--user", "1:2", BOTH, "user", "1:2"),
    ("exec", "-u", "1", BOTH, "user", "1"),
    ("exec", "--additional-gids", "3", (RUNC,), "additional_gids", ("3",)),
    ("exec", "-g", "3", (RUNC,), "additional_gids", ("3",)),
    ("exec", "--process", "/p", BOTH, "process", "/p"),
    ("exec", "-p", "/p", BOTH, "process", "/p"),
    ("exec", "--detach", None, BOTH, "detach", True),
    ("exec", "-d", None, BOTH, "detach", True),
    ("exec", "--pid-file", "/p", BOTH, "pid_file", "/p"),
    ("exec", "--process-label", "a:b:c", BOTH, "process_label", "a:b:c"),
    ("exec", "--apparmor", "profile", BOTH, "apparmor", "profile"),
    ("exec", "--no-new-privs", None, BOTH, "no_new_privs", True),
    ("exec", "--cap", "CAP_KILL", BOTH, "cap", ("CAP_KILL",)),
    ("exec", "-c", "CAP_KILL", BOTH, "cap", ("CAP_KILL",)),
    ("exec", "--preserve-fds", "3", BOTH, "preserve_fds", 3),
    ("exec", "--cgroup", "sub", BOTH, "cgroup", "sub"),
    ("exec", "--ignore-paused", None, (RUNC,), "ignore_paused", True),
    ("list", "--format", "table", BOTH, "format", "table"),
    ("list", "-f", "json", BOTH, "format", "json"),
    ("list", "--quiet", None, BOTH, "quiet", True),
    ("list", "-q", None, BOTH, "quiet", True),
    ("ps", "--format", "json", BOTH, "format", "json"),
    ("ps", "-f", "table", BOTH, "format", "table"),
    ("spec", "--bundle", "/b", BOTH, "bundle", "/b"),
    ("spec", "-b", "/b", BOTH, "bundle", "/b"),
    ("spec", "--file", "/c", (CRUN,), "file", "/c"),
    ("spec", "-f", "/c", (CRUN,), "file", "/c"),
    ("spec", "--rootless", None, BOTH, "rootless", True),
    *(
        ("update", flag, value, BOTH, None, None)
        for flag, value in (
            ("--resources", "-"),
            ("-r", "/r"),
            ("--blkio-weight", "100"),
            ("--cpu-period", "100000"),
            ("--cpu-quota", "50000"),
            ("--cpu-share", "512"),
            ("--cpuset-cpus", "0-1"),
            ("--cpuset-mems", "0"),
            ("--memory", "64m"),
            ("--memory-reservation", "32m"),
            ("--memory-swap", "128m"),
            ("--pids-limit", "20"),
        )
    ),
    ("events", "--interval", "5s", (RUNC,), None, None),
    ("events", "--stats", None, (RUNC,), None, None),
]

# The commands of both, and how many arguments they take.
ARGUMENTS = {
    "create": ["id"],
    "run": ["id"],
    "start": ["id"],
    "state": ["id"],
    "kill": ["id"],
    "delete": ["id"],
    "exec": ["id", "program"],
    "list": [],
    "ps": ["id"],
    "pause": ["id"],
    "resume": ["id"],
    "update": ["id"],
    "events": ["id"],
    "checkpoint": ["id"],
    "restore": ["id"],
    "spec": [],
    "features": [],
}


def by_click(words: list[str]) -> Call | None:
    calls: list[Call] = []
    try:
        commands.program(lambda call: calls.append(call) or 0).main(words, prog_name="minirun", standalone_mode=False)
    except click.ClickException:
        return None
    return calls[0] if calls else None


def line(command: str, *flags: str) -> list[str]:
    if not command:
        return [*flags, "list"]
    if command not in COMMANDS:
        pytest.skip(f"there is no {command} yet")
    return [command, *flags, *ARGUMENTS[command]]


def spellings(flag: str, value: str | None) -> list[list[str]]:
    if value is None:
        return [[flag], [f"{flag}=true"]]
    return [[flag, value], [f"{flag}={value}"]] if flag.startswith("--") else [[flag, value]]


@pytest.mark.parametrize(("command", "flag", "value", "whose", "name", "read"), ROWS)
def test_a_flag_of_others_is_read_by_both_readers(command, flag, value, whose, name, read):
    for spelling in spellings(flag, value):
        words = plain(line(command, *spelling))
        by_quick, clicked = quick.read(words), by_click(words)
        assert by_quick is not None, f"{words}: the quick reader leaves a flag of {whose} to click"
        assert by_quick == clicked
        assert name is None or by_quick.named[name] == read


@pytest.mark.parametrize("command", ARGUMENTS)
def test_a_command_of_others_is_there(command):
    call = quick.read(line(command))
    assert call is not None and call.command == command


def test_mounts_are_not_changed(capfd):
    """crun's experiment of adding mounts to a container that runs."""
    assert quick.read(["mounts", "add", "id", "mounts.json"]) is None
    assert commands.main(["mounts", "add", "id", "mounts.json"], perform) == 1
    assert "no such command" in capfd.readouterr().err


def test_the_rows_have_every_option_of_the_table_but_our_own():
    """An option that nobody else has is one that a reader of this table should know of."""
    own = {
        ("run", "id"),  # TARGET may be a bundle, then the id needs a place
        ("run", "timeline"),
        *(("run", name) for name in ("without", "i_know", "store", "platform", "most")),
        ("run", "narrate_full"),
        *(("run", name) for name in ("store", "platform", "most")),  # of an image, which is a bundle elsewhere
        *(("spec", name) for name in ("network", "networks", "publish")),
        *((command, "set") for command in ("run", "create", "restore")),
        *((command, "print_config") for command in ("run", "create")),
        *((command, "narrate") for command in ("run", "create", "start", "exec", "delete", "checkpoint", "restore")),
        *((command, name) for command in ("run", "create", "exec") for name in ("step", "predictions")),
    }
    told = {(command, name) for command, *_, name, _ in ROWS}
    ours = {("", option.name) for option in GLOBAL}
    ours |= {(name, option.name) for name in ARGUMENTS if name in COMMANDS for option in COMMANDS[name].options}
    unknown = {row for row in ours - told - own if row[0] not in ("update", "events")}
    assert not unknown, f"neither runc nor crun has {unknown}"


@pytest.mark.parametrize(
    ("words", "spelled"),
    [
        (["--debug=true", "list"], ["--debug", "list"]),
        (["--debug", "--debug=false", "list"], ["list"]),
        (["--root", "list", "list", "--quiet=1"], ["--root", "list", "list", "--quiet"]),
        (["exec", "-t=false", "id", "sh"], ["exec", "id", "sh"]),
        (["exec", "--tty", "--env", "--tty=true", "id"], ["exec", "--tty", "--env", "--tty=true", "id"]),
        (["exec", "id", "sh", "--tty=true"], ["exec", "id", "sh", "--tty=true"]),
        (["exec", "id", "--tty=true"], ["exec", "id", "--tty=true"]),
        (["ps", "id", "--format=json"], ["ps", "id", "--format=json"]),
        (["kill", "id", "--all=T", "KILL"], ["kill", "id", "--all", "KILL"]),
        (["run", "--narrate=full", "bundle"], ["run", "--narrate-full", "bundle"]),
        (["--log=format", "list"], ["--log=format", "list"]),  # a file of this name
        (["run", "--narrate", "full"], ["run", "--narrate", "full"]),
        (["create", "--narrate=full", "id"], ["create", "--narrate=full", "id"]),
        (["run", "--detach=maybe", "id"], ["run", "--detach=maybe", "id"]),
        (["--no-such=true"], ["--no-such=true"]),
        (["run", "--preserve-fds"], ["run", "--preserve-fds"]),
        ([], []),
    ],
)
def test_values_of_flags(words, spelled):
    assert plain(words) == spelled


@pytest.mark.parametrize(
    ("words", "spelled"),
    [
        (["-root", "/r", "list", "-quiet"], ["--root", "/r", "list", "--quiet"]),
        (["run", "-d", "-bundle=/b", "-detach=false", "id"], ["run", "--bundle=/b", "id"]),
        (["kill", "-all", "id", "KILL"], ["kill", "--all", "id", "KILL"]),
        (["exec", "-cwd", "-tty", "id", "sh", "-tty"], ["exec", "--cwd", "-tty", "id", "sh", "-tty"]),
        (["exec", "-dt", "id"], ["exec", "-dt", "id"]),  # -d -t, as crun has it
    ],
)
def test_one_hyphen_will_do(words, spelled):
    """As with every program that is written in Go."""
    assert plain(words) == spelled


@pytest.mark.parametrize(
    ("words", "spelled"),
    [
        (["help"], ["--help"]),
        (["help", "run"], ["run", "--help"]),
        (["--root", "help", "help", "run"], ["--root", "help", "run", "--help"]),
        (["kill", "help"], ["kill", "help"]),
    ],
)
def test_help_is_a_command(words, spelled):
    assert plain(words) == spelled
