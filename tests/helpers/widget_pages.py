"""Pages with widgets for the tests, and what every widget must do there.

A new widget needs an entry in WIDGETS: how it is made, and its numbers worked out by snnlab.  One
that shows photographs needs another in of_photographs.
"""

import functools
import json
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from ipywidgets.embed import dependency_state, embed_data
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from helpers import map_cases
from helpers.site import listened, new_tab
from snnlab import data, explain, neurons, results, surrogate, widgets

HOST = Path(__file__).parents[2] / "book" / "_assets" / "widgets.js"
MIME = "application/vnd.jupyter.widget"
TIME = 120_000  # milliseconds; far less is needed, unless the machine is busy


@dataclass(frozen=True)
class Case:
    make: Callable[[], widgets.base.Widget]
    expected: Callable[[widgets.base.Widget], dict]  # the numbers of a widget as it stands


def kernel(widget):
    spikes = torch.tensor(widget.spikes, dtype=torch.float64)
    maps = [
        explain.spike_activation_map(spikes[:, None, None, None, None], widget.gamma, variant)
        for variant in [widget.variant, "paper"]
    ]
    decay = torch.tensor(-widget.gamma, dtype=torch.float64).exp()
    return {
        "scores": explain.neuronal_contribution_score(spikes, widget.gamma),
        "map": maps[0].flatten(),
        "total": maps[0].sum(),
        "equation": maps[1].sum(),
        "count": spikes.sum(),
        "bound": 1 / (1 / decay - 1),
    }


def neuron(widget):
    currents = widget.currents()[:, None].requires_grad_()
    stand_in = getattr(surrogate, widget.surrogate)(widget.scale, widget.width)
    setting = widget.leak, widget.threshold, widget.reset, stand_in
    spikes, _ = neurons.lif(currents, *setting)
    spikes.sum().backward()
    states = [neurons.lif(currents[: t + 1], *setting)[1] for t in range(len(currents))]
    before = torch.cat([torch.zeros(1), torch.cat(states)[:-1]])
    membrane = widget.leak * before + currents.detach()[:, 0]
    return {
        "spikes": spikes[:, 0],
        "after": torch.cat(states),
        "membrane": membrane,
        "slopes": stand_in(membrane, widget.threshold),
        "gradient": currents.grad[:, 0],
        "count": spikes.sum(),
        "more": neurons.lif(currents.detach() + 0.01, *setting)[0].sum(),
        "total": currents.grad.sum(),
    }


def encoder(widget):
    x, spikes = widget.scaled(), widget.spikes()
    last = min(widget.step, widget.steps - 1)
    means = spikes.cumsum(0) / torch.arange(1, widget.steps + 1).view(-1, 1, 1, 1)
    both = torch.cat([x.view(1, -1), means.view(widget.steps, -1)]).double()
    correlations = torch.corrcoef(both)[0, 1:].nan_to_num()  # 0 where the mean is still empty
    return {
        "spikes": spikes[last].flatten(),
        "mean": means[last].flatten(),
        "count": spikes[last].abs().sum(),
        "correlations": correlations,
        "correlation": correlations[last],
        "rms": (2 * means[last] - x).square().mean().sqrt(),
    }


def verdicts(widget):
    rows = results.at_margins(results.scoreboard(results.SECOND["B"]), widget.factor)
    rows = [row for row in rows if row["verdict"] in results.VERDICTS]
    states = ["passes", "passes in some seeds", "fails", "open"]
    figures = [figure for row in rows for figure in row["figures"]]
    return {
        "verdicts": [results.VERDICTS.index(row["verdict"]) for row in rows],
        "states": [states.index(figure["state"]) for figure in figures],
        "holm": [-1 if row["holm"] is None else row["holm"] for row in rows],
        "margins": [figure["margin"] for figure in figures],
        "values": [figure["value"] for figure in figures],
    }


def prediction(widget):
    guess, truth = torch.tensor(widget.guess), torch.tensor([*widget.shown.truth.values()])
    off = (guess - truth).abs()
    return {"guess": guess, "off": off, "mean": off.mean(), "told": widget.stage != "guess"}


def alike(**traits):
    """A question about two bars, a third of which is known."""
    return widgets.Prediction(
        "The maps of conv6 are as alike as drawn. How alike are those of the others?",
        {"conv4": 0.8, "conv8": 0.25},
        axis="correlation",
        limits=(0, 1),
        known={"measured before": {"conv6": 0.5}},
        levels={"another photograph": 0.1},
        intervals={"conv4": (0.75, 0.85)},
        **traits,
    )


def sooner(**traits):
    """A question about two points of a curve on logarithmic axes."""
    return widgets.Prediction(
        "After one step the error is as drawn. How large is it after 4 and 16?",
        {4: 0.4, 16: 0.2},
        axis="error",
        limits=(0.05, 1),
        along="steps",
        log=("along", "axis"),
        known={"one step": {1: 0.8}},
        intervals={4: (0.3, 0.5)},
        **traits,
    )


def photograph():
    return data.photographs()[0].images[0]


WIDGETS = {
    "neuron": Case(widgets.NeuronPlayground, neuron),
    "neuron, spikes": Case(lambda: widgets.NeuronPlayground(source="spikes"), neuron),
    "encoder": Case(lambda: widgets.EncoderExplorer(photograph()), encoder),
    "kernel": Case(widgets.KernelExplorer, kernel),
    "verdicts": Case(widgets.Verdicts, verdicts),
    "prediction": Case(alike, prediction),
    "prediction, curve": Case(sooner, prediction),
    "kernel without decay": Case(lambda: widgets.KernelExplorer(gamma=0), kernel),
    **{name: Case(*parts) for name, parts in map_cases.CASES.items()},
}


