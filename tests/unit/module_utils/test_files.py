# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The safe writer: modes under every umask, nothing followed, nothing half written; locks end with their holder."""

from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import socket
import stat
import subprocess
import sys
import threading

import pytest

from ansible_collections.jdcloud.jcr.plugins.module_utils import _filelock, _files, _filewriting, _privatedirectory
from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Clock
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import FileError
from tests.support.fake_clock import FakeClock


@contextlib.contextmanager
def umask(value):
    old = os.umask(value)
    try:
        yield
    finally:
        os.umask(old)


def mode_of(path) -> int:
    return stat.S_IMODE(os.lstat(path).st_mode)


def put_nothing(path):
    pass


def put_file(mode):
    def put(path):
        path.write_bytes(b"old")
        path.chmod(mode)

    return put


def put_link(path):
    path.with_name("elsewhere").write_bytes(b"old")
    path.symlink_to("elsewhere")


def put_dangling_link(path):
    path.symlink_to("elsewhere")


def put_socket(path):
    with socket.socket(socket.AF_UNIX) as listener, contextlib.chdir(path.parent):
        listener.bind(path.name)


WRITABLE = {"absent": put_nothing, "0644": put_file(0o644), "0600": put_file(0o600), "0666": put_file(0o666)}
REFUSED = {
    "link": (put_link, "symbolic link"),
    "dangling link": (put_dangling_link, "symbolic link"),
    "directory": (lambda path: path.mkdir(), "it is a directory"),
    "fifo": (os.mkfifo, "named pipe"),
    "socket": (put_socket, "socket"),
}


# --- writing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077, 0o777], ids=oct)
@pytest.mark.parametrize("before", WRITABLE)
def test_a_written_file_is_0600_under_every_umask(tmp_path, monkeypatch, mask, before):
    path = tmp_path / "secret"
    WRITABLE[before](path)
    seen = []
    real_replace = os.replace

    def replace(source, target):
        seen.append((mode_of(source), pathlib.Path(source).read_bytes()))
        real_replace(source, target)

    monkeypatch.setattr(os, "replace", replace)
    with umask(mask):
        _filewriting.write_private(str(path), b"new")
    assert seen == [(0o600, b"new")]
    assert (mode_of(path), path.read_bytes()) == (0o600, b"new")
    assert os.listdir(tmp_path) == ["secret"]


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077], ids=oct)
@pytest.mark.parametrize("before", REFUSED)
def test_anything_but_a_file_is_refused_and_left_alone(tmp_path, mask, before):
    put, kind = REFUSED[before]
    path = tmp_path / "secret"
    put(path)
    state = os.lstat(path)
    with umask(mask), pytest.raises(FileError) as caught:
        _filewriting.write_private(str(path), b"new")
    assert kind in caught.value.message
    assert f"Cannot write '{path}'" in caught.value.message
    assert caught.value.cure
    assert os.lstat(path) == state
    if before == "link":
        assert (tmp_path / "elsewhere").read_bytes() == b"old"
    assert not list(tmp_path.glob("*.jcr-tmp")) + list(tmp_path.glob(".*.jcr-tmp"))


def test_a_temporary_file_is_private_from_its_first_moment(tmp_path, monkeypatch):
    """Whatever is opened for writing is a new file, never followed, and created with no bit for others."""
    opened = []
    real_open = os.open

    def record(path, flags, mode=0o777, **rest):
        if flags & (os.O_WRONLY | os.O_RDWR):
            opened.append((flags, mode))
        return real_open(path, flags, mode, **rest)

    monkeypatch.setattr(os, "open", record)
    with umask(0):
        _filewriting.write_private(str(tmp_path / "secret"), b"new")
    assert opened
    for flags, mode in opened:
        assert flags & os.O_EXCL and flags & os.O_CREAT and flags & os.O_NOFOLLOW and flags & os.O_CLOEXEC
        assert mode & 0o077 == 0


@pytest.mark.parametrize("failing", ["fsync", "replace", "fchmod"])
def test_a_failed_write_leaves_the_old_content_and_nothing_else(tmp_path, monkeypatch, failing):
    path = tmp_path / "secret"
    path.write_bytes(b"old")

    def fail(*_arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, failing, fail)
    with pytest.raises(FileError, match="No space left on device") as caught:
        _filewriting.write_private(str(path), b"new")
    assert "Free some space" in caught.value.message
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["secret"]


@pytest.mark.parametrize(
    ("path", "cure"),
    [
        ("missing/secret", "Create its directory first."),
        ("file/secret", "correct the path."),
        ("x" * 300, "Name a shorter path."),
    ],
)
def test_an_impossible_path_is_refused_with_a_cure(tmp_path, path, cure):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FileError) as caught:
        _filewriting.write_private(str(tmp_path / path), b"new")
    assert caught.value.message.endswith(cure)


