# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""No secret in any output: the real ansible-playbook at -vvvv --diff, on success, on failure and on defects.

Looked through are the outputs of several callbacks, the log file, the fact cache, every file that is left, the command
lines of all processes and the environments of Ansible's. Where a secret belongs (the token cache, a docker
configuration, an .xlsx file) it is looked whether others may read it.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import secrets
import sys
import typing as t
from pathlib import Path

import docker
import pytest

from tests.emulator_tests.docker_registry import USER
from tests.support import images
from tests.support.builds import UPSTREAM_PASSWORD, upstream, write_builds
from tests.support.emulator import RunningEmulator
from tests.support.engine import RunningEngine
from tests.support.leaks import Leak, ProcessSampler, Scanner
from tests.support.playbooks import CONNECTIONS, Playbooks, Run, playbooks
from tests.support.tasks import Account, run_here

LOUD = ("-vvvv", "--diff")
REGISTRY = "leak-tests"
REPOSITORY = "shop/web"
# What a security token may be made of, as far as HTTP goes; each sign is spelled differently somewhere.
STRANGE = """"'\\/&%+<>{{x}}"""
MASK = "********"
FOUND_AGAIN = "none: the token is found in the listing"  # in place of the kind of an error

Play: t.TypeAlias = dict[str, t.Any]


