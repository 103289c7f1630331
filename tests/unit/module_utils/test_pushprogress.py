# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What people are shown of a push, event by event."""

from __future__ import annotations

import json

import pytest

from ansible_collections.jdcloud.jcr.plugins.module_utils._delivery import no_transfer
from ansible_collections.jdcloud.jcr.plugins.module_utils._layerlog import LayerEvent
from ansible_collections.jdcloud.jcr.plugins.module_utils._progressfile import ProgressFile
from ansible_collections.jdcloud.jcr.plugins.module_utils._pushprogress import PushProgress
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import Redactor, Secret
from tests.support.fake_clock import FakeClock

DIGEST = f"sha256:6c3c624b58db{'0' * 52}"
MANY = {"layers_total": 3, "layers_pushed": 1, "bytes_sent": 28_861_712, "seconds": 2.148}
LINES = [
    ("begin", {"image": "image 'web:1'", "uris": ["h/shop/web:1"]}, "pushing image 'web:1' to h/shop/web:1"),
    ("begin", {"image": "i", "uris": ["h/r:1", "h/r:2"]}, "pushing i to h/r:1 and 1 more tag"),
    ("begin", {"image": "i", "uris": ["h/r:1"] * 4}, "pushing i to h/r:1 and 3 more tags"),
    (
        "layer",
        {"digest": DIGEST, "state": "pushed", "bytes": 28_861_712, "seconds": 1.9},
        "layer 6c3c624b58db is pushed, 27.5 MB",
    ),
    (
        "layer",
        {"layer": "fdd5a11e926b", "state": "pushed", "bytes": 512, "total": 512},
        "layer fdd5a11e926b is pushed, 512 B",
    ),
    ("layer", {"layer": "fdd5a11e926b", "state": "pushed", "bytes": 0, "total": None}, "layer fdd5a11e926b is pushed"),
    *[
        ("layer", {"layer": "fdd5a11e926b", "state": state, "bytes": 512, "total": 1024}, None)
        for state in ("waiting", "transferring", "retrying", "unpacking", "existing", "mounted")
    ],
    ("tag", {"tag": "1.0", "digest": DIGEST}, "tag 1.0 stands for 6c3c624b58db"),
    ("end", {"digest": DIGEST, **no_transfer(), **MANY}, "done: 1 of 3 layers sent, 27.5 MB in 2.1 s"),
    ("end", {**no_transfer(), "layers_total": 1}, "done: 0 of 1 layer sent, 0 B in 0.0 s"),
    ("end", no_transfer(), "done: in 0.0 s"),
    ("failed", {"why": "no room"}, "failed: no room"),
    (
        "failed",
        {"why": "a\nb\x1b[2J\udc80"},
        "failed: a\N{REPLACEMENT CHARACTER}b" + "\N{REPLACEMENT CHARACTER}[2J\ufffd",
    ),
    ("failed", {"why": "not with geheim123"}, "failed: not with ********"),
]


@pytest.fixture
def redactor():
    redactor = Redactor()
    redactor.add(Secret("geheim123"))
    return redactor


@pytest.mark.parametrize(("event", "fields", "line"), LINES)
def test_lines(redactor, event, fields, line):
    shown: list[str] = []
    PushProgress(redactor.scrub, show=shown.append).tell(event, **fields)
    assert shown == ([line] if line else [])


@pytest.mark.parametrize("show", [True, False])
def test_the_file_has_every_event_whatever_is_shown(redactor, tmp_path, show):
    path, shown = tmp_path / "progress.jsonl", []
    file = ProgressFile(str(path), "h/shop/web:1", FakeClock())
    progress = PushProgress(redactor.scrub, file, shown.append if show else None)
    for event, fields, _line in LINES:
        progress.tell(event, **fields)
    progress.close()
    assert [json.loads(line)["event"] for line in path.read_text().splitlines()] == [event for event, *_rest in LINES]
    assert "geheim123" not in path.read_text()
    assert bool(shown) is show


def test_nothing_is_worked_out_where_nobody_listens():
    progress = PushProgress(scrub=lambda fields: pytest.fail("nobody is to see it"))
    for event, fields, _line in LINES:
        progress.tell(event, **fields)
    progress.layer(object())  # whose fields cannot be told
    progress.close()


def test_a_layer_is_told_with_its_fields(redactor):
    shown: list[str] = []
    PushProgress(redactor.scrub, show=shown.append).layer(LayerEvent("6c3c624b58db", "pushed", 1024, None))
    assert shown == ["layer 6c3c624b58db is pushed, 1.0 kB"]
