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
  - Makes tags in a repository point at the content of a local image, of an archive, or of an image in another place;
    makes a host's Docker Engine have what the repository holds; or deletes images from the repository.
  - Whether something is the same is decided by digest. What the repository holds is asked through the service's
    OpenAPI, so that a task with nothing to do needs no token, opens no connection to the registry and counts as no
    pull.
  - The controller asks the service and comes by the token; only the part of the Docker Engine, and the reading of an
    archive, are done on the task's host. The access key never leaves the controller, and one token serves all hosts.
  - Archives and images of registries need no Docker Engine. What the registry has is not sent again, a transfer that is
    cut goes on where it was, and a tag is moved only when all that it stands for has arrived.
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
      - V(present) lets each tag that does not do so yet stand for the image of O(source), O(archive) or O(from_image).
        Several tags are one upload. If the repository has the image under whatever name, only the tags are put.
      - V(pulled) pulls each tag, or the O(digest), that the host's Docker Engine does not have as the repository
        holds it.
      - V(absent) deletes the tags, the image of this O(digest), or what the options for a selection choose, from the
        repository. What is to go is fixed when the task begins; what is pushed meanwhile stays. See the notes.
    type: str
    choices: [present, absent, pulled]
    default: present
  source:
    description:
      - The local image to push, by name or id.
      - One of this, O(archive) and O(from_image) is needed with O(state=present).
      - The first tag goes through the Docker Engine. The others are put by the controller, which has to reach the
        registry for that.
    type: str
  archive:
    description:
      - The path, on the task's host, of an OCI image layout (a directory or a tar), or of what C(docker save) wrote; a
        C(.tar.gz) of either, too. No Docker Engine is needed, and of the host no more than Python.
      - An image in an OCI layout keeps its digest. What C(docker save) wrote has none before it is compressed, so its
        digest cannot be predicted; whether the registry has it is told by the digest of its config.
      - An archive in which something of the image is missing or has another size is refused before anything is sent, in
        check mode, too. The bytes of layers are proven while they are sent.
      - O(ca_path) counts on the task's host as well.
    type: path
    version_added: 0.2.0
  archive_image:
    description: Which image of an O(archive) that has several, by its name in the archive or by its digest.
    type: str
    version_added: 0.2.0
  from_image:
    description:
      - The image to copy, as C([HOST/]REPOSITORY[:TAG|@DIGEST]); without a host it is in O(registry), without tag and
        digest it is V(latest). The controller reads and writes; nothing comes to lie on a disk.
      - From a registry of the same account, in whatever region, the token is come by like that of O(registry). What it
        holds is asked through the service, so that a copy that is there already costs no token and no pull. It is known
        by its documented host, by the host that the service tells for it in the task's region, and by that of an
        emulator in any region.
      - Within one registry no data moves, since layers are mounted; within one repository only the tag is put.
      - Any other registry is read with O(from_username) and O(from_password), or anonymously. If it has its token
        service or its layers on other hosts, these have to be in O(allowed_registry_hosts); the login goes to the
        former only. Those of Docker Hub (V(docker.io/nginx:1.27)) are known.
    type: str
    version_added: 0.2.0
  from_username:
    description: The user for the registry of O(from_image), if it is not one of this account.
    type: str
    version_added: 0.2.0
  from_password:
    description: The password of O(from_username).
    type: str
    version_added: 0.2.0
  platforms:
    description:
      - With O(archive) or O(from_image), which platforms of an image for several of them are pushed, each as
        C(os/architecture[/variant]). Left out, all are; an empty list is refused.
      - One platform gives that platform's own image. Several give an index of them, the same one for the same choice.
    type: list
    elements: str
    version_added: 0.2.0
  tag:
    description:
      - The tag.
      - With neither this nor O(tags) nor O(digest), it is V(latest); with O(state=absent), one of them or a selection
        is needed.
      - Put it in quotes. Without them, YAML makes the number 1.1 of V(1.10), which is refused, as for every text.
    type: str
  tags:
    description: Several tags; in quotes like O(tag).
    type: list
    elements: str
  digest:
    description: The digest of the image, instead of a tag, with O(state=pulled) or O(state=absent).
    type: str
  overwrite:
    description:
      - Whether a tag that stands for another image is moved. It does not matter for tags that do not exist, nor for
        those that stand for the wanted image already.
      - V(if_digest) moves it only if it stands for O(expected_digest).
      - This and O(immutable_tags) are decided for all tags before anything is sent, and each tag is looked at again
        right before it is put. Registries know no condition for a write, so that a tag that somebody else puts in this
        last moment can still be overwritten.
      - With O(state=absent), V(if_digest) deletes a named tag only if it stands for O(expected_digest). V(never) is
        about overwriting and has no say there.
    type: str
    choices: [always, never, if_digest]
    default: always
    version_added: 0.2.0
  expected_digest:
    description: The digest that tags which exist have to stand for with O(overwrite=if_digest).
    type: str
    version_added: 0.2.0
  immutable_tags:
    description:
      - Globs of tags that are never moved once they exist, whatever O(overwrite) says, such as V(v*) or V([0-9]*).
      - They are not deleted either. With O(state=absent), a task that names such a tag, or an image that has one, fails
        before anything is deleted; a selection spares it as if O(exclude) named it.
    type: list
    elements: str
    version_added: 0.2.0
  create_repository:
    description:
      - Whether the repository is created if it does not exist. Its name and the quota are checked before.
      - A mistyped name then makes a new repository instead of a failure.
    type: bool
    default: false
    version_added: 0.2.0
  keep_local_tag:
    description:
      - Whether the Docker Engine keeps the name C(<registry host>/<repository>:<tag>) that an image gets in order to be
        pushed.
    type: bool
    default: true
  remove_local_source:
    description:
      - Whether O(source) is taken away from the Docker Engine when all tags stand for it, and the image with its last
        name.
      - A later run that finds it gone takes the tags as they are, and fails only if one is missing.
      - An id is refused where the image has more than one name, the one that O(keep_local_tag) keeps included, because
        engines refuse it. A name that another program gives to another image meanwhile is not taken away, and the task
        fails.
    type: bool
    default: false
    version_added: 0.2.0
  pull_policy:
    description:
      - What is enough with O(state=pulled).
      - V(always) compares the digest with that in the registry, and pulls only what differs.
      - V(missing) is content with any local image of that name, however old; V(never) fails if there is none.
    type: str
    choices: [always, missing, never]
    default: always
    version_added: 0.2.0
  progress_file:
    description:
      - A file on the controller that tells how a push gets on while it runs, as one JSON object a line, with C(at),
        C(push) (which one, by its first tag), C(event) (V(begin), V(layer), V(tag), V(end) or V(failed)) and what
        belongs to it. Lines are added at the end, so that pushes of several hosts may share it. A link is not followed.
      - Without a Docker Engine a layer is told of when it is through, by C(digest), C(state), C(bytes) and C(seconds).
        An engine tells on the way, too, how many C(bytes) of C(total) have gone of a C(layer), as it calls it.
      - What happens on another host is told when it is over.
    type: path
    version_added: 0.2.0
  show_progress:
    description:
      - Whether Ansible shows how a push gets on while the task runs, with a line on standard error for its beginning,
        each layer that was sent, each tag, and its end or failure. The task's result stays the same.
      - The lines come from the same events as those of O(progress_file); what happens on another host is shown when it
        is over.
      - Nothing is shown of a task with C(no_log) or C(async), nor where the variable C(jcr_in_process) is V(false).
    type: bool
    default: false
    version_added: 0.2.0
  keep_last:
    description:
      - Of the images that a selection is about, so many that were pushed last stay.
      - They are counted among all images that meet O(tag_status), O(pattern), O(regex), O(semver) and O(exclude),
        whatever their age, size and pulls; the children of an index and signatures do not count.
    type: int
    version_added: 0.2.0
  keep_newest:
    description:
      - Of the images that a selection is about, those with so many highest versions in their tags stay; counted as for
        O(keep_last). With both, what either of them keeps stays.
      - Without O(semver), prereleases do not count as versions.
    type: int
    version_added: 0.2.0
  with_children:
    description:
      - Whether with an image that is deleted goes what belongs to it and has no name of its own, which are the children
        of an index without tags, and signatures and the like that are about the image. What an image that stays needs
        stays, too, and so does what O(exclude) matches.
      - With V(false) it stays as images without a tag, unless it was selected itself.
    type: bool
    default: true
    version_added: 0.2.0
  siblings:
    description:
      - How a tag is deleted whose image has other tags that stay, or is in an index that stays. The documents of the
        service do not say whether an image loses its other tags when one of them is deleted.
      - V(keep) does not find out. It lets the tag stand for an empty image, which it then deletes by its digest. That
        needs a token, see the options for tokens; the other tags are never touched. The tag is looked at again right
        before. Registries know no condition for a write, so that a tag that somebody else puts in this last moment is
        deleted, too; the image that they put stays, without it.
      - V(trust) has the service delete the tag, which needs no token, and looks at the other tags afterwards. The task
        fails at once if they are gone; then they are lost.
      - V(refuse) fails before anything is deleted.
    type: str
    choices: [keep, trust, refuse]
    default: keep
    version_added: 0.2.0
  max_delete:
    description:
      - How many images a selection may delete; with more the task fails, and nothing is deleted.
      - An image that goes counts once, however many tags it has, and the children of an index count, too. Of an image
        that stays, each tag that it loses counts.
      - What O(tag), O(tags) or O(digest) name is not counted.
    type: int
    default: 10
    version_added: 0.2.0
