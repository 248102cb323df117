"""What people type who know Docker or Podman, and what it is here. Every option is told by the line that does the same.

These options are no options of minirun: config.json has a place for all that they say, and --set reaches every place.
"""

from __future__ import annotations

import shlex
from functools import partial

from . import docker_values as values
from .table import FLAG, Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Answer = str | Callable[[str], list[str]]

ENGINES = "nothing to write: it is an engine's affair"
CPU, MEMORY = "/linux/resources/cpu", "/linux/resources/memory"

# What begins with / is for --set; TEXT and VALUE stand for the value, one of them always for a string.
TEXT, VALUE = "{text}", "{value}"

SWITCHES: dict[str, Answer] = {
    "-i --interactive": "nothing to write: standard input is the program's in any case",
    "-t --tty": "/process/terminal=true",
    "--rm": "nothing to write: a run leaves nothing behind, unless --keep wants it",
    "--read-only": "/root/readonly=true",
    "--privileged": "there is no one line for that: minirun explain --without all shows what protects the host, "
    "run --without NAME leaves one of it out, and /process/capabilities has the rights",
    "--init": "nothing to write: the program itself is process 1, and sees to its children",
    "-P --publish-all": values.NO_PORTS,
    "--no-healthcheck": ENGINES,
    "-q --quiet": "nothing to write: minirun says nothing of a run that goes well",
    "--oom-kill-disable": "cgroup v2 has nothing of the kind",
}
SETTINGS: dict[str, Answer] = {
    "-v --volume": values.volume,
    "--mount": values.mount,
    "--tmpfs": values.tmpfs,
    "--device": values.device,
    "-e --env": values.environment,
    "--env-file": "--set /process/env/-=NAME=VALUE for each of its lines",
    "-u --user": values.user,
    "--group-add": f"/process/user/additionalGids/-={VALUE}",
    "-w --workdir": f"/process/cwd={TEXT}",
    "--entrypoint": "the whole command stands behind TARGET and --",
    "--cap-add": values.capability_added,
    "--cap-drop": values.capability_dropped,
    "--ulimit": values.limit,
    "--security-opt": values.security,
    "--oom-score-adj": f"/process/oomScoreAdj={VALUE}",
    "--hostname": f"/hostname={TEXT}",
    "--domainname": f"/domainname={TEXT}",
    "-m --memory": f"{MEMORY}/limit={VALUE}",
    "--memory-swap": f"{MEMORY}/swap={VALUE}",
    "--memory-reservation": f"{MEMORY}/reservation={VALUE}",
    "--cpus": values.processors,
    "-c --cpu-shares": f"{CPU}/shares={VALUE}",
    "--cpu-quota": f"{CPU}/quota={VALUE}",
    "--cpu-period": f"{CPU}/period={VALUE}",
    "--cpuset-cpus": f"{CPU}/cpus={TEXT}",
    "--cpuset-mems": f"{CPU}/mems={TEXT}",
    "--pids-limit": f"/linux/resources/pids/limit={VALUE}",
    "--blkio-weight": f"/linux/resources/blockIO/weight={VALUE}",
    "--shm-size": f"--set /mounts/N/options/-=size={VALUE}, where N is the number of /dev/shm, as --print-config shows "
    "it",
    "--cgroup-parent": f"--set /linux/cgroupsPath={VALUE}/ID",
    "--sysctl": partial(values.member, "/linux/sysctl"),
    "-l --label": partial(values.member, "/annotations"),
    "--annotation": partial(values.member, "/annotations"),
    "--network --net": values.network,
    "--pid": partial(values.namespace, "pid"),
    "--ipc": partial(values.namespace, "ipc"),
    "--uts": partial(values.namespace, "uts"),
    "--cgroupns": partial(values.namespace, "cgroup"),
    "--userns": partial(values.namespace, "user"),
    "-p --publish": values.NO_PORTS,
    "--expose": values.NO_PORTS,
    "--link": values.NO_PORTS,
    "--ip": values.NO_PORTS,
    "--dns": "the image's /etc/resolv.conf says so, or one that is bound there: -v FILE:/etc/resolv.conf",
    "--add-host": "the image's /etc/hosts says so, or one that is bound there: -v FILE:/etc/hosts",
    "--name": "--id {value}, or the id itself, with --bundle DIR before it",
    "--cidfile": "the id is the caller's to choose; --pid-file FILE has the process",
    "--stop-signal": "minirun kill ID {value} sends it",
    "--restart": f"{ENGINES}, or systemd's (Restart=, systemd.service(5))",
    "--pull": "nothing to write: minirun run IMAGE fetches what its store does not have",
    "--log-driver": f"{ENGINES}; a program's output is the caller's",
    "--health-cmd": ENGINES,
    "--runtime": ENGINES,
}


def by_flag(table: dict[str, Answer]) -> dict[str, Answer]:
    return {flag: answer for flags, answer in table.items() for flag in flags.split()}


KNOWN = by_flag(SWITCHES) | by_flag(SETTINGS)
WITH_VALUE = frozenset(by_flag(SETTINGS))


def advice(command: Command, words: Sequence[str]) -> list[str]:
    """A line for each word of Docker's, and for a program that stands behind the bundle as if that were an image."""
    return [f"{told}: {' '.join(answers)}" for told, answers in asked(command, list(words))]


def asked(command: Command, words: list[str]) -> Iterator[tuple[str, list[str]]]:
    """What the words ask for, and how to ask for that here."""
    own = {flag: option.kind != FLAG for option in command.options for flag in option.flags}
    arguments = 0
    while words and words[0] != "--":
        if not words[0].startswith("-"):
            arguments += 1
            if arguments > len(command.arguments):
                yield shlex.join(words), [f"TARGET -- {shlex.join(words)}"]
                return
            words = words[1:]
            continue
        flag, *words = [*spread(words[0], own), *words[1:]]
        has_value = own.get(flag, flag in WITH_VALUE)
        value, words = (words[0], words[1:]) if has_value and words else ("", words)
        if flag not in own and flag in KNOWN:
            yield f"{flag} {value}".rstrip(), written(KNOWN[flag], value)


def spread(word: str, own: dict[str, bool]) -> list[str]:
    """`-it` -> `-i -t`, `-m64M` -> `-m 64M`, `--memory=64M` -> `--memory 64M`, `--rm=true` -> `--rm`."""
    flag, equals, value = word.partition("=") if word.startswith("--") else (word[:2], len(word) > 2, word[2:])
    if not equals:
        return [flag]
    if own.get(flag, flag in WITH_VALUE):
        return [flag, value]
    return [flag] if flag.startswith("--") else [flag, f"-{value}"]


def written(answer: Answer, value: str) -> list[str]:
    if isinstance(answer, str):
        answers = [answer.replace(TEXT, values.text(value)).replace(VALUE, value)]
    else:
        answers = answer(value)
    return [f"--set {shlex.quote(one)}" if one.startswith("/") else one for one in answers]
