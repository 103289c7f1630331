# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the collection says of itself agrees with what is in it."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from ansible_collections.jdcloud.jcr.plugins.module_utils._version import COLLECTION_VERSION

CHECKOUT = Path(__file__).resolve().parents[2]
# Ansible's certification wants one of these among the tags.
KINDS = {
    "ai",
    "application",
    "cloud",
    "database",
    "eda",
    "infrastructure",
    "linux",
    "monitoring",
    "networking",
    "security",
    "storage",
    "tools",
    "windows",
}


def read_yaml(name):
    return yaml.safe_load((CHECKOUT / name).read_text(encoding="utf-8"))


def test_the_version_is_one():
    assert read_yaml("galaxy.yml")["version"] == COLLECTION_VERSION
    assert COLLECTION_VERSION in read_yaml("changelogs/changelog.yaml")["releases"]


def test_the_oldest_ansible_that_is_promised_is_tested():
    (promised,) = re.findall(r">=(\d+\.\d+)\.0", read_yaml("meta/runtime.yml")["requires_ansible"])
    pinned = (CHECKOUT / "tests" / "requirements-oldest.txt").read_text(encoding="utf-8")
    assert re.findall(r"ansible-core==(\d+\.\d+)\.", pinned)[0] == promised


def test_the_tags_say_what_kind_of_collection_it_is():
    tags = read_yaml("galaxy.yml")["tags"]
    assert KINDS & set(tags)
    assert len(tags) <= 20


def test_no_other_collection_is_needed():
    assert read_yaml("galaxy.yml")["dependencies"] == {}


def test_every_member_of_the_action_group_is_a_module():
    modules = {path.stem for path in (CHECKOUT / "plugins" / "modules").glob("*.py")}
    members = read_yaml("meta/runtime.yml")["action_groups"]["jcr"]
    assert members == sorted(members)
    assert set(members) <= modules


def test_an_execution_environment_gets_lower_bounds_only():
    lines = (CHECKOUT / "meta" / "ee-requirements.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not re.fullmatch(r"[a-z]+>=[0-9.]+", line)] == []
