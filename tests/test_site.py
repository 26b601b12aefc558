"""The built site as a whole (`make book` first): links and anchors, titles, weights, accessibility,
and a reader's path through it."""

import json
import re
from pathlib import Path
from urllib.parse import quote, unquote

import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe
from helpers import site
from playwright.sync_api import expect

from book.tools import contents
from snnlab import results

pytestmark = pytest.mark.book

ROOT = Path(__file__).parent.parent
HTML = ROOT / "_build" / "html"
PAGES = sorted(page.relative_to(HTML).as_posix() for page in HTML.glob("book/**/*.html"))
WEIGHT = 2_500_000  # bytes, beside MathJax, which a browser keeps


def soup(page):
    return site.soup(HTML / page)


def local(address):
    """The address without query, and its anchor; None for other hosts and schemes."""
    if re.match(r"[a-z][a-z+.-]*:|//", address, re.I):
        return None
    path, _, anchor = address.partition("#")
    return unquote(path.split("?")[0]), unquote(anchor)


def test_every_internal_link_leads_to_a_page_and_to_a_place_on_it():
    pages = [*PAGES, "index.html", "404.html", "search.html", "genindex.html", "py-modindex.html"]
    soups = {HTML / page: soup(page) for page in pages}
    places = {
        page: {tag[k] for k in ("id", "name") for tag in found.find_all(attrs={k: True})}
        for page, found in soups.items()
    }
    dead = []
    for page, found in soups.items():
        for tag in found.find_all(["a", "img", "link", "script"]):
            address = tag.get("href") or tag.get("src") or ""
            if not address or (parts := local(address)) is None:
                continue
            target = (page.parent / parts[0]).resolve() if parts[0] else page
            if not target.exists() or (
                parts[1] and target in places and parts[1] not in places[target]
            ):
                dead.append(f"{page.relative_to(HTML)}: {address}")
    assert not dead, "\n".join(dead)


def test_citations_and_terms_lead_to_their_entries():
    for page in PAGES:
        for tag in soup(page).select("article a.reference.internal"):
            assert "[?]" not in tag.text
    assert "references.html#" in str(soup("book/intro.html").select_one("article"))
    assert "glossary.html#term-" in str(soup("book/notation.html").select_one("article"))


@pytest.mark.parametrize("chapter", contents.chapters())
def test_the_code_of_a_chapter_leads_to_the_reference(chapter):
    found = soup(f"book/{chapter}.html")
    links = found.select("a.sphinx-codeautolink-a")
    assert links and all("/reference/" in link["href"] for link in links)
    code = " ".join(cell.text for cell in found.select("div.highlight-ipython3"))
    used = set(re.findall(r"\bsnnlab(?:\.\w+)+", re.sub("#.*", "", code)))
    used = {name for name in used if not name.split(".")[-1].isupper()}  # some constants have none
    assert used - {link.text for link in links} == set()


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_light(page):
    """The page and all that it loads by itself; MathJax is the same file for every page."""
    found = soup(page)
    loaded = {tag["src"] for tag in found.find_all(["script", "img"], src=True)}
    kinds = {"stylesheet", "icon", "preload", "modulepreload"}
    loaded |= {tag["href"] for tag in found.find_all("link", href=True) if kinds & {*tag["rel"]}}
    files = {((HTML / page).parent / parts[0]).resolve() for a in loaded if (parts := local(a))}
    weights = {file: file.stat().st_size for file in files if "mathjax" not in file.parts}
    weights[HTML / page] = (HTML / page).stat().st_size
    heaviest = sorted(((size, file.name) for file, size in weights.items()), reverse=True)
    assert sum(weights.values()) < WEIGHT, heaviest[:5]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_a_title_of_its_own_an_icon_and_its_neighbours(page):
    found = soup(page)
    heading = found.select_one("article h1").text.removesuffix("#").strip()  # with its number
    assert found.title.text == f"{heading} — Seeing Spikes"
    assert found.find("link", rel="icon")["href"].endswith("_static/favicon.svg")
    neighbours = {tag["rel"][0] for tag in found.find_all("link", rel=["prev", "next"])}
    first, last = page == "book/intro.html", found.find("link", rel="next") is None
    assert neighbours == {"prev", "next"} - ({"prev"} if first else {"next"} if last else set())


