# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pushes through a Docker Engine: ours against community.docker and the docker CLI, and ten tags against one."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import statistics
import subprocess
import sys
import typing as t
import zipfile
from pathlib import Path

from tests.benchmarks.figures import Figure, ratio
from tests.benchmarks.measuring import by_turns
from tests.benchmarks.stage import CHECKOUT, LOGIN_TASK, REGISTRY, REPOSITORY, Stage
from tests.support import images

TITLE = "Pushes through a Docker Engine (100 MiB in 10 layers), against community.docker and docker (time on the wall)"
LAYERS, LAYER_SIZE = 10, 10 * 1024 * 1024
IMAGE = "bench:1"
REPEATS = 5
NEW, STARTS = 4, 2  # images in one play, and plays without one to compare it with
ROUNDS, TEN_ROUNDS = 8, 2
PATIENCE = 0.003  # seconds between two looks of Ansible's controller for results
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


_UNCHANGED_TASK = push_task(IMAGE, ["latest"])
# Of what was pushed, all but the images that have a tag yet.
_REMOVAL_TASK = {
    "jdcloud.jcr.jcr_image": {
        "registry": REGISTRY,
        "repository": REPOSITORY,
        "state": "absent",
        "tag_status": "untagged",
        "max_delete": 1000,
    }
}


def _unchanged(stage: Stage, place: str) -> t.Iterator[Figure]:
    """For each way to push an image that is there; ours sends nothing to the registry and issues no token."""
    task, theirs_task = _UNCHANGED_TASK, {"community.docker.docker_image_push": {"name": place}}
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
    """One more task against the commands that come to the same, on the average of many pushes: one differs from the
    next by more than is to be told. An image may have its name in the registry already, or be given it on the way.

    dockerd and the registry keep all cores busy with a push, and Ansible's controller looks a thousand times a second
    whether a worker has ended, if it is not told otherwise, as the README says how. What is to be kept to is measured
    with that, and without it.
    What the first task of a play takes besides, to load the plugin and the docker SDK, is told by itself.
    """
    named = [f"{place}:new-{number}" for number in range(NEW)]
    built = [f"bench-new-{number}:1" for number in range(NEW)]
    by_tasks = [push_task(name, [name.rpartition(":")[2]]) for name in named]
    by_other_names = [push_task(name, TAGS[:1]) for name in built]
    ways = {
        "docker": lambda: _new_by_docker(stage, named),
        "one": lambda: _new_by_tasks(stage, named, by_tasks, PATIENCE),
        "as_installed": lambda: _new_by_tasks(stage, named, by_tasks),
        "docker_tags": lambda: _new_by_docker(stage, built, f"{place}:{TAGS[0]}"),
        "other_name": lambda: _new_by_tasks(stage, built, by_other_names, PATIENCE),
        "ten": lambda: _new_by_tasks(stage, built, [push_task(name, TAGS) for name in built], PATIENCE),
    }
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for number in range(ROUNDS):
        turn = list(ways) if number < TEN_ROUNDS else list(ways)[:-1]
        for way in turn if number % 2 else reversed(turn):
            seconds[way].append(ways[way]())
    docker, one, as_installed, docker_tags, other_name, ten = map(statistics.mean, seconds.values())
    how = f"{ROUNDS * NEW} of each"
    set_so = f"{how}, internal_poll_interval {PATIENCE} s"
    yield ratio("jcr_image, new image : docker push", one, docker, _FIRST, set_so)
    yield ratio("jcr_image, new image, Ansible as it is installed : docker push", as_installed, docker, how=how)
    yield ratio(
        "jcr_image, new image of another name : docker tag and docker push", other_name, docker_tags, _FIRST, set_so
    )
    yield ratio(f"jcr_image, new image under {len(TAGS)} tags : under one", ten, other_name, _TEN_TAGS)
    loading = by_turns({"empty": lambda: stage.play([]), "loaded": lambda: stage.play([_UNCHANGED_TASK])})
    yield ratio(
        "jcr_image, loaded by the first task : docker push", (loading["loaded"] - loading["empty"]).wall, docker
    )


def _new_by_docker(stage: Stage, names: t.Sequence[str], tag: str | None = None) -> float:
    """What a push of a new image takes, under its own name or under one that it is given first."""
    whole = 0.0
    with _new_images(stage, names):
        for name in names:
            if tag:
                whole += stage.run(["docker", "tag", name, tag]).wall
            whole += stage.run(["docker", "push", "-q", tag or name]).wall
    return whole / len(names)


def _new_by_tasks(
    stage: Stage, names: t.Sequence[str], tasks: t.Sequence[dict[str, t.Any]], patience: float | None = None
) -> float:
    """What a play takes longer whose further tasks push a new image each; its first one has nothing to do."""
    polling = stage.configured(f"internal_poll_interval = {patience}") if patience else contextlib.nullcontext()
    with _new_images(stage, names), polling:
        start = statistics.mean(stage.play([_UNCHANGED_TASK]).wall for _time in range(STARTS))
        whole = stage.play([_UNCHANGED_TASK, *tasks]).wall
    return (whole - start) / len(tasks)


@contextlib.contextmanager
def _new_images(stage: Stage, names: t.Sequence[str]) -> t.Iterator[None]:
    """Images that the registry does not have, for a while.

    Neither bringing them nor writing them to the disk is to be measured, nor what is left of those before: with their
    layers left in the registry, pushes become slower from one to the next.
    """
    for name in names:
        load(stage, name)
    os.sync()
    yield
    images.remove(stage.docker_host, names)
    stage.play([_REMOVAL_TASK])
