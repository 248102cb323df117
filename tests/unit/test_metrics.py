"""What becomes of the kernel's files as metrics: read by the library's parser, and by the conventions of promtool."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from unit.test_directory import CONFIG, GOOD

from minirun.cli.table import COMMANDS
from minirun.errors import StateError
from minirun.metrics import library, reading, server
from minirun.metrics.families import CREATED, NUMBER, START_UP, STATUS, Collector, exposition
from minirun.metrics.library import Library, need
from minirun.metrics.reading import Measured
from minirun.metrics.samples import samples
from minirun.metrics.server import listen
from minirun.metrics.start_up import start_ups
from minirun.metrics.tables import COUNTER, FILES, METRICS
from minirun.metrics.timelines import recording

if TYPE_CHECKING:
    from collections.abc import Iterator

parser = pytest.importorskip("prometheus_client.parser", reason="needs the Python library prometheus_client")
REPOSITORY = Path(__file__).parents[2]

ALL_FILES = {
    "cpu.stat": "usage_usec 3500000\nuser_usec 2000000\nsystem_usec 1500000\nnr_periods 9\nnr_throttled 4\n"
    "throttled_usec 250000\nnr_bursts 0\n",
    "memory.current": "4096\n",
    "memory.peak": "8192\n",
    "memory.max": "16384\n",
    "memory.high": "12288\n",
    "memory.swap.current": "512\n",
    "memory.swap.max": "1024\n",
    "memory.events": "low 0\nhigh 1\nmax 2\noom 3\noom_kill 4\noom_group_kill 0\n",
    "pids.current": "5\n",
    "pids.max": "7\n",
    "io.stat": "8:0 rbytes=100 wbytes=200 rios=3 wios=4 dbytes=0 dios=0\n7:0\n254:1 rbytes=1 wbytes=2 rios=1 wios=1\n",
    **{
        f"{resource}.pressure": "some avg10=12.50 avg60=1.00 avg300=0.00 total=1500000\n"
        "full avg10=0.00 avg60=0.00 avg300=0.00 total=20\n"
        for resource in ("cpu", "memory", "io")
    },
}
NETWORK = """Inter-|   Receive                                                |  Transmit
 face |bytes packets errs drop fifo frame compressed multicast|bytes packets errs drop fifo colls carrier compressed
    lo: 1 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0
