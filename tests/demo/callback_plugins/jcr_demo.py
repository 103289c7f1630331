# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Shows a playbook's run as a person likes to follow it: one line a task, and what differs when asked for a diff."""

from __future__ import annotations

import json
import sys
import textwrap
import time
import typing as t

from ansible import constants as C
from ansible import context
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: jcr_demo
type: stdout
short_description: One line a task
description:
  - Shows the tasks of jdcloud.jcr as they end, with what became of them, how long they took, and what they were for.
  - Tasks of other collections, and those with nothing to loop over, are shown only when they fail. Of the sums of role
    provision the counts are shown.
"""

_COLLECTION = "jdcloud.jcr."
_SUMS = "jdcloud.jcr.provision : Sum up"
_NAME_COLUMN = 26
_BELOW_NAME = " " * _NAME_COLUMN
_WIDTH = 118


class CallbackModule(CallbackBase):
    """The only output of the demo's runs."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "jcr_demo"

    def __init__(self) -> None:
        super().__init__()
        self._predicts = bool(context.CLIARGS.get("check"))
        self._begin()

    def v2_playbook_on_task_start(self, task: t.Any, is_conditional: bool) -> None:
        self._begin()
        if _is_ours(task) and sys.stdout.isatty():
            sys.stdout.write(f"  …{_BELOW_NAME[3:]}{_title(task)}\r")
            sys.stdout.flush()

    def v2_runner_item_on_ok(self, result: t.Any) -> None:
        self._labels.append(str(self._get_item_label(result.result)))
        self._tell_warnings(result)

    def v2_runner_item_on_failed(self, result: t.Any) -> None:
        self._labels.append(str(self._get_item_label(result.result)))
        self._messages.append(str(result.result.get("msg")))

    def v2_on_file_diff(self, result: t.Any) -> None:
        for part in result.result.get("results") or [result.result]:
            if part.get("diff"):
                self._diffs.append(part["diff"])

    def v2_runner_on_ok(self, result: t.Any) -> None:
        self._tell_warnings(result)
        if _is_ours(result.task):
            changed = bool(result.result.get("changed"))
            self._show(_word(changed, self._predicts), result.task, C.COLOR_CHANGED if changed else C.COLOR_OK)
            for line in self._difference():
                self._display.display(_BELOW_NAME + line, color=C.COLOR_DIFF_ADD)
        elif result.task.get_name() == _SUMS:
            self._display.display(f"  {'in all':<{_NAME_COLUMN - 2}}{result.result['msg'][-1]}")

    def v2_runner_on_skipped(self, result: t.Any) -> None:
        _clear_line()

    def v2_runner_on_failed(self, result: t.Any, ignore_errors: bool = False) -> None:
        self._show("failed", result.task, C.COLOR_ERROR)
        for message in self._messages or [str(result.result.get("msg"))]:
            for line in textwrap.wrap(message, _WIDTH - _NAME_COLUMN):
                self._display.display(_BELOW_NAME + line, color=C.COLOR_ERROR)

    def v2_runner_on_unreachable(self, result: t.Any) -> None:
        self.v2_runner_on_failed(result)

    def _begin(self) -> None:
        self._started = time.monotonic()
        self._labels: list[str] = []
        self._messages: list[str] = []
        self._diffs: list[t.Any] = []

    def _show(self, word: str, task: t.Any, color: str) -> None:
        _clear_line()
        seconds = time.monotonic() - self._started
        about = f": {', '.join(self._labels)}" if self._labels else ""
        self._display.display(f"  {word:<14} {seconds:5.2f} s  {_title(task)}{about}", color=color)

    def _difference(self) -> t.Iterator[str]:
        """What a diff says, a line an object; our modules give it as {object: {field: value}}."""
        for diff in self._diffs:
            before, after = diff["before"], diff["after"]
            for name in sorted({*before, *after}):
                sign = "+" if name not in before else "-" if name not in after else "~"
                yield f"{sign} {name}  {_fields(after.get(name) or {})}".rstrip()

    def _tell_warnings(self, result: t.Any) -> None:
        """Warnings go to the log only in a prediction: there they say that an earlier task has not really run."""
        for warning in result.result.get("warnings") or []:
            _clear_line()
            text = getattr(warning, "msg", None) or str(warning)
            self._display.display(f"  note: {text}", color=C.COLOR_WARN, log_only=self._predicts)


def _is_ours(task: t.Any) -> bool:
    return task.action.startswith(_COLLECTION)


def _title(task: t.Any) -> str:
    """The task's name without its role's."""
    return task.get_name().rpartition(" : ")[2]


def _word(changed: bool, predicts: bool) -> str:
    if predicts:
        return "would change" if changed else "would not"
    return "changed" if changed else "unchanged"


def _fields(fields: dict[str, t.Any]) -> str:
    shown = {key: value if isinstance(value, str) else json.dumps(value) for key, value in fields.items()}
    return ", ".join(f"{key}: {value}" for key, value in shown.items())


def _clear_line() -> None:
    """Remove the name of the task that was running from a terminal."""
    if sys.stdout.isatty():
        sys.stdout.write("\r\x1b[K")
        sys.stdout.flush()
