// The accuracy of each model against the time of one answer, with the interval of the accuracy.

import { fontSize, h, s, set, text, unique, widthOf } from './dom.js';
import { number, tickLabel } from './format.js';
import { placeLabels } from './labels.js';
import { decades, linear, log, ticks } from './scale.js';
import { score } from './score.js';
import { slider } from './slider.js';

export class Cost {
  #models = []; // by latency, lowest first
  #chosen = null; // the name of a model
  #svg = s('svg', { 'aria-hidden': 'true', focusable: 'false' });
  #host = h('div', { class: 'plot' });
  #waiting = h('p', { class: 'waiting' }, 'Waiting for the speed of the first model.');
  #summary = h('div', { class: 'visually-hidden', id: unique('summary') });
  #where = h('th', { scope: 'col' });
  #cells = Array.from({ length: 3 }, () => h('td'));
  #readout = h('table', { class: 'readout', 'aria-hidden': 'true' },
    h('thead', null, h('tr', null, this.#where, h('th', { scope: 'col' }, 'µs'), h('th', { scope: 'col' }, 'accuracy'))),
    h('tbody', null, h('tr', null, this.#cells)));
  #outdated = h('p', { class: 'outdated' });
  #circles = []; // {name, x, y}, as drawn

  constructor(host) {
    host.append(h('h3', null, 'Accuracy against time'), this.#waiting, this.#host, this.#readout, this.#outdated, this.#summary);
    this.#host.append(this.#svg);
    set(this.#host, 'aria-describedby', this.#summary.id);
    slider(this.#host, 'Models by time of one answer', {
      draw: () => this.#draw(),
      indexAt: (x, y) => this.#nearest(x, y),
      indexFor: (key) => this.#indexFor(key),
      choose: (i) => this.#choose(i === null ? null : this.#models[i].name),
    });
    this.show(new Map(), new Map());
  }

  /** show draws the models, which are by name. metrics have the intervals of the accuracies, by the same names. */
  show(perfs, metrics) {
    this.#models = [...perfs.values()].map((perf) => withInterval(perf, metrics.get(perf.name))).sort((a, b) => a.latency - b.latency || (a.name < b.name ? -1 : 1));
    if (!perfs.has(this.#chosen)) this.#chosen = null;
    const empty = this.#models.length === 0;
    this.#waiting.hidden = !empty;
    this.#host.hidden = this.#readout.hidden = empty;
    this.#summary.replaceChildren(...(empty ? [] : [table(this.#models)]));
    set(this.#host, 'aria-valuemax', this.#models.length);
    this.#draw();
    this.#read();
  }

  /** refresh shows whether the models are up to date. */
  refresh(live) {
    text(this.#outdated, live || this.#models.length === 0 ? '' : 'outdated');
  }

  #choose(name) {
    if (name === this.#chosen) return;
    this.#chosen = name;
    this.#draw();
    this.#read();
  }

  // The chosen model, or the most accurate one.
  #current() {
    return this.#models.find((m) => m.name === this.#chosen) ?? this.#models.reduce((best, m) => (m.accuracy > best.accuracy ? m : best));
  }

  #read() {
    if (this.#models.length === 0) return;
    const model = this.#current();
    text(this.#where, this.#chosen === null ? 'most accurate' : 'model');
    [model.name, number(model.latency), score(model.accuracy, model.low, model.high)].forEach((value, k) => text(this.#cells[k], value));
    set(this.#cells[0], 'title', model.name);
    set(this.#host, 'aria-valuenow', this.#models.indexOf(model) + 1);
    set(this.#host, 'aria-valuetext', `${model.name}: accuracy ${score(model.accuracy, model.low, model.high)}, ${number(model.latency)} microseconds an answer`);
  }

  #nearest(x, y) {
    let best = null;
    this.#circles.forEach((circle, i) => {
      const distance = Math.hypot(x - circle.x, y - circle.y);
      if (!best || distance < best.distance) best = { distance, i };
    });
    return best && best.i;
  }

  #indexFor(key) {
    const i = this.#models.indexOf(this.#current());
    const last = this.#models.length - 1;
    const to = { ArrowRight: i + 1, ArrowUp: i + 1, ArrowLeft: i - 1, ArrowDown: i - 1, Home: 0, End: last }[key];
    return to === undefined ? null : Math.max(0, Math.min(last, to));
  }

  #draw() {
    const w = this.#host.clientWidth;
    const height = this.#host.clientHeight;
    if (w < 20 || height < 20 || this.#models.length === 0) return;
    const em = fontSize(this.#host);
    const latencies = this.#models.map((m) => m.latency);
    const [x0, x1] = [Math.min(...latencies) / 2, Math.max(...latencies) * 2];
    const y1 = 1;
    const y0 = Math.max(0, Math.floor((Math.min(...this.#models.map((m) => m.low ?? m.accuracy)) - 0.05) * 10) / 10);
    const marks = ticks(y0, y1, Math.max(2, Math.floor(height / (3.5 * em))));
    const tickLabels = marks.values.map((value) => tickLabel(value, marks.step));
    const box = { left: Math.max(...tickLabels.map((label) => widthOf(label, this.#host))) + 0.7 * em, right: w - 0.5 * em, top: 0.7 * em, bottom: height - 3.2 * em };
    const x = log(x0, x1, box.left, box.right);
    const y = linear(y0, y1, box.bottom, box.top);
    set(this.#svg, 'viewBox', `0 0 ${w} ${height}`);

    const nodes = marks.values.flatMap((value, k) => [
      s('line', { class: value === 0 ? 'zero' : 'grid', x1: box.left, x2: box.right, y1: y(value), y2: y(value) }),
      s('text', { x: box.left - 0.5 * em, y: y(value) + 0.35 * em, 'text-anchor': 'end' }, tickLabels[k]),
    ]);
    nodes.push(s('line', { class: 'zero', x1: box.left, x2: box.right, y1: box.bottom, y2: box.bottom }));
    for (const value of decades(x0, x1, Math.max(2, Math.floor((box.right - box.left) / (5 * em))))) {
      nodes.push(
        s('line', { class: 'grid', x1: x(value), x2: x(value), y1: box.top, y2: box.bottom }),
        s('line', { class: 'zero', x1: x(value), x2: x(value), y1: box.bottom, y2: box.bottom + 0.35 * em }),
        s('text', { x: x(value), y: box.bottom + 1.4 * em, 'text-anchor': 'middle' }, number(value)));
    }
    nodes.push(s('text', { x: (box.left + box.right) / 2, y: height - 0.35 * em, 'text-anchor': 'middle' }, 'time of one answer, µs (logarithmic)'));

    const radius = 0.42 * em;
    const maxWidth = (box.right - box.left) * 0.45;
    this.#circles = this.#models.map((m) => {
      const words = shorten(m.name, maxWidth, this.#host);
      return { name: m.name, words, x: x(m.latency), y: y(m.accuracy), w: widthOf(words, this.#host) + 0.2 * em, h: 1.15 * em };
    });
    const whiskers = this.#models.filter((m) => m.low !== null).map((m) => ({ left: x(m.latency) - 1, right: x(m.latency) + 1, top: y(m.high), bottom: y(m.low) }));
    const labels = placeLabels(this.#circles, { ...box, top: 0, right: w }, radius, whiskers);
    this.#circles.forEach((circle, k) => {
      const label = labels[k];
      if (label) {
        if (label.far) nodes.push(s('line', { class: 'leader', x1: circle.x, y1: circle.y, x2: label.x > circle.x ? label.x : Math.min(circle.x, label.x + circle.w), y2: label.y + circle.h / 2 }));
        nodes.push(s('text', { class: 'strong label', x: label.x, y: label.y + 0.95 * em }, circle.words));
      }
      const { low, high } = this.#models[k];
      if (low !== null) nodes.push(s('line', { class: 'whisker', x1: circle.x, x2: circle.x, y1: y(low), y2: y(high) }));
      nodes.push(s('circle', { class: 'model', cx: circle.x, cy: circle.y, r: radius }));
      if (circle.name === this.#chosen) nodes.push(s('circle', { class: 'ring', cx: circle.x, cy: circle.y, r: 2 * radius }));
    });
    this.#svg.replaceChildren(...nodes);
  }
}

// The interval of an accuracy is in the metric of the same name, if that is the same accuracy.
function withInterval(perf, metric) {
  return metric?.metric === perf.accuracy ? { ...perf, low: metric.low, high: metric.high } : { ...perf, low: null, high: null };
}

// shorten cuts a name to a width in px.
function shorten(name, maxWidth, node) {
  if (widthOf(name, node) <= maxWidth) return name;
  const letters = Array.from(name).slice(0, 60);
  while (letters.length > 1 && widthOf(`${letters.join('')}…`, node) > maxWidth) letters.pop();
  return `${letters.join('')}…`;
}

function table(models) {
  const column = (name) => h('th', { scope: 'col' }, name);
  return h('table', null,
    h('caption', null, 'Accuracy and time of each model, fastest first'),
    h('thead', null, h('tr', null, column('model'), column('µs an answer'), column('accuracy'))),
    h('tbody', null, models.map((m) => h('tr', null, h('th', { scope: 'row' }, m.name), h('td', null, number(m.latency)), h('td', null, score(m.accuracy, m.low, m.high))))));
}
