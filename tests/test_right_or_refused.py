"""What the library says of any network is right, or it raises and says what to do.  Each test here
was a map, an attack or a score that came out wrong without a word."""

import copy
import warnings

import numpy as np
import pytest
import snntorch
import snntorch.utils
import torch
from helpers.tiny import generator, spiking_network
from oracles import gradcam
from oracles import sam as oracle
from spikingjelly.activation_based import functional, layer, neuron
from spikingjelly.activation_based.model import maxformer, qkformer, sew_resnet, spikformer
from spikingjelly.activation_based.model import spike_driven_transformer as driven
from torch import nn
from torch.optim.swa_utils import AveragedModel
from torch.utils.checkpoint import checkpoint
from torchvision import models

from snnlab.attacks import fgsm, pgd
from snnlab.checks import check_spikes
from snnlab.evaluation import predict
from snnlab.explain import (
    activation_map,
    class_weighted_sam,
    grad_cam,
    hires_cam,
    layer_cam,
    neuronal_contribution_score,
    sam,
    sam_in_chunks,
    snn_grad_cam,
    spike_activation_map,
)
from snnlab.judge import baselines, faithfulness
from snnlab.neurons import LIF
from snnlab.passes import Network, run, scores

EXPLAINERS = {
    "sam": lambda net, x, **more: sam(net, x, graded=True, **more),
    "snn_grad_cam": lambda net, x, **more: snn_grad_cam(net, x, 1, **more),
    "hires_cam": lambda net, x, **more: hires_cam(net, x, 1, **more),
    "layer_cam": lambda net, x, **more: layer_cam(net, x, 1, **more),
    "class_weighted_sam": lambda net, x, **more: class_weighted_sam(net, x, 1, graded=True, **more),
}
ALL = pytest.mark.parametrize("explain", EXPLAINERS.values(), ids=EXPLAINERS)


def made(make, seed=1):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return make().double().eval()


def pictures(*shape):
    return torch.rand(*shape, generator=generator(3), dtype=torch.float64)


def read(model, x, name, target, to_maps=lambda output: output):
    """A layer's output and its gradient as [T, B, C, H, W], by a hook and autograd alone."""
    seen = []
    handle = model.get_submodule(name).register_forward_hook(lambda m, a, o: seen.append(o))
    functional.reset_net(model)
    out = model(x)
    handle.remove()
    out = out.sum(0) if out.ndim == 3 else out
    gradients = torch.autograd.grad(out[:, target].sum(), seen)
    functional.reset_net(model)
    both = (seen, gradients) if len(seen) > 1 else (seen[0], gradients[0])
    stacked = (torch.stack(part) if len(seen) > 1 else part for part in both)
    activity, gradient = (to_maps(part.detach()) for part in stacked)
    assert activity.any() and gradient.any()
    return activity, gradient


def pairs(sizes, gamma=0.5):
    """SAM's double loop, of spikes of any size."""
    maps = torch.zeros_like(sizes[:, :, 0])
    for t in range(len(sizes)):
        for before in range(t):
            maps[t] += (sizes[t] * sizes[before]).sum(1) * np.exp(-gamma * (t - before))
    return maps


def assert_explained(net, x, name, activity, gradient):
    """SAM, and Grad-CAM of class 1, are those of loops."""
    found = sam(net, x, layer=name, graded=True).maps
    torch.testing.assert_close(found, pairs(activity.abs()))
    found = snn_grad_cam(net, x, 1, layer=name).maps
    torch.testing.assert_close(found, gradcam.snn_grad_cam(activity, gradient))


# ---- spiking transformers: tokens, heads and pictures in one network


def low(net):
    """Thresholds that make random weights fire."""
    for module in net.modules():
        if isinstance(module, neuron.BaseNode):
            module.v_threshold = 0.01
    return net


TRANSFORMERS = {
    "Spikformer": lambda: low(spikformer.Spikformer(
        T=4, img_size_h=32, img_size_w=32, patch_size=4, num_classes=10, embed_dims=48,
        num_heads=4, depths=1,
    )),
    "SDT": lambda: low(driven.SpikeDrivenTransformer(
        T=4, num_classes=10, embed_dims=32, num_heads=4, depths=1, pooling_stat="1100"
    )),
    "MaxFormer": lambda: low(maxformer.MaxFormer(
        T=4, num_classes=10, embed_dims=32, depths=(1, 1, 1), cifar=True
    )),
    "QKFormer": lambda: low(qkformer.QKFormer(
        T=4, num_classes=10, embed_dims=32, num_heads=(1, 2, 2), depths=(1, 1, 1)
    )),
}  # fmt: skip
TOKENS = [
    ("Spikformer", "blocks.0.attn.attn_lif", "TBDCN"),
    ("Spikformer", "blocks.0.attn.proj_lif", "TBCN"),
    ("Spikformer", "blocks.0.mlp.neuron2", "TBCN"),
    ("MaxFormer", "stage3.0.attn.qkv_lif", "TBCN"),
    ("QKFormer", "stage1.0.attn.qk_lif", "TBCN"),
    ("QKFormer", "stage1.0.attn.attn_lif", "TBDCN"),
    ("QKFormer", "stage1.0.mlp.lif2", "TBCN"),
]
GRIDS = {"Spikformer": (8, 8), "SDT": (8, 8), "MaxFormer": (8, 8), "QKFormer": (8, 8)}


