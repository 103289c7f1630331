# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Values that Ansible would take for something that nobody has written."""

from __future__ import annotations

import datetime

import pytest
import yaml

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import ConfigurationError
from ansible_collections.jdcloud.jcr.plugins.module_utils._given import refuse_mistakable

OPTIONS = {
    "name": {"type": "str", "aliases": ["title"]},
    "untyped": {},
    "file": {"type": "path"},
    "key": {"type": "str", "no_log": True},
    "tags": {"type": "list", "elements": "str"},
    "anything": {"type": "list"},
    "hours": {"type": "int"},
    "seconds": {"type": "float", "aliases": ["patience"]},
    "sizes": {"type": "list", "elements": "int"},
    "secret": {"type": "int", "no_log": True},
    "force": {"type": "bool"},
    "parts": {"type": "list", "elements": "dict", "options": {"name": {"type": "str"}, "size": {"type": "float"}}},
    "one": {"type": "dict", "options": {"tags": {"type": "list", "elements": "str"}}},
    "free": {"type": "dict"},
}

REFUSED = [
    ("name: 1.10", "name is the number 1.1"),
    ("title: on", "title is the boolean true"),
    ("untyped: no", "untyped is the boolean false"),
    ("file: yes", "file is the boolean true"),
    ("key: 1.5", "key is a number"),
    ("key: on", "key is a boolean"),
    ("tags: 1.10", "tags is the number 1.1"),
    ("tags: [1.10]", "tags[0] is the number 1.1"),
    ("tags: [a, 7, on, 1.0]", "tags[2] is the boolean true, tags[3] is the number 1.0"),
    ("tags: [.nan, .inf]", "tags[0] is the number nan, tags[1] is the number inf"),
    ("parts: [{name: a}, {name: 2.10, size: 1.5}]", "parts[1].name is the number 2.1"),
    ("parts: {name: off}", "parts.name is the boolean false"),
    ("one: {tags: [1.20]}", "one.tags[0] is the number 1.2"),
]
TAKEN = [
    'name: "1.10"',
    "name: 7",
    "name: null",
    "name: 1.10.2",
    "tags: [7, '1.10', v1.10]",
    "tags: 1.10,on",
    "tags: [2024-11-28]",
    "anything: [1.5, on]",
    "{hours: 1.5, seconds: 1.5, force: on, sizes: [1, 2]}",
    "{hours: 1, seconds: null, sizes: null}",
    "{hours: 'on', seconds: 'true'}",
    "parts: [{size: 1.5}, text]",
    "free: {name: 1.5}",
    "unknown: 1.5",
]


def refusal(written):
    """Cause and cure."""
    with pytest.raises(ConfigurationError) as caught:
        refuse_mistakable(OPTIONS, yaml.safe_load(written))
    return caught.value.cause, caught.value.cure


@pytest.mark.parametrize(("written", "told"), REFUSED)
def test_what_is_no_text_any_more_is_named(written, told):
    cure = 'Put it in quotes, as in "1.10" or "on".'
    assert refusal(written) == (f"{told}: YAML dropped what was written", cure)


@pytest.mark.parametrize("written", TAKEN)
def test_what_reads_as_it_was_written_is_taken(written):
    refuse_mistakable(OPTIONS, yaml.safe_load(written))


NO_NUMBERS = [
    ("hours: true", "hours is the boolean true"),
    ("hours: no", "hours is the boolean false"),
    ("seconds: on", "seconds is the boolean true"),
    ("patience: on", "patience is the boolean true"),
    ("sizes: [1, true]", "sizes[1] is the boolean true"),
    ("sizes: true", "sizes is the boolean true"),
    ("secret: true", "secret is a boolean"),
    ("parts: [{size: 1}, {size: off}]", "parts[1].size is the boolean false"),
    ("{hours: true, seconds: false}", "hours is the boolean true, seconds is the boolean false"),
]


@pytest.mark.parametrize(("written", "told"), NO_NUMBERS)
def test_a_boolean_is_no_number(written, told):
    cure = "Give the number that is meant; Ansible would take true for 1, and false for 0."
    assert refusal(written) == (f"{told}: a number is wanted", cure)


def test_a_date_reads_as_it_was_written():
    """Why it is taken."""
    assert str(yaml.safe_load("2024-11-28")) == "2024-11-28"
    assert isinstance(yaml.safe_load("2024-11-28"), datetime.date)
