"""A stage for networks: a network namespace that plays the host, and one beside it that plays the outside. The
machine's own links, routes and rules have no part in it.

     host                                  outside
     mr-web   uplink 203.0.113.1 ========= eth0 203.0.113.9
                     fd99::1               fd99::9
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kernel.kit.helpers import namespace_holder
from kernel.kit.runtime import PATIENCE
from kernel.kit.users import UsersRuntime

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kernel.kit.runtime import Runtime

BOOKS = Path("/run/minirun")  # root's
HOST, OUTSIDE = ("203.0.113.1", "fd99::1"), ("203.0.113.9", "fd99::9")


class Side:
    """One of the two namespaces."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.prefix = ("nsenter", "--target", str(pid), "--net")

    def run(self, *words: str, check: bool = True, **more: Any) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*self.prefix, *words], capture_output=True, text=True, timeout=60 * PATIENCE, check=False, **more
        )
        assert not check or done.returncode == 0, f"{words}\n{done.stdout}{done.stderr}"
        return done

    def ask(self, address: str, port: int, seconds: float = 3 * PATIENCE) -> str:
        """What a server there says; "" where nobody answers."""
        place = f"[{address}]" if ":" in address else address
        words = ("timeout", str(seconds), "busybox", "wget", "-q", "-O", "-", f"http://{place}:{port}/")
        return self.run(*words, check=False, stdin=subprocess.DEVNULL).stdout.strip()

    def waits_in_vain(self, address: str, port: int, beside: tuple[str, int]) -> bool:
        """Whether what is sent there is dropped. That is waited for in full, so for no longer than it would take the
        server beside it to answer several times."""
        begun = time.monotonic()
        assert self.ask(*beside)
        return self.ask(address, port, seconds=1 + 3 * (time.monotonic() - begun)) == ""

    @contextlib.contextmanager
    def server(self, port: int, pages: Path, says: str) -> Iterator[None]:
        """At all of its addresses."""
        pages.mkdir()
        (pages / "index.html").write_text(f"{says}\n")
        words = [*self.prefix, "busybox", "httpd", "-f", "-p", str(port), "-h", str(pages)]
        with subprocess.Popen(words, stdin=subprocess.DEVNULL) as process:
            try:
                deadline = time.monotonic() + 10 * PATIENCE
                while self.ask("127.0.0.1", port) != says and time.monotonic() < deadline:
                    time.sleep(0.05)
                yield
            finally:
                process.kill()

    def state(self) -> dict[str, Any]:
        """All that there is of links, addresses, routes and rules."""
        links = json.loads(self.run("ip", "-json", "address").stdout)
        return {
            "links": sorted(one["ifname"] for one in links),
            "addresses": sorted(
                f"{one['ifname']} {address['local']}/{address['prefixlen']}"
                for one in links
                for address in one["addr_info"]
                if address["scope"] != "link"
            ),
            "routes": self.run("ip", "route").stdout,
            "rules": self.run("nft", "list", "ruleset").stdout,
        }

    def switch(self, name: str) -> str:
        return self.run("cat", f"/proc/sys/{name.replace('.', '/')}").stdout.strip()


