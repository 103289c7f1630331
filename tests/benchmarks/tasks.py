# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task costs that has nothing to do, against ansible.builtin.ping."""

from __future__ import annotations

import functools
import importlib
import sys
import typing as t

from tests.benchmarks.figures import Cost, Figure, mean, ratio
from tests.benchmarks.measuring import by_turns
from tests.benchmarks.stage import CHECKOUT, LOGIN_TASK, PING_TASK, REGISTRY, REGISTRY_TASK, REPOSITORY, Stage

TITLE = "One more task with nothing to do, against one more ansible.builtin.ping (processor time)"

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

# Tasks of a play (as modules: fewer, they take long) and items of a loop; the play with one of them is taken off.
COUNT, MODULES, ITEMS = 20, 10, 60
ROUNDS = 5  # measurements of each

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
        # As many at a time as there are modules in a play: the least of single ones would be that of a quieter machine.
        return lambda: mean([stage.run([sys.executable, "-c", statement]) for _time in range(MODULES)])

    def play(*arguments: t.Any) -> t.Callable[[], Cost]:
        return functools.partial(stage.play, *arguments)

    plays: dict[str, tuple[list[dict[str, t.Any]], dict[str, t.Any]]] = {
        "ping": ([PING_TASK], {}),
        "login": ([LOGIN_TASK], {}),
    }
    for name, task in given.items():
        plays[f"{name} here"] = ([task], {})
        plays[f"{name} module"] = ([task], AS_MODULE)
    measures = {"python": python("pass"), "requests": python("import requests")}
    for what, (tasks, variables) in plays.items():
        measures[f"{what} once"] = play(tasks, variables)
        measures[f"{what} often"] = play(tasks * (MODULES if variables else COUNT), variables)
    for name, task in given.items():
        measures[f"{name} item once"] = play([{**task, "loop": [0]}])
        measures[f"{name} item often"] = play([{**task, "loop": list(range(ITEMS))}])
    costs = by_turns(measures, ROUNDS)

    def each(what: str, count: int = COUNT) -> float:
        return ((costs[f"{what} often"] - costs[f"{what} once"]) / (count - 1)).cpu

    ping, importing = each("ping"), (costs["requests"] - costs["python"]).cpu
    for name in names:
        yield ratio(f"{name}, in the controller's process : ping", each(f"{name} here"), ping, _HERE)
        yield ratio(f"{name}, one item of a loop : ping", each(f"{name} item", ITEMS), ping, _ITEM)
        beyond = each(f"{name} module", MODULES) - ping
        yield ratio(f"{name}, as a module, beyond ping : importing requests", beyond, importing, _MODULE)
    yield ratio("jcr_login : ping", each("login"), ping)
