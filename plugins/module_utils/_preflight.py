# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of a preflight: its rows, what they come to, and how people read it. Pure.

This module util is private to the collection.
"""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import JcrError

OK, WARN, FAIL = "ok", "warn", "fail"
VERDICTS = (OK, WARN, FAIL)

UNEASY_SKEW = datetime.timedelta(minutes=1)
# How far x-jdcloud-date may be off is not documented; this is what comparable services bear.
UNBEARABLE_SKEW = datetime.timedelta(minutes=15)
_SET_CLOCK = "Set the clock of the machine that speaks to the service, best by NTP."


@dataclasses.dataclass(frozen=True)
class Row:
    """One check of one object, what came of it, and what helps; C(cure) is None where there is nothing to say."""

    check: str
    object: str
    verdict: str
    message: str
    cure: str | None = None


def ok(check: str, obj: str, message: str) -> Row:
    return Row(check, obj, OK, message)


def warn(check: str, obj: str, message: str, cure: str | None) -> Row:
    return Row(check, obj, WARN, message, cure)


def fail(check: str, obj: str, message: str, cure: str) -> Row:
    return Row(check, obj, FAIL, message, cure)


def failed_by(check: str, obj: str, error: JcrError) -> Row:
    """The row for what an error says of the object."""
    subject = " ".join(part for part in (error.act, error.obj) if part)
    told = f"cannot {subject}: {error.cause}" if subject else error.cause
    request = f" (request id {error.request_id})" if error.request_id else ""
    return fail(check, obj, told.rstrip(".") + request, error.cure)


def not_checked(check: str, obj: str, because: str, cure: str | None = None) -> Row:
    """The row of a check that could not be made; without a cure where another row has it."""
    return warn(check, obj, f"not checked, because {because}", cure)


def summary(rows: t.Iterable[Row]) -> dict[str, int]:
    """How many rows there are of each verdict."""
    verdicts = [row.verdict for row in rows]
    return {verdict: verdicts.count(verdict) for verdict in VERDICTS}


def render(rows: t.Sequence[Row]) -> str:
    """Rows as people read them: a line for each, and below it the cure."""
    check, obj = (min(max((len(getattr(row, name)) for row in rows), default=0), 40) for name in ("check", "object"))
    lines = []
    for row in rows:
        lines.append(f"{row.verdict:4}  {row.check:{check}}  {row.object:{obj}}  {row.message.rstrip('.')}")
        if row.cure:
            lines.append(f"      {row.cure}")
    return "\n".join(lines)


# --- judgements that are sums ----------------------------------------------------------------------------------------


def clock(skew: datetime.timedelta) -> Row:
    """C(skew) is the service's time minus the local one."""
    off = abs(skew)
    where = "behind" if skew > datetime.timedelta(0) else "ahead of"
    told = f"{datetime.timedelta(seconds=round(off.total_seconds()))} {where} the service's"
    if off <= UNEASY_SKEW:
        return ok("clock", "local clock", "agrees with the service's")
    if off > UNBEARABLE_SKEW:
        told += ", more than signatures bear (15 minutes): each task has to be refused once, to learn the time"
    return warn("clock", "local clock", told, _SET_CLOCK)


def quota(obj: str, *, used: int, limit: int, create: int, delete: int = 0) -> Row:
    """Whether C(create) more fit; those to C(delete) go first."""
    told = f"{used} of {limit} are used"
    if delete:
        told += f", {delete} will go"
    told += f", {create} more {_are(create)} needed"
    if create and used - delete + create > limit:
        cure = "Delete what is not needed, or raise the quota by a ticket in the console."
        return fail("quota", obj, told, cure)
    return ok("quota", obj, told)


def token_budget(
    obj: str,
    *,
    needed: int,
    held: bool,
    issued: int,
    listed: int,
    allowed: int,
    next_slot: str | None,
    on_rate_limit: str,
) -> Row:
    """Whether C(needed) tokens can be issued within this hour, beside the one in the cache if there is one (C(held)).

    C(issued) is what the ledger knows of the last hour. C(listed) counts the service's valid tokens: how old those of
    others are cannot be told.
    """
    told = f"{issued} of the {allowed} that an hour allows are known to be issued, {needed} more {_are(needed)} needed"
    if issued + needed > allowed:
        when = f"The next one can be issued at {next_slot}." if next_slot else "Not all of them can be had at once."
        nothing_to_reuse = on_rate_limit == "reuse" and not held and issued >= allowed
        if on_rate_limit == "fail" or nothing_to_reuse:
            return fail("token_budget", obj, told, f"{when} Run again then, or set on_rate_limit to wait.")
        return warn("token_budget", obj, told, f"{when} on_rate_limit is {on_rate_limit}: tasks make do with that.")
    if needed and listed + needed > allowed:
        told += f"; {listed} are valid, and if all of them were issued within the hour, that is too many"
        return warn("token_budget", obj, told, "Set on_rate_limit to wait if the run has the time.")
    return ok("token_budget", obj, told)


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
