# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names of images as Docker writes them. Pure.

This module util is private to the collection.
"""

from __future__ import annotations

import dataclasses
import re

from ansible_collections.jdcloud.jcr.plugins.module_utils._digest import is_digest
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import RuleError
from ansible_collections.jdcloud.jcr.plugins.module_utils._registryhost import is_host, shown

# Docker's reference grammar (distribution/reference), in ASCII; that of hosts is in _registryhost.
_REPOSITORY = re.compile(r"{0}(?:/{0})*".format(r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"))
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_IMAGE_ID = re.compile(r"(?:sha256:)?[0-9a-f]{64}")
_MAX_REPOSITORY = 255
_MAX_REFERENCE = 1024  # host, name, tag and digest together; more than any legal reference has


@dataclasses.dataclass(frozen=True)
class ImageReference:
    """C([HOST/]REPOSITORY[:TAG][@DIGEST]); there is no reference that Docker could not read.

    C(host) includes the port. Nothing is filled in: without a host, what a daemon takes for its default registry.
    Raises RuleError.
    """

    host: str | None
    repository: str
    tag: str | None = None
    digest: str | None = None

    def __post_init__(self) -> None:
        self._require(self.host is None or is_host(self.host), "the part before the first '/' is not a host")
        self._require(
            len(self.repository) <= _MAX_REPOSITORY and _REPOSITORY.fullmatch(self.repository),
            f"{shown(self.repository)} is not a repository: lower-case letters and digits with single separators, "
            "in stages separated by '/'",
        )
        self._require(self.tag is None or _TAG.fullmatch(self.tag), f"{shown(self.tag)} is not a tag")
        self._require(self.digest is None or is_digest(self.digest), f"{shown(self.digest)} is not a digest")
        # These would be read back as something else.
        same = _split_host(self.name) == (self.host, self.repository)
        self._require(same, "a host has a '.' or a ':' or is localhost, and the first part of a repository has not")
        self._require(not _IMAGE_ID.fullmatch(str(self)), "it is the id of an image")

    @classmethod
    def parse(cls, text: str) -> ImageReference:
        """Read a reference as Docker does: the first part is a host if it has a '.' or ':' or is C(localhost)."""
        if not isinstance(text, str) or len(text) > _MAX_REFERENCE:
            raise RuleError(f"{shown(text)} is not the name of an image", cure="Write HOST/REPOSITORY:TAG.")
        rest, at, digest = text.partition("@")
        host, rest = _split_host(rest)
        repository, colon, tag = rest.partition(":")
        return cls(host, repository, tag if colon else None, digest if at else None)

    @property
    def name(self) -> str:
        """Host and repository."""
        return f"{self.host}/{self.repository}" if self.host else self.repository

    def __str__(self) -> str:
        return self.name + (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")

    def with_tag(self, tag: str) -> ImageReference:
        """The same repository by this tag alone."""
        return ImageReference(self.host, self.repository, tag=tag)

    def with_digest(self, digest: str) -> ImageReference:
        """The same repository by this digest alone."""
        return ImageReference(self.host, self.repository, digest=digest)

    def _require(self, condition: object, problem: str) -> None:
        if not condition:
            raise RuleError(f"{shown(str(self))} is not the name of an image: {problem}")


def check_local_name(text: str) -> None:
    """Refuse what a Docker Engine can read neither as the name nor as the id of an image; raises RuleError."""
    if not _IMAGE_ID.fullmatch(text):
        ImageReference.parse(text)


def _split_host(text: str) -> tuple[str | None, str]:
    first, slash, rest = text.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost" or first != first.lower()):
        return first, rest
    return None, text
