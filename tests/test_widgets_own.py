"""The reader's own photograph: the shipped network runs in the page, on any picture."""

import base64
import io
import mimetypes

import numpy as np
import pytest
import torch
from axe_playwright_python.sync_playwright import Axe
from helpers.running import beside_networks, finished, loaded
from helpers.widget_pages import changes, opened, page, seen, slide
from PIL import Image

from snnlab import data, explain, zoo
from snnlab.widgets import OwnPhotograph
from snnlab.widgets.packed import arrays

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Also in a folder without the networks."""
    own = page(OwnPhotograph())
    folder = tmp_path_factory.mktemp("book")
    with beside_networks(folder, {"own": own, "missing/own": own}) as found:
        yield found


def give(view, name, content, kind="image/png"):
    view.locator("input[type=file]").set_input_files(
        {"name": name, "mimeType": kind, "buffer": content}
    )


def png(array):
    file = io.BytesIO()
    Image.fromarray(array).save(file, format="PNG")
    return file.getvalue()


def by_pytorch(image, seed, gamma):
    """Running means of the logits, and SAM of three layers summed over time."""
    model = zoo.load("lif-s0")
    spikes = model.encode(image[None], torch.Generator().manual_seed(seed))
    layers = ("conv4", "conv6", "conv8")
    explained = [explain.sam(model, layer=a, gamma=gamma, spikes=spikes) for a in layers]
    return explained[0].logits[0], [one.total.flatten() for one in explained]


def difference(found, expected):
    return (torch.tensor(found, dtype=torch.float64) - expected.double()).abs().max().item()


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_the_page_computes_what_pytorch_does(browser, pages, scheme):
    (starters,) = arrays(OwnPhotograph().starters)
    starters = starters / 255
    with opened(browser, f"{pages[scheme]}/own.html") as tab:
        view = loaded(tab)
        off = []
        for starter in range(len(starters)):
            view.locator("select").select_option(index=starter)
            numbers = finished(tab, view)
            logits, maps = by_pytorch(starters[starter], 0, 0.5)
            off.append(difference(numbers["logits"], logits))
            if off[-1] < 1e-5:  # every spike is the same
                for found, expected in zip(numbers["maps"], maps, strict=True):
                    assert difference(found, expected) < 1e-5 * expected.max()
        # a sum in another order may push a membrane over the threshold, now and then
        assert min(off) < 1e-5 and max(off) < 0.1, off


def test_every_control_changes_the_figure(browser, pages):
    with opened(browser, f"{pages['file']}/own.html") as tab:
        view = tab.locator(".snn-widget")
        assert "not loaded" in seen(view)["said"]
        changes(tab, view, lambda: loaded(tab), "loading the network")
        sliders = view.locator("input[type=range]:visible")
        for k in range(sliders.count()):
            changes(tab, view, lambda k=k: slide(sliders.nth(k)), f"slider {k}")
            finished(tab, view)
        fields = view.locator("input[type=number]")
        for k, value in enumerate([5, 1.2, 3]):
            changes(tab, view, lambda k=k, v=value: fields.nth(k).fill(str(v)), f"field {k}")
            finished(tab, view)
        changes(tab, view, lambda: view.locator("select").select_option(index=1), "starter")
        finished(tab, view)
        changes(tab, view, lambda: view.locator(".snn-play").click(), "play")


def test_a_picture_is_run_and_never_leaves_the_page(browser, pages):
    photograph = data.photographs().images[50]
    pixels = (photograph.permute(1, 2, 0) * 255).round().byte().numpy()
    wide = np.concatenate(
        [np.zeros((64, 20, 3), np.uint8), pixels, np.zeros((64, 20, 3), np.uint8)], 1
    )
    logits, _ = by_pytorch(photograph, 0, 0.5)
    with opened(browser, f"{pages['http']}/own.html") as tab:
        view = tab.locator(".snn-widget")
        asked = []
        tab.on("request", lambda request: asked.append(request.url))
        give(view, "wide.png", png(wide))  # its middle square is the photograph
        numbers = finished(tab, view)  # and the network was loaded for it
        assert difference(numbers["logits"], logits) < 0.1
        assert [url for url in asked if not url.startswith("blob:")] == [
            f"{pages['http']}/_static/lif-s0.js"
        ]
        before = seen(view)
        tab.evaluate(DROP, [view.element_handle(), base64.b64encode(png(255 - pixels)).decode()])
        tab.wait_for_function(
            "([v, said]) => v.numbers().done && v.querySelector('.snn-live').textContent !== said",
            arg=[view.element_handle(), before["said"]],
        )


DROP = """([view, ...files]) => {
  const transfer = new DataTransfer();
  for (const [i, data] of files.entries()) {
    const bytes = Uint8Array.from(atob(data), c => c.charCodeAt(0));
    transfer.items.add(new File([bytes], `dropped-${i}.png`, {type: 'image/png'}));
  }
  const how = {dataTransfer: transfer, bubbles: true, cancelable: true};
  view.dispatchEvent(new DragEvent('drop', how));
}"""


QUARTERS = Image.new("RGB", (64, 64))
QUARTERS.paste("white", (0, 0, 32, 32))
QUARTERS.paste("red", (32, 32, 64, 64))
# what the spikes of a quarter's colours say: white above, red below, black in the other two
SIGNS = [[1, 1, 1], [-1, -1, -1], [-1, -1, -1], [1, -1, -1]]


def written(image, kind, **how):
    file = io.BytesIO()
    image.save(file, kind, **how)
    return file.getvalue()


def turned():
    """Stored on its side, with the word that says so, as a telephone does."""
    exif = Image.Exif()
    exif[0x112] = 6
    return written(QUARTERS.transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif, quality=95)


def wide():
    long = Image.new("RGB", (20_000, 64), "blue")
    long.paste(QUARTERS, (9_968, 0))
    return written(long, "PNG")


def svg(inside=""):
    """Without a size of its own."""
    shapes = '<path d="M0 0h64v64h-64"/><path fill="#fff" d="M0 0h32v32h-32"/>'
    shapes += '<path fill="red" d="M32 32h32v32h-32"/>'
    top = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64">'
    return f"{top}{shapes}{inside}</svg>".encode()


#: Pictures of many kinds, and what is said of them, if not that they are seen as they are.
KINDS = {
    "turned.jpg": (turned, ""),
    "print.jpg": (lambda: written(QUARTERS.convert("CMYK"), "JPEG", quality=95), ""),
    "palette.gif": (lambda: written(QUARTERS.convert("P"), "GIF"), ""),
    "wide.png": (wide, ""),
    "shapes.svg": (svg, ""),
    "cut.png": (
        lambda: written(Image.effect_noise((300, 300), 90), "PNG")[:30_000],
        "Where cut.png is transparent or cut short, the network sees white.",
    ),
    "page.svg": (
        lambda: svg('<foreignObject width="9" height="9"><p>x</p></foreignObject>'),
        "page.svg cannot be read as a picture; choose an intact JPEG, PNG, WebP or GIF.",
    ),
    "phone.heic": (
        lambda: b"\0\0\0\x18ftypheic" + bytes(99),
        "phone.heic cannot be read as a picture; choose an intact JPEG, PNG, WebP or GIF.",
    ),
}
ENDED = """view => view.querySelector('[role=alert]').textContent
  || (view.traits().starter === -1 && view.numbers().done)"""


def test_pictures_of_many_kinds_are_seen_as_they_are_or_it_is_said(browser, pages):
    with opened(browser, f"{pages['file']}/own.html") as tab:
        view = loaded(tab)
        for name, (content, said) in KINDS.items():
            view.evaluate("view => (view.querySelector('[role=alert]').textContent = '')")
            view.locator("select").select_option(index=0)
            finished(tab, view)
            give(view, name, content(), mimetypes.guess_type(name)[0] or "")
            tab.wait_for_function(ENDED, arg=view.element_handle())
            assert view.locator("[role=alert]").text_content() == said, name
            if not said:
                spikes = view.evaluate("view => [...view.numbers().input]")
                quarters = np.reshape(spikes, (3, 2, 32, 2, 32)).mean((2, 4)).round()
                assert quarters.reshape(3, 4).T.tolist() == SIGNS, name


def test_of_several_files_the_first_is_taken_and_of_none_it_is_said(browser, pages):
    one, other = (
        base64.b64encode(png(np.full((64, 64, 3), grey, np.uint8))).decode() for grey in (255, 0)
    )
    with opened(browser, f"{pages['file']}/own.html") as tab:
        view = loaded(tab)
        alert = view.get_by_role("alert")
        tab.evaluate(DROP, [view.element_handle()])
        alert.filter(has_text="What was dropped is no file").wait_for()
        tab.evaluate(DROP, [view.element_handle(), one, other])
        alert.filter(has_text="Of 2 files the first is taken, dropped-0.png.").wait_for()
        finished(tab, view)
        assert view.evaluate("view => Math.min(...view.numbers().input)") >= 0  # it is white


def test_a_drawing_is_run(browser, pages):
    with opened(browser, f"{pages['file']}/own.html") as tab:
        view = loaded(tab)
        view.get_by_text("Draw one", exact=True).click()
        board = view.locator(".snn-board")
        board.scroll_into_view_if_needed()
        box = board.bounding_box()

        def stroke():
            tab.mouse.move(box["x"] + 40, box["y"] + 40)
            tab.mouse.down()
            tab.mouse.move(box["x"] + 200, box["y"] + 180, steps=4)
            tab.mouse.up()
            finished(tab, view)

        changes(tab, view, stroke, "a stroke")
        assert view.evaluate("view => view.traits().starter") == -1
        changes(tab, view, lambda: view.get_by_role("button", name="Clear").click(), "clearing")


def damaged():
    whole = png(np.zeros((64, 64, 3), np.uint8))
    return whole[:16] + bytes(8) + whole[24:]  # a size that is not one


def vast():
    file = io.BytesIO()
    Image.new("1", (9000, 9000)).save(file, format="PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "kind", "message"),
    [
        ("broken.png", damaged, "image/png", "broken.png cannot be read as a picture; choose an"),
        ("notes.txt", lambda: b"some words", "text/plain", "notes.txt cannot be read as a picture"),
        ("empty.jpg", lambda: b"", "image/jpeg", "empty.jpg cannot be read as a picture"),
        ("vast.png", vast, "image/png", "vast.png has 81 megapixels, more than the 50"),
        ("heavy.png", lambda: bytes(21_000_000), "image/png", "heavy.png has 21 MB, more than the"),
    ],
)
def test_what_is_no_picture_is_said_in_the_widget(browser, pages, name, content, kind, message):
    with opened(browser, f"{pages['file']}/own.html") as tab:
        view = loaded(tab)
        before = seen(view)
        give(view, name, content(), kind)
        alert = view.get_by_role("alert")
        alert.filter(has_text=message).wait_for()
        assert seen(view) == before, "the picture before is still there"
        give(view, "good.png", png(np.full((80, 64, 3), 200, np.uint8)))
        alert.wait_for(state="hidden")
        finished(tab, view)


def test_a_missing_network_is_said_in_the_widget(browser, pages):
    with pytest.raises(AssertionError, match="errors in the console"):  # by the browser itself
        with opened(browser, f"{pages['file']}/missing/own.html") as tab:
            view = tab.locator(".snn-widget")
            button = view.get_by_role("button", name="Load the network")
            button.click()
            view.get_by_role("alert").filter(has_text="could not be loaded from _static").wait_for()
            assert button.is_enabled()


@pytest.mark.parametrize("look", ["light", "dark"])
def test_it_is_accessible_and_fits(browser, pages, look, shots):
    narrow = {"viewport": {"width": 390, "height": 844}, "color_scheme": look}
    with opened(browser, f"{pages['file']}/own.html", **narrow) as tab:
        view = loaded(tab)
        view.get_by_text("Draw one", exact=True).click()
        shots(tab, f"own-{look}")
        found = Axe().run(tab)
        assert found.violations_count == 0, found.generate_report()
        overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert tab.evaluate(overflow) <= 0


class Sending(OwnPhotograph):
    """Keeps what it sends."""

    def send(self, content, buffers):
        self.sent = [*getattr(self, "sent", []), (content, buffers)]


def test_a_kernel_is_answered_with_the_weights():
    widget = Sending()
    widget._handle_custom_msg({"want": "weights"}, [])
    widget._handle_custom_msg({"want": "something"}, [])
    weights = (zoo.FOLDER / "lif-s0.safetensors").read_bytes()
    assert widget.sent == [({"weights": "lif-s0"}, [weights])]


def test_only_a_network_that_the_page_can_run_is_taken():
    with pytest.raises(ValueError, match="'relu-s0' is not a spiking network with Poisson"):
        OwnPhotograph("relu-s0")
