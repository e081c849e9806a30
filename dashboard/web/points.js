// The table of a profile's points.

import { h, set, text } from './dom.js';
import { columns } from './download.js';
import { number, phaseAt } from './format.js';

export class Points {
  #body = h('tbody');
  #head = h('thead');
  #at = null;
  node = h('section', { class: 'pane points', 'aria-labelledby': 'points' },
    h('h3', { id: 'points' }, 'Points'),
    h('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-labelledby': 'points' }, h('table', null, this.#head, this.#body)));

  show(profile) {
    const all = columns(profile);
    const column = (name) => h('th', { scope: 'col' }, name);
    this.#head.replaceChildren(
      h('tr', null, h('td', { colspan: 2 }),
        h('th', { class: 'group', scope: 'colgroup', colspan: 3 }, 'scaled, 0 to 1'),
        h('th', { class: 'group', scope: 'colgroup', colspan: 3 }, profile.raw ? `raw${profile.unit && `, ${profile.unit}`}` : 'raw: not sent')),
      h('tr', null, ['point', 'phase', 'median', 'p25', 'p75', 'median', 'p25', 'p75'].map(column)));
    while (this.#body.rows.length > profile.points) this.#body.deleteRow(-1);
    for (let i = 0; i < profile.points; i++) {
      const row = this.#body.rows[i] ?? this.#row();
      const span = phaseAt(profile.phases, i);
      set(row, 'class', span && span.start === i && i > 0 ? 'first' : null);
      all.forEach(([, value], k) => {
        const v = value(i);
        text(row.cells[k], typeof v !== 'number' ? v || '–' : k === 0 ? String(v) : k < 5 && Math.abs(v) < 100 ? v.toFixed(3) : number(v));
      });
    }
    this.#at = null;
  }

  /** mark shows which point the plot's cursor is on; null: none. */
  mark(i) {
    this.#at?.classList.remove('at');
    this.#at = i === null ? null : this.#body.rows[i];
    this.#at?.classList.add('at');
  }

  #row() {
    const row = this.#body.insertRow();
    row.append(h('th', { scope: 'row' }), ...Array.from({ length: 7 }, () => h('td')));
    return row;
  }
}
