# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Work in the name of another user of this machine, so that root never touches what that user controls.

This module util is private to the collection.

A user's own directory may hold links to anywhere, and may be on a file system where root is nobody. So the work is
done by a child that has given up root's rights for good; its result comes back through a pipe.
"""

from __future__ import annotations

import json
import os
import pwd
import signal
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import ConfigurationError, JcrError, from_failure

Lookup = t.Callable[[str], pwd.struct_passwd]

_LONGEST_ANSWER = 1024 * 1024  # bytes
_KEPT = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ")  # of the environment; the rest may hold secrets


def own_name() -> str:
    """The name of the user that this process works for; the number of one who has no name."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def as_user(name: str, work: t.Callable[[str], t.Any], *, lookup: Lookup = pwd.getpwnam) -> t.Any:
    """What C(work(home)) returns when this user does it; it has to be JSON.

    The child has the user's rights, groups and HOME, a umask of 077, and nothing else of the environment but the search
    path and the language. A JcrError of C(work) is raised here. Raises ConfigurationError for a user that does not
    exist or has no home, and where this process may not work for another user.
    """
    user = _found(name, lookup)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:  # nothing of the parent's may go on in here
        try:
            os.close(reader)
            _send(writer, _told(user, work))
        finally:
            os._exit(0)
    os.close(writer)
    try:
        with os.fdopen(reader, "rb") as pipe:
            answer = pipe.read(_LONGEST_ANSWER + 1)
    except BaseException:  # the task is ended from outside
        os.kill(child, signal.SIGKILL)
        raise
    finally:
        status = os.waitpid(child, 0)[1]
    return _answer(name, answer, status)


def _found(name: str, lookup: Lookup) -> pwd.struct_passwd:
    try:
        user = lookup(name)
    except (KeyError, ValueError):  # the latter for a NUL
        raise ConfigurationError(
            f"there is no user {name!r} on the machine", cure="Create the user first, or correct its name."
        ) from None
    if os.geteuid() not in (0, user.pw_uid):
        raise ConfigurationError(
            f"only root may work for user {name!r}, and the task runs as {own_name()!r}", cure="Set become: true."
        )
    return user


def _told(user: pwd.struct_passwd, work: t.Callable[[str], t.Any]) -> dict[str, t.Any]:
    """The result of the work, or its failure."""
    try:
        _become(user)
        return {"answer": work(user.pw_dir)}
    except JcrError as error:
        return {"failure": {**error.failure(), "changed": error.changed}}
    except Exception as error:  # a defect; its traceback would go nowhere
        return {"defect": f"{type(error).__name__}: {error}"}


def _become(user: pwd.struct_passwd) -> None:
    """Be this user from now on, without a way back."""
    os.umask(0o077)
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    os.environ.clear()
    os.environ.update(kept, HOME=user.pw_dir, USER=user.pw_name, LOGNAME=user.pw_name)
    if user.pw_uid != os.geteuid():
        try:
            os.initgroups(user.pw_name, user.pw_gid)
            os.setgid(user.pw_gid)
            os.setuid(user.pw_uid)  # from root: the real, the effective and the saved one
        except OSError as error:
            raise ConfigurationError(
                f"it is not possible here to become user {user.pw_name!r} ({os.strerror(error.errno or 0)})",
                cure="Run the task as that user (become_user).",
            ) from error
    if not os.path.isdir(user.pw_dir):
        raise ConfigurationError(
            f"user {user.pw_name!r} has no home directory: there is no {user.pw_dir!r}",
            cure="Create it, or leave the user out.",
        )
    os.chdir(user.pw_dir)


def _send(writer: int, told: dict[str, t.Any]) -> None:
    with os.fdopen(writer, "wb") as pipe:
        pipe.write(json.dumps(told).encode("ascii"))


def _answer(name: str, answer: bytes, status: int) -> t.Any:
    try:
        told = json.loads(answer)
    except ValueError:
        raise JcrError(f"the process that worked for user {name!r} ended without an answer (status {status})") from None
    if "failure" in told:
        raise from_failure(told["failure"])
    if "defect" in told:
        raise JcrError(
            f"internal error while working for user {name!r}: {told['defect']}",
            cure="This is a defect of the collection: please report it with this text.",
        )
    return told["answer"]
