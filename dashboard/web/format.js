// Numbers, times and names as people read them.

const plain = new Intl.NumberFormat('en', { maximumSignificantDigits: 4, useGrouping: false });
const grouped = new Intl.NumberFormat('en', { maximumSignificantDigits: 4 });
const compact = new Intl.NumberFormat('en', { maximumSignificantDigits: 4, notation: 'compact' });
const power = new Intl.NumberFormat('en', { maximumSignificantDigits: 4, notation: 'scientific' });

/** number writes up to four significant digits: 0.1234, 77.35, 12,340, 1.234M. */
export function number(x) {
  const size = Math.abs(x);
  if (size === 0) return '0';
  if (size < 1e-4 || size >= 1e15) return power.format(x);
  if (size >= 1e6) return compact.format(x);
  return (size >= 1e4 ? grouped : plain).format(x);
}

/** rough writes two significant digits. */
export const rough = (x) => number(Number(x.toPrecision(2)));

/** tick writes a value of an axis whose ticks are step apart. */
export function tick(x, step) {
  if (Math.abs(x) >= 1e6 || (x !== 0 && Math.abs(x) < 1e-4)) return number(x);
  const digits = Math.max(0, Math.min(6, -Math.floor(Math.log10(step) + 1e-9)));
  return x.toFixed(digits).replace(/^-(0(\.0*)?)$/, '$1');
}

const clockFormat = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });
const exactFormat = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeStyle: 'long' });
const dayFormat = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });

/** clock writes the time of day of a time in ms, with the day where that is not today. */
export function clock(ms) {
  const time = clockFormat.format(ms);
  return new Date(ms).toDateString() === new Date().toDateString() ? time : `${dayFormat.format(ms)}, ${time}`;
}

/** day says of which day a thing of a time in ms is: today's, yesterday's, that of 3 Nov. */
export function day(ms, now = Date.now()) {
  const of = (t) => new Date(t).toDateString();
  if (of(ms) === of(now)) return 'today\u2019s';
  const eve = new Date(now);
  eve.setDate(eve.getDate() - 1);
  return of(ms) === of(eve) ? 'yesterday\u2019s' : `that of ${dayFormat.format(ms)}`;
}

/** exact writes a whole time, with the zone. */
export const exact = (ms) => exactFormat.format(ms);

/** ago writes how long ago a time was. A time to come, by another's clock, is now. */
export function ago(ms, now = Date.now()) {
  const seconds = Math.floor((now - ms) / 1000);
  if (seconds < 2) return 'just now';
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86400)} days ago`;
}

const phases = {
  clean_lead: { short: 'clean', long: 'clean lead', kind: 'calm' },
  armed: { short: 'armed', long: 'armed', kind: 'armed' },
  infecting: { short: 'infecting', long: 'infecting', kind: 'infecting' },
  infected_running: { short: 'running', long: 'infected, running', kind: 'running' },
  clean_tail: { short: 'clean', long: 'clean tail', kind: 'calm' },
};

/** phase returns how a slice of a curve is called and drawn. */
export function phase(name, index = 0) {
  if (Object.hasOwn(phases, name)) return phases[name];
  const words = name.replaceAll('_', ' ');
  return { short: words.length > 12 ? `${words.slice(0, 11)}…` : words, long: words, kind: index % 2 ? 'infecting' : 'calm' };
}

/** phaseAt returns the slice that a point lies in, or null. */
export const phaseAt = (spans, i) => spans?.find((span) => i >= span.start && i < span.start + span.points) ?? null;

/** inUnit puts a unit behind a value where there is one. */
export const inUnit = (value, unit) => (unit ? `${value} ${unit}` : value);
