# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where tasks run, through the real ansible-playbook: in the controller's process, as modules, and on other hosts."""

from __future__ import annotations

import json
import re
import sys
import textwrap
import typing as t
from pathlib import Path

import pytest

from ansible_collections.jdcloud.jcr.plugins.module_utils._options import CONNECTION
from tests.support import images
from tests.support.emulator import RunningEmulator
from tests.support.engine import RunningEngine
from tests.support.examples import MODULES
from tests.support.leaks import Scanner
from tests.support.playbooks import CONNECTIONS, Playbooks, Run, Task, hosts, playbooks
from tests.support.returned import Documented

HERE = "runs in the controller's process"
AS_MODULE = "runs as a module, because "
ON_HOST = "works on the host through jdcloud.jcr.jcr_on_host, because "
ACCOUNT = ("JDCLOUD_ACCESS_KEY", "JDCLOUD_SECRET_KEY", "JDCLOUD_ENDPOINT", "JDCLOUD_REGION")


@pytest.fixture
def books(emulator: RunningEmulator, tmp_path: Path) -> Playbooks:
    made = playbooks(tmp_path, emulator, "unix:///nonexistent/docker.sock")
    made.environment.update(
        ANSIBLE_CONNECTION_PLUGINS=str(CONNECTIONS),
        ANSIBLE_ASYNC_DIR=str(tmp_path / "async"),
        ANSIBLE_REMOTE_TMP=str(tmp_path / "remote"),
    )
    return made


@pytest.fixture
def other_python(tmp_path: Path) -> str:
    """A Python that is the same under another name."""
    return program(tmp_path / "python", f'exec {sys.executable} "$@"')


def program(file: Path, script: str) -> str:
    """A shell script; its path."""
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return str(file)


def play(tasks: str, hosts: str = "localhost", **keywords: t.Any) -> str:
    """A playbook of one play; C(tasks) in YAML, the other keywords of the play as values."""
    head = {"hosts": hosts, "gather_facts": False, **keywords}
    lines = [f"  {name}: {json.dumps(value)}" for name, value in head.items()]
    return "\n".join(
        ["---", "-" + lines[0][1:], *lines[1:], "  tasks:", textwrap.indent(textwrap.dedent(tasks), "    ")]
    )


def ways(run: Run) -> list[str]:
    """What the log says of where tasks ran, in order."""
    said = rf"jdcloud\.jcr\.\w+: ({re.escape(HERE)}|(?:{AS_MODULE}|{ON_HOST})[^\n]+)"
    return re.findall(said, run.output)


def done(run: Run, *names: str) -> list[Task]:
    """The tasks of a run that went well; all of them, or those of these names."""
    assert run.code == 0, run.output
    return [task for task in run.tasks if not names or task.task in names]


def recorded(books: Playbooks, name: str) -> bytes:
    """All that was sent to a host."""
    return b"\n".join(file.read_bytes() for file in sorted((books.place / name / "record").iterdir()))


def secrets_of(emulator: RunningEmulator) -> dict[str, str]:
    """What must never be seen: the secret key and all tokens that were issued."""
    found = {"secret key": emulator.secret_key}
    for registry in emulator.state(secrets=True)["registries"]:
        for number, token in enumerate(registry["tokens"]):
            found[f"password {number}"] = token["password"]
    return found


def as_options(account: dict[str, str]) -> dict[str, str]:
    """The options that say the same as environment variables of an account."""
    return {name.removeprefix("JDCLOUD_").lower(): value for name, value in account.items()}


def issued(emulator: RunningEmulator) -> int:
    return sum(entry["token_issued"] for entry in emulator.requests())


# --- one task, many ways ---------------------------------------------------------------------------------------------

SAME_TASK = """
- name: in process
  jdcloud.jcr.jcr_registry: &task
    name: registry-{{ number }}
    description: The same
  vars: {number: 0}

- name: switched off
  jdcloud.jcr.jcr_registry: *task
  vars: {number: 1, jcr_in_process: false}

- name: become
  jdcloud.jcr.jcr_registry: *task
  vars: {number: 2}
  become: true
  become_method: ansible.builtin.su

- name: another Python
  jdcloud.jcr.jcr_registry: *task
  vars: {number: 3, ansible_python_interpreter: "{{ other_python }}"}

- name: async
  jdcloud.jcr.jcr_registry: *task
  vars: {number: 4}
  async: 120
  poll: 1
"""


