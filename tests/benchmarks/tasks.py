# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task costs that has nothing to do, against ansible.builtin.ping."""

from __future__ import annotations

import typing as t

from tests.benchmarks.stage import REGISTRY, REPOSITORY, Play, Stage, median

PINGS = 20
TASKS = 100
LOOP = 50

REGISTRY_TASK = {"jdcloud.jcr.jcr_registry": {"name": REGISTRY}}
REPOSITORY_TASK = {"jdcloud.jcr.jcr_repository": {"registry": REGISTRY, "name": REPOSITORY}}
TOKEN_TASK = {"jdcloud.jcr.jcr_token": {"registry": REGISTRY}}
LOGIN_TASK = {"jdcloud.jcr.jcr_login": {"registry": REGISTRY}}
PING_TASK: dict[str, t.Any] = {"ansible.builtin.ping": {}}
AS_MODULE = {"jcr_in_process": False}


def prepare(stage: Stage) -> None:
    """Have everything there that the tasks then leave unchanged."""
    stage.play([REGISTRY_TASK, REPOSITORY_TASK, TOKEN_TASK, LOGIN_TASK])


def rows(stage: Stage) -> t.Iterator[tuple[str, float, float]]:
    """(what, seconds, seconds of ping) for each kind of task."""
    empty = median(lambda: stage.play([]))

    def each(tasks: Play, count: int, variables: t.Mapping[str, t.Any] | None = None) -> float:
        return (median(lambda: stage.play(tasks, variables)) - empty) / count

    ping = each([PING_TASK] * PINGS, PINGS)
    yield "ansible.builtin.ping, one task", ping, ping
    for task in (REGISTRY_TASK, REPOSITORY_TASK, TOKEN_TASK, LOGIN_TASK):
        (action,) = task
        yield f"{action} unchanged, in the controller's process", each([task] * TASKS, TASKS), ping
    yield "jcr_registry unchanged, as a module", each([REGISTRY_TASK] * PINGS, PINGS, AS_MODULE), ping
    looped = [{**REPOSITORY_TASK, "loop": list(range(LOOP))}]
    yield "jcr_repository unchanged, one item of a loop", each(looped, LOOP), ping
