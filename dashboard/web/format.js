// Numbers, times and names as texts.

const plain = new Intl.NumberFormat('en', { maximumSignificantDigits: 4, useGrouping: false });
const grouped = new Intl.NumberFormat('en', { maximumSignificantDigits: 4 });
const compact = new Intl.NumberFormat('en', { maximumSignificantDigits: 4, notation: 'compact' });
const power = new Intl.NumberFormat('en', { maximumSignificantDigits: 4, notation: 'scientific' });

/** number formats with up to four significant digits: 0.1234, 77.35, 12,340, 1.234M. */
export function number(x) {
  const size = Math.abs(x);
  if (size === 0) return '0';
  if (size < 1e-4 || size >= 1e15) return power.format(x);
  if (size >= 1e6) return compact.format(x);
  return (size >= 1e4 ? grouped : plain).format(x);
}

/** rough formats with two significant digits. */
export const rough = (x) => number(Number(x.toPrecision(2)));

/** tickLabel formats a value of an axis whose ticks are step apart. */
export function tickLabel(x, step) {
  if (Math.abs(x) >= 1e6 || (x !== 0 && Math.abs(x) < 1e-4)) return number(x);
  const digits = Math.max(0, Math.min(6, -Math.floor(Math.log10(step) + 1e-9)));
  return x.toFixed(digits).replace(/^-(0(\.0*)?)$/, '$1');
}

const clockFormat = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });
const exactFormat = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeStyle: 'long' });
const dayFormat = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });

/** clock formats a time (ms since 1970) as the time of day, with the day if that is not today. */
export function clock(ms) {
  const time = clockFormat.format(ms);
  return new Date(ms).toDateString() === new Date().toDateString() ? time : `${dayFormat.format(ms)}, ${time}`;
}

/** day formats a time (ms since 1970) as today, yesterday or 3 Nov. */
export function day(ms) {
  const isDay = (date) => new Date(ms).toDateString() === date.toDateString();
  const date = new Date();
  if (isDay(date)) return 'today';
  date.setDate(date.getDate() - 1);
  return isDay(date) ? 'yesterday' : dayFormat.format(ms);
}

/** exact formats a time (ms since 1970) with date and time zone. */
export const exact = (ms) => exactFormat.format(ms);

/** ago formats how long ago a time was, by another machine's clock. A moment in the future is now; more says that a clock is wrong. */
export function ago(ms) {
  const seconds = Math.floor((Date.now() - ms) / 1000);
  if (seconds < -60) return 'ahead of this clock';
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

/** phase returns the short and the long name of a phase, and the CSS class of its background. index distinguishes unknown phases. */
export function phase(name, index = 0) {
  if (Object.hasOwn(phases, name)) return phases[name];
  const words = name.replaceAll('_', ' ');
  return { short: words.length > 12 ? `${words.slice(0, 11)}…` : words, long: words, kind: index % 2 ? 'infecting' : 'calm' };
}

/** phaseAt returns the span of phases that has point i, or null. */
export const phaseAt = (spans, i) => spans?.find((span) => i >= span.start && i < span.start + span.points) ?? null;

/** withUnit appends a unit, unless it is empty. */
export const withUnit = (value, unit) => (unit ? `${value} ${unit}` : value);
