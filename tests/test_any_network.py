"""Networks that know nothing of snnlab: of snnTorch, SpikingJelly, Norse, torchvision, in every
style of call.  Their spikes are read by their library's own means, and the maps made by loops."""

import math
import re
from pathlib import Path

import matplotlib
import norse.torch
import pytest
import snntorch
import torch
from captum.attr import LayerActivation, LayerGradCam, LayerGradientXActivation
from helpers.tiny import generator, images, relu_network, spiking_network
from oracles import gradcam
from oracles import sam as oracle
from snntorch import utils
from spikingjelly.activation_based import functional, layer, monitor, neuron
from spikingjelly.activation_based.model import sew_resnet
from torch import nn
from torchvision import models

import snnlab
from snnlab import data
from snnlab.explain import activation_map, grad_cam, hires_cam, layer_cam, sam, snn_grad_cam
from snnlab.passes.states import given_back
from snnlab.recording import record

matplotlib.use("Agg")

STEPS, BATCH, CLASSES = 5, 2, 3
PAGE = (Path(__file__).parent.parent / "book" / "bring-your-own-network.md").read_text()


def pictures(count=BATCH, size=8):
    return images(count, size=size, dtype=torch.float32)


def sequence(count=BATCH, size=8):
    """Another picture at every step, [T, B, 3, H, W]."""
    return torch.rand(STEPS, count, 3, size, size, generator=generator(3))


def made(kind, *arguments):
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return kind(*arguments).eval()


def looped(net, steps=STEPS):
    """A network of one step, and the loop over the steps around it."""
    whole = nn.Module()
    whole.net = net
    whole.forward = lambda x: torch.stack([net(x) for _ in range(steps)])
    return whole


def assert_explained(model, x, layer, spikes, scores, given=None):
    """The maps are those of loops over ``spikes``, which lie in the graph of ``scores`` [B, K]:
    a tensor for each step, or one for all."""
    given = given or {}
    target = torch.arange(len(scores)) % scores.shape[1]
    gradients = torch.autograd.grad(scores[torch.arange(len(scores)), target].sum(), spikes)
    activity, gradient = (
        torch.stack(tensors).view(-1, len(scores), *tensors[0].shape[-3:]).detach()
        for tensors in (spikes, gradients)
    )
    assert activity.any() and gradient.any()
    close = {"rtol": 1e-4, "atol": 1e-6 * gradient.abs().max().item()}

    found = sam(model, x, layer=layer, **given)
    expected = oracle.spike_activation_map(activity, 0.5)
    torch.testing.assert_close(found.maps, expected)
    torch.testing.assert_close(found.logits, scores.detach())
    assert found.maps.any()
    for per_step in (False, True):
        found = snn_grad_cam(model, x, target, layer=layer, per_step=per_step, **given)
        expected = gradcam.snn_grad_cam(activity, gradient, per_step)
        torch.testing.assert_close(found.maps, expected, **close)
        torch.testing.assert_close(found.logits, scores.detach())
    for explain, slow in [(hires_cam, gradcam.hires_cam), (layer_cam, gradcam.layer_cam)]:
        found = explain(model, x, target, layer=layer, **given)
        torch.testing.assert_close(found.maps, slow(activity, gradient), **close)


# ---- the blocks of the page


def blocks(title):
    """The ```python blocks of the page's section, in their order."""
    section = re.split(r"^##+ ", PAGE, flags=re.M)  # one # begins a comment
    (text,) = [part for part in section if part.startswith(f"{title}\n")]
    return re.findall(r"^```python\n(.*?)^```$", text, flags=re.M | re.S)


@pytest.fixture
def execute(tmp_path, monkeypatch):
    """Run blocks in one namespace, where they may write files; random weights are the same."""
    monkeypatch.chdir(tmp_path)

    def run(some, names):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            for block in some:
                exec(block, names)
        return names

    yield run
    matplotlib.pyplot.close("all")


