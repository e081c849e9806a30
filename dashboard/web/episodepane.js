// The pane about the episodes of a profile's sample: which are suspects, which are
// unusual and why, and a list of all, by host.

import { h, refill, set, text, unique } from './dom.js';
import { describeSloppiness } from './doubts.js';
import { fileName } from './download.js';
import { number } from './format.js';

/** minUnusual is how many episodes a sample must have for one to be called unusual: of fewer, too many are by chance. */
export const minUnusual = 20;

const orders = { marks: 'marked first', host: 'by host', peak: 'highest first' };
const maxRows = 600;

/** describeUnusual says where an episode leaves the usual range. */
export function describeUnusual({ outside, point, value, low, high }, points, unit) {
  const where = `outside of the usual range at ${outside} of ${points} points`;
  if (![value, low, high].every(Number.isFinite)) return where;
  const [side, bound] = value < low ? ['below', low] : ['above', high];
  return `${where}, farthest at point ${point + 1}: ${number(value)} is ${side} ${number(bound)}${unit && ` ${unit}`}`;
}

/**
 * marksOf returns what the events say about the episodes of a profile, by id:
 * {unusual, suspect} are sentences, or ''.
 */
export function marksOf(profile, signature, suspects) {
  const marks = new Map();
  const mark = (id, name, words) => marks.set(id, { unusual: '', suspect: '', ...marks.get(id), [name]: words });
  if (signature && signature.used >= minUnusual) for (const o of signature.outliers) mark(o.episode, 'unusual', `Unusual: ${describeUnusual(o, signature.points, profile.unit)}.`);
  for (const { episode, looksLike } of suspects?.episodes ?? []) mark(episode, 'suspect', `Suspect: looks like ${looksLike}.`);
  return marks;
}

const peakOf = ({ values }) => values.reduce((most, v) => (v > most ? v : most), -Infinity);

