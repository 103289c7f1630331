# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The docker SDK's client of one Docker Engine, with limits to its patience.

This module util is private to the collection; the only file that imports docker.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
import traceback
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Deadline
from ansible_collections.jdcloud.jcr.plugins.module_utils._engineaddress import EngineAddress
from ansible_collections.jdcloud.jcr.plugins.module_utils._enginefault import cannot_connect
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import ConfigurationError, MissingLibrary
from ansible_collections.jdcloud.jcr.plugins.module_utils._route import is_loopback

try:
    from docker import APIClient, auth
    from docker.errors import APIError, DockerException, NotFound, TLSParameterError
    from docker.tls import TLSConfig
    from docker.utils import config
    from requests.exceptions import ReadTimeout, RequestException
    from urllib3.exceptions import HTTPError

    DOCKER_IMPORT_ERROR = None
    # What the SDK lets through when an engine cannot be reached, or hangs up.
    CONNECTION_ERRORS: tuple[type[Exception], ...] = (DockerException, RequestException, HTTPError, OSError)
except ImportError:
    DOCKER_IMPORT_ERROR = traceback.format_exc()
    APIClient = object
    # Nothing of the SDK can be raised where it is not there.
    APIError, NotFound, ReadTimeout = (type(name, (Exception,), {}) for name in ("APIError", "NotFound", "ReadTimeout"))
    CONNECTION_ERRORS = ()

# The SDK's exceptions are taken from here: nobody else imports docker.
__all__ = (
    "CONNECTION_ERRORS",
    "APIError",
    "EngineClient",
    "NotFound",
    "ReadTimeout",
    "connect",
)


_READ = 64 * 1024  # bytes at most that are taken of a stream at once


class EngineClient(APIClient):
    """No request outlasts its time-out or the deadline, and no stream a silence."""

    def __init__(self, address: EngineAddress, tls: t.Any) -> None:
        self.deadline: Deadline | None = None  # of the transfer that is going on
        self.streamed: t.Any = None  # the answer of that transfer
        self._idle = address.idle
        self._loopback = is_loopback(address.docker_host)
        super().__init__(address.docker_host, timeout=address.timeout, tls=tls)

    def send(self, request: t.Any, **options: t.Any) -> t.Any:
        """Send a prepared request, as requests does; the SDK itself lets a pull wait for ever."""
        streamed = bool(options.get("stream"))
        limit = self._idle if streamed else self.timeout
        if self.deadline is not None:
            self.deadline.check()
            left = self.deadline.left()
            limit = limit if left is None else min(limit, left)
        options["timeout"] = limit
        if self._loopback:
            options["proxies"] = {}  # a proxy would see the password
        response = super().send(request, **options)
        if streamed:
            self.streamed = response
        return response

    def _retrieve_server_version(self) -> str:
        """The newest API of the engine. Its C(/_ping) tells that in a header, and asks no other program as C(/version)
        does (dockerd asks containerd and runc); a proxy may leave the header out.
        """
        try:
            answer = self._get(self._url("/_ping", versioned_api=False))
        except Exception as error:  # over ssh anything that paramiko raises
            raise DockerException(f"Error while asking for the API's version: {error}") from error
        version = answer.headers.get("Api-Version") if answer.ok else None
        return version or t.cast("str", super()._retrieve_server_version())

    def said(self) -> t.Iterator[bytes]:
        """What the engine says of the transfer that is going on, as it comes. The SDK's own generator takes several
        reads for each word, and a push leaves little time to anything beside it.
        """
        return t.cast("t.Iterator[bytes]", self.streamed.raw.stream(_READ))

    def inspect_in_full(self, reference: str) -> dict[str, t.Any]:
        """What the SDK's inspect_image() gives, and what an image for several platforms consists of (API 1.48)."""
        answer = self._get(self._url("/images/{0}/json", reference), params={"manifests": "1"})
        return t.cast("dict[str, t.Any]", self._result(answer, json=True))

    @contextlib.contextmanager
    def transfer(self, deadline: Deadline) -> t.Iterator[None]:
        """All calls within this end with the deadline; in the end the connection of the transfer is closed."""
        self.deadline, self.streamed = deadline, None
        try:
            yield
        finally:
            if self.streamed is not None:
                self.streamed.close()
            self.deadline = self.streamed = None

    @contextlib.contextmanager
    def hung_up_in_time(self) -> t.Iterator[None]:
        """Break the transfer's connection when the deadline passes, even while a read waits for the next word."""
        left = self.deadline.left() if self.deadline else None
        if left is None:
            yield
            return
        timer = threading.Timer(left, _hang_up, [self.streamed])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()  # it must not touch a connection that is somebody else's by then


def connect(address: EngineAddress) -> EngineClient:
    """A client that has spoken to its engine; raises EngineError, ConfigurationError or MissingLibrary."""
    if DOCKER_IMPORT_ERROR is not None:
        raise MissingLibrary(
            f"{sys.executable} has no usable library docker ({DOCKER_IMPORT_ERROR.strip().splitlines()[-1]})",
            cure="Install it there: pip install docker, or the package python3-docker.",
        )
    address.check()
    _check_docker_config()
    try:
        tls = TLSConfig(address.tls_client, address.tls_ca_path, address.tls_verify) if address.tls else False
        return EngineClient(address, tls)
    except TLSParameterError as error:
        raise ConfigurationError(f"the TLS options for the Docker Engine do not work: {error}") from error
    except (*CONNECTION_ERRORS, ValueError) as error:
        raise cannot_connect(error, address.docker_host) from error


def _check_docker_config() -> None:
    """The SDK's client reads the docker configuration, with an arbitrary exception for a bad one; so say which file."""
    try:
        auth.load_config(config_dict=config.load_general_config())
    except Exception as error:
        raise ConfigurationError(
            f"the docker library cannot read the docker configuration {config.find_config_file()}",
            cure="Correct the file; the docker CLI needs that as well.",
        ) from error


def _hang_up(response: t.Any) -> None:
    with contextlib.suppress(OSError, ValueError, AttributeError):  # it has ended by itself meanwhile
        with socket.socket(fileno=os.dup(response.raw.fileno())) as connection:
            connection.shutdown(socket.SHUT_RDWR)
