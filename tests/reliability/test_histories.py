# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Histories of an account, made up by hypothesis: whatever happens, the collection does and tells what the model says.

A defect that is planted is found, so that the histories mean something.
"""

from __future__ import annotations

import os
import secrets
import typing as t

import pytest

from ansible_collections.jdcloud.jcr.plugins.module_utils import _purge
from ansible_collections.jdcloud.jcr.plugins.module_utils._ledger import Ledger
from ansible_collections.jdcloud.jcr.plugins.module_utils._presentregistry import PresentRegistry
from ansible_collections.jdcloud.jcr.plugins.module_utils._releasedtokens import ReleasedTokens
from ansible_collections.jdcloud.jcr.plugins.module_utils._resource_repository import RepositoryResource
from ansible_collections.jdcloud.jcr.plugins.module_utils._tokencache import TokenCache
from ansible_collections.jdcloud.jcr.plugins.module_utils._tokens import TokenBroker
from ansible_collections.jdcloud.jcr.plugins.module_utils._tokensession import TokenSession
from ansible_collections.jdcloud.jcr.plugins.module_utils._tokenstate import Request
from tests.support import figures
from tests.support.model.histories import Stage, play

STATES = 2000  # different ones
STEPS = 40  # of a history
HISTORIES = 25  # of a seed
MODULE_EVERY = 25  # one of so many tasks of a history is run as a module's process
SEED_VARIABLE = "JCR_MODEL_SEED"  # to play the same histories again
FIXED_SEED = 20260101
MANY_HISTORIES = 100  # so many that a defect is found long before


def test_histories(emulator, tmp_path) -> None:
    first = seed = int(os.environ.get(SEED_VARIABLE) or secrets.randbelow(10**6))
    stage = Stage(emulator, tmp_path, MODULE_EVERY)
    try:
        while len(stage.different) < STATES:
            play(stage, seed, histories=HISTORIES, steps=STEPS)
            seed += 1
    finally:
        counts = ", ".join(f"{stage.counts[name]} {name}" for name in sorted(stage.counts))
        figures.tell(
            f"{len(stage.different)} different states in {stage.states} steps of histories from seed {first} on "
            f"({SEED_VARIABLE}): {counts}"
        )
    assert stage.counts["as modules"] > 0


# --- planted defects -------------------------------------------------------------------------------------------------

Patch = pytest.MonkeyPatch


def a_write_in_check_mode(patch: Patch) -> None:
    def foresee(resource: RepositoryResource, plan: t.Any) -> None:
        resource.session.client._caller._read_only = False
        for change in plan.to_do("create")[:1]:
            resource._create(change)

    patch.setattr(RepositoryResource, "foresee", foresee)


def a_cap_off_by_one(patch: Patch) -> None:
    check_cap = _purge.check_cap
    patch.setattr(_purge, "check_cap", lambda what, names, cap: check_cap(what, names, cap + 1))


def a_purge_without_patterns(patch: Patch) -> None:
    undeclared = _purge.undeclared
    patch.setattr(_purge, "undeclared", lambda names, kept, _patterns, spared: undeclared(names, kept, None, spared))


def a_ledger_that_forgets(patch: Patch) -> None:
    patch.setattr(Ledger, "next_slot_at", None)


def a_ledger_written_too_late(patch: Patch) -> None:
    """Only with the token, not before it is asked for."""
    issue, write = TokenBroker._issue, TokenCache.write
    early: list[bool] = []

    def write_later(cache: TokenCache, state: t.Any) -> None:
        if not (early and early.pop()):
            write(cache, state)

    def issue_first(broker: TokenBroker, *arguments: t.Any) -> t.Any:
        early.append(True)
        return issue(broker, *arguments)

    patch.setattr(TokenCache, "write", write_later)
    patch.setattr(TokenBroker, "_issue", issue_first)


def a_second_run_that_issues_again(patch: Patch) -> None:
    patch.setattr(TokenBroker, "_outlives", lambda broker, token, least: False)
    patch.setattr(TokenSession, "usable_tokens", lambda session, registry: [])


def a_lost_token_that_is_not_found_again(patch: Patch) -> None:
    patch.setattr(Request, "may_have_made", lambda request, token, expires_at: False)


def a_rotation_that_releases_first(patch: Patch) -> None:
    renew = TokenSession.renewed_token

    def release_first(session: TokenSession, registry: str, replacing: t.Any) -> t.Any:
        for token in replacing:
            session.broker.release(registry, token)
        return renew(session, registry, replacing)

    patch.setattr(TokenSession, "renewed_token", release_first)


def a_diff_that_predicts_less(patch: Patch) -> None:
    def shown(resource: RepositoryResource) -> tuple[str, ...]:
        return ("registry",) if resource.host.check_mode else ("registry", "description")

    patch.setattr(RepositoryResource, "shown", property(shown))


def a_key_that_predictions_lack(patch: Patch) -> None:
    result = PresentRegistry.result

    def without_size(resource: PresentRegistry, plan: t.Any, after: t.Any) -> dict[str, t.Any]:
        told = result(resource, plan, after)
        if resource.host.check_mode:
            del told["registry"]["size_mb"]
        return told

    patch.setattr(PresentRegistry, "result", without_size)


def a_release_of_what_others_issued(patch: Patch) -> None:
    patch.setattr(ReleasedTokens, "_is_doomed", lambda resource, token, ours: True)


# What the histories have to say of each defect: it is found for what it is.
DEFECTS: list[tuple[t.Callable[[Patch], None], str]] = [
    (a_write_in_check_mode, "writes in check mode"),
    (a_cap_off_by_one, "beyond the cap|, and not delete_cap"),
    (a_purge_without_patterns, "not named, and gone"),
    (a_ledger_written_too_late, "a token was issued where there was one"),
    (a_ledger_that_forgets, "6 tokens of .* within|known, and not foreseen"),
    (a_second_run_that_issues_again, "a token was issued where there was one"),
    (a_lost_token_that_is_not_found_again, "a token was issued where there was one"),
    (a_rotation_that_releases_first, "no token is left"),
    (a_diff_that_predicts_less, "keys of result.diff"),
    (a_key_that_predictions_lack, "keys of result.registry differ"),
    (a_release_of_what_others_issued, "a token was lost that the task does not name"),
]


@pytest.mark.parametrize(("plant", "told"), DEFECTS, ids=lambda value: getattr(value, "__name__", "finding"))
def test_a_planted_defect_is_found(
    emulator, tmp_path, monkeypatch, plant: t.Callable[[Patch], None], told: str
) -> None:
    stage = Stage(emulator, tmp_path)
    plant(monkeypatch)
    with pytest.raises(AssertionError, match=told):
        play(stage, FIXED_SEED, histories=MANY_HISTORIES, steps=STEPS)
    figures.tell(f"{plant.__name__.replace('_', ' ')}: found after {stage.states} states")
