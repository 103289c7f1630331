# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`make demo`, as a person runs it: what it shows, how it fails, and that it leaves nothing behind."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import typing as t
from pathlib import Path

import pytest
import requests

from tests.demo.stage import image_names
from tests.support.engine import RunningEngine
from tests.tooling.process import CHECKOUT, MARK, VENV, command_line, processes_with

NOTHING = "(tokens issued: 0, writes: 0, bytes uploaded: 0)"
DENIED_PUSH = [
    {
        "match": {"operation": "startUpload"},
        "times": None,
        "action": {"status": {"http": 403, "status": "DENIED", "message": "no push today"}},
    }
]


@dataclasses.dataclass
class Person:
    """Somebody with an empty home and an empty temporary directory, whose processes can be told from all others."""

    home: Path
    temporary: Path
    mark: str
    environment: dict[str, str]

    def start(self, *options: str) -> subprocess.Popen[str]:
        """Start the demo; Ctrl-C is a signal to its process group, as in a terminal."""
        return subprocess.Popen(
            [sys.executable, "-m", "tests.demo", *options],
            cwd=CHECKOUT,
            env=self.environment,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def show(self, *options: str) -> tuple[int, str]:
        """Run the demo to its end; the exit code and everything it printed."""
        demo = self.start(*options)
        output, _nothing = demo.communicate()
        return demo.returncode, output

    @property
    def processes(self) -> list[str]:
        """What still runs of all that the demos of this person have started."""
        return [command_line(process) for process in processes_with(self.mark)]

    def has_nothing_left(self) -> None:
        assert self.processes == []
        assert os.listdir(self.temporary) == []
        assert os.listdir(self.home) == []


@pytest.fixture
def person(tmp_path: Path) -> t.Iterator[Person]:
    home, mark = tmp_path / "home", secrets.token_hex(8)
    home.mkdir()
    foreign = ("ANSIBLE_", "DOCKER_", "JDCLOUD_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    # Not in tmp_path, which is too long for the path of a Docker Engine's socket.
    with tempfile.TemporaryDirectory(prefix="t-") as temporary:
        environment = kept | {"HOME": str(home), "TMPDIR": temporary, MARK: mark}
        yield Person(home, Path(temporary), mark, environment)


@pytest.fixture
def user_with_engine(person: Person, docker_engine: RunningEngine) -> t.Iterator[Person]:
    """Somebody who has a Docker Engine already; the demo leaves it as it was."""
    person.environment["DOCKER_HOST"] = docker_engine.docker_host
    before = image_names(docker_engine.docker_host)
    yield person
    assert image_names(docker_engine.docker_host) == before


def path_without_docker(folder: Path) -> str:
    """A PATH with every program of this machine but the docker command."""
    folder.mkdir()
    for place in os.environ["PATH"].split(os.pathsep):
        for program in Path(place).glob("*"):
            if program.name != "docker":
                with contextlib.suppress(FileExistsError):
                    (folder / program.name).symlink_to(program)
    return str(folder)


def test_from_nothing_to_a_container_that_runs(person: Person) -> None:
    code, output = person.show("--private-engine")
    assert code == 0, output
    chapters = re.findall(r"^(\d)\. ", output, re.MULTILINE)
    assert chapters == ["0", "1", "2", "3", "4", "5"]
    assert len(re.findall(r"^  would change ", output, re.MULTILINE)) == 6
    assert len(re.findall(r"^  changed ", output, re.MULTILINE)) == 6
    # The plan and the second run; the first run issued one token.
    assert output.count(NOTHING) == 2
    assert "(tokens issued: 1, " in output
    assert "✓ changed=0; the emulator saw" in output
    # All repositories in one task, each in the plan, which is carried out and then found as it has to be.
    plan, run, again = (output.split(f"\n{number}. ")[1].partition("\n\n")[0] for number in (1, 2, 5))
    # What only looks (the preflight) changes nothing in the first run either.
    assert [len(re.findall(r"^  unchanged ", part, re.MULTILINE)) for part in (plan, run, again)] == [0, 1, 7]
    repositories = ["base/python", "shop/cart", "shop/mail", "shop/search", "shop/web", "shop/worker"]
    assert re.findall(r"^ +\+ (\w+/\w+)  registry: jcr-demo", plan, re.MULTILINE) == repositories
    for told in (plan, run):
        assert "in all                  created: 7, deleted: 0, drifted: 0, unchanged: 0" in told
    assert "in all                  created: 0, deleted: 0, drifted: 0, unchanged: 7" in again

    uri = re.search(r"^  registry +(127\.0\.0\.1:\d+) ", output, re.MULTILINE)
    digest = re.search(r"^  digest +(sha256:[0-9a-f]{64})$", output, re.MULTILINE)
    assert uri and digest, output
    assert f"    Digest: {digest[1]}" in output, "docker pull brought something else"
    assert f"    Status: Downloaded newer image for {uri[1]}/shop/web:latest" in output
    assert "    Hello from an image that came by way of JCR." in output
    assert re.search(rf"^  token +{re.escape(str(person.temporary))}/.*-token\.xlsx ", output, re.MULTILINE)
    assert re.search(r"^[0-9.]+ seconds in all\.$", output, re.MULTILINE)
    assert "\x1b" not in output, "there is no terminal to show colours"
    person.has_nothing_left()


def test_a_push_that_is_refused(user_with_engine: Person) -> None:
    """The message says what failed and why, what led to it is shown, and nothing is left."""
    code, output = user_with_engine.show("--faults", json.dumps(DENIED_PUSH))
    assert code == 1, output
    failed = re.search(r"^The demo failed: (.*)$", output, re.MULTILINE)
    assert failed, output
    assert "Push images" in failed[1] and "no push today" in failed[1]
    assert "403 POST /v2/shop/web/blobs/uploads/ (scripted fault)" in output
    assert "\n2. The run" in output and "\n3. " not in output
    assert "Traceback" not in output
    user_with_engine.has_nothing_left()


def test_ctrl_c(user_with_engine: Person) -> None:
    demo = user_with_engine.start()
    assert demo.stdout is not None
    with demo.stdout as output:
        told = ""
        for line in output:
            told += line
            if line.startswith("  changed ") and "Push images" in line:
                os.killpg(demo.pid, signal.SIGINT)
    assert demo.wait() == 130, told
    assert "\nInterrupted.\n" in told
    assert "\n3. " not in told
    user_with_engine.has_nothing_left()


def test_kept_for_ones_own_playbooks_and_without_a_docker_command(user_with_engine: Person, tmp_path: Path) -> None:
    user_with_engine.environment["PATH"] = path_without_docker(tmp_path / "bin")
    code, output = user_with_engine.show("--keep")
    assert code == 0, output
    assert "Skipped: docker pull and docker run" in output
    assert user_with_engine.processes

    lines = [line.strip() for line in output.partition("Left running for you")[2].splitlines()]
    dot, ad_hoc = lines[1], next(line for line in lines if line.startswith(str(VENV / "bin" / "ansible ")))
    stop = next(line for line in lines if "--stop" in line)
    environment = Path(dot.removeprefix(". "))
    assert environment.stat().st_mode & 0o777 == 0o600
    secret = re.search(r"^export JDCLOUD_SECRET_KEY=(.*)$", environment.read_text(), re.MULTILINE)
    assert secret and secret[1] not in output
    assert json.loads(environment.with_name("emulator.json").read_text())["admin"] in lines
    passwords = issued_passwords(environment.with_name("emulator.json"))
    assert len(passwords) == 1
    assert passwords[0] not in output

    made = shell(user_with_engine, f"{dot}; {ad_hoc}")
    assert "CHANGED" in made and "127.0.0.1:" in made
    assert "SUCCESS" in shell(user_with_engine, f"{dot}; {ad_hoc}")
    shell(user_with_engine, "rm -rf $HOME/.ansible")
    assert "Stopped everything" in shell(user_with_engine, stop)
    user_with_engine.has_nothing_left()


def test_only_the_directory_of_a_demo_is_removed(person: Person, tmp_path: Path) -> None:
    precious = tmp_path / "jcr-demo-not"
    precious.mkdir()
    code, output = person.show("--stop", str(precious))
    assert code == 1
    assert "is not the directory of a demo" in output
    assert precious.exists()


def issued_passwords(run_file: Path) -> list[str]:
    """The passwords of all tokens that the emulator of a run file has issued."""
    with requests.Session() as session:
        session.trust_env = False
        admin = json.loads(run_file.read_text())["admin"]
        state = session.get(f"{admin}/state", params={"secrets": "1"}, timeout=60).json()
    return [token["password"] for registry in state["registries"] for token in registry["tokens"]]


def shell(person: Person, command: str) -> str:
    """What a shell command prints; it has to succeed."""
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        env=person.environment,
        cwd=person.home,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout
