# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Versions in tags, and ranges of them (semver.org, ranges as npm has them). Pure; checked before anything is sent.

This module util is private to the collection.
"""

from __future__ import annotations

import dataclasses
import itertools
import re

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import RuleError

_NUMBER = r"[0-9]{1,9}"
_SUFFIXES = r"(?:-(?P<prerelease>[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:[+_][0-9A-Za-z.-]+)?"
# A tag cannot have the '+' before build metadata; '_' is what is usually written in its place.
_TAG = re.compile(rf"v?({_NUMBER})\.({_NUMBER})(?:\.({_NUMBER}))?{_SUFFIXES}")
_PART = rf"({_NUMBER}|[xX*])"
_COMPARATOR = re.compile(
    rf"(?P<operator>==?|!=|>=|<=|>|<|~|\^)?v?{_PART}(?:\.{_PART})?(?:\.{_PART})?{_SUFFIXES}", re.ASCII
)
_OPERATOR_AND_BLANK = re.compile(r"([=!<>~^])\s+(?=[0-9vxX*])")
_CURE = "Write a range such as '>=1.2,<2', '~1.4' or '^2.0 || 1.9.x'."
_LONGEST = 256  # characters of a range


@dataclasses.dataclass(frozen=True, order=True)
class Version:
    """Versions compare as semver.org has it: build metadata does not count."""

    release: tuple[int, int, int]
    is_final: bool
    prerelease: tuple[tuple[int, int, str], ...] = ()

    @classmethod
    def parse(cls, tag: str) -> Version | None:
        """The version that a tag names, C(1.2), C(v1.2.3) or C(1.2.3-rc.1); None for any other tag.

        A single number is none: C(1) usually moves with all of 1.x, and C(20260101) is a date.
        """
        found = _TAG.fullmatch(tag)
        if not found:
            return None
        return _version([int(number or 0) for number in found.groups()[:3]], found["prerelease"])


@dataclasses.dataclass(frozen=True)
class _Span:
    """The versions between two cuts. A cut is a version and 0 (just before it) or 2 (just after it)."""

    low: tuple[Version, int]
    high: tuple[Version, int]

    def __contains__(self, version: Version) -> bool:
        return self.low < (version, 1) < self.high


@dataclasses.dataclass(frozen=True)
class _Every:
    """Comparators that all have to hold."""

    span: _Span
    holes: tuple[_Span, ...]
    prereleases: bool

    def __contains__(self, version: Version) -> bool:
        if not version.is_final and not self.prereleases:
            return False
        return version in self.span and not any(version in hole for hole in self.holes)


@dataclasses.dataclass(frozen=True)
class Range:
    """A set of versions.

    A version of the range whose end is left out stands for all that begin so: C(<=1.2) has 1.2.9, C(>1.2) does not. A
    prerelease, also C(1.2.3-alpine), is in a range only if the range names one: C(>=1.2.0-0).
    """

    alternatives: tuple[_Every, ...]

    def __contains__(self, version: Version) -> bool:
        return any(version in alternative for alternative in self.alternatives)

    @classmethod
    def parse(cls, option: str, text: str) -> Range:
        """RuleError for what is not a range, and for one that no version can be in."""
        if len(text) > _LONGEST:
            raise RuleError(f"{option} has {len(text)} characters, which is too long for a range", cure=_CURE)
        return cls(tuple(_every(option, part.strip()) for part in text.split("||")))


def _every(option: str, text: str) -> _Every:
    span = EVERYTHING
    holes: list[_Span] = []
    prereleases = False
    for word in re.split(r"\s*,\s*|\s+", _OPERATOR_AND_BLANK.sub(r"\1", text)):
        found = _COMPARATOR.fullmatch(word)
        if not found:
            raise RuleError(f"{option} {text!r} is not a range of versions: {word!r} is unknown", cure=_CURE)
        operator, told = found["operator"] or "=", _told(option, found)
        prereleases = prereleases or found["prerelease"] is not None
        if operator == "!=":
            holes.append(_span("=", told, found["prerelease"]))
        else:
            own = _span(operator, told, found["prerelease"])
            span = _Span(max(span.low, own.low), min(span.high, own.high))
    if span.low >= span.high:
        raise RuleError(f"{option} {text!r} contradicts itself: no version is in it", cure=_CURE)
    return _Every(span, tuple(holes), prereleases)


def _told(option: str, found: re.Match[str]) -> list[int]:
    """The numbers of a comparator before the first that is left open."""
    parts = [part for part in found.groups()[1:4] if part is not None]
    numbers = list(itertools.takewhile(str.isdigit, parts))
    follows = any(part.isdigit() for part in parts[len(numbers) :]) or found["prerelease"]
    if len(numbers) < len(parts) and follows:
        raise RuleError(f"{option}: nothing can follow what is left open in {found[0]!r}", cure=_CURE)
    return [int(number) for number in numbers]


def _span(operator: str, told: list[int], prerelease: str | None) -> _Span:
    """What one comparator lets through, but for C(!=)."""
    version = _version(told + [0] * (3 - len(told)), prerelease)
    exact = len(told) == 3 or prerelease is not None
    below = (version, 0) if prerelease else (_first_of(told), 0)
    above = (version, 2) if exact else (_next(told), 0)
    if operator in ("~", "^"):
        kept = min(len(told), 2) if operator == "~" else _caret(told)
        return _Span((version, 0), (_next(told[:kept]), 0))
    spans = {
        ">": _Span(above, EVERYTHING.high),
        ">=": _Span((version, 0) if exact else below, EVERYTHING.high),
        "<": _Span(EVERYTHING.low, below),
        "<=": _Span(EVERYTHING.low, above),
    }
    return spans.get(operator, _Span((version, 0) if exact else below, above))


def _caret(told: list[int]) -> int:
    """How many numbers stay under C(^): up to the first that is not 0."""
    return next((place for place, number in enumerate(told, start=1) if number), len(told))


def _version(release: list[int], prerelease: str | None) -> Version:
    words = prerelease.split(".") if prerelease else []
    identifiers = tuple((0, int(word), "") if word.isdigit() else (1, 0, word) for word in words)
    return Version((release[0], release[1], release[2]), not prerelease, identifiers)


def _first_of(told: list[int]) -> Version:
    """What comes before all versions that begin so, their prereleases too."""
    release = told + [0] * (3 - len(told))
    return Version((release[0], release[1], release[2]), False)


def _next(told: list[int]) -> Version:
    """What comes after all versions that begin so, and before the prereleases of the next ones."""
    return _first_of([*told[:-1], told[-1] + 1]) if told else EVERYTHING.high[0]


EVERYTHING = _Span((Version((0, 0, 0), False), 0), (Version((10**9 + 1, 0, 0), False), 0))
RELEASES = Range((_Every(EVERYTHING, (), False),))
