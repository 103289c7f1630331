# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Container images made here: no network, no base image, no compiler, and the same bytes every time.

C(runnable) makes an image of one file, a static program of some 200 bytes that prints a message. C(layered) makes an
image of any number and size of layers. Both come as a docker-archive, the format of C(docker save).
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import platform
import random
import struct
import tarfile
import typing as t

import docker

BLOCK = 512  # of a tar file
PIECE = 1 << 20
EPOCH = "1970-01-01T00:00:00Z"
MEDIA_TYPE = "application/x-docker-archive"

_LOAD_ADDRESS = 0x400000
_HEADERS = 64 + 56  # ELF header and one program header
_ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


@dataclasses.dataclass(frozen=True)
class Member:
    """One file of a tar: C(content) gives its bytes in pieces, the same ones at every call."""

    name: str
    size: int
    content: t.Callable[[], t.Iterator[bytes]]
    mode: int = 0o644


@dataclasses.dataclass(frozen=True)
class ImageArchive:
    """A docker-archive that is written out piece by piece, so that its size costs no memory."""

    id: str  # what the classic image store calls the image: the digest of its config
    reference: str
    members: tuple[Member, ...]

    def chunks(self) -> t.Iterator[bytes]:
        """The archive in pieces of at most 1 MiB."""
        return _tar(self.members)

    def data(self) -> bytes:
        """The whole archive."""
        return b"".join(self.chunks())


def runnable(reference: str, message: str = "hello from JCR", machine: str | None = None) -> ImageArchive:
    """An image that prints C(message) and a line end, and exits with 0.

    C(machine) is what platform.machine() says; by default of this machine.
    """
    architecture = _architecture(machine or platform.machine())
    program = _program(architecture, message.encode() + b"\n")
    layer = (Member("hello", len(program), lambda: iter((program,)), mode=0o755),)
    return _archive(reference, [layer], architecture, {"Entrypoint": ["/hello"]})


def layered(reference: str, layers: int, size: int, *, seed: int = 0, compressible: bool = False) -> ImageArchive:
    """An image of C(layers) layers with one file of C(size) bytes each; it cannot be run.

    The bytes are random, or such that gzip makes a third of them.
    """

    def member(number: int) -> Member:
        return Member(f"data-{number}", size, lambda: _noise(f"{seed}/{number}", size, compressible))

    return _archive(reference, [(member(number),) for number in range(layers)], _architecture(platform.machine()), {})


def load(engine: docker.APIClient | str, archive: ImageArchive) -> str:
    """Put the image into a Docker Engine, given by a client or a docker_host; returns the image's id."""
    with _client(engine) as client:
        for event in client.load_image(archive.chunks()):
            if "error" in event:
                raise RuntimeError(f"the engine refused image {archive.reference}: {event['error']}")
        return client.inspect_image(archive.reference)["Id"]


def remove(engine: docker.APIClient | str, references: t.Iterable[str]) -> None:
    """Take images away from a Docker Engine, whatever other names they have got there."""
    with _client(engine) as client:
        for reference in references:
            client.remove_image(client.inspect_image(reference)["Id"], force=True)


@contextlib.contextmanager
def _client(engine: docker.APIClient | str) -> t.Iterator[docker.APIClient]:
    """A client that was given, or one for a docker_host, which is closed afterwards."""
    if isinstance(engine, docker.APIClient):
        yield engine
    else:
        with contextlib.closing(docker.APIClient(engine, timeout=300)) as client:
            yield client


# --- docker-archive --------------------------------------------------------------------------------------------------


def _archive(
    reference: str, layers: t.Sequence[tuple[Member, ...]], architecture: str, settings: dict[str, t.Any]
) -> ImageArchive:
    members, diff_ids = [], []
    for files in layers:
        digest, size = _measure(_tar(files))
        diff_ids.append(f"sha256:{digest}")
        members.append(Member(f"{digest}/layer.tar", size, lambda files=files: _tar(files)))
    config = _json(
        {
            "architecture": architecture,
            "os": "linux",
            "created": EPOCH,
            "config": settings,
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
            "history": [{"created": EPOCH, "created_by": "jdcloud.jcr tests"} for _layer in layers],
        }
    )
    image_id = hashlib.sha256(config).hexdigest()
    listing = [{"Config": f"{image_id}.json", "RepoTags": [reference], "Layers": [member.name for member in members]}]
    return ImageArchive(
        f"sha256:{image_id}",
        reference,
        (_whole("manifest.json", _json(listing)), _whole(f"{image_id}.json", config), *_distinct(members)),
    )