def test_executed_pages_can_be_downloaded_as_notebooks():
    executed = [page for page in PAGES if soup(page).select_one("div.cell")]
    assert len(executed) > 12
    for page in executed:
        link = soup(page).select_one("a.btn-download-notebook-button")
        assert ((HTML / page).parent / link["href"]).resolve().suffix == ".ipynb"


def test_buttons_that_need_a_public_address_are_there_if_there_is_one():
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    for page in PAGES:
        buttons = soup(page).select("[class*=btn-source-], [class*=btn-launch]")
        assert bool(buttons) == bool(config["repository"]["url"]), page


def test_each_page_says_what_it_is_to_those_who_list_or_share_it():
    said = []
    for page in PAGES:
        tags = soup(page).find_all("meta", content=True)
        meta = {tag.get("name") or tag.get("property"): tag["content"] for tag in tags}
        heading = soup(page).select_one("article h1").text.rstrip("#").strip()
        assert heading.endswith(meta["og:title"]) and meta["og:site_name"] == "Seeing Spikes"
        assert meta["description"] == meta["og:description"] and len(meta["description"]) <= 202
        said.append(meta["description"])
    assert len(set(said)) > 0.9 * len(said), "pages describe themselves by the same words"
    assert all(len(words) > 20 for words in said[:10])


def test_the_first_page_stands_at_the_root_too():
    first, index = soup("book/intro.html"), soup("index.html")
    assert first.select_one("article").text == index.select_one("article").text
    assert not index.select('meta[http-equiv="Refresh"]')


@pytest.mark.parametrize("page", ["notation", "the-smoothing-problem"])
def test_terms_and_citations_carry_their_words(page):
    page = soup(f"book/{page}.html")
    notes = json.loads(page.select_one("#snn-notes").text)
    linked = {link["href"] for link in page.select("article a.reference.internal")}
    terms = {link for link in linked if re.match(r"(glossary|references)\.html#", link)}
    assert terms == notes.keys() and all(len(words) > 20 for words in notes.values())


def test_cards_of_verdicts_lead_to_their_chapters():
    cards = soup("book/what-holds.html").select("ul.snn-cards > li")
    decided = results.current()
    assert sorted(card["data-verdict"] for card in cards) == sorted(r["verdict"] for r in decided)
    assert "the-smoothing-problem.html" in [card.a["href"] for card in cards if card.a]
    on_the_wall = soup("book/when-may-i-trust.html").select("ul.snn-cards > li")
    assert len(on_the_wall) == sum(row["set"] == "B" for row in decided)


# In the browser


def test_a_reader_opens_the_book_searches_and_reads_on(browser, addresses):
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        tab = context.new_page()
        tab.set_default_timeout(60_000)
        tab.goto(addresses["http"])
        assert tab.locator("article h1").inner_text().startswith("Seeing Spikes")

        tab.locator("button.search-button-field:visible").click()
        field = tab.locator("dialog input[type=search]")
        field.fill("published code")
        field.press("Enter")
        tab.wait_for_url("**/search.html?**")
        first = tab.locator("#search-results li a").first
        expect(first).to_contain_text("spike activation map", ignore_case=True)
        first.click()
        tab.wait_for_url("**/book/the-spike-activation-map.html**")

        tab.locator("a.right-next").click()
        tab.wait_for_load_state()
        assert "/book/the-spike-activation-map" not in tab.url
        tab.locator("a.left-prev").click()
        tab.wait_for_url("**/book/the-spike-activation-map.html")
        tab.get_by_role("link", name="Notation").first.click()
        tab.wait_for_url("**/book/notation.html")
        tab.locator("article").get_by_role("link", name="leak", exact=True).first.click()
        tab.wait_for_url("**/book/glossary.html#term-leak")
        assert tab.locator("#term-leak").is_visible()


