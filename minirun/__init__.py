"""minirun: a Linux container runtime that can be read, and used from Python:

    from minirun import Bundle, Container

    bundle = Bundle.create("web", rootfs="/srv/busybox", args=["httpd", "-f"])
    with Container.run(bundle) as web:
        print(web.exec(["ps"], capture_output=True, text=True).stdout)

docs/python.md has more.
"""

from __future__ import annotations

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .api.bundle import Bundle
    from .api.container import Container, run
    from .api.process import Process
    from .errors import ConfigError, ContainerDied, Interrupted, MinirunError, StateError, StepError
    from .operations import features

# Every start of the runtime imports this package, and needs none of them.
HOMES = {
    "Bundle": "api.bundle",
    "Container": "api.container",
    "run": "api.container",
    "Process": "api.process",
    "features": "operations",
    "MinirunError": "errors",
    "ConfigError": "errors",
    "StepError": "errors",
    "StateError": "errors",
    "ContainerDied": "errors",
    "Interrupted": "errors",
}

__all__ = [
    "Bundle",
    "ConfigError",
    "Container",
    "ContainerDied",
    "Interrupted",
    "MinirunError",
    "Process",
    "StateError",
    "StepError",
    "features",
    "run",
]


def __getattr__(name: str) -> object:
    """Import what is asked for when it is asked for (PEP 562)."""
    if name not in HOMES:
        raise AttributeError(f"module 'minirun' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"minirun.{HOMES[name]}"), name)
