# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What has to be true of the runs. The demo fails where it is not."""

from __future__ import annotations

import dataclasses
import typing as t

from tests.support.playbooks import Run

# What role provision ends with, in a check run as in a run.
SUMS = "jdcloud.jcr.provision : Sum up"


class DemoFailed(Exception):
    """The demo did not go as it has to; the text says what and why."""


@dataclasses.dataclass(frozen=True)
class Traffic:
    """What an emulator saw of one run."""

    requests: int
    tokens: int
    writes: int
    uploaded: int  # bytes

    @classmethod
    def of(cls, entries: t.Sequence[dict[str, t.Any]]) -> Traffic:
        """Count the entries of a request log."""
        return cls(
            requests=len(entries),
            tokens=sum(entry["token_issued"] for entry in entries),
            writes=sum(entry["write"] for entry in entries),
            uploaded=sum(entry["bytes_received"] for entry in entries if entry["plane"] == "data"),
        )

    @property
    def only_reads(self) -> bool:
        """Whether the account and the registry are as they were before."""
        return not (self.tokens or self.writes or self.uploaded)

    def __str__(self) -> str:
        return (
            f"{self.requests} requests (tokens issued: {self.tokens}, writes: {self.writes}, "
            f"bytes uploaded: {self.uploaded})"
        )


def has_succeeded(run: Run) -> None:
    """Fail if a task failed, or the playbook could not be run at all."""
    for task in run.tasks:
        if task.status in ("failed", "unreachable"):
            raise DemoFailed(f"task '{task.task}' failed: {run.failure}")
    if run.code:
        raise DemoFailed(f"ansible-playbook ended with code {run.code}")


def has_only_read(traffic: Traffic, what: str) -> None:
    """Fail if a run that had to leave everything alone did not."""
    if not traffic.only_reads:
        raise DemoFailed(f"{what} was not only reading; the emulator saw {traffic}")


def has_changed_nothing(run: Run) -> None:
    """Fail if a task changed something."""
    if run.changed:
        raise DemoFailed(f"the second run changed something: {', '.join(run.changed)}")


def was_predicted(plan: Run, run: Run) -> None:
    """Fail if the check run and the run disagree about any task, any item of a loop, or any registry or repository."""
    if plan.outline == run.outline:
        planned, done = sums(plan), sums(run)
        if planned != done:
            raise DemoFailed(f"the plan was {'; '.join(planned)}; what was done is {'; '.join(done)}")
        return
    pairs = zip(plan.outline, run.outline, strict=False)
    wrong = [f"predicted {_told(planned)}, was {_told(done)}" for planned, done in pairs if planned != done]
    counts = f"{len(plan.outline)} tasks were predicted, {len(run.outline)} were run"
    raise DemoFailed(f"the prediction was wrong: {'; '.join(wrong) or counts}")


def sums(run: Run) -> list[str]:
    """A line for each registry and repository that changes, and one with all counts."""
    return [line for task in run.of(SUMS) for line in task.result["msg"]]


def _told(outline: tuple[str, str, str, bool, list[bool]]) -> str:
    _host, task, status, changed, items = outline
    return f"'{task}' {status}, {'changed' if changed else 'unchanged'}{f', items {items}' if items else ''}"
