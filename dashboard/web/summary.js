// What a plot shows, in one paragraph.

import { exact, inUnit, number, phase } from './format.js';
import { peak, spoken } from './readout.js';

/** summary describes a profile to who can't see its plot. */
export function summary(profile) {
  const scale = profile.raw ? 'raw' : 'scaled';
  const { median } = profile[scale];
  const unit = profile.raw ? profile.unit : '';
  const parts = [`${profile.name}${profile.shape && `, ${profile.shape}`}.`];
  if (profile.used !== null) parts.push(`Over ${profile.used}${profile.target ? ` of ${profile.target}` : ''} episodes.`);
  if (profile.channel) parts.push(`Channel ${inUnit(profile.channel, unit && `in ${unit}`)}.`);
  if (profile.phases) {
    const means = profile.phases.map((span) => {
      let sum = 0;
      for (let i = span.start; i < span.start + span.points; i++) sum += median[i] / span.points;
      return `${phase(span.name).long} ${number(sum)}`;
    });
    parts.push(`Mean of the median by phase: ${means.join('; ')}${unit && ` ${unit}`}.`);
  }
  parts.push(`The median is highest at ${spoken(profile, peak(profile), scale)}.`);
  if (profile.updated !== null) parts.push(`Updated ${exact(profile.updated)}.`);
  return parts.join(' ');
}