"eth: 10 20 30 40 0 0 0 0 50 60 70 80 0 0 0 0
"""


@pytest.fixture
def scraped(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, ...], float]:
    return scrape(monkeypatch, Measured("web", "running", 12.5, tuple(samples(ALL_FILES, NETWORK, {"8:0": "sda"}))))


def scrape(monkeypatch: pytest.MonkeyPatch, *found: Measured) -> dict[tuple[str, ...], float]:
    """What Prometheus would read, by name and values of the labels in the order of their names."""
    monkeypatch.setattr("minirun.metrics.families.measured", lambda root, names: iter(found))
    text = exposition(Collector("/nowhere"))
    assert_well_formed(text)
    return {(one.name, *(one.labels[name] for name in sorted(one.labels))): one.value for one in all_of(text)}


def all_of(text: str) -> Iterator[object]:
    for family in parser.text_string_to_metric_families(text):
        yield from family.samples


def assert_well_formed(text: str) -> None:
    """What `promtool check metrics` looks for, and promtool itself where it is installed."""
    families = list(parser.text_string_to_metric_families(text))
    assert len({family.name for family in families}) == len(families)
    for family in families:
        assert family.documentation.endswith((")", ").")) and family.samples
        assert re.fullmatch(r"minirun_[a-z_]+", family.name)
        assert family.type in ("counter", "gauge")
        assert all(one.name.endswith("_total") == (family.type == "counter") for one in family.samples)
        assert not re.search(r"_(usec|milliseconds|percent|kilobytes|counter|gauge)\b", family.name)
    if promtool := shutil.which("promtool"):
        done = subprocess.run([promtool, "check", "metrics"], input=text, text=True, capture_output=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_each_number_is_there_in_base_units(scraped: dict[tuple[str, ...], float]) -> None:
    of_web = {key[0].removeprefix("minirun_container_"): value for key, value in scraped.items() if key[1:] == ("web",)}
    assert of_web == {
        "creation_time_seconds": 12.5,
        "cpu_usage_seconds_total": 3.5,
        "cpu_user_seconds_total": 2.0,
        "cpu_system_seconds_total": 1.5,
        "cpu_periods_total": 9,
        "cpu_throttled_periods_total": 4,
        "cpu_throttled_seconds_total": 0.25,
        "memory_usage_bytes": 4096,
        "memory_peak_bytes": 8192,
        "memory_limit_bytes": 16384,
        "memory_high_bytes": 12288,
        "memory_swap_bytes": 512,
        "memory_swap_limit_bytes": 1024,
        "pids": 5,
        "pids_limit": 7,
    }


def test_numbers_with_more_labels(scraped: dict[tuple[str, ...], float]) -> None:
    """The labels in the order of their names: device, event, interface before or behind id."""
    expected = {
        ("io_read_bytes_total", "sda", "web"): 100,
        ("io_written_bytes_total", "254:1", "web"): 2,
        ("io_reads_total", "sda", "web"): 3,
        ("io_writes_total", "sda", "web"): 4,
        ("memory_events_total", "oom", "web"): 3,
        ("memory_events_total", "oom_kill", "web"): 4,
        ("memory_events_total", "high", "web"): 1,
        ("memory_events_total", "max", "web"): 2,
        ("network_receive_bytes_total", "web", '"eth'): 10,
        ("network_receive_packets_total", "web", "lo"): 2,
        ("network_receive_errors_total", "web", "lo"): 3,
        ("network_receive_drops_total", "web", "lo"): 4,
        ("network_transmit_bytes_total", "web", "lo"): 5,
        ("network_transmit_packets_total", "web", "lo"): 6,
        ("network_transmit_errors_total", "web", "lo"): 7,
        ("network_transmit_drops_total", "web", "lo"): 8,
        ("pressure_ratio", "web", "some", "memory", "10s"): 0.125,
        ("pressure_ratio", "web", "full", "io", "300s"): 0,
        ("pressure_waiting_seconds_total", "web", "some", "cpu"): 1.5,
    }
    assert {key: scraped.get((f"minirun_container_{key[0]}", *key[1:])) for key in expected} == expected
    assert ("minirun_container_io_reads_total", "7:0", "web") not in scraped, "nothing was counted for it"


def test_what_is_not_there_is_no_metric_and_never_0(monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"cpu.stat": "usage_usec 1\nuser_usec 1\nsystem_usec 0\n", "memory.max": "max\n"}
    found = scrape(monkeypatch, Measured("web", "running", 0, tuple(samples(files))))
    names = {key[0].removeprefix("minirun_container_") for key in found if key[0].startswith("minirun_container_")}
    assert names == {
        "status",
        "creation_time_seconds",
        "cpu_usage_seconds_total",
        "cpu_user_seconds_total",
        "cpu_system_seconds_total",
    }


def test_the_status_and_how_many_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    found = scrape(
        monkeypatch, *(Measured(name, status, 0, ()) for name, status in (("a", "running"), ("b", "stopped")))
    )
    assert found["minirun_container_status", "a", "running"] == found["minirun_container_status", "b", "stopped"] == 1
    counts = {key[1]: value for key, value in found.items() if key[0] == "minirun_containers"}
    assert counts == {"creating": 0, "created": 0, "running": 1, "paused": 0, "stopped": 1}


def test_every_metric_says_which_file_it_is_from() -> None:
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    assert all(metric.file in metric.full_help for metric in METRICS)
    assert set(FILES) == set(ALL_FILES)


def test_a_name_that_is_no_text_does_not_spoil_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """An interface may be called by any bytes (PEP 383)."""
    network = NETWORK.replace('"eth', "\udcff\x1b")
    found = scrape(monkeypatch, Measured("web", "running", 0, tuple(samples({}, network))))
    assert ("minirun_container_network_receive_bytes_total", "web", r"\udcff\x1b") in found


# ---- the dashboard


def test_every_metric_of_the_dashboard_exists() -> None:
    dashboard = json.loads((REPOSITORY / "examples" / "grafana-dashboard.json").read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    queries += [one["query"] for one in dashboard["templating"]["list"]]
    used = set(re.findall(r"minirun_\w+", " ".join(queries)))
    totals = {f"{metric.base_name}{'_total' if metric.kind == COUNTER else ''}" for metric in METRICS}
    assert len(used) > 10
    assert used - totals <= {one[0] for one in (NUMBER, STATUS, CREATED, START_UP)}
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


# ---- timelines


def timeline(
    path: Path, container: str = "web", began: object = "1700000000000000000", failed: dict[str, str] | None = None
) -> Path:
    def event(number: int, chapter: str, begun: int, length: int) -> dict[str, object]:
        told = {"number": number, "process": "runtime", "manual": "mkdir(2)", "pointer": "/a" if number == 1 else ""}
        fixed = {"ph": "X", "pid": 7, "tid": 7, "name": f"do {number}"}
        return {**fixed, "cat": chapter, "ts": begun, "dur": length, "args": told}

    events: list[dict[str, object]] = [
        {"name": "process_name", "ph": "M", "pid": 7, "args": {"name": "the runtime"}},
        event(1, "books", 0, 1000),
        event(2, "mounts", 1000, 2000),
        event(3, "books", 3000, 500),
        event(1, "taken back", 90000, 7),
    ]
    events[2]["args"] |= failed or {"result": "fd 7"}  # type: ignore[operator]
    path.write_text(json.dumps({"traceEvents": events, "otherData": {"container": container, "began": began}}))
    return path


def test_start_up_times_are_those_of_the_chapters(tmp_path: Path) -> None:
    timeline(tmp_path / "1.json")
    timeline(tmp_path / "old.json", container="")
    timeline(tmp_path / "failed.json", container="failed", failed={"failed": "permission denied (EACCES)"})
    (tmp_path / "half.json").write_text('{"traceEvents": [')
    (tmp_path / "notes").write_text("")
    found = {one.id: one.chapters for one in start_ups(str(tmp_path))}
    assert found == {name: {"books": 0.0015, "mounts": 0.002} for name in ("web", "old")}
    text = exposition(Collector(str(tmp_path / "no containers"), timelines=str(tmp_path)))
    assert 'minirun_start_up_seconds{chapter="mounts",id="web"} 0.002\n' in text
    assert_well_formed(text)


@pytest.mark.parametrize(
    "wrong",
    [
        {"traceEvents": [{"ph": "X"}]},
        {"traceEvents": [], "otherData": []},
        {"traceEvents": [], "otherData": {"began": 7}},
        {"traceEvents": [], "otherData": {"began": "9" * 20}},
        {"traceEvents": [], "otherData": {"container": 7}},
        [],
        7,
    ],
)
def test_what_is_no_timeline_is_said(tmp_path: Path, wrong: object) -> None:
    path = tmp_path / "wrong.json"
    path.write_text(json.dumps(wrong))
    with pytest.raises(StateError, match="is no timeline"):
        recording(str(path))


# ---- listening


def refused(address: str, *, public: bool = False) -> str:
    with pytest.raises(StateError) as told:
        listen(address, public, Collector("/nowhere"), print)
    return str(told.value)


@pytest.mark.parametrize("address", ["", "9200", ":9200", "localhost", "localhost:", "localhost:x", "localhost:65536"])
def test_an_address_that_is_none(address: str) -> None:
    assert "allowed: HOST:PORT" in refused(address)


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"])
def test_beyond_this_machine_only_who_asks_for_it(address: str) -> None:
    assert "--public" in refused(address)


def test_an_address_of_another_machine_is_said() -> None:
    assert "EADDRNOTAVAIL" in refused("192.0.2.1:0", public=True)


def test_beyond_this_machine() -> None:
    with listen("0.0.0.0:0", True, Collector("/nowhere"), print) as here:
        assert here.server_address[0] == "0.0.0.0"


def test_a_client_that_says_a_byte_at_a_time_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """timeout(1) would end it with 124."""
    monkeypatch.setattr(server, "PATIENCE", 0.2)
    words = ["timeout", "10", "sh", "-c", "while printf x; do sleep 0.05; done"]
    ours, theirs = socket.socketpair()
    with ours, theirs, listen("127.0.0.1:0", False, Collector("/nowhere"), print) as here:
        client = subprocess.Popen(words, stdout=theirs, stderr=subprocess.DEVNULL)
        theirs.close()
        with suppress(BrokenPipeError):  # the answer
            server.Handler(ours, ("", 0), here)
        assert client.wait() != 124


# ---- what need not be there


def test_a_library_that_is_missing_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(StateError, match="prometheus_client, which is not installed") as told:
        need(library.PROMETHEUS)
    assert "apt install python3-prometheus-client" in told.value.cure
    need(Library("json", ""))


def test_the_version_of_debian_is_enough() -> None:
    """The parser and the families that are used are in 0.16; this test holds the floor that pyproject.toml names."""
    import tomllib

    extras = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert extras["metrics"] == ["prometheus-client>=0.16"]


@pytest.fixture
def without_room(tmp_path: Path) -> Path:
    """minirun as it is when minirun/metrics has been deleted, and books of one container."""
    ignored = shutil.ignore_patterns("metrics", "__pycache__", "labs")
    shutil.copytree(REPOSITORY / "minirun", tmp_path / "minirun", ignore=lambda *what: kept_in_cli(ignored, *what))
    books = tmp_path / "root" / "web"
    books.mkdir(parents=True)
    (books / "lock").touch()
    (books / "state.json").write_text(json.dumps(GOOD))
    (books / "config.json").write_text(json.dumps(CONFIG))
    return tmp_path


def kept_in_cli(ignored: object, folder: str, names: list[str]) -> set[str]:
    return ignored(folder, names) - ({"metrics"} if Path(folder).name == "cli" else set())  # type: ignore[operator]


def minirun(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = "import sys; sys.path.insert(0, sys.argv[1]); "
    command += "from minirun.cli.start import start; sys.exit(start(sys.argv[2:]))"
    words = ("--root", str(home / "root"), *words)
    return subprocess.run(
        [sys.executable, "-I", "-B", "-c", command, str(home), *words], capture_output=True, text=True, check=False
    )


def test_without_the_room_minirun_works_and_its_commands_say_so(without_room: Path) -> None:
    assert not (without_room / "minirun" / "metrics").exists()
    assert (without_room / "minirun" / "cli" / "metrics.py").exists()
    listed = minirun(without_room, "list", "--quiet")
    assert (listed.returncode, listed.stdout) == (0, "web\n"), listed
    for words in (("stats", "--format", "prometheus"), ("metrics",), ("health", "web"), ("trace", "run.json")):
        done = minirun(without_room, *words)
        assert done.returncode == 1
        assert done.stderr == "minirun: this minirun has no metrics room: minirun/metrics was left out\n"
    assert minirun(without_room, "health", "--help").returncode == 0
    assert {"metrics", "health", "trace"} <= set(COMMANDS)


def test_a_container_that_ends_meanwhile_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its books go between the list of them and the look, or while its files are read."""
    monkeypatch.setattr(reading, "ids", lambda root: ["gone", "broken"])
    (tmp_path / "broken").mkdir()
    assert list(reading.measured(str(tmp_path))) == []
