# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Role provision with a whole estate: the plan says what the run does, and nothing protected goes."""

from __future__ import annotations

import textwrap
import typing as t
from pathlib import Path

import pytest

from tests.support.contents import fill
from tests.support.emulator import RunningEmulator
from tests.support.playbooks import Playbooks, Run, playbooks

NO_ENGINE = "unix:///nonexistent/docker.sock"
SHOP = ["shop/web", "shop/cart", "shop/search"]
Variables = dict[str, t.Any]


@pytest.fixture
def books(emulator: RunningEmulator, tmp_path: Path) -> Playbooks:
    return playbooks(tmp_path, emulator, NO_ENGINE)


def estate(*registries: Variables, **others: t.Any) -> Variables:
    return {"provision_registries": list(registries), **others}


def named(*names: str, **fields: t.Any) -> list[Variables]:
    return [{"name": name, **fields} for name in names]


def succeeded(run: Run) -> Run:
    assert run.code == 0, run.output
    return run


def sums(run: Run) -> list[str]:
    """The lines that the role ends with."""
    return run.of("jdcloud.jcr.provision : Sum up")[-1].result["msg"]


def writes(emulator: RunningEmulator, since: int = 0) -> list[str]:
    return [entry["operation"] for entry in emulator.requests(since) if entry["write"]]


def held(emulator: RunningEmulator) -> dict[str, list[str]]:
    """The registries that there are, with their repositories."""
    return {
        registry["name"]: sorted(repository["name"] for repository in registry["repositories"])
        for registry in emulator.state()["registries"]
    }


def planned_and_done(books: Playbooks, emulator: RunningEmulator, variables: Variables) -> tuple[Run, Run]:
    """A check run that writes nothing, the run that it foretells exactly, and a third one with nothing to do."""
    before = len(emulator.requests())
    plan = succeeded(books.run("provision", variables, "--check", "--diff"))
    assert writes(emulator, before) == []
    run = succeeded(books.run("provision", variables, "--diff"))
    assert plan.outline == run.outline
    assert plan.objects == run.objects
    assert sums(plan) == sums(run)
    before = len(emulator.requests())
    again = succeeded(books.run("provision", variables))
    assert again.changed == []
    assert writes(emulator, before) == []
    assert "created: 0, deleted: 0" in sums(again)[-1]
    return plan, run


def test_from_an_empty_account(books: Playbooks, emulator: RunningEmulator) -> None:
    """Two regions, one bulk task for each registry; also a purge where there is nothing yet."""
    variables = estate(
        {"name": "estate-north", "description": "All of it", "purge": True, "repositories": named(*SHOP)},
        {"name": "estate-east", "region": "cn-east-2", "repositories": named("tools")},
        {"name": "estate-bare"},
        {"name": "estate-gone", "state": "absent", "repositories": named("old")},
        provision_protected=["estate-north/base/*"],
    )
    plan, run = planned_and_done(books, emulator, variables)
    assert held(emulator) == {"estate-north": sorted(SHOP), "estate-east": ["tools"], "estate-bare": []}
    assert sums(plan) == [
        "+ registry estate-north in cn-north-1",
        "+ registry estate-east in cn-east-2",
        "+ registry estate-bare in cn-north-1",
        *(f"+ repository estate-north/{name} in cn-north-1" for name in SHOP),
        "+ repository estate-east/tools in cn-east-2",
        "created: 7, deleted: 0, drifted: 0, unchanged: 2",
    ]
    assert run.of("jdcloud.jcr.provision : Create repositories")[0].items == [True, True]
    assert len(plan.of("jdcloud.jcr.provision : Create repositories")) == 1


