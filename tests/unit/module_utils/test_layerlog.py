# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is kept and told of the layers of a transfer: bounded, whatever an engine says."""

from __future__ import annotations

import dataclasses

import pytest

from ansible_collections.jdcloud.jcr.plugins.module_utils._layerlog import (
    MAX_LAYERS,
    MAX_NAME,
    STEP,
    STEPS,
    LayerEvent,
    LayerLog,
    layers_of_manifest,
    transfer_of_manifest,
)
from tests.support.fake_clock import FakeClock

NAME = "fdd5a11e926b"
FIRST, SECOND, THIRD = (f"sha256:{digit * 64}" for digit in "abc")


def log(progress=None):
    return LayerLog(FakeClock().monotonic, progress)


def moved(current, total=None):
    return {"current": current, **({"total": total} if total else {})}


def test_time_of_a_layer_counts_from_its_first_byte():
    clock = FakeClock()
    layers = LayerLog(clock.monotonic)
    for status, seconds in (
        ("Preparing", 5),
        ("Waiting", 7),
        ("Pushing", 2),
        ("Retrying in 5 seconds", 5),
        ("Pushing", 1),
    ):
        layers.feed(NAME, status, {})
        clock.advance(seconds)
    layers.feed(NAME, "Pushed", {})
    assert layers.results() == [{"id": NAME, "state": "pushed", "bytes": None, "seconds": 8.0}]


@pytest.mark.parametrize(
    ("status", "state"),
    [("Layer already exists", "existing"), ("Already exists", "existing"), ("Mounted from app/base", "mounted")],
)
def test_what_was_not_sent_took_no_time(status, state):
    layers = log()
    layers.feed(NAME, "Preparing", {})
    layers.feed(NAME, status, {})
    assert layers.results() == [{"id": NAME, "state": state, "bytes": None, "seconds": 0.0}]


@pytest.mark.parametrize("status", ["Unavailable", "Pulling from app/web", "", "Digest: x", "Pushing it"])
def test_other_words_make_no_layer(status):
    layers = log()
    layers.feed(NAME, status, {})
    assert layers.describe() == "the engine had not named a layer"


@pytest.mark.parametrize("name", [None, 7, ["x"], "x" * (MAX_NAME + 1)])
def test_what_is_no_name_makes_no_layer(name):
    layers = log()
    layers.feed(name, "Pushed", {})
    assert layers.results() == []


@pytest.mark.parametrize(
    "detail", [None, "x", [1], {"total": "many"}, {"total": -1, "current": -5}, {"current": 1e300}]
)
def test_numbers_that_are_none_are_not_counted(detail):
    layers = log()
    layers.feed(NAME, "Pushing", detail)
    layers.feed(NAME, "Pushed", detail)
    assert layers.results()[0]["bytes"] is None


def test_padding_is_not_counted():
    layers = log()
    layers.feed(NAME, "Pushing", moved(6656, 5000))
    assert "was transferring (5000 of 5000 bytes)" in layers.describe()


def test_a_transfer_that_was_put_off_is_described_as_that():
    """The engine does not say why before it gives up; a task's deadline may pass earlier."""
    layers = log()
    layers.feed(NAME, "Preparing", {})
    assert "put off" not in layers.describe()
    for seconds in (2, 1, 5, 4):
        layers.feed(NAME, f"Retrying in {seconds} seconds", {})
    heard = f"the last heard of, {NAME}, was retrying; one was put off 2 times, as engines do when the registry fails"
    assert layers.describe() == f"0 of 1 layers were through; {heard}"


def test_progress_is_told_by_bytes_and_not_by_the_number_of_events():
    events = []
    layers = log(events.append)
    total = 50 * STEP
    for number in range(0, total + 1, 512):
        layers.feed(NAME, "Pushing", moved(number, total))
    layers.feed(NAME, "Pushed", {})
    assert events[0] == LayerEvent(NAME, "transferring", 0, total)
    assert events[-1] == LayerEvent(NAME, "pushed", total, total)
    steps = [event.bytes for event in events[:-1]]
    assert steps == [number * STEP for number in range(51)]


