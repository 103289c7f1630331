# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why a Docker Engine cannot be reached, and what helps. Pure.

This module util is private to the collection.

The docker SDK wraps the reason several times over ("Error while fetching server API version: ('Connection aborted.',
FileNotFoundError(2, …))"), so it is looked for in the whole chain of exceptions.
"""

from __future__ import annotations

import errno
import socket
import ssl
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import EngineError

_START = "Start it (systemctl start docker), or say where it listens with docker_host or DOCKER_HOST."
_CURES: dict[int, tuple[str, str]] = {
    errno.ENOENT: ("there is no such socket: the engine is not running, or not installed", _START),
    errno.ECONNREFUSED: ("nobody listens there: the engine is not running any more", _START),
    errno.EACCES: (
        "permission denied",
        "Use become, or put the user into the group docker and let it log in again.",
    ),
    errno.ETIMEDOUT: ("no answer", "Check the address, the firewall, and that the engine is well."),
}


def cannot_connect(error: BaseException, docker_host: str) -> EngineError:
    """The failure of a connection to C(docker_host), with the cure for its reason."""
    cause, cure = _reason(list(_chain(error)))
    return EngineError(f"the Docker Engine at {docker_host} cannot be reached: {cause}", cure=cure)


def fell_silent(error: BaseException) -> bool:
    """Whether an engine said nothing for too long, rather than hanging up."""
    return any("timed out" in str(each) for each in _chain(error))


def _reason(chain: t.Sequence[BaseException]) -> tuple[str, str]:
    for error in chain:
        if isinstance(error, ssl.SSLError):
            return f"TLS fails ({error.reason or error})", "Check tls_ca_path, tls_client_cert and tls_client_key."
        if isinstance(error, socket.gaierror):
            return "the name of its machine is not known", "Check docker_host."
        if str(error).startswith("Install paramiko"):
            return "ssh takes the library paramiko", "Install it there: pip install paramiko, or python3-paramiko."
        if isinstance(error, OSError) and error.errno in _CURES:
            return _CURES[error.errno]
    if fell_silent(chain[0]):
        return _CURES[errno.ETIMEDOUT]
    if any(isinstance(error, ValueError) for error in chain):
        return "what answers there is not a Docker Engine", "Check docker_host."
    return str(chain[0]), "Check docker_host, and the engine's log."


def _chain(error: BaseException | None, seen: set[int] | None = None) -> t.Iterator[BaseException]:
    """The exception and all that it was raised from or wraps, the outermost first."""
    seen = set() if seen is None else seen
    if error is None or id(error) in seen:
        return
    seen.add(id(error))
    yield error
    wrapped = [value for value in error.args if isinstance(value, BaseException)]
    for inner in (*wrapped, getattr(error, "reason", None), error.__cause__, error.__context__):
        if isinstance(inner, BaseException):
            yield from _chain(inner, seen)
