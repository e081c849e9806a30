// The plot of one or two envelopes over the phases. It animates to new values, and
// is a slider over its points. Coordinates are in px of its host.

import { fontSize, noMotion, s, set, text, unique, widthOf } from './dom.js';
import { phase, rough, tickLabel } from './format.js';
import { hasValue } from './readout.js';
import { linear, ticks } from './scale.js';
import { slider } from './slider.js';
import { timeAxis } from './time.js';

const duration = 400; // ms

/**
 * A view is the input of a plot:
 *   layers   [{key, style, median, lower, upper, n, used}], the values as drawn, how many episodes have one at each point, and
 *            how many there are; lower, upper, n and used may be null
 *   phases   [{name, start, points, seconds}] or null
 *   widths   'points' or 'seconds': how wide phases are
 *   lo, hi   the range of the value axis
 *   unchosen the index of the point that is marked while none is chosen
 *   describe a function from an index to the text for screen readers
 */
export class Plot {
  #host;
  #svg = s('svg', { 'aria-hidden': 'true', focusable: 'false' });
  #phases = s('g');
  #axis = s('g');
  #layers = s('g');
  #thin = s('g');
  #cursor = s('g');
  #note = s('text', { 'text-anchor': 'end' });
  #clip = s('rect');
  #view = null; // the last one given
  #drawn = null; // the view as drawn, which may be between two
  #frame = 0;
  #index = null;
  #box = null;
  #onChoose;

  /** onDraw(box, view) is called whenever the plot was drawn, with where: {left, top, width, height, n, em}, and the functions x(place) and y(value). */
  onDraw = () => {};

