# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The official Python SDK as tests use it: a process of its own, in the virtual environment that has it."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import typing as t
from pathlib import Path

from tests.support.emulator import RunningEmulator
from tests.tooling.truth_clients import CLIENTS

_PROGRAM = Path(__file__).with_name("sdk_program.py")

Answer = dict[str, t.Any]
Call = tuple[str, dict[str, t.Any]]


@dataclasses.dataclass(frozen=True)
class Sdk:
    """The SDK with the emulator as its endpoint, and one access key."""

    emulator: RunningEmulator
    secret_key: str | None = None

    def answers(self, *calls: Call, headers: dict[str, str] | None = None) -> list[Answer]:
        """What became of each call, made in this order: {request_id, result, error}."""
        order = {
            "endpoint": self.emulator.endpoint,
            "access_key": self.emulator.access_key,
            "secret_key": self.secret_key or self.emulator.secret_key,
            "region": self.emulator.region,
            "calls": [
                {"operation": operation, "parameters": parameters, "headers": headers or {}}
                for operation, parameters in calls
            ],
        }
        return run("call", order)

    def results(self, *calls: Call, headers: dict[str, str] | None = None) -> list[t.Any]:
        """The results of calls that have to work; the SDK gives None for an empty one."""
        answers = self.answers(*calls, headers=headers)
        assert [answer["error"] for answer in answers] == [None] * len(calls)
        assert all(len(answer["request_id"]) == 32 for answer in answers)
        return [answer["result"] for answer in answers]

    def result(self, operation: str, **parameters: t.Any) -> t.Any:
        """The result of one call that has to work."""
        return self.results((operation, parameters))[0]

    def refusal(self, operation: str, **parameters: t.Any) -> tuple[int, str, str]:
        """Code, status and message of one call that has to be refused."""
        (answer,) = self.answers((operation, parameters))
        assert answer["result"] is None
        error = answer["error"]
        return error["code"], error["status"], error["message"]


def run(act: str, order: dict[str, t.Any]) -> list[t.Any]:
    """Let the SDK do something in a process of its own."""
    # No proxy and no login of the user's environment has a say.
    environment = {"PATH": os.environ["PATH"], "NETRC": os.devnull}
    command = [CLIENTS.python, _PROGRAM, act]
    done = subprocess.run(command, input=json.dumps(order).encode(), env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)["answers"]


def filters(**wanted: str | list[str]) -> list[dict[str, t.Any]]:
    """Filters as the SDK takes them."""
    return [
        {"name": name, "values": values if isinstance(values, list) else [values]} for name, values in wanted.items()
    ]
