# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The client against answers of which every byte is chosen: what counts as success, as refusal, as nothing at all."""

from __future__ import annotations

import contextlib
import datetime
import email.utils
import json
import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.jdcloud.jcr.plugins.module_utils import _signing
from ansible_collections.jdcloud.jcr.plugins.module_utils._client import Client
from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Deadline
from ansible_collections.jdcloud.jcr.plugins.module_utils._credentials import Account, Credential
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import (
    AlreadyExists,
    ApiError,
    AuthenticationFailed,
    CheckModeViolation,
    ConfigurationError,
    DeadlineExceeded,
    Forbidden,
    InvalidArgument,
    JcrError,
    MfaRequired,
    NotFound,
    PreconditionFailed,
    ProtocolError,
    QuotaExceeded,
    RateLimited,
    RuleError,
    ServerError,
    UnknownOutcome,
    Unreachable,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import Secret
from ansible_collections.jdcloud.jcr.plugins.module_utils._transport import Transport
from tests.support.fake_clock import START, FakeClock
from tests.support.scripted_server import ScriptedServer, cut, endless, reply, reset

SECRET_KEY = "sk-canary-0123456789"
SECURITY_TOKEN = "sts-canary-0123456789"
REQUEST_ID = "bbf8vinuw9142j3npttfgp2kg4vf9bj7"
REGISTRY = {"name": "team", "registryUri": "team-cn-north-1.jcr.service.jdcloud.com", "totalSpaceUsedMB": 1.5}
TOKEN = "amRjbG91ZDphYmNkZWZnaGlqa2xtbm9w"  # base64 of jdcloud:abcdefghijklmnop


def ok(result=None, **headers):
    body = {"requestId": REQUEST_ID}
    if result is not None:
        body["result"] = result
    return reply(200, body, **headers)


def refused(status, word, message="no", http=None, request_id=REQUEST_ID, **headers):
    body = {"error": {"code": status, "status": word, "message": message}}
    if request_id:
        body["requestId"] = request_id
    return reply(http or status, body, **headers)


def client_to(server, clock=None, deadline=None, security_token=None, **options):
    clock = clock or FakeClock()
    secret = Secret(security_token) if security_token else None
    account = Account(Credential("AK", Secret(SECRET_KEY), secret, "a test"), "cn-north-1", server.url)
    return Client(
        account,
        transport=Transport(server.url, verify=True, timeout=20.0, clock=clock),
        clock=clock,
        deadline=Deadline(clock, deadline),
        random=random.Random(1),
        **options,
    )


@contextlib.contextmanager
def conversation(*script, **options):
    """A client and the server that answers it by the script."""
    with ScriptedServer(*script) as server, contextlib.closing(client_to(server, **options)) as client:
        yield client, server


def failure(*script, call=lambda client: client.registry("team"), expect=JcrError, **options):
    with conversation(*script, **options) as (client, _server), pytest.raises(expect) as caught:
        call(client)
    assert caught.value.__class__ is expect or expect is JcrError
    assert "canary" not in caught.value.message
    return caught.value


def create(client):
    return client.create_registry("team")


# --- requests --------------------------------------------------------------------------------------------------------


def test_what_is_signed_is_what_is_sent():
    clock = FakeClock()
    options = {"clock": clock, "security_token": SECURITY_TOKEN, "nonce": lambda: "nonce-1"}
    with conversation(ok({"registry": REGISTRY}), **options) as (client, server):
        client.create_registry("team", "\u6d4b\u8bd5 \U0001f433")
    request = server.requests[0]
    assert json.loads(request.body) == {"registryName": "team", "description": "\u6d4b\u8bd5 \U0001f433"}
    headers = {name.lower(): value for name, value in request.headers.items()}
    signed_names = re.search("SignedHeaders=([^,]+)", headers["authorization"])[1].split(";")
    assert {"host", "content-type", "x-jdcloud-date", "x-jdcloud-nonce", "x-jdcloud-security-token"} <= set(
        signed_names
    )
    canonical = _signing.canonical_request(
        request.method, server.url + request.target, {name: headers[name] for name in signed_names}, request.body
    )
    date = headers["x-jdcloud-date"]
    scope = _signing.scope_of(date, "cn-north-1")
    expected = _signing.signature_of(SECRET_KEY, scope, _signing.string_to_sign(date, scope, canonical))
    assert headers["authorization"].endswith(f"Signature={expected}")
    assert date == START.strftime("%Y%m%dT%H%M%SZ")


def test_every_attempt_is_signed_anew():
    nonces = iter(("one", "two"))
    clock = FakeClock()
    with conversation(reply(503, b""), ok({"registry": REGISTRY}), clock=clock, nonce=lambda: next(nonces)) as (
        client,
        server,
    ):
        client.registry("team")
    assert [request.headers["x-jdcloud-nonce"] for request in server.requests] == ["one", "two"]
    signatures = {request.headers["Authorization"].rpartition("=")[2] for request in server.requests}
    assert len(signatures) == 2
    assert server.connections == 1


@pytest.mark.parametrize(
    ("call", "method", "target", "body"),
    [
        (lambda client: client.delete_registry("team"), "DELETE", "/registries/team", None),
        (
            lambda client: client.delete_repository("team", "a/b_c"),
            "DELETE",
            "/registries/team/repositories/a/b_c",
            None,
        ),
        (
            lambda client: client.delete_repository("team", "a", force=True),
            "DELETE",
            "/registries/team/repositories/a?force=true",
            None,
        ),
        (
            lambda client: client.delete_image("team", "a/b", tag="v1"),
            "POST",
            "/registries/team/repositories/a/b:deleteImage",
            {"imageTag": "v1"},
        ),
        (
            lambda client: client.delete_image("team", "a", tag_status="untagged"),
            "POST",
            "/registries/team/repositories/a:deleteImage",
            {"imageTagStatus": "untagged"},
        ),
        (
            lambda client: client.release_token("team", Secret(TOKEN)),
            "POST",
            "/registries/team:releaseAuthorizationToken",
            {"authorizationToken": TOKEN},
        ),
        (
            lambda client: client.release_all_tokens("team"),
            "POST",
            "/registries/team:releaseAuthorizationToken",
            {"forceAll": True},
        ),
    ],
)
def test_the_bytes_of_a_request(call, method, target, body):
    with conversation(ok()) as (client, server):
        call(client)
    request = server.requests[0]
    assert (request.method, request.target) == (method, "/v1/regions/cn-north-1" + target)
    assert (json.loads(request.body) if request.body else None) == body


@pytest.mark.parametrize("name", ["..", "a/../../x", "a//b", "", "./a", "a/"])
def test_a_name_that_changes_the_path_is_refused_before_sending(name):
    with conversation() as (client, _server):
        for call in (client.registry, client.delete_registry, lambda name: client.delete_repository("team", name)):
            with pytest.raises(RuleError):
                call(name)


@pytest.mark.parametrize("name", ["a?x=1#", "a%2F..%2Fb", "\u6d4b", "a b", "a;b", "a:b"])
def test_a_strange_name_stays_one_segment_of_the_path(name):
    with conversation(ok()) as (client, server):
        client.delete_registry(name)
    assert re.fullmatch(r"/v1/regions/cn-north-1/registries/[A-Za-z0-9%._~-]+", server.requests[0].target)


WRITES = {
    "create_registry": lambda client: client.create_registry("team"),
    "delete_registry": lambda client: client.delete_registry("team"),
    "create_repository": lambda client: client.create_repository("team", "app"),
    "delete_repository": lambda client: client.delete_repository("team", "app"),
    "delete_image": lambda client: client.delete_image("team", "app", tag="v1"),
    "issue_token": lambda client: client.issue_token("team", 12),
    "release_token": lambda client: client.release_token("team", Secret(TOKEN)),
    "release_all_tokens": lambda client: client.release_all_tokens("team"),
}


@pytest.mark.parametrize("write", WRITES)
def test_check_mode_cannot_write(write):
    with conversation(read_only=True) as (client, server):
        with pytest.raises(CheckModeViolation, match="check mode"):
            WRITES[write](client)
        assert client.calls == []
    assert server.connections == 0


# --- answers that are none -------------------------------------------------------------------------------------------

FOREIGN = {
    "html": reply(200, b"<html>login sk-canary-0123456789</html>", content_type="text/html"),
    "empty": reply(200, b""),
    "204": reply(204, b""),
    "blank": reply(200, b" \n"),
    "cut-json": reply(200, b'{"requestId": "x", "result": {"registry": {"name": "te'),
    "list": reply(200, [{"requestId": "x"}]),
    "text": reply(200, "requestId"),
    "null": reply(200, None),
    "no-request-id": reply(200, {"result": {"registry": REGISTRY}}),
    "empty-request-id": reply(200, {"requestId": "", "result": {"registry": REGISTRY}}),
    "wrong-request-id": reply(200, {"requestId": 7, "result": {"registry": REGISTRY}}),
    "no-result": ok(),
    "null-result": reply(200, {"requestId": "x", "result": None}),
    "result-list": reply(200, {"requestId": "x", "result": [REGISTRY]}),
    "field-missing": ok({"registries": []}),
    "field-null": ok({"registry": None}),
    "field-wrong-type": ok({"registry": [REGISTRY]}),
    "name-missing": ok({"registry": {"registryUri": "x"}}),
    "name-wrong-type": ok({"registry": {**REGISTRY, "name": 5}}),
    "size-wrong-type": ok({"registry": {**REGISTRY, "totalSpaceUsedMB": True}}),
    "about-another": ok({"registry": {**REGISTRY, "name": "other"}}),
    "error-wrong-type": reply(200, {"requestId": "x", "error": "broken"}),
    "not-utf-8": reply(200, b'{"requestId": "\xff\xfe"}'),
    "utf-16": reply(200, '{"requestId": "x"}'.encode("utf-16")),
    "deep": reply(200, b'{"requestId": "x", "result": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"),
    "deep-objects": reply(200, b'{"a":' * 200_000 + b"1" + b"}" * 200_000),
    "long-integer": reply(
        200, b'{"requestId": "x", "result": {"registry": {"name": "team", "n": ' + b"9" * 5000 + b"}}}"
    ),
    "nan": reply(200, b'{"requestId": "x", "result": {"registry": {"name": "team", "totalSpaceUsedMB": NaN}}}'),
    "infinity": reply(200, b'{"requestId": "x", "result": {"registry": {"name": "team", "totalSpaceUsedMB": 1e999}}}'),
    "key-twice": reply(200, b'{"requestId": "x", "requestId": "y", "result": {"registry": {"name": "team"}}}'),
    "403-html": reply(403, b"<html>blocked</html>", content_type="text/html"),
    "404-html": reply(404, b"<html>no such page</html>", content_type="text/html"),
    "404-without-request-id": refused(404, "NOT_FOUND", request_id=None),
    "400-without-error": reply(400, {"requestId": "x"}),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_read_takes_no_foreign_answer_for_the_truth(kind):
    error = failure(FOREIGN[kind], retries=0, expect=ProtocolError)
    assert error.message.startswith("Cannot read registry 'team' in cn-north-1: ")
    assert error.attempts == 1


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_read_outlives_one_foreign_answer(kind):
    clock = FakeClock()
    with conversation(FOREIGN[kind], ok({"registry": REGISTRY}), clock=clock) as (client, _server):
        found = client.registry("team")
    assert (found["name"], found["region"], found["size_mb"]) == ("team", "cn-north-1", 1.5)
    assert len(clock.slept) == 1


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_write_with_a_foreign_answer_may_or_may_not_be_done(kind):
    error = failure(FOREIGN[kind], call=create, expect=UnknownOutcome)
    assert error.message.startswith("Cannot create registry 'team' in cn-north-1: the request was sent")
    assert error.retryable and error.attempts == 1


def test_a_foreign_answer_is_quoted_scrubbed_and_short():
    page = b"<html>" + b"x" * 100 + SECRET_KEY.encode() + b"y" * 1000 + b"\x1b[31m</html>"
    error = failure(reply(200, page, content_type="text/html"), retries=0, expect=ProtocolError)
    assert "text/html" in error.message and "<html>" in error.message and "********" in error.message
    assert len(error.message) < 600 and "\x1b" not in error.message


def test_a_secret_at_the_edge_of_the_quotation_does_not_show_in_part():
    page = b"x" * 190 + SECRET_KEY.encode()
    error = failure(reply(200, page), retries=0, expect=ProtocolError)
    assert SECRET_KEY[:6] not in error.message


def test_no_answer_that_may_hold_a_token_is_quoted():
    half = (
        b'{"requestId": "x", "result": {"authorizationToken": "'
        + TOKEN.encode()
        + b'", "loginCmdLine": "docker login -p ab'
    )
    for call in (lambda client: client.issue_token("team", 1), lambda client: client.tokens("team")):
        error = failure(reply(200, half), call=call, retries=0)
        assert TOKEN[:8] not in error.message and "docker" not in error.message


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_no_answer(status):
    moved = reply(status, b"", location="https://evil.example/path")
    error = failure(moved, expect=ProtocolError)
    assert "evil.example" in error.message and "path" not in error.message
    assert failure(moved, call=create, expect=UnknownOutcome).http_status == status


_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
_KEYS = st.sampled_from(
    ["requestId", "result", "error", "registry", "name", "code", "status", "message", "totalSpaceUsedMB"]
)
_JSON = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=5), max_leaves=12
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([200, 201, 400, 401, 403, 404, 409, 418, 429, 500, 503]), _JSON | st.binary(max_size=40))
def test_any_answer_is_the_registry_or_an_error(status, content):
    """No body whatever makes a traceback, or a success of what is not the registry."""
    with FuzzTransport(status, content) as transport:
        account = Account(Credential("AK", Secret(SECRET_KEY), None, "a test"), "cn-north-1", "https://host.example")
        clock = FakeClock()
        client = Client(account, transport=transport, clock=clock, deadline=Deadline(clock, None), retries=0)
        try:
            found = client.registry("team")
        except JcrError:
            return
        if found is None:
            assert status == 404 or content["error"]["code"] == 404
        else:
            assert status in (200, 201) and found["name"] == "team" and content["requestId"]


class FuzzTransport(contextlib.AbstractContextManager):
    """Answers with one body, without a network in between."""

    def __init__(self, status, content):
        self.status = status
        self.body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.headers = {}
        self.elapsed = 0.0

    def __exit__(self, *_exception):
        return None

    def send(self, *_args, **_options):
        return self


# --- refusals --------------------------------------------------------------------------------------------------------

REFUSALS = [
    (400, "INVALID_ARGUMENT", InvalidArgument),
    (400, "OUT_OF_RANGE", InvalidArgument),
    (400, "HTTP_BAD_REQUEST", InvalidArgument),
    (400, "FAILED_PRECONDITION", PreconditionFailed),
    (401, "UNAUTHENTICATED", AuthenticationFailed),
    (401, "ACCESS_ERROR", AuthenticationFailed),
    (403, "HTTP_FORBIDDEN", Forbidden),
    (403, "PERMISSION_DENIED", Forbidden),
    (404, "NOT_FOUND", NotFound),
    (409, "ALREADY_EXISTS", AlreadyExists),
    (409, "ABORTED", ApiError),
    (413, "HTTP_REQUEST_ENTITY_TOO_LARGE", ApiError),
    (429, "QUOTA_EXCEEDED", QuotaExceeded),
    (429, "RATE_LIMIT", RateLimited),
    (429, "RATE_LIMIT_EXCEEDED", RateLimited),
    (429, "HTTP_RATE_LIMIT_EXCEEDED", RateLimited),
    (429, None, RateLimited),
]


@pytest.mark.parametrize(("status", "word", "expected"), REFUSALS)
def test_which_refusal_is_which_error(status, word, expected):
    error = failure(refused(status, word, "because"), call=WRITES["release_all_tokens"], retries=0, expect=expected)
    assert error.message.startswith("Cannot release tokens of registry 'team' in cn-north-1: the service answered")
    assert "because" in error.message and REQUEST_ID in error.message
    told = error.failure()["error"]
    assert (told["http_status"], told["code"], told["status"], told["attempts"]) == (status, status, word, 1)
    assert told["retryable"] is (expected is RateLimited)


@pytest.mark.parametrize(
    ("status", "word"),
    [(500, "INTERNAL"), (502, "SOURCE_UNAVAILABLE"), (503, "UNAVAILABLE"), (504, "DEADLINE_EXCEEDED")],
)
def test_a_server_error_is_tried_again_by_reads_and_unknown_to_writes(status, word):
    clock = FakeClock()
    script = [refused(status, word)] * 3
    error = failure(*script, clock=clock, retries=2, expect=ServerError)
    assert error.attempts == 3 and len(clock.slept) == 2 and error.retryable
    assert failure(refused(status, word), call=create, expect=UnknownOutcome).http_status == status


def test_a_server_error_in_html_is_a_server_error():
    page = reply(502, b"<html>Bad Gateway</html>", content_type="text/html")
    assert "Bad Gateway" in failure(page, retries=0, expect=ServerError).message


def test_not_implemented_is_final_and_not_done():
    failure(refused(501, "NOT_IMPLEMENTED"), expect=ServerError)
    failure(refused(501, "NOT_IMPLEMENTED"), call=create, expect=ServerError)


@pytest.mark.parametrize("http", [200, 201])
def test_an_error_inside_a_success_is_an_error(http):
    assert failure(refused(409, "ALREADY_EXISTS", http=http), call=create, expect=AlreadyExists).http_status == 409
    with conversation(refused(404, "NOT_FOUND", http=http)) as (client, _server):
        assert client.registry("team") is None
    both = reply(
        http, {"requestId": "x", "result": {"registry": REGISTRY}, "error": {"code": 403, "message": "in part"}}
    )
    assert "in part" in failure(both, call=create, expect=Forbidden).message
    error = failure(reply(http, {"requestId": "x", "error": {"message": "odd"}}), expect=ApiError)
    assert "odd" in error.message


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.registries(),
        lambda client: client.repositories("team"),
        lambda client: client.images("team", "app"),
        lambda client: client.quotas(),
        lambda client: client.tokens("team"),
    ],
)
@pytest.mark.parametrize("result", [{}, {"totalCount": 0}], ids=["nothing", "total only"])
def test_a_listing_without_its_list_is_empty(call, result):
    with conversation(ok(result)) as (client, _server):
        assert call(client) == []