notes:
  - An option of another state is refused. It does not count if it stands at its default, or if C(module_defaults) has
    it.
  - Only with O(state=present) go O(source), O(archive), O(from_image), O(archive_image), O(from_username),
    O(from_password), O(platforms), O(create_repository), O(keep_local_tag), O(remove_local_source), O(progress_file)
    and O(show_progress).
  - Only with O(state=pulled) goes O(pull_policy).
  - Only with O(state=absent) go O(keep_last), O(keep_newest), O(with_children), O(siblings), O(max_delete), O(pattern),
    O(regex), O(exclude), O(older_than), O(newer_than), O(larger_than), O(smaller_than), O(tag_status), O(semver),
    O(pulled_before) and O(never_pulled).
  - Only with O(state=present) or O(state=absent) go O(overwrite), O(expected_digest) and O(immutable_tags).
  - Only with O(state=pulled) or O(state=absent) goes O(digest).
  - Null is refused for O(tag), O(tags), O(digest), O(expected_digest), O(immutable_tags), O(platforms), and for all
    options that choose or spare what is deleted, so that an empty variable never means more than was wanted.
  - Options for a selection are those of M(jdcloud.jcr.jcr_image_info), which can show beforehand what they choose. One
    of O(tag_status), O(pattern), O(regex), O(semver), O(older_than), O(newer_than), O(larger_than), O(smaller_than),
    O(pulled_before) and O(never_pulled) is needed, so that an empty selection never means everything; O(exclude),
    O(keep_last) and O(keep_newest) only spare something of it.
  - With options that are about tags, only the tags that meet them are deleted, and an image goes with its last tag.
    Without them, images go with all their tags.
  - A child of an index that stays is never deleted. If a selection chooses it, it stays and is in RV(kept), and only
    loses its tags; if O(digest) names it, the task fails. Signatures and the like (by the C(subject) of their manifest,
    or by tags such as C(sha256-HEX.sig)) stay as long as the image that they are about, unless they are named, or
    chosen by their tags. If the service gives no manifest of an image that stays, nothing is deleted.
