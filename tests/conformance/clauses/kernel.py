"""config-linux.md: sysctl, personality, resctrl, memory policy."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from ..machine import needs_kernel, other_network
from ..suite import NotTestable, clause, expect, expect_true

if TYPE_CHECKING:
    from ..container import Container

SYSCTL = "config-linux.md#sysctl"
SET = "`sysctl` (object, OPTIONAL) allows kernel parameters to be modified at runtime for the container."
DEVICES = "config-linux.md#network-devices"
PERSONALITY = "config-linux.md#personality"
MEMORY_POLICY = "config-linux.md#memory-policy"
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


@clause(MEMORY_POLICY, INVALID)
def a_memory_policy_that_does_not_exist(container: Container) -> None:
    container.linux["memoryPolicy"] = {"mode": "MPOL_FORGET", "nodes": ""}
    container.must_be_refused("there is no MPOL_FORGET")


@clause(
    MEMORY_POLICY,
    "`memoryPolicy` (object, OPTIONAL) sets the NUMA memory policy for the container.",
    each=(("MPOL_BIND", "bind:0"), ("MPOL_INTERLEAVE", "interleave:0"), ("MPOL_PREFERRED", "prefer:0")),
)
def the_memory_policy(container: Container, wanted: tuple[str, str]) -> None:
    expect("the policy of the program's stack", policy_of(container, wanted[0], "0"), wanted[1])


MODE = "`mode` (string, REQUIRED)"


def policy_of(container: Container, mode: str, nodes: str, *flags: str) -> str:
    """As proc_pid_numa_maps(5) shows it for the program's stack."""
    if not Path("/proc/self/numa_maps").exists():
        raise NotTestable("this kernel is built without NUMA")
    container.linux["memoryPolicy"] = {"mode": mode, "nodes": nodes} | ({"flags": list(flags)} if flags else {})
    with container.running() as program:
        line = next(line for line in program.lines("numa_maps") if " stack" in line)
    return line[line.index(" ") + 1 : line.index(" stack")]  # it may have blanks in it: "prefer (many):0"


@clause(MEMORY_POLICY, MODE, each=(("MPOL_DEFAULT", "default"), ("MPOL_LOCAL", "local")))
def a_memory_policy_that_needs_no_nodes(container: Container, wanted: tuple[str, str]) -> None:
    expect("the policy of the program's stack", policy_of(container, wanted[0], ""), wanted[1])


@clause(MEMORY_POLICY, MODE)
def a_memory_policy_of_several_preferred_nodes(container: Container) -> None:
    needs_kernel(5, 15)
    expect("the policy of the program's stack", policy_of(container, "MPOL_PREFERRED_MANY", "0"), "prefer (many):0")


@clause(MEMORY_POLICY, MODE)
def a_memory_policy_with_weights(container: Container) -> None:
    needs_kernel(6, 9)
    shown = policy_of(container, "MPOL_WEIGHTED_INTERLEAVE", "0")
    expect("the policy of the program's stack", shown, "weighted interleave:0")


FLAGS = "`flags` (array of strings, OPTIONAL)"


@clause(MEMORY_POLICY, FLAGS, each=(("MPOL_F_STATIC_NODES", "static"), ("MPOL_F_RELATIVE_NODES", "relative")))
def a_flag_of_the_memory_policy(container: Container, wanted: tuple[str, str]) -> None:
    shown = policy_of(container, "MPOL_BIND", "0", wanted[0])
    expect("the policy of the program's stack", shown, f"bind={wanted[1]}:0")


@clause(MEMORY_POLICY, INVALID, each=("a flag", "both flags", "the nodes"))
def a_memory_policy_that_makes_no_sense(container: Container, what: str) -> None:
    policies: dict[str, dict[str, object]] = {
        "a flag": {"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_NONSENSE"]},
        "both flags": {
            "mode": "MPOL_BIND",
            "nodes": "0",
            "flags": ["MPOL_F_STATIC_NODES", "MPOL_F_RELATIVE_NODES"],
        },
        "the nodes": {"mode": "MPOL_BIND", "nodes": "zero"},
    }
    container.linux["memoryPolicy"] = policies[what]
    container.must_be_refused(f"linux.memoryPolicy is {policies[what]}")


@clause(MEMORY_POLICY, "Others that there is at least one node, e.g. `MPOL_BIND`")
def a_memory_policy_without_its_nodes(container: Container) -> None:
    container.linux["memoryPolicy"] = {"mode": "MPOL_BIND", "nodes": ""}
    container.must_be_refused("MPOL_BIND has no nodes")


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


@clause(DEVICES, "(in other words) Its permanent addresses of global scope MUST be there in the container, too.")
def the_addresses_of_a_network_device_stay(container: Container) -> None:
    container.linux["netDevices"] = {"near": {}}
    with other_network():
        words = ["ip", "address", "add", "192.0.2.7/24", "dev", "near"]
        subprocess.run(words, check=True, timeout=10, capture_output=True)
        expect("the address", container.look()["interfaces"].get("near", {}).get("address"), "192.0.2.7")


@clause(DEVICES, INVALID)
def a_name_that_no_network_device_can_have(container: Container) -> None:
    container.linux["netDevices"] = {"near": {"name": "a/b"}}
    with other_network():
        container.must_be_refused("the name of a network device is a/b")


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


@clause(DEVICES, "A set of network devices that MUST be made available in the container.")
def a_network_device_that_does_not_exist(container: Container) -> None:
    container.linux["netDevices"] = {"nonsense0": {}}
    container.must_be_refused("the host has no network device nonsense0")
