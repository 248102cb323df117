"""A run as spans: what belongs below what, from when to when. The SDK's own exporter for tests takes them."""

from __future__ import annotations

import gzip
import json
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest
from unit.test_metrics import timeline

from minirun.errors import StateError
from minirun.metrics import library
from minirun.metrics.timelines import recording
from minirun.metrics.trace import as_lines, send, spans

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

pytest.importorskip(
    "opentelemetry.sdk.trace", reason="needs the Python library opentelemetry-sdk, which Debian 12 lacks"
)

ZERO = 1_700_000_000_000_000_000
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture
def run(tmp_path: Path) -> Any:
    return recording(str(timeline(tmp_path / "run.json")))


def test_steps_are_in_chapters_and_chapters_in_the_run(run: Any) -> None:
    """A chapter that comes again has another span: in between, it was not at work."""
    found = spans(run, {})
    by_id = {span.context.span_id: span for span in found}
    above = [(span.name, by_id[span.parent.span_id].name if span.parent else "") for span in found]
    assert above == [
        ("do 1", "books"),
        ("books", "run web"),
        ("do 2", "mounts"),
        ("mounts", "run web"),
        ("do 3", "books"),
        ("books", "run web"),
        ("do 1", "taken back"),
        ("taken back", "run web"),
        ("run web", ""),
    ]
    assert len({span.context.trace_id for span in found}) == 1
    assert len(by_id) == len(found)


def test_they_last_as_long_as_the_file_says(run: Any) -> None:
    times = {(one.name, (one.start_time - ZERO) // 1000, (one.end_time - ZERO) // 1000) for one in spans(run, {})}
    assert {("do 2", 1000, 3000), ("mounts", 1000, 3000), ("run web", 0, 90007)} <= times


def test_what_a_span_says_of_its_step(run: Any) -> None:
    first, _, second, *_, last = spans(run, {})
    assert second.attributes["minirun.step.result"] == "fd 7"
    assert dict(first.attributes) == {
        "minirun.step.number": 1,
        "minirun.step.process": "runtime",
        "minirun.step.manual": "mkdir(2)",
        "minirun.step.pointer": "/a",
        "process.pid": 7,
    }
    assert {"service.name": "minirun", "container.id": "web"}.items() <= dict(last.resource.attributes).items()


def test_a_step_that_has_failed_has_made_its_chapter_and_the_run_fail(tmp_path: Path) -> None:
    failed = recording(str(timeline(tmp_path / "run.json", failed={"failed": "permission denied (EACCES)"})))
    errors = {span.name: span.status.description for span in spans(failed, {}) if not span.status.is_ok}
    why = "permission denied (EACCES)"
    assert {name: told for name, told in errors.items() if told} == {"do 2": why, "mounts": why, "run web": why}


def test_a_trace_that_has_begun_goes_on(run: Any) -> None:
    *_, root = spans(run, {"TRACEPARENT": f"00-{TRACE}-{PARENT}-01", "TRACESTATE": "a=b"})
    assert (f"{root.context.trace_id:032x}", f"{root.parent.span_id:016x}") == (TRACE, PARENT)
    assert root.context.trace_state["a"] == "b"


def test_a_trace_that_nobody_records_is_not_recorded(run: Any) -> None:
    assert spans(run, {"TRACEPARENT": f"00-{TRACE}-{PARENT}-00"}) == ()


@pytest.mark.parametrize("word", ["x", f"00-{'0' * 32}-{PARENT}-01", f"00-{TRACE}-{PARENT}", f"ff-{TRACE}-{PARENT}-01"])
def test_a_parent_that_is_none_is_an_error(run: Any, word: str) -> None:
    with pytest.raises(StateError, match=r"TRACEPARENT is .*\n  allowed: 00-TRACE-SPAN-FLAGS"):
        spans(run, {"TRACEPARENT": word})
    assert spans(run, {"TRACEPARENT": ""})[-1].parent is None


def test_a_file_without_a_time_of_day_can_not_be_a_trace(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="does not say when the run was"):
        spans(recording(str(timeline(tmp_path / "old.json", began="0"))), {})


def test_lines_for_programs(run: Any) -> None:
    lines = [json.loads(line) for line in as_lines(spans(run, {})).splitlines()]
    assert [line["name"] for line in lines][-1] == "run web"
    assert lines[0]["parent_id"] == lines[1]["context"]["span_id"]


def test_the_sdk_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch, run: Any) -> None:
    monkeypatch.setattr(library, "is_there", lambda wanted: False)
    with pytest.raises(
        StateError, match=r"opentelemetry, which is not installed\n  cure:  pip install 'minirun\[otel\]'"
    ):
        spans(run, {})


# ---- a collector


class Collector(BaseHTTPRequestHandler):
    bodies: list[bytes] = []
    answer = 200

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.bodies.append(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
        self.send_response(self.answer)
        self.end_headers()

    def log_message(self, *_words: object) -> None:
        pass


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Any:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="needs opentelemetry-exporter-otlp-proto-http")
    monkeypatch.setattr(Collector, "bodies", [])
    with HTTPServer(("127.0.0.1", 0), Collector) as server, ThreadPoolExecutor(1) as pool:
        pool.submit(server.serve_forever)
        yield f"http://127.0.0.1:{server.server_port}/v1/traces"
        server.shutdown()


def test_a_collector_is_sent_all_spans(collector: str, run: Any) -> None:
    send(spans(run, {"TRACEPARENT": f"00-{TRACE}-{PARENT}-01"}), collector)
    (body,) = Collector.bodies
    assert body.count(b"do 1") == 2 and b"run web" in body
    assert bytes.fromhex(TRACE) in body and bytes.fromhex(PARENT) in body


def test_a_collector_that_refuses_is_an_error(collector: str, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Collector, "answer", 404)
    with pytest.raises(StateError, match=r"the collector at .* does not take the spans: .*404"):
        send(spans(run, {}), collector)


def test_an_address_that_is_none_is_an_error(run: Any) -> None:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="needs opentelemetry-exporter-otlp-proto-http")
    with pytest.raises(StateError, match="the collector at foo does not take the spans"):
        send(spans(run, {}), "foo")