@pytest.mark.parametrize("title", ["snnTorch", "SpikingJelly", "Norse"])
def test_from_a_network_to_a_map_takes_less_than_ten_lines(title):
    _, explains, *_ = blocks(title)
    assert "import snnlab" in explains and ".plot(" in explains
    assert len([line for line in explains.splitlines() if line]) < 10
    assert not re.search(r"^\s*(class|def) ", explains, re.M)


def assert_same(found, model, x, layer):
    """What the page's second block has made is what is made here."""
    labels = found["photos"].labels
    assert torch.equal(found["sam"].maps, sam(model, x, layer=layer).maps)
    assert torch.equal(found["cam"].maps, snn_grad_cam(model, x, labels, layer=layer).maps)


def test_the_page_explains_a_network_of_snntorch(execute):
    first, second, third = blocks("snnTorch")
    found = execute([first, second], {})
    model, x, spikes, scores = found["model"], found["photos"].images, [], 0
    mem1, mem2, mem3 = model.lif1.reset_mem(), model.lif2.reset_mem(), model.lif3.reset_mem()
    for _ in range(10):
        spk, mem1 = model.lif1(model.conv1(x), mem1)
        spk, mem2 = model.lif2(model.conv2(nn.functional.avg_pool2d(spk, 4)), mem2)
        spikes.append(spk)
        spk, mem3 = model.lif3(model.fc(nn.functional.avg_pool2d(spk, 4).flatten(1)), mem3)
        scores = scores + spk
    assert_explained(model, x, "lif2", spikes, scores)
    assert_same(found, model, x, "lif2")

    net = execute([third], found)["net"]
    utils.reset(net)
    spikes = [net[1](net[0](x)) for _ in range(10)]
    utils.reset(net)
    assert_explained(found["looped"], x, "net.1", spikes, sum(net[2:](spk) for spk in spikes))
    assert found["sam"].layer == "net.1"


def test_the_page_explains_a_network_of_spikingjelly(execute):
    first, second, third, *_ = blocks("SpikingJelly")
    found = execute([first, second], {})
    model, x, labels = found["model"].eval(), found["sequence"], found["photos"].labels
    functional.reset_net(model)
    watch = monitor.OutputMonitor(model, neuron.IFNode)
    scores = model(x).sum(0)
    watch.close()
    functional.reset_net(model)
    assert_explained(model, x, "4", watch.records[1:], scores)
    assert_same(found, model, x, "4")

    execute([third], found)
    watch = monitor.OutputMonitor(model, nn.Conv2d)  # the folded one's calls are the second
    scores = model(x).sum(0)
    watch.close()
    functional.reset_net(model)
    activity = watch.records[1]
    (gradient,) = torch.autograd.grad(scores.gather(1, labels[:, None]).sum(), activity)
    activity, gradient = (tensor.view(10, 2, *tensor.shape[1:]) for tensor in (activity, gradient))
    expected = gradcam.snn_grad_cam(activity.detach(), gradient)
    torch.testing.assert_close(found["folded"].maps, expected, rtol=1e-3, atol=1e-7)
    assert expected.any()


def test_the_page_explains_a_spiking_transformer(execute):
    *_, builds, explains = blocks("SpikingJelly")
    assert len(explains.splitlines()) < 10
    photos = data.photographs()[:2]
    found = execute([builds, explains], {"photos": photos, "snnlab": snnlab})
    former, seen = found["former"].eval(), {}
    for name in found["tokens"]:
        former.get_submodule(name).register_forward_hook(
            lambda m, a, output, name=name: seen.update({name: output.detach()})
        )
    with torch.no_grad():
        former(photos.images)
    for name, explained in found["tokens"].items():
        sizes = seen[name].reshape(4, 2, 48, 16, 16)  # heads and channels, then the patches
        expected = torch.zeros(4, 2, 16, 16)
        for t in range(4):
            for before in range(t):
                both = (sizes[t] * sizes[before]).sum(1)
                expected[t] += both * math.exp(-0.5 * (t - before))
        torch.testing.assert_close(explained.maps, expected)


