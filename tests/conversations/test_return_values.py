# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What modules return is what they document, and all that they document is returned at times.

Each module's examples are run; in the controller's process in check mode first, and again afterwards, which proves the
attributes that are documented (in both ways the ritual does: test_ritual.py). After that comes what makes the module
fail or return what no example does. Modules that need a Docker Engine are in
tests/integration/test_examples_docker.py.
"""

from __future__ import annotations

import functools
import json
import os
import re
import typing as t
from pathlib import Path

import pytest

from tests.support.contents import fill, push_index
from tests.support.emulator import RunningEmulator
from tests.support.examples import WORLDS, examples, install_helper, prepare, variables_of
from tests.support.returned import Documented
from tests.support.tasks import WAYS, Account, Run, run_here

Fault: t.TypeAlias = dict[str, t.Any]
Task: t.TypeAlias = tuple[str, dict[str, t.Any]]


class More(t.NamedTuple):
    """A task besides the examples: its options, whether it fails, the faults, and what is done first."""

    options: dict[str, t.Any]
    fails: bool = False
    faults: t.Sequence[Fault] = ()
    first: t.Sequence[Task] = ()


def fault(operation: str, action: dict[str, t.Any]) -> list[Fault]:
    return [{"match": {"operation": operation}, "times": None, "action": action}]


def refused(operation: str) -> list[Fault]:
    return fault(operation, {"status": {"http": 403}})


# What is there before these tasks; the tag 2.0 is an index.
CONTENTS = {"myshop": {"shop/web": ["1.0"]}, "myshop-lab": {"shop/web": ["1.0"]}}
SHOP = {"registry": "myshop"}
CASCADE = {"name": "myshop-lab", "state": "absent", "force": True}
OTHER_TEXT = {"description": "Another one", "on_drift": "ignore"}
ONE_TO_CREATE = {**SHOP, "repositories": [{"name": "shop/web"}, {"name": "shop/cart"}]}
# A registry whose five tokens of this hour are used up.
FULL = {"registry": "myshop-full"}
FILL: list[Task] = [("jcr_registry", {"name": "myshop-full"})]
FILL += [("jcr_token", {**FULL, "hours": hours, "min_remaining": hours * 60 - 30}) for hours in range(1, 6)]
STEP = {"created": "2026-01-01T12:00:00Z", "created_by": "COPY shop /", "comment": "by hand", "empty_layer": False}
CONFIG = {
    "os": "linux",
    "architecture": "amd64",
    "variant": "v3",
    "os.version": "1",
    "created": "2026-01-01T12:00:00Z",
    "author": "the shop",
    "config": {
        "Labels": {"revision": "1"},
        "Env": ["PATH=/usr/bin"],
        "Entrypoint": ["/shop"],
        "Cmd": ["--port", "80"],
        "User": "1000",
        "WorkingDir": "/srv",
        "ExposedPorts": {"80/tcp": {}},
        "Volumes": {"/var/lib/shop": {}},
    },
    "history": [STEP, {}],
}
ODD_EXPIRY = {"wrong_type": {"member": "result.authorizationTokens.0.expiresAt", "value": "tomorrow"}}

MORE: dict[str, list[More]] = {
    "jcr_registry": [
        More(CASCADE, fails=True, faults=refused("deleteImage")),
        More(CASCADE, fails=True, faults=refused("deleteRepository")),
        More({"name": "myshop", **OTHER_TEXT}),
        More({"name": "-"}, fails=True),
    ],
    "jcr_repository": [
        More(ONE_TO_CREATE, fails=True, faults=refused("createRepository")),
        More({**SHOP, "repositories": [{"name": "-"}]}, fails=True),
        More({**SHOP, "name": "shop/web", **OTHER_TEXT}),
    ],
    "jcr_token": [
        More({"registry": "nowhere"}, fails=True),
        More({**FULL, "return_secret": True}, first=FILL),
    ],
    "jcr_login": [More({"registry": "nowhere"}, fails=True)],
    "jcr_registry_info": [
        More({"name": ["-"]}, fails=True),
        More({}, first=[("jcr_registry", {"name": "myshop-east", "description": "Images of the shop"})]),
    ],
    "jcr_repository_info": [
        More({"name": ["-"]}, fails=True),
        More(SHOP, first=[("jcr_repository", {**SHOP, "name": "shop/worker", "description": "By night"})]),
    ],
    "jcr_image_info": [More({**SHOP, "tag": ["."]}, fails=True), More(SHOP), More({**SHOP, "config": True})],
    "jcr_token_info": [
        More({"registry": ["-"]}, fails=True),
        More(SHOP, faults=fault("describeAuthorizationTokens", ODD_EXPIRY)),
        More(FULL, first=FILL),
    ],
    "jcr_quota_info": [More({}, fails=True, faults=refused("describeQuotas"))],
}


@pytest.mark.parametrize("way", sorted(WAYS))
@pytest.mark.parametrize("name", [name for name, world in WORLDS.items() if not world.engine])
def test_return_values(
    emulator: RunningEmulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, way: str
) -> None:
    documented = Documented(name)
    for helper in WORLDS[name].helpers:
        install_helper(tmp_path / "bin", helper)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    for folder, tasks in (("examples", run_examples), ("more", run_more)):
        emulator.reset()
        (tmp_path / folder).mkdir()
        tasks(Account(emulator, tmp_path / folder), WAYS[way], name, documented)
    assert documented.unseen == set()


def run_examples(account: Account, run: Run, name: str, documented: Documented) -> None:
    prepare(WORLDS[name], account)
    thorough = run is run_here and bool(WORLDS[name].changes)
    changed_again = []
    for example in examples(name):
        do = functools.partial(run_example, account, run, name, example, documented)
        if thorough or "check_mode" in example:
            predicted = do(check=True)
        if "check_mode" not in example:
            done = do()
        if thorough and "check_mode" not in example:
            assert predicted["changed"] is done["changed"], example["name"]
            changed_again += [example["name"]] if do()["changed"] else []
    assert documented.attributes["check_mode"] == "full"
    assert not thorough or bool(changed_again) is (documented.attributes["idempotent"] != "full"), changed_again


def run_example(
    account: Account, run: Run, name: str, example: dict[str, t.Any], documented: Documented, *, check: bool = False
) -> dict[str, t.Any]:
    """The result of one example, which has to be as documented."""
    before = len(account.emulator.requests())
    options = for_home(example[f"jdcloud.jcr.{name}"] or {}, account)
    result = run(account, name, options, check=check)
    assert not result.get("failed"), result["msg"]
    documented.check(result, example["name"])
    assert ("diff" in result) is (documented.attributes["diff_mode"] == "full")
    log = account.emulator.requests(before)
    assert not check or [entry for entry in log if entry["write"] or entry["token_issued"]] == []
    return result


def for_home(options: dict[str, t.Any], account: Account) -> dict[str, t.Any]:
    """The options with the paths of the account's home, and with the variables of a play."""
    values = {key: _templated(value, variables_of(account.home)) for key, value in options.items()}
    return {
        key: value.replace("~", str(account.home)) if key in ("dest", "source_xlsx", "config_path") else value
        for key, value in values.items()
    }


def _templated(value: t.Any, variables: dict[str, t.Any]) -> t.Any:
    """What a variable stands for, as it is or with a default."""
    named = re.fullmatch(r"\{\{ (\w+)(?: \| default\(.*\))? \}\}", value) if isinstance(value, str) else None
    return variables[named[1]] if named else value


def run_more(account: Account, run: Run, name: str, documented: Documented) -> None:
    for registry, contents in CONTENTS.items():
        client = fill(account.emulator, registry, contents)
        push_index(client, "shop/web", "2.0")
        client.push_image("shop/web", "3.0", b"layer", config=json.dumps(CONFIG).encode())
        assert client.get_manifest("shop/web", "1.0").ok, "an image that was pulled"
    for more in MORE[name]:
        account.emulator.faults([])
        for needed, options in more.first:
            done = run_here(account, needed, options)
            assert not done.get("failed"), done["msg"]
        account.emulator.faults(list(more.faults))
        result = run(account, name, more.options)
        assert bool(result.get("failed")) is more.fails, result
        documented.check(result, str(more.options))