@pytest.mark.parametrize("name", [7, "other"], ids=["wrong type", "of another one"])
def test_an_answer_that_cannot_be_read_is_told_with_its_request_id(name):
    broken = ok({"registry": {**REGISTRY, "name": name}}, x_jdcloud_request_id=REQUEST_ID)
    error = failure(broken, expect=ProtocolError, retries=0)
    assert (error.request_id, error.http_status, error.attempts) == (REQUEST_ID, 200, 1)
    assert error.cure


def test_a_404_of_another_service_is_not_an_absent_registry():
    error = failure(refused(404, "NOT_FOUND", "no route and no API found with those values"), expect=ConfigurationError)
    assert "endpoint" in error.cure and "region" in error.cure


@pytest.mark.parametrize(
    ("status", "word", "message", "kind", "words"),
    [
        (403, "HTTP_FORBIDDEN", "Real-name verification is required", Forbidden, ("real-name verification", "console")),
        (400, "FAILED_PRECONDITION", "请先完成实名认证", PreconditionFailed, ("real-name verification", "console")),
        (400, "FAILED_PRECONDITION", "account balance is below RMB 50", PreconditionFailed, ("Recharge", "console")),
        (400, "INVALID_ARGUMENT", "账户余额不足", InvalidArgument, ("Recharge", "RMB 50")),
        (403, "HTTP_FORBIDDEN", "service stopped by arrears", Forbidden, ("Recharge",)),
        (403, "HTTP_FORBIDDEN", "No permission", Forbidden, ("policy",)),
    ],
)
def test_what_to_do_about_an_account_that_is_not_ready(status, word, message, kind, words):
    error = failure(refused(status, word, message), call=create, expect=kind)
    for part in words:
        assert part in error.cure
    assert message in error.message


