// What the sample is made of, beside the plot: how far the present is from
// earlier snapshots, and whether the hosts differ.

import { h, s, set, text } from './dom.js';
import { clock, day, exact, number, phase, rough } from './format.js';
import { short } from './levels.js';

/** drifted says how far the present is from the latest snapshot and from the first. */
export function drifted(drift, now = Date.now()) {
  const known = drift.filter((of) => !Number.isNaN(of.distance));
  if (known.length === 0) return 'There is no earlier snapshot to compare with.';
  const latest = known.at(-1);
  const [first] = known;
  const parts = [];
  if (latest !== first) parts.push(`${rough(latest.distance)} from ${day(latest.at, now)}`);
  parts.push(`${rough(first.distance)} from the first ${first.accepted > 1.5 ? `${number(Math.round(first.accepted))} episodes` : 'episode'}`);
  return `${parts.join(', ')}.`;
}

/** compared says whether hosts differ. */
export function compared(hosts) {
  if (hosts.tested === 0) return 'Too few episodes a host to test.';
  const tests = `${hosts.tested} ${hosts.tested === 1 ? 'test' : 'tests'}`;
  return hosts.differ ? `They differ: ${hosts.all} of ${tests}.` : `No difference found (${tests}).`;
}

const table = (name, columns) => {
  const body = h('tbody');
  const node = h('table', null, h('caption', { class: 'unseen' }, name), h('thead', null, h('tr', null, columns.map((column) => h('th', { scope: 'col' }, column)))), body);
  return { node, fill: (rows) => {
    body.replaceChildren(...rows.map((cells) => h('tr', null, cells.map((cell) => h('td', null, cell)))));
    node.hidden = rows.length === 0;
  } };
};

const probability = (p) => (p < 0.0001 ? '< 0.0001' : number(p));
const figure = (x, write = rough) => (Number.isNaN(x) ? '–' : write(x));

export class Sample {
  #drift = h('p', { class: 'drift' });
  #bars = s('svg', { class: 'spark', 'aria-hidden': 'true', preserveAspectRatio: 'none' });
  #compared = h('p', { class: 'compared' });
  #hosts = h('ul', { class: 'hosts' });
  #differences = table('Where hosts differ', ['channel', 'phase', 'p']);
  #snapshots = table('Snapshots', ['snapshot', 'episodes', 'distance', 'outside']);

  /** node takes the focus, so that the keyboard scrolls it. */
  node = h('section', { class: 'pane sample', tabindex: 0, 'aria-label': 'Drift and hosts' },
    h('h3', null, 'Drift'), this.#drift, h('p', { class: 'lacks' }, 'Mean change of the levels: 0.1 is about a tenth.'), this.#bars,
    h('h3', null, 'Hosts'), this.#compared, this.#hosts, this.#differences.node, this.#snapshots.node);

  /** show takes a signature; of null there is nothing to show. */
  show(signature) {
    this.node.hidden = signature === null;
    if (signature === null) return;
    const { drift, hosts } = signature;
    text(this.#drift, drifted(drift));
    this.#draw(drift);
    this.#snapshots.fill(drift.toReversed().map((of) => [
      h('time', { datetime: new Date(of.at).toISOString(), title: exact(of.at) }, clock(of.at)), figure(of.accepted, (x) => number(Math.round(x))),
      figure(of.distance), figure(of.outside, (x) => `${rough(100 * x)} %`),
    ]));
    text(this.#compared, compared(hosts));
    const more = hosts.count - hosts.used.length;
    this.#hosts.replaceChildren(...hosts.used.map((of) => h('li', null, h('bdi', null, of.host), ` n=${of.n}`)), ...(more > 0 ? [h('li', null, `and ${more} more`)] : []));
    this.#differences.fill(hosts.differences.map((of) => [short(of.channel), phase(of.phase).long, probability(of.p)]));
  }

  // A bar for the distance from each snapshot, the oldest left.
  #draw(drift) {
    const heights = drift.map((of) => Math.max(0, of.distance || 0));
    const most = Math.max(0, ...heights);
    this.#bars.toggleAttribute('hidden', drift.length < 2 || most === 0);
    set(this.#bars, 'viewBox', `0 0 ${drift.length} 1`);
    this.#bars.replaceChildren(...heights.filter(() => most > 0).map((v, i) => s('rect', { x: i + 0.1, y: 1 - v / most, width: 0.8, height: v / most })));
  }
}
