// The level view of a profile: a row for each channel, in which each phase's
// values stand sorted, the greatest first. So a burst shows whenever it came, and
// one look at the rows is the profile's fingerprint.

import { fontSize, s, set } from './dom.js';
import { number, phase } from './format.js';
import { linear } from './scale.js';

const shorts = {
  'proc.cpu_user_jiffies': 'cpu user', 'proc.cpu_sys_jiffies': 'cpu sys', 'proc.ctxt_voluntary': 'waits', 'proc.minflt': 'page faults',
  'proc.io_wchar': 'written', 'proc.io_write_bytes': 'to disk', 'proc.io_rchar': 'read',
};

/** short names a channel in a word or two. */
export const short = (name) => (Object.hasOwn(shorts, name) ? shorts[name] : name.slice(name.indexOf('.') + 1).replaceAll('_', ' '));

/** tops returns the greatest level of each channel over all signatures, which all cards' rows share as their scale. */
export function tops(signatures) {
  const all = new Map();
  for (const { channels } of signatures) {
    for (const { name, levels } of channels) {
      for (const v of levels.upper ?? levels.median) if (v > (all.get(name) ?? 0)) all.set(name, v);
    }
  }
  return all;
}

const runningOf = (signature) => {
  const k = signature.phases?.findIndex((span) => span.name === 'infected_running') ?? -1;
  return k < 0 ? null : k;
};

/** said describes one channel in one phase. */
export function said(channel, k) {
  const of = channel.phases[k];
  if (!of) return `${short(channel.name)}: nothing is known`;
  const parts = [`${short(channel.name)}, ${phase(of.name).long}:`];
  if (Number.isNaN(of.total)) return `${parts[0]} not recorded`;
  parts.push(of.bursts > 0 ? `${number(of.bursts)} bursts a minute, each ${number(of.length)} s long and ${number(of.height)} ${channel.unit} high;` : 'no bursts;');
  parts.push(`${Number.isNaN(of.share) ? 'nothing' : `${number(100 * of.share)} %`} of all that it does.`);
  return parts.join(' ');
}

/** trust says how far a signature and its envelope can be trusted. */
export function trust(signature) {
  const parts = [`Levels of ${signature.channels.length} channels${signature.used === null ? '' : `, median of ${signature.used} episodes`}.`];
  if (signature.deepest) parts.push(`The episode nearest to the middle of the envelope is ${signature.deepest}.`);
  if (signature.outside > 0) parts.push(`${signature.outside} lie outside its fence, most of all ${signature.outliers[0]?.episode ?? 'one'}.`);
  if (signature.hosts.tested > 0) parts.push(signature.hosts.differ ? 'Hosts differ.' : 'Hosts do not differ.');
  return parts.join(' ');
}

/** Levels draws into a host that is a slider over channels and phases. */
export class Levels {
  #host;
  #svg = s('svg', { 'aria-hidden': 'true', focusable: 'false' });
  #chose;
  #signature = null;
  #tops = new Map();
  #tone = '';
  #index = null; // channel * phases + phase, or null
  #box = null;

