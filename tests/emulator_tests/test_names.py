# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The emulator's own rules against the contract that the collection obeys, too."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest

from tests.emulator import names

CONTRACT = json.loads((Path(__file__).parents[1] / "contract" / "names.json").read_text(encoding="utf-8"))
RULES: dict[str, t.Callable[[object], str | None]] = {
    "registry_to_create": lambda name: names.registry_name_fault(name, "documented"),
    "registry_addressable": lambda name: names.registry_name_fault(name, "addressable"),
    "repository_to_create": lambda name: names.repository_name_fault(name, "documented"),
    "repository_addressable": lambda name: names.repository_name_fault(name, "addressable"),
    "descriptions": names.description_fault,
}


@pytest.mark.parametrize("kind", RULES)
def test_accepted(kind: str) -> None:
    assert {name: RULES[kind](name) for name in CONTRACT[kind]["accepted"]} == dict.fromkeys(CONTRACT[kind]["accepted"])


@pytest.mark.parametrize("kind", RULES)
def test_refused(kind: str) -> None:
    refused = [item["name"] for item in CONTRACT[kind]["refused"]]
    assert [name for name in refused if RULES[kind](name) is None] == []
    assert len(refused) > 1


def test_the_service_allows_names_that_docker_cannot_push() -> None:
    allowed = CONTRACT["repository_not_pushable"]
    assert [names.repository_name_fault(name, "documented") for name in allowed] == [None] * len(allowed)
