# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs tasks on an emulator, and compares what they do and tell with the model."""

from __future__ import annotations

import base64
import collections
import dataclasses
import datetime
import functools
import json
import math
import pathlib
import random
import threading
import typing as t

import openpyxl
import pytest

from ansible_collections.jdcloud.jcr.plugins.module_utils import _session
from ansible_collections.jdcloud.jcr.plugins.module_utils._client import Client
from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Clock
from tests.emulator_tests.api import Api, password_of
from tests.emulator_tests.registry import RegistryClient
from tests.support.contents import push_index
from tests.support.emulator import RunningEmulator
from tests.support.leaks import Scanner
from tests.support.model import estate as model
from tests.support.model import tokens
from tests.support.tasks import Account, run_here, run_module

START = "2026-03-01T00:00:00Z"
ISSUE = "getAuthorizationToken"
_HOME = "shop"  # the registry that others push to
_NOBODYS = "0123456789abcdef"  # a password of no token
# What the service makes up, so that a prediction cannot know it.
_MADE_BY_SERVICE = {"created_at", "updated_at", "uri", "host", "hosts", "expires_at", "expires_in", "size_mb"}
_MADE_BY_SERVICE |= {"issued_last_hour", "next_slot_at"}
# After these a client cannot know whether its write was done.
_UNKNOWN_OUTCOMES = {"lost_answer", "cut", "reset", "status"}
_DEFECTS = {"error", "check_mode", "not_applied"}  # kinds of errors that no fault accounts for

Result = dict[str, t.Any]
Faults = t.Sequence[t.Mapping[str, t.Any]]


@dataclasses.dataclass(frozen=True)
class Task:
    """One task: a module and its options."""

    module: str
    options: t.Mapping[str, t.Any]

    @property
    def registry(self) -> str:
        return self.options.get("registry", "")

    @property
    def about_tokens(self) -> bool:
        return self.module == "jcr_token"

    @property
    def repeats(self) -> bool:
        """Whether every run changes something."""
        return self.options.get("state") == "rotated"


class EmulatorClock(Clock):
    """The time of the emulator, which stands still, seen by a machine whose clock is wrong by C(skew).

    A sleep moves it, by whole seconds.
    """

    def __init__(self, emulator: RunningEmulator, skew: datetime.timedelta) -> None:
        self._emulator = emulator
        self._skew = skew
        self._start = self.true = tokens.moment(emulator.clock(now=START, frozen=True))
        self._lock = threading.Lock()

    def now(self) -> datetime.datetime:
        return self.true + self._skew

    def monotonic(self) -> float:
        return (self.true - self._start).total_seconds()

    def sleep(self, seconds: float) -> None:
        self.advance(math.ceil(seconds))

    def advance(self, seconds: int) -> None:
        """Let time pass, here and at the emulator."""
        with self._lock:
            self.true = tokens.moment(self._emulator.clock(advance_seconds=seconds))


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """What the service and our machine hold."""

    estate: model.Estate
    valid: tokens.Valid
    files: t.Mapping[pathlib.Path, bytes]
    index: int  # of the latest request
    requests: t.Sequence[t.Mapping[str, t.Any]]


@dataclasses.dataclass(frozen=True)
class Run:
    """A run of a task: its result, and what there was before and afterwards."""

    result: Result
    before: Snapshot
    after: Snapshot

    @property
    def requests(self) -> t.Sequence[t.Mapping[str, t.Any]]:
        return self.after.requests

    @property
    def failed(self) -> bool:
        return bool(self.result.get("failed"))

    @property
    def kind(self) -> str | None:
        return self.result["error"]["kind"] if self.failed else None

    @property
    def writes(self) -> list[str]:
        return [entry["operation"] for entry in self.requests if entry["write"]]