def test_a_nul_in_a_path_is_refused():
    with pytest.raises(FileError, match="null"):
        _filewriting.write_private("/dev/null/\0", b"new")


def test_a_file_of_somebody_else_is_not_read_as_ones_own(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"theirs")
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    assert _files.read_bytes(str(path)) == b"theirs"
    with pytest.raises(FileError, match="it belongs to user id"):
        _files.read_bytes(str(path), own=True)


def test_a_file_of_somebody_else_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "secret"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    with pytest.raises(FileError, match="belongs to user id"):
        _filewriting.write_private(str(path), b"new")
    assert path.read_bytes() == b"old"


def test_root_keeps_the_owner_of_a_file(tmp_path, monkeypatch):
    path = tmp_path / "secret"
    path.write_bytes(b"old")
    real_lstat, given = os.lstat, []
    owned_by_4711 = list(os.lstat(path))
    owned_by_4711[4:6] = [4711, 4712]

    def lstat(name):
        return os.stat_result(owned_by_4711) if name == str(path) else real_lstat(name)

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "lstat", lstat)
    monkeypatch.setattr(os, "fchown", lambda _handle, user, group: given.append((user, group)))
    _filewriting.write_private(str(path), b"new")
    assert given == [(4711, 4712)]
    assert path.read_bytes() == b"new"


def test_leftovers_of_killed_writers_are_removed_but_not_those_of_living_ones(tmp_path):
    target = str(tmp_path / "secret")
    dead = tmp_path / f".secret.{'a' * 16}.jcr-tmp"
    foreign = tmp_path / ".other.jcr-tmp"
    dead.write_bytes(b"a secret")
    foreign.write_bytes(b"kept")
    handle, alive = _filewriting._create_temporary(str(tmp_path), "secret")
    try:
        _filewriting.write_private(target, b"new")
        assert not dead.exists()
        assert foreign.exists()
        assert os.path.exists(alive)
    finally:
        os.close(handle)
    _filewriting.write_private(target, b"newer")
    assert not os.path.exists(alive)


def test_a_killed_writer_leaves_the_old_or_the_new_content(tmp_path):
    """A child writes two contents in turn until it is killed; whatever moment that is, one of the two stands whole."""
    path = tmp_path / "secret"
    contents = [b"a" * 100_000, b"b" * 100_000]
    program = (
        "import sys\n"
        "from ansible_collections.jdcloud.jcr.plugins.module_utils._filewriting import write_private\n"
        "contents = [b'a' * 100_000, b'b' * 100_000]\n"
        "write_private(sys.argv[1], contents[0])\n"
        "print('started', flush=True)\n"
        "while True:\n"
        "    for content in contents: write_private(sys.argv[1], content)\n"
    )
    for _round in range(4):
        child = subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True)
        try:
            child.stdout.readline()
            before = path.stat().st_ino
            while path.stat().st_ino == before:  # it is in the middle of its work
                pass
        finally:
            child.send_signal(signal.SIGKILL)
            child.communicate()
        assert path.read_bytes() in contents
        assert mode_of(path) == 0o600
    _filewriting.write_private(str(path), b"last")
    assert os.listdir(tmp_path) == ["secret"]


@pytest.mark.parametrize("before", [*WRITABLE, *REFUSED])
def test_a_refusal_is_foreseen_without_writing(tmp_path, before):
    path = tmp_path / "secret"
    (WRITABLE.get(before) or REFUSED[before][0])(path)
    content = sorted(os.listdir(tmp_path))
    if before in WRITABLE:
        _filewriting.check_target(str(path))
    else:
        with pytest.raises(FileError, match=REFUSED[before][1]):
            _filewriting.check_target(str(path))
    assert sorted(os.listdir(tmp_path)) == content


