# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One push or pull of a Docker Engine while it runs, and what becomes of its failures.

This module util is private to the collection.

The stream is read line by line (C(_stream)) and ends by itself, by a silence, or with the task's deadline: then the
connection is closed, upon which the engine gives the transfer up. While an engine puts a push off, and where it does
not say what kind of failure it met, the registry is asked.
"""

from __future__ import annotations

import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Clock, Deadline
from ansible_collections.jdcloud.jcr.plugins.module_utils._engineaddress import EngineAddress
from ansible_collections.jdcloud.jcr.plugins.module_utils._engineclient import (
    CONNECTION_ERRORS,
    APIError,
    EngineClient,
    NotFound,
    ReadTimeout,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._enginefault import cannot_connect, fell_silent
from ansible_collections.jdcloud.jcr.plugins.module_utils._enginewords import classify, is_unexplained
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import (
    DeadlineExceeded,
    JcrError,
    TransferFailed,
    TransferRefused,
    Unreachable,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._pushprobe import push_refusal
from ansible_collections.jdcloud.jcr.plugins.module_utils._reference import ImageReference
from ansible_collections.jdcloud.jcr.plugins.module_utils._route import is_loopback
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import Redactor, Secret
from ansible_collections.jdcloud.jcr.plugins.module_utils._stream import Patience, PullStream, PushStream, events

_NO_DIGEST = "sha256:" + "0" * 64  # of no image

Fold = t.Union[PushStream, PullStream]
Start = t.Callable[[EngineClient, dict[str, str]], object]


class Transfer:
    """One push or pull of C(image), with the C(login) (user, password) for its registry.

    C(trust): C(verify) and C(allowed_hosts) for what the registry is asked from here, as push_refusal() takes them.
    """

    def __init__(
        self,
        client: EngineClient,
        address: EngineAddress,
        image: ImageReference,
        login: tuple[str, Secret],
        clock: Clock,
        trust: t.Mapping[str, t.Any] | None = None,
    ) -> None:
        self._client = client
        self._address = address
        self._image = image
        self._login = login
        self._auth = {"username": login[0], "password": login[1].reveal()}
        self._redactor = Redactor([login[1]])
        self._clock = clock
        self._trust = trust or {}

    def run(self, start: Start, fold: Fold, deadline: Deadline) -> None:
        """Ask the engine by C(start), and feed all events of its stream to C(fold); raises what Engine.push() says.

        C(attempts) of an error that the engine met says how often it tried: more than once if it put something off.
        """
        with self._client.transfer(deadline):
            try:
                self._stream(start, fold, deadline)
            except DeadlineExceeded as error:
                error.cause += f"; {fold.progress()}"
                raise
            except (TransferFailed, TransferRefused, Unreachable) as error:
                error = self._ask_what_it_meant(error, fold, deadline)
                if error.attempts:
                    error.attempts += fold.layers.waits
                raise error

    def _stream(self, start: Start, fold: Fold, deadline: Deadline) -> None:
        try:
            start(self._client, self._auth)
            with self._client.hung_up_in_time():
                self._feed(fold, self._client.said(), deadline)
        except APIError as error:
            raise self._classified(error) from error
        except CONNECTION_ERRORS as error:
            deadline.check()
            raise self._broken(error, fold) from error

    def _feed(self, fold: Fold, chunks: t.Iterable[bytes], deadline: Deadline) -> None:
        patience, waits = Patience(), 0
        for event in events(chunks):
            deadline.check()
            fold.feed(self._redactor.scrub(event) if "error" in event or "errorDetail" in event else event)
            if isinstance(fold, PushStream) and fold.layers.waits > waits:
                waits = fold.layers.waits
                lost = patience.lost(self._ask_registry(fold, deadline))
                if lost is not None:
                    lost.cause += f" (given up early: the Docker Engine had put the push off {waits} times)"
                    raise lost

    # --- asking the registry -----------------------------------------------------------------------------------------

    def _ask_what_it_meant(self, error: JcrError, fold: Fold, deadline: Deadline) -> JcrError:
        """What the registry refuses, if an engine passes on its words but not what they stand for; else the error."""
        found = self._ask_registry(fold, deadline) if is_unexplained(error.cause) else None
        if found is None:
            return error
        found.cause = f"{error.cause} (asked once more: {found.cause})"
        return found

    def _ask_registry(self, fold: Fold, deadline: Deadline) -> JcrError | None:
        """What the registry refuses just now, by its answer to this very engine, or else to an upload of our own.

        None if it answers, or if that cannot be known.
        """
        found = self._ask_through_engine()
        return self._ask_directly(deadline) if found is None and isinstance(fold, PushStream) else found

    def _ask_through_engine(self) -> JcrError | None:
        """By asking for a digest that does not exist, so that no pull is counted."""
        try:
            self._client.inspect_distribution(str(self._image.with_digest(_NO_DIGEST)), auth_config=self._auth)
        except NotFound:
            return None
        except APIError as error:
            return self._classified(error)
        except CONNECTION_ERRORS:
            return None
        return None

    def _ask_directly(self, deadline: Deadline) -> JcrError | None:
        """A loopback address is the registry's only where the engine is: nobody else is to get the password."""
        host = self._image.host or ""
        if not host or (is_loopback(host) and not self._address.is_here):
            return None
        return push_refusal(self._image, *self._login, clock=self._clock, deadline=deadline, **self._trust)

    # --- failures ----------------------------------------------------------------------------------------------------

    def _classified(self, error: APIError) -> JcrError:
        return classify(self._redactor.scrub(str(error.explanation or error)))

    def _broken(self, error: BaseException, fold: Fold) -> JcrError:
        if self._client.streamed is None and not isinstance(error, ReadTimeout):
            return cannot_connect(error, self._address.docker_host)
        what = "hung up"
        if fell_silent(error):
            what = f"said nothing for {self._address.idle:g} seconds"
        return TransferFailed(
            f"the Docker Engine {what}; {fold.progress()}", cure="Look into the Docker Engine's log.", retryable=True
        )
