"""Limits, by what becomes of a program that does not keep to them: the kernel's own figures, and no clock of ours.

Each container gets several limits at once, since starting one is what takes the time.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kernel.kit import needs
from kernel.kit.outside import cgroup2_root
from kernel.kit.runtime import TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kernel.kit.outside import Process

pytestmark = [pytest.mark.root, needs.cgroup2()]

MIB = 1 << 20
KILLED = 128 + signal.SIGKILL
PARAGRAPH = "out of memory: the kernel killed"


def counts(process: Process, file: str) -> dict[str, int]:
    """A file of the process's cgroup with a name and a number in each line."""
    text = (cgroup2_root() / process.cgroup().lstrip("/") / file).read_text()
    return {name: int(value) for name, value in (line.split() for line in text.splitlines())}


def number(process: Process, file: str) -> int:
    return int((cgroup2_root() / process.cgroup().lstrip("/") / file).read_text())


def until(happens: Callable[[], bool]) -> None:
    deadline = time.monotonic() + TIMEOUT
    while not happens():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def limited(made, **resources):
    made.linux["resources"] = resources
    return made


# ---- memory


@needs.controller("memory")
def test_who_takes_more_memory_than_the_limit_is_killed_and_is_told_so(runtime, bundle):
    made = limited(bundle("eat", "200"), memory={"limit": 24 * MIB, "swap": 24 * MIB})
    ended = runtime.run(made)
    assert (ended.status, ended.stdout) == (KILLED, "")
    if runtime.name == "minirun":
        first, *rest = ended.stderr.split("; ")
        assert first == f"minirun: warning: {PARAGRAPH} 1 process of the container (SIGKILL)"
        assert rest[0] == f"limit: 24.0 MiB, {24 * MIB} bytes (memory.max)"
        assert rest[1].startswith("peak: 2") and "raise /linux/resources/memory/limit in config.json" in rest[2]


@needs.controller("memory")
@pytest.mark.only("minirun", "its own words")
def test_a_limit_by_name_and_a_child_that_is_killed_are_told_too(runtime, bundle):
    made = limited(bundle("feed", "200", "0"), unified={"memory.max": str(24 * MIB), "memory.swap.max": "0"})
    ended = runtime.run(made)
    assert ended.status == 0
    assert PARAGRAPH in ended.stderr and "raise /linux/resources/unified/memory.max" in ended.stderr


@needs.controller("memory")
@pytest.mark.only("minirun", "its own words")
def test_the_limit_of_a_cgroup_above_is_not_taken_for_the_containers(runtime, bundle, above):
    (above / "memory.max").write_text(str(24 * MIB))
    (above / "memory.swap.max").write_text("0")
    made = limited(bundle("eat", "200"), memory={"limit": 100 * MIB})
    made.linux["cgroupsPath"] = f"/{above.name}/below"
    ended = runtime.run(made)
    assert ended.status == KILLED
    assert PARAGRAPH in ended.stderr and "not for its own limit" in ended.stderr


@needs.controller("memory")
@pytest.mark.only("minirun", "its own words")
def test_without_that_nothing_is_said(runtime, bundle, above):
    """A SIGKILL from somebody else is no want of memory, nor is what was counted before, in a cgroup that is there."""
    place = above / "below"
    place.mkdir()
    (place / "memory.max").write_text(str(24 * MIB))
    (place / "memory.swap.max").write_text("0")
    line = f"echo $$ > {place}/cgroup.procs && exec python3 -S -c 'bytearray({200 * MIB})'"
    assert subprocess.run(["sh", "-c", line], check=False).returncode == -signal.SIGKILL
    made = limited(bundle("signal", "9"), memory={"limit": 24 * MIB}, pids={"limit": 9})
    made.without_namespace("pid")
    made.linux["cgroupsPath"] = f"/{above.name}/below"
    ended = runtime.run(made)
    assert (ended.status, ended.stderr) == (KILLED, "")


@needs.controller("memory")
@pytest.mark.only("minirun", "its own words")
def test_where_nobody_stayed_delete_says_it(life):
    one = life("eat", "200")
    one.bundle.linux["resources"] = {"memory": {"limit": 24 * MIB, "swap": 24 * MIB}}
    one.bundle.write()
    one.started().wait_for(lambda: one.status == "stopped")
    deleted = one.delete()
    assert deleted.status == 0 and PARAGRAPH in deleted.stderr


