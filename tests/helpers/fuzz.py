"""Damaged and hostile inputs by the thousand: each ends in a right result or a documented error.

    cd tests && ../.venv/bin/python -m helpers.fuzz 100000        # of a seed: ... 100000 7

An error is documented if the library raises it in words of its own, and they name the file.
"""

import collections
import contextlib
import copy
import io
import json
import linecache
import os
import random
import resource
import signal
import sys
import tempfile
import traceback
import warnings
import zipfile
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from bs4 import BeautifulSoup
from markdown_it import MarkdownIt
from PIL import Image
from safetensors.torch import save as as_safetensors

from experiments.study import fast_study
from helpers.kills import photos
from helpers.tiny import published_checkpoint, relu_network, spiking_network
from snnlab import published, results, zoo
from snnlab.conversion import convert
from snnlab.data import n_mnist, tiny_imagenet
from snnlab.explain import Explanation
from snnlab.models import VGG
from snnlab.results.files import KEYS
from snnlab.training import Recipe, fit

ROOT = Path(__file__).parents[2]
SECONDS = 20  # more is a hang
HOSTILE = "<img src=x onerror=alert(1)> | a*b* _c_ `d` [e](f) \" ' \\| ~~g~~ &amp; $h$\nnext"
DEEP = json.loads("[" * 60 + "]" * 60)
ODD = (
    *(None, True, -1, 0, 1, 1.5, 2**31, 10**7, 10**9, 10**30, 1e308, float("nan"), float("inf")),
    *("", "x", "1", HOSTILE, "\ud800", "\0", "../../etc/passwd", "x" * 5000),
    *([], {}, [None], [1] * 8, [10**6] * 8, {"a": 1}, DEEP),
)
WORDS = (
    b"-1",
    b"64",
    b"99999999999999999999",
    b"nan",
    b"1e5",
    "²".encode(),
    b"",
    b"../../x_1.JPEG",
)


# ---- how inputs are changed


def shaken(content, draws):
    """Bytes as a bad disk, a bad line or a bad neighbour leaves them."""
    found, size = bytearray(content), len(content)
    at = draws.randrange(size + 1)
    some = draws.choice([1, 2, 4, 16, 200])
    kind = draws.randrange(8)
    if kind == 0:
        del found[at:]
    elif kind == 1:
        del found[at : at + some]
    elif kind == 2:
        found[at:at] = draws.randbytes(some)
    elif kind == 3:
        found[at : at + some] = draws.choice([b"\0", b"\xff"]) * len(found[at : at + some])
    elif kind == 4:
        found[at:at] = found[max(0, at - some) : at]
    elif kind == 5 and draws.random() < 0.2:
        found = bytearray(draws.randbytes(some) * draws.randrange(3))
    else:
        for place in draws.choices(range(size), k=draws.choice([1, 1, 1, 3, 30])):
            found[place] ^= 1 << draws.randrange(8)
    return bytes(found)


def reworded(content, draws):
    """A table of text with a word, a line or a few bytes changed."""
    lines = content.split(b"\n")
    at = draws.randrange(len(lines))
    words = lines[at].split(b"\t")
    kind = draws.randrange(4)
    if kind == 0:
        words[draws.randrange(len(words))] = draws.choice(WORDS)
        lines[at] = b"\t".join(words)
    elif kind == 1:
        lines.insert(at, lines[draws.randrange(len(lines))])
    elif kind == 2:
        draws.shuffle(words)
        lines[at] = b"\t".join(words)
    else:
        return shaken(content, draws)
    return b"\n".join(lines)


def changed(value, draws):
    """A copy of a JSON value with one place of it changed."""
    value = copy.deepcopy(value)
    inside, key = [value], 0
    while isinstance(inside[key], dict | list) and inside[key] and draws.random() < 0.85:
        inside = inside[key]
        key = draws.choice([*inside]) if isinstance(inside, dict) else draws.randrange(len(inside))
    if inside[key] is value:
        return draws.choice(ODD)
    kind = draws.randrange(4)
    if kind == 0:
        del inside[key]
    elif kind == 1 and isinstance(inside, dict):
        inside[HOSTILE] = inside.pop(key)
    else:
        inside[key] = draws.choice(ODD)
    return value


def pictured(draws):
    """A file that may stand for a picture, and is none of Tiny-ImageNet's."""
    kind = draws.choice(["JPEG", "PNG", "GIF", "BMP", "TIFF", "PPM", "WEBP"])
    size = draws.choice([(64, 64), (1, 1), (63, 64), (64, 65), (200, 3)])
    image = Image.new(draws.choice(["RGB", "L", "1"]), size, 1)
    written = io.BytesIO()
    image.save(written, kind)
    return draws.choice([written.getvalue(), picture_bomb()])


