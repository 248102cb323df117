"""The script of `explain --script` builds what a run builds: the same program is asked for the facts in both."""

from __future__ import annotations

import json
import os
import re
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kernel.kit import needs
from kernel.kit.helpers import namespace_holder, wait_for_child
from kernel.kit.host import owners
from kernel.kit.outside import Process, cgroup2_root, parse_mounts, table
from kernel.kit.runtime import TIMEOUT, new_id
from kernel.kit.users import BECOME
from minirun.plan.container import Options
from minirun.teach.script import script

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kernel.kit.bundle import Bundle
    from kernel.kit.runtime import Runtime

pytestmark = [pytest.mark.root, pytest.mark.only("minirun", "only it writes such a script"), needs.cgroup2()]


def started(container: Bundle, place: Path, name: str, *prefix: str) -> subprocess.Popen[str]:
    """Writes the script and starts it, as another user may have done, with a directory of the host left open."""
    container.write()
    file = place / "by-hand.sh"
    file.write_text(script(Options(id=name, bundle=str(container.path))))
    left_open = os.open("/", os.O_RDONLY)
    try:
        return subprocess.Popen(
            [*prefix, "bash", str(file)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=dict(os.environ) | {"TMPDIR": str(place)},
            pass_fds=[left_open],
        )
    finally:
        os.close(left_open)


def by_hand(container: Bundle, place: Path, name: str, *prefix: str) -> subprocess.CompletedProcess[str]:
    """Runs the script, and sees that it has left nothing."""
    mounts = Process().lines("mountinfo")
    with started(container, place, name, *prefix) as process:
        said = process.communicate(timeout=TIMEOUT)
    assert Process().lines("mountinfo") == mounts
    check_nothing_left(container, place, name)
    return subprocess.CompletedProcess(process.args, process.returncode, *said)


OWNERS = owners()


def check_nothing_left(container: Bundle, place: Path, name: str) -> None:
    assert owners() == OWNERS, "the host's devices"
    root = cgroup2_root()
    assert root and not list(root.rglob(name)), "the cgroup"
    assert {entry.name for entry in place.iterdir()} == {container.path.name, "by-hand.sh"}, "the script's directory"


def rich(container: Bundle) -> Bundle:
    container.namespace("cgroup")
    container.config |= {"hostname": "built", "domainname": "by.hand"}
    container.config["root"]["readonly"] = True
    container.directory("etc")
    container.file("etc/passwd", "root:x:0:0::/root:/bin/sh\nsomebody:x:1000:1000::/home/it's:/bin/sh\n")
    container.bind(container.path, "/mnt", "ro", "nosuid")
    container.bind(container.path / "rootfs/etc/passwd", "/made/for/it")
    container.mount("/run", "mode=711", "noexec")
    container.mount("/etc", "tmpcopyup", "ro")  # HOME comes from the copy
    container.bind("/dev", "/devices", "rbind", "rro", "rslave")  # and those below it
    container.bind("/dev/shm", "/shared", "suid", "dev", "noatime")  # which the host's has not
    container.link("here", "mnt")
    container.directory("mnt/below")
    container.mount("/here/../tmp")
    container.directory("secret").chmod(0o700)
    container.linux["personality"] = {"domain": "LINUX32"}
    container.config["process"] |= {
        "user": {"uid": 1000, "gid": 1001, "additionalGids": [7, 8], "umask": 0o27},
        "env": ["PATH=/nowhere", 'QUOTED=it\'s "$HOME" `x`', "LINES=a\nb", "PWD=x", "uid=1", "LD_PRELOAD=/probe"],
        "cwd": "/secret",  # where root may go, and the program is
        "rlimits": [{"type": f"RLIMIT_{name}", "soft": 100, "hard": 200} for name in ("NOFILE", "FSIZE", "CPU")],
        "scheduler": {"policy": "SCHED_BATCH", "nice": 5},
        "ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 6},
        "noNewPrivileges": True,
        "oomScoreAdj": 77,
    }
    for name in ("inheritable", "ambient"):
        container.process["capabilities"][name] = ["CAP_KILL"]
    container.config["linux"] |= {
        "maskedPaths": ["/proc/meminfo", "/sys/firmware", "/proc/no"],
        "readonlyPaths": ["/proc/sys"],
    }
    container.linux["sysctl"] = {"net.ipv4.ip_forward": "1"}
    return container


def test_what_the_script_builds_is_what_a_run_builds(
    runtime: Runtime, bundle: Callable[..., Bundle], place: Path
) -> None:
    container = rich(bundle())
    name = new_id()
    container.linux["cgroupsPath"] = f"/{name}/{name}"  # neither is there
    done = by_hand(container, place, name)  # first: the script makes mount points, too
    assert done.returncode == 0, done.stderr
    built = facts(json.loads(done.stdout))
    ran = facts(runtime.run(container, container_id=name).json)
    assert ran.keys() == built.keys()
    assert [(name, ran[name], built[name]) for name in ran if ran[name] != built[name]] == []


# What a shell can't do, or what no two processes have in common.
OTHERWISE = {"session_keyring", "clocks", "status"}
OF_STATUS = ("Umask", "Uid", "Gid", "Groups", "NSpid", "NSsid", "SigIgn", "SigBlk", "NoNewPrivs", "Seccomp", "CapBnd")


def facts(told: dict[str, Any]) -> dict[str, Any]:
    """What the program says, but for the numbers that each container has of its own."""
    made = {name: value for name, value in told.items() if name not in OTHERWISE}
    made["env"] = sorted(told["env"])
    made["fds"] = {number: re.sub(r"\d+", "", target) for number, target in told["fds"].items()}
    made["namespaces"] = {kind: target == host_namespace(kind) for kind, target in told["namespaces"].items()}
    for mounted in parse_mounts(told["mountinfo"]):
        made[f"mount on {mounted.point}"] = mounted._replace(number=0, parent=0)
    made["mountinfo"] = [mounted.point for mounted in parse_mounts(told["mountinfo"])]
    status = table(told["status"])
    return made | {name: status[name] for name in OF_STATUS}


def host_namespace(kind: str) -> str | None:
    names = {"mnt": "mount", "net": "network"}
    try:
        return Process().namespace(names.get(kind, kind))
    except FileNotFoundError:  # this kernel has none
        return None


def test_a_script_with_a_user_namespace(runtime: Runtime, bundle: Callable[..., Bundle], place: Path) -> None:
    """The runtime's turns in between: id mappings. And clocks, which it has no turn for."""
    container = bundle()
    container.config["mounts"] = [mount for mount in container.mounts if mount["destination"] in ("/proc", "/dev")]
    container.user_namespace()
    container.config |= {"hostname": "built", "domainname": "by.hand"}
    if Path("/proc/self/ns/time").exists():
        container.namespace("time")
        container.linux["timeOffsets"] = {"boottime": {"secs": 864000}, "monotonic": {"secs": 1000}}
    name = new_id()
    ran = facts(runtime.run(container, container_id=name).json)
    done = by_hand(container, place, name)
    assert done.returncode == 0, done.stderr
    built = facts(json.loads(done.stdout))
    assert [(name, ran[name], built[name]) for name in ran if ran[name] != built[name]] == []


def test_a_script_joins_namespaces(bundle: Callable[..., Bundle], place: Path, runtime: Runtime) -> None:
    kinds = {"network": "net", "ipc": "ipc", "uts": "uts", "pid": "pid", "user": "user"}
    container = bundle()
    container.config["mounts"] = [mount for mount in container.mounts if mount["destination"] in ("/proc", "/dev")]
    container.config["hostname"] = "another"
    container.user_namespace()
    with holder_of(*kinds) as pid:
        for kind, name in kinds.items():
            container.namespace(kind, f"/proc/{pid}/ns/{name}")
        ran = runtime.run(container).json
        done = by_hand(container, place, new_id())
        assert done.returncode == 0, done.stderr
        built = json.loads(done.stdout)
    for name in kinds.values():
        assert built["namespaces"][name] == ran["namespaces"][name]
    assert built["fds"].keys() == ran["fds"].keys(), "nothing of the namespaces stays open"
    for fact in ("uid_map", "hostname", "capabilities"):
        assert built[fact] == ran[fact]


@contextmanager
def holder_of(*kinds: str) -> Iterator[int]:
    """A process in new namespaces, one of them a user namespace like that of `Bundle.user_namespace`."""
    names = {"network": "net"}
    options = [f"--{names.get(kind, kind)}" for kind in kinds]
    with subprocess.Popen(["unshare", *options, "--fork", "--kill-child", "sleep", "600"]) as process:
        try:
            pid = wait_for_child(process.pid, "user")
            for name in ("uid_map", "gid_map"):
                Path(f"/proc/{pid}/{name}").write_text("0 100000 65536\n")
            yield pid
        finally:
            process.kill()


# A host of its own: what happens to its mounts and its name can do no harm.
SANDBOX = ("unshare", "--uts", "--mount", "--propagation", "private", "bash", "-c")
SHARED = (
    'mount --make-rshared / && hostname mine && cut -f 1-6 -d " " /proc/self/mountinfo > before && "$@"; status=$?;'
)
SHARED += (
    '[ "$(hostname)" = mine ] && cut -f 1-6 -d " " /proc/self/mountinfo | diff before - >&2 || exit 99; exit $status'
)


def test_a_script_leaves_the_host_as_it_is(bundle: Callable[..., Bundle], place: Path) -> None:
    container = bundle("read", "/proc/self/fdinfo/0", "/proc/self/mountinfo")
    container.linux["rootfsPropagation"] = "shared"
    sandbox = (*SANDBOX, SHARED.replace("before", str(container.path / "before")), "-")
    done = by_hand(container, place, new_id(), *sandbox)
    assert done.returncode == 0, done.stderr
    told = [entry["text"] for entry in json.loads(done.stdout).values()]
    (number,) = re.findall(r"^mnt_id:\s*(\d+)$", told[0], re.MULTILINE)
    assert number in [str(mounted.number) for mounted in parse_mounts(told[1].splitlines())], "the host's /dev/null"

    container.config["hostname"] = "another"
    container.namespace("uts", "/proc/self/ns/uts")
    done = by_hand(container, place, new_id(), *sandbox)
    assert (done.returncode, done.stdout) == (1, "")
    assert "cannot open the uts namespace" in done.stderr


def test_a_script_moves_a_device_and_gives_it_back(bundle: Callable[..., Bundle], place: Path) -> None:
    container = bundle("read", "/proc/net/fib_trie", "/proc/net/dev")
    container.linux["netDevices"] = {"near": {"name": "eth0"}}
    with namespace_holder("network") as holder:
        inside = ("nsenter", "--target", str(holder.pid), "--net")
        give = [*inside, "ip", "address", "add", "192.0.2.1/24", "dev", "near"]
        add = [*inside, "ip", "link", "add", "far", "type", "veth", "peer", "name", "near"]
        subprocess.run(add, check=True)
        subprocess.run(give, check=True)
        container.mount("/tmp", kind="nosuchfs")
        assert by_hand(container, place, new_id(), *inside).returncode == 1
        subprocess.run(give, check=True)
        container.config["mounts"] = container.mounts[:-1]
        done = by_hand(container, place, new_id(), *inside)
    assert "192.0.2.1" in done.stdout, done
    assert "eth0" in done.stdout, done


def test_a_script_that_is_stopped_leaves_nothing(bundle: Callable[..., Bundle], place: Path) -> None:
    """Until then its container has limits, and a cgroup that belongs to the program's user."""
    container = bundle("sleep")
    name = new_id()
    limits = {"memory.max": str(1 << 26), "pids.max": "33"} if {"memory", "pids"} <= needs.controllers() else {}
    container.namespace("cgroup")
    container.linux["resources"] = {"memory": {"limit": 1 << 26}, "pids": {"limit": 33}} if limits else {}
    container.mount("/sys/fs/cgroup", kind="cgroup", source="cgroup")
    container.process["user"] = {"uid": 1000, "gid": 1000}
    with started(container, place, name) as process:
        assert process.stdout and process.stdout.readline(), "the program says when it sleeps"
        (cgroup,) = (cgroup2_root() or Path()).rglob(name)
        owners = {entry: (cgroup / entry).stat().st_uid for entry in ("", "cgroup.procs", "cgroup.max.depth")}
        assert {entry: (cgroup / entry).read_text().strip() for entry in limits} == limits
        process.terminate()
        process.wait(TIMEOUT)
    assert owners == {"": 1000, "cgroup.procs": 1000, "cgroup.max.depth": 0}
    check_nothing_left(container, place, name)


def test_a_script_that_fails_leaves_nothing_and_the_programs_status_is_its_own(
    runtime: Runtime, bundle: Callable[..., Bundle], place: Path
) -> None:
    container = bundle("exit", "7")
    assert by_hand(container, place, new_id()).returncode == 7
    text = (place / "by-hand.sh").read_text()
    piped = subprocess.run(["bash"], input=text, capture_output=True, text=True)
    assert (piped.returncode, piped.stderr) == (1, "bash: save this script as a file first: it starts itself again\n")
    file = str(place / "by-hand.sh")
    users = subprocess.run([*BECOME, "bash", file], capture_output=True, text=True)
    assert (users.returncode, users.stderr) == (1, f"{file}: run this as root: sudo bash {file}\n")
    container.link("tmp", container.path)
    container.mount("/tmp/made")
    done = by_hand(container, place, new_id())
    assert done.returncode == 1
    assert f"/tmp/made leads to {container.path}/made" in done.stderr
    assert not (container.path / "made").exists(), "a symlink of the image leads to the host"


def test_a_script_looks_for_its_programs_before_it_does_anything(
    runtime: Runtime, bundle: Callable[..., Bundle], place: Path
) -> None:
    """As on a machine that has all but two of them."""
    container = bundle("exit", "7")
    assert by_hand(container, place, new_id()).returncode == 7
    programs, text = container.path / "bin", (place / "by-hand.sh").read_text()
    programs.mkdir()
    for directory in ("/usr/sbin", "/usr/bin", "/sbin", "/bin"):
        for program in Path(directory).iterdir():
            if program.name not in ("ip", "setpriv") and not (programs / program.name).is_symlink():
                (programs / program.name).symlink_to(program)
    before, _path, after = text.partition("PATH=")
    script = container.path / "less"
    script.write_text(f"{before}PATH={programs}\n{after.partition(chr(10))[2]}")
    done = subprocess.run(["bash", script], capture_output=True, text=True, timeout=TIMEOUT)
    missing = "ip is not here: apt-get install iproute2; setpriv is not here: apt-get install util-linux"
    assert (done.returncode, done.stderr) == (1, f"{script}: {missing}\n")
