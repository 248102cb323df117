"""What was measured, in the words of the Prometheus client library: a collector, which reads when it is asked.

The status is a metric of its own, not a label of the others: each time it changed, all of their series would begin
anew.
"""

from __future__ import annotations

from .reading import STATUSES, measured
from .start_up import start_ups
from .tables import COUNTER, GAUGE, METRICS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from prometheus_client.core import Metric as Family

    from .reading import Measured
    from .tables import Metric

    Rows = Iterable[tuple[tuple[str, ...], float]]  # the values of the labels, and the number

NUMBER = ("minirun_containers", "Containers that there are, by their status (minirun list).")
STATUS = ("minirun_container_status", "1 for the status that the container is in (minirun state).")
CREATED = ("minirun_container_creation_time_seconds", "When it was created, since 1970 (minirun state).")
START_UP = ("minirun_start_up_seconds", "How long each chapter of the start took (run --timeline).")


class Collector:
    """Of the containers of `root`, or those of them that are named; and of the timelines in a directory."""

    def __init__(self, root: str, names: tuple[str, ...] = (), timelines: str = "") -> None:
        self.root, self.names, self.timelines = root, names, timelines

    def collect(self) -> Iterator[Family]:
        """The library calls it at each scrape. A metric that nobody has is left out, its help with it."""
        found = tuple(measured(self.root, self.names))
        return (family for family in self.families(found) if family.samples)

    def families(self, found: Sequence[Measured]) -> Iterator[Family]:
        yield family(*NUMBER, GAUGE, ("status",), numbers(found))
        yield family(*STATUS, GAUGE, ("id", "status"), (((one.id, one.status), 1) for one in found))
        yield family(*CREATED, GAUGE, ("id",), (((one.id,), one.created) for one in found))
        for metric in METRICS:
            labels = ("id", *metric.labels)
            yield family(metric.base_name, metric.full_help, metric.kind, labels, rows(metric, found))
        if self.timelines:
            yield family(*START_UP, GAUGE, ("id", "chapter"), start_up_rows(self.timelines))


def family(name: str, help: str, kind: str, labels: Sequence[str], rows: Rows) -> Family:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    made = (CounterMetricFamily if kind == COUNTER else GaugeMetricFamily)(name, help, labels=labels)
    for values, number in rows:
        made.add_metric(values, number)
    done: Family = made
    return done


def numbers(found: Sequence[Measured]) -> Rows:
    """Here nothing is missing: where there is no paused one, 0 is what there is."""
    return (((status,), sum(one.status == status for one in found)) for status in STATUSES)


def rows(metric: Metric, found: Sequence[Measured]) -> Rows:
    for one in found:
        yield from (((one.id, *sample.labels), sample.value) for sample in one.samples if sample.metric is metric)


def start_up_rows(directory: str) -> Rows:
    for one in start_ups(directory):
        yield from (((one.id, chapter), seconds) for chapter, seconds in one.chapters.items())


def exposition(collector: Collector) -> str:
    """Prometheus's text format."""
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry()
    registry.register(collector)
    text: str = generate_latest(registry).decode()
    return text