def test_same_task_in_every_way(books: Playbooks, emulator: RunningEmulator, other_python: str) -> None:
    run = books.play(play(SAME_TASK, vars={"other_python": other_python}), "-vvv", "--diff")
    tasks = done(run)
    assert ways(run) == [
        HERE,
        f"{AS_MODULE}jcr_in_process is false",
        f"{AS_MODULE}it asks for another user",
        f"{AS_MODULE}it asks for another Python",
        f"{AS_MODULE}it is asynchronous",
    ]
    assert [task.changed for task in tasks] == [True] * 5
    assert len(emulator.state()["registries"]) == 5
    here = tasks[0].result
    for number, task in enumerate(tasks):
        assert set(here) <= set(task.result) | {"_ansible_no_log"}, task.task
        assert task.result["registry"]["name"] == f"registry-{number}"
        assert task.result["diff"]["after"] == {
            f"registry-{number}": {"region": "cn-north-1", "description": "The same"}
        }
    assert tasks[0].result["invocation"]["module_args"] | {"name": ""} == (
        tasks[1].result["invocation"]["module_args"] | {"name": ""}
    ), "as the module tells its options"
    again = done(books.play(play(SAME_TASK, vars={"other_python": other_python})))
    assert [task.changed for task in again] == [False] * 5


OTHER_STATE = """
- name: defaults of another state
  jdcloud.jcr.jcr_image: &task
    registry: myregistry
    repository: shop/web
    tag: none
    state: absent
- name: as a module
  jdcloud.jcr.jcr_image: *task
  vars: {jcr_in_process: false}
- name: named by the task
  jdcloud.jcr.jcr_image:
    registry: myregistry
    repository: shop/web
    tag: none
    state: absent
    create_repository: true
  ignore_errors: true
"""


def test_defaults_of_other_states_do_not_count(books: Playbooks) -> None:
    """A play's C(module_defaults) are for all of its tasks, whatever their state."""
    defaults = {"jdcloud.jcr.jcr_image": {"progress_file": "{{ '/nowhere/x' }}", "show_progress": True}}
    run = books.play(play(OTHER_STATE, module_defaults=defaults))
    first, second, named = done(run)
    assert (first.changed, second.changed) == (False, False)
    assert named.result["msg"].startswith("State absent takes no create_repository (which goes with present).")


def test_check_mode_everywhere(books: Playbooks, emulator: RunningEmulator, other_python: str) -> None:
    """But for async, which Ansible refuses in check mode."""
    content = play(SAME_TASK.partition("- name: async")[0], vars={"other_python": other_python})
    predicted = done(books.play(content, "-vvv", "--check", "--diff"))
    assert [entry for entry in emulator.requests() if entry["write"]] == []
    run = done(books.play(content, "-vvv", "--diff"))
    assert [task.changed for task in predicted] == [task.changed for task in run] == [True] * 4
    assert [task.result["diff"] for task in predicted] == [task.result["diff"] for task in run]


def test_async_that_is_looked_for_later(books: Playbooks) -> None:
    run = books.play(
        play("""
            - name: start
              jdcloud.jcr.jcr_registry:
                name: myregistry
              async: 120
              poll: 0
              register: started
            - name: look
              ansible.builtin.async_status:
                jid: "{{ started.ansible_job_id }}"
              register: job
              until: job is finished
              retries: 600
              delay: 0
            - name: use
              ansible.builtin.debug:
                msg: "{{ job.registry.uri }} {{ job.changed }}"
        """)
    )
    (use,) = done(run, "use")
    assert re.fullmatch(r"127\.0\.0\.1:\d+ True", use.result["msg"])


@pytest.mark.parametrize("poll", [0, 1])
def test_no_secret_in_an_async_result(books: Playbooks, emulator: RunningEmulator, poll: int) -> None:
    """It would lie in a file, and async_status would print it."""
    run = books.play(
        play(f"""
            - jdcloud.jcr.jcr_registry:
                name: myregistry
            - jdcloud.jcr.jcr_token:
                registry: myregistry
                return_secret: true
              async: 60
              poll: {poll}
        """)
    )
    assert run.code != 0
    assert run.failure.startswith("Cannot start jdcloud.jcr.jcr_token with async: the result of an asynchronous task")
    assert run.tasks[-1].result["error"]["kind"] == "configuration"
    assert issued(emulator) == 0


# --- environment -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("in_process", [True, False])
def test_environment(books: Playbooks, emulator: RunningEmulator, in_process: bool) -> None:
    """The account given by C(environment:) alone, and for as long as it is given. Neither way shows the key."""
    account = {name: books.environment.pop(name) for name in ACCOUNT}
    run = books.play(
        play(
            """
            - name: with it
              jdcloud.jcr.jcr_registry:
                name: myregistry
              environment: "{{ account }}"
            - name: another region
              jdcloud.jcr.jcr_registry:
                name: registry-{{ item }}
              loop: [1, 2]
              environment: ["{{ account }}", {JDCLOUD_REGION: cn-east-2}]
            - name: option before environment
              jdcloud.jcr.jcr_registry:
                name: registry-south
                region: cn-south-1
              environment: "{{ account }}"
            - name: without it
              jdcloud.jcr.jcr_registry:
                name: myregistry
              ignore_errors: true
            - name: profile before environment
              jdcloud.jcr.jcr_registry:
                name: myregistry
                profile: nowhere
              environment: "{{ account }}"
              ignore_errors: true
            """,
            vars={"account": account, "jcr_in_process": in_process},
        ),
        "-vvvv",
    )
    done(run)
    assert set(ways(run)) == {HERE if in_process else f"{AS_MODULE}jcr_in_process is false"}
    assert sorted((held["name"], held["region"]) for held in emulator.state()["registries"]) == [
        ("myregistry", "cn-north-1"),
        ("registry-1", "cn-east-2"),
        ("registry-2", "cn-east-2"),
        ("registry-south", "cn-south-1"),
    ]
    without, profile = run.of("without it")[0].result, run.of("profile before environment")[0].result
    assert "no access key was found" in without["msg"]
    assert "profile 'nowhere' was asked for" in profile["msg"]
    assert Scanner({"secret key": emulator.secret_key}).scan(run.output, "output") == []


