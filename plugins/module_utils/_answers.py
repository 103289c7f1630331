# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An HTTP answer → the result of an operation, or the error that it tells of. Pure.

This module util is private to the collection.

An answer is a success only if it is 2xx and a JSON object with a request id and the fields that the operation
promises, each of its type. What other answers come to is in _refusals, which is loaded when there is one.
"""

from __future__ import annotations

import json
import math
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils import _models, _operations
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import JcrError, ProtocolError

if t.TYPE_CHECKING:
    from ansible_collections.jdcloud.jcr.plugins.module_utils._refusals import HttpAnswer, Scrub

_LONGEST_INTEGER = 20  # digits: more than any count or size has


def result_of(operation: _operations.Operation, answer: HttpAnswer, *, scrub: Scrub, protected: bool) -> _models.Raw:
    """The result of a successful operation, {} if it has none; raises the error that the answer tells of.

    C(protected) says that a security token was sent. C(scrub) is applied to every foreign text before it is quoted.
    """

    def foreign(fault: str, request_id: str | None = None) -> JcrError:
        from ansible_collections.jdcloud.jcr.plugins.module_utils import _refusals

        return _refusals.foreign(operation, answer, fault, scrub, request_id)

    try:
        request_id, result, error = _models.envelope(parse_json(answer.body))
    except (ValueError, ProtocolError) as fault:
        raise foreign(str(fault)) from None
    succeeded = 200 <= answer.status < 300
    if error is not None:
        from ansible_collections.jdcloud.jcr.plugins.module_utils._refusals import refusal

        raise refusal(operation, answer, request_id, error, scrub, protected)
    if not succeeded:
        raise foreign("it has no error")
    if request_id is None:
        raise foreign("it has no requestId")
    result = result or {}
    for field, types in operation.answer.items():
        if not _is_typed(result.get(field), types):
            fault = f"its result has no {field}" if result.get(field) is None else f"its {field} is of a wrong type"
            raise foreign(fault, request_id)
    return result


def parse_json(body: bytes) -> dict[str, t.Any]:
    """A JSON object in UTF-8, read strictly; ValueError says what is wrong with it.

    Refused besides bad syntax: duplicate keys, NaN and infinity, numbers too long to be real, and nesting without end.
    """
    if not body.strip():
        raise ValueError("it is empty")
    try:
        document = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_finite,
            parse_constant=_constant,
        )
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except (UnicodeDecodeError, json.JSONDecodeError):
        raise ValueError("it is not JSON") from None
    if not isinstance(document, dict):
        raise ValueError("it is JSON, but not an object")
    return document


def _object(pairs: list[tuple[str, t.Any]]) -> dict[str, t.Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("it has a key twice")
    return found


def _integer(digits: str) -> int:
    if len(digits) > _LONGEST_INTEGER:
        raise ValueError("it has a number that is too long")
    return int(digits)


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError("it has a number that is too large")
    return number


def _constant(name: str) -> t.NoReturn:
    raise ValueError(f"it has {name} for a number")


def _is_typed(value: t.Any, types: type | tuple[type, ...]) -> bool:
    accepted = types if isinstance(types, tuple) else (types,)
    return isinstance(value, accepted) and (bool in accepted or not isinstance(value, bool))
