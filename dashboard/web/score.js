// Scores of models as texts: with their interval, if it is known.

import { number } from './format.js';

const digits = (x) => (Math.abs(x) < 10 ? x.toFixed(3).replace(/^1\.000$/, '1').replace(/^0\.000$/, '0') : number(x));

/** score returns a score with its interval as the interval, "0.916 to 1", else the score. */
export const score = (value, low = null, high = null) => (low === null ? digits(value) : `${digits(low)} to ${digits(high)}`);
