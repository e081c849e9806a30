// The levels of a signature: a row for each channel, with the values of each phase
// sorted from the greatest to the least. Bursts thus look the same at whatever time
// they occur.

import { fontSize, s, set, widthOf } from './dom.js';
import { phase, rough, withUnit } from './format.js';
import { linear } from './scale.js';
import { slider } from './slider.js';

/** howToRead explains the plot in two sentences. */
export const howToRead = 'In each phase the values are sorted from high to low, so left to right is no longer time. Each row has one logarithmic scale, the same for all profiles.';

const shortNames = {
  'proc.cpu_user_jiffies': 'cpu user', 'proc.cpu_sys_jiffies': 'cpu sys', 'proc.ctxt_voluntary': 'waits', 'proc.minflt': 'page faults',
  'proc.io_wchar': 'written', 'proc.io_write_bytes': 'to disk', 'proc.io_rchar': 'read',
};

/** shortName returns one or two words for a channel. */
export const shortName = (name) => (Object.hasOwn(shortNames, name) ? shortNames[name] : name.slice(name.indexOf('.') + 1).replaceAll('_', ' '));

// withRate formats a value with two digits and its unit: "17 jiffies/s", and "17/s" for counts.
const withRate = (value, unit) => (unit === '1/s' ? `${rough(value)}/s` : withUnit(rough(value), unit));

/** maxLevels returns the greatest level of each channel over all signatures. It is the scale of the channel's rows on all cards. */
export function maxLevels(signatures) {
  const all = new Map();
  for (const { channels } of signatures) {
    for (const { name, levels } of channels) {
      for (const v of levels.upper ?? levels.median) if (v > (all.get(name) ?? 0)) all.set(name, v);
    }
  }
  return all;
}

// describeLevel describes a channel in its phase k.
function describeLevel(channel, k) {
  const values = channel.phases[k];
  if (!values) return `${shortName(channel.name)}: no data`;
  const parts = [`${shortName(channel.name)}, ${phase(values.name).long}:`];
  if (Number.isNaN(values.total)) return `${parts[0]} not recorded`;
  parts.push(values.bursts > 0 ? `${rough(values.bursts)} bursts a minute, each ${rough(values.length)} s long and ${withRate(values.height, channel.unit)} high.` : 'no bursts.');
  parts.push(Number.isNaN(values.share) ? 'This channel counted nothing.' : `${rough(100 * values.share)}% of this channel's total falls in this phase.`);
  return parts.join(' ');
}

/** describeSignature describes a signature in one paragraph, for screen readers. */
export function describeSignature(signature) {
  const parts = [`Levels of ${signature.channels.length} channels${signature.used === null ? '' : `, median of ${signature.used} episodes`}.`];
  if (signature.deepest) parts.push(`The most typical episode is ${signature.deepest}.`);
  if (signature.used >= 20 && signature.outlierCount > 0) parts.push(`Unusual episodes: ${signature.outlierCount}${signature.outliers.length ? `, most of all ${signature.outliers[0].episode}` : ''}.`);
  if (signature.hosts.tested > 0) parts.push(signature.hosts.differ ? 'Hosts differ.' : 'Hosts do not differ.');
  return parts.join(' ');
}

/** Levels draws a signature into a host, which is a slider over channels and phases. */
export class Levels {
  #host;
  #svg = s('svg', { 'aria-hidden': 'true', focusable: 'false' });
  #onChoose;
  #signature = null;
  #maxLevels = new Map();
  #style = '';
  #index = null; // channel * number of phases + phase, or null
  #box = null;

