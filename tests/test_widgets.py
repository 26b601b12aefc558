"""The Python side of the widgets: traits, errors, the text of the front end, what a page gets."""

import base64
import io
import json
import re
import subprocess
import sys

import matplotlib
import nbformat
import numpy as np
import pytest
import torch
from helpers.node import node
from helpers.tiny import generator, images
from helpers.widget_pages import OBLONG, WIDGETS
from matplotlib import colormaps
from nbconvert import HTMLExporter, LatexExporter, MarkdownExporter, RSTExporter
from PIL import Image
from traitlets import Bytes, TraitError

from snnlab import plotting, widgets
from snnlab.widgets import EncoderExplorer, KernelExplorer, NeuronPlayground, Prediction, base

FRONT = base.FRONT
SOURCE = "".join(path.read_text() for path in sorted(FRONT.parent.glob("*.py")))
CLASSES = [getattr(widgets, name) for name in widgets.__all__]


def asked(truth=None, words="How high is it?", limits=(0, 1), **parts):
    truth = {"a": 0.5} if truth is None else truth
    return Prediction(words, truth, axis="height", limits=limits, **parts)


def rising(known):
    return asked({1: 0.1, 2: 0.2}, along="steps", log="along", known={"then": known})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: KernelExplorer(gamma=-0.1), "'gamma' .* should not be less than 0.* -0.1"),
        (lambda: KernelExplorer(gamma="0.5"), "'gamma' .* expected a float, not the str '0.5'"),
        (lambda: KernelExplorer(spikes=[0, 1, 2]), r"expected 0 or 1 .* got \[0, 1, 2\]"),
        (lambda: KernelExplorer(spikes=[]), "expected 0 or 1 for each step, got"),
        (lambda: KernelExplorer(variant="code"), "expected any of .*'paper', 'authors-code'"),
        (lambda: NeuronPlayground(leak=1.5), "'leak' .* should not be greater than 1"),
        (lambda: NeuronPlayground(threshold=0), "threshold must be above 0, got 0"),
        (lambda: NeuronPlayground(scale=-1), "scale must be above 0, got -1"),
        (lambda: NeuronPlayground(width=0), "width must be above 0, got 0"),
        (lambda: NeuronPlayground(reset="none"), "expected any of .*'soft', 'hard'"),
        (lambda: NeuronPlayground(weights=[]), "expected a weight for each step"),
        (lambda: EncoderExplorer(images(1)[0], steps=0), "'steps' .* should not be less than 1"),
        (lambda: EncoderExplorer(images(1)[0], seed=-1), "'seed' .* should not be less than 0"),
        (lambda: EncoderExplorer(images(1)[0], factor=-1), "'factor' .* should not be less than 0"),
        (lambda: EncoderExplorer(images(1)[0] + 1), "expected an image in .0, 1., got .* to"),
        (lambda: EncoderExplorer(images(1)[0] * torch.nan), "expected an image in .0, 1., got"),
        (lambda: EncoderExplorer(images(1)), r"expected an image of shape \[3, H, W\], got \(1, 3"),
        (lambda: asked(words="It rises."), r"a question, which ends in '\?', got 'It rises.'"),
        (lambda: asked({}), "truth is a dict of names or places to values, got {}"),
        (lambda: asked({"a": "high"}), "truth has no number at 'a': 'high'"),
        (lambda: asked({"a": torch.ones(2)}), "truth has no number at 'a'"),
        (lambda: asked({"a": 2}), "truth is 2 at 'a', outside the limits 0 to 1"),
        (lambda: asked({"a": float("nan")}), "truth is nan at 'a', outside the limits"),
        (lambda: asked({"a": 0.1, 3: 0.2}), "truth has names and numbers, it needs one"),
        (lambda: asked(along="steps"), "bars have names along their axis: leave along"),
        (lambda: asked({1: 0.1, 2: 0.2}), "a curve needs along, the words under its axis"),
        (lambda: asked({2: 0.1, 1: 0.2}, along="x"), "the places of a curve rise, got .2.0"),
        (lambda: asked({1: 0.1}, along="x"), "a curve has two places or more, got .1.0.: give"),
        (lambda: asked({0: 0.1, 1: 0.2}, along="x", log="along"), "above 0, got a place at 0"),
        (lambda: asked(log="axis"), "a logarithmic axis begins above 0, got limits from 0"),
        (lambda: asked(log="y"), "log names 'axis', 'along' or both, got 'y'"),
        (lambda: asked(limits=(1, 0)), "limits are finite and rise, got 1 and 0"),
        (lambda: asked(limits=3), "limits are two numbers, low and high, got 3"),
        (lambda: asked(known={"then": {3: 0.1}}), r"known\['then'\] has other keys than truth"),
        (lambda: asked(known={"then": {"b": 3}}), r"known\['then'\] is 3 at 'b', outside"),
        (lambda: asked(levels={"chance": -1}), "levels is -1 at 'chance', outside the limits"),
        (lambda: asked(intervals={"b": (0, 1)}), "there is an interval for 'b', but truth has"),
        (lambda: asked(intervals={"a": (0.6, 1)}), "interval at 'a', 0.6 to 1, does not hold"),
        (lambda: asked(intervals={"a": 0.1}), "at 'a' is two numbers, low and high, got 0"),
        (lambda: asked(intervals={"a": (-0.1, 1)}), "-0.1 to 1, leaves the limits, 0 to 1; widen"),
        (lambda: asked(intervals={"a": (0, float("nan"))}), "0 to nan, leaves the limits"),
        (lambda: asked(levels=dict.fromkeys("abcde", 0.1)), "together are at most 4, .* got .'a'"),
        (lambda: rising({float("inf"): 0.1}), "the places of a curve are finite, got inf"),
        (lambda: rising({0: 0.1}), "a logarithmic axis begins above 0, got a place at 0"),
        (lambda: asked(step=0), "step lies above 0 and inside the limits, got 0"),
        (lambda: asked(guess=[0.1, 0.2]), "guess: expected 1 values, got 2"),
        (lambda: asked(guess=[1.5]), "guess: expected values from 0 to 1, got"),
        (lambda: asked(stage="done"), "'stage' .* expected any of .*'guess', 'compared', 'shown'"),
        (lambda: KernelExplorer(gama=1), "KernelExplorer has no gama; it has gamma, spikes, var"),
    ],
)
@pytest.mark.wrong_input
def test_a_wrong_value_says_what_was_expected(make, message):
    with pytest.raises((TraitError, ValueError, TypeError), match=message):
        make()