class Stage:
    """Both, with a directory for networks and one for bundles and books."""

    def __init__(self, runtime: Runtime, place: Path, host: Side, outside: Side) -> None:
        self.runtime, self.place, self.host, self.outside = runtime, place, host, outside
        self.networks = place / "networks"
        self.ids: list[str] = []

    def minirun(self, *words: str, check: bool = True, **more: Any) -> subprocess.CompletedProcess[str]:
        """On the host of the stage."""
        return self.host.run(*self.runtime.argv, *words, check=check, env=self.runtime.environment, **more)

    def network(self, deed: str, *words: str, **more: Any) -> subprocess.CompletedProcess[str]:
        return self.minirun("network", deed, "--networks", str(self.networks), *words, **more)

    def leases(self, name: str = "web") -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.network("inspect", name).stdout)["containers"]
        return found

    def bundle(self, name: str, script: str, *ports: str, network: str = "web", owner: int = 0) -> Path:
        """A busybox container whose program is the script, with the config.json that spec writes."""
        bundle = self.place / name
        bins = bundle / "rootfs" / "bin"
        bins.mkdir(parents=True)
        for directory in ("proc", "dev", "sys", "etc", "www"):
            (bundle / "rootfs" / directory).mkdir()
        (bundle / "rootfs" / "www" / "index.html").write_text("answer\n")
        busybox = shutil.which("busybox")
        assert busybox
        shutil.copy(busybox, bins / "busybox")
        for applet in ("sh", "httpd", "wget", "cat", "ip", "sleep", "echo", "timeout"):
            (bins / applet).symlink_to("busybox")
        published = [word for port in ports for word in ("-p", port)]
        words = ("--bundle", str(bundle), "--network", network, "--networks", str(self.networks), *published)
        for path in (bundle, *bundle.rglob("*")):
            os.chown(path, owner, owner, follow_symlinks=False)
        self.minirun("spec", *words, *(("--rootless",) if owner else ()))
        config = json.loads((bundle / "config.json").read_text())
        config["process"] |= {"terminal": False, "args": ["sh", "-c", script]}
        (bundle / "config.json").write_text(json.dumps(config))
        return bundle

    def run(self, bundle: Path, name: str, **more: Any) -> subprocess.CompletedProcess[str]:
        """To its end, in the foreground."""
        return self.minirun("run", "--bundle", str(bundle), self.named(name), stdin=subprocess.DEVNULL, **more)

    def start(self, bundle: Path, name: str) -> str:
        """In the background; the id."""
        output = self.place / f"{name}.output"
        words = ("run", "--detach", "--bundle", str(bundle), self.named(name))
        with output.open("w") as file:
            subprocess.run(
                [*self.host.prefix, *self.runtime.argv, *words],
                env=self.runtime.environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                check=True,
                timeout=60 * PATIENCE,
            )
        return self.id(name)

    def id(self, name: str) -> str:
        return f"minirun-test-{self.host.pid}-{name}"

    def named(self, name: str) -> str:
        self.ids.append(self.id(name))
        return self.id(name)

    def exec(self, name: str, *words: str) -> str:
        return self.minirun("exec", self.id(name), *words, stdin=subprocess.DEVNULL).stdout

    def pid(self, name: str) -> int:
        return int(json.loads(self.minirun("state", self.id(name)).stdout)["pid"])

    def delete(self, name: str) -> None:
        self.minirun("delete", "--force", self.id(name))

    def end(self) -> None:
        """What has come to its end has no books any more, and takes no command: a machine without KVM takes seconds for
        each."""
        for name in self.ids:
            if isinstance(self.runtime, UsersRuntime) or (BOOKS / name).exists():
                self.minirun("delete", "--force", name, check=False)


@contextlib.contextmanager
def stage(runtime: Runtime, place: Path) -> Iterator[Stage]:
    with namespace_holder("network") as host_holder, namespace_holder("network") as outside_holder:
        host, outside = Side(host_holder.pid), Side(outside_holder.pid)
        host.run("ip", "link", "set", "lo", "up")
        outside.run("ip", "link", "set", "lo", "up")
        host.run("ip", "link", "add", "uplink", "type", "veth", "peer", "name", "eth0", "netns", str(outside.pid))
        for side, link, addresses in ((host, "uplink", HOST), (outside, "eth0", OUTSIDE)):
            side.run("ip", "address", "add", f"{addresses[0]}/24", "dev", link)
            side.run("ip", "address", "add", f"{addresses[1]}/64", "dev", link, "nodad")
            side.run("ip", "link", "set", link, "up")
        # A new namespace has the machine's own value: devconf_inherit_init_net, sysctl/net.rst.
        host.run("sysctl", "-q", "-w", "net.ipv4.ip_forward=0", "net.ipv6.conf.all.forwarding=0")
        made = Stage(runtime, place, host, outside)
        try:
            yield made
        finally:
            made.end()
