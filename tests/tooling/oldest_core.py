# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The oldest ansible-core that the collection supports, in `.venv-oldest`, with what the tests need besides."""

from __future__ import annotations

from tests.tooling.process import CHECKOUT, Log
from tests.tooling.setup import link_collection
from tests.tooling.virtualenv import VirtualEnvironment

OLDEST = VirtualEnvironment(CHECKOUT / ".venv-oldest", CHECKOUT / "tests" / "requirements-oldest.txt")


def install_oldest_core(log: Log) -> None:
    """Make `.venv-oldest`, with the collection in it."""
    if not OLDEST.is_current():
        OLDEST.make(log)
        OLDEST.stamp()
    link_collection(OLDEST)