def of_photographs(size: tuple[int, int]) -> dict[str, Case]:
    """The widgets that show photographs, of photographs [H, W]."""

    def case(make, expected):
        return Case(functools.partial(make, size=size), functools.partial(expected, size=size))

    return {
        "encoder": Case(lambda: widgets.EncoderExplorer(map_cases.images(1, size)[0]), encoder),
        **{name: case(*parts) for name, parts in map_cases.CASES.items()},
    }


WIDE, TALL, SMALL = (48, 80), (96, 40), (32, 32)
OBLONG = of_photographs(WIDE)


def state_of(*shown) -> dict:
    """The state that a notebook keeps of these widgets."""
    state = dependency_state(list(shown), drop_defaults=False)
    return embed_data(list(shown), state=state)["manager_state"]


def page(*shown, state: str | None = None) -> str:
    """A page with the outputs of these widgets, as the book holds them."""
    state = json.dumps(state_of(*shown)) if state is None else state
    outputs = [output for widget in shown for output in widget.outputs()]
    body = [
        output["text/html"]
        if "text/html" in output
        else script(f"{MIME}-view+json", json.dumps(output[f"{MIME}-view+json"]))
        for output in outputs
    ]
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Widgets</title>
<link rel="icon" href="data:,">
<style>
:root {{ color-scheme: light dark; }}
body {{ font-family: sans-serif; max-width: 780px; margin: 0 auto; padding: 0 12px; }}
img {{ max-width: 100%; }}
</style>
{script(f"{MIME}-state+json", state)}
<script>{HOST.read_text()}</script>
</head>
<body>
<main>
<h1>Widgets</h1>
{"".join(f"<div>{part}</div>" for part in body)}
</main>
</body>
</html>
"""


def script(kind: str, content: str) -> str:
    content = content.replace("</script>", r"<\/script>")
    return f'<script type="{kind}">{content}</script>'


@contextmanager
def opened(browser, address: str, **look):
    """The page in a tab.  At the end it has asked no other host and the console holds no error."""
    with new_tab(browser, **{"viewport": {"width": 1280, "height": 900}, **look}) as tab:
        tab.set_default_timeout(TIME)
        elsewhere, errors = listened(tab, address.rsplit("/", 1)[0])
        tab.goto(address)
        yield tab
    assert not elsewhere, f"asked another host for {elsewhere}"
    assert not errors, f"errors in the console: {errors}"


# What a view shows

SEEN = """view => ({
  canvas: [...view.querySelectorAll('canvas')].map(c => c.toDataURL()).join(),
  said: view.querySelector('.snn-live').textContent,
})"""
CHANGED = """([view, before]) => {
  view.numbers();
  const now = (SEEN)(view);
  return now.canvas !== before.canvas && now.said !== before.said;
}""".replace("SEEN", SEEN)


def seen(view) -> dict:
    """The canvases as pictures and the live text."""
    view.evaluate("view => view.numbers()")  # draws what has not been drawn yet
    return view.evaluate(SEEN)


def changes(tab, view, act, what: str) -> None:
    """After ``act()`` the canvas and the live text are new."""
    before = seen(view)
    act()
    handle = view.element_handle()
    try:
        tab.wait_for_function(CHANGED, arg=[handle, before], timeout=20_000)
    except PlaywrightTimeout:
        after = seen(view)
        same = [part for part in before if before[part] == after[part]]
        raise AssertionError(f"{what} does not change {same}: {after['said']}") from None


def controls(view):
    """Everything that the reader can move, as (what it is, how a hand moves it)."""
    for kind, move in MOVES.items():
        for k, control in enumerate(view.locator(kind).all()):
            if control.is_visible():
                yield f"{kind} {k} ({name(control)})", lambda c=control, m=move: m(c)


def name(control) -> str:
    return control.evaluate("c => c.ariaLabel ?? c.closest('label')?.textContent ?? c.textContent")


def slide(control):
    """By the keyboard, a tenth of the way; back from the end."""
    before = control.input_value()
    control.press("PageUp")
    if control.input_value() == before:
        control.press("PageDown")


def type_number(control):
    low, high, value, whole = control.evaluate(
        "c => [Number(c.min), Number(c.max), c.valueAsNumber, c.step !== 'any']"
    )
    middle = (value + (high if value - low < high - value else low)) / 2
    control.fill(f"{round(middle) if whole else round(middle, 3):g}")


def choose_another(control):
    control.select_option(index=control.evaluate("c => (c.selectedIndex + 1) % c.options.length"))


MOVES = {
    "input[type=range]": slide,
    "input[type=number]": type_number,
    "select": choose_another,
    "input[type=checkbox]": lambda control: control.click(),
    "input[type=radio]:not(:checked)": lambda control: control.click(),
    ".snn-toggles button:nth-child(3n)": lambda control: control.press("Space"),
    ".snn-channels button:nth-child(2)": lambda control: control.press("Space"),
    ".snn-play": lambda control: control.click(),
}


def assert_numbers(view, case: Case, widget) -> None:
    """The page's numbers are those of snnlab for the traits that the page shows."""
    both = "view => [view.numbers(), view.traits()]"  # at once: it may be playing
    numbers, traits = view.evaluate(both)
    widget.set_state(traits)
    expected = case.expected(widget)
    assert set(expected) <= set(numbers)
    for part, value in expected.items():
        value = torch.as_tensor(value).double()
        found = torch.tensor(numbers[part], dtype=torch.float64)
        assert torch.allclose(found, value, atol=1e-5, rtol=1e-5), (part, found, value)
