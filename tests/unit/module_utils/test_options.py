# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options together with the conditions among them."""

from __future__ import annotations

import pytest

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import ConfigurationError
from ansible_collections.jdcloud.jcr.plugins.module_utils._options import STATE, ArgumentSpec

FORCE = ArgumentSpec(
    options={"force": {"type": "bool", "default": False}, "reason": {"type": "str"}},
    of_states={"force": ("absent",), "reason": ("present", "absent")},
)
SPEC = ArgumentSpec(
    options={"name": {"type": "str"}, "tags": {"type": "list", "elements": "str", "default": []}},
    of_states={"tags": ("present",)},
).merge(STATE, FORCE)
DEFAULTS = {"name": None, "tags": [], "state": "present", "force": False, "reason": None}

MISPLACED = [
    ({}, []),
    ({"tags": ["a"], "reason": "x", "name": "n"}, []),
    ({"force": True}, ["force"]),
    ({"force": False}, []),
    ({"state": "absent", "force": True, "reason": ""}, []),
    ({"state": "absent", "tags": ["a"]}, ["tags"]),
    ({"state": "absent", "tags": []}, []),
    ({"state": "rotated", "tags": ["a"], "force": True, "reason": ""}, ["tags", "force", "reason"]),
]


@pytest.mark.parametrize(("given", "misplaced"), MISPLACED)
def test_only_what_is_given_counts(given, misplaced):
    assert SPEC.misplaced({**DEFAULTS, **given}) == misplaced
    assert SPEC.misplaced(given) == misplaced, "options before defaults are filled in"


def test_all_of_them_are_named_with_their_states():
    SPEC.refuse_misplaced(DEFAULTS)
    with pytest.raises(ConfigurationError) as caught:
        SPEC.refuse_misplaced({**DEFAULTS, "state": "rotated", "force": True, "reason": "x"})
    assert caught.value.message == (
        "State rotated takes no force (which goes with absent), no reason (which goes with present or absent). "
        "Leave out what is of another state, or set the state that was meant."
    )


CHOICE = ArgumentSpec(
    options={"state": {"type": "str"}, "name": {"type": "str"}, "names": {"type": "list"}, "age": {"type": "str"}},
    required_one_of=(("name", "names"),),
    required_if=(("state", "absent", ("name", "age"), True), ("state", "absent", ("names",))),
    narrowing=("age",),
)


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"name": "a"}, None),
        ({"names": []}, None),
        ({}, "None of name, names has a value"),
        ({"names": ["a"], "state": "absent"}, "None of name, age has a value"),
        ({"names": ["a"], "age": "1d", "state": "absent"}, None),
    ],
)
def test_null_is_not_the_one_that_is_needed(given, missing):
    params = {**dict.fromkeys(CHOICE.options), **given}
    if missing is None:
        CHOICE.check(params)
    else:
        with pytest.raises(ConfigurationError) as caught:
            CHOICE.check(params)
        assert caught.value.message.startswith(missing)


def test_null_does_not_stand_for_leaving_out():
    CHOICE.refuse_null({"name": None, "age": "1d"})
    with pytest.raises(ConfigurationError, match="age: null is no value"):
        CHOICE.merge(ArgumentSpec(options={}, narrowing=("size",))).refuse_null({"name": None, "age": None})
    with pytest.raises(ConfigurationError, match="age, size: null"):
        CHOICE.merge(ArgumentSpec(options={}, narrowing=("size",))).refuse_null({"size": None, "age": None})
