# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The documentation's examples of the modules that need a Docker Engine, as they stand there.

They run in the controller's process and as modules, and return what is documented, all of it. The others are in
tests/conversations/test_examples.py.
"""

from __future__ import annotations

import contextlib
import typing as t
from pathlib import Path

import pytest

from tests.support.builds import upstream, write_builds
from tests.support.emulator import RunningEmulator
from tests.support.engine import RunningEngine
from tests.support.examples import WORLDS, assert_as_documented, local_images, play, prepare
from tests.support.playbooks import playbooks
from tests.support.returned import Documented
from tests.support.tasks import WAYS, Account

# Options that make the module fail after its examples, once no image can be deleted any more.
FAILURES: dict[str, dict[str, t.Any]] = {
    "jcr_image": {"registry": "myshop", "repository": "shop/web", "state": "absent", "pattern": "nightly-*"},
    "jcr_preflight": {"registries": [{"name": "-"}]},
    "jcr_on_host": {"step": "engine_inspect", "arguments": {}},
}
NO_DELETING = {"match": {"operation": "deleteImage"}, "times": None, "action": {"status": {"http": 403}}}


@pytest.mark.parametrize("name", [name for name, world in WORLDS.items() if world.engine])
def test_examples(name: str, emulator: RunningEmulator, docker_engine: RunningEngine, tmp_path: Path) -> None:
    with upstream(tmp_path / "upstream") if WORLDS[name].builds else contextlib.nullcontext("") as host:
        run_examples(name, host, emulator, docker_engine, tmp_path)


def run_examples(name: str, host: str, emulator: RunningEmulator, docker_engine: RunningEngine, tmp_path: Path) -> None:
    documented = Documented(name)
    for in_process in (True, False):
        emulator.reset()
        place = tmp_path / str(in_process)
        place.mkdir()
        books = playbooks(place, emulator, docker_engine.docker_host)
        account = Account(emulator, place / "home", {"DOCKER_HOST": docker_engine.docker_host})
        prepare(WORLDS[name], account)
        if WORLDS[name].builds:
            write_builds(place / "build")
        with local_images(docker_engine.docker_host, WORLDS[name].images):
            run = play(books, name, in_process=in_process, upstream=host)
        assert_as_documented(name, run, documented)
    emulator.faults([NO_DELETING])
    failed = WAYS["module"](account, name, FAILURES[name])
    assert failed["failed"]
    documented.check(failed, "failure")
    assert documented.unseen == set()
