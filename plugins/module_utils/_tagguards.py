# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which tags may be moved to other content, or be deleted. Pure.

This module util is private to the collection.

A tag that does not exist may always be made, and one that holds the wanted content already is never touched: the guards
are about the others.
"""

from __future__ import annotations

import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import ConfigurationError, TagProtected
from ansible_collections.jdcloud.jcr.plugins.module_utils._pattern import globs

ALWAYS, NEVER, IF_DIGEST = "always", "never", "if_digest"
POLICIES = (ALWAYS, NEVER, IF_DIGEST)


class TagGuards:
    """The options C(overwrite), C(expected_digest) and C(immutable_tags) of one task.

    Raises ConfigurationError and RuleError for options that contradict each other or cannot be understood.
    """

    def __init__(
        self, overwrite: str = ALWAYS, expected_digest: str | None = None, immutable_tags: t.Sequence[str] = ()
    ) -> None:
        if (overwrite == IF_DIGEST) != (expected_digest is not None):
            raise ConfigurationError(
                f"overwrite is {overwrite}, and expected_digest is {'not ' if expected_digest is None else ''}given",
                cure="They go together: overwrite: if_digest, and the digest that the tag should point at now.",
            )
        self._overwrite = overwrite
        self._expected = expected_digest
        self._immutable_tags = tuple(immutable_tags)
        self._is_immutable = globs("immutable_tags", immutable_tags)

    def arguments(self) -> dict[str, t.Any]:
        """What these guards are made from, as JSON values."""
        return {
            "overwrite": self._overwrite,
            "expected_digest": self._expected,
            "immutable_tags": list(self._immutable_tags),
        }

    def guarded(self, tag: str) -> bool:
        """Whether it matters what the tag points at."""
        return self._overwrite != ALWAYS or self._is_immutable(tag)

    def check(self, present: t.Mapping[str, str]) -> None:
        """Raise TagProtected if one of these tags may not be taken from the digest that it points at."""
        refused = [
            f"tag '{tag}' points at {digest} and {reason}"
            for tag, digest in present.items()
            for reason in [self._reason(tag, digest)]
            if reason
        ]
        if refused:
            raise TagProtected("; ".join(refused))

    def _reason(self, tag: str, digest: str) -> str | None:
        """Why the tag has to stay, as the end of a sentence; None if it may go."""
        if self._is_immutable(tag):
            return "is one of the immutable_tags"
        if self._overwrite == NEVER:
            return "overwrite is never"
        if self._overwrite == IF_DIGEST and digest != self._expected:
            return f"not at the expected_digest {self._expected}"
        return None