@pytest.fixture
def above() -> Iterator[Path]:
    """A cgroup of the test's own that hands controllers down."""
    root = cgroup2_root()
    assert root is not None
    (root / "cgroup.subtree_control").write_text("+memory +pids")
    place = root / f"minirun-test-{os.getpid()}-above"
    place.mkdir()
    (place / "cgroup.subtree_control").write_text("+memory +pids")
    yield place
    for directory in (place / "below", place):
        with contextlib.suppress(FileNotFoundError):
            directory.rmdir()


@needs.controller("memory")
def test_above_memory_high_pages_are_taken_back(runtime, bundle):
    """The page cache of a file can be: more than that never stays."""
    made = limited(bundle("fill", "/filled", "24", "cached"), unified={"memory.high": str(8 * MIB)})
    with runtime.running(made) as container:
        assert counts(container, "memory.events")["high"] > 0
        assert number(container, "memory.peak") < 12 * MIB


@pytest.fixture
def swap(place) -> Iterator[None]:
    """64 MiB of swap, in a file, if the file system has room for such a file."""
    file = place / "swap"
    line = f"fallocate -l 64M {file} && chmod 600 {file} && mkswap {file} && swapon {file}"
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no swap can be had here: {done.stderr.strip()}")
    yield
    subprocess.run(["swapoff", str(file)], check=True)


@needs.controller("memory")
def test_swap_is_room_beyond_the_limit_and_ends_there(runtime, bundle, swap):
    made = limited(bundle("eat", "48"), memory={"limit": 24 * MIB, "swap": 72 * MIB})
    with runtime.running(made) as container:
        assert 20 * MIB < number(container, "memory.swap.current") <= 48 * MIB
    made = limited(bundle("eat", "48", name="less"), memory={"limit": 24 * MIB, "swap": 32 * MIB})
    assert runtime.run(made).status == KILLED


# ---- processor


PERIODS = 40


@needs.controller("cpu")
def test_a_busy_loop_gets_its_quota_and_no_more(runtime, bundle):
    """In the kernel's own figures, so that a machine under load changes nothing. The rest is for others, however many
    shares the container has."""
    quota, period = 12500, 50000
    made = limited(bundle("pulse", "1000000", "0"), cpu={"quota": quota, "period": period, "shares": 262144})
    with runtime.running(made) as container, spinner(container) as other:
        first, others_first = counts(container, "cpu.stat"), used(other)
        until(lambda: counts(container, "cpu.stat")["nr_periods"] >= first["nr_periods"] + PERIODS)
        last, others_last = counts(container, "cpu.stat"), used(other)
    periods, usage, throttled = (last[name] - first[name] for name in ("nr_periods", "usage_usec", "nr_throttled"))
    assert usage == pytest.approx(periods * quota, rel=0.1)
    assert throttled > 0.9 * periods
    assert others_last - others_first > usage / 1e6, "the rest of the processor is for others"


@contextlib.contextmanager
def spinner(process: Process) -> Iterator[int]:
    """Another program that keeps the processor busy, the same that the container's program is on."""
    os.sched_setaffinity(int(process.pid), {0})
    with subprocess.Popen(["taskset", "--cpu-list", "0", "python3", "-S", "-c", "while True: pass"]) as other:
        yield other.pid
        other.kill()


