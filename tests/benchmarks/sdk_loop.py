# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The official SDK creates repositories, one after the other, as a user's own script would.

It runs in .venv-jdc, which has the SDK: order from standard input, {wall, cpu} in seconds to standard output.
"""

from __future__ import annotations

import json
import sys
import time

from jdcloud_sdk.core.config import Config
from jdcloud_sdk.core.credential import Credential
from jdcloud_sdk.core.logger import Logger
from jdcloud_sdk.services.containerregistry.apis.CreateRepositoryRequest import (
    CreateRepositoryParameters,
    CreateRepositoryRequest,
)
from jdcloud_sdk.services.containerregistry.client.ContainerregistryClient import ContainerregistryClient


class Silent(Logger):
    """Writes nothing: a terminal's speed is not the SDK's."""

    def log(self, level: int, message: object) -> None:
        """Keep quiet."""


def main() -> None:
    order = json.load(sys.stdin)
    scheme, _mark, endpoint = order["endpoint"].partition("://")
    credential = Credential(order["access_key"], order["secret_key"])
    client = ContainerregistryClient(credential, Config(endpoint, scheme, timeout=60), Silent(0))
    started, used = time.perf_counter(), time.process_time()
    for name in order["names"]:
        answer = client.send(
            CreateRepositoryRequest(CreateRepositoryParameters(order["region"], order["registry"], name))
        )
        if answer.error is not None:
            raise SystemExit(f"{name}: {vars(answer.error)}")
    json.dump({"wall": time.perf_counter() - started, "cpu": time.process_time() - used}, sys.stdout)


if __name__ == "__main__":
    main()
