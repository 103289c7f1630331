# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The facts that the collection and the emulator both obey: the data in tests/contract."""

from __future__ import annotations

import json
import pathlib
import typing as t

_FOLDER = pathlib.Path(__file__).resolve().parents[1] / "contract"


def load(name: str) -> t.Any:
    """The content of one file of tests/contract."""
    return json.loads((_FOLDER / name).read_text(encoding="utf-8"))
