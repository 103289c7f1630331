# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What happens on Ctrl-C, on kill, and when the terminal goes away: the demo tidies up, undisturbed."""

from __future__ import annotations

import contextlib
import signal
import typing as t

_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def stop_by_exception() -> None:
    """From now on each of the signals raises KeyboardInterrupt, so that everything is taken down on the way out."""
    for number in _STOPPING:
        signal.signal(number, signal.default_int_handler)


def ignore_all() -> None:
    """From now on none of the signals has an effect: tidying up is never left half done."""
    for number in _STOPPING:
        signal.signal(number, signal.SIG_IGN)


@contextlib.contextmanager
def postponed() -> t.Iterator[None]:
    """Signals take effect after the block. A program that the block starts does not notice Ctrl-C at all.

    A terminal sends Ctrl-C to every program in front. The emulator has to outlive it: it is asked while tidying up.
    """
    received: list[int] = []
    handlers = {number: signal.signal(number, lambda number, _frame: received.append(number)) for number in _STOPPING}
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if received:
        raise KeyboardInterrupt
