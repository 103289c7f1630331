# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The verdict on what an engine says, against tests/contract/push-streams.json."""

from __future__ import annotations

import itertools
import json
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.jdcloud.jcr.plugins.module_utils._enginewords import classify
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import (
    EngineError,
    ImageNotFound,
    JcrError,
    LoginRefused,
    RuleError,
    TransferFailed,
    TransferRefused,
    Unreachable,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._layerlog import MAX_LAYERS, LayerLog
from ansible_collections.jdcloud.jcr.plugins.module_utils._stream import (
    MAX_LINE,
    Patience,
    PullStream,
    PushStream,
    events,
)
from tests.support.pushstreams import SCRIPTS, TAG, script

DIGEST = "sha256:" + "0123456789abcdef" * 4
OTHER = "sha256:" + "fedcba9876543210" * 4
STALE = "Status: Image is up to date for 127.0.0.1:5000/app/web:1"
MIB = 1 << 20

few = settings(derandomize=True, database=None, max_examples=200, deadline=None)


def no_time():
    return 0.0


def folded(chunks):
    stream = PushStream(TAG, LayerLog(no_time))
    for event in events(chunks):
        stream.feed(event)
    return stream


def pulled(*texts, digest=None):
    stream = PullStream(digest, LayerLog(no_time))
    for text in texts:
        stream.feed(text if isinstance(text, dict) else {"status": text})
    return stream


# --- pushes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pushed", [each for each in SCRIPTS if each.end != "cut"], ids=lambda each: each.name)
def test_verdict_on_a_push(pushed):
    if "digest" in pushed.verdict:
        stream = folded(pushed.chunks())
        verdict = stream.verdict()
        states = [layer["state"] for layer in verdict.pop("layers")]
        assert (verdict, stream.layers.waits) == (pushed.verdict, pushed.waits)
        assert {f"layers_{state}": states.count(state) for state in ("pushed", "existing", "mounted")}.items() <= (
            verdict.items()
        )
        assert len(states) == verdict["layers_total"]
        return
    with pytest.raises(JcrError) as caught:
        folded(pushed.chunks()).verdict()
    error = caught.value
    assert (error.kind, error.retryable) == (pushed.verdict["kind"], pushed.verdict["retryable"])
    assert pushed.verdict["says"] in error.cause


@few
@given(st.sampled_from(["pushed", "put off once, then pushed", "unchanged"]), st.lists(st.integers(0, 3000)))
def test_chunks_may_be_cut_anywhere(name, cuts):
    data = b"".join(script(name).chunks())
    places = [0, *sorted(cuts), len(data)]
    verdict = folded(data[a:b] for a, b in itertools.pairwise(places)).verdict()
    assert {**script(name).verdict, "layers": verdict["layers"]} == verdict


@few
@given(st.integers(0, 3000))
def test_a_push_that_is_cut_anywhere_before_its_digest_is_no_success(length):
    data = b"".join(script("pushed").chunks())
    proof = data.index(b"1: digest: ")
    with pytest.raises(TransferFailed):
        folded([data[: min(length, proof)]]).verdict()


@few
@given(st.lists(st.one_of(st.binary(max_size=40), st.text(max_size=40).map(str.encode)), max_size=5))
def test_no_stream_ends_in_another_error_than_ours_or_in_a_false_success(chunks):
    with pytest.raises(JcrError):
        folded(chunks).verdict()


@pytest.mark.parametrize("line", [b"[" * 200_000, b'{"status": ' + b"9" * 5000 + b"}", b'{"a":' * 100_000])
def test_hostile_json(line):
    with pytest.raises(TransferFailed):
        folded([line + b"\n"]).verdict()


def test_a_line_has_a_largest_length():
    with pytest.raises(TransferFailed, match=f"more than {MAX_LINE} bytes"):
        folded(itertools.repeat(b"x" * 1024))


def test_memory_is_constant_for_a_long_stream():
    lines = itertools.islice(script("100,000 lines").chunks(), 10_000)
    tracemalloc.start()
    try:
        assert folded(lines).progress().startswith("0 of 3 layers were through; ")
        assert tracemalloc.get_traced_memory()[1] < MIB // 4  # the lines are ten times that
    finally:
        tracemalloc.stop()


def test_memory_is_bounded_for_any_number_of_layers():
    stream = PushStream(TAG, LayerLog(no_time))
    tracemalloc.start()
    try:
        for number in range(4 * MAX_LAYERS):
            stream.feed({"status": "Retrying in 5 seconds", "id": f"layer {number}"})
            stream.feed({"status": "Waiting", "id": f"{number}" * 1000})
            stream.feed({"aux": {"Digest": f"{number}" * 1000}})
        assert tracemalloc.get_traced_memory()[1] < 4 * MIB
    finally:
        tracemalloc.stop()
    assert stream.progress().startswith(f"0 of {MAX_LAYERS} layers were through; ")


# --- pulls -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "wanted"),
    [
        (["Pulling from app/web", f"Digest: {DIGEST}", STALE], None),
        ([f"Digest: {DIGEST}", "Status: Downloaded newer image for 127.0.0.1:5000/app/web:1"], None),
        ([f"Digest: {DIGEST}", STALE], DIGEST),
    ],
)
def test_a_pull_that_is_done_names_its_digest(texts, wanted):
    assert pulled(*texts, digest=wanted).verdict() == (DIGEST, None)


