"""minirun inspect: the texts of /proc, read; two processes, drawn."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from minirun.errors import StateError
from minirun.kernel.constants import CAPABILITIES
from minirun.teach import inspection, inspection_text
from minirun.teach.mount_tree import MOVED, NEW, SAME, compare, drawn, flags, parse

REPOSITORY = Path(__file__).parents[2]

# proc_pid_mountinfo(5), of a host and of a container on it.
HOST = parse(
    """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
23 22 0:21 / /proc rw,nosuid shared:5 - proc proc rw
24 22 8:2 /home /home rw,relatime - ext4 /dev/sda2 rw
25 22 0:22 / /sys rw - sysfs sysfs rw
"""
)
CONTAINER = parse(
    """\
101 90 8:1 /srv/my\\040root / ro,relatime master:1 - ext4 /dev/sda1 rw
102 101 0:40 / /proc rw,nosuid - proc proc rw
103 102 0:40 /sys /proc/sys ro,nosuid - proc proc rw
104 101 8:2 /home/ann/volume /data rw,relatime - ext4 /dev/sda2 rw
105 101 0:22 / /sys rw - sysfs sysfs rw
106 101 8:2 /other /other rw - ext4 /dev/sda2 rw
"""
)


def test_what_is_new_what_is_elsewhere_and_what_is_the_same() -> None:
    found = {one.mount.point: (one.change, one.elsewhere) for one in compare(CONTAINER, HOST)}
    assert found == {
        "/": (MOVED, "/srv/my root"),
        "/proc": (NEW, ""),
        "/proc/sys": (NEW, ""),
        "/data": (MOVED, "/home/ann/volume"),
        "/sys": (SAME, ""),
        "/other": (MOVED, ""),  # of a part of the file system that the host has not mounted
    }
    assert {one.change for one in compare(HOST, HOST)} == {SAME}


def test_the_tree() -> None:
    assert [f"{mark} {name}" for mark, name, _ in drawn(compare(CONTAINER, HOST))] == [
        "> /",
        "+ ├─ proc",
        "+ │  └─ sys",
        "> ├─ data",
        "  ├─ sys",
        "> └─ other",
    ]
    assert [flags(mount) for mount in CONTAINER[:3]] == ["ro,master", "nosuid", "ro,nosuid"]


def test_names_of_paths_and_programs_may_hold_what_python_takes_for_the_end_of_a_line() -> None:
    odd = "a\x0c\x1c\x85\u2028\udcffb"
    (mount,) = parse(f"105 101 0:22 /{odd} /{odd}\\012\\134040 rw - tmpfs {odd} rw\n")
    assert (mount.root, mount.point, mount.source) == (f"/{odd}", f"/{odd}\n\\040", odd)
    assert inspection.cgroup_paths(f"0::/{odd}\n") == {"": f"/{odd}"}
    assert inspection.fields(f"Name:\ta\x0cState:\tZ\nUid:\t{odd}\n") == {"Name": "a\x0cState:\tZ", "Uid": odd}


def test_a_high_stack_of_mounts() -> None:
    lines = [f"{number} {number - 1} 0:{number} / /mnt rw - tmpfs tmpfs rw" for number in range(1, 3000)]
    assert len(list(drawn(compare(parse("\n".join(lines)), HOST)))) == 2999


def test_on_eighty_columns() -> None:
    own = inspection.look(os.getpid()).replace(descriptors={}, cgroup="/a", v1_cgroups={}, limits_above={})
    inside = own.replace(
        namespaces=dict.fromkeys(own.namespaces, 1),
        root="/srv",
        mounts=CONTAINER,
        ids={"Uid": "1000 1000 1000 1000", "Gid": "0 0 0 0", "Groups": " ".join(map(str, range(100, 120)))},
        id_maps={"uid": ("0 1000 1", "1 100000 65536"), "gid": ("0 1000 1",)},
        capabilities=dict.fromkeys(own.capabilities, 0b1110),
        limits={"hugetlb.1024MB.max": "0", "io.max": "8:0 rbps=1; 8:1 rbps=2 wbps=123456789"},
    )
    assert [line for line in inspection_text.text(inside, own, 80).splitlines() if len(line) > 80] == []


def test_capabilities_that_are_dropped() -> None:
    own = inspection.look(os.getpid())
    all_but_one = own.replace(capabilities=dict.fromkeys(own.capabilities, 0b1110))
    few = own.replace(capabilities=dict.fromkeys(own.capabilities, 0b0010))
    lines = list(inspection_text.capabilities(few, all_but_one, 100))
    assert "  dropped, of what is effective in the other: all but CAP_DAC_OVERRIDE" in lines
    assert not any("dropped" in line for line in inspection_text.capabilities(all_but_one, few, 100))


def test_capabilities_in_words() -> None:
    every = (1 << len(CAPABILITIES)) - 1
    assert [inspection_text.count(mask) for mask in (0, 3, every)] == ["none", f"2 of {len(CAPABILITIES)}", "all"]
    assert inspection_text.words(3) == "CAP_CHOWN, CAP_DAC_OVERRIDE"
    assert inspection_text.words(every & ~1) == "all but CAP_CHOWN"


def test_the_texts_of_proc() -> None:
    assert inspection.cgroup_paths("3:cpu,cpuacct:/a:b\n0::/c\n") == {"cpu,cpuacct": "/a:b", "": "/c"}
    assert inspection.id_map("         0     100000      65536\n") == ("0 100000 65536",)
    assert inspection.seccomp({"Seccomp": "2", "Seccomp_filters": "1"}) == "filter (1)"
    assert inspection.seccomp({}) == "off"  # a kernel without it
    assert inspection.command("sleep", ["/bin/sleep", "9"]) == "/bin/sleep 9"
    assert inspection.command("minirun:child", ["/bin/python3", "-I"]) == "minirun:child: /bin/python3 -I"
    assert inspection.command("kthreadd", [""]) == "[kthreadd]"


def test_limits_are_those_that_are_set(tmp_path: Path) -> None:
    for name, value in {"memory.max": "1024", "pids.max": "max", "io.max": "8:0 rbps=1\n8:1 rbps=2"}.items():
        (tmp_path / name).write_text(f"{value}\n")
    assert inspection.limits(str(tmp_path.parent), f"/{tmp_path.name}") == {
        "memory.max": "1024",
        "io.max": "8:0 rbps=1; 8:1 rbps=2",
    }
    assert inspection.limits(str(tmp_path), "/../above") == {}  # not ours to see
    assert list(inspection.above("/a/b c/d")) == ["/a/b c", "/a"] and not list(inspection.above("/"))
    (tmp_path / "hugetlb.2MB.max").write_text(f"{(1 << 63) - (1 << 21)}\n")  # none, on some kernels
    (tmp_path / "hugetlb.1GB.max").write_text("0\n")
    assert inspection.limits(str(tmp_path.parent), f"/{tmp_path.name}").get("hugetlb.1GB.max") == "0"
    assert "hugetlb.2MB.max" not in inspection.limits(str(tmp_path.parent), f"/{tmp_path.name}")


def test_descriptors_that_execve_closes() -> None:
    kept, closed = os.pipe()
    os.set_inheritable(kept, True)
    own = inspection.look(os.getpid())
    os.close(kept)
    os.close(closed)
    assert closed in own.closed_by_exec and kept in own.descriptors and kept not in own.closed_by_exec


def test_the_picture_of_oneself() -> None:
    own = inspection.look(os.getpid())
    assert own.pid == os.getpid() and own.namespaces.keys() <= set(inspection.NAMESPACES)
    assert [f"{title}  {manual}" for title, manual, _ in inspection_text.PARTS] == [
        line for line in inspection_text.text(own, own).splitlines() if line and not line.startswith(" ")
    ]
    told = json.loads(inspection_text.json(own, own))
    assert told["against"] | {"against": told["against"]} == told


def test_a_program_does_not_move_the_cursor() -> None:
    own = inspection.look(os.getpid())
    assert "\x1b" not in inspection_text.text(own.replace(command="\x1b[2J"), own)


def test_a_process_that_has_ended() -> None:
    with subprocess.Popen(["true"]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # a zombie: wait(2)
        with pytest.raises(StateError, match="has ended; process"):
            inspection.look(process.pid)
    with pytest.raises(StateError, match="there is no process"):
        inspection.look(process.pid)


def test_a_process_that_proc_hides(monkeypatch: pytest.MonkeyPatch) -> None:
    """proc(5), hidepid=2: as if it were not there."""
    monkeypatch.setattr(inspection.os, "open", lambda *_, **__: os.stat("/nowhere"))
    with pytest.raises(StateError, match=r"may not look at process .*hidden"):
        inspection.look(os.getppid())
    with pytest.raises(StateError, match="there is no process"):
        inspection.look(4194305)  # more than the kernel counts to


def test_a_process_of_somebody_else() -> None:
    """As nobody, so that this test may be root's."""
    code = "import os; os.getuid() or os.setuid(65534); from minirun.teach.inspection import look; look(1)"
    program = f"import minirun.teach.inspection, minirun.errors; {code}"
    done = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True)
    assert "may not look at process 1" in done.stderr and "use sudo" in done.stderr, done.stderr
