// The numbers at the cursor, one row for each envelope of a plot.

import { h, set, text } from './dom.js';
import { number, phase, phaseAt } from './format.js';

/** at returns the values of a profile at a point: raw where it has them, or scaled. */
export function at(profile, i, scale) {
  const band = scale === 'raw' ? profile.raw : profile.scaled;
  const span = phaseAt(profile.phases, i);
  return {
    point: i + 1,
    phase: span ? phase(span.name).long : '',
    short: span ? phase(span.name).short : '',
    median: number(band.median[i]),
    lower: band.lower ? number(band.lower[i]) : '–',
    upper: band.upper ? number(band.upper[i]) : '–',
  };
}

/** spoken is at in a sentence. */
export function spoken(profile, i, scale) {
  const v = at(profile, i, scale);
  const unit = scale === 'raw' ? profile.unit : 'scaled';
  const quartiles = v.lower === '–' ? '' : `, quartiles ${v.lower} to ${v.upper}`;
  return `point ${v.point} of ${profile.points}${v.phase && `, ${v.phase}`}: median ${v.median}${quartiles}${unit && ` ${unit}`}`;
}

/** peak returns the first point at which a profile's median is highest. */
export function peak(profile) {
  const { median } = profile.scaled;
  return median.reduce((best, value, i) => (value > median[best] ? i : best), 0);
}

export class Readout {
  #where = h('th', { scope: 'col' });
  #rows = h('tbody');

  /** node is hidden from screen readers: they hear the plot's own value. */
  node = h('table', { class: 'readout', 'aria-hidden': 'true' },
    h('thead', null, h('tr', null, this.#where, ['median', 'p25', 'p75'].map((name) => h('th', { scope: 'col' }, name)))),
    this.#rows);

  /** show writes rows of {name, tone, values of at()}; chosen is false where nobody pointed there. */
  show(rows, where, chosen) {
    text(this.#where, where);
    set(this.node, 'class', chosen ? 'readout chosen' : 'readout');
    while (this.#rows.rows.length > rows.length) this.#rows.deleteRow(-1);
    rows.forEach((row, k) => {
      const cells = (this.#rows.rows[k] ?? this.#row()).cells;
      const [name] = cells;
      if (row.tone) name.replaceChildren(h('span', { class: `key ${row.tone}` }), row.name);
      else text(name, row.name);
      text(cells[1], row.values.median);
      text(cells[2], row.values.lower);
      text(cells[3], row.values.upper);
    });
  }

  #row() {
    const row = this.#rows.insertRow();
    for (let k = 0; k < 4; k++) row.insertCell();
    return row;
  }
}
