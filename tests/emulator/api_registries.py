# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Operations on registries."""

from __future__ import annotations

import typing as t

from tests.emulator import names
from tests.emulator.call import Call
from tests.emulator.errors import (
    AlreadyExists,
    BadName,
    BalanceLow,
    InvalidArgument,
    QuotaExceeded,
    RealNameMissing,
    RegistryNotEmpty,
)
from tests.emulator.state import Registry
from tests.emulator.tokens import write_time

NAME_IS_RIGHT, NAME_IS_EMPTY, NAME_BREAKS_RULES, NAME_IS_TAKEN = range(4)
BYTES_OF_A_MEGABYTE = 1024 * 1024


def describe_registries(call: Call) -> dict[str, t.Any]:
    """All registries of the region; there are no pages."""
    return {"registries": [_model(call, registry) for registry in call.emulator.state.registries(call.region)]}


def describe_registry(call: Call) -> dict[str, t.Any]:
    """One registry."""
    return {"registry": _model(call, call.registry())}


def create_registry(call: Call) -> dict[str, t.Any]:
    """Add a registry and give it a port of its own, unless host names are real."""
    state, settings = call.emulator.state, call.emulator.settings
    name = call.required_text("registryName")
    fault = names.registry_name_fault(name, settings["names"])
    if fault:
        raise BadName(fault)
    description = checked_description(call)
    check_account(call, creates=True)
    if _is_taken(call, name):
        raise AlreadyExists("registry", name)
    limit = settings["registry_quota"]
    if len(state.registries(call.region)) >= limit:
        raise QuotaExceeded(f"registries in {call.region}", limit)
    port = None
    if settings["hostnames"] == "loopback":
        call.new_listener = call.emulator.ports.reserve()
        port = call.new_listener.getsockname()[1]
    return {"registry": _model(call, state.create_registry(name, call.region, description, port))}


def delete_registry(call: Call) -> None:
    """Remove a registry that has no repositories."""
    registry = call.registry()
    repositories = call.emulator.state.count_repositories(registry.id)
    if repositories:
        raise RegistryNotEmpty(registry.name, repositories)
    call.emulator.state.delete_registry(registry.id)
    call.freed_port = registry.port


def check_registry_name(call: Call) -> dict[str, t.Any]:
    """Say whether a registry of this name could be created; a bad name is a successful answer."""
    name = call.arguments.get("registryName")
    fault = names.registry_name_fault(name, call.emulator.settings["names"])
    return name_verdict(name, fault, "registry", lambda: _is_taken(call, str(name)))


def name_verdict(name: object, fault: str | None, noun: str, is_taken: t.Callable[[], bool]) -> dict[str, t.Any]:
    """Code and reason, as both operations that check names answer."""
    if name is None or name == "":
        return {"code": NAME_IS_EMPTY, "reason": f"{noun} name is empty"}
    if fault:
        return {"code": NAME_BREAKS_RULES, "reason": fault}
    if is_taken():
        return {"code": NAME_IS_TAKEN, "reason": f"{noun} {name} already exists"}
    return {"code": NAME_IS_RIGHT, "reason": ""}


def checked_description(call: Call) -> str:
    """The description to create something with, empty when none is given."""
    description = call.arguments.get("description")
    fault = names.description_fault(description)
    if fault:
        raise InvalidArgument(fault)
    return description or ""


def check_account(call: Call, *, creates: bool) -> None:
    """Refuse when the account may not do what costs money (creates) or what needs a verified person."""
    if call.emulator.settings["real_name"] == "missing":
        raise RealNameMissing
    if creates and call.emulator.settings["balance"] == "low":
        raise BalanceLow


def _is_taken(call: Call, name: str) -> bool:
    return name in call.emulator.settings["taken_names"] or call.emulator.state.registry(name) is not None


def _model(call: Call, registry: Registry) -> dict[str, t.Any]:
    emulator = call.emulator
    used = sum(emulator.images.space_used(number) for number in emulator.state.filled_repositories(registry.id))
    return {
        "name": registry.name,
        "registryUri": registry.uri,
        "description": registry.description,
        "totalSpaceUsedMB": used / BYTES_OF_A_MEGABYTE,
        "createTime": write_time(registry.created_at, emulator.settings["time_format"]),
    }