def test_the_page_explains_a_network_of_norse(execute):
    found = execute(blocks("Norse"), {})
    model, x = found["model"], found["sequence"]
    model.return_hidden = True
    hidden, _ = model(x)
    model.return_hidden = False
    assert_explained(model, x, "4", [hidden[4]], hidden[-1].sum(0))
    assert_same(found, model, x, "4")


# ---- in every style of call


class Block(nn.Module):
    """Two layers of neurons with a path around the second, called step by step."""

    def __init__(self, make):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.neuron1, self.neuron2 = make(), make()
        self.read = nn.Linear(4, CLASSES)

    def forward(self, x):
        """Scores and the second neurons' spikes, of each step; x: an image for each step."""
        first, second = self.start(self.neuron1), self.start(self.neuron2)
        scores, self.seen = [], []
        for now in x:
            one, first = self.neuron1(4 * self.conv1(now), first)
            two, second = self.neuron2(4 * self.conv2(one), second)
            self.seen.append(two)
            scores.append(self.read((one + two).mean((2, 3))))
        return torch.stack(scores)


class SnnTorch(Block):
    def __init__(self):
        super().__init__(lambda: snntorch.Leaky(beta=0.9))

    def start(self, neuron):
        return neuron.reset_mem()

    def forward(self, images):
        return super().forward([images] * STEPS).mean(0)


class Norse(Block):
    def __init__(self):
        p = norse.torch.LIFBoxParameters(tau_mem_inv=torch.tensor(500.0))
        super().__init__(lambda: norse.torch.LIFBoxCell(p))

    def start(self, neuron):
        return None

    def forward(self, x):
        return super().forward(x), "whatever"


@pytest.mark.parametrize(
    ("kind", "x", "per_step"), [(SnnTorch, pictures(), False), (Norse, sequence(), True)]
)
def test_residual_networks_that_pass_their_state_on(kind, x, per_step):
    model = made(kind)
    scores = model(x)[0].sum(0) if per_step else model(x)
    assert_explained(model, x, "neuron2", model.seen, scores)


