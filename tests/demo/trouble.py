# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is worth seeing when the demo failed: the last requests, and the last lines that the programs wrote."""

from __future__ import annotations

import json
from pathlib import Path

import requests

from tests.demo.runs import LOG
from tests.demo.screen import Screen
from tests.support import engine, services

_LINES = 8
_ANSWER_SECONDS = 10


def show(directory: Path, screen: Screen) -> None:
    """Show the ends of all logs that have any lines."""
    ends = {
        "What ansible-playbook said last": [line.partition("| ")[2] or line for line in _lines(directory / LOG)],
        "The emulator's last requests": _requests(directory / services.RUN_FILE),
        "The emulator's last errors": _lines(directory / "emulator.err"),
        "What dockerd said last": _lines(directory / engine.LOG),
    }
    for title, lines in ends.items():
        if lines:
            screen.chapter(f"{title}:")
        for line in lines[-_LINES:]:
            screen.line(f"    {line}")


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []


def _requests(run_file: Path) -> list[str]:
    """One line a request; none if the emulator does not answer."""
    try:
        admin = json.loads(run_file.read_text(encoding="utf-8"))["admin"]
        with requests.Session() as session:
            session.trust_env = False
            entries = session.get(f"{admin}/requests", timeout=_ANSWER_SECONDS).json()["requests"]
    except (OSError, ValueError):  # requests' errors are OSErrors
        return []
    return [
        f"{entry['status']} {entry['method']} {entry['path']}{' (scripted fault)' if entry['fault'] else ''}"
        for entry in entries
    ]