  /** onChoose(words, chosen) is called with the description of the chosen channel and phase, or of the first channel. */
  constructor(host, label, onChoose) {
    this.#host = host;
    this.#onChoose = onChoose;
    host.append(this.#svg);
    slider(host, label, {
      draw: () => this.#draw(),
      indexAt: (x, y) => this.#indexAt(x, y),
      indexFor: (key) => this.#indexFor(key),
      choose: (index) => this.#choose(index),
    });
  }

  /** show takes a signature, the greatest level of each channel, and the profile's style. */
  show(signature, maxLevels, style) {
    this.#signature = signature;
    this.#maxLevels = maxLevels;
    this.#style = style;
    if (this.#index !== null && this.#index >= this.#cells) this.#index = null;
    set(this.#host, 'aria-valuemax', this.#cells);
    this.#draw();
    this.#announce();
  }

  #choose(index) {
    if (index === this.#index) return;
    this.#index = index;
    this.#draw();
    this.#announce();
  }

  get #spans() { return this.#signature.phases ?? [{ name: '', start: 0, points: this.#signature.points }]; }

  get #cells() { return this.#signature.channels.length * this.#spans.length; }

  // The chosen index, or the first channel in the phase infected_running.
  get #current() { return this.#index ?? Math.max(0, this.#spans.findIndex((span) => span.name === 'infected_running')); }

  #announce() {
    const index = this.#current;
    const phases = this.#spans.length;
    const words = describeLevel(this.#signature.channels[Math.floor(index / phases)], index % phases);
    set(this.#host, 'aria-valuenow', index + 1);
    set(this.#host, 'aria-valuetext', words);
    this.#onChoose(words, this.#index !== null);
  }

  #indexFor(key) {
    const phases = this.#spans.length;
    const last = this.#cells - 1;
    const from = this.#current;
    const to = {
      ArrowRight: from + 1, ArrowLeft: from - 1, ArrowDown: from + phases, ArrowUp: from - phases, Home: 0, End: last,
      PageDown: from + phases, PageUp: from - phases,
    }[key];
    if (to === undefined) return null;
    return to >= 0 && to <= last ? to : from;
  }

  #indexAt(x, y) {
    if (!this.#box) return null;
    const { left, top, width, row, n } = this.#box;
    const channel = Math.floor((y - top) / row);
    const i = Math.floor(((x - left) / width) * n);
    const k = this.#spans.findIndex((span) => i >= span.start && i < span.start + span.points);
    if (channel < 0 || channel >= this.#signature.channels.length || k < 0) return null;
    return channel * this.#spans.length + k;
  }

  #draw() {
    const { clientWidth: w, clientHeight: h } = this.#host;
    if (!this.#signature || w < 20 || h < 20) return;
    const { channels, points: n } = this.#signature;
    const em = fontSize(this.#host);
    const top = 0.2 * em;
    const row = (h - top - 1.5 * em) / channels.length;
    // The greatest value of a row, where there is room for a second line.
    const tops = row < 2.6 * em ? [] : channels.map(({ name, unit }) => (this.#maxLevels.get(name) > 0 ? `to ${withRate(this.#maxLevels.get(name), unit)}` : ''));
    const left = Math.min(Math.max(6.2 * em, ...tops.map((words) => widthOf(words, this.#host) + 0.7 * em)), 0.4 * w);
    const width = w - left - 0.3 * em;
    this.#box = { left, top, width, row, n };
    const x = linear(0, n, left, left + width);
    const spans = this.#spans;
    const bottom = top + row * channels.length;
    const nodes = spans.flatMap((span, k) => [
      s('rect', { class: `phase ${phase(span.name, k).kind}`, x: x(span.start), y: top, width: x(span.start + span.points) - x(span.start), height: bottom - top }),
      k ? s('line', { class: 'edge', x1: x(span.start), x2: x(span.start), y1: top, y2: bottom }) : null,
      (x(span.points) - x(0)) > phase(span.name, k).short.length * 0.55 * em
        ? s('text', { x: x(span.start + span.points / 2), y: bottom + 1.15 * em, 'text-anchor': 'middle' }, phase(span.name, k).short) : null,
    ]);
    channels.forEach((channel, c) => {
      const base = top + (c + 1) * row;
      const max = Math.log1p(this.#maxLevels.get(channel.name) ?? 0);
      // Logarithmic, so that both small and great levels can be seen.
      const y = (v) => base - (max > 0 ? Math.log1p(Math.max(0, v)) / max : 0) * 0.84 * row;
      nodes.push(s('line', { class: 'grid', x1: left, x2: left + width, y1: base, y2: base }));
      if (channel.levels.upper) nodes.push(s('path', { class: 'band', d: steps(channel.levels.upper, spans, x, y, base) }));
      nodes.push(s('path', { class: 'level', d: steps(channel.levels.median, spans, x, y, base) }));
      const middle = base - 0.5 * row + (tops[c] ? -0.25 : 0.35) * em;
      nodes.push(s('text', { class: 'row', x: left - 0.5 * em, y: middle, 'text-anchor': 'end' }, shortName(channel.name)));
      if (tops[c]) nodes.push(s('text', { x: left - 0.5 * em, y: middle + 1.2 * em, 'text-anchor': 'end' }, tops[c]));
    });
    if (this.#index !== null) {
      const span = spans[this.#index % spans.length];
      const c = Math.floor(this.#index / spans.length);
      nodes.push(s('rect', { class: 'chosen', x: x(span.start), y: top + c * row, width: x(span.points) - x(0), height: row }));
    }
    set(this.#svg, 'viewBox', `0 0 ${w} ${h}`);
    this.#svg.replaceChildren(s('g', { class: this.#style }, ...nodes.filter(Boolean)));
  }
}

// steps returns the path of the area under the values of each phase, without the gaps.
function steps(values, spans, x, y, base) {
  let d = '';
  for (const span of spans) {
    let open = false;
    for (let i = span.start; i < span.start + span.points; i++) {
      if (Number.isNaN(values[i])) {
        if (open) d += `V${base.toFixed(2)}Z`;
        open = false;
        continue;
      }
      d += `${open ? '' : `M${x(i).toFixed(2)} ${base.toFixed(2)}`}V${y(values[i]).toFixed(2)}H${x(i + 1).toFixed(2)}`;
      open = true;
    }
    if (open) d += `V${base.toFixed(2)}Z`;
  }
  return d;
}
