# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The resources of jcr_image: tags pushed, images pulled, images deleted.

This module util is private to the collection.
"""

from __future__ import annotations

from ansible_collections.jdcloud.jcr.plugins.module_utils import _pulledimage, _tagguards
from ansible_collections.jdcloud.jcr.plugins.module_utils._deletedimages import DELETION, DeletedImages
from ansible_collections.jdcloud.jcr.plugins.module_utils._options import CONNECTION, DOCKER, TOKEN, ArgumentSpec
from ansible_collections.jdcloud.jcr.plugins.module_utils._pulledimage import PulledImage
from ansible_collections.jdcloud.jcr.plugins.module_utils._pushedimage import SOURCES, PushedImage
from ansible_collections.jdcloud.jcr.plugins.module_utils._resource import Host, Resource

# Which options belong to some states only; the others belong to all.
_OF_STATES = {
    ("present",): (
        *SOURCES,
        "archive_image",
        "from_username",
        "from_password",
        "platforms",
        "create_repository",
        "keep_local_tag",
        "remove_local_source",
        "progress_file",
        "show_progress",
    ),
    ("pulled",): ("pull_policy",),
    ("absent",): tuple(DELETION.options),
    ("present", "absent"): ("overwrite", "expected_digest", "immutable_tags"),
    ("pulled", "absent"): ("digest",),
}

SPEC = ArgumentSpec(
    options={
        "registry": {"type": "str", "required": True},
        "repository": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent", "pulled"], "default": "present"},
        "source": {"type": "str"},
        "archive": {"type": "path"},
        "archive_image": {"type": "str"},
        "from_image": {"type": "str"},
        "from_username": {"type": "str"},
        "from_password": {"type": "str", "no_log": True},
        "platforms": {"type": "list", "elements": "str"},
        "tag": {"type": "str"},
        "tags": {"type": "list", "elements": "str"},
        "digest": {"type": "str"},
        "overwrite": {"type": "str", "choices": list(_tagguards.POLICIES), "default": _tagguards.ALWAYS},
        "expected_digest": {"type": "str"},
        "immutable_tags": {"type": "list", "elements": "str"},
        "create_repository": {"type": "bool", "default": False},
        "keep_local_tag": {"type": "bool", "default": True},
        "remove_local_source": {"type": "bool", "default": False},
        "pull_policy": {"type": "str", "choices": list(_pulledimage.POLICIES), "default": _pulledimage.ALWAYS},
        "progress_file": {"type": "path"},
        "show_progress": {"type": "bool", "default": False},
    },
    mutually_exclusive=(("tag", "tags"), ("digest", "tag"), ("digest", "tags"), ("digest", *SOURCES)),
    required_together=(("from_username", "from_password"),),
    required_if=(("state", "present", SOURCES, True),),
    of_states={name: states for states, names in _OF_STATES.items() for name in names},
    narrowing=("tag", "tags", "digest", "expected_digest", "immutable_tags", "platforms"),
).merge(DELETION, TOKEN, DOCKER, CONNECTION)


def build(host: Host) -> Resource:
    """The resource for the wanted C(state)."""
    return {"present": PushedImage, "pulled": PulledImage, "absent": DeletedImages}[host.params["state"]](host)
