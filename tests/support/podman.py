# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Podman's Docker-compatible service, with an image store of its own that is gone with the test's directory."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
import typing as t
from pathlib import Path

from tests.support.engine import answers

_LONGEST_START = 60.0  # seconds
_LONGEST_STOP = 30.0
_POLL = 0.02


@contextlib.contextmanager
def podman_service(home: Path, *plain_http: str) -> t.Iterator[str]:
    """A running service; gives what DOCKER_HOST takes. C(plain_http): registries that it speaks to without TLS."""
    home.mkdir(mode=0o700)
    socket = f"unix://{home}/podman.sock"
    with (home / "log").open("wb") as log:
        command = ["podman", "system", "service", "--time=0", socket]
        service = subprocess.Popen(command, env=_environment(home, plain_http), stdout=log, stderr=log)
    try:
        limit = time.monotonic() + _LONGEST_START
        while not answers(socket):
            assert service.poll() is None and time.monotonic() < limit, (home / "log").read_text(errors="replace")
            time.sleep(_POLL)
        yield socket
    finally:
        service.terminate()
        try:
            service.wait(_LONGEST_STOP)
        except subprocess.TimeoutExpired:
            service.kill()
            service.wait()


def _environment(home: Path, plain_http: t.Sequence[str]) -> dict[str, str]:
    """What keeps podman below one directory: without the last variable root shares a cache in /var."""
    files = {
        "storage.conf": f'[storage]\ndriver = "vfs"\nrunroot = "{home}/run"\ngraphroot = "{home}/root"\n',
        "containers.conf": f'[engine]\nlock_type = "file"\nevents_logger = "none"\ntmp_dir = "{home}/tmp"\n',
        "registries.conf": "unqualified-search-registries = []\n"
        + "".join(f'[[registry]]\nlocation = "{host}"\ninsecure = true\n' for host in plain_http),
    }
    for name, content in files.items():
        (home / name).write_text(content, encoding="utf-8")
    places = ("HOME", "TMPDIR", "XDG_RUNTIME_DIR", "XDG_DATA_HOME", "XDG_CONFIG_HOME")
    return {
        "PATH": os.environ["PATH"],
        **dict.fromkeys(places, str(home)),
        "REGISTRY_AUTH_FILE": str(home / "auth.json"),
        "CONTAINERS_CONF": str(home / "containers.conf"),
        "CONTAINERS_STORAGE_CONF": str(home / "storage.conf"),
        "CONTAINERS_REGISTRIES_CONF": str(home / "registries.conf"),
        "_CONTAINERS_ROOTLESS_UID": "1",
    }
