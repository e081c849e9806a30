// The plot of one or two envelopes over the phases. It is drawn in px of its
// host, moves to new values, and is a slider over its points: pointer, touch
// and keys choose the point that the readout shows.

import { fontSize, s, set, still, text, unique, widthOf } from './dom.js';
import { phase, tick } from './format.js';
import { linear, ticks } from './scale.js';

const duration = 400; // ms

/**
 * A view is what a plot shows:
 *   layers   [{key, tone, median, lower, upper}], the numbers as drawn; lower and upper may be null
 *   phases   [{name, start, points}] or null
 *   lo, hi   the value axis
 *   rest     the point that is shown while none is chosen
 *   describe i => the sentence for point i
 */
export class Plot {
  #host;
  #svg = s('svg', { 'aria-hidden': 'true', focusable: 'false' });
  #phases = s('g');
  #axis = s('g');
  #layers = s('g');
  #cursor = s('g');
  #note = s('text', { 'text-anchor': 'end' });
  #clip = s('rect');
  #view = null; // wanted
  #shown = null; // drawn now: the numbers of a view, perhaps between two
  #frame = 0;
  #index = null;
  #box = null;
  #chose;

  /** chose(i or null) is called when another point is to be read out. */
  constructor(host, label, chose) {
    this.#host = host;
    this.#chose = chose;
    const id = unique('clip');
    set(this.#layers, 'clip-path', `url(#${id})`);
    this.#svg.append(s('defs', null, s('clipPath', { id }, this.#clip)), this.#phases, this.#axis, this.#layers, this.#note, this.#cursor);
    host.append(this.#svg);
    for (const [name, value] of Object.entries({ role: 'slider', tabindex: 0, 'aria-label': label, 'aria-valuemin': 1 })) set(host, name, value);
    new ResizeObserver(() => this.#resize()).observe(host);
    host.addEventListener('pointermove', (e) => this.#point(e));
    host.addEventListener('pointerdown', (e) => this.#point(e));
    host.addEventListener('pointerleave', (e) => e.pointerType === 'mouse' && document.activeElement !== host && this.choose(null));
    host.addEventListener('blur', () => this.choose(null));
    host.addEventListener('keydown', (e) => this.#key(e));
  }

  /** The chosen point, or null. */
  get index() { return this.#index; }

  /** show moves to a view, at once where it is another thing than before. */
  show(view) {
    const from = this.#shown;
    this.#view = view;
    const n = view.layers[0].median.length;
    if (this.#index !== null && this.#index >= n) this.#index = null;
    set(this.#host, 'aria-valuemax', n);
    cancelAnimationFrame(this.#frame);
    if (!from || still() || !alike(from, view)) {
      this.#shown = view;
      this.#draw();
    } else {
      this.#move(from, view);
    }
    this.#announce();
  }

  /** choose puts the cursor on a point; null takes it away. */
  choose(i) {
    if (i === this.#index) return;
    this.#index = i;
    this.#drawCursor();
    this.#announce();
    this.#chose(i);
  }

  #announce() {
    const i = this.#index ?? this.#view.rest;
    set(this.#host, 'aria-valuenow', i + 1);
    set(this.#host, 'aria-valuetext', this.#view.describe(i));
  }

  #move(from, to) {
    const began = performance.now();
    const step = (now) => {
      const t = Math.min(1, Math.max(0, (now - began) / duration));
      this.#shown = t < 1 ? between(from, to, 1 - (1 - t) ** 3) : to;
      this.#draw();
      if (t < 1) this.#frame = requestAnimationFrame(step);
    };
    this.#frame = requestAnimationFrame(step);
  }

  #resize() {
    this.#box = null;
    if (this.#shown) this.#draw();
  }

  #point(event) {
    if (!this.#box) return;
    const { left, width, n } = this.#box;
    const x = event.clientX - this.#host.getBoundingClientRect().left - left;
    this.choose(Math.max(0, Math.min(n - 1, Math.floor((x / width) * n))));
  }

  #key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const n = this.#view.layers[0].median.length;
    const i = this.#index ?? this.#view.rest;
    const starts = (this.#view.phases ?? []).map((span) => span.start);
    const to = {
      ArrowRight: i + 1, ArrowUp: i + 1, ArrowLeft: i - 1, ArrowDown: i - 1, Home: 0, End: n - 1,
      PageDown: starts.find((start) => start > i) ?? n - 1,
      PageUp: starts.findLast((start) => start < i) ?? 0,
    }[event.key];
    if (to !== undefined) this.choose(Math.max(0, Math.min(n - 1, to)));
    else if (event.key === 'Escape') this.choose(null);
    else return;
    event.preventDefault();
  }

  #draw() {
    const w = this.#host.clientWidth;
    const h = this.#host.clientHeight;
    if (w < 20 || h < 20) return;
    const view = this.#shown;
    const em = fontSize(this.#host);
    const n = view.layers[0].median.length;
    const marks = ticks(view.lo, view.hi, Math.max(2, Math.min(8, Math.floor(h / (3.2 * em)))));
    const labels = marks.values.map((v) => tick(v, marks.step));
    const left = Math.ceil(Math.max(...labels.map((label) => widthOf(label, this.#host))) + 0.7 * em);
    const box = { left, top: 0.7 * em, width: w - left - 0.3 * em, n, em };
    box.x = linear(0, n, left, left + box.width);
    const names = this.#nameOf(view.phases ?? [], box);
    box.height = h - (1.2 + 1.35 * Math.max(0, ...names.map(({ row }) => row + 1))) * em;
    box.y = linear(view.lo, view.hi, box.top + box.height, box.top);
    this.#box = box;
    set(this.#svg, 'viewBox', `0 0 ${w} ${h}`);
    this.#drawPhases(view.phases ?? [], names, box);
    this.#drawAxis(marks.values, labels, box);
    this.#drawLayers(view, box);
    this.#drawCursor();
  }

  // Where the phases' names go: a name that would touch another goes to the
  // second row, on a leader, and is left out where that is full, too.
  #nameOf(spans, { x, left, width, em }) {
    const ends = [-Infinity, -Infinity]; // of the last name in each row
    const halves = spans.map((span, k) => widthOf(phase(span.name, k).short, this.#host) / 2 + 0.2 * em);
    const middles = spans.map((span, k) => {
      const middle = x(span.start + span.points / 2);
      return Math.max(left + halves[k], Math.min(middle, left + width - halves[k]));
    });
    return spans.flatMap((span, k) => {
      const half = halves[k];
      const reach = (x(span.points) - x(0)) / 2; // a name stays over or under its phase
      const after = spans[k + 1]; // it yields to the name of a longer one
      const next = after && after.points >= span.points ? middles[k + 1] - halves[k + 1] : Infinity;
      for (const row of [0, 1]) {
        const middle = Math.max(middles[k], ends[row] + half);
        if (middle - middles[k] > reach || (row === 0 && half > reach && middle + half > next)) continue;
        ends[row] = middle + half;
        if (row === 1) ends[0] = Math.max(ends[0], middles[k] + 0.2 * em); // its leader
        return [{ words: phase(span.name, k).short, at: middles[k], middle, row }];
      }
      return [];
    });
  }

  #drawPhases(spans, names, { x, top, height, em }) {
    const bottom = top + height;
    const nodes = spans.flatMap((span, k) => {
      const from = x(span.start);
      const area = s('rect', { class: `phase ${phase(span.name, k).kind}`, x: from, y: top, width: x(span.start + span.points) - from, height });
      return k === 0 ? [area] : [area, s('line', { class: 'edge', x1: from, x2: from, y1: top, y2: bottom })];
    });
    for (const { words, at, middle, row } of names) {
      if (row === 1) nodes.push(s('line', { class: 'leader', x1: at, x2: at, y1: bottom + 0.25 * em, y2: bottom + 1.5 * em }));
      nodes.push(s('text', { x: middle, y: bottom + (row ? 2.5 : 1.25) * em, 'text-anchor': 'middle' }, words));
    }
    this.#phases.replaceChildren(...nodes);
  }

  #drawAxis(values, labels, { x, y, left, top, width, height, em, n }) {
    this.#axis.replaceChildren(...values.flatMap((value, k) => [
      s('line', { class: value === 0 ? 'zero' : 'grid', x1: x(0), x2: x(n), y1: y(value), y2: y(value) }),
      s('text', { x: left - 0.5 * em, y: y(value) + 0.35 * em, 'text-anchor': 'end' }, labels[k]),
    ]));
    for (const [name, value] of Object.entries({ x: left, y: top, width, height })) set(this.#clip, name, value);
  }

  #drawLayers(view, { x, y, left, width, top, em, n }) {
    // What lies very far beyond the axis is drawn nearer: no picture has room for 1e38.
    const far = 100 * (view.hi - view.lo);
    const height = (v) => y(Math.max(view.lo - far, Math.min(view.hi + far, v))).toFixed(2);
    const points = (values) => values.map((v, i) => `${x(((i + 0.5) * n) / values.length).toFixed(2)} ${height(v)}`);
    const path = (values) => `M${points(values).join('L')}`;
    let highest = -Infinity;
    const groups = view.layers.map((layer, k) => {
      const { tone, median, lower, upper } = layer;
      const nodes = [];
      if (lower) {
        nodes.push(s('path', { class: 'band', d: `${path(lower)}L${points(upper).reverse().join('L')}Z` }), s('path', { class: 'rim', d: path(lower) + path(upper) }));
        for (const v of upper) highest = Math.max(highest, v);
      }
      nodes.push(s('path', { class: 'median', d: path(median) }));
      return s('g', { class: `${tone}${k ? ' over' : ''}` }, nodes);
    });
    this.#layers.replaceChildren(...groups.reverse());
    set(this.#note, 'x', left + width - 0.4 * em);
    set(this.#note, 'y', top + 1 * em);
    text(this.#note, highest > view.hi * 1.001 ? `the band reaches ${tick(highest, highest / 10)}` : '');
  }

  #drawCursor() {
    if (!this.#box || !this.#shown) return;
    const { x, y, top, height, n, em } = this.#box;
    const rest = this.#index === null;
    const i = this.#index ?? this.#view.rest;
    const at = x(i + 0.5);
    const nodes = [s('line', { class: rest ? 'cursor rest' : 'cursor', x1: at, x2: at, y1: top, y2: top + height })];
    for (const { median, tone } of this.#shown.layers) {
      const k = Math.min(median.length - 1, Math.floor(((i + 0.5) / n) * median.length));
      const value = Math.max(this.#shown.lo, Math.min(this.#shown.hi, median[k]));
      nodes.push(s('circle', { class: `dot ${tone}${rest ? ' rest' : ''}`, cx: x(((k + 0.5) * n) / median.length), cy: y(value), r: (rest ? 0.3 : 0.4) * em }));
    }
    this.#cursor.replaceChildren(...nodes);
  }
}

// alike tells whether one view can move into another.
function alike(a, b) {
  return a.layers.length === b.layers.length && a.layers.every((layer, k) => {
    const other = b.layers[k];
    return layer.key === other.key && layer.median.length === other.median.length && !layer.lower === !other.lower;
  });
}

function between(a, b, t) {
  const mix = (p, q) => p + (q - p) * t;
  const all = (p, q) => p && q.map((value, i) => mix(p[i], value));
  return {
    ...b, lo: mix(a.lo, b.lo), hi: mix(a.hi, b.hi),
    layers: b.layers.map((layer, k) => ({
      ...layer,
      median: all(a.layers[k].median, layer.median),
      lower: all(a.layers[k].lower, layer.lower),
      upper: all(a.layers[k].upper, layer.upper),
    })),
  };
}

/** extent returns the least and greatest of the layers' numbers and of what must be on the axis too. */
export function extent(layers, ...also) {
  let lo = Math.min(...also);
  let hi = Math.max(...also);
  for (const layer of layers) {
    for (const values of [layer.median, layer.lower, layer.upper]) {
      for (const v of values ?? []) {
        if (v < lo) lo = v;
        if (v > hi) hi = v;
      }
    }
  }
  return hi > lo ? { lo, hi } : { lo, hi: lo + 1 };
}
