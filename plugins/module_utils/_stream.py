# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a Docker Engine says while it pushes or pulls, folded into a verdict. Pure.

This module util is private to the collection.

An engine answers a push with HTTP 200 before it has begun, and tells all that follows, failure included, as lines of
JSON. So a transfer is done when its lines prove it, never because they ended. All texts below were measured with
dockerd 20.10, 26.1 and 28.5, the latter two with containerd's image store, and with Podman 4.3.
"""

from __future__ import annotations

import json
import re
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._digest import is_digest
from ansible_collections.jdcloud.jcr.plugins.module_utils._enginewords import SHOWN, classify
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import (
    JcrError,
    TransferFailed,
    TransferRefused,
    Unreachable,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._layerlog import (
    EXISTING,
    MOUNTED,
    PULLED,
    PUSHED,
    UNPACKING,
    LayerLog,
)

Event = t.Mapping[str, t.Any]

MAX_LINE = 1024 * 1024  # bytes; an engine's own lines are shorter than 1 KiB, quoted error pages longer

_PUSHED = re.compile(r"(?P<tag>[^ ]+): digest: (?P<digest>[^ ]+) size: (?P<size>[0-9]+)")
_PULLED = ("Status: Downloaded newer image for ", "Status: Image is up to date for ")
_MAX_DIGESTS = 8  # different ones that are kept to tell of them


def events(chunks: t.Iterable[bytes]) -> t.Iterator[Event]:
    """The JSON objects of a stream, one a line, however it is cut into chunks; keeps one line in memory.

    Raises TransferFailed for anything that is not such an object.
    """
    rest = bytearray()
    for chunk in chunks:
        rest += chunk
        if b"\n" in chunk:
            *lines, last = rest.split(b"\n")
            rest = bytearray(last)
            for line in lines:
                yield from _event(line)
        if len(rest) > MAX_LINE:
            raise TransferFailed(f"the Docker Engine sent a line of more than {MAX_LINE} bytes")
    yield from _event(rest)


def _event(line: bytes | bytearray) -> t.Iterator[Event]:
    text = line.decode("utf-8", "replace").strip()
    if not text:
        return
    try:
        event = json.loads(text)
    except (ValueError, RecursionError):
        event = None
    if not isinstance(event, dict):
        raise TransferFailed(
            f"what answers is not a Docker Engine, or its stream was cut: {text[:80]!r}",
            cure="Check docker_host, and the Docker Engine's log.",
        )
    yield event


def raise_for_error(event: Event) -> None:
    """Raise what an event with C(errorDetail) or C(error) stands for; dockerd sends both, some proxies one."""
    detail = event.get("errorDetail")
    if detail is None and event.get("error") is None:
        return
    message = detail.get("message") if isinstance(detail, dict) else detail
    raise classify(str(message or event.get("error") or ""))


class PushStream:
    """The events of one push of one tag. What its layers did is in C(layers)."""

    def __init__(self, tag: str, layers: LayerLog) -> None:
        self._tag = tag
        self._digests: dict[str, int | None] = {}
        self.layers = layers

    def feed(self, event: Event) -> None:
        """Take the next event. Raises what an error event stands for."""
        raise_for_error(event)
        aux, status = event.get("aux"), event.get("status")
        if isinstance(aux, dict) and aux.get("Tag") in (self._tag, None) and "Digest" in aux:
            self._say_digest(str(aux["Digest"]), aux.get("Size"))
        if not isinstance(status, str):
            return
        self.layers.feed(event.get("id"), status, event.get("progressDetail"))
        # Podman says the digest in words only; dockerd says it both ways.
        said = _PUSHED.fullmatch(status)
        if said and said["tag"] == self._tag:
            self._say_digest(said["digest"], int(said["size"]))

    def _say_digest(self, digest: str, size: t.Any) -> None:
        if digest in self._digests or len(self._digests) < _MAX_DIGESTS:
            self._digests[digest[:SHOWN]] = size if isinstance(size, int) else None

    def verdict(self) -> dict[str, t.Any]:
        """What the push came to, once the stream has ended.

        C(digest) of the manifest and its C(manifest_size) in bytes; C(layers_total), C(layers_pushed),
        C(layers_existing) and C(layers_mounted); C(bytes_sent), the size of the pushed layers before the engine
        compressed them; C(layers) as LayerLog.results() has them. Podman 4 tells nothing about layers; containerd's
        image store counts the config and the manifest among them. Raises TransferFailed if the digest was not said.
        """
        if len(self._digests) != 1 or not is_digest(next(iter(self._digests))):
            raise TransferFailed(self._problem(), retryable=not self._digests)
        digest, size = next(iter(self._digests.items()))
        layers = self.layers.results()
        states = [layer["state"] for layer in layers]
        return {
            "digest": digest,
            "manifest_size": size,
            "layers_total": len(layers),
            "layers_pushed": states.count(PUSHED),
            "layers_existing": states.count(EXISTING),
            "layers_mounted": states.count(MOUNTED),
            "bytes_sent": sum(layer["bytes"] or 0 for layer in layers if layer["state"] == PUSHED),
            "layers": layers,
        }

    def _problem(self) -> str:
        if not self._digests:
            return f"the Docker Engine ended the push without a digest; {self.progress()}"
        if len(self._digests) > 1:
            return f"the Docker Engine said different digests: {', '.join(sorted(self._digests))[:SHOWN]}"
        return f"the Docker Engine said {next(iter(self._digests))[:80]!r} where a digest belongs"

    def progress(self) -> str:
        """How far the push has come, in words."""
        return self.layers.describe()


class PullStream:
    """The events of one pull of one tag, or of one digest if that is given. What its layers did is in C(layers)."""

    def __init__(self, digest: str | None, layers: LayerLog) -> None:
        self._wanted = digest
        self._digest: str | None = None
        self._ended = False
        self._last_complete: str | None = None
        self.layers = layers

    def feed(self, event: Event) -> None:
        """Take the next event. Raises what an error event stands for."""
        raise_for_error(event)
        status, identity = event.get("status"), event.get("id")
        self._last_complete = None
        if not isinstance(status, str):
            return
        self.layers.feed(identity, status, event.get("progressDetail"))
        if status.startswith("Digest: "):
            self._digest = status[len("Digest: ") :][:SHOWN]
        self._ended = self._ended or status.startswith(_PULLED)
        if status == "Download complete" and isinstance(identity, str):
            self._last_complete = identity

    def verdict(self) -> tuple[str | None, str | None]:
        """What was pulled, once the stream has ended: the manifest's digest; or, from Podman, the image's short id.

        Raises TransferFailed if the stream proves neither.
        """
        if self._ended and self._digest and is_digest(self._digest):
            if self._wanted not in (None, self._digest):
                raise TransferFailed(f"the Docker Engine pulled {self._digest} instead")
            return self._digest, None
        if self._digest is None and self._last_complete:  # Podman ends with the id of the image
            return None, self._last_complete
        raise TransferFailed("the Docker Engine ended the pull without saying that the image is there", retryable=True)

    def transfer(self) -> dict[str, t.Any]:
        """What a pull that was proven came to: C(layers_total), C(layers_pulled), C(layers_existing),
        C(bytes_received) and C(layers) as LayerLog.results() has them; from Podman without bytes.
        """
        if self._last_complete:
            self.layers.forget(self._last_complete)
        for name in self.layers.names(UNPACKING):  # Podman's last word about a layer; containerd's about a config
            self.layers.end_as(PULLED, name)
        layers = self.layers.results()
        states = [layer["state"] for layer in layers]
        return {
            "layers_total": len(layers),
            "layers_pulled": states.count(PULLED),
            "layers_existing": states.count(EXISTING),
            "bytes_received": sum(layer["bytes"] or 0 for layer in layers if layer["state"] == PULLED),
            "layers": layers,
        }

    def progress(self) -> str:
        """How far the pull has come, in words."""
        return self.layers.describe()


class Patience:
    """How long to go along with an engine that puts a push off and does not say why.

    dockerd tries an upload again after 5, 10, 15 and 20 seconds, whatever the reason, and says the reason at the end.
    A registry that is just being restarted is worth that; one that refuses for good, or is still not there after 15
    seconds, is not.
    """

    REFUSALS = 3  # in a row, one at the beginning of each wait

    def __init__(self) -> None:
        self._unreachable = 0

    def lost(self, finding: JcrError | None) -> JcrError | None:
        """Why to give up, by what the registry refuses at the beginning of a wait; None while there is hope.

        C(finding=None): it refuses nothing, or that is not known.
        """
        self._unreachable = self._unreachable + 1 if isinstance(finding, Unreachable) else 0
        if isinstance(finding, (TransferRefused, Unreachable)) and not finding.retryable:
            return finding
        return finding if self._unreachable >= self.REFUSALS else None
