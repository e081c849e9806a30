// Figures as a paper prints them: white, with a title and the number of episodes, in a font
// that every system has. They are drawn by the classes that draw the page, on a sheet of a
// fixed size that nobody sees, and become one SVG without style sheets.

import { axisOf, sharedAxes } from './amplitude.js';
import { Cost } from './cost.js';
import { h, s, set, widthOf } from './dom.js';
import { isEmpty } from './doubts.js';
import { exact } from './format.js';
import { Levels, maxLevels } from './levels.js';
import { Plot, extent } from './plot.js';
import { score } from './score.js';
import { inWords, widthsOf } from './time.js';

// Sizes in px. A sheet is as wide as two columns of a paper, at 96 px an inch.
const panel = { width: 430, height: 300, head: 56, gap: 22 };
const head = 58; // above the panels
const foot = 24;
const least = 640; // the least width of a figure
const fonts = 'Helvetica, Arial, sans-serif';
const pixels = 3; // of a PNG for each px: 288 an inch
const maxSide = 16_000; // of a PNG; browsers draw no larger ones

/** onPaper calls draw with a sheet in the page, which is white and invisible, and removes it. */
function onPaper(draw) {
  const sheet = h('div', { class: 'paper', 'aria-hidden': 'true' });
  document.body.append(sheet);
  try {
    return draw(sheet);
  } finally {
    sheet.remove();
  }
}

const styles = ['fill', 'stroke', 'stroke-width', 'stroke-opacity', 'stroke-dasharray', 'stroke-linecap', 'stroke-linejoin', 'opacity', 'font-size', 'font-weight'];
const ofShapes = new Set(['path', 'rect', 'line', 'circle', 'text']);

// printed returns a copy of an SVG node that needs no style sheet. What only a screen needs is left out.
function printed(node) {
  if (node.nodeType !== Node.ELEMENT_NODE) return node.cloneNode();
  if (node.matches('.cursor, .dot, .chosen')) return document.createComment('');
  const copy = node.cloneNode();
  copy.removeAttribute('class');
  if (ofShapes.has(node.localName)) {
    const style = getComputedStyle(node);
    for (const name of styles) set(copy, name, style.getPropertyValue(name));
  }
  copy.append(...[...node.childNodes].map(printed));
  return copy;
}

const words = (value, x, y, attributes = {}) => s('text', { x, y, fill: '#1b2025', 'font-size': 12, ...attributes }, value);

// fit cuts a text to a width in px.
function fit(value, width, size, sheet) {
  const wide = (text) => (widthOf(text, sheet) * size) / 15;
  if (wide(value) <= width) return value;
  const letters = Array.from(value).slice(0, 200);
  while (letters.length > 1 && wide(`${letters.join('')}…`) > width) letters.pop();
  return `${letters.join('')}…`;
}

// place puts the drawing of a host into a figure.
const place = (host, x, y) => s('g', { transform: `translate(${x} ${y})` }, [...host.querySelector('svg').childNodes].map(printed));

const episodes = ({ used }) => (used === null ? '' : `n = ${used}`);