class Watched:
    """A user's place where every run of a playbook is watched for leaks."""

    def __init__(self, place: Path, emulator: RunningEmulator, engine: RunningEngine) -> None:
        self.place = place
        self.emulator = emulator
        self.engine = engine
        self.books: Playbooks = playbooks(place, emulator, engine.docker_host)
        self.secrets = {"secret key": emulator.secret_key, "security token": f"mfa-{secrets.token_hex(8)}{STRANGE}"}
        self.leaks: list[Leak] = []
        self._seen: list[tuple[str, str]] = []
        self._samplers: list[ProcessSampler] = []
        self._prepare()

    def _prepare(self) -> None:
        """An account in a profile, and all places to which Ansible writes, below this one."""
        environment = self.books.environment
        for name in ("JDCLOUD_ACCESS_KEY", "JDCLOUD_SECRET_KEY"):
            del environment[name]
        (self.place / "home" / ".jdc").mkdir()
        profile = self.place / "home" / ".jdc" / "config"
        profile.write_text(
            f"[default]\naccess_key = {self.emulator.access_key}\nsecret_key = {self.emulator.secret_key}\n"
        )
        profile.chmod(0o600)
        for folder in ("given", "far/home/docker", "far/record", "files"):
            (self.place / folder).mkdir(parents=True)
        for name in ("secret key", "security token"):
            self.give(name, self.secrets[name])
        environment.update(
            ANSIBLE_CALLBACKS_ENABLED="task_log,ansible.builtin.junit,ansible.builtin.tree",
            ANSIBLE_CALLBACK_TREE_DIR=str(self.place / "tree"),
            JUNIT_OUTPUT_DIR=str(self.place / "junit"),
            ANSIBLE_LOG_PATH=str(self.place / "ansible.log"),
            ANSIBLE_CACHE_PLUGIN="ansible.builtin.jsonfile",
            ANSIBLE_CACHE_PLUGIN_CONNECTION=str(self.place / "facts"),
            ANSIBLE_CONNECTION_PLUGINS=str(CONNECTIONS),
            ANSIBLE_REMOTE_TMP=str(self.place / "remote"),
            ANSIBLE_ASYNC_DIR=str(self.place / "async"),
        )

    def give(self, name: str, value: str) -> str:
        """Have a secret in a file, for playbooks to look up; returns the template that does."""
        self.secrets[name] = value
        file = self.place / "given" / name.replace(" ", "-")
        file.write_text(value)
        return "{{ lookup('ansible.builtin.file', '" + str(file) + "') }}"

    def given(self, name: str) -> str:
        return self.give(name, self.secrets[name])

    def account(self) -> Account:
        """The same account for tasks without Ansible; it shares the token cache."""
        return Account(
            self.emulator, self.place / "home", {"JCR_TOKEN_CACHE": self.books.environment["JCR_TOKEN_CACHE"]}
        )

    def play(self, *plays: Play, options: t.Sequence[str] = LOUD, **environment: str) -> Run:
        """Run plays, and remember all that could be seen of it."""
        return self._watch(
            lambda: self.books.play(json.dumps(plays), *options, inventory=self._inventory()), environment
        )

    def named(self, name: str, variables: dict[str, t.Any], **environment: str) -> Run:
        """Run one of the collection's playbooks, and remember all that could be seen of it."""
        return self._watch(lambda: self.books.run(name, variables, *LOUD), environment)

    def _watch(self, start: t.Callable[[], Run], environment: dict[str, str]) -> Run:
        before = dict(self.books.environment)
        self.books.environment.update(environment)
        with ProcessSampler(os.getpid(), self.place / "heartbeat") as sampler:
            run = start()
        self.books.environment = before
        self._samplers.append(sampler)
        self._seen.append((run.output, f"output of run {len(self._seen) + 1}"))
        self._seen.append(((self.place / "tasks.jsonl").read_text(), f"callback of run {len(self._seen) + 1}"))
        self.learn()
        return run

    def learn(self) -> None:
        """Take the tokens that were issued among the secrets."""
        for registry in self.emulator.state(secrets=True)["registries"]:
            for number, token in enumerate(registry["tokens"]):
                self.secrets[f"password {number} of {registry['name']}"] = token["password"]
                self.secrets[f"token {number} of {registry['name']}"] = token["authorization_token"]

    def _inventory(self) -> str:
        far = {
            "ansible_connection": "jcr_test",
            "ansible_python_interpreter": sys.executable,
            "jcr_test_home": self.place / "far" / "home",
            "jcr_test_record": self.place / "far" / "record",
        }
        local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        return "\n".join(
            " ".join([name, *(f"{key}={value}" for key, value in variables.items())])
            for name, variables in (("localhost", local), ("far", far))
        )

    def found(self) -> list[Leak]:
        """All leaks so far. Call it at the end: a secret may be known only after it leaked."""
        scanner = Scanner(self.secrets)
        leaks = [leak for text, where in self._seen for leak in scanner.scan(text, where)]
        for sampler in self._samplers:
            leaks += sampler.leaks(scanner, scanner)
        leaks += scanner.scan_tree(self.place, self.homes_of_secrets())
        leaks += scanner.scan(json.dumps(self.emulator.requests()), "request log of the emulator")
        return leaks

    def told_by_engine(self) -> list[Leak]:
        """The leaks in the Docker Engine's log, which quotes what a registry says."""
        log = Path(self.engine.directory).parent / "dockerd.log"
        return Scanner(self.secrets).scan(log.read_bytes(), "log of the engine")

    def homes_of_secrets(self) -> list[Path]:
        """Where secrets belong. What the far host was sent holds the password that it needs."""
        files = [self.place / "docker" / "config.json", self.place / "far" / "home" / "docker" / "config.json"]
        folders = [self.place / name for name in ("tokens", "given", "home/.jdc", "far/record")]
        return files + folders + list((self.place / "files").glob("*.xlsx"))

    def assert_private(self) -> None:
        """Files with secrets are for their owner only."""
        homes = [home for home in self.homes_of_secrets() if home.name not in ("given", "record")]
        files = [file for home in homes for file in (home.rglob("*") if home.is_dir() else [home]) if file.is_file()]
        assert {str(file): oct(file.stat().st_mode & 0o077) for file in files if file.stat().st_mode & 0o077} == {}
        assert oct((self.place / "tokens").stat().st_mode & 0o777) == "0o700"

    def assert_silent(self) -> None:
        """Nothing leaked, and nothing with a secret was left behind."""
        assert self.found() == []
        self.assert_private()
        assert list(self.place.rglob("AnsiballZ*")) == []