class World:
    """An emulator with an account on it, and the book of what belongs to it. Close it in the end."""

    def __init__(
        self,
        emulator: RunningEmulator,
        directory: pathlib.Path,
        *,
        limits: model.Limits,
        tokens_per_hour: int,
        skew: datetime.timedelta,
        module_every: int | None,
    ) -> None:
        emulator.reset()
        emulator.settings(
            {
                "registry_quota": limits.registries,
                "repository_quota": limits.repositories,
                "taken_names": sorted(limits.taken),
                "tokens_per_hour": tokens_per_hour,
            }
        )
        self.emulator, self.limits, self.directory = emulator, limits, directory
        self.tokens_per_hour = tokens_per_hour
        self.clock = EmulatorClock(emulator, skew)
        self.account = Account(emulator, directory / "home")
        self.account.home.mkdir(parents=True)
        self.book = tokens.Book()
        self._module_every = module_every
        self._tasks = 0
        self._latest: Snapshot | None = None  # after the run before, if nothing has happened since
        self._last_request = 0
        self.counts: collections.Counter[str] = collections.Counter()
        self._patch = pytest.MonkeyPatch()
        self._patch.setattr(_session, "Clock", lambda: self.clock)
        self._patch.setattr(_session, "Client", functools.partial(Client, random=random.Random(0)))

    def close(self) -> None:
        """Let the plugins be as they were."""
        self._patch.undo()

    # --- tasks -------------------------------------------------------------------------------------------------------

    def do(self, task: Task, faults: Faults = ()) -> None:
        """Predict a task, run it, perhaps under faults and then without, and run it again; all has to fit the model."""
        if task.options.get("dest"):
            task = Task(task.module, {**task.options, "dest": str(self.account.home / task.options["dest"])})
        self._tasks += 1
        self._latest = None
        predicted = self._run(task, check=True)
        self._assert_nothing_done(predicted)
        if faults:
            self._assert_struck(task, self._run(task, faults=faults), self._expected(task, predicted.before))
        as_module = self._runs_as_module(task) and not faults
        done = self._run(task, as_module=as_module)
        self._assert_done(task, done)
        if not faults:
            self._assert_predicted(task, predicted, done)
        again = self._run(task, check=task.repeats)
        if task.repeats or (done.failed and not done.writes):
            assert again.kind in (done.kind, None if task.repeats else done.kind, "token_budget")
        elif not done.failed:
            self._assert_at_rest(done, again)
        if not task.repeats:
            self._note_tokens(task, again)

    def _run(self, task: Task, *, check: bool = False, faults: Faults = (), as_module: bool = False) -> Run:
        before = self._latest or self.snapshot()
        if faults:
            self.emulator.faults(list(faults))
        way = run_module if as_module else run_here
        result = way(self.account, task.module, dict(task.options), check=check)
        if faults:
            self.emulator.faults([])
        self._latest = after = self.snapshot(before.index)
        run = Run(result, before, after)
        self._assert_no_secret(task, run)
        self._assert_only_named_is_gone(task, run)
        self._note_issues(run)
        self._count(run, struck=bool(faults), check=check, as_module=as_module)
        assert run.kind not in _DEFECTS, result["msg"]
        return run

    def _runs_as_module(self, task: Task) -> bool:
        """A process of its own has the machine's clock: nothing in it may wait."""
        waits = task.options.get("on_rate_limit") == "wait"
        return bool(self._module_every) and self._tasks % self._module_every == 0 and not waits

    def _count(self, run: Run, *, struck: bool, check: bool, as_module: bool) -> None:
        self.counts["runs"] += 1
        self.counts["in check mode"] += check
        self.counts["as modules"] += as_module
        self.counts["changes"] += bool(run.result["changed"]) and not check
        self.counts["refused"] += run.failed and not struck
        self.counts["struck"] += any(entry["fault"] for entry in run.requests)
        self.counts["failed by faults"] += struck and run.failed

    def snapshot(self, since: int | None = None) -> Snapshot:
        """Everything, now, and the requests since that one."""
        state = self.emulator.state(secrets=True)
        files = {path: path.read_bytes() for path in self.account.home.rglob("*") if path.is_file()}
        requests = self.emulator.requests(self._last_request if since is None else since)
        self._last_request = requests[-1]["index"] if requests else self._last_request
        return Snapshot(model.observed(state), tokens.valid_tokens(state), files, self._last_request, requests)

    def _expected(self, task: Task, before: Snapshot) -> model.Expected:
        return model.expected(task.module, task.options, before.estate, self.limits)

    # --- what has to be true of every run ----------------------------------------------------------------------------

    def _assert_nothing_done(self, run: Run) -> None:
        assert run.writes == [], f"writes in check mode: {run.writes}"
        assert run.after.estate == run.before.estate
        assert run.after.valid == run.before.valid
        assert run.after.files == run.before.files, "a prediction changed files"

    def _assert_no_secret(self, task: Task, run: Run) -> None:
        text = json.dumps(run.result)
        secrets = {self.emulator.secret_key}
        for snapshot in (run.before, run.after):
            for listed in snapshot.valid.values():
                secrets |= {part for token in listed.values() for part in (token.password, token.authorization_token)}
        for secret in secrets:
            found = _scanner(secret).scan(text, task.module)
            assert not found, found

    def _assert_only_named_is_gone(self, task: Task, run: Run) -> None:
        """Nothing is lost: neither objects nor tokens, but what the task names; and never more than the cap."""
        gone = [path for path in run.before.estate if path not in run.after.estate]
        others = unnamed(task, run.before.estate)
        assert not [path for path in gone if path in others], "something was lost that the task does not name"
        if task.options.get("purge") or (task.module == "jcr_registry" and task.options.get("force")):
            counted = [path for path in gone if len(path) == 2 or (len(path) == 3 and task.module == "jcr_registry")]
            assert len(counted) <= task.options.get("max_delete", 10), f"beyond the cap: {counted}"
        for registry, before in run.before.valid.items():
            released = set(before) - set(run.after.valid.get(registry, before))
            expired = {key for key in released if before[key].expires_at <= self.clock.true}
            assert released - expired <= self._releasable(task, registry, run.before.valid), "a token was lost"

    def _releasable(self, task: Task, registry: str, valid: tokens.Valid) -> set[str]:
        """The tokens that a task may release."""
        if not task.about_tokens or task.registry != registry or task.options.get("state", "present") == "present":
            return set()
        if task.options.get("all"):
            return set(valid[registry])
        if task.options.get("token"):
            return {task.options["token"]}
        return set(self.book.possible(registry, valid))

    def _note_issues(self, run: Run) -> None:
        for entry in run.requests:
            if entry["operation"] == ISSUE:
                times = self.book.issued if entry["token_issued"] else self.book.tried
                if entry["token_issued"] or entry["fault"]:
                    times[entry["registry"]].append(tokens.moment(entry["at"]))
        self.book.assert_limit()

    # --- a run under faults ------------------------------------------------------------------------------------------

    def _assert_struck(self, task: Task, run: Run, expected: model.Expected) -> None:
        estate = run.after.estate
        assert model.is_between(estate, run.before.estate, expected.goal)
        if task.about_tokens:
            self._doubt_tokens(task, run)
            return
        if not run.failed:
            assert expected.refusal is None
            assert estate == expected.after
        changed = estate != run.before.estate
        lost = any(entry["write"] and entry["fault"] in _UNKNOWN_OUTCOMES for entry in run.requests)
        assert run.result["changed"] is changed or (changed and lost and run.failed), "changed is not true"

    def _doubt_tokens(self, task: Task, run: Run) -> None:
        self.book.doubt(task.registry)
        self.book.maybe[task.registry] |= self._new_tokens(task.registry, run)

    def _new_tokens(self, registry: str, run: Run) -> set[str]:
        return set(run.after.valid.get(registry, ())) - set(run.before.valid.get(registry, ()))

    # --- a run without faults ----------------------------------------------------------------------------------------

    def _assert_done(self, task: Task, run: Run) -> None:
        if task.about_tokens:
            self._assert_token(task, run)
            return
        expected = self._expected(task, run.before)
        assert run.kind == expected.refusal, run.result.get("msg")
        if expected.vague:
            assert model.is_between(run.after.estate, run.before.estate, expected.goal)
        else:
            assert run.after.estate == expected.after
        assert run.result["changed"] is (run.after.estate != run.before.estate)
        assert run.after.valid == {name: run.before.valid.get(name, {}) for name in run.after.valid}
        assert run.after.files == run.before.files
        self._assert_told(task, run)

    def _assert_told(self, task: Task, run: Run) -> None:
        """What an _info module tells is what there is."""
        found = model.looked_up(task.module, task.options, run.before.estate)
        if found is not None:
            assert told_paths(task.module, run.result) == found[: task.options.get("limit")]
            assert run.result["matched"] == len(found)
        if task.module == "jcr_token_info":
            valid = run.before.valid
            assert {entry["registry"]: entry["valid"] for entry in run.result["ledgers"]} == {
                path[0]: len(valid[path[0]])
                for path, value in run.before.estate.items()
                if len(path) == 1 and value[0] == model.HOME_REGION
            }

    def _assert_predicted(self, task: Task, predicted: Run, done: Run) -> None:
        if not task.about_tokens:
            expected = self._expected(task, predicted.before)
            assert predicted.kind == (expected.refusal if expected.foreseen else None), predicted.result.get("msg")
            if not predicted.failed:
                assert predicted.result["changed"] is (expected.goal != predicted.before.estate)
        if predicted.failed:
            # A token cannot be of a registry that is not there; the run says so first.
            assert done.kind == predicted.kind or (task.about_tokens and done.kind == "not_found")
        elif done.failed:
            assert predicted.result.get("warnings") or done.kind in ("already_exists", "quota_exceeded", "token_budget")
        else:
            assert_same(predicted.result, done.result)

    def _assert_at_rest(self, done: Run, again: Run) -> None:
        assert not again.failed, again.result.get("msg")
        assert again.result["changed"] is False
        assert again.writes == []
        assert again.after.estate == done.after.estate
        assert again.after.valid == done.after.valid
        assert again.after.files == done.after.files
        assert again.result.keys() - {"warnings"} == done.result.keys() - {"warnings"}

    # --- tokens ------------------------------------------------------------------------------------------------------

    def _assert_token(self, task: Task, run: Run) -> None:
        assert run.after.estate == run.before.estate
        state = task.options.get("state", "present")
        exists = run.before.estate.get((task.registry,), ("",))[0] == model.HOME_REGION
        if not exists:
            absent = state == "absent"
            assert run.kind == (None if absent else "not_found"), run.result.get("msg")
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
        self._note_tokens(task, run)

    def _note_tokens(self, task: Task, run: Run) -> None:
        """What an untroubled run issued is ours."""
        if task.about_tokens:
            self.book.ours[task.registry] |= self._new_tokens(task.registry, run)
        if task.about_tokens and not run.failed and run.result["token"] is not None:
            count = run.result["token"]["issued_last_hour"]
            least, most = (count_of(task.registry, self.clock.true) for count_of in (self.book.least, self.book.most))
            assert least <= count <= most, f"the ledger tells of {count} issues, there were {least} to {most}"

    def _assert_present(self, task: Task, run: Run) -> None:
        known = self.book.known(task.registry, run.before.valid)
        possible = self.book.possible(task.registry, run.before.valid)
        least_life = datetime.timedelta(minutes=task.options.get("min_remaining", 30))
        lives = self._lives(run.before, least_life)
        new = self._new_tokens(task.registry, run)
        if any(map(lives, known.values())):
            assert not run.failed, run.result.get("msg")
            assert not new
        elif run.failed:
            assert run.kind == "token_budget"
            self._assert_used_up(task.registry)
        elif not new:
            reused = known or possible if task.options.get("on_rate_limit") == "reuse" else {}
            assert reused or any(map(lives, possible.values()))
        assert len(new) <= 1
        if not run.failed:
            self._assert_served(task, run, least_life)

    def _lives(self, snapshot: Snapshot, least: datetime.timedelta) -> t.Callable[[tokens.Listed], bool]:
        now = self.clock.true
        return lambda token: token.expires_at - now > least

    def _assert_used_up(self, registry: str) -> None:
        """A refusal for want of a slot is right only where five may have been issued."""
        counted = self.book.most(registry, self.clock.true)
        assert counted >= min(tokens.LIMIT, self.tokens_per_hour), f"refused after {counted} issues"

    def _assert_served(self, task: Task, run: Run, least: datetime.timedelta) -> None:
        """The token that is told of is a valid one, and lives long enough."""
        told = tokens.moment(run.result["token"]["expires_at"])
        ours = {**self.book.possible(task.registry, run.after.valid)}
        ours.update({key: run.after.valid[task.registry][key] for key in self._new_tokens(task.registry, run)})
        assert told in {token.expires_at for token in ours.values()}
        reuses = task.options.get("on_rate_limit") == "reuse"
        assert reuses or told - self.clock.true > least

    def _assert_imported(self, task: Task, run: Run) -> None:
        password = self._planted
        listed = run.before.valid[task.registry].get(password)
        least = datetime.timedelta(minutes=task.options.get("min_remaining", 30))
        if listed is None or listed.expires_at - self.clock.true <= least:
            assert run.kind == "file", run.result
            return
        assert not run.failed, run.result.get("msg")
        assert run.result["changed"] or password in self.book.possible(task.registry, run.before.valid)
        self.book.ours[task.registry].add(password)

    _planted = ""

    def _assert_rotated(self, task: Task, run: Run) -> None:
        known = self.book.known(task.registry, run.before.valid)
        maybe = set(self.book.possible(task.registry, run.before.valid)) - set(known)
        new, after = self._new_tokens(task.registry, run), run.after.valid[task.registry]
        if run.failed:
            assert run.kind == "token_budget", run.result.get("msg")
            self._assert_used_up(task.registry)
            assert run.result["changed"] is False
            assert set(known) <= set(after)
            return
        assert run.result["changed"] is True
        assert len(new) == 1 or (not new and maybe)
        assert not set(known) & set(after), "an old token is still valid"
        self.book.ours[task.registry] = set(new)
        self._assert_served(task, run, datetime.timedelta(0))
        if new:
            self.book.maybe[task.registry] = set()  # what is left of them was never in the cache

    def _assert_released(self, task: Task, run: Run) -> None:
        assert not run.failed, run.result.get("msg")
        after = set(run.after.valid[task.registry])
        before = run.before.valid[task.registry]
        gone = set(before) - after
        assert run.result["released"] == len(gone)
        assert run.result["changed"] is bool(gone)
        if task.options.get("all"):
            assert not after
        elif task.options.get("token"):
            assert task.options["token"] not in after
        else:
            assert not set(self.book.known(task.registry, run.before.valid)) & after
            self.book.maybe[task.registry] = set()

    # --- others ------------------------------------------------------------------------------------------------------

    @functools.cached_property
    def _api(self) -> Api:
        return Api(self.emulator)

    def _call(self, method: str, path: str, body: t.Any = None) -> t.Any:
        """Somebody else calls the service; the result, None where it refuses."""
        answer = self._api.send(method, path, body, now=self.clock.true)
        return answer.json().get("result") if answer.status_code == 200 else None

    def others_create(self, registry: str, repository: str) -> None:
        """A repository, and its registry if there is none."""
        self._call("POST", "registries", {"registryName": registry})
        self._call("POST", f"registries/{registry}/repositories", {"repositoryName": repository})

    def others_delete(self, registry: str, repository: str) -> None:
        """A repository with all images."""
        self._call("DELETE", f"registries/{registry}/repositories/{repository}?force=true")

    def others_push(self, repository: str, tag: str, is_index: bool) -> None:
        """An image, or an index of untagged ones, if there is the repository and they can log in."""
        snapshot = self.snapshot()
        if (_HOME, repository) not in snapshot.estate:
            return
        password = next(iter(snapshot.valid[_HOME]), None) or self.others_issue(_HOME, 1)
        if password is None:
            return
        found = self._call("GET", f"registries/{_HOME}")
        client = RegistryClient(f"http://{found['registry']['registryUri']}", password)
        if is_index:
            push_index(client, repository, tag)
        else:
            client.push_image(repository, tag, f"{repository}:{tag}".encode())
        client.session.close()

    def others_untag(self, repository: str, tag: str) -> None:
        """One tag goes, and its image if it is the last one."""
        self._call("POST", f"registries/{_HOME}/repositories/{repository}:deleteImage", {"imageTag": tag})

    def others_issue(self, registry: str, hours: int) -> str | None:
        """A token; its password, None where there can be none."""
        issued = self._call("POST", f"registries/{registry}:{ISSUE}", {"expiredAfterHours": hours})
        if issued is None:
            return None
        self.book.foreign[registry].append(self.clock.true)
        return password_of(issued["authorizationToken"])

    def others_release(self, registry: str) -> None:
        """All tokens, ours as well."""
        self._call("POST", f"registries/{registry}:releaseAuthorizationToken", {"forceAll": True})

    def time_passes(self, seconds: int) -> None:
        """For everybody."""
        self.clock.advance(seconds)

    # --- tasks that need something of others -------------------------------------------------------------------------

    def take_over(self, registry: str, which: int) -> None:
        """A file of the console with a token of others; where there is none, with one that is not valid."""
        self._planted = self._foreign_password(registry, which)
        path = self.directory / "console.xlsx"
        workbook = openpyxl.Workbook()
        workbook.active.append(["Token", base64.b64encode(f"jdcloud:{self._planted}".encode()).decode()])
        workbook.save(path)
        self.do(Task("jcr_token", {"registry": registry, "source_xlsx": str(path)}))

    def release_one(self, registry: str, which: int) -> None:
        """A token of others, named by its password; where there is none, one that nobody has."""
        token = self._foreign_password(registry, which)
        self.do(Task("jcr_token", {"registry": registry, "state": "absent", "token": token}))

    def _foreign_password(self, registry: str, which: int) -> str:
        known = list(self.book.foreigners(registry, self.snapshot().valid))
        return known[which % len(known)] if known else _NOBODYS


