"""What made a day bad, in words, from the numbers of the step `join_weather`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

SNOWY: Final = 0.04  # inches, melted
WET: Final = 0.10  # inches of rain in a day
CLOUDBURST: Final = 0.30  # inches of rain in an hour
MURKY: Final = 1.0  # miles one can see
WINDY: Final = 35  # mph
BAD: Final = 60  # minutes lost for each flight
QUIET: Final = 25


def why(weather: dict[str, Any]) -> str:
    """One line: the weather, then when it hurt.

    Snow is given melted, as it was measured; ten times as much lies on the ground.
    """
    return "; ".join([", ".join(_weather(weather)), *_time_of_day(weather["lost_by"])])


def _weather(seen: dict[str, Any]) -> Iterator[str]:
    if not seen["hours"]:
        yield "no weather was recorded"
        return
    snowed, rained = seen["snow_in"] >= SNOWY, seen["rain_in"] >= WET
    visibility, wind = seen["visibility_mi"], seen["wind_mph"]
    murky = visibility is not None and visibility < MURKY
    windy = wind is not None and wind >= WINDY
    if snowed:
        overnight = " overnight" if seen["snow_by_day_in"] < seen["snow_in"] / 2 else ""
        yield f"snow ({seen['snow_in']:.2f} in){overnight}"
    if seen["rain_in_an_hour"] >= CLOUDBURST:
        yield f"cloudburst ({seen['rain_in_an_hour']:.2f} in/h)"
    elif rained:
        yield f"rain ({seen['rain_in']:.2f} in)"
    if murky and (snowed or rained):
        yield f"visibility {visibility:g} mi"
    elif murky:
        yield f"fog (visibility {visibility:g} mi)"
    if windy:
        yield f"gusts of {wind} mph"
    if not (snowed or rained or murky or windy):
        yield f"fair weather ({seen['warmest_f']} F)"


def _time_of_day(lost: dict[str, int]) -> Iterator[str]:
    """Where in the day the time was lost, when that explains something."""
    morning, evening = lost.get("morning", 0), lost.get("evening", 0)
    if morning < QUIET and evening >= BAD:
        yield f"calm morning, evening {evening} min"
    elif evening < morning >= BAD:
        yield f"morning {morning} min"
