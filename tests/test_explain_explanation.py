import copy
import dataclasses
import pickle

import matplotlib
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers.tiny import generator, images
from PIL import Image
from safetensors.torch import save_file

from snnlab import data, encoding, explain, plotting
from snnlab.explain import Explanation
from snnlab.models import SpikingVGG
from snnlab.recording import record

matplotlib.use("Agg")


def explanation(*shape):
    maps = torch.rand(*shape, generator=generator(), dtype=torch.float64)
    return Explanation(maps, torch.zeros(shape[-3], 5), "conv6", "a method")


def test_total_is_the_sum_over_the_steps():
    sequence, still = explanation(4, 2, 3, 3), explanation(2, 3, 3)
    torch.testing.assert_close(sequence.total, sum(sequence.maps))
    assert torch.equal(still.total, still.maps)


@pytest.mark.parametrize("shape", [(4, 2, 3, 5), (2, 3, 5)])
@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (12, (12, 12)),
        ((6, 20), (6, 20)),
        ([6, 20], (6, 20)),
        (torch.zeros(3, 9, 7).shape[-2:], (9, 7)),
    ],
)
def test_upsampled_is_bilinear_map_by_map(shape, size, expected):
    found = explanation(*shape)
    up = found.upsampled(size)
    assert up.shape == (*shape[:-2], *expected)
    for one, other in zip(found.maps.flatten(0, -3), up.flatten(0, -3), strict=True):
        big = F.interpolate(one[None, None], expected, mode="bilinear", align_corners=False)
        assert torch.equal(other, big[0, 0])


def test_upsampling_keeps_a_constant_map():
    flat = Explanation(torch.full((2, 3, 3), 0.7), torch.zeros(2, 5), "conv6", "flat")
    torch.testing.assert_close(flat.upsampled(64), torch.full((2, 64, 64), 0.7))


def test_upsampling_by_2_follows_the_half_pixel_convention():
    row = Explanation(torch.tensor([[[0.0, 1.0]]]), torch.zeros(1, 5), "conv6", "row")
    assert row.upsampled((1, 4)).flatten().tolist() == [0.0, 0.25, 0.75, 1.0]


@pytest.mark.parametrize("size", [12.0, 0, (4, 2.5), (4, 5, 6), (3, -1), "64", None])
@pytest.mark.wrong_input
def test_another_size_is_refused(size):
    with pytest.raises(ValueError, match=r"a size as an int or as \(height, width\), .*, got"):
        explanation(2, 3, 3).upsampled(size)


# ---- kept, compared, moved

SHAPES = [(4, 2, 3, 5), (2, 3, 5)]


def rounded(found, dtype):
    maps, logits = found.maps.to(dtype), found.logits.to(dtype)
    return dataclasses.replace(found, maps=maps, logits=logits)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("kind", [str, lambda path: path])
def test_what_was_saved_is_loaded_bit_for_bit(shape, dtype, kind, tmp_path):
    found = rounded(explanation(*shape), dtype)
    path = found.save(kind(tmp_path / "a folder" / "maps.safetensors"))
    assert path == tmp_path / "a folder" / "maps.safetensors"
    again = Explanation.load(kind(path))
    assert again == found and again.maps.dtype == again.logits.dtype == dtype
    assert (again.layer, again.method) == ("conv6", "a method")


def test_a_path_may_begin_with_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    found = explanation(2, 3, 3)
    assert found.save("~/maps.safetensors") == tmp_path / "maps.safetensors"
    assert Explanation.load("~/maps.safetensors") == found


def test_maps_with_a_graph_or_views_of_one_tensor_are_saved_too(tmp_path):
    both = torch.rand(2, 3, 3, requires_grad=True) * 2
    found = Explanation(both.transpose(1, 2), both[:, :, 0], "conv6", "a method")
    again = Explanation.load(found.save(tmp_path / "maps.safetensors"))
    assert again == found and not again.maps.requires_grad


