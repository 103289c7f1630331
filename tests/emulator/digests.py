# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Content digests (C(sha256:<hex>)): which ones are well formed, and how to compute them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

ALGORITHMS: dict[str, Callable[[], Any]] = {"sha256": hashlib.sha256, "sha512": hashlib.sha512}
DEFAULT = "sha256"

_FORM = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")


def is_digest(text: str) -> bool:
    """Whether this is a digest of an algorithm that the OCI image specification registers, in lower-case hex."""
    return _FORM.fullmatch(text) is not None


def algorithm_of(digest: str) -> str:
    """The algorithm of a well-formed digest."""
    return digest.partition(":")[0]


def of_bytes(content: bytes, algorithm: str = DEFAULT) -> str:
    """The digest of some bytes."""
    hasher = ALGORITHMS[algorithm]()
    hasher.update(content)
    return f"{algorithm}:{hasher.hexdigest()}"


def hash_file(path: Path, algorithm: str = DEFAULT) -> Any:
    """A hasher that has read the whole file; memory use does not depend on the file's size."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, ALGORITHMS[algorithm])
