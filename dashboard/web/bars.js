// One bar for each model, as long as its accuracy, on an axis from 0 to 1, with the interval of the accuracy.

import { Age } from './age.js';
import { h, s, set, text } from './dom.js';
import { score } from './score.js';

const maxBars = 24;

export class Bars {
  #list = h('ul', { class: 'bars', 'aria-label': 'Accuracy of each model, best first' });
  #axis = h('div', { class: 'bars-axis', 'aria-hidden': 'true' }, s('svg', null, axis()));
  #waiting = h('p', { class: 'waiting' }, 'Waiting for the accuracy of the first model.');
  #more = h('p', { class: 'note' });
  #outdated = h('p', { class: 'outdated' });
  #rows = new Map(); // by model

  constructor(host) {
    host.append(h('h3', null, 'Accuracy of each model'), this.#waiting, this.#list, this.#axis, this.#more, this.#outdated);
    this.show(new Map());
  }

  /** show draws the metrics, which are by model. */
  show(metrics) {
    const sorted = [...metrics.values()].sort((a, b) => b.metric - a.metric || (a.name < b.name ? -1 : 1));
    const shown = sorted.slice(0, maxBars);
    this.#waiting.hidden = shown.length > 0;
    this.#list.hidden = this.#axis.hidden = shown.length === 0;
    this.#more.hidden = sorted.length <= maxBars;
    text(this.#more, `and ${sorted.length - maxBars} more`);
    const names = new Set(shown.map((model) => model.name));
    for (const [name, row] of this.#rows) {
      if (names.has(name)) continue;
      row.node.remove();
      this.#rows.delete(name);
    }
    shown.forEach((model, i) => {
      const row = this.#rows.get(model.name) ?? this.#addRow(model.name);
      const sure = model.low !== null;
      row.node.classList.toggle('sure', sure);
      text(row.value, score(model.metric, model.low, model.high));
      set(row.value, 'title', sure ? `${score(model.metric)} of ${model.episodes ?? '?'} episodes, with its 95% interval` : 'The event has no interval.');
      row.age.show(model.received);
      const at = (x) => `${100 * Math.max(0, Math.min(1, x))}%`;
      row.bar.style.width = at(model.metric);
      for (const [line, from, to] of [[row.whisker, model.low, model.high], [row.baseline, model.baseline, model.baseline]]) {
        const known = Number.isFinite(from);
        line.toggleAttribute('hidden', !known);
        set(line, 'x1', at(known ? from : 0));
        set(line, 'x2', at(known ? to : 0));
      }
      if (this.#list.children[i] !== row.node) this.#list.insertBefore(row.node, this.#list.children[i] ?? null);
    });
  }

  /** refresh shows whether the bars are up to date. */
  refresh(live) {
    text(this.#outdated, live || this.#rows.size === 0 ? '' : 'outdated');
    for (const { age } of this.#rows.values()) age.refresh(live);
  }

  #addRow(name) {
    const value = h('span', { class: 'value' });
    const bar = s('rect', { class: 'bar', height: '100%', rx: 2, width: 0 });
    const whisker = s('line', { class: 'whisker', y1: '50%', y2: '50%' });
    const baseline = s('line', { class: 'baseline', y1: 0, y2: '100%' });
    const age = new Age();
    const node = h('li', null,
      h('span', { class: 'model', title: name }, h('bdi', null, name), age.node), value,
      s('svg', { 'aria-hidden': 'true' }, s('rect', { class: 'track', width: '100%', height: '100%', rx: 2 }), bar, baseline, whisker));
    const row = { node, value, bar, whisker, baseline, age };
    this.#rows.set(name, row);
    return row;
  }
}

function axis() {
  return [0, 25, 50, 75, 100].map((percent) => [
    s('line', { x1: `${percent}%`, x2: `${percent}%`, y1: 0, y2: '25%' }),
    s('text', { x: `${percent}%`, y: '95%', 'text-anchor': percent === 0 ? 'start' : percent === 100 ? 'end' : 'middle' }, String(percent / 100)),
  ]).flat();
}