DELETES = [WRITES[name] for name in ("delete_registry", "delete_repository", "delete_image")]


@pytest.mark.parametrize("delete", DELETES)
@pytest.mark.parametrize(
    ("message", "token", "kind", "words"),
    [
        ("operation protection requires a security token", None, MfaRequired, "security_token"),
        ("No permission", None, MfaRequired, "policy"),
        ("No permission", SECURITY_TOKEN, Forbidden, "policy"),
        ("security token is invalid", SECURITY_TOKEN, MfaRequired, "get a new one"),
        ("real-name verification is missing", None, Forbidden, "real-name"),
    ],
)
def test_a_forbidden_delete_is_told_apart_from_operation_protection(delete, message, token, kind, words):
    error = failure(refused(403, "HTTP_FORBIDDEN", message), call=delete, security_token=token, expect=kind)
    assert words in error.cure


def test_other_forbidden_writes_are_never_taken_for_operation_protection():
    failure(refused(403, "HTTP_FORBIDDEN", "No permission"), call=create, expect=Forbidden)


def test_a_full_quota_says_how_full():
    quotas = {
        "quotas": [
            {"resourceType": "registry", "limit": 5, "used": 5},
            {"resourceType": "repository", "limit": 9, "used": 1},
        ]
    }
    error = failure(refused(429, "QUOTA_EXCEEDED", "Out of quota"), ok(quotas), call=create, expect=QuotaExceeded)
    assert "5 of 5 are used" in error.message and "ticket" in error.cure
    error = failure(refused(429, "QUOTA_EXCEEDED"), refused(403, "X"), call=create, expect=QuotaExceeded)
    assert "are used" not in error.message


