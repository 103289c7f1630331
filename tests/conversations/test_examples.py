# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The documentation's examples do what they say, as they stand there, through the real ansible-playbook.

Those of modules that need a Docker Engine are in tests/integration/test_examples_docker.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.emulator import RunningEmulator
from tests.support.examples import MODULES, WORLDS, assert_as_documented, examples, play, prepare
from tests.support.playbooks import playbooks
from tests.support.returned import Documented
from tests.support.tasks import Account

NO_ENGINE = "unix:///nonexistent/docker.sock"


def test_every_module_has_a_world() -> None:
    assert sorted(WORLDS) == MODULES
    for name, world in WORLDS.items():
        assert set(world.changes) <= {example["name"] for example in examples(name)}, name


@pytest.mark.parametrize("name", [name for name, world in WORLDS.items() if not world.engine])
def test_examples(name: str, emulator: RunningEmulator, tmp_path: Path) -> None:
    books = playbooks(tmp_path, emulator, NO_ENGINE)
    prepare(WORLDS[name], Account(emulator, tmp_path / "home"))
    before = len(emulator.requests())
    assert_as_documented(name, play(books, name), Documented(name))
    if not WORLDS[name].changes:
        log = emulator.requests(before)
        issued = [entry for entry in log if entry["token_issued"]]
        assert len(issued) == WORLDS[name].issues
        assert [entry for entry in log if entry["write"] and entry not in issued] == []