// Draws one profile at the corner x, y. A figure of one profile is as wide as its legend.
function drawProfile(sheet, { profile, signature, style }, view, { alone, ...scales }, x, y) {
  const host = h('div', { class: alone ? 'plot alone' : 'plot' });
  const wide = alone ? least - 2 * panel.gap : panel.width;
  sheet.append(host);
  const levels = view.view === 'levels' && signature;
  const raw = view.scale === 'raw' && profile.raw !== null;
  const widths = widthsOf(profile, view.widths);
  const about = levels ? 'levels of each channel' : [profile.channel, raw ? profile.unit : 'scaled', inWords(widths)].filter(Boolean).join(', ');
  const nodes = [
    words(fit(profile.name, wide - 80, 15, sheet), x, y + 14, { 'font-size': 15, 'font-weight': 600 }),
    words(episodes(profile), x + wide, y + 14, { 'font-size': 13, 'text-anchor': 'end' }),
    words(fit(profile.shape, wide, 12, sheet), x, y + 31, { fill: '#585f66' }),
    words(fit(about, wide, 12, sheet), x, y + 47, { fill: '#585f66' }),
  ];
  if (isEmpty(profile)) {
    nodes.push(words('no accepted episode', x + wide / 2, y + panel.height / 2, { 'text-anchor': 'middle' }));
  } else if (levels) {
    host.classList.add('levels');
    new Levels(host, '', () => {}).show(signature, scales.levels, style);
    nodes.push(place(host, x, y + panel.head));
  } else {
    const layer = { key: profile.name, style, n: profile.n, used: profile.used, ...(raw ? profile.raw : profile.scaled) };
    const range = raw ? scales.axes.get(axisOf(profile)) : extent([layer], 0, 1);
    const { lo, hi } = raw ? range : { lo: Math.max(-1, range.lo), hi: Math.min(2, range.hi) };
    new Plot(host, '', () => {}).show({ layers: [layer], phases: profile.phases, widths, lo, hi, unchosen: 0, describe: () => '' });
    nodes.push(place(host, x, y + panel.head));
  }
  host.remove();
  return nodes;
}

// The legend of a figure, from right to left in the line y.
function legend(sheet, entries, right, y) {
  let x = right;
  return entries.toReversed().flatMap(([kind, label]) => {
    x -= (widthOf(label, sheet) * 12) / 15;
    const text = words(label, x, y);
    x -= 30;
    const mark = kind === 'line' ? s('line', { x1: x, x2: x + 24, y1: y - 4, y2: y - 4, stroke: '#585f66', 'stroke-width': 2 })
      : s('rect', { x, y: y - 9, width: 24, height: 10, fill: '#585f66', opacity: { band: 0.28, dark: 0.9, thin: 0.75 }[kind], ...(kind === 'thin' ? { height: 5, fill: '#9a4200' } : {}) });
    x -= 18;
    return [mark, text];
  });
}

// The white sheet with its title above the parts.
function sheetOf(width, height, title, subtitle, at, nodes) {
  const svg = s('svg', { xmlns: 'http://www.w3.org/2000/svg', viewBox: `0 0 ${width} ${height}`, width, height, 'font-family': fonts },
    s('title', null, `${title}: ${subtitle}`), s('rect', { width, height, fill: '#ffffff' }),
    words(title, panel.gap, 30, { 'font-size': 18, 'font-weight': 600 }), words(subtitle, panel.gap, 48, { fill: '#585f66' }),
    words(at, width - panel.gap, height - 8, { 'font-size': 10, fill: '#585f66', 'text-anchor': 'end' }));
  svg.append(...nodes);
  return svg;
}

const howMany = (n, what) => `${n} ${what}${n === 1 ? '' : 's'}`;

/**
 * profilesFigure returns the SVG of profiles, [{profile, signature, style}]. view has what the page
 * shows: {view, scale, widths}. all has the profiles and signatures that share scales with them.
 */
export function profilesFigure(items, view, all) {
  return onPaper((sheet) => {
    const columns = Math.max(1, Math.min(items.length, Math.ceil(Math.sqrt(items.length))));
    const width = Math.max(least, columns * (panel.width + panel.gap) + panel.gap);
    const height = head + Math.ceil(items.length / columns) * (panel.height + panel.gap) + foot;
    const scales = { alone: items.length === 1, axes: sharedAxes(all.profiles), levels: maxLevels(all.signatures) };
    const nodes = items.flatMap((item, i) => drawProfile(sheet, item, view, scales,
      panel.gap + (i % columns) * (panel.width + panel.gap), head + panel.gap / 2 + Math.floor(i / columns) * (panel.height + panel.gap)));
    const levels = view.view === 'levels' && items.some(({ signature }) => signature);
    const thin = items.some(({ profile: { n, used } }) => n?.some((count) => count < used));
    const entries = levels ? [['dark', 'dark: median'], ['band', 'light: upper quartile']] : [['line', 'median'], ['band', 'p25 to p75'], ...(thin ? [['thin', 'fewer episodes']] : [])];
    const subtitle = levels ? 'sorted from high to low, no longer time · logarithmic' : `median and quartiles of n episodes${view.scale === 'raw' ? '' : ', scaled: medians from 0 to 1'}`;
    const title = items.length === 1 ? 'Attack profile' : `${howMany(items.length, 'attack profile')}`;
    const updated = Math.max(...items.map(({ profile }) => profile.updated ?? profile.received));
    return sheetOf(width, height, title, subtitle, exact(updated), [...legend(sheet, entries, width - panel.gap, 30), ...nodes]);
  });
}

