// How many episodes an envelope was computed from, of how many it may use.

import { h, s, set, text } from './dom.js';

export class Ring {
  #arc = s('circle', { class: 'done', cx: 10, cy: 10, r: 8, pathLength: 100 });
  #ring = s('svg', { viewBox: '0 0 20 20', 'aria-hidden': 'true' }, s('circle', { class: 'track', cx: 10, cy: 10, r: 8 }), this.#arc);
  #count = h('span', { 'aria-hidden': 'true' });
  #spoken = h('span', { class: 'visually-hidden' });
  node = h('p', { class: 'count' }, this.#ring, this.#count, this.#spoken);

  show({ used, target, complete }) {
    this.node.hidden = used === null;
    if (used === null) return;
    const whole = complete || target === null;
    this.#ring.toggleAttribute('hidden', whole);
    set(this.#arc, 'stroke-dasharray', `${whole ? 100 : Math.min(100, (100 * used) / target)} 100`);
    text(this.#count, whole ? `n=${used}` : `${used}/${target}`);
    text(this.#spoken, whole ? `${used} episodes` : `${used} of ${target} episodes`);
  }
}