class SpikingJelly(nn.Module):
    """One step, residual: neurons keep their state."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.neuron1, self.neuron2 = neuron.IFNode(0.2), neuron.IFNode(0.2)
        self.read = nn.Linear(4, CLASSES)

    def forward(self, x):
        one = self.neuron1(self.conv1(x))
        return self.read((one + self.neuron2(self.conv2(one))).mean((2, 3)))


class SpikingJellyLoop(SpikingJelly):
    """Its loop inside, over a sequence; the scores come summed."""

    def forward(self, x):
        return sum(super(SpikingJellyLoop, self).forward(now) for now in x)


@pytest.mark.parametrize(
    ("make", "x", "name"),
    [
        (lambda: looped(SpikingJelly()), pictures(), "net.neuron2"),
        (SpikingJellyLoop, sequence(), "neuron2"),
    ],
    ids=["loop outside", "loop inside"],
)
def test_single_step_networks_of_spikingjelly(make, x, name):
    model = made(make)
    with monitor.OutputMonitor(model.get_submodule(name), neuron.IFNode) as watch:
        scores = model(x)
    functional.reset_net(model)
    spikes = watch.records
    assert len(spikes) == STEPS
    assert_explained(model, x, name, spikes, scores.sum(0) if scores.ndim == 3 else scores)


def test_spikingjellys_own_residual_network():
    model = made(lambda: sew_resnet.sew_resnet18(
        spiking_neuron=neuron.IFNode, cnf="ADD", v_threshold=0.1, num_classes=CLASSES
    ))  # fmt: skip
    functional.set_step_mode(model, "m")
    x = sequence(size=16)
    block = model.layer1[0].sn2
    with monitor.OutputMonitor(block, neuron.IFNode) as watch:
        scores = model(x).sum(0)
    functional.reset_net(model)
    assert_explained(model, x, "layer1.0.sn2", watch.records, scores)
    with pytest.raises(ValueError, match="expected spikes that are 0 or 1"):  # it adds them up
        sam(model, x, layer="layer1.1")


class Folded(nn.Module):
    """Time in the batch wherever no neuron integrates; neurons put out folded spikes, too."""

    def __init__(self, time_first=True):
        super().__init__()
        self.time_first = time_first
        self.conv, self.again = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.neuron, self.after = nn.Identity(), nn.Identity()
        self.read = nn.Linear(4, CLASSES)

    def fire(self, folded):
        lif = neuron.IFNode(0.2, step_mode="m")
        if self.time_first:
            return lif(folded.unflatten(0, (STEPS, -1))).flatten(0, 1)
        spikes = lif(folded.unflatten(0, (-1, STEPS)).transpose(0, 1))
        return spikes.transpose(0, 1).flatten(0, 1)

    def forward(self, x):
        folded = (x if self.time_first else x.transpose(0, 1)).flatten(0, 1)
        self.seen = self.neuron(self.fire(self.conv(folded)))
        scores = self.read(self.after(self.fire(self.again(self.seen))).mean((2, 3)))
        unfolded = (STEPS, -1) if self.time_first else (-1, STEPS)
        return scores.unflatten(0, unfolded).sum(0 if self.time_first else 1)


def test_time_that_is_folded_into_the_batch_is_unfolded_by_steps():
    model, x = made(Folded), sequence()
    scores = model(x)
    assert_explained(model, x, "neuron", [model.seen], scores, {"steps": STEPS})


@pytest.mark.parametrize("count", [STEPS, 1, 3])
def test_any_number_of_images_also_as_many_as_steps(count):
    """Each image's maps are those that it has alone: time and batch are not mixed up."""
    model, x = made(Norse), sequence(count)
    whole = sam(model, x, layer="neuron2").maps
    cams = snn_grad_cam(model, x, 1, layer="neuron2").maps
    for b in range(count):
        alone = sam(model, x[:, b : b + 1], layer="neuron2").maps
        assert torch.equal(whole[:, b : b + 1], alone)
        alone = snn_grad_cam(model, x[:, b : b + 1], 1, layer="neuron2").maps
        torch.testing.assert_close(cams[:, b : b + 1], alone, rtol=1e-4, atol=1e-7)


# ---- wrong axes

BOTH = pytest.mark.parametrize(
    "explain", [sam, lambda *a, **k: snn_grad_cam(*a, 1, **k)], ids=["sam", "snn_grad_cam"]
)


PASSES = []  # beside the network, which an explainer leaves as it was


class Sequence(nn.Module):
    """Takes [T, B, 3, H, W]; its layers see all steps at once.  What is turned has batch first."""

    def __init__(self, *turned, summed=False):
        super().__init__()
        self.turned, self.summed = turned, summed
        self.conv = layer.Conv2d(3, 4, 3, padding=1, step_mode="m")
        self.neuron = nn.Identity()
        self.read = nn.Linear(4, CLASSES)

    def turn(self, name, x):
        return x.transpose(0, 1) if name in self.turned else x

    def forward(self, x):
        PASSES.append(1)
        spikes = neuron.IFNode(0.2, step_mode="m")(self.conv(self.turn("input", x)))
        spikes = self.turn("layer", self.neuron(self.turn("layer", spikes)))
        scores = self.read(spikes.mean((3, 4)))
        return scores.sum(0) if self.summed else self.turn("scores", scores)


@BOTH
@pytest.mark.parametrize("summed", [True, False])
def test_time_first_is_accepted_whatever_the_sizes(explain, summed):
    for count in (1, 3, STEPS):
        explain(made(lambda: Sequence(summed=summed)), sequence(count), layer="neuron")


