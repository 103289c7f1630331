#!/usr/bin/python
# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: jcr_image_info
short_description: List images in JD Cloud Container Registry
version_added: 0.2.0
description:
  - Tells of the images of a registry's repositories, and which of them were pushed, pulled or forgotten when.
  - No token is needed unless O(config) is set, and nothing is pulled; so looking does not count as a pull.
options:
  registry:
    description: The name of the registry. If it does not exist, there are no images, and it is in RV(missing).
    type: str
    required: true
  repository:
    description:
      - Exact names of repositories; a single one need not be a list. Left out, all of the registry are looked at.
      - Those that do not exist are in RV(missing).
    type: list
    elements: str
    aliases: [repositories]
  tag:
    description:
      - Exact tags. Only images with at least one of them are chosen.
      - Together with O(repository) and without O(digest), those that do not exist are in RV(missing).
    type: list
    elements: str
    aliases: [tags]
  digest:
    description:
      - Exact digests of manifests. Only these images are chosen.
      - Together with O(repository), those that do not exist are in RV(missing).
    type: list
    elements: str
    aliases: [digests]
  newest:
    description:
      - Of the images that meet all other options, only those with this many highest versions, for each repository.
      - Without O(semver), prereleases do not count.
    type: int
  config:
    description:
      - Whether to return what the config of each image tells, in RV(images[].config); then a plain image tells its
        platform, too.
      - Configs lie in the registry itself. Reading them needs a token, which is come by as the options for tokens say,
        and one small request for each image. In check mode none is issued; without one in the cache, the configs are
        null, and there is a warning.
      - It is assumed that the service does not count the reading of a config as a pull.
    type: bool
    default: false
  sort:
    description:
      - What to order by, as it is called in RV(images); left out, the last push comes first.
      - V(version) is the highest version among the tags that meet the options, see O(semver).
    type: str
    choices: [pushed_at, last_pull_at, pulls, size, repository, version]
attributes:
  diff_mode:
    support: N/A
    details: Nothing is ever changed.
extends_documentation_fragment:
  - jdcloud.jcr.selection
  - jdcloud.jcr.image_selection
  - jdcloud.jcr.order
  - jdcloud.jcr.token
  - jdcloud.jcr.connection
  - jdcloud.jcr.attributes
seealso:
  - module: jdcloud.jcr.jcr_image
  - module: jdcloud.jcr.jcr_repository_info
  - name: JD Cloud Container Registry
    description: The vendor's documentation of the service.
    link: https://docs.jdcloud.com/en/container-registry/product-overview
author:
  - the jdcloud.jcr contributors (@jdcloud-jcr)
"""

EXAMPLES = r"""
---
- name: All images of a repository, the last push first
  jdcloud.jcr.jcr_image_info:
    registry: myshop
    repository: shop/web
  register: web

- name: What a tag points at, and a failure if there is no such tag
  jdcloud.jcr.jcr_image_info:
    registry: myshop
    repository: shop/web
    tag: "1.0"
  register: release
  failed_when: release.missing | length > 0

- name: The newest release of the first major version
  jdcloud.jcr.jcr_image_info:
    registry: myshop
    repository: shop/web
    semver: ">=1.0,<2"
    newest: 1

- name: Images of any repository that nobody has pulled for a month
  jdcloud.jcr.jcr_image_info:
    registry: myshop
    pulled_before: 30d
    exclude: [latest, stable-*]
    sort: last_pull_at

- name: The ten largest images without a tag
  jdcloud.jcr.jcr_image_info:
    registry: myshop
    tag_status: untagged
    sort: size
    descending: true
    limit: 10

- name: Nightly builds of the last week that are suspiciously small
  jdcloud.jcr.jcr_image_info:
    registry: myshop
    repository: [shop/web, shop/worker]
    pattern: nightly-*
    newer_than: 7d
    smaller_than: 1MB

- name: What the newest image was built from, and when
  jdcloud.jcr.jcr_image_info:
    registry: myshop
    repository: shop/web
    config: true
    limit: 1
  register: built  # built.images[0].config.labels, .history ...
