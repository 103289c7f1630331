# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests of the official SDK and CLI, as they were caught on the wire, sent again byte by byte."""

from __future__ import annotations

import http.client
import json
import socket
import typing as t
from datetime import datetime
from pathlib import Path

import pytest

from tests.support.emulator import RunningEmulator, start

CONTRACT = Path(__file__).parents[1] / "contract"
# What the captures meet when they come in order to an empty emulator: nobody pushed web_app:latest, one test wrote
# tokens that were never issued, and the names notfound, emptyres and noid were never created.
SDK_CODES = [200, 200, 200, 200, 200, 404, 404, 404, 404, 404, 404, 404, 200, 404, 404, 404, 404, 404, 404, 404, 404]
CLI_CODES = [200, 200, 404, 200, 200, 200, 200, 404, 404]


def replay(emulator: RunningEmulator, capture: dict[str, t.Any]) -> tuple[int, dict[str, t.Any]]:
    """Send the bytes of a capture; returns HTTP code and envelope."""
    date = next(line.split(": ")[1] for line in capture["headers"] if line.startswith("x-jdcloud-date"))
    emulator.clock(now=datetime.fromisoformat(date).isoformat())
    head = "\r\n".join([capture["request_line"], *capture["headers"], "", ""])
    host, port = emulator.endpoint.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall((head + capture["body"]).encode())
        response = http.client.HTTPResponse(connection)
        response.begin()
        return response.status, json.loads(response.read())


@pytest.mark.parametrize(("name", "codes"), [("wire-sdk.jsonl", SDK_CODES), ("wire-cli.jsonl", CLI_CODES)])
def test_captures_are_understood(tmp_path: Path, name: str, codes: list[int]) -> None:
    lines = (CONTRACT / name).read_text(encoding="utf-8").splitlines()
    with start(tmp_path, keys=("TESTAK", "TESTSK")) as emulator:
        answers = [replay(emulator, json.loads(line)) for line in lines]
        operations = [entry["operation"] for entry in emulator.requests()]
    assert [code for code, _envelope in answers] == codes
    assert None not in operations
    for code, envelope in answers:
        assert len(envelope["requestId"]) == 32
        assert envelope.get("error", {}).get("status") == (None if code == 200 else "NOT_FOUND")


def test_a_capture_is_refused_on_another_day(tmp_path: Path) -> None:
    capture = json.loads((CONTRACT / "wire-sdk.jsonl").read_text(encoding="utf-8").splitlines()[0])
    capture["headers"] = [
        "x-jdcloud-date: 20261124T081337Z" if line.startswith("x-jdcloud-date") else line for line in capture["headers"]
    ]
    with start(tmp_path, keys=("TESTAK", "TESTSK")) as emulator:
        code, envelope = replay(emulator, capture)
    assert (code, envelope["error"]["status"]) == (401, "ACCESS_ERROR")
