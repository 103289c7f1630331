# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules of names, descriptions, tags, digests, regions and hours, against tests/contract/names.json."""

from __future__ import annotations

import re
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.jdcloud.jcr.plugins.module_utils import _rules
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import RuleError
from tests.support.contract import load

CONTRACT = load("names.json")
CHECKS = {
    "registry_to_create": _rules.registry_name_to_create,
    "registry_addressable": _rules.registry_name,
    "repository_to_create": _rules.repository_name_to_create,
    "repository_addressable": _rules.repository_name,
    "descriptions": _rules.description,
    "hours": _rules.token_hours,
    "tags": _rules.tag,
    "digests": _rules.digest,
}
NAME_CHECKS = [CHECKS[section] for section in CHECKS if section.startswith("re")]
ACCEPTED = [(section, value) for section in CHECKS for value in CONTRACT[section]["accepted"]]
REFUSED = [
    (section, case.get("name", case.get("value"))) for section in CHECKS for case in CONTRACT[section]["refused"]
]
# Repository names by the documented grammar written down once more, and by Docker's.
DOCUMENTED_STAGE = r"[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?"
DOCKER_STAGE = r"[a-z0-9]+(?:(?:_|__|-+)[a-z0-9]+)*"

few = settings(derandomize=True, database=None, max_examples=300, deadline=None)
near_names = st.text(alphabet="ab0-_/.A \n０", max_size=40)


def refusal(check, value) -> RuleError:
    with pytest.raises(RuleError) as caught:
        check(value)
    return caught.value


@pytest.mark.parametrize(("section", "value"), ACCEPTED)
def test_accepts_what_the_contract_accepts(section, value):
    assert CHECKS[section](value) == value


@pytest.mark.parametrize(("section", "value"), REFUSED)
def test_refuses_what_the_contract_refuses(section, value):
    error = refusal(CHECKS[section], value)
    assert error.cure, "a refusal names the rule"
    assert "\n" not in error.message


@pytest.mark.parametrize("name", CONTRACT["repository_not_pushable"])
def test_refuses_to_create_what_no_docker_client_can_push_to(name):
    assert "no Docker client can push" in refusal(_rules.repository_name_to_create, name).cause
    assert _rules.repository_name(name) == name, "one that exists stays manageable"


@pytest.mark.parametrize("name", CONTRACT["regions"]["accepted"])
def test_documented_regions_pass_without_a_word(name):
    assert _rules.region(name) is None
    assert name in _rules.REGIONS


@pytest.mark.parametrize("name", CONTRACT["regions"]["undocumented"])
def test_other_regions_pass_with_a_warning(name):
    warning = _rules.region(name)
    assert repr(name) in warning
    assert "cn-north-1, cn-east-2, cn-south-1" in warning


@pytest.mark.parametrize("case", CONTRACT["regions"]["refused"], ids=lambda case: case["why"])
def test_ill_formed_regions_are_refused(case):
    assert "cn-north-1, cn-east-2, cn-south-1" in refusal(_rules.region, case["name"]).cure


def test_the_contract_knows_every_rule():
    assert set(CONTRACT) == {"about", "regions", "repository_not_pushable", *CHECKS}


@pytest.mark.parametrize(
    ("check", "value", "said"),
    [
        (_rules.registry_name_to_create, "", "is empty"),
        (_rules.registry_name_to_create, "abc", "has 3 characters, which is fewer than 4"),
        (_rules.registry_name_to_create, "a" * 33, "has 33 characters, which is more than 32"),
        (_rules.registry_name_to_create, "MyRegistry", "contains 'M'"),
        (_rules.registry_name_to_create, "my_registry", "contains '_'"),
        (_rules.registry_name_to_create, "my.registry", "contains '.'"),
        (_rules.registry_name_to_create, "-registry", "has '-' at the beginning"),
        (_rules.registry_name_to_create, "registry-", "has '-' at the end"),
        (_rules.registry_name_to_create, "registry\n", "contains '\\n'"),
        (_rules.registry_name_to_create, "１２２７", "contains '１'"),
        (_rules.registry_name_to_create, None, "is not a text but null"),
        (_rules.registry_name_to_create, 1227, "is not a text but of type int"),
        (_rules.repository_name_to_create, "my//repo", "has an empty stage"),
        (_rules.repository_name_to_create, "ab/_cd", "has '_' at the beginning of a stage"),
        (_rules.repository_name_to_create, "ab/cd_", "has '_' at the end of a stage"),
        (_rules.repository_name_to_create, "a___bc", "contains '___', so that no Docker client can push to it"),
        (_rules.repository_name_to_create, "ab-_cd", "contains '-_', so that no Docker client can push to it"),
        (_rules.token_hours, True, "not a whole number but of type bool"),
        (_rules.token_hours, 12.0, "not a whole number but of type float"),
        (_rules.token_hours, "12", "not a whole number but of type str"),
        (_rules.token_hours, None, "not a whole number but null"),
        (_rules.token_hours, 25, "hours is 25, which is out of range"),
        (_rules.description, "x" * 257, "has 257 characters"),
        (_rules.description, "\ud800", "is not valid Unicode"),
        (_rules.tag, "a b", "tag 'a b' is not a tag"),
        (_rules.digest, "latest", "digest 'latest' is not a digest"),
    ],
)
def test_a_refusal_says_what_is_wrong(check, value, said):
    assert said in refusal(check, value).cause


