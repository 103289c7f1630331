# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Registries that answer as they please: where logins, blobs and uploads may go, and what is believed of an answer."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import ssl
import threading

import pytest
import trustme

from ansible_collections.jdcloud.jcr.plugins.module_utils._content import Content, SourceBroken, Stopped
from ansible_collections.jdcloud.jcr.plugins.module_utils._distribution import Repository
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import (
    AuthenticationFailed,
    ContentMismatch,
    FileError,
    HostNotAllowed,
    ImageNotFound,
    JcrError,
    ProtocolError,
    RateLimited,
    ServerError,
    TransferFailed,
    TransferRefused,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._imagesource import OCI_MANIFEST, Descriptor, Document
from ansible_collections.jdcloud.jcr.plugins.module_utils._registryanswers import refusal
from ansible_collections.jdcloud.jcr.plugins.module_utils._registryauth import Challenge
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import Secret
from tests.support.scripted_server import ScriptedServer, cut, reply
from tests.support.sources import converse, image

PASSWORD = "pw-canary-123456"
BASIC = "Basic " + base64.b64encode(f"jdcloud:{PASSWORD}".encode()).decode()
OPEN = reply(200, {})
BLOB = Descriptor.of("text/plain", b"0123456789")
MANIFEST = b'{"schemaVersion": 2}'
DIGEST = f"sha256:{hashlib.sha256(MANIFEST).hexdigest()}"


def bearer(realm, extra=""):
    return reply(401, b"", www_authenticate=f'Bearer realm="{realm}",service="jcr"{extra}')


def repository(server, password=None, **options):
    return Repository(converse(server.host, password, **options), "shop/web")


def content(data=b"0123456789", blob=BLOB):
    source = image(())
    source.contents[blob.digest] = data
    return Content(blob, lambda: source.open(blob), threading.Event())


# --- logins ----------------------------------------------------------------------------------------------------------


def test_scopes_of_a_pull_a_push_and_a_mount():
    with ScriptedServer() as server:
        token = reply(200, {"token": "t"})
        server._script += [bearer(f"http://{server.host}/auth"), token, reply(404, b""), token, reply(404, b"")]
        server._script += [token, reply(201, b""), reply(404, b"")]
        shop = repository(server, PASSWORD)
        shop.head_manifest("v1")
        shop.has_blob(BLOB)
        assert shop.mount_blob(BLOB, "shop/base") == (True, None)
        shop.has_blob(BLOB)
    asked = [request.target.partition("?")[2] for request in server.requests if request.target.startswith("/auth")]
    assert asked == [
        "service=jcr&scope=repository%3Ashop%2Fweb%3Apull&account=jdcloud",
        "service=jcr&scope=repository%3Ashop%2Fweb%3Apull%2Cpush&account=jdcloud",
        "service=jcr&scope=repository%3Ashop%2Fweb%3Apull%2Cpush&scope=repository%3Ashop%2Fbase%3Apull&account=jdcloud",
    ]


def test_anonymous_reading():
    with ScriptedServer() as server:
        server._script += [bearer(f"http://{server.host}/auth"), reply(200, {"token": "t"}), reply(404, b"")]
        assert repository(server).head_manifest("v1") is None
    assert [request.headers["Authorization"] for request in server.requests] == [None, None, "Bearer t"]
    assert "account" not in server.requests[1].target


def test_a_registry_that_asks_later():
    """Its /v2/ is for everybody, its repositories are not."""
    asks = reply(401, b"", www_authenticate='Basic realm="x"')
    with ScriptedServer(OPEN, asks, reply(404, b"")) as server:
        assert repository(server, PASSWORD).head_manifest("v1") is None
    assert [request.headers["Authorization"] for request in server.requests] == [None, None, BASIC]


@pytest.mark.parametrize("realm", ["http://{sink}/auth", "https://{sink}/auth", "https://auth.example/", "/auth", ""])
@pytest.mark.parametrize("password", [None, PASSWORD])
def test_a_realm_elsewhere_gets_nothing(realm, password):
    with ScriptedServer() as sink, ScriptedServer(bearer(realm.format(sink=sink.host))) as server:
        with pytest.raises(HostNotAllowed) as caught:
            repository(server, password).has_blob(BLOB)
        assert sink.connections == 0
    assert PASSWORD not in caught.value.message


def test_a_realm_that_is_allowed_by_name():
    challenge = Challenge('Bearer realm="https://auth.example/token?x=1",service="s"')
    assert challenge.realm("https://own.example", ["AUTH.example"], "x") == ("https://auth.example", "/token?x=1")
    with pytest.raises(HostNotAllowed):
        challenge.realm("https://own.example", ["example", "other.auth.example"], "x")
    plain = Challenge('Bearer realm="http://auth.example/token"')
    with pytest.raises(HostNotAllowed):
        plain.realm("https://own.example", ["auth.example"], "x")


def test_a_login_that_is_refused_is_renewed_once_and_no_more():
    asks = reply(401, b"", www_authenticate='Basic realm="x"')
    renewals = []

    def renew():
        renewals.append(1)
        return Secret("second")

    with ScriptedServer(asks, asks, asks) as server:
        with pytest.raises(AuthenticationFailed):
            repository(server, PASSWORD, renew=renew).has_blob(BLOB)
    assert len(renewals) == 1
    second = "Basic " + base64.b64encode(b"jdcloud:second").decode()
    assert [request.headers["Authorization"] for request in server.requests] == [None, BASIC, second]


@pytest.mark.parametrize(
    ("header", "kind", "parameters"),
    [
        ('Basic realm="x", Bearer realm="https://a/t",service="s"', "bearer", {"realm": "https://a/t", "service": "s"}),
        ('Bearer realm="https://a/t",service="s", Basic realm="x"', "bearer", {"realm": "https://a/t", "service": "s"}),
        ("Negotiate, Basic realm=x", "basic", {"realm": "x"}),
        ('Negotiate YWJj==, Basic realm="x"', "basic", {"realm": "x"}),
        ("BEARER Realm=https://a/t?b=c , service = jcr", "bearer", {"realm": "https://a/t?b=c", "service": "jcr"}),
        (
            r'Basic realm="say \"a\", Bearer realm=b", charset="UTF-8"',
            "basic",
            {"realm": 'say "a", Bearer realm=b', "charset": "UTF-8"},
        ),
        (
            'Bearer realm="r",scope="repository:a:pull,push"',
            "bearer",
            {"realm": "r", "scope": "repository:a:pull,push"},
        ),
        ("Basic", "basic", {}),
        ("Digest realm=x", "digest", {"realm": "x"}),
        ("", "", {}),
    ],
)
def test_the_challenge_that_counts(header, kind, parameters):
    challenge = Challenge(header)
    assert (challenge.kind, challenge.parameters) == (kind, parameters)


def test_two_challenges_in_two_headers():
    with ScriptedServer() as server:
        lines = f'WWW-Authenticate: Basic realm="x"\r\nWWW-Authenticate: Bearer realm="http://{server.host}/auth"'
        server._script += [f"HTTP/1.1 401 No\r\n{lines}\r\nContent-Length: 0\r\n\r\n".encode()]
        server._script += [reply(200, {"token": "t"}), reply(404, b"")]
        assert repository(server, PASSWORD).head_manifest("v1") is None
    assert [request.headers["Authorization"] for request in server.requests] == [None, BASIC, "Bearer t"]


@pytest.mark.parametrize("path", ["/a b", "/a\tb", "/\xe9"])
def test_a_realm_that_cannot_be_asked(path):
    with ScriptedServer() as server:
        server._script.append(bearer(f"http://{server.host}{path}"))
        with pytest.raises(ProtocolError, match="realm"):
            repository(server, PASSWORD).has_blob(BLOB)


def test_an_unknown_challenge():
    with ScriptedServer(reply(401, b"", www_authenticate="Negotiate abc")) as server:
        with pytest.raises(ProtocolError, match="unknown kind") as caught:
            repository(server, PASSWORD).has_blob(BLOB)
    assert caught.value.cure.startswith("Check the registry host, and whether a proxy"), "no endpoint has a part in it"


# --- manifests and tags ----------------------------------------------------------------------------------------------


def test_a_manifest_byte_for_byte_and_every_type_is_accepted():
    answer = reply(200, MANIFEST, content_type=OCI_MANIFEST)
    with ScriptedServer(OPEN, answer) as server:
        assert repository(server).manifest("v1") == Document(Descriptor.of(OCI_MANIFEST, MANIFEST), MANIFEST)
    accepted = server.requests[1].headers["Accept"]
    assert all(part in accepted for part in ("v2+json", "list.v2+json", "oci.image.index", "oci.image.manifest"))


@pytest.mark.parametrize("reference", ["v1", DIGEST])
@pytest.mark.parametrize("told", [None, DIGEST])
def test_the_header_of_the_digest_may_be_missing(reference, told):
    headers = {"docker_content_digest": told} if told else {}
    answer = reply(200, MANIFEST, content_type=OCI_MANIFEST, **headers)
    with ScriptedServer(OPEN, answer) as server:
        assert repository(server).manifest(reference).descriptor.digest == DIGEST
    head = reply(200, b"", content_type=OCI_MANIFEST, **headers)
    script = [head] if told or reference == DIGEST else [head, answer]
    with ScriptedServer(OPEN, *script) as server:
        assert repository(server).head_manifest(reference).digest == DIGEST


@pytest.mark.parametrize(
    ("reference", "headers", "body"),
    [
        ("v1", {"docker_content_digest": BLOB.digest}, MANIFEST),
        (BLOB.digest, {}, MANIFEST),
        (BLOB.digest, {"docker_content_digest": BLOB.digest}, MANIFEST),
        (DIGEST, {"docker_content_digest": BLOB.digest}, MANIFEST),
        ("v1", {}, b"<html>"),
        ("v1", {}, b"[]"),
    ],
)
def test_a_manifest_that_is_not_what_it_should_be(reference, headers, body):
    with ScriptedServer(OPEN, reply(200, body, content_type=OCI_MANIFEST, **headers)) as server:
        with pytest.raises((ContentMismatch, ProtocolError)):
            repository(server).manifest(reference)


def test_a_manifest_that_the_registry_takes_for_another():
    with ScriptedServer(OPEN, reply(201, b"", docker_content_digest=BLOB.digest)) as server:
        with pytest.raises(TransferFailed, match="took manifest"):
            repository(server).put_manifest("v1", Document(Descriptor.of(OCI_MANIFEST, MANIFEST), MANIFEST))
    assert server.requests[1].body == MANIFEST


# --- blobs out -------------------------------------------------------------------------------------------------------


def part(first, data=b"0123456789"):
    return reply(206, data[first:], content_range=f"bytes {first}-{len(data) - 1}/{len(data)}")


@pytest.mark.parametrize("rest", [part(4), part(2), reply(200, b"0123456789")])
def test_a_blob_goes_on_after_a_cut(rest):
    broken = cut(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123")
    with ScriptedServer(OPEN, broken, reply(503, b""), rest) as server:
        with repository(server).open_blob(BLOB) as reader:
            assert reader.read() == b"0123456789"
    assert [request.headers["Range"] for request in server.requests[1:]] == [None, "bytes=4-", "bytes=4-"]
    assert {request.headers["Accept-Encoding"] for request in server.requests[1:]} == {"identity"}


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        (ContentMismatch, reply(200, b"012345678x")),
        (ImageNotFound, reply(404, {"errors": [{"code": "BLOB_UNKNOWN", "message": "no"}]})),
        (TransferRefused, reply(403, b"")),
        (ProtocolError, reply(204, b"")),
    ],
)
def test_a_blob_that_is_not_what_it_should_be(kind, answer):
    with ScriptedServer(OPEN, answer) as server:
        with pytest.raises(kind), repository(server).open_blob(BLOB) as reader:
            reader.read()


