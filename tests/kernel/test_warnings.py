"""What goes on with a warning: on stderr, and in the log file for who is not looking (runtime.md#warnings)."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.root, pytest.mark.only("minirun", "whether others log a warning to the file, and how")]


def test_a_warning_is_in_the_log_file_as_well(life, place):
    log = place / "log"
    one = life("exit", "0")
    one.bundle.process["capabilities"]["ambient"] = ["CAP_SYS_TIME"]  # neither permitted nor inheritable
    one.bundle.write()
    done = one.line("--log", str(log), "run", "--bundle", str(one.bundle.path), one.id)
    assert done.status == 0
    assert "warning: /process/capabilities/ambient" in done.stderr
    (line,) = log.read_text().splitlines()
    assert "level=warning" in line and "/process/capabilities/ambient" in line and "CAP_SYS_TIME" in line


def test_a_failure_of_poststop_is_in_the_log_file(life, place):
    log = place / "log"
    one = life(hooks={"poststop": [{"path": "/does/not/exist"}]}).created()
    assert one.line("--log", str(log), "delete", one.id).status == 0
    (line,) = log.read_text().splitlines()
    assert "level=warning" in line and "/hooks/poststop/0" in line


def test_a_lost_log_keeps_no_forced_delete_from_its_work(life, place):
    log = place / "gone" / "log.json"
    one = life("sleep").started()
    refused = one.line("--log", str(log), "delete", one.id)
    assert refused.status == 1 and "can't log to" in refused.stderr
    done = one.line("--log", str(log), "--log-format", "json", "delete", "--force", one.id)
    assert (done.status, done.stderr) == (0, "")
    assert one.call("state").status == 1
