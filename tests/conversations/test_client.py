# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The client in conversation with the emulator: all operations, pages, and every fault that can be scripted."""

from __future__ import annotations

import datetime
import random

import pytest

from ansible_collections.jdcloud.jcr.plugins.module_utils._client import Client
from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Deadline
from ansible_collections.jdcloud.jcr.plugins.module_utils._credentials import resolve
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import (
    AlreadyExists,
    AuthenticationFailed,
    ConfigurationError,
    Forbidden,
    InvalidArgument,
    JcrError,
    MfaRequired,
    NotFound,
    PreconditionFailed,
    ProtocolError,
    QuotaExceeded,
    RateLimited,
    ServerError,
    UnknownOutcome,
    Unreachable,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import Secret
from ansible_collections.jdcloud.jcr.plugins.module_utils._transport import Transport
from tests.support.fake_clock import FakeClock

NOWHERE = "sha256:" + "0" * 64
BRIEF = 0.3  # seconds that a test waits for an answer that never comes


@pytest.fixture
def clock():
    """The right time, standing still; sleeping moves it at once."""
    return FakeClock(datetime.datetime.now(datetime.UTC))


@pytest.fixture
def connect(emulator, clock, tmp_path):
    """Makes clients of the emulator's account; all are closed in the end."""
    clients = []

    def make(timeout=20.0, clock=clock, deadline=None, client=None, **options):
        own = {"access_key": emulator.access_key, "secret_key": emulator.secret_key, "endpoint": emulator.endpoint}
        account = resolve({**own, "region": emulator.region, **options}, {}, str(tmp_path))
        clients.append(
            Client(
                account,
                transport=Transport(account.endpoint, verify=True, timeout=timeout, clock=clock),
                clock=clock,
                deadline=Deadline(clock, deadline),
                random=random.Random(1),
                **client or {},
            )
        )
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def client(connect):
    return connect()


@pytest.fixture
def team(client):
    """A registry to work in."""
    return client.create_registry("team")["name"]


def fault(action, operation=None, times=1):
    match = {"plane": "control"}
    if operation:
        match["operation"] = operation
    return [{"match": match, "times": times, "action": action}]


# --- the fifteen operations ------------------------------------------------------------------------------------------


def test_the_life_of_a_registry(client, emulator):
    assert client.check_registry_name("team") == (0, "")
    assert client.registry("team") is None
    made = client.create_registry("team", "\u6d4b\u8bd5 \U0001f433")
    assert (made["name"], made["region"]) == ("team", emulator.region) and made["uri"]
    assert client.registry("team")["description"] == "\u6d4b\u8bd5 \U0001f433"
    assert [registry["name"] for registry in client.registries()] == ["team"]
    assert client.check_registry_name("team")[0] == 3
    assert client.check_registry_name("Team!")[0] == 2
    assert client.check_registry_name("")[0] == 1
    client.delete_registry("team")
    assert client.registries() == []
    error = refusal(lambda: client.delete_registry("team"), NotFound)
    assert error.message.startswith("Cannot delete registry 'team' in")


def test_the_life_of_a_repository(client, team, emulator):
    assert client.check_repository_name(team, "project-a/web_app") == (0, "")
    made = client.create_repository(team, "project-a/web_app", "web")
    assert (made["registry"], made["name"]) == (team, "project-a/web_app")
    found = client.repository(team, "project-a/web_app")
    assert (found["description"], found["uri"]) == ("web", made["uri"])
    assert [repository["name"] for repository in client.repositories(team)] == ["project-a/web_app"]
    assert [repository["registry"] for repository in client.repositories()] == [team]
    error = refusal(lambda: client.create_repository(team, "project-a/web_app"), AlreadyExists)
    assert "'project-a/web_app' in registry 'team'" in error.message
    with pytest.raises(PreconditionFailed):
        client.delete_registry(team)
    client.delete_repository(team, "project-a/web_app", force=True)
    assert client.repository(team, "project-a/web_app") is None
    assert client.repository("nowhere", "project-a/web_app") is None
    with pytest.raises(NotFound):
        client.repositories("nowhere")


def test_images_that_are_not_there(client, team):
    client.create_repository(team, "application")
    assert client.images(team, "application") == []
    assert client.images(team, "application", tag="v1", tag_status="tagged") == []
    assert client.images(team, "nowhere") == []
    error = refusal(lambda: client.delete_image(team, "application", digest=NOWHERE), NotFound)
    assert error.message.startswith("Cannot delete an image of repository 'application' in registry 'team' in")
    client.delete_image(team, "application", tag_status="untagged")


def test_the_quotas(client, team):
    quotas = {quota["resource_type"]: quota for quota in client.quotas()}
    assert quotas["registry"] == {"resource_type": "registry", "limit": 5, "used": 1, "free": 4}
    assert quotas["repository"]["free"] == 10000


@pytest.mark.parametrize("form", ["epoch", "epoch_ms", "rfc3339", "local"])
def test_the_life_of_a_token(client, team, emulator, form, clock):
    emulator.settings({"expires_format": form})
    first, second = client.issue_token(team, 1), client.issue_token(team, 24)
    for token, hours in ((first, 1), (second, 24)):
        assert token["username"] == "jdcloud" and len(token["password"].reveal()) == 16
        left = token["expires_at"] - clock.now()
        assert abs(left - datetime.timedelta(hours=hours)) < datetime.timedelta(minutes=10)
    listed = client.tokens(team)
    assert [token["authorization_token"] for token in listed] == [
        first["authorization_token"],
        second["authorization_token"],
    ]
    client.release_token(team, first["authorization_token"])
    assert [token["authorization_token"] for token in client.tokens(team)] == [second["authorization_token"]]
    with pytest.raises(NotFound):
        client.release_token(team, first["authorization_token"])
    client.release_all_tokens(team)
    assert client.tokens(team) == []


def test_the_calls_are_traced(client, team):
    client.registry("nowhere")
    trace = [(call["operation"], call["http_status"], call["attempts"]) for call in client.calls]
    assert trace == [("createRegistry", 200, 1), ("describeRegistry", 404, 1)]
    assert all(len(call["request_id"]) == 32 for call in client.calls)


# --- pages and filters -----------------------------------------------------------------------------------------------


def test_250_repositories_are_three_pages(client, team, emulator):
    names = [f"app-{number:03}" for number in range(250)]
    for name in names:
        client.create_repository(team, name)
    assert sorted(repository["name"] for repository in client.repositories(team)) == names
    assert sorted(repository["name"] for repository in client.repositories()) == names
    listings = [entry for entry in emulator.requests() if entry["operation"] == "describeRepositories"]
    assert len(listings) == 6
    assert client.repository(team, "app-249")["name"] == "app-249"
    assert client.repository(team, "app-25") is None


def test_names_that_resemble_each_other_are_told_apart(client, team):
    for name in ("site-app", "site-app-2", "my/site-app", "site"):
        client.create_repository(team, name + "-x")
    for name in ("site-app-x", "site-app-2-x", "my/site-app-x", "site-x"):
        assert client.repository(team, name)["name"] == name
    assert client.repository(team, "app-x") is None


# --- refusals --------------------------------------------------------------------------------------------------------


def refusal(call, kind):
    with pytest.raises(kind) as caught:
        call()
    assert caught.value.__class__ is kind
    assert caught.value.request_id and caught.value.request_id in caught.value.message
    return caught.value


def test_a_full_quota_says_how_much_is_used(client, emulator):
    emulator.settings({"registry_quota": 2, "repository_quota": 1})
    client.create_registry("team-1")
    client.create_registry("team-2")
    error = refusal(lambda: client.create_registry("team-3"), QuotaExceeded)
    assert "2 of 2 are used" in error.message and error.message.startswith("Cannot create registry 'team-3' in")
    client.create_repository("team-1", "application")
    error = refusal(lambda: client.create_repository("team-1", "another"), QuotaExceeded)
    assert "1 of 1 are used" in error.message


def test_a_sixth_token_is_refused_and_not_waited_for(client, team, clock):
    for _time in range(5):
        client.issue_token(team, 1)
    error = refusal(lambda: client.issue_token(team, 1), QuotaExceeded)
    assert "5 tokens" in error.message
    assert clock.slept == []


def test_names_that_the_service_refuses(client, team, emulator):
    refusal(lambda: client.create_registry("Bad_Name"), InvalidArgument)
    emulator.settings({"taken_names": ["somebody-elses"]})
    refusal(lambda: client.create_registry("somebody-elses"), AlreadyExists)


@pytest.mark.parametrize("mfa_tokens", [[], ["good-token"]])
def test_operation_protection(connect, client, team, emulator, mfa_tokens):
    client.create_repository(team, "application")
    emulator.settings({"mfa": True, "mfa_tokens": mfa_tokens})
    for delete in (
        lambda client: client.delete_image(team, "application", digest=NOWHERE),
        lambda client: client.delete_repository(team, "application"),
        lambda client: client.delete_registry(team),
    ):
        error = refusal(lambda: delete(client), MfaRequired)  # noqa: B023
        assert "security_token" in error.cure
    protected = connect(security_token="good-token")
    protected.delete_repository(team, "application")
    protected.delete_registry(team)
    assert protected.registries() == []


def test_a_security_token_that_is_not_accepted(connect, team, emulator):
    emulator.settings({"mfa": True, "mfa_tokens": ["good-token"]})
    error = refusal(lambda: connect(security_token="stale-canary").delete_registry(team), MfaRequired)
    assert "get a new one" in error.cure and "stale-canary" not in error.message


def test_an_account_that_is_not_ready(client, team, emulator):
    emulator.settings({"real_name": "missing"})
    assert "console" in refusal(lambda: client.create_registry("other"), Forbidden).cure
    assert "real-name verification" in refusal(lambda: client.issue_token(team, 1), Forbidden).cure
    emulator.settings({"real_name": "verified", "balance": "low"})
    assert "Recharge" in refusal(lambda: client.create_repository(team, "application"), PreconditionFailed).cure


@pytest.mark.parametrize("wrong", [{"secret_key": "wrong-canary"}, {"access_key": "NOBODY"}])
def test_a_wrong_key(connect, wrong):
    wrong_client = connect(**wrong)
    error = refusal(wrong_client.registries, AuthenticationFailed)
    assert error.http_status == 401 and "canary" not in error.message and "clock" not in error.message
    assert len(wrong_client.calls) == 1 and wrong_client.calls[0]["attempts"] == 1


def test_a_region_that_does_not_exist(connect):
    error = refusal(connect(region="cn-west-9").registries, ConfigurationError)
    assert "region" in error.cure


@pytest.mark.parametrize("off", [datetime.timedelta(days=1), datetime.timedelta(days=-1), datetime.timedelta(hours=-2)])
def test_a_wrong_clock_is_recovered_from(connect, emulator, off):
    wrong = FakeClock(datetime.datetime.now(datetime.UTC) + off)
    skewed = connect(clock=wrong)
    assert skewed.create_registry("team")["name"] == "team"
    assert skewed.calls[-1]["attempts"] == 2
    assert abs(skewed.now() + off - wrong.now()) < datetime.timedelta(minutes=1)
    assert len(skewed.registries()) == 1 and skewed.calls[-1]["attempts"] == 1
    error = refusal(connect(clock=wrong, secret_key="wrong").registries, AuthenticationFailed)
    assert "the local clock is" in error.message


# --- faults ----------------------------------------------------------------------------------------------------------

PASSING_FAULTS = {
    "reset": "reset",
    "lost-answer": "lost_answer",
    "cut-at-once": {"cut": {"after_bytes": 0}},
    "cut-later": {"cut": {"after_bytes": 20}},
    "500": {"status": {"http": 500}},
    "502-html": {"status": {"http": 502, "html": True}},
    "503-empty": {"status": {"http": 503, "empty": True}},
    "504-without-id": {"status": {"http": 504, "request_id": False}},
    "429": {"status": {"http": 429}},
    "429-html": {"status": {"http": 429, "html": True}},
    "200-html": {"body": {"text": "<html>portal</html>", "content_type": "text/html"}},
    "200-empty": {"body": {"text": ""}},
    "200-no-id": {"body": {"text": '{"result": {}}'}},
    "204": {"body": {"http": 204, "text": ""}},
    "wrong-type": {"wrong_type": {"member": "result", "value": []}},
}


@pytest.mark.parametrize("kind", PASSING_FAULTS)
def test_a_read_recovers_from_what_passes(client, team, emulator, clock, kind):
    emulator.faults(fault(PASSING_FAULTS[kind], "describeRegistry"))
    assert client.registry(team)["name"] == team
    assert client.calls[-1]["attempts"] == 2 and len(clock.slept) == 1


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        ("reset", Unreachable),
        ({"status": {"http": 502, "html": True}}, ServerError),
        ({"status": {"http": 429}}, RateLimited),
        ({"body": {"text": "<html>"}}, ProtocolError),
    ],
)
def test_a_read_gives_up_after_its_retries(client, team, emulator, clock, action, kind):
    emulator.faults(fault(action, times=None))
    with pytest.raises(kind) as caught:
        client.registry(team)
    assert caught.value.attempts == 6 and len(clock.slept) == 5
    assert caught.value.message.startswith("Cannot read registry 'team' in")


