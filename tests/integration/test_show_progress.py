# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ansible-playbook shows of a push while it runs. No Docker Engine has a part in it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import typing as t
from pathlib import Path

import pytest

from tests.emulator_tests.registry import Account
from tests.support import images
from tests.support.emulator import RunningEmulator
from tests.support.playbooks import CONNECTIONS, Playbooks, hosts, playbooks

REGISTRY, REPOSITORY, TAGS = "progress-tests", "shop/web", ["1.0", "stable"]
TASK = "TASK [jdcloud.jcr.publish : Push images]"
LINE = re.compile(r"\[localhost\] (pushing|layer|tag|done|failed)\b.*")
BLOBS = ["layer"] * 3  # two layers and the config
HANGING = {"match": {"plane": "data", "operation": "putManifest"}, "times": None, "action": "hang"}


@pytest.fixture
def books(emulator: RunningEmulator, tmp_path: Path) -> Playbooks:
    Account(emulator).declare(REGISTRY, REPOSITORY)
    return playbooks(tmp_path, emulator, "unix:///nowhere")


@pytest.fixture
def told(books: Playbooks) -> dict[str, t.Any]:
    archive = books.place / "web.tar"
    archive.write_bytes(images.layered("web:1", 2, 10_000, seed=9).data())
    image = {"archive": str(archive), "repository": REPOSITORY, "tags": TAGS}
    return {"publish_registry": REGISTRY, "publish_images": [image], "publish_show_progress": True}


def shown(lines: t.Iterable[str]) -> list[str]:
    """The kinds of the lines about progress, in their order."""
    return [found[1] for found in map(LINE.match, lines) if found]


def test_layers_are_shown_while_the_task_runs(
    books: Playbooks, emulator: RunningEmulator, told: dict[str, t.Any]
) -> None:
    """The registry never answers to the manifest, so that all that is seen is seen before the task's end."""
    emulator.faults([HANGING])
    process = books.start("publish", told)
    seen: list[str] = []
    try:
        for line in process.stdout:
            seen.append(line)
            if len(shown(seen)) == 1 + len(BLOBS):
                break
        assert shown(seen) == ["pushing", *BLOBS], "".join(seen)
        assert process.poll() is None
        assert not emulator.state()["registries"][0]["repositories"][0]["images"]
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # the group that was made for it
        process.communicate()


def test_lines_stand_between_the_task_and_its_result(books: Playbooks, told: dict[str, t.Any]) -> None:
    predicted = books.run("publish", told, "--check")
    assert shown(predicted.output.splitlines()) == []
    done = books.run("publish", told)
    assert done.code == 0, done.output
    lines = done.output.splitlines()
    task = next(number for number, line in enumerate(lines) if line.startswith(TASK))
    result = next(number for number, line in enumerate(lines) if number > task and line.startswith("changed:"))
    assert shown(lines[task:result]) == shown(lines) == ["pushing", *BLOBS, "tag", "tag", "done"]
    assert predicted.outline == done.outline
    again = books.run("publish", told)
    assert again.code == 0 and again.changed == [] and shown(again.output.splitlines()) == []


def test_why_a_push_failed_is_shown(books: Playbooks, emulator: RunningEmulator, told: dict[str, t.Any]) -> None:
    refusal = {"status": {"http": 403, "status": "DENIED", "message": "no room"}}
    emulator.faults([{**HANGING, "action": refusal}])
    failed = books.run("publish", told)
    assert failed.code != 0
    lines = [line for line in failed.output.splitlines() if LINE.match(line)]
    assert shown(lines) == ["pushing", *BLOBS, "failed"] and "no room" in lines[-1]


def task(told: dict[str, t.Any], **options: t.Any) -> dict[str, t.Any]:
    (image,) = told["publish_images"]
    return {"jdcloud.jcr.jcr_image": {"registry": REGISTRY, **image, **options}}


@pytest.mark.parametrize(
    ("options", "keywords"),
    [
        ({}, {}),
        ({"show_progress": True}, {"no_log": True}),
        ({"show_progress": True}, {"vars": {"jcr_in_process": False}}),
    ],
    ids=["by default", "with no_log", "in a module's process"],
)
def test_nothing_is_shown(
    books: Playbooks, told: dict[str, t.Any], options: dict[str, t.Any], keywords: dict[str, t.Any]
) -> None:
    play = {"hosts": "localhost", "gather_facts": False, "tasks": [{**task(told, **options), **keywords}]}
    done = books.play(json.dumps([play]))
    assert done.code == 0 and len(done.changed) == 1, done.output
    assert shown(done.output.splitlines()) == []


def test_what_happens_on_another_host_is_shown_when_it_is_over(books: Playbooks, told: dict[str, t.Any]) -> None:
    books.environment["ANSIBLE_CONNECTION_PLUGINS"] = str(CONNECTIONS)
    progress = books.place / "progress.jsonl"
    far = {**told, "jcr_hosts": "web1", "publish_progress_file": str(progress)}
    done = books.run("publish", far, inventory=hosts(books, "web1"))
    assert done.code == 0, done.output
    expected = ["pushing", *BLOBS, "tag", "tag", "done"]
    assert shown(done.output.replace("[web1]", "[localhost]").splitlines()) == expected
    events = [json.loads(line)["event"] for line in progress.read_text().splitlines()]
    assert events == ["begin", *BLOBS, "tag", "tag", "end"]
