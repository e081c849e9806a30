// The colour and the dash pattern of a profile, which are the same everywhere on the page.
// They follow from the profile's place in the spec. Colour-blind people can tell the six
// colours apart; from the seventh place on, the dash pattern differs, too.

const colours = 6;
const dashes = 4;

/** styleAt returns the CSS classes of a place, which is a number from 0. */
export const styleAt = (place) => `colour-${place % colours} dash-${Math.floor(place / colours) % dashes}`;

/** otherStyle returns the classes of a profile that is drawn over another. The two differ. */
export const otherStyle = (style, under) => (style === under ? 'colour-other dash-1' : style);
