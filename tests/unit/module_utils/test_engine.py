# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The engine port against scripted engines, on real sockets."""

from __future__ import annotations

import base64
import dataclasses
import json
import os
import socket
import ssl
import threading
import traceback

import pytest
import requests
import trustme

from ansible_collections.jdcloud.jcr.plugins.module_utils import _engineclient
from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Clock, Deadline
from ansible_collections.jdcloud.jcr.plugins.module_utils._engine import Engine, lone_image
from ansible_collections.jdcloud.jcr.plugins.module_utils._engineaddress import engine_address
from ansible_collections.jdcloud.jcr.plugins.module_utils._engineclient import EngineClient
from ansible_collections.jdcloud.jcr.plugins.module_utils._enginetransfer import Transfer
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import (
    ConfigurationError,
    DeadlineExceeded,
    EngineError,
    ImageNotFound,
    JcrError,
    LoginRefused,
    MissingLibrary,
    RuleError,
    TransferFailed,
    TransferRefused,
    Unreachable,
    from_failure,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._reference import ImageReference
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import Secret
from tests.support.fake_clock import FakeClock
from tests.support.pushstreams import SCRIPTS, TAG, script
from tests.support.scripted_server import ScriptedServer, cut, endless, reply, silence

HOST = "127.0.0.1:1"  # nobody listens there: what the engine says is all that is known of this registry
NAME = f"{HOST}/app/web"
REFERENCE = f"{NAME}:{TAG}"
DIGEST = "sha256:" + "0123456789abcdef" * 4
OTHER = "sha256:" + "fedcba9876543210" * 4
IMAGE_ID = "sha256:" + "e12b59aff584" + "0" * 52
PASSWORD = Secret("pass-word/of+the=token")
NOBODY = 65534
FOREVER = Deadline(Clock(), None)

PING = reply(200, b"OK", **{"Api-Version": "1.41"})
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
NOT_THERE = reply(404, {"message": "manifest unknown: manifest unknown"})
WAITING = [{"status": f"Retrying in {seconds} seconds", "id": "fdd5a11e926b"} for seconds in (5, 10, 15, 20)]


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def stream(*events, end=b"0\r\n\r\n"):
    """An answer of an engine: some events, and how the answer ends."""
    lines = [event if isinstance(event, bytes) else json.dumps(event).encode() + b"\r\n" for event in events]
    few = max(1, len(lines) // 1000)  # lines in a chunk; an engine sends each line by itself
    chunks = [b"".join(lines[at : at + few]) for at in range(0, len(lines), few)]
    return HEAD + b"".join(map(chunk, chunks)) + end


def inspected(image_id=IMAGE_ID, *digests):
    """What an engine says of an image that it knows by these digests."""
    return reply(200, {"Id": image_id, "RepoTags": [REFERENCE], "RepoDigests": [f"{NAME}@{each}" for each in digests]})


def done(digest=DIGEST):
    return stream({"status": f"Digest: {digest}"}, {"status": f"Status: Downloaded newer image for {REFERENCE}"})


def engine_at(server, **options):
    return Engine(f"tcp://{server.host}", **options)


def push(server, deadline=FOREVER, reference=REFERENCE, **options):
    return engine_at(server, **options).push(reference, "jdcloud", PASSWORD, deadline=deadline)


def pull(server, reference=REFERENCE, deadline=FOREVER):
    return engine_at(server).pull(reference, "jdcloud", PASSWORD, deadline=deadline)


# --- push ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scripted", SCRIPTS, ids=lambda each: each.name)
def test_verdict_on_a_push(scripted):
    answer = stream(*scripted.chunks())
    answer = cut(answer[:-5]) if scripted.end == "cut" else answer
    with ScriptedServer(PING, answer, *[NOT_THERE] * scripted.waits) as server:
        if "digest" in scripted.verdict:
            pushed = push(server, clock=FakeClock())
            assert {**pushed, **scripted.verdict, "seconds": 0.0} == pushed
            return
        with pytest.raises(JcrError) as caught:
            push(server)
    error = caught.value
    assert (error.kind, error.retryable) == (scripted.verdict["kind"], scripted.verdict["retryable"])
    assert scripted.verdict["says"] in error.cause
    assert error.message.startswith(f"Cannot push '{REFERENCE}': ")
    assert error.cure or error.kind == "transfer_failed"


def test_the_password_goes_with_the_push_and_no_stored_login_is_used(tmp_path, monkeypatch):
    stored = base64.b64encode(b"stored:stored").decode()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {HOST: {"auth": stored}}}))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")  # a proxy would read the password
    with ScriptedServer(PING, stream(*script("pushed").chunks())) as server:
        push(server)
    sent = server.requests[1]
    assert (sent.method, sent.target) == ("POST", f"/v1.41/images/{NAME}/push?tag={TAG}")
    login = json.loads(base64.urlsafe_b64decode(sent.headers["X-Registry-Auth"]))
    assert login == {"username": "jdcloud", "password": PASSWORD.reveal()}


