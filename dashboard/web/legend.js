// The entries of a legend.

import { h, s } from './dom.js';

/** entry makes an entry with a line, a band or both, in a profile's style or in grey. thin: bars that hang from the top, level: an area of levels. */
export function entry(words, { style = '', band = false, line = true, thin = false, level = false } = {}) {
  return h('span', { class: style },
    s('svg', { viewBox: '0 0 28 12', 'aria-hidden': 'true' },
      band ? s('rect', { class: 'band', width: 28, height: 12 }) : null,
      thin ? s('path', { class: 'thin', d: 'M2 0H8V4H14V9H20V5H26V0Z' }) : null,
      level ? s('rect', { class: 'level', width: 28, height: 12 }) : null,
      line ? s('path', { class: 'median', d: 'M0 6H28' }) : null),
    h('bdi', null, words));
}

/** levelEntries makes the legend of levels. */
export const levelEntries = () => [entry('dark: median', { level: true, line: false }), entry('light: upper quartile', { band: true, line: false })];
