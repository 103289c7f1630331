# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ages, sizes and numbers as people write them. Pure; checked before anything is sent.

This module util is private to the collection.
"""

from __future__ import annotations

import datetime
import re

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import ConfigurationError, RuleError

MEGABYTE = 1024 * 1024  # what this collection takes one MB of the service for

_MOST_SECONDS = 2_000_000  # 23 days; where it is to wait longer (2**31 milliseconds) Python does not wait at all
_LONGEST = 40  # characters of a quantity; more is a mistake, and Python is slow at reading long numbers
_AGE = re.compile(r"(?:[0-9]+[wdhms])+")
_AGE_PART = re.compile(r"([0-9]+)([wdhms])")
_AGE_UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_AGE_CURE = "Write a number and a unit, w, d, h, m (minutes) or s, as in 30d or 1d12h."
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(?:([kmgt])i?b?|b)?", re.IGNORECASE)
_SIZE_CURE = "Write a number of bytes, or a number and a unit, kB, MB, GB or TB, as in 500MB or 1.5GB."


def age(option: str, text: str) -> datetime.timedelta:
    """An age such as C(30d), C(12h) or C(1d12h)."""
    try:
        if len(text) <= _LONGEST and _AGE.fullmatch(text):
            parts = (datetime.timedelta(**{_AGE_UNITS[unit]: int(number)}) for number, unit in _AGE_PART.findall(text))
            return sum(parts, datetime.timedelta())
    except OverflowError:
        raise RuleError(f"{option} {text!r} is longer than there is time", cure=_AGE_CURE) from None
    raise RuleError(f"{option} {text[:_LONGEST]!r} is not an age", cure=_AGE_CURE)


def size(option: str, text: str) -> int:
    """A size in bytes, written as such or as C(500MB), C(1.5GiB), C(2g); a kB has 1024 bytes, as in size_mb."""
    found = _SIZE.fullmatch(text) if len(text) <= _LONGEST else None
    if not found:
        raise RuleError(f"{option} {text[:_LONGEST]!r} is not a size", cure=_SIZE_CURE)
    unit = (found[2] or " ").lower()
    number = float(found[1]) if "." in found[1] else int(found[1])
    return round(number * 1024 ** " kmgt".index(unit))


def at_least(least: int, option: str, number: int | None) -> int | None:
    """The number itself; None stands for an option that was left out. Raises ConfigurationError for a smaller one."""
    if number is not None and number < least:
        raise ConfigurationError(f"{option} is {number}", cure=f"Choose {least} or more.")
    return number


def positive_seconds(option: str, seconds: float, otherwise: str = "leave it out for the usual time") -> float:
    """The seconds themselves. Raises ConfigurationError for no time at all, or for more than Python can wait."""
    if not 0 < seconds <= _MOST_SECONDS:
        raise ConfigurationError(
            f"{option} is {seconds:g} seconds", cure=f"Choose more than 0 and at most {_MOST_SECONDS}, or {otherwise}."
        )
    return seconds


def counted(number: int, noun: str, several: str | None = None) -> str:
    """So many of something, for people: C(1 tag), C(2 tags); C(several) is the plural where no "s" makes it."""
    return f"{number} {noun if number == 1 else several or noun + 's'}"


def written_size(number: int) -> str:
    """So many bytes as size() reads them: C(512 B), C(1.5 MB); rounded, for people."""
    power = min(max(number.bit_length() - 1, 0) // 10, 4)
    return f"{number / 1024**power:.1f} {'_kMGT'[power]}B" if power else f"{number} B"
