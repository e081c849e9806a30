// The time axis of a plot: phases are as wide as their points, or as their median seconds.

import { linear } from './scale.js';

/** hasSeconds reports whether the median length of each phase is known, and all points belong to a phase. */
export const hasSeconds = (phases, points) => (phases ?? []).reduce((sum, span) => sum + (span.seconds > 0 ? span.points : 0), 0) === points;

/** widthsOf returns the widths that a profile can be shown with: those that are wanted, or 'points'. */
export const widthsOf = (profile, wanted) => (wanted === 'seconds' && hasSeconds(profile.phases, profile.points) ? 'seconds' : 'points');

/** inWords names the time axis. */
export const inWords = (widths) => (widths === 'seconds' ? 'time by median seconds' : 'time by points');

/** timeAxis returns a function that maps a place among n points, which may lie between two, to [from, to]. */
export function timeAxis(phases, n, widths, from, to) {
  if (widths !== 'seconds') return linear(0, n, from, to);
  const all = phases.reduce((sum, span) => sum + span.seconds, 0);
  let before = 0;
  const parts = phases.map((span) => {
    const part = { span, start: from + (before / all) * (to - from), width: (span.seconds / all) * (to - from) };
    before += span.seconds;
    return part;
  });
  return (i) => {
    const { span, start, width } = parts.find((part) => i < part.span.start + part.span.points) ?? parts.at(-1);
    return start + ((i - span.start) / span.points) * width;
  };
}
