// The table of a profile's points.

import { h, set, text } from './dom.js';
import { columns } from './download.js';
import { number, phaseAt } from './format.js';

export class Points {
  #body = h('tbody');
  #head = h('thead');
  #current = null;
  #title = h('h3', { id: 'points' }, 'Points');
  node = h('section', { class: 'pane points', 'aria-labelledby': 'points' },
    h('div', { class: 'points-head' }, this.#title),
    h('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-labelledby': 'points' }, h('table', null, this.#head, this.#body)));

  /** buttons stand beside the heading. */
  constructor(...buttons) { this.#title.after(...buttons); }

  show(profile) {
    const all = columns(profile);
    const column = (name) => h('th', { scope: 'col' }, name);
    this.#head.replaceChildren(
      h('tr', null, h('td', { colspan: 2 }),
        h('th', { class: 'group', scope: 'colgroup', colspan: 3 }, 'scaled, 0 to 1'),
        h('th', { class: 'group', scope: 'colgroup', colspan: 3 }, profile.raw ? `raw${profile.unit && `, ${profile.unit}`}` : 'no raw values'), h('td')),
      h('tr', null, ['point', 'phase', 'median', 'p25', 'p75', 'median', 'p25', 'p75', 'n'].map(column)));
    while (this.#body.rows.length > profile.points) this.#body.deleteRow(-1);
    for (let i = 0; i < profile.points; i++) {
      const row = this.#body.rows[i] ?? this.#addRow();
      const span = phaseAt(profile.phases, i);
      set(row, 'class', span && span.start === i && i > 0 ? 'first' : null);
      all.forEach(([, value], k) => text(row.cells[k], cellText(value(i), k)));
    }
    this.#current = null;
  }

  /** mark highlights the row of a point; null highlights none. */
  mark(i) {
    this.#current?.classList.remove('current');
    this.#current = i === null ? null : this.#body.rows[i];
    this.#current?.classList.add('current');
  }

  #addRow() {
    const row = this.#body.insertRow();
    row.append(h('th', { scope: 'row' }), ...Array.from({ length: 8 }, () => h('td')));
    return row;
  }
}

// Column 0 is the point's number, 2 to 4 are the scaled values, 8 is the number of episodes.
function cellText(value, column) {
  if (typeof value !== 'number') return value || '–';
  if (column === 0 || column === 8) return String(value);
  return column < 5 && Math.abs(value) < 100 ? value.toFixed(3) : number(value);
}
