# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The vendor's own command-line client and SDK, in `.venv-jdc`: what the truth tests compare the collection with."""

from __future__ import annotations

from tests.tooling.process import CHECKOUT, Log
from tests.tooling.virtualenv import VirtualEnvironment

CLIENTS = VirtualEnvironment(CHECKOUT / ".venv-jdc", CHECKOUT / "tests" / "truth" / "requirements-jdc.txt")

# Measured with jdcloud_cli 1.2.12: it imports two names that Python 3.12 removed. SafeConfigParser had been an alias of
# ConfigParser for ten years, and of imp only the import is reached. On 3.11 both lines change nothing.
NAMES_GIVEN_BACK = """\
import configparser
import sys
import types

if sys.version_info >= (3, 12):
    configparser.SafeConfigParser = configparser.ConfigParser
    sys.modules.setdefault("imp", types.ModuleType("imp"))
"""


def install_clients(log: Log) -> None:
    """Make `.venv-jdc` and prove that the command-line client starts; StepFailed if it does not."""
    if CLIENTS.is_current():
        return
    CLIENTS.make(log)
    (CLIENTS.packages / "sitecustomize.py").write_text(NAMES_GIVEN_BACK, encoding="ascii")
    log.run(CLIENTS.path / "bin" / "jdc", "--version")
    CLIENTS.stamp()
