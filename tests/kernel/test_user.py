"""config.md#posix-platform-user: credentials(7), umask(2)."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.root


def test_the_program_runs_as_the_user_of_the_config(runtime, bundle):
    made = bundle("sleep")
    made.process["user"] = {"uid": 1000, "gid": 2000}
    with runtime.running(made) as container:
        status = container.status()
    assert status["Uid"].split() == ["1000"] * 4
    assert status["Gid"].split() == ["2000"] * 4


def test_the_user_need_not_be_in_the_images_passwd(runtime, bundle):
    made = bundle()
    made.process["user"] = {"uid": 2_000_000_000, "gid": 2_000_000_001}
    told = runtime.run(made).json
    assert (told["uid"], told["gid"]) == (2_000_000_000, 2_000_000_001)


def test_additional_groups_are_exactly_those_of_the_config(runtime, bundle):
    made = bundle("sleep")
    made.process["user"] = {"uid": 1000, "gid": 2000, "additionalGids": [7, 9, 4000]}
    with runtime.running(made) as container:
        assert container.status()["Groups"].split() == ["7", "9", "4000"]


def test_the_callers_groups_do_not_reach_the_container(runtime, bundle):
    assert runtime.run(bundle(), extra_groups=[11, 12]).json["groups"] == []


@pytest.mark.parametrize("umask", [0, 0o022, 0o077, 0o777])
def test_the_umask_is_that_of_the_config(runtime, bundle, umask):
    made = bundle()
    made.process["user"]["umask"] = umask
    assert runtime.run(made).json["umask"] == umask


@pytest.mark.deviates("runc", "sets 0022")
@pytest.mark.parametrize("umask", [0, 0o027, 0o077])
def test_without_a_umask_in_the_config_the_callers_stays(runtime, bundle, umask):
    """config.md#posix-platform-user: if unspecified, the umask should not be changed."""
    assert runtime.run(bundle(), umask=umask).json["umask"] == umask


@pytest.mark.parametrize("user", [{"uid": -1, "gid": 0}, {"uid": 0, "gid": 2**32}, {"uid": "root", "gid": 0}])
def test_a_user_that_makes_no_sense_is_refused(runtime, bundle, user):
    made = bundle()
    made.process["user"] = user
    assert runtime.run(made).refused
