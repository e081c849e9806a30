// What is wrong with the recordings of a profile's sample, in words: episodes that give no curve, and sloppy recordings.

import { h, text } from './dom.js';
import { number } from './format.js';

// A card says what is wrong where at least this share of the episodes is concerned.
const notable = 0.25;

// The kinds in words. The worst is a number of them; of longest_gap it is seconds. Good recordings have the usual ones, too: they are
// in the detail, but no reason for a card to say something.
const kinds = {
  rows_dropped: { words: 'rows out of order or without a time', short: 'rows out of order' },
  restarts: { words: 'restarts of the counter', usual: true },
  dips: { words: 'falls of the counter that came back', short: 'a counter that falls' },
  peaks: { words: 'samples of the counter that are too high', short: 'peaks of the counter' },
  unknown_steps: { words: 'steps of the counter of unknown increase', short: 'unknown steps of the counter' },
  jumps: { words: 'steps more than ten times faster than every other', usual: true },
  gaps: { words: 'samples that are missing or no numbers', short: 'missing samples' },
  empty_points: { words: 'points of the curve without a value', usual: true },
  longest_gap: { words: 'times without a sample', usual: true },
};

const wordsOf = (kind) => (Object.hasOwn(kinds, kind) ? kinds[kind] : { words: kind.replaceAll('_', ' '), short: kind.replaceAll('_', ' ') });

const episodes = (n) => (n === 1 ? '1 episode' : `${n} episodes`);
const without = (profile) => profile.reasons.reduce((sum, reason) => sum + reason.n, 0);

/** isEmpty reports whether a profile's event says that no episode is used. */
export const isEmpty = (profile) => profile.used === 0;

/** describeEmpty says why no episode of a profile is used. */
export function describeEmpty(profile) {
  if (!profile.attempted) return 'No accepted episode is left: all were retracted.';
  const all = profile.attempted === 1 ? 'The only episode gives no curve' : `None of ${profile.attempted} episodes gives a curve`;
  if (profile.reasons.length === 0) return `${all}.`;
  return `${all}: ${profile.reasons.map((reason) => describeReason(reason)).join('; ')}.`;
}

const wordsOfReason = ({ reason, meaning }) => meaning || reason.replaceAll('_', ' ');

function describeReason(reason) {
  const { n, episode } = reason;
  const example = episode && (n === 1 ? `: ${episode}` : `, such as ${episode}`);
  return `${wordsOfReason(reason)} (${episodes(n)}${example})`;
}

function describeQuality({ kind, n, worst, episode }, used) {
  const most = worst !== null && episode ? `; the most, ${number(worst)}, in ${episode}` : '';
  return `${n} of ${used} have ${wordsOf(kind).words}${most}`;
}

/** describeDoubt says in one short sentence what a card must not hide; '' if there is nothing. */
export function describeDoubt(profile) {
  const lost = without(profile);
  if (profile.attempted && lost >= notable * profile.attempted) {
    const [most] = profile.reasons;
    return `${lost} of ${episodes(profile.attempted)} give no curve. Most often ${wordsOfReason(most)}${most.episode && `, as in ${most.episode}`}.`;
  }
  if (!profile.used) return '';
  const [worst] = profile.quality.filter(({ kind }) => !wordsOf(kind).usual).sort((a, b) => b.n - a.n);
  if (worst && worst.n >= notable * profile.used) {
    return `${worst.n} of ${episodes(profile.used)} are sloppy: ${wordsOf(worst.kind).short}${worst.episode && `, worst in ${worst.episode}`}.`;
  }
  const thin = (profile.n ?? []).filter((n) => n < profile.used / 2).length;
  return thin >= notable * profile.points ? `At ${thin} of ${profile.points} points most episodes have no value.` : '';
}

/** hasDoubt reports whether a card says something. */
export const hasDoubt = (profile) => describeDoubt(profile) !== '';

/** describeRecordings returns a sentence for each reason and each kind of sloppiness. */
export function describeRecordings(profile) {
  const lines = profile.reasons.map((reason) => `No curve: ${describeReason(reason)}.`);
  for (const quality of profile.quality) {
    if (quality.kind === 'longest_gap') lines.push(`The longest time without a sample is ${number(quality.worst ?? 0)} s, in ${quality.episode}.`);
    else lines.push(`${describeQuality(quality, profile.used ?? '?')}.`);
  }
  const least = profile.n && profile.used ? Math.min(...profile.n) : null;
  if (least !== null && least < profile.used) lines.push(`At some points ${least === 0 ? 'no episode has' : `only ${least} of ${profile.used} episodes have`} a value.`);
  return lines;
}

/** describeSloppiness says what is wrong with one recording; all also names what good recordings have. '' if there is nothing. */
export function describeSloppiness(quality, all = false) {
  const parts = Object.entries(quality).filter(([kind]) => all || !wordsOf(kind).usual)
    .map(([kind, value]) => (kind === 'longest_gap' ? `longest time without a sample (${number(value)} s)` : `${wordsOf(kind).words} (${number(value)})`));
  return parts.length ? `Recording: ${parts.join('; ')}.` : '';
}

// fill makes a list have these lines.
function fill(list, lines) {
  while (list.children.length > lines.length) list.lastChild.remove();
  lines.forEach((line, i) => {
    if (!list.children[i]) list.append(h('li'));
    text(list.children[i], line);
  });
}

/** The warning of a card. It opens, and says which episodes. It is hidden if nothing is notable. */
export class Doubt {
  #summary = h('summary');
  #list = h('ul');
  node = h('details', { class: 'doubt' }, this.#summary, this.#list);

  show(profile) {
    const words = isEmpty(profile) ? '' : describeDoubt(profile);
    this.node.hidden = words === '';
    text(this.#summary, words);
    fill(this.#list, words === '' ? [] : describeRecordings(profile));
  }
}

/** The pane about the recordings of a profile's sample. It is hidden where nothing is wrong. */
export class Recordings {
  #list = h('ul');

  /** node can be focused, so that the keyboard scrolls it. */
  node = h('section', { class: 'pane recordings', tabindex: 0, 'aria-label': 'Recordings' }, h('h3', null, 'Recordings'), this.#list);

  show(profile) {
    const lines = describeRecordings(profile);
    this.node.hidden = lines.length === 0;
    fill(this.#list, lines);
  }
}
