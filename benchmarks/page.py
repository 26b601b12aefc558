"""The shipped network as the pages run it, in Chromium: four numbers at a time against one."""

import base64
import statistics
from contextlib import closing
from typing import cast

import torch
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.timing import PAIRS, summary
from book.tools.whole import chromium
from snnlab import zoo
from snnlab.data import photographs
from snnlab.models import SpikingVGG
from snnlab.widgets.base import FRONT, bundle

NAME = "lif-s0"
# Where the browser cannot compile, the network stays with its loop.
REFUSED = "() => { WebAssembly.Module = class { constructor() { throw new Error(); } }; }"
READ = """async ([front, weights, spikes, leak]) => {
    const address = `data:text/javascript;base64,${front}`;
    const { readNetwork, runNetwork, vectors } = await import(address);
    const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const network = readNetwork(bytes(weights), leak);
    const given = new Int8Array(bytes(spikes).buffer);
    window.compiled = Boolean(vectors(network.blocks));
    window.run = () => {
        const start = performance.now();
        let last;
        for (const now of runNetwork(network, given, 64, 64, {})) last = now.logits;
        return [(performance.now() - start) / 1000, Array.from(last)];
    };
}"""


def run():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield row(browser, PAIRS)
        browser.close()


def row(browser: Browser, pairs: int) -> dict:
    model, image = cast(SpikingVGG, zoo.load(NAME)), photographs().images[:1]
    spikes = model.encode(image, torch.Generator().manual_seed(0))
    sent = [
        (bundle(FRONT / "network.js") + "export { readNetwork, runNetwork, vectors };").encode(),
        (zoo.FOLDER / f"{NAME}.safetensors").read_bytes(),
        spikes[:, 0].to(torch.int8).contiguous().numpy().tobytes(),
    ]
    given = [*(base64.b64encode(part).decode() for part in sent), zoo.card(NAME)["recipe"]["leak"]]
    with closing(browser.new_page()) as fast, closing(browser.new_page()) as slow:
        slow.evaluate(REFUSED)
        for page, compiles in ((fast, True), (slow, False)):
            page.evaluate(READ, given)
            if page.evaluate("compiled") != compiles:
                raise RuntimeError(f"expected a page that compiles: {compiles}; it is the other")
            logits = torch.tensor(page.evaluate("run()")[1])  # compiled while it runs
            torch.testing.assert_close(logits, model(spikes=spikes)[0].detach(), rtol=0, atol=0.1)
        times = [(seconds(fast), seconds(slow)) for _ in range(pairs)]
    return {
        "work": f"{NAME}, a photograph, {model.steps} steps, in Chromium",
        "version": browser.version,
        "against": "one number at a time",
        "ratio": summary([theirs / mine for mine, theirs in times], [mine for mine, _ in times]),
        "at_least": 2,
    }


def seconds(page: Page) -> float:
    """Of a run of the network, the median of a few."""
    return statistics.median(page.evaluate("run()")[0] for _ in range(5))
