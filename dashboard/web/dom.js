// Making elements. Texts become text nodes, never HTML. No attribute holds script or style.

const SVG = 'http://www.w3.org/2000/svg';

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) set(node, name, value);
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

/** h makes an HTML element; children are nodes and strings. */
export const h = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);

/** s makes an SVG element. */
export const s = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

/** set sets an attribute; null, undefined and false remove it, true sets it to an empty string. */
export function set(node, name, value) {
  if (value === null || value === undefined || value === false) node.removeAttribute(name);
  else node.setAttribute(name, value === true ? '' : value);
}

/** text sets a node's text, unless it is the same: a screen reader would read it again. */
export function text(node, value) {
  if (node.textContent !== value) node.textContent = value;
}

const filled = new WeakMap();

/** refill replaces a node's children by those of make(), unless the key is that of the last time: the reader may have the focus on one of them. */
export function refill(node, key, make) {
  if (filled.get(node) === key) return;
  filled.set(node, key);
  node.replaceChildren(...make());
}

let lastId = 0;

/** unique returns an id that no other element has. */
export const unique = (stem) => `${stem}-${++lastId}`;

const canvas = document.createElement('canvas').getContext('2d');

/** widthOf returns the width in px of a text in a node's font. */
export function widthOf(value, node) {
  const { fontStyle, fontWeight, fontSize, fontFamily } = getComputedStyle(node);
  canvas.font = `${fontStyle} ${fontWeight} ${fontSize} ${fontFamily}`;
  return canvas.measureText(value).width;
}

/** fontSize returns the size of a node's em in px. */
export const fontSize = (node) => parseFloat(getComputedStyle(node).fontSize);

/** noMotion reports whether nothing should be animated: the system asks for that, or the page is hidden. */
export const noMotion = () => document.hidden || matchMedia('(prefers-reduced-motion: reduce)').matches;
