# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbooks and roles, run as a user runs them, with an emulator and real Docker Engines."""

from __future__ import annotations

import contextlib
import json
import secrets
import typing as t
from pathlib import Path

import docker
import pytest

from tests.emulator_tests.registry import Account
from tests.support import images
from tests.support.contents import push_platforms
from tests.support.emulator import RunningEmulator
from tests.support.engine import RunningEngine, find_or_start
from tests.support.playbooks import Playbooks, Run, playbooks

REGISTRY = "playbook-tests"
REPOSITORY = "shop/web"
TAGS = ["1.0", "latest"]
REGISTRIES = [
    {
        "name": REGISTRY,
        "description": "Made by a test",
        "repositories": [{"name": REPOSITORY, "description": "The front end"}, {"name": "shop/worker"}],
    },
    {"name": "playbook-tests-east", "region": "cn-east-2"},
]
PROVISION = {"provision_registries": REGISTRIES}
FETCH = {"fetch_registry": REGISTRY, "fetch_images": [{"repository": REPOSITORY, "tags": TAGS}]}
LOGIN = {"login_registries": [REGISTRY]}
PUSH = "jdcloud.jcr.publish : Push images"
SOME_HOSTS = {"jcr_hosts": "web"}
TWO_HOSTS = "[web]\nweb1 ansible_connection=local\nweb2 ansible_connection=local {web2}\n"


@pytest.fixture
def books(emulator: RunningEmulator, docker_engine: RunningEngine, tmp_path: Path) -> Playbooks:
    return playbooks(tmp_path, emulator, docker_engine.docker_host)


@pytest.fixture
def source(docker_engine: RunningEngine) -> t.Iterator[str]:
    """A local image that no other test has; all its names are gone afterwards."""
    name = f"source-{secrets.token_hex(4)}:latest"
    image_id = images.load(docker_engine.docker_host, images.runnable(name, message=name))
    yield name
    with contextlib.closing(docker.APIClient(docker_engine.docker_host)) as client:
        client.remove_image(image_id, force=True)


def publish(source: str, **others: object) -> dict[str, object]:
    entry = {"source": source, "repository": REPOSITORY, "tags": TAGS}
    return {"publish_registry": REGISTRY, "publish_images": [entry], "publish_keep_local_tags": False, **others}


def succeeded(run: Run) -> Run:
    assert run.code == 0, run.output
    return run


def written(emulator: RunningEmulator, since: int = 0) -> list[str]:
    """The requests after this one that wrote something, had a token issued, or went into a registry.

    Role provision asks registries whether they are there, without a login, before it begins.
    """
    return [
        f"{entry['method']} {entry['path']}"
        for entry in emulator.requests(since)
        if entry["write"] or entry["token_issued"] or (entry["plane"] == "data" and entry["operation"] != "ping")
    ]


def result_of(run: Run) -> dict[str, t.Any]:
    """What role provision leaves in provision_result; told only with -v."""
    return run.of("jdcloud.jcr.provision : Say what there is")[0].result["ansible_facts"]["provision_result"]


def sums(run: Run) -> list[str]:
    """What role provision says in the end."""
    return run.of("jdcloud.jcr.provision : Sum up")[0].result["msg"]


def tokens_issued(emulator: RunningEmulator) -> int:
    return sum(entry["token_issued"] for entry in emulator.requests())


def digests(emulator: RunningEmulator) -> dict[str, str]:
    """The digest of every tag in the emulator, by what docker calls it."""
    return {
        f"{registry['uri']}/{repository['name']}:{tag}": image["digest"]
        for registry in emulator.state()["registries"]
        for repository in registry["repositories"]
        for image in repository["images"]
        for tag in image["tags"]
    }


def host_of(emulator: RunningEmulator, registry: str) -> str:
    return next(found["uri"] for found in emulator.state()["registries"] if found["name"] == registry)


def unchanged(books: Playbooks, emulator: RunningEmulator, name: str, variables: dict[str, t.Any]) -> None:
    """Run a playbook once more: no task changes anything, and the emulator is only read."""
    before = len(emulator.requests())
    run = succeeded(books.run(name, variables))
    assert run.changed == []
    assert written(emulator, before) == []


