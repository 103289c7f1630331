# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The preflight with a real Docker Engine, and as the beginning of role provision, run as a user runs it."""

from __future__ import annotations

import contextlib
import sys
import textwrap
import typing as t
from pathlib import Path

import docker
import pytest
import yaml

from tests.support import images
from tests.support.emulator import RunningEmulator
from tests.support.engine import RunningEngine
from tests.support.playbooks import Playbooks, Run, playbooks
from tests.support.tasks import WAYS, Account, run_here

MODULE = "jcr_preflight"
SOURCE = "web:build"
TABLE = "jdcloud.jcr.provision : Check account, network, clock, names and quotas"
ESTATE: dict[str, t.Any] = {
    "provision_registries": [
        {"name": "myshop", "repositories": [{"name": "shop/web", "description": "The front end", "force": True}]},
        {"name": "myshop-east", "region": "cn-east-2"},
        {"name": "myshop-old", "state": "absent", "repositories": [{"name": "shop/web"}]},
    ]
}


@pytest.fixture
def account(emulator: RunningEmulator, docker_engine: RunningEngine, tmp_path: Path) -> Account:
    return Account(emulator, tmp_path, {"DOCKER_HOST": docker_engine.docker_host})


@pytest.fixture
def books(emulator: RunningEmulator, docker_engine: RunningEngine, tmp_path: Path) -> Playbooks:
    return playbooks(tmp_path, emulator, docker_engine.docker_host)


@pytest.fixture
def source(docker_engine: RunningEngine) -> t.Iterator[str]:
    """The id of the image SOURCE, while the engine has it."""
    image_id = images.load(docker_engine.docker_host, images.runnable(SOURCE))
    yield image_id
    with contextlib.closing(docker.APIClient(docker_engine.docker_host)) as client:
        client.remove_image(image_id, force=True)


def rows(result: dict[str, t.Any], check: str) -> dict[str, tuple[str, str]]:
    """Verdicts and messages of one check by the objects."""
    return {row["object"]: (row["verdict"], row["message"]) for row in result["checks"] if row["check"] == check}


def written(emulator: RunningEmulator) -> list[str]:
    return [entry["operation"] for entry in emulator.requests() if entry["write"] or entry["token_issued"]]


def table(run: Run) -> dict[str, t.Any]:
    (task,) = run.of(TABLE)
    return task.result


# --- the Docker Engine -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", sorted(WAYS))
def test_images_that_are_there_and_that_are_not(account: Account, source: str, way: str) -> None:
    options = {"images": [SOURCE, source, "no-such-image:latest", "Not/A Name"], "on_failure": "warn"}
    result = WAYS[way](account, MODULE, options)
    assert rows(result, "engine") == {"Docker Engine": ("ok", "answers")}
    found = rows(result, "image")
    assert found[SOURCE] == found[source] == ("ok", f"is there ({source[:19]})")
    assert found["no-such-image:latest"] == ("fail", "the Docker Engine does not have it")
    assert found["Not/A Name"][0] == "fail"
    assert result["changed"] is False


def test_the_engine_of_another_host(books: Playbooks, emulator: RunningEmulator, source: str, tmp_path: Path) -> None:
    """The service is asked by the controller; only for the engine something is started there."""
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    run = books.play(
        textwrap.dedent(f"""
            - hosts: localhost
              gather_facts: false
              vars:
                ansible_python_interpreter: {python}
              tasks:
                - name: look
                  jdcloud.jcr.jcr_preflight:
                    images: [{SOURCE}, no-such-image]
                    on_failure: warn
        """),
        "-vvv",
    )
    assert run.code == 0, run.output
    assert "works on the host through jdcloud.jcr.jcr_on_host, because it asks for another Python" in run.output
    (look,) = run.of("look")
    assert [verdict for verdict, _message in rows(look.result, "image").values()] == ["ok", "fail"]
    assert rows(look.result, "credentials")["access key"][0] == "ok"
    assert emulator.secret_key not in run.output


