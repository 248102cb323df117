"""`minirun features`: what this program can do, whatever the host can (features.md).

It is read off the tables that the program itself goes by, so that it can't promise more than that.
"""

from __future__ import annotations

from .. import __version__
from ..kernel.constants import CAPABILITIES, PROPAGATION
from ..plan.hooks import FIELDS
from ..plan.mount_options import ATTRIBUTES, FLAGS, ID_MAPS, SYMLINKS
from ..spec.config import EXTENSION, UNIT_PROPERTY
from ..spec.load import MINOR_VERSIONS
from ..spec.load_hardware import MODE_FLAGS, MODES
from ..spec.load_linux import NAMESPACES
from ..spec.load_seccomp import ACTIONS, ARCHITECTURES, OPERATORS
from ..spec.load_seccomp import FLAGS as SECCOMP_FLAGS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def features() -> dict[str, Any]:
    return {
        "ociVersionMin": f"1.{MINOR_VERSIONS[0]}.0",
        "ociVersionMax": f"1.{MINOR_VERSIONS[-1]}.0",
        "hooks": list(FIELDS),
        "mountOptions": mount_options(),
        "linux": {
            "namespaces": sorted(NAMESPACES),
            "capabilities": list(CAPABILITIES),
            "cgroup": {
                "v1": False,
                "v2": True,
                "systemd": True,
                "systemdUser": True,
                "rdma": True,
            },
            "seccomp": {
                "enabled": True,
                "actions": list(ACTIONS),
                "operators": list(OPERATORS),
                "archs": list(ARCHITECTURES),
                "knownFlags": list(SECCOMP_FLAGS),
                "supportedFlags": list(SECCOMP_FLAGS),
            },
            "apparmor": {"enabled": True},
            "selinux": {"enabled": True},
            "intelRdt": {"enabled": True, "schemata": True, "monitoring": True},
            "memoryPolicy": {"modes": list(MODES), "flags": list(MODE_FLAGS)},
            "mountExtensions": {"idmap": {"enabled": True}},
            "netDevices": {"enabled": True},
        },
        "potentiallyUnsafeConfigAnnotations": [UNIT_PROPERTY, EXTENSION],
        "annotations": {"io.github.minirun.version": __version__},
    }


def mount_options() -> list[str]:
    """All words that are not a file system's own (config.md#linux-mount-options), and crun's about symlinks."""
    return sorted(
        {*FLAGS, *ID_MAPS, *SYMLINKS, "tmpcopyup", *(f"r{word}" for word in ATTRIBUTES)}
        | {*PROPAGATION, *(f"r{word}" for word in PROPAGATION)}
    )
