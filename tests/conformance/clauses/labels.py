"""config.md#linux-process and config-linux.md#mount-label: AppArmor and SELinux."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from ..machine import needs_apparmor
from ..suite import NotTestable, clause, expect

if TYPE_CHECKING:
    from ..container import Container

PROCESS = "config.md#linux-process"
PROFILE = "`apparmorProfile` (string, OPTIONAL) specifies the name of the AppArmor profile for the process."
LABEL = "system_u:object_r:container_file_t:s0"
NOT_APPLIED = (
    "If the runtime cannot apply a property as specified in the configuration, it MUST generate an error and a "
    "new container MUST NOT be created."
)


@clause(PROCESS, PROFILE)
def the_apparmor_profile(container: Container) -> None:
    needs_apparmor()
    rules = f"profile {container.id} flags=(attach_disconnected) {{ file, capability, network, signal, }}"
    source = container.place / "profile"
    source.write_text(rules)
    subprocess.run(["apparmor_parser", "--replace", str(source)], check=True, timeout=60)
    try:
        container.process["apparmorProfile"] = container.id
        with container.running() as program:
            expect("the program's label", program.text("attr/current").rstrip("\0\n"), f"{container.id} (enforce)")
    finally:
        subprocess.run(["apparmor_parser", "--remove", str(source)], check=False, timeout=60)


@clause("runtime.md#create", NOT_APPLIED)
def an_apparmor_profile_that_is_not_loaded(container: Container) -> None:
    container.process["apparmorProfile"] = "conformance-nobody-has-loaded-this"
    container.must_be_refused("there is no such profile, or no AppArmor")


@clause("runtime.md#create", NOT_APPLIED, each=("selinuxLabel", "mountLabel"))
def a_label_without_selinux(container: Container, name: str) -> None:
    if Path("/sys/fs/selinux/enforce").exists():
        raise NotTestable("SELinux is on here")
    (container.process if name == "selinuxLabel" else container.linux)[name] = LABEL
    container.must_be_refused("there is no SELinux")