@BOTH
def test_a_second_pass_is_made_only_where_shapes_fit_both_ways(explain):
    for summed, count, passes in [(True, 3, 1), (True, STEPS, 2), (False, 3, 2), (False, 1, 1)]:
        model = made(lambda summed=summed: Sequence(summed=summed))
        PASSES.clear()
        explain(model, sequence(count), layer="neuron")
        assert len(PASSES) == passes, (summed, count)


@BOTH
@pytest.mark.parametrize("count", [3, STEPS])
@pytest.mark.parametrize("summed", [True, False])
def test_a_layer_with_the_batch_first_is_named(explain, count, summed):
    model = made(lambda: Sequence("layer", summed=summed))
    message = rf"'neuron' (put out|came as) \({count}, {STEPS}, 4, 8, 8\).* time first"
    with pytest.raises(ValueError, match=message):
        explain(model, sequence(count), layer="neuron")


@BOTH
@pytest.mark.parametrize("count", [3, STEPS])
def test_scores_with_the_batch_first_are_named(explain, count):
    model = made(lambda: Sequence("scores"))
    message = rf"class scores( are| came as)? \({count}, {STEPS}, {CLASSES}\).* time first"
    with pytest.raises(ValueError, match=message):
        explain(model, sequence(count), layer="neuron")


@BOTH
@pytest.mark.parametrize("count", [3, STEPS])
def test_a_network_that_has_the_batch_first_everywhere_is_named(explain, count):
    """All shapes agree with one another: the second pass alone can tell."""
    model = made(lambda: Sequence("input", "layer", "scores"))
    message = rf"'neuron' came as \({count}, {STEPS}, 4, 8, 8\), but the first image reaches"
    with pytest.raises(ValueError, match=message):
        explain(model, sequence(count).transpose(0, 1), layer="neuron")


@BOTH
@pytest.mark.parametrize("count", [3, STEPS])
def test_scores_of_images_with_the_batch_first_are_named(explain, count):
    net = nn.Module()
    net.inner = made(Norse)
    net.forward = lambda x: net.inner(x.expand(STEPS, *x.shape))[0].transpose(0, 1)
    message = rf"class scores are \({count}|1, {STEPS}, {CLASSES}\).* time first"
    with pytest.raises(ValueError, match=message):
        explain(net, pictures(count), layer="inner.neuron2")


@BOTH
def test_a_folded_layer_asks_for_its_steps_and_works_with_them(explain):
    model, x = made(Folded), sequence(3)
    with pytest.raises(ValueError, match=r"'neuron' put out \(15, 4, 8, 8\).* say steps=5"):
        explain(model, x, layer="neuron")
    assert explain(model, x, layer="neuron", steps=5).maps.shape == (5, 3, 8, 8)


@BOTH
@pytest.mark.parametrize("count", [3, STEPS])
def test_time_that_is_folded_behind_the_batch_is_named(explain, count):
    message = rf"'neuron' came as \({STEPS}, {count}, 4, 8, 8\).* \(folded: \[T \* B, ...\]\)"
    with pytest.raises(ValueError, match=message):
        explain(made(Folded, False), sequence(count), layer="neuron", steps=STEPS)


@BOTH
@pytest.mark.parametrize(
    ("make", "name", "steps", "message"),
    [
        (Folded, "neuron", 3, r"'neuron' put out \(3, 5, 4, 8, 8\).* say steps=5"),
        (Folded, "neuron", 4, r"put out \(15, 4, 8, 8\): 15 cannot be unfolded into 4 steps"),
        (Norse, "neuron2", 4, "'neuron2' ran for 5 steps, expected 4"),
        (Sequence, "neuron", 4, "'neuron' ran for 5 steps, expected 4"),
    ],
)
def test_wrong_steps_are_refused(explain, make, name, steps, message):
    with pytest.raises(ValueError, match=message):
        explain(made(make), sequence(3), layer=name, steps=steps)


class Reused(Norse):
    """One cell for both layers: its calls are twice the steps."""

    def __init__(self):
        super().__init__()
        self.neuron2 = self.neuron1


