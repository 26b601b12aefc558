"""Verdicts as a picture: a card for each claim, its interval drawn against its margin."""

from html import escape

from snnlab.results.show import named, phrase, said_over_classes
from snnlab.results.verdicts import VERDICTS, check_board

__all__ = ["Cards", "cards"]


class Cards(str):
    """Cards in HTML; a notebook shows them as cards.  The book's style sheet colours them by
    ``data-verdict`` and ``data-state``; without it they are words and lines."""

    def _repr_html_(self) -> str:
        return str(self)


def cards(board: list[dict], links: dict[str, str] | None = None) -> Cards:
    """A card for each claim of a :func:`scoreboard` that got a verdict: the claim, the verdict in
    words, and each figure that decides, its 95 % interval beside the margin from which it counts;
    a thin line is that over classes.

    ``links``: where a claim's title leads to.
    """
    check_board(board)
    claims = [_card(row, (links or {}).get(row["claim"])) for row in board]
    return Cards(f'<ul class="snn-cards">{"".join(claims)}</ul>')


def _card(row: dict, link: str | None) -> str:
    if row["verdict"] not in VERDICTS:
        return ""
    title = escape(row["title"])
    claim = f'<a class="snn-card-link" href="{escape(link)}">{title}</a>' if link else title
    p = "" if row["holm"] is None else f'<p class="snn-card-note">p {row["holm"]:.2g}</p>'
    return (
        f'<li class="snn-card" data-verdict="{row["verdict"]}">'
        f'<p class="snn-card-verdict">{row["verdict"]}</p><p class="snn-card-claim">{claim}</p>'
        f"{''.join(map(_figure, row['figures']))}{p}</li>"
    )


def _figure(figure: dict) -> str:
    name, state = escape(named(figure["name"], figure["labels"])), figure["state"]
    value, margin = phrase(figure), f"counts from {figure['margin']:g}"
    return (
        f'<div class="snn-card-figure" data-state="{state}"><p>{name}</p>'
        f"{_interval(figure, f'{value}{said_over_classes(figure)}, {margin}: {state}')}"
        f'<p class="snn-card-value">{value}: <b>{state}</b></p>'
        f'<p class="snn-card-note">{margin}, n {figure["n"]}</p></div>'
    )


def _interval(figure: dict, said: str) -> str:
    """The interval on a line, as SVG whose places are shares of its width: it fits any page."""
    seeds = [one["value"] for one in figure["per_seed"]]
    margin, value = figure["margin"], figure["value"]
    classes = figure.get("classes", figure)
    least = min(0, figure["low"], classes["low"], *seeds)
    room = max(0, margin, figure["high"], classes["high"], *seeds) - least or 1

    def x(place: float) -> str:
        return f"{6 + 80 * (place - least) / room:.1f}%"

    def upright(place: float, name: str) -> str:
        return f'<line class="{name}" x1="{x(place)}" x2="{x(place)}" y1="2" y2="30"/>'

    def level(one: dict, name: str, width: float) -> str:
        ends = f'x1="{x(one["low"])}" x2="{x(one["high"])}" y1="13" y2="13"'
        return f'<line class="{name}" {ends} stroke-width="{width}"/>'

    thin = level(classes, "classes", 1.5) if "classes" in figure else ""
    dot = f'<circle class="value" cx="{x(value)}" cy="13" r="5.5"/>'
    dots = "".join(f'<circle class="seed" cx="{x(seed)}" cy="25" r="2"/>' for seed in seeds)
    label = f'<text x="{x(margin)}" dx="4" y="43">{margin:g}</text>'
    zero = f'<text x="{x(0)}" dx="-4" y="43" text-anchor="end">0</text>' if margin else ""
    return (
        f'<svg role="img" aria-label="{escape(said)}" width="100%" height="46" '
        'stroke="currentColor" fill="currentColor">'
        f"{upright(0, 'zero')}{upright(margin, 'margin')}"
        f"{thin}{level(figure, 'interval', 5)}{dot}{dots}"
        f'<g stroke="none">{zero}{label}</g></svg>'
    )