@pytest.fixture
def watched(emulator: RunningEmulator, docker_engine: RunningEngine, tmp_path: Path) -> Watched:
    write_builds(tmp_path / "build")
    return Watched(tmp_path, emulator, docker_engine)


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[str]:
    """Somebody else's registry, which wants a login; its host."""
    with upstream(tmp_path_factory.mktemp("foreign") / "upstream") as host:
        yield host


@pytest.fixture
def source(docker_engine: RunningEngine) -> t.Iterator[str]:
    """A local image that no other test has."""
    name = f"source-{secrets.token_hex(4)}:latest"
    image_id = images.load(docker_engine.docker_host, images.runnable(name, message=name))
    yield name
    with contextlib.closing(docker.APIClient(docker_engine.docker_host)) as client:
        client.remove_image(image_id, force=True)


def task(module: str, options: dict[str, t.Any], name: str = "", **keywords: t.Any) -> dict[str, t.Any]:
    module = module if "." in module else f"jdcloud.jcr.{module}"
    return {"name": name or f"{module} {options.get('state', '')}", module: options, **keywords}


def a_play(tasks: list[dict[str, t.Any]], hosts: str = "localhost", **keywords: t.Any) -> Play:
    return {"hosts": hosts, "gather_facts": False, "tasks": tasks, **keywords}


def show(variable: str) -> dict[str, t.Any]:
    return task("ansible.builtin.debug", {"var": variable}, f"show {variable}")


def in_both_ways(*tasks: dict[str, t.Any], **keywords: t.Any) -> list[Play]:
    return [a_play(list(tasks), vars={"jcr_in_process": way}, **keywords) for way in (True, False)]


# --- success ---------------------------------------------------------------------------------------------------------


def looks(source: str) -> list[dict[str, t.Any]]:
    """What only looks, while there is a token; all that is returned is shown."""
    here = {"registry": REGISTRY}
    tasks = [
        task("jcr_registry_info", {}),
        task("jcr_repository_info", here),
        task("jcr_image_info", {**here, "config": True}),
        task("jcr_token_info", here),
        task("jcr_quota_info", {}),
        task("jcr_preflight", {"registries": [{"name": REGISTRY, "tokens_needed": 1}], "images": [source]}),
    ]
    return [step for look in tasks for step in (look | {"register": "seen"}, show("seen"))]


def other_sources(watched: Watched, image: dict[str, t.Any], foreign: str) -> list[dict[str, t.Any]]:
    """What is pushed without an engine: an archive, and an image of a registry that wants another login."""
    image = {**image, "show_progress": True}
    copy = {**image, "from_image": f"{foreign}/library/nginx:1.27", "from_username": USER, "tag": "nginx"}
    good, wrong = watched.give("login elsewhere", UPSTREAM_PASSWORD), watched.give("wrong login", f"wrong{STRANGE}")
    return [
        task("jcr_image", {**image, "archive": str(watched.place / "build" / "app.tar"), "tag": "app"}, register="app"),
        show("app"),
        task("jcr_image", {**copy, "from_password": wrong}, register="app", failed_when="app is not failed"),
        show("app"),
        task("jcr_image", {**copy, "from_password": good}, register="app"),
        show("app"),
    ]


