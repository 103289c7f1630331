# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A few histories with a fixed seed; `make reliability` plays many more, and says what they are."""

from __future__ import annotations

from tests.support.model.histories import Stage, play

SEED = 1


def test_histories(emulator, tmp_path) -> None:
    stage = Stage(emulator, tmp_path)
    play(stage, SEED, histories=8, steps=30)
    assert stage.states >= 200
    # They meet what they are meant to meet.
    assert all(stage.counts[name] > 0 for name in ("changes", "refused", "struck", "failed by faults"))
