"""run --set and run TARGET -- COMMAND: what the kernel shows of a config.json that was changed for once."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from kernel.kit import needs
from kernel.kit.outside import cgroup2_root
from kernel.kit.runtime import TIMEOUT, new_id

pytestmark = [pytest.mark.root, pytest.mark.only("minirun", "no other runtime has the option")]


def test_a_host_name_holds_and_the_file_stays(runtime, bundle):
    made = bundle()
    told = runtime.run(made, options=["--set", "/hostname=ship-in-a-bottle"]).json
    assert told["hostname"] == "ship-in-a-bottle"
    assert "hostname" not in json.loads((made.path / "config.json").read_text())


def test_a_program_and_a_variable_are_the_containers(runtime, life):
    one = life("sleep")
    told = one.line("run", "--bundle", str(one.bundle.path), "--set=/process/env/-=A=b", one.id, "--", "/probe").json
    assert "A=b" in told["env"]


def test_a_mount_is_made(runtime, bundle, tmp_path):
    (tmp_path / "told").write_text("from outside")
    mount = {"destination": "/mnt", "type": "bind", "source": str(tmp_path), "options": ["rbind", "ro"]}
    options = ["--set", f"/mounts/-={json.dumps(mount)}"]
    assert runtime.run(bundle("read", "/mnt/told"), options=options).json["/mnt/told"]["text"] == "from outside"


def test_later_commands_have_the_changed_one(life):
    """`exec` goes by the environment in it, `start` by the program, `delete` by the hook."""
    one = life("wait")
    hook = {"path": "/bin/sh", "args": ["sh", "-c", f"echo deleted > {one.bundle.path}/hook"]}
    one.created(
        "--set=/process/args=/probe",
        '--set=/process/args=["/probe","sleep"]',
        "--set=/process/env/-=SHIP=bottle",
        f"--set=/hooks/poststop/-={json.dumps(hook)}",
    )
    assert one.start().status == 0
    assert "SHIP=bottle" in one.call("exec", "/probe").json["env"]
    assert one.delete("--force").status == 0
    assert (one.bundle.path / "hook").read_text() == "deleted\n"
    assert not Path("/run/minirun", one.id).exists()


@pytest.mark.machine
@needs.cgroup2()
@needs.controller("memory")
def test_a_limit_of_memory_holds_and_update_knows_it(life):
    one = life("sleep").started("--set", "/linux/resources/memory/limit=64M")
    file = Path(f"{cgroup2_root()}{one.process.cgroup()}/memory.max")
    assert file.read_text().strip() == str(64 << 20)
    assert one.call("exec", "/probe").status == 0
    assert one.call("events", options=["--stats"]).json["data"]["memory"]["usage"]["limit"] == 64 << 20
    assert one.call("update", options=["--memory-swap", "96M"]).status == 0  # counts from the limit, so it knows that
    assert one.delete("--force").status == 0
    assert not file.parent.exists()


def test_what_is_wrong_is_refused_and_leaves_nothing(life):
    one = life()
    refused = one.create("--set", "/process/cwd=tmp")
    assert refused.refused
    assert "/process/cwd: found 'tmp' (by --set)" in refused.stderr
    assert one.call("state").status == 1


def said_at_a_terminal(runtime, made, *options, prefix=()):
    """What is on the screen of who runs it there, beside what the program writes."""
    ours, theirs = os.openpty()
    with open(ours, "rb", 0) as reader:
        command = [*prefix, *runtime.command(made, new_id(), options)]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=theirs, timeout=TIMEOUT)
        os.write(theirs, b"the end")
        os.close(theirs)
        told = reader.read(4096).decode()
    assert done.returncode == 0, told
    return told.removesuffix("the end").replace("\r\n", "\n"), done.stdout.decode()


def test_at_a_terminal_a_name_that_means_nothing_is_told(runtime, bundle):
    made = bundle()
    made.config["hostnam"] = "web"
    made.write()
    told, _output = said_at_a_terminal(runtime, made)
    line = (made.path / "config.json").read_text().partition('"hostnam"')[0].count("\n") + 1
    assert f"config.json: /hostnam (line {line}): has no effect here; did you mean 'hostname'?" in told
    assert runtime.run(made).stderr == ""


def test_a_capability_that_is_spelt_wrong_is_told_once(runtime, bundle):
    """With the question at a terminal; and else as the spec wants it. One that is like none is the run's to tell."""
    made = bundle()
    made.process["capabilities"]["bounding"] += ["CAP_SYS_ADMN", "CAP_OF_NOBODY"]
    made.write()
    told, _output = said_at_a_terminal(runtime, made)
    assert told.count("CAP_SYS_ADMN") == 1 and "did you mean 'CAP_SYS_ADMIN'?" in told
    assert told.count("CAP_OF_NOBODY") == 1 and "it is left out" in told
    assert runtime.run(made).stderr.count("it is left out") == 2


@pytest.mark.parametrize(("directory", "is_told"), [("/not/there", True), ("/", False)])
def test_at_a_terminal_a_working_directory_that_was_made_is_told(runtime, bundle, directory, is_told):
    made = bundle()
    made.process["cwd"] = directory
    made.write()
    told, output = said_at_a_terminal(runtime, made)
    assert json.loads(output)["cwd"] == directory
    sentence = f"minirun: warning: /process/cwd: {directory} is not in the image: made, empty and root's\n"
    assert told == (sentence if is_told else "")


def test_an_engine_is_not_told_of_it(runtime, bundle):
    made = bundle()
    made.process["cwd"] = "/not/there"
    made.write()
    assert runtime.run(made).stderr == ""


def test_at_a_terminal_a_chroot_is_told_and_exec_lands_in_it(runtime, life):
    """nsenter(1) does not: that has the host's root, as it is said."""
    one = life("sleep")
    one.bundle.without_namespace("mount")
    one.bundle.write()
    told, _output = said_at_a_terminal(runtime, one.bundle, "--set", '/process/args=["/probe"]')
    assert "/linux/namespaces" in told and "only a chroot" in told and 'an entry {"type": "mount"}' in told
    one.started()
    inside = one.line("exec", one.id, "/probe", "list", "/").json["/"]
    assert "probe" in inside and "boot" not in inside
    entered = ["nsenter", "--target", str(one.state()["pid"]), "--all", "test", "-d", str(one.bundle.path)]
    assert subprocess.run(entered, check=False, timeout=TIMEOUT).returncode == 0