def picture_bomb(made=[]):  # noqa: B006
    """A few kilobytes of PNG with 12,000 by 12,000 pixels."""
    if not made:
        written = io.BytesIO()
        Image.new("1", (12_000, 12_000)).save(written, "PNG")
        made.append(written.getvalue())
    return made[0]


def zipped(members):
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that come twice
        for name, content in members:
            large = len(content) > 10**6
            archive.writestr(name, content, zipfile.ZIP_DEFLATED if large else zipfile.ZIP_STORED)
    return written.getvalue()


def field_changed(content, draws):
    """A zip whose directory lies: flags (encrypted), method, sizes, places, lengths of names."""
    signature, fields = draws.choice(
        [
            (b"PK\1\2", [6, 8, 10, 16, 20, 24, 28, 30, 38, 42]),
            (b"PK\3\4", [4, 6, 8, 14, 18, 22, 26]),
        ]
    )
    places = [at for at in range(len(content)) if content.startswith(signature, at)]
    at = draws.choice(places) + draws.choice(fields)
    new = draws.choice(
        [b"\1\0", b"\0\0", b"\xff\xff", b"\xff\xff\xff\xff", b"\0\0\0\x80", b"\x0c\0"]
    )
    return content[:at] + new + content[at + len(new) :]


def packed(members, draws, odd):
    """A zip of these members, changed in one of many ways; ``odd`` changes the content of one.
    Beside it whether what is read of it can only be what it held before."""
    members, at = [*members], draws.randrange(len(members))
    name, content = members[at]
    kind = draws.randrange(10)
    if kind < 3:
        return shaken(zipped(members), draws), True
    if kind < 5:
        return field_changed(zipped(members), draws), True
    if kind == 5:
        others = [f"../{name}", f"/{name}", name.upper(), name.replace("/", "\\"), "a/" + name]
        members[at] = draws.choice([*others, f"{name}/", name[:-1]]), content
    elif kind == 6:
        members.insert(draws.randrange(len(members)), (name, shaken(content, draws)))
    elif kind == 7 and draws.random() < 0.05:
        members[at] = name, bytes(40 << 20)
    elif kind == 8:
        del members[at]
    else:
        members[at] = name, odd(name, content, draws)
    return zipped(members), False


def misplaced(path, draws):
    """What stands in a file's place: nothing, a folder, a link, a pipe, a device."""
    path.unlink()
    kind = draws.randrange(6)
    if kind == 0:
        path.mkdir()
    elif kind == 1:
        os.mkfifo(path)
    elif kind > 1:
        there = ["/dev/zero", path, path.parent, "/nowhere", "/dev/null"]
        path.symlink_to(draws.choice(there))


# ---- the kinds of inputs: each makes one in a folder, reads it and checks what came