# What readers type -> the page that must come first
SEARCHES = {
    "grad-cam": "gradcam; grad-cam; Grad-CAM; cam; heatmap; saliency map; class activation map",
    "grad-cam-for-spikes": "snn grad-cam; gradcam for spikes",
    "intro": "license; licence; citation",
    "under-attack": "adversarial attack; adversarial attacks; fgsm; pgd; robustness",
    "images-into-spikes": "poisson; poisson encoder; rate coding",
    "a-spiking-vgg": "bntt; batch norm; own photograph",
    "bring-your-own-network": "own network; my own network; snntorch; spikingjelly; event camera",
    "converting-a-network": "convert relu network; conversion; ann to snn",
    "the-interval-kernel": "inter-spike interval; interspike interval; contribution score",
    "the-smoothing-problem": "half mass; half-mass area; smoothing",
    "a-spiking-neuron": "membrane; leak; threshold; lif neuron",
    "a-gradient-through-spikes": "surrogate gradient; bptt",
    "learning-through-spikes": "dead neurons; training",
    "the-spike-activation-map": "sam; spike activation map",
    "counts-or-intervals": "map explorer; counts; shuffle",
    "does-it-look-at-the-object": "pointing game; bounding boxes; deletion",
    "glossary": "glossary",
    "errata": "errata",
}
QUERIES = [(query, page) for page, each in SEARCHES.items() for query in each.split("; ")]


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_a_search_leads_to_the_page_that_answers_it(browser, addresses, scheme):
    assert len(QUERIES) > 40
    wrong = []
    some = QUERIES if scheme == "http" else QUERIES[::4]  # the ranking is the same
    with site.new_tab(browser) as tab:
        for query, page in some:
            tab.goto(f"{addresses[scheme]}/search.html?q={quote(query)}")
            first = tab.locator("#search-results li a").first
            first.wait_for()
            if f"/{page}.html" not in f"/{first.get_attribute('href')}":
                wrong.append((query, page, first.get_attribute("href")))
    assert not wrong


def test_a_search_whose_words_no_page_holds_together_finds_pages_of_some(browser, addresses):
    with browser.new_context() as context:
        tab = context.new_page()
        tab.goto(f"{addresses['http']}/search.html?q=spiking+zeppelin")
        tab.locator("#search-results li a").first.wait_for()


def test_a_term_and_a_citation_say_what_they_are_by_pointer_and_keyboard(browser, addresses):
    with browser.new_context(viewport={"width": 390, "height": 844}) as context:
        tab = context.new_page()
        note = tab.locator("#snn-note")
        for page, to in (("notation", "glossary"), ("the-smoothing-problem", "references")):
            tab.goto(f"{addresses['file']}/book/{page}.html")
            link = tab.locator(f"article a.reference.internal[href^='{to}.html#']").first
            link.hover()
            note.wait_for()
            box = note.bounding_box()
            assert box["x"] >= 0 and box["x"] + box["width"] <= 390
            assert link.get_attribute("aria-describedby") == "snn-note"
            note.hover()  # it stays under the pointer
            tab.wait_for_timeout(400)
            assert note.is_visible()
            tab.keyboard.press("Escape")
            assert not note.is_visible() and link.get_attribute("aria-describedby") is None
            link.focus()
            assert len(note.inner_text()) > 20
            tab.keyboard.press("Tab")
            tab.wait_for_timeout(50)
            assert link.get_attribute("aria-describedby") is None


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_a_chapter_that_was_read_is_marked_until_the_reader_forgets_it(browser, addresses, scheme):
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        tab = context.new_page()
        tab.goto(f"{addresses[scheme]}/book/grad-cam.html")
        marks = tab.locator("nav.bd-links .snn-read")
        assert marks.count() == 0 and not tab.locator(".snn-progress").is_visible()
        tab.locator("footer.prev-next-footer").scroll_into_view_if_needed()
        marks.first.wait_for()
        tab.goto(f"{addresses[scheme]}/book/notation.html")
        assert marks.count() == 1
        assert marks.locator("..").text_content().endswith("Grad-CAM, read")
        count = f"1 of {len(contents.chapters())} chapters read"
        expect(tab.locator(".snn-progress")).to_contain_text(count)
        tab.get_by_role("button", name="Forget").click()
        assert marks.count() == 0
        tab.reload()
        assert marks.count() == 0


def test_what_is_printed_is_light_whole_and_the_wall_sheet_one_sheet(browser, addresses):
    with browser.new_context(color_scheme="dark") as context:
        tab = context.new_page()
        tab.goto(f"{addresses['http']}/book/when-may-i-trust.html")
        sheets = re.findall(rb"/Type\s*/Page\b", tab.pdf(prefer_css_page_size=True))
        assert len(sheets) == 1
        tab.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert tab.evaluate("document.documentElement.dataset.theme") == "light"
        tab.evaluate("dispatchEvent(new Event('afterprint'))")
        assert tab.evaluate("document.documentElement.dataset.theme") == "dark"
        tab.emulate_media(media="print")
        for gone in (".bd-sidebar-primary", ".prev-next-footer", ".bd-header-article"):
            assert not tab.locator(gone).first.is_visible(), gone
        assert tab.locator("article h1").is_visible()


