# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""jcr_image with C(state=absent): tags and images that the registry shall not have.

This module util is private to the collection.
"""

from __future__ import annotations

import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._imageresource import ImageResource
from ansible_collections.jdcloud.jcr.plugins.module_utils._plan import DELETE, Plan, State


class DeletedImage(ImageResource):
    """C(state=absent): the registry has no such tag, or no image of this digest.

    What the service does to the other tags of an image when one of them is deleted is not documented.
    """

    def read(self) -> State:
        self.read_remote()
        return {key: remote and {"digest": remote["digest"]} for key, remote in self.remote.items()}

    def want(self, before: State) -> State:
        return dict.fromkeys(before)

    def apply(self, plan: Plan) -> t.Iterator[str]:
        for change in plan.to_do(DELETE):
            selector = {"digest": change.key} if self.digest else {"tag": change.key}
            self.session.client.delete_image(self.registry, self.repository, **selector)
            yield change.key