class Pictures:
    """Tiny-ImageNet, as a zip or a folder."""

    WNIDS = ("n02165456", "n01910747")

    def __init__(self):
        members = {"tiny/wnids.txt": "\n".join(self.WNIDS), "tiny/words.txt": f"n1\t{HOSTILE}"}
        rows = ""
        for i, wnid in enumerate(self.WNIDS):
            lines = [f"{wnid}_{n}.JPEG\t{n}\t{i}\t40\t63" for n in (10, 2)]
            members[f"tiny/train/{wnid}/{wnid}_boxes.txt"] = "\n".join(lines) + "\n"
            rows += f"val_{i}.JPEG\t{wnid}\t1\t2\t3\t63\n"
            for n in (10, 2):
                members[f"tiny/train/{wnid}/images/{wnid}_{n}.JPEG"] = self.picture(10 * i + n)
            members[f"tiny/val/images/val_{i}.JPEG"] = self.picture(90 + i)
        members["tiny/val/val_annotations.txt"] = rows
        self.members = [(k, v.encode() if isinstance(v, str) else v) for k, v in members.items()]
        self.expected = {}

    def picture(self, seed):
        pixels = np.random.default_rng(seed).integers(0, 255, (4, 4, 3), dtype=np.uint8)
        written = io.BytesIO()
        Image.fromarray(pixels).resize((64, 64)).save(written, "JPEG")
        return written.getvalue()

    def odd(self, name, content, draws):
        if name.endswith(".txt"):
            return reworded(content, draws)
        return draws.choice([shaken(content, draws), pictured(draws)])

    def read(self, root, split, wnids=None):
        found = tiny_imagenet(root, split, wnids)
        assert found.images.shape[1:] == (3, 64, 64) and 0 <= found.images.min()
        assert found.images.max() <= 1 and len({*found.names}) <= len(found) <= 12
        assert {*found.labels.tolist()} == {*range(len(found.classes))}
        assert (found.boxes >= 0).all() and (found.boxes < 64).all()
        assert (found.boxes[:, :2] <= found.boxes[:, 2:]).all()
        return found

    def __call__(self, folder, draws):
        split = draws.choice(["train", "val"])
        wnids = draws.choice([None, self.WNIDS])
        if draws.random() < 0.3:
            return self.of_folder(folder, draws, split, wnids)
        content, same = packed(self.members, draws, self.odd)
        (folder / "set.zip").write_bytes(content)
        found = self.read(folder / "set.zip", split, wnids)
        if same:
            before = self.before(folder, split, wnids)
            assert torch.equal(found.images, before.images) and found.names == before.names
            assert torch.equal(found.boxes, before.boxes)
            # words.txt may be missing, as in a part of the data set
            assert torch.equal(found.labels, before.labels)

    def before(self, folder, split, wnids):
        if (split, wnids) not in self.expected:
            (folder / "whole.zip").write_bytes(zipped(self.members))
            self.expected[split, wnids] = self.read(folder / "whole.zip", split, wnids)
        return self.expected[split, wnids]

    def of_folder(self, folder, draws, split, wnids):
        for name, content in self.members:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        name, content = draws.choice(self.members)
        if draws.random() < 0.5:
            misplaced(folder / name, draws)
        else:
            (folder / name).write_bytes(self.odd(name, content, draws))
        self.read(folder / "tiny", split, wnids)


class Recordings:
    """N-MNIST."""

    def __init__(self):
        with zipfile.ZipFile(ROOT / "snnlab" / "data" / "n-mnist-ten.zip") as ten:
            names = [name for name in ten.namelist() if name.endswith(".bin")][:3]
            self.members = [(name, ten.read(name)[:3000]) for name in names]
        self.expected = None

    def __call__(self, folder, draws):
        if draws.random() < 0.2:
            for name, content in self.members:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(content)
            misplaced(folder / draws.choice(self.members)[0], draws)
            return self.read(folder)
        content, same = packed(self.members, draws, lambda _, old, draws: shaken(old, draws))
        (folder / "set.zip").write_bytes(content)
        found = self.read(folder / "set.zip")
        if same:
            if self.expected is None:
                (folder / "whole.zip").write_bytes(zipped(self.members))
                self.expected = self.read(folder / "whole.zip")
            there = [self.expected.names.index(name) for name in found.names]
            assert torch.equal(found.frames, self.expected.frames[:, there])

    def read(self, root):
        found = n_mnist(root, "test", 4)
        assert found.frames.shape == (4, len(found.names), 2, 34, 34)
        assert found.frames.min() >= 0 and found.frames.sum() > 0
        assert all(0 <= label <= 9 for label in found.labels.tolist())
        return found


class Networks:
    """Weights and cards of the zoo."""

    def __init__(self):
        ann = relu_network(torch.float32)
        made = [ann, spiking_network(dtype=torch.float32)]
        made.append(convert(ann, torch.rand(2, 3, 32, 32), steps=4))
        self.made = []
        with tempfile.TemporaryDirectory() as folder:
            for model in made:
                path = zoo.save("tiny", model, {"accuracy": {}}, folder)
                card = json.loads(path.with_suffix(".json").read_text())
                weights = {
                    key: value.half().contiguous()
                    for key, value in model.state_dict().items()
                    if not key.endswith("num_batches_tracked")
                }
                self.made.append((path.read_bytes(), card, weights))

    def __call__(self, folder, draws):
        content, card, weights = draws.choice(self.made)
        card, kind = copy.deepcopy(card), draws.randrange(4)
        text = None
        if kind == 0:
            content = shaken(content, draws)
        elif kind == 1:
            content = as_safetensors(self.odd(weights, draws))
        elif kind == 2:
            inner = "architecture" if draws.random() < 0.8 else None
            card = card | {inner: changed(card[inner], draws)} if inner else changed(card, draws)
        else:
            text = shaken(json.dumps(card).encode(), draws)
        if isinstance(card, dict) and draws.random() < 0.9 and "sha256" in card:
            card["sha256"] = sha256(content).hexdigest()
        (folder / "tiny.safetensors").write_bytes(content)
        (folder / "tiny.json").write_bytes(text or json.dumps(card).encode())
        model = zoo.load("tiny", folder)
        assert not model.training
        for value in model.state_dict().values():
            assert value.isfinite().all()

    def odd(self, weights, draws):
        weights = dict(weights)
        name = draws.choice([*weights])
        value = weights[name].clone(memory_format=torch.contiguous_format)
        kind = draws.randrange(6)
        if kind == 0:
            value.view(-1)[draws.randrange(value.numel())] = draws.choice(ODD[11:13])
        elif kind == 1:
            value = value.to(draws.choice([torch.int8, torch.bool, torch.float64, torch.bfloat16]))
        elif kind == 2:
            value = value[..., :-1].contiguous()
        elif kind == 3:
            weights[HOSTILE] = value.clone()
        elif kind == 4:
            value = value.flatten()
        weights[name] = value
        if kind == 5:
            del weights[name]
        return weights