def all_modules(watched: Watched, source: str, foreign: str) -> list[Play]:
    """Every module with every state, in both ways and on another host; each option that takes a secret is used."""
    here, image = {"registry": REGISTRY}, {"registry": REGISTRY, "repository": REPOSITORY}
    keys = {"access_key": watched.emulator.access_key, "secret_key": watched.given("secret key")}
    security = {"JDCLOUD_SECURITY_TOKEN": watched.given("security token")}
    logins = [task("jcr_login", {**here, "state": state}) for state in ("present", "absent")]

    def file(name: str) -> str:
        return str(watched.place / "files" / f"{name}.xlsx")

    both = in_both_ways(
        task("jcr_registry", {"name": REGISTRY, **keys}),
        task(
            "jcr_repository",
            {"registry": REGISTRY, "name": REPOSITORY, "security_token": watched.given("security token")},
        ),
        task("jcr_token", {**here, "dest": file("{{ jcr_in_process }}")}, register="plain"),
        task("jcr_token", {**here, "return_secret": True}, register="secret"),
        task(
            "jcr_token", {**here, "return_secret": True}, loop=[1, 2], register="secrets", until="secrets is succeeded"
        ),
        show("plain"),
        task("ansible.builtin.set_fact", {"cacheable": True, "kept": "{{ plain }}"}),
        task("ansible.builtin.assert", {"that": "secret.token.password | length > 8", "quiet": True}, no_log=True),
        task(
            "jcr_image", {**image, "source": source, "tags": ["1.0", "latest"]}, register="pushed", environment=security
        ),
        show("pushed"),
        task("jcr_image", {**image, "state": "pulled"}),
        *other_sources(watched, image, foreign),
        *looks(source),
        task("jcr_token", {**here, "state": "rotated", "dest": file("rotated")}, register="plain"),
        show("plain"),
        *logins,
        task("jcr_image", {**image, "state": "absent", "tag": "1.0"}),
    )
    docker_host = {"docker_host": watched.engine.docker_host}
    far = [task("jcr_login", {**here, "config_path": "~/docker/config.json"}, environment={**security, "OTHER": "1"})]
    far.append(task("jcr_image", {**image, "state": "pulled", **docker_host}))
    archive = {"archive": str(watched.place / "build" / "app.tar"), "show_progress": True}
    far.append(task("jcr_image", {**image, **archive, "tag": "far"}))
    last = [
        task("jcr_token", {**here, "cache": str(watched.place / "tokens" / "elsewhere"), "dest": file("console")}),
        task("jcr_token", {**here, "source_xlsx": file("console")}, register="plain"),
        show("plain"),
        task("jcr_token", {**here, "source_xlsx": file("console")}, vars={"jcr_in_process": False}),
        task(
            "jcr_token",
            {**here, "token": watched.give("foreign token", "amRjbG91ZDpub3Qtb25lLW9mLW91cnM="), "state": "absent"},
        ),
        task(
            "jcr_token",
            {**here, "hours": 20, "min_remaining": 900},
            environment=security,
            vars={"jcr_in_process": False},
        ),
        task("jcr_token", {**here, "all": True, "state": "absent"}),
    ]
    return [*both, a_play(far, "far"), a_play(last)]


@pytest.mark.parametrize("callback", ["default", "minimal", "oneline"])
def test_success(watched: Watched, source: str, foreign: str, callback: str) -> None:
    watched.emulator.settings({"mfa": False, "mfa_tokens": [watched.secrets["security token"]]})
    plays = all_modules(watched, source, foreign)
    if callback != "default":  # how a callback prints does not depend on the way in which a task ran
        plays = [plays[0], *plays[2:]]
    run = watched.play(*plays, ANSIBLE_STDOUT_CALLBACK=f"ansible.builtin.{callback}")
    assert run.code == 0, run.output
    assert len([name for name in watched.secrets if name.startswith("password")]) == len(plays) + 1
    for place in ("ansible.log", "tree/localhost", "facts/*localhost", "junit/*.xml"):
        assert [file for file in watched.place.glob(place) if file.stat().st_size > 100], f"{place} is looked through"
    watched.assert_silent()
    assert watched.told_by_engine() == []


def test_check_mode(watched: Watched, source: str, foreign: str) -> None:
    tasks = all_modules(watched, source, foreign)[0]["tasks"]
    harmless = [entry for entry in tasks if "ansible.builtin.assert" not in entry]
    run = watched.play(*in_both_ways(*harmless)[:1], options=(*LOUD, "--check"))
    assert run.code == 0, run.output
    assert found_issues(watched) == 0
    assert watched.found() == []


