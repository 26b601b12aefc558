"""Draw the logo and the favicon: `python -m book.tools.logo` writes them into
book/_assets/.

An eye whose iris is a train of spikes, the heights falling off on both sides as the interval
kernel does.
"""

import math
from pathlib import Path

ASSETS = Path(__file__).parents[1] / "_assets"
BLUE, RED = "#2f86b3", "#d55e00"  # seen on white and on black
GAMMA = 0.5


def ticks(x: float, y: float, gap: float, height: float, width: float, reach: int) -> str:
    """Vertical strokes around (x, y); the middle one stands out."""
    lines = []
    for i in range(-reach, reach + 1):
        half = height * math.exp(-GAMMA * abs(i)) / 2
        lines.append(
            f'<path d="M{x + i * gap:.2f} {y - half:.2f}V{y + half:.2f}" '
            f'stroke="{RED if i == 0 else BLUE}" stroke-width="{width}"/>'
        )
    return "\n".join(lines)


def eye(width: float, height: float, stroke: float, spikes: str) -> str:
    middle, edge = height / 2, stroke
    lid = f"M{edge} {middle}Q{width / 2} {{}} {width - edge} {middle}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
        'fill="none" stroke-linecap="round">\n'
        f'<path d="{lid.format(-middle + 2 * stroke)}" stroke="{BLUE}" stroke-width="{stroke}"/>\n'
        f'<path d="{lid.format(3 * middle - 2 * stroke)}" stroke="{BLUE}" '
        f'stroke-width="{stroke}"/>\n'
        f"{spikes}\n</svg>\n"
    )


def pictures() -> dict[str, str]:
    return {
        "logo.svg": eye(120, 60, 4, ticks(60, 30, 9, 34, 4, 3)),
        "favicon.svg": eye(32, 32, 2.5, ticks(16, 16, 5, 16, 3, 1)),
    }


if __name__ == "__main__":
    for name, picture in pictures().items():
        (ASSETS / name).write_text(picture, encoding="utf-8")