@pytest.mark.parametrize("in_process", [True, False])
def test_relative_path(books: Playbooks, in_process: bool) -> None:
    """From the playbook's folder, not from that in which ansible-playbook was started."""
    run = books.play(
        play(
            """
            - jdcloud.jcr.jcr_registry:
                name: myregistry
            - name: token
              jdcloud.jcr.jcr_token:
                registry: myregistry
                dest: token.xlsx
                cache: ./cache
            """,
            vars={"jcr_in_process": in_process},
        )
    )
    assert done(run, "token")[0].changed
    assert (books.place / "token.xlsx").exists() and (books.place / "cache").is_dir()
    assert list((books.place / "work").iterdir()) == []


HOURS = """
- name: quoted
  jdcloud.jcr.jcr_token:
    registry: myregistry
    hours: "12"
- name: quoted for a local action
  local_action:
    module: jdcloud.jcr.jcr_token
    registry: myregistry
    hours: "12"
- name: quoted in a loop
  jdcloud.jcr.jcr_login:
    registry: "{{ item }}"
    hours: "12"
  loop: [myregistry]
- name: asynchronous
  jdcloud.jcr.jcr_token:
    registry: myregistry
    hours: "12"
  async: 60
  poll: 1
"""


@pytest.mark.parametrize("in_process", [True, False])
def test_quoted_hours_are_refused(books: Playbooks, emulator: RunningEmulator, in_process: bool) -> None:
    run = books.play(play(HOURS, vars={"jcr_in_process": in_process}, ignore_errors=True))
    assert len(run.tasks) == 4
    for task in run.tasks:
        (result,) = task.result.get("results", [task.result])
        assert "hours is '12', which is not a whole number but of type str" in result["msg"], task.task
        assert (result["error"]["kind"], result["changed"]) == ("rule", False)
    assert emulator.requests() == []


@pytest.mark.parametrize("in_process", [True, False])
def test_hours_that_can_only_be_a_text(books: Playbooks, emulator: RunningEmulator, in_process: bool) -> None:
    """Out of a variable of the command line, which is one, and of C(name=value)."""
    run = books.play(
        play(
            """
            - jdcloud.jcr.jcr_registry: {name: myregistry}
            - name: template
              jdcloud.jcr.jcr_token:
                registry: myregistry
                hours: "{{ hours }}"
            - name: name=value
              jdcloud.jcr.jcr_token: registry=myregistry hours=3 min_remaining=125
            """,
            vars={"jcr_in_process": in_process},
        ),
        "--extra-vars=hours=2",
    )
    template, pairs = done(run, "template", "name=value")
    assert 7000 < template.result["token"]["expires_in"] <= 2 * 3600 < pairs.result["token"]["expires_in"] <= 3 * 3600


MANGLED = """
- name: a tag
  jdcloud.jcr.jcr_image: {registry: myregistry, repository: shop/web, archive: x.tar, tags: ["1.9", 1.10]}
- name: a default
  jdcloud.jcr.jcr_image: {repository: shop/web, tag: none, state: absent}
  module_defaults: {jdcloud.jcr.jcr_image: {registry: on}}
- name: of an entry
  jdcloud.jcr.jcr_repository: {registry: myregistry, repositories: [{name: shop/web, description: 2.50}]}
- name: in a loop
  jdcloud.jcr.jcr_registry_info: {pattern: ["{{ item }}"]}
  loop: [yes]
- name: a template
  jdcloud.jcr.jcr_registry: {name: "{{ version }}"}
- name: asynchronous
  jdcloud.jcr.jcr_registry: {name: myregistry, description: 2.50}
  async: 60
  poll: 1
"""
MANGLED_TOLD = {
    "a tag": "tags[1] is the number 1.1",
    "a default": "registry is the boolean true",
    "of an entry": "repositories[0].description is the number 2.5",
    "in a loop": "pattern[0] is the boolean true",
    "a template": "name is the number 1.1",
    "asynchronous": "description is the number 2.5",
}


@pytest.mark.parametrize("in_process", [True, False])
def test_a_text_without_quotes_is_refused(books: Playbooks, emulator: RunningEmulator, in_process: bool) -> None:
    """Ansible would make C("1.1") of 1.10, and C("True") of on."""
    run = books.play(play(MANGLED, vars={"jcr_in_process": in_process, "version": 1.1}, ignore_errors=True))
    for task in run.tasks:
        (result,) = task.result.get("results", [task.result])
        assert f": {MANGLED_TOLD[task.task]}: YAML dropped what was written. Put it in quotes" in result["msg"]
        assert (result["error"]["kind"], result["changed"]) == ("configuration", False)
    assert {task.task for task in run.tasks} == MANGLED_TOLD.keys()
    assert emulator.requests() == []