@functools.lru_cache(4096)
def _scanner(secret: str) -> Scanner:
    return Scanner({"a secret": secret})


def told_paths(module: str, result: Result) -> list[model.Path]:
    """The paths of what an _info module told, in its order."""
    if module == "jcr_registry_info":
        return [(found["name"],) for found in result["registries"]]
    if module == "jcr_repository_info":
        return [(found["registry"], found["name"]) for found in result["repositories"]]
    return sorted((found["registry"], found["repository"], found["digest"]) for found in result["images"])


def unnamed(task: Task, before: model.Estate) -> model.Estate:
    """What a task must not take away, whatever happens."""
    options = task.options
    if task.module == "jcr_registry" and options.get("state") == "absent":
        doomed = [(options["name"],)]
    elif task.module == "jcr_repository" and options.get("state") == "absent":
        entries = [options] if "name" in options else options["repositories"]
        doomed = [(options["registry"], entry["name"]) for entry in entries]
    elif task.module == "jcr_repository":
        doomed = [(options["registry"], name) for name in model.purged(options, before)]
    else:
        doomed = []
    free = [path for path in doomed if options.get("force") or not model.below(before, *path)]
    in_region = [path for path in free if before.get(path[:1], ("",))[0] == model.HOME_REGION]
    return model.without(before, *in_region)


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