def test_one_quota_is_asked_for_by_the_service_s_filter():
    both = {"quotas": [{"resourceType": name, "limit": 5, "used": 1} for name in ("registry", "repository")]}
    with conversation(ok(both)) as (client, server):
        assert [quota["resource_type"] for quota in client.quotas("repository")] == ["repository"]
    assert server.requests[0].target.endswith("/quotas?filters.1.name=resourceTypes&filters.1.values.1=repository")


def test_foreign_texts_are_scrubbed_and_kept_short():
    message = f"{SECRET_KEY} \x1b[31m\n\n{'x' * 5000}"
    error = failure(refused(400, "INVALID_ARGUMENT", message), call=create, expect=InvalidArgument)
    assert "********" in error.message and len(error.message) < 900 and "\x1b" not in error.message


def test_a_released_token_is_not_repeated_from_a_message():
    call = WRITES["release_token"]
    error = failure(refused(404, "NOT_FOUND", f"token {TOKEN} (abcdefghijklmnop) unknown"), call=call, expect=NotFound)
    assert TOKEN not in error.message


# --- when to send again ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("broken", [reset(), cut(b""), cut(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{")])
def test_a_lost_answer_is_read_again_but_never_written_again(broken):
    with conversation(broken, ok({"registry": REGISTRY})) as (client, _server):
        assert client.registry("team")["name"] == "team"
        assert client.calls[-1]["attempts"] == 2
    for write in WRITES.values():
        error = failure(broken, call=write, expect=UnknownOutcome)
        assert error.attempts == 1 and isinstance(error.__cause__, Unreachable)