@pytest.mark.parametrize("header", ["bytes 5-9/10", "bytes x", ""])
def test_a_part_that_was_not_asked_for(header):
    broken = cut(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123")
    with ScriptedServer(OPEN, broken, reply(206, b"56789", content_range=header)) as server:
        with pytest.raises(ProtocolError), repository(server).open_blob(BLOB) as reader:
            reader.read()


def test_a_redirect_of_a_blob_on_the_same_host_gets_no_login():
    asks = reply(401, b"", www_authenticate='Basic realm="x"')
    with ScriptedServer(asks) as server:
        server._script += [reply(307, b"", location=f"http://{server.host}/store/1?sig=2"), reply(200, b"0123456789")]
        with repository(server, PASSWORD).open_blob(BLOB) as reader:
            assert reader.read() == b"0123456789"
    assert server.requests[2].target == "/store/1?sig=2"
    assert [request.headers["Authorization"] for request in server.requests] == [None, BASIC, None]


@pytest.mark.parametrize("location", ["http://{sink}/", "https://{sink}/", "https://store.example/", "http://[x/"])
def test_a_redirect_of_a_blob_elsewhere_is_not_followed(location):
    with ScriptedServer() as sink, ScriptedServer(OPEN) as server:
        server._script.append(reply(302, b"", location=location.format(sink=sink.host)))
        with pytest.raises((HostNotAllowed, ProtocolError)), repository(server).open_blob(BLOB) as reader:
            reader.read()
        assert sink.connections == 0


def test_redirects_without_end():
    with ScriptedServer(OPEN) as server:
        server._script += [reply(302, b"", location="/again")] * 4
        with pytest.raises(JcrError), repository(server).open_blob(BLOB) as reader:
            reader.read()


# --- manifests in, elsewhere ---


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_of_a_manifest_is_followed_without_the_login(status):
    asks = reply(401, b"", www_authenticate='Basic realm="x"')
    with ScriptedServer(asks) as server:
        moved = reply(status, b"", location=f"http://{server.host}/store/1?sig=2")
        server._script += [moved, reply(200, MANIFEST, content_type=OCI_MANIFEST)]
        server._script += [moved, reply(200, b"", content_type=OCI_MANIFEST, docker_content_digest=DIGEST)]
        shop = repository(server, PASSWORD)
        assert shop.manifest("v1").descriptor.digest == DIGEST
        assert shop.head_manifest("v1").digest == DIGEST
    asked = [(request.method, request.target, request.headers["Authorization"]) for request in server.requests[1:]]
    manifest, store = "/v2/shop/web/manifests/v1", "/store/1?sig=2"
    assert asked == [
        ("GET", manifest, BASIC),
        ("GET", store, None),
        ("HEAD", manifest, BASIC),
        ("HEAD", store, None),
    ]
    assert OCI_MANIFEST in server.requests[2].headers["Accept"]


@pytest.mark.parametrize("location", ["http://{sink}/", "https://{sink}/", "https://store.example/", "http://[x/"])
@pytest.mark.parametrize("question", [Repository.manifest, Repository.head_manifest])
def test_a_redirect_of_a_manifest_elsewhere_is_not_followed(location, question):
    with ScriptedServer() as sink, ScriptedServer(OPEN) as server:
        server._script.append(reply(302, b"", location=location.format(sink=sink.host)))
        with pytest.raises((HostNotAllowed, ProtocolError)):
            question(repository(server), "v1")
        assert sink.connections == 0


def test_a_redirect_of_a_manifest_to_an_allowed_host(tmp_path):
    authority = trustme.CA()
    ca_path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_path))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    asks = reply(401, b"", www_authenticate='Basic realm="x"')
    with ScriptedServer(reply(200, MANIFEST, content_type=OCI_MANIFEST), tls=context) as store:
        with ScriptedServer(asks, reply(307, b"", location=f"{store.url}/m")) as server:
            options = {"allowed_hosts": [store.host], "verify": str(ca_path)}
            with contextlib.closing(converse(server.host, PASSWORD, **options)) as conversation:
                assert Repository(conversation, "shop/web").manifest("v1").content == MANIFEST
    assert [request.headers["Authorization"] for request in store.requests] == [None]


