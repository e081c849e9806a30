// The numbers at the chosen point, in one row for each envelope of the plot.

import { h, set, text } from './dom.js';
import { number, phase, phaseAt } from './format.js';

/** hasValue reports whether any episode has a value at point i. n may be null: then it is not known, and the answer is true. */
export const hasValue = (n, i) => !n || n[i] > 0;

/** whereIs says where point i lies: "35% through", and with the phase "35% through infecting". */
export function whereIs(profile, i, withPhase = false) {
  const span = phaseAt(profile.phases, i) ?? { name: '', start: 0, points: profile.points };
  const percent = Math.round((100 * (i - span.start + 0.5)) / span.points);
  return `${percent}% through${withPhase && span.name ? ` ${phase(span.name).long}` : ''}`;
}

/** valuesAt returns a profile's point i as texts. scale is 'raw' or 'scaled'. */
export function valuesAt(profile, i, scale) {
  const band = scale === 'raw' ? profile.raw : profile.scaled;
  const span = phaseAt(profile.phases, i);
  const value = (values) => (values && hasValue(profile.n, i) ? number(values[i]) : '–');
  return {
    phase: span ? phase(span.name).long : '',
    median: value(band.median), lower: value(band.lower), upper: value(band.upper),
    // Of fewer episodes than the others, since some have a gap here.
    fewer: profile.n && profile.used !== null && profile.n[i] < profile.used ? `, n=${profile.n[i]}` : '',
  };
}

/** describePoint returns valuesAt as a phrase. */
export function describePoint(profile, i, scale) {
  const v = valuesAt(profile, i, scale);
  const where = whereIs(profile, i, true);
  if (!hasValue(profile.n, i)) return `${where}: no value`;
  const unit = scale === 'raw' ? profile.unit : 'scaled';
  const quartiles = v.lower === '–' ? '' : `, quartiles ${v.lower} to ${v.upper}`;
  return `${where}: median ${v.median}${quartiles}${unit && ` ${unit}`}${v.fewer}`;
}

export class Readout {
  #where = h('th', { scope: 'col' });
  #rows = h('tbody');

  /** node is hidden from screen readers, which read the slider's text. */
  node = h('table', { class: 'readout', 'aria-hidden': 'true' },
    h('thead', null, h('tr', null, this.#where, ['median', 'p25', 'p75'].map((name) => h('th', { scope: 'col' }, name)))),
    this.#rows);

  /** show writes rows of {name, style, values}, with values from valuesAt. chosen is whether the reader chose the point. */
  show(rows, where, chosen) {
    text(this.#where, where);
    set(this.node, 'class', chosen ? 'readout chosen' : 'readout');
    while (this.#rows.rows.length > rows.length) this.#rows.deleteRow(-1);
    rows.forEach((row, k) => {
      const cells = (this.#rows.rows[k] ?? this.#addRow()).cells;
      const [name] = cells;
      if (row.style) name.replaceChildren(h('span', { class: `key ${row.style}` }), row.name);
      else text(name, row.name);
      text(cells[1], row.values.median);
      text(cells[2], row.values.lower);
      text(cells[3], row.values.upper);
    });
  }

  #addRow() {
    const row = this.#rows.insertRow();
    for (let k = 0; k < 4; k++) row.insertCell();
    return row;
  }
}