def test_a_wrong_value_leaves_the_widget_as_it_was():
    widget = KernelExplorer(gamma=1)
    with pytest.raises(TraitError):
        widget.gamma = -1
    assert widget.gamma == 1


def test_spikes_may_be_a_tensor():
    train = torch.tensor([1.0, 0.0, 1.0])
    assert KernelExplorer(spikes=train).spikes == [1, 0, 1]


def test_the_encoder_encodes_the_image_that_it_keeps():
    """The bytes, not the image as it came: the page knows no other."""
    image = torch.rand(3, 8, 6, generator=generator())
    kept = EncoderExplorer(image).scaled()
    again = EncoderExplorer((image * 255).round() / 255).scaled()
    assert torch.equal(kept, again)


def test_without_anywidget_the_widgets_say_what_to_install():
    code = "import sys; sys.modules['anywidget'] = None; from snnlab import widgets"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "the widgets need anywidget, which is not installed: pip install anyw" in done.stderr


# What there is, and what it shows


def kinds_of(cases):
    """By name: anywidget gives every widget a class of its own."""
    return {type(case.make()).__name__ for case in cases.values()}


def test_every_widget_is_found_and_has_its_case():
    names = re.findall(r"^class (\w+)\(.*, front=", SOURCE, re.M)
    assert sorted(names) == widgets.__all__ == sorted(base.Widget.kinds)
    running = {"OwnPhotograph", "RhythmExplorer"}  # they have tests of their own
    assert kinds_of(WIDGETS) | running == set(names)


def test_every_widget_with_photographs_has_a_case_that_is_not_square():
    kept = {"image", "images", "pixels"}
    photographs = {
        kind.__name__
        for kind in CLASSES
        if any(isinstance(kind.class_traits().get(k), Bytes) for k in kept)
    }
    assert kinds_of(OBLONG) == photographs


@pytest.mark.parametrize("name", OBLONG)
def test_a_widget_is_made_again_of_what_another_shows(name):
    widget = OBLONG[name].make()
    again = type(widget).of(widget.shown)
    assert again.shown is widget.shown
    sent = widget.shown.traits()
    large = [trait for trait, value in sent.items() if isinstance(value, bytes)]
    assert large and all(getattr(again, trait) == getattr(widget, trait) for trait in large)
    assert again.still()
    with pytest.raises(TypeError, match=f"{type(widget).__name__} has no gama"):
        type(widget).of(widget.shown, gama=1)


# The front end as one text


@pytest.mark.parametrize("widget", CLASSES)
def test_the_front_end_is_one_module_without_imports(widget):
    text = widget._esm
    assert not re.search(r"^\s*import\b", text, re.M)
    assert re.findall(r"^export .*", text, re.M) == ["export default {"]
    assert text.count("\nclass View ") == 1, "a module stands once, however many import it"
    assert "@param" not in text.split("export default")[0], "comments are left out"
    assert len(text) < 100_000, "it is embedded with every widget"
    names = re.findall(r"^(?:async )?(?:function\*?|class|const|let) (\w+)", text, re.M)
    assert len(names) == len(set(names)), f"twice: {[n for n in names if names.count(n) > 1]}"


