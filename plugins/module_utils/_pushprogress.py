# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a push gets on: one stream of events, told to programs by a file and to people by lines.

This module util is private to the collection.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._layerlog import PUSHED
from ansible_collections.jdcloud.jcr.plugins.module_utils._quantities import counted, written_size

if t.TYPE_CHECKING:
    from ansible_collections.jdcloud.jcr.plugins.module_utils._progressfile import ProgressFile

Fields = t.Mapping[str, t.Any]

_SHORT = 12  # digits of a digest, as docker shows them


class PushProgress:
    """Tells each event to C(file), and what people want to know of it to C(show), as far as they are given.

    C(scrub) takes the task's secrets out of the fields: a registry's answer may quote them. Threads may share it.
    """

    def __init__(
        self,
        scrub: t.Callable[[t.Any], t.Any],
        file: ProgressFile | None = None,
        show: t.Callable[[str], None] | None = None,
    ) -> None:
        self._file = file
        self._scrub = scrub
        self._show = show

    def tell(self, event: str, **fields: t.Any) -> None:
        """Tell of a C(begin), a C(layer), a C(tag), the C(end), or that the push has C(failed)."""
        if not self._is_followed:
            return
        scrubbed = self._scrub(fields)
        if self._file:
            self._file.tell(event, **scrubbed)
        line = _LINES[event](scrubbed) if self._show else None
        if line:
            self._show(_printable(line))

    def layer(self, layer: t.Any) -> None:
        """Tell of a layer that is through (a Layer of _upload), or on its way through an engine (a LayerEvent).

        An engine does so very often: nothing is worked out where nobody wants to know.
        """
        if self._is_followed:
            self.tell("layer", **dataclasses.asdict(layer))

    @property
    def _is_followed(self) -> bool:
        return self._file is not None or self._show is not None

    def close(self) -> None:
        if self._file:
            self._file.close()


def _begin(fields: Fields) -> str:
    first, *others = fields["uris"]
    return f"pushing {fields['image']} to {first}" + (f" and {counted(len(others), 'more tag')}" if others else "")


def _layer(fields: Fields) -> str | None:
    """Only what was sent: an engine tells of each layer many times, and most are there already."""
    if fields["state"] != PUSHED:
        return None
    name = _short(fields["digest"]) if "digest" in fields else fields["layer"]
    return f"layer {name} is pushed" + (f", {written_size(fields['bytes'])}" if fields["bytes"] else "")


def _tag(fields: Fields) -> str:
    return f"tag {fields['tag']} stands for {_short(fields['digest'])}"


def _end(fields: Fields) -> str:
    """Podman says nothing of layers."""
    total = fields["layers_total"]
    layers = f"{fields['layers_pushed']} of {counted(total, 'layer')} sent, {written_size(fields['bytes_sent'])} "
    return f"done: {layers if total else ''}in {fields['seconds']:.1f} s"


def _failed(fields: Fields) -> str:
    return f"failed: {fields['why']}"


_LINES: dict[str, t.Callable[[Fields], str | None]] = {
    "begin": _begin,
    "layer": _layer,
    "tag": _tag,
    "end": _end,
    "failed": _failed,
}


def _short(digest: str) -> str:
    return digest.partition(":")[2][:_SHORT]


def _printable(line: str) -> str:
    """The line without what a terminal would obey: the words may be a registry's."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in line)
