/** Elements of the page. */

/**
 * @param {string} tag
 * @param {Record<string, any>} [properties] set on the element; `data-` and `aria-` as attributes
 * @param {(Node | string)[]} children
 * @returns {any} the element
 */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (/^(data|aria)-|^role$/.test(name)) element.setAttribute(name, value);
    else /** @type {any} */ (element)[name] = value;
  }
  element.append(...children);
  return element;
}
