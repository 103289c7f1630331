# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The way to an endpoint: which ones are safe, the proxy before it, and whose certificates it may show.

This module util is private to the collection.
"""

from __future__ import annotations

import base64
import contextlib
import ipaddress
import os
import re
import ssl
import typing as t
import urllib.parse
import urllib.request

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import ConfigurationError

_ENDPOINT = "It has to be https://HOST[:PORT]; http:// is accepted for loopback only."
# Named by those who replace the system's certificates for all programs that use requests or curl.
_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


class Proxy(t.NamedTuple):
    """An HTTP proxy that is asked for a tunnel; C(authorization) is the value of its header, None without a login."""

    host: str
    port: int
    authorization: str | None = None

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Route:
    """An endpoint (C(base) is scheme://host[:port]), checked, with what is needed to get there.

    C(verify): True = the system's certificates count, or those that REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE name; a path =
    only those of this file or directory; False = none are checked. Raises ConfigurationError for an endpoint, a path or
    a proxy that cannot work.
    """

    def __init__(self, endpoint: str, verify: bool | str) -> None:
        self.base = checked_endpoint(endpoint)
        parts = urllib.parse.urlsplit(self.base)
        self.netloc = parts.netloc  # for people and for comparisons
        self.host: str = t.cast(str, parts.hostname)
        self.tls = parts.scheme == "https"
        self.usual_port = 443 if self.tls else 80
        self.port: int = parts.port or self.usual_port
        self.proxy = None if is_loopback(self.base) else proxy_for(self.host, self.port)
        shown = f"[{self.host}]" if ":" in self.host else self.host
        # As the Host header says it; http.client's own has an IPv6 address behind a proxy in two pairs of brackets.
        self.authority = shown if self.port == self.usual_port else f"{shown}:{self.port}"
        # A path is read in any case: one that is wrong is told before anything is sent.
        self.context = _trusting(verify) if self.tls or isinstance(verify, str) else None


def is_loopback(url_or_host: str) -> bool:
    """Whether a URL, a C(host) or a C(host:port) names this machine: localhost, 127.0.0.0/8 or ::1."""
    text = url_or_host if "://" in url_or_host else f"//{url_or_host}"
    try:
        host = urllib.parse.urlsplit(text).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def checked_endpoint(endpoint: str) -> str:
    """The endpoint as scheme://host[:port], without a slash at its end; ConfigurationError if it is not safe."""
    try:
        parts = urllib.parse.urlsplit(endpoint)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ConfigurationError("the endpoint is not a URL", cure=_ENDPOINT) from None
    if "@" in parts.netloc:  # not shown: it may hold a password
        raise ConfigurationError("the endpoint holds a user name or a password", cure=_ENDPOINT)
    shown = repr(endpoint)
    if not re.fullmatch(r"[!-~]+", endpoint) or not re.fullmatch(r"[a-z0-9._-]{1,253}|[0-9a-f:.]+", host):
        raise ConfigurationError(f"the endpoint {shown} does not name a host", cure=_ENDPOINT)
    if parts.path.strip("/") or parts.query or parts.fragment or port == 0:
        raise ConfigurationError(f"the endpoint {shown} is more than a scheme, a host and a port", cure=_ENDPOINT)
    if parts.scheme not in ("https", "http") or (parts.scheme == "http" and not is_loopback(endpoint)):
        raise ConfigurationError(f"the endpoint {shown} is not safe: secrets travel over https only", cure=_ENDPOINT)
    netloc = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{netloc}" + (f":{port}" if port else "")


# --- proxies ---------------------------------------------------------------------------------------------------------


def proxy_for(host: str, port: int) -> Proxy | None:
    """The proxy that the environment names for https to C(host), None if there is none.

    HTTPS_PROXY or ALL_PROXY, in small letters too, unless NO_PROXY names the host, the host with its port, its domain
    or its network.
    """
    proxies = urllib.request.getproxies()
    url = proxies.get("https") or proxies.get("all")
    if not url or urllib.request.proxy_bypass(f"{host}:{port}") or _is_in_network(host, proxies.get("no", "")):
        return None
    try:
        parts = urllib.parse.urlsplit(url if "://" in url else f"http://{url}")
        name, port = parts.hostname, parts.port or 80
    except ValueError:
        name = None
    if not name or parts.scheme != "http":  # the URL is not shown: it may hold a password
        raise ConfigurationError(
            "the proxy for https in the environment is not an HTTP proxy",
            cure="Name it as http://HOST:PORT in HTTPS_PROXY, or the endpoint in NO_PROXY.",
        )
    return Proxy(name, port, _basic(parts))


def _basic(parts: urllib.parse.SplitResult) -> str | None:
    if parts.username is None:
        return None
    login = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
    return "Basic " + base64.b64encode(login.encode("utf-8")).decode("ascii")


def _is_in_network(host: str, exceptions: str) -> bool:
    """Whether a host that is an address lies in one of the networks among NO_PROXY's entries."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    for entry in exceptions.split(","):
        try:
            if address in ipaddress.ip_network(entry.strip(), strict=False):
                return True
        except ValueError:
            continue
    return False


# --- certificates ----------------------------------------------------------------------------------------------------


def _trusting(verify: bool | str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # which checks certificate and host name
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # Python 3.9 would take less
    if verify is False:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif verify is not True:
        _load(context, verify, "ca_path")
    else:
        _load_usual(context)
    return context


def _load(context: ssl.SSLContext, path: str, source: str) -> None:
    try:
        context.load_verify_locations(**{"capath" if os.path.isdir(path) else "cafile": path})
    except ssl.SSLError:
        raise ConfigurationError(f"{source} '{path}' is not a file of PEM certificates") from None
    except OSError as error:
        raise ConfigurationError(f"{source} '{path}' cannot be read: {error.strerror}") from None


def _load_usual(context: ssl.SSLContext) -> None:
    """What the environment names, else what the system has, else what certifi brings (macOS, a slim container)."""
    for name in _BUNDLES:
        if os.environ.get(name):
            _load(context, os.environ[name], name)
            return
    context.load_default_certs()
    folder = ssl.get_default_verify_paths().capath  # read when a certificate is looked up, so not counted yet
    if not context.cert_store_stats()["x509"] and not (folder and os.path.isdir(folder) and os.listdir(folder)):
        with contextlib.suppress(ImportError):
            import certifi

            context.load_verify_locations(certifi.where())
