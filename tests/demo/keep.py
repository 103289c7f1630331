# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""KEEP=1: how to go on with what the demo leaves running."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from tests.demo.screen import Screen
from tests.demo.stage import Stage
from tests.tooling.process import CHECKOUT, VENV

_FILE = "environment"
_VARIABLES = (
    "JDCLOUD_ENDPOINT",
    "JDCLOUD_ACCESS_KEY",
    "JDCLOUD_SECRET_KEY",
    "JDCLOUD_REGION",
    "JCR_TOKEN_CACHE",
    "DOCKER_HOST",
    "DOCKER_CONFIG",
)


def explain(stage: Stage, screen: Screen) -> None:
    """Write the environment into a file, since one of its variables is a secret, and tell what to do with it."""
    file = _write_environment(stage)
    engine = " and the Docker Engine" if stage.own_engine else ""
    screen.chapter(f"Left running for you: the emulator{engine}, with what the playbook made in it")
    screen.line(f"  . {shlex.quote(str(file))}")
    screen.line(f"  {VENV}/bin/ansible localhost -m jdcloud.jcr.jcr_registry -a name=my-first-registry")
    screen.line(f"  {VENV}/bin/ansible-playbook YOUR_PLAYBOOK.yml")
    screen.line("The first line sets:")
    screen.line(f"  {' '.join(_VARIABLES)}")
    screen.line("The emulator's clock, faults, settings and request log (tests/emulator/README.md) are at")
    screen.line(f"  {stage.emulator.admin}")
    screen.line("This stops everything and removes its files:")
    screen.line(f"  cd {shlex.quote(str(CHECKOUT))} && .venv/bin/python -m tests.demo --stop {stage.directory}")


def _write_environment(stage: Stage) -> Path:
    """Shell commands that make a shell speak to the emulator; only the owner may read them."""
    lines = [f"export {name}={shlex.quote(stage.user.environment[name])}\n" for name in _VARIABLES]
    file = stage.directory / _FILE
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
        stream.writelines(lines)
    return file