def test_what_is_loaded_does_not_change_with_the_file(tmp_path):
    path = tmp_path / "maps.safetensors"
    found = explanation(2, 3, 3)
    loaded = Explanation.load(found.save(path))
    path.write_bytes(bytes(len(path.read_bytes())))
    assert loaded == found


@pytest.mark.parametrize("content", [b"", b"abc", bytes(100), b"PK" + b"\xff" * 50, None])
def test_a_damaged_file_is_named(content, tmp_path):
    path = explanation(2, 3, 3).save(tmp_path / "maps.safetensors")
    path.write_bytes(path.read_bytes()[:-1] if content is None else content)
    with pytest.raises(ValueError, match="maps.safetensors is damaged .*save it again"):
        Explanation.load(path)


def test_a_file_of_something_else_and_none_at_all_are_named(tmp_path):
    path = tmp_path / "weights.safetensors"
    for tensors in ({"weight": torch.ones(2)}, {"maps": torch.ones(1), "logits": torch.ones(1)}):
        save_file(tensors, path)
        message = f"weights.safetensors holds no explanation but {', '.join(sorted(tensors))}; "
        with pytest.raises(ValueError, match=message):
            Explanation.load(path)
    with pytest.raises(FileNotFoundError, match="there is no file .*other"):
        Explanation.load(tmp_path / "other")


@pytest.mark.parametrize("again", [copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_copy_is_equal_and_has_its_hash(again, shape):
    found = explanation(*shape)
    assert again(found) == found and len({again(found), found}) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"maps": torch.zeros(2, 3, 3)},
        {"maps": torch.zeros(2, 3, 4)},
        {"logits": torch.ones(2, 5)},
        {"layer": "conv4"},
        {"method": "another"},
    ],
)
def test_another_content_is_not_equal(change):
    found = explanation(2, 3, 3)
    other = dataclasses.replace(found, **change)
    assert (found == other) is False and found != other


def test_nothing_else_is_equal_to_an_explanation():
    assert explanation(2, 3, 3) != "conv6" and explanation(2, 3, 3) is not None


def test_the_hash_stays_when_a_map_is_written_into():
    found = explanation(2, 3, 3)
    before = hash(found)
    found.maps.zero_()
    assert hash(found) == before


def test_it_moves_to_a_device_and_back():
    found = explanation(4, 2, 3, 3)
    there = found.to("meta")
    assert there.maps.is_meta and there.logits.is_meta
    assert (there.layer, there.method) == (found.layer, found.method)
    assert found.cpu() == found.to(torch.device("cpu")) == found


@pytest.mark.wrong_input
def test_it_does_not_move_to_another_kind_of_number():
    with pytest.raises(TypeError, match="device"):
        explanation(2, 3, 3).to(torch.float16)


def test_its_text_has_the_shapes_and_not_the_numbers():
    assert repr(explanation(4, 2, 3, 5)) == (
        "Explanation(maps [4, 2, 3, 5], logits [2, 5], layer='conv6', method='a method')"
    )


def test_explanations_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        explanation(2, 3, 3).layer = "conv1"


def test_a_gif_has_a_frame_a_step_with_the_map_beside_the_picture(tmp_path):
    found = explanation(4, 2, 6, 6)
    found.maps[3] = 0
    path = found.save(tmp_path / "new" / "sam.GIF", images(2, size=16).float())
    assert path == tmp_path / "new" / "sam.GIF"
    with Image.open(path) as moving:
        assert moving.format == "GIF" and moving.n_frames == 4
        assert moving.size == (2 * 256, 2 * 256 + 6)
        assert moving.info["loop"] == 0
        seen = []
        for t in range(4):
            moving.seek(t)
            seen.append(np.asarray(moving.convert("RGB")).astype(float))
    for t, frame in enumerate(seen):
        picture, over, foot = frame[:250, :256], frame[:250, 256:], frame[-3]
        assert np.abs(picture - seen[0][:250, :256]).mean() < 20  # stays, but for the palette
        assert (foot.mean(1) > 150).mean() == pytest.approx((t + 1) / 4, abs=0.01)
        warm = (over[..., 0] - over[..., 2]).mean()
        assert warm > 10 if t < 3 else warm < 10  # the last map is empty: grey and black


