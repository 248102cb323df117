"""config.md#hostname and #domainname"""

from __future__ import annotations

import platform
from pathlib import Path
from typing import TYPE_CHECKING

from ..suite import clause, expect

if TYPE_CHECKING:
    from ..container import Container

SEEN = "`{0}` (string, OPTIONAL) specifies the container's {0} as seen by processes running inside the container."
CHANGED = "On Linux, for example, this will change the {0} in the container UTS namespace."


@clause("config.md#hostname", SEEN.format("hostname"))
def the_hostname(container: Container) -> None:
    container.config["hostname"] = "mrsdalloway"
    expect("the host name inside", container.look()["hostname"], "mrsdalloway")


@clause("config.md#hostname", CHANGED.format("hostname"))
def the_hostname_of_the_host_stays(container: Container) -> None:
    before = platform.node()
    container.config["hostname"] = "mrsdalloway"
    container.look("fds")
    expect("the host name outside", Path("/proc/sys/kernel/hostname").read_text().strip(), before)


@clause("config.md#domainname", SEEN.format("domainname"))
def the_domainname(container: Container) -> None:
    container.config["domainname"] = "foobarbaz.test"
    expect("the domain name inside", container.look()["domainname"], "foobarbaz.test")
