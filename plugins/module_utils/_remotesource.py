# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An image that is read from a registry. Nothing of it comes to lie on a disk.

This module util is private to the collection.
"""

from __future__ import annotations

import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._distribution import Repository
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import JcrError
from ansible_collections.jdcloud.jcr.plugins.module_utils._imagesource import Descriptor, parse_document


class RemoteSource:
    """The ImageSource of a tag or digest in a repository. Whoever made the repository's conversation closes it.

    A tag is looked up once: what it is moved to later on does not matter any more. Raises ImageNotFound, and whatever
    Repository does.
    """

    def __init__(self, repository: Repository, reference: str) -> None:
        self._repository = repository
        self._named = f"{repository.host}/{repository.name}{'@' if ':' in reference else ':'}{reference}"
        try:
            self._root = repository.manifest(reference)
        except JcrError as error:
            error.about("read image", self._named)
            raise

    @property
    def root(self) -> Descriptor:
        return self._root.descriptor

    @property
    def config_digest(self) -> str | None:
        if self.root.is_index:
            return None
        config = parse_document(self._root.content, f"manifest {self.root.digest}").get("config")
        return Descriptor.parse(config).digest

    @property
    def origin(self) -> tuple[str, str] | None:
        return self._repository.host, self._repository.name

    def manifest(self, digest: str) -> bytes:
        """A manifest byte for byte, asked for once if it is the root."""
        if digest == self.root.digest:
            return self._root.content
        try:
            return self._repository.manifest(digest).content
        except JcrError as error:
            error.about("read image", self._named)
            raise

    def open(self, blob: Descriptor) -> t.BinaryIO:
        """A reader that goes on after cuts; its C(unchecked) can seek."""
        return t.cast(t.BinaryIO, self._repository.open_blob(blob))

    def close(self) -> None:
        """Nothing is held open here."""
