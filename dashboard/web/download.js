// Saving a profile as CSV or JSON.

import { phaseAt } from './format.js';
import { hasValue } from './readout.js';

/** save downloads a text as a file. */
export function save(name, type, content) {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** fileName returns a name that is valid in every file system. */
export const fileName = (profile, ending) => `${profile.name.replace(/[^A-Za-z0-9._-]+/g, '_').replace(/^\.+/, '_')}.${ending}`;

/** columns returns the columns of a profile's table as [name, function from a point's index to its value]. Missing values are null. */
export function columns(profile) {
  const column = (values) => (i) => (hasValue(profile.n, i) ? values?.[i] ?? null : null);
  const { scaled, raw } = profile;
  return [
    ['point', (i) => i + 1],
    ['phase', (i) => phaseAt(profile.phases, i)?.name ?? ''],
    ['median', column(scaled.median)], ['p25', column(scaled.lower)], ['p75', column(scaled.upper)],
    ['median_raw', column(raw?.median)], ['p25_raw', column(raw?.lower)], ['p75_raw', column(raw?.upper)],
    ['n', (i) => profile.n?.[i] ?? null],
  ];
}

/** csv returns the points as CSV (RFC 4180), each number with all its digits. */
export function csv(profile) {
  const all = columns(profile);
  const lines = [all.map(([name]) => name)];
  for (let i = 0; i < profile.points; i++) lines.push(all.map(([, value]) => cell(value(i))));
  return lines.map((line) => `${line.join(',')}\r\n`).join('');
}

function cell(value) {
  if (value === null) return '';
  if (typeof value === 'number') return String(value);
  // A spreadsheet would read these as a formula.
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