def found_issues(watched: Watched) -> int:
    return sum(entry["token_issued"] for entry in watched.emulator.requests())


# --- failures --------------------------------------------------------------------------------------------------------


def spelled(secret: str) -> str:
    """A text in which somebody repeats a secret in several ways."""
    encoded = base64.b64encode(f"jdcloud:{secret}".encode()).decode()
    return f"you said {secret} and {encoded} and {json.dumps(secret)} and {base64.b64encode(secret.encode()).decode()}"


Fault: t.TypeAlias = tuple[str, t.Any, str]  # the registry that it strikes, what happens, kind of the error


def on_reading(key: str) -> list[Fault]:
    """What becomes of describeRegistry when others repeat the secret key."""
    foreign = {"wrong_type": {"member": "result.registry.registryUri", "value": "evil.example.com"}}
    return [
        ("f-refused", {"status": {"http": 403, "message": spelled(key)}}, "forbidden"),
        ("f-html", {"body": {"text": f"<p>{spelled(key)}", "content_type": f"text/html; a={key}"}}, "protocol"),
        ("f-edge", {"body": {"text": "<p>" + 190 * "x" + key, "http": 502}}, "server"),
        ("f-type", {"body": {"text": json.dumps({"requestId": key, "result": {"registry": key}})}}, "protocol"),
        ("f-hang", "hang", "unreachable"),
        ("f-redirect", {"redirect": {"location": f"https://{key}@evil.example.com/{key}"}}, "protocol"),
        (f"{REGISTRY}-foreign", foreign, "host_not_allowed"),
    ]


def on_issuing(key: str) -> list[Fault]:
    """What becomes of getAuthorizationToken: in some of these the token is on its way."""
    return [
        ("i-lost", "lost_answer", FOUND_AGAIN),
        ("i-type", {"wrong_type": {"member": "result.expiresAt", "value": [1]}}, FOUND_AGAIN),
        ("i-cut", {"cut": {"after_bytes": 150}}, FOUND_AGAIN),
        ("i-echo", {"status": {"http": 400, "message": spelled(key)}}, "invalid_argument"),
    ]


def other_failures(watched: Watched, source: str) -> list[tuple[str, str, dict[str, t.Any]]]:
    """Name, kind of the error, and task."""
    image = {"registry": REGISTRY, "repository": REPOSITORY, "source": source}
    key = watched.give("wrong key", f"wrong-key-{secrets.token_hex(8)}")
    blank = watched.give("blank key", f"blank key with words {secrets.token_hex(8)}")
    wrong = {"access_key": "nobody", "secret_key": key}
    here = {"registry": REGISTRY}
    warned_and_refused = [{"name": "f-refused"}, {"name": "f-html"}]
    missing = {"docker_host": "unix:///nonexistent/docker.sock"}
    file = str(watched.place / "files" / "console.xlsx")
    late = task("jcr_token", {**here, "return_secret": True}) | {"async": 60}
    return [
        ("push refused", "transfer_refused", task("jcr_image", image)),
        ("no engine", "engine", task("jcr_image", {**image, **missing})),
        ("wrong key", "authentication", task("jcr_login", {**here, **wrong})),
        ("half a key", "credentials", task("jcr_registry", {"name": "abcd", "secret_key": key})),
        ("blank key", "credentials", task("jcr_registry", {"name": "abcd", **wrong, "secret_key": blank})),
        ("bad option", "configuration", task("jcr_registry", {"name": "abcd", "nonsense": 1, **wrong})),
        ("bad choice", "configuration", task("jcr_token", {**here, "state": "here", "token": key})),
        ("bad target", "file", task("jcr_token", {**here, "dest": "/proc/nowhere/x.xlsx"})),
        ("sixth token", "token_budget", task("jcr_token", {**here, "hours": 24, "min_remaining": 1400})),
        ("late secret", "configuration", late),
        ("echoed rotation", "invalid_argument", task("jcr_token", {"registry": "i-echo", "state": "rotated"})),
        ("cut rotation", FOUND_AGAIN, task("jcr_token", {"registry": "i-cut", "state": "rotated", "retries": 0})),
        ("another one's file", "file", task("jcr_token", {"registry": "i-type", "source_xlsx": file})),
        ("refused look", "forbidden", task("jcr_registry_info", {"name": "f-refused"})),
        ("look with a wrong key", "authentication", task("jcr_token_info", {**here, **wrong})),
        ("preflight", "preflight_failed", task("jcr_preflight", {"registries": warned_and_refused})),
        ("preflight with a wrong key", "preflight_failed", task("jcr_preflight", wrong)),
    ]


