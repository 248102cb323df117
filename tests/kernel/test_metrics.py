"""metrics: what is scraped is what the kernel's files say, and the server bears whatever containers and clients do."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kernel.kit import needs
from kernel.kit.outside import cgroup2_root
from kernel.kit.runtime import REPOSITORY, TIMEOUT, read_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kernel.kit.life import Life
    from kernel.kit.runtime import Runtime

parser = pytest.importorskip("prometheus_client.parser", reason="needs the Python library prometheus_client")
pytestmark = [pytest.mark.root, needs.cgroup2(), pytest.mark.only("minirun", "others have no such commands")]

MIB = 1 << 20
PREFIX = "minirun_container_"
CLIENTS, MANY = 8, 30  # served at a time, and those that come
LISTEN = "0A"  # TCP_LISTEN of net/tcp_states.h


def directory(one: Life) -> Path:
    return Path(str(cgroup2_root()) + one.process.cgroup())


def numbers(file: Path) -> dict[str, int]:
    return {name: int(value) for name, value in (line.split() for line in file.read_text().splitlines())}


class Page:
    """What was scraped, by the library's parser."""

    def __init__(self, text: str) -> None:
        self.families = {family.name: family for family in parser.text_string_to_metric_families(text)}
        self.samples = [sample for family in self.families.values() for sample in family.samples]

    def of(self, one: Life) -> dict[str, float]:
        """Its metrics without further labels, and those with some under "NAME LABEL LABEL", by the labels' names."""
        mine = [sample for sample in self.samples if sample.labels.get("id") == one.id]
        return {" ".join([sample.name.removeprefix(PREFIX), *others(sample.labels)]): sample.value for sample in mine}


def others(labels: dict[str, str]) -> list[str]:
    return [labels[name] for name in sorted(labels) if name != "id"]


def page(one: Life) -> Page:
    done = one.call("stats", options=["--format", "prometheus"])
    assert done.status == 0, done
    return Page(done.stdout)


