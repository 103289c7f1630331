# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the error texts of Docker Engines stand for. Pure.

This module util is private to the collection.

All texts were measured: with dockerd 20.10 and Podman 4.3, and with containerd's image store in dockerd 26.1 and 28.5.
"""

from __future__ import annotations

import re

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import (
    NO_REPOSITORY_CURE,
    NO_ROOM_CURE,
    EngineError,
    ImageNotFound,
    JcrError,
    LoginRefused,
    RuleError,
    TransferFailed,
    TransferRefused,
    Unreachable,
)

SHOWN = 500  # characters of a text that somebody else wrote

_PERMISSION = "Check that the token belongs to this registry and that its account may push and pull."
_NETWORK = "Check that the machine of the Docker Engine reaches the registry: its name service, proxy and firewall."
_BUSY = "The registry limits how often it is called: try again later."
_FAILED = "The registry failed: try again later."
_DISK = "Free disk space on the Docker Engine's machine (docker system prune)."
_NOT_A_REGISTRY = "Something else answers in the registry's place: look for a proxy or a portal."
_DAMAGED = "What the registry holds is damaged, or something on the way changes it: push the image again."
_PLATFORMS = (
    "The Docker Engine has only some platforms of this image. Pull the others as well (docker pull --platform), or "
    "copy it with from_image, which needs no engine."
)
_BUILD = "Build, load or pull it first, and check its name."
_CERTIFICATE = "Give the Docker Engine the registry's CA (/etc/docker/certs.d/HOST/ca.crt), or correct its clock."

# How containerd tells of an answer that it did not expect, and how it or dockerd itself do; the code follows.
_CODE = r"unexpected status (?:code|from [A-Z]+ request to) [^ ]+: "
_STATUS = rf"(?:received unexpected HTTP status: |{_CODE})"

# What an engine says, what that is, its cure, and whether it is worth trying again.
_CLASSES: tuple[tuple[str, type[JcrError], str, bool], ...] = (
    (r"no space left on device", EngineError, _DISK, False),
    (r"missing content", EngineError, _PLATFORMS, False),
    (r"An image does not exist locally with the tag|tag does not exist", ImageNotFound, _BUILD, False),
    (r"No such image|[^ ]+: image not known", ImageNotFound, _BUILD, False),
    (r"invalid (?:reference|tag) format", RuleError, "Write HOST/REPOSITORY:TAG.", False),
    (r"toomanyrequests", TransferRefused, _BUSY, True),
    (r"no basic auth credentials", TransferRefused, "The Docker Engine has no login for this registry.", False),
    (_CODE + r"429", TransferRefused, _BUSY, True),
    (r"unauthorized|authentication required", LoginRefused, LoginRefused.cure, False),
    (r"error parsing HTTP 401", LoginRefused, LoginRefused.cure, False),
    (_STATUS + r"401", LoginRefused, LoginRefused.cure, False),
    (_CODE + r"403", TransferRefused, _PERMISSION, False),
    (_CODE + r"404", TransferRefused, NO_REPOSITORY_CURE, False),
    (r"name unknown", TransferRefused, NO_REPOSITORY_CURE, False),
    (r"denied|requested access to the resource is denied", TransferRefused, _PERMISSION, False),
    (r"manifest unknown|[^ ]+/[^ ]+: not found", ImageNotFound, "Check the tag or the digest.", False),
    (r"x509|tls|http: server gave HTTP response to HTTPS client", Unreachable, _CERTIFICATE, False),
    (r"dial (?:tcp|udp)|net/http", Unreachable, _NETWORK, True),
    (r"digest invalid|manifest invalid|[a-z ]+ verification failed", TransferFailed, "", False),
    (r"unexpected commit digest|could not fetch content descriptor", TransferFailed, _DAMAGED, False),
    (r"context (?:canceled|deadline exceeded)|unexpected EOF|EOF|(?:read|write) tcp", TransferFailed, _NETWORK, True),
    (_STATUS + r"507", TransferRefused, NO_ROOM_CURE, False),
    (_STATUS + r"501", TransferFailed, _NOT_A_REGISTRY, False),
    (_STATUS + r"5[0-9]{2}", TransferFailed, _FAILED, True),
    (r"error from registry", TransferFailed, TransferFailed.cure, True),
    (r"error parsing HTTP|unable to decode token response", TransferFailed, _NOT_A_REGISTRY, False),
)
# Engines put the decisive words behind others ('Get "https://…": unauthorized: …'), and the registry's own words, which
# may say anything, behind the decisive ones: so each has to begin the text or a part of it, and the first one counts.
_PATTERNS = tuple((re.compile(rf"(?:^|: )(?:{words})\b"), *rest) for words, *rest in _CLASSES)


_UNEXPLAINED = re.compile(r"(?:^|: )error from registry: ")  # dockerd 28 with containerd's store: no code, no class


def is_unexplained(text: str) -> bool:
    """Whether an engine passes on what the registry said, but not what kind of refusal or failure it was."""
    return bool(_UNEXPLAINED.search(" ".join(text.split())))


def classify(text: str) -> JcrError:
    """The error that an engine's words stand for; TransferFailed where they are not known.

    Its C(attempts) is 1, the one that the engine tells of.
    """
    line = " ".join(text.split())
    shown = line if len(line) <= SHOWN else line[: SHOWN - 3] + "..."
    found = [(match.start(), *rest) for pattern, *rest in _PATTERNS for match in [pattern.search(line)] if match]
    if found:
        _start, error, cure, retryable = min(found, key=lambda row: row[0])
        return error(shown, cure=cure, retryable=retryable, attempts=1)
    return TransferFailed(shown or "the Docker Engine reports an error without a text", attempts=1)
