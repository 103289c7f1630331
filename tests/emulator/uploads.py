# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Blob uploads: what has arrived so far of a blob that is on its way.

The length of the upload's file is the truth about its progress. The hasher is only kept to save work: after a restart
it is rebuilt from the file, so an upload can be resumed where the last process died.
"""

from __future__ import annotations

import os
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.emulator import digests
from tests.emulator.blobs import BlobStore
from tests.emulator.registryerrors import RegistryError

TABLES = """
CREATE TABLE IF NOT EXISTS uploads (id TEXT PRIMARY KEY, repository_id INTEGER NOT NULL, touched_at TEXT NOT NULL);
"""


class Upload:
    """One blob on its way. Not for concurrent use: the routes let one request at a time have it."""

    def __init__(self, upload_id: str, repository_id: int, path: Path) -> None:
        self.id = upload_id
        self.repository_id = repository_id
        self.path = path
        self.offset = path.stat().st_size
        self._hasher = digests.ALGORITHMS[digests.DEFAULT]() if self.offset == 0 else None

    def append(self, pieces: list[bytes]) -> None:
        """Write and hash what arrived next."""
        hasher = self._present_hasher()
        # What is not completely written must not be hashed; so the hasher is given up until it is.
        self._hasher = None
        with self.path.open("r+b", buffering=0) as file:
            file.seek(self.offset)
            try:
                for piece in pieces:
                    _write_all(file, piece)
                    hasher.update(piece)
            except OSError:
                file.truncate(self.offset)
                raise
        self._hasher = hasher
        self.offset += sum(map(len, pieces))

    def rewind(self, offset: int) -> None:
        """Forget what arrived after this many bytes."""
        os.truncate(self.path, offset)
        self.offset = offset
        self._hasher = None

    def digest(self, algorithm: str) -> str:
        """The digest of all that has arrived."""
        if algorithm == digests.DEFAULT:
            return f"{algorithm}:{self._present_hasher().hexdigest()}"
        return f"{algorithm}:{digests.hash_file(self.path, algorithm).hexdigest()}"

    def _present_hasher(self) -> Any:
        if self._hasher is None:
            self._hasher = digests.hash_file(self.path)
        return self._hasher


class UploadStore:
    """The uploads of all registries. Every method blocks: call it from a worker thread."""

    def __init__(self, database: Any, directory: Path, clock: Any, blobs: BlobStore) -> None:
        self._database = database
        self._directory = directory
        self._clock = clock
        self._blobs = blobs
        self._open: dict[str, Upload] = {}

    def remove_strays(self) -> None:
        """Remove files that no row knows."""
        with self._database.transaction() as connection:
            known = {row["id"] for row in connection.execute("SELECT id FROM uploads")}
            for file in self._directory.iterdir():
                if file.name not in known:
                    self._open.pop(file.name, None)
                    file.unlink()

    def start(self, repository_id: int) -> Upload:
        """Open an upload into a repository."""
        upload_id = str(uuid.uuid4())
        path = self._directory / upload_id
        with self._database.transaction() as connection:
            path.touch(exist_ok=False)
            connection.execute("INSERT INTO uploads VALUES (?, ?, ?)", (upload_id, repository_id, self._now()))
        upload = self._open[upload_id] = Upload(upload_id, repository_id, path)
        return upload

    def find(self, repository_id: int, upload_id: str) -> Upload:
        """The open upload of this repository; refuses if there is none (finished, cancelled, too old, elsewhere)."""
        statement = "UPDATE uploads SET touched_at = ? WHERE id = ? AND repository_id = ?"
        with self._database.transaction() as connection:
            known = connection.execute(statement, (self._now(), upload_id, repository_id)).rowcount
        path = self._directory / upload_id
        if not known or not path.exists():
            raise RegistryError("BLOB_UPLOAD_UNKNOWN", f"there is no upload {upload_id!r} here; start a new one")
        if upload_id not in self._open:
            self._open[upload_id] = Upload(upload_id, repository_id, path)
        return self._open[upload_id]

    def finish(self, upload: Upload, digest: str) -> None:
        """Make it a blob of its repository; if the digest is another one, the upload is dropped and refused."""
        actual = upload.digest(digests.algorithm_of(digest))
        if actual != digest:
            self.cancel(upload)
            message = f"the uploaded bytes have the digest {actual}, not {digest}; upload the blob again"
            raise RegistryError("DIGEST_INVALID", message, detail={"expected": digest, "actual": actual})
        self._blobs.adopt(upload.path, upload.repository_id, digest, upload.offset)
        self.cancel(upload)

    def cancel(self, upload: Upload) -> None:
        """Drop an upload and what arrived of it."""
        self._drop("id = ?", upload.id)

    def cancel_all(self, repository_id: int) -> None:
        """Drop every upload into a repository."""
        self._drop("repository_id = ?", repository_id)

    def cancel_abandoned(self, age: timedelta) -> None:
        """Drop the uploads of which nobody has asked for this long."""
        self._drop("touched_at < ?", (self._clock.now() - age).isoformat(timespec="microseconds"))

    def _drop(self, condition: str, value: object) -> None:
        with self._database.transaction() as connection:
            dropped = connection.execute(f"DELETE FROM uploads WHERE {condition} RETURNING id", (value,)).fetchall()
        for row in dropped:
            self._open.pop(row["id"], None)
            (self._directory / row["id"]).unlink(missing_ok=True)

    def _now(self) -> str:
        return self._clock.now().isoformat(timespec="microseconds")


def _write_all(file: Any, data: bytes) -> None:
    """Write it all; an unbuffered file may take less than it is given."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]
