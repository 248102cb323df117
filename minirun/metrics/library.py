"""Libraries that only this room wants, and that need not be installed with minirun."""

from __future__ import annotations

import sys
from importlib import import_module

from ..errors import StateError
from ..record import Record


class Library(Record):
    module: str
    cure: str


PROMETHEUS = Library("prometheus_client", "apt install python3-prometheus-client; or pip install 'minirun[metrics]'")
OPENTELEMETRY = Library("opentelemetry.sdk.trace", "pip install 'minirun[otel]'; Debian 12 has no package of it")
OTLP = Library("opentelemetry.exporter.otlp.proto.http.trace_exporter", "pip install 'minirun[otel]'")


def need(library: Library) -> None:
    """Raises StateError where it is not installed."""
    if sys.flags.no_site and not is_there(library):
        import site

        site.main()  # beside minirun is all that minirun itself needs; this may be with the system's (cli/begin.py)
    if not is_there(library):
        name = library.module.partition(".")[0]
        raise StateError(f"this takes the Python library {name}, which is not installed\n  cure:  {library.cure}")


def is_there(library: Library) -> bool:
    try:
        import_module(library.module)
    except ImportError:
        return False
    return True
