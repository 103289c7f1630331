# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why an exchange over the network failed, in words that say what to look at.

This module util is private to the collection.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import urllib.parse

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import JcrError, ProtocolError, Unreachable
from ansible_collections.jdcloud.jcr.plugins.module_utils._route import Proxy


def unreachable(cause: str, cure: str) -> Unreachable:
    return Unreachable(cause, cure=cure, retryable=True)


def usual_cure(called: str) -> str:
    """What helps where nothing better is known; C(called) is what was not reached, as its user calls it."""
    return f"Check the {called}, the network and the proxy settings."


def redirected(host: str, status: int, location: str, called: str) -> ProtocolError:
    """The error for an answer that wants to send the client elsewhere."""
    try:
        target = urllib.parse.urlsplit(location).hostname or host
    except ValueError:
        target = "an address that cannot be read"
    return ProtocolError(
        f"{host} answered {status} and wants to redirect to {target!r}; redirects are not followed",
        cure=f"Check the {called}; a login page of a proxy or a portal may stand before it.",
        http_status=status,
    )


def explain(error: Exception, host: str, seconds: float, *, sent: bool, proxy: Proxy | None, called: str) -> JcrError:
    """The collection's error for one of the system or of http.client, in an exchange that had so many seconds."""
    was_cut = sent and isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError))
    if isinstance(error, ssl.SSLError) and not isinstance(error, socket.timeout) and not was_cut:
        return _untrusted(host, error, called)
    if proxy and not sent:
        refusal = f": {error}" if str(error).startswith("Tunnel connection failed") else ""
        return unreachable(f"the proxy {proxy} gave no way to {host}{refusal}", "Check HTTPS_PROXY and NO_PROXY.")
    if isinstance(error, (socket.timeout, TimeoutError)):
        told = f"{host} did not answer" if sent else f"no connection to {host}"
        return unreachable(f"{told} within {seconds:g} seconds", usual_cure(called))
    for kinds, told, cure in (
        ((socket.gaierror,), "the name {host} cannot be resolved", f"Check the {called} and the name service."),
        ((ConnectionRefusedError,), "{host} refuses the connection", f"Check the {called}: nothing listens there."),
        (
            (ConnectionError, ssl.SSLError, http.client.IncompleteRead),
            "{host} cut the connection before its answer was complete",
            usual_cure(called),
        ),
    ):
        if isinstance(error, kinds):
            return unreachable(told.format(host=host), cure)
    if isinstance(error, http.client.HTTPException):
        return ProtocolError(f"{host} does not answer in HTTP", cure=f"Check the {called}'s scheme and port.")
    said = getattr(error, "strerror", None) or type(error).__name__
    return unreachable(f"the exchange with {host} failed: {said}", usual_cure(called))


def _untrusted(host: str, error: ssl.SSLError, called: str) -> Unreachable:
    verdict = getattr(error, "verify_message", None)
    if verdict:
        return unreachable(
            f"the TLS certificate of {host} is not accepted: {verdict}",
            "If the certificate is right, name its CA with ca_path (or JDCLOUD_CA_PATH).",
        )
    return unreachable(
        f"no TLS with {host}: {error.reason or 'no TLS handshake'}", f"Check the {called}'s scheme and port."
    )
