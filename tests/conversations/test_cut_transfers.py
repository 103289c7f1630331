# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Transfers that are cut at random bytes, in every way that a network, a proxy, a token or a registry has.

Whatever happens, the image comes whole with at most one chunk sent again for each cut, or the transfer fails and no tag
stands for anything.
"""

from __future__ import annotations

import dataclasses
import random
import typing as t

import pytest

from ansible_collections.jdcloud.jcr.plugins.module_utils._distribution import Repository
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import JcrError
from ansible_collections.jdcloud.jcr.plugins.module_utils._remotesource import RemoteSource
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import Secret
from ansible_collections.jdcloud.jcr.plugins.module_utils._upload import upload
from tests.conversations.test_upload import Place, assert_whole
from tests.emulator_tests import docker_registry
from tests.emulator_tests.registry import Account
from tests.support.cutting_proxy import CuttingProxy
from tests.support.emulator import RunningEmulator
from tests.support.scripted_server import reply
from tests.support.sources import converse, image

MINE, OTHER = "team/web", "team/other"
CHUNK = 200_000
SIZES = (700_000, 150_000, 30_000, 30)
TOTAL = sum(SIZES)
OVERHEAD = 80_000  # bytes of all headers, manifests and configs of one upload, and more

# What a client is told at the cut; None is a reset.
ANSWERS: dict[str, bytes | None] = {
    "reset": None,
    "401": reply(401, {"errors": [{"code": "UNAUTHORIZED", "message": "no"}]}, connection="close"),
    "500": reply(500, b"<html>", content_type="text/html", connection="close"),
    "502": reply(502, b"", connection="close"),
    "503": reply(503, {"errors": [{"code": "UNAVAILABLE", "message": "later"}]}, connection="close", retry_after="1"),
    "429": reply(429, {"errors": [{"code": "TOOMANYREQUESTS", "message": "slowly"}]}, connection="close"),
    "released": None,  # the token with it
    "expired": None,
}


@dataclasses.dataclass
class Jcr:
    """The emulator's registry, whose tokens can die and be replaced once."""

    emulator: RunningEmulator
    place: Place
    deaths: list[str] = dataclasses.field(default_factory=list)

    def die(self, how: str) -> None:
        """Let the token die, once."""
        if how in ("released", "expired") and not self.deaths:
            self.deaths.append(how)
            if how == "released":
                Account(self.emulator).release("team")
            else:
                self.emulator.clock(advance_seconds=25 * 3600)

    def renew(self) -> Secret:
        self.place.password = Account(self.emulator).issue("team")
        return Secret(self.place.password)

    def repository(self, name: str, host: str) -> Repository:
        return Repository(converse(host, self.place.password, retries=20, renew=self.renew), name, chunk=CHUNK)


@pytest.fixture(params=["bearer", "basic"])
def jcr(request, emulator: RunningEmulator) -> Jcr:
    client = Account(emulator).declare("team", MINE, OTHER)
    emulator.settings({"challenge": request.param})
    return Jcr(emulator, Place(client.host, client.password, request.param))


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Place]:
    with docker_registry.serve(tmp_path_factory.mktemp("registry")) as url:
        yield Place(url.removeprefix("http://"), None, "docker-registry")


def cuts_of(name: str, most: int) -> list[int]:
    chance = random.Random(name)
    return [chance.randrange(TOTAL // 2) for _cut in range(chance.randrange(1, most + 1))]


@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize("kind", ANSWERS)
def test_cut_on_the_way_to_the_registry(jcr: Jcr, kind: str, number: int, request) -> None:
    source = image(SIZES, seed=request.node.name, seekable=bool(number % 2))
    # A login that is refused again and again is no good: Basic has one renewal.
    cuts = cuts_of(f"{kind} {number}", 1 if kind == "401" and jcr.place.name == "basic" else 3)
    with CuttingProxy(jcr.place.host, cuts, answer=ANSWERS[kind], on_cut=lambda: jcr.die(kind)) as proxy:
        upload(source, jcr.repository(MINE, proxy.host), ["v1"], workers=1 + number % 3)
        assert proxy.sent <= TOTAL + proxy.broken * CHUNK + OVERHEAD
    assert proxy.broken and bool(jcr.deaths) is (kind in ("released", "expired"))
    assert_whole(jcr.repository(MINE, jcr.place.host), "v1", source)


@pytest.mark.parametrize("number", range(2))
@pytest.mark.parametrize("kind", ANSWERS)
def test_cut_on_the_way_from_the_registry(jcr: Jcr, theirs: Place, kind: str, number: int, request) -> None:
    source = image(SIZES, seed=request.node.name)
    upload(source, jcr.repository(MINE, jcr.place.host), ["v1"])
    target = theirs.repository(OTHER)
    tag = f"{kind}-{jcr.place.name}-{number}"
    cuts = cuts_of(f"{kind} {number}", 1 if kind == "401" else 3)  # there is one renewal
    with CuttingProxy(jcr.place.host, cuts, way="down", answer=ANSWERS[kind], on_cut=lambda: jcr.die(kind)) as proxy:
        upload(RemoteSource(jcr.repository(MINE, proxy.host), "v1"), target, [tag], workers=1 + number % 3)
        assert proxy.received <= TOTAL + OVERHEAD
    assert proxy.broken and bool(proxy.refused) is bool(ANSWERS[kind])
    assert_whole(target, tag, source)


@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize("kind", [kind for kind, answer in ANSWERS.items() if answer])
def test_cut_on_the_way_to_dockers_registry(theirs: Place, kind: str, number: int, request) -> None:
    """It lets everybody in, so that a 401 ends it; and it forgets an upload that is cut within a chunk."""
    sizes = (CHUNK, CHUNK // 2, CHUNK // 3)
    source, tag = image(sizes, seed=request.node.name), f"{kind}-{number}"
    cuts = [random.Random(f"{kind} {number}").randrange(sum(sizes) // 2) for _cut in range(2)]
    with CuttingProxy(theirs.host, cuts, answer=ANSWERS[kind]) as proxy:
        repository = theirs.repository(host=proxy.host, retries=20)
        if kind == "401":
            with pytest.raises(JcrError) as caught:
                upload(source, repository, [tag], workers=1 + number)
            assert caught.value.kind == "authentication" and caught.value.changed is False
        else:
            upload(source, repository, [tag], workers=1 + number)
        assert proxy.sent <= sum(sizes) + proxy.broken * CHUNK + OVERHEAD
    assert proxy.broken
    if kind == "401":
        assert theirs.repository().head_manifest(tag) is None
    else:
        assert_whole(theirs.repository(), tag, source)


@pytest.mark.parametrize("number", range(6))
@pytest.mark.parametrize("kind", ["reset", "401", "503"])
def test_cut_again_and_again_no_tag_stands_for_half_an_image(theirs: Place, kind: str, number: int, request) -> None:
    """It gives up somewhere; what is there then is all or nothing."""
    source, tag = image(SIZES, seed=request.node.name), f"always-{kind}-{number}"
    cuts = [random.Random(f"always {number}").randrange(300, 400_000)] + [3_000] * 200
    with CuttingProxy(theirs.host, cuts, answer=ANSWERS[kind]) as proxy:
        with pytest.raises(JcrError) as caught:
            upload(source, theirs.repository(host=proxy.host, retries=2), [tag])
    assert caught.value.changed is False and caught.value.message
    assert theirs.repository().head_manifest(tag) is None
    upload(source, theirs.repository(), [tag])
    assert_whole(theirs.repository(), tag, source)