@pytest.mark.parametrize("shape", [(3, 2, 5, 9), (2, 5, 9)])
def test_a_gif_of_maps_alone_has_their_heights_on_one_scale_for_all_steps(shape, tmp_path):
    found = explanation(*shape)
    found.maps[..., :] = 1.0
    if len(shape) == 4:
        found.maps[0] = 0.0
    with Image.open(found.save(tmp_path / "sam.gif")) as moving:
        assert moving.n_frames == (shape[0] if len(shape) == 4 else 1)
        assert moving.size == (256, 2 * 142 + 6)
        first = np.asarray(moving.convert("RGB")).astype(int)[:280]
    assert first.max() < 20 if len(shape) == 4 else first[..., 0].min() > 200


@pytest.mark.wrong_input
def test_what_no_gif_can_be_made_of_leaves_no_file(tmp_path):
    found, x = explanation(4, 2, 6, 6), images(2).float()
    with pytest.raises(ValueError, match=r"a moving picture alone, got sam.safetensors; call it"):
        found.save(tmp_path / "sam.safetensors", x)
    with pytest.raises(ValueError, match="there are maps of 2 images, got 1"):
        found.save(tmp_path / "sam.gif", x[:1])
    found.maps[0, 0, 0, 0] = float("nan")
    with pytest.raises(ValueError, match="expected finite maps"):
        found.save(tmp_path / "sam.gif")
    assert not list(tmp_path.iterdir())


def test_plot_draws_a_row_an_image():
    figure = explanation(4, 2, 3, 3).plot(images(2), steps=[0, 3])
    assert len(figure.axes) == 2 * 4 + 1  # photograph, sum, two steps; and the colour bar
    matplotlib.pyplot.close(figure)


def test_recordings_of_an_event_camera_are_explained_and_drawn_in_the_colours_of_off_and_on(
    tmp_path,
):
    """[T, B, 2, H, W]: SAM and SNN Grad-CAM of the layer's spikes, over each step's events."""
    frames = data.glances(data.photographs()[:2], encoding.draws(), steps=4).frames
    torch.manual_seed(0)
    model = SpikingVGG(2, 4, (8,) * 8, leak=0.5, channels=2).train()
    with torch.no_grad():
        for _ in range(30):
            model(spikes=frames)  # running statistics, so that it fires
    model.eval()
    with torch.no_grad(), record(model, "conv2") as seen:
        logits = model(spikes=frames)
    sam = explain.sam(model, spikes=frames, layer="conv2")
    assert torch.equal(sam.logits, logits) and sam.maps.shape == (4, 2, 16, 16)
    assert torch.equal(sam.maps, explain.spike_activation_map(seen["conv2"]))
    assert sam.maps.sum() > 0
    cam = explain.snn_grad_cam(model, None, logits.argmax(1), layer="conv2", spikes=frames)
    assert cam.maps.shape == (4, 2, 16, 16)

    shown = frames.clamp(max=1)
    figure = sam.plot(shown, steps=[0, 3])
    panel = np.asarray(figure.axes[0].get_images()[0].get_array())  # off and on, as in their mean
    mean = frames.clamp(max=1)[:, 0].mean(0)
    off, on = (np.array(matplotlib.colors.to_rgb(colour)) for colour in plotting.EVENTS)
    expected = mean[0][..., None].numpy() * off + mean[1][..., None].numpy() * on
    np.testing.assert_allclose(panel, (expected / mean.max().item()).clip(max=1), atol=1e-6)
    with Image.open(sam.save(tmp_path / "glance.gif", shown)) as film:
        assert film.n_frames == 4
    with pytest.raises(ValueError, match="divide bytes by 255 and counts by their largest"):
        sam.plot(frames)