BOOLEANS = """
- name: timeout
  jdcloud.jcr.jcr_registry: {name: myregistry, timeout: yes}
- name: retries
  jdcloud.jcr.jcr_repository: {registry: myregistry, name: shop/web}
  module_defaults: {jdcloud.jcr.jcr_repository: {retries: on}}
- name: registries[0].max_delete
  jdcloud.jcr.jcr_preflight: {registries: [{name: myregistry, max_delete: true}]}
- name: keep_last
  jdcloud.jcr.jcr_image: {registry: myregistry, repository: shop/web, state: absent, pattern: "*", keep_last: true}
- name: limit
  jdcloud.jcr.jcr_registry_info: {limit: "{{ flag }}"}
- name: deadline
  jdcloud.jcr.jcr_registry: {name: myregistry, deadline: true}
  async: 60
  poll: 1
"""


@pytest.mark.parametrize("in_process", [True, False])
def test_a_boolean_is_no_number(books: Playbooks, emulator: RunningEmulator, in_process: bool) -> None:
    """Ansible would make 1 of it."""
    run = books.play(play(BOOLEANS, vars={"jcr_in_process": in_process, "flag": True}, ignore_errors=True))
    assert len(run.tasks) == BOOLEANS.count("- name:")
    for task in run.tasks:
        assert f": {task.task} is the boolean true: a number is wanted. Give the number" in task.result["msg"]
        assert (task.result["error"]["kind"], task.result["changed"]) == ("configuration", False)
        assert task.result["msg"].startswith("Cannot start jdcloud.jcr.jcr_")
    assert emulator.requests() == []


EMPTY = """
- name: tag
  jdcloud.jcr.jcr_image: {registry: myregistry, repository: shop/web, state: absent, tag: "{{ empty }}"}
- name: older_than
  jdcloud.jcr.jcr_image:
    {registry: myregistry, repository: shop/web, state: absent, pattern: "*", older_than: "{{ empty }}"}
- name: tag
  jdcloud.jcr.jcr_image: {registry: myregistry, repository: shop/web, archive: x.tar, tag: "{{ empty }}"}
- name: digest
  jdcloud.jcr.jcr_image: {registry: myregistry, repository: shop/web, state: pulled, digest: "{{ empty }}"}
- name: source, archive, from_image
  jdcloud.jcr.jcr_image: {registry: myregistry, repository: shop/web, source: "{{ empty }}", tag: x}
- name: purge_patterns
  jdcloud.jcr.jcr_repository:
    {registry: myregistry, repositories: [], purge: true, purge_patterns: "{{ empty }}", allow_empty: true}
- name: name, repositories
  jdcloud.jcr.jcr_repository: {registry: myregistry, name: "{{ empty }}"}
- name: token
  jdcloud.jcr.jcr_token: {registry: myregistry, state: absent, token: "{{ empty }}"}
- name: registry, registries
  jdcloud.jcr.jcr_login: {registry: "{{ empty }}"}
"""


@pytest.mark.parametrize("in_process", [True, False])
def test_an_empty_variable_does_not_mean_more(books: Playbooks, emulator: RunningEmulator, in_process: bool) -> None:
    """Least of all more to delete."""
    run = books.play(play(EMPTY, vars={"jcr_in_process": in_process, "empty": None}, ignore_errors=True))
    assert len(run.tasks) == EMPTY.count("- name:")
    for task in run.tasks:
        cause = "none of {} has a value, and one is needed" if ", " in task.task else "{}: null is no value"
        assert cause.format(task.task) in task.result["msg"].replace("None of", "none of"), task.result["msg"]
        assert "Is a variable empty?" in task.result["msg"]
        assert (task.result["error"]["kind"], task.result["changed"]) == ("configuration", False)
    assert emulator.requests() == []


def test_a_text_that_is_one_is_taken_as_it_was_written(books: Playbooks, emulator: RunningEmulator) -> None:
    """A whole number, and what comes from a command line or as C(name=value)."""
    run = books.play(
        play("""
            - jdcloud.jcr.jcr_registry: name=myregistry description=1.10
            - jdcloud.jcr.jcr_repository: {registry: myregistry, name: shop/web, description: "{{ version }}"}
            - jdcloud.jcr.jcr_image: {registry: myregistry, repository: shop/web, tag: 7, state: absent}
        """),
        "--extra-vars=version=1.20",
    )
    registry, repository, image = done(run)
    assert registry.result["registry"]["description"] == "1.10"
    assert repository.result["repository"]["description"] == "1.20"
    assert image.result["image"]["tags"].keys() == {"7"}


