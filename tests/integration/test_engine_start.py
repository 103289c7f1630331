# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Engines that come and go: what the demo and the tests start, they end, and nothing is left of it."""

from __future__ import annotations

import os
import pathlib
import signal
import typing as t

import pytest

from ansible_collections.jdcloud.jcr.plugins.module_utils._engine import Engine
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import EngineError
from tests.support import engine as engines
from tests.support.engine import EngineUnavailable, RunningEngine, answers, find_or_start, main


def what_is_left(directory: pathlib.Path) -> list[t.Any]:
    """Files except the log, mounts, and processes that have to do with the directory."""
    files = [file for file in directory.rglob("*") if file.name != engines.LOG]
    mounts = [line for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines() if str(directory) in line]
    return [*files, *mounts, *processes_that_mention(str(directory))]


def processes_that_mention(text: str) -> list[bytes]:
    found = []
    for process in pathlib.Path("/proc").iterdir():
        if process.name.isdigit() and int(process.name) != os.getpid():
            try:
                command = (process / "cmdline").read_bytes()
            except OSError:  # it has ended
                continue
            found += [command] if text.encode() in command else []
    return found


@pytest.mark.parametrize("killed", [False, True], ids=["stopped", "killed before"])
def test_an_engine_is_gone_with_all_it_had(tmp_path: pathlib.Path, killed: bool) -> None:
    with find_or_start(tmp_path / "engine", reuse=False) as running:
        engine = Engine(running.docker_host)
        assert running.started
        assert engine.inspect("none") is None
        if killed:
            os.kill(running.pid, signal.SIGKILL)
    with pytest.raises(EngineError, match="not running") as caught:
        engine.inspect("none")
    assert "systemctl start docker" in caught.value.message
    assert what_is_left(tmp_path / "engine") == []
    assert (tmp_path / "engine" / engines.LOG).stat().st_size > 0


def test_start_and_stop_by_command_line(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    # Too long for a unix socket: the engine has to find another place.
    directory = tmp_path / ("long-" * 20)
    options = ["--private", "--directory", str(directory)]
    assert main(["start", *options]) == 0
    docker_host = capsys.readouterr().out.strip()
    try:
        assert answers(docker_host)
        assert main(["start", *options]) == 0
        assert capsys.readouterr().out.strip() == docker_host, "it runs already"
    finally:
        assert main(["stop", *options]) == 0
    assert not answers(docker_host)
    home = pathlib.Path(docker_host.removeprefix("unix://")).parent
    assert not home.exists()
    assert what_is_left(directory) == []
    assert main(["stop", *options]) == 0


def test_an_engine_that_answers_is_used_and_not_stopped(
    docker_engine: RunningEngine, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", docker_engine.docker_host)
    with find_or_start(tmp_path) as found:
        assert (found.docker_host, found.started) == (docker_engine.docker_host, False)
    assert answers(docker_engine.docker_host)


def test_a_dockerd_that_fails_shows_its_last_words(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    dockerd = tmp_path / "bin" / "dockerd"
    dockerd.parent.mkdir()
    dockerd.write_text("#!/bin/sh\necho cannot find a cgroup >&2\nexit 3\n", encoding="utf-8")
    dockerd.chmod(0o755)
    monkeypatch.setenv("PATH", str(dockerd.parent), prepend=os.pathsep)
    assert main(["start", "--private", "--directory", str(tmp_path / "engine")]) == 1
    assert capsys.readouterr().err == "dockerd ended with code 3; its last words:\ncannot find a cgroup\n"
    assert what_is_left(tmp_path / "engine") == []


def test_without_root_one_sentence_says_what_helps(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(EngineUnavailable, match="start Docker, set DOCKER_HOST, or run this as root"):
        find_or_start(tmp_path, reuse=False)


@pytest.mark.parametrize(
    ("apt", "told"),
    [(None, "install Docker Engine"), ("echo nothing to see\necho E: no network >&2\nexit 100\n", "E: no network")],
)
def test_without_dockerd(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, apt: str | None, told: str) -> None:
    program = tmp_path / "apt-get"
    if apt:
        program.write_text(f'#!/bin/sh\necho "$*" >> {tmp_path}/asked\n{apt}', encoding="utf-8")
        program.chmod(0o755)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(engines, "_search_path", lambda: str(tmp_path))
    with pytest.raises(EngineUnavailable, match=told) as caught:
        find_or_start(tmp_path / "engine", reuse=False)
    assert "\n" not in str(caught.value)
    if apt:
        install = "install --yes --quiet --no-install-recommends docker.io"
        asked = (tmp_path / "asked").read_text(encoding="utf-8").splitlines()
        assert asked == [install, "update --quiet", install]
