"""Requests and failed ones over time, two modes side by side, as an SVG drawn by hand: text stays text, no library."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

import attrs

WIDTH, HEIGHT = 1120, 430
_MARGIN, _GAP, _TOP, _BOTTOM = 56, 40, 112, 62
_PLOT_WIDTH = (WIDTH - 2 * _MARGIN - _GAP) / 2
_PLOT_HEIGHT = HEIGHT - _TOP - _BOTTOM
_GOOD, _BAD, _FAULT, _INK, _FAINT = "#5b8db8", "#d1373f", "#b97a00", "#24292f", "#d0d7de"
_STYLE = "font-family:system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif"


@attrs.frozen(kw_only=True)
class Panel:
    """One mode.

    Attributes:
        title: the mode.
        subtitle: what it does.
        seconds: how long it ran.
        requests: when each request was sent, in seconds since the mode's start, and whether it failed.
        faults: when each API fault was injected, in seconds since the mode's start.
        marks: what else happened when, in seconds since the mode's start and in two or three words.
    """

    title: str
    subtitle: str
    seconds: float
    requests: Sequence[tuple[float, bool]] = attrs.field(repr=False)
    faults: Sequence[float] = attrs.field(default=(), repr=False)
    marks: Sequence[tuple[float, str]] = ()


def draw(panels: Sequence[Panel], *, bucket: float = 0.5) -> str:
    """The SVG of the panels side by side, on one scale of requests per second.

    Args:
        panels: two of them.
        bucket: seconds of one bar; half a second shows an outage of a few requests and hides the clients' rhythm.
    """
    left, right = (_buckets(panel, bucket) for panel in panels)
    highest = max(good + bad for good, bad in (*left, *right)) / bucket or 1.0
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" style="{_STYLE}">',
        f"<title>{escape('; '.join(f'{panel.title}: {_headline(panel)}' for panel in panels))}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="8" fill="#ffffff"/>',
    ]
    for number, (panel, buckets) in enumerate(zip(panels, (left, right), strict=True)):
        parts.extend(_panel(panel, buckets, bucket, highest, _MARGIN + number * (_PLOT_WIDTH + _GAP)))
    parts.extend(_legend())
    return "\n".join((*parts, "</svg>")) + "\n"


def _buckets(panel: Panel, bucket: float) -> list[tuple[int, int]]:
    counts = [[0, 0] for _ in range(max(1, int(panel.seconds / bucket)))]
    for at, failed in panel.requests:
        if 0 <= (index := int(at / bucket)) < len(counts):
            counts[index][failed] += 1
    return [(good, bad) for good, bad in counts]


def _headline(panel: Panel) -> str:
    failed = sum(failed for _, failed in panel.requests)
    return f"{failed:,} of {len(panel.requests):,} requests failed"


def _panel(
    panel: Panel, buckets: Sequence[tuple[int, int]], bucket: float, highest: float, left: float
) -> Iterable[str]:
    failed = any(failed for _, failed in panel.requests)
    yield _text(left, 34, panel.title, size=19, weight=600)
    yield _text(left, 56, panel.subtitle, size=13, fill="#57606a")
    yield _text(
        left + _PLOT_WIDTH, 34, _headline(panel), size=15, weight=600, fill=_BAD if failed else "#1a7f37", end=True
    )
    yield from _grid(panel, highest, left)
    scale = _PLOT_HEIGHT / (highest * bucket)
    width = _PLOT_WIDTH / len(buckets)
    for index, (good, bad) in enumerate(buckets):
        x, base = left + index * width, _TOP + _PLOT_HEIGHT
        yield _bar(x, base - good * scale, width, good * scale, _GOOD)
        yield _bar(x, base - (good + bad) * scale, width, bad * scale, _BAD)
    yield from _events(panel, left)


def _events(panel: Panel, left: float) -> Iterable[str]:
    number = len(panel.faults)
    yield _text(left, _TOP - 26, f"{number:,} API fault{'' if number == 1 else 's'}", size=13, weight=600, fill=_FAULT)
    for at in panel.faults:
        x = left + min(at / panel.seconds, 1.0) * _PLOT_WIDTH
        yield f'<path d="M{x:.1f} {_TOP - 6} l-3.5 -9 h7 z" fill="{_FAULT}" fill-opacity="0.75"/>'
    for at, label in panel.marks:
        share = min(at / panel.seconds, 1.0)
        x = left + share * _PLOT_WIDTH
        yield (
            f'<path d="M{x:.1f} {_TOP - 20} v{_PLOT_HEIGHT + 20:.1f}" stroke="{_INK}" stroke-width="1.2" '
            'stroke-dasharray="4 3"/>'
        )
        # Towards the end of the plot a label would stick out of it.
        yield _text(x, _TOP - 26, label, size=13, end=share > 0.7, middle=share <= 0.7)


def _grid(panel: Panel, highest: float, left: float) -> Iterable[str]:
    base = _TOP + _PLOT_HEIGHT
    for value in _ticks(highest):
        y = base - value / highest * _PLOT_HEIGHT
        yield f'<path d="M{left:.1f} {y:.1f} h{_PLOT_WIDTH:.1f}" stroke="{_FAINT}" stroke-width="1"/>'
        yield _text(left - 8, y + 4, f"{value:g}", size=11, fill="#57606a", end=True)
    for value in _ticks(panel.seconds):
        x = left + value / panel.seconds * _PLOT_WIDTH
        yield _text(x, base + 18, f"{value:g} s", size=11, fill="#57606a", middle=True)


def _ticks(highest: float) -> list[float]:
    """Three to six round numbers from 0 up to `highest`."""
    step = 1.0
    while highest / step > 5:
        step *= 2.5 if str(step)[0] == "2" else 2
    return [number * step for number in range(int(highest / step) + 1)]


def _legend() -> Iterable[str]:
    y = HEIGHT - 16
    entries = ((_GOOD, "requests per second, answered rightly"), (_BAD, "failed"), (_FAULT, "injected API fault"))
    x = float(_MARGIN)
    for colour, label in entries:
        yield f'<rect x="{x:.1f}" y="{y - 10}" width="11" height="11" rx="2" fill="{colour}"/>'
        yield _text(x + 17, y, label, size=12)
        x += 40 + 6.6 * len(label)


def _bar(x: float, y: float, width: float, height: float, colour: str) -> str:
    if not height:
        return ""
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width * 0.86:.1f}" height="{height:.1f}" fill="{colour}"/>'


def _text(
    x: float,
    y: float,
    text: str,
    *,
    size: int,
    weight: int = 400,
    fill: str = _INK,
    end: bool = False,
    middle: bool = False,
) -> str:
    anchor = "end" if end else "middle" if middle else "start"
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" fill="{fill}" '
        f'text-anchor="{anchor}">{escape(text)}</text>'
    )
