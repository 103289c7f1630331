# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Failures: the sentence a user reads, the keys a program reads, and the way from a host to the controller."""

from __future__ import annotations

import json
import re

import pytest

from ansible_collections.jdcloud.jcr.plugins.module_utils import _errors
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import JcrError, MfaRequired, NotFound, RuleError

CLASSES = [cls for cls in vars(_errors).values() if isinstance(cls, type) and issubclass(cls, JcrError)]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (JcrError("it broke"), "It broke."),
        (JcrError("it broke."), "It broke."),
        (JcrError(""), "."),
        (JcrError("it broke", act="create registry"), "Cannot create registry: it broke."),
        (JcrError("it broke", act="create registry", obj="'a' in b"), "Cannot create registry 'a' in b: it broke."),
        (JcrError("it broke", obj="'a'"), "Cannot 'a': it broke."),
        (JcrError("it broke", request_id="r1"), "It broke (request id r1)."),
        (JcrError("it broke", cure="Mend it."), "It broke. Mend it."),
        (
            JcrError("it broke.", act="do", obj="it", request_id="r1", cure="Mend it."),
            "Cannot do it: it broke (request id r1). Mend it.",
        ),
    ],
)
def test_the_message_tells_act_object_cause_request_and_cure(error, message):
    assert error.message == message
    assert error.failure()["msg"] == message


def test_the_cause_is_the_text_of_the_exception():
    assert str(JcrError("it broke", cure="Mend it.")) == "it broke"


def test_a_class_has_its_own_cure_unless_told_another():
    assert "security_token" in MfaRequired("no").cure
    assert MfaRequired("no", cure="Ask.").cure == "Ask."
    assert MfaRequired("no", cure="").message == "No."


def test_the_deepest_layer_says_what_was_done():
    error = NotFound("it is not there")
    assert error.about("read registry", "'a'") is error
    error.about("log in", "to 'b'")
    assert error.message == "Cannot read registry 'a': it is not there. Check the name and the region."


def test_a_better_cure_takes_the_place_of_the_class_s_own_only():
    general, special = NotFound("no"), NotFound("no", cure="Do this.")
    for error in (general, special):
        error.suggest("Do that.")
    assert (general.cure, special.cure) == ("Do that.", "Do this.")


def test_a_failure_holds_what_programs_need():
    error = _errors.RateLimited(
        "too many calls", code=429, status="RATE_LIMIT", request_id="r1", http_status=429, retryable=True, attempts=3
    )
    assert error.failure()["error"] == {
        "kind": "rate_limited",
        "act": "",
        "object": "",
        "message": "too many calls",
        "cure": _errors.RateLimited.cure,
        "code": 429,
        "status": "RATE_LIMIT",
        "request_id": "r1",
        "http_status": 429,
        "retryable": True,
        "attempts": 3,
    }


def test_every_kind_has_one_class():
    assert _errors.kinds() == {cls.kind: cls for cls in CLASSES}
    assert len(_errors.kinds()) == len(CLASSES) > 20


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.kind)
def test_every_class_says_what_it_is(cls):
    assert re.fullmatch(r"[a-z_]+", cls.kind)
    assert cls.__doc__
    assert cls.cure.endswith(".") or cls is JcrError


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.kind)
def test_a_failure_travels_from_a_host_to_the_controller(cls):
    sent = cls(
        "it broke",
        act="push",
        obj="'a'",
        code=5,
        status="S",
        request_id="r1",
        http_status=503,
        retryable=True,
        attempts=2,
    )
    failure = json.loads(json.dumps(sent.failure()))
    arrived = _errors.from_failure(failure)
    assert arrived.__class__ is cls
    assert arrived.message == sent.message, "told once more, it reads the same"
    for key in ("act", "obj", "cause", "cure", "code", "status", "http_status", "retryable", "attempts"):
        assert getattr(arrived, key) == getattr(sent, key)


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        ({}, "The module failed without a message."),
        ({"msg": "MODULE FAILURE"}, "MODULE FAILURE."),
        ({"msg": "x", "error": None}, "X."),
        ({"msg": "x", "error": {"kind": "of the future", "message": "y"}}, "Y."),
        ({"msg": "x", "error": {"request_id": "r1", "message": "y"}}, "Y (request id r1)."),
    ],
)
def test_any_failed_result_becomes_an_error(failure, message):
    arrived = _errors.from_failure(failure)
    assert arrived.__class__ is JcrError
    assert arrived.message == message


def test_errors_are_caught_by_their_family():
    assert issubclass(NotFound, _errors.ApiError)
    assert not issubclass(RuleError, _errors.ApiError)
    assert not issubclass(_errors.UnknownOutcome, _errors.ApiError)
    assert all(issubclass(cls, JcrError) for cls in CLASSES)
