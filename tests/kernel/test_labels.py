"""config.md#linux-process, apparmorProfile and selinuxLabel; config-linux.md#mount-label: apparmor(7), selinux(8)."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from kernel.kit import needs
from kernel.kit.life import Life

pytestmark = pytest.mark.root

ON = "grep -q Y /sys/module/apparmor/parameters/enabled && which apparmor_parser"
APPARMOR = needs.command(ON, "AppArmor is off here, or apparmor_parser is missing")
NO_APPARMOR = needs.command("! grep -q Y /sys/module/apparmor/parameters/enabled", "AppArmor is on here")
POLICY = "mountpoint -q /sys/fs/selinux && ! grep -qaz '^kernel$' /proc/self/attr/current"
SELINUX = needs.command(POLICY, "SELinux is off here, or has no policy")
NO_SELINUX = needs.command(f"! ({POLICY})", "SELinux is on here")
PROFILE = f"minirun-test-{os.getpid()}"
LABEL = "system_u:system_r:container_t:s0:c1,c2"

# Everything but writing to /tmp/closed.
RULES = f"""
profile {PROFILE} flags=(attach_disconnected) {{
  file,
  capability,
  network,
  signal,
  unix,
  deny /tmp/closed w,
}}
"""


@pytest.fixture
def profile(tmp_path):
    """A profile that is loaded while the test runs."""
    source = tmp_path / "profile"
    source.write_text(RULES)
    subprocess.run(["apparmor_parser", "--replace", str(source)], check=True, timeout=60)
    yield PROFILE
    subprocess.run(["apparmor_parser", "--remove", str(source)], check=True, timeout=60)


# ---- AppArmor


@APPARMOR
@pytest.mark.parametrize("no_new_privileges", [False, True])
def test_the_program_is_confined_by_its_profile(runtime, bundle, profile, no_new_privileges):
    made = bundle("sleep")
    made.process.update({"apparmorProfile": profile, "noNewPrivileges": no_new_privileges})
    with runtime.running(made) as container:
        assert container.text("attr/current").rstrip("\0\n") == f"{profile} (enforce)"


@APPARMOR
def test_a_profile_denies_what_it_denies(runtime, bundle, profile):
    made = bundle("write", "/tmp/closed", "x")
    made.process["apparmorProfile"] = profile
    assert runtime.run(made).json["/tmp/closed"]["error"] == "EACCES"
    if runtime.name == "minirun":
        free = runtime.run(made, options=["--without", "label", "--i-know"])
        assert free.json["/tmp/closed"]["error"] == ""
    del made.process["apparmorProfile"]
    assert runtime.run(made).json["/tmp/closed"]["error"] == ""


@APPARMOR
def test_a_profile_holds_for_another_user_in_a_user_namespace(runtime, bundle, profile):
    made = bundle("sleep")
    made.user_namespace()
    made.process["user"] = {"uid": 7, "gid": 7}
    made.process["apparmorProfile"] = profile
    with runtime.running(made) as container:
        assert container.text("attr/current").rstrip("\0\n") == f"{profile} (enforce)"


@APPARMOR
def test_a_profile_that_is_not_loaded_is_refused(runtime, bundle):
    made = bundle()
    made.process["apparmorProfile"] = "minirun-test-nobody-has-loaded-this"
    assert runtime.run(made).refused


@APPARMOR
@pytest.mark.deviates("runc", "wants a /proc of the kernel's in the container, which is safe as well")
@pytest.mark.deviates("crun", "wants a /proc of the kernel's in the container, which is safe as well")
def test_a_false_proc_in_the_image_is_no_way_around(runtime, bundle, profile):
    """CVE-2019-16884: with a volume at /proc, the label went to a file of the volume."""
    made = bundle("sleep")
    made.process["apparmorProfile"] = profile
    made.without_mount("/proc")
    for name in ("attr/exec", "attr/apparmor/exec", "fd/0"):
        made.file(f"proc/self/{name}", mode=0o666)
    with runtime.running(made) as container:
        assert container.text("attr/current").rstrip("\0\n") == f"{profile} (enforce)"


@APPARMOR
def test_a_hostile_profile_name_is_no_command(runtime, bundle, profile):
    """The kernel's file takes words: this one would ask for a change at once, and of a hat."""
    made = bundle()
    made.process["apparmorProfile"] = f"{profile}\nchangeprofile unconfined"
    assert runtime.run(made).refused


@APPARMOR
def test_a_further_process_has_the_profile_of_the_first(runtime, bundle, profile):
    """It is told through the host's /proc: the container's lies in its mount namespace, and could be another one."""
    made = bundle("sleep")
    made.process["apparmorProfile"] = profile
    one = Life(runtime, made)
    try:
        one.started()
        seen = one.call("exec", "/probe", "read", "/proc/self/attr/current", options=[]).json
        assert seen["/proc/self/attr/current"]["text"].rstrip("\0\n") == f"{profile} (enforce)"
    finally:
        one.end()


@NO_APPARMOR
def test_a_profile_is_refused_where_apparmor_is_off(runtime, bundle):
    made = bundle()
    made.process["apparmorProfile"] = "docker-default"
    result = runtime.run(made)
    assert result.refused
    if runtime.name == "minirun":
        assert "/process/apparmorProfile" in result.stderr


# ---- SELinux


@NO_SELINUX
@pytest.mark.parametrize(
    "name",
    ["selinuxLabel", pytest.param("mountLabel", marks=pytest.mark.deviates("crun", "ignores it where SELinux is off"))],
)
def test_a_label_is_refused_where_selinux_is_off(runtime, bundle, name):
    made = bundle()
    (made.process if name == "selinuxLabel" else made.linux)[name] = LABEL
    result = runtime.run(made)
    assert result.refused
    if runtime.name == "minirun":
        assert f"/{name}" in result.stderr
        assert "SELinux is not on" in result.stderr


@pytest.mark.deviates("crun", "takes an empty label for one")
def test_no_label_is_asked_for_by_an_empty_one(runtime, bundle):
    """Engines write empty strings where there is nothing to say."""
    made = bundle("exit", "0")
    made.process.update({"apparmorProfile": "", "selinuxLabel": ""})
    made.linux["mountLabel"] = ""
    assert runtime.run(made).status == 0


@SELINUX
def test_a_label_that_the_policy_does_not_know_is_refused(runtime, bundle):
    made = bundle()
    made.process["selinuxLabel"] = "nobody_u:nobody_r:nobody_t:s0"
    assert runtime.run(made).refused


@SELINUX
def test_program_and_mounts_have_their_labels(runtime, bundle):
    own = Path("/proc/self/attr/current").read_text().strip("\0\n")
    made = bundle("sleep")
    made.process["selinuxLabel"] = own
    made.linux["mountLabel"] = "system_u:object_r:tmpfs_t:s0"
    with runtime.running(made) as container:
        assert container.text("attr/current").strip("\0\n") == own
        assert os.getxattr(container.inside("/dev/shm"), "security.selinux").startswith(b"system_u:object_r:tmpfs_t:s0")
