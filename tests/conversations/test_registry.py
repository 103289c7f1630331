# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The life of a registry: deleted with all that is in it, or not at all; waited for; and whose it is."""

from __future__ import annotations

import contextlib
import pathlib
import typing as t

import pytest

from ansible_collections.jdcloud.jcr.plugins.module_utils._client import Client
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import QuotaExceeded
from ansible_collections.jdcloud.jcr.plugins.module_utils._host import ControllerHost, perform, validated
from ansible_collections.jdcloud.jcr.plugins.module_utils._registryresource import RegistryResource
from ansible_collections.jdcloud.jcr.plugins.module_utils._resource_registry import SPEC, build
from ansible_collections.jdcloud.jcr.plugins.module_utils._session import Session
from tests.support.contents import fill, push_index
from tests.support.emulator import RunningEmulator
from tests.support.failures import assert_failure
from tests.support.fake_clock import START, FakeClock
from tests.support.tasks import WAYS, Account, Run, run_here

NAME = "myshop"
REGISTRY = {"name": NAME}
CONTENTS = {"shop/api": ["1.0", "1.1"], "shop/empty": [], "shop/web": ["2.0"]}
GONE = {"name": NAME, "state": "absent", "force": True}
ALL_OF_IT = {"registries": [NAME], "repositories": ["shop/api", "shop/empty", "shop/web"], "images": 3}
NOTHING: dict[str, t.Any] = {"registries": [], "repositories": [], "images": 0}
DELETES = ("deleteImage", "deleteRepository", "deleteRegistry")
NO_MFA = {"status": {"http": 403, "message": "operation protection: a security token is required"}}


@pytest.fixture
def account(emulator: RunningEmulator, tmp_path: pathlib.Path) -> Account:
    return Account(emulator, tmp_path)


@pytest.fixture
def shop(account: Account) -> Account:
    """The account, with a registry of three repositories and three images."""
    fill(account.emulator, NAME, CONTENTS)
    return account


@pytest.fixture(params=sorted(WAYS))
def run(request: pytest.FixtureRequest) -> Run:
    return WAYS[request.param]


def ok(result: dict[str, t.Any]) -> dict[str, t.Any]:
    assert not result.get("failed"), result["msg"]
    return result


def deletes(account: Account) -> list[str]:
    return [entry["operation"] for entry in account.emulator.requests() if entry["operation"] in DELETES]


def left(account: Account) -> dict[str, int]:
    """How many images each repository still has."""
    return {
        repository["name"]: len(repository["images"])
        for registry in account.emulator.state()["registries"]
        for repository in registry["repositories"]
    }


def strike(account: Account, operation: str, action: t.Any, nth: int = 1, times: int | None = None) -> None:
    match = {"operation": operation, "nth": nth}
    account.emulator.faults([{"match": match, "times": times, "action": action}])


# --- the cascade -----------------------------------------------------------------------------------------------------


def test_everything_goes_in_order(shop: Account, run: Run) -> None:
    predicted = ok(run(shop, "jcr_registry", GONE, check=True))
    assert deletes(shop) == []
    done = ok(run(shop, "jcr_registry", GONE))
    assert done["changed"] is True
    assert done == predicted, "a prediction is the run, number by number"
    assert done["deleted"] == ALL_OF_IT
    assert done["registry"] is None
    assert deletes(shop) == 3 * ["deleteImage"] + 3 * ["deleteRepository"] + ["deleteRegistry"]
    assert shop.emulator.state()["registries"] == []

    again = ok(run(shop, "jcr_registry", GONE))
    assert again["changed"] is False
    assert again["deleted"] == NOTHING
    assert again.keys() == done.keys()


def test_the_diff_names_what_goes(shop: Account, run: Run) -> None:
    diff = ok(run(shop, "jcr_registry", GONE, check=True))["diff"]
    assert diff["after"] == {}
    images = [key for key in diff["before"] if "@" in key]
    assert [key.partition("@")[0] for key in images] == 2 * [f"{NAME}/shop/api"] + [f"{NAME}/shop/web"]
    assert sorted(tag for key in images for tag in diff["before"][key]["tags"]) == ["1.0", "1.1", "2.0"]
    rest = [f"{NAME}/shop/api", f"{NAME}/shop/empty", f"{NAME}/shop/web", NAME]
    assert list(diff["before"]) == [*images, *rest]


