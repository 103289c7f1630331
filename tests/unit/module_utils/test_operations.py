# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The 15 operations: complete, consistent, and with paths that no name can break out of."""

from __future__ import annotations

import re
import string
import urllib.parse

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.jdcloud.jcr.plugins.module_utils import _operations, _rules
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import RuleError
from tests.support.contract import load

# The table of the API pages: operation -> method, path, and whether it changes anything.
DOCUMENTED = {
    "describeRegistries": ("GET", "/v1/regions/R/registries", False),
    "createRegistry": ("POST", "/v1/regions/R/registries", True),
    "describeRegistry": ("GET", "/v1/regions/R/registries/reg", False),
    "deleteRegistry": ("DELETE", "/v1/regions/R/registries/reg", True),
    "checkRegistryName": ("POST", "/v1/regions/R/registries:checkRegistryName", False),
    "createRepository": ("POST", "/v1/regions/R/registries/reg/repositories", True),
    "describeRepositories": ("POST", "/v1/regions/R/listRepositories", False),
    "deleteRepository": ("DELETE", "/v1/regions/R/registries/reg/repositories/a/b", True),
    "checkRepositoryName": ("POST", "/v1/regions/R/repositories:checkRepositoryName", False),
    "describeImages": ("GET", "/v1/regions/R/images", False),
    "deleteImage": ("POST", "/v1/regions/R/registries/reg/repositories/a/b:deleteImage", True),
    "describeQuotas": ("GET", "/v1/regions/R/quotas", False),
    "getAuthorizationToken": ("POST", "/v1/regions/R/registries/reg:getAuthorizationToken", True),
    "describeAuthorizationTokens": ("GET", "/v1/regions/R/registries/reg/tokens", False),
    "releaseAuthorizationToken": ("POST", "/v1/regions/R/registries/reg:releaseAuthorizationToken", True),
}
NAMES = {"region": "R", "registry": "reg", "repository": "a/b"}
ALL = list(_operations.OPERATIONS.values())


def by_name(operation):
    return operation.name


def test_all_documented_operations_are_there():
    found = {name: (op.method, op.path_for(**NAMES), op.writes) for name, op in _operations.OPERATIONS.items()}
    assert found == DOCUMENTED


def test_each_constant_is_in_the_table_under_its_own_name():
    constants = [value for value in vars(_operations).values() if isinstance(value, _operations.Operation)]
    assert sorted(map(by_name, constants)) == sorted(_operations.OPERATIONS)
    assert all(name == operation.name for name, operation in _operations.OPERATIONS.items())


@pytest.mark.parametrize("operation", ALL, ids=by_name)
def test_only_what_reads_may_be_repeated_blindly(operation):
    assert (operation.repeat == _operations.SAFE) == (not operation.writes)


def test_only_the_token_is_never_repeated():
    never = [operation for operation in ALL if operation.repeat == _operations.NEVER]
    assert never == [_operations.ISSUE_TOKEN]


@pytest.mark.parametrize("operation", ALL, ids=by_name)
def test_a_message_can_be_made_of_act_and_object(operation):
    told = f"{operation.act} {operation.obj.format(**NAMES)}"
    assert re.fullmatch(r"[a-z][a-z ]+ ('|in R|of |for ).*", told)
    assert told.endswith("in R")
    for name in set(re.findall(r"\{(\w+)\}", operation.path)):
        assert f"{{{name}}}" in operation.obj, "the message names what the path names"


@pytest.mark.parametrize("operation", ALL, ids=by_name)
def test_a_paged_answer_begins_with_its_list_and_may_count(operation):
    keys = list(operation.answer)
    assert operation.paged == ("totalCount" in keys)
    if operation.paged:
        assert list in operation.answer[keys[0]]
        assert type(None) in operation.answer["totalCount"], "describeAuthorizationTokens may not page at all"


@pytest.mark.parametrize("operation", ALL, ids=by_name)
def test_lists_may_come_as_null_and_the_password_may_not(operation):
    for types in operation.answer.values():
        accepted = types if isinstance(types, tuple) else (types,)
        assert list not in accepted or type(None) in accepted
    assert _operations.ISSUE_TOKEN.answer["authorizationToken"] is str


# --- names in paths --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", load("names.json")["repository_addressable"]["accepted"])
def test_addressable_names_stand_in_the_path_as_they_are(name):
    path = _operations.DELETE_REPOSITORY.path_for(region="cn-north-1", registry="reg", repository=name)
    assert path == f"/v1/regions/cn-north-1/registries/reg/repositories/{name}"


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/../b", "a/./b", "a//b", "/a", "a/", "..."])
@pytest.mark.parametrize("key", ["registry", "repository", "region"])
def test_names_that_a_proxy_could_shorten_are_refused(key, name):
    with pytest.raises(RuleError):
        _operations.DELETE_REPOSITORY.path_for(**{**NAMES, key: name})


@pytest.mark.parametrize(
    "name", ["a?force=true", "a#b", "a%2f..%2fb", "a b", "a:deleteImage", "a\nb", "a;b", "a\\b", "测试", "{region}"]
)
def test_signs_with_a_meaning_are_quoted(name):
    path = _operations.DELETE_REPOSITORY.path_for(region="r", registry="reg", repository=name)
    last = path.rsplit("/repositories/", 1)[1]
    assert set(last) <= set(string.ascii_letters + string.digits + "%-_.~")
    assert urllib.parse.unquote(last) == name


@settings(derandomize=True, database=None, max_examples=300, deadline=None)
@given(st.text(), st.text())
def test_any_name_is_refused_or_comes_out_whole(registry, repository):
    try:
        path = _operations.DELETE_IMAGE.path_for(region="cn-north-1", registry=registry, repository=repository)
    except RuleError:
        return
    assert "?" not in path and "#" not in path and path.isascii()
    url = urllib.parse.urlsplit("https://host" + path)
    assert (url.path, url.query, url.fragment) == (path, "", "")
    assert (
        urllib.parse.unquote(path)
        == f"/v1/regions/cn-north-1/registries/{registry}/repositories/{repository}:deleteImage"
    )


def test_the_documented_regions_stand_in_paths():
    for region in _rules.REGIONS:
        assert f"/regions/{region}/" in _operations.DESCRIBE_QUOTAS.path_for(region=region)
