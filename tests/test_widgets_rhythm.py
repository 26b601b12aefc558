"""Bursts or even spikes: the page's network on the reader's rhythms."""

import pytest
import torch
from axe_playwright_python.sync_playwright import Axe
from helpers.running import beside_networks, finished, loaded
from helpers.widget_pages import changes, opened, page, seen, slide
from traitlets import TraitError

from snnlab import explain, zoo
from snnlab.judge.baselines import count_map
from snnlab.widgets import RhythmExplorer

NAMES = ("rhythm-burst-s0", "rhythm-even-s0")


def test_every_pixel_of_both_shapes_keeps_its_count_whatever_the_sliders_say():
    for first, second in [(1, 0), (0.3, 0.8), (0, 0)]:
        widget = RhythmExplorer(first=first, second=second, seed=3)
        counts = widget.spikes().sum(0)[0, 0]
        shapes = widget.shown.shapes[0]
        assert (counts[shapes.any(0)] == 4).all() and (counts[~shapes.any(0)] <= 1).all()


def test_a_shape_bursts_where_its_slider_says():
    def bursting(share, shape):
        """Of the pixels that burst: three pairs of neighbouring steps, round the end."""
        spikes = RhythmExplorer(first=share, second=0).spikes()[:, 0, 0]
        pairs = (spikes * spikes.roll(1, 0)).sum(0)
        return (pairs[RhythmExplorer().shown.shapes[0, shape]] == 3).float().mean().item()

    assert [bursting(share, 0) for share in (0, 1)] == [0, 1]
    assert bursting(0.5, 0) == pytest.approx(0.5, abs=0.06)
    assert bursting(1, 1) == 0


def test_only_a_network_that_the_page_can_run_is_taken():
    with pytest.raises(ValueError, match="'lif-s0' is not a spiking network with Poisson"):
        RhythmExplorer("lif-s0")


def test_a_scene_that_is_not_there_is_refused():
    assert RhythmExplorer(scene=5).spikes().any()
    with pytest.raises(TraitError, match="should not be greater than 5"):
        RhythmExplorer(scene=6)


def test_the_still_picture_says_what_it_shows():
    widget = RhythmExplorer()
    assert widget.still()[8:12] == b"WEBP"


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    texts = {name: page(RhythmExplorer(name)) for name in NAMES}
    with beside_networks(tmp_path_factory.mktemp("book"), texts) as found:
        yield found


def share(values, shapes):
    """Of a map [h, w]: what it gives the first shape, of what it gives both."""
    large = torch.nn.functional.interpolate(
        values[None, None].double(), size=shapes.shape[-2:], mode="bilinear", align_corners=False
    )
    first, second = ((large[0, 0] * shape).sum().item() for shape in shapes)
    return first / (first + second)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_page_computes_what_pytorch_does(browser, pages, name):
    settings = [{}, {"second": 1}, {"first": 0.4, "second": 0.7, "scene": 2, "seed": 5, "gamma": 1}]
    with opened(browser, f"{pages['http']}/{name}.html") as tab:
        view = loaded(tab)
        for setting in settings:
            widget = RhythmExplorer(name, **setting)
            for k, trait in enumerate(["first", "second", "gamma", "seed"]):
                field = view.locator("input[type=number]").nth(k)
                field.fill(str(getattr(widget, trait)))
            view.locator("select").select_option(index=widget.scene)
            numbers = finished(tab, view)
            spikes = widget.spikes()
            assert numbers["spikes"] == spikes.int().flatten().tolist()
            model = zoo.load(name)
            shapes = widget.shown.shapes[widget.scene].double()
            explained = explain.sam(model, layer=widget.layers, gamma=widget.gamma, spikes=spikes)
            logits = explained["conv1"].logits[0]
            # a sum in another order may push a membrane over the threshold, now and then
            assert torch.tensor(numbers["logits"]).sub(logits).abs().max() < 0.1
            at_input = explain.spike_activation_map(spikes, widget.gamma).sum(0)[0]
            by_counts = count_map(spikes, widget.gamma).sum(0)[0]
            assert numbers["maps"][0]["sam"]["share"] == pytest.approx(share(at_input, shapes))
            assert numbers["maps"][0]["counts"]["share"] == pytest.approx(share(by_counts, shapes))
            for found, layer in zip(numbers["maps"][1:], widget.layers, strict=True):
                expected = share(explained[layer].total[0], shapes)
                assert found["sam"]["share"] == pytest.approx(expected, abs=2e-3)


@pytest.mark.slow
def test_every_control_changes_the_figure_and_axe_has_nothing_to_say(browser, pages):
    with opened(browser, f"{pages['file']}/{NAMES[0]}.html") as tab:
        view = tab.locator(".snn-widget")
        assert "not loaded" in seen(view)["said"]
        changes(tab, view, lambda: loaded(tab), "loading the network")
        sliders = view.locator("input[type=range]:visible")
        for k in range(sliders.count()):
            changes(tab, view, lambda k=k: slide(sliders.nth(k)), f"slider {k}")
            finished(tab, view)
        changes(tab, view, lambda: view.locator("select").select_option(index=1), "scene")
        finished(tab, view)
        assert not Axe().run(tab).response["violations"]


@pytest.mark.slow
def test_the_network_says_which_shape_bursts(browser, pages):
    with opened(browser, f"{pages['http']}/{NAMES[0]}.html") as tab:
        view = loaded(tab)
        first, second = RhythmExplorer().names[0]
        assert f"The network says {first}" in seen(view)["said"]
        for k, value in enumerate([0, 1]):
            view.locator("input[type=number]").nth(k).fill(str(value))
        finished(tab, view)
        assert f"The network says {second}" in seen(view)["said"]
