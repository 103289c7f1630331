# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The resources of jcr_image: tags pushed, images pulled, images deleted.

This module util is private to the collection.
"""

from __future__ import annotations

from ansible_collections.jdcloud.jcr.plugins.module_utils._deletedimages import DELETION, DeletedImages
from ansible_collections.jdcloud.jcr.plugins.module_utils._options import CONNECTION, DOCKER, TOKEN, ArgumentSpec
from ansible_collections.jdcloud.jcr.plugins.module_utils._pulledimage import PulledImage
from ansible_collections.jdcloud.jcr.plugins.module_utils._pushedimage import PushedImage
from ansible_collections.jdcloud.jcr.plugins.module_utils._resource import Host, Resource

SPEC = ArgumentSpec(
    options={
        "registry": {"type": "str", "required": True},
        "repository": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent", "pulled"], "default": "present"},
        "source": {"type": "str"},
        "tag": {"type": "str"},
        "tags": {"type": "list", "elements": "str"},
        "digest": {"type": "str"},
        "keep_local_tag": {"type": "bool", "default": True},
    },
    mutually_exclusive=(("tag", "tags"), ("digest", "tag"), ("digest", "tags"), ("digest", "source")),
    required_if=(("state", "present", ("source",)),),
).merge(DELETION, TOKEN, DOCKER, CONNECTION)


def build(host: Host) -> Resource:
    """The resource for the wanted C(state)."""
    return {"present": PushedImage, "pulled": PulledImage, "absent": DeletedImages}[host.params["state"]](host)
