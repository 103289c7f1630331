# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The registry's own protocol, OCI distribution v2, over our transport.

This module util is private to the collection.
"""

from __future__ import annotations

import hashlib
import re
import typing as t
import urllib.parse

from ansible_collections.jdcloud.jcr.plugins.module_utils._answers import parse_json
from ansible_collections.jdcloud.jcr.plugins.module_utils._blobreader import BlobReader, BlobStream
from ansible_collections.jdcloud.jcr.plugins.module_utils._blobupload import CHUNK, BlobUpload, has_blob
from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Clock, Deadline
from ansible_collections.jdcloud.jcr.plugins.module_utils._content import Content
from ansible_collections.jdcloud.jcr.plugins.module_utils._digest import is_digest
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import (
    ContentMismatch,
    JcrError,
    ProtocolError,
    TransferFailed,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._imagesource import (
    INDEXES,
    MANIFESTS,
    MAX_DOCUMENT,
    Descriptor,
    Document,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._registryauth import (
    PING,
    Challenge,
    Scopes,
    accepted,
    basic,
    bearer_of,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._registrycall import CALLED, Conversation
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import Secret
from ansible_collections.jdcloud.jcr.plugins.module_utils._transport import Answer, Transport

_ACCEPT = ", ".join(INDEXES[::-1] + MANIFESTS[::-1])
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*", re.IGNORECASE)  # RFC 6838, 4.2


def ping(
    host: str,
    username: str,
    password: Secret,
    *,
    insecure: bool,
    clock: Clock,
    deadline: Deadline,
    timeout: float,
    verify: bool | str = True,
) -> None:
    """Prove that the registry at C(host) accepts this login, as C(docker login) does.

    C(insecure) speaks http; the transport lets that pass for loopback only. C(timeout): seconds for one request.
    Raises AuthenticationFailed for a login that is not accepted, HostNotAllowed for a registry that wants the password
    to be sent elsewhere (nothing is sent there), Unreachable, DeadlineExceeded, ProtocolError and ServerError.
    """
    scheme = "http" if insecure else "https"
    transport = Transport(f"{scheme}://{host}", verify=verify, timeout=timeout, clock=clock, called=CALLED)
    try:
        _Ping(transport, username, password, deadline).prove()
    except JcrError as error:
        error.about("log in to", host)
        raise
    finally:
        transport.close()


class _Ping:
    """The two or three requests of one login."""

    def __init__(self, transport: Transport, username: str, password: Secret, deadline: Deadline) -> None:
        self._transport = transport
        self._username = username
        self._deadline = deadline
        self._basic = basic(username, password)

    def prove(self) -> None:
        """Ask without a login, then with the one that is asked for."""
        challenge = self._challenge()
        authorization = self._basic
        if challenge.kind == "bearer":
            authorization = self._bearer(challenge)
        elif challenge.kind != "basic":
            raise ProtocolError("the registry asks for a login of an unknown kind")
        accepted(self._get(PING, authorization))

    def _challenge(self) -> Challenge:
        answer = self._get(PING, None)
        if answer.status != 401:
            accepted(answer)
            raise ProtocolError(
                "the registry lets everybody in, so the login cannot be verified",
                cure="Set verify: false if that is meant.",
            )
        return Challenge(answer.headers.get("WWW-Authenticate", ""))

    def _bearer(self, challenge: Challenge) -> Secret:
        """The bearer token that the registry's own realm gives for the login."""
        _base, target = challenge.realm(self._transport.base, (), "the password")
        scopes = (challenge.parameters["scope"],) if "scope" in challenge.parameters else ()
        target += ("&" if "?" in target else "?") + challenge.token_query(scopes, self._username)
        return bearer_of(accepted(self._get(target, self._basic)))

    def _get(self, target: str, authorization: Secret | None) -> Answer:
        def sign(prepared: t.Any) -> None:
            if authorization:
                prepared.headers["Authorization"] = authorization.reveal()

        return self._transport.send("GET", target, headers={}, body=None, sign=sign, deadline=self._deadline)


