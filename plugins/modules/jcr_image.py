#!/usr/bin/python
# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: jcr_image
short_description: Push, pull and delete images in JD Cloud Container Registry
version_added: 0.1.0
description:
  - Makes tags in a repository point at the content of a local image, makes a host's Docker Engine have what the
    repository holds, or deletes images from the repository.
  - Whether something is the same is decided by digest. What the repository holds is asked through the service's
    OpenAPI, so that a task with nothing to do needs no token, opens no connection to the registry and counts as no
    pull.
  - The controller asks the service and comes by the token; only the Docker Engine's part is done on the task's host.
    The access key never leaves the controller, and one token serves all hosts.
options:
  registry:
    description: The name of the registry.
    type: str
    required: true
  repository:
    description: The name of the repository.
    type: str
    required: true
  state:
    description:
      - V(present) pushes the local image O(source) under each tag that does not hold it yet.
      - V(pulled) pulls each tag, or the O(digest), that the host's Docker Engine does not have as the repository
        holds it.
      - V(absent) deletes the tags, or the image of this O(digest), from the repository. What the service does to the
        other tags of an image when one of them is deleted is not documented; the result says what became of those that
        were asked for.
    type: str
    choices: [present, absent, pulled]
    default: present
  source:
    description: The local image to push, by name or id. Needed with O(state=present).
    type: str
  tag:
    description:
      - The tag.
      - With neither this nor O(tags) nor O(digest), it is V(latest); with O(state=absent), one of them is needed.
    type: str
  tags:
    description: Several tags.
    type: list
    elements: str
  digest:
    description: The digest of the image, instead of a tag, with O(state=pulled) or O(state=absent).
    type: str
  keep_local_tag:
    description:
      - Whether the Docker Engine keeps the name C(<registry host>/<repository>:<tag>) that an image gets in order to be
        pushed.
    type: bool
    default: true
extends_documentation_fragment:
  - jdcloud.jcr.token
  - jdcloud.jcr.docker
  - jdcloud.jcr.connection
  - jdcloud.jcr.attributes
seealso:
  - module: jdcloud.jcr.jcr_repository
  - module: jdcloud.jcr.jcr_login
  - name: JD Cloud Container Registry
    description: The vendor's documentation of the service.
    link: https://docs.jdcloud.com/en/container-registry/product-overview
author:
  - the jdcloud.jcr contributors (@jdcloud-jcr)
"""

EXAMPLES = r"""
---
- name: Push a local image
  jdcloud.jcr.jcr_image:
    registry: myshop
    repository: shop/web
    source: web:build
  register: pushed

- name: Push it under several tags
  jdcloud.jcr.jcr_image:
    registry: myshop
    repository: shop/web
    source: web:build
    tags:
      - "1.0"
      - stable

- name: Have it on the hosts of the play
  jdcloud.jcr.jcr_image:
    registry: myshop
    repository: shop/web
    tag: stable
    state: pulled

- name: Delete a tag
  jdcloud.jcr.jcr_image:
    registry: myshop
    repository: shop/web
    tag: "1.0"
    state: absent

- name: Delete the image of a digest, whatever its tags
  jdcloud.jcr.jcr_image:
    registry: myshop
    repository: shop/web
    digest: "{{ pushed.image.digest }}"
    state: absent
"""

RETURN = r"""
---
image:
  description: The image in the repository.
  returned: success
  type: dict
  contains:
    registry:
      description: The registry.
      returned: always
      type: str
      sample: myshop
    repository:
      description: The repository.
      returned: always
      type: str
      sample: shop/web
    digest:
      description: The digest of the (first) tag; null if there is none, or none is known yet in check mode.
      returned: always
      type: str
      sample: sha256:6c3c624b58dbbcd3c0dd82b4c53f04194d1247c6eebdaab7c610cf7d66709b3b
    media_type:
      description: The media type of the manifest; null where the repository does not hold the image, or not yet.
      returned: always
      type: str
      sample: application/vnd.docker.distribution.manifest.v2+json
    size:
      description: The size of the image in the repository, in bytes; null where that does not hold it, or not yet.
      returned: always
      type: int
      sample: 28861712
    tags:
      description: What became of each tag, by its name. Empty with O(digest).
      returned: always
      type: dict
      sample: {"stable": {"digest": "sha256:6c3c…", "previous_digest": null, "changed": true}}
    uris:
      description: What docker clients call it, one for each tag or for the digest.
      returned: always
      type: list
      elements: str
      sample: ["myshop-cn-north-1.jcr.service.jdcloud.com/shop/web:stable"]
    pulled_id:
      description:
        - The id of the image in the host's Docker Engine with O(state=pulled); null with any other state.
        - It is null in check mode, too, if it is not there yet.
      returned: always
      type: str
      sample: sha256:1f6ddc1b2547b2e0a01b7f1a1e2f0a3a5d3ea0f4fb7a5a3f6f0d3b8f2b4c5d6e
transfer:
  description: What was sent.
  returned: success
  type: dict
  contains:
    layers_total:
      description: How many layers the image has.
      returned: always
      type: int
      sample: 3
    layers_pushed:
      description: How many of them were sent.
      returned: always
      type: int
      sample: 1
    layers_existing:
      description: How many of them were there already.
      returned: always
      type: int
      sample: 2
    layers_mounted:
      description: How many of them were taken over from another repository of the registry.
      returned: always
      type: int
      sample: 0
    bytes_sent:
      description: How many bytes of layers were sent, as the engine counts them before compression.
      returned: always
      type: int
      sample: 28861712
    seconds:
      description: How long it took.
      returned: always
      type: float
      sample: 2.1
error:
  description:
    - What went wrong, for programs; RV(ignore:msg) tells the same to people.
    - V(kind) is the class of the failure; V(act), V(object), V(message) (the cause) and V(cure) tell it.
    - V(code), V(status), V(request_id) and V(http_status) are what the service answered, null where it did not.
    - V(retryable) says whether the same task may succeed later as it is, V(attempts) how often the call was made.
  returned: failure
  type: dict
  sample:
    kind: not_found
    act: delete registry
    object: "'myshop' in cn-north-1"
    message: "the service answered 404 NOT_FOUND: registry myshop does not exist"
    cure: Check the name and the region.
    code: 404
    status: NOT_FOUND
    request_id: bbf8vinuw9142j3npttfgp2kg4vf9bj7
    http_status: 404
    retryable: false
    attempts: 1
"""

from ansible_collections.jdcloud.jcr.plugins.module_utils._host import run_module
from ansible_collections.jdcloud.jcr.plugins.module_utils._resource_image import SPEC, build


def main() -> None:
    run_module(SPEC, build)


if __name__ == "__main__":
    main()
