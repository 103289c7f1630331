# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Trials of tasks: predicted, run, struck by faults or disturbed by others, run again, and compared with the model."""

from __future__ import annotations

import base64
import functools
import json
import typing as t

import openpyxl

from tests.support.leaks import Scanner
from tests.support.model import estate as model
from tests.support.model import tokens
from tests.support.model.tokentrials import TokenTrials
from tests.support.model.world import ISSUE, Faults, Result, Run, Snapshot, Task, World

_MADE_BY_SERVICE = {"created_at", "updated_at", "uri", "host", "hosts", "expires_at", "expires_in", "size_mb"}
_MADE_BY_SERVICE |= {"issued_last_hour", "next_slot_at"}  # what a prediction cannot know
_UNHEARD = {"lost_answer", "cut", "reset", "status"}  # after these a write may have been done
_DEFECTS = {"error", "check_mode"}  # kinds of errors that nothing but a defect accounts for
_LATE = {"already_exists", "token_budget"}  # what the service alone knows
_NOBODYS = "0123456789abcdef"  # a password of no token


class Trials:
    """Tries tasks on a world. Every so many tasks one is run as a module's process."""

    def __init__(self, world: World, module_every: int | None) -> None:
        self.world = world
        self.token_trials = TokenTrials(world)
        self._module_every = module_every
        self._tasks = 0

    # --- the ways of trying a task -----------------------------------------------------------------------------------

    def do(self, task: Task, faults: Faults = ()) -> None:
        """Predict a task, run it, perhaps under faults and then without, and run it again; all has to fit the model."""
        task = self._begin(task)
        predicted = self._run(task, check=True)
        self._assert_nothing_done(predicted)
        if faults:
            self._assert_struck(task, self._run(task, faults=faults))
        done = self._run(task, as_module=not faults and self._is_for_module(task))
        self._assert_done(task, done)
        if not faults:
            self._assert_predicted(task, predicted, done)
        again = self._run(task, check=task.repeats)
        if task.repeats:
            assert again.kind in (None, done.kind, "token_budget"), again.result
        elif not done.failed:
            self._assert_at_rest(done, again)
            self.token_trials.note(task, again)
        elif not done.writes:
            assert again.kind == done.kind, again.result

    def do_disturbed(self, task: Task, deed: t.Callable[[], t.Any], at: int) -> None:
        """Run a task while others do something after call number C(at), and then undisturbed."""
        task = self._begin(task)
        run = self._run(task, amid=(deed, at))
        if task.about_tokens:
            self.token_trials.doubt(task, run)
        self.do(task)

    def take_over(self, registry: str, which: int) -> None:
        """Try a file of the console with a token of others; where there is none, with one that is not valid."""
        password = self._foreign_password(registry, which)
        path = self.world.directory / "console.xlsx"
        workbook = openpyxl.Workbook()
        workbook.active.append(["Token", base64.b64encode(f"jdcloud:{password}".encode()).decode()])
        workbook.save(path)
        self.token_trials.in_file = password
        self.do(Task("jcr_token", {"registry": registry, "source_xlsx": str(path)}))

    def release_one(self, registry: str, which: int) -> None:
        """Try to release a token of others, named by its password; where there is none, one that nobody has."""
        password = self._foreign_password(registry, which)
        self.do(Task("jcr_token", {"registry": registry, "state": "absent", "token": password}))

    def ask_often(self, registry: str) -> None:
        """Ask for more tokens than there are in an hour."""
        for _time in range(tokens.LIMIT + 1):
            self.do(Task("jcr_token", {"registry": registry, "state": "rotated"}))

    def _foreign_password(self, registry: str, which: int) -> str:
        known = list(self.world.book.foreigners(registry, self.world.snapshot().valid))
        return known[which % len(known)] if known else _NOBODYS

    def _begin(self, task: Task) -> Task:
        self._tasks += 1
        if not task.options.get("dest"):
            return task
        return Task(task.module, {**task.options, "dest": str(self.world.account.home / task.options["dest"])})

    def _is_for_module(self, task: Task) -> bool:
        """A process of its own has the machine's clock: nothing in it may wait, or tell the time."""
        tied_to_clock = task.waits or task.module == "jcr_preflight"
        return bool(self._module_every) and self._tasks % self._module_every == 0 and not tied_to_clock

    def _run(self, task: Task, **how: t.Any) -> Run:
        run = self.world.run(task, **how)
        assert run.kind not in _DEFECTS, run.result["msg"]
        assert run.kind != "not_applied" or run.amid, run.result["msg"]
        self._assert_no_secret(run)
        self._assert_nothing_lost(task, run)
        self._assert_issues(run)
        return run

    # --- what has to be true of every run ----------------------------------------------------------------------------

    def _assert_no_secret(self, run: Run) -> None:
        text = json.dumps(run.result)
        secrets = {self.world.emulator.secret_key}
        for snapshot in (run.before, run.after):
            for listed in snapshot.valid.values():
                secrets |= {part for token in listed.values() for part in (token.password, token.authorization_token)}
        for secret in secrets:
            assert not _scanner(secret).scan(text, "result")

    def _assert_nothing_lost(self, task: Task, run: Run) -> None:
        """Nothing goes but what the task names or others take away, and never more than the cap."""
        stages = [run.before, *(run.amid or ())]
        seen = {path for stage in stages for path in stage.estate}
        taken = set(run.amid[0].estate) - set(run.amid[1].estate) if run.amid else set()
        gone = {path for path in seen - taken if path not in run.after.estate}
        kept = [(stage.estate, unnamed(task, stage.estate)) for stage in stages]
        lost = {path for path in gone if all(path in keep for estate, keep in kept if path in estate)}
        assert not lost, f"not named, and gone: {lost}"
        if task.purges or task.cascades:
            counted = [path for path in gone if len(path) == 2 or (len(path) == 3 and task.cascades)]
            assert len(counted) <= task.options.get("max_delete", 10), f"beyond the cap: {counted}"
        if run.amid and run.amid[0].writes and (task.purges or task.cascades):
            late = set(run.amid[1].estate) - set(run.amid[0].estate) - set(run.before.estate)
            assert not {path for path in gone & late if task.cascades or len(path) == 2}, "it came later, and is gone"
        self.token_trials.assert_nothing_lost(task, run)

    def _assert_issues(self, run: Run) -> None:
        """At most 5 an hour; and the book is kept."""
        book = self.world.book
        for entry in run.requests:
            if entry["operation"] == ISSUE and (entry["token_issued"] or entry["fault"]):
                times = book.issued if entry["token_issued"] else book.tried
                times[entry["registry"]].append(tokens.moment(entry["at"]))
                if run.amid:  # time may have passed before the answer was noted
                    book.tried[entry["registry"]].append(self.world.clock.true)
        book.assert_limit()

    def _assert_nothing_done(self, run: Run) -> None:
        assert run.writes == [], f"writes in check mode: {run.writes}"
        assert_same_state(run.before, run.after)

    # --- a run under faults ------------------------------------------------------------------------------------------

    def _assert_struck(self, task: Task, run: Run) -> None:
        expected = self._expected(task, run.before)
        assert model.is_between(run.after.estate, run.before.estate, expected.goal)
        if task.about_tokens:
            self.token_trials.doubt(task, run)
            return
        if not run.failed:
            assert expected.refusal is None
            assert run.after.estate == expected.after
        changed = run.after.estate != run.before.estate
        unheard = any(entry["write"] and entry["fault"] in _UNHEARD for entry in run.requests)
        assert run.result["changed"] is changed or (changed and unheard and run.failed), "changed is not true"

    # --- a run without faults ----------------------------------------------------------------------------------------

    def _expected(self, task: Task, before: Snapshot) -> model.Expected:
        return model.expected(task.module, task.options, before.estate, self.world.limits)

    def _assert_done(self, task: Task, run: Run) -> None:
        if task.about_tokens:
            self.token_trials.assert_done(task, run)
            return
        expected = self._expected(task, run.before)
        assert run.kind == expected.refusal, _otherwise(run, expected.refusal)
        if expected.vague:
            assert model.is_between(run.after.estate, run.before.estate, expected.goal)
        else:
            assert run.after.estate == expected.after
        assert run.result["changed"] is (run.after.estate != run.before.estate)
        assert run.after.valid == {name: run.before.valid.get(name, {}) for name in run.after.valid}
        assert run.after.files == run.before.files
        _assert_told(task, run)

    def _assert_predicted(self, task: Task, predicted: Run, done: Run) -> None:
        if not task.about_tokens:
            expected = self._expected(task, predicted.before)
            refusal = expected.refusal if expected.foreseen else None
            assert predicted.kind == refusal, _otherwise(predicted, refusal)
            if not predicted.failed:
                assert predicted.result["changed"] is (expected.goal != predicted.before.estate)
        if predicted.failed:
            # A token cannot be of a registry that is not there; the run says so first.
            assert done.kind == predicted.kind or (task.about_tokens and done.kind == "not_found")
        elif done.failed:
            assert predicted.result.get("warnings") or done.kind in _LATE
            assert done.kind != "token_budget" or not self.token_trials.is_used_up(task), "known, and not foreseen"
        else:
            assert_same(predicted.result, done.result)

    def _assert_at_rest(self, done: Run, again: Run) -> None:
        assert not again.failed, again.result.get("msg")
        assert again.result["changed"] is False
        assert again.writes == []
        assert_same_state(done.after, again.after)
        assert again.result.keys() - {"warnings"} == done.result.keys() - {"warnings"}


