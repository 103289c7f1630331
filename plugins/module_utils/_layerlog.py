# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What becomes of each layer while an engine pushes or pulls. Pure.

This module util is private to the collection.

An engine's stream may be of any length and about any number of layers: what is kept of it is bounded, and so is what is
told of it.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._quantities import counted

MAX_LAYERS = 4096  # that are told apart; no image has more than some hundred
MAX_NAME = 128  # characters of what an engine calls a layer; dockerd's are 12
STEP = 1024 * 1024  # bytes, the least that has to move before a transfer is told of again...
STEPS = 100  # ...and how often at most one layer is told of on its way

WAITING, MOVING, RETRYING, UNPACKING = "waiting", "transferring", "retrying", "unpacking"
PUSHED, PULLED, EXISTING, MOUNTED = "pushed", "pulled", "existing", "mounted"
_ENDS = (PUSHED, PULLED, EXISTING, MOUNTED)

# dockerd with its classic store, with containerd's ("Already exists" without a word before it), and Podman.
_STATES = {
    "Preparing": WAITING,
    "Waiting": WAITING,
    "Pulling fs layer": WAITING,
    "Pushing": MOVING,
    "Downloading": MOVING,
    "Verifying Checksum": MOVING,
    "Download complete": UNPACKING,
    "Extracting": UNPACKING,
    "Pushed": PUSHED,
    "Pull complete": PULLED,
    "Layer already exists": EXISTING,
    "Already exists": EXISTING,
}
_RETRYING = re.compile(r"Retrying in ([0-9]{1,6}) seconds?")
_MOUNTED = "Mounted from "
_COUNTED = ("Pushing", "Downloading")  # what their numbers count is the transfer; those of Extracting are not


@dataclasses.dataclass(frozen=True)
class LayerEvent:
    """How a layer fares: C(bytes) of C(total) are through; C(total) is None where the engine has not said it.

    C(state) is waiting, transferring, retrying or unpacking, and in the end pushed, pulled, existing or mounted.
    C(layer) is what the engine calls it.
    """

    layer: str
    state: str
    bytes: int
    total: int | None


Progress = t.Callable[[LayerEvent], None]


class _Layer:
    """One layer; C(told) are the bytes that were told of last."""

    __slots__ = ("began", "bytes", "ended", "seconds_left", "state", "told", "total", "waits")

    def __init__(self) -> None:
        self.state = ""
        self.bytes = 0
        self.total: int | None = None
        self.told = 0
        self.began: float | None = None
        self.ended: float | None = None
        self.waits = 0
        self.seconds_left = 0

    @property
    def size(self) -> int | None:
        return self.total or self.bytes or None