class Server:
    """`minirun metrics`, where the kernel has chosen a port."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.url = read_line(process)
        assert self.url.startswith("http://127.0.0.1:"), process.communicate(timeout=TIMEOUT)

    @property
    def port(self) -> int:
        return int(self.url.split(":")[2].partition("/")[0])

    def scrape(self) -> Page:
        with urllib.request.urlopen(self.url, timeout=TIMEOUT) as answer:
            assert answer.status == 200
            return Page(answer.read().decode())

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str, str]:
        self.process.send_signal(number)
        stdout, stderr = self.process.communicate(timeout=TIMEOUT)
        return self.process.returncode, stdout, stderr


@contextlib.contextmanager
def serving(runtime: Runtime, *options: str, **variables: str) -> Iterator[Server]:
    words = [*runtime.argv, "metrics", "--listen", "127.0.0.1:0", *options]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(words, text=True, env=runtime.environment | variables, **pipes) as process:
        try:
            yield Server(process)
        finally:
            process.kill()


# ---- the numbers


@needs.controller("cpu")
@needs.controller("memory")
@needs.controller("pids")
def test_the_numbers_are_the_kernels(life):
    """Of a container that spins against its quota, and in which the OOM killer has been at work."""
    one = life("spin")
    one.bundle.linux["resources"] = {
        "memory": {"limit": 16 * MIB, "swap": 16 * MIB},
        "pids": {"limit": 9},
        "cpu": {"quota": 20000, "period": 100000},
    }
    one.bundle.write()
    cgroup = directory(one.started())
    eater = f"echo $$ > {cgroup}/cgroup.procs && exec tail /dev/zero"  # whose last lines it looks for without end
    assert subprocess.run(["sh", "-c", eater], timeout=TIMEOUT, check=False).returncode == -signal.SIGKILL
    one.wait_for(lambda: numbers(cgroup / "cpu.stat")["nr_throttled"] > 0)
    before = numbers(cgroup / "cpu.stat")
    told = page(one).of(one)
    after = numbers(cgroup / "cpu.stat")
    for name, key, unit in (
        ("cpu_usage_seconds", "usage_usec", 1e6),
        ("cpu_user_seconds", "user_usec", 1e6),
        ("cpu_system_seconds", "system_usec", 1e6),
        ("cpu_periods", "nr_periods", 1),
        ("cpu_throttled_periods", "nr_throttled", 1),
        ("cpu_throttled_seconds", "throttled_usec", 1e6),
    ):
        assert before[key] / unit <= told[f"{name}_total"] <= after[key] / unit, name
    assert told["cpu_throttled_seconds_total"] > 0
    assert told["memory_limit_bytes"] == 16 * MIB
    assert told["memory_peak_bytes"] == int((cgroup / "memory.peak").read_text())
    assert abs(told["memory_usage_bytes"] - int((cgroup / "memory.current").read_text())) < 4 * MIB
    events = numbers(cgroup / "memory.events")
    assert {name: told[f"memory_events_total {name}"] for name in events} == events
    assert events["oom_kill"] >= 1
    assert (told["pids"], told["pids_limit"]) == (1, 9)
    assert told["status running"] == 1
    assert "memory_high_bytes" not in told, "max is no number"


def test_files_that_are_not_there_make_no_metric(life):
    """Which these are depends on the machine: each metric of the cgroup is there if and only if its file is."""
    one = life().started()
    cgroup, told = directory(one), page(one).of(one)
    for name, file in (
        ("cpu_usage_seconds_total", "cpu.stat"),
        ("memory_usage_bytes", "memory.current"),
        ("memory_peak_bytes", "memory.peak"),
        ("memory_swap_bytes", "memory.swap.current"),
        ("memory_events_total oom_kill", "memory.events"),
        ("pids", "pids.current"),
        ("pressure_waiting_seconds_total some memory", "memory.pressure"),
        ("pressure_ratio some io 10s", "io.pressure"),
    ):
        assert (name in told) == (cgroup / file).exists(), name
    assert ("cpu_periods_total" in told) == ("nr_periods" in (cgroup / "cpu.stat").read_text())
    assert not [name for name in told if name.endswith("_limit_bytes")], "nothing is limited"


def test_disks_have_their_names(life):
    one = life().started()
    lines = [line.split() for line in text_of(directory(one) / "io.stat").splitlines()]
    told = page(one).of(one)
    for number, *pairs in lines:
        name = Path(os.readlink(f"/sys/dev/block/{number}")).name
        assert (f"io_read_bytes_total {name}" in told) == any(pair.startswith("rbytes=") for pair in pairs)
    assert lines or not [name for name in told if name.startswith("io_")]


def text_of(file: Path) -> str:
    return file.read_text() if file.exists() else ""


def test_the_network_is_the_containers(life):
    one = life().started()
    told = page(one).of(one)
    lines = Path(f"/proc/{one.process.pid}/net/dev").read_text().splitlines()
    (loopback,) = [line for line in lines if line.strip().startswith("lo:")]
    received, packets, *_ = map(int, loopback.partition(":")[2].split())
    assert told["network_receive_bytes_total lo"] == received
    assert told["network_receive_packets_total lo"] == packets
    assert "network_transmit_drops_total lo" in told
    host = life()
    host.bundle.without_namespace("network")
    host.bundle.write()
    assert not [name for name in page(host.started()).of(host) if name.startswith("network_")], "those are the host's"


def test_without_a_cgroup_nothing_is_counted(life):
    one = life()
    made = one.line("--cgroup-manager", "disabled", "create", "--bundle", str(one.bundle.path), one.id)
    assert made.status == 0, made
    told = page(one).of(one)
    assert told["status created"] == 1
    assert not [name for name in told if name.startswith(("cpu_", "memory_", "pids", "io_", "pressure_"))]


def test_one_that_is_named_has_to_be_there(life):
    one = life()
    done = one.call("stats", options=["--format", "prometheus"])
    assert done.refused and "does not exist" in done.stderr
    assert one.started().call("stats", options=["--format", "prometheus", "--interval", "1s"]).refused


def test_json_is_json_however_it_is_asked_for(life):
    one = life().started()
    told = [one.call("stats", options=options).json for options in (["--json"], ["--format", "json"])]
    assert [set(usage) for usage in told] == [set(told[0])] * 2
    assert told[1]["id"] == one.id


# ---- the server


def test_each_scrape_is_read_anew(life, runtime):
    with serving(runtime) as server:
        one = life()
        assert server.scrape().of(one) == {}
        one.created()
        assert server.scrape().of(one)["status created"] == 1
        one.start()
        assert server.scrape().of(one)["status running"] == 1
        one.kill("KILL")
        one.wait_for(lambda: one.status == "stopped")
        told = server.scrape().of(one)
        assert set(told) == {"status stopped", "creation_time_seconds"}
        one.delete()
        assert server.scrape().of(one) == {}
        assert server.end() == (0, "", "")


def test_containers_come_and_go_while_they_are_read(life, runtime, bundle):
    with serving(runtime) as server:
        kept = life().started()
        brief = bundle("exit", "0", name="brief")
        brief.write()
        script = f"for i in 1 2 3 4 5; do {' '.join(runtime.argv)} run --bundle {brief.path}; done"
        scrapes = 0
        with subprocess.Popen(["sh", "-c", script], env=runtime.environment) as coming_and_going:
            while coming_and_going.poll() is None or not scrapes:
                assert server.scrape().of(kept)["status running"] == 1
                scrapes += 1
        assert server.end() == (0, "", "")


def test_a_client_that_says_nothing_keeps_nobody_waiting(runtime):
    with serving(runtime) as server, socket.create_connection(("127.0.0.1", server.port)) as silent:
        silent.send(b"GET /met")
        assert server.scrape().families
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # RST: socket(7)
        silent.close()
        assert server.scrape().families
        assert server.end(signal.SIGINT) == (0, "", "")


def test_however_many_come_a_few_are_served_at_a_time(life, runtime):
    """The kernel shows how many wait to be accepted: "rx_queue" of a socket that listens (proc_pid_net(5))."""
    with serving(runtime) as server, contextlib.ExitStack() as clients:
        for _ in range(MANY):
            silent = clients.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            silent.send(b"GET /met")
        life().wait_for(lambda: queue_of(server) == MANY - CLIENTS)
        assert len(sockets_of(server)) == 1 + CLIENTS
        clients.close()
        assert server.scrape().families


def queue_of(server: Server) -> int:
    lines = [line.split() for line in Path(f"/proc/{server.process.pid}/net/tcp").read_text().splitlines()]
    (queues,) = (words[4] for words in lines if words[1].endswith(f":{server.port:04X}") and words[3] == LISTEN)
    return int(queues.partition(":")[2], 16)


def sockets_of(server: Server) -> list[Path]:
    found = Path(f"/proc/{server.process.pid}/fd").iterdir()
    return [path for path in found if os.readlink(path).startswith("socket:")]


def test_without_a_descriptor_for_a_client_both_wait(runtime):
    """It asks the kernel now and then, not all the time; and answers when there is one."""
    with serving(runtime) as server:
        pid = server.process.pid
        usual = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (len(os.listdir(f"/proc/{pid}/fd")), usual[1]))
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.send(b"GET /metrics HTTP/1.0\r\n\r\n")
            before = ticks(pid)
            time.sleep(1)
            assert ticks(pid) - before < os.sysconf("SC_CLK_TCK") / 4
            assert queue_of(server) == 1
            resource.prlimit(pid, resource.RLIMIT_NOFILE, usual)
            client.settimeout(TIMEOUT)
            assert client.recv(100).startswith(b"HTTP/1.0 200 OK")
        assert server.end() == (0, "", "")


def ticks(pid: int) -> int:
    """utime and stime of proc_pid_stat(5)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def test_a_port_in_use_is_an_error_with_a_cure(life, runtime):
    with serving(runtime) as server:
        done = life().line("metrics", "--listen", f"127.0.0.1:{server.port}")
        assert done.refused
        assert "EADDRINUSE" in done.stderr and f"ss -ltnp 'sport = :{server.port}'" in done.stderr
        server.scrape()
        port = server.port
        server.end()
    with serving(runtime, "--listen", f"127.0.0.1:{port}") as server:
        assert server.port == port, "it is free at once"