class Repository:
    """One repository of a registry: its manifests, blobs and tags. Several threads may use it at once.

    C(name) is a valid name (_reference). What all methods raise: AuthenticationFailed, TransferRefused (403, no such
    repository), RateLimited, ServerError, Unreachable, DeadlineExceeded, ProtocolError, HostNotAllowed.
    """

    def __init__(self, conversation: Conversation, name: str, *, chunk: int = CHUNK) -> None:
        self._conversation = conversation
        self.name = name
        self._path = f"/v2/{urllib.parse.quote(name)}"
        self._pull: Scopes = (f"repository:{name}:pull",)
        self._push: Scopes = (f"repository:{name}:pull,push",)
        self._chunk = chunk

    @property
    def host(self) -> str:
        """The registry's host, with its port if it has one."""
        return self._conversation.host

    @property
    def clock(self) -> Clock:
        """The clock of all its waiting."""
        return self._conversation.clock

    # --- manifests

    def head_manifest(self, reference: str) -> Descriptor | None:
        """What a tag or digest stands for, None if it is not there; C(size=-1) where the registry does not tell."""
        answer = self._ask_manifest("HEAD", reference, (200, 404))
        if answer.status == 404:
            return None
        digest = answer.headers.get("Docker-Content-Digest", reference)
        if not is_digest(digest):
            return self.manifest(reference).descriptor
        if is_digest(reference) and digest != reference:
            raise ProtocolError(f"the registry answered with {digest} to the question for {reference}")
        length = answer.headers.get("Content-Length", "")
        return Descriptor(_media_type(answer), digest, int(length) if length.isdigit() else -1)

    def manifest(self, reference: str) -> Document:
        """The manifest or index that a tag or digest stands for, byte for byte. Raises ImageNotFound."""
        answer = self._ask_manifest("GET", reference, (200,))
        if len(answer.body) > MAX_DOCUMENT:
            raise ProtocolError(f"the registry's manifest is larger than {MAX_DOCUMENT} bytes")
        media_type = _media_type(answer)
        try:
            document = parse_json(answer.body)
        except ValueError as fault:
            raise ProtocolError(f"the registry's answer is not a manifest: {fault}") from None
        if media_type not in MANIFESTS + INDEXES:
            media_type = document.get("mediaType") if isinstance(document.get("mediaType"), str) else media_type
        if media_type and not _MEDIA_TYPE.fullmatch(media_type):  # a push makes a header of it
            raise ProtocolError(f"the registry's manifest has the media type {media_type[:80]!r}, which is none")
        digest = f"sha256:{hashlib.sha256(answer.body).hexdigest()}"
        told = answer.headers.get("Docker-Content-Digest", digest)
        for named in (told, reference if is_digest(reference) else digest):
            if named != digest:
                raise ContentMismatch(f"the registry calls its manifest {named[:80]!r}, but its bytes make {digest}")
        return Document(Descriptor(media_type, digest, len(answer.body)), answer.body)

    def put_manifest(self, reference: str, document: Document) -> None:
        """Put a manifest under a tag or under its digest, byte for byte."""
        digest = document.descriptor.digest
        answer = self._conversation.ask(
            "PUT",
            f"{self._path}/manifests/{urllib.parse.quote(reference)}",
            self._push,
            expect=(201,),
            headers={"Content-Type": document.descriptor.media_type},
            body=document.content,
        )
        told = answer.headers.get("Docker-Content-Digest", digest)
        if told != digest:
            raise TransferFailed(f"the registry took manifest {digest} for {told[:80]!r}")

    def _ask_manifest(self, method: str, reference: str, expect: t.Collection[int]) -> Answer:
        target = f"{self._path}/manifests/{urllib.parse.quote(reference)}"
        return self._conversation.ask(method, target, self._pull, expect=expect, headers={"Accept": _ACCEPT})

    # --- blobs

    def has_blob(self, blob: Descriptor) -> bool:
        """Whether the repository has this blob. Asked before a push, so with the right to push."""
        return has_blob(self._conversation, self._path, self._push, blob)

    def mount_blob(self, blob: Descriptor, origin: str) -> tuple[bool, str | None]:
        """Take a blob over from another repository of the same registry.

        Returns whether that was done, and otherwise the Location of the upload that the registry opened instead.
        """
        query = urllib.parse.urlencode({"mount": blob.digest, "from": origin})
        scopes = (*self._push, f"repository:{origin}:pull")
        target = f"{self._path}/blobs/uploads/?{query}"
        try:
            answer = self._conversation.ask("POST", target, scopes, expect=(201, 202))
        except JcrError as error:
            if error.http_status in (400, 403, 404, 405):
                return False, None  # it does not mount, or not from there: then the blob is uploaded
            raise
        return answer.status == 201, None if answer.status == 201 else answer.headers.get("Location")

    def push_blob(self, content: Content, location: str | None = None) -> None:
        """Upload a blob; C(location) is an upload that mount_blob() opened."""
        BlobUpload(self._conversation, self._path, self._push, content, location=location, chunk=self._chunk).run()

    def open_blob(self, blob: Descriptor) -> BlobReader:
        """A reader of a blob, which the caller closes. Reading raises ImageNotFound if it is not there."""
        return BlobReader(BlobStream(self._conversation, self._path, self._pull, blob), blob)


def _media_type(answer: Answer) -> str:
    return answer.headers.get("Content-Type", "").partition(";")[0].strip()