class Published:
    """The authors' checkpoint."""

    def __init__(self):
        self.state = published_checkpoint((4,) * 8, 6, 5, 2)["state_dict"]
        written = io.BytesIO()
        torch.save({"state_dict": self.state}, written)
        self.content = written.getvalue()
        with tempfile.TemporaryDirectory() as folder:
            self.weights = self.read(Path(folder), self.content)

    def read(self, folder, content):
        (folder / "vgg.pth").write_bytes(content)
        return published.load(folder / "vgg.pth").state_dict()

    def __call__(self, folder, draws):
        kind, written = draws.randrange(5), io.BytesIO()
        if kind == 0:
            content = shaken(self.content, draws)
        elif kind == 1:
            content = field_changed(self.content, draws)
        elif kind == 2 and draws.random() < 0.2:
            (folder / "vgg.pth").touch()
            misplaced(folder / "vgg.pth", draws)
            return published.load(folder / "vgg.pth")
        else:
            torch.save(draws.choice([{"state_dict": self.odd(draws)}, draws.choice(ODD)]), written)
            content = written.getvalue()
        weights = self.read(folder, content)
        assert all(value.isfinite().all() for value in weights.values())
        if kind < 2:
            assert all(torch.equal(weights[key], self.weights[key]) for key in self.weights)

    def odd(self, draws):
        state = dict(self.state)
        name = draws.choice([*state])
        value, kind = state[name].clone(), draws.randrange(7)
        if kind == 0:
            state[name] = draws.choice(ODD)
        elif kind == 1:
            state[HOSTILE] = state.pop(name)
        elif kind == 2 and value.is_floating_point():
            value = value.double()  # in which 1e308 is finite
            value.view(-1)[draws.randrange(value.numel())] = draws.choice(ODD[10:13])
            state[name] = value
        elif kind == 3:
            types = [torch.int8, torch.bool, torch.float64, torch.bfloat16, torch.complex64]
            state[name] = value.to(draws.choice(types))
        elif kind == 4:
            state[name] = value[..., :-1] if value.ndim else value[None]
        elif kind == 5:  # repeated numbers, which take no room in a file
            large = draws.choice([10**3, 10**5])
            for block in draws.choices(range(1, 9), k=4):
                shape = state[f"module.conv{block}.weight"].shape[1:]
                state[f"module.conv{block}.weight"] = torch.zeros(1).expand(large, *shape)
        else:
            state[name] = value.to("meta")
        return state


class Explanations:
    def __init__(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "map.safetensors")
            Explanation(torch.rand(2, 2, 3, 3), torch.rand(2, 5), "conv6", "SAM").save(path)
            self.content = path.read_bytes()

    def __call__(self, folder, draws):
        path = folder / "map.safetensors"
        kind = draws.randrange(3)
        if kind == 0:
            path.touch()
            misplaced(path, draws)
        elif kind == 1:
            path.write_bytes(shaken(self.content, draws))
        else:  # the header alone, whose length stays right
            size = int.from_bytes(self.content[:8], "little")
            header = shaken(self.content[8 : 8 + size], draws)
            path.write_bytes(len(header).to_bytes(8, "little") + header + self.content[8 + size :])
        found = Explanation.load(path)
        assert found.maps.ndim in (3, 4) and found.maps.shape[-3] == len(found.logits)
        assert found.maps.isfinite().all() and found.logits.isfinite().all()
        assert found.total.shape[0] == len(found.logits) and repr(found)


