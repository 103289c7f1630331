# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read → want → plan → apply → return, once for all modules.

This module util is private to the collection.

A module brings a Resource: what its objects are, what is wanted, how to write. run() is the only place that knows
check mode, diff, drift, results and failures.
"""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import (
    AlreadyExists,
    Drift,
    JcrError,
    NotApplied,
    NotFound,
    UnknownOutcome,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._plan import Plan, State, make_plan
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import Secret

# Failures of a write that reading may show to be none.
_ACCIDENTS = (UnknownOutcome, AlreadyExists, NotFound)
_TOLD_DRIFTS = 10  # objects that drift is told of one by one


class Host(t.Protocol):
    """Where a task runs: what it was asked, and how it speaks to Ansible and to the machine.

    The adapters are in C(_host); those that have the last three methods, which not all resources need, in
    C(_dockerhost).
    """

    params: t.Mapping[str, t.Any]
    check_mode: bool
    diff_mode: bool
    environ: t.Mapping[str, str]
    home: str

    def warn(self, text: str) -> None: ...

    def show(self, text: str, *, verbosity: int = 0) -> None:
        """Show people a line while the task runs, if they asked for so much (the number of -v).

        Where that cannot be, in a module's process, nothing is shown.
        """

    def scrub(self, value: t.Any) -> t.Any:
        """The value, with whatever it is made of, but without the secrets of the task."""

    def keep_secret(self, secret: Secret) -> None:
        """Never let this value, in any of its forms, into a result, a warning or a message."""

    def engine(self) -> t.Any:
        """The Docker Engine of the machine that the task is meant for, as _engine.Engine offers it."""

    def archives(self) -> t.Any:
        """The archives of images on the machine that the task is meant for, as _archives.Archives offers them."""

    def docker_logins(self) -> t.Any:
        """The docker logins of the machine and users that the task is meant for, as _userlogins.UserLogins."""


class Failed(t.NamedTuple):
    """A change that failed while others go on; C(error) is a JcrError, or any exception if the work has a defect."""

    key: str
    error: Exception


class Resource:
    """The objects of one task. Methods are called in the order in which they stand here."""

    # Fields that the service cannot change once an object exists; a difference in them is drift.
    fixed: tuple[str, ...] = ()
    # Fields that the diff shows; the others are made by the service. Without any there is no diff.
    shown: tuple[str, ...] = ()

    def purpose(self) -> tuple[str, str]:
        """Act and object of the whole task, for failures whose own act is not known: C(("push", "image 'x'"))."""
        raise NotImplementedError

    def check(self) -> None:
        """Refuse bad input before anything is sent (RuleError and its like)."""

    def read(self) -> State:
        """The present state of the objects that the task is about."""
        raise NotImplementedError

    def want(self, before: State) -> State:
        """The wanted state. Asked again after a write: the answer must then call for no further change."""
        raise NotImplementedError

    def foresee(self, plan: Plan) -> None:
        """Raise what apply() would raise, as far as it can be known without writing. Called in check mode only."""

    def apply(self, plan: Plan) -> t.Iterator[str | Failed]:
        """Carry out the plan; yields the key of each change that this task has made.

        What fails is raised, or yielded as Failed where the other changes do not hang on it. Never called in check
        mode, nor for a plan without changes.
        """
        raise NotImplementedError

    def unfinished(
        self, error: JcrError, plan: Plan, done: t.Collection[str], failed: t.Mapping[str, Exception]
    ) -> None:
        """Add to C(error) how far the plan was carried out: to its cause for people, to its C(result) for programs.

        Called when apply(), or reading back after it, failed for good. C(done) are the keys of what was done,
        C(failed) says why of what apply() yielded as Failed; C(plan) holds what others did meanwhile as unchanged.
        """

    def result(self, plan: Plan, after: State) -> dict[str, t.Any]:
        """The module's own return values; C(after) is the state read back, or the planned one in check mode."""
        raise NotImplementedError

    def secret_result(self) -> dict[str, dict[str, t.Any]]:
        """What a task that asked for a secret gets on top: {return value: {key: secret}}."""
        return {}

    def close(self) -> None:
        """Let go of connections."""


def run(host: Host, build: t.Callable[[Host], Resource]) -> dict[str, t.Any]:
    """Do one task on C(host) and return its result; raises a JcrError where it fails."""
    with contextlib.closing(build(host)) as resource:
        try:
            resource.check()
            return _perform(host, resource)
        except JcrError as error:
            error.about(*resource.purpose())
            raise


def _perform(host: Host, resource: Resource) -> dict[str, t.Any]:
    before, plan = _plan(resource)
    _tell_drift(host, plan)
    after = _planned_state(before, plan)
    if plan.changed and host.check_mode:
        resource.foresee(plan)
    elif plan.changed:
        plan, after = _apply(host, resource, plan)
    result = {"changed": plan.changed, **resource.result(plan, after)}
    if resource.fixed:
        result["drift"] = _told_drift(plan)
    if host.diff_mode and resource.shown:
        about = " ".join(resource.purpose())
        result["diff"] = {**plan.diff(resource.shown), "before_header": about, "after_header": about}
    return result