def test_without_a_tag_latest_is_pushed_and_not_all_tags():
    pushed = {"aux": {"Tag": "latest", "Digest": DIGEST, "Size": 1}}
    with ScriptedServer(PING, stream(pushed)) as server:
        assert push(server, reference=NAME)["digest"] == DIGEST
    assert server.requests[1].target.endswith("?tag=latest")


@pytest.mark.parametrize("reference", [f"{NAME}@{DIGEST}", f"{REFERENCE}@{DIGEST}", IMAGE_ID, "not a name", ""])
def test_only_a_tag_can_be_pushed(reference):
    with pytest.raises(RuleError):
        Engine("tcp://127.0.0.1:1").push(reference, "jdcloud", PASSWORD, deadline=FOREVER)


@pytest.mark.parametrize(
    ("status", "text", "error"),
    [
        (404, "failed to find image x: x: image not known", ImageNotFound),
        (500, "invalid tag format", RuleError),
        (500, 'Get "https://h/v2/": dial tcp: lookup h: no such host', Unreachable),
    ],
)
def test_a_push_that_does_not_even_begin(status, text, error):
    with ScriptedServer(PING, reply(status, {"message": text})) as server:
        with pytest.raises(error) as caught:
            push(server)
    assert caught.value.cause == text


def test_a_registry_that_tells_the_password_is_not_quoted():
    token = base64.b64encode(f"jdcloud:{PASSWORD.reveal()}".encode()).decode()
    told = {"errorDetail": {"message": f"denied: {PASSWORD.reveal()} is not {token}"}}
    with ScriptedServer(PING, stream(told)) as server:
        with pytest.raises(TransferRefused) as caught:
            push(server)
    assert caught.value.cause == "denied: ******** is not ********"
    shown = "".join(traceback.format_exception(caught.value))
    assert PASSWORD.reveal() not in shown and token not in shown


def test_a_login_that_is_refused_is_told_apart():
    """Here and through a module's result: a new token may help, whereas it does not against another refusal."""
    with ScriptedServer(PING, stream(*script("token expires in the middle").chunks())) as server:
        with pytest.raises(LoginRefused) as caught:
            push(server)
    again = from_failure({"failed": True, **caught.value.failure()})
    assert isinstance(again, LoginRefused) and isinstance(again, TransferRefused)
    with ScriptedServer(PING, stream(*script("denied").chunks())) as server:
        with pytest.raises(TransferRefused) as caught:
            push(server)
    assert not isinstance(caught.value, LoginRefused)


# --- push: waiting ---------------------------------------------------------------------------------------------------


def test_a_push_is_given_up_while_the_engine_waits_for_a_registry_that_is_gone():
    gone = reply(500, {"message": 'Get "http://127.0.0.1:5000/v2/": dial tcp 127.0.0.1:5000: connection refused'})
    waiting = HEAD + b"".join(chunk(json.dumps(event).encode() + b"\n") for event in WAITING[:3])
    with ScriptedServer(PING, lambda sock: (sock.sendall(waiting), silence(sock)), *[gone] * 3) as server:
        with pytest.raises(Unreachable) as caught:
            push(server)
    assert "connection refused (given up early: the Docker Engine had put the push off 3 times)" in caught.value.message
    # Asking must not count as a pull.
    asked = {request.target for request in server.requests[2:]}
    assert asked == {f"/v1.41/distribution/{NAME}%40sha256:{'0' * 64}/json"}


def test_a_push_is_given_up_at_once_when_the_token_is_refused_meanwhile():
    refused = reply(500, {"message": f"unauthorized: {PASSWORD.reveal()} was released"})
    with ScriptedServer(PING, endless(stream(WAITING[0], end=b""), chunk(b"\n")), refused) as server:
        with pytest.raises(TransferRefused, match=r"unauthorized: \*{8} was released"):
            push(server)


