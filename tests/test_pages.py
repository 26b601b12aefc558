"""The built pages (`make book` first): nothing comes from another host, a browser is content."""

import base64
import io
import re
from pathlib import Path

import pytest
import yaml
from helpers.site import listened, new_tab, soup
from PIL import Image

from book.tools import contents

pytestmark = pytest.mark.book

HTML = Path(__file__).parent.parent / "_build" / "html"
PAGES = sorted(page.relative_to(HTML).as_posix() for page in HTML.glob("book/**/*.html"))

CHAPTERS = [f"book/{name}.html" for name in contents.chapters()]
FOLDER = Path(__file__).parent.parent / "book"


def source(page: str) -> str:
    return (FOLDER / f"{Path(page).stem}.md").read_text(encoding="utf-8")


WIDGET = "application/vnd.jupyter.widget"

# An address on another host: https://..., //...
ELSEWHERE = re.compile(r"^\s*(https?:|wss?:|ftp:)?//", re.I)
LOADED_BY_CSS = re.compile(r"""(?:url\(\s*|@import\s+)["']?([^"')\s;]+)""")
LOADED_BY_SCRIPT = re.compile(
    r"""(?:\bimport\s*\(?|\bfrom|\bfetch\(|\bimportScripts\(|\bnew\s+(?:Worker|WebSocket|EventSource)\(|\.open\(["']\w+["'],|"""
    r"""\.(?:src|href)\s*=|\brequire(?:\.config)?\([^)]{0,200}?)\s*["'`]([^"'`\s]+)["'`]"""
)


def test_the_book_is_built():
    assert PAGES, f"no pages under {HTML}: build the book first (make book)"


def loads(file: Path):
    """Every address that the file makes a browser load, as (where, address)."""
    if file.suffix == ".css":
        text = file.read_text(encoding="utf-8")
        yield from (("css", a) for a in LOADED_BY_CSS.findall(text))
    elif file.suffix in {".js", ".mjs"}:
        text = file.read_text(encoding="utf-8")
        yield from (("script", a) for a in LOADED_BY_SCRIPT.findall(text))
    else:
        for tag in soup(file).find_all(True):
            for attribute in ["src", "data", "poster", "background", "xlink:href"]:
                if tag.get(attribute):
                    yield tag.name, tag[attribute]
            for candidate in (tag.get("srcset") or "").split(","):
                yield tag.name, candidate
            if tag.name in {"link", "base"} and tag.get("href") and tag.get("rel") != ["canonical"]:
                yield tag.name, tag["href"]
            if tag.get("style"):
                yield from (("style", a) for a in LOADED_BY_CSS.findall(tag["style"]))
            if tag.name == "style":
                yield from (("style", a) for a in LOADED_BY_CSS.findall(tag.text))
            if tag.name == "script":
                yield from (("script", a) for a in LOADED_BY_SCRIPT.findall(tag.text))


@pytest.mark.filterwarnings("ignore::bs4.XMLParsedAsHTMLWarning")
def test_no_file_loads_anything_from_another_host():
    files = [f for f in HTML.rglob("*") if f.suffix in {".html", ".css", ".js", ".mjs", ".svg"}]
    outside = [
        f"{file.relative_to(HTML)}: {where} {address}"
        for file in files
        for where, address in loads(file)
        if ELSEWHERE.match(address)
    ]
    assert not outside, "loaded from another host:\n" + "\n".join(outside)


@pytest.mark.parametrize("page", PAGES)
def test_every_picture_says_in_words_what_it_shows(page):
    for img in soup(HTML / page).select("img, .snn-drawing > svg"):
        alt = img.get("alt") or img.get("aria-label") or ""
        assert len(alt.split()) >= 4 and not re.search(r"\.(png|jpe?g|svg|gif)$", alt), (
            f"{page}: {img.get('src')} has the alt text {alt!r}; "
            "give its cell `mystnb: {{image: {{alt: ...}}}}` with at least four words"
        )


@pytest.mark.parametrize("page", PAGES)
def test_no_figure_of_a_page_stands_there_twice_or_under_anothers_words(page):
    words = [svg["aria-label"] for svg in soup(HTML / page).select("div.cell_output svg.snn-wide")]
    twice = {alt for alt in words if words.count(alt) > 1}
    assert not twice, f"{page}: end the cell with a semicolon, or draw one figure: {twice}"


