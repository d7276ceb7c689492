"""What will fire soon: a lane for each job, and an axis below."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from markupsafe import Markup

from cronfleet.server.pages.pictures.svg import element, picture, share, text, titled
from cronfleet.server.pages.rendering import clock

MOST_FIRES = 60
"""More would be a smear: the lane is then a band."""

_LANE_HEIGHT = 20
_AXIS_HEIGHT = 18
_STEPS = 6


def lane(job: str, fires: Sequence[datetime], start: datetime, length: timedelta) -> Markup:
    """A mark for each fire time of a job in a span; a band if there are more than MOST_FIRES."""
    middle = _LANE_HEIGHT / 2
    track = element("line", x1="0%", x2="100%", y1=middle, y2=middle, class_="track")
    if len(fires) > MOST_FIRES:
        first = (fires[0] - start) / length
        said = f"{job} fires more than {MOST_FIRES} times"
        band = titled(
            "rect",
            said,
            x=share(first),
            y=middle - 4,
            width=share(1 - first),
            height=8,
            rx=4,
            class_="band",
        )
        return picture(said, _LANE_HEIGHT, track, band, class_="lane")
    marks = [
        titled(
            "circle",
            f"{clock(fire)} UTC",
            cx=share((fire - start) / length),
            cy=middle,
            r=4,
            class_="fire",
        )
        for fire in fires
    ]
    return picture(f"{job} fires {_times(len(fires))}", _LANE_HEIGHT, track, *marks, class_="lane")


def axis(length: timedelta) -> Markup:
    """How far off what lies above is, from now to the end of the span."""
    steps = range(_STEPS + 1)
    minutes = [int(length / _STEPS * step / timedelta(minutes=1)) for step in steps]
    labels = [
        text(
            f"+{minute} min" if minute else "now",
            share(step / _STEPS),
            13,
            _look(step),
        )
        for step, minute in zip(steps, minutes, strict=True)
    ]
    return picture(f"The next {minutes[-1]} minutes", _AXIS_HEIGHT, *labels, class_="axis")


def _look(step: int) -> str:
    """Labels at the edges stay within; every second one is left out where there is no room."""
    place = "start" if step == 0 else "end" if step == _STEPS else "middle"
    return f"{place} spare" if step % 2 else place


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
