# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Operations on images."""

from __future__ import annotations

import typing as t

from tests.emulator.api_registries import BYTES_OF_A_MEGABYTE
from tests.emulator.call import Call
from tests.emulator.errors import InvalidArgument, NotFound
from tests.emulator.state import Registry, Repository
from tests.emulator.tokens import write_time


def describe_images(call: Call) -> dict[str, t.Any]:
    """A page of the images that all filters let through."""
    first, size = call.page()
    filters = call.filters(registryName=1, repositoryName=1, imageDigest=100, imageTag=100, tagStatus=1)
    statuses = [status.lower() for status in filters.get("tagStatus", [])]
    for status in statuses:
        _check_tag_status(status)
    found = [
        (registry, repository, image)
        for registry, repository in _repositories(call, filters)
        for image in call.emulator.images.list_images(repository.id)
        if _passes(image, filters, statuses)
    ]
    return {"imageDetails": [_model(call, *item) for item in found[first : first + size]], "totalCount": len(found)}


def delete_image(call: Call) -> None:
    """Delete by exactly one of digest, tag and tag status."""
    selectors = {
        "digest": call.text("imageDigest"),
        "tag": call.text("imageTag"),
        "tag_status": call.text("imageTagStatus"),
    }
    given = {key: value for key, value in selectors.items() if value is not None}
    if len(given) != 1:
        raise InvalidArgument("exactly one of imageDigest, imageTag and imageTagStatus is required")
    if "tag_status" in given:
        given["tag_status"] = _check_tag_status(given["tag_status"].lower())
    repository = call.repository(call.registry())
    deleted = call.emulator.images.delete_image(repository.id, **given)
    if not deleted and "tag_status" not in given:
        raise NotFound("image", next(iter(given.values())))


def _check_tag_status(status: str) -> str:
    if status not in ("tagged", "untagged"):
        raise InvalidArgument(f"tag status {status} is neither tagged nor untagged")
    return status


def _repositories(call: Call, filters: dict[str, list[str]]) -> list[tuple[Registry, Repository]]:
    """The repositories to look into; one that is named exactly has to exist."""
    state = call.emulator.state
    wanted = filters.get("repositoryName", [None])[0]
    registries = state.registries(call.region)
    if "registryName" in filters:
        registries = [call.registry(filters["registryName"][0])]
        if wanted is not None:
            return [(registries[0], call.repository(registries[0], wanted))]
    by_id = {registry.id: registry for registry in registries}
    return [
        (by_id[repository.registry_id], repository)
        for repository in state.repositories(*by_id)
        if wanted in (None, repository.name)
    ]


def _passes(image: dict[str, t.Any], filters: dict[str, list[str]], statuses: list[str]) -> bool:
    if "imageDigest" in filters and image["digest"] not in filters["imageDigest"]:
        return False
    if "imageTag" in filters and not set(image["tags"]) & set(filters["imageTag"]):
        return False
    return not statuses or ("tagged" if image["tags"] else "untagged") in statuses


def _model(call: Call, registry: Registry, repository: Repository, image: dict[str, t.Any]) -> dict[str, t.Any]:
    form = call.emulator.settings["time_format"]
    model = {
        "registryName": registry.name,
        "repositoryName": repository.name,
        "imageDigest": image["digest"],
        "imageManifest": image["manifest"],
        "imagePushedAt": write_time(image["pushed_at"], form),
        "imageSizeMB": image["size"] / BYTES_OF_A_MEGABYTE,
        "imageTags": image["tags"],
        "totalPullTimes": image["pulls"],
    }
    if image["last_pull_at"] is not None:
        model["lastPullAt"] = write_time(image["last_pull_at"], form)
    return model