def _distinct(members: t.Sequence[Member]) -> t.Iterable[Member]:
    """Equal layers stand in the archive once."""
    return {member.name: member for member in members}.values()


def _whole(name: str, data: bytes) -> Member:
    return Member(name, len(data), lambda: iter((data,)))


def _json(value: t.Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _tar(members: t.Iterable[Member]) -> t.Iterator[bytes]:
    for member in members:
        info = tarfile.TarInfo(member.name)
        info.size, info.mode = member.size, member.mode
        yield info.tobuf(tarfile.USTAR_FORMAT)
        yield from member.content()
        yield b"\0" * (-member.size % BLOCK)
    yield b"\0" * (2 * BLOCK)


def _measure(chunks: t.Iterable[bytes]) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    for chunk in chunks:
        digest.update(chunk)
        size += len(chunk)
    return digest.hexdigest(), size


def _noise(seed: str, size: int, compressible: bool) -> t.Iterator[bytes]:
    source = random.Random(seed)
    while size > 0:
        # gzip looks back 32 KiB, so that what it shall find again has to stand close by
        piece = b"".join(source.randbytes(4096) * 3 for _part in range(PIECE // 12288)) if compressible else b""
        piece = (piece or source.randbytes(min(PIECE, size)))[:size]
        size -= len(piece)
        yield piece


# --- the program -----------------------------------------------------------------------------------------------------


def _architecture(machine: str) -> str:
    try:
        return _ARCHITECTURES[machine.lower()]
    except KeyError:
        raise RuntimeError(f"no program is known here for the processor {machine}") from None


def _program(architecture: str, text: bytes) -> bytes:
    """A static ELF file: write(1, text, length), exit(0)."""
    code = {"amd64": _code_amd64, "arm64": _code_arm64}[architecture](len(text))
    machine = {"amd64": 62, "arm64": 183}[architecture]
    size = _HEADERS + len(code) + len(text)
    identity = b"\x7fELF" + bytes((2, 1, 1)) + bytes(9)  # 64 bits, little endian, version 1
    entry = _LOAD_ADDRESS + _HEADERS
    header = struct.pack("<16sHHIQQQIHHHHHH", identity, 2, machine, 1, entry, 64, 0, 0, 64, 56, 1, 64, 0, 0)
    readable_and_executable = 5
    segment = struct.pack("<IIQQQQQQ", 1, readable_and_executable, 0, _LOAD_ADDRESS, _LOAD_ADDRESS, size, size, 0x10000)
    return header + segment + code + text


def _code_amd64(length: int) -> bytes:
    def code(address: int) -> bytes:
        return b"".join(
            (
                b"\xb8" + struct.pack("<I", 1),  # mov eax, 1 (write)
                b"\xbf" + struct.pack("<I", 1),  # mov edi, 1 (standard output)
                b"\xbe" + struct.pack("<I", address),  # mov esi, text
                b"\xba" + struct.pack("<I", length),  # mov edx, length
                b"\x0f\x05",  # syscall
                b"\xb8" + struct.pack("<I", 60),  # mov eax, 60 (exit)
                b"\x31\xff",  # xor edi, edi
                b"\x0f\x05",  # syscall
            )
        )

    return code(_LOAD_ADDRESS + _HEADERS + len(code(0)))


def _code_arm64(length: int) -> bytes:
    if length >= 1 << 16:
        raise ValueError("the message does not fit into one instruction: 65535 bytes at most")
    text_after_adr = 7 * 4
    instructions = (
        0xD2800020,  # mov x0, #1 (standard output)
        0x10000001 | (text_after_adr >> 2) << 5,  # adr x1, text
        0xD2800002 | length << 5,  # mov x2, #length
        0xD2800808,  # mov x8, #64 (write)
        0xD4000001,  # svc #0
        0xD2800000,  # mov x0, #0
        0xD2800BA8,  # mov x8, #93 (exit)
        0xD4000001,  # svc #0
    )
    return struct.pack(f"<{len(instructions)}I", *instructions)