def test_a_lost_token_is_told_to_count():
    assert "counts as one of the 5" in failure(reset(), call=WRITES["issue_token"], expect=UnknownOutcome).cure


def test_a_write_that_never_left_is_sent_again(monkeypatch):
    with conversation(ok({"registry": REGISTRY})) as (client, _server):
        send, refusals = client._transport.send, [1, 2]

        def refuse_twice(*args, **options):
            if refusals:
                refusals.pop()
                error = Unreachable("nobody listens")
                error.sent = False
                raise error
            return send(*args, **options)

        monkeypatch.setattr(client._transport, "send", refuse_twice)
        assert create(client)["name"] == "team"
        assert client.calls[-1]["attempts"] == 3


@pytest.mark.parametrize("call", [lambda client: client.registry("team"), create])
def test_too_many_calls_are_waited_for_as_long_as_asked(call):
    clock = FakeClock()
    later = email.utils.format_datetime(START + datetime.timedelta(seconds=7 + 40), usegmt=True)
    script = [
        refused(429, "RATE_LIMIT", retry_after="7"),
        refused(429, "HTTP_RATE_LIMIT_EXCEEDED", retry_after=later),
        ok({"registry": REGISTRY}),
    ]
    with conversation(*script, clock=clock) as (client, _server):
        assert call(client)["name"] == "team"
    assert 7 <= clock.slept[0] < 8
    assert 39 <= clock.slept[1] < 41