class LayerLog:
    """The layers of one transfer, by what the engine calls them.

    C(now) gives seconds, counted from any moment. C(progress) is told of every change of state, and of a transfer that
    goes on as often as bytes move, never as often as the engine speaks. C(waits) counts how often the layer with the
    worst luck was put off ("Retrying in 5 seconds").
    """

    def __init__(self, now: t.Callable[[], float], progress: Progress | None = None) -> None:
        self._now = now
        self._progress = progress
        self._layers: dict[str, _Layer] = {}
        self._last: str | None = None
        self.waits = 0

    def feed(self, name: t.Any, status: str, detail: t.Any) -> None:
        """Take what an event says; nothing happens if it is not about the state of a layer."""
        retrying = _RETRYING.fullmatch(status)
        state = RETRYING if retrying else MOUNTED if status.startswith(_MOUNTED) else _STATES.get(status)
        if state is None or not isinstance(name, str) or len(name) > MAX_NAME:
            return
        layer = self._layers.get(name)
        if layer is None:
            if len(self._layers) >= MAX_LAYERS:
                return
            layer = self._layers[name] = _Layer()
        if retrying:
            self._put_off(layer, int(retrying[1]))
        if status in _COUNTED and isinstance(detail, dict):
            _count(layer, detail)
        self._enter(layer, name, state)

    def _put_off(self, layer: _Layer, seconds: int) -> None:
        layer.waits += seconds > layer.seconds_left  # counted down second by second; a larger number is a new wait
        layer.seconds_left = seconds
        self.waits = max(self.waits, layer.waits)

    def _enter(self, layer: _Layer, name: str, state: str) -> None:
        moved = layer.bytes - layer.told >= max(STEP, (layer.total or 0) // STEPS)
        changed = state != layer.state
        self._last = name
        if not changed and not moved:
            return
        if changed:
            layer.state = state
            if layer.began is None and state == MOVING:
                layer.began = self._now()
            layer.ended = self._now() if state in _ENDS else None
        layer.told = layer.bytes
        if self._progress:
            done = layer.size if state in (PUSHED, PULLED) else layer.bytes
            self._progress(LayerEvent(name, state, done or 0, layer.total))

    def end_as(self, state: str, name: str) -> None:
        """Let a layer have come to this end, though the engine has not said so in words of its own."""
        self._enter(self._layers[name], name, state)

    def forget(self, name: str) -> None:
        """This was no layer."""
        self._layers.pop(name, None)

    def names(self, state: str) -> list[str]:
        """The layers that are in a state, in the order in which the engine named them first."""
        return [name for name, layer in self._layers.items() if layer.state == state]

    def results(self) -> list[dict[str, t.Any]]:
        """What became of each layer that came to an end, in the order in which the engine named them first.

        C(id) is what the engine calls it. C(bytes) as the engine counts them, None where it did not say. C(seconds)
        from its first byte on; 0 where none was sent.
        """
        return [
            {
                "id": name,
                "state": layer.state,
                "bytes": layer.size,
                "seconds": round(layer.ended - layer.began, 3) if layer.ended and layer.began is not None else 0.0,
            }
            for name, layer in self._layers.items()
            if layer.state in _ENDS
        ]

    def describe(self) -> str:
        """How far all of it has come, and what was heard last; in words."""
        if self._last is None:
            return "the engine had not named a layer"
        through = sum(layer.state in _ENDS for layer in self._layers.values())
        last = self._layers[self._last]
        amount = f" ({last.bytes} of {last.total} bytes)" if last.state == MOVING and last.total else ""
        heard = f"the last heard of, {self._last}, was {last.state}{amount}"
        put_off = f"; one was put off {counted(self.waits, 'time')}, as engines do when the registry fails"
        return f"{through} of {len(self._layers)} layers were through; {heard}{put_off if self.waits else ''}"


def _count(layer: _Layer, detail: t.Mapping[str, t.Any]) -> None:
    current, total = detail.get("current"), detail.get("total")
    if isinstance(total, int) and total > 0:
        layer.total = total
    if isinstance(current, int) and current >= 0:
        # dockerd counts the padding of the tar as well, which is no part of the total.
        layer.bytes = current if layer.total is None else min(current, layer.total)


def transfer_of_manifest(
    transfer: t.Mapping[str, t.Any],
    manifest_layers: t.Sequence[t.Mapping[str, t.Any]],
    diff_ids: t.Sequence[str],
) -> dict[str, t.Any]:
    """What a push came to, counted by the layers that the registry knows: see layers_of_manifest().

    Nothing is changed where the engine did not tell of its layers, or the manifest is not known.
    """
    layers = layers_of_manifest(transfer["layers"], manifest_layers, diff_ids)
    if not layers:
        return dict(transfer)
    states = [layer["state"] for layer in layers]
    return {
        **transfer,
        "layers_total": len(layers),
        "layers_pushed": states.count(PUSHED),
        "layers_existing": states.count(EXISTING),
        "layers_mounted": states.count(MOUNTED),
        "bytes_sent": sum(layer["bytes"] for layer in layers if layer["state"] == PUSHED),
        "layers": layers,
    }


def layers_of_manifest(
    results: t.Sequence[t.Mapping[str, t.Any]],
    manifest_layers: t.Sequence[t.Mapping[str, t.Any]],
    diff_ids: t.Sequence[str],
) -> list[dict[str, t.Any]]:
    """LayerLog.results() by the digests that the registry knows: C(digest), C(state), C(bytes) there, C(seconds).

    C(manifest_layers) as in the image's manifest (C(digest), C(size)), and C(diff_ids) as in its config, which is the
    same order: an engine calls a layer by the beginning of the one or the other. Layers that it did not tell of are
    left out, and so is what was no layer.
    """
    by_id = {result["id"]: result for result in results if "id" in result}
    known = list(diff_ids) if len(diff_ids) == len(manifest_layers) else [""] * len(manifest_layers)
    found = {}
    for layer, diff_id in zip(manifest_layers, known):
        short = next((_short(name) for name in (layer["digest"], diff_id) if _short(name) in by_id), None)
        if short and layer["digest"] not in found:
            told = by_id[short]
            found[layer["digest"]] = {
                "digest": layer["digest"],
                "state": told["state"],
                "bytes": layer["size"],
                "seconds": told["seconds"],
            }
    return list(found.values())


def _short(digest: str) -> str:
    return digest.partition(":")[2][:12]