@pytest.mark.parametrize(("kind", "name", "axes"), TOKENS)
def test_tokens_are_explained_on_their_grid(kind, name, axes):
    model, x = made(TRANSFORMERS[kind]), pictures(2, 3, 32, 32)
    (height, width) = GRIDS[kind]

    def to_maps(output):  # row by row, heads and their channels one after the other
        return output.reshape(*output.shape[:2], -1, height, width)

    net = Network(model, axes={name: axes}, grid=GRIDS[kind])
    assert_explained(net, x, name, *read(model, x, name, 1, to_maps))
    by_function = Network(model, axes=to_maps)
    assert torch.equal(sam(by_function, x, layer=name).maps, sam(net, x, layer=name).maps)


@ALL
@pytest.mark.parametrize("count", [1, 3, 4])
@pytest.mark.parametrize(("kind", "name", "axes"), TOKENS[::2])
def test_tokens_and_heads_are_no_picture_whatever_their_number(explain, kind, name, axes, count):
    model, x = made(TRANSFORMERS[kind]), pictures(count, 3, 32, 32)
    for steps in (None, 4):
        with pytest.raises(ValueError, match="nothing shows that its last two axes are a picture"):
            explain(model, x, layer=name, steps=steps)


def test_a_square_of_tokens_and_channels_is_no_picture_either():
    """64 channels and 64 tokens, where the network has pictures of 64 x 64 and 8 x 8."""

    class Mixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.patch, self.neuron = nn.Conv2d(3, 64, 8, 8), nn.Identity()
            self.first, self.mix = nn.Conv2d(3, 3, 1), nn.Conv1d(64, 64, 1)

        def forward(self, x):
            tokens = self.mix(self.patch(self.first(x)).flatten(2))
            return self.neuron(tokens.expand(4, *tokens.shape)[:, None]).mean((0, 1, 3))

    with pytest.raises(ValueError, match="nothing shows"):
        sam(made(Mixed), pictures(2, 3, 64, 64), layer="neuron")


class Products(nn.Module):
    """Self-attention as in SpikingResformer: products of matrices, of 4 x 4 patches in a network
    that begins with pictures of 16 x 16."""

    def __init__(self):
        super().__init__()
        self.conv, self.early = nn.Conv2d(3, 4, 3, padding=1), nn.Identity()
        self.down, self.attention, self.late = nn.Conv2d(4, 8, 4, 4), nn.Identity(), nn.Identity()

    def forward(self, x):  # [B, 3, 16, 16] -> [T, B, 8]
        fired = torch.stack([(self.conv(x) > level).float() for level in (-0.2, 0.0, 0.2)])
        early = self.early(fired * self.conv(x).sigmoid())
        patches = self.down(early.flatten(0, 1)).unflatten(0, early.shape[:2]).relu()
        heads = patches.flatten(3).unflatten(2, (2, 4))  # [T, B, heads, 4, 16]
        attention = self.attention(heads.transpose(-1, -2) @ heads)
        return self.late((heads @ attention).reshape(patches.shape)).mean((3, 4))


@ALL
def test_attention_by_products_of_matrices_is_no_picture(explain):
    """[T, B, heads, 16, 16] of 16 tokens, where the network's first pictures are 16 x 16."""
    model, x = made(Products), pictures(2, 3, 16, 16)
    with pytest.raises(ValueError, match="'attention' put out .*nothing shows"):
        explain(model, x, layer="attention")
    for name in ("early", "late"):
        assert_explained(model, x, name, *read(model, x, name, 1))


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("Spikformer", "patch_embed.stages.0.neuron"),
        ("Spikformer", "blocks.0"),
        ("SDT", "patch_embed.stages.1.2"),
        ("SDT", "blocks.0"),
        ("SDT", "blocks.0.attn.q_lif"),
        ("SDT", "blocks.0.mlp.lif2"),
        ("MaxFormer", "patch_embed1.branch.0"),
        ("MaxFormer", "stage1.0.lif2"),
        ("MaxFormer", "stage3.0.mlp.lif2"),
    ],
)
def test_blocks_that_put_out_pictures_are_explained_as_they_are(kind, name):
    model, x = made(TRANSFORMERS[kind]), pictures(2, 3, 32, 32)
    assert_explained(model, x, name, *read(model, x, name, 1))


@pytest.mark.parametrize("name", ["patch_embed1.lif3", "stage1.0", "stage2.0", "stage3.0"])
def test_pictures_that_could_be_later_tokens_are_explained(name):
    """QKFormer halves its grid at each stage: 16 is also the number of the last one's tokens."""
    model, x = made(TRANSFORMERS["QKFormer"]), pictures(2, 3, 64, 64)
    assert_explained(model, x, name, *read(model, x, name, 1))


def test_whole_blocks_that_add_their_spikes_up():
    model = made(lambda: sew_resnet.sew_resnet18(
        spiking_neuron=neuron.IFNode, cnf="ADD", v_threshold=0.1, num_classes=4
    ))  # fmt: skip
    functional.set_step_mode(model, "m")
    x = pictures(4, 2, 3, 16, 16)
    for name in ("layer1.0", "layer1.1", "layer2.0"):
        activity, gradient = read(model, x, name, 1)
        assert activity.max() > 1  # of several neurons
        assert_explained(model, x, name, activity, gradient)