def test_a_wait_longer_than_the_deadline_is_not_begun():
    clock = FakeClock()
    script = [refused(429, "RATE_LIMIT", retry_after="60")]
    error = failure(*script, clock=clock, deadline=30.0, expect=RateLimited)
    assert clock.slept == [] and "wait 60 seconds" in error.cure


def test_a_quota_is_never_waited_for():
    clock = FakeClock()
    failure(
        refused(429, "QUOTA_EXCEEDED", retry_after="1"), call=WRITES["issue_token"], clock=clock, expect=QuotaExceeded
    )
    assert clock.slept == []


def test_retries_are_counted_and_wait_longer_each_time():
    clock = FakeClock()
    error = failure(*[reply(503, b"")] * 6, clock=clock, expect=ServerError)
    assert error.attempts == 6
    assert len(clock.slept) == 5 and clock.slept[-1] > clock.slept[0]


def test_an_endpoint_where_nobody_listens_is_given_up_soon():
    clock, told = FakeClock(), []
    gone = ScriptedServer()
    with gone:
        pass
    with contextlib.closing(client_to(gone, clock=clock, tell=told.append)) as client:
        with pytest.raises(Unreachable, match="refuses the connection") as caught:
            client.registry("team")
    assert caught.value.attempts == 6
    assert len(clock.slept) == 5 and sum(clock.slept) <= 2.5
    address = gone.url.removeprefix("http://")
    assert told[0] == (
        f"describeRegistry: {address} refuses the connection; attempt 2 of 6 follows in {clock.slept[0]:.1f} seconds"
    )
    assert len(told) == 5


def test_an_endpoint_that_goes_away_is_waited_for():
    """Everything that could be wrong with the address was right before."""
    clock, server = FakeClock(), ScriptedServer(ok({"registry": REGISTRY}))
    with contextlib.closing(client_to(server, clock=clock)) as client:
        with server:
            client.registry("team")
        with pytest.raises(Unreachable, match="refuses the connection"):
            client.registry("team")
    assert len(clock.slept) == 5 and sum(clock.slept) > 7.5


