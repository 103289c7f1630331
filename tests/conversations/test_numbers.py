# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A boolean is no number: not for any option of any module, in an entry of a list or not.

Python takes C(true) for 1, so that C(timeout: yes) would be one second and C(keep_last: true) one image.
"""

from __future__ import annotations

import importlib
import pathlib
import typing as t

import pytest

from tests.support.emulator import RunningEmulator
from tests.support.failures import assert_failure
from tests.support.tasks import COLLECTION, Account, run_here, run_module

# What a task of each module needs besides.
TASKS: dict[str, dict[str, t.Any]] = {
    "jcr_image": {"registry": "myshop", "repository": "shop/web", "state": "absent", "pattern": "*"},
    "jcr_image_info": {"registry": "myshop"},
    "jcr_login": {"registry": "myshop"},
    "jcr_on_host": {"step": "engine_inspect", "arguments": {"reference": "shop:1.0"}},
    "jcr_preflight": {"registries": [{"name": "myshop"}]},
    "jcr_quota_info": {},
    "jcr_registry": {"name": "myshop"},
    "jcr_registry_info": {},
    "jcr_repository": {"registry": "myshop", "name": "shop/web"},
    "jcr_repository_info": {},
    "jcr_token": {"registry": "myshop"},
    "jcr_token_info": {},
}
MODULES = sorted(path.stem for path in (pathlib.Path(__file__).parents[2] / "plugins" / "modules").glob("jcr_*.py"))


def numbers(options: t.Mapping[str, t.Any], *parents: str) -> t.Iterator[tuple[str, ...]]:
    """The ways to all options that are numbers: their names, after those of the lists whose entries have them."""
    for name, option in options.items():
        if {option.get("type"), option.get("elements")} & {"int", "float"}:
            yield (*parents, name)
        yield from numbers(option.get("options", {}), *parents, name)


NUMBERS = [
    (module, way)
    for module in MODULES
    for way in numbers(importlib.import_module(f"{COLLECTION}.modules.{module}").SPEC.options)
]


def with_boolean(task: dict[str, t.Any], way: tuple[str, ...], value: bool) -> dict[str, t.Any]:
    """The options of a task of which one, that may be in an entry of a list, is a boolean."""
    name, *rest = way
    if not rest:
        return {**task, name: value}
    (entry,) = task[name]
    return {**task, name: [with_boolean(entry, tuple(rest), value)]}


def told(way: tuple[str, ...], value: bool) -> str:
    return f"{'[0].'.join(way)} is the boolean {str(value).lower()}"


@pytest.fixture
def account(emulator: RunningEmulator, tmp_path: pathlib.Path) -> Account:
    return Account(emulator, tmp_path)


def test_there_is_something_to_look_at() -> None:
    assert TASKS.keys() == set(MODULES)
    assert len(NUMBERS) > 50
    assert ("jcr_preflight", ("registries", "max_delete")) in NUMBERS


@pytest.mark.parametrize("value", [True, False])
@pytest.mark.parametrize(("module", "way"), [row for row in NUMBERS if row[0] != "jcr_on_host"])
def test_in_the_controllers_process(account: Account, module: str, way: tuple[str, ...], value: bool) -> None:
    result = run_here(account, module, with_boolean(TASKS[module], way, value))
    cause = f"{told(way, value)}: a number is wanted"
    assert_failure(result, "configuration", f"start jdcloud.jcr.{module}", cause, "Give the number that is meant")
    assert account.emulator.requests() == []


@pytest.mark.parametrize("value", [True, False])
@pytest.mark.parametrize("module", MODULES)
def test_as_a_module(account: Account, module: str, value: bool) -> None:
    """All of them at once, since each task is a process."""
    task = TASKS[module]
    ways = [way for of_module, way in NUMBERS if of_module == module]
    for way in ways:
        task = with_boolean(task, way, value)
    result = run_module(account, module, task)
    assert result["failed"] is True and result["changed"] is False
    assert (result["error"]["kind"], result["error"]["object"]) == ("configuration", "")
    named = result["error"]["message"].removesuffix(": a number is wanted").split(", ")
    assert sorted(named) == sorted(told(way, value) for way in ways)
    assert account.emulator.requests() == []
