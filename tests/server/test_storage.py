"""Checks of openings, on storage that does not answer."""

import asyncio
import threading

import pytest

from relumix_server.status_errors import StatusError
from relumix_server.storage import THREADS, OpeningChecks


def test_a_check_that_hangs_is_told_and_the_last_makes_it_stuck():
    async def work():
        checks, go = OpeningChecks(longest_seconds=0.1), threading.Event()
        try:
            for number in range(THREADS):
                assert not checks.stuck, number
                with pytest.raises(StatusError) as told:
                    await checks.run(go.wait)
                assert (told.value.code.name, str(told.value), told.value.retry_seconds) == (
                    "UNAVAILABLE",
                    "the job could not be checked in 0.1 s: a folder of the server does not answer",
                    30.0,
                )
            await asyncio.sleep(0.15)
            assert (checks.stuck, checks.hanging) == (True, True)
        finally:
            go.set()
        while checks.hanging:
            await asyncio.sleep(0.01)
        assert not checks.stuck
        checks.close()

    asyncio.run(work())


def test_checks_that_were_cancelled_before_their_turn_are_not_begun():
    async def work():
        checks, go, begun = OpeningChecks(), threading.Event(), []
        first = [asyncio.ensure_future(checks.run(go.wait)) for _ in range(THREADS)]
        others = [asyncio.ensure_future(checks.run(lambda: begun.append(1))) for _ in range(30)]
        await asyncio.sleep(0.1)
        for other in others:
            other.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        go.set()
        await asyncio.gather(*first)
        assert await checks.run(lambda: "done") == "done"
        assert not begun
        checks.close()

    asyncio.run(work())
