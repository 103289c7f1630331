# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which of the images in an archive is meant. Pure.

This module util is private to the collection.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import ConfigurationError, ImageNotFound

_SHOWN = 10  # of the images in a message
_LONGEST = 300  # of a shown name
_HUBS = ("docker.io/library/", "index.docker.io/library/", "docker.io/", "index.docker.io/", "library/")


@dataclasses.dataclass(frozen=True)
class Candidate:
    """An image by the names and the digest that an archive has for it; C(value) is the chooser's own."""

    names: tuple[str, ...]
    digest: str
    value: t.Any

    def answers_to(self, wanted: str) -> bool:
        if wanted in (self.digest, *self.names):
            return True
        return _familiar(wanted) in map(_familiar, self.names)


def choose(candidates: t.Sequence[Candidate], wanted: str | None, what: str) -> Candidate:
    """The image of the wanted name or digest, or the only one there is; C(what) is the archive's name in messages.

    A name is compared as docker reads it: C(web) is C(docker.io/library/web:latest).
    Raises ImageNotFound and ConfigurationError, both with a list of what is there.
    """
    found = [candidate for candidate in candidates if wanted is None or candidate.answers_to(wanted)]
    digests = {candidate.digest for candidate in found}
    if len(digests) == 1:
        return found[0]
    subject = {"act": "read", "obj": what}
    if not digests:
        asked = f"image {wanted!r}" if wanted else "image"
        raise ImageNotFound(
            f"there is no {asked} in it; there is: {_listed(candidates)}", cure="Choose one of these.", **subject
        )
    raise ConfigurationError(
        f"there are {len(digests)} images in it{f' by the name {wanted!r}' if wanted else ''}: {_listed(found)}",
        cure="Choose one with archive_image, by its name or digest.",
        **subject,
    )


def _familiar(name: str) -> str:
    """As docker shows the name: without the hub that goes without saying, with a tag."""
    hub = next((hub for hub in _HUBS if name.startswith(hub)), "")
    short = name[len(hub) :]
    return short if ":" in short.rpartition("/")[2] or "@" in short else f"{short}:latest"


def _listed(candidates: t.Sequence[Candidate]) -> str:
    names = list(dict.fromkeys(name for one in candidates for name in one.names or (one.digest,)))
    more = [f"and {len(names) - _SHOWN} more"] if len(names) > _SHOWN else []
    return ", ".join([*map(_shown, names[:_SHOWN]), *more]) or "none"


def _shown(name: str) -> str:
    return name if name.isprintable() and len(name) <= _LONGEST else f"{name!r:.{_LONGEST}}"
