# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The hosts that registries are reached at, and which of them a token may be sent to. Pure.

This module util is private to the collection.
"""

from __future__ import annotations

import ipaddress
import re
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import HostNotAllowed, RuleError

# Docker's grammar of hosts (distribution/reference), in ASCII.
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST = re.compile(rf"(?P<name>{_LABEL}(?:\.{_LABEL})*|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{{1,5}}))?")
_SHOWN_LENGTH = 80

# The registry URI of the console guide. The -inner form (for machines in a VPC) is known from public files only.
_SERVICE = ".jcr.service.jdcloud.com"
# A registry's name contains '-' too, so the region is what stands at the end.
_REGISTRY_LABEL = re.compile(
    r"(?P<name>[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)-(?P<region>[a-z]{2}-[a-z]+-[0-9]+)(?P<inner>-inner)?"
)


def registry_host(name: str, region: str, inner: bool = False) -> str:
    """The host of a registry, as the console guide forms it; C(inner) is the one inside a VPC.

    Raises RuleError if name and region do not make a host that can be read back.
    """
    host = f"{name}-{region}{'-inner' if inner else ''}{_SERVICE}"
    if split_registry_host(host) != (name, region, inner):
        raise RuleError(f"registry {shown(name)} and region {shown(region)} do not make a host name")
    return host


def split_registry_host(host: str) -> tuple[str, str, bool] | None:
    """Registry name, region and whether it is the inner host; None for any other host."""
    if not host.endswith(_SERVICE):
        return None
    label = host[: -len(_SERVICE)]
    found = _REGISTRY_LABEL.fullmatch(label) if len(label) <= 63 else None
    return (found["name"], found["region"], found["inner"] is not None) if found else None


def check_registry_host(
    host: str, name: str, region: str, *, allowed: t.Iterable[str] = (), loopback_endpoint: bool = False
) -> str:
    """The host itself, if a token of registry C(name) may be sent to it.

    That is: exactly the expected host or its inner form; a loopback host while the endpoint is loopback too (the
    emulator); or one that C(allowed) lists as it is written, port included. Raises HostNotAllowed otherwise.
    """
    expected = (registry_host(name, region), registry_host(name, region, inner=True))
    if not isinstance(host, str) or not is_host(host):
        raise HostNotAllowed(
            f"{shown(host)} is not a registry host; {expected[0]} was expected",
            cure="Nothing was sent there. Check the endpoint: this is no answer of the service.",
        )
    if host in expected:
        return host
    if _is_loopback(host):
        if loopback_endpoint:
            return host
        raise HostNotAllowed(
            f"the registry host {host} is this machine, but the endpoint is not; {expected[0]} was expected",
            cure="Use loopback registry hosts with a loopback endpoint only.",
        )
    if host.lower() not in {entry.lower() for entry in allowed}:
        raise HostNotAllowed(
            f"the registry host is {host}, but {expected[0]} was expected",
            cure=f"If this host is right, add {host!r} to allowed_registry_hosts.",
        )
    return host


def is_host(text: str) -> bool:
    """Whether this is C(host) or C(host:port), and nothing else; IPv6 addresses stand in brackets, without a zone."""
    found = _HOST.fullmatch(text) if len(text) <= 261 else None
    if not found or not 0 < int(found["port"] or 1) <= 65535:
        return False
    if found["name"].startswith("["):
        return isinstance(_address(found["name"]), ipaddress.IPv6Address)
    return len(found["name"]) <= 255 and all(len(label) <= 63 for label in found["name"].split("."))


def _is_loopback(host: str) -> bool:
    name = _HOST.fullmatch(host)["name"]
    address = _address(name)
    return name == "localhost" or (address is not None and address.is_loopback)


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.IPv6Address(name[1:-1]) if name.startswith("[") else ipaddress.IPv4Address(name)
    except ValueError:
        return None


def shown(value: object) -> str:
    """A value as a message shows it: what is long is cut."""
    text = repr(value)
    return text if len(text) <= _SHOWN_LENGTH else text[: _SHOWN_LENGTH - 3] + "..."
