"""What minirun says that a step changes is what the kernel then tells: for every step of many plans."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kernel.kit.film import differences
from kernel.kit.host import nothing_left
from kernel.kit.runtime import TIMEOUT, new_id
from minirun.plan.container import Options, plan
from minirun.runtime.caller import as_caller
from minirun.spec.load import load
from minirun.teach.film import film, start_as
from minirun.teach.inspection import Facts

if TYPE_CHECKING:
    from collections.abc import Callable

    from kernel.kit.bundle import Bundle

pytestmark = pytest.mark.root

DRIVER = Path(__file__).parent / "kit" / "film_driver.py"
REPOSITORY = Path(__file__).parents[2]
IDS = [{"containerID": 0, "hostID": 100000, "size": 65536}]
ALLOWED = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["getsid"], "action": "SCMP_ACT_ERRNO"}]}


def user_namespace(bundle: Bundle) -> None:
    bundle.namespace("user")
    bundle.linux.update({"uidMappings": IDS, "gidMappings": IDS})
    for path in (bundle.rootfs, *bundle.rootfs.iterdir()):
        os.chown(path, 100000, 100000)


def plain(bundle: Bundle) -> None:
    pass


def named(bundle: Bundle) -> None:
    bundle.config.update({"hostname": "film", "domainname": "pictures"})


def an_ordinary_user(bundle: Bundle) -> None:
    bundle.process["user"] = {"uid": 1000, "gid": 1000, "additionalGids": [4, 24], "umask": 0o077}


def with_ambient_capabilities(bundle: Bundle) -> None:
    an_ordinary_user(bundle)
    few = ["CAP_KILL", "CAP_CHOWN"]
    sets = ("bounding", "effective", "permitted", "inheritable", "ambient")
    bundle.process["capabilities"] = dict.fromkeys(sets, few)


def without_capabilities(bundle: Bundle) -> None:
    del bundle.process["capabilities"]


def without_new_privileges(bundle: Bundle) -> None:
    bundle.process["noNewPrivileges"] = True


def root_gains(bundle: Bundle) -> None:
    bundle.process["capabilities"].update({"permitted": ["CAP_KILL"], "effective": []})


def filtered(bundle: Bundle) -> None:
    bundle.linux["seccomp"] = ALLOWED


def filtered_late(bundle: Bundle) -> None:
    filtered(bundle)
    without_new_privileges(bundle)


def masked(bundle: Bundle) -> None:
    bundle.linux["maskedPaths"] = ["/proc/kcore", "/proc/acpi", "/sys/firmware", "/nowhere"]
    bundle.linux["readonlyPaths"] = ["/proc/sys", "/proc/bus", "/nowhere"]


def read_only(bundle: Bundle) -> None:
    bundle.config["root"]["readonly"] = True
    bundle.mount("/tmp", "ro", "noexec")


def with_mounts(bundle: Bundle) -> None:
    (bundle.path / "data").mkdir()
    bundle.mount("/mnt", "nosuid", "nodev", "size=1m")
    bundle.bind(bundle.path / "data", "/mnt/data", "ro", "noexec")
    bundle.bind("/etc", "/mnt/etc", "rbind", "ro")
    bundle.mount("/mnt", "size=2m")  # over what was there


def remounted(bundle: Bundle) -> None:
    bundle.mount("/mnt", "nosuid")
    bundle.mount("/mnt", "remount", "bind", "ro", "nodev", kind="")


def over_layers(bundle: Bundle) -> None:
    """The root is a mount over others, as minirun bundle --overlay has it."""
    for name in ("upper", "work", "more"):
        (bundle.path / name).mkdir()
    lower, upper = f"lowerdir={bundle.path}/more:{bundle.rootfs}", f"upperdir={bundle.path}/upper"
    entry = {"destination": "/", "type": "overlay", "source": "overlay"}
    bundle.mounts.insert(0, {**entry, "options": [lower, upper, f"workdir={bundle.path}/work"]})


def with_all_namespaces(bundle: Bundle) -> None:
    user_namespace(bundle)
    bundle.namespace("cgroup")
    if Path("/proc/self/ns/time").exists():
        bundle.namespace("time")
        bundle.linux["timeOffsets"] = {"boottime": {"secs": 7, "nanosecs": 5}}


def in_a_user_namespace_as_somebody(bundle: Bundle) -> None:
    user_namespace(bundle)
    an_ordinary_user(bundle)


def without_a_pid_namespace(bundle: Bundle) -> None:
    bundle.linux["namespaces"] = [one for one in bundle.linux["namespaces"] if one["type"] != "pid"]


def joined(bundle: Bundle) -> None:
    bundle.namespace("network", path="/proc/self/ns/net")
    bundle.namespace("ipc", path="/proc/self/ns/ipc")


def with_a_terminal(bundle: Bundle) -> None:
    bundle.process["terminal"] = True


def with_rlimits(bundle: Bundle) -> None:
    bundle.process["rlimits"] = [
        {"type": "RLIMIT_CORE", "soft": 0, "hard": 0},
        {"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200},
    ]


def scheduled(bundle: Bundle) -> None:
    bundle.process["oomScoreAdj"] = 300
    bundle.process["scheduler"] = {"policy": "SCHED_BATCH", "nice": 5}
    bundle.process["ioPriority"] = {"class": "IOPRIO_CLASS_IDLE", "priority": 0}
    bundle.linux["personality"] = {"domain": "LINUX32"}


def in_a_directory(bundle: Bundle) -> None:
    bundle.process["cwd"] = "/var/lib/film"


def limited(bundle: Bundle) -> None:
    bundle.linux["resources"] = {
        "pids": {"limit": 20},
        "memory": {"limit": 50_000_000},
        "cpu": {"quota": 50000, "period": 100000, "shares": 512},
    }


def annotated(bundle: Bundle) -> None:
    """Which groups the caller has, the picture does not say."""
    an_ordinary_user(bundle)
    bundle.config["annotations"] = {"run.oci.keep_original_groups": "1", "run.oci.delegate-cgroup": "a/b"}


def annotated_in_a_user_namespace(bundle: Bundle) -> None:
    user_namespace(bundle)
    annotated(bundle)


def like_an_engines(bundle: Bundle) -> None:
    named(bundle)
    masked(bundle)
    filtered(bundle)
    with_rlimits(bundle)
    with_mounts(bundle)
    bundle.namespace("cgroup")
    bundle.mount("/sys/fs/cgroup", "nosuid", "noexec", "nodev", "ro", kind="cgroup", source="cgroup")


PLANS = (
    *(
        plain,
        named,
        an_ordinary_user,
        with_ambient_capabilities,
        without_capabilities,
        without_new_privileges,
        root_gains,
    ),
    *(
        root_gains,
        filtered,
        filtered_late,
        masked,
        read_only,
        with_mounts,
        over_layers,
        remounted,
        user_namespace,
        with_all_namespaces,
    ),
    *(in_a_user_namespace_as_somebody, without_a_pid_namespace, joined, with_a_terminal, with_rlimits, scheduled),
    *(in_a_directory, annotated, annotated_in_a_user_namespace, like_an_engines),
)


@pytest.mark.parametrize("change", PLANS, ids=lambda change: change.__name__)
def test_what_is_told_is_real(bundle: Callable[..., Bundle], change: Callable[[Bundle], None]) -> None:
    check(bundle("sleep"), change)


@pytest.mark.skipif(not Path("/sys/fs/cgroup/cgroup.controllers").exists(), reason="no controllers of cgroup v2")
def test_limits_too(bundle: Callable[..., Bundle]) -> None:
    check(bundle("sleep"), limited)


def check(made: Bundle, change: Callable[[Bundle], None]) -> None:
    change(made)
    made.write()
    seen = run(made)
    told = seen.pop(0)
    options = Options(id=seen_id(made), bundle=str(made.path))
    parsed = load(str(made.path))
    steps = plan(parsed, as_caller(options, parsed.linux))
    pictures = film(steps, start_as(facts_of(told["seen"])))
    wrong = [
        f"{line['index'] + 1} {steps[line['index']].describe()}: {difference}"
        for line in seen
        for difference in differences(
            pictures[line["index"] + 1], line["seen"], told["seen"], os.path.realpath(made.rootfs)
        )
    ]
    assert wrong == [], "\n".join(wrong)
    assert len(seen) > 30  # of all steps but those before the fork
    assert seen[-1]["index"] == len(steps) - 1


def facts_of(seen: dict[str, Any]) -> Facts:
    return Facts(**{name: seen[name] for name in Facts.fields})


def seen_id(made: Bundle) -> str:
    return (made.path / "id").read_text()


def run(made: Bundle) -> list[dict[str, Any]]:
    output = made.path / "seen"
    (made.path / "id").write_text(name := new_id())
    words = [sys.executable, str(DRIVER), str(made.path), name, str(output)]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    with nothing_left("minirun"):
        done = subprocess.run(words, capture_output=True, text=True, timeout=TIMEOUT, env=environment, check=False)
    assert (done.returncode, done.stderr) == (128 + signal.SIGKILL, "")
    return [json.loads(line) for line in output.read_text().splitlines()]