RING = "e => getComputedStyle(e).outlineStyle"


def test_where_the_tab_key_has_come_to_is_seen(browser, addresses):
    with browser.new_context(viewport={"width": 1280, "height": 680}) as context:
        tab = context.new_page()
        tab.goto(f"{addresses['http']}/book/a-spiking-neuron.html")
        tab.keyboard.press("Tab")  # from here on the focus is the keyboard's
        for kind in ("button.primary-toggle", "button.dropdown-toggle", "button.toggle-button"):
            button = tab.locator(f"{kind}:visible").first
            button.focus()
            assert button.evaluate(RING) == "solid", kind


def test_a_button_to_copy_code_is_seen_when_the_tab_key_has_come_to_it(browser, addresses):
    with browser.new_context(reduced_motion="reduce") as context:
        tab = context.new_page()
        tab.goto(f"{addresses['http']}/book/five-minutes.html")
        button = tab.locator("button.copybtn").first
        button.scroll_into_view_if_needed()
        tab.locator("article h1").click()
        assert button.evaluate("b => getComputedStyle(b).opacity") == "0"
        tab.mouse.move(0, 0)  # off the code, whose buttons the pointer shows too
        tab.keyboard.press("Tab")  # from here on the focus is the keyboard's
        button.focus()
        expect(button).to_have_css("opacity", "1")


def test_nothing_is_shipped_that_no_reader_needs():
    assert not list(HTML.rglob("*.map"))
    icons = HTML / "_static" / "scripts" / "fontawesome.js"
    assert not icons.exists(), "1.5 MB of icons, of which pages use a dozen"


@pytest.mark.parametrize("page", PAGES)
def test_nothing_stands_before_the_first_paint(page):
    """Scripts wait for the page, and what they read stands behind it."""
    found = soup(page)
    at_once = [s["src"] for s in found.select("script[src]:not([defer])")]
    assert [Path(local(src)[0]).name for src in at_once] == ["documentation_options.js"]
    assert all(len(script.text) < 500 for script in found.select("head script"))
    state = found.select_one("script[type$=widget-state\\+json]")
    assert state is None or not state.find_next("article")


def test_a_dark_page_is_dark_from_its_first_paint(browser, addresses):
    for look in ("light", "dark"):
        with browser.new_context(color_scheme=look) as context:
            tab = context.new_page()
            tab.route("**/*.js*", lambda route: route.abort())  # as before they have come
            tab.goto(f"{addresses['http']}/book/glossary.html")
            assert tab.evaluate("document.documentElement.dataset.theme") == look
            tab.evaluate("localStorage.setItem('mode', 'dark')")  # what the reader has chosen
            tab.reload()
            assert tab.evaluate("document.documentElement.dataset.theme") == "dark"


FAR = """() => {
  const views = [...document.querySelectorAll("script[type$='widget-view+json']")];
  const later = views.filter(view => !view.closest(".tag_prediction"));  // which come at once
  return later.map(view => view.parentElement.getBoundingClientRect().top / innerHeight);
}"""


LATER = ".cell:not(.tag_prediction) .snn-widget"


@pytest.mark.parametrize("by", ["scrolling", "the Tab key", "an address"])
def test_a_widget_is_set_up_when_it_comes_near(browser, addresses, by):
    address = f"{addresses['http']}/book/the-spike-activation-map.html"
    with browser.new_context(viewport={"width": 1280, "height": 600}) as context:
        tab = context.new_page()
        tab.goto(address)
        far = tab.evaluate(FAR)
        assert far and min(far) > 2.5, "the page has no widget that is out of sight"
        tab.wait_for_timeout(500)
        assert tab.locator(LATER).count() == 0
        if by == "scrolling":
            tab.evaluate(f"scrollTo(0, {(far[0] - 1.5) * 600})")  # half a screen below
        elif by == "the Tab key":
            tab.keyboard.press("Tab")
        else:
            tab.goto(f"{address}#map-explorer?gamma=1")
        tab.wait_for_function(f"document.querySelectorAll('{LATER}').length === {len(far)}")


# How many formulas were set at once, and whether the first of them is in view
SLICES = """
window.slices = [];
new MutationObserver((records) => {
  const added = records.flatMap((record) => [...record.addedNodes]);
  const set = added.filter((node) => node.nodeName === "MJX-CONTAINER" && node.closest(".math"));
  if (set.length) slices.push([set.length, set[0].getBoundingClientRect().top]);
}).observe(document, { childList: true, subtree: true });
"""


