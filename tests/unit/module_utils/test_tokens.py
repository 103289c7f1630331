# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The token broker against a small service in memory: five an hour, lost answers, foreign tokens, broken caches."""

from __future__ import annotations

import base64
import contextlib
import datetime
import json
import os
import pathlib
import stat
import types

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ansible_collections.jdcloud.jcr.plugins.module_utils import _filewriting
from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Deadline
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import (
    CheckModeViolation,
    FileError,
    Forbidden,
    NotFound,
    ProtocolError,
    QuotaExceeded,
    RateLimited,
    ServerError,
    TokenBudgetExceeded,
    UnknownOutcome,
    Unreachable,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._filelock import locked
from ansible_collections.jdcloud.jcr.plugins.module_utils._knowntokens import KnownTokens
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import Secret
from ansible_collections.jdcloud.jcr.plugins.module_utils._tokencache import cache_dir
from ansible_collections.jdcloud.jcr.plugins.module_utils._tokens import LOCK_WAIT, TokenBroker
from tests.support.fake_clock import START, FakeClock

REGISTRY = "myregistry"
HOUR = datetime.timedelta(hours=1)
MINUTE = datetime.timedelta(minutes=1)
BLUR = 2  # seconds by which an issue of ours counts longer than an hour
SLOT = HOUR + datetime.timedelta(seconds=BLUR)  # from an issue of ours to the slot that it leaves


class Killed(BaseException):
    """The process ends here, without a chance to do anything more."""


class Service:
    """The service's side: tokens of one registry, at most five in any rolling hour."""

    def __init__(self, clock):
        self.clock = clock
        self.skew = datetime.timedelta(0)
        self.tokens = {}
        self.issued_at = []
        self.serial = 0

    def now(self):
        return self.clock.now() + self.skew

    def valid(self):
        return {token: expiry for token, expiry in self.tokens.items() if expiry > self.now()}

    def issue(self, hours):
        if sum(self.now() - issue < HOUR for issue in self.issued_at) >= 5:
            raise QuotaExceeded("five tokens an hour", status="QUOTA_EXCEEDED")
        self.serial += 1
        token = base64.b64encode(f"jdcloud:{self.serial:016d}".encode()).decode()
        self.tokens[token] = self.now() + hours * HOUR
        self.issued_at.append(self.now())
        return token


class MemoryClient:
    """Keeps the contract of _client.Client as far as the broker needs it. before and after hold faults of issuing."""

    def __init__(self, service, *, access_key="AK", region="cn-north-1", endpoint="https://api.example", seconds=None):
        self.service = service
        credential = types.SimpleNamespace(access_key=access_key)
        self.account = types.SimpleNamespace(credential=credential, region=region, endpoint=endpoint)
        self.region = region
        self.read_only = False
        self.deadline = Deadline(service.clock, seconds)
        self.calls = []
        self.learned = datetime.timedelta(0)
        self.before = self.after = None
        self.listing_faults: list[Exception] = []
        self.expiry = "true"

    def now(self):
        return self.service.clock.now() + self.learned

    def tokens(self, registry):
        self.calls.append("list")
        for fault in self.listing_faults:
            raise fault
        self.learned = self.service.skew
        valid = self.service.valid().items()
        return [{"authorization_token": Secret(token), "expires_at": expiry} for token, expiry in valid]

    def issue_token(self, registry, hours):
        self.calls.append("issue")
        if self.before:
            raise self.before
        token = self.service.issue(hours)
        if self.after:
            raise self.after
        expires_at = self.service.tokens[token] if self.expiry == "true" else self.expiry
        password = base64.b64decode(token).decode().partition(":")[2]
        secrets = {"authorization_token": Secret(token), "password": Secret(password)}
        return {**secrets, "username": "jdcloud", "expires_at": expires_at}

    def release_token(self, registry, token):
        self.calls.append("release")
        if token.reveal() not in self.service.valid():
            raise NotFound("no such token")
        del self.service.tokens[token.reveal()]

    def release_all_tokens(self, registry):
        self.calls.append("release all")
        self.service.tokens.clear()


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def service(clock):
    return Service(clock)


@pytest.fixture
def client(service):
    return MemoryClient(service)


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def broker(client, cache, clock):
    return TokenBroker(KnownTokens(client, str(cache)), clock=clock)


def cached(broker, min_remaining):
    """The token that acquire() would take from the cache now; None if it would have to issue one."""
    held = broker.known.held(REGISTRY)
    return next((token for token in held if token.expires_at - broker._client.now() > min_remaining), None)


def acquire(broker, *, hours=12, minutes=30, on_rate_limit="fail"):
    return broker.acquire(REGISTRY, hours=hours, min_remaining=minutes * MINUTE, on_rate_limit=on_rate_limit)


def use_up(broker, clock, *, hours=1, every=0):
    """Issue the five tokens of an hour, one every so many seconds."""
    for _number in range(5):
        acquire(broker, hours=hours, minutes=60 * hours)
        clock.advance(every)


def cache_files(cache):
    return sorted(path for path in cache.iterdir() if path.suffix == ".json")


def written(cache):
    """What writing a file would change; reading changes the time of access."""
    return {path: (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino) for path in cache.iterdir()}


# --- issue and reuse -------------------------------------------------------------------------------------------------


def test_a_new_token_is_issued_and_then_reused(broker, service):
    issued, reused = acquire(broker), acquire(broker)
    assert (issued.issued, issued.source, issued.username) == (True, "api", "jdcloud")
    assert (reused.issued, reused.source) == (False, "cache")
    assert (issued.authorization_token, issued.password) == (reused.authorization_token, reused.password)
    assert base64.b64decode(issued.authorization_token.reveal()).decode() == f"jdcloud:{issued.password.reveal()}"
    assert issued.expires_at == reused.expires_at == START + 12 * HOUR
    assert (issued.registry, issued.region, issued.host) == (REGISTRY, "cn-north-1", None)
    assert service.serial == 1


def test_another_process_finds_the_token(broker, client, cache, clock, service):
    acquire(broker)
    other = TokenBroker(KnownTokens(MemoryClient(service), str(cache)), clock=clock)
    assert acquire(other).source == "cache"
    assert cached(other, HOUR).source == "cache"


@pytest.mark.parametrize(("minutes", "source"), [(0, "cache"), (59, "cache"), (60, "api"), (61, "api")], ids=str)
def test_a_token_must_live_longer_than_asked(broker, clock, minutes, source):
    acquire(broker, hours=2)
    clock.advance(3600)
    found = cached(broker, minutes * MINUTE)
    assert (found.source if found else "api") == source
    assert acquire(broker, hours=2, minutes=minutes).source == source


def test_an_expired_token_is_never_served(broker, clock):
    acquire(broker, hours=1)
    clock.advance(3600)
    assert cached(broker, datetime.timedelta(0)) is None
    assert acquire(broker, hours=1, minutes=0).source == "api"


def test_an_expired_token_is_not_served_even_if_the_service_still_lists_it(broker, clock, service):
    acquire(broker, hours=1)
    clock.advance(3600 + BLUR)
    service.valid = lambda: service.tokens
    assert broker.known.held(REGISTRY) == []
    use_up(broker, clock, hours=1)
    clock.advance(1800)
    service.tokens = {token: clock.now() for token in service.tokens}
    with pytest.raises(TokenBudgetExceeded):
        acquire(broker, on_rate_limit="reuse")


def test_the_longest_living_token_is_chosen(broker, clock):
    short, long = acquire(broker, hours=1), acquire(broker, hours=12, minutes=90)
    clock.advance(60)
    assert short.authorization_token != long.authorization_token
    assert acquire(broker, minutes=1).authorization_token == long.authorization_token


def test_a_token_released_elsewhere_is_not_served(broker, service, cache):
    first = acquire(broker)
    del service.tokens[first.authorization_token.reveal()]
    assert cached(broker, MINUTE) is None
    second = acquire(broker)
    assert second.issued
    assert first.password.reveal() not in cache_files(cache)[0].read_text()  # dead entries are pruned


def test_time_is_the_services(broker, clock, service):
    """The local clock is two hours slow: a token that seems to live has expired."""
    service.skew = 2 * HOUR
    acquire(broker, hours=1)
    clock.advance(3000)
    assert cached(broker, 11 * MINUTE) is None
    assert cached(broker, 9 * MINUTE) is not None
    clock.advance(600)
    assert cached(broker, datetime.timedelta(0)) is None


def test_tokens_of_others_are_never_served_kept_or_shown(broker, service, cache):
    foreign = service.issue(24)
    token = acquire(broker)
    assert token.issued
    assert token.authorization_token.reveal() != foreign
    password = base64.b64decode(foreign).decode().partition(":")[2]
    kept = cache_files(cache)[0].read_text()
    assert foreign not in kept and password not in kept


def test_nothing_that_shows_a_token_shows_its_secrets(broker):
    token = acquire(broker)
    shown = f"{token!r} {token} {vars(broker)}"
    assert token.password.reveal() not in shown
    assert token.authorization_token.reveal() not in shown


@pytest.mark.parametrize(
    "other", [{"access_key": "AK2"}, {"region": "cn-east-2"}, {"endpoint": "https://other.example"}], ids=str
)
def test_accounts_regions_and_endpoints_are_apart(broker, service, cache, clock, other):
    acquire(broker)
    stranger = TokenBroker(KnownTokens(MemoryClient(service, **other), str(cache)), clock=clock)
    assert cached(stranger, MINUTE) is None
    assert acquire(stranger).issued
    assert len(cache_files(cache)) == 2


def test_registries_are_apart(broker):
    acquire(broker)
    assert broker.known.held("another") == []


@pytest.mark.parametrize("expiry", [None, START - HOUR, START + 26 * HOUR, START.replace(year=9999)], ids=str)
def test_a_token_of_unbelievable_expiry_is_used_once(broker, client, cache, expiry):
    client.expiry = expiry
    token = acquire(broker)
    assert (token.issued, token.expires_at) == (True, None)
    assert token.password.reveal() not in cache_files(cache)[0].read_text()
    assert "expiry" in broker.known.warnings[0]
    assert broker.known.ledger(REGISTRY)["issued_last_hour"] == 1
    assert acquire(broker).issued


# --- the ledger ------------------------------------------------------------------------------------------------------


def test_the_sixth_token_within_an_hour_is_refused_with_the_time_of_the_next(broker, client, clock):
    use_up(broker, clock, hours=2, every=60)
    sent = client.calls.count("issue")
    assert broker.known.ledger(REGISTRY) == {"issued_last_hour": 5, "next_slot_at": START + SLOT}
    with pytest.raises(TokenBudgetExceeded) as caught:
        acquire(broker, minutes=120)
    message = caught.value.message
    for part in ("issue a token of registry 'myregistry' in cn-north-1", "5 were issued", "2026-01-01T13:34:58Z"):
        assert part in message
    assert "set on_rate_limit to wait, or to reuse a token that lives shorter" in caught.value.cure
    assert client.calls.count("issue") == sent


def test_what_cannot_help_is_not_advised(broker, client, clock):
    """A rotation is about a new token, so none is reused; and where there is no token, there is none to reuse."""
    use_up(broker, clock, hours=2, every=60)
    held = {token.authorization_token for token in broker.known.held(REGISTRY)}
    with pytest.raises(TokenBudgetExceeded) as foreseen:
        broker.foresee_renewal(REGISTRY, replacing=held)
    with pytest.raises(TokenBudgetExceeded) as renewing:
        broker.renew(REGISTRY, hours=3, replacing=held)
    for token in held:
        broker.release(REGISTRY, token)
    with pytest.raises(TokenBudgetExceeded) as acquiring:
        acquire(broker, on_rate_limit="reuse")
    for refusal in (foreseen, renewing, acquiring):
        assert refusal.value.cure.endswith("Run again then, or set on_rate_limit to wait.")


@pytest.mark.parametrize("policy", ["fail", "wait", "reuse"])
@pytest.mark.parametrize("minutes", [1, 120], ids=["held", "longer than any held"])
@pytest.mark.parametrize("used", [4, 5])
def test_a_refusal_is_foreseen(broker, client, clock, cache, policy, minutes, used):
    """What acquire() would say, without a call that writes; where it would wait or reuse, nothing."""
    use_up(broker, clock, hours=2, every=60)
    if used == 4:
        clock.advance(3600 + BLUR - 5 * 60)  # so long ago that the first one does not count any more
    before, sent = [file.read_bytes() for file in cache_files(cache)], client.calls.count("issue")
    wish = {"min_remaining": minutes * MINUTE, "on_rate_limit": policy}
    is_refused = (used, minutes, policy) == (5, 120, "fail")
    with pytest.raises(TokenBudgetExceeded) if is_refused else contextlib.nullcontext() as foreseen:
        broker.foresee(REGISTRY, **wish)
    assert [file.read_bytes() for file in cache_files(cache)] == before
    if is_refused:
        with pytest.raises(TokenBudgetExceeded) as refused:
            broker.acquire(REGISTRY, hours=3, **wish)
        assert foreseen.value.message == refused.value.message
    assert client.calls.count("issue") == sent


def test_the_hour_rolls(broker, clock):
    use_up(broker, clock, hours=2, every=60)
    clock.advance(3600 + BLUR - 5 * 60 - 1)
    with pytest.raises(TokenBudgetExceeded):
        acquire(broker, hours=2, minutes=120)
    clock.advance(1)
    assert broker.known.ledger(REGISTRY) == {"issued_last_hour": 4, "next_slot_at": None}
    assert acquire(broker, hours=2, minutes=120).issued
    assert broker.known.ledger(REGISTRY)["next_slot_at"] == START + MINUTE + SLOT


def test_an_issue_counts_from_its_answer(broker, client, clock):
    """When the service counted it is not known: at the latest when it answered."""
    issue_token = client.issue_token

    def slow(registry, hours):
        issued = issue_token(registry, hours)
        clock.advance(10)
        return issued

    client.issue_token = slow
    use_up(broker, clock)
    assert broker.known.ledger(REGISTRY)["next_slot_at"] == START + datetime.timedelta(seconds=10) + SLOT


def test_an_empty_ledger_has_a_slot(broker, cache):
    assert broker.known.ledger(REGISTRY) == {"issued_last_hour": 0, "next_slot_at": None}
    assert not cache.exists()


def test_the_ledger_is_written_before_the_service_is_asked(broker, client, cache):
    seen = []
    issue_token = client.issue_token

    def issue(registry, hours):
        seen.append(json.loads(cache_files(cache)[0].read_text())["issues"])
        return issue_token(registry, hours)

    client.issue_token = issue
    acquire(broker)
    assert seen == [[START.isoformat()]]


def test_the_token_is_saved_before_it_is_returned(broker, cache):
    token = acquire(broker)
    (path,) = cache_files(cache)
    assert token.password.reveal() in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700


LOST = [
    UnknownOutcome("lost"),
    ServerError("boom", http_status=500),
    ProtocolError("HTML"),
    Unreachable("cut"),
    Killed(),
]


@pytest.mark.parametrize("failure", LOST, ids=lambda failure: type(failure).__name__)
def test_an_issue_that_may_have_been_counts_and_is_not_repeated(broker, client, clock, failure):
    client.before = failure
    with pytest.raises(type(failure)):
        acquire(broker)
    assert client.calls.count("issue") == 1
    assert broker.known.ledger(REGISTRY)["issued_last_hour"] == 1
    client.before = None
    for _number in range(4):
        acquire(broker, minutes=12 * 60)
    with pytest.raises(TokenBudgetExceeded):
        acquire(broker, minutes=12 * 60)
    assert client.calls.count("issue") == 5


@pytest.mark.parametrize("failure", LOST[:-1], ids=lambda failure: type(failure).__name__)
def test_a_token_whose_answer_was_lost_is_found_in_the_listing(broker, client, service, cache, clock, failure):
    client.after = failure
    found = acquire(broker)
    assert (found.issued, found.source) == (True, "api")
    assert [found.authorization_token.reveal()] == list(service.valid())
    assert found.expires_at == clock.now() + 12 * HOUR
    client.after = None
    assert acquire(broker).password == found.password
    assert json.loads(cache_files(cache)[0].read_text())["unanswered"] == []
    assert (client.calls.count("issue"), broker.known.ledger(REGISTRY)["issued_last_hour"]) == (1, 1)


def die_after_the_issue(broker, client, **wish):
    client.after = Killed()
    with pytest.raises(Killed):
        acquire(broker, **wish)
    client.after = None


@pytest.mark.parametrize("seconds", [0, 5, 3600])
def test_a_token_of_a_process_that_died_is_found_by_the_next_one(broker, client, service, clock, seconds):
    die_after_the_issue(broker, client)
    clock.advance(seconds)
    assert cached(broker, MINUTE).source == "cache"  # who only looks finds it, too
    assert acquire(broker).authorization_token.reveal() in service.valid()
    assert client.calls.count("issue") == 1
    acquire(broker, minutes=12 * 60)
    assert {token.authorization_token.reveal() for token in broker.known.held(REGISTRY)} == set(service.valid())


def test_a_lost_token_is_found_later_if_the_listing_fails_as_well(broker, client):
    client.after = UnknownOutcome("lost")
    issue_token = client.issue_token

    def issue(registry, hours):
        client.listing_faults = [Unreachable("cut")]
        return issue_token(registry, hours)

    client.issue_token = issue
    with pytest.raises(UnknownOutcome):
        acquire(broker)
    client.listing_faults, client.after = [], None
    assert acquire(broker).source == "cache"
    assert client.calls.count("issue") == 1


def test_the_token_of_an_answer_that_comes_late_is_not_lost(broker, client, service, clock):
    """The service was slow: when the next process looked, the token was not there yet, and another one was issued."""
    client.before = Killed()
    with pytest.raises(Killed):
        acquire(broker)
    client.before = None
    clock.advance(2)
    second = acquire(broker)
    late = service.issue(12)
    assert {token.authorization_token.reveal() for token in broker.known.held(REGISTRY)} == {
        second.authorization_token.reveal(),
        late,
    }


STRANGERS = {
    "of other hours": lambda service, clock: service.issue(11),
    "issued later": lambda service, clock: clock.advance(16) or service.issue(12),
    "two of them": lambda service, clock: service.issue(12) and service.issue(12),
    "of another make": lambda service, clock: service.tokens.update({"bWFrZQ==": clock.now() + 12 * HOUR}),
}


@pytest.mark.parametrize("come", STRANGERS.values(), ids=STRANGERS)
def test_a_token_that_may_be_of_others_is_not_taken_for_a_lost_one(broker, client, service, clock, come):
    client.before = Killed()
    with pytest.raises(Killed):
        acquire(broker)
    client.before = None
    come(service, clock)
    assert broker.known.held(REGISTRY) == []


def test_a_token_whose_expiry_cannot_be_read_is_not_taken_for_a_lost_one(broker, client, monkeypatch):
    die_after_the_issue(broker, client)
    assert len(broker.known.held(REGISTRY)) == 1
    tokens = client.tokens
    monkeypatch.setattr(client, "tokens", lambda registry: [{**one, "expires_at": None} for one in tokens(registry)])
    assert broker.known.held(REGISTRY) == []


def test_what_was_valid_before_the_request_is_not_its_token(broker, client, service):
    service.issue(12)
    client.before = Killed()
    with pytest.raises(Killed):
        acquire(broker)
    assert broker.known.held(REGISTRY) == []


def test_after_a_lost_token_was_released_no_other_one_is_taken_for_it(broker, client, service):
    die_after_the_issue(broker, client)
    (found,) = broker.known.owned(REGISTRY)
    broker.release(REGISTRY, found.authorization_token)
    service.issue(12)
    assert broker.known.held(REGISTRY) == []


def test_a_lost_token_stays_when_another_one_is_taken_over(broker, client, service, clock):
    die_after_the_issue(broker, client)
    (found,) = broker.known.held(REGISTRY)
    clock.advance(60)
    other = service.issue(12)
    broker.adopt(REGISTRY, Secret(other), Secret("password"), clock.now() + 12 * HOUR)
    assert {token.authorization_token.reveal() for token in broker.known.owned(REGISTRY)} == {
        found.authorization_token.reveal(),
        other,
    }


def test_a_request_that_nothing_answers_is_forgotten(broker, client, clock, cache):
    client.before = Killed()
    with pytest.raises(Killed):
        acquire(broker)
    client.before = None
    for seconds, followed in ((119, 1), (1, 0)):
        clock.advance(seconds)
        acquire(broker, minutes=12 * 60)
        assert len(json.loads(cache_files(cache)[0].read_text())["unanswered"]) == followed


def not_sent():
    failure = Unreachable("connection refused")
    failure.sent = False
    return failure


@pytest.mark.parametrize(
    "failure", [Forbidden("no"), NotFound("no registry"), not_sent()], ids=lambda failure: failure.kind
)
def test_an_issue_that_was_refused_does_not_count(broker, client, cache, failure):
    client.before = failure
    with pytest.raises(type(failure)):
        acquire(broker)
    assert broker.known.ledger(REGISTRY)["issued_last_hour"] == 0
    assert json.loads(cache_files(cache)[0].read_text())["issues"] == []


@pytest.mark.parametrize("failure", [QuotaExceeded("five an hour"), RateLimited("slow down")])
def test_a_refusal_of_the_service_is_told_as_the_budget(broker, client, failure):
    client.before = failure
    with pytest.raises(TokenBudgetExceeded) as caught:
        acquire(broker)
    assert failure.cause in caught.value.message
    assert "at the latest" in caught.value.message
    assert broker.known.ledger(REGISTRY)["issued_last_hour"] == 0


def test_a_ledger_from_the_future_counts_as_now_and_passes(broker, clock, service):
    """The clock was a year ahead when tokens were issued; it must not block the broker for a year."""
    use_up(broker, clock, hours=1)
    clock.advance(-365 * 86400)
    service.tokens.clear()
    assert broker.known.ledger(REGISTRY)["issued_last_hour"] == 5
    with pytest.raises(TokenBudgetExceeded):
        acquire(broker, minutes=0)
    clock.advance(3600 + BLUR)
    assert broker.known.ledger(REGISTRY)["issued_last_hour"] == 0


def test_a_failed_listing_is_raised_and_nothing_is_issued(broker, client):
    client.listing_faults = [ServerError("boom")]
    for act in (lambda: acquire(broker), lambda: cached(broker, MINUTE)):
        with pytest.raises(ServerError):
            act()
    assert "issue" not in client.calls


def test_a_full_disk_after_the_issue_does_not_lose_the_token(broker, client, monkeypatch):
    writes = []
    write_private = _filewriting.write_private

    def write(path, data):
        writes.append(data)
        if len(writes) == 2:
            raise FileError("No space left on device", act="write", obj=f"'{path}'")
        write_private(path, data)

    monkeypatch.setattr(_filewriting, "write_private", write)
    assert acquire(broker).issued
    assert "No space left" in broker.known.warnings[0]
    assert broker.known.ledger(REGISTRY)["issued_last_hour"] == 1


# --- what others issued ----------------------------------------------------------------------------------------------


def test_what_others_surely_issued_is_counted_without_asking_for_a_sixth(broker, client, clock, service):
    for _number in range(3):
        service.issue(24)
        clock.advance(600)
    for _number in range(2):
        acquire(broker, hours=2, minutes=120)
    assert broker.known.ledger(REGISTRY) == {"issued_last_hour": 5, "next_slot_at": START + HOUR}
    sent = client.calls.count("issue")
    with pytest.raises(TokenBudgetExceeded, match=r"5 were issued .* \(2 written down here, 3 deduced") as refused:
        acquire(broker, hours=12, minutes=150)
    assert "2026-01-01T13:34:56Z" in refused.value.message
    with pytest.raises(TokenBudgetExceeded) as foreseen:
        broker.foresee(REGISTRY, min_remaining=150 * MINUTE)
    assert foreseen.value.message == refused.value.message
    assert client.calls.count("issue") == sent
    assert acquire(broker, hours=12, minutes=150, on_rate_limit="wait").issued
    assert clock.slept == [3600 - 3 * 600]


def test_what_others_may_have_issued_before_is_left_to_the_service(broker, client, clock, service):
    for _number in range(5):
        service.issue(23)
    with pytest.raises(TokenBudgetExceeded, match="the service refused"):
        acquire(broker)
    assert client.calls.count("issue") == 1


def test_our_own_long_tokens_count_once(broker, clock):
    for _number in range(4):
        acquire(broker, hours=24, minutes=24 * 60 - 1)
        clock.advance(121)
    assert broker.known.ledger(REGISTRY)["issued_last_hour"] == 4
    assert acquire(broker, hours=24, minutes=24 * 60 - 1).issued


def test_a_lost_cache_does_not_forget_long_tokens(broker, cache, client):
    for _number in range(5):
        acquire(broker, hours=24, minutes=24 * 60)
    (path,) = cache_files(cache)
    path.unlink()
    with pytest.raises(TokenBudgetExceeded, match=r"0 written down here, 5 deduced"):
        acquire(broker)
    assert client.calls.count("issue") == 5


# --- on_rate_limit ---------------------------------------------------------------------------------------------------


def test_reuse_takes_the_longest_living_token_however_short(broker, clock):
    use_up(broker, clock, hours=1, every=60)
    clock.advance(10 * 60)
    token = acquire(broker, minutes=59, on_rate_limit="reuse")
    assert (token.issued, token.expires_at) == (False, START + HOUR + 4 * MINUTE)


def test_reuse_does_not_take_an_expired_or_released_one(broker, clock, service):
    use_up(broker, clock, hours=1)
    service.tokens.clear()
    with pytest.raises(TokenBudgetExceeded):
        acquire(broker, minutes=59, on_rate_limit="reuse")


def test_reuse_also_answers_a_refusal_of_the_service(broker, client):
    held = acquire(broker, hours=1, minutes=0)
    client.before = QuotaExceeded("five an hour")
    assert acquire(broker, minutes=90, on_rate_limit="reuse").password == held.password


def test_wait_sleeps_until_the_slot_opens(broker, clock, service):
    use_up(broker, clock, hours=2, every=60)
    token = acquire(broker, hours=2, minutes=119, on_rate_limit="wait")
    assert (token.issued, service.serial) == (True, 6)
    assert clock.slept == [3600 + BLUR - 5 * 60]


def test_wait_does_not_hold_the_lock_and_takes_what_another_issued_meanwhile(broker, clock, service, cache):
    use_up(broker, clock, hours=2)
    other = TokenBroker(KnownTokens(MemoryClient(service), str(cache)), clock=clock)
    sleep = clock.sleep

    def sleep_while_another_works(seconds):
        sleep(seconds)
        clock.sleep = sleep
        acquire(other, hours=3, minutes=120)

    clock.sleep = sleep_while_another_works
    assert acquire(broker, hours=2, minutes=120, on_rate_limit="wait").source == "cache"
    assert service.serial == 6


def test_wait_gives_up_at_once_when_the_deadline_comes_first(clock, service, cache):
    broker = TokenBroker(KnownTokens(MemoryClient(service, seconds=600), str(cache)), clock=clock)
    use_up(broker, clock)
    with pytest.raises(TokenBudgetExceeded, match=r"within the last hour") as caught:
        acquire(broker, minutes=60, on_rate_limit="wait")
    assert "deadline" in caught.value.cure
    assert "2026-01-01T13:34:58Z" in caught.value.cure
    assert clock.slept == []


def test_wait_asks_again_when_only_the_service_knows_until_when(broker, client, clock, service):
    """Somebody else has used up the hour: the ledger here is empty."""
    for _number in range(5):
        service.issue(1)
    token = acquire(broker, on_rate_limit="wait")
    assert token.issued
    assert 3600 <= sum(clock.slept) <= 3660
    assert broker.known.ledger(REGISTRY)["issued_last_hour"] == 1


def test_wait_ends_even_without_a_deadline(broker, client, clock):
    client.before = QuotaExceeded("never again")
    with pytest.raises(TokenBudgetExceeded, match="never again"):
        acquire(broker, on_rate_limit="wait")
    assert sum(clock.slept) <= 2 * 3600


# --- reading only ----------------------------------------------------------------------------------------------------


def test_looking_issues_and_writes_nothing(broker, client, cache):
    assert cached(broker, MINUTE) is None
    assert not cache.exists()
    token = acquire(broker)
    before = written(cache)
    client.read_only = True
    assert cached(broker, MINUTE).password == token.password
    assert written(cache) == before
    assert client.calls.count("issue") == 1


def test_in_check_mode_nothing_is_issued_released_or_written(broker, client, cache):
    client.read_only = True
    for act in (
        lambda: acquire(broker),
        lambda: broker.release(REGISTRY, Secret("x")),
        lambda: broker.release_all(REGISTRY),
        lambda: renew(broker),
        lambda: broker.adopt(REGISTRY, Secret("x"), Secret("y"), START + HOUR),
        lambda: broker.hand_over(REGISTRY, None, ()),
        lambda: broker.reject(REGISTRY, None, ProtocolError("no")),
    ):
        with pytest.raises(CheckModeViolation):
            act()
    assert client.calls == []
    assert not cache.exists()


def test_the_tokens_that_are_held_come_longest_living_first(broker, clock, service):
    tokens = [acquire(broker, hours=hours, minutes=hours * 60 - 1) for hours in (1, 3, 5)]
    passwords = [token.password for token in tokens]
    assert [token.password for token in broker.known.held(REGISTRY)] == passwords[::-1]
    assert {(token.source, token.issued) for token in broker.known.held(REGISTRY)} == {("cache", False)}
    clock.advance(3600)
    assert [token.password for token in broker.known.held(REGISTRY)] == [passwords[2], passwords[1]]
    del service.tokens[tokens[2].authorization_token.reveal()]
    assert [token.password for token in broker.known.held(REGISTRY)] == [passwords[1]]
    assert broker.known.held("another") == []


def test_of_a_missing_registry_no_token_is_held(broker, client):
    acquire(broker)
    client.listing_faults = [NotFound("no such registry")]
    assert broker.known.held(REGISTRY) == []
    assert cached(broker, MINUTE) is None


# --- rotating --------------------------------------------------------------------------------------------------------


def renew(broker, *old, on_rate_limit="fail"):
    return broker.renew(
        REGISTRY, hours=12, replacing={token.authorization_token for token in old}, on_rate_limit=on_rate_limit
    )


def hand_over(broker, new, *old):
    broker.hand_over(REGISTRY, new, {token.authorization_token for token in old})


def test_until_it_is_handed_over_nobody_else_uses_the_new_token(broker):
    old = acquire(broker)
    new = renew(broker, old)
    assert new.issued
    assert acquire(broker).password == old.password
    assert [token.unfinished for token in broker.known.owned(REGISTRY)] == [False, True]
    hand_over(broker, new, old)
    assert acquire(broker).password == new.password
    assert broker.known.held(REGISTRY) == [acquire(broker)]
    assert [token.unfinished for token in broker.known.owned(REGISTRY)] == [True, False]
    broker.release(REGISTRY, old.authorization_token)
    assert [token.unfinished for token in broker.known.owned(REGISTRY)] == [False]


def test_a_new_token_is_better_than_an_issue(broker, clock):
    """A rotation that stopped left a token that nobody uses: before another one is issued, it is taken."""
    old = acquire(broker, hours=1)
    new = renew(broker, old)
    clock.advance(2400)
    assert acquire(broker).password == new.password


def test_a_rotation_goes_on_with_a_token_whose_answer_was_lost(broker, client):
    old = acquire(broker)
    client.after = Killed()
    with pytest.raises(Killed):
        renew(broker, old)
    client.after = None
    assert acquire(broker).password == old.password
    new = renew(broker, old)
    assert (new.issued, new.password != old.password, client.calls.count("issue")) == (False, True, 2)
    hand_over(broker, new, old)
    assert [token.password for token in broker.known.held(REGISTRY)] == [new.password]


def test_two_rotations_at_once_share_one_issue(broker, client):
    old = acquire(broker)
    first, second = renew(broker, old), renew(broker, old)
    assert (first.issued, second.issued, first.password) == (True, False, second.password)
    hand_over(broker, first, old)
    hand_over(broker, second, old)
    assert [token.password for token in broker.known.held(REGISTRY)] == [first.password]
    assert client.calls.count("issue") == 2


def test_what_another_task_had_issued_meanwhile_is_not_replaced(broker):
    old = acquire(broker, hours=1)
    new = renew(broker, old)
    other = acquire(broker, hours=24, minutes=13 * 60)
    hand_over(broker, new, old)
    assert {token.password for token in broker.known.held(REGISTRY)} == {new.password, other.password}


def test_a_cache_that_was_removed_meanwhile_holds_the_new_token(broker, cache):
    old = acquire(broker)
    new = renew(broker, old)
    for path in cache_files(cache):
        path.unlink()
    hand_over(broker, new, old)
    assert acquire(broker).password == new.password


@pytest.mark.parametrize("problem", ["expiry", "disk"])
def test_a_new_token_that_cannot_be_kept_is_given_back(broker, client, service, monkeypatch, problem):
    old = acquire(broker)
    if problem == "expiry":
        client.expiry = None
    else:
        writes = []
        write_private = _filewriting.write_private

        def write(path, data):
            writes.append(data)
            if len(writes) == 2:
                raise FileError("No space left on device", act="write", obj=f"'{path}'")
            write_private(path, data)

        monkeypatch.setattr(_filewriting, "write_private", write)
    with pytest.raises(FileError if problem == "disk" else ProtocolError) as caught:
        renew(broker, old)
    assert "the old tokens stay as they are, the new one was given back" in caught.value.message
    assert list(service.valid()) == [old.authorization_token.reveal()]
    assert acquire(broker).password == old.password
    assert broker.known.ledger(REGISTRY)["issued_last_hour"] == 2


@pytest.mark.parametrize("policy", ["fail", "reuse", "wait"])
def test_a_rotation_needs_a_slot(broker, client, clock, policy):
    use_up(broker, clock, hours=2, every=60)
    old = broker.known.held(REGISTRY)
    replacing = {token.authorization_token for token in old}
    if policy == "wait":
        broker.foresee_renewal(REGISTRY, replacing=replacing, on_rate_limit=policy)
        assert renew(broker, *old, on_rate_limit=policy).issued
        return
    with pytest.raises(TokenBudgetExceeded) as foreseen:
        broker.foresee_renewal(REGISTRY, replacing=replacing, on_rate_limit=policy)
    with pytest.raises(TokenBudgetExceeded) as refused:
        renew(broker, *old, on_rate_limit=policy)
    assert foreseen.value.message == refused.value.message
    assert client.calls.count("issue") == 5


def test_what_is_written_is_free_of_what_is_dead(broker, cache, clock):
    dead = acquire(broker, hours=1)
    clock.advance(3600 + BLUR)
    broker.adopt(REGISTRY, Secret("other"), Secret("password"), clock.now() + HOUR)
    content = json.loads(cache_files(cache)[0].read_text())
    assert [entry["password"] for entry in content["tokens"]] == ["password"] != [dead.password.reveal()]
    assert content["issues"] == []


# --- releasing -------------------------------------------------------------------------------------------------------


def test_a_released_token_is_forgotten_but_its_issue_is_not(broker, cache):
    token = acquire(broker)
    broker.release(REGISTRY, token.authorization_token)
    assert cached(broker, MINUTE) is None
    assert token.password.reveal() not in cache_files(cache)[0].read_text()
    assert broker.known.ledger(REGISTRY)["issued_last_hour"] == 1


def test_releasing_what_is_gone_is_no_error(broker, cache, service):
    token = acquire(broker)
    service.tokens.clear()
    broker.release(REGISTRY, token.authorization_token)
    assert token.password.reveal() not in cache_files(cache)[0].read_text()


def test_releasing_a_foreign_token_makes_no_cache(broker, service, cache):
    broker.release(REGISTRY, Secret(service.issue(1)))
    assert service.tokens == {}
    assert not cache.exists()


def test_releasing_all_forgets_all(broker, service, cache):
    tokens = [acquire(broker, minutes=12 * 60) for _number in range(2)]
    broker.release_all(REGISTRY)
    assert service.tokens == {}
    assert not any(token.password.reveal() in cache_files(cache)[0].read_text() for token in tokens)
    assert broker.known.ledger(REGISTRY)["issued_last_hour"] == 2


def test_a_lost_answer_to_a_release_keeps_the_token_in_the_cache(broker, client):
    token = acquire(broker)

    def lost(_registry, _token):
        raise UnknownOutcome("lost")

    client.release_token = lost
    with pytest.raises(UnknownOutcome):
        broker.release(REGISTRY, token.authorization_token)
    assert cached(broker, MINUTE).password == token.password


# --- the cache file --------------------------------------------------------------------------------------------------

BROKEN_CACHES = {
    "empty": lambda text: "",
    "cut": lambda text: text[: len(text) // 2],
    "not JSON": lambda text: "token=abc",
    "list": lambda text: "[]",
    "nul": lambda text: "\0" * len(text),
    "deep": lambda text: "[" * 100_000,
    "newer format": lambda text: text.replace('"format": 1', '"format": 2'),
    "another key": lambda text: text.replace('"key": "', '"key": "0'),
    "no tokens": lambda text: text.replace('"tokens"', '"other"'),
    "password is a number": lambda text: text.replace('"0000000000000001"', "1"),
    "rotation is a number": lambda text: text.replace('"expires_at"', '"renewed_at": 5, "expires_at"'),
    "time without zone": lambda text: text.replace("+00:00", ""),
    "tokens is a text": lambda text: json.dumps({**json.loads(text), "tokens": "abc"}),
    "a request is a text": lambda text: text.replace('"unanswered": []', '"unanswered": ["abc"]'),
    "a request without hours": lambda text: text.replace(
        '"unanswered": []', '"unanswered": [{"asked_at": "2026-01-01T00:00:00+00:00"}]'
    ),
    "issues is a number": lambda text: json.dumps({**json.loads(text), "issues": 5}),
}


@pytest.mark.parametrize("broken", BROKEN_CACHES.values(), ids=BROKEN_CACHES)
def test_a_broken_cache_is_set_aside_with_a_warning(broker, cache, broken):
    acquire(broker)
    (path,) = cache_files(cache)
    content = broken(path.read_text())
    assert content != path.read_text()
    path.write_text(content)
    assert cached(broker, MINUTE) is None
    assert broker.known.ledger(REGISTRY)["issued_last_hour"] == 0
    assert path.read_text() == content  # who only looks does not rename
    assert broker.known.warnings == [
        f"The token cache file '{path}' is broken: it counts as empty, and will be renamed when a token is got."
    ]
    assert acquire(broker).issued
    assert pathlib.Path(f"{path}.corrupt").read_text() == content
    assert broker.known.warnings == [f"The token cache file '{path}' was broken: renamed to '{path}.corrupt'."]
    assert acquire(broker).source == "cache"


def test_a_cache_that_others_can_read_is_tightened(broker, cache, client):
    cache.mkdir(mode=0o777)
    cache.chmod(0o777)
    acquire(broker)
    (path,) = cache_files(cache)
    path.chmod(0o644)
    acquire(broker, minutes=12 * 60)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700


def test_a_cache_file_of_somebody_else_is_refused(broker, cache, client, monkeypatch):
    acquire(broker)
    (path,) = cache_files(cache)
    fstat = os.fstat

    def of_somebody_else(handle):
        found = fstat(handle)
        theirs = stat.S_ISREG(found.st_mode) and found.st_ino == path.stat().st_ino
        return os.stat_result((*found[:4], found.st_uid + 1, *found[5:])) if theirs else found

    monkeypatch.setattr(os, "fstat", of_somebody_else)
    for act in (lambda: acquire(broker), lambda: cached(broker, MINUTE), lambda: broker.known.ledger(REGISTRY)):
        with pytest.raises(FileError, match="it belongs to user id") as caught:
            act()
        assert "JCR_TOKEN_CACHE" in caught.value.message
    assert client.calls.count("issue") == 1


def put_link(path, tmp_path):
    (tmp_path / "elsewhere").write_text("{}")
    path.symlink_to(tmp_path / "elsewhere")


@pytest.mark.parametrize(
    "plant", [put_link, lambda path, _: path.mkdir(), lambda path, _: os.mkfifo(path)], ids=["link", "dir", "fifo"]
)
def test_a_planted_cache_file_is_refused(broker, cache, client, tmp_path, plant):
    acquire(broker)
    (path,) = cache_files(cache)
    path.unlink()
    plant(path, tmp_path)
    for act in (lambda: acquire(broker), lambda: cached(broker, MINUTE), lambda: broker.known.ledger(REGISTRY)):
        with pytest.raises(FileError, match=r"it is a") as caught:
            act()
        assert "JCR_TOKEN_CACHE" in caught.value.message
    assert client.calls.count("issue") == 1


@pytest.mark.parametrize("plant", [put_link, lambda path, _: path.write_text("")], ids=["link", "file"])
def test_a_cache_directory_that_is_none_is_refused(broker, client, cache, tmp_path, plant):
    plant(cache, tmp_path)
    for act in (lambda: acquire(broker), lambda: cached(broker, MINUTE)):
        with pytest.raises(FileError) as caught:
            act()
        assert "JCR_TOKEN_CACHE" in caught.value.message
    assert "issue" not in client.calls


def test_a_held_lock_is_waited_for_only_so_long(client, cache, clock):
    broker = TokenBroker(KnownTokens(client, str(cache)), clock=clock, lock_wait=7)
    acquire(broker)
    (path,) = cache_files(cache)
    with locked(str(path), clock=clock, wait=0):
        assert cached(broker, MINUTE) is not None
        with pytest.raises(FileError, match=f"pid {os.getpid()}"):
            acquire(broker)
    assert 7 <= sum(clock.slept) < 7.1


@pytest.mark.parametrize(("seconds", "waited"), [(200, 200), (1000, 1000), (None, LOCK_WAIT)])
def test_a_held_lock_is_waited_for_until_the_deadline(service, cache, clock, seconds, waited):
    """Its holder may need all its attempts for a listing and an issue."""
    acquire(TokenBroker(KnownTokens(MemoryClient(service), str(cache)), clock=clock))
    (path,) = cache_files(cache)
    broker = TokenBroker(KnownTokens(MemoryClient(service, seconds=seconds), str(cache)), clock=clock)
    with locked(str(path), clock=clock, wait=0):
        with pytest.raises(FileError, match=f"held the lock for {waited:.0f} seconds"):
            acquire(broker)
    assert waited <= sum(clock.slept) < waited + 0.1


def test_a_lock_that_is_let_go_late_is_had(service, cache, clock, monkeypatch):
    acquire(TokenBroker(KnownTokens(MemoryClient(service), str(cache)), clock=clock))
    (path,) = cache_files(cache)
    held = contextlib.ExitStack()
    held.enter_context(locked(str(path), clock=clock, wait=0))
    sleep = clock.sleep

    def let_go_after_four_minutes(seconds):
        sleep(seconds)
        if sum(clock.slept) > 240:
            held.close()

    monkeypatch.setattr(clock, "sleep", let_go_after_four_minutes)
    assert (
        acquire(TokenBroker(KnownTokens(MemoryClient(service, seconds=300), str(cache)), clock=clock)).source == "cache"
    )


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, "/home/a/.cache/jdcloud-jcr"),
        ({"XDG_CACHE_HOME": "/var/x"}, "/var/x/jdcloud-jcr"),
        ({"XDG_CACHE_HOME": "relative"}, "/home/a/.cache/jdcloud-jcr"),
        ({"XDG_CACHE_HOME": ""}, "/home/a/.cache/jdcloud-jcr"),
        ({"JCR_TOKEN_CACHE": "/srv/tokens", "XDG_CACHE_HOME": "/var/x"}, "/srv/tokens"),
        ({"JCR_TOKEN_CACHE": "~/tokens"}, "/home/a/tokens"),
        ({"JCR_TOKEN_CACHE": ""}, "/home/a/.cache/jdcloud-jcr"),
    ],
)
def test_the_default_cache_directory(environ, expected):
    assert cache_dir(None, environ, "/home/a") == expected


