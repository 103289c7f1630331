# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One call of an operation: sign → send → judge → try again, or not.

This module util is private to the collection.

What is tried again, and when, is decided in _retry; in short: reads after anything that may pass, writes only when the
service provably did not get or did not accept them. A write whose answer was lost raises UnknownOutcome and is never
sent again: whoever called settles it by reading. Every attempt is signed anew, by the service's time.
"""

from __future__ import annotations

import datetime
import itertools
import json
import random as random_module
import typing as t
import urllib.parse
import uuid

from ansible_collections.jdcloud.jcr.plugins.module_utils import _models, _operations, _signing
from ansible_collections.jdcloud.jcr.plugins.module_utils._answers import result_of
from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Clock, Deadline
from ansible_collections.jdcloud.jcr.plugins.module_utils._credentials import Account
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import (
    AuthenticationFailed,
    CheckModeViolation,
    JcrError,
    ProtocolError,
    UnknownOutcome,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._operations import Operation
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import Redactor
from ansible_collections.jdcloud.jcr.plugins.module_utils._times import http_date, retry_after
from ansible_collections.jdcloud.jcr.plugins.module_utils._transport import Answer, Transport

CLOCK_TOLERANCE = datetime.timedelta(minutes=5)  # a clock that is further off is taken for the reason of a 401

T = t.TypeVar("T")
Query = t.Sequence[tuple[str, str]]


class Caller:
    """Calls operations for one account through one transport.

    C(retries) attempts may follow the first of each call. C(read_only) refuses every writing call before anything is
    sent. C(trace) tells what was called: {operation, http_status, milliseconds, request_id, attempts} each.
    C(redactor) is told every secret that a message of the service could repeat. C(tell) gets a line before each pause.

    Threads may call at the same time: what they share is one list that grows, and one correction of the clock, which
    each answer replaces as a whole by what it tells. C(nonce) and C(random) have to be as safe.
    """

    def __init__(
        self,
        account: Account,
        *,
        transport: Transport,
        clock: Clock,
        deadline: Deadline,
        retries: int,
        read_only: bool,
        tell: t.Callable[[str], None],
        random: random_module.Random | None = None,
        nonce: t.Callable[[], str] | None = None,
    ) -> None:
        credential = account.credential
        self.trace: list[dict[str, t.Any]] = []
        self.redactor = Redactor(filter(None, (credential.secret_key, credential.security_token)))
        self._account = account
        self._transport = transport
        self._clock = clock
        self._deadline = deadline
        self._retries = retries
        self._read_only = read_only
        self._tell = tell
        self._random = random or random_module.Random()
        self._nonce = nonce or (lambda: str(uuid.uuid4()))
        self._skew = datetime.timedelta(0)

    def now(self) -> datetime.datetime:
        """The service's time, as far as its answers have told it; until then the local clock."""
        return self._clock.now() + self._skew

    def call(
        self,
        operation: Operation,
        read: t.Callable[[_models.Raw], T],
        *,
        query: Query = (),
        body: t.Mapping[str, t.Any] | None = None,
        **names: str,
    ) -> T:
        """Do one operation; C(read) makes of its result what the caller gets, or raises ProtocolError."""
        names["region"] = self._account.region
        try:
            if operation.writes and self._read_only:
                raise CheckModeViolation("this is a write, and nothing may be written in check mode")
            target = operation.path_for(**{key: name for key, name in names.items() if f"{{{key}}}" in operation.path})
            if query:
                target += "?" + urllib.parse.urlencode(query, quote_via=urllib.parse.quote)
            return self._until_settled(operation, read, target, None if body is None else json.dumps(body).encode())
        except JcrError as error:
            error.about(operation.act, operation.obj.format(**names))
            raise

    def _until_settled(
        self, operation: Operation, read: t.Callable[[_models.Raw], T], target: str, body: bytes | None
    ) -> T:
        """Send the request until there is a result or nothing more to hope for."""
        trace = {"operation": operation.name, "http_status": None, "milliseconds": 0, "request_id": None, "attempts": 0}
        self.trace.append(trace)
        started = self._clock.monotonic()
        by_corrected_time = False
        for attempt in itertools.count(1):
            answer = None
            signed_at = self.now()
            try:
                answer = self._send(operation, target, body, signed_at)
                return read(self._result(operation, answer))
            except JcrError as error:
                failure = error
            finally:
                _note(trace, attempt, answer, self._clock.monotonic() - started)
            failure.attempts = attempt
            if answer is not None:  # not every error that is found in an answer knows it as a whole
                failure.request_id = failure.request_id or _models.request_id_of(answer.headers)
                failure.http_status = failure.http_status or answer.status
            clock_was_wrong = abs(self.now() - signed_at) > CLOCK_TOLERANCE
            if isinstance(failure, AuthenticationFailed) and clock_was_wrong and not by_corrected_time:
                by_corrected_time = True
            else:
                self._wait_or_raise(operation, attempt, failure, answer)
        raise RuntimeError("unreachable: the loop has no end of its own")

    def _send(self, operation: Operation, target: str, body: bytes | None, now: datetime.datetime) -> Answer:
        """One attempt. Learns the service's time from its answer."""
        before = self._clock.now()
        answer = self._transport.send(
            operation.method,
            target,
            headers={"Content-Type": "application/json", "Accept": "application/json"},
            body=body,
            sign=lambda prepared: self._sign(prepared, now),
            deadline=self._deadline,
        )
        self._learn_time(answer.headers.get("Date"), before, self._clock.now())
        return answer

    def _sign(self, prepared: t.Any, now: datetime.datetime) -> None:
        credential = self._account.credential
        token = credential.security_token
        prepared.headers["Host"] = _signing.host_of(prepared.url)  # what is signed is what is sent
        prepared.headers.update(
            _signing.sign(
                prepared.method,
                prepared.url,
                prepared.headers,
                prepared.body or b"",
                access_key=credential.access_key,
                secret_key=credential.secret_key.reveal(),
                region=self._account.region,
                now=now,
                nonce=self._nonce(),
                security_token=token.reveal() if token else None,
            )
        )

    def _result(self, operation: Operation, answer: Answer) -> _models.Raw:
        try:
            protected = self._account.credential.security_token is not None
            return result_of(operation, answer, scrub=self.redactor.scrub, protected=protected)
        except AuthenticationFailed as error:
            if abs(self._skew) > CLOCK_TOLERANCE:
                error.cause += f"; the local clock is {_in_words(self._skew)} the service's"
                error.cure = f"Set the clock of this machine. {error.cure}"
            raise

    def _wait_or_raise(self, operation: Operation, attempt: int, failure: JcrError, answer: Answer | None) -> None:
        """Wait until the request may be sent again, or raise what the failure comes to."""
        from ansible_collections.jdcloud.jcr.plugins.module_utils import _retry

        asked_wait = retry_after(answer.headers, self.now()) if answer else None
        decision = _retry.decide(
            operation,
            attempt,
            _retry.Outcome(
                sent=getattr(failure, "sent", True),
                reached=getattr(failure, "reached", True),
                http_status=failure.http_status,
                status=failure.status,
                intelligible=not isinstance(failure, ProtocolError),
                retry_after=asked_wait,
            ),
            retries=self._retries,
            time_left=self._deadline.left(),
            jitter=self._random.random(),
        )
        if isinstance(decision, _retry.ReadBack):
            raise _unknown_outcome(operation, failure) from failure
        if isinstance(decision, _retry.Stop):
            if asked_wait is not None and failure.retryable:
                failure.cure = f"The service asks to wait {asked_wait:.0f} seconds. {failure.cure}".rstrip()
            raise failure
        again = f"attempt {attempt + 1} of {self._retries + 1} follows in {decision.seconds:.1f} seconds"
        self._tell(f"{operation.name}: {failure.cause}; {again}")
        self._clock.sleep(decision.seconds)

    # --- the service's time ------------------------------------------------------------------------------------------

    def _learn_time(self, date: str | None, before: datetime.datetime, after: datetime.datetime) -> None:
        """Take the smallest correction of the local clock that explains the Date of an answer.

        C(before) and C(after) are the local times of sending and receiving; a Date has whole seconds.
        """
        told = http_date(date)
        if told is None:
            return
        earliest, latest = before - datetime.timedelta(seconds=1), after
        self._skew = told - min(max(told, earliest), latest)


def _note(trace: dict[str, t.Any], attempt: int, answer: Answer | None, seconds: float) -> None:
    trace["attempts"] = attempt
    trace["milliseconds"] = round(seconds * 1000)
    trace["http_status"] = answer.status if answer else None
    trace["request_id"] = _models.request_id_of(answer.headers) if answer else None


def _unknown_outcome(operation: Operation, failure: JcrError) -> UnknownOutcome:
    cure = "Run the task again: it reads the present state first."
    if operation.repeat == _operations.NEVER:
        cure = "A token may have been issued: it counts as one of the 5 of this hour. Run again: if it was, it is used."
    return UnknownOutcome(
        f"the request was sent, but no answer came that tells whether it was done ({failure.cause})",
        cure=cure,
        code=failure.code,
        status=failure.status,
        request_id=failure.request_id,
        http_status=failure.http_status,
        retryable=True,
        attempts=failure.attempts,
    )


def _in_words(skew: datetime.timedelta) -> str:
    """How far the local clock is off: "3 days, 0:00:05 ahead of" or "… behind"; C(skew) is service minus local."""
    off = datetime.timedelta(seconds=round(abs(skew.total_seconds())))
    return f"{off} {'behind' if skew > datetime.timedelta(0) else 'ahead of'}"
