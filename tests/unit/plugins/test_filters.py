# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filters of role provision: the steps to an estate, what is refused, and the sums."""

from __future__ import annotations

import pathlib

import pytest
import yaml

from ansible_collections.jdcloud.jcr.plugins.filter.estate_result import LISTED, TASKS, FilterModule, estate_result
from ansible_collections.jdcloud.jcr.plugins.filter.estate_steps import estate_steps

ROOT = pathlib.Path(__file__).resolve().parents[3]
SHOP = {
    "name": "myshop",
    "description": "The shop",
    "repositories": [
        {"name": "shop/web", "description": "Front end"},
        {"name": "shop/old", "state": "absent", "force": True},
        {"name": "shop/older", "state": "absent"},
    ],
}
NO_PATTERNS = (" ", "MYSHOP", "myshop/Shop/*", "myshop:shop/web", "/", "/*")
EAST = {"name": "myshop-east", "region": "cn-east-2"}


def refusals(*registries, **options):
    return estate_steps(registries, **options)["refusals"]


def step(registry, task="create_repositories", **options):
    """The one step of this task for a registry, without its label."""
    steps = estate_steps([registry], **options)
    assert steps["refusals"] == []
    (found,) = steps[task]
    del found["label"]
    return found


def test_what_is_refused_as_one_text():
    bad, worse = {"name": "abcd", "max_delete": -1}, {"name": "abce", "max_delete": -1}
    assert estate_steps([SHOP])["refusal"] == ""
    told = "max_delete of registry 'abcd' is -1 (Choose 0 or more)"
    assert estate_steps([bad])["refusal"] == f"Nothing was changed, because {told}."
    assert estate_steps([bad, worse])["refusal"].splitlines() == [
        "Nothing was changed, because 2 things are in the way:",
        f"- {told}",
        f"- {told.replace('abcd', 'abce')}",
    ]


def test_true_is_no_number_of_deletions():
    refusal = estate_steps([{"name": "abcd", "max_delete": True}])["refusal"]
    told = "max_delete of registry 'abcd' is the boolean true: a number is wanted (Give the number that is meant"
    assert refusal.startswith(f"Nothing was changed, because {told}")


def test_an_empty_variable_is_not_the_name_none():
    """A pattern would match nothing, in silence."""
    nameless, shop = {"name": None}, {"name": "myshop", "repositories": [{"name": None}]}
    purged = {**SHOP, "purge": True, "purge_patterns": [None]}
    told = refusals(nameless, protected=[None]) + refusals(shop) + refusals(purged)
    assert [text.partition(" (")[0] for text in told] == [
        "'' in provision_protected can match no name",
        "registry name '' is empty",
        "repository name '' is empty",
        "purge_patterns of registry 'myshop' is empty, or has an empty pattern",
    ]


def test_an_estate():
    steps = estate_steps([SHOP, EAST])
    assert steps["refusals"] == []
    assert steps["delete_repositories"] == [
        {"registry": "myshop", "repositories": [{"name": "shop/older"}], "state": "absent", "force": False,
         "label": "myshop: 1 repository"},
        {"registry": "myshop", "repositories": [{"name": "shop/old"}], "state": "absent", "force": True,
         "label": "myshop: 1 repository with all images"},
    ]  # fmt: skip
    assert steps["delete_registries"] == []
    assert steps["create_registries"] == [
        {"name": "myshop", "description": "The shop", "label": "myshop"},
        {"name": "myshop-east", "region": "cn-east-2", "label": "myshop-east in cn-east-2"},
    ]
    assert steps["create_repositories"] == [
        {"registry": "myshop", "repositories": [{"name": "shop/web", "description": "Front end"}],
         "label": "myshop: 1 repository"},
    ]  # fmt: skip


def test_what_the_preflight_is_told():
    assert estate_steps([SHOP, EAST], state="absent")["preflight"] == [
        {
            "name": "myshop",
            "description": "The shop",
            "state": "absent",
            "force": False,
            "repositories": [
                {"name": "shop/web", "description": "Front end", "force": False},
                {"name": "shop/old", "state": "absent", "force": True},
                {"name": "shop/older", "state": "absent", "force": False},
            ],
        },
        {"name": "myshop-east", "region": "cn-east-2", "state": "absent", "force": False, "repositories": []},
    ]


