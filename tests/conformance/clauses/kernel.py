"""config-linux.md: sysctl, personality, resctrl, memory policy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..machine import other_network
from ..suite import NotTestable, clause, expect, expect_true

if TYPE_CHECKING:
    from ..container import Container

SYSCTL = "config-linux.md#sysctl"
SET = "`sysctl` (object, OPTIONAL) allows kernel parameters to be modified at runtime for the container."
PERSONALITY = "config-linux.md#personality"
PER_LINUX32 = 8  # linux/personality.h
INVALID = "Runtimes MUST generate an error when invalid or unsupported values are encountered."

SYSCTLS = {
    "net.core.somaxconn": "256",
    "net.ipv4.ip_forward": "1",
    "kernel.msgmax": "4242",
    "fs.mqueue.queues_max": "77",
}


def path_of(name: str) -> str:
    return "/proc/sys/" + name.replace(".", "/")


@clause(SYSCTL, SET, each=SYSCTLS)
def a_sysctl_of_a_namespace(container: Container, name: str) -> None:
    if not Path(path_of(name)).exists():
        raise NotTestable(f"this kernel has no {name}")
    container.linux["sysctl"] = {name: SYSCTLS[name]}
    told = container.look("read", path_of(name))[path_of(name)]["text"]
    expect(name, told.strip(), SYSCTLS[name])


@clause(SYSCTL, SET)
def a_sysctl_of_the_host_stays(container: Container) -> None:
    before = Path(path_of("kernel.msgmax")).read_text()
    container.linux["sysctl"] = {"kernel.msgmax": "4242"}
    container.look("fds")
    expect("kernel.msgmax of the host", Path(path_of("kernel.msgmax")).read_text(), before)


NOT_APPLIED = (
    "If the runtime cannot apply a property as specified in the configuration, it MUST generate an error and a "
    "new container MUST NOT be created."
)


@clause(SYSCTL, NOT_APPLIED)
def a_sysctl_of_the_whole_machine(container: Container) -> None:
    """The value is the one that it has, so that a runtime which takes it does no harm."""
    container.linux["sysctl"] = {"vm.swappiness": Path(path_of("vm.swappiness")).read_text().strip()}
    container.must_be_refused("vm.swappiness is no parameter of a container")


@clause(SYSCTL, NOT_APPLIED)
def a_sysctl_that_does_not_exist(container: Container) -> None:
    container.linux["sysctl"] = {"net.core.nonsense": "1"}
    container.must_be_refused("there is no net.core.nonsense")


@clause(PERSONALITY, "`domain` (string, REQUIRED) - the execution domain.")
def the_personality(container: Container) -> None:
    """Not by uname(2): not every architecture has another name for itself there."""
    container.linux["personality"] = {"domain": "LINUX32"}
    expect("the personality", container.look()["personality"], PER_LINUX32)


@clause(PERSONALITY, INVALID)
def a_personality_that_does_not_exist(container: Container) -> None:
    container.linux["personality"] = {"domain": "SOLARIS"}
    container.must_be_refused("there is no domain SOLARIS")


@clause(PERSONALITY, "Currently no flag values are supported.")
def a_flag_of_the_personality(container: Container) -> None:
    container.linux["personality"] = {"domain": "LINUX", "flags": ["ADDR_NO_RANDOMIZE"]}
    container.must_be_refused("the personality has a flag")


@clause(
    "config-linux.md#intelrdt",
    (
        "If no mounted `resctrl` pseudo-filesystem is available in the runtime mount namespace, the runtime MUST "
        "generate an error."
    ),
)
def intel_rdt_without_resctrl(container: Container) -> None:
    if " resctrl " in Path("/proc/self/mountinfo").read_text():
        raise NotTestable("resctrl is mounted here")
    container.linux["intelRdt"] = {"closID": "conformance", "l3CacheSchema": "L3:0=f"}
    container.must_be_refused("there is no resctrl")


@clause("config-linux.md#memory-policy", INVALID)
def a_memory_policy_that_does_not_exist(container: Container) -> None:
    container.linux["memoryPolicy"] = {"mode": "MPOL_FORGET", "nodes": ""}
    container.must_be_refused("there is no MPOL_FORGET")


@clause(
    "config-linux.md#memory-policy",
    "`memoryPolicy` (object, OPTIONAL) sets the NUMA memory policy for the container.",
    each=(("MPOL_BIND", "bind:0"), ("MPOL_INTERLEAVE", "interleave:0"), ("MPOL_PREFERRED", "prefer:0")),
)
def the_memory_policy(container: Container, wanted: tuple[str, str]) -> None:
    if not Path("/proc/self/numa_maps").exists():
        raise NotTestable("this kernel is built without NUMA")
    mode, shown = wanted
    container.linux["memoryPolicy"] = {"mode": mode, "nodes": "0"}
    with container.running() as program:
        line = next(line for line in program.lines("numa_maps") if "stack" in line)
        expect("the policy of the program's stack", line.split()[1], shown)


@clause("config-linux.md#memory-policy", "Others that there is at least one node, e.g. `MPOL_BIND`")
def a_memory_policy_without_its_nodes(container: Container) -> None:
    container.linux["memoryPolicy"] = {"mode": "MPOL_BIND", "nodes": ""}
    container.must_be_refused("MPOL_BIND has no nodes")


DEVICES = "config-linux.md#network-devices"


@clause(
    DEVICES,
    "`name` (string, OPTIONAL) - the name of the network device inside the container namespace.",
    each=("x0", ""),
)
def a_network_device(container: Container, name: str) -> None:
    container.linux["netDevices"] = {"near": {"name": name}}
    with other_network():
        expect("the devices", set(container.look()["interfaces"]), {"lo", name or "near"})


@clause(DEVICES, 'The runtime MUST set the network device state to "up" after moving it to the network namespace')
def a_network_device_is_up(container: Container) -> None:
    container.linux["netDevices"] = {"near": {}}
    with other_network():
        expect_true("near is up", container.look()["interfaces"].get("near", {}).get("up"))


@clause(DEVICES, "In that case, the runtime MUST allow the move, and the kernel will generate a unique name")
def a_template_for_a_network_device(container: Container) -> None:
    container.linux["netDevices"] = {"near": {"name": "net%d"}}
    with other_network():
        expect("the devices", set(container.look()["interfaces"]), {"lo", "net0"})


@clause(
    DEVICES,
    (
        "If a network device with the specified name already exists in the container namespace, the runtime MUST "
        "generate an error"
    ),
)
def a_network_device_whose_name_is_taken(container: Container) -> None:
    container.linux["netDevices"] = {"near": {"name": "lo"}}
    with other_network():
        container.must_be_refused("there is lo in the container already")


@clause("config-linux.md#network-devices", "A set of network devices that MUST be made available in the container.")
def a_network_device_that_does_not_exist(container: Container) -> None:
    container.linux["netDevices"] = {"nonsense0": {}}
    container.must_be_refused("the host has no network device nonsense0")
