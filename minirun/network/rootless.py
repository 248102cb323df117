"""A network without root. Only root may lay a cable into the host's namespace, so a program of the user's stands
between: it plays a link in the container, and on the host it has sockets like any other program.

Each container is alone with it: it reaches the outside, and is reached by its published ports.
"""

from __future__ import annotations

from .networks import PASTA, SLIRP
from .pasta import pasta_plan
from .slirp import slirp_plan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .networks import Network
    from .operation import Operation
    from .pool import Lease

PLANS = {SLIRP: slirp_plan, PASTA: pasta_plan}


def rootless_plan(network: Network, lease: Lease, directory: str) -> tuple[Operation, ...]:
    return PLANS[network.driver](network, lease, directory)
