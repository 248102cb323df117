"""Switches of the host's network namespace, files below /proc/sys/net (proc_sys(5))."""

from __future__ import annotations

from ..kernel import files
from .operation import Operation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .links import Sites


def name_of_switch(path: str) -> str:
    """As sysctl(8) calls it."""
    return path.removeprefix("/proc/sys/").replace("/", ".")


class SwitchOn(Operation):
    """A switch of the host's network namespace. What it was is noted, and put back when the last network is removed."""

    man = "proc_sys(5)"

    path: str
    value: str
    why: str
    of_link: bool = False  # it goes with a link that minirun has made

    def describe(self) -> str:
        return f"set {self.name}, {self.why}"

    @property
    def name(self) -> str:
        return name_of_switch(self.path)

    def shell(self) -> str:
        return f"sysctl -w {self.name}={self.value}"

    def apply(self, sites: Sites) -> None:
        before = files.read_file(self.path).strip()
        if before == self.value:
            return
        files.write_file(self.path, self.value)
        if not self.of_link:
            sites.result = f"it was {before}"
            sites.changed.setdefault(self.path, before)


class SwitchOnIPv6(SwitchOn):
    """The same for IPv6, where a host that passes things on no longer listens to routers, and would lose its own route:
    links that do listen (accept_ra is 1) are told to do so all the same (2)."""

    man = SwitchOn.man

    def shell(self) -> str:
        keep = 'for link in /proc/sys/net/ipv6/conf/*/accept_ra; do grep -qx 1 "$link" && echo 2 > "$link"; done'
        return f"{keep}; {super().shell()}"

    def apply(self, sites: Sites) -> None:
        if files.read_file(self.path).strip() != self.value:
            for name in sites.host.names():
                self.keep_listening(f"/proc/sys/net/ipv6/conf/{name}/accept_ra", sites)
        super().apply(sites)

    def keep_listening(self, path: str, sites: Sites) -> None:
        if files.is_there(path) and files.read_file(path).strip() == "1":
            files.write_file(path, "2")
            sites.changed.setdefault(path, "1")
