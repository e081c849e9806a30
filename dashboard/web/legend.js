// The entries of a legend.

import { h, s } from './dom.js';

/** entry makes an entry with a line, a band or both. other draws the line dashed. */
export function entry(words, { colour = '', band = false, line = true, other = false } = {}) {
  return h('span', { class: `${colour}${other ? ' other' : ''}` },
    s('svg', { viewBox: '0 0 28 12', 'aria-hidden': 'true' },
      band ? s('rect', { class: 'band', width: 28, height: 12 }) : null,
      line ? s('path', { class: 'median', d: 'M0 6H28' }) : null),
    h('bdi', null, words));
}
