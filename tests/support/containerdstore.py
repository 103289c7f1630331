# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Docker Engine that keeps its images in containerd's store, as Docker 29 does unless it is told otherwise.

dockerd knows that store from version 24 on. Where this machine's is older, one of a later Debian release is unpacked
into the checkout's cache (not installed) and used for that alone.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from tests.support.engine import RunningEngine, start
from tests.tooling.debian import SYSTEM_FOLDERS, unpack_packages
from tests.tooling.process import CACHE

SETTINGS = {"features": {"containerd-snapshotter": True}}

_FIRST_VERSION = 24
_RELEASE = "trixie"  # whose docker.io is of version 26, and runs on older releases
_PACKAGES = ("docker.io", "containerd")


def containerd_store_engine(directory: Path) -> RunningEngine:
    """A private engine with that store, which keeps its log in C(directory).

    Raises EngineUnavailable, or StepFailed where no such dockerd can be had.
    """
    installed = shutil.which("dockerd", path=os.pathsep.join((os.environ.get("PATH", os.defpath), SYSTEM_FOLDERS)))
    if installed and _version(installed) >= _FIRST_VERSION:
        return start(installed, directory, SETTINGS)
    unpacked = CACHE / f"docker-{_RELEASE}"
    unpack_packages(_PACKAGES, _RELEASE, unpacked)
    return start(str(unpacked / "usr/sbin/dockerd"), directory, SETTINGS, programs=unpacked / "usr/bin")


def _version(program: str) -> int:
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"version ([0-9]+)\.", told)
    return int(found[1]) if found else 0