def test_an_index_and_its_images_count_each(account: Account, run: Run) -> None:
    push_index(fill(account.emulator, NAME, {"shop/web": []}), "shop/web", "2.0")
    predicted = ok(run(account, "jcr_registry", GONE, check=True))
    done = ok(run(account, "jcr_registry", GONE))
    assert done == predicted
    assert done["deleted"] == {"registries": [NAME], "repositories": ["shop/web"], "images": 3}


@pytest.mark.parametrize(
    ("cap", "cause", "cure"),
    [
        (5, "3 repositories and 3 images would be deleted, 6 in all, but max_delete is 5", "Set max_delete to 6"),
        (2, "3 repositories with all images in them would be deleted, but max_delete is 2", "raise it if all of that"),
        (0, "3 repositories with all images in them would be deleted, but max_delete is 0", "raise it if all of that"),
    ],
)
def test_cap(shop: Account, run: Run, cap: int, cause: str, cure: str) -> None:
    before = left(shop)
    wish = {**GONE, "max_delete": cap}
    result = run(shop, "jcr_registry", wish)
    assert_failure(result, "delete_cap", f"delete registry '{NAME}' in cn-north-1", cause, cure)
    assert result["error"]["cure"].startswith("Nothing was deleted. ")
    assert run(shop, "jcr_registry", wish, check=True) == result
    assert deletes(shop) == []
    assert left(shop) == before


def test_cap_that_is_just_enough(shop: Account, run: Run) -> None:
    assert ok(run(shop, "jcr_registry", {**GONE, "max_delete": 6}))["deleted"] == ALL_OF_IT


def test_cap_counts_only_what_is_inside(account: Account, run: Run) -> None:
    fill(account.emulator, NAME, {})
    assert ok(run(account, "jcr_registry", {**GONE, "max_delete": 0}))["deleted"] == {**NOTHING, "registries": [NAME]}


@pytest.mark.parametrize("force", [False, True])
def test_registry_that_is_not_there(account: Account, run: Run, force: bool) -> None:
    result = ok(run(account, "jcr_registry", {**GONE, "force": force}))
    assert (result["changed"], result["deleted"], result["registry"]) == (False, NOTHING, None)


@pytest.mark.parametrize("contents", [{}, CONTENTS], ids=["empty", "filled"])
def test_force_deletes_nothing_of_what_shall_be_there(account: Account, run: Run, contents: dict[str, t.Any]) -> None:
    fill(account.emulator, NAME, contents)
    result = ok(run(account, "jcr_registry", {**REGISTRY, "force": True}))
    assert result["changed"] is False
    assert "deleted" not in result
    assert deletes(account) == []


# --- a cascade that does not come to its end -------------------------------------------------------------------------

BROKEN = [
    # operation, from which one on, failed act, deleted before, what it fails at, not tried
    (
        "deleteImage",
        1,
        "delete an image of repository 'shop/api' in registry 'myshop'",
        NOTHING,
        "shop/api",
        {**ALL_OF_IT, "images": 2},
        "nothing had been deleted before, 1 registry, 3 repositories and 2 images had not been tried yet",
    ),
    (
        "deleteImage",
        3,
        "delete an image of repository 'shop/web' in registry 'myshop'",
        {**NOTHING, "images": 2},
        "shop/web",
        {**ALL_OF_IT, "images": 0},
        "2 images had been deleted before, 1 registry and 3 repositories had not been tried yet",
    ),
    (
        "deleteRepository",
        2,
        "delete repository 'shop/empty' in registry 'myshop'",
        {**NOTHING, "repositories": ["shop/api"], "images": 3},
        "shop/empty",
        {**NOTHING, "registries": [NAME], "repositories": ["shop/web"]},
        "1 repository and 3 images had been deleted before, 1 registry and 1 repository had not been tried yet",
    ),
    (
        "deleteRegistry",
        1,
        "delete registry 'myshop'",
        {**ALL_OF_IT, "registries": []},
        None,
        NOTHING,
        "3 repositories and 3 images had been deleted before",
    ),
]


