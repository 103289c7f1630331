# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Starts Docker's own registry (Debian's package docker-registry), to hold other registries against it."""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import subprocess
import time
import typing as t
from pathlib import Path

import requests

USER, PASSWORD = "reader", "not-a-secret"
# The bcrypt hash of that, which is what it wants to have in its file.
_HASH = "$2b$04$H9q.xxgu.GMk55BKKIWvvuyzPX8w2Q4jdtfOZSMHmg7uHTy9GEYm."

_PROGRAM = "docker-registry"
_LONGEST_START = 60.0
_POLL = 0.02
_ATTEMPTS = 5


def auth_file(directory: Path, host: str) -> Path:
    """A file with the login for C(host), as skopeo's --authfile takes it: no command line may show a password."""
    login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    path = directory / "auth.json"
    path.write_text(json.dumps({"auths": {host: {"auth": login}}}), encoding="utf-8")
    return path


@contextlib.contextmanager
def serve(directory: Path, *, login: bool = False) -> t.Iterator[str]:
    """Run it with its files in a directory; gives its base URL. It allows deleting.

    C(login): it asks for USER and PASSWORD, by Basic; otherwise it lets everybody in.
    """
    for _attempt in range(_ATTEMPTS):
        port = _free_port()
        process = _start(directory, port, login)
        try:
            if _answers(process, port):
                yield f"http://127.0.0.1:{port}"
                return
        finally:
            process.terminate()
            process.wait()
    log = (directory / "registry.log").read_text(encoding="utf-8", errors="replace")
    raise RuntimeError(f"{_PROGRAM} does not start: {log}")


def _start(directory: Path, port: int, login: bool) -> subprocess.Popen[bytes]:
    configuration: dict[str, t.Any] = {
        "version": "0.1",
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(directory / "data")}, "delete": {"enabled": True}},
        "http": {"addr": f"127.0.0.1:{port}"},
    }
    if login:
        users = directory / "htpasswd"
        users.write_text(f"{USER}:{_HASH}\n", encoding="utf-8")
        configuration["auth"] = {"htpasswd": {"realm": "docker-registry", "path": str(users)}}
    # YAML is what it reads; JSON is YAML.
    (directory / "registry.yml").write_text(json.dumps(configuration), encoding="utf-8")
    with (directory / "registry.log").open("wb") as log:
        command = [_PROGRAM, "serve", str(directory / "registry.yml")]
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    """Whether it answers, sooner or later; not if it ends, for instance because somebody else took the port."""
    give_up = time.monotonic() + _LONGEST_START
    with requests.Session() as session:
        session.trust_env = False
        while time.monotonic() < give_up and process.poll() is None:
            with contextlib.suppress(requests.ConnectionError):
                return session.get(f"http://127.0.0.1:{port}/v2/", timeout=_LONGEST_START).status_code in (200, 401)
            time.sleep(_POLL)
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