@pytest.mark.parametrize("where", ["https://evil.example/", "/login"])
def test_a_redirect_is_not_followed(client, team, emulator, where):
    emulator.faults(fault({"redirect": {"location": where}}))
    with pytest.raises(ProtocolError, match="redirect"):
        client.registry(team)
    assert client.calls[-1]["attempts"] == 1


def test_a_service_that_hangs(connect, team, emulator):
    emulator.faults(fault("hang", times=None))
    hasty = connect(timeout=BRIEF, client={"retries": 1})
    with pytest.raises(Unreachable, match="did not answer") as caught:
        hasty.registry(team)
    assert caught.value.attempts == 2


def test_the_asked_for_wait_is_slept_on_the_clock(client, team, emulator, clock):
    emulator.faults(fault({"status": {"http": 429, "retry_after": 17}}, times=2))
    assert client.registry(team)["name"] == team
    assert len(clock.slept) == 2 and all(17 <= seconds < 18 for seconds in clock.slept)


def test_the_asked_for_wait_counts_for_writes_too(client, emulator, clock):
    emulator.faults(fault({"status": {"http": 429, "retry_after": 3}}, "createRegistry"))
    assert client.create_registry("team")["name"] == "team"
    assert 3 <= clock.slept[0] < 4


def test_no_wait_beyond_the_deadline(connect, team, emulator, clock):
    emulator.faults(fault({"status": {"http": 429, "retry_after": 600}}, times=None))
    error = refusal(lambda: connect(deadline=60.0).registry(team), RateLimited)
    assert "asks to wait 600 seconds" in error.cure
    assert clock.slept == []