def test_all_that_can_become_of_it(books: Playbooks, emulator: RunningEmulator) -> None:
    """Created, deleted by name, purged, spared, drifted, untouched, and a registry that goes with all in it."""
    north = {"name": "estate-north", "repositories": named(*SHOP, "shop/old", "shop/full", "base/core", "stray")}
    north["repositories"][0] = {"name": "shop/web", "description": "Before"}
    fill(emulator, "estate-gone", {"lab/one": ["1.0"], "lab/two": ["1.0", "2.0"]})
    fill(emulator, "estate-north", {"shop/full": ["1.0"]})
    succeeded(books.run("provision", estate(north)))
    changed = {
        **north,
        "purge": True,
        "max_delete": 1,
        "repositories": [
            {"name": "shop/web", "description": "After"},
            *named("shop/cart", "shop/search", "shop/new"),
            {"name": "shop/old", "state": "absent"},
            {"name": "shop/full", "state": "absent", "force": True},
        ],
    }
    gone = {"name": "estate-gone", "state": "absent", "force": True, "repositories": named("lab/one")}
    _plan, run = planned_and_done(books, emulator, estate(changed, gone, provision_protected=["estate-north/base/*"]))
    assert held(emulator) == {"estate-north": ["base/core", "shop/cart", "shop/new", "shop/search", "shop/web"]}
    assert sums(run) == [
        "- repository estate-north/shop/old in cn-north-1",
        "- repository estate-north/shop/full in cn-north-1",
        "- registry estate-gone in cn-north-1, with 3 images",
        "- repository estate-gone/lab/one in cn-north-1",
        "- repository estate-gone/lab/two in cn-north-1",
        "- repository estate-north/stray in cn-north-1",
        "+ repository estate-north/shop/new in cn-north-1",
        "~ repository estate-north/shop/web in cn-north-1: description is 'Before', declared is 'After'",
        "created: 1, deleted: 6, drifted: 1, unchanged: 3",
    ]


@pytest.mark.parametrize(
    ("variables", "complaint"),
    [
        (
            {"provision_protected": ["estate-*"], "provision_state": "absent"},
            "registry 'estate-north' shall be deleted",
        ),
        ({"provision_protected": ["*/base"], "provision_state": "absent"}, "are protected ('estate-north/base')"),
        ({"provision_protected": "estate-east"}, "registry 'estate-east' shall be deleted, but is protected"),
        (
            estate({"name": "estate-new"}, {"name": "estate-north", "protected": True, "state": "absent"}),
            "protected: t",
        ),
        (estate({"name": "estate-new"}, {"name": "estate-new"}), "'estate-new' is declared more than once"),
        (estate({"name": "estate-new", "repositories": named("ab", "ab")}), "'ab' is declared 2 times"),
        (estate({"name": "estate-new"}, {"name": "estate-north", "purge": True}), "so that nothing would stay"),
        (estate({"name": "estate-new", "max_delete": -1}), "max_delete of registry 'estate-new' is -1 (Choose"),
    ],
)
def test_what_is_refused_before_anything_is_sent(
    books: Playbooks, emulator: RunningEmulator, variables: Variables, complaint: str
) -> None:
    """Also without a preflight, and in a check run."""
    usual = estate({"name": "estate-north", "repositories": named(*SHOP)}, {"name": "estate-east", "state": "absent"})
    for options in ([], ["--check"]):
        run = books.run("provision", {**usual, "provision_preflight": False, **variables}, *options)
        assert run.code != 0
        assert complaint in run.failure and run.failure.startswith("Nothing was changed, because ")
    assert emulator.requests() == []


def test_what_is_refused_for_several_reasons_is_a_list(books: Playbooks, emulator: RunningEmulator) -> None:
    declared = estate({"name": "estate-new", "max_delete": -1}, {"name": "estate-north", "purge": True})
    run = books.run("provision", {**declared, "provision_preflight": False})
    first, *others = run.failure.splitlines()
    assert first == "Nothing was changed, because 2 things are in the way:"
    assert [line[:2] for line in others] == ["- ", "- "] and "is -1 (Choose 0 or more)" in others[0]
    assert emulator.requests() == []


@pytest.mark.parametrize(
    ("name", "variables", "complaint"),
    [
        (
            "fetch",
            {"fetch_registry": "estate-north", "fetch_images": [{"repository": "shop/web", "tags": None}]},
            "tags",
        ),
        (
            "publish",
            {"publish_registry": "estate-north", "publish_images": [{"source": "a", "repository": "b", "tag": None}]},
            "tag",
        ),
    ],
)
def test_an_empty_variable_of_an_image_is_named(
    books: Playbooks, emulator: RunningEmulator, name: str, variables: Variables, complaint: str
) -> None:
    """What stands beside the item on the screen does not fail first, nor call the tag None."""
    run = books.run(name, variables, "--check")
    assert run.code != 0
    assert f"{complaint}: null is no value. Is a variable empty?" in run.failure
    assert "latest) =>" in run.output and "None" not in run.output
    assert emulator.requests() == []


