"""Checks of openings, on storage that does not answer."""

import asyncio
import threading
import time

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
                    await checks.run(lambda _: go.wait())
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
        first = [asyncio.ensure_future(checks.run(lambda _: go.wait())) for _ in range(THREADS)]
        others = [asyncio.ensure_future(checks.run(lambda _: begun.append(1))) for _ in range(30)]
        await asyncio.sleep(0.1)
        for other in others:
            other.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        go.set()
        await asyncio.gather(*first)
        assert await checks.run(lambda _: "done") == "done"
        assert not begun
        checks.close()

    asyncio.run(work())


@pytest.mark.parametrize("how", ["cancelled", "late"])
def test_a_running_check_that_nobody_waits_for_stops(how):
    """It went on to its end, and four such kept every other job from its check."""

    async def work():
        checks, begun = OpeningChecks(longest_seconds=60 if how == "cancelled" else 0.1), threading.Semaphore(0)

        def endless(go_on):
            begun.release()
            while True:
                go_on()
                time.sleep(0.001)

        tasks = [asyncio.ensure_future(checks.run(endless)) for _ in range(THREADS)]
        for _ in tasks:
            await asyncio.to_thread(begun.acquire)
        if how == "cancelled":
            for task in tasks:
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert await asyncio.wait_for(checks.run(lambda _: "done"), 10) == "done"
        while checks.hanging:
            await asyncio.sleep(0.001)
        checks.close()

    asyncio.run(work())