WRITES = {
    "createRegistry": lambda client, _token: client.create_registry("other"),
    "deleteRegistry": lambda client, _token: client.delete_registry("empty"),
    "createRepository": lambda client, _token: client.create_repository("team", "another"),
    "deleteRepository": lambda client, _token: client.delete_repository("team", "application"),
    "deleteImage": lambda client, _token: client.delete_image("team", "application", tag_status="untagged"),
    "getAuthorizationToken": lambda client, _token: client.issue_token("team", 1),
    "releaseAuthorizationToken": lambda client, token: client.release_token("team", token),
}


@pytest.fixture
def inventory(client, team):
    """Something to write to for each of WRITES; returns a token to release."""
    client.create_registry("empty")
    client.create_repository(team, "application")
    return client.issue_token(team, 1)["authorization_token"]


@pytest.mark.parametrize(
    "action", ["lost_answer", "reset", {"cut": {"after_bytes": 9}}, {"status": {"http": 502, "html": True}}]
)
@pytest.mark.parametrize("operation", WRITES)
def test_a_write_whose_answer_is_lost_is_sent_once(client, inventory, emulator, clock, operation, action):
    emulator.faults(fault(action, operation))
    with pytest.raises(UnknownOutcome) as caught:
        WRITES[operation](client, inventory)
    assert caught.value.attempts == 1 and clock.slept == []
    assert caught.value.message.startswith("Cannot ")
    assert inventory.reveal() not in caught.value.message
    assert len([entry for entry in emulator.requests() if entry["fault"]]) == 1