def test_every_import_is_of_the_form_that_is_taken_out():
    for module in FRONT.glob("*.js"):
        lines = re.findall(r"^import .*", module.read_text(), re.M)
        for line in lines:
            assert re.fullmatch(r'import \{[^}]*\} from "\./[\w.]+";', line) or line == "import {"


def test_modules_stand_after_those_that_they_need(tmp_path):
    (tmp_path / "a.js").write_text('import { b } from "./b.js";\nexport default { a: b };\n')
    (tmp_path / "b.js").write_text(
        'import {\n  c,\n} from "./c.js";\n/**\n * Words.\n */\nexport const b = c;\n'
    )
    (tmp_path / "c.js").write_text("export const c = 1; // export const\n")
    expected = "const c = 1; // export const\nconst b = c;\nexport default { a: b };\n"
    assert base.bundle(tmp_path / "a.js") == expected


def test_colours_are_those_of_the_figures():
    text = (FRONT / "colours.js").read_text()
    colours = re.search(r"export const COLOURS = (\[.*?\]);", text).group(1)
    assert tuple(json.loads(colours)) == plotting.COLOURS
    table = re.search(r'export const MAP = .*?"([\w+/=]+)"', text, re.S).group(1)
    found = np.frombuffer(base64.b64decode(table), np.uint8).reshape(256, 3)
    assert (found == colormaps[plotting.MAP](np.arange(256), bytes=True)[:, :3]).all()


def test_rows_of_toggles_line_up_with_the_plots():
    script, style = (FRONT / "plot.js").read_text(), (FRONT / "style.css").read_text()
    left, right = (re.search(rf"{edge} = (\d+);", script).group(1) for edge in ["LEFT", "RIGHT"])
    assert f"margin: 0 {right}px 0 {left}px;" in style
    assert f"margin: 0 0 0.2rem {left}px;" in style


# What a page gets


def test_a_notebook_shows_the_widget_and_a_picture_for_where_it_cannot_run():
    widget = KernelExplorer()
    view, still = widget.outputs()
    assert view["application/vnd.jupyter.widget-view+json"]["model_id"]
    found = re.fullmatch(
        r'<img class="(snn-still-\w+)" alt="([^"]+)" src="data:image/webp;base64,([\w+/=]+)" '
        r'style="max-width: 100%">',
        still["text/html"],
    )
    assert found.group(1) == widget.get_state()["_still"] != KernelExplorer().get_state()["_still"]
    assert len(found.group(2).split()) > 10
    assert base64.b64decode(found.group(3))[8:12] == b"WEBP"
    assert still["text/plain"] == "KernelExplorer()" and not view["text/plain"]


def notebook(*shown):
    """With the outputs of these widgets, and without their state: none can run."""
    outputs = [
        nbformat.v4.new_output("display_data", data)
        for widget in shown
        for data in widget.outputs()
    ]
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("widget", outputs=outputs)])


@pytest.mark.parametrize(
    ("exporter", "picture"),
    [
        (HTMLExporter, r"<img [^>]*src=\"data:image/webp;base64"),
        (MarkdownExporter, r"<img [^>]*src=\"data:image/webp;base64"),
        (RSTExporter, r"<img [^>]*src=\"data:image/webp;base64"),
        (LatexExporter, r"\\includegraphics|\\adjustimage"),
    ],
)
def test_a_notebook_is_converted_with_the_picture_once(exporter, picture):
    text, resources = exporter().from_notebook_node(notebook(KernelExplorer()))
    text = text.split("begin{document}")[-1]
    assert len(re.findall(picture, text)) == 1 and "KernelExplorer()" not in text
    assert "noscript" not in text
    if exporter is LatexExporter:
        ((name, content),) = resources["outputs"].items()
        assert name in text
        assert Image.open(io.BytesIO(content)).size[0] > 700


@pytest.mark.parametrize(
    "widget",
    [
        lambda: KernelExplorer(gamma=0, variant="authors-code"),
        lambda: KernelExplorer(spikes=[0]),
        lambda: NeuronPlayground(source="spikes", surrogate="arctan", reset="hard"),
        lambda: EncoderExplorer(images(1)[0], step=40),
    ],
)
def test_the_picture_can_be_drawn_at_the_ends_and_leaves_matplotlib_as_it_was(widget):
    before = dict(matplotlib.rcParams)
    assert len(widget().still()) < 60_000
    assert dict(matplotlib.rcParams) == before


@pytest.mark.slow
def test_what_draws_in_node(tmp_path):
    node("drawing.test.js", {}, tmp_path)