  /** chose(words or null) is called when another channel and phase are to be read out. */
  constructor(host, label, chose) {
    this.#host = host;
    this.#chose = chose;
    host.append(this.#svg);
    for (const [name, value] of Object.entries({ role: 'slider', tabindex: 0, 'aria-label': label, 'aria-valuemin': 1 })) set(host, name, value);
    new ResizeObserver(() => this.#draw()).observe(host);
    const point = (e) => this.#point(e);
    host.addEventListener('pointermove', point);
    host.addEventListener('pointerdown', point);
    host.addEventListener('pointerleave', (e) => e.pointerType === 'mouse' && document.activeElement !== host && this.choose(null));
    host.addEventListener('blur', () => this.choose(null));
    host.addEventListener('keydown', (e) => this.#key(e));
  }

  /** show takes a signature, the scale of each channel, and the profile's tone. */
  show(signature, tops, tone) {
    if (this.#index !== null && this.#index >= signature.channels.length * this.#phasesOf(signature)) this.#index = null;
    this.#signature = signature;
    this.#tops = tops;
    this.#tone = tone;
    set(this.#host, 'aria-valuemax', signature.channels.length * this.#phasesOf(signature));
    this.#draw();
    this.#announce();
  }

  /** choose puts the cursor on a channel and phase; null takes it away. */
  choose(index) {
    if (index === this.#index) return;
    this.#index = index;
    this.#draw();
    this.#announce();
  }

  #phasesOf(signature) { return signature.phases?.length ?? 1; }

  // Without a choice: the first channel where it matters most.
  get #rest() { return runningOf(this.#signature) ?? 0; }

  #announce() {
    const index = this.#index ?? this.#rest;
    const phases = this.#phasesOf(this.#signature);
    const words = said(this.#signature.channels[Math.floor(index / phases)], index % phases);
    set(this.#host, 'aria-valuenow', index + 1);
    set(this.#host, 'aria-valuetext', words);
    this.#chose(words, this.#index !== null);
  }

  #key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const phases = this.#phasesOf(this.#signature);
    const last = this.#signature.channels.length * phases - 1;
    const at = this.#index ?? this.#rest;
    const to = {
      ArrowRight: at + 1, ArrowLeft: at - 1, ArrowDown: at + phases, ArrowUp: at - phases, Home: 0, End: last,
      PageDown: at + phases, PageUp: at - phases,
    }[event.key];
    if (to !== undefined) {
      if (to >= 0 && to <= last) this.choose(to);
    } else if (event.key === 'Escape') this.choose(null);
    else return;
    event.preventDefault();
  }

  #point(event) {
    if (!this.#box) return;
    const { left, top, width, row, n } = this.#box;
    const bounds = this.#host.getBoundingClientRect();
    const channel = Math.floor((event.clientY - bounds.top - top) / row);
    const i = Math.floor(((event.clientX - bounds.left - left) / width) * n);
    const spans = this.#signature.phases ?? [{ start: 0, points: n }];
    const k = spans.findIndex((span) => i >= span.start && i < span.start + span.points);
    if (channel < 0 || channel >= this.#signature.channels.length || k < 0) return;
    this.choose(channel * spans.length + k);
  }

  #draw() {
    const { clientWidth: w, clientHeight: h } = this.#host;
    if (!this.#signature || w < 20 || h < 20) return;
    const { channels, phases, points: n } = this.#signature;
    const em = fontSize(this.#host);
    const left = Math.min(6.2 * em, 0.3 * w);
    const top = 0.2 * em;
    const width = w - left - 0.3 * em;
    const row = (h - top - 1.5 * em) / channels.length;
    this.#box = { left, top, width, row, n };
    const x = linear(0, n, left, left + width);
    const spans = phases ?? [{ name: '', start: 0, points: n }];
    const bottom = top + row * channels.length;
    const nodes = spans.flatMap((span, k) => [
      s('rect', { class: `phase ${phase(span.name, k).kind}`, x: x(span.start), y: top, width: x(span.start + span.points) - x(span.start), height: bottom - top }),
      k ? s('line', { class: 'edge', x1: x(span.start), x2: x(span.start), y1: top, y2: bottom }) : null,
      (x(span.points) - x(0)) > phase(span.name, k).short.length * 0.55 * em
        ? s('text', { x: x(span.start + span.points / 2), y: bottom + 1.15 * em, 'text-anchor': 'middle' }, phase(span.name, k).short) : null,
    ]);
    channels.forEach((channel, c) => {
      const base = top + (c + 1) * row;
      const most = Math.log1p(this.#tops.get(channel.name) ?? 0);
      // A logarithm, for both a trickle and a flood are to be seen.
      const y = (v) => base - (most > 0 ? Math.log1p(Math.max(0, v)) / most : 0) * 0.84 * row;
      nodes.push(s('line', { class: 'grid', x1: left, x2: left + width, y1: base, y2: base }));
      if (channel.levels.upper) nodes.push(s('path', { class: 'band', d: steps(channel.levels.upper, spans, x, y, base) }));
      nodes.push(s('path', { class: 'level', d: steps(channel.levels.median, spans, x, y, base) }));
      nodes.push(s('text', { class: 'row', x: left - 0.5 * em, y: base - 0.5 * row + 0.35 * em, 'text-anchor': 'end' }, short(channel.name)));
    });
    if (this.#index !== null) {
      const span = spans[this.#index % spans.length];
      const c = Math.floor(this.#index / spans.length);
      nodes.push(s('rect', { class: 'chosen', x: x(span.start), y: top + c * row, width: x(span.points) - x(0), height: row }));
    }
    set(this.#svg, 'viewBox', `0 0 ${w} ${h}`);
    this.#svg.replaceChildren(s('g', { class: this.#tone }, ...nodes.filter(Boolean)));
  }
}

// steps is the area under the values, phase by phase; a gap leaves a hole.
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
