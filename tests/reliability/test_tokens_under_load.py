# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many processes at one token cache and one docker configuration, some of them killed in the middle of their work.

A process is killed at a chosen call of a function, not after some time, so that a slow machine sees the same kills.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime
import json
import multiprocessing
import os
import random
import signal
import sys
import typing as t
from pathlib import Path

import pytest

from ansible_collections.jdcloud.jcr.plugins.module_utils import _session
from ansible_collections.jdcloud.jcr.plugins.module_utils._client import Client
from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Clock, Deadline
from ansible_collections.jdcloud.jcr.plugins.module_utils._credentials import Account as ServiceAccount
from ansible_collections.jdcloud.jcr.plugins.module_utils._credentials import Credential
from ansible_collections.jdcloud.jcr.plugins.module_utils._dockerlogin import DockerConfig
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import TokenBudgetExceeded
from ansible_collections.jdcloud.jcr.plugins.module_utils._knowntokens import KnownTokens
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import Secret
from ansible_collections.jdcloud.jcr.plugins.module_utils._tokencache import TokenCache
from ansible_collections.jdcloud.jcr.plugins.module_utils._tokens import TokenBroker
from ansible_collections.jdcloud.jcr.plugins.module_utils._transport import Transport
from tests.support import figures
from tests.support.emulator import RunningEmulator
from tests.support.tasks import Account, run_here

ISSUE = "getAuthorizationToken"
NOW = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)
HALF_AN_HOUR = datetime.timedelta(minutes=30)
PROCESSES = 50
SINGLE_KILLS = 60  # each on a registry of its own
ROTATIONS = 40  # killed ones, each on a registry of its own
ROTATORS = 12
CHAINS, KILLS_IN_A_CHAIN = 5, 8  # one after the other on the same registry
LAST_CALLS = 300  # among these the new token is saved: every other process is killed there
SEED = 20260101
PATIENCE = 600.0  # seconds for a lock: a slow machine is no failure

fork = multiprocessing.get_context("fork")


# --- processes -------------------------------------------------------------------------------------------------------


def in_processes(work: t.Sequence[t.Callable[[], t.Any]]) -> list[t.Any]:
    """What each piece of work gives, all done at the same time, each in a process of its own."""
    start = fork.Barrier(len(work))

    def child(todo: t.Callable[[], t.Any], sender: t.Any) -> None:
        start.wait()
        sender.send(todo())

    children = []
    for todo in work:
        receiver, sender = fork.Pipe(duplex=False)
        process = fork.Process(target=child, args=(todo, sender))
        process.start()
        sender.close()  # so that a process that dies without an answer ends the waiting
        children.append((process, receiver))
    try:
        return [receiver.recv() for _process, receiver in children]
    finally:
        for process, _receiver in children:
            process.join()


def killed(work: t.Callable[[], t.Any], at_call: int) -> bool:
    """Do the work in a process that is killed when it calls a function for this time; whether it came to that."""

    def child() -> None:
        _on_each_call(lambda number: number == at_call and os.kill(os.getpid(), signal.SIGKILL))
        work()
        sys.setprofile(None)

    process = fork.Process(target=child)
    process.start()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL), process.exitcode
    return process.exitcode != 0


def calls_in(work: t.Callable[[], t.Any]) -> int:
    """How many functions, of Python's own as well, the work calls in a process of its own."""

    def count() -> int:
        last = [0]
        _on_each_call(lambda number: last.__setitem__(0, number))
        work()
        sys.setprofile(None)
        return last[0]

    return in_processes([count])[0]


def _on_each_call(act: t.Callable[[int], t.Any]) -> None:
    number = 0

    def profile(_frame: t.Any, event: str, _argument: t.Any) -> None:
        nonlocal number
        if event in ("call", "c_call"):
            number += 1
            act(number)

    sys.setprofile(profile)


# --- tokens ----------------------------------------------------------------------------------------------------------


class StandingClock(Clock):
    """Tells the hour at which the emulator's clock was stopped: which token is whose does not depend on the machine."""

    def now(self) -> datetime.datetime:
        return NOW