def test_redirects_of_a_manifest_without_end():
    with ScriptedServer(OPEN) as server:
        server._script += [reply(302, b"", location="/again")] * 4
        with pytest.raises(ProtocolError, match="302"):
            repository(server).manifest("v1")


def test_what_writes_follows_no_redirect():
    with ScriptedServer(OPEN, reply(307, b"", location="/elsewhere")) as server:
        with pytest.raises(ProtocolError, match="redirects are not followed"):
            repository(server).put_manifest("v1", Document(Descriptor.of(OCI_MANIFEST, MANIFEST), MANIFEST))


@pytest.mark.parametrize("media_type", ["a\r\nX: y", "a/b\r\nX: y", "a/b c", "\u6d4b/x", "a"])
def test_a_media_type_that_could_be_no_header(media_type):
    document = json.dumps({"schemaVersion": 2, "mediaType": media_type}).encode()
    with ScriptedServer(OPEN, reply(200, document, content_type="application/json")) as server:
        with pytest.raises(ProtocolError, match="media type"):
            repository(server).manifest("v1")


# --- blobs in --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", ["", "?state=a%3D"])
@pytest.mark.parametrize("base", ["", "http://{host}", "https://{host}"])
def test_a_location_on_the_registry_itself(base, query):
    with ScriptedServer(OPEN) as server:
        place = base.format(host=server.host) + "/v2/up/1" + query
        server._script += [reply(202, b"", location=place), reply(201, b"")]
        repository(server).push_blob(content())
    mark = "&" if query else "?"
    expected = f"/v2/up/1{query}{mark}digest={BLOB.digest.replace(':', '%3A')}"
    assert server.requests[2].target == expected and server.requests[2].body == b"0123456789"


