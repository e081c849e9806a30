// The numbers at the chosen point, in one row for each envelope of the plot.

import { h, set, text } from './dom.js';
import { number, phase, phaseAt } from './format.js';

/** valuesAt returns a profile's point i as texts. scale is 'raw' or 'scaled'. */
export function valuesAt(profile, i, scale) {
  const band = scale === 'raw' ? profile.raw : profile.scaled;
  const span = phaseAt(profile.phases, i);
  return {
    point: i + 1,
    phase: span ? phase(span.name).long : '',
    median: number(band.median[i]),
    lower: band.lower ? number(band.lower[i]) : '–',
    upper: band.upper ? number(band.upper[i]) : '–',
  };
}

/** describePoint returns valuesAt as a phrase. */
export function describePoint(profile, i, scale) {
  const v = valuesAt(profile, i, scale);
  const unit = scale === 'raw' ? profile.unit : 'scaled';
  const quartiles = v.lower === '–' ? '' : `, quartiles ${v.lower} to ${v.upper}`;
  return `point ${v.point} of ${profile.points}${v.phase && `, ${v.phase}`}: median ${v.median}${quartiles}${unit && ` ${unit}`}`;
}

/** peak returns the index of the first point at which a profile's median is highest. */
export function peak(profile) {
  const { median } = profile.scaled;
  return median.reduce((best, value, i) => (value > median[best] ? i : best), 0);
}

export class Readout {
  #where = h('th', { scope: 'col' });
  #rows = h('tbody');

  /** node is hidden from screen readers, which read the slider's text. */
  node = h('table', { class: 'readout', 'aria-hidden': 'true' },
    h('thead', null, h('tr', null, this.#where, ['median', 'p25', 'p75'].map((name) => h('th', { scope: 'col' }, name)))),
    this.#rows);

  /** show writes rows of {name, colour, values}, with values from valuesAt. chosen is whether the reader chose the point. */
  show(rows, where, chosen) {
    text(this.#where, where);
    set(this.node, 'class', chosen ? 'readout chosen' : 'readout');
    while (this.#rows.rows.length > rows.length) this.#rows.deleteRow(-1);
    rows.forEach((row, k) => {
      const cells = (this.#rows.rows[k] ?? this.#addRow()).cells;
      const [name] = cells;
      if (row.colour) name.replaceChildren(h('span', { class: `key ${row.colour}` }), row.name);
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
