# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Scripts of faults: which requests they strike, and how often. What a fault does is in faultactions.py."""

from __future__ import annotations

import asyncio
import dataclasses
import re
import typing as t

from tests.emulator.routing import METHODS, OPERATIONS

# kind of action -> its options with the types they take
ACTIONS: dict[str, dict[str, type | tuple[type, ...]]] = {
    "status": {
        "http": int,
        "code": int,
        "status": str,
        "message": str,
        "retry_after": (int, str),
        "html": bool,
        "request_id": bool,
        "empty": bool,
    },
    "lost_answer": {},
    "reset": {},
    "slow": {"seconds": (int, float)},
    "hang": {},
    "cut": {"after_bytes": int},
    "body": {"http": int, "text": str, "base64": str, "content_type": str, "commit": bool},
    "redirect": {"location": str, "http": int},
    "wrong_type": {"member": str, "value": object},
}
_NEEDED = {"status": ("http",), "slow": ("seconds",), "cut": ("after_bytes",), "redirect": ("location",)}
_MATCH = {"plane": str, "operation": str, "method": str, "path_regex": str, "nth": int}


class BadScript(ValueError):
    """A script of faults that cannot be read; the message says where."""


@dataclasses.dataclass(frozen=True)
class Action:
    """What a fault does."""

    kind: str
    options: dict[str, t.Any]


@dataclasses.dataclass
class Fault:
    """One rule of a script: strikes the matching requests from the nth on, so many times (None: for ever)."""

    action: Action
    plane: str | None = None
    operation: str | None = None
    method: str | None = None
    path_regex: str | None = None
    nth: int = 1
    times: int | None = 1
    seen: int = 0

    def strikes(self, plane: str, operation: str | None, method: str, path: str) -> bool:
        """Count a request if it matches, and say whether it is one to strike."""
        wanted = ((self.plane, plane), (self.operation, operation), (self.method, method))
        if any(want is not None and want != has for want, has in wanted):
            return False
        if self.path_regex is not None and not re.search(self.path_regex, path):
            return False
        self.seen += 1
        return self.seen >= self.nth and (self.times is None or self.seen < self.nth + self.times)


class Faults:
    """The script that is in force. The first rule that strikes wins; rules after it do not count that request."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self.over = asyncio.Event()  # set when the script that is in force now is replaced

    def load(self, script: object) -> int:
        """Replace the script by this one (a list of rules, or one rule); returns the number of rules."""
        rules = script if isinstance(script, list) else [script]
        self._replace([_fault(place, rule) for place, rule in enumerate(rules, start=1)])
        return len(self._faults)

    def take(self, plane: str, operation: str | None, method: str, path: str) -> Action | None:
        """The action for this request, None when nothing is to happen to it."""
        for fault in self._faults:
            if fault.strikes(plane, operation, method, path):
                return fault.action
        return None

    def clear(self) -> None:
        """No more faults."""
        self._replace([])

    def _replace(self, faults: list[Fault]) -> None:
        self._faults = faults
        self.over.set()
        self.over = asyncio.Event()


def _fault(place: int, rule: object) -> Fault:
    where = f"fault {place}"
    if not isinstance(rule, dict) or not set(rule) <= {"match", "times", "action"} or "action" not in rule:
        raise BadScript(f"{where} is not an object with action and optional match and times")
    times = rule.get("times", 1)
    if times is not None and (isinstance(times, bool) or not isinstance(times, int) or times < 1):
        raise BadScript(f"{where}: times is a number from 1, or null for always")
    match = _checked(f"{where}: match", rule.get("match", {}), _MATCH)
    _refuse_what_never_strikes(where, match)
    return Fault(_action(where, rule["action"]), times=times, **match)


def _refuse_what_never_strikes(where: str, match: dict[str, t.Any]) -> None:
    """A rule that no request can meet would be waited for in vain."""
    plane = match.get("plane")
    if plane not in (None, *OPERATIONS):
        raise BadScript(f"{where}: plane is {' or '.join(OPERATIONS)}")
    operations = [name for names in ([OPERATIONS[plane]] if plane else OPERATIONS.values()) for name in names]
    for key, known in (("operation", operations), ("method", METHODS)):
        if key in match and match[key] not in known:
            raise BadScript(f"{where}: no {key} {match[key]}; there are {', '.join(known)}")
    if match.get("nth", 1) < 1:
        raise BadScript(f"{where}: nth is a number from 1")
    try:
        re.compile(match.get("path_regex", ""))
    except re.error as error:
        raise BadScript(f"{where}: path_regex: {error}") from error


def _action(where: str, action: object) -> Action:
    """An action is its kind alone, or an object with the kind as its only key and the options as value."""
    if isinstance(action, str):
        action = {action: {}}
    if not isinstance(action, dict) or len(action) != 1:
        raise BadScript(f"{where}: action is a word or an object with one key")
    kind, options = next(iter(action.items()))
    if kind not in ACTIONS:
        raise BadScript(f"{where}: no action {kind}; there are {', '.join(ACTIONS)}")
    checked = _checked(f"{where}: {kind}", options, ACTIONS[kind])
    missing = [name for name in _NEEDED.get(kind, ()) if name not in checked]
    if missing:
        raise BadScript(f"{where}: {kind} needs {', '.join(missing)}")
    return Action(kind, checked)


def _checked(where: str, options: object, types: t.Mapping[str, type | tuple[type, ...]]) -> dict[str, t.Any]:
    if not isinstance(options, dict):
        raise BadScript(f"{where} is not an object")
    for name, value in options.items():
        if name not in types:
            raise BadScript(f"{where}: no option {name}; there are {', '.join(types) or 'none'}")
        if not isinstance(value, types[name]):
            raise BadScript(f"{where}: {name} has a value of the wrong type")
    return options
