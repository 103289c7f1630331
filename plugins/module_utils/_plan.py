# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Before + want → what to do. Pure: nothing here reads, writes or waits.

This module util is private to the collection.

A state maps the key of each object (a registry name, a tag, a login host) to its managed fields, or to None where the
object is absent. An object that is missing from C(want) is not managed. A field that is missing from the wanted fields
is not managed either.
"""

from __future__ import annotations

import typing as t

Fields = t.Mapping[str, t.Any]
State = t.Mapping[str, t.Optional[Fields]]

NONE, CREATE, UPDATE, DELETE = "none", "create", "update", "delete"


class Change(t.NamedTuple):
    """What happens to one object.

    C(drift) names the fields that differ and cannot be changed by the service: {field: (before, wanted)}.
    """

    key: str
    action: str
    before: Fields | None
    after: Fields | None
    drift: t.Mapping[str, tuple[t.Any, t.Any]] = {}


class Plan(t.NamedTuple):
    """All changes of one task, in the order of the wanted state."""

    changes: tuple[Change, ...]

    @property
    def changed(self) -> bool:
        return any(change.action != NONE for change in self.changes)

    @property
    def drifted(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.drift)

    @property
    def pending(self) -> frozenset[str]:
        """The keys of the objects that change."""
        return frozenset(change.key for change in self.changes if change.action != NONE)

    def without(self, keys: t.Iterable[str]) -> Plan:
        """The plan for the other objects."""
        left_out = frozenset(keys)
        return Plan(tuple(change for change in self.changes if change.key not in left_out))

    def only(self, done: t.Collection[str], left: Plan) -> Plan:
        """What was done of this plan: an object that became as wanted without us is one that did not change.

        C(left) is the plan made afterwards. It knows that object, and its drift; where it does not, the object is gone.
        """
        now = {change.key: change for change in left.changes}
        return Plan(
            tuple(
                change
                if change.action == NONE or change.key in done
                else now.get(change.key, Change(change.key, NONE, None, None))
                for change in self.changes
            )
        )

    def to_do(self, action: str) -> tuple[Change, ...]:
        """The changes with this action."""
        return tuple(change for change in self.changes if change.action == action)

    def diff(self, shown: t.Collection[str]) -> dict[str, t.Any]:
        """Ansible's C(diff): C(before) and C(after), each {key: {field: value}} of the managed objects.

        Objects that stay as they are stand on both sides, absent objects on neither. Only the fields C(shown) appear:
        what the service makes up itself (times, sizes) would differ between a prediction and a run.
        """

        def side(name: str) -> dict[str, t.Any]:
            states = ((change.key, getattr(change, name)) for change in self.changes)
            return {key: {f: state[f] for f in shown if f in state} for key, state in states if state is not None}

        return {"before": side("before"), "after": side("after")}


def make_plan(before: State, want: State, fixed: t.Collection[str] = ()) -> Plan:
    """Compare what is with what is wanted.

    C(fixed) names the fields that the service cannot change once an object exists (JCR has no update operation); a
    difference in one of them is drift, not an update.
    """
    return Plan(tuple(_change(key, before.get(key), wanted, fixed) for key, wanted in want.items()))


def _change(key: str, before: Fields | None, wanted: Fields | None, fixed: t.Collection[str]) -> Change:
    if wanted is None:
        return Change(key, NONE if before is None else DELETE, before, None)
    if before is None:
        return Change(key, CREATE, None, wanted)
    differing = {name: (before.get(name), value) for name, value in wanted.items() if before.get(name) != value}
    drift = {name: pair for name, pair in differing.items() if name in fixed}
    updated = {name: wanted[name] for name in differing if name not in fixed}
    return Change(key, UPDATE if updated else NONE, before, {**before, **updated}, drift)
