# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What has to be true of tasks about tokens: what is served is valid, what is ours is told from what is others'."""

from __future__ import annotations

import datetime
import typing as t

from tests.support.model import tokens
from tests.support.model.world import Run, Task, World


class TokenTrials:
    """Judges runs of jcr_token, and keeps the book of what they make ours."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._book = world.book
        self.in_file = ""  # the password of the token in the console's file

    # --- every run ---------------------------------------------------------------------------------------------------

    def assert_nothing_lost(self, task: Task, run: Run) -> None:
        """No valid token goes but by expiry, by others, or because the task is to release it."""
        for registry in run.after.valid:
            stages = [stage.valid.get(registry, {}) for stage in (run.before, *(run.amid or ()))]
            seen = {key: token for stage in stages for key, token in stage.items()}
            taken = set(stages[1]) - set(stages[2]) if run.amid else set()
            alive = {key for key, token in seen.items() if token.expires_at > self._world.clock.true}
            lost = alive - taken - set(run.after.valid[registry]) - self._releasable(task, registry, run, seen)
            assert not lost or task.deletes(registry), "a token was lost that the task does not name"
        if task.about_tokens and task.options.get("state") == "rotated" and not run.amid:
            self._assert_one_left(task.registry, run)

    def _assert_one_left(self, registry: str, run: Run) -> None:
        """However a rotation ends, there is a token where there was one."""
        if self._book.known(registry, run.before.valid):
            assert run.new_tokens(registry) or self._book.possible(registry, run.after.valid), "no token is left"

    def _releasable(self, task: Task, registry: str, run: Run, seen: tokens.Listing) -> set[str]:
        if not task.about_tokens or task.registry != registry or task.options.get("state", "present") == "present":
            return set()
        if task.options.get("all"):
            return set(seen)
        if task.options.get("token"):
            return {task.options["token"]}
        return set(self._book.possible(registry, run.before.valid))

    def doubt(self, task: Task, run: Run) -> None:
        """After faults, or with others in the middle, it is not certain what the cache knows.

        But a token that was issued is never lost, whatever became of the answer.
        """
        self._book.doubt(task.registry)
        self._book.ours[task.registry] |= run.new_tokens(task.registry)
        self._book.begun[task.registry] |= run.new_tokens(task.registry)
        self._book.unheard[task.registry] |= run.new_tokens(task.registry)

    def note(self, task: Task, run: Run) -> None:
        """What an untroubled run issued is ours, and the ledger that it tells of is true."""
        if not task.about_tokens or run.failed:
            return
        self._book.ours[task.registry] |= run.new_tokens(task.registry)
        if run.result["token"] is not None:
            count, now = run.result["token"]["issued_last_hour"], self._world.clock.true
            least, most = self._book.least(task.registry, now), self._book.most(task.registry, now)
            assert least <= count <= most, f"the ledger tells of {count} issues, there were {least} to {most}"

    # --- a run without faults ----------------------------------------------------------------------------------------

    def assert_done(self, task: Task, run: Run) -> None:
        """It did what its state asks for."""
        assert run.after.estate == run.before.estate
        state = task.options.get("state", "present")
        if not run.before.has_registry(task.registry):
            assert run.kind == (None if state == "absent" else "not_found"), run.result.get("msg")
            assert run.result["changed"] is False
            return
        if state == "absent":
            self._assert_released(task, run)
        elif task.options.get("source_xlsx"):
            self._assert_imported(task, run)
        elif state == "rotated":
            self._assert_rotated(task, run)
        else:
            self._assert_present(task, run)
        self.note(task, run)

    def _assert_present(self, task: Task, run: Run) -> None:
        known = self._book.known(task.registry, run.before.valid)
        possible = self._book.possible(task.registry, run.before.valid)
        least = _least_life(task)
        new = run.new_tokens(task.registry)
        if self._any_outlives(known, least):
            assert not run.failed, run.result.get("msg")
            assert not new, "a token was issued where there was one"
        elif run.failed:
            self._assert_used_up(task, run)
        elif not new:
            assert (possible and task.options.get("on_rate_limit") == "reuse") or self._any_outlives(possible, least)
        assert len(new) <= 1
        if not run.failed:
            self._assert_served(task, run, least)

    def _assert_rotated(self, task: Task, run: Run) -> None:
        known = set(self._book.known(task.registry, run.before.valid))
        maybe = set(self._book.possible(task.registry, run.before.valid)) - known
        new, after = run.new_tokens(task.registry), set(run.after.valid[task.registry])
        if run.failed:
            self._assert_used_up(task, run)
            assert known <= after
            return
        assert run.result["changed"] is True
        left = known & after
        begun = self._book.begun.pop(task.registry, set())
        assert len(new) == 1 or (not new and (maybe or len(left) == 1))
        unheard = self._book.unheard[task.registry]
        assert left - unheard <= (set() if new else begun), "an old token is still valid"
        self._book.ours[task.registry] = new | (left - unheard)
        self._book.maybe[task.registry] |= left & unheard  # in the cache if it is the new one, else forgotten
        self._assert_served(task, run, datetime.timedelta(0))
        if new:
            self._book.maybe[task.registry] = set()  # what is left of them was never in the cache

    def _assert_imported(self, task: Task, run: Run) -> None:
        listed = run.before.valid[task.registry].get(self.in_file)
        if listed is None or not self._any_outlives({self.in_file: listed}, _least_life(task)):
            assert run.kind == "file", run.result
            return
        assert not run.failed, run.result.get("msg")
        assert run.result["changed"] or self.in_file in self._book.possible(task.registry, run.before.valid)
        self._book.ours[task.registry].add(self.in_file)

    def _assert_released(self, task: Task, run: Run) -> None:
        assert not run.failed, run.result.get("msg")
        after = set(run.after.valid[task.registry])
        gone = set(run.before.valid[task.registry]) - after
        assert run.result["released"] == len(gone)
        assert run.result["changed"] is bool(gone)
        if task.options.get("all"):
            assert not after
        elif task.options.get("token"):
            assert task.options["token"] not in after
        else:
            unheard = self._book.unheard[task.registry]
            assert not set(self._book.known(task.registry, run.before.valid)) & after - unheard
            self._book.maybe[task.registry] &= unheard & after  # what else is left of them was never in the cache

    def is_used_up(self, task: Task) -> bool:
        """Whether our own issues alone are all that an hour has."""
        return self._book.least(task.registry, self._world.clock.true) >= tokens.LIMIT

    # --- parts of it -------------------------------------------------------------------------------------------------

    def _any_outlives(self, found: tokens.Listing, least: datetime.timedelta) -> bool:
        return any(token.expires_at - self._world.clock.true > least for token in found.values())

    def _assert_used_up(self, task: Task, run: Run) -> None:
        """Tokens are refused only where five may have been issued."""
        assert run.kind == "token_budget", run.result.get("msg")
        assert run.result["changed"] is False
        counted = self._book.most(task.registry, self._world.clock.true)
        assert counted >= tokens.LIMIT, f"refused after {counted} issues"

    def _assert_served(self, task: Task, run: Run, least: datetime.timedelta) -> None:
        """The token that is told of is a valid one of ours, and lives long enough."""
        told = tokens.moment(run.result["token"]["expires_at"])
        new = run.new_tokens(task.registry)
        possible = self._book.possible(task.registry, run.after.valid)
        ours = {**possible, **{key: run.after.valid[task.registry][key] for key in new}}
        assert told in {token.expires_at for token in ours.values()}
        assert task.options.get("on_rate_limit") == "reuse" or told - self._world.clock.true > least


def _least_life(task: Task) -> datetime.timedelta:
    minutes: t.Any = task.options.get("min_remaining", 30)
    return datetime.timedelta(minutes=minutes)