@pytest.mark.parametrize(
    "answer",
    [
        NOT_THERE,
        reply(200, {}),
        reply(500, {"message": "received unexpected HTTP status: 503"}),
        reply(404, b"podman"),
        cut(b""),
    ],
)
def test_a_push_goes_on_while_the_registry_answers(answer):
    end = {"aux": {"Tag": TAG, "Digest": DIGEST, "Size": 1}}
    with ScriptedServer(PING, stream(*WAITING, end), *[answer] * 4) as server:
        assert push(server)["digest"] == DIGEST


def registry(*answers):
    """A registry that asks for no login, as the second question of an engine's client finds it."""
    return ScriptedServer(reply(401, www_authenticate='Basic realm="r"'), *answers)


REFUSED = {"errors": [{"code": "FORBIDDEN", "message": f"no entry for {PASSWORD.reveal()}"}]}
BEGUN = reply(202, location="/v2/app/web/blobs/uploads/1")


@pytest.mark.parametrize(
    "answers", [[reply(403, REFUSED)], [BEGUN, reply(403, REFUSED), reply(204)]], ids=["POST", "PATCH"]
)
def test_a_push_is_given_up_when_the_registry_takes_no_upload(answers):
    """By a code that dockerd does not know: it would go on for 50 seconds, and nothing of it shows where it reads."""
    waiting = endless(stream(WAITING[0], end=b""), chunk(b"\n"))
    with registry(*answers) as place, ScriptedServer(PING, waiting, NOT_THERE) as server:
        with pytest.raises(TransferRefused) as caught:
            push(server, reference=f"{place.host}/app/web:{TAG}")
    assert "403 FORBIDDEN: no entry for ********" in caught.value.cause
    assert "given up early: the Docker Engine had put the push off 1 times" in caught.value.cause
    assert not isinstance(caught.value, LoginRefused)


