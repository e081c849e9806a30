// The pane about a profile's sample: how far it is from earlier snapshots, and
// whether the hosts differ.

import { h, s, set, text } from './dom.js';
import { clock, day, exact, number, phase, rough } from './format.js';
import { shortName } from './levels.js';

/** describeDrift says how far the sample is from the latest snapshot and from the first. */
function describeDrift(drift) {
  const known = drift.filter((snapshot) => !Number.isNaN(snapshot.distance));
  if (known.length === 0) return 'There is no earlier snapshot to compare with.';
  const latest = known.at(-1);
  const [first] = known;
  const parts = [];
  if (latest !== first) parts.push(`${rough(latest.distance)} since ${day(latest.at)}`);
  parts.push(`${rough(first.distance)} since the first ${first.accepted > 1.5 ? `${number(Math.round(first.accepted))} episodes` : 'episode'}`);
  return `${parts.join(', ')}.`;
}

/** describeHosts says whether hosts differ. */
function describeHosts(hosts) {
  if (hosts.tested === 0) return 'Too few episodes per host to compare the hosts.';
  const tests = `${hosts.tested} ${hosts.tested === 1 ? 'test' : 'tests'}`;
  return hosts.differ ? `Hosts differ in ${hosts.all} of ${tests}.` : `No difference found (${tests}).`;
}

const table = (name, columns) => {
  const body = h('tbody');
  const node = h('table', null, h('caption', { class: 'visually-hidden' }, name), h('thead', null, h('tr', null, columns.map((column) => h('th', { scope: 'col' }, column)))), body);
  return { node, fill: (rows) => {
    body.replaceChildren(...rows.map((cells) => h('tr', null, cells.map((cell) => h('td', null, cell)))));
    node.hidden = rows.length === 0;
  } };
};

const probability = (p) => (p < 0.0001 ? '< 0.0001' : number(p));
const cell = (x, format = rough) => (Number.isNaN(x) ? '–' : format(x));

export class Sample {
  #drift = h('p', { class: 'drift' });
  #bars = s('svg', { class: 'spark', 'aria-hidden': 'true', preserveAspectRatio: 'none' });
  #comparison = h('p', { class: 'comparison' });
  #hosts = h('ul', { class: 'hosts' });
  #differences = table('Where hosts differ', ['channel', 'phase', 'p']);
  #snapshots = table('Snapshots', ['snapshot', 'episodes', 'distance', 'outside']);

  /** node can be focused, so that the keyboard scrolls it. */
  node = h('section', { class: 'pane sample', tabindex: 0, 'aria-label': 'Drift and hosts' },
    h('h3', null, 'Drift'), this.#drift, h('p', { class: 'note' }, 'Distance: the mean change of the levels. 0.1 is about 10 %.'), this.#bars,
    h('h3', null, 'Hosts'), this.#comparison, this.#hosts, this.#differences.node, this.#snapshots.node);

  /** show takes a signature; null hides the pane. */
  show(signature) {
    this.node.hidden = signature === null;
    if (signature === null) return;
    const { drift, hosts } = signature;
    text(this.#drift, describeDrift(drift));
    this.#draw(drift);
    this.#snapshots.fill(drift.toReversed().map((snapshot) => [
      h('time', { datetime: new Date(snapshot.at).toISOString(), title: exact(snapshot.at) }, clock(snapshot.at)),
      cell(snapshot.accepted, (x) => number(Math.round(x))), cell(snapshot.distance), cell(snapshot.outside, (x) => `${rough(100 * x)} %`),
    ]));
    text(this.#comparison, describeHosts(hosts));
    const more = hosts.count - hosts.used.length;
    this.#hosts.replaceChildren(...hosts.used.map(({ host, n }) => h('li', null, h('bdi', null, host), ` n=${n}`)), ...(more > 0 ? [h('li', null, `and ${more} more`)] : []));
    this.#differences.fill(hosts.differences.map((d) => [shortName(d.channel), phase(d.phase).long, probability(d.p)]));
  }

  // Draws a bar for the distance from each snapshot, the oldest on the left.
  #draw(drift) {
    const heights = drift.map((snapshot) => Math.max(0, snapshot.distance || 0));
    const max = Math.max(0, ...heights);
    this.#bars.toggleAttribute('hidden', drift.length < 2 || max === 0);
    set(this.#bars, 'viewBox', `0 0 ${drift.length} 1`);
    this.#bars.replaceChildren(...heights.filter(() => max > 0).map((v, i) => s('rect', { x: i + 0.1, y: 1 - v / max, width: 0.8, height: v / max })));
  }
}
