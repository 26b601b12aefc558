/**
 * Leads a search to the page that answers it.
 *
 * Sphinx finds the pages that hold every word of a query, letter by letter: "gradcam" and "license"
 * stand nowhere, and "poisson" leads to whatever names it.  Here stands, for each page, what readers
 * call it; a page all of whose query's words are its own comes first.  And where no page holds every
 * word, those that hold some of them are shown.
 */
/* global Search */
(() => {
  "use strict";

  // @ts-ignore: a constant of Sphinx's searchtools.js
  const sphinx = Search;

  /** Page -> what readers call it, best names first. */
  const WORDS = {
    "book/intro": "license licence copyright mit terms citation cite author start install about book",
    "book/a-spiking-neuron": "spiking neuron lif leaky integrate fire membrane leak threshold reset potential",
    "book/images-into-spikes": "poisson encoder encoding rate coding image spike random bernoulli",
    "book/a-gradient-through-spikes": "surrogate gradient backpropagation through time bptt detached gate bump",
    "book/learning-through-spikes": "learning training dead neuron stdp adam optimiser optimizer overfitting",
    "book/a-spiking-vgg": "bntt batch norm normalization normalisation through time vgg train own photograph photo",
    "book/converting-a-network": "convert conversion converting relu network ann snn percentile threshold balancing",
    "book/grad-cam": "gradcam grad cam heatmap saliency class activation map relu twin",
    "book/grad-cam-for-spikes": "snn spiking gradcam grad cam for spike surrogate",
    "book/the-smoothing-problem": "half mass area smoothing smooth blur broad width surrogate",
    "book/the-interval-kernel": "inter spike interval interspike isi kernel contribution score ncs decay gamma",
    "book/the-spike-activation-map": "sam spike activation map visual explanation kim panda authors published code",
    "book/counts-or-intervals": "map explorer count counts interval intervals shuffle shuffled autocorrelogram permutation",
    "book/does-it-look-at-the-object": "energy box pointing game localisation localization deletion insertion bounding faithfulness",
    "book/trained-or-converted": "trained or converted",
    "book/under-attack": "adversarial attack fgsm pgd robust robustness perturbation epsilon under",
    "book/two-pictures-at-once": "two picture object scene receptive field seam pair compete",
    "book/what-holds": "claim verdict holm what hold result replication reproduction",
    "book/when-may-i-trust": "trust when may checklist sheet",
    "book/gallery": "failure gallery wrong misleading",
    "book/how-do-i": "how do save keep explanation seed reproducible",
    "book/bring-your-own-network": "own network model snntorch spikingjelly norse sinabs transformer spikformer bring your custom event camera dvs",
    "book/all-methods": "all method side by comparison which choose map box",
    "book/cheat-sheet": "cheat sheet signature summary",
    "book/notation": "notation symbol",
    "book/glossary": "glossary term definition",
    "book/speed": "speed fast benchmark slow time memory",
    "book/errata": "errata erratum error mistake correction",
    "book/references": "reference bibliography literature paper",
    "book/teaching/index": "teaching course syllabus teacher exercise student",
  };

  /** What is left of a word: without endings, "grad-cam" as two. */
  const stems = (text) =>
    text
      .toLowerCase()
      .split(/[^\p{L}\p{N}]+/u)
      .filter(Boolean)
      .map((word) => word.replace(/ies$/, "y").replace(/(?<=\w{3})(?<!s)s$/, ""));

  const EMPTY = new Set(["the", "a", "an", "of", "in", "to", "my", "is", "what", "how", "do", "i", "for", "and"]);

  /** The pages that are called so, those with the fewest other names first. */
  function called(query) {
    const all = stems(query);
    const asked = all.filter((word) => !EMPTY.has(word));
    const words = asked.length ? asked : all;
    if (!words.length) return [];
    return Object.entries(WORDS)
      .map(([page, names]) => ({ page, names: stems(names) }))
      .filter(({ names }) => words.every((word) => names.includes(word)))
      .sort((a, b) => places(a.names, words) - places(b.names, words))
      .map(({ page }) => page);
  }

  /** How late in a page's names the words stand: the first names are the page's own. */
  function places(names, words) {
    return words.reduce((sum, word) => sum + names.indexOf(word), 0);
  }

  /** Pages that hold some of the words, best last, as Sphinx has its results. */
  function holdingSome(terms, excluded) {
    const found = new Map();
    for (const term of terms) {
      for (const item of sphinx.performTermsSearch(new Set([term]), excluded)) {
        const before = found.get(item[0]);
        if (before) before[4] += item[4];
        else found.set(item[0], item);
      }
    }
    return [...found.values()].sort((a, b) => a[4] - b[4]);
  }

  const search = sphinx._performSearch;
  sphinx._performSearch = (query, terms, excluded, ...others) => {
    let results = search(query, terms, excluded, ...others);
    if (!results.length) results = holdingSome(terms, excluded);
    const { docnames, titles, filenames } = sphinx._index;
    const first = called(query).filter((page) => docnames.includes(page));
    const rest = results.filter(([page, , anchor]) => anchor || !first.includes(page));
    const leading = first.map((page) => {
      const at = docnames.indexOf(page);
      return [page, titles[at], "", null, 100, filenames[at]];
    });
    return [...rest, ...leading.reverse()]; // Sphinx shows them from the last to the first
  };
})();
