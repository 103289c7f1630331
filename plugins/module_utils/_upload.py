# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An image into a registry without a daemon: blobs first, then manifests, and the tags last of all.

This module util is private to the collection.

A tag is put only when everything that it stands for is there, so nobody ever pulls half an image. What the registry has
is not sent again: not the second time, not for a second tag, not after a cut.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import threading
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._content import Content, Stopped
from ansible_collections.jdcloud.jcr.plugins.module_utils._distribution import Repository
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import ContentMismatch, JcrError
from ansible_collections.jdcloud.jcr.plugins.module_utils._imagesource import (
    Descriptor,
    Document,
    Image,
    ImageSource,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._imagewalk import walk
from ansible_collections.jdcloud.jcr.plugins.module_utils._tagguards import TagGuards

WORKERS = 6  # blobs at the same time

# What registries answer to a manifest with layers that they are not to keep; CNCF distribution 2.8: 500.
_PERHAPS_FOR_FOREIGN_LAYERS = (400, 500)

PUSHED, EXISTING, MOUNTED = "pushed", "existing", "mounted"


@dataclasses.dataclass(frozen=True)
class Layer:
    """What became of one blob (a config is one, too); C(bytes) that it has, C(seconds) that it took."""

    digest: str
    state: str
    bytes: int
    seconds: float


@dataclasses.dataclass(frozen=True)
class Transfer:
    """What an upload came to; C(layers) in the order of the image, C(seconds) for all of it."""

    root: Descriptor
    tags: tuple[str, ...]
    layers: tuple[Layer, ...]
    seconds: float

    def result(self) -> dict[str, t.Any]:
        """C(transfer) of a module's result."""
        states = [layer.state for layer in self.layers]
        return {
            "layers_total": len(states),
            "layers_pushed": states.count(PUSHED),
            "layers_existing": states.count(EXISTING),
            "layers_mounted": states.count(MOUNTED),
            "bytes_sent": sum(layer.bytes for layer in self.layers if layer.state == PUSHED),
            "seconds": round(self.seconds, 3),
            "layers": [dataclasses.asdict(layer) for layer in self.layers],
        }


def upload(
    source: ImageSource,
    target: Repository,
    tags: t.Sequence[str],
    *,
    platforms: t.Sequence[str] | None = None,
    workers: int = WORKERS,
    guards: TagGuards | None = None,
    digest: str | None = None,
    progress: t.Callable[[Layer], None] | None = None,
) -> Transfer:
    """Bring an image into a repository and let the tags point at it; without tags it is there by its digest.

    C(platforms) chooses from an index (_imagesource). C(guards) are asked once more right before a tag is put.
    C(digest) is what the image has to be: ContentMismatch is raised before anything is sent if it is another one.
    C(progress) is told of each blob that is through, by one thread at a time. Within its own repository an image is
    only tagged, from another one of the same registry its blobs are mounted. A failure that has moved tags already says
    so by C(changed). Raises what the source and the repository do, and TagProtected.
    """
    try:
        return _Upload(source, target, workers, guards or TagGuards(), progress).run(tags, platforms, digest)
    except JcrError as error:
        error.about("push an image to", f"{target.host}/{target.name}")
        raise


def put_tag(repository: Repository, tag: str, document: Document, guards: TagGuards) -> None:
    """Let a tag (or a digest) stand for a manifest that is in the repository with all that it points at.

    A guarded tag is looked at once more: what somebody has made of it a moment ago is not moved. Between this look and
    the write there is still time for another one, since registries know no condition for a write. Raises TagProtected.
    """
    there = repository.head_manifest(tag) if guards.guarded(tag) else None
    if there is not None and there.digest == document.descriptor.digest:
        return
    if there is not None:
        guards.check({tag: there.digest})
    repository.put_manifest(tag, document)


class _Upload:
    def __init__(
        self,
        source: ImageSource,
        target: Repository,
        workers: int,
        guards: TagGuards,
        progress: t.Callable[[Layer], None] | None,
    ) -> None:
        self._source = source
        self._target = target
        self._workers = workers
        self._guards = guards
        self._progress = progress
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._look_first = True
        host, repository = source.origin or ("", "")
        self._origin = repository if host.lower() == target.host.lower() else None

    def run(self, tags: t.Sequence[str], platforms: t.Sequence[str] | None, digest: str | None) -> Transfer:
        started = self._target.clock.monotonic()
        image = walk(self._source, platforms)
        if digest not in (None, image.root.digest):
            raise ContentMismatch(f"the image is {image.root.digest} by now, not {digest}", cure="Run the task again.")
        layers = self._blobs(image)
        try:
            self._put_manifests(image, tags)
        except JcrError as error:
            if image.elsewhere and error.http_status in _PERHAPS_FOR_FOREIGN_LAYERS:
                number = len(image.elsewhere)
                error.cause += f"; not every registry takes layers that are kept elsewhere, as {number} of these are"
            raise
        return Transfer(image.root, tuple(tags), tuple(layers), self._target.clock.monotonic() - started)

    def _put_manifests(self, image: Image, tags: t.Sequence[str]) -> None:
        *children, root = image.manifests
        for document in children if self._origin != self._target.name else ():
            self._target.put_manifest(document.descriptor.digest, document)
        self._tag(image, tags or [root.descriptor.digest])

    def _tag(self, image: Image, tags: t.Sequence[str]) -> None:
        done: list[str] = []
        for tag in tags:
            try:
                put_tag(self._target, tag, image.manifests[-1], self._guards)
            except JcrError as error:
                error.changed = bool(done)
                if done:
                    error.cause += f"; done are the tags {', '.join(done)}"
                raise
            done.append(tag)

    def _blobs(self, image: Image) -> list[Layer]:
        """Bring all blobs there, several at once; the first failure ends it."""
        blobs = image.blobs
        if self._origin == self._target.name:
            return [self._through(Layer(blob.digest, EXISTING, blob.size, 0.0)) for blob in blobs]
        if self._origin:
            # Where the manifest is, its blobs should be; so only then they are looked for before they are mounted.
            self._look_first = self._target.head_manifest(image.root.digest) is not None
        with concurrent.futures.ThreadPoolExecutor(max(1, min(self._workers, len(blobs)))) as pool:
            futures = [pool.submit(self._blob, blob) for blob in blobs]
            try:
                concurrent.futures.wait(futures, return_when=concurrent.futures.FIRST_EXCEPTION)
            finally:
                self._stop.set()  # all is done, or nothing more is worth doing
            failures = [future.exception() for future in futures if future.done()]
        for failure in failures:
            if failure is not None and not isinstance(failure, Stopped):
                raise failure
        return [future.result() for future in futures]

    def _blob(self, blob: Descriptor) -> Layer:
        if self._stop.is_set():
            raise Stopped
        started = self._target.clock.monotonic()
        try:
            state = self._brought(blob)
        except JcrError as error:
            if blob.digest not in error.cause:
                error.cause = f"blob {blob.digest}: {error.cause}"
            raise
        return self._through(Layer(blob.digest, state, blob.size, round(self._target.clock.monotonic() - started, 3)))

    def _brought(self, blob: Descriptor) -> str:
        location = None
        if self._look_first and self._target.has_blob(blob):
            return EXISTING
        if self._origin:
            mounted, location = self._target.mount_blob(blob, self._origin)
            if mounted:
                return MOUNTED
        content = Content(blob, lambda: self._source.open(blob), self._stop)
        with contextlib.closing(content):
            self._target.push_blob(content, location)
        return PUSHED

    def _through(self, layer: Layer) -> Layer:
        if self._progress:
            with self._lock:
                self._progress(layer)
        return layer