class Results:
    """Results files, and what the book makes of them."""

    TAGS = {*"ul li p a b div svg line circle text g table thead tbody tr th td strong em".split()}
    # what a file has beside that since the second rules
    INTERVAL = {"value": 0.5, "low": 0.1, "high": 0.9, "p": 0.01, "n": 20}
    MORE = {
        **{"set": "B", "rule_commit": "0123456789ab", "asked": 11},
        "sensitivity": {"half": "holds", "twice": "undecided"},
    }

    def __init__(self):
        self.whole = results.load("leak")
        keep = {key: self.whole[key] for key in KEYS}
        self.whole = keep | {"measures": self.whole["measures"][:2]}
        self.second = self.whole | self.MORE | {"figures": [*map(dict, self.whole["figures"])]}
        for figure in self.second["figures"]:
            figure |= {"plus": 0.02, "classes": self.INTERVAL, "training": self.INTERVAL}
        self.render = MarkdownIt("js-default", {"html": True}).render

    def __call__(self, folder, draws):
        there = self.whole | {"claim": "there"}
        (folder / "there.json").write_text(json.dumps(there))
        result = changed(draws.choice([self.whole, self.second]), draws)
        if draws.random() < 0.5 and isinstance(result, dict):
            result = changed(result, draws)
        text = json.dumps(result).encode()
        (folder / "leak.json").write_bytes(text if draws.random() < 0.8 else shaken(text, draws))
        found = results.load("leak", folder)
        board = results.scoreboard(folder)
        shown = [results.summary(board), results.decision(found)]
        for name in {one["name"] for one in found["measures"]}:
            labels = [one["labels"] for one in results.select(found, name)]
            key = [*labels[0], "layer"][0]
            if len({str(one.get(key)) for one in labels}) == len(labels):  # a row for each
                shown.append(results.table(found, name, key, key))
        for table in shown:
            soup = BeautifulSoup(self.render(table), "html.parser")
            assert {tag.name for tag in soup.find_all()} <= self.TAGS, soup
            assert len({len(row.select("td, th")) for row in soup.select("tr")}) <= 1, soup
        assert len(results.at_margins(board, 0.5)) == len(board) == 2
        cards = results.cards(board)
        soup = BeautifulSoup(cards, "html.parser")
        assert {tag.name for tag in soup.find_all()} <= self.TAGS, soup
        assert not [tag for tag in soup.find_all() if "onerror" in tag.attrs], soup
        "".join([*shown, cards]).encode()


class Parts:
    """What an experiment keeps: read, or computed again."""

    def __init__(self):
        with tempfile.TemporaryDirectory() as folder:
            self.study = fast_study("leak", Path(folder))
            self.study.fast = False
            self.study.kept("part", self.compute)
            self.content = Path(folder, "part.npz").read_bytes()
        with zipfile.ZipFile(io.BytesIO(self.content)) as archive:
            self.members = [(name, archive.read(name)) for name in archive.namelist()]

    @staticmethod
    def compute():
        return {"x": np.arange(50.0), ("y", 1): np.ones((3, 4))}

    def __call__(self, folder, draws):
        self.study.folder = folder
        if draws.random() < 0.3:
            about = {"seconds": 1.0, "commit": "a", "networks": {}, "code": "0"}
            written = io.BytesIO()
            np.save(written, np.asarray(json.dumps(changed(about, draws))))
            same, content = True, zipped([("about.npy", written.getvalue()), *self.members[1:]])
        else:
            content, same = packed(self.members, draws, lambda _, old, draws: shaken(old, draws))
        (folder / "part.npz").write_bytes(content)
        with contextlib.redirect_stdout(io.StringIO()):
            found = self.study.kept("part", self.compute)
        assert all(isinstance(one, np.ndarray) for one in found.values())
        if same:
            assert found["x"].tolist() == [*range(50)] and found["y", 1].tolist() == [[1] * 4] * 3