  /** onChoose(index) is called when another point is chosen; null means that no point is chosen. */
  constructor(host, label, onChoose) {
    this.#host = host;
    this.#onChoose = onChoose;
    const id = unique('clip');
    set(this.#layers, 'clip-path', `url(#${id})`);
    this.#svg.append(s('defs', null, s('clipPath', { id }, this.#clip)), this.#phases, this.#axis, this.#layers, this.#thin, this.#note, this.#cursor);
    host.append(this.#svg);
    slider(host, label, {
      draw: () => this.#resize(),
      indexAt: (x) => this.#indexAt(x),
      indexFor: (key) => this.#indexFor(key),
      choose: (index) => this.#choose(index),
    });
  }

  /** The index of the chosen point, or null. */
  get index() { return this.#index; }

  /** show draws a view. It animates if the view has the same curves as before. */
  show(view) {
    const from = this.#drawn;
    this.#view = view;
    const n = view.layers[0].median.length;
    if (this.#index !== null && this.#index >= n) this.#index = null;
    set(this.#host, 'aria-valuemax', n);
    cancelAnimationFrame(this.#frame);
    if (!from || noMotion() || !canAnimate(from, view)) {
      this.#drawn = view;
      this.#draw();
    } else {
      this.#animate(from, view);
    }
    this.#announce();
  }

  #choose(i) {
    if (i === this.#index) return;
    this.#index = i;
    this.#drawCursor();
    this.#announce();
    this.#onChoose(i);
  }

  #announce() {
    const i = this.#index ?? this.#view.unchosen;
    set(this.#host, 'aria-valuenow', i + 1);
    set(this.#host, 'aria-valuetext', this.#view.describe(i));
  }

  #animate(from, to) {
    const began = performance.now();
    const step = (now) => {
      const t = Math.min(1, Math.max(0, (now - began) / duration));
      this.#drawn = t < 1 ? between(from, to, 1 - (1 - t) ** 3) : to;
      this.#draw();
      if (t < 1) this.#frame = requestAnimationFrame(step);
    };
    this.#frame = requestAnimationFrame(step);
  }

  #resize() {
    this.#box = null;
    if (this.#drawn) this.#draw();
  }

  #indexAt(x) {
    if (!this.#box) return null;
    const { n, x: at } = this.#box;
    let i = 0;
    while (i < n - 1 && at(i + 1) <= x) i++;
    return i;
  }

  #indexFor(key) {
    const n = this.#view.layers[0].median.length;
    const i = this.#index ?? this.#view.unchosen;
    const starts = (this.#view.phases ?? []).map((span) => span.start);
    const to = {
      ArrowRight: i + 1, ArrowUp: i + 1, ArrowLeft: i - 1, ArrowDown: i - 1, Home: 0, End: n - 1,
      PageDown: starts.find((start) => start > i) ?? n - 1,
      PageUp: starts.findLast((start) => start < i) ?? 0,
    }[key];
    return to === undefined ? null : Math.max(0, Math.min(n - 1, to));
  }

  #draw() {
    const w = this.#host.clientWidth;
    const h = this.#host.clientHeight;
    if (w < 20 || h < 20) return;
    const view = this.#drawn;
    const em = fontSize(this.#host);
    const n = view.layers[0].median.length;
    const marks = ticks(view.lo, view.hi, Math.max(2, Math.min(8, Math.floor(h / (3.2 * em)))));
    const labels = marks.values.map((v) => tickLabel(v, marks.step));
    const left = Math.ceil(Math.max(...labels.map((label) => widthOf(label, this.#host))) + 0.7 * em);
    const box = { left, top: 0.7 * em, width: w - left - 0.3 * em, n, em };
    box.x = timeAxis(view.phases, n, view.widths, left, left + box.width);
    const names = this.#placeNames(view.phases ?? [], view.widths, box);
    box.height = h - (1.2 + 1.35 * Math.max(0, ...names.map(({ row }) => row + 1))) * em;
    box.y = linear(view.lo, view.hi, box.top + box.height, box.top);
    this.#box = box;
    set(this.#svg, 'viewBox', `0 0 ${w} ${h}`);
    this.#drawPhases(view.phases ?? [], names, box);
    this.#drawAxis(marks.values, labels, box);
    this.#drawLayers(view, box);
    this.#drawThin(view.layers[0], box);
    this.#drawCursor();
    this.onDraw(box, view);
  }

  // Hangs a bar from the top where fewer episodes have a value than are used. It is the longer, the more are missing.
  #drawThin({ n: present, used }, { x, top, em }) {
    const nodes = (used ? present ?? [] : []).flatMap((n, i) => (n < used
      ? [s('rect', { class: 'thin', x: x(i), y: top, width: x(i + 1) - x(i), height: (0.25 + 1.25 * (1 - n / used)) * em })] : []));
    this.#thin.replaceChildren(...nodes);
  }

  // Finds positions for the names of the phases. A name that would touch another goes
  // to a second row, with a line to its phase, or is left out if that row is full, too.
  #placeNames(spans, widths, { x, left, width, em }) {
    const ends = [-Infinity, -Infinity]; // x at which the last name of each row ends
    const widthAt = (span) => x(span.start + span.points) - x(span.start);
    // With its seconds, if there is room.
    const words = spans.map((span, k) => {
      const { short } = phase(span.name, k);
      if (widths !== 'seconds') return short;
      const long = `${short} ${rough(span.seconds)} s`;
      return widthOf(long, this.#host) < widthAt(span) ? long : short;
    });
    const halves = words.map((name) => widthOf(name, this.#host) / 2 + 0.2 * em);
    const middles = spans.map((span, k) => {
      const middle = x(span.start + span.points / 2);
      return Math.max(left + halves[k], Math.min(middle, left + width - halves[k]));
    });
    return spans.flatMap((span, k) => {
      const half = halves[k];
      const reach = widthAt(span) / 2; // a name's middle stays within its phase
      const after = spans[k + 1]; // the name of a longer phase goes first
      const next = after && widthAt(after) >= widthAt(span) ? middles[k + 1] - halves[k + 1] : Infinity;
      for (const row of [0, 1]) {
        const middle = Math.max(middles[k], ends[row] + half);
        if (middle - middles[k] > reach || (row === 0 && half > reach && middle + half > next)) continue;
        ends[row] = middle + half;
        if (row === 1) ends[0] = Math.max(ends[0], middles[k] + 0.2 * em); // room for the line
        return [{ words: words[k], at: middles[k], middle, row }];
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
    // SVG can't draw 1e38 px: values very far beyond the axis are drawn nearer.
    const far = 100 * (view.hi - view.lo);
    const height = (v) => y(Math.max(view.lo - far, Math.min(view.hi + far, v))).toFixed(2);
    const points = (values) => values.map((v, i) => `${x(((i + 0.5) * n) / values.length).toFixed(2)} ${height(v)}`);
    let highest = -Infinity;
    const groups = view.layers.map((layer) => {
      const { style, median, lower, upper, n: present } = layer;
      const parts = stretches(present, median.length);
      const path = (values) => parts.map(([from, to]) => `M${points(values).slice(from, to).join('L')}${to - from === 1 ? 'h0' : ''}`).join('');
      const nodes = [];
      if (lower) {
        const area = ([from, to]) => `M${points(lower).slice(from, to).join('L')}L${points(upper).slice(from, to).reverse().join('L')}Z`;
        nodes.push(s('path', { class: 'band', d: parts.map(area).join('') }), s('path', { class: 'rim', d: path(lower) + path(upper) }));
        for (const v of upper) highest = Math.max(highest, v);
      }
      nodes.push(s('path', { class: 'median', d: path(median) }));
      return s('g', { class: style }, nodes);
    });
    this.#layers.replaceChildren(...groups.reverse());
    set(this.#note, 'x', left + width - 0.4 * em);
    set(this.#note, 'y', top + 1 * em);
    text(this.#note, highest > view.hi * 1.001 ? `the band reaches ${tickLabel(highest, highest / 10)}` : '');
  }

  #drawCursor() {
    if (!this.#box || !this.#drawn) return;
    const { x, y, top, height, n, em } = this.#box;
    const unchosen = this.#index === null;
    const i = this.#index ?? this.#view.unchosen;
    const middle = x(i + 0.5);
    const nodes = [s('line', { class: unchosen ? 'cursor unchosen' : 'cursor', x1: middle, x2: middle, y1: top, y2: top + height })];
    for (const { median, style } of this.#drawn.layers) {
      const k = Math.min(median.length - 1, Math.floor(((i + 0.5) / n) * median.length));
      const value = Math.max(this.#drawn.lo, Math.min(this.#drawn.hi, median[k]));
      nodes.push(s('circle', { class: `dot ${style}${unchosen ? ' unchosen' : ''}`, cx: x(((k + 0.5) * n) / median.length), cy: y(value), r: (unchosen ? 0.3 : 0.4) * em }));
    }
    this.#cursor.replaceChildren(...nodes);
  }
}

// stretches returns the stretches [from, to) of points at which at least one episode has a value; all points if n is not known.
function stretches(n, length) {
  const found = [];
  for (let i = 0; i < length; i++) {
    if (!hasValue(n, i)) continue;
    if (found.length > 0 && found.at(-1)[1] === i) found.at(-1)[1]++;
    else found.push([i, i + 1]);
  }
  return found;
}

// canAnimate reports whether two views have the same curves with as many points.
function canAnimate(a, b) {
  return a.layers.length === b.layers.length && a.layers.every((layer, k) => {
    const other = b.layers[k];
    return layer.key === other.key && layer.median.length === other.median.length && !layer.lower === !other.lower;
  });
}

// between returns the view at the fraction t of the way from a to b.
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

/** extent returns the least and the greatest of the layers' values and of also, as {lo, hi} with lo < hi. */
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