# --- keywords of tasks -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("in_process", [True, False])
def test_retries(books: Playbooks, emulator: RunningEmulator, in_process: bool) -> None:
    refusal = {"status": {"http": 403, "message": "not yet"}}
    emulator.faults([{"match": {"operation": "createRegistry"}, "times": 2, "action": refusal}])
    run = books.play(
        play(
            """
            - name: create
              jdcloud.jcr.jcr_registry:
                name: myregistry
              register: made
              until: made is succeeded
              retries: 5
              delay: 0
            """,
            vars={"jcr_in_process": in_process},
        )
    )
    (create,) = done(run, "create")
    assert (create.changed, create.result["attempts"]) == (True, 3)


@pytest.mark.parametrize(("in_process", "options", "shown"), [(True, ["-v"], 2), (True, [], 0), (False, ["-v"], 0)])
def test_what_is_tried_again_is_shown(
    books: Playbooks, emulator: RunningEmulator, in_process: bool, options: list[str], shown: int
) -> None:
    emulator.faults([{"match": {"operation": "describeRegistry"}, "times": 2, "action": {"status": {"http": 503}}}])
    look = "- jdcloud.jcr.jcr_registry_info: {name: myregistry}"
    run = books.play(play(look, vars={"jcr_in_process": in_process}), *options)
    done(run)
    told = re.findall(r"\[localhost\] describeRegistry: .*503.*; attempt (\d) of 6 follows in \d", run.output)
    assert told == ["2", "3"][:shown]


def test_delegated_and_once(books: Playbooks, emulator: RunningEmulator) -> None:
    """On the controller, for hosts that cannot be reached and have another Python."""
    inventory = hosts(books, "web1", "web2", ansible_python_interpreter="/opt/other/python")
    for name in ("web1", "web2"):
        (books.place / name / "home" / "down").touch()
    run = books.play(
        play(
            """
            - name: each
              jdcloud.jcr.jcr_registry:
                name: registry-{{ inventory_hostname }}
              delegate_to: localhost
            - name: once
              jdcloud.jcr.jcr_registry:
                name: registry-once
              delegate_to: localhost
              run_once: true
              register: once
            - name: everybody knows
              ansible.builtin.debug:
                msg: "{{ once.registry.name }}"
            """,
            hosts="far",
        ),
        "-vvv",
        inventory=inventory,
    )
    done(run)
    assert ways(run) == [HERE] * 3
    assert len(run.of("each")) == 2 and len(run.of("once")) == 1
    assert [task.result["msg"] for task in run.of("everybody knows")] == ["registry-once"] * 2
    assert len(emulator.state()["registries"]) == 3


@pytest.mark.parametrize("in_process", [True, False])
def test_secret_that_is_returned_and_never_shown(books: Playbooks, emulator: RunningEmulator, in_process: bool) -> None:
    """Registered it can be used, also from a loop; in no output does it appear."""
    run = books.play(
        play(
            """
            - jdcloud.jcr.jcr_registry:
                name: "{{ item }}"
              loop: [registry-a, registry-b]
            - name: token
              jdcloud.jcr.jcr_token:
                registry: registry-a
                return_secret: true
              register: one
            - name: tokens
              jdcloud.jcr.jcr_token:
                registry: "{{ item }}"
                return_secret: "yes"
              loop: [registry-a, registry-b]
              register: both
              until: both is succeeded
            - name: use
              ansible.builtin.copy:
                content: "{{ one.token.password }} {{ both.results | map(attribute='token.password') | join(' ') }}"
                dest: passwords
                mode: "0600"
              no_log: true
            - name: without the secret
              jdcloud.jcr.jcr_token:
                registry: registry-a
              register: plain
            - name: show
              ansible.builtin.debug:
                var: plain
            """,
            vars={"jcr_in_process": in_process},
        ),
        "-vvvv",
        "--diff",
    )
    done(run)
    held = secrets_of(emulator)
    first, second = (registry["tokens"][0]["password"] for registry in emulator.state(secrets=True)["registries"])
    assert (books.place / "passwords").read_text() == f"{first} {first} {second}"
    assert Scanner(held).scan(run.output, "output") == []
    assert {name for name, value in run.of("token")[0].result.items() if value is not None} == {"censored", "changed"}
    assert "password" not in run.of("show")[0].result["plain"]["token"]


# --- every module ----------------------------------------------------------------------------------------------------

