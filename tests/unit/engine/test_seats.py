from __future__ import annotations

from datetime import timedelta

from cronfleet import RunContext, every
from cronfleet.engine.known import Handler, KnownJob
from cronfleet.engine.seats import COROUTINES, PROCESSES, THREADS, Free, Seats, cores
from cronfleet.registry import known_job


async def coroutine(run: RunContext) -> None: ...


def plain(run: RunContext) -> None: ...


def job(handler: Handler) -> KnownJob:
    return known_job(handler, every(timedelta(hours=1)), None, {})


IN_LOOP, IN_THREAD = job(coroutine), job(plain)
IN_PROCESS = known_job(plain, every(timedelta(hours=1)), None, {"isolation": "process"})


def test_an_instance_seats_a_thousand_coroutines_32_threads_and_a_process_for_each_core() -> None:
    assert Seats().free == Free(COROUTINES, THREADS, PROCESSES) == Free(1_000, 32, cores())
    assert cores() >= 1


def test_each_handler_takes_a_seat_of_its_own_sort() -> None:
    seats = Seats(2, 2, 2)
    seats.take(IN_LOOP)
    for each in (IN_THREAD, IN_PROCESS):
        seats.take(each)
        seats.take(each)
    assert seats.free == Free(1, 0, 0)
    assert (seats.free.of(IN_LOOP), seats.free.of(IN_THREAD), seats.free.total) == (1, 0, 1)
    assert seats.free.of(IN_PROCESS) == 0


def test_a_seat_given_back_is_free_again() -> None:
    seats = Seats(1, 1, 1)
    for each in (IN_LOOP, IN_THREAD, IN_PROCESS):
        seats.take(each)
        seats.give_back(each)
    assert seats.free == Free(1, 1, 1)


def test_planning_takes_no_seat() -> None:
    seats = Seats(1, 1, 1)
    seats.free.take(IN_LOOP)
    assert seats.free == Free(1, 1, 1)