@pytest.mark.parametrize(
    "page", [page for page in PAGES if (FOLDER.parent / page).with_suffix(".md").exists()]
)
def test_every_figure_that_is_written_is_shown_with_its_caption_and_number(page):
    written = (FOLDER.parent / page).with_suffix(".md").read_text(encoding="utf-8")
    found = soup(HTML / page)
    figures = found.select("div.cell_output figure:has(svg.snn-wide)")
    assert len(figures) == written.count("\n    alt: ") == written.count("\n    caption: ")
    assert len(found.select("svg.snn-wide")) == len(figures)
    number = CHAPTERS.index(page) + 1 if page in CHAPTERS else None
    for i, figure in enumerate(figures, 1):
        called = figure.select_one("figcaption .caption-number").text.strip()
        assert called == f"Figure {number}.{i}" if number else re.match(r"Figure \d+$", called)
        assert len(figure.select_one("figcaption .caption-text").text.split()) >= 4


def contrast(one, other):
    """Of two colours as in "#16181c", as WCAG has it."""

    def luminance(colour):
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p < 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return sum(k * p for k, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    low, high = sorted((luminance(one) + 0.05, luminance(other) + 0.05))
    return high / low


def test_the_colours_of_figures_stand_out_on_dark_pages_as_on_light_ones():
    css = (FOLDER / "_assets" / "custom.css").read_text(encoding="utf-8")
    dark = dict(re.findall(r"--snn-([0-9a-f]{6}): (#[0-9a-f]{6});", css))
    ground = re.search(r"--pst-color-background: (#\w{6})", css)[1]
    used = set()
    for page in PAGES:
        used |= {*re.findall(r"var\(--snn-([0-9a-f]{6}), ", (HTML / page).read_text("utf-8"))}
    assert len(used) > 6 and "--snn-000000: var(--pst-color-text-base)" in css
    for colour in used - {"000000"}:
        light = contrast(f"#{colour}", "#ffffff")
        assert contrast(dark.get(colour, f"#{colour}"), ground) > min(3, 0.95 * light), colour


def test_numbers_on_a_picture_of_colours_can_be_read_in_both_looks():
    """White ones, which stay white on dark pages: so every shade below them is dark enough."""
    found = soup(HTML / "book" / "all-methods.html")
    tables = found.select("svg[aria-label^='A table of eight by eight']")
    assert [table["class"] for table in tables] == [["snn-wide"], ["snn-narrow"]]
    for table in tables:
        numbers = [t for t in table.select("text") if re.fullmatch(r"-?[01]\.\d\d", t.text)]
        assert len(numbers) == 64 and all("fill: #ffffff" in t["style"] for t in numbers)
        picture = base64.b64decode(table.select_one("image")["href"].partition("base64,")[2])
        shades = Image.open(io.BytesIO(picture)).convert("RGB").resize((80, 80)).getcolors(6400)
        assert min(contrast(f"#{bytes(shade).hex()}", "#ffffff") for _, shade in shades) > 4.5


@pytest.mark.parametrize("page", PAGES)
def test_no_output_is_an_address_in_memory(page):
    """A cell whose last line is `axes.legend()` shows <matplotlib.legend.Legend at 0x...>."""
    found = soup(HTML / page)
    shown = [output.text for output in found.select("div.cell_output")]
    addresses = [text.strip() for text in shown if re.search(r"\bat 0x[0-9a-f]+", text)]
    assert not addresses, f"{page} shows {addresses}; end the line with a semicolon"


@pytest.mark.parametrize("page", PAGES)
def test_the_widgets_of_a_page_are_small(page):
    found = soup(HTML / page)
    for script in found.find_all("script", type=f"{WIDGET}-state+json"):
        assert len(script.text) < 1_000_000


@pytest.mark.parametrize("page", CHAPTERS)
def test_a_chapter_its_exercises_and_its_entry_beside_have_their_number(page):
    number = CHAPTERS.index(page) + 1
    found = soup(HTML / page)
    heading = found.select_one("article h1").text.rstrip("#")
    assert heading.startswith(f"{number}. ")
    titles = [title.text for title in found.select("div.exercise > p.admonition-title")]
    written = source(page).count("{exercise} ")
    assert written >= 2 and [title.split("(")[0].strip() for title in titles] == [
        f"Exercise {number}.{i + 1}" for i in range(written)
    ]
    assert found.select_one("nav.bd-links a.current").text.strip() == heading


@pytest.mark.parametrize("page", CHAPTERS)
def test_every_chapter_shows_its_exercises_and_its_questions(page):
    written, name = source(page), Path(page).stem
    questions = yaml.safe_load((FOLDER / "quizzes" / f"{name}.yml").read_text(encoding="utf-8"))
    found = soup(HTML / page)
    assert len(found.select("div.exercise")) == written.count("{exercise} ") >= 2
    assert len(found.select("div.exercise details.sd-dropdown")) == written.count("{dropdown} Hint")
    assert len(found.select("div.solution.dropdown")) == written.count("{solution} ") >= 2
    assert "not written yet" in found.select_one("section#exercises").text
    assert len(found.select("section#check-yourself ol.quiz > li")) == len(questions) >= 2


# In the browser


CUT = """[...document.querySelectorAll('article pre')]
  .filter(pre => pre.scrollWidth > pre.clientWidth + 1)
  .map(pre => pre.textContent.slice(0, 80))"""

LOOKS = {
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 900}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 900}},
    "narrow": {"color_scheme": "light", "viewport": {"width": 390, "height": 844}},
}
# How far down a chapter's first picture may end, so that it is in view before anybody scrolls
FOLD = {"light": 680, "dark": 680, "narrow": 844}


