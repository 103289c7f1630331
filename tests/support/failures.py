# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every failed task has to say: act, object, cause, request id and cure for people, C(error) for programs."""

from __future__ import annotations

import typing as t

ERROR_KEYS = {"kind", "code", "status", "message", "request_id", "http_status", "retryable", "attempts"}


def assert_failure(
    result: dict[str, t.Any], kind: str, about: str, cause: str, cure: str, *, answered: bool = False
) -> None:
    """Check the result of a task that has to fail.

    C(about) is act and object as the message begins, C(cause) and C(cure) are parts of it. C(answered) says that the
    service gave an answer of its own, whose request id has to be told.
    """
    msg, error = result.get("msg", ""), result.get("error", {})
    assert result.get("failed") is True, f"it did not fail: {result}"
    assert result["changed"] is False
    assert error.keys() == ERROR_KEYS
    assert error["kind"] == kind, f"kind {error['kind']}: {msg}"
    assert isinstance(error["retryable"], bool)
    assert msg.startswith(f"Cannot {about}: "), msg
    before_cure, _cause, after_cause = msg.partition(cause)
    assert _cause, f"the cause {cause!r} is not in: {msg}"
    assert cause in error["message"] or error["message"] in msg
    assert cure and cure in after_cause, f"the cure {cure!r} is not behind the cause in: {msg}"
    assert bool(error["request_id"]) is answered, f"request id {error['request_id']}: {msg}"
    if answered:
        assert f"(request id {error['request_id']})" in msg
        assert error["http_status"] in range(200, 600)
    assert "Traceback" not in msg and "internal error" not in msg
