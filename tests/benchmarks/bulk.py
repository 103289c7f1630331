# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many repositories in one task: nothing to do, all to create, ten times as many, and in how much memory."""

from __future__ import annotations

import functools
import json
import typing as t
from pathlib import Path

from tests.benchmarks import measuring
from tests.benchmarks.figures import Cost, Figure, least, ratio
from tests.benchmarks.measuring import by_turns
from tests.benchmarks.stage import PING_TASK, Stage
from tests.tooling.truth_clients import CLIENTS

TITLE = "Many repositories in one task (time on the wall)"
FEW, MANY = 1_000, 10_000
ROUNDS = 5
PINGS = 20  # as many as 1,000 would take too long; the rest is reckoned

_UNCHANGED, _CREATED, _TEN_TIMES, _MEGABYTES = 1 / 100, 1 / 3, 11, 100
# Seconds that the emulator's answers take with the network between: less than to any service on the internet.
_DISTANCE = 0.005
_SDK_LOOP = Path(__file__).with_name("sdk_loop.py")
_MODULE = "ansible_collections.jdcloud.jcr.plugins.modules.jcr_repository"
_VARIABLE = "declared"


def figures(stage: Stage) -> t.Iterator[Figure]:
    """All of them; the registries of this chapter are its own."""
    yield from _created(stage)
    for registry, count in (("bench-few", FEW), ("bench-many", MANY)):
        _create(stage, registry, count)
    costs = by_turns(
        {
            "empty": functools.partial(stage.play, []),
            "pings": functools.partial(stage.play, [PING_TASK] * PINGS),
            "few": functools.partial(_task, stage, "bench-few", FEW),
            "many": functools.partial(_task, stage, "bench-many", MANY),
        },
        rounds=5,
    )
    few, many = (costs[name] - costs["empty"] for name in ("few", "many"))
    pings = (costs["pings"] - costs["empty"]) / PINGS
    how = f"{PINGS} pings measured, reckoned as {FEW:,}"
    yield ratio(f"{FEW:,} repositories unchanged : {FEW:,} pings", few.wall, FEW * pings.wall, _UNCHANGED, how)
    yield ratio(f"{MANY:,} repositories unchanged : {FEW:,}", many.wall, few.wall, _TEN_TIMES)
    yield Figure(f"peak memory of the module, {MANY:,} repositories unchanged", _memory(stage), _MEGABYTES, unit="MB")


def _created(stage: Stage) -> t.Iterator[Figure]:
    """Ours and the official SDK's loop, both without what their start takes, on loopback and with a distance between.

    To its start belongs that a side gets to know the names: ours is told of all of them there, too.

    On loopback the emulator's own work, which is the same for both, is a large part of either side.
    """
    if not CLIENTS.python.exists():
        raise RuntimeError("the official SDK is not there: run make setup-tests first")
    what = f"{FEW:,} repositories created : the official SDK's loop"
    yield from _creating(stage, what, "near")
    far = {"match": {"plane": "control"}, "times": None, "action": {"slow": {"seconds": _DISTANCE}}}
    stage.emulator.faults([far])
    yield from _creating(stage, f"{what}, {1000 * _DISTANCE:.0f} ms away", "far")
    stage.emulator.faults([])


def _creating(stage: Stage, what: str, place: str) -> t.Iterator[Figure]:
    """The two by turns, each into a registry that is empty before.

    The processor time of the two clients is told as well: on a busy machine, where client and emulator do not get a
    core each, the time on the wall says little.
    """
    _registry(stage, f"bench-{place}")
    ours, theirs, start = [], [], []
    for number in range(ROUNDS):
        theirs.append(_sdk_loop(stage, f"bench-{place}-theirs-{number}"))
        ours.append(_create(stage, f"bench-{place}-ours-{number}", FEW))
        start.append(_task(stage, f"bench-{place}", FEW, used="[:0]"))
    how = "less a run that reads the same names and declares none of them"
    cost = least(ours) - least(start)
    yield ratio(what, cost.wall, least(theirs).wall, _CREATED, how)
    yield ratio(f"{what}, processor time", cost.cpu, least(theirs).cpu)


def _registry(stage: Stage, name: str) -> None:
    stage.play([{"jdcloud.jcr.jcr_registry": {"name": name}}])


def _create(stage: Stage, registry: str, count: int) -> Cost:
    _registry(stage, registry)
    cost = _task(stage, registry, count)
    writes = _created_in(stage, registry)
    if writes != count:
        raise RuntimeError(f"{writes} repositories were created in {registry}, not {count}")
    return cost


def _task(stage: Stage, registry: str, count: int, used: str = "") -> Cost:
    """The whole run of a play that reads so many names, and whose only task declares those of the slice C(used)."""
    task = {"jdcloud.jcr.jcr_repository": {"registry": registry, "repositories": f"{{{{ {_VARIABLE}{used} }}}}"}}
    return stage.play([task], {_VARIABLE: _declared(count)})


def _declared(count: int) -> list[dict[str, str]]:
    return [{"name": name} for name in _names(count)]


def _names(count: int) -> list[str]:
    return [f"shop/item-{number:05}" for number in range(count)]


def _created_in(stage: Stage, registry: str) -> int:
    """How many repositories the emulator has there: nobody's word is taken for it."""
    return next(
        len(found["repositories"]) for found in stage.emulator.state()["registries"] if found["name"] == registry
    )


def _sdk_loop(stage: Stage, registry: str) -> Cost:
    """What the loop took inside the SDK's process, without its start."""
    _registry(stage, registry)
    emulator = stage.emulator
    order = {
        "endpoint": emulator.endpoint,
        "access_key": emulator.access_key,
        "secret_key": emulator.secret_key,
        "region": emulator.region,
        "registry": registry,
        "names": _names(FEW),
    }
    _whole, output = measuring.run(
        [CLIENTS.python, _SDK_LOOP], input=json.dumps(order).encode(), env={"PATH": stage.environment()["PATH"]}
    )
    if _created_in(stage, registry) != FEW:
        raise RuntimeError("the SDK's loop did not create all repositories")
    return Cost(**json.loads(output))


def _memory(stage: Stage) -> float:
    """MB at the most, of the module as a process of its own."""
    options = {"registry": "bench-many", "repositories": _declared(MANY)}
    content = json.dumps({"ANSIBLE_MODULE_ARGS": options}).encode()
    megabytes, output = measuring.peak_memory(_MODULE, content, env=stage.environment())
    result = json.loads(output)
    if result["changed"] or len(result["repositories"]) != MANY:
        raise RuntimeError(f"the module did not look at all repositories: {str(result)[:500]}")
    return megabytes