def test_the_preflight_is_told_of_a_purge():
    entry = {**EAST, "purge": True, "purge_patterns": ["try/*"], "allow_empty": True, "max_delete": 3}
    purge = {"name": "myshop-east", "region": "cn-east-2", "state": "present", "repositories": [], "purge": True}
    told = {**purge, "purge_patterns": ["try/*"], "purge_exclude": ["base"], "force": False, "max_delete": 3}
    assert estate_steps([entry], protected=["*/base"])["preflight"] == [told]
    assert "purge" not in estate_steps([entry], state="absent")["preflight"][0]


def test_everything_goes():
    steps = estate_steps([SHOP, EAST], state="absent", force="yes")
    (repositories,) = steps["delete_repositories"]
    assert repositories["force"] is True
    assert [entry["name"] for entry in repositories["repositories"]] == ["shop/web", "shop/old", "shop/older"]
    assert [(entry["name"], entry["force"]) for entry in steps["delete_registries"]] == [
        ("myshop", False),
        ("myshop-east", False),
    ]
    assert steps["create_registries"] == steps["create_repositories"] == []


def test_a_registry_that_goes_by_force_takes_its_repositories_along():
    steps = estate_steps([{**SHOP, "state": "absent", "force": True, "max_delete": 30}])
    assert steps["delete_repositories"] == []
    assert steps["delete_registries"] == [
        {"name": "myshop", "force": True, "max_delete": 30, "label": "myshop, with all that is in it"}
    ]


def test_purge():
    purged = step({**SHOP, "purge": True, "purge_patterns": ["shop/*"], "max_delete": 3}, protected=["my*/base/*"])
    assert purged == {
        "registry": "myshop",
        "repositories": [{"name": "shop/web", "description": "Front end"}],
        "purge": True,
        "purge_patterns": ["shop/*"],
        "max_delete": 3,
        "force": False,
        # The first is protected; the others are deleted by a task of their own.
        "purge_exclude": ["base/*", "shop/old", "shop/older"],
    }
    assert step({**EAST, "purge": True, "allow_empty": True, "force": True}) == {
        "registry": "myshop-east",
        "region": "cn-east-2",
        "repositories": [],
        "purge": True,
        "allow_empty": True,
        "force": True,
    }


def test_values_as_a_playbook_may_write_them():
    entry = {"name": 2026, "purge": "yes", "description": None, "repositories": [{"name": 7, "force": "no"}]}
    assert step(entry, protected="2026/base,2026/core", force="true") == {
        "registry": "2026",
        "repositories": [{"name": "7"}],
        "purge": True,
        "force": True,
        "purge_exclude": ["base", "core"],
    }


@pytest.mark.parametrize(
    ("registry", "protected", "complaint"),
    [
        (
            {"state": "absent", "protected": True},
            [],
            "registry 'myshop' shall be deleted, but is protected (protected: t",
        ),
        ({"state": "absent"}, ["other", "my*"], "shall be deleted, but is protected ('my*' in provision_protected)"),
        ({"state": "absent", "force": True}, ["*/base"], "but repositories in it are protected ('myshop/base')"),
        (
            {"repositories": [{"name": "a/b", "state": "absent"}]},
            ["myshop"],
            "'a/b' of registry 'myshop' shall be delet",
        ),
        ({"repositories": [{"name": "a/b", "state": "absent"}]}, ["m*/a/*"], "is protected in provision_protected"),
        (
            {"purge": True, "repositories": [{"name": "a/b"}]},
            ["myshop"],
            "purge: true, which deletes repositories, but",
        ),
        *(({}, ["myshop", entry], f"'{entry}' in provision_protected can match no name") for entry in NO_PATTERNS),
    ],
)
def test_what_is_protected_is_refused(registry, protected, complaint):
    (refusal,) = refusals({"name": "myshop", **registry}, protected=protected)
    assert complaint in refusal


@pytest.mark.parametrize("protected", [["other", "other/*"], ["myshop/web"], ["my"], []])
def test_what_is_not_protected_may_go(protected):
    assert refusals(SHOP, protected=protected) == []


def test_what_stays_may_be_protected():
    assert refusals({**SHOP, "protected": True, "repositories": [{"name": "shop/web"}]}, EAST, protected=["*"]) == []
    assert len(refusals(SHOP, EAST, protected=["*"], state="absent")) == 2