class Checkpoints:
    """A finished training's folder."""

    RECIPE = Recipe(widths=(4,) * 8, epochs=1, batch=8, rate=0.05, average=0.9)

    def __init__(self):
        self.photos = photos(8)
        with tempfile.TemporaryDirectory() as folder:
            self.weights = self.fit(Path(folder))
            self.files = {path.name: path.read_bytes() for path in Path(folder).iterdir()}

    def fit(self, folder):
        with torch.random.fork_rng():
            torch.manual_seed(3)
            model = VGG(4, self.RECIPE.widths)
        return fit(model, self.photos, self.RECIPE, folder).state_dict()

    def __call__(self, folder, draws):
        files = dict(self.files)
        kind, written = draws.randrange(4), io.BytesIO()
        if kind == 0:
            files["checkpoint.ckpt"] = shaken(files["checkpoint.ckpt"], draws)
        elif kind == 1:
            files["checkpoint.ckpt"] = field_changed(files["checkpoint.ckpt"], draws)
        elif kind == 2:
            name = draws.choice(["recipe.json", "log.jsonl"])
            files[name] = shaken(files[name], draws)
        else:
            state = torch.load(io.BytesIO(files["checkpoint.ckpt"]), weights_only=True)
            torch.save(self.odd(state, draws), written)
            files["checkpoint.ckpt"] = written.getvalue()
        for name, content in files.items():
            (folder / name).write_bytes(content)
        weights = self.fit(folder)
        assert all(value.isfinite().all() for value in weights.values())
        if kind < 3:
            assert all(torch.equal(weights[key], self.weights[key]) for key in self.weights)

    def odd(self, state, draws):
        part = draws.choice([*state])
        if draws.random() < 0.5 and part in ("model", "averaged"):
            value = draws.choice([v for v in state[part].values() if v.is_floating_point()])
            if value.numel():
                value[(0,) * value.ndim] = draws.choice([float("nan"), float("inf")])
        elif draws.random() < 0.5 and isinstance(state[part], dict):
            state[part][draws.choice([*state[part]])] = draws.choice(ODD)
        else:
            state[part] = draws.choice(ODD)
        return state


#: The kinds, and how many of a hundred inputs are of each.
KINDS = {
    Pictures: 30,
    Recordings: 15,
    Networks: 20,
    Published: 2,
    Explanations: 12,
    Results: 14,
    Parts: 5,
    Checkpoints: 2,
}


# ---- what came of them


class Hang(BaseException):
    pass


def is_documented(error, folder):
    """Whether the library raised it, in words that name a file of the folder."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    raised = linecache.getline(last.filename, last.lineno).split()[:1] == ["raise"]
    ours = Path(last.filename).is_relative_to(ROOT / "snnlab")
    names = {path.name for path in folder.rglob("*")} | {*NAMES, folder.name}
    kinds = ValueError | TypeError | FileNotFoundError | FloatingPointError
    return isinstance(error, kinds) and ours and raised and any(n in str(error) for n in names)


# Of files that are not there, or stand under another name
NAMES = (
    "boxes.txt",
    "JPEG",
    "annotations.txt",
    "wnids.txt",
    "words.txt",
    ".bin",
    "checkpoint.ckpt",
)


def outcome(case, draws, folder):
    """ "right", "documented", or what is foreign about the end of a case."""

    def stop(*_):
        raise Hang(f"more than {SECONDS} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        case(folder, draws)
        return "right"
    except (Exception, Hang) as error:
        if not isinstance(error, Hang) and is_documented(error, folder):
            return "documented"
        return "".join(traceback.format_exception(error)[-3:])
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def tried(count, seed=0, kinds=KINDS):
    """How many of each kind ended how, and what was foreign, with its kind and number."""
    counts, foreign = collections.Counter(), []
    for kind, share in kinds.items():
        case = kind()
        for number in range(count * share // 100):
            with tempfile.TemporaryDirectory() as folder:
                draws = random.Random(f"{seed} {kind.__name__} {number}")
                found = outcome(case, draws, Path(folder))
            known = found if found in ("right", "documented") else "foreign"
            counts[kind.__name__, known] += 1
            if known == "foreign":
                foreign.append(f"{kind.__name__} {number} of seed {seed}:\n{found}")
    return counts, foreign


def peak():
    """The most memory that this process ever had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def main(count, seed):
    torch.set_num_threads(1)
    picture_bomb()
    zipped([("bomb", bytes(40 << 20))])
    tried(200, seed + 1)  # what each kind honestly needs
    before = peak()
    with open(os.devnull, "w") as quiet:
        sys.stderr, stderr = quiet, sys.stderr
        counts, foreign = tried(count, seed)
        sys.stderr = stderr
    rows = {kind.__name__: {} for kind in KINDS}
    for (kind, known), number in sorted(counts.items()):
        rows[kind][known] = number
    print("\n".join(foreign[:20]))
    found = {"seed": seed, "inputs": counts.total(), "foreign": len(foreign)}
    print(json.dumps(found | {"kinds": rows, "MB more": peak() - before}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