@pytest.mark.parametrize(
    ("action", "kind", "cure", "answered"),
    [
        (NO_MFA, "mfa_required", "get a security token and pass it as security_token", True),
        ({"status": {"http": 500}}, "unknown_outcome", "Run the task again: it reads the present state first", True),
        ("reset", "unknown_outcome", "Run the task again: it reads the present state first", False),
    ],
    ids=["operation protection", "failing service", "broken connection"],
)
@pytest.mark.parametrize("broken", BROKEN, ids=[f"{row[0]} {row[1]}" for row in BROKEN])
def test_half_way(
    shop: Account, run: Run, broken: tuple[t.Any, ...], action: t.Any, kind: str, cure: str, answered: bool
) -> None:
    """What was done is told, the rest is left alone, and the next run does it."""
    operation, nth, about, deleted, failed_at, not_tried, told = broken
    strike(shop, operation, action, nth)
    result = run(shop, "jcr_registry", GONE)
    changed = deleted != NOTHING
    assert_failure(result, kind, f"{about} in cn-north-1", told, cure, answered=answered, changed=changed)
    assert result["error"]["message"].endswith(told)
    assert result["deleted"] == deleted
    assert result["not_tried"] == not_tried
    assert (result["failed_at"]["registry"], result["failed_at"]["repository"]) == (NAME, failed_at)
    assert bool(result["failed_at"]["digest"]) is (operation == "deleteImage")
    assert len(left(shop)) == 3 - len(deleted["repositories"])
    assert sum(left(shop).values()) == 3 - deleted["images"]

    shop.emulator.faults([])
    rest = ok(run(shop, "jcr_registry", GONE))
    assert rest["changed"] is True
    assert rest["deleted"] == {
        "registries": [NAME],
        "repositories": [name for name in ALL_OF_IT["repositories"] if name not in deleted["repositories"]],
        "images": 3 - deleted["images"],
    }
    assert shop.emulator.state()["registries"] == []


@pytest.mark.parametrize("operation", DELETES)
def test_lost_answers(shop: Account, run: Run, operation: str) -> None:
    """Each was done, unheard: reading tells so, and all that was to go is told as gone."""
    strike(shop, operation, "lost_answer")
    done = ok(run(shop, "jcr_registry", GONE))
    assert done["deleted"] == ALL_OF_IT
    assert deletes(shop) == 3 * ["deleteImage"] + 3 * ["deleteRepository"] + ["deleteRegistry"], "each is sent once"
    assert shop.emulator.state()["registries"] == []


def test_operation_protection_with_a_token(shop: Account, run: Run) -> None:
    shop.emulator.settings({"mfa": True, "mfa_tokens": ["123456"]})
    refused = run(shop, "jcr_registry", GONE)
    assert (refused["error"]["kind"], refused["changed"], refused["deleted"]) == ("mfa_required", False, NOTHING)
    assert ok(run(shop, "jcr_registry", {**GONE, "security_token": "123456"}))["deleted"] == ALL_OF_IT


# --- in step with others, and with time ------------------------------------------------------------------------------


class Task:
    """A task in this process, with a clock that only moves when it is moved."""

    def __init__(self, account: Account, **options: t.Any) -> None:
        account.emulator.clock(now=START.isoformat().replace("+00:00", "Z"), frozen=True)
        self.clock = FakeClock()
        self._host = ControllerHost(validated(SPEC, {**REGISTRY, **options}), False, True)
        self._host.environ, self._host.home = account.environment(), str(account.home)

    def session(self) -> Session:
        return Session(self._host, RegistryResource.usual_deadline, self.clock)

    def _build(self, host: t.Any) -> RegistryResource:
        resource = build(host)
        resource.session = self.session()
        return resource

    def run(self) -> dict[str, t.Any]:
        return perform(self._host, self._build)[0]