@BOTH
def test_a_cell_that_stands_at_two_places_is_refused(explain):
    model, x = made(Reused), sequence(3)
    with pytest.raises(ValueError, match="'neuron1' ran 10 times, at 2 places of the network"):
        explain(model, x, layer="neuron1")
    with pytest.raises(ValueError, match="'neuron1' ran 10 times, at 2 places of the network"):
        explain(model, x, layer="neuron1", steps=5)
    model.conv2 = nn.Conv2d(4, 4, 3)  # the second layer is smaller
    model.read = nn.Identity()
    model.forward = lambda x: model.neuron1(model.conv2(model.neuron1(model.conv1(x[0]))[0]))
    with pytest.raises(ValueError, match="'neuron1' ran 2 times, at 2 places of the network"):
        explain(model, x, layer="neuron1")


@BOTH
@pytest.mark.parametrize("scores", [torch.zeros(CLASSES), torch.zeros(1, 5, 2, CLASSES)])
def test_scores_of_another_shape_are_refused(explain, scores):
    model = made(SnnTorch)
    model.register_forward_hook(lambda *_: scores)
    with pytest.raises(ValueError, match=r"expected class scores \[B, K\], or \[T, B, K\]"):
        explain(model, pictures(), layer="neuron2")


@BOTH
def test_a_sequence_without_a_batch_is_refused(explain):
    """[T, C, H, W] in, [T, K] out: nothing but the layer's axes can show it."""
    model = made(SnnTorch)
    model.forward = lambda x: Block.forward(model, x.unsqueeze(0).transpose(0, 1))[:, 0]
    model.conv1.register_forward_hook(lambda m, a, y: y)
    model.neuron2.register_forward_hook(lambda m, a, y: (y[0][0], y[1]))
    with pytest.raises(ValueError, match=r"'neuron2' put out \(5, 4, 8, 8\), expected"):
        explain(model, sequence(1)[:, 0], layer="neuron2")


def test_what_the_model_puts_out_must_start_with_a_tensor():
    model = made(SnnTorch)
    model.register_forward_hook(lambda m, a, y: [y])
    with pytest.raises(TypeError, match="the model put out list, expected a tensor, or a tuple"):
        sam(model, pictures(), layer="neuron2")


class Noisy(Sequence):
    """Its input is a random one, drawn from the generator or from torch's own."""

    def forward(self, x, generator=None):
        return super().forward((torch.rand(x.shape, generator=generator) < x).float())


@BOTH
@pytest.mark.parametrize("count", [3, STEPS])
@pytest.mark.parametrize("own", [True, False], ids=["generator", "global"])
def test_random_encoders_cause_no_alarm_and_draw_no_more_than_one_pass(explain, count, own):
    model, x = made(lambda: Noisy(summed=True)), sequence(count)
    draws = {"generator": generator()} if own else {}
    with torch.random.fork_rng():
        torch.manual_seed(5)
        explain(model, x, layer="neuron", **draws)
        after = torch.rand(3, generator=draws.get("generator"))
        torch.manual_seed(5)
        fresh = generator() if own else None
        torch.rand(x.shape, generator=fresh)
        assert torch.equal(after, torch.rand(3, generator=fresh))


# ---- state that is left over


def spikingjelly_sequence():
    model = nn.Sequential(
        layer.Conv2d(3, 4, 3, padding=1), neuron.IFNode(0.2), layer.AdaptiveAvgPool2d(1),
        layer.Flatten(), layer.Linear(4, CLASSES),
    )  # fmt: skip
    functional.set_step_mode(model, "m")
    return model


def snntorch_hidden():
    return looped(nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), snntorch.Synaptic(0.9, 0.8, threshold=0.2, init_hidden=True),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, CLASSES),
    ))  # fmt: skip


class Forgetful(SnnTorch):
    """Says None where a state could be handed over: the neuron then goes on from its own."""

    def start(self, neuron):
        return None