extends_documentation_fragment:
  - jdcloud.jcr.selection
  - jdcloud.jcr.image_selection
  - jdcloud.jcr.token
  - jdcloud.jcr.docker
  - jdcloud.jcr.connection
  - jdcloud.jcr.attributes
seealso:
  - module: jdcloud.jcr.jcr_image_info
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

- name: Push what the build has written, without a Docker Engine
  jdcloud.jcr.jcr_image:
    registry: myshop
    repository: shop/app
    archive: build/app.tar
    tags: ["24.10", candidate]
    create_repository: true

- name: Push one platform of an archive of several images
  jdcloud.jcr.jcr_image:
    registry: myshop
    repository: shop/tools
    archive: build/tools.oci.tar
    archive_image: tools/lint:1.4
    platforms: [linux/amd64]
    tag: "1.4"
    create_repository: true

- name: Promote what was tested, without moving data
  jdcloud.jcr.jcr_image:
    registry: myshop
    repository: shop/app
    from_image: shop/app:candidate
    tag: stable
  register: promoted

- name: Release it, where a release never changes
  jdcloud.jcr.jcr_image:
    registry: myshop
    repository: shop/releases
    from_image: shop/app:stable
    tags: ["24.10", latest]
    immutable_tags: ["[0-9]*"]
    create_repository: true

