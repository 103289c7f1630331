# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Drives the official Python SDK. It runs in .venv-jdc, which has the SDK, and is not imported by any test.

C(python sdk_program.py call|sign) reads one JSON document from standard input and writes one to standard output.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import json
import sys
import typing as t

from jdcloud_sdk.core.config import Config
from jdcloud_sdk.core.credential import Credential
from jdcloud_sdk.core.logger import Logger
from jdcloud_sdk.core.signer import Signer
from jdcloud_sdk.core.util import base64encode
from jdcloud_sdk.services.common.models.Filter import Filter
from jdcloud_sdk.services.containerregistry.client.ContainerregistryClient import ContainerregistryClient

Json = dict[str, t.Any]
_CANONICAL = "---canonical_request---\n"


class Notes(Logger):
    """Keeps what the SDK would print."""

    def __init__(self) -> None:
        super().__init__(level=0)
        self.messages: list[str] = []

    def log(self, level: int, message: object) -> None:
        self.messages.append(str(message))


# --- call ------------------------------------------------------------------------------------------------------------


def call(order: Json) -> list[Json]:
    """Do C(calls), each {operation, parameters, headers}, in this order; each gives {request_id, result, error}."""
    scheme, _mark, endpoint = order["endpoint"].partition("://")
    credential = Credential(order["access_key"], order["secret_key"])
    client = ContainerregistryClient(credential, Config(endpoint, scheme, timeout=60), Notes())
    answers = [client.send(request_of(order["region"], **wanted)) for wanted in order["calls"]]
    return [{**vars(answer), "error": answer.error and vars(answer.error)} for answer in answers]


def request_of(region: str, operation: str, parameters: Json, headers: Json) -> t.Any:
    """The SDK's request object, filled through its constructor and setters as its README shows."""
    name = operation[0].upper() + operation[1:]
    module = importlib.import_module(f"jdcloud_sdk.services.containerregistry.apis.{name}Request")
    kind = getattr(module, f"{name}Parameters")
    values = {"regionId": region, **parameters}
    filled = kind(*(values.pop(required) for required in inspect.signature(kind).parameters))
    for optional, value in values.items():
        if optional == "filters":
            value = [Filter(**one) for one in value]
        getattr(filled, f"set{optional[0].upper()}{optional[1:]}")(value)
    return getattr(module, f"{name}Request")(filled, headers)


# --- sign ------------------------------------------------------------------------------------------------------------


def sign(order: Json) -> list[Json]:
    """Sign C(requests), each {method, url, headers, body, security_token}; each gives {canonical_request, headers}."""
    credential = Credential(order["access_key"], order["secret_key"])
    return [signed(credential, order["region"], **request) for request in order["requests"]]


def signed(credential: Credential, region: str, method: str, url: str, headers: Json, body: str, **more: str) -> Json:
    """The canonical request, and the headers as they would be sent."""
    notes, headers = Notes(), {"User-Agent": "the SDK's", **headers}
    token = base64encode(more["security_token"]) if more["security_token"] else ""
    if token:
        headers["x-jdcloud-security-token"] = token
    Signer(notes).sign(method, "containerregistry", region, url, headers, body, credential, token)
    canonical = next(message for message in notes.messages if message.startswith(_CANONICAL))
    return {"canonical_request": canonical.removeprefix(_CANONICAL), "headers": headers}


if __name__ == "__main__":
    answers = {"call": call, "sign": sign}[sys.argv[1]](json.load(sys.stdin))
    json.dump({"version": importlib.metadata.version("jdcloud_sdk"), "answers": answers}, sys.stdout)