def test_a_class_token_can_be_left_out_by_a_function():
    class Vision(nn.Module):
        def __init__(self):
            super().__init__()
            self.patch, self.block, self.fc = (
                nn.Conv2d(3, 6, 4, 4),
                nn.LayerNorm(6),
                nn.Linear(6, 3),
            )

        def forward(self, x):
            tokens = self.patch(x).flatten(2).transpose(1, 2)
            tokens = torch.cat([tokens.mean(1, keepdim=True), tokens], 1)
            return self.fc(self.block(tokens)[:, 1:].mean(1))

    model, x = made(Vision), pictures(2, 3, 16, 12)
    with pytest.raises(ValueError, match="'block' put out"):
        grad_cam(model, x, 1, layer="block")
    net = Network(model, axes=lambda out: out[:, 1:].transpose(1, 2).unflatten(2, (4, 3)))
    out = model.block(model.patch(x).flatten(2).transpose(1, 2)).transpose(1, 2)
    expected = activation_map(net, x, layer="block").maps
    torch.testing.assert_close(expected, out.abs().sum(1).unflatten(1, (4, 3)).detach())
    assert grad_cam(net, x, 1, layer="block").maps.shape == (2, 4, 3)


def test_pictures_with_channels_last_are_refused_or_told():
    model = made(lambda: models.convnext_tiny(num_classes=3))
    x = pictures(2, 3, 64, 64)
    name = "features.1.0.block.2"  # a layer norm: [B, H, W, C]
    with pytest.raises(ValueError, match="nothing shows"):
        activation_map(model, x, layer=name)
    found = activation_map(Network(model, axes={name: "BHWC", "": "BCHW"}), x, layer=name).maps
    seen = []
    handle = model.get_submodule(name).register_forward_hook(lambda m, a, o: seen.append(o))
    model(x)
    handle.remove()
    torch.testing.assert_close(found, seen[0].detach().abs().sum(-1))


# ---- axes that are others than time first


class Ordered(nn.Module):
    """Events [T, B, 2, H, W] in, in another order; so are its spikes and its scores."""

    def __init__(self, axes):
        super().__init__()
        self.axes = axes
        self.conv, self.fc = nn.Conv2d(2, 5, 3, padding=1), nn.Linear(5, 4)
        self.lif, self.show = LIF(0.9), nn.Identity()

    def there(self, x):
        return {"BTCHW": lambda: x.transpose(0, 1), "BCHWT": lambda: x.movedim(0, -1),
                "(BT)CHW": lambda: x.transpose(0, 1).flatten(0, 1),
                "(TB)CHW": lambda: x.flatten(0, 1)}[self.axes]()  # fmt: skip

    def back(self, x):
        return {"BTCHW": lambda: x.transpose(0, 1), "BCHWT": lambda: x.movedim(-1, 0),
                "(BT)CHW": lambda: x.unflatten(0, (-1, 6)).transpose(0, 1),
                "(TB)CHW": lambda: x.unflatten(0, (6, -1))}[self.axes]()  # fmt: skip

    def forward(self, x):
        x = self.back(x)
        spikes = self.lif(4 * self.conv(x.flatten(0, 1)).unflatten(0, x.shape[:2]))
        seen = self.back(self.show(self.there(spikes)))
        out = self.fc(seen.mean((3, 4)))  # [T, B, K]
        return (
            self.there(out[..., None, None])[..., 0, 0]
            if self.axes != "BCHWT"
            else out.permute(1, 2, 0)
        )


@pytest.mark.parametrize("axes", ["BTCHW", "BCHWT", "(BT)CHW", "(TB)CHW"])
@pytest.mark.parametrize("count", [1, 3, 6])
def test_any_order_of_the_axes_can_be_told(axes, count):
    model = made(lambda: Ordered(axes))
    x = (pictures(6, count, 2, 8, 8) < 0.4).double()
    net = Network(model, axes=axes, steps=6)
    spikes = model.lif(4 * model.conv(x.flatten(0, 1)).unflatten(0, x.shape[:2]))
    logits = model.fc(spikes.mean((3, 4))).sum(0)
    given, labels = model.there(x), torch.arange(count) % 4
    found = sam(net, given, layer="show")
    torch.testing.assert_close(found.maps, oracle.spike_activation_map(spikes.detach(), 0.5))
    torch.testing.assert_close(found.logits, logits.detach())
    (gradient,) = torch.autograd.grad(logits.gather(1, labels[:, None]).sum(), spikes)
    expected = gradcam.snn_grad_cam(spikes.detach(), gradient)
    torch.testing.assert_close(snn_grad_cam(net, given, labels, layer="show").maps, expected)
    torch.testing.assert_close(predict(net, given, batch=2), logits.detach())
    attacked = fgsm(net, given, labels, epsilon=0.1)
    assert attacked.shape == given.shape and (attacked != given).any()