def test_a_teardown_that_would_take_what_is_protected(books: Playbooks, emulator: RunningEmulator) -> None:
    declared = estate({"name": "estate-north", "repositories": named("lab/one")}, {"name": "estate-lab"})
    succeeded(books.run("provision", declared))
    succeeded(books.run("login", {"login_registries": ["estate-north"]}))
    login = books.docker_config.read_bytes()
    before = len(emulator.requests())
    refused = books.run("teardown", {**declared, "teardown_confirm": True, "provision_protected": ["estate-north"]})
    assert refused.code != 0
    assert "registry 'estate-north' shall be deleted, but is protected" in refused.failure
    assert emulator.requests(before) == []
    assert books.docker_config.read_bytes() == login, "nobody was logged out"


def test_a_cap_leaves_the_registry_as_it_is(books: Playbooks, emulator: RunningEmulator) -> None:
    """The preflight knows it before anything is written; without one the task does, and the sums tell what is left."""
    succeeded(books.run("provision", estate({"name": "estate-north", "repositories": named(*SHOP)})))
    purge = {"name": "estate-north", "purge": True, "max_delete": 1, "repositories": named("shop/web", "shop/new")}
    wanted = estate({"name": "estate-new"}, purge)
    before = len(emulator.requests())
    for options in ([], ["--check"]):
        run = books.run("provision", wanted, *options)
        assert run.code != 0
        assert "2 repositories would be purged, but max_delete is 1: 'shop/cart', 'shop/search'" in run.failure
    assert writes(emulator, before) == []
    for options in (["--check"], []):
        run = books.run("provision", {**wanted, "provision_preflight": False}, *options)
        assert "2 repositories would be deleted, max_delete is 1: 'shop/cart', 'shop/search'" in run.failure
        assert sums(run)[-1] == "created: 1, deleted: 0, drifted: 0, unchanged: 1, failed: 1, not tried: 2"
    assert held(emulator) == {"estate-new": [], "estate-north": sorted(SHOP)}


def test_a_registry_is_not_taken_apart_when_it_cannot_go(books: Playbooks, emulator: RunningEmulator) -> None:
    """It has one repository more than was declared, so that it stays; then those that were declared stay, too."""
    had = {"name": "estate-north", "repositories": named(*SHOP)}
    succeeded(books.run("provision", estate(had)))
    before = len(emulator.requests())
    for options in (["--check"], []):
        run = books.run("provision", estate({**had, "state": "absent", "repositories": named(*SHOP[1:])}), *options)
        assert "it cannot go with 1 repository in it that is not declared: 'shop/web'" in run.failure
    assert writes(emulator, before) == []
    planned_and_done(books, emulator, estate({**had, "state": "absent"}))
    assert held(emulator) == {}


def test_what_fails_is_summed_up(books: Playbooks, emulator: RunningEmulator) -> None:
    """Of two turns of the role in one play: the second one does not come to all tasks, and tells only of its own."""
    content = textwrap.dedent("""
        - hosts: all
          gather_facts: false
          tasks:
            - ansible.builtin.include_role: {name: jdcloud.jcr.provision}
              vars:
                provision_registries: [{name: estate-one, repositories: [{name: shop/web}]}]
            - ansible.builtin.include_role: {name: jdcloud.jcr.provision}
              vars:
                provision_registries:
                  - {name: estate-two, repositories: [{name: shop/web}, {name: shop/cart}]}
                  - {name: estate-three}
    """)
    refusal = {"status": {"http": 400, "status": "FAILED_PRECONDITION", "message": "not now"}}
    match = {"operation": "createRegistry", "nth": 2}
    emulator.faults([{"match": match, "times": 1, "action": refusal}])
    two_hosts = "[all]\none ansible_connection=local\ntwo ansible_connection=local\n"
    run = books.play(content, inventory=two_hosts)
    assert run.code != 0
    assert sums(run) == [
        "+ registry estate-three in cn-north-1",
        "! create registry 'estate-two' in cn-north-1: the service answered 400 FAILED_PRECONDITION: not now",
        "created: 1, deleted: 0, drifted: 0, unchanged: 0, failed: 1, not tried: 2",
    ]
    again = succeeded(books.play(content, inventory=two_hosts))
    assert sums(again)[-1] == "created: 3, deleted: 0, drifted: 0, unchanged: 1"
    assert held(emulator) == {"estate-one": ["shop/web"], "estate-three": [], "estate-two": ["shop/cart", "shop/web"]}


