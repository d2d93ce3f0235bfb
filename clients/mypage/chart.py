"""Where the lines, ticks and words of the power chart go. Pure geometry: the template writes the SVG."""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

from clients.mypage.power import Hour

WIDTH, HEIGHT = 720, 440
LEFT, RIGHT, TOP, BOTTOM = 56, 28, 18, 44
NICE_STEPS = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
MOST_TICKS = 5


@dataclass(frozen=True, kw_only=True)
class Tick:
    """A line of the grid, or a mark of the axis of hours."""

    position: float
    label: str


@dataclass(frozen=True, kw_only=True)
class Chart:
    """The chart of one day in units of its ``viewBox``."""

    width: int
    height: int
    left: int
    right: int
    bottom: int
    levels: tuple[Tick, ...]
    hours: tuple[Tick, ...]
    generation: str
    storage: str
    use: str


def draw(hours: tuple[Hour, ...]) -> Chart:
    """Return the chart of the hours that have passed; the axis always has the whole day."""
    highest = max((max(hour.generation, hour.use, hour.stored) for hour in hours), default=0.0)
    step = next((step for step in NICE_STEPS if highest / step <= MOST_TICKS), NICE_STEPS[-1])
    top = step * max(1, ceil(highest / step))
    floor = HEIGHT - BOTTOM

    def x(hour: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * hour / 24, 1)

    def y(energy: float) -> float:
        return round(floor - (floor - TOP) * energy / top, 1)

    def line(value: Callable[[Hour], float]) -> str:
        return " ".join(f"{x(hour.hour + 0.5)},{y(value(hour))}" for hour in hours)

    return Chart(
        width=WIDTH,
        height=HEIGHT,
        left=LEFT,
        right=WIDTH - RIGHT,
        bottom=floor,
        levels=tuple(
            Tick(position=y(step * count), label=f"{step * count:g}")
            for count in range(round(top / step) + 1)
        ),
        hours=tuple(Tick(position=x(hour), label=str(hour)) for hour in range(0, 25, 6)),
        generation=line(lambda hour: hour.generation),
        storage=line(lambda hour: hour.stored),
        use=line(lambda hour: hour.use),
    )