SCALES = "[...document.querySelectorAll('p mjx-container')].map(e => parseFloat(e.style.fontSize))"


def test_formulas_are_set_a_few_at_a_time_those_in_view_first(browser, addresses):
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        tab = context.new_page()
        tab.add_init_script(SLICES)
        tab.goto(
            f"{addresses['http']}/book/the-interval-kernel.html#the-contribution-score-of-a-neuron"
        )
        tab.wait_for_function("window.MathJax?.startup?.promise")
        tab.evaluate("MathJax.startup.promise")
        sizes, tops = zip(*tab.evaluate("slices"), strict=True)
        assert sum(sizes) == tab.locator(".math").count() > 40
        assert max(sizes) <= 8
        assert tab.evaluate("scrollY") > 0 and 0 <= tops[0] <= 900
        scales = tab.evaluate(SCALES)
        assert max(scales) - min(scales) < 1, "those that are held back are as large as the others"


def test_formulas_are_no_stops_of_the_tab_key_and_icons_are_drawn(browser, addresses):
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        tab = context.new_page()
        tab.goto(f"{addresses['http']}/book/a-spiking-neuron.html")
        tab.locator("mjx-container").first.wait_for()
        tab.evaluate("MathJax.startup.promise")
        assert tab.locator("mjx-container[tabindex='0'], mjx-container [tabindex='0']").count() == 0
        assert tab.locator("svg.svg-inline--fa path").count() > 5
        assert tab.locator("i[class*=fa-]").count() == 0  # each was found


@pytest.mark.parametrize("page", PAGES)
def test_formulas_are_set_where_there_are_formulas(page):
    found = soup(page)
    assert bool(found.select("script[src*=formulas]")) == bool(found.select(".math"))
    assert not found.select("script[src*=mathjax]")  # it comes after the first paint


NOT_WHOLE = """() => [...document.querySelectorAll("article .math")]
  .map(e => [e, e.querySelector("mjx-math").getBoundingClientRect()])
  .filter(([e, box]) => e.clientWidth && box.width > e.clientWidth + 1)
  .map(([e]) => e.textContent)"""
PARTED = """() => [...document.querySelectorAll("article .snn-together")]
  .filter(e => e.clientWidth || e.getClientRects().length)
  .filter(e => e.getClientRects().length > 1).map(e => e.textContent)"""


@pytest.mark.parametrize("page", ["a-spiking-neuron", "images-into-spikes", "reference/surrogate"])
def test_formulas_are_whole_on_a_phone(browser, addresses, page):
    with browser.new_context(viewport={"width": 390, "height": 844}) as context:
        tab = context.new_page()
        tab.goto(f"{addresses['http']}/book/{page}.html")
        tab.wait_for_function("window.MathJax?.startup?.promise")
        tab.evaluate("MathJax.startup.promise")
        tab.wait_for_function(f"!({NOT_WHOLE})().length")
        assert tab.evaluate(PARTED) == []
        assert "snn-together" in tab.locator("article").inner_html() or "reference" in page


BESIDE = """() => {
  document.querySelectorAll("article details").forEach(e => { e.open = true; });
  document.querySelectorAll("article .toggle-hidden").forEach(e => {
    e.classList.remove("toggle-hidden");
  });
  const right = document.querySelector("article > section").getBoundingClientRect().right + 1;
  const all = "article :not(pre) > code, :is(#symbols, #equations) table";
  return [...document.querySelectorAll(all)]
    .filter(e => e.matches("table") || !e.closest("table"))
    .filter(e => [...e.getClientRects()].some(box => box.right > right))
    .map(e => e.textContent.slice(0, 60));
}"""


@pytest.mark.parametrize("page", ["notation", "cheat-sheet", "the-smoothing-problem"])
def test_names_in_the_text_and_tables_to_look_up_stay_on_a_phones_screen(browser, addresses, page):
    """Also those in hints and solutions, once they are opened."""
    with site.new_tab(browser, viewport={"width": 390, "height": 844}) as tab:
        tab.goto(f"{addresses['http']}/book/{page}.html")
        tab.wait_for_function(FORMULAS)
        tab.evaluate(SETTLED)
        assert tab.evaluate(BESIDE) == []