@pytest.mark.parametrize(
    ("registries", "complaint"),
    [
        ([EAST, EAST], "registry 'myshop-east' is declared more than once in cn-east-2"),
        ([SHOP, {"name": "myshop"}], "registry 'myshop' is declared more than once, and not each time with its region"),
        ([SHOP, {**SHOP, "region": "cn-east-2"}], "registry 'myshop' is declared more than once, and not each time"),
        ([{"name": "abcd", "repositories": [{"name": "ab"}] * 3}], "'ab' is declared 3 times in registry 'abcd'"),
        ([{"name": "abcd", "purge": True}], "registry 'abcd' has purge: true and no repositories"),
        ([{"name": "abcd", "purge_patterns": ["a"]}], "has purge_patterns, but purge is not true"),
        ([{**SHOP, "purge": True, "purge_patterns": []}], "purge_patterns of registry 'myshop' is empty"),
        ([{**SHOP, "purge": True, "purge_patterns": [""]}], "purge_patterns of registry 'myshop' is empty"),
        (
            [EAST, {"name": "Shop"}],
            "registry name 'Shop' contains 'S' (The name of a registry has at most 32 characters",
        ),
        ([{"name": "abcd", "repositories": [{"name": "ab"}, {"name": "A/b"}]}], "Did you mean 'a/b'?)"),
        ([{"name": "abcd", "state": "absent", "repositories": [{"name": "a//b"}]}], "name 'a//b' has an empty stage"),
        ([{"name": "abcd", "description": "d" * 257}], "has 257 characters"),
        ([{"name": "abcd", "repositories": [{"name": "ab", "description": "d" * 257}]}], "has 257 characters"),
        ([{"name": "abcd", "max_delete": -1}], "max_delete of registry 'abcd' is -1 (Choose 0 or more)"),
        (
            [{"name": "abcd", "state": "absent", "force": True, "repositories": [{"name": "ab", "force": False}]}],
            "repository 'ab' says force: false",
        ),
    ],
)
def test_contradictions_are_refused(registries, complaint):
    (refusal,) = refusals(*registries)
    assert complaint in refusal


def test_one_name_in_two_regions_is_for_the_preflight_to_judge():
    assert refusals({"name": "abcd", "region": "cn-north-1"}, {"name": "abcd", "region": "cn-east-2"}) == []


def test_the_specification_of_the_role_knows_all_keys():
    """A key that the filter reads and the role refuses would be dead; one that it does not read would be in vain."""
    options = yaml.safe_load((ROOT / "roles/provision/meta/argument_specs.yml").read_text())["argument_specs"]["main"]
    known = options["options"]["provision_registries"]["options"]
    files = ("filter/estate_steps.py", "plugin_utils/_declaredregistry.py")
    source = "".join((ROOT / "plugins" / file).read_text() for file in files)
    assert [key for key in [*known, *known["repositories"]["options"]] if f'"{key}"' not in source] == []


# --- sums ------------------------------------------------------------------------------------------------------------


def summed(loops, **steps):
    """The sums of these loops, which came to their end but for C(steps)."""
    declared = {task: [result["item"] for result in loops.get(task, {}).get("results", [])] for task in TASKS}
    return estate_result(loops, {**declared, **steps})


def registry(name, *, changed=False, drift=None, region="cn-north-1"):
    told = {name: {"description": drift}} if drift else {}
    found = {"name": name, "region": region}
    return {"item": {"name": name}, "changed": changed, "registry": found, "region": region, "drift": told}


def deleted(name, *, changed=True, repositories=(), images=0, **more):
    gone = {"registries": [name] if changed else [], "repositories": list(repositories), "images": images}
    told = {"registry": None, "region": "cn-east-2", "deleted": gone}
    return {"item": {"name": name}, "changed": changed, **told, **more}


def repositories(registry, actions, *, drift=(), **item):
    entries = [
        {"registry": registry, "region": "cn-north-1", "name": name, "uri": f"h/{name}", "action": action}
        for name, action in actions.items()
    ]
    told = {name: {"description": {"present": "a", "wanted": None}} for name in drift}
    changed = set(actions.values()) != {"none"}
    return {"item": {"registry": registry, **item}, "changed": changed, "repositories": entries, "drift": told}


def failure(cause, act="manage", obj="it"):
    return {"failed": True, "msg": f"Cannot {act} {obj}: {cause}. Do this.", "error": fault(cause, act, obj)}


def fault(cause, act="create", obj="it"):
    return {"act": act, "object": obj, "message": cause, "cure": "Do this."}


