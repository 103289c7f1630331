# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ansible forks a worker for each task: what the process before it has imported, no worker imports again."""

from __future__ import annotations

import dataclasses
import json
import typing as t
from pathlib import Path

import pytest

from tests.emulator_tests.registry import Account
from tests.support import images
from tests.support.emulator import RunningEmulator
from tests.support.engine import RunningEngine
from tests.support.playbooks import Playbooks, playbooks

REGISTRY, REPOSITORY = "inherited", "shop/web"
COLLECTION = "ansible_collections.jdcloud.jcr.plugins."
# Python runs a module of this name at its start; a worker inherits the hook and the open file.
HOOK = """
import os, sys

log = os.open({log!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

def note(event, details):
    if event == "import":
        os.write(log, f"{{os.getpid()}} {{details[0]}}\\n".encode())

sys.addaudithook(note)
"""


class Imports(t.NamedTuple):
    """Modules of this collection and of the docker SDK, by who imported them."""

    before: set[str]
    by_workers: set[str]


def imports(books: Playbooks, *tasks: dict[str, t.Any]) -> Imports:
    """What a play of these tasks imports."""
    log = books.place / "imports"
    hooks = books.place / "hooks"
    hooks.mkdir()
    (hooks / "sitecustomize.py").write_text(HOOK.format(log=str(log)), encoding="utf-8")
    watched = dataclasses.replace(books, environment={**books.environment, "PYTHONPATH": str(hooks)})
    run = watched.play(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    assert run.code == 0, run.output
    lines = [line.split() for line in log.read_text(encoding="utf-8").splitlines()]
    play = lines[0][0]
    found = Imports(set(), set())
    for process, name in lines:
        if name.startswith((COLLECTION, "docker.")):
            (found.before if process == play else found.by_workers).add(name.removeprefix(COLLECTION))
    return found


@pytest.fixture
def account(emulator: RunningEmulator) -> RunningEmulator:
    Account(emulator).declare(REGISTRY, REPOSITORY)
    return emulator


def test_a_push_imports_nothing_in_its_worker(
    account: RunningEmulator, docker_engine: RunningEngine, tmp_path: Path
) -> None:
    source, engine = "inherited-source:1", docker_engine.docker_host
    images.load(engine, images.runnable(source, message=source))
    try:
        wish = {"registry": REGISTRY, "repository": REPOSITORY, "source": source, "tag": "1.0"}
        found = imports(playbooks(tmp_path, account, engine), {"jdcloud.jcr.jcr_image": wish})
    finally:
        images.remove(engine, [source])
    assert found.before >= {"module_utils._engineclient", "module_utils._target", "docker.api.client"}
    assert found.by_workers == set()


def test_a_look_at_tokens_imports_nothing_in_its_worker(account: RunningEmulator, tmp_path: Path) -> None:
    found = imports(
        playbooks(tmp_path, account, "unix:///nowhere"), {"jdcloud.jcr.jcr_token_info": {"registry": REGISTRY}}
    )
    assert "module_utils._knowntokens" in found.before
    assert found.by_workers == set()