def test_the_deadline_of_a_dripping_answer():
    drip = endless(b"HTTP/1.1 200 OK\r\nContent-Length: 8000000\r\n\r\n", b"x")
    failure(drip, clock=FakeClock(tick=0.5), deadline=15.0, expect=DeadlineExceeded)
    failure(drip, clock=FakeClock(tick=0.5), deadline=15.0, call=create, expect=UnknownOutcome)


def test_a_deadline_that_passed_sends_nothing():
    clock = FakeClock()
    with conversation(clock=clock, deadline=5.0) as (client, _server):
        clock.advance(6.0)
        with pytest.raises(DeadlineExceeded, match="deadline of 5 seconds"):
            create(client)


# --- the service's time ----------------------------------------------------------------------------------------------


def dated(moment):
    return email.utils.format_datetime(moment.astimezone(datetime.UTC), usegmt=True)


@pytest.mark.parametrize("off", [-86400, -3600, 3600, 86400])
def test_a_wrong_clock_is_corrected_once(off):
    there = dated(START + datetime.timedelta(seconds=off))
    script = [
        refused(401, "ACCESS_ERROR", "sign result is not same", date=there),
        ok({"registry": REGISTRY}, date=there),
    ]
    clock = FakeClock()
    with conversation(*script, clock=clock, retries=0) as (client, server):
        assert create(client)["name"] == "team"
        told = client.now() - START
    assert off <= told.total_seconds() <= off + 1  # a Date has whole seconds
    signed = [request.headers["x-jdcloud-date"] for request in server.requests]
    assert signed[1] == (START + told).strftime("%Y%m%dT%H%M%SZ")
    assert clock.slept == []


@pytest.mark.parametrize(("off", "words"), [(86400, "1 day, 0:00:00 behind"), (-7201, "2:00:00 ahead")])
def test_a_wrong_clock_and_a_wrong_key_are_both_told(off, words):
    there = dated(START + datetime.timedelta(seconds=off))
    error = failure(*[refused(401, "UNAUTHENTICATED", date=there)] * 2, expect=AuthenticationFailed)
    assert words in error.message and "Set the clock" in error.cure and "secret key" in error.cure


@pytest.mark.parametrize(
    "date",
    [
        dated(START),
        dated(START + datetime.timedelta(seconds=200)),
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "Mon, 01 Jan 0001 00:00:00 +2359",
        "yesterday",
        "",
        None,
    ],
)
def test_a_wrong_key_with_a_right_clock_is_told_at_once(date):
    headers = {} if date is None else {"date": date}
    error = failure(refused(401, "ACCESS_ERROR", "Invalid accessKey", **headers), expect=AuthenticationFailed)
    assert "clock" not in error.message


def test_a_date_that_the_local_clock_explains_changes_nothing():
    with conversation(ok({"registry": REGISTRY}, date=dated(START - datetime.timedelta(seconds=1)))) as (
        client,
        _server,
    ):
        client.registry("team")
        assert client.now() == START


# --- results ---------------------------------------------------------------------------------------------------------


def repositories(*names, total=None, registry="team"):
    models = [{"registryName": registry, "repositoryName": name} for name in names]
    return ok({"repositories": models, "totalCount": len(models) if total is None else total})


def test_a_listing_is_read_page_by_page():
    pages = [repositories("a", "b", total=5), repositories("c", "d", total=5), repositories("e", total=5)]
    with conversation(*pages) as (client, server):
        assert [repository["name"] for repository in client.repositories("team")] == ["a", "b", "c", "d", "e"]
    bodies = [json.loads(request.body) for request in server.requests]
    assert [(body["pageNumber"], body["pageSize"], body["registryName"]) for body in bodies] == [
        (1, 100, "team"),
        (2, 100, "team"),
        (3, 100, "team"),
    ]


def test_a_listing_that_changed_is_read_again():
    changed = [repositories("a", "b", total=4), repositories("b", "d", total=4), repositories(total=4)]
    with conversation(*changed, repositories("b", "c", "d", total=3)) as (client, _server):
        assert [repository["name"] for repository in client.repositories("team")] == ["b", "c", "d"]


def test_one_object_that_went_and_another_one_that_came_are_noticed():
    """What is found fits the last total, and yet one object ("c", on the border of two pages) was never seen."""
    shifted = [repositories("a", "b", total=3), repositories("d", "e", total=4)]
    with conversation(*shifted, repositories("b", "c", "d", "e", total=4)) as (client, _server):
        assert [repository["name"] for repository in client.repositories("team")] == ["b", "c", "d", "e"]