def test_sums():
    result = summed(
        {
            "delete_repositories": {
                "results": [repositories("myshop", {"old": "delete", "older": "none"}, state="absent")]
            },
            "delete_registries": {
                "results": [deleted("gone", repositories=["a/b"], images=2), deleted("never", changed=False)]
            },
            "create_registries": {
                "results": [registry("myshop", drift={"present": "x", "wanted": "y"}), registry("new", changed=True)]
            },
            "create_repositories": {
                "results": [
                    repositories("myshop", {"same": "none", "other": "none", "more": "delete"}, drift=["other"]),
                    repositories("new", {"web": "create"}),
                ]
            },
        }
    )
    assert result["summary"] == {
        "created": 2, "deleted": 4, "drifted": 2, "unchanged": 3, "failed": 0, "not_tried": 0
    }  # fmt: skip
    assert [found["name"] for found in result["registries"]] == ["myshop", "new"]
    assert result["repositories"] == [
        {"registry": name, "region": "cn-north-1", "name": repository, "uri": f"h/{repository}"}
        for name, repository in [("myshop", "same"), ("myshop", "other"), ("new", "web")]
    ]
    assert result["lines"] == [
        "- repository myshop/old in cn-north-1",
        "- registry gone in cn-east-2, with 2 images",
        "- repository gone/a/b in cn-east-2",
        "- repository myshop/more in cn-north-1",
        "+ registry new in cn-north-1",
        "+ repository new/web in cn-north-1",
        "~ registry myshop in cn-north-1: description is 'x', declared is 'y'",
        "~ repository myshop/other in cn-north-1: description is 'a', declared is None",
        "created: 2, deleted: 4, drifted: 2, unchanged: 3",
    ]


def test_sums_of_what_failed():
    """Nothing that is declared is left out: what was done, what failed, and what was not tried because of that."""
    half = repositories(
        "myshop", {"web": "create", "cart": "create", "mail": "create", "same": "none", "old": "delete"}
    )
    del half["drift"]
    outcomes = ("done", "failed", "not_tried", "unchanged", "done")
    for entry, outcome in zip(half["repositories"], outcomes, strict=True):
        entry.update(outcome=outcome, error=fault("no money", obj="'cart'") if outcome == "failed" else None)
    refused = {**failure("2 repositories would be deleted", obj="all"), "item": {"repositories": [{}, {}, {}]}}
    lost = {"failed": True, "msg": "No such plugin", "item": {"name": "lost"}}
    result = summed(
        {
            "create_registries": {"results": [registry("myshop"), lost]},
            "create_repositories": {"results": [{**failure("no money"), **half}, refused]},
        },
    )
    assert result["summary"] == {
        "created": 1, "deleted": 1, "drifted": 0, "unchanged": 2, "failed": 3, "not_tried": 4
    }  # fmt: skip
    assert result["lines"] == [
        "- repository myshop/old in cn-north-1",
        "+ repository myshop/web in cn-north-1",
        "! No such plugin",
        "! create 'cart': no money",
        "! manage all: 2 repositories would be deleted",
        "created: 1, deleted: 1, drifted: 0, unchanged: 2, failed: 3, not tried: 4",
    ]
    assert result["repositories"] == [
        {"registry": "myshop", "region": "cn-north-1", "name": name, "uri": f"h/{name}"} for name in ("web", "same")
    ]


def test_sums_of_a_registry_that_went_half_way():
    """Its images are gone, and a repository; the next one could not be deleted, a third one and itself are left."""
    left = {"registries": ["gone"], "repositories": ["c"], "images": 0}
    half = deleted("gone", changed=True, repositories=["a"], images=7, not_tried=left)
    half["deleted"]["registries"] = []
    loops = {"delete_registries": {"results": [{**failure("it is busy", "delete", "'b'"), **half}]}}
    result = summed(loops, create_registries=[{"name": "a"}], create_repositories=[{"repositories": [{}, {}]}])
    assert result["lines"] == [
        "- repository gone/a in cn-east-2",
        "! delete 'b': it is busy",
        "created: 0, deleted: 1, drifted: 0, unchanged: 0, failed: 1, not tried: 5",
    ]


def test_nothing_at_all():
    nothing = {"created": 0, "deleted": 0, "drifted": 0, "unchanged": 0, "failed": 0, "not_tried": 0}
    result = summed({"delete_registries": {"results": []}, "create_registries": {"results": [], "skipped": True}})
    assert result == {
        "registries": [],
        "repositories": [],
        "summary": nothing,
        "lines": ["created: 0, deleted: 0, drifted: 0, unchanged: 0"],
    }


def test_more_than_people_read():
    actions = {f"part-{number}": "create" for number in range(LISTED + 7)}
    lines = summed({"create_repositories": {"results": [repositories("myshop", actions)]}})["lines"]
    assert len(lines) == LISTED + 2
    assert lines[-2:] == ["+ and 7 more", f"created: {LISTED + 7}, deleted: 0, drifted: 0, unchanged: 0"]


def test_ansible_finds_it():
    assert FilterModule().filters() == {"estate_result": estate_result}
