"""For Pythons under libfaketime, whose `time.sleep` it breaks: another one, which it leaves alone."""

import select
import time


def sleep(seconds: float, /) -> None:
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    select.select((), (), (), seconds)


time.sleep = sleep