KEEPERS = pytest.mark.parametrize(
    ("make", "x", "name", "reset"),
    [
        (spikingjelly_sequence, sequence(), "1", functional.reset_net),
        (lambda: looped(SpikingJelly()), pictures(), "net.neuron2", functional.reset_net),
        (snntorch_hidden, pictures(), "net.1", lambda model: utils.reset(model.net)),
        (Forgetful, pictures(), "neuron2", utils.reset),
    ],
    ids=["SpikingJelly, multi-step", "SpikingJelly, single step", "snnTorch, hidden", "snnTorch"],
)


def states(model):
    """All that its neurons keep."""
    found = {}
    for name, module in model.named_modules():
        if hasattr(module, "named_memories"):
            found |= {(name, key): value for key, value in module.named_memories()}
        found |= {(name, key): value for key, value in module.named_buffers(recurse=False)}
    return found


@KEEPERS
@BOTH
def test_the_state_of_an_earlier_pass_is_noticed(explain, make, x, name, reset):
    model = made(make)
    expected = explain(model, x, layer=name).maps
    with torch.no_grad():
        model(x)
    for again in (x, x[..., :6]):
        with pytest.raises(RuntimeError, match="still holds the state of an earlier pass; reset"):
            explain(model, again, layer=name)
    reset(model)
    assert torch.equal(explain(model, x, layer=name).maps, expected)


@KEEPERS
@BOTH
def test_explainers_in_a_row_need_no_reset(explain, make, x, name, reset):
    model = made(make)
    before = states(model)
    first = explain(model, x, layer=name).maps
    assert torch.equal(explain(model, x, layer=name).maps, first)
    now = states(model)
    assert before.keys() == now.keys()
    assert all(now[key] is value for key, value in before.items())


@KEEPERS
def test_states_are_given_back_also_when_something_raises(make, x, name, reset):
    model = made(make)
    before = states(model)
    with pytest.raises(ValueError, match="labels must lie in"):
        snn_grad_cam(model, x, 9, layer=name)
    with pytest.raises(ZeroDivisionError), given_back(model):
        model(x)
        raise ZeroDivisionError
    assert all(states(model)[key] is value for key, value in before.items())
    with pytest.raises(ValueError, match="no layer"):  # before anything is called
        snn_grad_cam(model, x, 1, layer="nowhere")
    assert not any(m._forward_pre_hooks or m._forward_hooks for m in model.modules())


def test_a_network_that_resets_itself_is_at_rest():
    model = made(spikingjelly_sequence)
    whole = nn.Module()
    whole.net = model
    whole.forward = lambda x: (functional.reset_net(model), model(x))[1]
    first = sam(whole, sequence(), layer="net.1").maps
    whole(sequence(3))
    assert torch.equal(sam(whole, sequence(), layer="net.1").maps, first)


def test_a_second_pass_starts_from_rest_too():
    model, x = made(spikingjelly_sequence), sequence(STEPS)
    expected = torch.cat([sam(model, x[:, [b]], layer="1").maps for b in range(STEPS)], dim=1)
    assert torch.equal(sam(model, x, layer="1").maps, expected)


def test_the_page_quotes_the_error():
    (quoted,) = re.findall(r"^RuntimeError: (.*)$", PAGE, flags=re.M)
    model, x = made(spikingjelly_sequence), sequence()
    model(x)
    with pytest.raises(RuntimeError, match=f"^{re.escape(quoted)}$"):
        sam(model, x, layer="1")


# ---- networks without spikes

CNNS = pytest.mark.parametrize(
    ("make", "name"),
    [
        (models.resnet18, "layer4"),
        (models.resnet18, "layer3.0.conv2"),
        (models.mobilenet_v3_small, "features.9"),
        (models.squeezenet1_1, "features.9"),
        (models.densenet121, "features.denseblock3"),
    ],
)


