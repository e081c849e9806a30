// How high a profile is: its peak in the unit and in cores, and the axes that cards share.

import { number } from './format.js';
import { hasValue } from './readout.js';

/** hertz is USER_HZ: so many jiffies are one second of CPU time. */
const hertz = 100;

/** inCores returns a rate of jiffies as a number of cores, or null for another unit. */
const inCores = (value, unit) => (unit === 'jiffies/s' ? value / hertz : null);

/** amount returns a value with its unit and, for jiffies, in cores: "97.3 jiffies/s · 0.973 cores". */
export function amount(value, unit) {
  const cores = inCores(value, unit);
  return `${number(value)}${unit && ` ${unit}`}${cores === null ? '' : ` · ${cores.toFixed(cores < 0.0995 ? 3 : 2)} cores`}`;
}

/** peak returns the index of the first point at which a profile's median is highest. */
export function peak(profile) {
  const { median } = profile.scaled;
  const first = Math.max(0, median.findIndex((_, i) => hasValue(profile.n, i)));
  return median.reduce((best, value, i) => (value > median[best] && hasValue(profile.n, i) ? i : best), first);
}

/** describePeak returns the peak of the raw median, or '' for a profile without raw values. */
export const describePeak = (profile) => (profile.raw ? `peak ${amount(profile.raw.median[peak(profile)], profile.unit)}` : '');

// An axis ends at the highest median times this, if a band reaches beyond it.
const headroom = 2;

/** axisOf names the axis of a profile: its unit, or its channel if the unit is unknown. */
export const axisOf = (profile) => profile.unit || profile.channel || profile.name;

/** sharedAxes returns the raw axes of profiles, by axisOf: {lo, hi}. All cards of one unit have the same axis. */
export function sharedAxes(profiles) {
  const axes = new Map();
  for (const profile of profiles) {
    if (!profile.raw || profile.used === 0) continue;
    const { lower, median, upper } = profile.raw;
    const top = Math.max(...median);
    const bottom = Math.min(...median);
    const hi = upper ? Math.min(Math.max(...upper), Math.max(top, headroom * top)) : top;
    const lo = lower ? Math.max(Math.min(...lower), Math.min(bottom, headroom * bottom)) : bottom;
    const axis = axes.get(axisOf(profile)) ?? { lo: 0, hi: 0 };
    axes.set(axisOf(profile), { lo: Math.min(axis.lo, lo), hi: Math.max(axis.hi, hi, top) });
  }
  for (const axis of axes.values()) if (!(axis.hi > axis.lo)) axis.hi = axis.lo + 1;
  return axes;
}