def test_the_way_of_an_image(
    books: Playbooks, emulator: RunningEmulator, docker_engine: RunningEngine, source: str
) -> None:
    """provision, publish, fetch, login; each one twice, and the second time there is nothing to do."""
    way = [("provision", PROVISION), ("publish", publish(source)), ("fetch", FETCH), ("login", LOGIN)]
    for name, variables in way:
        assert succeeded(books.run(name, variables)).changed, f"{name} changed nothing"
        unchanged(books, emulator, name, variables)

    assert {registry["name"]: registry["region"] for registry in emulator.state()["registries"]} == {
        REGISTRY: "cn-north-1",
        "playbook-tests-east": "cn-east-2",
    }
    held = digests(emulator)
    assert len(held) == len(TAGS)
    with contextlib.closing(docker.APIClient(docker_engine.docker_host)) as client:
        for uri, digest in held.items():
            repository = uri.rpartition(":")[0]
            assert f"{repository}@{digest}" in client.inspect_image(uri)["RepoDigests"]
    assert list(json.loads(books.docker_config.read_text())["auths"]) == [next(iter(held)).partition("/")[0]]
    assert tokens_issued(emulator) == 1


def test_results_for_later_tasks(books: Playbooks, source: str) -> None:
    """What the roles leave in provision_result, publish_result and fetch_result."""
    succeeded(books.run("provision", PROVISION))
    provisioned = result_of(books.run("provision", PROVISION, "-v"))
    published = books.run("publish", publish(source), "-v").tasks[-1].result["ansible_facts"]["publish_result"]
    fetched = books.run("fetch", FETCH, "-v").tasks[-1].result["ansible_facts"]["fetch_result"]
    host = provisioned["registries"][0]["uri"]
    assert [found["uri"] for found in provisioned["repositories"]] == [f"{host}/{REPOSITORY}", f"{host}/shop/worker"]
    assert published[0]["uris"] == fetched[0]["uris"] == [f"{host}/{REPOSITORY}:{tag}" for tag in TAGS]
    assert published[0]["digest"] == fetched[0]["digest"] == published[0]["tags"]["1.0"]["digest"]
    assert fetched[0]["pulled_id"].startswith("sha256:")


def test_the_demo_is_predicted_and_ends(books: Playbooks, emulator: RunningEmulator, source: str) -> None:
    """On an empty account a dry run of the demo says, task by task, what the run then does; then nothing is left."""
    variables = {"demo_registry": REGISTRY, "demo_source": source, "demo_directory": str(books.place)}
    predicted = succeeded(books.run("demo", variables, "--check", "--diff"))
    assert written(emulator) == []
    assert not books.docker_config.exists()

    run = succeeded(books.run("demo", variables, "--diff"))
    assert predicted.outline == run.outline
    assert predicted.objects == run.objects
    assert len(run.objects) == len(run.changed)
    assert [name.partition(" : ")[2] or name for name in run.changed] == [
        "Create registries",
        "Create repositories",
        "Have a token, also as the file that the console offers",
        "Push images",
        "Pull images",
        "Log the docker clients of the connection's user in or out",
    ]
    assert (books.place / f"{REGISTRY}-token.xlsx").stat().st_mode & 0o777 == 0o600
    assert tokens_issued(emulator) == 1
    unchanged(books, emulator, "demo", variables)


def test_fetch_gives_every_host_the_image_with_one_token(
    books: Playbooks, emulator: RunningEmulator, docker_engine: RunningEngine, source: str, tmp_path: Path
) -> None:
    """Two hosts with an engine each; the token that published is not at hand any more."""
    succeeded(books.run("provision", PROVISION))
    succeeded(books.run("publish", publish(source)))
    books.environment["JCR_TOKEN_CACHE"] = str(tmp_path / "other-tokens")
    with find_or_start(tmp_path / "web2", reuse=False) as second:
        hosts = TWO_HOSTS.format(web2=f"fetch_docker_host={second.docker_host}")
        before = tokens_issued(emulator)
        run = succeeded(books.run("fetch", FETCH | SOME_HOSTS, inventory=hosts))
        assert [task.changed for task in run.of("jdcloud.jcr.fetch : Pull images")] == [True, True]
        assert tokens_issued(emulator) - before == 1
        assert succeeded(books.run("fetch", FETCH | SOME_HOSTS, inventory=hosts)).changed == []
        for engine in (docker_engine, second):
            with contextlib.closing(docker.APIClient(engine.docker_host)) as client:
                assert all(client.inspect_image(uri) for uri in digests(emulator))


def test_fetch_by_digest(books: Playbooks, emulator: RunningEmulator, source: str) -> None:
    succeeded(books.run("provision", PROVISION))
    succeeded(books.run("publish", publish(source)))
    digest = next(iter(digests(emulator).values()))
    fetch = {"fetch_registry": REGISTRY, "fetch_images": [{"repository": REPOSITORY, "digest": digest}]}
    assert succeeded(books.run("fetch", fetch)).changed == ["jdcloud.jcr.fetch : Pull images"]
    unchanged(books, emulator, "fetch", fetch)


