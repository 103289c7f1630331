# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A repository with 1,000 tags: listed, pushed to, thinned out; and many hosts that push the same image at once."""

from __future__ import annotations

import concurrent.futures
import time
import typing as t

import pytest

from tests.emulator_tests import registry as dataplane
from tests.emulator_tests.registry import RegistryClient
from tests.support import figures
from tests.support.emulator import RunningEmulator
from tests.support.sources import image, write_layout
from tests.support.tasks import WAYS, Account, Run, run_module

REGISTRY, REPOSITORY = "myshop", "shop/web"
IMAGES, TAGS_EACH = 200, 5
TAGS = [f"build-{number:04}" for number in range(IMAGES * TAGS_EACH)]
PAGE = 100  # images that the service tells at a time
HOSTS = 10
PLACE = {"registry": REGISTRY, "repository": REPOSITORY}


@pytest.fixture
def client(emulator: RunningEmulator) -> RegistryClient:
    return dataplane.Account(emulator).declare(REGISTRY, REPOSITORY)


@pytest.fixture
def full(client: RegistryClient) -> dict[str, str]:
    """{tag: digest} of a repository with all the tags."""
    digests = {}
    for number in range(IMAGES):
        layer = f"layer {number}".encode()
        first, *others = TAGS[number * TAGS_EACH : (number + 1) * TAGS_EACH]
        digests[first] = client.push_image(REPOSITORY, first, layer)
        manifest = client.get_manifest(REPOSITORY, first).content
        for tag in others:
            assert client.put_manifest(REPOSITORY, tag, manifest).status_code == 201
            digests[tag] = digests[first]
    return digests


@pytest.mark.parametrize("run", WAYS.values(), ids=WAYS)
def test_a_thousand_tags(run: Run, emulator, tmp_path, client, full) -> None:
    account = Account(emulator, tmp_path)

    def task(what: str, module: str, **options: t.Any) -> tuple[dict[str, t.Any], list[dict[str, t.Any]]]:
        before, start = len(emulator.requests()), time.perf_counter()
        result = run(account, module, {**PLACE, **options})
        seconds = time.perf_counter() - start
        sent = emulator.requests()[before:]
        assert not result.get("failed"), result["msg"]
        figures.tell(f"{len(TAGS)} tags, {run.__name__}: {what} in {seconds:.2f} s with {len(sent)} requests")
        return result, sent

    listed, sent = task("listed", "jcr_image_info")
    assert {tag: found["digest"] for found in listed["images"] for tag in found["tags"]} == full
    assert len([entry for entry in sent if entry["operation"] == "describeImages"]) <= 1 + IMAGES // PAGE

    # What a push needs to know does not grow with what else is in the repository.
    layout = write_layout(image([1000]), tmp_path / "layout")
    pushed, sent = task("pushed", "jcr_image", archive=str(layout), tag="new")
    assert pushed["changed"] is True
    assert sum(entry["plane"] == "control" for entry in sent) < 10
    again, sent = task("pushed with nothing to do", "jcr_image", archive=str(layout), tag="new")
    assert again["changed"] is False
    assert len(sent) < 5 and {entry["plane"] for entry in sent} == {"control"}

    doomed = {tag for tag in full if tag.startswith("build-00")}
    thinned, sent = task("a tenth deleted", "jcr_image", state="absent", pattern=["build-00*"], max_delete=len(doomed))
    assert thinned["changed"] is True
    assert set(client.tags(REPOSITORY)) == {*full, "new"} - doomed
    assert len([entry for entry in sent if entry["operation"] == "deleteImage"]) == len({full[tag] for tag in doomed})


def test_ten_hosts_push_the_same_image_at_once(emulator, tmp_path, client) -> None:
    """Each under a tag of its own, with one token for all of them; nobody's tag is lost or wrong."""
    source = image([300_000] * 5)
    layout = write_layout(source, tmp_path / "layout")
    account = Account(emulator, tmp_path)
    before = len(emulator.requests())
    with concurrent.futures.ThreadPoolExecutor(HOSTS) as pool:
        jobs = [
            pool.submit(run_module, account, "jcr_image", {**PLACE, "archive": str(layout), "tags": [tag, "shared"]})
            for tag in TAGS[:HOSTS]
        ]
        results = [job.result() for job in jobs]
    assert [result.get("msg") for result in results] == [None] * HOSTS
    assert all(result["changed"] for result in results)
    assert {result["image"]["digest"] for result in results} == {source.root.digest}
    assert sorted(client.tags(REPOSITORY)) == [*TAGS[:HOSTS], "shared"]
    for tag in client.tags(REPOSITORY):
        assert client.get_manifest(REPOSITORY, tag).headers["Docker-Content-Digest"] == source.root.digest
    assert sum(entry["token_issued"] for entry in emulator.requests()[before:]) == 1
