# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Registry hosts, against tests/contract/registry_hosts.json."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.jdcloud.jcr.plugins.module_utils import _rules
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import HostNotAllowed, RuleError
from ansible_collections.jdcloud.jcr.plugins.module_utils._registryhost import (
    check_registry_host,
    registry_host,
    split_registry_host,
)
from tests.support.contract import load

HOSTS = load("registry_hosts.json")
HOST = "myregistry-cn-north-1.jcr.service.jdcloud.com"


def check(host, **options):
    return check_registry_host(host, HOSTS["registry"], HOSTS["region"], **options)


@pytest.mark.parametrize("loopback_endpoint", [False, True])
@pytest.mark.parametrize("host", HOSTS["expected"])
def test_the_expected_hosts_are_let_through(host, loopback_endpoint):
    assert check(host, loopback_endpoint=loopback_endpoint) == host


@pytest.mark.parametrize("host", HOSTS["loopback"])
def test_loopback_hosts_need_a_loopback_endpoint(host):
    assert check(host, loopback_endpoint=True) == host
    with pytest.raises(HostNotAllowed, match="this machine"):
        check(host)
    with pytest.raises(HostNotAllowed, match="this machine"):
        check(host, allowed=[host])


@pytest.mark.parametrize("loopback_endpoint", [False, True])
@pytest.mark.parametrize("host", HOSTS["hostile"])
def test_hostile_hosts_are_refused(host, loopback_endpoint):
    with pytest.raises(HostNotAllowed) as caught:
        check(host, loopback_endpoint=loopback_endpoint)
    assert HOST in caught.value.cause, "the message says what was expected"
    assert "\n" not in caught.value.message


def test_there_are_enough_hostile_hosts():
    assert len({str(host) for host in HOSTS["hostile"]}) >= 60


@pytest.mark.parametrize("case", HOSTS["allowed"], ids=lambda case: case["host"])
def test_listed_hosts_are_let_through(case):
    assert check(case["host"], allowed=case["allowed"]) == case["host"]
    with pytest.raises(HostNotAllowed) as caught:
        check(case["host"])
    assert f"add '{case['host']}' to allowed_registry_hosts" in caught.value.cure


@pytest.mark.parametrize("case", HOSTS["not_allowed"], ids=lambda case: f"{case['host']} by {case['allowed'][0]}")
def test_a_list_lets_nothing_else_through(case):
    with pytest.raises(HostNotAllowed):
        check(case["host"], allowed=case["allowed"])


@pytest.mark.parametrize(("host", "parts"), HOSTS["split"])
def test_a_registry_host_is_split_at_its_region(host, parts):
    assert split_registry_host(host) == (tuple(parts) if parts else None)
    if parts:
        assert registry_host(*parts) == host


@settings(derandomize=True, database=None, max_examples=300, deadline=None)
@given(
    st.from_regex(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?", fullmatch=True),
    st.sampled_from([*_rules.REGIONS, "cn-east-1", "cn-stackstag-1"]),
    st.booleans(),
)
def test_every_registry_has_a_host_that_is_split_again(name, region, inner):
    assert split_registry_host(registry_host(name, region, inner)) == (name, region, inner)


@pytest.mark.parametrize(
    ("name", "region"), [("a.b", "cn-north-1"), ("a", "north"), ("", "cn-north-1"), ("a" * 60, "cn-north-1")]
)
def test_no_host_is_made_of_what_could_not_be_split_again(name, region):
    with pytest.raises(RuleError):
        registry_host(name, region)