"""

RETURN = r"""
---
images:
  description: The images that were chosen.
  returned: success
  type: list
  elements: dict
  contains:
    registry:
      description: The registry it is in.
      returned: always
      type: str
      sample: myshop
    region:
      description: The registry's region.
      returned: always
      type: str
      sample: cn-north-1
    repository:
      description: The repository it is in.
      returned: always
      type: str
      sample: shop/web
    digest:
      description: The digest of its manifest.
      returned: always
      type: str
      sample: sha256:7d1f5a4b5f0f1c4b9d2e8a3c6b7a9e0d1c2b3a4f5e6d7c8b9a0f1e2d3c4b5a69
    uri:
      description: What docker clients call it, by its digest.
      returned: always
      type: str
      sample: "myshop-cn-north-1.jcr.service.jdcloud.com/shop/web@sha256:\
        7d1f5a4b5f0f1c4b9d2e8a3c6b7a9e0d1c2b3a4f5e6d7c8b9a0f1e2d3c4b5a69"
    tags:
      description: Its tags; an untagged image has none.
      returned: always
      type: list
      elements: str
      sample: ["1.0", latest]
    media_type:
      description: The type of its manifest.
      returned: always
      type: str
      sample: application/vnd.oci.image.index.v1+json
    size:
      description: How many bytes it takes up in the registry, compressed.
      returned: always
      type: int
      sample: 13107200
    size_mb:
      description: The same in MB of 1024 * 1024 bytes.
      returned: always
      type: float
      sample: 12.5
    pushed_at:
      description: When it was pushed.
      returned: always
      type: str
      sample: "2026-01-01T12:34:56Z"
    last_pull_at:
      description: When it was last pulled; null if it never was.
      returned: always
      type: str
      sample: "2026-01-02T08:00:00Z"
    pulls:
      description: How often it was pulled.
      returned: always
      type: int
      sample: 42
    config_digest:
      description:
        - The digest of its config, which is its id in a Docker Engine with the classic image store; null for an index.
      returned: always
      type: str
      sample: null
    platforms:
      description:
        - The platforms of an index, C(os/architecture) or C(os/architecture/variant); of an index in it, nothing is
          known.
        - A plain image tells its platform in its config only, and has an empty list here without O(config).
      returned: always
      type: list
      elements: str
      sample: [linux/amd64, linux/arm64/v8]
    children:
      description: What an index consists of; empty for a plain image.
      returned: always
      type: list
      elements: dict
      contains:
        digest:
          description: The digest of the child's manifest.
          returned: always
          type: str
          sample: sha256:2b4c6d8e0f1a3b5c7d9e1f2a4b6c8d0e2f3a5b7c9d1e3f4a6b8c0d2e4f5a7b9c
        media_type:
          description: The type of the child's manifest.
          returned: always
          type: str
          sample: application/vnd.oci.image.manifest.v1+json
        size:
          description: How many bytes that manifest has.
          returned: always
          type: int
          sample: 1024
        platform:
          description: Its platform; null for an attestation.
          returned: always
          type: str
          sample: linux/amd64
        config:
          description: What its config tells, as RV(images[].config); null without O(config), and for an attestation.
          returned: always
          type: dict
          sample: null
    config:
      description:
        - What its config tells. Null without O(config), for an index, whose images have configs of their own (see
          RV(images[].children)), and where the config cannot be had or understood, of which a warning tells.
        - Whoever built the image wrote it; what is in C(env) may be meant for few eyes.
      returned: always
      type: dict
      contains:
        created:
          description: When it was built, as the builder wrote it; null if that is not told.
          returned: always
          type: str
          sample: "2026-01-01T12:00:00.123456789Z"
        author:
          description: Who built it; null if that is not told.
          returned: always
          type: str
          sample: null
        platform:
          description: The platform that it runs on; null if that is not told.
          returned: always
          type: str
          sample: linux/amd64
        labels:
          description: Its labels by their name.
          returned: always
          type: dict
          sample: {"org.opencontainers.image.revision": 4f2a9c1}
        env:
          description: The environment variables that its containers start with, by their name.
          returned: always
          type: dict
          sample: {"PATH": "/usr/bin:/bin"}
        entrypoint:
          description: What its containers run.
          returned: always
          type: list
          elements: str
          sample: [/usr/bin/shop]
        cmd:
          description: The arguments of that, or the command where there is no entrypoint.
          returned: always
          type: list
          elements: str
          sample: [--port, "80"]
        user:
          description: The user that it runs as; null if that is not told.
          returned: always
          type: str
          sample: "1000"
        working_dir:
          description: The directory that it runs in; null if that is not told.
          returned: always
          type: str
          sample: /srv
        exposed_ports:
          description: The ports that it listens on.
          returned: always
          type: list
          elements: str
          sample: [80/tcp]
        volumes:
          description: The directories that are meant to be volumes.
          returned: always
          type: list
          elements: str
          sample: [/var/lib/shop]
        history:
          description: The steps in which it was built, the first one first.
          returned: always
          type: list
          elements: dict
          contains:
            created:
              description: When; null if that is not told.
              returned: always
              type: str
              sample: "2026-01-01T12:00:00Z"
            created_by:
              description: By which command; null if that is not told.
              returned: always
              type: str
              sample: COPY shop /usr/bin/shop
            comment:
              description: A remark of the builder; null if that is not told.
              returned: always
              type: str
              sample: buildkit.dockerfile.v0
            empty_layer:
              description: Whether the step made no layer.
              returned: always
              type: bool
              sample: false
matched:
  description: How many met all options, before O(limit).
  returned: success
  type: int
  sample: 1
missing:
  description: What was named exactly and does not exist, as docker clients would call it without a host.
  returned: success
  type: list
  elements: str
  sample: ["myshop/shop/web:2.0"]
complete:
  description:
    - Whether all pages of the listing fitted together.
    - If something is created and deleted all the while, they may never do. Then there is a warning, what was found is
      returned, and this is V(false).
  returned: success
  type: bool
  sample: true
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
    object: "'myregistry' in cn-north-1"
    message: "the service answered 404 NOT_FOUND: registry myregistry does not exist"
    cure: Check the name and the region.
    code: 404
    status: NOT_FOUND
    request_id: bbf8vinuw9142j3npttfgp2kg4vf9bj7
    http_status: 404
    retryable: false
    attempts: 1
"""

from ansible_collections.jdcloud.jcr.plugins.module_utils._host import run_module
from ansible_collections.jdcloud.jcr.plugins.module_utils._resource_image_info import SPEC, ImagesInfo


def main() -> None:
    run_module(SPEC, ImagesInfo)


if __name__ == "__main__":
    main()
