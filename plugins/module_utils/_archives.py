# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The port to the archives of images on a machine: look into one, push one. No daemon is needed.

This module util is private to the collection.
"""

from __future__ import annotations

import contextlib
import json
import os
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._archive import open_archive
from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Clock, Deadline
from ansible_collections.jdcloud.jcr.plugins.module_utils._dockerarchive import DockerArchive
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import ContentMismatch, JcrError
from ansible_collections.jdcloud.jcr.plugins.module_utils._imagesource import (
    DOCKER_MANIFEST,
    MAX_DOCUMENT,
    Descriptor,
    Image,
    ImageSource,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._imagewalk import platforms_of, walk
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import Secret
from ansible_collections.jdcloud.jcr.plugins.module_utils._tagguards import TagGuards
from ansible_collections.jdcloud.jcr.plugins.module_utils._target import Target
from ansible_collections.jdcloud.jcr.plugins.module_utils._upload import Layer, upload


class Archives:
    """The archives that this machine and user can read. Raises what opening and reading them raises (_archive)."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or Clock()

    def inspect(
        self, path: str, name: str | None = None, platforms: t.Sequence[str] | None = None
    ) -> dict[str, t.Any] | None:
        """What a push would bring: C(digest), C(config_digest), C(media_type), C(size), C(platforms), C(layers).

        None if there is no such file. Of what docker save wrote, digest, size and layers are not known (None): it would
        have to be compressed first; its config_digest tells it from others. C(config_digest) is None for an index.
        An archive in which something of the image is missing, or has another size, is refused.
        """
        path = _expanded(path)
        if not _is_there(path):
            return None
        with contextlib.closing(open_archive(path, name)) as source:
            known = not isinstance(source, DockerArchive)
            try:
                image = walk(source if known else _Unpressed(source), platforms)
                _check_presence(source, image)
            except JcrError as error:
                error.about("read", f"'{path}'")
                raise
            layers = [{"digest": blob.digest, "size": blob.size} for blob in image.blobs]
            return {
                "digest": image.root.digest if known else None,
                "config_digest": image.config_digest,
                "media_type": image.root.media_type,
                "size": image.size if known else None,
                "platforms": platforms_of(image, source.open),
                "layers": layers if known else None,
            }

    def push(
        self,
        path: str,
        name: str | None,
        platforms: t.Sequence[str] | None,
        target: Target,
        tags: t.Sequence[str],
        password: Secret,
        *,
        guards: TagGuards,
        expected: t.Mapping[str, str | None],
        deadline: Deadline,
        renew: t.Callable[[], Secret] | None = None,
        progress: t.Callable[[Layer], None] | None = None,
    ) -> dict[str, t.Any]:
        """Bring an image into a repository under these tags; returns C(digest), and C(transfer) as Transfer.result().

        C(expected) is what inspect() said: an archive that is another one by now is refused. C(renew) gives another
        password when the first is not taken any more. Raises what upload() does, and ContentMismatch.
        """
        with contextlib.closing(open_archive(_expanded(path), name)) as source:
            if expected["digest"] is None and source.config_digest != expected["config_digest"]:
                raise _changed(path)
            with target.opened(password, clock=self._clock, deadline=deadline, renew=renew) as repository:
                transfer = upload(
                    source,
                    repository,
                    tags,
                    platforms=platforms,
                    guards=guards,
                    digest=expected["digest"],
                    progress=progress,
                )
        return {"digest": transfer.root.digest, "transfer": transfer.result()}


class _Unpressed:
    """A docker-archive with nothing but its config: enough to choose by platform, and it need not be compressed."""

    origin = None

    def __init__(self, archive: DockerArchive) -> None:
        self._archive = archive
        self.config_digest = archive.config_digest
        with archive.open(Descriptor("", archive.config_digest, 0)) as reader:
            size = len(reader.read(MAX_DOCUMENT + 1))
        config = {"mediaType": "application/vnd.docker.container.image.v1+json", "size": size}
        document = {"schemaVersion": 2, "config": {**config, "digest": self.config_digest}, "layers": []}
        self._manifest = json.dumps(document).encode("ascii")
        self.root = Descriptor.of(DOCKER_MANIFEST, self._manifest)

    def manifest(self, digest: str) -> bytes:
        return self._manifest

    def open(self, blob: Descriptor) -> t.BinaryIO:
        return self._archive.open(blob)

    def close(self) -> None:
        """The archive is closed by whoever opened it."""


def _check_presence(source: ImageSource, image: Image) -> None:
    """Every blob has to be there, in its size; its bytes are proven when they are sent, and not read twice."""
    for blob in image.blobs:
        source.open(blob).close()


def _is_there(path: str) -> bool:
    """Whether there is something; also where it cannot be told, so that opening it says why."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _expanded(path: str) -> str:
    """With the home and the variables of the user who reads it."""
    return os.path.expanduser(os.path.expandvars(path))


def _changed(path: str) -> ContentMismatch:
    cause = "it is another image by now than it was when the task began"
    return ContentMismatch(cause, act="push", obj=f"archive '{path}'", cure="Run the task again.")
