// How far a sample is from earlier snapshots of itself: a bar for each snapshot, with axes.

import { fontSize, s, set, widthOf } from './dom.js';
import { day, rough } from './format.js';
import { linear, ticks } from './scale.js';

/** large is the distance from which on a drift is marked: levels that changed by about a fifth. */
export const large = 0.2;

/** inWords returns a distance in words: "about 12%". */
export const inWords = (distance) => `about ${rough(100 * distance)}%`;

/** Drift draws into a host. A drift has {at, distance} for each snapshot, the oldest first. */
export class Drift {
  #host;
  #svg = s('svg', { 'aria-hidden': 'true', focusable: 'false' });
  #drift = [];

  constructor(host) {
    this.#host = host;
    host.append(this.#svg);
    new ResizeObserver(() => this.#draw()).observe(host);
  }

  show(drift) {
    this.#drift = drift;
    this.#host.hidden = drift.filter(({ distance }) => distance >= 0).length < 2;
    this.#draw();
  }

  #draw() {
    const { clientWidth: w, clientHeight: h } = this.#host;
    if (w < 20 || h < 20) return;
    const em = fontSize(this.#host);
    const hi = Math.max(large * 1.1, ...this.#drift.map(({ distance }) => distance || 0));
    const marks = ticks(0, hi, Math.max(2, Math.floor(h / (2.6 * em))));
    const labels = marks.values.map((value) => `${rough(100 * value)}%`);
    const left = Math.max(...labels.map((label) => widthOf(label, this.#host))) + 0.7 * em;
    const bottom = h - 1.5 * em;
    const x = linear(0, this.#drift.length, left, w - 0.3 * em);
    const y = linear(0, hi, bottom, 0.5 * em);
    const nodes = marks.values.flatMap((value, k) => [
      s('line', { class: value === 0 ? 'zero' : 'grid', x1: left, x2: w, y1: y(value), y2: y(value) }),
      s('text', { x: left - 0.5 * em, y: y(value) + 0.35 * em, 'text-anchor': 'end' }, labels[k]),
    ]);
    this.#drift.forEach(({ distance }, i) => {
      if (!(distance >= 0)) return;
      nodes.push(s('rect', { class: distance >= large ? 'bar large' : 'bar', x: x(i + 0.1), y: y(distance), width: x(0.8) - x(0), height: Math.max(0, bottom - y(distance)) }));
    });
    nodes.push(s('line', { class: 'limit', x1: left, x2: w, y1: y(large), y2: y(large) }));
    const ends = [[this.#drift[0], left, 'start'], [this.#drift.at(-1), w - 0.3 * em, 'end']];
    for (const [snapshot, at, anchor] of ends) if (snapshot) nodes.push(s('text', { x: at, y: h - 0.3 * em, 'text-anchor': anchor }, day(snapshot.at)));
    set(this.#svg, 'viewBox', `0 0 ${w} ${h}`);
    this.#svg.replaceChildren(...nodes);
  }
}
