"""What could not be taken back stays in the books, and so does the way to it: the next `delete` tries again.

Here something is mounted over the container's cgroup, which can neither be removed nor looked into for so long.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kernel.kit import needs
from kernel.kit.helpers import mount, unmount
from kernel.kit.host import nothing_left
from kernel.kit.life import Life
from kernel.kit.outside import cgroup2_root
from kernel.kit.runtime import new_id

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.root,
    needs.cgroup2(),
    pytest.mark.only("minirun", "others forget the container, or don't tell"),
]


def cgroup_of(name: str) -> Path:
    return Path(str(cgroup2_root()), "minirun", name)


@contextlib.contextmanager
def covered(cgroup: Path) -> Iterator[None]:
    mount("-t", "tmpfs", "over-it", cgroup)
    try:
        yield
    finally:
        unmount(cgroup)


def noting_hook(place: Path) -> dict[str, list[dict[str, object]]]:
    """A poststop hook, which notes that it ran."""
    return {"poststop": [{"path": "/bin/sh", "args": ["sh", "-c", f"echo ran >> {place}/hook"]}]}


def is_kept(one: Life) -> bool:
    """Told of as a stopped container, by `state` and `list`."""
    listed = one.line("list", "--format", "json").json
    return one.status == "stopped" and one.id in [state["id"] for state in listed if state["status"] == "stopped"]


@pytest.mark.parametrize("options", [[], ["--force"]], ids=["delete", "delete --force"])
def test_a_delete_that_leaves_something_fails_and_can_be_tried_again(life, runtime, place, options):
    """Poststop hooks run when all is gone, and once (runtime.md#lifecycle, 12 and 13)."""
    one = life("sleep", hooks=noting_hook(place))
    with nothing_left(runtime.name):
        one.started()
        with covered(cgroup_of(one.id)):
            one.kill("KILL")
            one.wait_for(lambda: one.status == "stopped")
            for _ in range(2):
                refused = one.delete(*options)
                assert refused.status == 1
                assert f"can't see the cgroup {cgroup_of(one.id)}" in refused.stderr
                assert f"cure: mend what keeps it, and minirun delete {one.id}" in refused.stderr
                assert is_kept(one) and not (place / "hook").exists()
        assert one.delete(*options).status == 0
        assert (place / "hook").read_text() == "ran\n"
    assert one.call("state").status == 1


def test_a_log_has_the_whole_of_it_in_one_line(life, place):
    """Engines read the last line of that file, and nothing else (--log, --log-format)."""
    one = life().started()
    with covered(cgroup_of(one.id)):
        log = place / "log"
        refused = one.line("--log", str(log), "--log-format", "json", "delete", "--force", one.id)
    (line,) = log.read_text().splitlines()
    assert refused.status == 1 and str(cgroup_of(one.id)) in json.loads(line)["msg"]


def test_the_end_of_run_keeps_the_books_and_says_so(runtime, bundle, place):
    made = bundle("sleep")
    made.config["hooks"] = noting_hook(place)
    with nothing_left(runtime.name), runtime.running(made) as container:
        with covered(cgroup_of(container.container_id)):
            os.kill(container.pid, signal.SIGKILL)
            assert container.wait() == 128 + signal.SIGKILL, "the program's status"
            said = container.runtime.stderr.read()
            assert said.count("minirun: warning: ") == 1 and "so its books stay" in said
            assert f"minirun delete {container.container_id}" in said
        again = life_of(runtime, made, container.container_id)
        assert is_kept(again) and not (place / "hook").exists()
        assert again.delete().status == 0
        assert (place / "hook").read_text() == "ran\n"


def life_of(runtime, made, name: str) -> Life:
    one = Life(runtime, made)
    one.id = name
    return one


@pytest.mark.parametrize("command", ["create", "run"])
def test_a_start_that_fails_keeps_the_books_where_it_has_to(life, runtime, command):
    one = life()
    cgroup = cgroup_of(one.id)
    cover = {"path": "/bin/sh", "args": ["sh", "-c", f"mount -t tmpfs over-it {cgroup}; echo no; exit 7"]}
    cover["env"] = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]
    one.bundle.config["hooks"] = {"createRuntime": [cover]}
    one.bundle.write()
    with nothing_left(runtime.name):
        failed = one.call(command, options=["--bundle", str(one.bundle.path)])
        assert failed.status == 1
        assert "exited with status 7: no" in failed.stderr and "so its books stay" in failed.stderr
        assert is_kept(one)
        unmount(cgroup)
        assert one.delete().status == 0


def test_what_kept_a_program_from_starting_is_still_the_error(life, runtime):
    """That its container is not all gone comes as a warning."""
    one = life()
    one.bundle.process["args"] = ["/script"]
    one.bundle.file("script", "#!/missing\n", 0o755)
    one.bundle.write()
    with nothing_left(runtime.name):
        one.created()
        with covered(cgroup_of(one.id)):
            failed = one.start()
            assert failed.status == 1 and "so its books stay" in failed.stderr
            assert "interpreter is missing" in failed.stderr.partition("so its books stay")[2]
            assert is_kept(one)
        assert one.delete().status == 0


def test_an_id_is_taken_as_long_as_something_is_left(life, bundle, runtime):
    one = life().started()
    with covered(cgroup_of(one.id)):
        assert one.delete("--force").status == 1
        assert "already exists" in runtime.run(bundle("exit", "0", name=new_id()), container_id=one.id).stderr
    assert one.delete().status == 0


# ---- while it runs


def test_who_can_not_see_the_cgroup_does_not_say_that_the_container_has_ended(life):
    one = life().started()
    with covered(cgroup_of(one.id)):
        for command, *words in (("ps",), ("pause",), ("events", "--stats"), ("kill", "--all")):
            refused = one.call(command, options=words)
            assert refused.status == 1 and "can't see the cgroup" in refused.stderr, command
        assert one.status == "running"
    assert len(one.call("ps", options=["--format", "json"]).json) == 1
