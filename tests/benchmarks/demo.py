# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The second run of the demo playbook, which changes nothing, against as many pings."""

from __future__ import annotations

import re
import typing as t

from tests.benchmarks.figures import Figure, ratio
from tests.benchmarks.measuring import by_turns
from tests.benchmarks.stage import PING_TASK, Stage
from tests.support import images

TITLE = "The demo's second run, against as many pings (time on the wall, whole runs)"
SOURCE = "bench-demo:1"
_GOAL = 0.5


def figures(stage: Stage) -> t.Iterator[Figure]:
    """One figure; RuntimeError if the second run changed something."""
    images.load(stage.docker_host, images.runnable(SOURCE))
    command = ["ansible-playbook", "jdcloud.jcr.demo", "-e", f"demo_source={SOURCE}"]
    stage.run(command)
    _cost, output = stage.output(command)
    recap = re.search(r"ok=(\d+) +changed=(\d+)", output.decode())
    if recap is None or recap.group(2) != "0":
        raise RuntimeError(f"the second run of the demo changed something:\n{output.decode()[-3000:]}")
    count = int(recap.group(1))
    costs = by_turns({"demo": lambda: stage.run(command), "pings": lambda: stage.play([PING_TASK] * count)})
    yield ratio(
        f"second run of the demo ({count} tasks) : {count} pings", costs["demo"].wall, costs["pings"].wall, _GOAL
    )
