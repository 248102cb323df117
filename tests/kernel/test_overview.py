"""list, ps, pause, resume."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from kernel.kit import needs
from kernel.kit.outside import cgroup2_root

pytestmark = [pytest.mark.root, needs.cgroup2()]

VERSION_1 = pytest.mark.deviates("runc", "looks into the cgroups of version 1 where both are mounted")


def test_list_has_every_container(life):
    one, two = life().started(), life().created()
    told = {entry["id"]: entry for entry in one.line("list", "--format", "json").json}
    assert (told[one.id]["status"], told[two.id]["status"]) == ("running", "created")
    assert told[one.id]["pid"] == one.state()["pid"]
    assert {one.id, two.id} <= set(one.line("list", "--quiet").stdout.split())
    table = one.line("list").stdout.splitlines()
    assert table[0].split() == ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]
    assert any(line.split()[:3] == [one.id, str(one.state()["pid"]), "running"] for line in table)


ORDER = ["ociVersion", "id", "pid", "status", "bundle", "rootfs", "created", "annotations", "owner"]


@pytest.mark.deviates("crun", "indents it, in an order of its own")
def test_json_is_on_one_line_without_a_blank_and_in_the_order_of_others(life, place):
    """People's scripts look for "status":"running" by grep(1)."""
    one = life("sleep")
    one.bundle.config["annotations"] = {"b": "1", "a": "2"}
    one.bundle.write()
    one.started()
    listed = one.line("list", "--format", "json").stdout
    assert f'"id":"{one.id}","pid":{one.state()["pid"]},"status":"running","bundle":"{one.bundle.path}",' in listed
    state = next(state for state in json.loads(listed) if state["id"] == one.id)
    assert list(state) == ORDER and list(state["annotations"]) == ["a", "b"]
    assert list(one.state()) == ORDER
    assert one.line("ps", "--format", "json", one.id).stdout == f"[{one.state()['pid']}]\n"


def test_list_without_containers(life, place):
    one = life()
    assert one.line("--root", str(place / "none"), "list", "--quiet").stdout == ""


def test_ps_tells_the_hosts_numbers(life, place):
    one = life().started()
    one.call("exec", "/probe", "sleep", options=["--detach", "--pid-file", str(place / "pid")])
    wanted = sorted([one.state()["pid"], int((place / "pid").read_text())])
    assert sorted(one.call("ps", options=["--format", "json"]).json) == wanted


@needs.command("ps -ef", "ps -ef does not work here, as under User-mode Linux, which has no boot time")
def test_ps_shows_what_the_processes_are(life):
    one = life().started()
    shown = one.call("ps").stdout
    assert str(one.state()["pid"]) in shown
    assert "/probe sleep" in shown


def test_a_paused_container_stands_still(life, place):
    """Its processor time does not grow."""
    one = life("spin").started()
    pid = one.state()["pid"]
    assert one.call("pause").status == 0
    assert one.status == "paused"
    before = used(pid)
    time.sleep(0.3)
    assert used(pid) == before
    assert one.call("resume").status == 0
    assert one.status == "running"
    one.wait_for(lambda: used(pid) > before)


def used(pid: int) -> int:
    """Clock ticks in user mode: proc_pid_stat(5), field 14."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11])


def test_a_created_container_can_be_paused_too(life):
    """It is told, and `start` does not wait for somebody who can't hear it."""
    one = life().created()
    assert one.call("pause").status == 0
    assert one.status == "paused"
    refused = one.call("start")
    assert refused.status == 1 and "paused" in refused.stderr
    assert one.call("resume").status == 0
    assert one.status == "created"
    assert one.call("start").status == 0
    assert one.status == "running"


@VERSION_1
def test_the_kernel_says_frozen(life):
    one = life().started()
    events = Path(str(cgroup2_root()) + one.process.cgroup(), "cgroup.events")
    one.call("pause")
    assert "frozen 1" in events.read_text().splitlines()
    one.call("resume")
    assert "frozen 0" in events.read_text().splitlines()


def test_what_does_not_run_can_not_be_paused_and_so_on(life):
    one = life("exit", "0").started()
    one.wait_for(lambda: one.status == "stopped")
    assert one.call("pause").status == 1
    refused = life().started().call("resume")
    assert refused.status == 1 and "container not paused" in refused.stderr


def test_a_paused_container_takes_no_exec(life):
    one = life().started()
    one.call("pause")
    refused = one.call("exec", "/probe")
    assert refused.status == 255 and "cannot exec in a paused container" in refused.stderr
    one.call("resume")


def test_a_paused_container_can_be_deleted_by_force(life):
    one = life().started()
    one.call("pause")
    assert one.delete("--force").status == 0
    assert one.call("state").status == 1