def test_a_directory_that_cannot_be_written_to_is_foreseen(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    for path, cause in (("missing/secret", "No such file"), ("file/secret", "Not a directory")):
        with pytest.raises(FileError, match=cause):
            _filewriting.check_target(str(tmp_path / path))
    monkeypatch.setattr(os, "access", lambda *_arguments: False)
    with pytest.raises(FileError, match="Permission denied"):
        _filewriting.check_target(str(tmp_path / "secret"))


# --- reading ---------------------------------------------------------------------------------------------------------


def test_reading_gives_the_content_or_none(tmp_path):
    (tmp_path / "file").write_bytes(b"content")
    assert _files.read_bytes(str(tmp_path / "file")) == b"content"
    assert _files.read_bytes(str(tmp_path / "file"), limit=7) == b"content"
    assert _files.read_bytes(str(tmp_path / "absent")) is None
    assert _files.read_bytes(str(tmp_path / "absent" / "file")) is None


@pytest.mark.parametrize("before", sorted(set(REFUSED) - {"socket"}))  # a socket cannot be opened at all
def test_reading_anything_but_a_file_is_refused(tmp_path, before):
    put, kind = REFUSED[before]
    put(tmp_path / "secret")
    with pytest.raises(FileError, match=kind) as caught:
        _files.read_bytes(str(tmp_path / "secret"))
    assert "Cannot read" in caught.value.message


def test_a_larger_file_is_refused(tmp_path):
    (tmp_path / "file").write_bytes(b"content")
    with pytest.raises(FileError, match="larger than 6 bytes"):
        _files.read_bytes(str(tmp_path / "file"), limit=6)


@pytest.mark.parametrize(("mode", "private"), [(0o600, True), (0o400, True), (0o640, False), (0o604, False)])
def test_private_is_what_nobody_else_can_read_or_write(tmp_path, mode, private):
    put_file(mode)(tmp_path / "file")
    assert _files.is_private(str(tmp_path / "file")) is private


def test_a_link_or_nothing_is_not_private(tmp_path):
    put_file(0o600)(tmp_path / "file")
    (tmp_path / "link").symlink_to("file")
    assert not _files.is_private(str(tmp_path / "link"))
    assert not _files.is_private(str(tmp_path / "absent"))
    assert not _files.is_private(str(tmp_path / "file" / "within"))


def test_setting_a_file_aside_renames_it(tmp_path):
    (tmp_path / "file").write_bytes(b"broken")
    assert _filewriting.set_aside(str(tmp_path / "file")) == str(tmp_path / "file.corrupt")
    assert (tmp_path / "file.corrupt").read_bytes() == b"broken"
    with pytest.raises(FileError) as caught:
        _filewriting.set_aside(str(tmp_path / "file"))
    assert "Cannot rename" in caught.value.message


# --- directories -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077], ids=oct)
def test_a_new_directory_is_0700_with_its_parents(tmp_path, mask):
    with umask(mask):
        _privatedirectory.private_directory(str(tmp_path / "a" / "b"))
    assert mode_of(tmp_path / "a" / "b") == 0o700
    assert mode_of(tmp_path / "a") == 0o700


def test_a_wider_directory_is_tightened_unless_only_looked_at(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a").chmod(0o775)
    _privatedirectory.private_directory(str(tmp_path / "a"), create=False)
    assert mode_of(tmp_path / "a") == 0o775
    _privatedirectory.private_directory(str(tmp_path / "a"))
    assert mode_of(tmp_path / "a") == 0o700
    _privatedirectory.private_directory(str(tmp_path / "absent"), create=False)
    assert not (tmp_path / "absent").exists()


@pytest.mark.parametrize(("mode", "inside"), [(0o1777, []), (0o755, ["other"])], ids=["as /tmp", "as a home"])
def test_a_directory_with_another_use_is_not_closed_to_others(tmp_path, mode, inside):
    place = tmp_path / "shared"
    place.mkdir()
    for name in inside:
        (place / name).mkdir()
    place.chmod(mode)
    with pytest.raises(FileError, match="they would be shut out"):
        _privatedirectory.private_directory(str(place))
    assert mode_of(place) == mode


@pytest.mark.parametrize(("before", "after"), [(0o500, 0o500), (0o555, 0o500), (0o2770, 0o2700), (0o300, 0o300)])
def test_what_the_owner_may_do_stays(tmp_path, monkeypatch, before, after):
    place = tmp_path / "place"
    place.mkdir()
    place.chmod(before)
    monkeypatch.setattr(os, "access", lambda *_arguments: True)
    _privatedirectory.private_directory(str(place))
    assert mode_of(place) == after


def in_use(place):
    (place / "other").mkdir(parents=True)
    place.chmod(0o755)


def a_file(place):
    place.write_bytes(b"")


def a_link(place):
    (place.parent / "real").mkdir()
    place.symlink_to("real")


@pytest.mark.parametrize(
    ("make", "path", "cause"),
    [
        (in_use, "place", "they would be shut out"),
        (a_link, "place", "symbolic link"),
        (a_file, "place", "Not a directory"),
        (a_file, "place/a/b", "Not a directory"),
    ],
)
def test_a_directory_that_cannot_be_private_is_foreseen(tmp_path, make, path, cause):
    make(tmp_path / "place")
    before = sorted((file, mode_of(file)) for file in tmp_path.rglob("*"))
    for act in (_privatedirectory.check_private_directory, _privatedirectory.private_directory):
        with pytest.raises(FileError, match=cause):
            act(str(tmp_path / path))
    assert sorted((file, mode_of(file)) for file in tmp_path.rglob("*")) == before


@pytest.mark.parametrize("path", [".", "a/b/c"], ids=["there", "missing"])
def test_a_directory_in_which_nobody_may_write_is_foreseen(tmp_path, monkeypatch, path):
    asked = []
    monkeypatch.setattr(os, "access", lambda place, mode: asked.append((place, mode)))
    with pytest.raises(FileError, match="Permission denied"):
        _privatedirectory.check_private_directory(str(tmp_path / path))
    assert asked == [(str(tmp_path), os.W_OK | os.X_OK)]
    monkeypatch.undo()
    _privatedirectory.check_private_directory(str(tmp_path / path))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("create", [True, False])
@pytest.mark.parametrize("slash", ["", "/"])
def test_a_directory_that_is_a_link_is_refused(tmp_path, create, slash):
    (tmp_path / "real").mkdir(mode=0o755)
    (tmp_path / "link").symlink_to("real")
    with pytest.raises(FileError, match="symbolic link"):
        _privatedirectory.private_directory(f"{tmp_path}/link{slash}", create=create)


def test_a_directory_of_somebody_else_or_a_file_is_refused(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FileError, match="Not a directory"):
        _privatedirectory.private_directory(str(tmp_path / "file"))
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    with pytest.raises(FileError, match="belongs to user id"):
        _privatedirectory.private_directory(str(tmp_path))


# --- locks -----------------------------------------------------------------------------------------------------------


def test_a_lock_is_held_by_one(tmp_path):
    clock = FakeClock()
    path = str(tmp_path / "file")
    with (
        _filelock.locked(path, clock=clock, wait=5),
        pytest.raises(FileError, match=rf"pid {os.getpid()}\) held the lock for 3 seconds") as caught,
        _filelock.locked(path, clock=clock, wait=3),
    ):
        raise AssertionError("two holders")
    assert f"Cannot lock '{path}'" in caught.value.message
    assert 3 <= sum(clock.slept) < 3.1
    assert mode_of(f"{path}.lock") == 0o600
    with _filelock.locked(path, clock=clock, wait=0):
        pass


def test_a_failure_inside_frees_the_lock_and_stays_what_it_is(tmp_path):
    path = str(tmp_path / "file")
    with pytest.raises(OSError, match="inside"), _filelock.locked(path, clock=FakeClock(), wait=0):
        raise OSError("inside")
    with _filelock.locked(path, clock=FakeClock(), wait=0):
        pass


def test_a_lock_ends_with_its_holder(tmp_path):
    path = str(tmp_path / "file")
    program = (
        "import sys\n"
        "from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Clock\n"
        "from ansible_collections.jdcloud.jcr.plugins.module_utils._filelock import locked\n"
        "with locked(sys.argv[1], clock=Clock(), wait=0):\n"
        "    print('held', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    child = subprocess.Popen([sys.executable, "-c", program, path], **pipes)
    try:
        child.stdout.readline()
        with pytest.raises(FileError, match=f"pid {child.pid}"), _filelock.locked(path, clock=FakeClock(), wait=0):
            raise AssertionError("two holders")
    finally:
        child.send_signal(signal.SIGKILL)
        child.communicate()
    with _filelock.locked(path, clock=FakeClock(), wait=0):
        pass


def test_a_lock_file_that_was_removed_is_not_trusted(tmp_path):
    """Somebody removes the file between opening and locking: the lock must be on the file that is there."""
    path = str(tmp_path / "file")
    real_flock = _filelock.fcntl.flock
    removed = []

    def flock(handle, operation):
        if not removed:
            removed.append(os.unlink(f"{path}.lock"))
        return real_flock(handle, operation)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_filelock.fcntl, "flock", flock)
        with _filelock.locked(path, clock=FakeClock(), wait=1):
            assert os.path.exists(f"{path}.lock")


@pytest.mark.parametrize("before", ["link", "fifo", "directory", "dangling link"])
def test_a_planted_lock_file_is_refused(tmp_path, before):
    REFUSED[before][0](tmp_path / "file.lock")
    with pytest.raises(FileError), _filelock.locked(str(tmp_path / "file"), clock=FakeClock(), wait=0):
        raise AssertionError("locked")


def test_a_hard_link_as_lock_file_is_refused_and_not_written_to(tmp_path):
    (tmp_path / "precious").write_bytes(b"content")
    os.link(tmp_path / "precious", tmp_path / "file.lock")
    with (
        pytest.raises(FileError, match="not a lock file"),
        _filelock.locked(str(tmp_path / "file"), clock=FakeClock(), wait=0),
    ):
        raise AssertionError("locked")
    assert (tmp_path / "precious").read_bytes() == b"content"


def test_threads_take_turns(tmp_path):
    path = str(tmp_path / "file")
    counter = tmp_path / "counter"
    counter.write_text("0")

    def count():
        for _turn in range(20):
            with _filelock.locked(path, clock=Clock(), wait=60):
                counter.write_text(str(int(counter.read_text()) + 1))

    threads = [threading.Thread(target=count) for _number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter.read_text() == "80"