@ALL
@pytest.mark.parametrize("count", [3, 6])
@pytest.mark.parametrize("blank", [None, 0.0, 1.0])
def test_a_first_bin_without_events_does_not_hide_the_order(explain, count, blank):
    """A witness that changes nothing proves nothing."""
    model = made(lambda: Ordered("BTCHW"))
    for bias in (model.conv.bias, model.fc.bias):
        nn.init.zeros_(bias)
    x = (pictures(count, 6, 2, 8, 8) < 0.4).double()
    if blank is not None:
        x[:, 0] = blank
    with pytest.raises(ValueError, match="time first|tell apart|told apart"):
        explain(model, x, layer="show")


def test_an_input_that_cannot_be_changed_is_said_not_passed():
    model = made(lambda: Ordered("BTCHW"))
    with pytest.raises(ValueError, match="the same everywhere; say the axes"):
        sam(model, torch.ones(6, 3, 2, 8, 8).double(), layer="show")


def test_batch_statistics_are_no_wrong_axis():
    class Normed(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = layer.Conv2d(3, 4, 3, padding=1, step_mode="m")
            self.norm = layer.BatchNorm2d(4, track_running_stats=False, step_mode="m")
            self.lif, self.fc = LIF(0.9), nn.Linear(4, 3)

        def forward(self, x):
            return self.fc(self.lif(self.norm(self.conv(x))).mean((3, 4)))

    model, x = made(Normed), pictures(4, 2, 3, 8, 8)
    with pytest.raises(ValueError, match="normalised together by 'norm'"):
        sam(model, x, layer="lif")
    assert sam(Network(model, axes="TBCHW"), x, layer="lif").maps.any()


@pytest.mark.wrong_input
@pytest.mark.parametrize(
    ("axes", "grid", "message"),
    [
        ("TBXHW", None, "axes are spelled"),
        ("TBCN", None, "axes are spelled"),
        ("TBHW", None, "axes are spelled"),
        ("TTBCHW", None, "stands twice"),
    ],
)
def test_misspelled_axes_are_refused(axes, grid, message):
    with pytest.raises(ValueError, match=message):
        Network(nn.Identity(), axes=axes, grid=grid)


def test_told_axes_that_do_not_fit_are_refused():
    model, x = made(TRANSFORMERS["Spikformer"]), pictures(2, 3, 32, 32)
    for grid in ((8, 9), (4, 4)):
        with pytest.raises(ValueError, match="which is not 'TBCN', H = "):
            sam(Network(model, axes="TBCN", grid=grid), x, layer="blocks.0.mlp.neuron2")


# ---- modules at several places


class Siamese(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.ReLU())
        self.fc = nn.Linear(12, 4)

    def forward(self, x):
        return self.fc(torch.cat([self.enc(x).mean((2, 3)), self.enc(x.flip(-1)).mean((2, 3))], 1))


class Shared(nn.Module):
    """One layer of neurons at two places of a container, in a loop over time."""

    def __init__(self):
        super().__init__()
        lif = neuron.IFNode(0.1)
        self.net = nn.Sequential(
            nn.Conv2d(3, 6, 3, padding=1), lif, nn.Conv2d(6, 6, 3, padding=1), lif
        )
        self.fc = nn.Linear(6, 4)

    def forward(self, x):
        return sum(self.fc(self.net(x).mean((2, 3))) for _ in range(4))


@pytest.mark.parametrize(("make", "name"), [(Siamese, "enc"), (Shared, "net.1")])
def test_a_module_at_several_places_is_noticed_by_all(make, name):
    model, x = made(make), pictures(2, 3, 8, 8)
    more = {
        "grad_cam": lambda net, x, **more: grad_cam(net, x, 1, **more),
        "activation_map": activation_map,
    }
    for explain in (EXPLAINERS | more).values():
        with pytest.raises(ValueError, match="at 2 places of the network"):
            explain(model, x, layer=name)


# ---- states


class Remembers(nn.Module):
    """Of no library that is known: keeps its membrane, as an attribute or in a buffer, in place."""

    def __init__(self, how):
        super().__init__()
        self.how = how
        if how == "buffer":
            self.register_buffer("mem", torch.zeros(()))
        else:
            self.mem = [None] if how == "list" else None

    def forward(self, x):
        kept = self.mem[0] if self.how == "list" else self.mem
        u = x if kept is None else 0.9 * kept + x
        smooth = torch.sigmoid(u - 0.3)
        s = (u > 0.3).to(x) + (smooth - smooth.detach())
        if self.how == "list":
            self.mem[0] = (u - s).detach()
        else:
            self.mem = (u - s).detach()
        return s


class Steps(nn.Module):
    def __init__(self, how):
        super().__init__()
        self.conv, self.lif, self.fc = (
            nn.Conv2d(3, 5, 3, padding=1),
            Remembers(how),
            nn.Linear(5, 4),
        )

    def forward(self, x):
        return sum(self.fc(self.lif(self.conv(x)).mean((2, 3))) for _ in range(5))


def forget(model):
    mem = model.lif.mem
    model.lif.mem = {"buffer": torch.zeros_like(mem) if model.lif.how == "buffer" else None,
                     "list": [None], "attribute": None}[model.lif.how]  # fmt: skip


@pytest.mark.parametrize("how", ["attribute", "list", "buffer"])
def test_states_of_unknown_libraries_are_given_back(how):
    model, x, y = made(lambda: Steps(how)), pictures(2, 3, 8, 8), torch.tensor([1, 3])
    truth = model(x).detach()
    forget(model)
    calls = {
        "sam": lambda: sam(model, x, layer="lif").maps,
        "cam": lambda: snn_grad_cam(model, x, y, layer="lif").maps,
        "scores": lambda: scores(model, x),
        "predict": lambda: predict(model, torch.cat([x, x]), batch=2),
        "pgd": lambda: pgd(model, x, y, epsilon=0.1, step_size=0.05, steps=3, random_start=False),
        "deletion": lambda: faithfulness.deletion(model, x, x.mean(1), y, steps=3),
        "silencing": lambda: faithfulness.effect_of_silencing(model, x, y, layer="lif"),
    }
    first = {name: call() for name, call in calls.items()}
    for name, call in calls.items():
        assert torch.equal(call(), first[name]), name
    assert torch.equal(first["scores"], truth)
    assert torch.equal(first["predict"], torch.cat([truth, truth]))
    assert torch.equal(model(x), truth)  # as from rest


@pytest.mark.parametrize("how", ["attribute", "list", "buffer"])
def test_a_state_that_is_left_over_is_noticed_and_reset_takes_any_callable(how):
    model, x = made(lambda: Steps(how)), pictures(2, 3, 8, 8)
    expected = sam(model, x, layer="lif").maps
    with torch.no_grad():
        model(x)
    left = copy.deepcopy(model.lif.mem)
    for call in (lambda net: sam(net, x, layer="lif").maps, lambda net: scores(net, x)):
        with pytest.raises(RuntimeError, match="'lif.mem' still holds the state .* reset=..."):
            call(model)
    described = Network(model, reset=forget)
    assert torch.equal(sam(described, x, layer="lif").maps, expected)
    now = model.lif.mem
    assert torch.equal(*(m[0] if how == "list" else m for m in (now, left)))  # given back, too


def test_what_a_network_notes_down_is_no_state():
    class Notes(Steps):
        def forward(self, x):
            self.seen = getattr(self, "seen", [])[-3:] + [x.detach() + 1]
            return super().forward(x)

    model, x = made(lambda: Notes("attribute")), pictures(2, 3, 8, 8)
    model(x)
    forget(model)
    assert sam(model, x, layer="lif").maps.any() and len(model.seen) == 1


class Nested(nn.Module):
    """Neurons of snnTorch that are no direct children."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1), snntorch.Leaky(0.9, threshold=0.2, init_hidden=True),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3),
        )  # fmt: skip

    def forward(self, x):
        return sum(self.net(x) for _ in range(5))


def test_the_advice_resets_neurons_wherever_they_stand():
    model, x = made(Nested).float(), pictures(2, 3, 8, 8).float()
    expected = sam(model, x, layer="net.1").maps
    with torch.no_grad():
        model(x)
    with pytest.raises(RuntimeError, match="still holds") as raised:
        sam(model, x, layer="net.1")
    advice = str(raised.value).rpartition(": ")[2]
    eval(advice, {"model": model, "snntorch": snntorch})
    assert torch.equal(sam(model, x, layer="net.1").maps, expected)


@pytest.mark.parametrize("judge", ["predict", "fgsm", "deletion", "silencing"])
def test_attacks_and_judges_start_from_rest(judge):
    net = nn.Sequential(
        layer.Conv2d(3, 8, 3, padding=1), neuron.IFNode(0.3), layer.AdaptiveAvgPool2d(1),
        layer.Flatten(), layer.Linear(8, 4),
    )  # fmt: skip
    model = made(lambda: net)
    whole = nn.Module()
    whole.net = model
    whole.forward = lambda x: sum(model(x) for _ in range(6))
    clean = nn.Module()
    clean.net = model
    clean.forward = lambda x: (functional.reset_net(model), whole.forward(x))[1]
    x, y = pictures(2, 3, 8, 8), torch.tensor([1, 2])
    calls = {
        "predict": lambda net: predict(net, x.repeat(3, 1, 1, 1), batch=2),
        "fgsm": lambda net: fgsm(net, x, y, epsilon=0.03, samples=2),
        "deletion": lambda net: faithfulness.deletion(net, x, x.mean(1), y, steps=3),
        "silencing": lambda net: faithfulness.effect_of_silencing(net, x, y, layer="net.1"),
    }
    expected = calls[judge](clean)
    functional.reset_net(model)
    assert torch.equal(calls[judge](whole), expected)
    assert model[1].v == 0.0
    with torch.no_grad():
        model(x)
    with pytest.raises(RuntimeError, match="'net.1' still holds"):
        calls[judge](whole)


def test_streams_side_by_side_own_their_states():
    model = spiking_network("direct").float()
    spikes = pictures(4, 1, 3, 32, 32).float()
    whole = {name: sam(model, None, layer=name, spikes=spikes).total for name in ("conv2", "conv4")}
    streams = [sam_in_chunks(model, spikes.split(2), layer=name) for name in whole]
    found = {name: 0 for name in whole}
    for parts in zip(*streams, strict=True):
        with torch.no_grad():
            model(spikes=spikes)  # a call in between
        for name, part in zip(found, parts, strict=True):
            found[name] = found[name] + part.total
    for name in whole:
        torch.testing.assert_close(found[name], whole[name])
    half = sam_in_chunks(model, spikes.split(2), layer="conv4")
    expected = model(spikes=spikes)
    next(half)  # is held, half read
    assert torch.equal(model(spikes=spikes), expected)


# ---- gradients


class Blind(nn.Module):
    """A neuron as SpikingJelly had them before 2.0: no surrogate gradient in eval mode."""

    def __init__(self, scores_change=False):
        super().__init__()
        self.scores_change = scores_change

    def forward(self, u):
        spikes = (u > 0.2).to(u)
        if not self.training:
            return spikes
        smooth = torch.sigmoid(4 * (u - 0.2))
        return spikes + (smooth - smooth.detach()) + 0.1 * self.scores_change


class Residual(nn.Module):
    """Paths lead around the later neurons."""

    def __init__(self, make):
        super().__init__()
        self.first, self.lif = nn.Conv2d(3, 6, 3, padding=1), make()
        self.conv, self.norm = nn.Conv2d(6, 6, 3, padding=1), nn.BatchNorm2d(6)
        self.late, self.fc = make(), nn.Linear(6, 4)

    def forward(self, x):
        steps = []
        for t in range(4):
            one = self.lif(self.first(x * (1 + t)))
            steps.append(self.fc((one + self.late(self.norm(self.conv(one)))).mean((2, 3))))
        return torch.stack(steps)


def test_neurons_without_a_gradient_in_eval_mode_run_alone_in_train_mode():
    model, x = made(lambda: Residual(Blind)), pictures(2, 3, 8, 8)
    model.late.train(), model.lif.train()
    activity, gradient = read(model, x, "lif", 1)
    model.eval()
    assert_explained(model, x, "lif", activity, gradient)
    assert not any(module.training for module in model.modules())
    assert model.norm.num_batches_tracked == 0  # the batch norm stayed in eval mode
    adversarial = fgsm(model, x, 1, epsilon=0.03)
    model.late.train(), model.lif.train()
    given = x.clone().requires_grad_()
    loss = nn.functional.cross_entropy(model(given).sum(0), torch.tensor([1, 1]), reduction="sum")
    (slope,) = torch.autograd.grad(loss, given)
    torch.testing.assert_close(adversarial, (x + 0.03 * slope.sign()).clamp(0, 1))


def test_neurons_that_have_none_in_either_mode_are_named():
    x = pictures(2, 3, 8, 8)
    for make, why in [
        (lambda: Blind(scores_change=True), "in train mode the scores are others"),
        (lambda: neuron.OTTTLIFNode(v_threshold=0.2), "in train mode: "),
    ]:
        with pytest.raises(
            ValueError, match=f"'late' .* passes no gradient on in eval mode, {why}"
        ):
            snn_grad_cam(made(lambda make=make: Residual(make)), x, 1, layer="lif")


@pytest.mark.parametrize("kind", ["ComplementaryLIFNode", "SLTTLIFNode"])
def test_neurons_of_spikingjelly_without_a_gradient_in_eval_mode(kind):
    make = getattr(neuron, kind)
    model, x = made(lambda: Residual(lambda: make(v_threshold=0.2))), pictures(2, 3, 8, 8)
    for module in (model.lif, model.late):
        module.train()
    activity, gradient = read(model, x, "lif", 1)
    model.eval()
    assert_explained(model, x, "lif", activity, gradient)


@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpoints_with_re_entry_are_named(reentrant):
    class Checked(Siamese):
        def forward(self, x):
            found = checkpoint(self.enc, x, use_reentrant=reentrant)
            return self.fc(torch.cat([found.mean((2, 3)), x.mean((2, 3)).repeat(1, 2)], 1))

    model, x = made(Checked), pictures(2, 3, 8, 8)
    if reentrant:
        with pytest.raises(ValueError, match="checkpoint"):
            grad_cam(model, x, 1, layer="enc.1")
    else:
        assert grad_cam(model, x, 1, layer="enc.1").maps.any()


@pytest.mark.parametrize("where", ["inside", "images"])
def test_everything_works_under_inference_mode(where):
    model, x = made(lambda: Ordered("(TB)CHW")), pictures(12, 2, 8, 8)
    net = Network(model, axes="(TB)CHW", steps=6)
    calls = [
        lambda x: sam(net, x, layer="show").maps,
        lambda x: snn_grad_cam(net, x, torch.tensor([1, 2]), layer="show").maps,
        lambda x: fgsm(net, x, torch.tensor([1, 2]), epsilon=0.1),
    ]
    for call in calls:
        expected = call(x)
        with torch.inference_mode():
            there = x.clone()
            found = call(there) if where == "inside" else None
        found = call(there) if found is None else found
        torch.testing.assert_close(found, expected)


def test_in_place_work_is_noticed_under_inference_mode():
    model = models.resnet18(num_classes=4).eval()
    with torch.inference_mode(), pytest.raises(ValueError, match="overwritten by a later layer"):
        activation_map(model, torch.rand(1, 3, 64, 64), layer="layer4.1.bn2")


# ---- seeds


class Draws(nn.Module):
    """Draws from PyTorch's own generator."""

    def __init__(self):
        super().__init__()
        self.conv, self.fc = nn.Conv2d(3, 4, 3, padding=1), nn.Linear(4, 3)

    def forward(self, x):
        seen = [self.conv((torch.rand_like(x) < x).to(x)) for _ in range(4)]
        return self.fc(torch.stack(seen).mean((0, 3, 4)))


WRAPPED = {
    "DataParallel": nn.DataParallel,
    "averaged": AveragedModel,
    "compiled": lambda net: torch.compile(net, backend="eager"),
    "bare": lambda net: net,
}


@pytest.mark.parametrize("wrap", WRAPPED.values(), ids=WRAPPED)
def test_seeds_reach_wrapped_networks(wrap):
    bare, x = spiking_network().float(), pictures(2, 3, 32, 32).float()
    expected = sam(bare, x, layer="conv4", generator=generator()).maps
    net = wrap(copy.deepcopy(bare))
    for _ in range(2):
        assert torch.equal(sam(net, x, layer="conv4", generator=generator()).maps, expected)
        assert torch.equal(predict(net, x, seed=3), predict(bare, x, seed=3))
    first, second = (fgsm(net, x, 1, epsilon=0.1, generator=generator()) for _ in range(2))
    assert torch.equal(first, second)


def test_seeds_reach_networks_that_draw_from_torch_itself():
    model, x = made(Draws), pictures(2, 3, 8, 8)
    before = torch.get_rng_state()
    first, second = (
        sam(model, x, layer="conv", graded=True, generator=generator()).maps for _ in "ab"
    )
    assert torch.equal(first, second) and torch.equal(torch.get_rng_state(), before)
    draws = generator()
    first, second = (scores(model, x, generator=draws) for _ in "ab")
    assert not torch.equal(first, second)  # the generator moved on
    still, draws = Siamese().eval(), generator()
    scores(still, x.float(), generator=draws)
    assert torch.equal(draws.get_state(), generator().get_state())  # nothing was drawn


@pytest.mark.wrong_input
def test_a_seed_in_a_generators_place_is_refused():
    with pytest.raises(ValueError, match="expected a torch.Generator, got 7"):
        scores(Siamese().eval(), torch.rand(1, 3, 8, 8), generator=7)


# ---- as people call it


def test_layers_are_names_modules_or_several_in_one_pass():
    model, x, calls = made(lambda: Steps("attribute")), pictures(2, 3, 8, 8), []
    model.register_forward_hook(lambda *_: calls.append(1))
    by_name = sam(model, x, layer="lif")
    assert torch.equal(sam(model, x, layer=model.lif).maps, by_name.maps)
    calls.clear()
    both = snn_grad_cam(model, x, 1, layer=["conv", model.lif])
    assert list(both) == ["conv", "lif"] and len(calls) == 1
    for name, one in both.items():
        torch.testing.assert_close(one.maps, snn_grad_cam(model, x, 1, layer=name).maps)
        assert one.layer == name
    with pytest.raises(ValueError, match="not a part of the model"):
        sam(model, x, layer=nn.Identity())


def test_targets_are_a_class_one_each_none_or_a_function():
    model, x = made(Siamese), pictures(3, 3, 8, 8)
    guess = model(x).argmax(1)
    assert torch.equal(
        grad_cam(model, x, None, layer="fc_map").maps if False else scores(model, x).argmax(1),
        guess,
    )
    spiking = made(lambda: Steps("attribute"))
    guess = scores(spiking, x).argmax(1)
    expected = snn_grad_cam(spiking, x, guess, layer="lif").maps
    assert torch.equal(snn_grad_cam(spiking, x, None, layer="lif").maps, expected)
    found = snn_grad_cam(spiking, x, lambda s: s[:, 2], layer="lif").maps
    assert torch.equal(found, snn_grad_cam(spiking, x, 2, layer="lif").maps)
    with pytest.raises(ValueError, match=r"a number for each image, \[3\], got \(3, 4\)"):
        snn_grad_cam(spiking, x, lambda s: s, layer="lif")


def test_scores_and_arguments_of_foreign_networks():
    class Dictionary(Steps):
        def forward(self, x, scale):
            return {"hidden": x, "logits": scale * super().forward(x)}

    model, x = made(lambda: Dictionary("attribute")), pictures(2, 3, 8, 8)
    net = Network(model, scores=lambda out: out["logits"], arguments={"scale": 2.0})
    expected = model(x, 2.0)["logits"].detach()
    forget(model)
    torch.testing.assert_close(scores(net, x), expected)
    assert fgsm(net, x, 1, epsilon=0.1).shape == x.shape
    with pytest.raises(TypeError, match="the model put out dict"):
        scores(Network(model, arguments={"scale": 2.0}), x)


@pytest.mark.wrong_input
@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.zeros((1, 3, 8, 8)), "expected a tensor, got ndarray"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.bool), "expected floats, got torch.bool"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.uint8), "expected floats, got torch.uint8"),
        (torch.zeros(1, 3, 8, 8).to_sparse(), "use x.to_dense()"),
    ],
)
def test_inputs_that_are_no_dense_floats_are_refused_by_name(given, message):
    with pytest.raises(ValueError, match=message):
        grad_cam(Siamese().eval(), given, 1, layer="enc")


