// Scene 12: accuracy of each model against what one inference costs.

import { fontSize, h, s, set, text, unique, widthOf } from './dom.js';
import { number, tick } from './format.js';
import { place } from './labels.js';
import { decades, linear, log, ticks } from './scale.js';

export class Cost {
  #models = []; // by latency
  #chosen = null;
  #svg = s('svg', { 'aria-hidden': 'true', focusable: 'false' });
  #host = h('div', { class: 'plot', role: 'slider', tabindex: 0, 'aria-label': 'Models by cost of inference', 'aria-valuemin': 1 });
  #waits = h('p', { class: 'waits' }, 'Waits for the first model_perf event.');
  #summary = h('div', { class: 'unseen', id: unique('summary') });
  #where = h('th', { scope: 'col' });
  #cells = Array.from({ length: 3 }, () => h('td'));
  #readout = h('table', { class: 'readout', 'aria-hidden': 'true' },
    h('thead', null, h('tr', null, this.#where, h('th', { scope: 'col' }, 'µs'), h('th', { scope: 'col' }, 'accuracy'))),
    h('tbody', null, h('tr', null, this.#cells)));
  #before = h('p', { class: 'before' });
  #spots = [];

  constructor(node) {
    node.append(h('h3', null, h('span', { class: 'eyebrow' }, 'Scene 12'), ' Accuracy against cost'), this.#waits, this.#host, this.#readout, this.#before, this.#summary);
    this.#host.append(this.#svg);
    set(this.#host, 'aria-describedby', this.#summary.id);
    new ResizeObserver(() => this.#draw()).observe(this.#host);
    for (const kind of ['pointermove', 'pointerdown']) this.#host.addEventListener(kind, (e) => this.#point(e));
    this.#host.addEventListener('pointerleave', (e) => e.pointerType === 'mouse' && document.activeElement !== this.#host && this.#choose(null));
    this.#host.addEventListener('blur', () => this.#choose(null));
    this.#host.addEventListener('keydown', (e) => this.#key(e));
    this.show(new Map());
  }

  /** show takes the models by name. */
  show(perfs) {
    this.#models = [...perfs.values()].sort((a, b) => a.latency - b.latency || (a.name < b.name ? -1 : 1));
    if (!perfs.has(this.#chosen)) this.#chosen = null;
    const none = this.#models.length === 0;
    this.#waits.hidden = !none;
    this.#host.hidden = this.#readout.hidden = none;
    this.#summary.replaceChildren(...(none ? [] : [table(this.#models)]));
    set(this.#host, 'aria-valuemax', this.#models.length);
    this.#draw();
    this.#read();
  }

  /** tick says whether what is shown is as it is now. */
  tick(live) {
    text(this.#before, live || this.#models.length === 0 ? '' : 'from before');
  }

  #choose(name) {
    if (name === this.#chosen) return;
    this.#chosen = name;
    this.#draw();
    this.#read();
  }

  // The chosen model, or the most accurate.
  #current() {
    return this.#models.find((m) => m.name === this.#chosen) ?? this.#models.reduce((best, m) => (m.accuracy > best.accuracy ? m : best));
  }

  #read() {
    if (this.#models.length === 0) return;
    const model = this.#current();
    text(this.#where, this.#chosen === null ? 'most accurate' : 'model');
    [model.name, number(model.latency), number(model.accuracy)].forEach((value, k) => text(this.#cells[k], value));
    set(this.#cells[0], 'title', model.name);
    set(this.#host, 'aria-valuenow', this.#models.indexOf(model) + 1);
    set(this.#host, 'aria-valuetext', `${model.name}: accuracy ${number(model.accuracy)}, ${number(model.latency)} microseconds an inference`);
  }

  #point(event) {
    const { left, top } = this.#host.getBoundingClientRect();
    let best = null;
    for (const { x, y, name } of this.#spots) {
      const far = Math.hypot(event.clientX - left - x, event.clientY - top - y);
      if (!best || far < best.far) best = { far, name };
    }
    this.#choose(best?.name ?? null);
  }

  #key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const i = this.#models.indexOf(this.#current());
    const last = this.#models.length - 1;
    const to = { ArrowRight: i + 1, ArrowUp: i + 1, ArrowLeft: i - 1, ArrowDown: i - 1, Home: 0, End: last }[event.key];
    if (to !== undefined) this.#choose(this.#models[Math.max(0, Math.min(last, to))].name);
    else if (event.key === 'Escape') this.#choose(null);
    else return;
    event.preventDefault();
  }

  #draw() {
    const w = this.#host.clientWidth;
    const height = this.#host.clientHeight;
    if (w < 20 || height < 20 || this.#models.length === 0) return;
    const em = fontSize(this.#host);
    const costs = this.#models.map((m) => m.latency);
    const scores = this.#models.map((m) => m.accuracy);
    const [x0, x1] = [Math.min(...costs) / 2, Math.max(...costs) * 2];
    const y1 = 1;
    const y0 = Math.max(0, Math.floor((Math.min(...scores) - 0.05) * 10) / 10);
    const marks = ticks(y0, y1, Math.max(2, Math.floor(height / (3.5 * em))));
    const names = marks.values.map((value) => tick(value, marks.step));
    const box = { left: Math.max(...names.map((name) => widthOf(name, this.#host))) + 0.7 * em, right: w - 0.5 * em, top: 0.7 * em, bottom: height - 3.2 * em };
    const x = log(x0, x1, box.left, box.right);
    const y = linear(y0, y1, box.bottom, box.top);
    set(this.#svg, 'viewBox', `0 0 ${w} ${height}`);

    const nodes = marks.values.flatMap((value, k) => [
      s('line', { class: value === 0 ? 'zero' : 'grid', x1: box.left, x2: box.right, y1: y(value), y2: y(value) }),
      s('text', { x: box.left - 0.5 * em, y: y(value) + 0.35 * em, 'text-anchor': 'end' }, names[k]),
    ]);
    nodes.push(s('line', { class: 'zero', x1: box.left, x2: box.right, y1: box.bottom, y2: box.bottom }));
    for (const value of decades(x0, x1, Math.max(2, Math.floor((box.right - box.left) / (5 * em))))) {
      nodes.push(
        s('line', { class: 'grid', x1: x(value), x2: x(value), y1: box.top, y2: box.bottom }),
        s('line', { class: 'zero', x1: x(value), x2: x(value), y1: box.bottom, y2: box.bottom + 0.35 * em }),
        s('text', { x: x(value), y: box.bottom + 1.4 * em, 'text-anchor': 'middle' }, number(value)));
    }
    nodes.push(s('text', { x: (box.left + box.right) / 2, y: height - 0.35 * em, 'text-anchor': 'middle' }, 'one inference, µs, logarithmic'));

    const radius = 0.42 * em;
    const most = (box.right - box.left) * 0.45;
    this.#spots = this.#models.map((m) => {
      const label = shorten(m.name, most, this.#host);
      return { name: m.name, label, x: x(m.latency), y: y(m.accuracy), w: widthOf(label, this.#host) + 0.2 * em, h: 1.15 * em };
    });
    const labels = place(this.#spots, { ...box, top: 0, right: w }, radius);
    this.#spots.forEach((spot, k) => {
      const label = labels[k];
      const at = spot.name === this.#chosen;
      if (label) {
        if (label.far) nodes.push(s('line', { class: 'leader', x1: spot.x, y1: spot.y, x2: label.x > spot.x ? label.x : Math.min(spot.x, label.x + spot.w), y2: label.y + spot.h / 2 }));
        nodes.push(s('text', { class: 'strong label', x: label.x, y: label.y + 0.95 * em }, spot.label));
      }
      nodes.push(s('circle', { class: 'model', cx: spot.x, cy: spot.y, r: radius }));
      if (at) nodes.push(s('circle', { class: 'ring', cx: spot.x, cy: spot.y, r: 2 * radius }));
    });
    this.#svg.replaceChildren(...nodes);
  }
}

function shorten(name, most, node) {
  if (widthOf(name, node) <= most) return name;
  const letters = Array.from(name).slice(0, 60);
  while (letters.length > 1 && widthOf(`${letters.join('')}…`, node) > most) letters.pop();
  return `${letters.join('')}…`;
}

function table(models) {
  const column = (name) => h('th', { scope: 'col' }, name);
  return h('table', null,
    h('caption', null, 'Accuracy against cost of inference, cheapest first'),
    h('thead', null, h('tr', null, column('model'), column('µs an inference'), column('accuracy'))),
    h('tbody', null, models.map((m) => h('tr', null, h('th', { scope: 'row' }, m.name), h('td', null, number(m.latency)), h('td', null, number(m.accuracy))))));
}