def test_an_image_with_one_tag(books: Playbooks, emulator: RunningEmulator, source: str) -> None:
    succeeded(books.run("provision", PROVISION))
    image = {"source": source, "repository": REPOSITORY, "tag": "one"}
    succeeded(books.run("publish", publish(source, publish_images=[image])))
    assert [name.rpartition("/")[2] for name in digests(emulator)] == [f"{REPOSITORY.rpartition('/')[2]}:one"]
    fetch = {"fetch_registry": REGISTRY, "fetch_images": [{"repository": REPOSITORY, "tag": "one"}]}
    assert succeeded(books.run("fetch", fetch)).changed == ["jdcloud.jcr.fetch : Pull images"]


def test_provision_runs_once_for_all_hosts(books: Playbooks, emulator: RunningEmulator) -> None:
    """Also in a play whose hosts are other machines, where every host then knows the result."""
    far_away = "[web]\nweb1 ansible_host=192.0.2.1\nweb2 ansible_host=192.0.2.2\n"
    run = succeeded(books.run("provision", PROVISION | SOME_HOSTS, inventory=far_away))
    assert len(run.of("jdcloud.jcr.provision : Create registries")) == 1
    assert len(written(emulator)) == 4


def test_provision_deletes_what_is_declared_absent(books: Playbooks, emulator: RunningEmulator, source: str) -> None:
    """A repository by its state, a registry with the repositories declared in it; images only go by force.

    Where they are in the way, nothing is deleted at all.
    """
    succeeded(books.run("provision", PROVISION))
    succeeded(books.run("publish", publish(source)))
    web = {"name": REPOSITORY, "state": "absent"}
    worker = {"name": "shop/worker", "state": "absent"}

    refused = books.run("provision", {"provision_registries": [{"name": REGISTRY, "repositories": [worker, web]}]})
    assert refused.code != 0
    assert REPOSITORY in refused.failure and "force: true" in refused.failure
    repositories = emulator.state()["registries"][0]["repositories"]
    assert sorted(found["name"] for found in repositories) == [REPOSITORY, "shop/worker"]

    forced = [worker, web | {"force": True}]
    gone = {"provision_registries": [{"name": REGISTRY, "state": "absent", "repositories": forced}]}
    predicted = succeeded(books.run("provision", gone, "--check", "--diff"))
    assert predicted.outline == succeeded(books.run("provision", gone)).outline
    assert [registry["name"] for registry in emulator.state()["registries"]] == ["playbook-tests-east"]
    unchanged(books, emulator, "provision", gone)


def test_publish_creates_repositories_only_when_told(books: Playbooks, emulator: RunningEmulator, source: str) -> None:
    succeeded(books.run("provision", {"provision_registries": [{"name": REGISTRY}]}))
    before = len(emulator.requests())
    refused = books.run("publish", publish(source))
    assert refused.code != 0
    assert f"'{REPOSITORY}' does not exist in registry '{REGISTRY}'" in refused.failure
    assert written(emulator, before) == []

    told = publish(source, publish_create_repositories=True)
    predicted = succeeded(books.run("publish", told, "--check"))
    assert predicted.outline == succeeded(books.run("publish", told)).outline
    assert len(digests(emulator)) == len(TAGS)


@pytest.mark.parametrize("keep", [True, False])
def test_publish_keeps_the_local_name_or_not(
    books: Playbooks, emulator: RunningEmulator, docker_engine: RunningEngine, source: str, keep: bool
) -> None:
    succeeded(books.run("provision", PROVISION))
    succeeded(books.run("publish", publish(source, publish_keep_local_tags=keep)))
    with contextlib.closing(docker.APIClient(docker_engine.docker_host)) as client:
        names = set(client.inspect_image(source)["RepoTags"])
    assert names == ({source} | set(digests(emulator)) if keep else {source})


