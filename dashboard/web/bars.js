// Scene 8: one bar for each model, as long as its metric, on an axis from 0 to 1.

import { h, s, text } from './dom.js';
import { number } from './format.js';

const maxBars = 24;

export class Bars {
  #list = h('ul', { class: 'bars', 'aria-label': 'Metric of each model, best first' });
  #axis = h('div', { class: 'bars-axis', 'aria-hidden': 'true' }, s('svg', null, axis()));
  #waiting = h('p', { class: 'waiting' }, 'Waiting for the first model_metric event.');
  #more = h('p', { class: 'note' });
  #outdated = h('p', { class: 'outdated' });
  #rows = new Map(); // by model

  constructor(host) {
    host.append(h('h3', null, h('span', { class: 'eyebrow' }, 'Scene 8'), ' Metric'), this.#waiting, this.#list, this.#axis, this.#more, this.#outdated);
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
      text(row.value, Math.abs(model.metric) < 10 ? model.metric.toFixed(3) : number(model.metric));
      row.bar.style.width = `${100 * Math.max(0, Math.min(1, model.metric))}%`;
      if (this.#list.children[i] !== row.node) this.#list.insertBefore(row.node, this.#list.children[i] ?? null);
    });
  }

  /** refresh shows whether the bars are up to date. */
  refresh(live) {
    text(this.#outdated, live || this.#rows.size === 0 ? '' : 'outdated');
  }

  #addRow(name) {
    const value = h('span', { class: 'value' });
    const bar = s('rect', { class: 'bar', height: '100%', rx: 2, width: 0 });
    const node = h('li', null,
      h('bdi', { class: 'model', title: name }, name), value,
      s('svg', { 'aria-hidden': 'true' }, s('rect', { class: 'track', width: '100%', height: '100%', rx: 2 }), bar));
    const row = { node, value, bar };
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
