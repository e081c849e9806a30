// The entries of a legend.

import { h, s } from './dom.js';

/** entry is a line or a band with what it stands for. */
export function entry(words, { tone = '', band = false, line = true, over = false } = {}) {
  return h('span', { class: `${tone}${over ? ' over' : ''}` },
    s('svg', { viewBox: '0 0 28 12', 'aria-hidden': 'true' },
      band ? s('rect', { class: 'band', width: 28, height: 12 }) : null,
      line ? s('path', { class: 'median', d: 'M0 6H28' }) : null),
    h('bdi', null, words));
}
