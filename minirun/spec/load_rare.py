"""Objects that few containers have. What reads them is imported where config.json has them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .config import Config, Hooks
    from .config_rare import IntelRdt, MemoryPolicy, NetDevice, Seccomp
    from .reader import Node


def seccomp(node: Node) -> Seccomp:
    from .load_seccomp import read_seccomp

    return read_seccomp(node)


def intel_rdt(node: Node) -> IntelRdt:
    from .load_hardware import read_intel_rdt

    return read_intel_rdt(node)


def memory_policy(node: Node) -> MemoryPolicy:
    from .load_hardware import read_memory_policy

    return read_memory_policy(node)


def net_devices(node: Node) -> tuple[NetDevice, ...]:
    from .load_hardware import read_net_devices

    return read_net_devices(node)


def hooks(node: Node) -> Hooks:
    from .load_hooks import read_hooks

    return read_hooks(node)


def extended(config: Config, annotations: Node) -> Config:
    from . import load_extensions

    return load_extensions.extended(config, annotations)
