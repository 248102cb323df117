"""config.md#hostname and #domainname: uts_namespaces(7)."""

from __future__ import annotations

import os

import pytest

pytestmark = pytest.mark.root


def test_the_host_name_is_set_in_the_container_and_only_there(runtime, bundle):
    made = bundle()
    made.config["hostname"] = "ship-in-a-bottle"
    before = os.uname().nodename
    assert runtime.run(made).json["hostname"] == "ship-in-a-bottle"
    assert os.uname().nodename == before


@pytest.mark.deviates("runc", "domainname came with 1.2")
def test_the_domain_name_is_set_in_the_container(runtime, bundle):
    made = bundle()
    made.config["domainname"] = "harbour.example"
    assert runtime.run(made).json["domainname"] == "harbour.example"


def test_without_a_host_name_the_callers_stays(runtime, bundle):
    assert runtime.run(bundle()).json["hostname"] == os.uname().nodename


@pytest.mark.parametrize(
    "name", ["hostname", pytest.param("domainname", marks=pytest.mark.deviates("runc", "domainname came with 1.2"))]
)
def test_a_name_without_a_uts_namespace_is_refused(runtime, bundle, name):
    made = bundle()
    made.without_namespace("uts")
    made.config[name] = "harbour"
    before = os.uname().nodename
    assert runtime.run(made).refused
    assert os.uname().nodename == before


def test_a_host_name_that_is_too_long_is_refused(runtime, bundle):
    """uname(2): 64 bytes."""
    made = bundle()
    made.config["hostname"] = "x" * 65
    assert runtime.run(made).refused
