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

from tests.benchmarks.stage import REGISTRY, REPOSITORY, Stage, median
from tests.support import images

LAYERS, LAYER_SIZE = 10, 10 * 1024 * 1024
IMAGE = "bench:1"
REPEATS = 5
CHECKOUT = Path(__file__).resolve().parents[2]
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
    stage.play([push_task()])
    (registry,) = stage.emulator.state()["registries"]
    return f"{registry['uri']}/{REPOSITORY}:latest"


def push_task() -> dict[str, t.Any]:
    return {"jdcloud.jcr.jcr_image": {"registry": REGISTRY, "repository": REPOSITORY, "source": IMAGE}}


def rows(stage: Stage) -> t.Iterator[tuple[str, float, float]]:
    """(what, seconds, seconds of community.docker's task) for each way to push an unchanged image."""
    reference = prepare(stage)
    name, _colon, tag = reference.rpartition(":")
    empty = median(lambda: stage.play([]))
    theirs_task = {"community.docker.docker_image_push": {"name": name, "tag": tag}}
    theirs = (median(lambda: stage.play([theirs_task] * REPEATS)) - empty) / REPEATS
    before = len(stage.emulator.requests())
    ours = (median(lambda: stage.play([push_task()] * REPEATS)) - empty) / REPEATS
    log = stage.emulator.requests()[before:]
    yield "community.docker.docker_image_push, unchanged image", theirs, theirs
    yield "jcr_image, unchanged image", ours, theirs
    yield "docker push, unchanged image", median(lambda: stage.run(["docker", "push", "-q", reference])), theirs
    print(
        f"    jcr_image, unchanged image: {sum(entry['plane'] == 'data' for entry in log)} requests to the registry, "
        f"{sum(entry['token_issued'] for entry in log)} tokens"
    )