@CNNS
def test_cnns_of_torchvision_are_explained_as_by_captum(make, name):
    model = made(lambda: make(weights=None, num_classes=CLASSES))
    x, target, module = pictures(size=64), torch.tensor([2, 0]), model.get_submodule(name)
    theirs = LayerGradCam(model, module).attribute(x, target, relu_attributions=True)[:, 0]
    assert torch.equal(grad_cam(model, x, target, layer=name).maps, theirs.detach())
    theirs = LayerGradientXActivation(model, module).attribute(x, target).sum(1).clamp(min=0)
    assert torch.equal(hires_cam(model, x, target, layer=name).maps, theirs.detach())
    theirs = LayerActivation(model, module).attribute(x)
    for power in (1, 2):
        found = activation_map(model, x, layer=name, power=power)
        torch.testing.assert_close(found.maps, (theirs.abs() ** power).sum(1).detach())
        torch.testing.assert_close(found.logits, model(x).detach())
    assert theirs.any() and not model.training


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("layer4.1.bn2", "overwritten by a later layer; record that layer, or make it not in-pl"),
        ("layer4.1.relu", "ran 2 times, at 2 places of the network, so its calls are no steps"),
        ("avgpool", None),
        ("fc", r"'fc' put out \(2, 3\), expected \[B, C, H, W\]"),
    ],
)
def test_layers_of_a_cnn_that_cannot_be_explained_say_why(name, message):
    model = made(lambda: models.resnet18(weights=None, num_classes=CLASSES))
    if message is None:
        assert grad_cam(model, pictures(size=64), 1, layer=name).maps.shape == (2, 1, 1)
    else:
        with pytest.raises(ValueError, match=message):
            grad_cam(model, pictures(size=64), 1, layer=name)


# ---- HiResCAM, LayerCAM, activation map


def recorded(model, x, target, name, **given):
    with record(model, name, keep_graph=True) as recording:
        scores = model(x, **given)[range(len(x)), target].sum()
    return recording[name].detach(), torch.autograd.grad(scores, recording[name])[0]


@pytest.mark.parametrize(
    ("explain", "slow"), [(hires_cam, gradcam.hires_cam), (layer_cam, gradcam.layer_cam)]
)
@pytest.mark.parametrize("name", ["conv4", "conv4.norm"])  # the second's activity has both signs
@pytest.mark.parametrize("spiking", [False, True])
def test_cams_that_do_not_average_equal_their_loops(explain, slow, spiking, name):
    model, x, target = spiking_network() if spiking else relu_network(), images(), [4, 0]
    given = {"generator": generator()} if spiking else {}
    activity, gradient = recorded(model, x, target, name, **given)
    given = {"generator": generator()} if spiking else {}
    found = explain(model, x, torch.tensor(target), layer=name, **given)
    torch.testing.assert_close(found.maps, slow(activity, gradient), rtol=1e-10, atol=1e-14)
    assert found.maps.any() and found.layer == name
    assert found.method.lower() == explain.__name__.replace("_", "")


def test_where_the_gradient_is_the_same_everywhere_hires_cam_is_grad_cam():
    still, spiking, x = relu_network(), spiking_network("direct"), images()
    hires, cam = (explain(still, x, 1, layer="conv8").maps for explain in (hires_cam, grad_cam))
    torch.testing.assert_close(hires, cam, rtol=1e-12, atol=1e-15)
    hires = hires_cam(spiking, x, 1, layer="conv8").maps
    cam = snn_grad_cam(spiking, x, 1, layer="conv8", per_step=True).maps
    torch.testing.assert_close(hires, cam, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("power", [1, 2])
def test_the_activation_map_equals_its_loop(power):
    model, x = relu_network(), images()
    for name in ("conv6", "conv6.norm"):  # the second has negative activity
        activity, _ = recorded(model, x, [0, 0], name)
        found = activation_map(model, x, layer=name, power=power)
        torch.testing.assert_close(found.maps, gradcam.activation_map(activity, power))
        assert found.maps.min() >= 0


def test_the_activation_map_of_a_spiking_network_is_refused():
    with pytest.raises(ValueError, match="of a still network; for a spiking network use sam"):
        activation_map(spiking_network(), images(), layer="conv6")
