"""config-linux.md#masked-paths and #readonly-paths"""

from __future__ import annotations

import os

import pytest

from kernel.kit.outside import mounted_at

pytestmark = pytest.mark.root


def test_a_masked_file_reads_as_empty(runtime, bundle):
    made = bundle("read", "/etc/secret")
    made.file("etc/secret", "hidden")
    made.linux["maskedPaths"] = ["/etc/secret"]
    assert runtime.run(made).json["/etc/secret"] == {"error": "", "text": ""}


def test_a_masked_file_is_the_null_device(runtime, bundle):
    made = bundle("stat", "/proc/keys")
    made.linux["maskedPaths"] = ["/proc/keys"]
    told = runtime.run(made).json["/proc/keys"]
    assert (told["type"], told["major"], told["minor"]) == ("c", 1, 3)


def test_a_masked_directory_is_empty(runtime, bundle):
    made = bundle("list", "/etc/hidden")
    made.file("etc/hidden/file")
    made.linux["maskedPaths"] = ["/etc/hidden"]
    assert runtime.run(made).json == {"/etc/hidden": []}


def test_nothing_can_be_written_to_a_masked_directory(runtime, bundle):
    made = bundle("write", "/etc/hidden/file", "x")
    made.directory("etc/hidden")
    made.linux["maskedPaths"] = ["/etc/hidden"]
    assert runtime.run(made).json["/etc/hidden/file"]["error"] == "EROFS"


@pytest.mark.deviates("runc", "older versions mask it twice")
def test_a_path_that_is_named_twice_is_masked_once(runtime, bundle):
    made = bundle()
    made.directory("etc/hidden")
    made.linux["maskedPaths"] = ["/etc/hidden", "/proc/keys", "/etc/hidden", "/proc/keys"]
    lines = runtime.run(made).json["mountinfo"]
    assert sorted(line.split()[4] for line in lines if line.split()[4] in ("/etc/hidden", "/proc/keys")) == [
        "/etc/hidden",
        "/proc/keys",
    ]


@pytest.mark.deviates("runc", "1.1 has a file system for each")
@pytest.mark.deviates("crun", "has a file system for each")
@pytest.mark.parametrize("namespace", ["none", "user"])
def test_all_masked_directories_are_one_file_system(runtime, bundle, namespace):
    """Each would cost the kernel a superblock, with its workers and caches."""
    made = bundle("list", "/etc/one", "/etc/closed", "/etc/in/it")
    if namespace == "user":
        made.user_namespace()
    for name in ("closed", "one", "in/it"):
        made.file(f"etc/{name}/file")
    (made.rootfs / "etc/closed").chmod(0o700)
    paths = ["/etc/closed", "/sys/firmware", "/etc/one", "/etc/in/it", "/proc/acpi", "/proc/scsi"]
    made.linux["maskedPaths"] = [*paths, "/etc/in", "/proc/keys"]
    told = runtime.run(made)
    assert told.json == {"/etc/one": [], "/etc/closed": [], "/etc/in/it": []}
    made.process["args"] = ["/probe"]
    lines = runtime.run(made).json["mountinfo"]
    masks = [line.split() for line in lines if line.split()[4] in (*paths, "/etc/in")]
    assert len(masks) >= 4
    assert len({mask[2] for mask in masks}) == 1 and all("ro" in mask[5].split(",") for mask in masks)


def test_what_is_written_to_a_masked_file_is_lost(runtime, bundle):
    made = bundle("write", "/etc/secret", "spoiled")
    secret = made.file("etc/secret", "hidden")
    made.linux["maskedPaths"] = ["/etc/secret"]
    runtime.run(made)
    assert secret.read_text() == "hidden"


def test_nothing_can_be_written_below_a_read_only_path(runtime, bundle):
    made = bundle("write", "/etc/fixed/file", "x")
    made.file("etc/fixed/file", "as it was")
    made.linux["readonlyPaths"] = ["/etc/fixed"]
    assert runtime.run(made).json["/etc/fixed/file"]["error"] == "EROFS"


def test_a_read_only_path_may_be_a_file(runtime, bundle):
    made = bundle("open", "/etc/fixed")
    made.file("etc/fixed")
    made.linux["readonlyPaths"] = ["/etc/fixed"]
    assert runtime.run(made).json["/etc/fixed"] == {"read": "", "write": "EROFS"}


def test_a_read_only_path_keeps_the_options_of_its_mount(runtime, bundle):
    made = bundle()
    made.mount("/mnt", "nosuid", "nodev", "noexec")
    made.mount("/mnt/below", "nosuid", "nodev", "noexec")
    made.linux["readonlyPaths"] = ["/mnt/below"]
    assert {"ro", "nosuid", "nodev", "noexec"} <= mounted_at(runtime.run(made).json["mountinfo"], "/mnt/below").options


def test_the_rest_stays_writable(runtime, bundle):
    made = bundle("write", "/etc/free", "x")
    made.directory("etc/fixed")
    made.linux["readonlyPaths"] = ["/etc/fixed"]
    assert runtime.run(made).json["/etc/free"]["error"] == ""


@pytest.mark.parametrize("key", ["maskedPaths", "readonlyPaths"])
def test_a_path_that_does_not_exist_is_passed_over(runtime, bundle, key):
    made = bundle()
    made.linux[key] = ["/proc/no/such/file", "/nowhere"]
    assert runtime.run(made).status == 0
    assert not (made.rootfs / "nowhere").exists()


@pytest.mark.deviates("runc", "does not check")
@pytest.mark.parametrize("key", ["maskedPaths", "readonlyPaths"])
def test_a_relative_path_is_refused(runtime, bundle, key):
    made = bundle()
    made.linux[key] = ["etc/secret"]
    assert runtime.run(made).refused


def test_masked_and_read_only_paths_work_in_a_user_namespace(runtime, bundle):
    made = bundle()
    made.user_namespace()
    made.linux["maskedPaths"] = ["/proc/keys", "/proc/acpi"]
    made.linux["readonlyPaths"] = ["/proc/sys"]
    lines = runtime.run(made).json["mountinfo"]
    assert mounted_at(lines, "/proc/keys").root.endswith("/null")
    assert "ro" in mounted_at(lines, "/proc/sys").options


def test_the_null_device_behind_a_mask_is_not_changed(runtime, bundle):
    """Without a user namespace, root inside owns the host's device, too."""
    made = bundle("chmod", "/masked", "0666")
    (made.rootfs / "masked").write_text("secret")
    made.linux["maskedPaths"] = ["/masked"]
    before = os.stat("/dev/null")
    runtime.run(made)
    after = os.stat("/dev/null")
    assert (before.st_mode, before.st_ctime_ns) == (after.st_mode, after.st_ctime_ns)
