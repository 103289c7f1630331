# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stops what a demo has started and removes what it has written, from the records in its directory."""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path

import docker
import requests

from tests.demo.checks import DemoFailed
from tests.demo.dockercommand import CONTAINER
from tests.demo.stage import PREFIX, RECORD, SOURCE, Record, image_names
from tests.support import services

_ANSWER_SECONDS = 10


def is_a_demo(directory: Path) -> bool:
    """Whether a demo made this directory."""
    return directory.name.startswith(PREFIX) and (directory / RECORD).is_file()


def take_down(directory: Path) -> None:
    """Leave nothing behind: no process, no directory, and no image or container in a Docker Engine that was found.

    Raises DemoFailed, with everything else taken down, when names of images had to be left in such an engine.
    """
    record = Record.read(directory)
    try:
        if record and not record.own_engine:
            _clear_engine(record, _registry_hosts(directory))
    finally:
        services.stop(directory)
        shutil.rmtree(directory)


def _clear_engine(record: Record, hosts: list[str]) -> None:
    """Remove the names that came since, if they are of the demo's image or of a registry in its emulator."""
    ours = (record.source, *(f"{host}/" for host in hosts))
    client = docker.APIClient(record.docker_host)
    try:
        with contextlib.suppress(docker.errors.NotFound):
            client.remove_container(CONTAINER.format(record.source.partition(":")[2]), force=True)
        for name in filter(_could_be_ours, _new_names(record)):
            if name.startswith(ours):
                with contextlib.suppress(docker.errors.APIError):  # of an image that is in use, for example
                    client.remove_image(name)
    finally:
        client.close()
    if left := list(filter(_could_be_ours, _new_names(record))):
        raise DemoFailed(f"these images are left in the Docker Engine at {record.docker_host}: {', '.join(left)}")


def _new_names(record: Record) -> list[str]:
    """The names of images that the engine did not have when it was found."""
    return [name for name in image_names(record.docker_host) if name not in record.images_before]


def _could_be_ours(name: str) -> bool:
    """Somebody else may use the engine at the same time; what has no such name is certainly theirs."""
    return name.startswith((SOURCE, "127.0.0.1:"))


def _registry_hosts(directory: Path) -> list[str]:
    """The hosts of all registries that the emulator has; none if it does not run (any more)."""
    try:
        admin = json.loads((directory / services.RUN_FILE).read_text(encoding="utf-8"))["admin"]
        with requests.Session() as session:
            session.trust_env = False  # no proxy of the user's environment has a say
            state = session.get(f"{admin}/state", timeout=_ANSWER_SECONDS).json()
    except (FileNotFoundError, requests.RequestException):
        return []
    return [registry["uri"] for registry in state["registries"]]
