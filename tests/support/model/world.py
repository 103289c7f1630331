# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An account on an emulator: tasks are run on it, others change it, and what it holds can be looked at."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import datetime
import functools
import itertools
import math
import pathlib
import random
import threading
import typing as t

import pytest

from ansible_collections.jdcloud.jcr.plugins.module_utils import _session
from ansible_collections.jdcloud.jcr.plugins.module_utils._call import Caller
from ansible_collections.jdcloud.jcr.plugins.module_utils._client import Client
from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Clock
from tests.emulator_tests.api import Api, password_of
from tests.emulator_tests.registry import RegistryClient
from tests.support.contents import push_index
from tests.support.emulator import RunningEmulator
from tests.support.model import tokens
from tests.support.model.estate import HOME_REGION, Estate, Limits, observed
from tests.support.tasks import Account, run_here, run_module

START = "2026-03-01T00:00:00Z"
_SECONDS_APART = 20
HOME = "shop"  # the registry that most happens to
ISSUE = "getAuthorizationToken"
_OURS = "ansible-jdcloud.jcr/"  # how the user agent of our requests begins

Result = dict[str, t.Any]
Requests = t.Sequence[t.Mapping[str, t.Any]]
Faults = t.Sequence[t.Mapping[str, t.Any]]


@dataclasses.dataclass(frozen=True)
class Task:
    """One task: a module and its options."""

    module: str
    options: t.Mapping[str, t.Any]

    @property
    def registry(self) -> str:
        return self.options.get("registry", "")

    def is_at(self, registry: str) -> bool:
        """Whether it is about this registry, or what is in it."""
        return registry in (self.registry, self.options.get("name") if self.module == "jcr_registry" else None)

    @property
    def about_tokens(self) -> bool:
        return self.module == "jcr_token"

    @property
    def cascades(self) -> bool:
        return self.module == "jcr_registry" and bool(self.options.get("force"))

    @property
    def purges(self) -> bool:
        return bool(self.options.get("purge"))

    def deletes(self, registry: str) -> bool:
        """Whether this registry is to go, with its tokens."""
        absent = self.options.get("state") == "absent"
        return self.module == "jcr_registry" and absent and self.options["name"] == registry

    @property
    def repeats(self) -> bool:
        """Whether every run changes something."""
        return self.options.get("state") == "rotated"

    @property
    def waits(self) -> bool:
        return self.options.get("on_rate_limit") == "wait"


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """What the service and our machine hold, and the requests that our tasks have sent since another one."""

    estate: Estate
    valid: tokens.Valid
    files: t.Mapping[pathlib.Path, bytes]
    index: int  # of the latest request
    requests: Requests

    @property
    def writes(self) -> list[str]:
        return [entry["operation"] for entry in self.requests if entry["write"]]

    def has_registry(self, name: str) -> bool:
        """Whether it is there, in the region of all tasks that do not name one."""
        return self.estate.get((name,), ("",))[0] == HOME_REGION


@dataclasses.dataclass(frozen=True)
class Run:
    """A run of a task: its result, what there was before and afterwards, and around what others did in the middle."""

    result: Result
    before: Snapshot
    after: Snapshot
    amid: tuple[Snapshot, Snapshot] | None = None

    @property
    def requests(self) -> Requests:
        return self.after.requests

    @property
    def writes(self) -> list[str]:
        return self.after.writes

    @property
    def failed(self) -> bool:
        return bool(self.result.get("failed"))

    @property
    def kind(self) -> str | None:
        """The kind of its error."""
        return self.result["error"]["kind"] if self.failed else None

    def new_tokens(self, registry: str) -> set[str]:
        """The passwords of tokens that were issued by the run and are valid."""
        old = set(self.before.valid.get(registry, ()))
        if self.amid:
            first, second = (set(snapshot.valid.get(registry, ())) for snapshot in self.amid)
            old |= second - first
        return set(self.after.valid.get(registry, ())) - old


class EmulatorClock(Clock):
    """The time of the emulator, which stands still, seen by a machine whose clock is wrong by C(skew).

    A sleep moves it, by whole seconds.
    """

    def __init__(self, emulator: RunningEmulator, skew: datetime.timedelta) -> None:
        self._emulator = emulator
        self.skew = skew
        self._start = self.true = tokens.moment(emulator.clock(now=START, frozen=True))
        self._lock = threading.Lock()

    def now(self) -> datetime.datetime:
        return self.true + self.skew

    def monotonic(self) -> float:
        return (self.true - self._start).total_seconds()

    def sleep(self, seconds: float) -> None:
        self.advance(math.ceil(seconds))

    def advance(self, seconds: int) -> None:
        """Let time pass, here and at the emulator."""
        with self._lock:
            self.true = tokens.moment(self._emulator.clock(advance_seconds=seconds))


