# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The second run of the demo playbook, which changes nothing, against as many pings."""

from __future__ import annotations

import re
import subprocess
import typing as t

from tests.benchmarks.stage import Stage, median
from tests.support import images

SOURCE = "bench-demo:1"


def rows(stage: Stage) -> t.Iterator[tuple[str, float, float]]:
    """(what, seconds, seconds of the pings)."""
    images.load(stage.docker_host, images.runnable(SOURCE))
    command = ["ansible-playbook", "jdcloud.jcr.demo", "-e", f"demo_source={SOURCE}"]
    stage.run(command)
    done = subprocess.run(command, cwd=stage.directory, env=stage.environment(), capture_output=True, check=True)
    recap = re.search(r"ok=(\d+) +changed=(\d+)", done.stdout.decode())
    if recap is None or recap.group(2) != "0":
        raise RuntimeError(f"the second run of the demo changed something:\n{done.stdout.decode()[-3000:]}")
    count = int(recap.group(1))
    second = median(lambda: stage.run(command))
    pings = median(lambda: stage.play([{"ansible.builtin.ping": {}}] * count))
    yield f"{count} tasks of ansible.builtin.ping, whole run", pings, pings
    yield f"second run of the demo playbook ({count} tasks), whole run", second, pings
