# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The image store by itself: deleting, garbage, what is left lying, crashes, concurrency."""

from __future__ import annotations

import asyncio
import os
import threading
import typing as t
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.emulator import manifests, uploadroutes
from tests.emulator.clock import Clock
from tests.emulator.database import Database
from tests.emulator.images import ImageStore
from tests.emulator.registryerrors import RegistryError
from tests.emulator.settings import Settings
from tests.emulator_tests.registry import OCI_IMAGE, OCI_INDEX, digest_of, image_manifest, index_manifest

REPOSITORY = 1
OTHER = 2
CONFIG = b"{}"
LAYER = b"a layer"
NOW = datetime(2031, 5, 4, 3, 2, 1, tzinfo=UTC)


class Store:
    """An image store in a directory, and shorthand for pushing into it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.clock = Clock()
        self.clock.freeze(True)
        self.clock.set(NOW)
        self.settings = Settings()
        self.open()

    def open(self) -> None:
        """Begin anew with what is on the disk, as after a crash: nothing of the store before is closed."""
        self.database = Database(self.directory / "emulator.sqlite")
        self.images = ImageStore(self.database, self.directory / "blobs", self.clock, self.settings)

    def files(self) -> set[str]:
        """Digests whose files are there."""
        return {f"{path.parent.parent.name}:{path.name}" for path in self.directory.glob("blobs/sha*/*/*")}

    def upload_files(self) -> int:
        """How many uploads have a file."""
        return len(list((self.directory / "blobs" / "uploads").iterdir()))

    def push_blob(self, content: bytes, repository: int = REPOSITORY) -> None:
        """Upload a blob."""
        upload = self.images.uploads.start(repository)
        upload.append([content])
        self.images.uploads.finish(upload, digest_of(content))

    def push(self, tag: str | None, *layers: bytes, repository: int = REPOSITORY) -> str:
        """Push an image; returns its digest."""
        for content in (CONFIG, *layers):
            self.push_blob(content, repository)
        return self.put(tag, image_manifest(CONFIG, layers), repository=repository)

    def put(self, tag: str | None, content: bytes, kind: str = OCI_IMAGE, repository: int = REPOSITORY) -> str:
        """Push a manifest; returns its digest."""
        manifest = manifests.parse(content, kind)
        self.images.put_manifest(repository, manifest, tag)
        return manifest.digest

    def tagged(self, repository: int = REPOSITORY) -> dict[str, list[str]]:
        """The tags of every image."""
        return {image["digest"]: image["tags"] for image in self.images.list_images(repository)}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def test_list(store: Store) -> None:
    digest = store.push("v1", LAYER)
    store.put("latest", image_manifest(CONFIG, [LAYER]))
    store.clock.advance(60)
    store.images.count_pull(REPOSITORY, digest)
    (image,) = store.images.list_images(REPOSITORY)
    assert image == {
        "digest": digest,
        "manifest": image_manifest(CONFIG, [LAYER]).decode(),
        "media_type": OCI_IMAGE,
        "size": len(CONFIG) + len(LAYER),
        "tags": ["latest", "v1"],
        "pushed_at": NOW,
        "last_pull_at": store.clock.now(),
        "pulls": 1,
    }
    assert store.images.list_images(OTHER) == []


def test_counts(store: Store) -> None:
    store.push("v1", LAYER)
    store.push("v2", LAYER, b"more")
    store.push_blob(b"in no image")
    assert store.images.count(REPOSITORY) == 2
    assert store.images.space_used(REPOSITORY) == len(CONFIG) + len(LAYER) + len(b"more")
    assert (store.images.count(OTHER), store.images.space_used(OTHER)) == (0, 0)


DELETIONS: tuple[tuple[dict[str, str], str, int, dict[str, list[str]]], ...] = (
    # selector, setting, images touched, tags left ("one" has the tags a and b, "two" has c, "none" has no tag)
    ({"tag": "a"}, "untag", 1, {"one": ["b"], "two": ["c"], "none": []}),
    ({"tag": "c"}, "untag", 1, {"one": ["a", "b"], "none": []}),
    ({"tag": "a"}, "delete_digest", 1, {"two": ["c"], "none": []}),
    ({"tag": "x"}, "untag", 0, {"one": ["a", "b"], "two": ["c"], "none": []}),
    ({"digest": "one"}, "untag", 1, {"two": ["c"], "none": []}),
    ({"digest": "x"}, "untag", 0, {"one": ["a", "b"], "two": ["c"], "none": []}),
    ({"digest": "one", "tag": "b"}, "untag", 1, {"one": ["a"], "two": ["c"], "none": []}),
    ({"digest": "one", "tag": "c"}, "untag", 0, {"one": ["a", "b"], "two": ["c"], "none": []}),
    ({"tag_status": "untagged"}, "untag", 1, {"one": ["a", "b"], "two": ["c"]}),
    ({"tag_status": "tagged"}, "untag", 2, {"none": []}),
    ({"tag_status": "tagged", "digest": "none"}, "untag", 0, {"one": ["a", "b"], "two": ["c"], "none": []}),
)


@pytest.mark.parametrize(("selector", "setting", "touched", "left"), DELETIONS)
def test_delete(store: Store, selector: dict[str, str], setting: str, touched: int, left: dict[str, list[str]]) -> None:
    digests = {"one": store.push("a", b"1"), "two": store.push("c", b"2"), "none": store.push(None, b"3")}
    store.put("b", image_manifest(CONFIG, [b"1"]))
    store.settings.update({"delete_by_tag": setting})
    if "digest" in selector:
        selector = {**selector, "digest": digests.get(selector["digest"], digest_of(b"x"))}
    assert store.images.delete_image(REPOSITORY, **selector) == touched
    assert store.tagged() == {digests[name]: tags for name, tags in left.items()}


def test_delete_without_a_selector_is_a_mistake(store: Store) -> None:
    store.push("v1", LAYER)
    with pytest.raises(ValueError, match="say which images"):
        store.images.delete_image(REPOSITORY)
    assert store.images.count(REPOSITORY) == 1


def test_deleted_index_leaves_its_images(store: Store) -> None:
    image = store.push(None, LAYER)
    index = store.put("all", index_manifest([image_manifest(CONFIG, [LAYER])]), OCI_INDEX)
    store.images.delete_image(REPOSITORY, digest=index)
    store.images.collect_garbage()
    assert store.tagged() == {image: []}
    assert digest_of(LAYER) in store.files()


def test_files_go_when_the_last_repository_lets_go(store: Store) -> None:
    for repository in (REPOSITORY, OTHER):
        store.push("v1", LAYER, repository=repository)
    store.images.delete_image(REPOSITORY, tag="v1")
    assert store.images.collect_garbage() == 0
    assert store.images.blobs.size(REPOSITORY, digest_of(LAYER)) is None
    store.images.drop_repository(OTHER)
    assert store.images.collect_garbage() == 2
    assert store.files() == set()
    assert store.images.list_images(OTHER) == []


def test_deletion_that_is_undone_loses_nothing(store: Store) -> None:
    """The control plane may delete within a transaction of its own, and that may fail."""
    digest = store.push("v1", LAYER)
    with pytest.raises(RuntimeError), store.database.transaction():
        store.images.drop_repository(REPOSITORY)
        raise RuntimeError
    store.images.collect_garbage()
    assert store.tagged() == {digest: ["v1"]}
    assert store.files() == {digest_of(CONFIG), digest_of(LAYER)}


def test_what_is_left_lying_goes_in_the_end(store: Store) -> None:
    store.push("v1", LAYER)
    store.push_blob(b"in no image")
    abandoned = store.images.uploads.start(REPOSITORY)
    store.images.clean_up()
    assert store.upload_files() == 1
    store.clock.advance(7 * 24 * 3600 + 1)
    used = store.images.uploads.start(REPOSITORY)
    store.images.clean_up()
    assert store.files() == {digest_of(CONFIG), digest_of(LAYER)}
    assert store.images.uploads.find(REPOSITORY, used.id) is used
    with pytest.raises(RegistryError) as refused:
        store.images.uploads.find(REPOSITORY, abandoned.id)
    assert refused.value.code == "BLOB_UPLOAD_UNKNOWN"
    assert store.upload_files() == 1


def test_upload_goes_on_after_a_restart(store: Store) -> None:
    upload = store.images.uploads.start(REPOSITORY)
    upload.append([b"first ", b"part, "])
    store.open()
    again = store.images.uploads.find(REPOSITORY, upload.id)
    assert again.offset == len(b"first part, ")
    again.append([b"second part"])
    content = b"first part, second part"
    store.images.uploads.finish(again, digest_of(content))
    assert store.images.blobs.path(digest_of(content)).read_bytes() == content


def test_rewound_upload_hashes_only_what_is_left(store: Store) -> None:
    upload = store.images.uploads.start(REPOSITORY)
    upload.append([b"good"])
    upload.append([b"bad"])
    upload.rewind(4)
    upload.append([b" and more"])
    assert upload.digest("sha256") == digest_of(b"good and more")


def test_half_written_batch_leaves_no_trace(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = store.images.uploads.start(REPOSITORY)
    upload.append([b"good"])

    def disk_is_full(file: t.Any, data: bytes) -> None:
        file.write(data[:2])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched, pytest.raises(OSError, match="No space left"):
        patched.setattr("tests.emulator.uploads._write_all", disk_is_full)
        upload.append([b"too much"])
    upload.append([b" again"])
    store.images.uploads.finish(upload, digest_of(b"good again"))
    assert store.images.blobs.path(digest_of(b"good again")).read_bytes() == b"good again"


def test_crash_before_the_record_of_a_blob(store: Store) -> None:
    """The file is in its place, but no row says so: nobody may read it, and it does not stay."""
    stray = store.images.blobs.path(digest_of(LAYER))
    stray.parent.mkdir(parents=True)
    stray.write_bytes(b"torn")
    (store.directory / "blobs" / "uploads" / "stray").write_bytes(b"torn")
    assert store.images.blobs.size(REPOSITORY, digest_of(LAYER)) is None
    store.open()
    assert (store.files(), store.upload_files()) == (set(), 0)
    store.push("v1", LAYER)
    assert stray.read_bytes() == LAYER


def test_crash_while_garbage_is_collected(store: Store) -> None:
    """The file is gone, its row is not: whoever pushes the blob again brings the file back."""
    store.push_blob(LAYER)
    store.images.blobs.unlink(REPOSITORY, digest_of(LAYER))
    store.images.blobs.path(digest_of(LAYER)).unlink()
    store.open()
    store.push("v1", LAYER)
    store.images.collect_garbage()
    assert store.images.blobs.path(digest_of(LAYER)).read_bytes() == LAYER


def test_crash_before_the_end_of_a_finished_upload_is_recorded(store: Store) -> None:
    upload = store.images.uploads.start(REPOSITORY)
    upload.append([LAYER])
    store.images.blobs.adopt(upload.path, REPOSITORY, digest_of(LAYER), len(LAYER))
    store.open()
    with pytest.raises(RegistryError):
        store.images.uploads.find(REPOSITORY, upload.id)
    assert store.images.blobs.size(REPOSITORY, digest_of(LAYER)) == len(LAYER)


@pytest.mark.parametrize("fsync", [True, False])
def test_blob_is_forced_to_the_disk_only_if_wanted(store: Store, monkeypatch: pytest.MonkeyPatch, fsync: bool) -> None:
    forced: list[int] = []
    monkeypatch.setattr(os, "fsync", forced.append)
    store.settings.update({"fsync": fsync})
    store.push_blob(LAYER)
    assert len(forced) == (2 if fsync else 0)


def test_full_disk_is_said_when_an_upload_starts(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploadroutes, "MIN_FREE_BYTES", 1 << 62)
    with pytest.raises(RegistryError, match="disk of the registry is full"):
        uploadroutes.open_upload(store.images, REPOSITORY)
    assert store.upload_files() == 0


def test_upload_that_stays_busy_is_refused(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploadroutes, "PATIENCE_SECONDS", 0)
    upload = store.images.uploads.start(REPOSITORY)

    async def scenario() -> None:
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def body() -> t.AsyncIterator[bytes]:
            begun.set()
            await go_on.wait()
            yield LAYER

        exchange: t.Any = SimpleNamespace(
            emulator=SimpleNamespace(images=store.images),
            repository_id=REPOSITORY,
            request=SimpleNamespace(headers={}, stream=body),
            path_value=lambda _name: upload.id,
            location=lambda *_tail: "",
        )
        routes = uploadroutes.UploadRoutes()
        busy = asyncio.create_task(routes.append(exchange))
        await begun.wait()
        with pytest.raises(RegistryError, match="busy") as refused:
            await routes.status(exchange)
        assert refused.value.status == 409
        go_on.set()
        assert (await busy).status_code == 202
        assert (await routes.status(exchange)).headers["Range"] == f"0-{len(LAYER) - 1}"

    asyncio.run(scenario())


def test_pushes_and_deletions_at_the_same_time(store: Store) -> None:
    """Blobs that come and go in two repositories at once: an image that is there is whole."""
    failures: list[BaseException] = []

    def come_and_go(repository: int) -> None:
        try:
            for _turn in range(25):
                store.push("v1", LAYER, repository=repository)
                path = store.images.blobs.path(digest_of(LAYER))
                assert path.read_bytes() == LAYER
                assert store.images.delete_image(repository, tag="v1") == 1
                store.images.collect_garbage()
        except BaseException as failure:
            failures.append(failure)
            raise

    threads = [threading.Thread(target=come_and_go, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert store.files() == set()