@pytest.mark.parametrize("place", ["/v2/up/a b", "/v2/up/a\tb", "/v2/up/\x01", "/v2/up/\xe9"])
def test_a_location_that_cannot_be_asked(place):
    """It is the registry that is wrong about it; nothing is sent there, and it is not that it does not speak HTTP."""
    with ScriptedServer(OPEN, reply(202, b"", location=place)) as server:
        with pytest.raises(ProtocolError, match="the registry named an address that cannot be read"):
            repository(server).push_blob(content())
    with ScriptedServer(OPEN, reply(307, b"", location=place)) as server:
        with pytest.raises(ProtocolError, match="the registry named an address that cannot be read"):
            repository(server).manifest("v1")


@pytest.mark.parametrize("place", ["http://{sink}/up", "https://evil.example/up", "//evil.example/up", "up/1", ""])
def test_a_location_elsewhere_gets_nothing(place):
    with ScriptedServer() as sink, ScriptedServer(OPEN) as server:
        server._script.append(reply(202, b"", location=place.format(sink=sink.host)))
        with pytest.raises((HostNotAllowed, ProtocolError)):
            repository(server).push_blob(content())
        assert sink.connections == 0


def test_a_blob_that_the_registry_takes_for_another():
    with ScriptedServer(OPEN, reply(202, b"", location="/up"), reply(201, b"", docker_content_digest=DIGEST)) as server:
        with pytest.raises(TransferFailed, match="took"):
            repository(server).push_blob(content())