# --- role provision --------------------------------------------------------------------------------------------------


def test_provision_looks_first(books: Playbooks, emulator: RunningEmulator) -> None:
    run = books.run("provision", ESTATE, "-v")
    assert run.code == 0, run.output
    assert [task.task for task in run.tasks].index(TABLE) == 2, "after looking at the role's variables alone"
    assert table(run)["summary"] == {"ok": len(table(run)["checks"]), "warn": 0, "fail": 0}
    assert {obj: message for obj, (_verdict, message) in rows(table(run), "registry_name").items()} == {
        "myshop in cn-north-1": "is free",
        "myshop-east in cn-east-2": "is free",
        "myshop-old in cn-north-1": "is not there",
    }
    assert run.changed != []
    again = books.run("provision", ESTATE)
    assert (again.code, again.changed) == (0, [])
    assert rows(table(again), "registry_name")["myshop in cn-north-1"][1] == "exists in this account"


def test_provision_writes_nothing_when_the_table_has_a_fail(books: Playbooks, emulator: RunningEmulator) -> None:
    """All that is wrong is told at once; without the preflight the role goes as far as it gets."""
    emulator.settings({"taken_names": ["myshop-east"], "registry_quota": 0})
    for options in (["--check"], []):
        run = books.run("provision", ESTATE, *options)
        assert run.code != 0
        assert written(emulator) == []
        for told in ("registry 'myshop-east' is taken already", "0 of 0 are used, 1 more is needed"):
            assert told in run.failure
        assert table(run)["error"]["kind"] == "preflight_failed"
    emulator.settings({"registry_quota": 5})
    run = books.run("provision", ESTATE | {"provision_preflight": False})
    assert run.code != 0
    assert run.of(TABLE)[0].status == "skipped"
    assert written(emulator) == ["createRegistry", "createRegistry"]


def test_the_preflight_of_what_shall_go(books: Playbooks, emulator: RunningEmulator) -> None:
    """A teardown needs no room in any quota."""
    assert books.run("provision", ESTATE).code == 0
    emulator.settings({"registry_quota": 0, "repository_quota": 0})
    run = books.run("provision", ESTATE | {"provision_state": "absent"})
    assert run.code == 0, run.output
    assert rows(table(run), "quota")["registries in cn-north-1"] == (
        "ok",
        "1 of 0 are used, 1 will go, 0 more are needed",
    )
    assert emulator.state()["registries"] == []


def test_the_preflight_alone(books: Playbooks, emulator: RunningEmulator, tmp_path: Path) -> None:
    (tmp_path / "estate.yml").write_text(yaml.safe_dump(ESTATE))
    content = textwrap.dedent(f"""
        - hosts: localhost
          gather_facts: false
          vars_files: [{tmp_path}/estate.yml]
          tasks:
            - ansible.builtin.include_role:
                name: jdcloud.jcr.provision
                tasks_from: preflight
            - name: use
              ansible.builtin.assert:
                that: provision_preflight_result.summary.fail == 0
    """)
    run = books.play(content)
    assert run.code == 0, run.output
    assert run.changed == []
    assert written(emulator) == []


def test_module_defaults_reach_the_preflight(books: Playbooks, account: Account) -> None:
    assert not run_here(account, "jcr_registry", {"name": "myshop", "region": "cn-east-2"}).get("failed")
    content = textwrap.dedent("""
        - hosts: localhost
          gather_facts: false
          module_defaults:
            group/jdcloud.jcr.jcr:
              region: cn-east-2
          tasks:
            - name: look
              jdcloud.jcr.jcr_preflight:
                registries: [{name: myshop}]
    """)
    (look,) = books.play(content).of("look")
    assert rows(look.result, "registry_name") == {"myshop in cn-east-2": ("ok", "exists in this account")}