- name: Copy the release to the registry of another region
  jdcloud.jcr.jcr_image:
    registry: myshop-south
    region: cn-south-1
    repository: shop/releases
    from_image: myshop-cn-north-1.jcr.service.jdcloud.com/shop/releases:24.10
    tag: "24.10"
    create_repository: true

- name: Take a base image over from another registry, for two platforms
  jdcloud.jcr.jcr_image:
    registry: myshop
    repository: base/nginx
    from_image: "{{ upstream }}/library/nginx:1.27"
    from_username: reader
    from_password: "{{ upstream_password }}"
    platforms: [linux/amd64, linux/arm64]
    tag: "1.27"
    create_repository: true

- name: Move a tag only if nobody else has moved it
  jdcloud.jcr.jcr_image:
    registry: myshop
    repository: shop/app
    source: app:hotfix
    tag: stable
    overwrite: if_digest
    expected_digest: "{{ promoted.image.digest }}"

- name: Never replace a tag
  jdcloud.jcr.jcr_image:
    registry: myshop
    repository: shop/app
    source: app:build
    tag: "{{ build_number }}"
    overwrite: never
    remove_local_source: true

- name: Push a large image, and give up after an hour or when nothing moves for ten minutes
  jdcloud.jcr.jcr_image:
    registry: myshop
    repository: shop/models
    archive: build/models
    deadline: 3600
    idle_timeout: 600
    progress_file: build/models.jsonl
    show_progress: true
    create_repository: true

- name: Have it on the hosts of the play
  jdcloud.jcr.jcr_image:
    registry: myshop
    repository: shop/web
    tag: stable
    state: pulled

- name: Have some version of it there, and do not ask for a newer one
  jdcloud.jcr.jcr_image:
    registry: myshop
    repository: shop/app
    tags: [stable, "24.10"]
    state: pulled
    pull_policy: missing

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

- name: Delete what no tag stands for any more, 50 images at most
  jdcloud.jcr.jcr_image:
    registry: myshop
    repository: shop/web
    state: absent
    tag_status: untagged
    older_than: 1d
    max_delete: 50

- name: Delete the nightly builds of more than two weeks ago, but always keep the last five
  jdcloud.jcr.jcr_image:
    registry: myshop
    repository: shop/web
    state: absent
    pattern: nightly-*
    older_than: 14d
    keep_last: 5

- name: Keep the three newest releases of the first major version, and whatever is stable
  jdcloud.jcr.jcr_image:
    registry: myshop
    repository: shop/web
    state: absent
    semver: ^1.0
    keep_newest: 3
    exclude: [stable, stable-*]
    max_delete: 20

