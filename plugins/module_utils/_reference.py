# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names of images as Docker writes them, and the hosts that registries are reached at. Pure.

This module util is private to the collection.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import re
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._digest import is_digest
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import HostNotAllowed, RuleError

# Docker's reference grammar (distribution/reference), in ASCII.
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST = re.compile(rf"(?P<name>{_LABEL}(?:\.{_LABEL})*|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{{1,5}}))?")
_REPOSITORY = re.compile(r"{0}(?:/{0})*".format(r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"))
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_IMAGE_ID = re.compile(r"(?:sha256:)?[0-9a-f]{64}")
_MAX_REPOSITORY = 255
_MAX_REFERENCE = 1024  # host, name, tag and digest together; more than any legal reference has
_SHOWN_LENGTH = 80

# The registry URI of the console guide. The -inner form (for machines in a VPC) is known from public files only.
_SERVICE = ".jcr.service.jdcloud.com"
# A registry's name contains '-' too, so the region is what stands at the end.
_REGISTRY_LABEL = re.compile(
    r"(?P<name>[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)-(?P<region>[a-z]{2}-[a-z]+-[0-9]+)(?P<inner>-inner)?"
)


@dataclasses.dataclass(frozen=True)
class ImageReference:
    """C([HOST/]REPOSITORY[:TAG][@DIGEST]); there is no reference that Docker could not read.

    C(host) includes the port. Nothing is filled in: without a host, what a daemon takes for its default registry.
    Raises RuleError.
    """

    host: str | None
    repository: str
    tag: str | None = None
    digest: str | None = None

    def __post_init__(self) -> None:
        self._require(self.host is None or _is_host(self.host), "the part before the first '/' is not a host")
        self._require(
            len(self.repository) <= _MAX_REPOSITORY and _REPOSITORY.fullmatch(self.repository),
            f"{_shown(self.repository)} is not a repository: lower-case letters and digits with single separators, "
            "in stages separated by '/'",
        )
        self._require(self.tag is None or _TAG.fullmatch(self.tag), f"{_shown(self.tag)} is not a tag")
        self._require(self.digest is None or is_digest(self.digest), f"{_shown(self.digest)} is not a digest")
        # These would be read back as something else.
        same = _split_host(self.name) == (self.host, self.repository)
        self._require(same, "a host has a '.' or a ':' or is localhost, and the first part of a repository has not")
        self._require(not _IMAGE_ID.fullmatch(str(self)), "it is the id of an image")

    @classmethod
    def parse(cls, text: str) -> ImageReference:
        """Read a reference as Docker does: the first part is a host if it has a '.' or ':' or is C(localhost)."""
        if not isinstance(text, str) or len(text) > _MAX_REFERENCE:
            raise RuleError(f"{_shown(text)} is not the name of an image", cure="Write HOST/REPOSITORY:TAG.")
        rest, at, digest = text.partition("@")
        host, rest = _split_host(rest)
        repository, colon, tag = rest.partition(":")
        return cls(host, repository, tag if colon else None, digest if at else None)

    @property
    def name(self) -> str:
        """Host and repository."""
        return f"{self.host}/{self.repository}" if self.host else self.repository

    def __str__(self) -> str:
        return self.name + (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")

    def with_tag(self, tag: str) -> ImageReference:
        """The same repository by this tag alone."""
        return ImageReference(self.host, self.repository, tag=tag)

    def with_digest(self, digest: str) -> ImageReference:
        """The same repository by this digest alone."""
        return ImageReference(self.host, self.repository, digest=digest)

    def _require(self, condition: object, problem: str) -> None:
        if not condition:
            raise RuleError(f"{_shown(str(self))} is not the name of an image: {problem}")


def registry_host(name: str, region: str, inner: bool = False) -> str:
    """The host of a registry, as the console guide forms it; C(inner) is the one inside a VPC.

    Raises RuleError if name and region do not make a host that can be read back.
    """
    host = f"{name}-{region}{'-inner' if inner else ''}{_SERVICE}"
    if split_registry_host(host) != (name, region, inner):
        raise RuleError(f"registry {_shown(name)} and region {_shown(region)} do not make a host name")
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
    if not isinstance(host, str) or not _is_host(host):
        raise HostNotAllowed(
            f"{_shown(host)} is not a registry host; {expected[0]} was expected",
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


# --- parts -----------------------------------------------------------------------------------------------------------


def _split_host(text: str) -> tuple[str | None, str]:
    first, slash, rest = text.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost" or first != first.lower()):
        return first, rest
    return None, text


def _is_host(text: str) -> bool:
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


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_LENGTH else text[: _SHOWN_LENGTH - 3] + "..."
