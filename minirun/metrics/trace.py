"""A run as a trace of OpenTelemetry's: one span a step, children of their chapters' spans, children of the run's.

Times, names and parents are of the file that `run --timeline` has written; the SDK makes spans of them, as if it had
been there. A chapter comes more than once where others come in between: each time has a span of its own.
"""

from __future__ import annotations

from itertools import groupby

from .. import __version__
from ..errors import StateError
from ..safe import safe
from .library import OPENTELEMETRY, OTLP, need

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import Span, Tracer

    from .timelines import Recorded, Recording

PATIENCE = 5  # seconds, for a collector
SHOWN = 300  # characters of what there is against it


def spans(recording: Recording, environment: Mapping[str, str]) -> tuple[ReadableSpan, ...]:
    """In the order of their ends, as the SDK exports them. $TRACEPARENT, if there is one, is the parent of all (W3C
    Trace Context). Raises StateError."""
    need(OPENTELEMETRY)
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    if not (recording.steps and recording.began):
        raise StateError(
            "the timeline does not say when the run was\n  cure:  write it anew: minirun run --timeline FILE"
        )
    known = {"service.name": "minirun", "service.version": __version__, "container.id": recording.container}
    memory = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource(known), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    of_run(provider.get_tracer("minirun", __version__), recording, parent(environment))
    found: tuple[ReadableSpan, ...] = memory.get_finished_spans()
    return found


def parent(environment: Mapping[str, str]) -> Context | None:
    """Raises StateError where $TRACEPARENT is none: in a trace of its own, nobody would look for this run."""
    from opentelemetry import trace
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    told = {name: environment[name.upper()] for name in ("traceparent", "tracestate") if name.upper() in environment}
    if not told.get("traceparent"):
        return None
    context = TraceContextTextMapPropagator().extract(told)
    if not trace.get_current_span(context).get_span_context().is_valid:
        raise StateError(
            f"TRACEPARENT is {told['traceparent']!r}\n"
            "  allowed: 00-TRACE-SPAN-FLAGS, in hexadecimal digits: 32, 16 and 2 (W3C Trace Context)"
        )
    return context


# ---- the spans


def of_run(tracer: Tracer, recording: Recording, context: Context | None) -> None:
    run = begin_span(tracer, f"run {recording.container}".rstrip(), recording.began, recording.steps, context)
    for chapter, steps in groupby(recording.steps, key=lambda step: step.chapter):
        of_chapter(tracer, chapter, recording.began, tuple(steps), run)
    end_span(run, recording.began, recording.steps)


def of_chapter(tracer: Tracer, chapter: str, zero: int, steps: Sequence[Recorded], run: Span) -> None:
    span = begin_span(tracer, chapter, zero, steps, below(run))
    for step in steps:
        one = begin_span(tracer, step.sentence, zero, (step,), below(span))
        one.set_attributes(attributes(step))
        end_span(one, zero, (step,))
    end_span(span, zero, steps)


def below(span: Span) -> Context:
    from opentelemetry.trace import set_span_in_context

    return set_span_in_context(span)


def begin_span(tracer: Tracer, name: str, zero: int, steps: Iterable[Recorded], context: Context | None) -> Span:
    return tracer.start_span(name, context, start_time=zero + 1000 * min(step.begun for step in steps))


def end_span(span: Span, zero: int, steps: Sequence[Recorded]) -> None:
    """A span with a step that has failed has failed, too."""
    from opentelemetry.trace import Status, StatusCode

    for step in steps:
        if step.failure:
            span.set_status(Status(StatusCode.ERROR, step.failure))
    span.end(zero + 1000 * max(step.begun + step.microseconds for step in steps))


def attributes(step: Recorded) -> dict[str, str | int]:
    """Those of general use by OpenTelemetry's names. A step that config.json does not ask for has no pointer, and few
    have a result."""
    told: dict[str, str | int] = {
        "minirun.step.number": step.number,
        "minirun.step.process": step.process,
        "minirun.step.manual": step.manual,
        "process.pid": step.pid,
    }
    more = {"minirun.step.pointer": step.pointer, "minirun.step.result": step.result}
    return told | {name: value for name, value in more.items() if value}


# ---- out of here


def as_lines(found: Iterable[ReadableSpan]) -> str:
    """A JSON object a line, as the SDK's own ConsoleSpanExporter has it."""
    return "".join(f"{span.to_json(indent=None)}\n" for span in found)


def send(found: Sequence[ReadableSpan], url: str) -> None:
    """To a collector, by OTLP over HTTP. Raises StateError where it does not take them."""
    need(OTLP)
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import SpanExportResult

    exporter, said = OTLPSpanExporter(endpoint=url, timeout=PATIENCE), words_of_sdk()
    try:
        result = exporter.export(found)
    except Exception as error:  # of the library that it sends by, whichever that is
        raise refused_by(url, str(error)) from None
    finally:
        exporter.shutdown()  # type: ignore[no-untyped-call,unused-ignore]
    if result is not SpanExportResult.SUCCESS:
        raise refused_by(url, said[0] if said else "")


def words_of_sdk() -> list[str]:
    """What it logs from now on: by its result alone nobody knows why."""
    import logging

    said: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    logger = logging.getLogger("opentelemetry")
    logger.addHandler(Listener())
    logger.propagate = False
    return said


def refused_by(url: str, why: str) -> StateError:
    return StateError(
        f"the collector at {safe(url)} does not take the spans{': ' if why else ''}{safe(why[:SHOWN])}\n"
        "  cure:  give the whole address, such as http://127.0.0.1:4318/v1/traces, and see that a collector listens"
    )
