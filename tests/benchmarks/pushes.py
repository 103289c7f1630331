# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a push costs whose image is in the repository already: ours, community.docker's and the docker CLI's."""

from __future__ import annotations

import shutil
import subprocess
import sys
import typing as t
import zipfile
from pathlib import Path

from tests.benchmarks.figures import Figure, ratio
from tests.benchmarks.measuring import by_turns
from tests.benchmarks.stage import CHECKOUT, LOGIN_TASK, REGISTRY, REPOSITORY, Stage
from tests.support import images

TITLE = "A push with nothing to do (100 MiB in 10 layers), against community.docker (time on the wall)"
LAYERS, LAYER_SIZE = 10, 10 * 1024 * 1024
IMAGE = "bench:1"
REPEATS = 5
PEERS = CHECKOUT / ".cache" / "peers"
# The bundle that brings community.docker; of it only what its push needs is kept.
BUNDLE = "ansible==12.3.0"
NEEDED = ("ansible_collections/community/docker/", "ansible_collections/community/library_inventory_filtering_v1/")


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


def prepare(stage: Stage) -> str:
    """Push the image once; returns what docker calls it in the repository."""
    stage.collections = peers()
    images.load(stage.docker_host, images.layered(IMAGE, LAYERS, LAYER_SIZE))
    stage.play([LOGIN_TASK, push_task()])
    (registry,) = stage.emulator.state()["registries"]
    return f"{registry['uri']}/{REPOSITORY}:latest"


def push_task() -> dict[str, t.Any]:
    return {"jdcloud.jcr.jcr_image": {"registry": REGISTRY, "repository": REPOSITORY, "source": IMAGE}}


def figures(stage: Stage) -> t.Iterator[Figure]:
    """For each way to push an unchanged image; ours sends nothing to the registry and issues no token."""
    reference = prepare(stage)
    name, _colon, tag = reference.rpartition(":")
    theirs_task = {"community.docker.docker_image_push": {"name": name, "tag": tag}}
    before = len(stage.emulator.requests())
    stage.play([push_task()])
    log = stage.emulator.requests()[before:]
    costs = by_turns(
        {
            "empty": lambda: stage.play([]),
            "theirs": lambda: stage.play([theirs_task] * REPEATS),
            "ours": lambda: stage.play([push_task()] * REPEATS),
            "docker": lambda: stage.run(["docker", "push", "-q", reference]),
        }
    )
    ours, theirs = ((costs[side] - costs["empty"]).wall / REPEATS for side in ("ours", "theirs"))
    yield ratio("jcr_image, unchanged image : community.docker.docker_image_push", ours, theirs, 1)
    yield ratio("docker push, unchanged image : community.docker.docker_image_push", costs["docker"].wall, theirs)
    yield Figure("jcr_image, unchanged image: requests to the registry", sum(e["plane"] == "data" for e in log), 0)
    yield Figure("jcr_image, unchanged image: tokens issued", sum(e["token_issued"] for e in log), 0)