@dataclasses.dataclass
class Tokens:
    """Registries of the emulator, and brokers for them that share one cache."""

    emulator: RunningEmulator
    cache: Path

    def client(self) -> Client:
        clock = StandingClock()
        credential = Credential(self.emulator.access_key, Secret(self.emulator.secret_key), None, "the test")
        account = ServiceAccount(credential, self.emulator.region, self.emulator.endpoint)
        transport = Transport(account.endpoint, verify=True, timeout=PATIENCE, clock=clock)
        return Client(account, transport=transport, clock=clock, deadline=Deadline(clock, None))

    def broker(self) -> TokenBroker:
        return TokenBroker(KnownTokens(self.client(), str(self.cache)), clock=StandingClock(), lock_wait=PATIENCE)

    def ask(self, registry: str) -> str:
        """Get a token, as any task does; its source."""
        return self.broker().acquire(registry, hours=12, min_remaining=HALF_AN_HOUR).source

    def issued(self, registry: str) -> int:
        state = self.emulator.state()
        return next(len(one["tokens"]) for one in state["registries"] if one["name"] == registry)

    def saved(self, registry: str) -> int:
        """Tokens of a registry in our cache file."""
        return len(TokenCache(str(self.cache), self.client().account, registry).read()[0].tokens)

    def counted(self, registry: str) -> int:
        """Issues in our own ledger."""
        return self.broker().known.ledger(registry)["issued_last_hour"]

    def valid(self, registry: str) -> int:
        """How many tokens the service lists as valid."""
        return len(self.client().tokens(registry))

    def lost(self, registry: str) -> int:
        """How many valid tokens of a registry are not in the cache."""
        valid = {token["authorization_token"] for token in self.client().tokens(registry)}
        return len(valid - {token.authorization_token for token in self.broker().known.owned(registry)})

    def assert_intact(self) -> None:
        """No cache file is broken, and none had to be set aside."""
        for path in self.cache.glob("*.json"):
            assert json.loads(path.read_text()).keys() == {"format", "key", "tokens", "issues", "unanswered"}
        assert not list(self.cache.glob("*.corrupt*"))


@pytest.fixture
def tokens(emulator, tmp_path) -> Tokens:
    # It is the collection that has to hold the limit of 5 tokens an hour.
    emulator.settings({"tokens_per_hour": 1000, "registry_quota": 1000, "hostnames": "real"})
    emulator.clock(now=NOW.isoformat(), frozen=True)
    return Tokens(emulator, tmp_path / "cache")


def test_fifty_processes_issue_one_token(emulator, tmp_path) -> None:
    account = Account(emulator, tmp_path)
    assert not run_here(account, "jcr_registry", {"name": "myregistry"}).get("failed")
    results = in_processes([lambda: run_here(account, "jcr_token", {"registry": "myregistry"})] * PROCESSES)
    assert [result.get("msg") for result in results] == [None] * PROCESSES
    assert sum(result["changed"] for result in results) == 1
    assert len({result["token"]["expires_at"] for result in results}) == 1
    asked = sum(entry["operation"] == ISSUE for entry in emulator.requests())
    figures.tell(f"{PROCESSES} processes asking for one registry's token: {asked} issue")
    assert asked == 1


def test_killed_at_random_points(tokens: Tokens) -> None:
    """No token is lost, none is issued for one that is there already, and none that the ledger does not know.

    A request that was on its way when its process was killed can be done after the next process has looked (the limit
    that docs/tokens.md tells of): only then there are two.
    """
    chance = random.Random(SEED)
    client = tokens.client()
    client.create_registry("measured")
    most = calls_in(lambda: tokens.ask("measured"))
    kills, found, unsaved, doubled, lost, uncounted = 0, 0, 0, 0, 0, 0
    for number in range(SINGLE_KILLS):
        registry = f"registry-{number}"
        client.create_registry(registry)
        first = most - LAST_CALLS if number % 2 else 1
        kills += killed(lambda registry=registry: tokens.ask(registry), chance.randrange(first, most))
        issued, asked = tokens.issued(registry), tokens.counted(registry)
        assert issued <= asked <= 1
        lost += tokens.lost(registry)
        unsaved += issued and not tokens.saved(registry)
        found += issued
        is_new = tokens.ask(registry) == "api"
        counted, total = tokens.counted(registry), tokens.issued(registry)
        assert not (issued and is_new), "a token was issued for one that was there"
        assert counted == asked + is_new
        assert total == max(1, issued + is_new) or (asked, issued, total) == (1, 0, 2)
        doubled += total == 2
        uncounted += max(0, total - counted)
        lost += tokens.lost(registry)
        tokens.assert_intact()
    figures.tell(
        f"{kills} processes killed at one of {most} points while they got a token, no file broken: {lost} tokens lost, "
        f"{uncounted} uncounted, {doubled} doubled; {found} had issued one, {unsaved} of them not saved it"
    )
    assert (lost, uncounted) == (0, 0)
    assert kills >= 3 * SINGLE_KILLS // 4  # the number of calls differs a little from process to process
    assert found > unsaved > 0


def test_killed_again_and_again(tokens: Tokens) -> None:
    """Five tokens an hour are issued at most, however often the processes that ask for them are killed."""
    chance = random.Random(SEED)
    client = tokens.client()
    client.create_registry("measured")
    most = calls_in(lambda: tokens.ask("measured"))
    kills, issues = 0, []
    for number in range(CHAINS):
        registry = f"registry-{number}"
        client.create_registry(registry)
        for _kill in range(KILLS_IN_A_CHAIN):
            kills += killed(lambda registry=registry: _ask_if_there_are(tokens, registry), chance.randrange(most))
            assert tokens.lost(registry) == 0
            client.release_all_tokens(registry)  # so that the next process needs a new one
            assert tokens.issued(registry) <= tokens.counted(registry) <= 5
        tokens.assert_intact()
        issues.append(tokens.issued(registry))
    figures.tell(f"{kills} more kills, {KILLS_IN_A_CHAIN} in a row on each registry: {issues} tokens issued in an hour")
    assert kills > CHAINS * KILLS_IN_A_CHAIN // 2


