# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Secrets never show, and the redactor finds them in every spelling."""

from __future__ import annotations

import base64
import copy
import json
import pickle
import traceback
import urllib.parse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import MASK, Redactor, Secret, forms

VALUE = "q7Lr2+Zx/9AbC=dE"


@pytest.mark.parametrize(
    "shown",
    [str, repr, format, "{0!r:>40}".format, "{0}".format, lambda secret: f"{[secret]}"],
)
def test_a_secret_shows_only_the_mask(shown):
    text = shown(Secret(VALUE))
    assert MASK in text
    assert VALUE not in text


def test_a_secret_gives_its_value_only_when_asked():
    assert Secret(VALUE).reveal() == VALUE
    assert not hasattr(Secret(VALUE), "__dict__")


def test_a_secret_does_not_show_in_a_traceback():
    def fails(secret):
        raise ValueError(f"cannot use {secret}")

    try:
        fails(Secret(VALUE))
    except ValueError:
        assert VALUE not in traceback.format_exc()


@pytest.mark.parametrize("serialize", [pickle.dumps, json.dumps])
def test_a_secret_cannot_be_serialized(serialize):
    with pytest.raises(TypeError) as caught:
        serialize(Secret(VALUE))
    assert VALUE not in str(caught.value)


def test_copies_of_a_secret_are_the_secret():
    secret = Secret(VALUE)
    assert copy.copy(secret) is secret
    assert copy.deepcopy({"a": [secret]})["a"][0] is secret


def test_secrets_compare_by_value():
    assert Secret(VALUE) == Secret(VALUE)
    assert Secret(VALUE) != Secret(VALUE + "x")
    assert Secret(VALUE) != VALUE
    assert len({Secret(VALUE), Secret(VALUE), Secret("other")}) == 2
    assert Secret("\udc80") == Secret("\udc80")


def test_the_fingerprint_is_the_head_of_the_sha256():
    assert Secret("abc").fingerprint() == "ba7816bf8f01cfea"  # FIPS 180-2, appendix B.1


def test_an_empty_secret_is_false_and_another_type_is_refused():
    assert not Secret("")
    assert Secret("x")
    with pytest.raises(TypeError):
        Secret(b"bytes")


def spellings(value: str) -> dict[str, str]:
    raw = value.encode()
    return {
        "raw": value,
        "base64": base64.b64encode(raw).decode(),
        "url-safe base64": base64.urlsafe_b64encode(raw).decode(),
        "login": base64.b64encode(b"jdcloud:" + raw).decode(),
        "quoted": urllib.parse.quote(value, safe=""),
        "quoted path": urllib.parse.quote(value),
        "form": urllib.parse.urlencode({"a": value}).partition("=")[2],
        "quoted login": urllib.parse.quote(base64.b64encode(b"jdcloud:" + raw)),
        "json": json.dumps(value)[1:-1],
    }


@pytest.mark.parametrize("spelling", spellings(VALUE))
@pytest.mark.parametrize("value", [VALUE, 'pass"word\\ü%€ +/', "0123456789abcdef", "x" * 200])
def test_every_spelling_is_a_form(spelling, value):
    assert spellings(value)[spelling] in forms(value)


def test_the_empty_text_has_no_form():
    assert forms("") == set()


@given(
    st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/=_-", min_size=12, max_size=40),
    st.binary(max_size=5),
    st.binary(max_size=5),
)
def test_base64_at_any_alignment_is_masked(value, before, after):
    text = base64.b64encode(before + value.encode() + after).decode()
    scrubbed = Redactor([Secret(value)]).scrub(text)
    assert MASK in scrubbed
    # What is left shares bits with its neighbours: at most three digits at either side of the secret.
    assert len(scrubbed.replace(MASK, "")) <= 4 * ((len(before) + 2) // 3) + 4 * ((len(after) + 2) // 3) + 8


ANY_TEXT = st.text(st.characters(exclude_characters="*", exclude_categories=["Cs"]), max_size=30)


@given(ANY_TEXT.filter(bool), ANY_TEXT, ANY_TEXT)
def test_no_spelling_of_any_text_survives(value, before, after):
    redactor = Redactor([Secret(value)])
    for spelling in spellings(value).values():
        assert spelling not in redactor.scrub(before + spelling + after)


def test_scrubbing_keeps_the_shape():
    redactor = Redactor([Secret(VALUE)])
    data = {
        f"key {VALUE}": [VALUE, 1, None, True, 2.5],
        "tuple": (f"a{VALUE}b", {"deep": {VALUE}}),
        "bytes": b"\xff" + VALUE.encode(),
        "secret": Secret("another"),
        "clean": "nothing here",
    }
    assert redactor.scrub(data) == {
        f"key {MASK}": [MASK, 1, None, True, 2.5],
        "tuple": (f"a{MASK}b", {"deep": {MASK}}),
        "bytes": b"\xff" + MASK.encode(),
        "secret": MASK,
        "clean": "nothing here",
    }


def test_a_secret_that_contains_another_is_masked_whole():
    redactor = Redactor()
    redactor.add(Secret("short-secret"))
    redactor.add(Secret("a-short-secret-in-a-long-one"))
    assert redactor.scrub("<a-short-secret-in-a-long-one>") == f"<{MASK}>"
    assert redactor.scrub("<short-secret>") == f"<{MASK}>"


def test_a_redactor_lists_what_it_masks():
    assert Redactor([Secret(VALUE)]).forms == forms(VALUE)
    assert Redactor().scrub("text") == "text"