def meanwhile(monkeypatch: pytest.MonkeyPatch, method: str, deed: t.Callable[[], None], *, first: bool) -> None:
    """Let something happen once, right before or after the first call of a method of the client."""
    original = getattr(Client, method)
    deeds = [deed]

    def call(self: Client, *args: t.Any, **options: t.Any) -> t.Any:
        if first and deeds:
            deeds.pop()()
        result = original(self, *args, **options)
        if deeds:
            deeds.pop()()
        return result

    monkeypatch.setattr(Client, method, call)


def test_what_is_pushed_meanwhile_stays(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    client = fill(account.emulator, NAME, CONTENTS)
    meanwhile(monkeypatch, "delete_repository", lambda: client.push_image("shop/api", "9.9", b"new"), first=True)
    result = Task(account, **GONE).run()
    about = "delete repository 'shop/api' in registry 'myshop' in cn-north-1"
    cause, cure = "3 images had been deleted before", "Something else works on this registry"
    assert_failure(result, "precondition", about, cause, cure, answered=True, changed=True)
    assert left(account) == {"shop/api": 1, "shop/empty": 0, "shop/web": 0}


NOT_EMPTY = {"status": {"http": 400, "status": "FAILED_PRECONDITION", "message": "repository has images"}}


def test_empty_repository_that_the_service_refuses_at_first(shop: Account) -> None:
    strike(shop, "deleteRepository", NOT_EMPTY, times=2)
    task = Task(shop, **GONE)
    assert ok(task.run())["deleted"] == ALL_OF_IT
    assert task.clock.slept == [1.0, 2.0]
    assert shop.emulator.state()["registries"] == []


@pytest.mark.parametrize(("deadline", "slept"), [(None, [1.0, 2.0, 4.0]), (6, [1.0, 2.0])])
def test_empty_repository_that_the_service_goes_on_to_refuse(
    shop: Account, deadline: int | None, slept: list[float]
) -> None:
    """No force is used: nobody can say what would go."""
    strike(shop, "deleteRepository", NOT_EMPTY, times=9)
    task = Task(shop, **GONE, deadline=deadline)
    result = task.run()
    about = "delete repository 'shop/api' in registry 'myshop' in cn-north-1"
    cause = "yet the service lists no image in it; 3 images had been deleted before"
    assert_failure(
        result, "precondition", about, cause, "by jcr_repository with force: true", answered=True, changed=True
    )
    assert task.clock.slept == slept
    assert left(shop) == {"shop/api": 0, "shop/empty": 0, "shop/web": 0}


def test_what_is_pushed_after_a_refusal_stays(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """Right after the repository was looked at once more, and was empty."""
    client = fill(account.emulator, NAME, CONTENTS)
    strike(account, "deleteRepository", NOT_EMPTY, times=1)
    original = Client.images

    def images(self: Client, registry: str, repository: str | None, **options: t.Any) -> list[dict[str, t.Any]]:
        found = original(self, registry, repository, **options)
        if deletes(account).count("deleteRepository") == 1 and not left(account)["shop/api"]:
            client.push_image("shop/api", "9.9", b"new")
        return found

    monkeypatch.setattr(Client, "images", images)
    result = Task(account, **GONE).run()
    about = "delete repository 'shop/api' in registry 'myshop' in cn-north-1"
    assert_failure(
        result, "precondition", about, "3 images had been deleted", "Something else works", answered=True, changed=True
    )
    assert left(account) == {"shop/api": 1, "shop/empty": 0, "shop/web": 0}


def test_all_images_are_read_by_one_listing(shop: Account, run: Run) -> None:
    ok(run(shop, "jcr_registry", GONE, check=True))
    assert [entry["operation"] for entry in shop.emulator.requests()].count("describeImages") == 1


@pytest.mark.parametrize("cap", [6, 10])
def test_what_is_found_only_when_reading_again_stays(
    account: Account, monkeypatch: pytest.MonkeyPatch, cap: int
) -> None:
    """A lost answer makes the task look again; the plan is not extended by what it sees then."""
    client = fill(account.emulator, NAME, CONTENTS)

    def others() -> None:
        client.push_image("shop/web", "9.9", b"new")
        for number in range(5):
            ok(run_here(account, "jcr_repository", {"registry": NAME, "name": f"shop/new-{number}"}))

    strike(account, "deleteRepository", "lost_answer", times=1)
    meanwhile(monkeypatch, "delete_repository", others, first=True)
    result = Task(account, **GONE, max_delete=cap).run()
    about = "delete repository 'shop/web' in registry 'myshop' in cn-north-1"
    cause = "2 repositories and 3 images had been deleted before, 1 registry had not been tried yet"
    cure = "Something else works on this registry"
    assert_failure(result, "precondition", about, cause, cure, answered=True, changed=True)
    assert result["deleted"] == {**NOTHING, "repositories": ["shop/api", "shop/empty"], "images": 3}
    assert left(account) == {"shop/web": 1, **{f"shop/new-{number}": 0 for number in range(5)}}


def test_images_that_go_with_their_index(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the service deletes the images of an index with it or not, they are told as deleted."""
    digests = push_index(fill(account.emulator, NAME, {"shop/web": []}), "shop/web", "2.0")
    original = Client.delete_image

    def with_children(self: Client, registry: str, repository: str, **selector: str) -> None:
        original(self, registry, repository, **selector)
        if selector["digest"] == digests[0]:
            for child in digests[1:]:
                original(self, registry, repository, digest=child)

    monkeypatch.setattr(Client, "delete_image", with_children)
    result = ok(Task(account, **GONE).run())
    assert result["deleted"] == {"registries": [NAME], "repositories": ["shop/web"], "images": 3}


def test_somebody_else_deletes_it_meanwhile(shop: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    others = Task(shop, **GONE)
    meanwhile(monkeypatch, "delete_image", lambda: ok(others.run()) and None, first=True)
    result = ok(Task(shop, **GONE).run())
    assert (result["changed"], result["deleted"]) == (False, NOTHING)


def test_interrupted_by_the_deadline(shop: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    task = Task(shop, **GONE, deadline=30)
    meanwhile(monkeypatch, "delete_repository", lambda: task.clock.advance(31), first=False)
    result = task.run()
    about = "delete repository 'shop/empty' in registry 'myshop' in cn-north-1"
    cause = "1 repository and 3 images had been deleted before, 1 registry and 1 repository had not been tried yet"
    assert_failure(result, "deadline", about, cause, "Raise deadline", changed=True)
    assert result["deleted"] == {**NOTHING, "repositories": ["shop/api"], "images": 3}
    rest = ok(Task(shop, **GONE).run())
    assert rest["deleted"] == {**NOTHING, "registries": [NAME], "repositories": ["shop/empty", "shop/web"]}


# --- whose it is -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("present", ["The shop", "Another text"], ids=["as wanted", "drift"])
def test_ours_after_all(account: Account, run: Run, present: str) -> None:
    """It comes to be between looking and creating: nothing changed, and what differs is told."""
    ok(run(account, "jcr_registry", {**REGISTRY, "description": present}))
    strike(account, "describeRegistry", {"status": {"http": 404}}, times=1)
    result = ok(run(account, "jcr_registry", {**REGISTRY, "description": "The shop"}))
    assert result["changed"] is False
    assert result["registry"]["description"] == present
    assert result["diff"]["before"] == result["diff"]["after"]
    drift = {NAME: {"description": {"present": present, "wanted": "The shop"}}}
    assert result["drift"] == ({} if present == "The shop" else drift)
    assert bool(result.get("warnings")) is bool(result["drift"])


# --- quotas ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("resource_type", "count", "used", "refused"),
    [
        ("registry", 3, None, None),
        (
            "registry",
            4,
            None,
            "the quota has no room for 4 more: 2 of 5 are used (resource type registry in cn-north-1)",
        ),
        ("registry", 0, None, None),
        ("repository", 1, None, "3 of 3 are used"),
        ("repository", 3, 0, None),
        ("repository", 1, 3, "3 of 3 are used"),
        ("image", 1000, None, None),
    ],
)
def test_need_quota(shop: Account, resource_type: str, count: int, used: int | None, refused: str | None) -> None:
    """The service's figure for repositories is not one of a certain registry: whoever knows better says so."""
    fill(shop.emulator, "myshop-lab", {})
    shop.emulator.settings({"repository_quota": 3})
    with contextlib.closing(Task(shop).session()) as session:
        if refused is None:
            session.need_quota(resource_type, count, used=used)
            return
        with pytest.raises(QuotaExceeded) as caught:
            session.need_quota(resource_type, count, used=used)
        assert refused in caught.value.cause


# --- waiting ---------------------------------------------------------------------------------------------------------

NOT_YET = {"status": {"http": 404}}
WITHOUT_URI = {"wrong_type": {"member": "result.registry.registryUri", "value": None}}
STILL = {
    "body": {"text": '{"requestId": "r", "result": {"registry": {"name": "myshop", "registryUri": "127.0.0.1:1"}}}'}
}


@pytest.mark.parametrize("action", [NOT_YET, WITHOUT_URI], ids=["not listed", "without uri"])
def test_created_but_not_there_yet(account: Account, action: t.Any) -> None:
    strike(account, "describeRegistry", action, nth=2, times=2)
    task = Task(account)
    result = ok(task.run())
    assert result["changed"] is True
    assert result["registry"]["uri"] == account.emulator.state()["registries"][0]["uri"]
    assert task.clock.slept == [0.5, 1.0]


def test_created_at_once(account: Account) -> None:
    task = Task(account)
    ok(task.run())
    assert task.clock.slept == []
    reads = [entry for entry in account.emulator.requests() if entry["operation"] == "describeRegistry"]
    assert len(reads) == 2, "waiting costs no request of its own"


@pytest.mark.parametrize("seconds", [7, 60])
def test_created_and_never_there(account: Account, seconds: int) -> None:
    strike(account, "describeRegistry", NOT_YET, nth=2)
    task = Task(account, wait_timeout=seconds)
    cause = f"the service accepted it, but does not list the registry with a uri {seconds} seconds later"
    about = "manage registry 'myshop' in cn-north-1"
    assert_failure(task.run(), "not_applied", about, cause, "Raise wait_timeout", changed=True)
    assert sum(task.clock.slept) == seconds
    account.emulator.faults([])
    assert ok(Task(account).run())["changed"] is False


@pytest.mark.parametrize("action", [NOT_YET, WITHOUT_URI], ids=["not listed", "without uri"])
def test_created_and_not_waited_for(account: Account, action: t.Any) -> None:
    strike(account, "describeRegistry", action, nth=2)
    task = Task(account, wait=False, description="The shop")
    result = ok(task.run())
    assert (result["changed"], result["drift"], task.clock.slept) == (True, {}, [])
    assert result["registry"]["description"] == "The shop"
    assert result["registry"]["uri"]


def test_deadline_while_waiting(account: Account) -> None:
    strike(account, "describeRegistry", NOT_YET, nth=2)
    task = Task(account, deadline=5)
    about = "read registry 'myshop' in cn-north-1"
    assert_failure(task.run(), "deadline", about, "deadline of 5 seconds passed", "Raise deadline", changed=True)
    assert sum(task.clock.slept) == 5


def test_deleted_but_not_gone_yet(shop: Account) -> None:
    strike(shop, "describeRegistry", STILL, nth=2, times=2)
    task = Task(shop, **GONE)
    assert ok(task.run())["deleted"] == ALL_OF_IT
    assert task.clock.slept == [0.5, 1.0]


def test_deleted_and_never_gone(shop: Account) -> None:
    strike(shop, "describeRegistry", STILL, nth=2)
    task = Task(shop, **GONE)
    result = task.run()
    about = "delete registry 'myshop' in cn-north-1"
    cause = "still lists the registry 60 seconds later; 1 registry, 3 repositories and 3 images had been deleted before"
    assert_failure(result, "not_applied", about, cause, "Raise wait_timeout", changed=True)
    assert (result["deleted"], result["failed_at"], result["not_tried"]) == (ALL_OF_IT, None, NOTHING)
    assert sum(task.clock.slept) == 60


def test_deleted_and_not_waited_for(shop: Account) -> None:
    strike(shop, "describeRegistry", STILL, nth=2)
    task = Task(shop, **GONE, wait=False)
    assert ok(task.run())["deleted"] == ALL_OF_IT
    assert task.clock.slept == []