@pytest.mark.parametrize("trusted", ["ca_path", "unchecked", "allowed", "none"])
def test_a_registry_is_asked_with_the_certificates_and_hosts_of_the_task(monkeypatch, tmp_path, trusted):
    authority = trustme.CA()
    ca_path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_path))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("registry.example", "auth.example").configure_cert(context)
    resolve = socket.getaddrinfo

    def here(host, *arguments, **options):
        return resolve("127.0.0.1" if host.endswith(".example") else host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", here)
    waiting = stream(WAITING[0], {"aux": {"Tag": TAG, "Digest": DIGEST, "Size": 1}})
    with ScriptedServer(tls=context) as place, ScriptedServer(PING, waiting, NOT_THERE) as server:
        asks = reply(401, www_authenticate='Basic realm="r"')
        trust = {"verify": trusted != "unchecked" and str(ca_path)}
        if trusted == "allowed":
            auth = f"auth.example:{place.port}"
            asks = reply(401, www_authenticate=f'Bearer realm="https://{auth}/token"', connection="close")
            trust["allowed_hosts"] = [auth]
        if trusted != "none":
            token = [reply(200, {"token": "t"}, connection="close")] if trusted == "allowed" else []
            place._script += [asks, *token, reply(403, REFUSED, connection="close")]
        reference = f"registry.example:{place.port}/app/web:{TAG}"
        engine = engine_at(server)
        if trusted == "none":
            assert engine.push(reference, "jdcloud", PASSWORD, deadline=FOREVER)["digest"] == DIGEST
            return
        with pytest.raises(TransferRefused, match="403 FORBIDDEN"):
            engine.push(reference, "jdcloud", PASSWORD, deadline=FOREVER, **trust)


UNEXPLAINED = "error from registry: some words"  # dockerd 28 with containerd's image store


@pytest.mark.parametrize(
    ("act", "answers", "error"),
    [
        ("push", [NOT_THERE, *[reply(401, www_authenticate='Basic realm="r"')] * 2], LoginRefused),
        ("push", [NOT_THERE, reply(401, www_authenticate='Basic realm="r"'), reply(403, REFUSED)], TransferRefused),
        ("push", [reply(500, {"message": "unauthorized: the token was released"})], LoginRefused),
        ("pull", [reply(500, {"message": "unauthorized: the token was released"})], LoginRefused),
        ("pull", [reply(500, {"message": UNEXPLAINED})], TransferFailed),
        ("pull", [NOT_THERE], TransferFailed),
    ],
)
def test_the_registry_is_asked_what_its_words_meant(act, answers, error):
    """The engine passes them on without the code; whether another token would help depends on it."""
    failed = {"errorDetail": {"message": UNEXPLAINED}, "error": UNEXPLAINED}
    through_engine, directly = answers[0], answers[1:]
    with ScriptedServer(*directly) as place, ScriptedServer(PING, stream(failed), through_engine) as server:
        with pytest.raises(JcrError) as caught:
            engine = engine_at(server)
            getattr(engine, act)(f"{place.host}/app/web:{TAG}", "jdcloud", PASSWORD, deadline=FOREVER)
    assert caught.value.kind == error.kind
    assert caught.value.cause.startswith(UNEXPLAINED)
    assert len(place.requests) == len(directly)


def test_no_password_goes_to_a_loopback_registry_of_an_engine_elsewhere():
    """It would be another program's port here."""
    with ScriptedServer() as place:
        image = ImageReference.parse(f"{place.host}/app/web:1")
        transfer = Transfer(None, engine_address("ssh://elsewhere"), image, ("jdcloud", PASSWORD), Clock())
        assert transfer._ask_directly(FOREVER) is None
    assert place.requests == []


def test_a_push_goes_on_when_the_registry_comes_back():
    gone = reply(500, {"message": "dial tcp 127.0.0.1:5000: connect: connection refused"})
    end = {"aux": {"Tag": TAG, "Digest": DIGEST, "Size": 1}}
    with ScriptedServer(PING, stream(*WAITING, end), gone, gone, NOT_THERE, gone) as server:
        assert push(server)["digest"] == DIGEST


# --- time ------------------------------------------------------------------------------------------------------------


def test_a_deadline_ends_a_stream_that_never_ends():
    busy = chunk(json.dumps({"status": "Pushing", "id": "fdd5a11e926b"}).encode() + b"\n")
    with ScriptedServer(PING, endless(HEAD, busy)) as server:
        with pytest.raises(DeadlineExceeded) as caught:
            push(server, deadline=Deadline(FakeClock(tick=1.0), 50))
    assert caught.value.message.startswith(f"Cannot push '{REFERENCE}': the task's deadline of 50 seconds passed; ")
    assert "0 of 1 layers were through; the last heard of, fdd5a11e926b, was transferring" in caught.value.cause


def test_a_deadline_that_passes_while_the_engine_is_silent_tells_what_was_heard_last():
    begun, clock = stream(*list(script("pushed").chunks())[:5], end=b""), FakeClock()

    def passes(event):
        clock.advance(1.0 if event.state == "transferring" else 0.0)

    with ScriptedServer(PING, lambda sock: (sock.sendall(begun), silence(sock))) as server:
        deadline = Deadline(clock, 0.5)
        with pytest.raises(DeadlineExceeded) as caught:
            engine_at(server).push(REFERENCE, "jdcloud", PASSWORD, deadline=deadline, progress=passes)
    heard = "0 of 3 layers were through; the last heard of, fdd5a11e926b, was transferring (512 of 30000 bytes)"
    assert heard in caught.value.cause


@pytest.fixture
def clock_of_streams(monkeypatch):
    """A clock on which a second passes whenever the beginning of a stream has been waited for."""
    clock, send = FakeClock(), requests.Session.send

    def waited(session, request, **options):
        try:
            return send(session, request, **options)
        finally:
            clock.advance(1.0 if options.get("stream") else 0.0)

    monkeypatch.setattr(requests.Session, "send", waited)
    return clock


@pytest.mark.parametrize("begin", [b"", HEAD, stream(WAITING[0], end=b"")[: len(HEAD) + 20]], ids=["", "head", "half"])
def test_a_deadline_ends_the_wait_for_a_silent_engine(clock_of_streams, begin):
    with ScriptedServer(PING, lambda sock: (sock.sendall(begin), silence(sock))) as server:
        with pytest.raises(DeadlineExceeded):
            pull(server, deadline=Deadline(clock_of_streams, 0.2))


def test_a_deadline_that_has_passed_sends_nothing():
    clock = FakeClock()
    deadline = Deadline(clock, 10)
    clock.advance(10)
    with ScriptedServer(PING) as server:
        with pytest.raises(DeadlineExceeded):
            push(server, deadline=deadline)


@pytest.mark.parametrize("begin", [b"", HEAD, stream(*list(script("pushed").chunks())[:5], end=b"")])
def test_silence_ends_a_transfer_without_a_deadline(begin):
    with ScriptedServer(PING, lambda sock: (sock.sendall(begin), silence(sock))) as server:
        with pytest.raises(TransferFailed, match="said nothing for 0.2 seconds; ") as caught:
            push(server, idle_timeout=0.2)
    assert caught.value.retryable


# --- layers ----------------------------------------------------------------------------------------------------------


def test_what_became_of_each_layer_of_a_push():
    events = []
    with ScriptedServer(PING, stream(*script("pushed").chunks())) as server:
        layers = engine_at(server).push(REFERENCE, "jdcloud", PASSWORD, deadline=FOREVER, progress=events.append)
    assert [(layer["id"], layer["state"], layer["bytes"]) for layer in layers["layers"]] == [
        ("fdd5a11e926b", "pushed", 30000),
        ("b5969c53c230", "existing", None),
        ("8240027b79d8", "mounted", None),
    ]
    assert [dataclasses.astuple(event) for event in events if event.layer == "fdd5a11e926b"] == [
        ("fdd5a11e926b", "waiting", 0, None),
        ("fdd5a11e926b", "transferring", 512, 30000),
        ("fdd5a11e926b", "pushed", 30000, 30000),
    ]


def test_what_became_of_each_layer_of_a_pull():
    said = [
        {"status": "Pulling from app/web", "id": "1"},
        {"status": "Already exists", "id": "aaaaaaaaaaaa"},
        {"status": "Pulling fs layer", "id": "bbbbbbbbbbbb"},
        {"status": "Downloading", "id": "bbbbbbbbbbbb", "progressDetail": {"current": 100, "total": 1234}},
        {"status": "Verifying Checksum", "id": "bbbbbbbbbbbb"},
        {"status": "Download complete", "id": "bbbbbbbbbbbb"},
        {"status": "Extracting", "id": "bbbbbbbbbbbb", "progressDetail": {"current": 5, "total": 1234}},
        {"status": "Pull complete", "id": "bbbbbbbbbbbb"},
        {"status": f"Digest: {DIGEST}"},
        {"status": f"Status: Downloaded newer image for {REFERENCE}"},
    ]
    with ScriptedServer(PING, stream(*said), inspected(IMAGE_ID, DIGEST)) as server:
        pulled = pull(server)
    assert [(layer["id"], layer["state"], layer["bytes"]) for layer in pulled["layers"]] == [
        ("aaaaaaaaaaaa", "existing", None),
        ("bbbbbbbbbbbb", "pulled", 1234),
    ]
    counted = ("layers_total", "layers_pulled", "layers_existing", "bytes_received")
    assert [pulled[name] for name in counted] == [2, 1, 1, 1234]


# --- pull ------------------------------------------------------------------------------------------------------------


def test_pull_by_tag():
    with ScriptedServer(PING, done(), inspected(IMAGE_ID, OTHER, DIGEST)) as server:
        pulled = pull(server)
    assert (pulled["id"], pulled["digest"]) == (IMAGE_ID, DIGEST)
    assert pulled["repo_digests"] == [f"{NAME}@{OTHER}", f"{NAME}@{DIGEST}"]
    assert [request.target for request in server.requests[1:]] == [
        "/v1.41/images/create?tag=1&fromImage=127.0.0.1%3A1%2Fapp%2Fweb",
        f"/v1.41/images/{REFERENCE}/json?manifests=1",
    ]


def test_pull_by_digest():
    with ScriptedServer(PING, done(), inspected(IMAGE_ID, DIGEST)) as server:
        assert pull(server, f"{NAME}@{DIGEST}")["digest"] == DIGEST
    assert [request.target for request in server.requests[1:]] == [
        f"/v1.41/images/create?tag=sha256%3A{DIGEST[7:]}&fromImage=127.0.0.1%3A1%2Fapp%2Fweb",
        f"/v1.41/images/{NAME}%40{DIGEST}/json?manifests=1",
    ]


def test_pull_through_podman():
    said = stream({"status": "Pulling fs layer", "id": "288c"}, {"status": "Download complete", "id": IMAGE_ID[7:19]})
    with ScriptedServer(PING, said, inspected(IMAGE_ID, DIGEST)) as server:
        assert pull(server)["digest"] == DIGEST


STALE_IMAGE_TRAPS = {
    # What the engine says to the pull; each time it has an older image under the tag. The SDK's images.pull() returns
    # that one as success.
    "download cut": ({"error": "error pulling image configuration: download failed after attempts=6: unexpected EOF"},),
    "blob corrupted": ({"errorDetail": {"message": f"image config verification failed for digest {DIGEST}"}},),
    "disk full": ({"error": "write /data/tmp/GetImageBlob1: no space left on device"},),
    "ended early": ({"status": "Pulling from app/web", "id": "1"}, {"status": f"Digest: {DIGEST}"}),
    "said nothing": (),
}


@pytest.mark.parametrize("said", STALE_IMAGE_TRAPS.values(), ids=STALE_IMAGE_TRAPS)
def test_an_older_image_under_the_tag_is_never_taken_for_the_pulled_one(said):
    with ScriptedServer(PING, stream(*said)) as server:
        with pytest.raises((TransferFailed, EngineError)):
            pull(server)


@pytest.mark.parametrize("found", [inspected(OTHER, OTHER), inspected(OTHER), reply(404, {"message": "No such image"})])
def test_a_tag_that_moved_or_went_after_the_pull_is_no_success(found):
    with ScriptedServer(PING, done(), found) as server:
        with pytest.raises(TransferFailed, match="another program moved it|is not there") as caught:
            pull(server)
    assert caught.value.retryable


def test_podmans_older_image_is_not_taken_for_the_pulled_one():
    said = stream({"status": "Download complete", "id": "4215658a77dd"})
    with ScriptedServer(PING, said, inspected(IMAGE_ID, DIGEST)) as server:
        with pytest.raises(TransferFailed, match="4215658a77dd was pulled"):
            pull(server)


@pytest.mark.parametrize(
    ("status", "text", "error"),
    [
        (404, "manifest for h/a:9 not found: manifest unknown: manifest unknown", ImageNotFound),
        (404, "repository h/a not found: name unknown: repository 'a' does not exist", TransferRefused),
        (500, 'Get "https://h/v2/": unauthorized: token expired', TransferRefused),
        (500, "toomanyrequests: slow down", TransferRefused),
    ],
)
def test_a_pull_that_is_refused(status, text, error):
    with ScriptedServer(PING, reply(status, {"message": text})) as server:
        with pytest.raises(error) as caught:
            pull(server)
    assert caught.value.message.startswith(f"Cannot pull '{REFERENCE}': {text}")
    assert caught.value.cure


# --- look, tag, remove -----------------------------------------------------------------------------------------------


def test_inspect():
    raw = {"Id": IMAGE_ID, "RepoTags": None, "RepoDigests": [f"{NAME}@{DIGEST}"], "Size": 159, "Os": "linux"}
    raw |= {"Architecture": "arm64", "Variant": "v8", "Created": "1970-01-01T00:00:00Z", "RootFS": {"Layers": [OTHER]}}
    with ScriptedServer(PING, reply(200, raw)) as server:
        assert engine_at(server).inspect(REFERENCE) == {
            "id": IMAGE_ID,
            "repo_digests": [f"{NAME}@{DIGEST}"],
            "repo_tags": [],
            "diff_ids": [OTHER],
            "size": 159,
            "platforms": ["linux/arm64/v8"],
            "created": "1970-01-01T00:00:00Z",
            "pushed_as": None,
        }


def test_inspect_of_what_is_not_there():
    with ScriptedServer(PING, reply(404, {"message": f"No such image: {REFERENCE}"})) as server:
        assert engine_at(server).inspect(REFERENCE) is None


def test_tag():
    with ScriptedServer(PING, reply(201)) as server:
        engine_at(server).tag("web", REFERENCE)
    assert server.requests[1].target.startswith("/v1.41/images/web/tag?")
    assert "tag=1" in server.requests[1].target and "repo=127.0.0.1%3A1%2Fapp%2Fweb" in server.requests[1].target


def test_tag_of_what_is_not_there():
    with ScriptedServer(PING, reply(404, {"message": "No such image: web:latest"})) as server:
        with pytest.raises(ImageNotFound, match="has no image 'web'") as caught:
            engine_at(server).tag("web", REFERENCE)
    assert caught.value.message.startswith(f"Cannot tag 'web' as '{REFERENCE}'")


def test_remove():
    steps = [{"Untagged": REFERENCE}, {"Deleted": IMAGE_ID}]
    with ScriptedServer(PING, reply(200, steps), reply(404, {"message": "No such image"})) as server:
        engine = engine_at(server)
        assert engine.remove(REFERENCE) == [{"untagged": REFERENCE}, {"deleted": IMAGE_ID}]
        assert engine.remove(REFERENCE) == []
        engine.close()


def test_remove_of_what_is_in_use():
    told = "conflict: unable to remove repository reference: container 1 is using its referenced image"
    with ScriptedServer(PING, reply(409, {"message": told})) as server:
        with pytest.raises(EngineError, match="is using its referenced image"):
            engine_at(server).remove(REFERENCE)


def part(digest, available=True, kind="image"):
    """One of the Manifests that dockerd 28 tells of an index."""
    return {"ID": digest, "Available": available, "Kind": kind}


def part_of(*platform):
    """Such an entry with its platform."""
    names = dict(zip(("os", "architecture", "variant"), platform, strict=False))
    return {**part(DIGEST), "ImageData": {"Platform": names}}


@pytest.mark.parametrize(
    ("manifests", "digest"),
    [
        ([], None),  # the classic store, Podman, and dockerd before 28
        ([part(DIGEST)], None),  # the whole index
        ([part(DIGEST), part(OTHER, kind="attestation")], None),
        ([part(DIGEST), part(OTHER, available=False)], DIGEST),
        ([part(OTHER, available=False), part(DIGEST), part("x", kind="attestation")], DIGEST),
        ([part(DIGEST), part(OTHER), part("x", available=False)], None),  # more than one: no push says which
        ([part(DIGEST, available=False)], None),
    ],
)
def test_what_is_pushed_of_an_index(manifests, digest):
    assert lone_image(manifests) == digest


@pytest.mark.parametrize(
    ("told", "platforms"),
    [
        ({}, []),
        ({"Os": "linux", "Architecture": "amd64", "Variant": ""}, ["linux/amd64"]),
        ({"Os": "linux", "Architecture": "", "Variant": "v8"}, []),
        ({"Os": "linux", "Architecture": "amd64", "Manifests": None}, ["linux/amd64"]),
        (
            {
                "Os": "linux",
                "Architecture": "amd64",
                "Manifests": [
                    part_of("linux", "amd64"),
                    part_of("linux", "arm64", "v8"),
                    {**part_of("linux", "s390x"), "Available": False},
                    {**part_of("unknown", "unknown"), "Kind": "attestation"},
                ],
            },
            ["linux/amd64", "linux/arm64/v8"],
        ),
    ],
)
def test_platforms_of_an_image(told, platforms):
    with ScriptedServer(PING, reply(200, {"Id": IMAGE_ID, **told})) as server:
        assert engine_at(server).inspect(REFERENCE)["platforms"] == platforms


# --- engines that cannot be reached ----------------------------------------------------------------------------------


def told_of(docker_host, **options):
    """What the user reads when this engine is asked for something."""
    with pytest.raises((EngineError, ConfigurationError)) as caught:
        Engine(docker_host, **options).inspect(REFERENCE)
    assert docker_host in caught.value.message
    assert caught.value.cure
    return caught.value.message


def test_no_socket(tmp_path):
    told = told_of(f"unix://{tmp_path}/none.sock")
    assert "not running, or not installed. Start it (systemctl start docker)" in told


def test_stale_socket(tmp_path):
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "stale.sock"))
    assert "nobody listens there" in told_of(f"unix://{tmp_path}/stale.sock")