@pytest.mark.parametrize(
    ("check", "value", "corrected"),
    [
        (_rules.registry_name_to_create, "My_Registry", "my-registry"),
        (_rules.registry_name_to_create, "--my.registry--", "my-registry"),
        (_rules.registry_name_to_create, "my registry\n", "my-registry"),
        (_rules.registry_name_to_create, "１２２７", "1227"),
        (_rules.registry_name_to_create, "a" * 31 + "-b", "a" * 31),
        (_rules.repository_name_to_create, "Project A/Web_App", "project-a/web_app"),
        (_rules.repository_name_to_create, "/my//repo/", "my/repo"),
        (_rules.repository_name_to_create, "my___repo/a-_b", "my-repo/a-b"),
        (_rules.repository_name_to_create, "a" * 254 + "/b", "a" * 254),
        (_rules.tag, "v1.0+build 7", "v1.0-build-7"),
        (_rules.tag, "..v1", "v1"),
        (_rules.tag, "v1!", "v1"),
        (_rules.digest, "SHA256:" + "AB" * 32, "sha256:" + "ab" * 32),
        (_rules.region, "cn-north1", "cn-north-1"),
        (_rules.region, "CN-EAST-2", "cn-east-2"),
    ],
)
def test_a_refusal_proposes_a_corrected_value(check, value, corrected):
    assert refusal(check, value).cure.endswith(f"Did you mean {corrected!r}?")


@pytest.mark.parametrize("value", ["", "abc", "---", "测试镜像", "größere-registry", "a___b", None, 5])
def test_no_correction_is_made_up(value):
    assert "Did you mean" not in refusal(_rules.registry_name_to_create, value).message


@pytest.mark.parametrize("value", ["+", "Größe", "版本-1"])
def test_no_correction_of_a_tag_is_made_up(value):
    assert "Did you mean" not in refusal(_rules.tag, value).message


HUGE = ["A" * 100_000, "a" * 100_000 + "!", "-" * 65_536, "a-" * 32_768, "_/" * 32_768, [0] * 10_000]


@pytest.mark.parametrize("value", HUGE, ids=range(len(HUGE)))
@pytest.mark.parametrize("check", [*NAME_CHECKS, _rules.tag, _rules.digest, _rules.region])
def test_huge_values_are_refused_in_a_short_message(check, value):
    assert len(refusal(check, value).cause) < 200


def test_numbers_too_long_to_print_are_refused():
    assert "bits" in refusal(_rules.token_hours, 10**6000).cause
    assert "bits" in refusal(_rules.registry_name, 10**6000).cause


def test_a_description_may_be_left_out():
    assert _rules.description(None) is None


def test_the_documented_figures():
    assert (_rules.MAX_DESCRIPTION, _rules.MIN_HOURS, _rules.MAX_HOURS, _rules.DEFAULT_HOURS) == (256, 1, 24, 12)
    assert _rules.token_hours(_rules.DEFAULT_HOURS) == 12


# --- for any text ----------------------------------------------------------------------------------------------------


@few
@given(near_names)
def test_names_to_create_obey_the_documented_grammar_for_any_text(name):
    registry = re.fullmatch(r"[a-z0-9][a-z0-9-]{2,30}[a-z0-9]", name)
    assert passes(_rules.registry_name_to_create, name) == bool(registry)
    stages = name.split("/")
    documented = 4 <= len(name) <= 255 and all(re.fullmatch(DOCUMENTED_STAGE, stage) for stage in stages)
    pushable = all(re.fullmatch(DOCKER_STAGE, stage) for stage in stages)
    assert passes(_rules.repository_name_to_create, name) == (documented and pushable)


@few
@given(near_names)
def test_a_name_that_may_be_created_may_be_addressed(name):
    if passes(_rules.registry_name_to_create, name):
        assert passes(_rules.registry_name, name)
    if passes(_rules.repository_name_to_create, name):
        assert passes(_rules.repository_name, name)


@few
@given(st.one_of(near_names, st.text(max_size=400), st.text(alphabet=string.printable, min_size=200, max_size=400)))
def test_every_proposed_value_passes_its_own_rule(text):
    for check in (*NAME_CHECKS, _rules.tag, _rules.region):
        try:
            check(text)
        except RuleError as error:
            proposal = re.search(r"Did you mean '(.*)'\?$", error.cure)
            assert proposal is None or check(proposal[1]) in (proposal[1], None)


@few
@given(st.text())
def test_addressable_names_cannot_leave_their_place_in_a_path(name):
    if passes(_rules.repository_name, name):
        assert set(name) <= set(string.ascii_lowercase + string.digits + "-_/")
        assert not {"", ".", ".."} & set(name.split("/"))


def passes(check, value) -> bool:
    try:
        check(value)
    except RuleError:
        return False
    return True
