# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the collection's playbooks as a user would: by name, from an empty directory, credentials in the environment."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import typing as t
from pathlib import Path

from tests.support.emulator import RunningEmulator

CONNECTIONS = Path(__file__).with_name("connection_plugins")
_CALLBACKS = Path(__file__).with_name("callback_plugins")
# Variables of the caller that begin so could turn a run into another one.
_FOREIGN = ("ANSIBLE_", "DOCKER_", "JCR_", "JDCLOUD_")


@dataclasses.dataclass(frozen=True)
class Task:
    """What became of one task on one host. C(result) is what Ansible shows of it."""

    host: str
    task: str
    status: str
    result: dict[str, t.Any]

    @property
    def changed(self) -> bool:
        return bool(self.result.get("changed"))

    @property
    def items(self) -> list[bool]:
        """Whether each item of a loop changed something."""
        return [bool(item.get("changed")) for item in self.result.get("results", [])]

    @property
    def diffs(self) -> list[dict[str, t.Any]]:
        """What the task and the items of its loop told with C(--diff), as {before, after}, each by object."""
        results = [self.result, *self.result.get("results", [])]
        return [diff for result in results for diff in _as_list(result.get("diff"))]


def _as_list(value: t.Any) -> list[t.Any]:
    return value if isinstance(value, list) else [value] if value else []


@dataclasses.dataclass(frozen=True)
class Run:
    """One run of a playbook."""

    code: int
    output: str
    tasks: tuple[Task, ...]

    @property
    def changed(self) -> list[str]:
        """The tasks that changed something, with their role as Ansible names it."""
        return [task.task for task in self.tasks if task.changed]

    @property
    def objects(self) -> list[tuple[str, list[tuple[list[str], list[str]]]]]:
        """For each task with a diff the names of the objects before and after; some fields only a run knows."""
        told = [(task.task, task.diffs) for task in self.tasks if task.diffs]
        return [(name, [(sorted(diff["before"]), sorted(diff["after"])) for diff in diffs]) for name, diffs in told]

    @property
    def outline(self) -> list[tuple[str, str, str, bool, list[bool]]]:
        """What a prediction and the run that it predicts must have in common."""
        return [(task.host, task.task, task.status, task.changed, task.items) for task in self.tasks]

    def of(self, name: str) -> list[Task]:
        """The tasks of this name, one for each host."""
        return [task for task in self.tasks if task.task == name]

    @property
    def failure(self) -> str:
        """The message of the task that failed."""
        return next(_message(task.result) for task in self.tasks if task.status == "failed")


@dataclasses.dataclass
class Playbooks:
    """A user's place: working directory, home, docker configuration, token cache, all of them empty at first."""

    place: Path
    environment: dict[str, str]

    @property
    def docker_config(self) -> Path:
        return self.place / "docker" / "config.json"

    def run(self, name: str, variables: dict[str, t.Any], *options: str, inventory: str | None = None) -> Run:
        """Run playbook jdcloud.jcr.NAME to its end."""
        extra = self._write("variables.json", json.dumps(variables))
        return self._run(f"jdcloud.jcr.{name}", f"--extra-vars=@{extra}", *options, inventory=inventory)

    def play(self, content: str, *options: str, inventory: str | None = None) -> Run:
        """Run a playbook with this text to its end."""
        return self._run(str(self._write("playbook.yml", content)), *options, inventory=inventory)

    def start(self, name: str, variables: dict[str, t.Any], *options: str) -> subprocess.Popen[str]:
        """Start playbook jdcloud.jcr.NAME in a process group of its own; its output is to be read."""
        extra = self._write("variables.json", json.dumps(variables))
        return self._start(f"jdcloud.jcr.{name}", f"--extra-vars=@{extra}", *options, start_new_session=True)

    def _run(self, playbook: str, *options: str, inventory: str | None) -> Run:
        log = self.place / "tasks.jsonl"
        log.write_text("", encoding="utf-8")
        options = (f"--inventory={self._write('inventory.ini', inventory)}", *options) if inventory else options
        with self._start(playbook, *options) as process:
            try:
                output, _none = process.communicate()
            except BaseException:  # an interrupted test leaves no playbook behind
                process.kill()
                raise
        lines = log.read_text(encoding="utf-8").splitlines()
        return Run(process.returncode, output, tuple(Task(**json.loads(line)) for line in lines))

    def _start(self, playbook: str, *options: str, start_new_session: bool = False) -> subprocess.Popen[str]:
        work = self.place / "work"
        work.mkdir(exist_ok=True)
        command = [str(Path(sys.executable).with_name("ansible-playbook")), playbook]
        return subprocess.Popen(
            [*command, *options],
            cwd=work,
            env={**self.environment, "JCR_TASK_LOG": str(self.place / "tasks.jsonl")},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=start_new_session,
        )

    def _write(self, name: str, text: str) -> Path:
        file = self.place / name
        file.write_text(text, encoding="utf-8")
        return file


def playbooks(place: Path, emulator: RunningEmulator, docker_host: str) -> Playbooks:
    """A user's place in an empty directory, with an account at the emulator and a Docker Engine."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    (place / "home").mkdir()
    return Playbooks(
        place,
        kept
        | {
            "ANSIBLE_CALLBACKS_ENABLED": "task_log",
            "ANSIBLE_CALLBACK_PLUGINS": str(_CALLBACKS),
            "ANSIBLE_HOME": str(place / "ansible"),
            "ANSIBLE_NOCOLOR": "1",
            "DOCKER_CONFIG": str(place / "docker"),
            "DOCKER_HOST": docker_host,
            "HOME": str(place / "home"),
            "JCR_TOKEN_CACHE": str(place / "tokens"),
            "JDCLOUD_ACCESS_KEY": emulator.access_key,
            "JDCLOUD_ENDPOINT": emulator.endpoint,
            "JDCLOUD_REGION": emulator.region,
            "JDCLOUD_SECRET_KEY": emulator.secret_key,
            "LC_ALL": "C.UTF-8",
        },
    )


def hosts(books: Playbooks, *names: str, **variables: str) -> str:
    """An inventory of hosts behind the test's own connection, each with a home and a record."""
    lines = []
    for name in names:
        for folder in ("home", "record"):
            (books.place / name / folder).mkdir(parents=True, exist_ok=True)
        given = {
            "ansible_connection": "jcr_test",
            "ansible_python_interpreter": sys.executable,
            "jcr_test_home": str(books.place / name / "home"),
            "jcr_test_record": str(books.place / name / "record"),
            **variables,
        }
        lines.append(" ".join([name, *(f"{key}={value}" for key, value in given.items() if value)]))
    return "[far]\n" + "\n".join(lines) + "\n"


def _message(result: dict[str, t.Any]) -> str:
    """What a failed task says; of a loop, what its items say."""
    items = [item["msg"] for item in result.get("results", []) if item.get("failed")]
    return "\n".join(items) or str(result.get("msg"))