def test_nobody_on_the_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert "nobody listens there" in told_of(f"tcp://127.0.0.1:{port}")


def test_ssh_without_its_library(monkeypatch):
    monkeypatch.delattr("docker.api.client.SSHHTTPAdapter", raising=False)  # what the SDK does without paramiko
    assert "ssh takes the library paramiko. Install it there: pip install paramiko" in told_of("ssh://127.0.0.1")


def test_no_permission(tmp_path):
    """As another user: root may open any socket."""
    with socket.socket(socket.AF_UNIX) as listener:
        path = tmp_path / "docker.sock"
        listener.bind(str(path))
        listener.listen()
        path.chmod(0)
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:  # pytest must never come back here
            try:
                if os.geteuid() == 0:
                    os.seteuid(NOBODY)
                Engine(f"unix://{path}").inspect(REFERENCE)
            except JcrError as error:
                os.write(writer, error.message.encode())
            finally:
                os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as told:
            message = told.read()
        os.waitpid(child, 0)
    assert "permission denied. Use become, or put the user into the group docker" in message


@pytest.mark.parametrize(
    "answers",
    [
        [reply(200, b"<html>router</html>", content_type="text/html")] * 2,
        [reply(200, {})] * 2,
        [reply(404, b"404 page not found")] * 2,
        [reply(200, b"OK", **{"Api-Version": "new"})],
        [cut(b"")],
        [cut(b"SSH-2.0-OpenSSH\r\n")],
    ],
)
def test_something_else_answers(answers):
    with ScriptedServer(*answers) as server:
        told_of(f"tcp://{server.host}")


@pytest.mark.parametrize("ping", [reply(200, b"OK"), reply(403, b"forbidden by a proxy", **{"Api-Version": "1.99"})])
def test_an_engine_whose_ping_does_not_tell_its_version(ping):
    version = reply(200, {"Version": "20.10.24", "ApiVersion": "1.41", "Os": "linux", "Arch": "amd64"})
    with ScriptedServer(ping, version, inspected()) as server:
        engine_at(server).inspect(REFERENCE)
    assert [each.target.partition("?")[0] for each in server.requests] == [
        "/_ping",
        "/version",
        f"/v1.41/images/{REFERENCE}/json",
    ]


def test_whatever_a_connection_raises_is_told_as_that(monkeypatch):
    """Over ssh it is an exception of paramiko, which is not known here."""

    def refuse(*_args, **_options):
        raise Exception("Channel closed.")

    monkeypatch.setattr(EngineClient, "send", refuse)
    assert "Channel closed." in told_of("tcp://127.0.0.1:1")


def test_an_engine_that_does_not_answer():
    with ScriptedServer(silence) as server:
        assert "no answer" in told_of(f"tcp://{server.host}", docker_timeout=0.2)


def test_an_engine_that_dies_between_two_calls():
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        connection = listener.accept()[0]
        connection.recv(65536)
        connection.sendall(PING)
        listener.close()
        connection.close()

    thread = threading.Thread(target=serve)
    thread.start()
    host = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
    engine = Engine(host)
    engine._connected()
    thread.join()
    with pytest.raises(EngineError, match="nobody listens there"):
        engine.inspect(REFERENCE)
    with pytest.raises(EngineError, match="nobody listens there"):
        engine.push(REFERENCE, "jdcloud", PASSWORD, deadline=FOREVER)