def used(pid: int) -> float:
    """Seconds of processor time: proc_pid_stat(5), fields 14 and 15."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@needs.controller("cpu")
@pytest.mark.deviates("runc", "1.1.5 does not know cpu.idle yet")
def test_what_is_idle_gets_what_others_leave(runtime, bundle):
    idle = limited(bundle("pulse", "1000000", "0"), cpu={"idle": 1})
    busy = limited(bundle("pulse", "1000000", "0", name="busy"), cpu={"shares": 1024})
    with runtime.running(idle) as one, runtime.running(busy) as other:
        assert number(one, "cpu.idle") == 1
        for container in (one, other):
            os.sched_setaffinity(int(container.pid), {0})
        before = [counts(container, "cpu.stat")["usage_usec"] for container in (one, other)]
        until(lambda: counts(other, "cpu.stat")["usage_usec"] > before[1] + 500_000)
        assert counts(one, "cpu.stat")["usage_usec"] - before[0] < 100_000


@needs.controller("cpu")
@pytest.mark.deviates("runc", "1.1.5 does not know bursts yet")
@pytest.mark.deviates("crun", "1.8.1 does not know bursts yet")
def test_a_burst_uses_what_was_left_over_before(runtime, bundle):
    """Busy for three quotas, then idle for ten periods: without the burst that would be throttled."""
    made = limited(bundle("pulse", "15", "200"), cpu={"quota": 10000, "period": 20000, "burst": 10000})
    with runtime.running(made) as container:
        assert number(container, "cpu.max.burst") == 10000
        until(lambda: counts(container, "cpu.stat")["nr_bursts"] > 0)
        assert counts(container, "cpu.stat")["burst_usec"] > 0


@needs.controller("cpuset")
@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two processors")
def test_a_program_stays_on_its_processors(runtime, bundle):
    made = limited(bundle("pulse", "1000000", "0"), cpu={"cpus": "1", "mems": "0"})
    with runtime.running(made) as container:
        os.sched_setaffinity(int(container.pid), {0, 1})  # it may ask for more, and gets what the cgroup has
        assert container.status()["Cpus_allowed_list"] == "1"
        assert Path(f"/proc/{container.pid}/stat").read_text().rpartition(")")[2].split()[36] == "1"


# ---- processes


@needs.controller("pids")
def test_a_fork_bomb_stops_at_the_limit(runtime, bundle):
    made = limited(bundle("bomb"), pids={"limit": 12})
    with runtime.running(made) as container:
        assert container.line() == "11 EAGAIN"
        assert (number(container, "pids.current"), counts(container, "pids.events")["max"]) == (12, 1)
        assert subprocess.run(["true"], check=False).returncode == 0, "the host still forks"
        os.kill(int(container.pid), signal.SIGKILL)
        assert container.wait() == KILLED
        assert container.runtime.stderr is not None
        said = container.runtime.stderr.read()
    if runtime.name == "minirun":
        assert "out of processes: the container was once refused" in said and "limit: 12 (pids.max)" in said
        assert "raise /linux/resources/pids/limit" in said


# ---- disks and huge pages


def disk_below(path: Path) -> str:
    """MAJOR:MINOR of the whole disk that a file lies on, the only one that io.max takes; "" for none."""
    device = path.stat().st_dev
    entry = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}")
    if not entry.exists():
        return ""
    whole = entry.resolve().parent if (entry / "partition").exists() else entry
    return (whole / "dev").read_text().strip()


@needs.controller("io")
def test_a_writer_is_slowed_down(runtime, bundle):
    made = bundle("fill", "/filled", "3", "direct")
    disk = disk_below(made.rootfs)
    if not disk:
        pytest.skip(f"{made.rootfs} lies on no disk")
    major, minor = map(int, disk.split(":"))
    rate = {"major": major, "minor": minor, "rate": 2 * MIB}
    limited(made, blockIO={"throttleWriteBpsDevice": [rate]})
    with runtime.running(made) as container:
        assert int(container.line()) > 750, "milliseconds for 3 MiB at 2 MiB a second; the first part may be free"
        assert f"{disk} " in (cgroup2_root() / container.cgroup().lstrip("/") / "io.stat").read_text()
    if runtime.name == "minirun":
        with runtime.running(made, options=["--without", "io", "--i-know"]) as container:
            assert int(container.line()) < 750


def huge_pages(name: str) -> int:
    return int(Path("/sys/kernel/mm/hugepages/hugepages-2048kB", name).read_text())


@needs.controller("hugetlb")
def test_huge_pages_are_refused_beyond_the_limit(runtime, bundle):
    file = Path("/proc/sys/vm/nr_hugepages")
    before = file.read_text()
    file.write_text(str(int(before) + 8))
    try:
        if huge_pages("free_hugepages") < 8:
            pytest.skip("no room for huge pages")
        limits = [{"pageSize": "2MB", "limit": 4 * MIB}]
        with runtime.running(limited(bundle("eat", "4", "huge"), hugepageLimits=limits)) as container:
            assert number(container, "hugetlb.2MB.current") == 4 * MIB
        ended = runtime.run(limited(bundle("eat", "6", "huge", name="more"), hugepageLimits=limits))
        # Who limits the pages alone, and not the reservations, refuses the first touch of the third, by SIGBUS.
        assert ended.stdout == "ENOMEM\n" or (runtime.name != "minirun" and ended.status == 128 + signal.SIGBUS)
    finally:
        file.write_text(before)
