# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A push through an engine leaves none of its own names behind, and tells why it failed itself."""

from __future__ import annotations

import types
import typing as t

import pytest

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import EngineError, JcrError, TransferRefused
from ansible_collections.jdcloud.jcr.plugins.module_utils._localcontent import LocalContent

HOST = "myshop-cn-north-1.jcr.service.jdcloud.com"
NAME = f"{HOST}/shop/web:1.0"
IMAGE_ID = "sha256:" + "1" * 64


class RecordingEngine:
    """An engine that has the image under no other name; C(asked) is what it was asked for, in order."""

    def __init__(self) -> None:
        self.names = {"web:build": IMAGE_ID}
        self.asked: list[tuple[str, ...]] = []

    def inspect(self, reference: str) -> dict[str, str] | None:
        self.asked.append(("inspect", reference))
        return {"id": self.names[reference]} if reference in self.names else None

    def tag(self, source: str, target: str) -> None:
        self.asked.append(("tag", source, target))

    def push(self, reference: str, *args: t.Any, **options: t.Any) -> dict[str, t.Any]:
        self.asked.append(("push", reference))
        return {"digest": "sha256:" + "0" * 64}

    def remove(self, reference: str) -> None:
        self.asked.append(("remove", reference))


class FailingEngine(RecordingEngine):
    """One that fails to push; C(stuck): and to remove a name."""

    def __init__(self, stuck: bool, failure: BaseException) -> None:
        super().__init__()
        self._stuck = stuck
        self._failure = failure

    def push(self, reference: str, *args: t.Any, **options: t.Any) -> t.NoReturn:
        raise self._failure

    def remove(self, reference: str) -> None:
        super().remove(reference)
        if self._stuck:
            raise EngineError("the Docker Engine is gone")


def delivered(engine: RecordingEngine, *, keep: bool, source: str = "web:build") -> tuple[LocalContent, t.Any]:
    """The engine's image, and its way into the registry."""
    params = {"source": source, "keep_local_tag": keep}
    content = LocalContent(types.SimpleNamespace(params=params, engine=lambda: engine), types.SimpleNamespace())
    token = types.SimpleNamespace(username="jdcloud", password=None)
    delivery = types.SimpleNamespace(
        target=types.SimpleNamespace(host=HOST, repository="shop/web", verify=True, allowed_hosts=()),
        guards=types.SimpleNamespace(guarded=lambda tag: False),
        login=types.SimpleNamespace(through=lambda work: work(token)),
        session=types.SimpleNamespace(deadline=None),
        progress=types.SimpleNamespace(layer=None),
        pushed=lambda digest, transfer: None,
    )
    content.read()
    engine.asked.clear()
    return content, delivery


def test_each_name_is_given_once() -> None:
    engine = RecordingEngine()
    content, delivery = delivered(engine, keep=True)
    next(content.send(delivery, ["1.0", "latest"]))
    content.named(delivery, ["1.0", "latest"])
    other = f"{HOST}/shop/web:latest"
    assert engine.asked == [("tag", IMAGE_ID, NAME), ("push", NAME), ("tag", IMAGE_ID, other)]


def test_a_name_that_only_the_push_needs_is_taken_away() -> None:
    engine = RecordingEngine()
    content, delivery = delivered(engine, keep=False)
    next(content.send(delivery, ["1.0"]))
    content.named(delivery, ["1.0"])
    assert engine.asked == [("inspect", NAME), ("tag", IMAGE_ID, NAME), ("push", NAME), ("remove", NAME)]


@pytest.mark.parametrize("keep", [False, True])
def test_a_name_that_the_image_has_is_not_given_again(keep: bool) -> None:
    """Nor is it taken away: it is the user's."""
    engine = RecordingEngine()
    engine.names[NAME] = IMAGE_ID
    content, delivery = delivered(engine, keep=keep, source=NAME)
    next(content.send(delivery, ["1.0"]))
    content.named(delivery, ["1.0"])
    assert engine.asked == [("push", NAME)]


def test_what_was_planned_is_pushed_though_its_name_moves() -> None:
    """Another program may build the image anew meanwhile."""
    engine = RecordingEngine()
    content, delivery = delivered(engine, keep=True)
    engine.names["web:build"] = "sha256:" + "2" * 64
    next(content.send(delivery, ["1.0"]))
    content.read()
    assert engine.asked == [("tag", IMAGE_ID, NAME), ("push", NAME)]


def test_a_removal_is_read_back() -> None:
    engine = RecordingEngine()
    content, _delivery = delivered(engine, keep=True)
    content.remove()
    del engine.names["web:build"]
    content.read()
    assert not content.present


@pytest.mark.parametrize("failure", [TransferRefused("denied"), KeyboardInterrupt()], ids=["refused", "interrupted"])
@pytest.mark.parametrize("stuck", [False, True])
def test_the_error_of_a_push_is_not_hidden_by_tidying_up(stuck: bool, failure: BaseException) -> None:
    engine = FailingEngine(stuck, failure)
    content, delivery = delivered(engine, keep=False)
    with pytest.raises((JcrError, KeyboardInterrupt)) as caught:
        next(content.send(delivery, ["1.0"]))
    assert caught.value is failure
    assert engine.asked[-1] == ("remove", NAME)
