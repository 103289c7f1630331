# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A virtual environment made from a file of pinned requirements, remade only when something about it changed."""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.tooling.debian import install_packages
from tests.tooling.process import Log


@dataclass(frozen=True)
class VirtualEnvironment:
    """A folder with a Python of its own and the requirements' packages in it."""

    path: Path
    requirements: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.path / "bin" / "python"

    @property
    def packages(self) -> Path:
        """Its site-packages folder."""
        return self.path / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"

    @property
    def _stamp(self) -> Path:
        return self.path / "made-from.sha256"

    def is_current(self) -> bool:
        """Whether it was made from these requirements, for this path, with the Python that runs now."""
        return self._stamp.is_file() and self._stamp.read_text(encoding="ascii") == self._fingerprint()

    def make(self, log: Log) -> None:
        """Create it, or bring it up to date; nothing is downloaded that is there already.

        Raises:
            StepFailed: the Python cannot make virtual environments, or a package could not be installed.
        """
        if not self._is_usable():
            shutil.rmtree(self.path, ignore_errors=True)
            ensure_pip_is_at_hand(log)
            log.run(sys.executable, "-m", "venv", self.path)
        log.run(
            self.python,
            "-m",
            "pip",
            "install",
            "--disable-pip-version-check",
            "--no-input",
            "--requirement",
            self.requirements,
        )

    def stamp(self) -> None:
        """Remember what it was made from; the last act, so that a broken attempt is tried again."""
        self._stamp.write_text(self._fingerprint(), encoding="ascii")

    def _fingerprint(self) -> str:
        parts = (self.requirements.read_text(encoding="utf-8"), sys.version, sys.base_prefix, str(self.path))
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    def _is_usable(self) -> bool:
        """Whether what is there runs, is of the Python that runs now, and was not moved here from another place."""
        try:
            told = subprocess.run([self.path / "bin" / "pip", "--version"], capture_output=True, text=True, check=False)
            base = subprocess.run(
                [self.python, "-c", "import sys; print(sys.base_prefix, sys.version)"],
                capture_output=True,
                text=True,
                check=False,
            )
        except OSError:
            return False
        return base.stdout.rstrip("\n") == f"{sys.base_prefix} {sys.version}" and str(self.packages) in told.stdout


def ensure_pip_is_at_hand(log: Log) -> None:
    """Debian and Ubuntu keep the part of Python that puts pip into a new environment in a package of its own."""
    if importlib.util.find_spec("ensurepip") is None:
        install_packages([f"python{sys.version_info.major}.{sys.version_info.minor}-venv"], log)
