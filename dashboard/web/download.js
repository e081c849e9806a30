// Saving what is shown, without asking anybody for it again.

import { phaseAt } from './format.js';

/** save hands a text to the browser as a file. */
export function save(name, type, content) {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** fileName returns a name that every file system takes. */
export const fileName = (profile, ending) => `${profile.name.replace(/[^A-Za-z0-9._-]+/g, '_').replace(/^\.+/, '_')}.${ending}`;

/** columns of a profile's table, in order: [name, i => value]. A column without numbers is empty. */
export function columns(profile) {
  const of = (values) => (i) => values?.[i] ?? null;
  const { scaled, raw } = profile;
  return [
    ['point', (i) => i + 1],
    ['phase', (i) => phaseAt(profile.phases, i)?.name ?? ''],
    ['median', of(scaled.median)], ['p25', of(scaled.lower)], ['p75', of(scaled.upper)],
    ['median_raw', of(raw?.median)], ['p25_raw', of(raw?.lower)], ['p75_raw', of(raw?.upper)],
  ];
}

/** csv returns the points as a table (RFC 4180), each number with all its digits. */
export function csv(profile) {
  const all = columns(profile);
  const lines = [all.map(([name]) => name)];
  for (let i = 0; i < profile.points; i++) lines.push(all.map(([, value]) => cell(value(i))));
  return lines.map((line) => `${line.join(',')}\r\n`).join('');
}

function cell(value) {
  if (value === null) return '';
  if (typeof value === 'number') return String(value);
  // A spreadsheet would take these for a formula.
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
