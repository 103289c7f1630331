# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task costs that has nothing to do, against ansible.builtin.ping."""

from __future__ import annotations

import functools
import importlib
import sys
import typing as t

from tests.benchmarks.figures import Cost, Figure, ratio
from tests.benchmarks.measuring import by_turns
from tests.benchmarks.stage import CHECKOUT, LOGIN_TASK, PING_TASK, REGISTRY, REGISTRY_TASK, REPOSITORY, Stage

TITLE = "A task with nothing to do, against ansible.builtin.ping (processor time)"

# Options with which a module leaves everything as it is. One that is not named here gets none.
OPTIONS: t.Mapping[str, dict[str, t.Any]] = {
    "jcr_registry": {"name": REGISTRY},
    "jcr_repository": {"registry": REGISTRY, "name": REPOSITORY},
    "jcr_token": {"registry": REGISTRY},
    "jcr_repository_info": {"registry": REGISTRY},
    "jcr_token_info": {"registry": REGISTRY},
    "jcr_image_info": {"registry": REGISTRY, "repository": REPOSITORY},
}
AS_MODULE = {"jcr_in_process": False}

COUNT = 20  # tasks of a play; its fixed cost is measured apart
ITEMS = 60  # of a loop

_HERE, _ITEM, _MODULE = 1 / 5, 1 / 15, 1.2
_ACTIONS = "ansible_collections.jdcloud.jcr.plugins"


def api_only() -> list[str]:
    """The modules that need nothing of a host but the network, as their action plugins say."""
    common = importlib.import_module(f"{_ACTIONS}.plugin_utils._action")
    names = sorted(path.stem for path in (CHECKOUT / "plugins" / "action").glob("jcr_*.py"))
    classes = {name: importlib.import_module(f"{_ACTIONS}.action.{name}").ActionModule for name in names}
    return [name for name, kind in classes.items() if not issubclass(kind, common.OnHostAction)]


def figures(stage: Stage) -> t.Iterator[Figure]:
    """For each module in the controller's process, as an item of a loop, and as a process of its own."""
    names = api_only()
    given = {name: {f"jdcloud.jcr.{name}": OPTIONS.get(name, {})} for name in names}
    stage.play([REGISTRY_TASK, *given.values(), LOGIN_TASK])

    def python(statement: str) -> t.Callable[[], Cost]:
        return functools.partial(stage.run, [sys.executable, "-c", statement])

    def play(*arguments: t.Any) -> t.Callable[[], Cost]:
        return functools.partial(stage.play, *arguments)

    measures = {
        "empty": play([]),
        "ping": play([PING_TASK] * COUNT),
        "login": play([LOGIN_TASK] * COUNT),
        "python": python("pass"),
        "requests": python("import requests"),
    }
    for name, task in given.items():
        measures[f"{name} here"] = play([task] * COUNT)
        measures[f"{name} item"] = play([{**task, "loop": list(range(ITEMS))}])
        measures[f"{name} module"] = play([task] * COUNT, AS_MODULE)
    costs = by_turns(measures)
    # Short, and what all the modules' figures rest on: measured more often.
    costs.update(by_turns({name: measures[name] for name in ("python", "requests")}, rounds=15))

    def each(name: str, count: int) -> float:
        return ((costs[name] - costs["empty"]) / count).cpu

    ping, importing = each("ping", COUNT), (costs["requests"] - costs["python"]).cpu
    for name in names:
        yield ratio(f"{name}, in the controller's process : ping", each(f"{name} here", COUNT), ping, _HERE)
        yield ratio(f"{name}, one item of a loop : ping", each(f"{name} item", ITEMS), ping, _ITEM)
        beyond = each(f"{name} module", COUNT) - ping
        yield ratio(f"{name}, as a module, beyond ping : importing requests", beyond, importing, _MODULE)
    yield ratio("jcr_login : ping", each("login", COUNT), ping)