def test_beyond_this_machine_it_listens_for_who_asks_expressly(life):
    done = life().line("metrics", "--listen", "0.0.0.0:0")
    assert done.refused and "--public" in done.stderr


def test_systemd_hears_that_it_is_ready(runtime, place):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(place / "manager"))
        manager.settimeout(TIMEOUT)
        with serving(runtime, NOTIFY_SOCKET=str(place / "manager")) as server:
            assert manager.recv(100) == b"READY=1"
            server.scrape()


def test_start_up_times_are_those_of_the_timelines(life, runtime, place):
    one = life("exit", "0")
    done = one.call("run", options=["--bundle", str(one.bundle.path), "--timeline", str(place / "any.json")])
    assert done.status == 0, done
    with serving(runtime, "--timelines", str(place)) as server:
        chapters = server.scrape().families["minirun_start_up_seconds"].samples
    assert {sample.labels["id"] for sample in chapters} == {one.id}
    assert {"namespaces", "mounts", "exec"} <= {sample.labels["chapter"] for sample in chapters}
    assert all(0 < sample.value < TIMEOUT for sample in chapters)
    refused = one.line("metrics", "--timelines", str(place / "none"))
    assert refused.refused and "mkdir" in refused.stderr


DEBIANS = "/usr/bin/python3 -c 'import prometheus_client, psutil, pyroute2'"


@needs.command(DEBIANS, "Debian's own Python has no prometheus_client, psutil or pyroute2 here")
def test_debians_own_library_will_do():
    """Beside pip's, which is newer: minirun from its sources, by the system's Python."""
    words = ["/usr/bin/python3", "-B", "-m", "minirun", "stats", "--format", "prometheus"]
    done = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert done.returncode == 0, done.stderr
    assert "minirun_containers" in Page(done.stdout).families


# ---- the room


def test_a_run_needs_nothing_of_the_room(bundle, place):
    """A copy of minirun without it."""
    ignored = shutil.ignore_patterns("__pycache__", "labs")
    shutil.copytree(REPOSITORY / "minirun", place / "minirun", ignore=ignored)
    shutil.rmtree(place / "minirun" / "metrics")
    one = bundle("say", "hello")
    one.write()
    environment = os.environ | {"PYTHONPATH": str(place), "PYTHONDONTWRITEBYTECODE": "1"}

    def minirun(*words: str) -> tuple[int, str, str]:
        argv = [sys.executable, "-m", "minirun", *words]
        how = {"capture_output": True, "text": True, "timeout": TIMEOUT, "check": False}
        done = subprocess.run(argv, cwd=place, env=environment, **how)
        return done.returncode, done.stdout.strip(), done.stderr.strip()

    assert minirun("run", "--bundle", str(one.path)) == (0, "hello", "")
    status, _, why = minirun("metrics")
    assert status == 1 and "no metrics room" in why