def test_podman_names_the_image_at_the_end():
    layers = [{"status": "Download complete", "id": name} for name in ("4215658a77dd", "e12b59aff584")]
    assert pulled("Pulling fs layer", *layers).verdict() == (None, "e12b59aff584")


@pytest.mark.parametrize(
    ("texts", "wanted"),
    [
        ([], None),
        (["Pulling from app/web"], None),
        (["Pulling from app/web", f"Digest: {DIGEST}"], None),  # cut before the image was there
        ([STALE], None),
        (["Digest: sha256:beef", STALE], None),
        ([f"Digest: {DIGEST}", STALE], OTHER),
        ([{"status": "Download complete", "id": "4215658a77dd"}, "Pulling fs layer"], None),
        ([{"status": ["Download complete"], "id": 7}], None),
    ],
)
def test_a_pull_that_is_not_proven_fails(texts, wanted):
    with pytest.raises(TransferFailed):
        pulled(*texts, digest=wanted).verdict()


def test_an_error_in_a_pull_is_raised_whatever_comes_before():
    with pytest.raises(TransferFailed, match="unexpected EOF") as caught:
        pulled(
            f"Digest: {DIGEST}",
            STALE,
            {"error": "error pulling image configuration: download failed after attempts=6: unexpected EOF"},
        )
    assert caught.value.retryable