def test_publish_without_an_engine(books: Playbooks, emulator: RunningEmulator, tmp_path: Path) -> None:
    """An archive, a copy of it, and one platform of an index of another account; predicted, done, and then nothing."""
    succeeded(books.run("provision", PROVISION))
    archive = tmp_path / "web.tar"
    archive.write_bytes(images.layered("web:1", 2, 10_000, seed=7).data())
    other = Account(emulator).declare("elsewhere-tests", "base/tools")
    _index, *children = push_platforms(other, "base/tools", "1.0")
    progress = tmp_path / "progress.jsonl"
    tools = {"from_image": f"{other.host}/base/tools:1.0", "from_login": True, "platforms": ["linux/arm64"]}
    told = {
        "publish_registry": REGISTRY,
        "publish_docker_host": "unix:///nowhere",
        "publish_create_repositories": True,
        "publish_progress_file": str(progress),
        "publish_from_username": "jdcloud",
        "publish_from_password": other.password,
        "publish_images": [
            {"archive": str(archive), "repository": REPOSITORY, "tags": TAGS},
            {**tools, "repository": "base/tools", "tags": ["1.0"]},
        ],
    }
    predicted = succeeded(books.run("publish", told, "--check", "-vvv"))
    assert not progress.exists()
    done = succeeded(books.run("publish", told, "-vvv"))
    assert predicted.outline == done.outline
    assert other.password not in predicted.output + done.output
    assert digests(emulator)[f"{host_of(emulator, REGISTRY)}/base/tools:1.0"] == children[1]
    events = [json.loads(line) for line in progress.read_text().splitlines()]
    steps = [(event["push"].partition("/")[2], event["event"]) for event in events if event["event"] != "layer"]
    expected = {f"{REPOSITORY}:{TAGS[0]}": ["begin", *(["tag"] * len(TAGS)), "end"]}
    expected["base/tools:1.0"] = ["begin", "tag", "end"]
    assert steps == [(push, step) for push, events_of in expected.items() for step in events_of]
    assert succeeded(books.run("publish", told)).changed == []  # the other account's registry is only read

    copied = {"from_image": f"{REPOSITORY}:1.0", "repository": "shop/worker", "tags": ["1.0"]}
    promote = {"publish_registry": REGISTRY, "publish_images": [copied]}
    assert succeeded(books.run("publish", promote)).changed == [PUSH]
    unchanged(books, emulator, "publish", promote)


@pytest.mark.parametrize(
    "guard", [{"publish_overwrite": "never"}, {"publish_immutable_tags": ["1.*"]}], ids=["overwrite", "immutable"]
)
def test_publish_guards_tags(
    books: Playbooks, emulator: RunningEmulator, source: str, tmp_path: Path, guard: dict[str, t.Any]
) -> None:
    succeeded(books.run("provision", PROVISION))
    succeeded(books.run("publish", publish(source)))
    before = digests(emulator)
    archive = tmp_path / "other.tar"
    archive.write_bytes(images.layered("other:1", 1, 10_000, seed=8).data())
    moved = {"archive": str(archive), "repository": REPOSITORY, "tags": TAGS}
    told = {"publish_registry": REGISTRY, "publish_images": [moved], **guard}
    for check in ([], ["--check"]):
        refused = books.run("publish", told, *check)
        assert refused.code != 0 and "1.0" in refused.failure
    assert digests(emulator) == before
    expected = moved | {"overwrite": "if_digest", "expected_digest": next(iter(before.values()))}
    assert succeeded(books.run("publish", {"publish_registry": REGISTRY, "publish_images": [expected]})).changed == [
        PUSH
    ]
    assert set(digests(emulator).values()).isdisjoint(before.values())


def test_publish_takes_no_empty_variable_for_no_guard(books: Playbooks, emulator: RunningEmulator) -> None:
    told = publish("web:build", publish_immutable_tags="")
    refused = books.run("publish", told)
    assert refused.code != 0 and "immutable_tags has an empty entry" in refused.failure
    assert emulator.requests() == []


def test_publish_removes_local_sources(
    books: Playbooks, emulator: RunningEmulator, docker_engine: RunningEngine, source: str
) -> None:
    succeeded(books.run("provision", PROVISION))
    told = publish(source, publish_remove_local_sources=True)
    assert succeeded(books.run("publish", told)).changed == [PUSH]
    with contextlib.closing(docker.APIClient(docker_engine.docker_host)) as client:
        assert client.images(source) == []
        unchanged(books, emulator, "publish", told)
        images.load(client, images.runnable(source, message=source))


def test_fetch_is_content_with_what_is_there(books: Playbooks, emulator: RunningEmulator, source: str) -> None:
    """Whatever the registry holds by now; and where nothing may be pulled, it says so."""
    succeeded(books.run("provision", PROVISION))
    succeeded(books.run("publish", publish(source)))
    refused = books.run("fetch", FETCH | {"fetch_pull_policy": "never"})
    assert refused.code != 0 and "pull_policy is never" in refused.failure
    missing = FETCH | {"fetch_pull_policy": "missing"}
    assert succeeded(books.run("fetch", missing)).changed == ["jdcloud.jcr.fetch : Pull images"]
    unchanged(books, emulator, "fetch", missing)
    unchanged(books, emulator, "fetch", FETCH | {"fetch_pull_policy": "never"})