def failures(watched: Watched, source: str) -> tuple[list[dict[str, t.Any]], dict[str, str]]:
    """Tasks that fail, and each one's kind of error; puts the faults in force that make them fail."""
    key, password = watched.secrets["secret key"], watched.secrets[f"password 4 of {REGISTRY}"]
    reading, issuing = on_reading(key), on_issuing(key)
    refusal = {"status": {"http": 403, "status": "DENIED", "message": spelled(password)}}
    matches = [({"operation": "describeRegistry", "path_regex": f"/{row[0]}$"}, row[1]) for row in reading]
    matches += [({"operation": "getAuthorizationToken", "path_regex": f"/{row[0]}:"}, row[1]) for row in issuing]
    matches += [({"plane": "data", "path_regex": "/uploads/"}, refusal)]
    watched.emulator.faults([{"match": match, "times": None, "action": action} for match, action in matches])
    calm = {"retries": 0, "timeout": 2, "return_secret": True}
    tasks = [(name, kind, task("jcr_token", {"registry": name, **calm})) for name, _action, kind in reading + issuing]
    tasks += other_failures(watched, source)
    for name, _kind, entry in tasks:
        entry.update(name=name, ignore_errors=True, register="failed")
    return [*(entry for _name, _kind, entry in tasks), show("failed")], {name: kind for name, kind, _entry in tasks}


@pytest.mark.parametrize("callback", ["default", "minimal"])
def test_failures(watched: Watched, source: str, callback: str) -> None:
    """The service, a proxy and the registry even repeat the secrets that they were given."""
    account = watched.account()
    watched.emulator.settings({"registry_quota": 20})
    for name in (REGISTRY, f"{REGISTRY}-foreign", "i-lost", "i-type", "i-cut", "i-echo"):
        assert run_here(account, "jcr_registry", {"name": name})["changed"]
    assert run_here(account, "jcr_repository", {"registry": REGISTRY, "name": REPOSITORY})["changed"]
    for hours in range(1, 6):  # the last one is that which a push is given
        run_here(account, "jcr_token", {"registry": REGISTRY, "hours": hours, "min_remaining": hours * 60 - 30})
    run_here(account, "jcr_token", {"registry": REGISTRY, "dest": str(watched.place / "files" / "console.xlsx")})
    watched.learn()
    tasks, kinds = failures(watched, source)
    plays = in_both_ways(*tasks) if callback == "default" else [a_play(tasks)]
    run = watched.play(*plays, ANSIBLE_STDOUT_CALLBACK=f"ansible.builtin.{callback}")
    assert run.code == 0, run.output
    for name, kind in kinds.items():
        for ended in run.of(name):
            assert (ended.status == "ok") is (kind == FOUND_AGAIN), name
            assert kind == FOUND_AGAIN or ended.result["error"]["kind"] == kind, ended.result["msg"]
    told = " ".join(failed.result["msg"] for name in ("f-refused", "f-html", "push refused") for failed in run.of(name))
    assert told.count(MASK) >= 3 * len(plays), "the repeated secrets stood where they would have been shown"
    watched.learn()
    watched.assert_silent()