def test_one_output_has_no_probability():
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(4, 1),
    ).eval()  # fmt: skip
    x = torch.rand(2, 3, 8, 8)
    calls = [
        lambda net: faithfulness.deletion(net, x, torch.rand(2, 8, 8), 0, steps=2),
        lambda net: fgsm(net, x, 0, epsilon=0.1),
    ]
    two = Network(model, scores=lambda z: torch.cat([torch.zeros_like(z), z], 1))
    for call in calls:
        with pytest.raises(ValueError, match="the network has one output"):
            call(model)
        call(two)
    with pytest.raises(ValueError, match=r"the model put out \(2,\), expected class scores"):
        grad_cam(nn.Sequential(model, nn.Flatten(0)), x, 0, layer="0.1")


def test_attacks_on_sequences_count_images_not_steps():
    model = made(lambda: Ordered("(TB)CHW"))
    whole = nn.Module()
    whole.net = model
    whole.forward = lambda x: model(x.flatten(0, 1)).unflatten(0, x.shape[:2])[:4].sum(0)
    # The answer is read at step 4, so later ones get no gradient.
    x = (pictures(6, 2, 2, 8, 8) < 0.3).double()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        attacked = fgsm(whole, x, torch.tensor([1, 2]), epsilon=0.1)
    assert ((attacked - x)[:, 0].any(), (attacked - x)[:, 1].any()) == (True, True)
    half = nn.Module()
    half.net = whole
    half.forward = lambda x: whole(torch.stack([x[:, 0], x[:, 1].detach()], 1))
    with pytest.warns(UserWarning, match="of 1 of 2 images"):
        fgsm(half, x, torch.tensor([1, 2]), epsilon=0.1)