# --- words -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "error", "retryable"),
    [
        ("manifest for 127.0.0.1:5000/app/web:9 not found: manifest unknown: manifest unknown", ImageNotFound, False),
        (
            "initializing source docker://127.0.0.1:5000/app:9: reading manifest 9 in 127.0.0.1:5000/app: "
            "manifest unknown: manifest unknown",
            ImageNotFound,
            False,
        ),
        ("failed to find image 127.0.0.1:5000/a:1: 127.0.0.1:5000/a:1: image not known", ImageNotFound, False),
        ("No such image: 127.0.0.1:5000/app/web:1", ImageNotFound, False),
        ("repository 127.0.0.1:5000/a not found: name unknown: repository 'a' does not exist", TransferRefused, False),
        (
            "pull access denied for web, repository does not exist or may require 'docker login': "
            "denied: requested access to the resource is denied",
            TransferRefused,
            False,
        ),
        ("invalid reference format: repository name must be lowercase", RuleError, False),
        ("invalid tag format", RuleError, False),
        ("image config verification failed for digest " + DIGEST, TransferFailed, False),
        ("open /data/tmp/GetImageBlob123: no space left on device", EngineError, False),
        ('Get "https://h/v2/": net/http: TLS handshake timeout', Unreachable, True),
        ('Get "https://h/v2/": remote error: tls: bad certificate', Unreachable, False),
        ('Get "https://h/v2/": http: server gave HTTP response to HTTPS client', Unreachable, False),
        ('Put "https://h/v2/app/blobs/uploads/1": EOF', TransferFailed, True),
        ('Patch "https://h/v2/app/blobs/uploads/1": context canceled', TransferFailed, True),
        ("something that no table knows", TransferFailed, False),
        # dockerd 26 and 28 with containerd's image store, while they pull
        (
            'failed to resolve reference "127.0.0.1:5000/app/web:9": 127.0.0.1:5000/app/web:9: not found',
            ImageNotFound,
            False,
        ),
        (
            'failed to resolve reference "h/app/web:1": unexpected status from HEAD request to '
            "https://h/v2/app/web/manifests/1: 401 Unauthorized",
            LoginRefused,
            False,
        ),
        (
            "failed to copy: httpReadSeeker: failed open: unexpected status code https://h:443/v2/a/blobs/sha256:85ad: "
            "429 Too Many Requests - Server message: toomanyrequests: some words",
            TransferRefused,
            True,
        ),
        (
            "failed to copy: httpReadSeeker: failed open: unexpected status code https://h/v2/a/blobs/sha256:85ad: "
            "500 Internal Server Error - Server message: unknown: some words",
            TransferFailed,
            True,
        ),
        (
            "failed to copy: httpReadSeeker: failed open: could not fetch content descriptor sha256:85ad "
            "(application/vnd.docker.container.image.v1+json) from remote: not found",
            TransferFailed,
            False,
        ),
        ("failed to read expected number of bytes: unexpected EOF", TransferFailed, True),
        ("short read: expected 418 bytes but got 4: unexpected EOF", TransferFailed, True),
        (
            'failed commit on ref "config-sha256:e0f0": commit failed: unexpected commit digest sha256:9a4e, '
            "expected sha256:e0f0: failed precondition",
            TransferFailed,
            False,
        ),
        ("error from registry: denied: no", TransferFailed, True),
        ("undenied unauthorizedness", TransferFailed, False),
        ("unknown: no entry", TransferFailed, False),
        ("received unexpected HTTP status: 503 Service Unavailable", TransferFailed, True),
        ("received unexpected HTTP status: 507 Insufficient Storage", TransferRefused, False),
        ("received unexpected HTTP status: 501 Not Implemented", TransferFailed, False),
        (
            "failed to do request: unexpected status from PUT request to https://h/v2/a/blobs/uploads/1: "
            "507 Insufficient Storage",
            TransferRefused,
            False,
        ),
        ("unauthorized: authentication required", LoginRefused, False),
        ('Get "http://h/v2/token?service=h": unauthorized: token expired', LoginRefused, False),
        ('error parsing HTTP 401 response body: invalid character: "<html>"', LoginRefused, False),
        ("received unexpected HTTP status: 401 Unauthorized", LoginRefused, False),
        ("no basic auth credentials", TransferRefused, False),
        ("name known: denied", TransferRefused, False),
    ],
)
def test_words_of_an_engine(text, error, retryable):
    found = classify(text)
    assert (type(found), found.retryable, found.cause, found.attempts) == (error, retryable, text, 1)


def test_long_words_are_cut_and_put_on_one_line():
    assert classify("denied:\r\n  " + "x" * 10_000).cause == "denied: " + "x" * 489 + "..."


@few
@given(st.text())
def test_any_words_have_a_class(text):
    assert classify(text).message


# --- patience --------------------------------------------------------------------------------------------------------

REFUSED = Unreachable("dial tcp: connection refused", retryable=True)
OVERLOADED = TransferRefused("toomanyrequests", retryable=True)
FINAL = [LoginRefused("unauthorized"), TransferRefused("denied"), Unreachable("x509")]


@pytest.mark.parametrize("finding", FINAL, ids=str)
def test_a_refusal_for_good_ends_the_wait(finding):
    assert Patience().lost(finding) is finding


@pytest.mark.parametrize(
    "findings",
    [
        [None] * 9,
        [REFUSED, REFUSED, None, REFUSED, REFUSED],
        [OVERLOADED] * 5,
        [ImageNotFound("x"), TransferFailed("500")],
    ],
)
def test_what_may_pass_is_waited_for(findings):
    patience = Patience()
    assert [patience.lost(finding) for finding in findings] == [None] * len(findings)


def test_a_registry_that_stays_away_is_given_up_at_the_third_look():
    patience = Patience()
    assert [patience.lost(REFUSED) for _look in range(3)] == [None, None, REFUSED]


def test_lines_of_the_contract_are_lines_of_json():
    """The scripts are what they seem: a mistake in them must not pass as garbage of an engine."""
    odd = {"garbage line", "JSON that is not an object", "HTML of a proxy", "ends within a line"}
    for each in SCRIPTS:
        lines = [line if isinstance(line, str) else line["line"] for line in each.lines]
        if each.name not in odd:
            assert all(isinstance(json.loads(line), dict) for line in lines), each.name