@pytest.mark.parametrize("operation", WRITES)
def test_a_write_whose_answer_was_lost_can_be_settled_by_reading(client, inventory, emulator, operation):
    settled = {
        "createRegistry": lambda: client.registry("other") is not None,
        "deleteRegistry": lambda: client.registry("empty") is None,
        "createRepository": lambda: client.repository("team", "another") is not None,
        "deleteRepository": lambda: client.repository("team", "application") is None,
        "deleteImage": lambda: client.images("team", "application", tag_status="untagged") == [],
        "getAuthorizationToken": lambda: len(client.tokens("team")) == 2,
        "releaseAuthorizationToken": lambda: client.tokens("team") == [],
    }
    emulator.faults(fault("lost_answer", operation))
    with pytest.raises(UnknownOutcome):
        WRITES[operation](client, inventory)
    assert settled[operation]()


@pytest.mark.parametrize("operation", WRITES)
def test_check_mode_sends_no_write(connect, inventory, emulator, operation):
    before = len(emulator.requests())
    with pytest.raises(JcrError, match="check mode"):
        WRITES[operation](connect(client={"read_only": True}), inventory)
    assert len(emulator.requests()) == before


def test_no_secret_shows_in_trace_or_errors(connect, inventory, emulator):
    canaried = connect(security_token="sts-canary-123456")
    emulator.faults(fault({"body": {"text": emulator.secret_key + " sts-canary-123456"}}, times=None))
    with pytest.raises(JcrError) as caught:
        canaried.registries()
    shown = caught.value.message + repr(caught.value.failure()) + repr(canaried.calls) + repr(canaried.account)
    assert emulator.secret_key not in shown and "sts-canary" not in shown
    assert Secret(emulator.secret_key) == canaried.account.credential.secret_key
