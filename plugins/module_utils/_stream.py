# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a Docker Engine says while it pushes or pulls, folded into a verdict. Pure.

This module util is private to the collection.

An engine answers a push with HTTP 200 before it has begun, and tells all that follows, failure included, as lines of
JSON. So a transfer is done when its lines prove it, never because they ended. All texts below were measured with
dockerd 20.10 and Podman 4.3.
"""

from __future__ import annotations

import json
import re
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import (
    EngineError,
    ImageNotFound,
    JcrError,
    LoginRefused,
    RuleError,
    TransferFailed,
    TransferRefused,
    Unreachable,
)

Event = t.Mapping[str, t.Any]

MAX_LINE = 1024 * 1024  # bytes; an engine's own lines are shorter than 1 KiB, quoted error pages longer
MAX_LAYERS = 4096  # that are told apart; no image has more than some hundred
_SHOWN = 500  # characters of a text that somebody else wrote

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_PUSHED = re.compile(r"(?P<tag>[^ ]+): digest: (?P<digest>[^ ]+) size: (?P<size>[0-9]+)")
_WAITING = re.compile(r"Retrying in ([0-9]{1,6}) seconds?")
_PULLED = ("Status: Downloaded newer image for ", "Status: Image is up to date for ")

_NEW_TOKEN = "The token may have expired or been released: run the task again, which gets another one."
_PERMISSION = "Check that the token belongs to this registry and that its account may push and pull."
_REPOSITORY = "Create the repository first (jcr_repository); JCR does not create it on a push."
_NETWORK = "Check that the machine of the Docker Engine reaches the registry: its name service, proxy and firewall."
_DISK = "Free disk space on the Docker Engine's machine (docker system prune)."
_NOT_A_REGISTRY = "Something else answers in the registry's place: look for a proxy or a portal."
_BUILD = "Build, load or pull it first, and check its name."
_CERTIFICATE = "Give the Docker Engine the registry's CA (/etc/docker/certs.d/HOST/ca.crt), or correct its clock."

# What an engine says, what that is, its cure, and whether it is worth trying again.
_CLASSES: tuple[tuple[str, type[JcrError], str, bool], ...] = (
    (r"no space left on device", EngineError, _DISK, False),
    (r"An image does not exist locally with the tag|tag does not exist", ImageNotFound, _BUILD, False),
    (r"No such image|[^ ]+: image not known", ImageNotFound, _BUILD, False),
    (r"invalid (?:reference|tag) format", RuleError, "Write HOST/REPOSITORY:TAG.", False),
    (r"toomanyrequests", TransferRefused, "The registry limits how often it is called: try again later.", True),
    (r"unauthorized|authentication required", LoginRefused, _NEW_TOKEN, False),
    (r"no basic auth credentials", TransferRefused, _NEW_TOKEN, False),
    (r"name unknown", TransferRefused, _REPOSITORY, False),
    (r"denied|requested access to the resource is denied", TransferRefused, _PERMISSION, False),
    (r"manifest unknown", ImageNotFound, "Check the tag or the digest.", False),
    (r"x509|tls|http: server gave HTTP response to HTTPS client", Unreachable, _CERTIFICATE, False),
    (r"dial (?:tcp|udp)|net/http", Unreachable, _NETWORK, True),
    (r"digest invalid|manifest invalid|[a-z ]+ verification failed", TransferFailed, "", False),
    (r"context (?:canceled|deadline exceeded)|unexpected EOF|EOF|(?:read|write) tcp", TransferFailed, _NETWORK, True),
    (r"received unexpected HTTP status: 5[0-9]{2}", TransferFailed, "The registry failed: try again later.", True),
    (r"error parsing HTTP", TransferFailed, _NOT_A_REGISTRY, False),
)
# Engines put the decisive words behind others ('Get "https://…": unauthorized: …'), and the registry's own words, which
# may say anything, behind the decisive ones: so each has to begin the text or a part of it, and the first one counts.
_PATTERNS = tuple((re.compile(rf"(?:^|: )(?:{words})\b"), *rest) for words, *rest in _CLASSES)


def classify(text: str) -> JcrError:
    """The error that an engine's words stand for; TransferFailed where they are not known."""
    line = " ".join(text.split())
    shown = line if len(line) <= _SHOWN else line[: _SHOWN - 3] + "..."
    found = [(match.start(), *rest) for pattern, *rest in _PATTERNS for match in [pattern.search(line)] if match]
    if found:
        _start, error, cure, retryable = min(found, key=lambda row: row[0])
        return error(shown, cure=cure, retryable=retryable)
    return TransferFailed(shown or "the Docker Engine reports an error without a text")