SMALLEST_TEXT = """() => {
  const sizes = [];
  for (const text of document.querySelectorAll(".snn-drawing > svg text")) {
    const drawing = text.ownerSVGElement, box = drawing.getBoundingClientRect();
    const size = parseFloat(getComputedStyle(text).fontSize);
    const scale = box.width / drawing.viewBox.baseVal.width;
    if (scale && text.textContent.trim()) sizes.push(size * scale);
  }
  return Math.min(...sizes);
}"""


@pytest.mark.parametrize("page", ["the-spike-activation-map", "what-holds", "speed"])
def test_figures_can_be_read_on_a_phone_and_enlarged_by_a_tap(browser, addresses, page):
    with browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True) as context:
        tab = context.new_page()
        tab.goto(f"{addresses['http']}/book/{page}.html")
        assert tab.evaluate(SMALLEST_TEXT) >= 9
        figure = tab.locator(".snn-drawing:visible").last
        figure.scroll_into_view_if_needed()
        figure.locator("svg:visible").tap()
        large = tab.locator("dialog.snn-large svg.snn-wide")
        large.wait_for()
        assert large.bounding_box()["width"] > 800
        tab.keyboard.press("Escape")
        large.wait_for(state="detached")  # a dialog tells of its closing a moment later
        assert figure.locator("svg.snn-wide").count() == 1


def test_a_figure_is_enlarged_by_keyboard_and_takes_the_colours_of_the_page(browser, addresses):
    inks = {}
    for look in ("light", "dark"):
        with browser.new_context(color_scheme=look) as context:
            tab = context.new_page()
            tab.goto(f"{addresses['file']}/book/a-spiking-neuron.html")
            figure = tab.locator(".snn-drawing").first
            inks[look] = figure.locator("text").first.evaluate("e => getComputedStyle(e).fill")
            button = figure.get_by_role("button", name="Enlarge Figure 1.1")
            button.focus()
            tab.keyboard.press("Enter")
            dialog = tab.get_by_role("dialog", name="Figure 1.1")
            dialog.wait_for()
            tab.keyboard.press("Escape")
            assert not dialog.is_visible()
            assert button.evaluate("e => e === document.activeElement")
            assert figure.locator("svg.snn-wide").is_visible()
    assert inks["light"] != inks["dark"]


# Dark differs from light in its colours and in some pictures.
RULES = {
    "light": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]},
    "dark": {
        "type": "rule",
        "values": [
            *("color-contrast", "link-in-text-block"),
            *("image-alt", "svg-img-alt", "role-img-alt"),
        ],
    },
}
# The contrast of one word of code says that of all that look alike; a chapter has thousands.
ONE_OF_EACH = """() => {
  const seen = new Set();
  for (const word of document.querySelectorAll("pre span")) {
    let look = "";
    for (let at = word; at; at = at.parentElement) {
      look += ` ${at.tagName} ${at.className} ${at.style.cssText}`;
    }
    if (seen.has(look) && !word.children.length) word.replaceWith(word.textContent);
    seen.add(look);
  }
}"""


# All answers of the questions at once
OPEN = """document.querySelectorAll("ol.quiz details").forEach(answer => {
  answer.name = "";
  answer.open = true;
})"""


HELD_BACK = "html body .snn-waiting { display: revert !important }"  # until a prediction is made


FORMULAS = "!document.querySelector('.math') || document.querySelector('mjx-container')"
SETTLED = "async () => { await window.MathJax?.startup?.promise; await document.fonts.ready; }"


@pytest.mark.parametrize("look", ["light", "dark"])
@pytest.mark.parametrize("page", PAGES)
def test_a_page_and_the_answers_on_it_can_be_read_by_everyone(browser, addresses, page, look):
    with site.new_tab(browser, color_scheme=look) as tab:
        tab.goto(f"{addresses['http']}/{page}")
        tab.wait_for_function(FORMULAS)
        tab.evaluate(SETTLED)  # a formula is wider until its letters have come
        tab.add_style_tag(content=HELD_BACK)
        tab.evaluate(ONE_OF_EACH)
        options = {"runOnly": RULES[look], "resultTypes": ["violations"]}  # one node of each pass
        nothing_to_say(Axe().run(tab, options=options).response)
        if tab.locator("ol.quiz").count():
            tab.evaluate(OPEN)
            nothing_to_say(Axe().run(tab, context={"include": [["#check-yourself"]]}).response)


def nothing_to_say(found):
    assert found["passes"]
    assert not found["violations"], [
        (v["id"], [n["html"][:200] for n in v["nodes"]]) for v in found["violations"]
    ]
