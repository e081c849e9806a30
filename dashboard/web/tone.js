// The colour that a profile has everywhere.

const tones = {
  'cpu-saturate': 'vermillion',
  'io-walk': 'blue',
  'bursty-c2': 'orange',
  'low-and-slow': 'green',
  'scan-and-dial': 'purple',
  'shell-resident': 'sky',
};

/** known are the profiles that have a card from the start, in their order. */
export const known = Object.keys(tones);

/** toneOf returns the class of a profile's colour. */
export const toneOf = (name) => `tone-${Object.hasOwn(tones, name) ? tones[name] : 'black'}`;

/** toneBeside is toneOf for a profile that is laid over another. */
export const toneBeside = (name, other) => (toneOf(name) === toneOf(other) ? 'tone-yellow' : toneOf(name));