class World:
    """The account, our machine with its token cache, and the others who have the same access key. Close it in the end.

    C(counts) tells what kinds of runs there were.
    """

    def __init__(
        self,
        emulator: RunningEmulator,
        directory: pathlib.Path,
        *,
        limits: Limits,
        tokens_per_hour: int,
        skew: datetime.timedelta,
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
        self.emulator, self.directory, self.limits = emulator, directory, limits
        self.tokens_per_hour = tokens_per_hour
        self.clock = EmulatorClock(emulator, skew)
        self.account = Account(emulator, directory / "home")
        self.account.home.mkdir(parents=True)
        self.book = tokens.Book()
        self.counts: collections.Counter[str] = collections.Counter()
        self._latest: Snapshot | None = None  # if nothing has happened since
        self._api = Api(emulator)
        self._patch = pytest.MonkeyPatch()
        self._patch.setattr(_session, "Clock", lambda: self.clock)
        self._patch.setattr(_session, "Client", functools.partial(Client, random=random.Random(0)))

    def close(self) -> None:
        """Let the plugins be as they were."""
        self._patch.undo()
        self._api.session.close()

    # --- we ----------------------------------------------------------------------------------------------------------

    def run(
        self,
        task: Task,
        *,
        check: bool = False,
        faults: Faults = (),
        as_module: bool = False,
        amid: tuple[t.Callable[[], t.Any], int] | None = None,
    ) -> Run:
        """Run a task, under faults or with a deed of others after so many calls of the API, and look at it."""
        before = self._latest or self.snapshot()
        if faults:
            self.emulator.faults(list(faults))
        way = run_module if as_module else run_here
        with self._amid(before, *(amid or (lambda: None, 0))) as around:
            result = way(self.account, task.module, dict(task.options), check=check)
        if faults:
            self.emulator.faults([])
        self._latest = self.snapshot(before.index)
        run = Run(result, before, self._latest, (around[0], around[1]) if around else None)
        self._count(run, check=check, struck=bool(faults), as_module=as_module)
        return run

    @contextlib.contextmanager
    def _amid(self, before: Snapshot, deed: t.Callable[[], t.Any], at: int) -> t.Iterator[list[Snapshot]]:
        """The snapshots around what others do after call number C(at) of the API; none if it does not come to it."""
        around: list[Snapshot] = []
        numbers, call = itertools.count(1), Caller.call

        def watched(caller: Caller, *arguments: t.Any, **options: t.Any) -> t.Any:
            try:
                return call(caller, *arguments, **options)
            finally:
                if next(numbers) == at:
                    around.append(self.snapshot(before.index))
                    deed()
                    around.append(self.snapshot(before.index))

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Caller, "call", watched)
            yield around

    def _count(self, run: Run, *, check: bool, struck: bool, as_module: bool) -> None:
        self.counts["runs"] += 1
        self.counts["in check mode"] += check
        self.counts["as modules"] += as_module
        self.counts["changes"] += bool(run.result["changed"]) and not check
        self.counts["refused"] += run.failed and not struck
        self.counts["struck"] += any(entry["fault"] for entry in run.requests)
        self.counts["failed by faults"] += struck and run.failed
        self.counts["with others in the middle"] += run.amid is not None

    def snapshot(self, since: int = 0) -> Snapshot:
        """Everything, now, and our requests since that one."""
        state = self.emulator.state(secrets=True)
        files = {path: path.read_bytes() for path in self.account.home.rglob("*") if path.is_file()}
        requests = self.emulator.requests(since)
        index = requests[-1]["index"] if requests else since
        ours = [entry for entry in requests if entry["user_agent"].startswith(_OURS)]
        return Snapshot(observed(state), tokens.valid_tokens(state), files, index, ours)

    def state(self) -> t.Hashable:
        """All that matters for what comes next. The hour and passwords, which are never the same again, do not."""
        snapshot, now = self._latest or self.snapshot(), self.clock.true
        lives = (
            (registry, token.expires_at - now, self.book.owner(registry, token.password))
            for registry, listed in snapshot.valid.items()
            for token in listed.values()
        )
        ages = (
            (registry, now - moment)
            for registry, moments in self.book.issued.items()
            for moment in moments
            if now - moment < tokens.HOUR
        )
        return (
            self.tokens_per_hour,
            self.clock.skew,
            frozenset(snapshot.estate.items()),
            *sorted(lives),
            *sorted(ages),
        )

    # --- others ------------------------------------------------------------------------------------------------------

    def happens(self, deed: str, *arguments: t.Any) -> None:
        """One of the deeds below."""
        self._latest = None
        getattr(self, deed)(*arguments)

    def _call(self, method: str, path: str, body: t.Any = None) -> t.Any:
        """The result of a call of the API; None where it refuses."""
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
        if (HOME, repository) not in snapshot.estate or not snapshot.has_registry(HOME):
            return
        password = next(iter(snapshot.valid[HOME]), None) or self.others_issue(HOME, 1)
        if password is None:
            return
        found = self._call("GET", f"registries/{HOME}")
        client = RegistryClient(f"http://{found['registry']['registryUri']}", password)
        if is_index:
            push_index(client, repository, tag)
        else:
            client.push_image(repository, tag, f"{repository}:{tag}".encode())
        client.session.close()

    def others_untag(self, repository: str, tag: str) -> None:
        """One tag goes, and its image if it is the last one."""
        self._call("POST", f"registries/{HOME}/repositories/{repository}:deleteImage", {"imageTag": tag})

    def others_issue(self, registry: str, hours: int) -> str | None:
        """A token; its password, None where there can be none.

        Not within the seconds in which it could be taken for one of ours whose answer was lost (docs/tokens.md).
        """
        self.time_passes(_SECONDS_APART)
        issued = self._call("POST", f"registries/{registry}:{ISSUE}", {"expiredAfterHours": hours})
        if issued is None:
            return None
        self.book.foreign[registry].append(self.clock.true)
        return password_of(issued["authorizationToken"])

    def others_release(self, registry: str) -> None:
        """All tokens, ours as well."""
        self._call("POST", f"registries/{registry}:releaseAuthorizationToken", {"forceAll": True})

    # --- time --------------------------------------------------------------------------------------------------------

    def time_passes(self, seconds: int) -> None:
        """For everybody."""
        self.clock.advance(seconds)

    def our_clock_is_set(self, skew: int) -> None:
        """So many seconds fast, or slow where that is less than 0."""
        self.clock.skew = datetime.timedelta(seconds=skew)