def test_purged_repositories_make_room(books: Playbooks, emulator: RunningEmulator) -> None:
    """In the preflight, in the plan, and in the run."""
    emulator.settings({"repository_quota": 3})
    succeeded(books.run("provision", estate({"name": "estate-north", "repositories": named(*SHOP)})))
    others = {"name": "estate-north", "purge": True, "repositories": named("shop/web", "shop/new", "shop/newer")}
    planned_and_done(books, emulator, estate(others))
    assert held(emulator) == {"estate-north": ["shop/new", "shop/newer", "shop/web"]}


def test_what_is_deleted_makes_room(books: Playbooks, emulator: RunningEmulator) -> None:
    """Registries and repositories that earlier tasks of the run delete, also in the plan."""
    emulator.settings({"registry_quota": 2, "repository_quota": 1})
    had = [{"name": "estate-old"}, {"name": "estate-north", "repositories": named("shop/old")}]
    succeeded(books.run("provision", estate(*had)))
    repositories = [*named("shop/old", state="absent"), *named("shop/new")]
    wanted = [
        {"name": "estate-old", "state": "absent"},
        {"name": "estate-new"},
        {"name": "estate-north", "repositories": repositories},
    ]
    planned_and_done(books, emulator, estate(*wanted))
    assert held(emulator) == {"estate-new": [], "estate-north": ["shop/new"]}


@pytest.mark.parametrize("option", ["--check", "--diff"])
def test_what_all_registries_need_is_added_up(books: Playbooks, emulator: RunningEmulator, option: str) -> None:
    """Each one for itself would have room; in each region for itself they are counted."""
    emulator.settings({"registry_quota": 2})
    succeeded(books.run("provision", estate({"name": "estate-old"})))
    before = len(emulator.requests())
    elsewhere = [{"name": name, "region": "cn-east-2"} for name in ("estate-east", "estate-west")]
    run = books.run("provision", estate({"name": "estate-one"}, {"name": "estate-two"}, *elsewhere), option)
    assert run.code != 0
    assert "registries in cn-north-1  1 of 2 are used, 2 more are needed" in run.failure
    assert "registries in cn-east-2" not in run.failure
    assert writes(emulator, before) == []
    succeeded(books.run("provision", estate({"name": "estate-one"}, *elsewhere), option))


def test_a_registry_that_moves_to_another_region(books: Playbooks, emulator: RunningEmulator) -> None:
    """Its name is unique among all regions: it is free once the old one is deleted."""
    old = {"name": "estate-north", "region": "cn-north-1"}
    succeeded(books.run("provision", estate(old)))
    moved = estate({**old, "state": "absent"}, {"name": "estate-north", "region": "cn-east-2"})
    planned_and_done(books, emulator, moved)
    assert [entry["region"] for entry in emulator.state()["registries"]] == ["cn-east-2"]


def test_the_preflight_alone_knows_what_is_protected(books: Playbooks, emulator: RunningEmulator) -> None:
    content = textwrap.dedent("""
        - hosts: localhost
          gather_facts: false
          tasks:
            - ansible.builtin.include_role:
                name: jdcloud.jcr.provision
                tasks_from: preflight
              vars:
                provision_registries: [{name: estate-north, state: absent}]
                provision_protected: [estate-north]
    """)
    run = books.play(content)
    assert run.code != 0
    assert "registry 'estate-north' shall be deleted, but is protected" in run.failure
    assert emulator.requests() == []