# ---- numbers


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_summed_in_float32(dtype):
    spikes = (torch.rand(300, 1, 64, 3, 3, generator=generator()) < 0.7).to(dtype)
    for gamma in (0.0, 0.05, 0.5):
        exact = spike_activation_map(spikes.double(), gamma)
        found = spike_activation_map(spikes, gamma)
        assert found.dtype == torch.float32
        torch.testing.assert_close(found.double(), exact, rtol=1e-5, atol=1e-3)
    ones = torch.ones(600, 1, 1, 1, 1, dtype=dtype)
    assert neuronal_contribution_score(ones, 0.0)[-1].item() == 599
    assert baselines.rate_map(ones).item() == 1.0


def test_pixels_too_coarse_for_the_ball_are_refused():
    x = torch.rand(2, 3, 8, 8).bfloat16()
    with pytest.raises(ValueError, match="too coarse for epsilon 0.031"):
        fgsm(Siamese().bfloat16().eval(), x, 1, epsilon=8 / 255)


def test_a_single_step_has_no_intervals_and_says_so():
    model = made(lambda: Ordered("(TB)CHW"))
    whole = nn.Module()
    whole.net = model
    whole.forward = lambda x: model.fc(model.show(model.lif(model.conv(x)[None])).mean((0, 3, 4)))
    with pytest.warns(UserWarning, match="a single step, and SAM, .* is 0 there by definition"):
        assert not sam(whole, pictures(2, 2, 8, 8), layer="net.show").maps.any()