def test_login_of_another_user_and_logout(books: Playbooks, emulator: RunningEmulator) -> None:
    """Through become, which makes the work on the file that of another process."""
    succeeded(books.run("provision", PROVISION))
    books.docker_config.parent.mkdir(exist_ok=True)
    own_file = {"login_config_path": str(books.docker_config)}  # the one in root's home is this machine's own
    others = LOGIN | own_file | {"login_users": ["root"], "ansible_become_method": "su"}
    predicted = succeeded(books.run("login", others, "--check"))
    assert not books.docker_config.exists()
    run = succeeded(books.run("login", others))
    assert predicted.outline == run.outline
    assert run.changed == ["jdcloud.jcr.login : Log the docker clients of the named users in or out"]
    assert books.docker_config.stat().st_mode & 0o777 == 0o600
    unchanged(books, emulator, "login", others)

    config = json.loads(books.docker_config.read_text())
    config["auths"]["registry.example.com"] = {"auth": "c29tZWJvZHk6ZWxzZQ=="}
    books.docker_config.write_text(json.dumps(config))
    assert succeeded(books.run("login", others | {"login_state": "absent"})).changed
    assert list(json.loads(books.docker_config.read_text())["auths"]) == ["registry.example.com"]


def test_login_into_a_file_of_its_own(books: Playbooks, tmp_path: Path) -> None:
    succeeded(books.run("provision", PROVISION))
    file = tmp_path / "kubelet" / "config.json"
    file.parent.mkdir()
    assert succeeded(books.run("login", LOGIN | {"login_config_path": str(file)})).changed
    assert len(json.loads(file.read_text())["auths"]) == 1
    assert not books.docker_config.exists()


def test_teardown(books: Playbooks, emulator: RunningEmulator, source: str) -> None:
    """Only when confirmed; predicted without a confirmation; gone are login, images, repositories, registries."""
    succeeded(books.run("provision", PROVISION))
    succeeded(books.run("publish", publish(source)))
    succeeded(books.run("login", LOGIN))
    before = len(emulator.requests())

    refused = books.run("teardown", PROVISION)
    assert refused.code != 0
    assert "teardown_confirm" in refused.failure
    predicted = succeeded(books.run("teardown", PROVISION, "--check", "--diff"))
    assert written(emulator, before) == []

    confirmed = PROVISION | {"teardown_confirm": True}
    run = succeeded(books.run("teardown", confirmed))
    assert predicted.outline == run.outline
    assert emulator.state()["registries"] == []
    assert json.loads(books.docker_config.read_text()).get("auths", {}) == {}
    unchanged(books, emulator, "teardown", confirmed)


@pytest.mark.parametrize(
    ("name", "variables", "complaint"),
    [
        ("provision", {}, "missing required arguments: provision_registries"),
        ("provision", {"provision_registries": [{"description": "x"}]}, "missing required arguments: name"),
        ("provision", {"provision_registries": [{"name": "abcd", "prune": True}]}, "prune"),
        ("provision", {"provision_registries": [{"name": "abcd", "purge": True}]}, "nothing would stay"),
        ("provision", {"provision_registries": [{"name": "abcd"}, {"name": "abcd"}]}, "declared more than once"),
        ("provision", {"provision_registries": [{"name": "Bad_Name"}]}, "Bad_Name"),
        ("provision", {"provision_registries": [{"name": "abcd", "region": "nowhere"}]}, "nowhere"),
        ("publish", {"publish_registry": REGISTRY}, "missing required arguments: publish_images"),
        ("fetch", FETCH | {"fetch_images": [{"repository": "ab", "tags": ["1"], "digest": "2"}]}, "mutually exclusive"),
        ("fetch", FETCH | {"fetch_images": [{"repository": "ab", "tags": ["1"], "tag": "2"}]}, "mutually exclusive"),
        (
            "publish",
            {
                "publish_registry": REGISTRY,
                "publish_images": [{"source": "a", "repository": "b", "tag": 1, "tags": [2]}],
            },
            "mutually exclusive",
        ),
        ("login", LOGIN | {"login_state": "maybe"}, "login_state"),
        ("teardown", {"teardown_confirm": True}, "provision_registries"),
    ],
)
def test_bad_variables(
    books: Playbooks, emulator: RunningEmulator, name: str, variables: dict[str, t.Any], complaint: str
) -> None:
    """The message names what is wrong, and nothing has been sent; a preflight may have looked for more."""
    run = books.run(name, variables)
    assert run.code != 0
    assert complaint in run.failure
    assert written(emulator) == []
    assert name == "provision" or emulator.requests() == []
