# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Times as the service writes them, as HTTP does, and as we do. Pure.

This module util is private to the collection.
"""

from __future__ import annotations

import datetime
import email.utils
import functools
import re
import typing as t

_CALENDAR_TIME = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2}):(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]{1,12}))?"
    r" ?(?:(?P<utc>[Zz]|UTC|GMT)|(?P<sign>[+-])(?P<hours>[0-9]{2}):?(?P<minutes>[0-5][0-9])(?: [A-Z]{3,4})?)?"
)
_EPOCH_TIME = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,12})?")
_SECONDS = re.compile(r"[0-9]{1,9}")
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
_BEIJING = datetime.timezone(datetime.timedelta(hours=8))  # of a time without a zone, as the console shows them
_FIRST_MILLISECONDS = 10**11  # as seconds that would be the year 5138, as milliseconds it is 1973


def parse_time(value: t.Any) -> datetime.datetime | None:
    """A time of the service in UTC; None for what is no time, or the zero time that stands for "never".

    The documents leave the format open. Understood: seconds or milliseconds since 1970 as a number or a text, RFC 3339,
    and C(YYYY-MM-DD HH:MM:SS), which is Beijing time unless it names a zone.
    """
    try:
        moment = _from_text(value.strip(" ")) if isinstance(value, str) else _from_epoch(value)
    except (ValueError, OverflowError):
        return None
    return moment if moment is not None and moment > _EPOCH else None


def format_time(moment: datetime.datetime) -> str:
    """C(YYYY-MM-DDTHH:MM:SSZ) of an aware datetime, without its fraction of a second."""
    if moment.tzinfo is None:
        raise ValueError("a time without a zone cannot be told in UTC")
    utc = moment.astimezone(datetime.timezone.utc)
    return utc.replace(microsecond=0, tzinfo=None).isoformat() + "Z"


@functools.lru_cache(maxsize=16)  # many answers come within one second
def http_date(text: str | None) -> datetime.datetime | None:
    """The moment that a header names; None for what is none, or cannot be: the service began in 2018."""
    try:
        moment = email.utils.parsedate_to_datetime(text or "")
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    if not 2018 <= moment.year < 2200:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.timezone.utc)


def retry_after(headers: t.Mapping[str, str], now: datetime.datetime) -> float | None:
    """Seconds from C(now) that a Retry-After header asks for, in either of its forms; None if it asks for nothing."""
    text = headers.get("Retry-After", "").strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    moment = http_date(text)
    return None if moment is None else max(0.0, (moment - now).total_seconds())


def _from_text(text: str) -> datetime.datetime | None:
    found = _CALENDAR_TIME.fullmatch(text)
    if found:
        return _from_calendar(found)
    return _from_epoch(float(text)) if _EPOCH_TIME.fullmatch(text) else None


def _from_calendar(found: re.Match[str]) -> datetime.datetime:
    year, month, day, hour, minute = (int(part) for part in found.groups()[:5])
    second = int(found["second"])
    leap = 1 if second == 60 else 0  # RFC 3339 allows a leap second, datetime does not
    microsecond = int((found["fraction"] or "0").ljust(6, "0")[:6])
    local = datetime.datetime(year, month, day, hour, minute, second - leap, microsecond, tzinfo=_zone(found))
    return (local + datetime.timedelta(seconds=leap)).astimezone(datetime.timezone.utc)


def _zone(found: re.Match[str]) -> datetime.timezone:
    if found["utc"]:
        return datetime.timezone.utc
    if not found["sign"]:
        return _BEIJING
    offset = datetime.timedelta(hours=int(found["hours"]), minutes=int(found["minutes"]))
    return datetime.timezone(offset if found["sign"] == "+" else -offset)


def _from_epoch(value: t.Any) -> datetime.datetime | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    in_milliseconds = abs(value) >= _FIRST_MILLISECONDS
    return _EPOCH + (datetime.timedelta(milliseconds=value) if in_milliseconds else datetime.timedelta(seconds=value))
