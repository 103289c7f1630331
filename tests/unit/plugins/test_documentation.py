# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the documentation says of every module is what the code does."""

from __future__ import annotations

import importlib
import pathlib
import re

import pytest
import yaml

from ansible_collections.jdcloud.jcr.plugins.module_utils import _options

ROOT = pathlib.Path(__file__).resolve().parents[3]
MODULES = sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("jcr_*.py"))
INTERNAL = {"jcr_on_host"}
PARTS = {name.lower(): part for name, part in vars(_options).items() if isinstance(part, _options.ArgumentSpec)}


def documentation(name):
    module = importlib.import_module(f"ansible_collections.jdcloud.jcr.plugins.modules.{name}")
    return yaml.safe_load(module.DOCUMENTATION), module


def fragment(name):
    module = importlib.import_module(f"ansible_collections.jdcloud.jcr.plugins.doc_fragments.{name}")
    return yaml.safe_load(module.ModuleDocFragment.DOCUMENTATION)


def test_there_are_modules():
    assert {"jcr_registry", "jcr_repository", "jcr_token", "jcr_image", "jcr_login"} <= set(MODULES)


@pytest.mark.parametrize("part", sorted(PARTS))
def test_each_part_has_a_fragment_that_says_the_same(part):
    documented = fragment(part)["options"]
    assert documented.keys() == PARTS[part].options.keys()
    for name, option in PARTS[part].options.items():
        for key in ("type", "choices", "default", "elements", "aliases"):
            assert documented[name].get(key) == option.get(key), (name, key)


@pytest.mark.parametrize("name", MODULES)
def test_module_documents_each_option_once(name):
    doc, module = documentation(name)
    fragments = [entry.rpartition(".")[2] for entry in doc["extends_documentation_fragment"]]
    own = set(doc["options"])
    shared = set().union(*(fragment(entry).get("options", {}) for entry in fragments))
    assert not own & shared
    assert own | shared == set(module.SPEC.options)


@pytest.mark.parametrize("name", MODULES)
def test_options_of_some_states_are_told_as_such(name):
    """In notes such as "Only with O(state=present) go O(source) and O(archive)."."""
    doc, module = documentation(name)
    notes = [note for note in doc.get("notes", ()) if note.startswith("Only with O(state=")]
    told = {
        option: tuple(re.findall(r"O\(state=(\w+)\)", note))
        for note in notes
        for option in re.findall(r"O\((\w+)\)", note)
    }
    assert told == module.SPEC.of_states
    choices = module.SPEC.options.get("state", {}).get("choices", ())
    assert {state for states in told.values() for state in states} <= set(choices)


@pytest.mark.parametrize("name", sorted(set(MODULES) - INTERNAL))
def test_module_shows_how_to_use_it(name):
    doc, module = documentation(name)
    examples = yaml.safe_load(module.EXAMPLES)
    assert len(examples) >= 5
    for example in examples:
        assert example.pop("name")
        assert f"jdcloud.jcr.{name}" in example
    assert doc["seealso"]
    assert "jdcloud.jcr.attributes" in doc["extends_documentation_fragment"]
    assert not doc["short_description"].endswith(".")


@pytest.mark.parametrize("name", sorted(set(MODULES) - INTERNAL))
def test_examples_use_options_that_exist(name):
    _doc, module = documentation(name)
    known = set(module.SPEC.options)
    for example in yaml.safe_load(module.EXAMPLES):
        assert set(example[f"jdcloud.jcr.{name}"] or ()) <= known


@pytest.mark.parametrize("name", MODULES)
def test_returned_errors_are_documented(name):
    _doc, module = documentation(name)
    from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import JcrError

    documented = yaml.safe_load(module.RETURN)
    assert documented["error"]["sample"].keys() == JcrError("x").failure()["error"].keys()


def test_group_has_every_public_module():
    runtime = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text(encoding="utf-8"))
    assert set(runtime["action_groups"]["jcr"]) == set(MODULES) - INTERNAL


@pytest.mark.parametrize("name", sorted(set(MODULES) - INTERNAL))
def test_every_member_of_the_group_takes_every_shared_option(name):
    _doc, module = documentation(name)
    assert set(_options.CONNECTION.options) <= set(module.SPEC.options)
    assert (ROOT / "plugins" / "action" / f"{name}.py").is_file()
