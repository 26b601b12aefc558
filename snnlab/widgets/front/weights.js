/** The weights of a shipped network: from the kernel where there is one, else from the page's folder. */

const WAIT = 60_000; // milliseconds until a silent kernel is given up

/**
 * @param {import("./view.js").Model & {send?: Function}} model with the trait `network`, its name
 * @returns {Promise<Uint8Array>} the safetensors file
 */
export function loadWeights(model) {
  return model.send ? fromKernel(model) : fromScript(model.get("network"));
}

/** Python answers with one binary buffer (shipped.py). */
function fromKernel(model) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => answer(null, []), WAIT);
    const answer = (_, /** @type {DataView[]} */ [buffer]) => {
      clearTimeout(timer);
      model.off("msg:custom", answer);
      if (buffer) resolve(new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength));
      else reject(new Error("The kernel does not answer; start it, run the cell again, and load the network then."));
    };
    model.on("msg:custom", answer);
    model.send({ want: "weights" });
  });
}

/** A script, since a page that is opened from the disk may not fetch a file; book/tools/build.py writes it. */
async function fromScript(name) {
  const networks = () => /** @type {any} */ (globalThis).snnlabNetworks ?? {};
  if (!networks()[name]) await runScript(`${document.documentElement.dataset.content_root ?? ""}_static/${name}.js`);
  return Uint8Array.from(atob(networks()[name]), (letter) => letter.charCodeAt(0));
}

function runScript(address) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = address;
    script.addEventListener("load", () => resolve(undefined));
    script.addEventListener("error", () => {
      script.remove();
      reject(new Error(`The network could not be loaded from ${address}; is the file there?`));
    });
    document.head.append(script);
  });
}
