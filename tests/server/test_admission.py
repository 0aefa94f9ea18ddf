"""Places, and the room to wait for one."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from relumix_server.admission import Admission
from relumix_server.status_errors import StatusError


def admission(places, **options):
    made = Admission(places, **{"waiting": 100, **options})
    made.open()
    return made


async def stream(admission, client, order, work=0.0, name=None):
    async with admission.slot(client):
        order.append(name or client)
        await asyncio.sleep(work)


async def begun(*streams):
    tasks = []
    for each in streams:
        tasks.append(asyncio.ensure_future(each))
        await asyncio.sleep(0)
    return tasks


def test_first_come_first_served():
    async def work():
        places, order = admission(2), []
        await asyncio.gather(*await begun(*(stream(places, str(i), order, 0.001) for i in range(20))))
        assert order == [str(i) for i in range(20)]
        assert (places.taken, places.unused_seconds > 0) == (0, True)

    asyncio.run(work())


def test_a_client_with_many_streams_waits_for_one_with_few():
    async def work():
        places, order = admission(2, of_a_client=2), []
        async with AsyncExitStack() as held:
            for _ in range(2):
                await held.enter_async_context(places.slot("greedy"))
            tasks = await begun(
                *(stream(places, "greedy", order, name=f"greedy {i}") for i in range(3)), stream(places, "other", order)
            )
        await asyncio.gather(*tasks)
        # Once a place is free the other has none, and goes before all that came earlier of the first.
        assert order == ["other", "greedy 0", "greedy 1", "greedy 2"]

    asyncio.run(work())


def test_clients_that_come_again_and_again_are_served_alike():
    """One that came back as soon as told to was never served, while another got 56 jobs."""

    async def work():
        places, order = admission(8), []

        async def client(name):
            while len(order) < 2000:
                await stream(places, name, order)

        await asyncio.gather(*(client(str(i)) for i in range(64)))
        counts = [order.count(str(i)) for i in range(64)]
        assert max(counts) <= 1.5 * min(counts)

    asyncio.run(work())


def test_a_client_that_waits_many_times_over_gets_its_turn_and_no_more():
    """With one place, who had a hundred streams in the room went before all that came after it."""

    async def work():
        places, order = admission(1), []

        async def comes_again(name):
            for _ in range(10):
                await stream(places, name, order)

        async with places.slot("first"):
            greedy = await begun(*(stream(places, "greedy", order) for _ in range(40)))
            others = await begun(comes_again("b"), comes_again("c"))
        await asyncio.gather(*greedy, *others)
        assert {order[:30].count(name) for name in ("greedy", "b", "c")} <= {9, 10, 11}

    asyncio.run(work())


def test_one_client_may_be_held_to_some_of_the_places():
    async def work():
        places, order = admission(3, of_a_client=1), []
        async with places.slot("a"):
            waiting = await begun(stream(places, "a", order, name="a again"))
            await stream(places, "b", order)
            assert order == ["b"]
        await asyncio.gather(*waiting)
        assert order == ["b", "a again"]

    asyncio.run(work())


def test_one_place_is_not_for_who_has_all_the_others():
    async def work():
        places, order = admission(3, waiting=4), []
        async with AsyncExitStack() as held:
            for _ in range(2):
                await held.enter_async_context(places.slot("greedy"))
            waiting = await begun(*(stream(places, "greedy", order) for _ in range(4)))
            await stream(places, "other", order)  # At once, though the room is full of those that may have no more.
            with pytest.raises(StatusError, match="this client has 2 of the 3 slots of this server, and may have"):
                await stream(places, "greedy", order)
            assert order == ["other"]
        await asyncio.gather(*waiting)
        assert order == ["other", *["greedy"] * 4]
        async with places.slot("greedy"), places.slot("b"), places.slot("c"):
            assert places.taken == 3

    asyncio.run(work())


def test_a_client_that_fills_the_room_gives_a_chair_to_another():
    async def work():
        places, order = admission(1, waiting=3), []
        async with places.slot("first"):
            greedy = await begun(*(stream(places, "greedy", order, name=f"greedy {i}") for i in range(3)))
            others = await begun(stream(places, "other", order))
            with pytest.raises(StatusError, match="all 1 slots of this server are taken"):
                await greedy[2]  # The one that came last.
            with pytest.raises(StatusError, match="all 1 slots"):
                await stream(places, "other", order)  # Two chairs to one: nobody is better off by another change.
        await asyncio.gather(*greedy[:2], *others)
        assert order == ["greedy 0", "other", "greedy 1"]

    asyncio.run(work())


def test_the_room_is_bounded_and_so_is_the_wait():
    async def work():
        places, order = admission(1, waiting=1, waiting_seconds=0.05), []
        async with places.slot("a"):
            (waiting,) = await begun(stream(places, "b", order))
            for attempt in (stream(places, "c", order), waiting):
                with pytest.raises(StatusError, match="all 1 slots of this server are taken: try again") as refused:
                    await attempt
                assert (refused.value.code.name, refused.value.retry_seconds) == ("RESOURCE_EXHAUSTED", 5.0)
        await stream(places, "d", order)
        assert order == ["d"]

    asyncio.run(work())


def test_who_leaves_the_room_takes_no_place():
    async def work():
        places, order = admission(1), []
        async with places.slot("a"):
            gone, stays = await begun(stream(places, "b", order), stream(places, "c", order))
            gone.cancel()
        await asyncio.gather(gone, stays, return_exceptions=True)
        assert (order, places.taken) == (["c"], 0)

    asyncio.run(work())


def test_one_that_leaves_just_as_it_gets_a_place_gives_it_on():
    async def work():
        places, order = admission(1), []
        async with places.slot("a"):
            gone, stays = await begun(stream(places, "b", order), stream(places, "c", order))
        gone.cancel()  # It has the place by now, and has not run since.
        await asyncio.gather(gone, stays, return_exceptions=True)
        assert (order, places.taken) == (["c"], 0)

    asyncio.run(work())


def test_a_server_that_stops_empties_the_room():
    async def work():
        places, order = admission(1), []
        async with places.slot("a"):
            (waiting,) = await begun(stream(places, "b", order))
            places.drain()
            for attempt in (waiting, stream(places, "c", order)):
                with pytest.raises(StatusError, match=r"^the server stops: go on at another one, or later$"):
                    await attempt
        await asyncio.wait_for(places.idle(), 5)
        assert order == []

    asyncio.run(work())