def _plan(resource: Resource) -> tuple[State, Plan]:
    before = resource.read()
    return before, make_plan(before, resource.want(before), resource.fixed)


def _apply(host: Host, resource: Resource, plan: Plan) -> tuple[Plan, State]:
    """Carry out the plan and prove it by reading back; returns what this task did of it, and the state after it."""
    progress = _Progress(plan)
    try:
        return _apply_and_prove(host, resource, progress)
    except Exception as error:  # a defect, too, has to say whether something was changed
        error.changed = bool(progress.done) or getattr(error, "changed", False)
        if isinstance(error, JcrError):
            resource.unfinished(error, progress.plan, progress.done, progress.failed)
        raise


class _Progress:
    """How far a plan has been carried out.

    C(plan) is what this task had to do: what others did meanwhile counts as unchanged in it. C(done) are the keys of
    what is done, C(failed) says why of what was tried in the last round and is not.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.done: set[str] = set()
        self.failed: dict[str, Exception] = {}

    def settle(self, rest: Plan, left: Plan, raised: JcrError | None) -> None:
        """Sort the accidents of carrying out C(rest) out, by what reading back says is C(left) to do."""
        gone = rest.pending - left.pending
        lost = [key for key, error in self.failed.items() if isinstance(error, UnknownOutcome)]
        self.done |= gone if isinstance(raised, UnknownOutcome) else gone.intersection(lost)
        self.failed = {key: error for key, error in self.failed.items() if key not in gone}
        self.plan = self.plan.only(self.plan.pending - gone | self.done, left)


def _apply_and_prove(host: Host, resource: Resource, progress: _Progress) -> tuple[Plan, State]:
    """Apply and read back.

    A write whose answer was lost may have been done: sending it again could do it twice, so reading tells. An object
    that somebody else created or deleted meanwhile is as it is wanted, but not by this task. In both cases the rest of
    the plan is carried out as long as there is progress. Other failures are final; before they are raised, reading
    settles the accidents beside them.
    """
    drifted = [change.key for change in progress.plan.drifted]
    ours = progress.plan.pending
    rest = progress.plan
    while True:
        raised = _carry_out(resource, rest, progress)
        errors = [*progress.failed.values(), *filter(None, [raised])]
        final = next((error for error in errors if not isinstance(error, _ACCIDENTS)), None)
        if final and not any(isinstance(error, _ACCIDENTS) for error in errors):
            raise final
        after, left = _read_back(resource, final)
        progress.settle(rest, left, raised)
        still = left.pending & ours
        if final or (errors and len(still) >= len(rest.pending)):
            raise final or next(iter(progress.failed.values()), errors[0])
        if not left.changed:
            _tell_drift(host, left.without(drifted))
            return progress.plan, after
        if not errors or not still:
            raise _not_applied(left)
        rest = left.without(left.pending - ours)


def _read_back(resource: Resource, final: Exception | None) -> tuple[State, Plan]:
    """The state after a write and the plan that it leaves; if it cannot be read, C(final) is what is told."""
    try:
        return _plan(resource)
    except JcrError as error:
        raise final or error from None


def _carry_out(resource: Resource, plan: Plan, progress: _Progress) -> JcrError | None:
    """Apply a plan and note its progress. Returns the accident that ended it and that reading back may settle."""
    progress.failed = {}
    try:
        for step in resource.apply(plan):
            if isinstance(step, Failed):
                progress.failed[step.key] = step.error
            else:
                progress.done.add(step)
    except _ACCIDENTS as error:
        return error
    return None


def _not_applied(left: Plan) -> NotApplied:
    undone = ", ".join(f"{change.action} '{change.key}'" for change in left.changes if change.key in left.pending)
    return NotApplied(f"it was accepted, but reading back still shows the old state, or another one (to do: {undone})")


def _planned_state(before: State, plan: Plan) -> State:
    return {**before, **{change.key: change.after for change in plan.changes}}


def _tell_drift(host: Host, plan: Plan) -> None:
    policy = host.params.get("on_drift", "ignore")
    texts = [
        f"{name} of '{change.key}' is {present!r}, wanted is {wanted!r}; the service cannot change it"
        for change in plan.drifted
        for name, (present, wanted) in change.drift.items()
    ]
    more = len(texts) - _TOLD_DRIFTS
    if texts and policy == "fail":
        raise Drift("; ".join(texts[:_TOLD_DRIFTS]) + (f"; and {more} more" if more > 0 else ""))
    if policy == "warn":
        for text in texts[:_TOLD_DRIFTS]:
            host.warn(f"{text}, so it stays as it is.")
        if more > 0:
            host.warn(f"{more} more differ from what is wanted; the return value drift names them all.")


def _told_drift(plan: Plan) -> dict[str, dict[str, dict[str, t.Any]]]:
    return {
        change.key: {name: {"present": present, "wanted": wanted} for name, (present, wanted) in change.drift.items()}
        for change in plan.drifted
    }