def _otherwise(run: Run, kind: str | None) -> str:
    """How a run ended that should have failed as C(kind), or not at all."""
    return f"{run.kind}, and not {kind}: {run.result.get('msg')}"


@functools.lru_cache(4096)
def _scanner(secret: str) -> Scanner:
    return Scanner({"a secret": secret})


def _assert_told(task: Task, run: Run) -> None:
    """What an _info module tells is what there is."""
    found = model.looked_up(task.module, task.options, run.before.estate)
    if found is not None:
        assert _told_paths(task.module, run.result) == found[: task.options.get("limit")]
        assert run.result["matched"] == len(found)
    if task.module == "jcr_token_info":
        numbers = {name: len(valid) for name, valid in run.before.valid.items() if run.before.has_registry(name)}
        assert {entry["registry"]: entry["valid"] for entry in run.result["ledgers"]} == numbers


def _told_paths(module: str, result: Result) -> list[model.Path]:
    """The paths of what an _info module told, in its order; that of images has no meaning here."""
    if module == "jcr_registry_info":
        return [(found["name"],) for found in result["registries"]]
    if module == "jcr_repository_info":
        return [(found["registry"], found["name"]) for found in result["repositories"]]
    return sorted((found["registry"], found["repository"], found["digest"]) for found in result["images"])


