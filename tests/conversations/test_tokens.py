# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The token broker speaks to the emulator: five an hour, lost answers, kills at any point, many processes at once."""

from __future__ import annotations

import datetime
import signal
import subprocess
import sys

import pytest

from ansible_collections.jdcloud.jcr.plugins.module_utils._client import Client
from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Clock, Deadline
from ansible_collections.jdcloud.jcr.plugins.module_utils._credentials import Account, Credential
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import (
    CheckModeViolation,
    NotFound,
    ServerError,
    TokenBudgetExceeded,
    UnknownOutcome,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._knowntokens import KnownTokens
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import Secret
from ansible_collections.jdcloud.jcr.plugins.module_utils._tokens import TokenBroker
from ansible_collections.jdcloud.jcr.plugins.module_utils._transport import Transport
from tests.support.fake_clock import START, FakeClock

REGISTRY = "myregistry"
MINUTE = datetime.timedelta(minutes=1)
ISSUE, LIST = "getAuthorizationToken", "describeAuthorizationTokens"


class ImpatientClock(Clock):
    """The real clock, but waiting moves the emulator's clock instead of this test's."""

    def __init__(self, emulator):
        self._emulator = emulator

    def sleep(self, seconds):
        self._emulator.clock(advance_seconds=seconds)


@pytest.fixture
def make_client(emulator):
    clients = []

    def make(read_only=False, retries=0, seconds=None, clock=None):
        clock = clock or ImpatientClock(emulator)
        credential = Credential(emulator.access_key, Secret(emulator.secret_key), None, "the test")
        clients.append(
            Client(
                Account(credential, emulator.region, emulator.endpoint),
                transport=Transport(emulator.endpoint, verify=True, timeout=60, clock=clock),
                clock=clock,
                deadline=Deadline(clock, seconds),
                retries=retries,
                read_only=read_only,
            )
        )
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def registry(make_client):
    make_client().create_registry(REGISTRY)
    return REGISTRY


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def broker(make_client, cache, registry, emulator):
    return TokenBroker(KnownTokens(make_client(), str(cache)), clock=ImpatientClock(emulator))


def cached(broker, min_remaining):
    """The token that acquire() would take from the cache now; None if it would have to issue one."""
    held = broker.known.held(REGISTRY)
    return next((token for token in held if token.expires_at - broker._client.now() > min_remaining), None)


def acquire(broker, *, hours=12, minutes=30, on_rate_limit="fail"):
    return broker.acquire(REGISTRY, hours=hours, min_remaining=minutes * MINUTE, on_rate_limit=on_rate_limit)


def count(emulator, operation):
    return sum(request["operation"] == operation for request in emulator.requests())


def test_issue_reuse_release(broker, emulator):
    issued, reused = acquire(broker), acquire(broker)
    assert (issued.source, reused.source) == ("api", "cache")
    assert issued.password == reused.password
    assert count(emulator, ISSUE) == 1
    broker.release(REGISTRY, issued.authorization_token)
    assert cached(broker, MINUTE) is None
    assert acquire(broker).issued


def test_every_form_of_expiry_is_understood(broker, emulator):
    for form in ("rfc3339", "epoch", "epoch_ms", "local"):
        emulator.settings({"expires_format": form})
        token = acquire(broker, hours=2)
        left = token.expires_at - datetime.datetime.now(datetime.UTC)
        assert token.issued
        assert 110 * MINUTE < left < 121 * MINUTE
        assert acquire(broker, hours=2).source == "cache"
        broker.release_all(REGISTRY)


def test_the_sixth_token_waits_for_its_slot(broker, emulator):
    for _number in range(5):
        acquire(broker, hours=1, minutes=60)
    with pytest.raises(TokenBudgetExceeded):
        acquire(broker, hours=1, minutes=60)
    assert count(emulator, ISSUE) == 5
    assert acquire(broker, hours=1, minutes=60, on_rate_limit="reuse").source == "cache"
    assert acquire(broker, hours=1, minutes=60, on_rate_limit="wait").issued
    assert 6 <= count(emulator, ISSUE) <= 7  # Date has whole seconds: the first try may come a moment too early


def test_a_budget_that_others_used_up_is_told(broker, make_client, emulator):
    client = make_client()
    foreign = [client.issue_token(REGISTRY, 1) for _number in range(5)]
    with pytest.raises(TokenBudgetExceeded) as caught:
        acquire(broker)
    assert not any(token["password"].reveal() in caught.value.message for token in foreign)
    assert broker.known.ledger(REGISTRY)["issued_last_hour"] == 0
    emulator.clock(advance_seconds=3300)
    assert acquire(broker, on_rate_limit="wait").issued


def test_a_token_whose_answer_was_lost_is_found_in_the_listing(broker, emulator):
    emulator.faults([{"match": {"operation": ISSUE}, "action": "lost_answer"}])
    found = acquire(broker)
    assert (found.issued, acquire(broker).password) == (True, found.password)
    assert count(emulator, ISSUE) == 1
    assert broker.known.ledger(REGISTRY)["issued_last_hour"] == 1


@pytest.mark.parametrize("form", ["rfc3339", "epoch", "epoch_ms", "local"])
def test_it_is_found_in_every_form_of_expiry(broker, emulator, form):
    emulator.settings({"expires_format": form})
    emulator.faults([{"match": {"operation": ISSUE}, "action": "lost_answer"}])
    assert acquire(broker, hours=24).issued


def test_an_issue_that_may_have_been_counts_and_is_not_asked_for_again(broker, emulator):
    emulator.faults([{"match": {"operation": ISSUE}, "action": "reset"}])
    with pytest.raises(UnknownOutcome):
        acquire(broker)
    assert count(emulator, ISSUE) == 1
    assert broker.known.ledger(REGISTRY)["issued_last_hour"] == 1
    assert acquire(broker).issued
    assert broker.known.ledger(REGISTRY)["issued_last_hour"] == 2


def test_a_listing_that_fails_issues_nothing(broker, emulator):
    emulator.faults([{"match": {"operation": LIST}, "action": {"status": {"http": 500}}}])
    with pytest.raises(ServerError):
        acquire(broker)
    assert count(emulator, ISSUE) == 0
    assert broker.known.ledger(REGISTRY)["issued_last_hour"] == 0


def test_a_missing_registry_costs_nothing(broker, emulator, cache):
    with pytest.raises(NotFound):
        broker.acquire("another", hours=12, min_remaining=MINUTE)
    assert count(emulator, ISSUE) == 0
    assert broker.known.ledger("another")["issued_last_hour"] == 0


def test_check_mode_reads_only(broker, make_client, cache, emulator):
    held = acquire(broker)
    looker = TokenBroker(KnownTokens(make_client(read_only=True), str(cache)), clock=Clock())
    before = {path: path.stat().st_mtime_ns for path in cache.iterdir()}
    assert cached(looker, 30 * MINUTE).password == held.password
    assert cached(looker, 13 * 60 * MINUTE) is None
    with pytest.raises(CheckModeViolation):
        looker.acquire(REGISTRY, hours=12, min_remaining=MINUTE)
    assert {path: path.stat().st_mtime_ns for path in cache.iterdir()} == before
    assert count(emulator, ISSUE) == 1


def test_a_wrong_local_clock_does_not_matter(broker, emulator):
    """The service is 100 minutes ahead of this machine; a token of one hour has an hour to live all the same."""
    emulator.clock(advance_seconds=6000)
    assert acquire(broker, hours=1).issued
    assert acquire(broker, hours=1).source == "cache"
    emulator.clock(advance_seconds=3601)
    assert cached(broker, datetime.timedelta(0)) is None
    assert acquire(broker, hours=1).issued


@pytest.mark.parametrize(("then", "later"), [(-1, 1), (1, -1)], ids=["behind, then ahead", "ahead, then behind"])
def test_a_local_clock_that_is_set_within_the_hour_opens_no_slot_too_early(
    make_client, registry, cache, emulator, then, later
):
    """The Date of an answer has whole seconds, so what the clock is set by is a second or less wrong, in either way."""
    local = FakeClock()
    local.advance(60 * then)
    emulator.clock(now=f"{START.timestamp() + 0.9:.1f}", frozen=True)
    broker = TokenBroker(KnownTokens(make_client(clock=local), str(cache)), clock=local)
    for _number in range(5):
        assert acquire(broker, hours=2, minutes=120).issued
    emulator.clock(advance_seconds=3599.05)
    local.advance(3599.05 + 60 * (later - then))
    broker = TokenBroker(KnownTokens(make_client(clock=local), str(cache)), clock=local)
    with pytest.raises(TokenBudgetExceeded):
        acquire(broker, hours=2, minutes=120)
    assert count(emulator, ISSUE) == 5
    emulator.clock(advance_seconds=3.95)
    local.advance(3.95)
    assert acquire(broker, hours=2, minutes=120).issued


# --- processes -------------------------------------------------------------------------------------------------------

PROGRAM = """
import datetime, os, signal, sys
from ansible_collections.jdcloud.jcr.plugins.module_utils import _knowntokens, _tokens
from ansible_collections.jdcloud.jcr.plugins.module_utils._client import Client
from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Clock, Deadline
from ansible_collections.jdcloud.jcr.plugins.module_utils._credentials import Account, Credential
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import Secret
from ansible_collections.jdcloud.jcr.plugins.module_utils._transport import Transport

endpoint, region, access_key, secret_key, cache, die_after = sys.argv[1:]
clock = Clock()
client = Client(
    Account(Credential(access_key, Secret(secret_key), None, "the test"), region, endpoint),
    transport=Transport(endpoint, verify=True, timeout=60, clock=clock), clock=clock, deadline=Deadline(clock, None),
)

def dying(function, name):
    def call(*arguments):
        if die_after == "before " + name:
            os.kill(os.getpid(), signal.SIGKILL)
        answer = function(*arguments)
        if die_after == name:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer
    return call

client.tokens = dying(client.tokens, "list")
client.issue_token = dying(client.issue_token, "issue")
broker = _tokens.TokenBroker(_knowntokens.KnownTokens(client, cache), clock=clock, lock_wait=300)
broker._keep = dying(broker._keep, "save")
print("ready", flush=True)
sys.stdin.readline()
token = broker.acquire("myregistry", hours=12, min_remaining=datetime.timedelta(minutes=30))
print(token.source, token.password.fingerprint(), flush=True)
"""


@pytest.fixture
def processes(emulator, cache):
    started = []

    def start(number, die_after=""):
        account = (emulator.endpoint, emulator.region, emulator.access_key, emulator.secret_key)
        command = [sys.executable, "-c", PROGRAM, *account, str(cache), die_after]
        children = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for _child in range(number)
        ]
        started.extend(children)
        for child in children:
            child.stdout.readline()
        for child in children:
            child.stdin.write("go\n")
            child.stdin.flush()
        return [(child.communicate()[0].split(), child.returncode) for child in children]

    yield start
    for child in started:
        if child.poll() is None:
            child.kill()
            child.wait()


def test_twenty_processes_issue_one_token(registry, processes, emulator):
    answers = processes(20)
    assert [status for _answer, status in answers] == [0] * 20
    assert sorted(answer[0] for answer, _status in answers) == ["api"] + ["cache"] * 19
    assert len({answer[1] for answer, _status in answers}) == 1
    assert count(emulator, ISSUE) == 1


@pytest.mark.parametrize(
    ("die_after", "counted", "issued", "kept"),
    [
        ("list", 0, 0, False),
        ("before issue", 1, 0, False),
        ("issue", 1, 1, True),
        ("before save", 1, 1, True),
        ("save", 1, 1, True),
    ],
)
def test_what_a_killed_process_had_issued_is_counted_and_kept(
    registry, processes, emulator, broker, die_after, counted, issued, kept
):
    assert processes(1, die_after) == [([], -signal.SIGKILL)]
    assert count(emulator, ISSUE) == issued
    assert broker.known.ledger(REGISTRY)["issued_last_hour"] == counted
    assert (cached(broker, MINUTE) is not None) is kept
    assert acquire(broker).issued is not kept
    assert count(emulator, ISSUE) == issued + (0 if kept else 1)
