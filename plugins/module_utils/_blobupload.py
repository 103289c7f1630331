# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One blob into a registry: begun, sent, taken up again after a cut, finished by its digest.

This module util is private to the collection.

A blob that is not larger than a chunk goes in one request, a larger one chunk by chunk. After a failure the registry is
asked how far it has come, and what is missing is sent: never more than one chunk again, where the registry keeps what
it has got. (CNCF distribution 2.8 forgets an upload that was cut within a chunk: then the blob begins anew.)
"""

from __future__ import annotations

import contextlib
import re
import urllib.parse

from ansible_collections.jdcloud.jcr.plugins.module_utils._content import Content, SourceBroken
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import JcrError, TransferFailed
from ansible_collections.jdcloud.jcr.plugins.module_utils._imagesource import Descriptor
from ansible_collections.jdcloud.jcr.plugins.module_utils._registrycall import Conversation, Scopes
from ansible_collections.jdcloud.jcr.plugins.module_utils._transport import Answer

CHUNK = 16 * 1024 * 1024  # bytes
_KEPT_ELSEWHERE = (302, 307)  # how a registry answers the question for a blob that another host keeps for it
_LOST = ("BLOB_UPLOAD_UNKNOWN", "BLOB_UPLOAD_INVALID")
_REACHED = re.compile(r"(?:bytes=)?0-([0-9]{1,18})")


def has_blob(conversation: Conversation, path: str, scopes: Scopes, blob: Descriptor) -> bool:
    """Whether a repository has this blob; C(path) as BlobUpload has it.

    A registry that keeps its blobs elsewhere says where, once it knows that they are there: nobody has to go.
    """
    answer = conversation.ask("HEAD", f"{path}/blobs/{blob.digest}", scopes, expect=(200, *_KEPT_ELSEWHERE, 404))
    if answer.status in _KEPT_ELSEWHERE:
        return True
    return answer.status == 200 and answer.headers.get("Content-Length", str(blob.size)) == str(blob.size)


class BlobUpload:
    """C(path) is the repository's below the host: C(/v2/NAME). C(location): an upload that is open already."""

    def __init__(
        self,
        conversation: Conversation,
        path: str,
        scopes: Scopes,
        content: Content,
        *,
        location: str | None = None,
        chunk: int = CHUNK,
    ) -> None:
        self._conversation = conversation
        self._path = path
        self._scopes = scopes
        self._content = content
        self._blob = content.blob
        self._location = location
        self._chunk = chunk
        self._offset = 0  # how far the registry has come
        self._finishing = False
        self._failure = JcrError("nothing failed yet")
        self._doubtful = False  # whether the upload was taken up again, so that its bytes may be in disorder

    def run(self) -> None:
        """Do it all. Raises what the registry's refusal stands for, or why the blob cannot be read."""
        attempt = furthest = 0
        try:
            while not self._tried():
                attempt = 1 if self._offset > furthest else attempt + 1
                furthest = max(furthest, self._offset)
                self._content.check_stop()
                self._conversation.pause(attempt, self._failure, hopeful=self._upload_is_lost())
                if self._taken_up():
                    return
        except SourceBroken as broken:
            self._cancel()
            raise broken.error from None

    def _tried(self) -> bool:
        """Send all that is missing; whether that worked. Otherwise C(_failure) may be worth another attempt."""
        try:
            if self._location is None:
                self._begin()
            while self._blob.size - self._offset > self._chunk:
                self._send_chunk()
            self._finish()
            return True
        except JcrError as error:
            self._failure = error
            return False

    def _upload_is_lost(self) -> bool:
        """Whether the refusal is about this upload, so that another one may succeed."""
        if self._failure.status == "DIGEST_INVALID" and self._doubtful:
            self._forget()
            return True
        gone = self._failure.status in _LOST or self._failure.http_status in (404, 416)
        return gone and self._location is not None

    def _begin(self) -> None:
        self._follow(self._conversation.send("POST", f"{self._path}/blobs/uploads/", self._scopes, expect=(202,)))
        self._offset = 0

    def _send_chunk(self) -> None:
        end = self._offset + self._chunk
        answer = self._conversation.send(
            "PATCH",
            self._place(),
            self._scopes,
            expect=(202,),
            headers=self._headers(end),
            body=self._content.part(self._offset, end),
        )
        self._follow(answer)
        self._offset = end

    def _finish(self) -> None:
        """Send the rest with the digest that all of it has to have."""
        self._content.check_empty()
        self._finishing = True
        place = self._place()
        answer = self._conversation.send(
            "PUT",
            f"{place}{'&' if '?' in place else '?'}{urllib.parse.urlencode({'digest': self._blob.digest})}",
            self._scopes,
            expect=(201,),
            headers=self._headers(self._blob.size),
            body=self._content.part(self._offset, self._blob.size) if self._offset < self._blob.size else None,
        )
        told = answer.headers.get("Docker-Content-Digest", self._blob.digest)
        if told != self._blob.digest:
            raise TransferFailed(f"the registry took {self._blob.digest} for {told[:80]!r}")

    def _headers(self, end: int) -> dict[str, str]:
        headers = {"Content-Type": "application/octet-stream"}
        if end > self._offset and (self._offset or end < self._blob.size):
            headers["Content-Range"] = f"{self._offset}-{end - 1}"
        return headers

    # --- after a failure

    def _taken_up(self) -> bool:
        """Learn how far the registry has come; whether that is all of it."""
        if self._location is None:
            return False
        answer = self._conversation.ask(
            "GET", self._place(), self._scopes, expect=(200, 202, 204, 400, 404, 405, 410, 416)
        )
        reached = _REACHED.fullmatch(answer.headers.get("Range", "").strip())
        # "0-0" stands for no byte as well as for one.
        if answer.status in (202, 204) and reached and 0 < int(reached[1]) < self._content.hashed:
            self._follow(answer)
            self._offset, self._finishing, self._doubtful = int(reached[1]) + 1, False, True
            return False
        was_finishing = self._finishing
        if answer.status in (202, 204):
            self._cancel()
        self._forget()
        return was_finishing and self._is_there()

    def _is_there(self) -> bool:
        """Whether the blob is in the repository: the answer to its last request may have been lost."""
        return has_blob(self._conversation, self._path, self._scopes, self._blob)

    def _forget(self) -> None:
        """Begin anew, from the first byte."""
        self._location, self._offset, self._finishing, self._doubtful = None, 0, False, False

    def _cancel(self) -> None:
        """Tell the registry that nothing more comes, as a courtesy."""
        if self._location is not None:
            with contextlib.suppress(JcrError):
                self._conversation.send(
                    "DELETE", self._place(), self._scopes, expect=(200, 202, 204, 400, 404, 405, 410)
                )

    def _follow(self, answer: Answer) -> None:
        self._location = answer.headers.get("Location") or self._location

    def _place(self) -> str:
        return self._conversation.target_of(self._location or "")
