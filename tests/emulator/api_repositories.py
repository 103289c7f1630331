# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Operations on repositories."""

from __future__ import annotations

import typing as t

from tests.emulator import names
from tests.emulator.api_registries import BYTES_OF_A_MEGABYTE, check_account, checked_description, name_verdict
from tests.emulator.call import Call
from tests.emulator.errors import AlreadyExists, BadName, QuotaExceeded, RepositoryNotEmpty
from tests.emulator.state import Registry, Repository
from tests.emulator.tokens import write_time


def create_repository(call: Call) -> dict[str, t.Any]:
    """Add a repository to the registry of the path."""
    state, settings = call.emulator.state, call.emulator.settings
    name = call.required_text("repositoryName")
    fault = names.repository_name_fault(name, settings["names"])
    if fault:
        raise BadName(fault)
    description = checked_description(call)
    check_account(call, creates=True)
    registry = call.registry()
    if state.repository(registry.id, name):
        raise AlreadyExists("repository", name)
    limit = settings["repository_quota"]
    if state.count_repositories(registry.id) >= limit:
        raise QuotaExceeded(f"repositories in registry {registry.name}", limit)
    repository = state.create_repository(registry.id, name, description)
    return {
        "repository": {
            "createdAt": write_time(repository.created_at, settings["time_format"]),
            "repositoryName": name,
            "repositoryUri": f"{registry.uri}/{name}",
        }
    }


def describe_repositories(call: Call) -> dict[str, t.Any]:
    """A page of the repositories of a registry, or of the region; the name filter finds parts of names."""
    state = call.emulator.state
    first, size = call.page()
    like = call.filters(name=1).get("name", [""])[0]
    registry_name = call.text("registryName")
    registries = state.registries(call.region) if registry_name is None else [call.registry(registry_name)]
    by_id = {registry.id: registry for registry in registries}
    page = state.repositories(*by_id, like=like, first=first, limit=size)
    return {
        "repositories": [_model(call, by_id[repository.registry_id], repository) for repository in page],
        "totalCount": state.count_repositories(*by_id, like=like),
    }


def delete_repository(call: Call) -> None:
    """Remove a repository; one with images only by force."""
    repository = call.repository(call.registry())
    images = call.emulator.images.count(repository.id)
    if images and not call.flag("force"):
        raise RepositoryNotEmpty(repository.name, images)
    call.emulator.images.drop_repository(repository.id)
    call.emulator.state.delete_repository(repository.id)


def check_repository_name(call: Call) -> dict[str, t.Any]:
    """Say whether a repository of this name could be created; a bad name is a successful answer."""
    registry = call.registry(call.required_text("registryName"))
    name = call.arguments.get("repositoryName")
    fault = names.repository_name_fault(name, call.emulator.settings["names"])
    state = call.emulator.state
    return name_verdict(name, fault, "repository", lambda: state.repository(registry.id, str(name)) is not None)


def _model(call: Call, registry: Registry, repository: Repository) -> dict[str, t.Any]:
    form = call.emulator.settings["time_format"]
    return {
        "createdAt": write_time(repository.created_at, form),
        "updatedAt": write_time(repository.updated_at or repository.created_at, form),
        "registryName": registry.name,
        "repositoryName": repository.name,
        "repositoryUri": f"{registry.uri}/{repository.name}",
        "totalSpaceUsedMB": call.emulator.images.space_used(repository.id) / BYTES_OF_A_MEGABYTE,
        "description": repository.description,
    }
