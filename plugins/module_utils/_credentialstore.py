# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A docker credential store: the program C(docker-credential-NAME) that keeps logins outside of config.json.

This module util is private to the collection.

The protocol (docker-credential-helpers): the action is the only argument, the question comes on standard input, the
answer goes to standard output, where a failing helper also puts its message. So no secret is ever on a command line.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import selectors
import shutil
import subprocess
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Clock
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import ConfigurationError, FileError
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import Redactor, Secret

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_NOT_FOUND = "credentials not found in native keychain"  # the text by which docker itself knows this answer
_MAX_ANSWER = 64 * 1024
_LONGEST_MESSAGE = 200


class CredentialStore:
    """The store that config.json calls name, or that the task has C(chosen); its helper has timeout seconds to answer.

    Every method raises ConfigurationError when the program is not installed, and FileError when it fails, does not
    answer in time, or answers something else than the protocol's.
    """

    def __init__(self, name: str, *, clock: Clock, timeout: float = 30.0, chosen: bool = False) -> None:
        self._name = name
        self._chosen = chosen
        self._clock = clock
        self._timeout = timeout

    def get(self, host: str) -> tuple[str, Secret] | None:
        """User name and password of a host; None if the store has none."""
        answer = self._call("get", host, host.encode())
        if answer is None:
            return None
        try:
            login = json.loads(answer)
            return str(login["Username"]), Secret(login["Secret"])
        except (ValueError, KeyError, TypeError, RecursionError):
            raise self._failure("get", host, "its answer is not a login") from None

    def store(self, host: str, username: str, password: Secret) -> None:
        """Keep a login."""
        login = {"ServerURL": host, "Username": username, "Secret": password.reveal()}
        self._call("store", host, json.dumps(login).encode("ascii"), password)

    def erase(self, host: str) -> None:
        """Forget the login of a host; one that is not there is no error."""
        self._call("erase", host, host.encode())

    def _call(self, action: str, host: str, question: bytes, secret: Secret | None = None) -> bytes | None:
        """The helper's answer, None if it says that it has no such login."""
        command = [self._program(), action]
        try:
            with subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            ) as helper:
                try:
                    answer = self._exchange(helper, question)
                    status = helper.wait(self._timeout)
                finally:
                    helper.kill()
        except (OSError, subprocess.TimeoutExpired, _BadAnswer) as error:
            raise self._failure(action, host, str(error)) from error
        if status == 0:
            return answer
        message = answer.decode("utf-8", "replace").strip()
        if action in ("get", "erase") and message == _NOT_FOUND:
            return None
        message = Redactor([secret] if secret else []).scrub(message)[:_LONGEST_MESSAGE]
        raise self._failure(action, host, f"it ended with status {status}: {message}")

    def _exchange(self, helper: subprocess.Popen[bytes], question: bytes) -> bytes:
        end = self._clock.monotonic() + self._timeout
        questions, answers = t.cast("t.IO[bytes]", helper.stdin), t.cast("t.IO[bytes]", helper.stdout)
        with contextlib.suppress(BrokenPipeError):  # it may answer without having read
            questions.write(question)
            questions.close()
        answer = b""
        with selectors.DefaultSelector() as selector:
            selector.register(answers, selectors.EVENT_READ)
            while selector.select(max(0.0, end - self._clock.monotonic())):
                piece = os.read(answers.fileno(), _MAX_ANSWER)
                answer += piece
                if not piece:
                    return answer
                if len(answer) > _MAX_ANSWER:
                    raise _BadAnswer(f"its answer is longer than {_MAX_ANSWER} bytes")
        raise _BadAnswer(f"it did not answer within {self._timeout:g} seconds")

    def _program(self) -> str:
        """The helper's absolute path; never a program from the present directory."""
        program = f"docker-credential-{self._name}"
        if not NAME.fullmatch(self._name):
            raise ConfigurationError(
                "the docker configuration names a credential store that cannot be a program's name",
                cure="Correct credsStore or credHelpers in the docker configuration.",
            )
        path = shutil.which(program)
        if path is not None and os.path.isabs(path):
            return path
        if self._chosen:
            raise ConfigurationError(
                f"store is {self._name!r}, but there is no program {program}",
                cure=f"Install {program} where the login is to be, in a directory on PATH; or choose another store.",
            )
        raise ConfigurationError(
            f"the docker configuration names a credential store, but its program {program} is not installed",
            cure=f"Install {program}, take it out of credsStore or credHelpers in the docker configuration, "
            "or set store to file.",
        )

    def _failure(self, action: str, host: str, cause: str) -> FileError:
        return FileError(
            f"the credential store failed: {cause}",
            act=f"{action} the login",
            obj=f"of '{host}' by docker-credential-{self._name}",
            cure="Try the program by hand; does it need to be unlocked?",
        )


class _BadAnswer(Exception):
    """The helper was too slow or too talkative."""
