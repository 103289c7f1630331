# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the README says is there, is there; and what is there, the README says."""

from __future__ import annotations

import importlib
import re
import shlex
from pathlib import Path

import pytest
import yaml

CHECKOUT = Path(__file__).resolve().parents[2]
README = (CHECKOUT / "README.md").read_text(encoding="utf-8")
MODULES = {path.stem for path in (CHECKOUT / "plugins" / "modules").glob("*.py")}
ROLES = {path.name for path in (CHECKOUT / "roles").iterdir()}
PLAYBOOKS = {path.stem for path in (CHECKOUT / "playbooks").glob("*.yml")}
# Those of Ansible's certification, in its order; the reader's other ones may stand between them.
HEADINGS = [
    "Description",
    "Requirements",
    "Installation",
    "Use cases",
    "Testing",
    "Contributing",
    "Support",
    "Release notes",
    "License",
]
OF_A_PLAY = {"name", "hosts", "gather_facts", "module_defaults", "roles", "tasks"}


def read_yaml(name):
    return yaml.safe_load((CHECKOUT / name).read_text(encoding="utf-8"))


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def section(heading):
    return re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", README, re.MULTILINE | re.DOTALL)[1]


def in_table(heading):
    """The names in the first column of a section's table, without the collection's."""
    return set(re.findall(r"^\| `jdcloud\.jcr\.(\w+)` \|", section(heading), re.MULTILINE))


def plays():
    """The plays of all YAML blocks but the one that is a requirements.yml."""
    contents = [yaml.safe_load(block) for block in blocks("yaml")]
    return [play for content in contents if isinstance(content, list) for play in content]


def options_of(module):
    return importlib.import_module(f"ansible_collections.jdcloud.jcr.plugins.modules.{module}").SPEC.options


def ad_hoc_commands():
    return [line for block in blocks("sh") for line in block.splitlines() if line.startswith("ansible localhost")]


def test_headings_are_those_that_ansible_wants():
    found = re.findall(r"^## (.*)$", README, re.MULTILINE)
    assert [heading for heading in found if heading in HEADINGS] == HEADINGS


def test_every_module_is_in_the_table():
    assert in_table("Modules") == MODULES


def test_every_role_is_in_the_table_and_every_playbook_is_named():
    assert in_table("Roles and playbooks") == ROLES
    assert set(re.findall(r"`jdcloud\.jcr\.(\w+)`", section("Roles and playbooks"))) == PLAYBOOKS


def test_links_are_whole_addresses_and_lead_somewhere():
    targets = re.findall(r"\]\(([^)]*)\)", README)
    assert [target for target in targets if not target.startswith("https://")] == []
    inside = f"{read_yaml('galaxy.yml')['repository']}/blob/main/"
    paths = [target.removeprefix(inside) for target in targets if target.startswith(inside)]
    assert len(paths) > 5
    for path in paths:
        name, _sign, anchor = path.partition("#")
        text = (CHECKOUT / name).read_text(encoding="utf-8")
        headings = [heading.lower().replace(" ", "-") for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)]
        assert not anchor or anchor in headings


def test_addresses_of_the_repository_are_one():
    repository = read_yaml("galaxy.yml")["repository"]
    addresses = re.findall(r"https://github\.com/[\w-]+/[\w-]+", README)
    assert set(addresses) == {repository}


def test_versions_are_those_of_the_metadata():
    assert set(re.findall(r"[=>]=(\d[\d.]*\d)", README)) == {read_yaml("galaxy.yml")["version"]}
    needed = (CHECKOUT / "meta" / "ee-requirements.txt").read_text(encoding="utf-8").splitlines()
    assert {tuple(line.split(">=")) for line in needed} == set(
        re.findall(r"`(\w+)` ([\d.]+) or newer", section("Requirements"))
    )


def test_ansible_is_neither_required_nor_installed():
    assert not re.search(r"pip install ansible|ansible-core", README)


@pytest.mark.parametrize("play", plays(), ids=lambda play: play["name"])
def test_plays_use_what_there_is(play):
    assert set(play) <= OF_A_PLAY
    assert play.get("tasks") or play.get("roles")
    for task in play.get("tasks", []):
        (module,) = set(task) - {"name"}
        assert set(task[module]) <= set(options_of(module.removeprefix("jdcloud.jcr.")))
    for role in play.get("roles", []):
        name = role["role"].removeprefix("jdcloud.jcr.")
        specification = read_yaml(f"roles/{name}/meta/argument_specs.yml")["argument_specs"]["main"]["options"]
        assert set(role) - {"role"} <= set(specification)
        required = {option for option, about in specification.items() if about.get("required")}
        assert required <= set(role)
    for group, defaults in play.get("module_defaults", {}).items():
        assert group == "group/jdcloud.jcr.jcr"
        members = read_yaml("meta/runtime.yml")["action_groups"]["jcr"]
        assert all(set(defaults) <= set(options_of(member)) for member in members)


@pytest.mark.parametrize("command", ad_hoc_commands())
def test_ad_hoc_commands_use_what_there_is(command):
    words = shlex.split(command)
    assert words[2] == "-m" and words[4] == "-a"
    options = options_of(words[3].removeprefix("jdcloud.jcr."))
    given = [word.partition("=")[0] for word in shlex.split(words[5])]
    assert given and set(given) <= set(options)


def test_there_are_ad_hoc_commands_and_a_playbook_of_twenty_lines():
    assert len(ad_hoc_commands()) >= 3
    assert len(blocks("yaml")[0].splitlines()) <= 20


def test_make_targets_exist():
    makefile = (CHECKOUT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", README, re.MULTILINE))
    assert {"demo", "test"} <= named <= targets


def test_programs_of_a_clone_exist():
    programs = re.findall(r"python -m ([\w.]+)", README)
    assert programs
    for program in programs:
        assert (CHECKOUT / program.replace(".", "/") / "__main__.py").is_file()


def test_environment_variables_are_read():
    code = "".join(path.read_text(encoding="utf-8") for path in (CHECKOUT / "plugins").rglob("*.py"))
    named = set(re.findall(r"`((?:JDCLOUD|JCR)_[A-Z_]+)`", README))
    assert {"JDCLOUD_ACCESS_KEY", "JDCLOUD_SECRET_KEY", "JDCLOUD_REGION"} <= named
    assert [name for name in named if name not in code] == []