def test_failures_on_another_host(watched: Watched, source: str) -> None:
    """The step there gets a password, and fails."""
    account = watched.account()
    run_here(account, "jcr_registry", {"name": REGISTRY})
    run_here(account, "jcr_repository", {"registry": REGISTRY, "name": REPOSITORY})
    run_here(account, "jcr_token", {"registry": REGISTRY})
    watched.learn()
    refusal = {"http": 403, "status": "DENIED", "message": spelled(watched.secrets[f"password 0 of {REGISTRY}"])}
    match = {"plane": "data", "path_regex": "/uploads/"}
    watched.emulator.faults([{"match": match, "times": None, "action": {"status": refusal}}])
    image = {"registry": REGISTRY, "repository": REPOSITORY, "source": source}
    file = watched.place / "far" / "home" / "a-file"
    file.touch()
    run = watched.play(
        a_play(
            [
                task("jcr_image", {**image, "docker_host": watched.engine.docker_host}),
                task("jcr_login", {"registry": REGISTRY, "config_path": f"{file}/config.json"}),
                task("jcr_login", {"registry": REGISTRY}, vars={"ansible_python_interpreter": "/nonexistent/python"}),
            ],
            "far",
            ignore_errors=True,
        )
    )
    assert [failed.result["error"]["kind"] for failed in run.tasks] == ["transfer_refused", "file", "error"]
    assert MASK in run.tasks[0].result["msg"]
    watched.assert_silent()


# --- defects ---------------------------------------------------------------------------------------------------------

# Libraries that fail in a way nobody foresaw, and say all they know.
DEFECTS = """
import hmac, os

if os.environ.get("TEST_DEFECT") == "hmac":
    right = hmac.new
    def new(key, *rest, **more):
        if key.startswith(b"JDCLOUD3"):
            raise RuntimeError(f"no HMAC with {key!r}")
        return right(key, *rest, **more)
    hmac.new = new

if os.environ.get("TEST_DEFECT") == "openpyxl":
    from openpyxl.cell.cell import Cell
    values = []
    def put(self, value):
        values.append(value)
        if len(values) == 12:  # the names and values of six lines, both secrets among them
            raise RuntimeError(f"cannot put {values}")
    Cell.value = property(lambda self: None, put)

if os.environ.get("TEST_DEFECT") == "docker":
    import docker
    def push(self, *words, **options):
        raise RuntimeError(f"cannot push {words} {options}")
    docker.APIClient.push = push
"""


@pytest.mark.parametrize("library", ["hmac", "openpyxl", "docker"])
def test_defects(watched: Watched, source: str, library: str) -> None:
    """Exceptions that nobody expects, with secrets in their texts; Ansible itself would print them."""
    account = watched.account()
    run_here(account, "jcr_registry", {"name": REGISTRY})
    run_here(account, "jcr_repository", {"registry": REGISTRY, "name": REPOSITORY})
    run_here(account, "jcr_token", {"registry": REGISTRY})
    (watched.place / "defects").mkdir()
    (watched.place / "defects" / "sitecustomize.py").write_text(DEFECTS)
    variables = {"PYTHONPATH": f"{watched.place}/defects:{os.environ.get('PYTHONPATH', '')}", "TEST_DEFECT": library}
    image = {"registry": REGISTRY, "repository": REPOSITORY, "source": source}
    tasks = {
        "hmac": [task("jcr_registry", {"name": "abcd"})],
        "openpyxl": [task("jcr_token", {"registry": REGISTRY, "dest": str(watched.place / "files" / "x.xlsx")})],
        "docker": [task("jcr_image", image)],
    }[library]
    plays = in_both_ways(*(entry | {"ignore_errors": True} for entry in tasks))
    if library == "docker":
        far = task("jcr_image", {**image, "docker_host": watched.engine.docker_host}, ignore_errors=True)
        plays.append(a_play([far], "far", environment=variables))
    run = watched.play(*plays, **variables)
    assert len(run.tasks) == len(plays)
    for failed in run.tasks:
        assert failed.status == "failed"
        assert "nternal error in" in failed.result["msg"], failed.result["msg"]
        assert failed.result["error"]["kind"] == "error"
        assert MASK in failed.result["msg"]
    watched.assert_silent()


