# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the error texts of Docker Engines stand for. Pure.

This module util is private to the collection.

All texts were measured with dockerd 20.10 and Podman 4.3.
"""

from __future__ import annotations

import re

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

SHOWN = 500  # characters of a text that somebody else wrote

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
    (r"no basic auth credentials", TransferRefused, "The Docker Engine has no login for this registry.", False),
    (r"unauthorized|authentication required", LoginRefused, LoginRefused.cure, False),
    (r"error parsing HTTP 401|received unexpected HTTP status: 401", LoginRefused, LoginRefused.cure, False),
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
    shown = line if len(line) <= SHOWN else line[: SHOWN - 3] + "..."
    found = [(match.start(), *rest) for pattern, *rest in _PATTERNS for match in [pattern.search(line)] if match]
    if found:
        _start, error, cure, retryable = min(found, key=lambda row: row[0])
        return error(shown, cure=cure, retryable=retryable)
    return TransferFailed(shown or "the Docker Engine reports an error without a text")
