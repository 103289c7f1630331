# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of the present objects a task does not declare, and whether it may delete that. Pure.

This module util is private to the collection.
"""

from __future__ import annotations

import fnmatch
import re
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._declared import listed
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import ConfigurationError, DeleteCapExceeded
from ansible_collections.jdcloud.jcr.plugins.module_utils._quantities import at_least

_PATTERNS = ("purge_patterns", "purge_exclude")


class Purge:
    """The options C(purge), C(purge_patterns), C(purge_exclude), C(max_delete) and C(allow_empty) of one task."""

    def __init__(self, params: t.Mapping[str, t.Any]) -> None:
        self._params = params
        self._chosen: t.Sequence[str] | None = None

    @property
    def wanted(self) -> bool:
        return self._params["purge"]

    def check(self, declared: t.Collection[str]) -> None:
        """Refuse options that contradict each other, or would leave nothing without saying so; ConfigurationError."""
        at_least(0, "max_delete", self._params["max_delete"])
        if not self.wanted:
            for option in _PATTERNS:
                if self._params[option] is not None:
                    raise ConfigurationError(
                        f"{option} is given, but purge is not", cure="Set purge: true, or leave it out."
                    )
            return
        if self._params["state"] != "present":
            raise ConfigurationError(
                "purge goes with state present only", cure="Declare what shall stay, and leave state out."
            )
        if not (declared or self._params["allow_empty"]):
            raise ConfigurationError(
                "repositories is empty, so that purge would leave nothing",
                cure="Declare what shall stay, or set allow_empty: true if nothing shall.",
            )
        for option in _PATTERNS:
            _check_patterns(option, self._params[option])

    def chosen(self, present: t.Iterable[str], declared: t.Container[str]) -> t.Sequence[str]:
        """The names that go. Chosen once: what others create while the task runs was never counted.

        Raises DeleteCapExceeded where there are more than C(max_delete).
        """
        if self._chosen is None:
            patterns, spared = (self._params[option] for option in _PATTERNS)
            names = undeclared(present, declared, patterns, spared) if self.wanted else []
            check_cap("repositories", names, self._params["max_delete"])
            self._chosen = names
        return self._chosen


def undeclared(
    present: t.Iterable[str],
    kept: t.Container[str],
    patterns: t.Sequence[str] | None,
    spared: t.Sequence[str] | None = None,
) -> list[str]:
    """The present names that are not kept, match a glob pattern of C(patterns) and none of C(spared), sorted.

    Without patterns every name matches, without spared ones none.
    """
    matches, stays = _any_of(["*"] if patterns is None else patterns), _any_of(spared or [])
    return sorted(name for name in present if name not in kept and matches(name) and not stays(name))


def _any_of(patterns: t.Sequence[str]) -> t.Callable[[str], t.Any]:
    """A test for names that match any of these globs."""
    return re.compile("|".join(map(fnmatch.translate, patterns)) or r"(?!)").match


def _check_patterns(option: str, patterns: t.Sequence[str] | None) -> None:
    """Refuse patterns that can match no name; ConfigurationError."""
    if patterns is not None and not all(pattern.strip() for pattern in patterns or [""]):
        raise ConfigurationError(f"{option} is empty, or has an empty pattern", cure="Leave it out, or name a pattern.")


def check_cap(what: str, names: t.Sequence[str], cap: int) -> None:
    """Refuse to delete more than C(cap) objects: DeleteCapExceeded with their number and names."""
    if len(names) > cap:
        raise DeleteCapExceeded(
            f"{len(names)} {what} would be deleted, max_delete is {cap}: {listed(names)}",
            cure="Nothing was changed. Declare those that shall stay, or raise max_delete if all of them shall go.",
        )