- name: Delete what nobody has pulled for half a year, unless it is in production
  jdcloud.jcr.jcr_image:
    registry: myshop
    repository: shop/web
    state: absent
    pulled_before: 26w
    exclude: [prod-*, latest]
    keep_last: 10

- name: Take one tag off, and fail where that could cost another one
  jdcloud.jcr.jcr_image:
    registry: myshop
    repository: shop/web
    tag: candidate
    state: absent
    siblings: refuse
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
    platforms:
      description:
        - For which platforms it is, each as C(os/architecture[/variant]); empty where that is not known.
        - The platform of an image that is no index is in its config. It is known of a O(source), of an O(archive), of
          what O(platforms) has chosen, and of a O(from_image) of others when it is copied. Of an image in a registry of
          the account it is not, since reading a config takes a token; M(jdcloud.jcr.jcr_image_info) does so with
          O(jdcloud.jcr.jcr_image_info#module:config=true).
        - Of an index in an index, the service tells nothing; in an O(archive) and in the registries of others, it is
          read.
        - The diff tells the same, and of the image that a tag stood for before, what the service tells.
      returned: always
      type: list
      elements: str
      sample: [linux/amd64]
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
deleted:
  description: What was deleted, or in check mode would be; an entry for each image.
  returned: success with O(state=absent), and when the task fails while it deletes
  type: list
  elements: dict
  contains:
    digest:
      description: The digest of the image.
      returned: always
      type: str
      sample: sha256:6c3c624b58dbbcd3c0dd82b4c53f04194d1247c6eebdaab7c610cf7d66709b3b
    tags:
      description: The tags that went.
      returned: always
      type: list
      elements: str
      sample: [nightly-17]
    size:
      description: The size of the image in bytes; layers that other images have, too, still take up room.
      returned: always
      type: int
      sample: 28861712
    image_deleted:
      description: Whether the image went, too. V(false) if only tags were taken off it.
      returned: always
      type: bool
      sample: true
kept:
  description: What was named or chosen and stays, because something that stays needs it.
  returned: success with O(state=absent)
  type: list
  elements: dict
  contains:
    digest:
      description: The digest of the image.
      returned: always
      type: str
      sample: sha256:2b4c6d8e0f1a3b5c7d9e1f2a4b6c8d0e2f3a5b7c9d1e3f4a6b8c0d2e4f5a7b9c
    reason:
      description: What needs it.
      returned: always
      type: str
      sample: "it is part of sha256:7d1f… (1.0, latest)"
failed_images:
  description: What could not be deleted, as in RV(deleted), and C(error), which says why.
  returned: when the task fails while it deletes
  type: list
  elements: dict
  sample: []
not_tried:
  description: What was not tried any more, as in RV(deleted).
  returned: when the task fails while it deletes
  type: list
  elements: dict
  sample: []
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
      description: How many bytes of layers were sent.
      returned: always
      type: int
      sample: 28861712
    seconds:
      description: How long it took.
      returned: always
      type: float
      sample: 2.1
    layers:
      description:
        - What became of each layer. Without a Docker Engine, the config counts as one. Podman tells nothing of layers.
        - C(state) is V(pushed), V(existing) or V(mounted); C(bytes) is its size, C(seconds) how long it took.
      returned: always
      type: list
      elements: dict
      sample:
        - digest: sha256:2b4c6d8e0f1a3b5c7d9e1f2a4b6c8d0e2f3a5b7c9d1e3f4a6b8c0d2e4f5a7b9c
          state: pushed
          bytes: 28861712
          seconds: 1.9
created_repository:
  description: Whether the repository was created, or in check mode would be.
  returned: success
  type: bool
  sample: false
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

from ansible_collections.jdcloud.jcr.plugins.module_utils._dockerhost import DockerModuleHost
from ansible_collections.jdcloud.jcr.plugins.module_utils._host import run_module
from ansible_collections.jdcloud.jcr.plugins.module_utils._resource_image import SPEC, build


def main() -> None:
    run_module(SPEC, build, DockerModuleHost)


if __name__ == "__main__":
    main()