# From the disk a page loads otherwise, but looks the same.
@pytest.mark.parametrize(
    ("scheme", "look"), [("http", "light"), ("http", "dark"), ("http", "narrow"), ("file", "light")]
)
@pytest.mark.parametrize("page", [*PAGES, "index.html", "search.html"])
def test_page_in_a_browser(browser, addresses, page, scheme, look, request):
    root = addresses[scheme]
    with new_tab(browser, **LOOKS[look]) as tab:
        elsewhere, errors = listened(tab, root)
        tab.set_default_timeout(120_000)  # a page takes a second or two, unless the machine is busy
        tab.on("requestfailed", lambda failed: errors.append(f"{failed.url}: {failed.failure}"))
        tab.goto(f"{root}/{page}", wait_until="load")
        if tab.locator(".math").count():
            tab.wait_for_function("window.MathJax?.startup?.promise")
            tab.evaluate("MathJax.startup.promise")
        tab.evaluate("document.fonts.ready.then(() => null)")
        pictures = tab.eval_on_selector_all(
            "figure .snn-drawing", "all => all.map(one => one.getBoundingClientRect().bottom)"
        )
        views = tab.locator(f"script[type='{WIDGET}-view+json']").count()
        tab.keyboard.press("Tab")  # sets up all widgets, wherever they are
        tab.wait_for_function(
            f"document.querySelectorAll('.snn-widget, .snn-error').length >= {views}"
        )
        bad_widgets = tab.locator(".snn-error:not(:empty)").all_inner_texts()

        if folder := request.config.getoption("--screenshots"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            name = f"{Path(page).stem}-{scheme}-{look}.png"
            tab.screenshot(path=Path(folder) / name, full_page=True)

        formulas, set_formulas = (
            tab.locator(".math").count(),
            tab.locator(".math mjx-container").count(),
        )
        bad_formulas = tab.locator("mjx-merror, mjx-mtext[style*=red]").all_inner_texts()
        bad_pictures = tab.eval_on_selector_all(
            "img", "all => all.filter(i => i.complete && !i.naturalWidth).map(i => i.src)"
        )
        theme = tab.evaluate("document.documentElement.dataset.theme")
        overflow = tab.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        too_wide = tab.evaluate(
            "[...document.querySelectorAll('.bd-article > section > *')]"
            ".filter(e => e.getBoundingClientRect().right > innerWidth + 1)"
            ".map(e => e.outerHTML.slice(0, 120))"
        )
        cut = tab.evaluate(CUT)

    assert not elsewhere, f"asked another host for {elsewhere}"
    assert not errors, f"errors in the console: {errors}"
    assert set_formulas >= formulas, (
        f"{formulas - set_formulas} of {formulas} formulas were not set by MathJax"
    )
    assert not bad_formulas, f"MathJax could not read {bad_formulas}"
    assert not bad_widgets, f"widgets that say {bad_widgets}"
    assert not bad_pictures, f"pictures that did not load: {bad_pictures}"
    assert theme == ("dark" if look == "dark" else "light")
    assert overflow <= 0 and not too_wide, (
        f"the page is {overflow} px wider than the window: {too_wide}"
    )
    assert not cut, f"lines of code or of output that are cut: {cut}"
    assert page not in CHAPTERS or 0 < pictures[0] <= FOLD[look], (
        f"the first picture ends {pictures[0]:.0f} px down: make it lower, or say less before it"
    )


HELD_BACK = ".tag_after-guess, .after-guess"
# but for what the reader folds out anyway
SHOWN_AT_ONCE = ".tag_after-guess:not(.tag_hide-cell) .cell_output, details.after-guess p"
PREDICTING = [page for page in CHAPTERS if "Prediction(" in source(page)]


@pytest.mark.parametrize("page", PREDICTING)
def test_a_prediction_holds_back_what_gives_it_away_and_only_that(browser, addresses, page):
    """Found in the built page: myst-nb and sphinx-design write the marks that the widget reads."""
    written = source(page)
    marked = written.count("after-guess]\n") + written.count(":class-container: after-guess\n")
    with new_tab(browser, java_script_enabled=False) as tab:
        tab.goto(f"{addresses['file']}/{page}")
        kept = tab.locator(HELD_BACK).all()
        assert len(kept) == marked and all(part.is_visible() for part in kept)
        figures = tab.locator(SHOWN_AT_ONCE).all()
        assert figures and all(part.is_visible() for part in figures), "it is folded"
    with new_tab(browser) as tab:
        tab.goto(f"{addresses['file']}/{page}")
        asked = tab.locator(".tag_prediction")
        asked.locator(".snn-widget").nth(asked.count() - 1).wait_for()
        assert asked.count() == written.count("prediction]\n")
        assert not any(part.is_visible() for part in tab.locator(HELD_BACK).all())
        for k, question in enumerate(asked.all()):
            button = question.get_by_role("button", name="Show me" if k else "Commit my guess")
            button.click()
        question.get_by_role("button", name="Guess again").wait_for()
        tab.wait_for_function("!document.querySelector('.snn-waiting')")
        assert all(part.is_visible() for part in tab.locator(HELD_BACK).all())


@pytest.mark.parametrize(
    ("scheme", "scripts"),
    [("http", True), ("file", True), ("file", False)],
    ids=["http", "file", "no scripts"],
)
@pytest.mark.parametrize("page", CHAPTERS)
def test_every_choice_of_a_question_answers(browser, addresses, page, scheme, scripts):
    root = addresses[scheme]
    with new_tab(browser, java_script_enabled=scripts) as tab:
        elsewhere, _ = listened(tab, root)
        tab.goto(f"{root}/{page}")
        seen = []
        for question in tab.locator("ol.quiz > li").all():
            choices = question.locator("details").all()
            for choice in choices:
                answer = choice.locator("p")
                assert not answer.is_visible()
                choice.locator("summary").click()
                assert answer.is_visible()
                is_right = "quiz-right" in choice.get_attribute("class")
                assert answer.inner_text().startswith("Yes. " if is_right else "No. ")
                seen.append(answer.inner_text())
            assert question.locator("details[open]").count() == 1  # the others have closed

            # and with the keyboard alone
            first, second = (choice.locator("summary") for choice in choices[:2])
            first.focus()
            tab.keyboard.press("Enter")
            assert choices[0].locator("p").is_visible()
            tab.keyboard.press("Tab")
            assert second.evaluate("e => e === document.activeElement")
            tab.keyboard.press("Space")
            assert choices[1].locator("p").is_visible()
            tab.keyboard.press("Space")
            assert not choices[1].locator("p").is_visible()
    assert len(set(seen)) == len(seen) >= 4
    assert not elsewhere
