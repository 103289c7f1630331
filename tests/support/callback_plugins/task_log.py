# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes down what became of every task, for tests that compare runs: one JSON object a line."""

from __future__ import annotations

import json
import os
import typing as t

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: task_log
type: notification
short_description: Write what became of every task into a file
description:
  - Adds a line of JSON for each host and task to the file that E(JCR_TASK_LOG) names.
"""


class CallbackModule(CallbackBase):
    """A second output beside the usual one."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "task_log"
    CALLBACK_NEEDS_ENABLED = True

    def v2_runner_on_ok(self, result: t.Any) -> None:
        self._write("ok", result)

    def v2_runner_on_skipped(self, result: t.Any) -> None:
        self._write("skipped", result)

    def v2_runner_on_failed(self, result: t.Any, ignore_errors: bool = False) -> None:
        self._write("failed", result)

    def v2_runner_on_unreachable(self, result: t.Any) -> None:
        self._write("unreachable", result)

    def _write(self, status: str, result: t.Any) -> None:
        if hasattr(result, "result"):
            host, task, values = result.host, result.task, result.result
        else:  # ansible-core before 2.19
            host, task, values = result._host, result._task, result._result
        told = json.loads(self._dump_results(values))  # without the diff, which has an output of its own
        line = {
            "host": host.get_name(),
            "task": task.get_name(),
            "status": status,
            "result": {**told, "diff": values.get("diff")},
        }
        with open(os.environ["JCR_TASK_LOG"], "a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")