def test_the_option_comes_before_the_environment():
    assert cache_dir("/srv/own", {"JCR_TOKEN_CACHE": "/srv/tokens"}, "/home/a") == "/srv/own"


@pytest.mark.parametrize("written", ["{home}", "{home}/", "{home}/.ssh/..", "~", "~/", "{link}"])
@pytest.mark.parametrize("by_option", [True, False])
def test_a_home_is_no_cache(tmp_path, written, by_option):
    """Its other files would lie among the caches, and others would be shut out of it."""
    home, link = tmp_path / "home", tmp_path / "link"
    (home / ".ssh").mkdir(parents=True)
    link.symlink_to(home)
    path = written.format(home=home, link=link)
    environ = {} if by_option else {"JCR_TOKEN_CACHE": path}
    with pytest.raises(FileError) as caught:
        cache_dir(path if by_option else None, environ, str(home))
    assert f"keep tokens in '{path}': it is the home directory." in caught.value.message
    assert "~/.cache/jdcloud-jcr" in caught.value.message and "JCR_TOKEN_CACHE" in caught.value.message
    assert cache_dir(str(home / "tokens"), {}, str(home)) == str(home / "tokens")


# --- any history -----------------------------------------------------------------------------------------------------

AFTER = [None, None, None, UnknownOutcome("lost"), ServerError("boom"), Killed()]
BEFORE = [*AFTER, Forbidden("no"), not_sent()]  # a service that says no has not issued


