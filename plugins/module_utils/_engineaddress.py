# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a Docker Engine is, and how to speak to it; what cannot work is refused before it is tried. Pure.

This module util is private to the collection.
"""

from __future__ import annotations

import dataclasses
import re
import urllib.parse

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import ConfigurationError
from ansible_collections.jdcloud.jcr.plugins.module_utils._quantities import positive_seconds
from ansible_collections.jdcloud.jcr.plugins.module_utils._route import is_loopback

DEFAULT_HOST = "unix:///var/run/docker.sock"
TIMEOUT_SECONDS = 60.0
IDLE_SECONDS = 300.0  # a registry may take minutes to file a large layer, and the engine says nothing meanwhile

_FORMS = "Write unix:///PATH, tcp://HOST:PORT, https://HOST:PORT or ssh://[USER@]HOST."
_NETWORK = ("tcp", "http", "https")


@dataclasses.dataclass(frozen=True)
class EngineAddress:
    """Where a Docker Engine is and how to speak to it; times in seconds.

    C(docker_host) as the docker CLI takes it. C(timeout) is for an ordinary call, C(idle) the longest silence within a
    transfer.
    """

    docker_host: str = DEFAULT_HOST
    tls: bool = False
    tls_verify: bool = False
    tls_ca_path: str | None = None
    tls_client: tuple[str | None, str | None] | None = None
    allow_insecure: bool = False
    timeout: float = TIMEOUT_SECONDS
    idle: float = IDLE_SECONDS

    def check(self) -> None:
        """Raise ConfigurationError for what is no address, or one over which a password would travel in clear."""
        positive_seconds("docker_timeout", self.timeout)
        positive_seconds("idle_timeout", self.idle)
        scheme, rest = self._parts()
        if scheme == "unix":
            self._check_path(rest)
            return
        location = self._location(scheme, rest)
        in_clear = scheme in ("tcp", "http") and not self.tls
        if in_clear and not self.allow_insecure and not is_loopback(location):
            raise self._refused(
                "is another machine and its connection is not encrypted, "
                "so that anybody on the way could read the token",
                "Set tls_verify (and tls_ca_path), or use ssh://.",
            )

    @property
    def is_here(self) -> bool:
        """Whether the engine runs on this very machine, as far as its address tells."""
        scheme, rest = self._parts()
        return scheme == "unix" or (scheme in _NETWORK and is_loopback(rest.partition("/")[0]))

    def _parts(self) -> tuple[str, str]:
        """The scheme, and what follows it. HOST:PORT is understood as tcp, as the docker CLI does."""
        host = self.docker_host
        if host != host.strip() or not host.isprintable():
            raise self._refused("has a blank before it or behind it, or a sign that cannot be printed", "Take it out.")
        scheme, separator, rest = host.partition("://")
        if not separator:
            if host.startswith(("/", "~", "unix:")):
                path = host[len("unix:") :] if host.startswith("unix:") else host
                raise self._refused("does not say how to speak to that socket", f"Write unix://{path}.")
            return "tcp", host
        if scheme not in ("unix", "ssh", *_NETWORK):
            raise self._refused(f"is of a kind ({scheme[:20]}) that is not spoken here", _FORMS)
        return scheme, rest

    def _check_path(self, path: str) -> None:
        if path and not path.startswith("/"):  # without any, it is the usual socket
            raise self._refused("does not name its socket by a whole path", f"Write unix:///{path}.")

    def _location(self, scheme: str, rest: str) -> str:
        """Host and port of an engine on a network."""
        location = rest.partition("/")[0]
        try:
            parts = urllib.parse.urlsplit(f"//{location}")
            name, port = parts.hostname or "", parts.port
        except ValueError:
            raise self._refused("does not name a host, or no port from 1 to 65535", _FORMS) from None
        if not re.fullmatch(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+", name) or port == 0:
            raise self._refused("does not name a host", _FORMS)
        if scheme in _NETWORK and port is None:
            raise self._refused("does not name a port", f"Write {scheme}://{location}:2376 with TLS, or :2375 without.")
        return location

    def _refused(self, cause: str, cure: str) -> ConfigurationError:
        return ConfigurationError(f"docker_host {self.docker_host!r} {cause}", cure=cure)


def engine_address(
    docker_host: str | None = None,
    *,
    tls: bool | None = None,
    tls_verify: bool | None = None,
    tls_ca_path: str | None = None,
    tls_client_cert: str | None = None,
    tls_client_key: str | None = None,
    docker_timeout: float | None = None,
    idle_timeout: float | None = None,
    allow_insecure_docker_host: bool | None = None,
) -> EngineAddress:
    """The address that the options of a task describe; one that was left out has its usual value."""
    return EngineAddress(
        docker_host=docker_host or DEFAULT_HOST,
        tls=bool(tls or tls_verify),
        tls_verify=bool(tls_verify),
        tls_ca_path=tls_ca_path,
        tls_client=(tls_client_cert, tls_client_key) if tls_client_cert or tls_client_key else None,
        allow_insecure=bool(allow_insecure_docker_host),
        timeout=TIMEOUT_SECONDS if docker_timeout is None else docker_timeout,
        idle=IDLE_SECONDS if idle_timeout is None else idle_timeout,
    )
