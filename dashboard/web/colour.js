// The colour of a profile, which is the same everywhere on the page.

const colours = {
  'cpu-saturate': 'vermillion',
  'io-walk': 'blue',
  'bursty-c2': 'orange',
  'low-and-slow': 'green',
  'scan-and-dial': 'purple',
  'shell-resident': 'sky',
};

/** known are the profiles that have a card from the start, in the order of the cards. */
export const known = Object.keys(colours);

/** colourOf returns the CSS class of a profile's colour. */
export const colourOf = (name) => `colour-${Object.hasOwn(colours, name) ? colours[name] : 'black'}`;

/** otherColour returns the class of a profile that is drawn over another. The two differ. */
export const otherColour = (name, under) => (colourOf(name) === colourOf(under) ? 'colour-yellow' : colourOf(name));