class AnyHistory(RuleBasedStateMachine):
    """Whatever happens: at most five issues in any hour, and a served token is valid and lives long enough."""

    @initialize()
    def start(self):
        self.clock = FakeClock()
        self.service = Service(self.clock)
        self.client = MemoryClient(self.service)
        self.directory = self.tmp_path_factory.mktemp("cache") / "cache"
        self.broker = TokenBroker(KnownTokens(self.client, str(self.directory)), clock=self.clock)

    @rule(
        hours=st.integers(1, 24),
        minutes=st.integers(0, 300),
        on_rate_limit=st.sampled_from(["fail", "reuse", "wait"]),
        before=st.sampled_from(BEFORE),
        after=st.sampled_from(AFTER),
    )
    def acquire(self, hours, minutes, on_rate_limit, before, after):
        self.client.before, self.client.after = before, after
        min_remaining = minutes * MINUTE
        found = cached(self.broker, min_remaining)
        known = self.broker.known.ledger(REGISTRY)["issued_last_hour"]
        try:
            token = self.broker.acquire(REGISTRY, hours=hours, min_remaining=min_remaining, on_rate_limit=on_rate_limit)
        except TokenBudgetExceeded:
            assert found is None and on_rate_limit != "wait"
            assert known == 5
        except (UnknownOutcome, ServerError, Forbidden, Unreachable, Killed):
            assert found is None and (before or after)
        else:
            assert token.authorization_token.reveal() in self.service.valid()
            assert found is None or token.authorization_token == found.authorization_token
            if not token.issued and on_rate_limit != "reuse":
                assert token.expires_at - self.service.now() > min_remaining

    @rule(before=st.sampled_from(BEFORE), after=st.sampled_from(AFTER), stop=st.integers(0, 3))
    def rotate(self, before, after, stop):
        """A rotation, which may end after each of its steps: a token that was held is never replaced by none."""
        self.client.before, self.client.after = before, after
        owned = self.broker.known.owned(REGISTRY)
        old = [token for token in owned if not token.unfinished]
        try:
            new = renew(self.broker, *old)
        except (TokenBudgetExceeded, UnknownOutcome, ServerError, Forbidden, Unreachable, Killed):
            assert len(self.broker.known.owned(REGISTRY)) >= len(owned)
            return
        assert new.issued or any(token.unfinished for token in owned)
        if stop > 0:
            hand_over(self.broker, new, *old)
        for token in old[: stop - 1] if stop > 1 else []:
            self.broker.release(REGISTRY, token.authorization_token)
        held = self.broker.known.held(REGISTRY)
        assert held
        if stop > 0:
            assert held[0].password == new.password

    @rule(seconds=st.integers(1, 7200))
    def time_passes(self, seconds):
        self.clock.advance(seconds)

    @rule()
    def another_process(self):
        self.broker = TokenBroker(KnownTokens(self.client, str(self.directory)), clock=self.clock)

    @rule()
    def release_all(self):
        self.broker.release_all(REGISTRY)

    @invariant()
    def five_an_hour(self):
        issues = self.service.issued_at if hasattr(self, "service") else []
        assert all(later - first >= HOUR for first, later in zip(issues, issues[5:], strict=False))


def test_any_history(tmp_path_factory):
    AnyHistory.tmp_path_factory = tmp_path_factory
    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much]
    AnyHistory.TestCase.settings = settings(
        max_examples=80, stateful_step_count=25, deadline=None, suppress_health_check=checks, derandomize=True
    )
    AnyHistory.TestCase().runTest()
