"""config.json's /linux/netDevices, memoryPolicy and intelRdt."""

from __future__ import annotations

import pytest
from unit.spec.spec_helpers import Bad, bad, load_changed, refused

from minirun.spec.config_rare import IntelRdt, MemoryPolicy, NetDevice

N, M, R = "/linux/netDevices", "/linux/memoryPolicy", "/linux/intelRdt"


@bad(
    Bad(N, []),
    Bad(N, {"eth0": "eth1"}, f"{N}/eth0"),
    Bad(N, {"eth0": {"name": 5}}, f"{N}/eth0/name"),
    *(Bad(N, {name: {}}, f"{N}/{name}", says="1 to 15") for name in ("", "a b", "a:b", "..", "x" * 16)),
    *(Bad(N, {"eth0": {"name": name}}, f"{N}/eth0/name") for name in ("a/b", "x" * 16, "%s", "a%db", "%d%d", ".")),
    Bad(N, {"eth0": {"name": "x"}, "eth1": {"name": "x"}}, f"{N}/eth1", says="second"),
    Bad(N, {"eth0": {"name": "eth1"}, "eth1": {}}, f"{N}/eth1", says="second"),
    Bad(N, {"eth0": {}}, f"{N}/eth0", says="network", also={"/linux/namespaces": [{"type": "mount"}]}),
)
def test_bad_net_devices(row: Bad) -> None:
    row.check()


def test_net_devices() -> None:
    told = {"eth0": {}, "eth1": {"name": ""}, "eth2": {"name": "net%d"}, "eth3": {"name": "net%d"}, "x": None}
    assert load_changed({N: told}).linux.net_devices == (
        NetDevice("eth0", "eth0"),
        NetDevice("eth1", "eth1"),
        NetDevice("eth2", "net%d"),
        NetDevice("eth3", "net%d"),
    )


def mode(name: str, nodes: object = None, *flags: str) -> dict[str, object]:
    return {"mode": name, "nodes": nodes, "flags": list(flags)}


@bad(
    Bad(M, {}, f"{M}/mode", says="missing"),
    Bad(M, mode("MPOL_FORGET"), f"{M}/mode"),
    *(Bad(M, mode(name), f"{M}/nodes", says="at least one") for name in ("MPOL_BIND", "MPOL_INTERLEAVE")),
    *(Bad(M, mode(name, "0"), f"{M}/nodes", says="no nodes") for name in ("MPOL_DEFAULT", "MPOL_LOCAL")),
    *(
        Bad(M, mode("MPOL_BIND", nodes), f"{M}/nodes")
        for nodes in ("a", "1-", "-1", "3-2", "0,,1", "1024", "\u0662", 0)
    ),
    Bad(M, mode("MPOL_BIND", "0", "MPOL_F_FORGET"), f"{M}/flags/0"),
    Bad(M, mode("MPOL_BIND", "0", "MPOL_F_STATIC_NODES", "MPOL_F_RELATIVE_NODES"), f"{M}/flags", says="both"),
)
def test_bad_memory_policies(row: Bad) -> None:
    row.check()


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({}, "invalid memory policy mode"),
        (mode("MPOL_FORGET"), "invalid memory policy mode"),
        (mode("MPOL_BIND", "0-9876543210"), "invalid memory policy node"),
        (mode("MPOL_BIND", "0", "MPOL_F_FORGET"), "invalid memory policy flag"),
    ],
)
def test_they_are_called_as_in_other_runtimes(told: object, words: str) -> None:
    first, *_ = str(refused({M: told})).splitlines()
    assert words in first


@pytest.mark.parametrize(
    ("told", "read"),
    [
        (mode("MPOL_DEFAULT", ""), MemoryPolicy("MPOL_DEFAULT")),
        (mode("MPOL_PREFERRED"), MemoryPolicy("MPOL_PREFERRED")),
        (mode("MPOL_PREFERRED", "3"), MemoryPolicy("MPOL_PREFERRED", (3,))),
        (
            mode("MPOL_BIND", "7, 0-2,1", "MPOL_F_STATIC_NODES"),
            MemoryPolicy("MPOL_BIND", (0, 1, 2, 7), ("MPOL_F_STATIC_NODES",)),
        ),
        (mode("MPOL_INTERLEAVE", "1023"), MemoryPolicy("MPOL_INTERLEAVE", (1023,))),
    ],
)
def test_memory_policies(told: object, read: MemoryPolicy) -> None:
    assert load_changed({M: told}).linux.memory_policy == read


@bad(
    *(Bad(R, {"closID": name}, f"{R}/closID") for name in (".", "..", "a/b", "/a", "info", "mon_groups", 5)),
    Bad(R, {"memBwSchema": "L3:0=f"}, f"{R}/memBwSchema", says="MB:"),
    Bad(R, {"memBwSchema": "MB:0=1\nL3:0=f"}, f"{R}/memBwSchema", says="one line"),
    Bad(R, {"schemata": "L3:0=f"}, f"{R}/schemata", says="array"),
    Bad(R, {"schemata": ["L3:0=f", "a\nb"]}, f"{R}/schemata/1", says="one line"),
    Bad(R, {"schemata": [""]}, f"{R}/schemata/0"),
    Bad(R, {"enableMonitoring": "yes"}, f"{R}/enableMonitoring"),
)
def test_bad_intel_rdt(row: Bad) -> None:
    row.check()


@pytest.mark.parametrize(
    ("told", "read"),
    [
        ({}, IntelRdt()),
        ({"closID": "", "memBwSchema": "", "l3CacheSchema": ""}, IntelRdt()),
        ({"closID": "/"}, IntelRdt("")),
        ({"closID": "gold", "schemata": ["a", "b"]}, IntelRdt("gold", ("a", "b"))),
        ({"enableMBM": True}, IntelRdt(enable_monitoring=True)),
    ],
)
def test_intel_rdt(told: object, read: IntelRdt) -> None:
    assert load_changed({R: told}).linux.intel_rdt == read
