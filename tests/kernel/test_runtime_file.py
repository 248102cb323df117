"""The container can't write to the runtime's own program file, however it gets hold of it (CVE-2019-5736).

The program /proc/self/exe is the runtime's file until the execve(2) that runs it. Its loader, though, is looked up in
the container, and an attacker brings one along: tests/probe/impostor.c.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

pytestmark = pytest.mark.root

# Where programs of x86-64 and of aarch64 name their loader.
LOADERS = ("lib64/ld-linux-x86-64.so.2", "lib/ld-linux-aarch64.so.1", "lib64/ld-musl.so.1", "lib/ld-musl-x86_64.so.1")


@pytest.fixture
def attack(bundle, impostor):
    """A bundle whose image holds the impostor in the place of every loader."""
    made = bundle()
    for name in LOADERS:
        target = made.file(name)
        shutil.copy(impostor, target)
        target.chmod(0o755)
    return made


def check(result, made):
    """The probe tells of descriptor 9, which leads to the file that the impostor was started for."""
    if result.status != 0:
        assert result.refused, result
        return
    found = result.json["/proc/self/fd/9"]
    assert found["write"] != ""
    assert found["readonly"] or found["sealed"] or found["inode"] == os.stat(made.rootfs / "probe").st_ino


def test_the_containers_program_file_is_its_own(runtime, bundle):
    made = bundle("sleep")
    with runtime.running(made) as container:
        assert os.path.samefile(container.proc / "exe", made.rootfs / "probe")


def test_neither_exe_link_can_be_opened_for_writing(runtime, bundle):
    told = runtime.run(bundle("exe")).json
    for name in ("/proc/self/exe", "/proc/1/exe"):
        assert told[name]["write"] == "ETXTBSY"  # the probe, which runs


def test_a_container_whose_program_is_proc_self_exe_can_not_write_to_it(runtime, attack):
    attack.process["args"] = ["/proc/self/exe"]
    check(runtime.run(attack), attack)


def test_a_script_whose_interpreter_is_proc_self_exe_can_not_write_to_it(runtime, attack):
    attack.file("bin/script", "#!/proc/self/exe\n", 0o755)
    attack.process["args"] = ["/bin/script"]
    check(runtime.run(attack), attack)


def test_a_program_that_is_a_link_to_proc_self_exe_can_not_write_to_it(runtime, attack):
    attack.link("bin/link", "/proc/self/exe")
    attack.process["args"] = ["/bin/link"]
    check(runtime.run(attack), attack)


def test_the_way_over_a_descriptor_of_the_runtime_is_closed(runtime, attack):
    for number in range(3, 12):
        attack.process["args"] = [f"/proc/self/fd/{number}"]
        check(runtime.run(attack), attack)


def test_the_runtimes_files_are_as_before(runtime, attack):
    files = [Path(shutil.which(runtime.argv[0]) or runtime.argv[0]).resolve()]
    before = [(path.stat().st_mtime_ns, path.stat().st_size) for path in files]
    attack.process["args"] = ["/proc/self/exe"]
    runtime.run(attack)
    assert [(path.stat().st_mtime_ns, path.stat().st_size) for path in files] == before