/** accuraciesFigure returns the SVG of the accuracy of models, best first: [{name, metric, low, high, ...}]. */
export function accuraciesFigure(models) {
  return onPaper((sheet) => {
    const width = least;
    const row = 32;
    const x = (value) => panel.gap + Math.max(0, Math.min(1, value)) * (width - 2 * panel.gap);
    const bottom = head + 14 + models.length * row;
    const nodes = models.flatMap(({ name, metric, low, high, baseline, episodes: n }, i) => {
      const y = head + 14 + i * row;
      const line = (at, to, attributes) => s('line', { x1: x(at), x2: x(to), stroke: '#1b2025', 'stroke-width': 2, ...attributes });
      return [
        words(fit(name, 380, 13, sheet), x(0), y + 11, { 'font-size': 13 }),
        words(`${score(metric, low, high)}${n === null ? '' : `, n = ${n}`}`, x(1), y + 11, { 'text-anchor': 'end', 'font-size': 13 }),
        s('rect', { x: x(0), y: y + 16, width: x(1) - x(0), height: 8, fill: '#dedbd3' }), s('rect', { x: x(0), y: y + 16, width: x(metric) - x(0), height: 8, fill: '#005c91' }),
        ...(low === null ? [] : [line(low, high, { y1: y + 20, y2: y + 20 })]),
        ...(Number.isFinite(baseline) ? [line(baseline, baseline, { y1: y + 16, y2: y + 24, stroke: '#ffffff' })] : []),
      ];
    });
    for (const value of [0, 0.25, 0.5, 0.75, 1]) nodes.push(words(String(value), x(value), bottom + 14, { 'font-size': 11, 'text-anchor': value === 0 ? 'start' : value === 1 ? 'end' : 'middle' }));
    return sheetOf(width, bottom + 20 + foot, 'Accuracy of each model', 'black line: 95% interval; white line: the accuracy of guessing', newest(models), nodes);
  });
}

/** speedsFigure returns the SVG of the accuracy of models against the time of an answer. Both maps are by name. */
export function speedsFigure(perfs, metrics) {
  return onPaper((sheet) => {
    const host = h('div', { class: 'speeds' });
    sheet.append(host);
    new Cost(host).show(perfs, metrics);
    return sheetOf(least, head + 400 + foot, 'Accuracy against time', 'of one answer; lines are 95% intervals', newest([...perfs.values()]), [place(host.querySelector('.plot'), panel.gap, head)]);
  });
}

const newest = (events) => (events.length === 0 ? '' : exact(Math.max(...events.map(({ received }) => received))));

/** svgText returns a figure as a file. */
export const svgText = (svg) => `<?xml version="1.0" encoding="UTF-8"?>\n${new XMLSerializer().serializeToString(svg)}\n`;

/** pngOf returns a promise of a figure as a PNG file. */
export async function pngOf(svg) {
  const [width, height] = ['width', 'height'].map((name) => Number(svg.getAttribute(name)));
  const scale = Math.min(pixels, maxSide / width, maxSide / height);
  const image = new Image();
  image.src = `data:image/svg+xml,${encodeURIComponent(svgText(svg))}`;
  await image.decode();
  const canvas = h('canvas', { width: Math.round(scale * width), height: Math.round(scale * height) });
  canvas.getContext('2d').drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) => { canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('the browser cannot draw a picture of this size'))), 'image/png'); });
}
