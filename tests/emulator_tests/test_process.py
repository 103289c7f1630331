# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The emulator as a process: how it starts, stops, and what it remembers."""

from __future__ import annotations

import json
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.emulator_tests.api import Api, login_status, password_of, pull, push
from tests.support.emulator import RunningEmulator, start

ROOT = Path(__file__).parents[2]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line to its end."""
    command = [sys.executable, "-m", "tests.emulator", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stops_cleanly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    places = {name: tmp_path / name for name in ("run", "temporary")}
    for place in places.values():
        place.mkdir()
    monkeypatch.setenv("TMPDIR", str(places["temporary"]))
    emulator = start(places["run"])
    run_file = places["run"] / "emulator.json"
    assert stat.S_IMODE(run_file.stat().st_mode) == 0o600
    told = json.loads(run_file.read_text(encoding="utf-8"))
    assert set(told) == {"pid", "endpoint", "admin", "access_key", "secret_key", "region"}
    assert told["pid"] == emulator.process.pid
    uri = Api(emulator).create_registry()["registryUri"]
    assert login_status(uri, "wrong") == 401
    emulator.process.send_signal(number)
    assert emulator.stop() == 0
    assert not run_file.exists()
    assert list(places["temporary"].iterdir()) == []
    assert (places["run"] / "emulator.err").read_bytes() == b""


def test_stops_although_a_request_hangs(tmp_path: Path) -> None:
    emulator = start(tmp_path)
    emulator.faults([{"action": "hang"}])
    host, port = emulator.endpoint.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(b"GET /v1/x HTTP/1.1\r\nHost: x\r\n\r\n")
        # Only a request that has arrived can hang.
        assert any(emulator.requests() for _try in range(1000))
        assert emulator.stop() == 0
        assert connection.recv(1) == b""


def filled(emulator: RunningEmulator) -> tuple[str, str, str, str]:
    """Put something of everything into an emulator; URI, digest, and two passwords, the second one released."""
    api = Api(emulator)
    uri = api.create_registry(description="kept")["registryUri"]
    api.create_repository("myrepo")
    good, released = api.issue()["authorizationToken"], api.issue()["authorizationToken"]
    digest = push(uri, "myrepo", ["v1"], password_of(good))
    api.result("POST", "registries/myregistry:releaseAuthorizationToken", {"authorizationToken": released})
    return uri, digest, password_of(good), password_of(released)


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_state_outlives_the_process(tmp_path: Path, end: str) -> None:
    emulator = start(tmp_path, state=tmp_path / "state")
    uri, digest, good, released = filled(emulator)
    before = emulator.state(secrets=True)["registries"]
    keys = (emulator.access_key, emulator.secret_key)
    getattr(emulator, end)()
    with start(tmp_path, state=tmp_path / "state") as again:
        assert again.state(secrets=True)["registries"] == before
        assert (again.access_key, again.secret_key) == keys
        api = Api(again)
        assert api.images()["imageDetails"][0]["imageDigest"] == digest
        assert (login_status(uri, good), login_status(uri, released)) == (200, 401)
        assert pull(uri, "myrepo", "v1", good) == 200
        for _number in range(3):
            api.issue()
        assert api.refusal("POST", "registries/myregistry:getAuthorizationToken", {}) == (429, "QUOTA_EXCEEDED")
        push(uri, "myrepo", ["v2"], good, b"more")


def test_nothing_is_kept_without_a_state_directory(tmp_path: Path) -> None:
    with start(tmp_path) as emulator:
        filled(emulator)
    with start(tmp_path) as again:
        assert again.state()["registries"] == []


def test_new_keys_replace_those_of_the_state(tmp_path: Path) -> None:
    with start(tmp_path, state=tmp_path / "state", keys=("AK1", "SK1")) as emulator:
        Api(emulator).create_registry()
    with start(tmp_path, state=tmp_path / "state", keys=("AK2", "SK2")) as again:
        api = Api(again)
        assert api.refusal("GET", "registries", key=("AK1", "SK1")) == (401, "ACCESS_ERROR")
        assert api.result("GET", "registries")["registries"][0]["name"] == "myregistry"


def test_start_options(tmp_path: Path) -> None:
    with start(tmp_path, now="20260101T123456Z", settings={"registry_quota": 1, "taken_names": ["a", "b"]}) as emulator:
        assert emulator.clock(frozen=True).startswith("2026-01-01T12:3")
        assert emulator.settings({"registry_quota": 3})["taken_names"] == ["a", "b"]
        emulator.reset()
        assert emulator.settings({})["registry_quota"] == 1
        assert emulator.clock().startswith("2026-01-01T12:3")


def test_two_emulators_do_not_share_a_state(tmp_path: Path) -> None:
    with start(tmp_path, state=tmp_path / "state"):
        second = run("--state", str(tmp_path / "state"))
    assert second.returncode == 2
    assert second.stderr == f"the emulator cannot start: another emulator works in {tmp_path / 'state'}\n"


def test_two_emulators_do_not_share_a_run_file(tmp_path: Path) -> None:
    run_file = tmp_path / "emulator.json"
    with start(tmp_path) as emulator:
        told = run_file.read_text(encoding="utf-8")
        second = run("--run-file", str(run_file))
        assert second.returncode == 2
        assert second.stderr == f"the emulator cannot start: another emulator runs with {run_file}\n"
        assert run_file.read_text(encoding="utf-8") == told
        assert emulator.state()["registries"] == []
    assert {file.name for file in tmp_path.iterdir()} == {"emulator.err"}


def test_a_run_file_that_was_left_behind_is_replaced(tmp_path: Path) -> None:
    run_file = tmp_path / "emulator.json"
    start(tmp_path).kill()
    left_behind = run_file.read_text(encoding="utf-8")
    command = [sys.executable, "-m", "tests.emulator", "--run-file", str(run_file)]
    with subprocess.Popen(command, cwd=ROOT) as process:
        try:
            while run_file.read_text(encoding="utf-8") == left_behind:
                assert process.poll() is None
                time.sleep(0.02)
            assert json.loads(run_file.read_text(encoding="utf-8"))["pid"] == process.pid
        finally:
            process.terminate()
    assert process.returncode == 0
    assert not run_file.exists()


def test_a_run_file_of_somebody_else_stays(tmp_path: Path) -> None:
    run_file = tmp_path / "emulator.json"
    emulator = start(tmp_path)
    run_file.unlink()
    run_file.write_text("mine")
    assert emulator.stop() == 0
    assert run_file.read_text() == "mine"


def test_ports_that_are_taken(tmp_path: Path) -> None:
    emulator = start(tmp_path, state=tmp_path / "state")
    uri = Api(emulator).create_registry()["registryUri"]
    emulator.stop()
    with socket.socket() as other:
        other.bind(("127.0.0.1", int(uri.partition(":")[2])))
        other.listen()
        result = run("--state", str(tmp_path / "state"))
        assert result.returncode == 2
        assert f"port {uri.partition(':')[2]} of registry myregistry cannot be opened" in result.stderr
        result = run("--port", uri.partition(":")[2])
        assert "of the emulator cannot be opened: Address already in use" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "colour=red"], "no setting colour"),
        (["--set", "mfa"], "a setting is KEY=VALUE"),
        (["--now", "yesterday"], "argument --now"),
        (["--port", "70000"], "is no port"),
        (["--access-key", "AK"], "belong together"),
        (["--access-key", "a/b", "--secret-key", "SK"], "a key is made of"),
    ],
)
def test_bad_command_lines(arguments: list[str], message: str) -> None:
    result = run(*arguments)
    assert result.returncode == 2
    assert message in result.stderr
