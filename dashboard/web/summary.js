// The description of a plot for screen readers.

import { peak } from './amplitude.js';
import { describeEmpty, describeRecordings, isEmpty } from './doubts.js';
import { exact, number, phase, withUnit } from './format.js';
import { describePoint } from './readout.js';

/** summary describes a profile in one paragraph. */
export function summary(profile) {
  const scale = profile.raw ? 'raw' : 'scaled';
  const { median } = profile[scale];
  const unit = profile.raw ? profile.unit : '';
  const parts = [`${profile.name}${profile.shape && `, ${profile.shape}`}.`];
  if (profile.used !== null) parts.push(`From ${profile.used}${profile.target ? ` of ${profile.target}` : ''} episodes.`);
  if (isEmpty(profile)) return [...parts, describeEmpty(profile)].join(' ');
  if (profile.channel) parts.push(`Channel ${withUnit(profile.channel, unit && `in ${unit}`)}.`);
  if (profile.phases) {
    const means = profile.phases.map((span) => {
      let sum = 0;
      for (let i = span.start; i < span.start + span.points; i++) sum += median[i] / span.points;
      return `${phase(span.name).long} ${number(sum)}`;
    });
    parts.push(`Mean of the median by phase: ${means.join('; ')}${unit && ` ${unit}`}.`);
  }
  parts.push(`The median is highest at ${describePoint(profile, peak(profile), scale)}.`);
  parts.push(...describeRecordings(profile));
  if (profile.updated !== null) parts.push(`Updated ${exact(profile.updated)}.`);
  return parts.join(' ');
}
