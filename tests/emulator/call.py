# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One call of an API operation, with its parameters read and checked."""

from __future__ import annotations

import dataclasses
import json
import re
import socket
import typing as t
from urllib.parse import parse_qsl

from tests.emulator.emulator import Emulator
from tests.emulator.errors import InvalidArgument, Malformed, NotFound
from tests.emulator.state import Registry, Repository

_FILTER = re.compile(r"filters\.([1-9][0-9]{0,3})\.(name|operator|values\.([1-9][0-9]{0,3}))")
_OPERATORS = ("eq", "like", "in")
_PAGE_SIZES = (10, 100)
_DEFAULT_PAGE_SIZE = 20


@dataclasses.dataclass
class Call:
    """What an operation gets to work with. A parameter that is null counts as one that was left out.

    The path decides about region, registry and repository; what a body says about them is not looked at.
    After the transaction is committed, C(new_listener) is opened and C(freed_port) closed.
    """

    emulator: Emulator
    region: str
    registry_name: str
    repository_name: str
    arguments: dict[str, t.Any]
    token_issued: bool = False
    new_listener: socket.socket | None = None
    freed_port: int | None = None

    def registry(self, name: str | None = None) -> Registry:
        """The registry of the path (or of this name) in the region of the path, or NotFound."""
        name = self.registry_name if name is None else name
        registry = self.emulator.state.registry(name)
        if registry is None or registry.region != self.region:
            raise NotFound("registry", name)
        return registry

    def repository(self, registry: Registry, name: str | None = None) -> Repository:
        """The repository of the path (or of this name) in a registry, or NotFound."""
        name = self.repository_name if name is None else name
        repository = self.emulator.state.repository(registry.id, name)
        if repository is None:
            raise NotFound("repository", name)
        return repository

    def text(self, key: str) -> str | None:
        """An optional text."""
        value = self.arguments.get(key)
        if value is not None and not isinstance(value, str):
            raise InvalidArgument(f"{key} is not a string")
        return value

    def required_text(self, key: str) -> str:
        """A text that has to be there."""
        value = self.text(key)
        if value is None:
            raise InvalidArgument(f"{key} is required")
        return value

    def flag(self, key: str) -> bool:
        """An optional boolean, in any case when it comes in a query; false when left out."""
        value = self.arguments.get(key)
        if value is None or isinstance(value, bool):
            return bool(value)
        if isinstance(value, str) and value.lower() in ("true", "false"):
            return value.lower() == "true"
        raise InvalidArgument(f"{key} is not a boolean")

    def page(self) -> tuple[int, int]:
        """The place of the first item, counted from 0, and the number of items of the page that is asked for."""
        number = self._number("pageNumber", 1)
        size = self._number("pageSize", _DEFAULT_PAGE_SIZE)
        if number < 1:
            raise InvalidArgument("pageNumber is less than 1")
        smallest, largest = _PAGE_SIZES
        if not smallest <= size <= largest:
            if self.emulator.settings["page_size"] == "refuse":
                raise InvalidArgument(f"pageSize is {size}, allowed are {smallest} to {largest}")
            size = min(max(size, smallest), largest)
        return (number - 1) * size, size

    def filters(self, **most_values: int) -> dict[str, list[str]]:
        """The values of each filter that is given; the operation allows these names with so many values."""
        found: dict[str, list[str]] = {}
        for raw in _listed(self.arguments.get("filters")):
            name, operator, values = raw.get("name"), raw.get("operator") or "eq", raw.get("values") or []
            if name not in most_values:
                raise InvalidArgument(f"filter {name} is not supported")
            if operator not in _OPERATORS:
                raise InvalidArgument(f"operator {operator} of filter {name} is not supported")
            if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
                raise InvalidArgument(f"values of filter {name} are not a list of strings")
            if len(values) > most_values[name]:
                raise InvalidArgument(f"filter {name} has {len(values)} values, allowed are {most_values[name]}")
            if values:
                found[name] = values
        return found

    def _number(self, key: str, default: int) -> int:
        value = self.arguments.get(key)
        if value is None:
            return default
        if isinstance(value, bool) or not re.fullmatch("-?[0-9]{1,9}", str(value)):
            raise InvalidArgument(f"{key} is not an integer")
        return int(value)


def body_arguments(body: bytes) -> dict[str, t.Any]:
    """The members of a JSON body; an empty body has none."""
    if not body:
        return {}
    try:
        arguments = json.loads(body)
    except ValueError as error:
        raise Malformed("the body is not JSON") from error
    if not isinstance(arguments, dict):
        raise Malformed("the body is not a JSON object")
    return arguments


def query_arguments(query: str) -> dict[str, t.Any]:
    """The parameters of a query; filters.N.name, .operator and .values.M become a list of filters."""
    arguments: dict[str, t.Any] = {}
    filters: dict[int, dict[str, t.Any]] = {}
    for key, value in parse_qsl(query, keep_blank_values=True):
        match = _FILTER.fullmatch(key)
        if not match:
            arguments[key] = value
        elif match[3]:
            filters.setdefault(int(match[1]), {}).setdefault("values", {})[int(match[3])] = value
        else:
            filters.setdefault(int(match[1]), {})[match[2]] = value
    for found in filters.values():
        found["values"] = [value for _place, value in sorted(found.get("values", {}).items())]
    arguments["filters"] = [found for _place, found in sorted(filters.items())]
    return arguments


def _listed(filters: object) -> list[dict[str, t.Any]]:
    if filters is None:
        return []
    if not isinstance(filters, list) or not all(isinstance(item, dict) for item in filters):
        raise InvalidArgument("filters is not a list of filters")
    return filters