/** arrange returns the rows [{id, host, words, values}] of a list: those of the sample, and marked ones that are not in it, without values. */
export function arrange(list, marks, { host, order }) {
  const rows = (list?.episodes ?? []).map((e) => ({ ...e, marks: marks.get(e.id) ?? null }));
  const known = new Set(rows.map(({ id }) => id));
  for (const [id, mark] of marks) if (!known.has(id)) rows.push({ id, host: id.split('/', 1)[0], quality: {}, values: null, marks: mark });
  const weight = ({ marks: m }) => (m?.suspect ? 2 : 0) + (m?.unusual ? 1 : 0);
  const byName = (a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
  const compare = {
    marks: (a, b) => weight(b) - weight(a) || byName(a, b), host: byName,
    peak: (a, b) => (b.values ? peakOf(b) : -Infinity) - (a.values ? peakOf(a) : -Infinity) || byName(a, b),
  }[order];
  return rows.filter((row) => host === '' || row.host === host).sort(compare).slice(0, maxRows);
}

export class EpisodePane {
  #onChoose;
  #onRetry;
  #hosts = h('select', { id: unique('host'), 'data-choice': 'host' });
  #order = h('select', { id: unique('order'), 'data-choice': 'order' }, Object.entries(orders).map(([value, words]) => h('option', { value }, words)));
  #status = h('p', { class: 'note', role: 'status' });
  #failure = h('p', { class: 'doubt' });
  #again = h('button', { class: 'quiet', type: 'button' }, 'Try again');
  #typical = h('p');
  #unusual = h('p');
  #list = h('ul', { class: 'episode-list' });
  #links = Object.fromEntries(['csv', 'json'].map((format) => [format, h('a', { class: 'button quiet', 'aria-label': `Episodes as ${format.toUpperCase()}` }, format.toUpperCase())]));
  #files = h('div', { class: 'end' }, Object.values(this.#links));
  #tools;
  #shown = '';

  /** node can be focused, so that the keyboard scrolls it. */
  node;

  /** onChoose(name, value) is called with a choice of the address, onRetry() when the reader wants to try again. */
  constructor(onChoose, onRetry) {
    this.#onChoose = onChoose;
    this.#onRetry = onRetry;
    for (const [name, select] of Object.entries({ host: this.#hosts, order: this.#order })) select.addEventListener('change', () => this.#onChoose(name, select.value));
    this.#again.addEventListener('click', () => this.#onRetry());
    this.#tools = h('div', { class: 'controls' }, h('label', { for: this.#hosts.id }, 'Host', this.#hosts), h('label', { for: this.#order.id }, 'Sort', this.#order));
    this.node = h('section', { class: 'pane episodes', tabindex: 0, 'aria-label': 'Episodes' },
      h('div', { class: 'episodes-head' }, h('h3', null, 'Episodes'), this.#files), this.#failure, this.#again, this.#status, this.#typical, this.#unusual, this.#tools, this.#list);
  }

  /**
   * show takes what episodes.js has, the rows of arrange, the id of the chosen one, and further:
   *   profile, signature   their events; signature may be null
   *   route                the address
   *   hrefOf(id)           the address of an episode; linkOf(format) that of the file
   */
  show(episodes, rows, { profile, signature, route, hrefOf, linkOf }) {
    const { list, failure } = episodes;
    this.node.hidden = !profile.ordered;
    if (this.node.hidden) return;
    this.#failure.hidden = this.#again.hidden = failure === '';
    text(this.#failure, failure && `The episodes cannot be read${list ? ' again' : ''}: ${failure}.`);
    text(this.#status, episodes.waits ? 'Reading the episodes …' : list ? describeList(list) : '');
    this.#status.hidden = this.#status.textContent === '';
    const link = (id) => h('a', { href: hrefOf(id) }, h('bdi', null, id));
    this.#typical.hidden = !signature?.deepest;
    if (signature?.deepest) refill(this.#typical, hrefOf(signature.deepest), () => ['Most typical episode: ', link(signature.deepest)]);
    this.#unusual.hidden = !signature;
    if (signature) text(this.#unusual, describeCount(signature));
    this.#tools.hidden = this.#files.hidden = !list;
    if (list) this.#showTools(profile, list, route, linkOf);
    this.#showRows(rows, route.episode, hrefOf);
  }

  #showTools({ name }, list, route, linkOf) {
    const counts = new Map();
    for (const { host } of list.episodes) counts.set(host, (counts.get(host) ?? 0) + 1);
    if (route.host !== '' && !counts.has(route.host)) counts.set(route.host, 0);
    const hosts = [...counts.keys()].sort();
    const options = [['', `all ${hosts.length}`], ...hosts.map((host) => [host, `${host} (${counts.get(host)})`])];
    if (options.join('\n') !== [...this.#hosts.options].map((o) => [o.value, o.textContent]).join('\n')) {
      this.#hosts.replaceChildren(...options.map(([value, words]) => h('option', { value }, words)));
    }
    this.#hosts.value = route.host;
    this.#order.value = route.order;
    for (const [format, a] of Object.entries(this.#links)) {
      set(a, 'href', linkOf(format));
      set(a, 'download', fileName({ name: `${name}-episodes` }, format));
    }
  }

  // Rows are replaced only if they changed: the reader may be among them.
  #showRows(rows, chosen, hrefOf) {
    const shown = JSON.stringify([chosen, rows.map(({ id, marks, quality, values }) => [hrefOf(id), marks, quality, values === null])]);
    if (shown === this.#shown) return;
    this.#shown = shown;
    const focused = this.#list.contains(document.activeElement) ? document.activeElement.getAttribute('href') : null;
    this.#list.replaceChildren(...rows.map((row) => this.#row(row, chosen, hrefOf)));
    if (focused !== null) [...this.#list.querySelectorAll('a')].find((a) => a.getAttribute('href') === focused)?.focus({ preventScroll: true });
  }

  #row({ id, marks, quality, values }, chosen, hrefOf) {
    const name = h('bdi', null, id);
    const words = [marks?.suspect, marks?.unusual, describeSloppiness(quality), values === null ? 'It is not among the curves here.' : ''].filter(Boolean).join(' ');
    const is = id === chosen;
    return h('li', { class: is ? 'current' : null },
      values === null ? name : h('a', { href: hrefOf(is ? '' : id), 'aria-current': is ? 'true' : null }, name),
      words && h('span', { class: marks ? 'doubt' : 'note' }, ` ${words}`));
  }
}

function describeList({ episodes, all, leftOut }) {
  const shown = `${episodes.length} ${episodes.length === 1 ? 'episode is' : 'episodes are'} drawn behind the band`;
  return leftOut > 0 ? `${shown}, of ${all} in the sample.` : `${shown}.`;
}

function describeCount({ used, outlierCount, outliers }) {
  if (used < minUnusual) return `Unusual episodes are named from ${minUnusual} on: there ${used === 1 ? 'is only one' : `are ${used}`}.`;
  if (outlierCount === 0) return 'No episode is unusual.';
  if (outlierCount === 1) return 'One episode is unusual.';
  return `${outlierCount} episodes are unusual${outlierCount > outliers.length ? `; the ${outliers.length} most unusual are marked` : ''}.`;
}

/** describeChosen says under the plot which episode is chosen, or what the thin lines are. */
export function describeChosen(episodes, row, chosen, beyond) {
  if (chosen !== '' && !row) return episodes.list ? `${chosen} is not in the sample now.` : '';
  if (row) return [row.marks?.suspect, row.marks?.unusual, describeSloppiness(row.quality, true)].filter(Boolean).join(' ') || 'Not marked as suspect or unusual.';
  const { list } = episodes;
  if (!list || list.episodes.length === 0) return '';
  const n = list.episodes.length;
  const out = beyond > 0 ? ` ${beyond} of them ${beyond === 1 ? 'leaves' : 'leave'} the axis.` : '';
  if (n === 1) return 'The median is the curve of the one episode.';
  return `The thin lines are the ${n} episodes.${out} Point at a line for its host and episode.`;
}