def events(chunks: t.Iterable[bytes | str]) -> t.Iterator[Event]:
    """The JSON objects of a stream, one a line, however it is cut into chunks; keeps one line in memory.

    Raises TransferFailed for anything that is not such an object.
    """
    rest = bytearray()
    for chunk in chunks:
        data = chunk.encode("utf-8", "surrogateescape") if isinstance(chunk, str) else chunk
        rest += data
        if b"\n" in data:
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
    """The events of one push of one tag.

    C(waits) counts how often the layer with the worst luck was put off ("Retrying in 5 seconds").
    """

    def __init__(self, tag: str) -> None:
        self._tag = tag
        self._digests: dict[str, int | None] = {}
        self._states: dict[str, str] = {}
        self._sizes: dict[str, int] = {}
        self._waiting: dict[str, tuple[int, int]] = {}  # layer: how often, and the last number of seconds
        self.waits = 0

    def feed(self, event: Event) -> None:
        """Take the next event. Raises what an error event stands for."""
        raise_for_error(event)
        aux, status, layer = event.get("aux"), event.get("status"), event.get("id")
        if isinstance(aux, dict) and aux.get("Tag") in (self._tag, None) and "Digest" in aux:
            self._digests[str(aux["Digest"])] = aux.get("Size")
        if not isinstance(status, str):
            return
        if isinstance(layer, str) and (layer in self._states or len(self._states) < MAX_LAYERS):
            self._feed_layer(layer, status, event.get("progressDetail"))
        # Podman says the digest in words only; dockerd says it both ways.
        said = _PUSHED.fullmatch(status)
        if said and said["tag"] == self._tag:
            self._digests[said["digest"]] = int(said["size"])

    def _feed_layer(self, layer: str, status: str, progress: t.Any) -> None:
        waiting = _WAITING.fullmatch(status)
        if waiting:
            times, before = self._waiting.get(layer, (0, 0))
            seconds = int(waiting[1])  # counted down second by second; a larger number is a new wait
            self._waiting[layer] = (times + (seconds > before), seconds)
            self.waits = max(self.waits, self._waiting[layer][0])
        self._states[layer] = status
        if status == "Pushing" and isinstance(progress, dict):
            size = progress.get("total") or progress.get("current")
            self._sizes[layer] = size if isinstance(size, int) else 0

    def verdict(self) -> dict[str, t.Any]:
        """What the push came to, once the stream has ended.

        C(digest) of the manifest and its C(manifest_size) in bytes; C(layers_total), C(layers_pushed),
        C(layers_existing) and C(layers_mounted); C(bytes_sent), the size of the pushed layers before the engine
        compressed them. Podman 4 tells nothing about layers. Raises TransferFailed if the digest was not said.
        """
        if len(self._digests) != 1 or not _DIGEST.fullmatch(next(iter(self._digests))):
            raise TransferFailed(self._problem(), retryable=not self._digests)
        digest, size = next(iter(self._digests.items()))
        states = list(self._states.values())
        return {
            "digest": digest,
            "manifest_size": size if isinstance(size, int) else None,
            "layers_total": len(states),
            "layers_pushed": states.count("Pushed"),
            "layers_existing": states.count("Layer already exists"),
            "layers_mounted": sum(state.startswith("Mounted from ") for state in states),
            "bytes_sent": sum(size for layer, size in self._sizes.items() if self._states[layer] == "Pushed"),
        }

    def _problem(self) -> str:
        if not self._digests:
            return f"the Docker Engine ended the push without a digest; {self.progress()}"
        if len(self._digests) > 1:
            return f"the Docker Engine said different digests: {', '.join(sorted(self._digests))[:_SHOWN]}"
        return f"the Docker Engine said {next(iter(self._digests))[:80]!r} where a digest belongs"

    def progress(self) -> str:
        """How far the push has come, in words."""
        done = ("Pushed", "Layer already exists", "Mounted from ")
        through = sum(state.startswith(done) for state in self._states.values())
        return f"{through} of {len(self._states)} layers were through"


class PullStream:
    """The events of one pull of one tag, or of one digest if that is given."""

    def __init__(self, digest: str | None = None) -> None:
        self._wanted = digest
        self._digest: str | None = None
        self._ended = False
        self._last_complete: str | None = None

    def feed(self, event: Event) -> None:
        """Take the next event. Raises what an error event stands for."""
        raise_for_error(event)
        status, identity = event.get("status"), event.get("id")
        self._last_complete = None
        if not isinstance(status, str):
            return
        if status.startswith("Digest: "):
            self._digest = status[len("Digest: ") :]
        self._ended = self._ended or status.startswith(_PULLED)
        if status == "Download complete" and isinstance(identity, str):
            self._last_complete = identity

    def verdict(self) -> tuple[str | None, str | None]:
        """What was pulled, once the stream has ended: the manifest's digest; or, from Podman, the image's short id.

        Raises TransferFailed if the stream proves neither.
        """
        if self._ended and self._digest and _DIGEST.fullmatch(self._digest):
            if self._wanted not in (None, self._digest):
                raise TransferFailed(f"the Docker Engine pulled {self._digest} instead")
            return self._digest, None
        if self._digest is None and self._last_complete:  # Podman ends with the id of the image
            return None, self._last_complete
        raise TransferFailed("the Docker Engine ended the pull without saying that the image is there", retryable=True)

    def progress(self) -> str:
        """How far the pull has come, in words."""
        return "the image was found" if self._digest else "nothing was complete"


class Patience:
    """How long to go along with an engine that puts a push off and does not say why.

    dockerd tries an upload again after 5, 10, 15 and 20 seconds, whatever the reason, and says the reason at the end.
    A registry that is just being restarted is worth that; one that refuses for good, or is still not there after 15
    seconds, is not.
    """

    REFUSALS = 3  # in a row, one at the beginning of each wait

    def __init__(self) -> None:
        self._unreachable = 0

    def lost(self, finding: JcrError | None) -> bool:
        """Whether to give up, by what the registry answers to the same engine at the beginning of a wait.

        C(finding=None): it answers, or that is not known.
        """
        self._unreachable = self._unreachable + 1 if isinstance(finding, Unreachable) else 0
        if isinstance(finding, (TransferRefused, Unreachable)) and not finding.retryable:
            return True
        return self._unreachable >= self.REFUSALS
