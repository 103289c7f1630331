# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Image references, as Docker reads them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.jdcloud.jcr.plugins.module_utils import _rules
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import RuleError
from ansible_collections.jdcloud.jcr.plugins.module_utils._reference import ImageReference, check_local_name
from tests.support.contract import load

NAMES = load("names.json")
DIGEST = "sha256:" + "0123456789abcdef" * 4
HOST = "myregistry-cn-north-1.jcr.service.jdcloud.com"

few = settings(derandomize=True, database=None, max_examples=300, deadline=None)


def texts(cases):
    return [case["name"] for case in cases if isinstance(case["name"], str)]


@pytest.mark.parametrize(
    ("text", "host", "repository", "tag", "digest"),
    [
        ("ubuntu", None, "ubuntu", None, None),
        ("ubuntu:22.04", None, "ubuntu", "22.04", None),
        ("library/ubuntu", None, "library/ubuntu", None, None),
        ("a.b/c", "a.b", "c", None, None),
        ("a.b:c", None, "a.b", "c", None),
        ("a:5/b", "a:5", "b", None, None),
        ("localhost/b", "localhost", "b", None, None),
        ("LOCALHOST/b", "LOCALHOST", "b", None, None),
        ("localhost:5000/b:1", "localhost:5000", "b", "1", None),
        ("127.0.0.1:5000/a/b:c", "127.0.0.1:5000", "a/b", "c", None),
        ("[::1]:5000/a", "[::1]:5000", "a", None, None),
        (f"{HOST}/project-a/web_app:v1", HOST, "project-a/web_app", "v1", None),
        (f"{HOST}/web@{DIGEST}", HOST, "web", None, DIGEST),
        (f"{HOST}/web:v1@{DIGEST}", HOST, "web", "v1", DIGEST),
        ("sha256:abc", None, "sha256", "abc", None),
        ("a__b/c---d/e.f_g", None, "a__b/c---d/e.f_g", None, None),
    ],
)
def test_parses_as_docker_does(text, host, repository, tag, digest):
    reference = ImageReference.parse(text)
    assert reference == ImageReference(host, repository, tag, digest)
    assert str(reference) == text
    assert reference.name == (f"{host}/{repository}" if host else repository)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "@",
        "/",
        "a/",
        "/a",
        "a//b",
        "a:",
        "a@",
        "A",
        "a/B",
        "a b",
        "a\n",
        "a:b\n",
        "a:b:c",
        "a:-b",
        "a:" + "b" * 129,
        "a@sha256:00",
        f"a@{DIGEST}@{DIGEST}",
        f"a@{DIGEST}\n",
        f"a@{DIGEST.upper()}",
        "a___b",
        "a-_b",
        "a..b",
        "-a",
        "a-",
        "a" * 256,
        "x" * 5000,
        "a.b:/c",
        "a.b:0/c",
        "a.b:65536/c",
        "a.b:１/c",
        "user@a.b/c",
        "https://a.b/c",
        "-a.b/c",
        "a.-b/c",
        "a..b/c",
        "a.b./c",
        "[::1/c",
        "[1.2.3.4]/c",
        "[::1%25eth0]/c",
        "a" * 64 + ".b/c",
        "0" * 64,
        "sha256:" + "0" * 64,
        None,
        5,
        b"ubuntu",
    ],
)
def test_refuses_what_docker_cannot_read(text):
    with pytest.raises(RuleError) as caught:
        ImageReference.parse(text)
    assert len(caught.value.cause) < 400


@pytest.mark.parametrize(
    "parts",
    [
        {"host": "myhost", "repository": "a"},  # would be read as the repository myhost/a
        {"host": None, "repository": "localhost/a"},  # would be read as a host
        {"host": None, "repository": "a.b/c"},
        {"host": "", "repository": "a"},
        {"host": None, "repository": "a:b"},
        {"host": None, "repository": "a", "tag": ""},
        {"host": None, "repository": "a", "digest": "latest"},
    ],
)
def test_cannot_be_made_of_parts_that_would_be_read_otherwise(parts):
    with pytest.raises(RuleError):
        ImageReference(**parts)


def test_with_tag_and_with_digest_replace_both():
    reference = ImageReference.parse(f"{HOST}/web:v1@{DIGEST}")
    assert str(reference.with_tag("v2")) == f"{HOST}/web:v2"
    assert str(reference.with_digest(DIGEST)) == f"{HOST}/web@{DIGEST}"
    with pytest.raises(RuleError):
        reference.with_tag("v 2")


stages = st.from_regex(r"[a-z0-9]{1,6}(?:(?:\.|_|__|-{1,3})[a-z0-9]{1,6}){0,2}", fullmatch=True)
hosts = st.sampled_from([None, HOST, "localhost", "localhost:5000", "127.0.0.1:1", "[::1]:65535", "a.b", "UPPER"])
tags = st.none() | st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True)


@few
@given(hosts, st.lists(stages, min_size=1, max_size=3).map("/".join), tags, st.none() | st.just(DIGEST))
def test_what_is_written_is_read_back(host, repository, tag, digest):
    try:
        reference = ImageReference(host, repository, tag, digest)
    except RuleError:
        first = repository.split("/")[0]
        assert host is None, "with a host, any of these is a reference"
        assert "/" in repository and ("." in first or first == "localhost")
        return
    assert ImageReference.parse(str(reference)) == reference


@few
@given(st.text(alphabet="ab0.:/@-_[]A\n", max_size=20) | st.text(max_size=20))
def test_what_is_read_is_written_as_it_was(text):
    try:
        reference = ImageReference.parse(text)
    except RuleError:
        return
    assert str(reference) == text


@pytest.mark.parametrize("name", NAMES["repository_to_create"]["accepted"])
def test_every_repository_that_may_be_created_can_be_pushed_to(name):
    assert ImageReference(HOST, name, "latest").repository == name


@pytest.mark.parametrize("name", NAMES["repository_not_pushable"])
def test_and_the_others_cannot(name):
    with pytest.raises(RuleError):
        ImageReference(HOST, name, "latest")


@pytest.mark.parametrize("tag", NAMES["tags"]["accepted"])
def test_tags_are_those_of_the_rules(tag):
    assert ImageReference(HOST, "web", tag).tag == _rules.tag(tag)


@pytest.mark.parametrize("tag", texts(NAMES["tags"]["refused"]))
def test_what_is_no_tag_there_is_none_here(tag):
    with pytest.raises(RuleError):
        ImageReference(HOST, "web", tag)


@pytest.mark.parametrize("digest", texts(NAMES["digests"]["refused"]))
def test_what_is_no_digest_there_is_none_here(digest):
    with pytest.raises(RuleError):
        ImageReference(HOST, "web", digest=digest)


@pytest.mark.parametrize(
    "name", ["web", "web:1.0", "localhost/web", "a1b2c3", "sha256:a1b2c3", "a" * 64, "sha256:" + "a" * 64]
)
def test_a_name_or_an_id_may_be_an_image_of_an_engine(name):
    check_local_name(name)


@pytest.mark.parametrize("name", ["Web", "web:TWO!", "web one", "https://registry.example.com/web"])
def test_what_no_engine_reads_is_no_image_of_one(name):
    with pytest.raises(RuleError, match="is not the name of an image"):
        check_local_name(name)