def test_a_large_layer_is_told_of_no_more_often_than_a_small_one():
    events = []
    layers = log(events.append)
    total = 20_000 * STEP
    for number in range(0, total, STEP):
        layers.feed(NAME, "Pushing", moved(number, total))
    assert len(events) <= STEPS + 1


def test_a_transfer_that_begins_anew_is_told_of_again():
    events = []
    layers = log(events.append)
    for status, current in (("Pushing", 3 * STEP), ("Retrying in 5 seconds", 0), ("Pushing", 0), ("Pushing", STEP)):
        layers.feed(NAME, status, moved(current, 4 * STEP))
    assert [(event.state, event.bytes) for event in events] == [
        ("transferring", 3 * STEP),
        ("retrying", 3 * STEP),
        ("transferring", 0),
        ("transferring", STEP),
    ]


def test_layers_beyond_the_cap_are_not_kept():
    events = []
    layers = log(events.append)
    for number in range(MAX_LAYERS + 100):
        layers.feed(str(number), "Pushed", {})
    assert len(layers.results()) == len(events) == MAX_LAYERS


def test_an_event_can_be_written_as_it_is():
    assert dataclasses.asdict(LayerEvent(NAME, "waiting", 0, None)) == {
        "layer": NAME,
        "state": "waiting",
        "bytes": 0,
        "total": None,
    }


# --- by the registry's digests ---------------------------------------------------------------------------------------


def told(identity, state="pushed"):
    return {"id": identity, "state": state, "bytes": 99, "seconds": 1.5}


BLOBS = [{"digest": FIRST, "size": 10}, {"digest": SECOND, "size": 20}]


def test_dockerd_calls_a_layer_by_its_diff_id():
    """It pushes the top of the image first."""
    results = [told("e" * 12, "existing"), told("d" * 12)]
    assert layers_of_manifest(results, BLOBS, [f"sha256:{'d' * 64}", f"sha256:{'e' * 64}"]) == [
        {"digest": FIRST, "state": "pushed", "bytes": 10, "seconds": 1.5},
        {"digest": SECOND, "state": "existing", "bytes": 20, "seconds": 1.5},
    ]


def test_a_pull_and_the_containerd_store_call_a_layer_by_its_digest():
    """The config and the manifest, which the latter counts as well, are left out."""
    results = [told("9" * 12), told("b" * 12), told("a" * 12, "mounted")]
    found = layers_of_manifest(results, BLOBS, [])
    assert [(layer["digest"], layer["state"]) for layer in found] == [(FIRST, "mounted"), (SECOND, "pushed")]


def test_a_push_is_counted_by_the_layers_of_the_registry():
    layers = [told("9" * 12), told("b" * 12), told("a" * 12, "mounted")]
    transfer = {"layers_total": 3, "layers_pushed": 2, "layers_existing": 0, "layers_mounted": 1, "bytes_sent": 99}
    counted = transfer_of_manifest({**transfer, "layers": layers, "seconds": 1.0}, BLOBS, [])
    assert {name: counted[name] for name in transfer} == {
        "layers_total": 2,
        "layers_pushed": 1,
        "layers_existing": 0,
        "layers_mounted": 1,
        "bytes_sent": 20,
    }
    assert counted["seconds"] == 1.0


@pytest.mark.parametrize("layers", [[], [{"digest": FIRST, "state": "existing", "bytes": 1, "seconds": 0.0}]])
def test_a_push_that_no_engine_told_of_is_left_as_it_is(layers):
    transfer = {"layers_total": 1, "bytes_sent": 0, "layers": layers}
    assert transfer_of_manifest(transfer, BLOBS, []) == transfer


def test_equal_layers_are_one():
    blobs = [BLOBS[0], BLOBS[1], BLOBS[0]]
    diff_ids = [f"sha256:{digit * 64}" for digit in "ded"]
    found = layers_of_manifest([told("e" * 12), told("d" * 12)], blobs, diff_ids)
    assert [layer["digest"] for layer in found] == [FIRST, SECOND]


def test_what_the_engine_did_not_tell_of_is_left_out():
    assert layers_of_manifest([], BLOBS, [THIRD, THIRD]) == []
    assert layers_of_manifest([told("d" * 12)], BLOBS, [THIRD]) == [], "the config is of another image"