@pytest.mark.parametrize("status", [302, 307])
def test_a_blob_that_another_host_keeps_is_there(status):
    """The registry asks that host itself before it answers so: whoever pushes has nothing to do there."""
    with ScriptedServer() as sink:
        elsewhere = reply(status, b"moved", location=f"http://{sink.host}/store/1")
        with ScriptedServer(OPEN, elsewhere) as server:
            assert repository(server).has_blob(BLOB)
        with ScriptedServer(OPEN, reply(202, b"", location="/up/1"), reply(500, b""), reply(404, b"")) as server:
            server._script.append(elsewhere)  # the upload is gone because it had come to its end
            repository(server).push_blob(content())
        assert [request.method for request in server.requests] == ["GET", "POST", "PUT", "GET", "HEAD"]
        assert sink.connections == 0


@pytest.mark.parametrize("told", ["0-99", "0-0", "5-6", ""])
def test_a_registry_that_has_more_than_it_was_sent_begins_anew(told):
    began = reply(202, b"", location="/up/1")
    status = [reply(204, b"", range=told), reply(204, b""), reply(404, b"")]
    with ScriptedServer(OPEN, began, reply(500, b""), *status) as server:
        server._script += [reply(202, b"", location="/up/2"), reply(201, b"")]
        repository(server).push_blob(content())
    assert [request.method for request in server.requests] == [
        "GET",
        "POST",
        "PUT",
        "GET",
        "DELETE",
        "HEAD",
        "POST",
        "PUT",
    ]
    assert server.requests[-1].body == b"0123456789"


def test_an_upload_goes_on_where_the_registry_stands():
    began = reply(202, b"", location="/up/1")
    status = reply(204, b"", range="0-5", location="/up/1b")
    with ScriptedServer(OPEN, began, reply(500, b""), status, reply(201, b"")) as server:
        repository(server).push_blob(content())
    last = server.requests[-1]
    assert (last.target.partition("?")[0], last.body, last.headers["Content-Range"]) == ("/up/1b", b"6789", "6-9")