# A task of each module, one after the other, none of which needs a Docker Engine.
SHOP = {"registry": "myshop"}
EVERY_MODULE: dict[str, dict[str, t.Any]] = {
    "jcr_registry": {"name": "myshop", "description": "Images of the shop"},
    "jcr_repository": {**SHOP, "repositories": [{"name": "shop/web"}, {"name": "shop/cart"}]},
    "jcr_token": SHOP,
    "jcr_login": SHOP,
    "jcr_image": {**SHOP, "repository": "shop/web", "tag": "1.0", "state": "absent"},
    "jcr_registry_info": {"name": "myshop"},
    "jcr_repository_info": SHOP,
    "jcr_image_info": {**SHOP, "repository": "shop/web"},
    "jcr_token_info": SHOP,
    "jcr_quota_info": {},
    "jcr_preflight": {"registries": [{"name": "myshop"}]},
}
CHANGING = {"jcr_registry", "jcr_repository", "jcr_token", "jcr_login"}  # when they run for the first time
ON_HOSTS = {"jcr_login", "jcr_image", "jcr_preflight"}  # only their step on the host is done there
# Why a task does not run in the controller's process, and what makes it so.
ELSEWHERE: dict[str, dict[str, t.Any]] = {
    "it is asynchronous": {"async": 120, "poll": 1},
    "it asks for another user": {"become": True, "become_method": "ansible.builtin.su"},
    "it asks for another Python": {"vars": {"ansible_python_interpreter": "{{ other_python }}"}},
}
FAR = "its connection is jcr_test"
# Keywords with which a task stays in the controller's process.
KEYWORDS: list[dict[str, t.Any]] = [
    {"check_mode": True, "diff": True},
    {"loop": [1], "register": "looped", "until": "looped is succeeded", "retries": 3, "delay": 0},
    {"delegate_to": "localhost"},
]


def tasks_of_all(**keywords: t.Any) -> list[dict[str, t.Any]]:
    """A task of each module, with these keywords."""
    return [{"name": name, f"jdcloud.jcr.{name}": options, **keywords} for name, options in EVERY_MODULE.items()]


def said_of_all(reason: str) -> list[str]:
    """What the log says of a task of each module that does not run in the controller's process, for this reason."""
    lines = []
    for name in EVERY_MODULE:
        on_host = name in ON_HOSTS and reason != "it is asynchronous"
        lines += [HERE, ON_HOST + reason] if on_host else [AS_MODULE + reason]
    return lines


def returned(task: Task) -> dict[str, t.Any]:
    """The module's own return values, without what counts down."""
    (result,) = task.result.get("results") or [task.result]
    text = json.dumps({key: result.get(key) for key in Documented(task.task).names}, sort_keys=True)
    return json.loads(re.sub(r'"expires_in": \d+', '"expires_in": 0', text))


def test_every_module_in_every_way(books: Playbooks, other_python: str) -> None:
    """All give the same result wherever they run, and the log tells where that is."""
    assert set(EVERY_MODULE) == set(MODULES) - {"jcr_on_host"}
    account = {name: books.environment.pop(name) for name in ACCOUNT}
    books.environment["ANSIBLE_PIPELINING"] = "1"
    head = {
        "hosts": "localhost",
        "gather_facts": False,
        "module_defaults": {"group/jdcloud.jcr.jcr": as_options(account)},
        "environment": {name: books.environment[name] for name in ("DOCKER_CONFIG", "JCR_TOKEN_CACHE")},
    }
    plays = [{**head, "tasks": tasks_of_all()}, {**head, "tasks": tasks_of_all()}]
    plays += [{**head, "tasks": tasks_of_all(**keywords)} for keywords in [*KEYWORDS, *ELSEWHERE.values()]]
    plays.append({**head, "hosts": "far", "tasks": tasks_of_all()})
    local = f"localhost ansible_connection=local ansible_python_interpreter={sys.executable}\n"
    inventory = local + hosts(books, "web1")
    run = books.play(json.dumps(plays), "-vvv", f"--extra-vars=other_python={other_python}", inventory=inventory)
    tasks, number = done(run), len(EVERY_MODULE)
    first, reference, *others = [tasks[start : start + number] for start in range(0, len(tasks), number)]
    assert {task.task for task in first if task.changed} == CHANGING
    assert [task.task for task in tasks[number:] if task.changed] == []
    assert len(others) == len(KEYWORDS) + len(ELSEWHERE) + 1
    for found in others:
        for task, same in zip(found, reference, strict=True):
            assert returned(task) == returned(same), task.task
    said = [line for reason in (*ELSEWHERE, FAR) for line in said_of_all(reason)]
    assert ways(run) == [HERE] * (2 + len(KEYWORDS)) * number + said


@pytest.mark.parametrize("in_process", [True, False])
def test_defaults_of_the_group(books: Playbooks, emulator: RunningEmulator, in_process: bool) -> None:
    """Every member takes every shared option from C(module_defaults)."""
    account = {name: books.environment.pop(name) for name in ACCOUNT}
    books.environment["ANSIBLE_PIPELINING"] = "1"
    certificates = books.place / "certificates.pem"
    certificates.write_text("")
    given = {
        **as_options(account),
        "security_token": "of-the-account",
        "region": "cn-south-1",
        "validate_certs": False,
        "ca_path": str(certificates),
        "timeout": 11.5,
        "deadline": 123.5,
        "retries": 3,
        "allowed_registry_hosts": ["registry.example.com"],
    }
    assert given.keys() | {"profile"} == CONNECTION.options.keys()
    head = {"hosts": "localhost", "gather_facts": False, "tasks": tasks_of_all()}
    defaults = {"module_defaults": {"group/jdcloud.jcr.jcr": given}, "vars": {"jcr_in_process": in_process}}
    nowhere = {"module_defaults": {"group/jdcloud.jcr.jcr": {"profile": "nowhere"}}, "ignore_errors": True}
    run = books.play(json.dumps([{**head, **defaults}, {**head, **nowhere}]), "-vvvv")
    tasks = done(run)
    assert [task.task for task in tasks] == 2 * list(EVERY_MODULE)
    secret = {"secret_key", "security_token"}
    given.update(dict.fromkeys(secret, "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"))
    for task in tasks[: len(EVERY_MODULE)]:
        taken = task.result["invocation"]["module_args"]
        assert {name: taken[name] for name in given} == given, task.task
        assert task.result.get("warnings") is None, task.task
    for task in tasks[len(EVERY_MODULE) :]:
        assert "profile 'nowhere' was asked for" in task.result["msg"], task.task
    assert {registry["region"] for registry in emulator.state()["registries"]} == {"cn-south-1"}
    assert Scanner(secrets_of(emulator)).scan(run.output, "output") == []


