// The pane about a profile's sample: how far it is from earlier snapshots, and
// whether the hosts differ.

import { h, text } from './dom.js';
import { Drift, inWords, large } from './drift.js';
import { clock, day, exact, number, phase, rough } from './format.js';
import { shortName } from './levels.js';

const latestOf = (drift) => drift.findLast((snapshot) => !Number.isNaN(snapshot.distance));

/** describeDrift says how far the sample is from the latest snapshot and from the first. */
function describeDrift(drift) {
  const known = drift.filter((snapshot) => !Number.isNaN(snapshot.distance));
  if (known.length === 0) return 'There is no earlier snapshot to compare with.';
  const latest = known.at(-1);
  const [first] = known;
  const parts = [];
  if (latest !== first) parts.push(`by ${inWords(latest.distance)} since ${day(latest.at)}`);
  parts.push(`by ${inWords(first.distance)} since the first ${first.accepted > 1.5 ? `${number(Math.round(first.accepted))} episodes` : 'episode'}`);
  return `The levels changed ${parts.join(', ')}.`;
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
  #warning = h('p', { class: 'doubt' }, `A change of ${Math.round(100 * large)}% or more is large: the profile may behave in another way now.`);
  #chart = h('div', { class: 'plot drift-plot' });
  #bars = new Drift(this.#chart);
  #comparison = h('p', { class: 'comparison' });
  #hosts = h('ul', { class: 'hosts' });
  #differences = table('Where hosts differ', ['channel', 'phase', 'p']);
  #snapshots = table('Snapshots', ['earlier sample', 'episodes', 'change since', 'points that differ']);
  #count = h('summary');
  #earlier = h('details', { class: 'earlier' }, this.#count, this.#snapshots.node, h('p', { class: 'note' }, 'At a point that differs, the earlier median is outside of the present interval of the median.'));

  /** node can be focused, so that the keyboard scrolls it. */
  node = h('section', { class: 'pane sample', tabindex: 0, 'aria-label': 'Drift and hosts' },
    h('h3', null, 'Drift'), this.#drift, this.#warning, this.#chart, h('p', { class: 'note' }, 'The mean change of all levels between an earlier sample and the present one.'), this.#earlier,
    h('h3', null, 'Hosts'), this.#comparison, this.#hosts, this.#differences.node);

  /** show takes a signature; null hides the pane. */
  show(signature) {
    this.node.hidden = signature === null;
    if (signature === null) return;
    const { drift, hosts } = signature;
    text(this.#drift, describeDrift(drift));
    this.#bars.show(drift);
    this.#warning.hidden = !(latestOf(drift)?.distance >= large);
    this.#earlier.hidden = drift.length === 0;
    text(this.#count, drift.length === 1 ? 'The earlier sample' : `All ${drift.length} earlier samples`);
    this.#snapshots.fill(drift.toReversed().map((snapshot) => [
      h('time', { datetime: new Date(snapshot.at).toISOString(), title: exact(snapshot.at) }, clock(snapshot.at)),
      cell(snapshot.accepted, (x) => number(Math.round(x))), cell(snapshot.distance, (x) => `${rough(100 * x)}%`), cell(snapshot.outside, (x) => `${rough(100 * x)}%`),
    ]));
    text(this.#comparison, describeHosts(hosts));
    const more = hosts.count - hosts.used.length;
    this.#hosts.replaceChildren(...hosts.used.map(({ host, n }) => h('li', null, h('bdi', null, host), ` n=${n}`)), ...(more > 0 ? [h('li', null, `and ${more} more`)] : []));
    this.#differences.fill(hosts.differences.map((d) => [shortName(d.channel), phase(d.phase).long, probability(d.p)]));
  }
}
