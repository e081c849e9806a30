// The curves of a sample's episodes in a plot: thin lines behind the band, and the one
// that is chosen or under the pointer before it.

import { h, s, set, text, unique, widthOf } from './dom.js';

const reach = 0.9; // em from a line within which the pointer is on it
const far = 100; // heights of the plot beyond which a line is not drawn

export class EpisodeLines {
  #host;
  #onChoose;
  #behind = h('canvas', { class: 'behind', 'aria-hidden': 'true' });
  #front = s('svg', { class: 'front', 'aria-hidden': 'true', focusable: 'false' });
  #hoverLine = s('path', { class: 'episode hover' });
  #chosenLine = s('path', { class: 'episode' });
  #tip = [s('rect', { class: 'tip' }), s('text', { class: 'tip strong' })]; // names the line under the pointer
  #clip = s('rect');
  #lines = []; // [{id, words, values, faint, strong}]
  #chosen = '';
  #hover = null; // a line
  #frame = null; // {box, lo, hi} as the plot was drawn last
  #drawn = ''; // the colour it was drawn in

  /** host is that of the plot. onChoose(id) is called when the reader chooses an episode by the pointer. */
  constructor(host, onChoose) {
    this.#host = host;
    this.#onChoose = onChoose;
    const id = unique('clip');
    for (const line of [this.#hoverLine, this.#chosenLine]) set(line, 'clip-path', `url(#${id})`);
    this.#front.append(s('defs', null, s('clipPath', { id }, this.#clip)), this.#hoverLine, this.#chosenLine, ...this.#tip);
    host.prepend(this.#behind);
    host.append(this.#front);
    this.#showTip(null);
    host.addEventListener('pointermove', (event) => this.#point(event));
    host.addEventListener('pointerleave', () => this.#setHover(null));
    host.addEventListener('click', (event) => {
      this.#point(event);
      if (this.#hover) this.#onChoose(this.#hover.id);
    });
  }

  /**
   * show takes lines [{id, words, values, faint, strong}], with values as the plot's axis shows them and NaN for a gap, and the
   * id of the chosen one. Lines that are faint are not under the pointer. They are drawn when the plot is (place).
   */
  show(lines, chosen) {
    this.#lines = lines;
    this.#chosen = chosen;
    this.#hover = this.#hover && (lines.find(({ id }) => id === this.#hover.id) ?? null);
  }

  /** place takes the box and the range of the value axis whenever the plot was drawn. */
  place(box, { lo, hi }) {
    this.#frame = { box, lo, hi };
    this.#draw();
  }

  /** refresh draws again if the theme has changed. */
  refresh() { if (this.#drawn !== '' && this.#drawn !== getComputedStyle(this.#behind).color) this.#draw(); }

  #draw() {
    const { box } = this.#frame;
    const [w, height] = [this.#host.clientWidth, this.#host.clientHeight];
    const ratio = Math.min(3, window.devicePixelRatio || 1);
    const [pixels, rows] = [Math.round(w * ratio), Math.round(height * ratio)];
    if (this.#behind.width !== pixels || this.#behind.height !== rows) [this.#behind.width, this.#behind.height] = [pixels, rows];
    const to = this.#behind.getContext('2d');
    to.setTransform(ratio, 0, 0, ratio, 0, 0);
    to.clearRect(0, 0, w, height);
    to.save();
    to.beginPath();
    to.rect(box.left, box.top, box.width, box.height);
    to.clip();
    to.strokeStyle = this.#drawn = getComputedStyle(this.#behind).color;
    to.lineWidth = 0.07 * box.em;
    to.lineJoin = 'round';
    const alpha = Math.min(0.6, 1.7 / Math.sqrt(this.#lines.length || 1));
    for (const line of this.#lines) {
      to.globalAlpha = line.faint ? 0.3 * alpha : line.strong ? Math.max(0.6, alpha) : alpha;
      to.beginPath();
      this.#trace(line.values, (x, y, begins) => (begins ? to.moveTo(x, y) : to.lineTo(x, y)));
      to.stroke();
    }
    to.restore();
    set(this.#front, 'viewBox', `0 0 ${w} ${height}`);
    this.#drawFront();
  }

  // Calls at(x, y, begins) for each point of a curve; begins is true after a gap.
  #trace(values, at) {
    const { box: { x, y, height }, lo, hi } = this.#frame;
    const most = far * (hi - lo);
    let begins = true;
    values.forEach((value, i) => {
      if (Number.isNaN(value)) {
        begins = true;
        return;
      }
      const top = y(Math.max(lo - most, Math.min(hi + most, value)));
      at(x(i + 0.5), Math.max(-height, Math.min(3 * height, top)), begins);
      begins = false;
    });
  }

  #path(line) {
    let d = '';
    if (line) this.#trace(line.values, (x, y, begins) => { d += `${begins ? 'M' : 'L'}${x.toFixed(2)} ${y.toFixed(2)}`; });
    return d;
  }

  #drawFront() {
    if (!this.#frame) return;
    const { box } = this.#frame;
    const chosen = this.#lines.find(({ id }) => id === this.#chosen);
    set(this.#chosenLine, 'd', this.#path(chosen));
    set(this.#hoverLine, 'd', this.#hover === chosen ? '' : this.#path(this.#hover));
    for (const [name, value] of Object.entries({ x: box.left, y: box.top, width: box.width, height: box.height })) set(this.#clip, name, value);
  }

  #point(event) {
    const { left, top } = this.#host.getBoundingClientRect();
    const at = { x: event.clientX - left, y: event.clientY - top };
    this.#setHover(this.#nearest(at), at);
  }

  // The line that is nearest to a position, above or below it, or null if none is near.
  #nearest({ x: px, y: py }) {
    if (!this.#frame) return null;
    const { box } = this.#frame;
    if (px < box.left || px > box.left + box.width || py < box.top || py > box.top + box.height) return null;
    let best = null;
    let least = reach * box.em;
    let k = 0;
    while (k < box.n - 2 && box.x(k + 1.5) <= px) k++;
    const t = Math.max(0, Math.min(1, (px - box.x(k + 0.5)) / (box.x(k + 1.5) - box.x(k + 0.5))));
    for (const line of this.#lines) {
      if (line.faint) continue;
      const [from, to] = [line.values[k], line.values[k + 1] ?? NaN];
      const value = Number.isNaN(to) || t === 0 ? from : Number.isNaN(from) ? to : from + (to - from) * t;
      const distance = Math.abs(box.y(value) - py);
      if (distance < least) [best, least] = [line, distance];
    }
    return best;
  }

  #setHover(line, at) {
    if (line !== this.#hover) {
      this.#hover = line;
      this.#drawFront();
    }
    this.#host.classList.toggle('on-line', line !== null);
    this.#showTip(line, at);
  }

  // Puts the name of a line beside a position, within the plot.
  #showTip(line, at) {
    for (const node of this.#tip) set(node, 'display', line === null ? 'none' : null);
    const [box, words] = this.#tip;
    text(words, line === null ? '' : line.words);
    if (line === null) return;
    const { em } = this.#frame.box;
    const width = widthOf(line.words, this.#host) + em;
    const x = Math.max(0, Math.min(at.x + em, this.#host.clientWidth - width));
    const y = at.y > 3 * em ? at.y - 2.6 * em : at.y + 1.5 * em;
    for (const [name, value] of Object.entries({ x, y, width, height: 1.7 * em, rx: 0.3 * em })) set(box, name, value);
    for (const [name, value] of Object.entries({ x: x + 0.5 * em, y: y + 1.2 * em })) set(words, name, value);
  }
}