def test_a_listing_that_never_comes_to_rest_is_an_error():
    script = [repositories("a", "b", total=3), repositories("b", total=3)] * 3
    error = failure(*script, call=lambda client: client.repositories("team"), expect=ProtocolError)
    assert "changed while it was read" in error.message and "3 objects and gave 2" in error.message


def test_a_listing_that_never_comes_to_rest_can_be_put_up_with():
    told = []
    script = [repositories("a", "b", total=3), repositories("b", total=3)] * 3
    with conversation(*script) as (client, _server):
        found = client.repositories("team", unsteady=told.append)
    assert [repository["name"] for repository in found] == ["a", "b"]
    assert len(told) == 1 and "3 objects and gave 2" in told[0]


def test_a_listing_that_ignores_pages_ends():
    answer = ok(
        {"authorizationTokens": [{"authorizationToken": TOKEN, "expiresAt": "1767312000"}] * 3, "totalCount": 1}
    )
    with conversation(answer) as (client, _server):
        tokens = client.tokens("team")
    assert [token["authorization_token"] for token in tokens] == [Secret(TOKEN)]
    assert TOKEN not in repr(tokens)


def test_a_listing_without_a_total_ends_with_the_first_page_that_brings_nothing_new():
    untold = [{"registryName": "team", "repositoryName": "a"}]
    with conversation(ok({"repositories": untold}), ok({"repositories": None})) as (client, _server):
        assert [repository["name"] for repository in client.repositories("team")] == ["a"]


def test_the_fuzzy_filter_never_leaks():
    fuzzy = [repositories("app-1", "my-app", total=3), repositories("app", total=3)]
    with conversation(*fuzzy) as (client, server):
        assert client.repository("team", "app")["name"] == "app"
    assert json.loads(server.requests[0].body)["filters"] == [{"name": "name", "values": ["app"]}]
    with conversation(repositories("app-1", "my-app")) as (client, _server):
        assert client.repository("team", "app") is None
    with conversation(repositories("app", registry="other")) as (client, _server):
        assert client.repository("team", "app") is None
    with conversation(refused(404, "NOT_FOUND")) as (client, _server):
        assert client.repository("team", "app") is None


def test_filters_that_the_service_ignores_are_applied_here():
    digests = ["sha256:" + digit * 64 for digit in "abc"]
    tags = [["v1", "latest"], ["v2"], []]
    models = [
        {"registryName": "team", "repositoryName": "app", "imageDigest": digest, "imageTags": names}
        for digest, names in zip(digests, tags, strict=True)
    ]
    foreign = {**models[0], "repositoryName": "app-2", "imageDigest": "sha256:" + "d" * 64}
    answer = ok({"imageDetails": [*models, foreign], "totalCount": 4})
    for options, expected in (
        ({}, digests),
        ({"tag": "v2"}, digests[1:2]),
        ({"digest": digests[2]}, digests[2:]),
        ({"tag_status": "tagged"}, digests[:2]),
        ({"tag_status": "untagged"}, digests[2:]),
        ({"tag": "v3"}, []),
    ):
        with conversation(answer) as (client, _server):
            assert [image["digest"] for image in client.images("team", "app", **options)] == expected


def test_an_issued_token_is_secret_from_the_start():
    result = {
        "authorizationToken": TOKEN,
        "loginCmdLine": "docker login -p abcdefghijklmnop",
        "expiresAt": "1767312000",
    }
    with conversation(ok(result)) as (client, server):
        token = client.issue_token("team", 3)
        assert "abcdefghijklmnop" not in json.dumps(client.calls)
    assert json.loads(server.requests[0].body) == {"expiredAfterHours": 3}
    assert (token["username"], token["password"].reveal()) == ("jdcloud", "abcdefghijklmnop")
    assert token["expires_at"] == datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)
    assert "abcdefghijklmnop" not in repr(token) and TOKEN not in repr(token) and "loginCmdLine" not in token


def test_calls_are_traced_without_secrets():
    script = [reply(503, b""), ok({"registry": REGISTRY}, x_jdcloud_request_id="header-id"), refused(404, "NOT_FOUND")]
    with conversation(*script, security_token=SECURITY_TOKEN) as (client, _server):
        client.registry("team")
        client.registry("team")
        calls = client.calls
    assert [(call["operation"], call["http_status"], call["attempts"]) for call in calls] == [
        ("describeRegistry", 200, 2),
        ("describeRegistry", 404, 1),
    ]
    assert calls[0]["request_id"] == "header-id" and calls[0]["milliseconds"] >= 0
    assert "canary" not in json.dumps(calls)
