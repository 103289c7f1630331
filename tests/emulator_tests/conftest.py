# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fixtures for the tests of the emulator."""

from __future__ import annotations

import pytest

from tests.emulator_tests.api import Api
from tests.support.emulator import RunningEmulator


@pytest.fixture
def api(emulator: RunningEmulator) -> Api:
    """A client of an empty emulator."""
    return Api(emulator)