def test_graded_spikes_count_by_their_size():
    s = torch.randint(-2, 4, (7, 2, 3, 2, 2), generator=generator()).double()
    with pytest.raises(ValueError, match="got also -2, -1, 2, 3; .* say graded=True"):
        spike_activation_map(s)
    torch.testing.assert_close(spike_activation_map(s, graded=True), pairs(s.abs()))
    ordinary = (s > 0).double()
    expected = oracle.spike_activation_map(ordinary, 0.5)
    torch.testing.assert_close(spike_activation_map(ordinary, graded=True), expected)
    with pytest.raises(ValueError, match="the authors' code"):
        spike_activation_map(s, variant="authors-code", graded=True)


def test_rounding_near_0_and_1_is_no_other_spike():
    s = (torch.rand(5, 1, 2, 3, 3, generator=generator()) < 0.5).double()
    noisy = s + 5e-7 * torch.rand(s.shape, generator=generator(), dtype=s.dtype)
    assert check_spikes(noisy) and not check_spikes(s)
    assert torch.equal(spike_activation_map(noisy), spike_activation_map(s))
    with pytest.raises(ValueError, match="0 or 1"):
        spike_activation_map(s + 2e-6)


def test_compiled_networks_are_recorded_before_and_after_their_first_call():
    model, x = made(lambda: Steps("attribute")), pictures(2, 3, 8, 8)
    expected = sam(model, x, layer="lif").maps
    compiled = torch.compile(model, backend="eager")
    assert torch.equal(sam(compiled, x, layer="lif").maps, expected)
    scores(compiled, x)
    assert torch.equal(sam(compiled, x, layer="_orig_mod.lif").maps, expected)


def test_a_pass_of_several_layers_is_one():
    model, x = made(lambda: Steps("attribute")), pictures(2, 3, 8, 8)
    assert list(run(model, ("conv", "lif"), x)) == ["conv", "lif"]