# --- other hosts -----------------------------------------------------------------------------------------------------

LOGIN = """
- name: login
  jdcloud.jcr.jcr_login:
    registry: myregistry
    config_path: ~/docker/config.json
"""


@pytest.fixture
def registry(books: Playbooks) -> str:
    """A registry; its host."""
    (made,) = done(books.play(play("- jdcloud.jcr.jcr_registry: {name: myregistry}")))
    return str(made.result["registry"]["uri"])


def test_login_on_other_hosts(books: Playbooks, emulator: RunningEmulator, registry: str) -> None:
    """One token for all; the access key stays here; paths are those of the hosts; nothing is shown."""
    account = {name: books.environment.pop(name) for name in ACCOUNT}
    content = play(LOGIN, hosts="far", environment={**account, "OF_THE_HOST": "kept"})
    inventory = hosts(books, "web1", "web2")
    for name in ("web1", "web2"):
        (books.place / name / "home" / "docker").mkdir()
    predicted = done(books.play(content, "--check", inventory=inventory))
    run = books.play(content, "-vvvv", "--diff", inventory=inventory)
    assert [task.changed for task in predicted] == [task.changed for task in done(run)] == [True, True]
    assert ways(run).count(f"{ON_HOST}its connection is jcr_test") == 2
    assert issued(emulator) == 1
    held = secrets_of(emulator)
    assert Scanner(held).scan(run.output, "output") == []
    for name in ("web1", "web2"):
        file = books.place / name / "home" / "docker" / "config.json"
        assert run.tasks[0].result["logins"][0]["path"].startswith(str(books.place))
        assert list(json.loads(file.read_text())["auths"]) == [registry]
        assert file.stat().st_mode & 0o777 == 0o600
        sent = recorded(books, name)
        assert b"OF_THE_HOST" in sent and b"jcr_on_host" in sent
        assert Scanner({"secret key": emulator.secret_key, "access key": emulator.access_key}).scan(sent, name) == []
        assert Scanner({"password": held["password 0"]}).scan(sent, name), "this one is needed there"
        for command in re.findall(rb"(?m)^/bin/sh -c .*$", sent):
            assert Scanner(held).scan(command, "command line") == []
        assert not (books.place / name / "home" / ".cache").exists()
    before = len(emulator.requests())
    again = books.play(content, inventory=inventory)
    assert [task.changed for task in done(again)] == [False, False]
    assert [entry["operation"] for entry in emulator.requests(before) if entry["write"] or entry["token_issued"]] == []


def test_secret_that_comes_back_from_another_host(books: Playbooks, emulator: RunningEmulator, registry: str) -> None:
    """The connection would print the module's answer, secret included, as ssh does at -vvv."""
    account = {name: books.environment.pop(name) for name in ACCOUNT}
    tasks = """
    - name: token
      jdcloud.jcr.jcr_token:
        registry: myregistry
        return_secret: true
      register: jcr
    - name: compare
      ansible.builtin.assert:
        that: jcr.token.password | length == 16
      no_log: true
    - name: without a secret
      jdcloud.jcr.jcr_token:
        registry: myregistry
    """
    run = books.play(play(tasks, hosts="far", environment=account), "-vvvv", inventory=hosts(books, "web1"))
    done(run)
    assert "answered (0," in run.output
    assert Scanner(secrets_of(emulator)).scan(run.output, "output") == []


def test_login_as_another_user(books: Playbooks, emulator: RunningEmulator, registry: str) -> None:
    """On this very machine, but as somebody else: the access key is not in that process's environment."""
    content = play(LOGIN, become=True, become_method="ansible.builtin.su")
    (books.place / "home" / "docker").mkdir()
    watcher = program(books.place / "python", f'env >> {books.place}/seen; exec {sys.executable} "$@"')
    run = books.play(content, "-vvvv", f"--extra-vars=ansible_python_interpreter={watcher}")
    assert done(run)[0].changed
    assert ways(run) == [HERE, f"{ON_HOST}it asks for another user"]
    seen = (books.place / "seen").read_text()
    assert "HOME=" in seen
    assert "JDCLOUD_" not in seen and emulator.secret_key not in seen
    assert list(json.loads((books.place / "home" / "docker" / "config.json").read_text())["auths"]) == [registry]