def test_what_cannot_be_read_is_not_the_registrys_fault():
    def broken():
        raise OSError(5, "Input/output error")

    # The request is cut off; whether the server sees its end before or after the next one is all the same.
    with ScriptedServer(OPEN, reply(202, b"", location="/up/1"), reply(204, b""), reply(204, b"")) as server:
        with pytest.raises(FileError, match="Input/output error"):
            repository(server).push_blob(Content(BLOB, broken, threading.Event()))
    assert [request.method for request in server.requests if request.method != "PUT"] == ["GET", "POST", "DELETE"]
    assert [request.body for request in server.requests if request.method == "PUT"] == [b""]


# --- the bytes of a blob ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seekable", [True, False])
def test_bytes_are_hashed_once_however_often_they_are_read(seekable):
    source = image((), seekable=seekable)
    source.contents[BLOB.digest] = b"0123456789"
    blob = Content(BLOB, lambda: source.open(BLOB), threading.Event())
    assert b"".join(blob.part(0, 6)) == b"012345"
    assert b"".join(blob.part(4, 8)) == b"4567"
    assert b"".join(blob.part(0, 2)) == b"01"
    assert blob.hashed == 8
    assert b"".join(blob.part(2, 10)) == b"23456789"
    assert blob.hashed == 10 and len(blob.part(2, 10)) == 8
    assert len(source.opened) == (1 if seekable else 3)
    blob.close()


def test_bytes_out_of_the_middle_of_a_file(tmp_path):
    path = tmp_path / "archive"
    path.write_bytes(b"xxx0123456789yyy")

    class Slice:
        offset, size = 3, 10

        def __init__(self):
            self.file = path.open("rb")

        def close(self):
            self.file.close()

    blob = Content(BLOB, Slice, threading.Event())
    assert b"".join(blob.part(0, 10)) == b"0123456789"
    assert b"".join(blob.part(7, 10)) == b"789"
    blob.close()


@pytest.mark.parametrize("data", [b"012345678x", b"01234567", b""])
def test_the_last_bytes_are_not_given_if_the_digest_is_wrong(data):
    got = []
    with pytest.raises(SourceBroken) as caught:
        for piece in content(data).part(0, 10):
            got.append(piece)
    assert len(b"".join(got)) < 10
    assert isinstance(caught.value.error, ContentMismatch) and BLOB.digest in caught.value.error.message


def test_nothing_is_read_any_more_once_it_is_stopped():
    stop = threading.Event()
    source = image((10,))
    blob = Content(BLOB, lambda: source.open(BLOB), stop)
    stop.set()
    source.contents[BLOB.digest] = b"0123456789"
    with pytest.raises(Stopped):
        list(blob.part(0, 10))


# --- refusals --------------------------------------------------------------------------------------------------------


def told(code, message="because"):
    return json.dumps({"errors": [{"code": code, "message": message}]}).encode()


@pytest.mark.parametrize(
    ("status", "body", "kind", "retryable"),
    [
        (401, b"", AuthenticationFailed, False),
        (403, told("DENIED"), TransferRefused, False),
        (404, told("NAME_UNKNOWN"), TransferRefused, False),
        (404, told("MANIFEST_UNKNOWN"), ImageNotFound, False),
        (404, b"<html>", ImageNotFound, False),
        (400, told("DIGEST_INVALID"), TransferFailed, False),
        (400, told("TAG_INVALID"), TransferRefused, False),
        (413, b"<html>", TransferRefused, False),
        (429, told("TOOMANYREQUESTS"), RateLimited, True),
        (500, told("NAME_UNKNOWN"), ServerError, True),
        (501, b"", ServerError, False),
        (507, b"", TransferRefused, False),
        (200, b"<html>", ProtocolError, False),
        (418, b'{"errors": []}', ProtocolError, False),
        (418, b'{"errors": [{"code": 5}]}', ProtocolError, False),
        (418, b'{"errors": {"code": "x"}}', ProtocolError, False),
        (418, b"[" * 100000, ProtocolError, False),
    ],
)
def test_refusals(status, body, kind, retryable):
    error = refusal(status, body, str)
    assert error.__class__ is kind and error.http_status == status and error.retryable is retryable and error.cure
    assert f"the registry answered {status}" in error.cause


def test_a_refusals_text_is_one_short_line_without_secrets():
    error = refusal(403, told("DENIED", "a\nb\x1b[31m pw " + "x" * 1000), lambda text: text.replace("pw", "***"))
    assert error.cause.startswith("the registry answered 403 DENIED: a b [31m *** xxx") and len(error.cause) < 400
