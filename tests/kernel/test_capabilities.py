"""config.md#linux-process, capabilities: the five sets of capabilities(7), and noNewPrivileges."""

from __future__ import annotations

import pytest

from kernel.kit import needs
from kernel.kit.needs import CAPABILITIES

pytestmark = pytest.mark.root

SETS = ("bounding", "effective", "permitted", "inheritable", "ambient")
LINES = {
    "bounding": "CapBnd",
    "effective": "CapEff",
    "permitted": "CapPrm",
    "inheritable": "CapInh",
    "ambient": "CapAmb",
}


def mask(*names):
    return sum(1 << CAPABILITIES[name] for name in names)


def sets(**given):
    """All five sets; those that are not given are empty."""
    return {name: list(given.get(name, ())) for name in SETS}


def test_the_sets_are_those_of_the_config(runtime, bundle):
    """As root, where execve(2) makes permitted and effective from the bounding and the inheritable set."""
    made = bundle("sleep")
    both = ["CAP_CHOWN", "CAP_KILL"]
    made.process["capabilities"] = sets(bounding=both, permitted=both, effective=both, inheritable=["CAP_KILL"])
    with runtime.running(made) as container:
        status = container.status()
    found = {name: int(status[line], 16) for name, line in LINES.items()}
    assert found == {
        "bounding": mask(*both),
        "effective": mask(*both),
        "permitted": mask(*both),
        "inheritable": mask("CAP_KILL"),
        "ambient": 0,
    }


def test_a_root_process_without_capabilities_has_none(runtime, bundle):
    made = bundle()
    made.process["capabilities"] = sets()
    assert set(runtime.run(made).json["capabilities"].values()) == {0}


def test_what_is_not_in_the_bounding_set_can_not_be_gained(runtime, bundle):
    made = bundle()
    made.process["capabilities"] = sets(bounding=["CAP_KILL"])
    assert runtime.run(made).json["capabilities"]["bounding"] == mask("CAP_KILL")


def test_ambient_capabilities_reach_a_program_of_another_user(runtime, bundle):
    made = bundle()
    names = ["CAP_NET_BIND_SERVICE", "CAP_KILL"]
    made.process["capabilities"] = dict.fromkeys(SETS, names)
    made.process["user"] = {"uid": 1000, "gid": 1000}
    assert set(runtime.run(made).json["capabilities"].values()) == {mask(*names)}


def test_a_program_of_another_user_has_none_without_the_ambient_set(runtime, bundle):
    made = bundle()
    names = ["CAP_NET_BIND_SERVICE"]
    made.process["capabilities"] = sets(bounding=names, permitted=names, effective=names)
    made.process["user"] = {"uid": 1000, "gid": 1000}
    told = runtime.run(made).json["capabilities"]
    assert (told["effective"], told["permitted"], told["bounding"]) == (0, 0, mask(*names))


AMBIENT_ALONE = {key: ["CAP_KILL"] for key in ("bounding", "effective", "permitted", "ambient")}


@pytest.mark.parametrize("no_new_privileges", [False, True])
def test_root_gets_without_a_warning_what_is_ambient_but_not_inheritable(runtime, bundle, no_new_privileges):
    """As `runc spec` writes it: nothing is lost, since execve(2) gives it to root in any case."""
    made = bundle()
    made.process["capabilities"] = AMBIENT_ALONE
    made.process["noNewPrivileges"] = no_new_privileges
    result = runtime.run(made)
    assert (result.json["capabilities"]["effective"], result.stderr) == (mask("CAP_KILL"), "")


@pytest.mark.only("minirun", "others drop it without a word, or pass it on")
def test_others_lose_it_and_that_is_told(runtime, bundle):
    made = bundle()
    made.process["capabilities"] = AMBIENT_ALONE
    made.process["user"] = {"uid": 1000, "gid": 1000}
    result = runtime.run(made)
    assert result.json["capabilities"]["effective"] == 0
    assert "warning: /process/capabilities/ambient: can't raise ambient capability CAP_KILL: " in result.stderr


@pytest.mark.parametrize("name", ["CAP_FLAVOUR", "chown", ""])
def test_an_unknown_capability_is_a_warning_only(runtime, bundle, name):
    """config.md#linux-process: the runtime MUST log a warning and SHOULD NOT fail."""
    made = bundle()
    for held in made.process["capabilities"].values():
        held.append(name)
    result = runtime.run(made)
    assert result.json["capabilities"]["effective"] & mask("CAP_CHOWN")
    assert result.stderr != ""


@pytest.mark.deviates("runc", "asks the kernel for it and fails")
def test_a_capability_that_can_not_be_granted_is_a_warning_only(runtime, bundle):
    if needs.held("CAP_SYS_RESOURCE"):
        pytest.skip("these tests have every capability")
    made = bundle()
    made.capabilities("CAP_SYS_RESOURCE")
    result = runtime.run(made)
    assert not result.json["capabilities"]["effective"] & mask("CAP_SYS_RESOURCE")
    assert result.stderr != ""


def test_no_flag_of_the_runtimes_own_way_there_stays(runtime, bundle):
    """PR_SET_KEEPCAPS and the securebits: prctl(2). It is cleared by execve(2), but not the securebits."""
    told = runtime.run(bundle()).json
    assert (told["keep_caps"], told["securebits"], told["dumpable"]) == (False, 0, 1)


def test_the_user_namespaces_root_has_the_capabilities_of_the_config(runtime, bundle):
    made = bundle()
    made.user_namespace()
    names = made.process["capabilities"]["effective"]
    assert runtime.run(made).json["capabilities"]["effective"] == mask(*names)


@pytest.mark.parametrize("value", [True, False])
def test_no_new_privileges_is_as_the_config_says(runtime, bundle, value):
    made = bundle()
    made.process["noNewPrivileges"] = value
    assert runtime.run(made).json["no_new_privs"] is value


def test_new_privileges_are_possible_by_default(runtime, bundle):
    assert runtime.run(bundle()).json["no_new_privs"] is False


@pytest.mark.only("minirun", "others refuse to start, where the spec asks for a warning")
def test_an_inheritable_capability_that_the_bounding_set_lacks_is_a_warning(runtime, bundle):
    made = bundle()
    made.process["capabilities"]["inheritable"] = ["CAP_SYS_ADMIN"]
    result = runtime.run(made)
    assert "CAP_SYS_ADMIN" in result.stderr
    assert result.json["capabilities"]["inheritable"] == 0
