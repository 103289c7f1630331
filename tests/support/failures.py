# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every failed task has to say: act, object, cause, request id and cure for people, C(error) for programs."""

from __future__ import annotations

import typing as t

ERROR_KEYS = {
    "kind",
    "act",
    "object",
    "message",
    "cure",
    "code",
    "status",
    "request_id",
    "http_status",
    "retryable",
    "attempts",
}


def assert_failure(
    result: dict[str, t.Any],
    kind: str,
    about: str,
    cause: str,
    cure: str,
    *,
    answered: bool = False,
    changed: bool = False,
) -> None:
    """Check the result of a task that has to fail.

    C(about) is act and object, C(cause) and C(cure) are parts of those. C(answered) says that the service gave an
    answer of its own, whose request id has to be told; C(changed) that something had been done before.
    """
    assert result.get("failed") is True, f"it did not fail: {result}"
    assert result["changed"] is changed
    msg, error = result["msg"], result["error"]
    assert error.keys() == ERROR_KEYS
    assert error["kind"] == kind, f"kind {error['kind']}: {msg}"
    assert f"{error['act']} {error['object']}" == about
    assert cause in error["message"], f"the cause {cause!r} is not in: {msg}"
    assert cure and cure in error["cure"], f"the cure {cure!r} is not in: {msg}"
    request_id = f" (request id {error['request_id']})" if error["request_id"] else ""
    assert msg == f"Cannot {about}: {error['message'].rstrip('.')}{request_id}. {error['cure']}"
    assert bool(request_id) is answered, msg
    assert not answered or error["http_status"] in range(200, 600)
    assert isinstance(error["retryable"], bool)