# --- playbooks and roles ---------------------------------------------------------------------------------------------


def test_demo(watched: Watched, source: str) -> None:
    """The playbooks with all roles: first without an engine, then to the end, and torn down again."""
    repositories = [{"name": REPOSITORY}, {"name": "shop/worker"}]
    variables = {
        "demo_registry": REGISTRY,
        "demo_repositories": repositories,
        "demo_source": source,
        "demo_directory": str(watched.place / "files"),
    }
    broken = watched.named("demo", variables, DOCKER_HOST="unix:///nonexistent/docker.sock")
    assert broken.code != 0 and "Docker Engine" in broken.failure
    run = watched.named("demo", variables)
    assert run.code == 0, run.output
    assert found_issues(watched) == 1
    declared = {"provision_registries": [{"name": REGISTRY, "repositories": repositories}]}
    gone = watched.named("teardown", {**declared, "teardown_confirm": True})
    assert gone.code == 0, gone.output
    watched.assert_silent()
    assert watched.told_by_engine() == []


# --- the proof that leaks would be found -----------------------------------------------------------------------------

PASSWORD, TOKEN = "{{ secret.token.password }}", "{{ secret.token.authorization_token }}"
# A process that lives until it has been looked at.
WAIT = "import os, sys, time\nsize = lambda: os.path.getsize(sys.argv[1])\nend = size() + 3\n"
WAIT += "while size() < end: time.sleep(0.01)"
PLANTED = {
    # how to leak on purpose, and where it has to be found
    "output": (task("ansible.builtin.debug", {"var": "secret"}), "output of run"),
    "callback": (task("ansible.builtin.debug", {"msg": PASSWORD}), "callback of run"),
    "log": (task("ansible.builtin.debug", {"msg": PASSWORD}), "/ansible.log"),
    "tree": (task("ansible.builtin.debug", {"msg": PASSWORD}), "/tree/localhost"),
    "junit": (task("ansible.builtin.debug", {"msg": PASSWORD}), "/junit/"),
    "fact cache": (
        task("ansible.builtin.set_fact", {"cacheable": True, "leak": PASSWORD}, no_log=True),
        "/facts/",
    ),
    "file": (
        task("ansible.builtin.copy", {"content": TOKEN, "dest": "left", "mode": "0600"}, no_log=True),
        "/left",
    ),
    "command line": (
        task("ansible.builtin.command", {"argv": [sys.executable, "-c", WAIT, "heartbeat", PASSWORD]}, no_log=True),
        "command line of " + sys.executable,
    ),
    "environment": (
        task("ansible.builtin.command", {"argv": [sys.executable, "-c", WAIT, "heartbeat"]}, no_log=True,
             environment={"LEAK": "{{ secret.token.password | b64encode }}"}),
        "environment of " + sys.executable,
    ),
}  # fmt: skip


def test_leaks_would_be_found(watched: Watched) -> None:
    """Each planted leak, and only in the place where it was planted or in one that copies it."""
    run_here(watched.account(), "jcr_registry", {"name": REGISTRY})
    token = task("jcr_token", {"registry": REGISTRY, "return_secret": True}, register="secret")
    quiet = watched.play(a_play([token]))
    assert quiet.code == 0, quiet.output
    assert watched.found() == []
    for way, (leak, place) in PLANTED.items():
        run = watched.play(a_play([token, leak]))
        assert run.code == 0, run.output
        assert any(place in found.where for found in watched.found()), way
