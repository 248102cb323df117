"""events: what it tells of a container agrees with the kernel, also when memory runs out, and it ends with it."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kernel.kit import needs
from kernel.kit.outside import cgroup2_root
from kernel.kit.runtime import TIMEOUT, read_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kernel.kit.life import Life

pytestmark = [pytest.mark.root, needs.cgroup2(), pytest.mark.deviates("crun", "has no such command")]

VERSION_1 = pytest.mark.deviates("runc", "looks into the cgroups of version 1 where both are mounted")
MIB = 1 << 20


def directory(one: Life) -> Path:
    return Path(str(cgroup2_root()) + one.process.cgroup())


def statistics(one: Life) -> dict[str, dict[str, object]]:
    event = one.call("events", options=["--stats"]).json
    assert (event["type"], event["id"]) == ("stats", one.id)
    return event["data"]


@contextlib.contextmanager
def watching(one: Life, interval: str) -> Iterator[subprocess.Popen[str]]:
    words = [*one.runtime.argv, "events", "--interval", interval, one.id]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=one.runtime.environment) as process:
        yield process
        process.kill()


def started(life, *words: str, **resources: object) -> Life:
    one = life(*words)
    one.bundle.linux["resources"] = resources
    one.bundle.write()
    return one.started()


def test_statistics_have_all_parts(life):
    told = statistics(life().started())
    wanted = {"cpu", "cpuset", "memory", "pids", "blkio", "hugetlb", "intel_rdt", "network_interfaces"}
    assert set(told) == wanted


def test_a_line_has_no_blank_and_the_order_of_others(life):
    one = life().started()
    line = one.line("events", "--stats", one.id).stdout
    assert line.startswith(f'{{"type":"stats","id":"{one.id}","data":{{"cpu":{{"usage":{{"total":')
    assert " " not in line


@VERSION_1
def test_processor_time_is_told_in_nanoseconds(life):
    """cpu.stat is there without the controller, too."""
    one = life("spin").started()
    used = [statistics(one)["cpu"]["usage"]["total"], statistics(one)["cpu"]["usage"]["total"]]
    now = int((directory(one) / "cpu.stat").read_text().split()[1])
    assert 0 < used[0] < used[1] <= 1000 * now


@needs.controller("memory")
@needs.controller("pids")
def test_memory_and_processes(life):
    one = started(life, "sleep", memory={"limit": 64 * MIB, "swap": 64 * MIB}, pids={"limit": 50})
    told = statistics(one)
    assert told["memory"]["usage"]["limit"] == 64 * MIB
    assert abs(told["memory"]["usage"]["usage"] - int((directory(one) / "memory.current").read_text())) < 4 * MIB
    assert told["memory"]["swap"]["limit"] == 64 * MIB
    assert told["memory"]["raw"]["anon"] > 0
    assert told["pids"] == {"current": 1, "limit": 50}


@pytest.mark.only("minirun", "others tell of interfaces that they have made themselves, which is none")
def test_the_network(life):
    (loopback,) = [row for row in statistics(life().started())["network_interfaces"] if row["Name"] == "lo"]
    assert loopback["RxBytes"] == loopback["TxBytes"]
    one = life()
    one.bundle.without_namespace("network")
    one.bundle.write()
    assert statistics(one.started())["network_interfaces"] == [], "those are the host's"


def test_it_goes_on_until_the_container_ends(life):
    one = life().started()
    with watching(one, "50ms") as process:
        lines = [json.loads(read_line(process)) for _ in range(3)]
        assert [line["type"] for line in lines] == ["stats"] * 3
        assert one.kill("KILL").status == 0
        process.communicate(timeout=TIMEOUT)  # a pipe that nobody empties would keep it waiting
        assert process.returncode == 0


@pytest.mark.only("minirun", "runc knows times with units only, and is silent at first")
def test_it_speaks_at_once_and_takes_plain_seconds(life):
    one = life().started()
    with watching(one, "1000") as process:
        assert json.loads(read_line(process))["id"] == one.id
        one.kill("KILL")
        assert process.wait(TIMEOUT) == 0


@needs.controller("memory")
def test_running_out_of_memory_is_told(life):
    one = started(life, "sleep", memory={"limit": 24 * MIB, "swap": 24 * MIB})
    with watching(one, "1h") as process:
        if one.runtime.name == "minirun":
            assert json.loads(read_line(process))["type"] == "stats"
        else:
            one.wait_for(lambda: "inotify" in " ".join(links(process.pid)))
        eat_memory(directory(one), 200 * MIB)
        assert json.loads(read_line(process)) == {"type": "oom", "id": one.id}
        assert process.poll() is None, "the container lives"
        one.kill("KILL")
        assert process.wait(TIMEOUT) == 0


def links(pid: int) -> list[str]:
    return [str(file.readlink()) for file in Path(f"/proc/{pid}/fd").iterdir() if file.is_symlink()]


def eat_memory(cgroup: Path, size: int) -> None:
    """In a process of the cgroup, which the OOM killer ends."""
    eater = f"echo $$ > {cgroup}/cgroup.procs && exec python3 -S -c 'bytearray({size})'"
    assert subprocess.run(["sh", "-c", eater], timeout=TIMEOUT, check=False).returncode == -signal.SIGKILL


def test_it_does_not_wait_for_what_is_not_there(life):
    one = life("exit", "0").started()
    one.wait_for(lambda: one.status == "stopped")
    for options in ([], ["--stats"]):
        assert one.call("events", options=options).status == 1
    assert life().call("events").status == 1


@pytest.mark.parametrize("interval", ["0", "-1s", "5x", ""])
def test_a_time_that_makes_no_sense_is_refused(life, interval):
    assert life().started().call("events", options=[f"--interval={interval}"]).status == 1


@pytest.mark.only("minirun", "its own words")
def test_a_reader_that_stops_is_no_fault(life):
    one = life().started()
    words = f"{' '.join(one.runtime.argv)} events --interval 20ms {one.id} | head -n 1"
    done = subprocess.run(
        ["bash", "-c", words], capture_output=True, text=True, timeout=TIMEOUT, env=one.runtime.environment, check=True
    )
    assert (len(done.stdout.splitlines()), done.stderr) == (1, "")
