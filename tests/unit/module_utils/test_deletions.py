# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a preflight says of what is to be deleted."""

from __future__ import annotations

import pytest

from ansible_collections.jdcloud.jcr.plugins.module_utils import _deletions
from ansible_collections.jdcloud.jcr.plugins.module_utils._estate import declared

THERE = {name: {"size_mb": size} for name, size in {"b/full": 2.5, "a/one": 0.0, "c/two": 0.0}.items()}


def registry(*repositories, **entry):
    entries = [{"name": given} if isinstance(given, str) else given for given in repositories]
    (found,) = declared([{"name": "myshop", "repositories": entries, **entry}], "cn-north-1", None)
    return found


def gone(name, **more):
    return {"name": name, "state": "absent", **more}


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        # By their names.
        (registry("a/one", gone("never")), []),
        (registry(gone("a/one"), gone("c/two")), [("ok", "2 repositories will be deleted")]),
        (registry(gone("b/full")), [("fail", "there are images in 'b/full', and force is not set")]),
        (registry(gone("b/full"), force=True), [("fail", "there are images in 'b/full', and force is not set")]),
        (registry(gone("b/full", force=True)), [("ok", "1 repository will be deleted")]),
        # By a purge; what is declared absent is not counted for its cap.
        (registry("b/full", purge=True), [("ok", "2 repositories will be deleted")]),
        (registry("b/full", gone("c/two"), purge=True, max_delete=1), [("ok", "2 repositories will be deleted")]),
        (registry("b/full", purge=True, purge_patterns=["x/*"]), []),
        (registry("a/one", purge=True, force=True), [("ok", "2 repositories will be deleted")]),
        (
            registry("a/one", purge=True, max_delete=1),
            [
                ("fail", "2 repositories would be purged, but max_delete is 1: 'b/full', 'c/two'"),
                ("fail", "there are images in 'b/full', and force is not set"),
            ],
        ),
        # With their registry, once what is declared has gone.
        (
            registry("a/one", gone("b/full", force=True), "c/two", state="absent"),
            [("ok", "3 repositories will be deleted")],
        ),
        (
            registry("a/one", {"name": "b/full", "force": True}, state="absent"),
            [("fail", "it cannot go with 1 repository in it that is not declared: 'c/two'")],
        ),
        (
            registry(state="absent", purge=True),
            [("fail", "it cannot go with 3 repositories in it that are not declared: 'a/one', 'b/full', 'c/two'")],
        ),
    ],
)
def test_what_can_go(wanted, told):
    rows = _deletions.rows("it", wanted, THERE)
    assert [(row.verdict, row.message) for row in rows] == told
    assert all((row.check, row.object) == ("deletes", "it") for row in rows)
    assert all(bool(row.cure) is (row.verdict == "fail") for row in rows)


@pytest.mark.parametrize(
    ("cap", "verdict", "told"),
    [
        (5, "ok", "goes with 3 repositories and 2 images in it"),
        (4, "fail", "goes with 3 repositories and 2 images in it, 5 in all, but max_delete is 4"),
    ],
)
def test_a_registry_with_all_that_is_in_it(cap, verdict, told):
    images = [{"repository": "b/full", "digest": f"sha256:{digit * 64}"} for digit in "12"]
    row = _deletions.cascade("it", registry(state="absent", force=True, max_delete=cap), THERE, images)
    assert (row.verdict, row.message) == (verdict, told)


def test_a_registry_with_nothing_in_it():
    row = _deletions.cascade("it", registry(state="absent", force=True, max_delete=0), {}, [])
    assert (row.verdict, row.message) == ("ok", "goes with nothing in it")