def test_what_is_no_address_is_refused_before_anything_is_tried():
    """The rest of it is in test_engineaddress.py."""
    engine = Engine("foo bar")
    for act in (
        engine.check,
        lambda: engine.inspect(REFERENCE),
        lambda: engine.push(REFERENCE, "jdcloud", PASSWORD, deadline=FOREVER),
    ):
        with pytest.raises(ConfigurationError, match="docker_host 'foo bar'"):
            act()


def test_tls_files_that_are_not_there(tmp_path):
    options = {"tls_client_cert": str(tmp_path / "cert.pem"), "tls_client_key": str(tmp_path / "key.pem")}
    with pytest.raises(ConfigurationError, match="TLS options"):
        Engine("tcp://127.0.0.1:1", tls=True, **options).inspect(REFERENCE)
    with pytest.raises(ConfigurationError, match="TLS options"):
        Engine("tcp://127.0.0.1:1", tls_verify=True, tls_ca_path=str(tmp_path / "ca.pem")).inspect(REFERENCE)


def test_a_broken_docker_configuration_is_named(tmp_path, monkeypatch):
    (tmp_path / "config.json").write_text('{"auths": {"h": "text"}}')
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    with pytest.raises(ConfigurationError, match=str(tmp_path / "config.json")):
        Engine("tcp://127.0.0.1:1").inspect(REFERENCE)


def test_without_the_docker_library(monkeypatch):
    monkeypatch.setattr(
        _engineclient, "DOCKER_IMPORT_ERROR", "Traceback\nModuleNotFoundError: No module named 'docker'\n"
    )
    with pytest.raises(MissingLibrary, match="No module named 'docker'"):
        Engine().inspect(REFERENCE)