def unnamed(task: Task, estate: model.Estate) -> model.Estate:
    """What a task must not take away, whatever happens."""
    options = task.options
    if task.module == "jcr_registry" and options.get("state") == "absent":
        doomed = [(options["name"],)]
    elif task.module == "jcr_repository" and options.get("state") == "absent":
        entries = [options] if "name" in options else options["repositories"]
        doomed = [(options["registry"], entry["name"]) for entry in entries]
    elif task.module == "jcr_repository":
        doomed = [(options["registry"], name) for name in model.purged(options, estate)]
    else:
        doomed = []
    region = options.get("region", model.HOME_REGION)
    free = [path for path in doomed if options.get("force") or not model.below(estate, *path)]
    return model.without(estate, *(path for path in free if estate.get(path[:1], ("",))[0] == region))


def assert_same_state(first: Snapshot, second: Snapshot) -> None:
    """Neither the service nor our files have changed."""
    assert second.estate == first.estate
    assert second.valid == first.valid
    assert second.files == first.files


def assert_same(predicted: t.Any, done: t.Any, where: str = "result") -> None:
    """A prediction and a result have the same form, and the same values but for what the service makes up."""
    if isinstance(done, dict) and isinstance(predicted, dict):
        assert predicted.keys() - {"warnings"} == done.keys() - {"warnings"}, f"keys of {where} differ"
        for key in done.keys() - {"warnings"} - _MADE_BY_SERVICE:
            assert_same(predicted[key], done[key], f"{where}.{key}")
    elif isinstance(done, list) and isinstance(predicted, list):
        assert len(predicted) == len(done), f"{where} differs in length"
        for number, pair in enumerate(zip(predicted, done, strict=True)):
            assert_same(*pair, f"{where}[{number}]")
    else:
        assert predicted == done, f"{where} was predicted as {predicted!r} and is {done!r}"
