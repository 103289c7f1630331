# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pushes through a Docker Engine: ours against community.docker and the docker CLI, and ten tags against one."""

from __future__ import annotations

import functools
import itertools
import shutil
import subprocess
import sys
import typing as t
import zipfile
from pathlib import Path

from tests.benchmarks.figures import Cost, Figure, ratio
from tests.benchmarks.measuring import by_turns
from tests.benchmarks.stage import CHECKOUT, LOGIN_TASK, REGISTRY, REPOSITORY, Stage
from tests.support import images

TITLE = "Pushes through a Docker Engine (100 MiB in 10 layers), against community.docker and docker (time on the wall)"
LAYERS, LAYER_SIZE = 10, 10 * 1024 * 1024
IMAGE = "bench:1"
REPEATS = 5
NEW = 3  # images in one play
TAGS = [f"tag-{number}" for number in range(10)]
PEERS = CHECKOUT / ".cache" / "peers"
# The bundle that brings community.docker; of it only what its push needs is kept.
BUNDLE = "ansible==12.3.0"
NEEDED = ("ansible_collections/community/docker/", "ansible_collections/community/library_inventory_filtering_v1/")

_UNCHANGED, _FIRST, _TEN_TAGS = 1, 1.05, 1.2
_seeds = itertools.count(1)


def peers() -> Path:
    """The folder that community.docker is in, fetched once."""
    if not (PEERS / NEEDED[0]).is_dir():
        shutil.rmtree(PEERS, ignore_errors=True)
        PEERS.mkdir(parents=True)
        download = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(PEERS), BUNDLE]
        subprocess.run(download, check=True)
        (wheel,) = PEERS.glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(PEERS, [name for name in archive.namelist() if name.startswith(NEEDED)])
        wheel.unlink()
    return PEERS


def figures(stage: Stage) -> t.Iterator[Figure]:
    """Of an unchanged image; then of one that is new, under one tag and under ten."""
    stage.collections = peers()
    load(stage, IMAGE)
    stage.play([LOGIN_TASK, push_task(IMAGE, ["latest"])])
    (registry,) = stage.emulator.state()["registries"]
    place = f"{registry['uri']}/{REPOSITORY}"
    yield from _unchanged(stage, place)
    yield from _first(stage, place)


def load(stage: Stage, name: str) -> None:
    """Give the engine an image that it has not seen."""
    images.load(stage.docker_host, images.layered(name, LAYERS, LAYER_SIZE, seed=next(_seeds)))


def push_task(source: str, tags: t.Sequence[str]) -> dict[str, t.Any]:
    options = {"registry": REGISTRY, "repository": REPOSITORY, "source": source, "tags": list(tags)}
    return {"jdcloud.jcr.jcr_image": options}


def _unchanged(stage: Stage, place: str) -> t.Iterator[Figure]:
    """For each way to push an image that is there; ours sends nothing to the registry and issues no token."""
    task, theirs_task = push_task(IMAGE, ["latest"]), {"community.docker.docker_image_push": {"name": place}}
    before = len(stage.emulator.requests())
    stage.play([task])
    log = stage.emulator.requests()[before:]
    costs = by_turns(
        {
            "empty": lambda: stage.play([]),
            "theirs": lambda: stage.play([theirs_task] * REPEATS),
            "ours": lambda: stage.play([task] * REPEATS),
            "docker": lambda: stage.run(["docker", "push", "-q", f"{place}:latest"]),
        }
    )
    ours, theirs = ((costs[side] - costs["empty"]).wall / REPEATS for side in ("ours", "theirs"))
    yield ratio("jcr_image, unchanged image : community.docker.docker_image_push", ours, theirs, _UNCHANGED)
    yield ratio("docker push, unchanged image : community.docker.docker_image_push", costs["docker"].wall, theirs)
    yield Figure("jcr_image, unchanged image: requests to the registry", sum(e["plane"] == "data" for e in log), 0)
    yield Figure("jcr_image, unchanged image: tokens issued", sum(e["token_issued"] for e in log), 0)


def _first(stage: Stage, place: str) -> t.Iterator[Figure]:
    """One more task against one more command; loading the images into the engine is not counted for either.

    What the first task of a play takes besides, to load the plugin and the docker SDK, is told by itself.
    """
    costs = by_turns(
        {
            "empty": lambda: stage.play([]),
            "loaded": lambda: stage.play([push_task(IMAGE, ["latest"])]),
            "docker": functools.partial(_new_by_docker, stage, place),
            "one": functools.partial(_new_by_tasks, stage, TAGS[:1]),
            "ten": functools.partial(_new_by_tasks, stage, TAGS),
        }
    )
    docker = costs["docker"].wall / NEW
    one, ten = ((costs[side] - costs["loaded"]).wall / NEW for side in ("one", "ten"))
    yield ratio("jcr_image, new image : docker push", one, docker, _FIRST)
    yield ratio(f"jcr_image, new image under {len(TAGS)} tags : under one", ten, one, _TEN_TAGS)
    yield ratio("jcr_image, loaded by the first task : docker push", (costs["loaded"] - costs["empty"]).wall, docker)


def _new_by_docker(stage: Stage, place: str) -> Cost:
    references = [f"{place}:docker-{number}" for number in range(NEW)]
    for reference in references:
        load(stage, reference)
    costs = [stage.run(["docker", "push", "-q", reference]) for reference in references]
    return Cost(sum(cost.wall for cost in costs), sum(cost.cpu for cost in costs))


def _new_by_tasks(stage: Stage, tags: t.Sequence[str]) -> Cost:
    """What a play takes whose first task has nothing to do, and whose others push an image each."""
    names = [f"bench-new-{number}:1" for number in range(NEW)]
    for name in names:
        load(stage, name)
    return stage.play([push_task(IMAGE, ["latest"]), *(push_task(name, tags) for name in names)])
