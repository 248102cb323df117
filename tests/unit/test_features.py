"""minirun features: what it says is what a config.json may ask for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from unit.spec.spec_helpers import load_changed

from minirun.plan.mounts import sort_options
from minirun.runtime.features import features, mount_options
from minirun.spec.load_extensions import KNOWN

SHOWN = features()
REPOSITORY = Path(__file__).parents[2]


def test_the_versions_are_taken() -> None:
    for name in ("ociVersionMin", "ociVersionMax"):
        assert load_changed({"/ociVersion": SHOWN[name]}).oci_version == SHOWN[name]


@pytest.mark.parametrize("kind", SHOWN["hooks"])
def test_the_hooks_are_taken(kind: str) -> None:
    hooks = load_changed({"/hooks": {kind: [{"path": "/bin/true"}]}}).hooks
    assert sum(len(entries) for entries in hooks.values()) == 1


@pytest.mark.parametrize("word", mount_options())
def test_the_mount_options_are_no_words_of_a_file_system(word: str) -> None:
    assert sort_options((word,)).data == ()


@pytest.mark.parametrize("name", SHOWN["linux"]["namespaces"])
def test_the_namespaces_are_taken(name: str) -> None:
    kinds = {"mount", name}
    mappings = [{"containerID": 0, "hostID": 0, "size": 1}] if name == "user" else []
    changes = {"/linux/namespaces": [{"type": kind} for kind in sorted(kinds)]}
    if mappings:
        changes |= {"/linux/uidMappings": mappings, "/linux/gidMappings": mappings}
    assert {namespace.type for namespace in load_changed(changes).linux.namespaces} == kinds


@pytest.mark.parametrize("kind", ["actions", "archs", "operators", "knownFlags"])
def test_the_words_of_filters_are_taken(kind: str) -> None:
    for word in SHOWN["linux"]["seccomp"][kind]:
        rule = {"names": ["mkdir"], "action": "SCMP_ACT_ERRNO"}
        seccomp: dict[str, object] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]}
        if kind == "actions":
            rule["action"] = word
            seccomp["listenerPath"] = "/run/agent.sock"
        elif kind == "operators":
            rule["args"] = [{"index": 0, "value": 1, "valueTwo": 1, "op": word}]  # type: ignore[assignment]
        else:
            seccomp["architectures" if kind == "archs" else "flags"] = [word]
        assert load_changed({"/linux/seccomp": seccomp}).linux.seccomp


def test_a_reader_that_stops_is_no_fault() -> None:
    words = f"{sys.executable} -m minirun features | head -n 1"
    done = subprocess.run(["bash", "-c", words], cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=True)
    assert (done.stdout, done.stderr) == ("{\n", "")


def test_capabilities_are_taken() -> None:
    names = SHOWN["linux"]["capabilities"]
    granted = load_changed({"/process/capabilities": {"bounding": names}}).process
    assert granted and granted.capabilities and list(granted.capabilities.bounding) == names


def test_policies_for_memory_are_taken() -> None:
    policy = SHOWN["linux"]["memoryPolicy"]
    for mode in policy["modes"]:
        nodes = {} if mode in ("MPOL_DEFAULT", "MPOL_LOCAL") else {"nodes": "0"}
        assert load_changed({"/linux/memoryPolicy": {"mode": mode, **nodes}}).linux.memory_policy
    for flag in policy["flags"]:
        mode = "MPOL_BIND" if "BALANCING" in flag else "MPOL_INTERLEAVE"
        assert load_changed({"/linux/memoryPolicy": {"mode": mode, "nodes": "0", "flags": [flag]}}).linux.memory_policy


def test_what_is_enabled_is_taken() -> None:
    linux, mapping = SHOWN["linux"], [{"containerID": 0, "hostID": 5, "size": 1}]
    assert linux["intelRdt"] == {"enabled": True, "schemata": True, "monitoring": True}
    rdt = load_changed({"/linux/intelRdt": {"closID": "x", "schemata": ["L3:0=f"], "enableMonitoring": True}})
    assert rdt.linux.intel_rdt and rdt.linux.intel_rdt.schemata and rdt.linux.intel_rdt.enable_monitoring
    assert linux["mountExtensions"]["idmap"]["enabled"] and linux["netDevices"]["enabled"]
    mount = {"destination": "/a", "type": "none", "source": "/b", "options": ["bind"]}
    mapped = load_changed({"/mounts": [{**mount, "uidMappings": mapping, "gidMappings": mapping}]})
    assert mapped.mounts[0].uid_mappings
    assert load_changed({"/linux/netDevices": {"eth7": {}}}).linux.net_devices
    labels = {"/process/apparmorProfile": "x", "/process/selinuxLabel": "y"}
    process = load_changed(labels).process
    assert linux["apparmor"]["enabled"] and linux["selinux"]["enabled"]
    assert process and (process.apparmor_profile, process.selinux_label) == ("x", "y")


def test_annotations_that_have_an_effect_are_told_as_unsafe() -> None:
    """An engine keeps these from users who are not to have the host's rights."""
    unsafe = tuple(SHOWN["potentiallyUnsafeConfigAnnotations"])
    assert all(name.endswith(".") for name in unsafe), "then it is the beginning of names"
    assert all(name.startswith(unsafe) for name in (*KNOWN, "org.systemd.property.CPUWeight"))


def test_limits_for_rdma_devices_are_taken() -> None:
    assert SHOWN["linux"]["cgroup"]["rdma"]
    assert load_changed({"/linux/resources": {"rdma": {"mlx5_1": {"hcaHandles": 3}}}}).linux.resources.rdma