# --- rotations -------------------------------------------------------------------------------------------------------


@pytest.fixture
def account(tokens: Tokens, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Account:
    """Who rotates the tokens; a rotation needs registries that answer."""
    monkeypatch.setattr(_session, "Clock", StandingClock)
    tokens.emulator.settings({"hostnames": "loopback"})
    return Account(tokens.emulator, tmp_path, {"JCR_TOKEN_CACHE": str(tokens.cache)})


def test_rotations_killed_at_random_points(tokens: Tokens, account: Account) -> None:
    """Whenever a rotation ends, a valid token is in the cache, and the next one leaves a single token of ours."""
    chance = random.Random(SEED)
    client = tokens.client()
    client.create_registry("measured")
    rotate(account, "measured")  # imports are no part of what is measured
    most = calls_in(lambda: rotate(account, "measured"))
    kills = resumed = without = lost = left = 0
    for number in range(ROTATIONS):
        registry = f"registry-{number}"
        client.create_registry(registry)
        tokens.ask(registry)
        kills += killed(lambda registry=registry: rotate(account, registry), chance.randrange(1, most))
        assert tokens.valid(registry) <= 2
        without += tokens.valid(registry) == 0 or tokens.ask(registry) != "cache"
        lost += tokens.lost(registry)
        assert tokens.issued(registry) <= tokens.counted(registry) <= 2
        tokens.assert_intact()
        result = rotate(account, registry)
        assert result["changed"]
        valid = [token["authorization_token"] for token in client.tokens(registry)]
        assert [token.authorization_token for token in tokens.broker().known.held(registry)] == valid
        left += len(valid) - 1
        without += not valid
        assert tokens.issued(registry) <= tokens.counted(registry) <= 3
        resumed += not result["token"]["issued"]
    figures.tell(
        f"{kills} rotations killed at one of {most} points: {without} registries without a valid token, {lost} "
        f"tokens lost, {left} old tokens left; {resumed} went on without another issue"
    )
    assert (without, lost, left) == (0, 0, 0)
    assert kills >= 3 * ROTATIONS // 4
    assert resumed > 0


def rotate(account: Account, registry: str) -> dict[str, t.Any]:
    result = run_here(account, "jcr_token", {"registry": registry, "state": "rotated"})
    assert not result.get("failed"), result["msg"]
    return result


def test_many_rotations_at_once(tokens: Tokens, account: Account) -> None:
    """They share issues; none is without a token, and what is left is in the cache."""
    client = tokens.client()
    client.create_registry("myregistry")
    tokens.ask("myregistry")
    results = in_processes(
        [lambda: run_here(account, "jcr_token", {"registry": "myregistry", "state": "rotated"})] * ROTATORS
    )
    # One that begins when another has ended replaces that one's token, perhaps before a third could prove it.
    failed = [result["error"]["kind"] for result in results if result.get("failed")]
    valid = {token["authorization_token"] for token in client.tokens("myregistry")}
    held = {token.authorization_token for token in tokens.broker().known.held("myregistry")}
    issued = tokens.issued("myregistry")
    figures.tell(
        f"{ROTATORS} rotations at once: {issued - 1} issued, {len(failed)} failed, {len(valid)} valid in the end"
    )
    assert held == valid
    assert len(valid) >= 1
    assert issued <= tokens.counted("myregistry") <= 5
    assert set(failed) <= {"token_budget", "authentication"}


def _ask_if_there_are(tokens: Tokens, registry: str) -> None:
    try:
        tokens.ask(registry)
    except TokenBudgetExceeded:
        return


# --- logins ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("writers", "logins"), [(8, 100), (50, 20)])
def test_parallel_login_writers(tmp_path, writers: int, logins: int) -> None:
    path = tmp_path / "docker" / "config.json"
    path.parent.mkdir(mode=0o700)
    path.write_text(json.dumps({"auths": {"example.com": {"auth": "bWU6bWluZQ=="}}, "detachKeys": "ctrl-e,e"}))

    def write(writer: int) -> int:
        config = DockerConfig(str(path), clock=Clock(), lock_wait=PATIENCE)
        return sum(
            config.write({f"r{writer}-{number}.example": ("jdcloud", Secret(f"password {writer} {number}"))})
            for number in range(logins)
        )

    written = in_processes([lambda writer=writer: write(writer) for writer in range(writers)])
    assert written == [logins] * writers
    content = json.loads(path.read_text())
    expected = {
        f"r{writer}-{number}.example": f"jdcloud:password {writer} {number}"
        for writer in range(writers)
        for number in range(logins)
    }
    found = {host: base64.b64decode(entry["auth"]).decode() for host, entry in content.pop("auths").items()}
    assert found.pop("example.com") == "me:mine"
    assert found == expected
    assert content == {"detachKeys": "ctrl-e,e"}
    figures.tell(f"{writers} processes writing {logins} logins each into one file: {len(found)} there, 0 lost")