def test_host_that_cannot_be_reached(books: Playbooks, registry: str) -> None:
    """Ansible's own way to say it: unreachable, not failed; the other hosts go on."""
    inventory = hosts(books, "web1", "web2")
    for name in ("web1", "web2"):
        (books.place / name / "home" / "docker").mkdir()
    (books.place / "web1" / "home" / "down").touch()
    content = play(LOGIN + "- name: after\n  ansible.builtin.debug:\n", hosts="far")
    run = books.play(content, inventory=inventory)
    assert [(task.host, task.status) for task in run.tasks] == [
        ("web1", "unreachable"),
        ("web2", "ok"),
        ("web2", "ok"),
    ]
    assert "the host is down" in run.of("login")[0].result["msg"]
    assert "internal error" not in run.output.lower()
    ignored = books.play(play(LOGIN, hosts="far", ignore_unreachable=True), inventory=inventory)
    assert ignored.code == 0


def test_failure_on_a_host(books: Playbooks, registry: str) -> None:
    """An error travels to the controller as it is told there; a Python that does not work is told as such."""
    inventory = hosts(books, "web1")
    broken = books.place / "web1" / "home" / "docker"
    broken.mkdir()
    (broken / "config.json").write_text('{"auths": {')
    run = books.play(play(LOGIN, hosts="far"), inventory=inventory)
    result = run.tasks[0].result
    assert result["error"]["kind"] == "file"
    assert f"{broken}/config.json" in run.failure and "line 1" in run.failure
    assert (broken / "config.json").read_text() == '{"auths": {'

    for python, said in (("/nonexistent/python", "'/nonexistent/python' was not found"), ("/bin/false", "did not run")):
        run = books.play(play(LOGIN, hosts="far"), inventory=hosts(books, "web1", ansible_python_interpreter=python))
        assert run.failure.startswith(
            "Cannot log in to registry 'myregistry' in cn-north-1: the step on the host did not run"
        )
        assert said in run.failure
        assert "Check that host's Python (ansible_python_interpreter)" in run.failure
        assert run.tasks[0].result["error"]["kind"] == "error"


def test_the_interpreter_that_was_found_is_remembered(books: Playbooks, registry: str) -> None:
    """Looking for one costs a round trip: the first task tells it to the next ones. It needs no library for a login."""
    # Python 3.13 is the first that Ansible looks for. This one has no site-packages.
    python = program(books.place / "bin" / "python3.13", f'exec {sys.executable} -S "$@"')
    inventory = hosts(books, "web1", ansible_python_interpreter="", jcr_test_path=f"{books.place}/bin:/usr/bin:/bin")
    (books.place / "web1" / "home" / "docker").mkdir()
    found = "- name: found\n  ansible.builtin.debug:\n    var: ansible_facts.discovered_interpreter_python\n"
    run = books.play(play(LOGIN + LOGIN + found, hosts="far"), "-vvv", inventory=inventory)
    done(run)
    assert run.output.count("interpreter discovery") == 1
    assert run.of("found")[0].result["ansible_facts.discovered_interpreter_python"] == python


def test_image_on_another_host(
    books: Playbooks, emulator: RunningEmulator, docker_engine: RunningEngine, registry: str
) -> None:
    """The engine is the host's, found by the host's own environment; everything else is done here."""
    name = "on-another-host:latest"
    image_id = images.load(docker_engine.docker_host, images.runnable(name, message=name))
    content = play(
        """
        - name: repository
          jdcloud.jcr.jcr_repository:
            registry: myregistry
            name: shop/web
          delegate_to: localhost
        - name: push
          jdcloud.jcr.jcr_image:
            registry: myregistry
            repository: shop/web
            source: on-another-host:latest
            tags: ["1.0", latest]
        - name: pull
          jdcloud.jcr.jcr_image:
            registry: myregistry
            repository: shop/web
            state: pulled
        """,
        hosts="far",
        environment={"DOCKER_HOST": docker_engine.docker_host},
    )
    inventory = hosts(books, "web1")
    run = books.play(content, "-vvvv", "--diff", inventory=inventory)
    tasks = done(run)
    assert [task.changed for task in tasks] == [True, True, False]
    assert tasks[2].result["image"]["pulled_id"] == image_id
    assert ways(run) == [HERE] + 2 * [HERE, f"{ON_HOST}its connection is jcr_test"]
    held = secrets_of(emulator)
    assert Scanner(held).scan(run.output, "output") == []
    assert (
        Scanner({"secret key": emulator.secret_key, "access key": emulator.access_key}).scan(
            recorded(books, "web1"), "web1"
        )
        == []
    )
    before = len(emulator.requests())
    again = done(books.play(content, inventory=inventory))
    assert [task.changed for task in again] == [False] * 3
    assert [entry for entry in emulator.requests(before) if entry["write"] or entry["token_issued"]] == []
    assert issued(emulator) == 1
