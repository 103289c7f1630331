# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What molecule's scenarios work on: started by one Ansible task, used by many, stopped by another one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.support import services
from tests.support.engine import RECORD, answers
from tests.tooling.process import CHECKOUT


def test_they_outlive_the_worker_that_started_them(tmp_path: Path) -> None:
    """Ansible terminates the process group of a worker that has not quite ended when the play has."""
    command = [sys.executable, "-m", "tests.support.services", "start", "--directory", str(tmp_path)]
    worker = subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        assert worker.wait() == 0
        emulator, engine = (json.loads((tmp_path / name).read_text()) for name in (services.RUN_FILE, RECORD))
        assert worker.pid not in [os.getpgid(service["pid"]) for service in (emulator, engine)]
    finally:
        assert services.stop(tmp_path) == 0
    assert not (tmp_path / services.RUN_FILE).exists()
    assert not answers(engine["docker_host"])
