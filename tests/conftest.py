# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fixtures for all tests."""

from __future__ import annotations

import functools
import os
import signal
import threading
import typing as t

import pytest

from tests.support.containerdstore import containerd_store_engine
from tests.support.emulator import RunningEmulator, start
from tests.support.engine import RunningEngine, find_or_start


def pytest_configure() -> None:
    """Take the fixtures down when somebody ends the run with SIGTERM: no engine, no emulator stays behind."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, functools.partial(_end, os.getpid()))


def _end(session: int, number: int, _frame: t.Any) -> None:
    if os.getpid() == session:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one would end the taking down
        pytest.exit("ended by SIGTERM", returncode=128 + number)
    os._exit(128 + number)  # a process that a test has forked


@pytest.fixture(scope="session")
def emulator_process(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[RunningEmulator]:
    """One emulator for the whole session; tests take the fixture emulator, which empties it first."""
    with start(tmp_path_factory.mktemp("emulator")) as running:
        yield running


@pytest.fixture
def emulator(emulator_process: RunningEmulator) -> RunningEmulator:
    """An emulator without registries, faults or logged requests, with default settings and the right time."""
    emulator_process.reset()
    return emulator_process


@pytest.fixture(scope="session")
def docker_engine(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[RunningEngine]:
    """A private Docker Engine for the whole session: tests never touch the images of this machine's own one."""
    with find_or_start(tmp_path_factory.mktemp("engine"), reuse=False) as engine:
        yield engine


@pytest.fixture(scope="session")
def containerd_engine(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[RunningEngine]:
    """A private Docker Engine with containerd's image store, for the whole session."""
    with containerd_store_engine(tmp_path_factory.mktemp("containerd")) as engine:
        yield engine
