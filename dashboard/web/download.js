// Saving profiles and models as CSV or JSON.

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

/** safeName returns a name that is valid in every file system. */
export const safeName = (name) => name.replace(/[^A-Za-z0-9._-]+/g, '_').replace(/^\.+/, '_');

/** fileName returns the name of a profile's file. */
export const fileName = (profile, ending) => `${safeName(profile.name)}.${ending}`;

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
  return table(namesOf(profile), rowsOf(profile));
}

const namesOf = (profile) => columns(profile).map(([name]) => name);

function rowsOf(profile) {
  const all = columns(profile);
  return Array.from({ length: profile.points }, (_, i) => all.map(([, value]) => value(i)));
}

/** csvOf is csv of several profiles. The first column is the name. */
export function csvOf(profiles) {
  if (profiles.length === 0) return table(['profile'], []);
  return table(['profile', ...namesOf(profiles[0])], profiles.flatMap((profile) => rowsOf(profile).map((row) => [profile.name, ...row])));
}

/** modelsCSV returns a line for each model. Both maps are by name. */
export function modelsCSV(metrics, perfs) {
  const names = [...new Set([...metrics.keys(), ...perfs.keys()])].sort();
  return table(['model', 'accuracy', 'low', 'high', 'episodes', 'microseconds'], names.map((name) => {
    const { metric = perfs.get(name)?.accuracy ?? null, low = null, high = null, episodes = null } = metrics.get(name) ?? {};
    return [name, metric, low, high, episodes, perfs.get(name)?.latency ?? null];
  }));
}

/** events returns events from the store as a JSON list, as they were published. */
export const events = (list) => `[${list.map(({ data }) => data).join(',\n')}]\n`;

const table = (names, rows) => [names, ...rows.map((row) => row.map(cell))].map((line) => `${line.join(',')}\r\n`).join('');

function cell(value) {
  if (value === null) return '';
  if (typeof value === 'number') return String(value);
  // A spreadsheet would read these as a formula.
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
