// The card of one profile on the overview: its envelope, or its signature.

import { colourOf } from './colour.js';
import { h, set, text, unique } from './dom.js';
import { withUnit } from './format.js';
import { Levels, describeSignature } from './levels.js';
import { Plot, extent } from './plot.js';
import { Readout, describePoint, peak, valuesAt } from './readout.js';
import { Ring } from './ring.js';
import { hrefOf } from './route.js';
import { summary } from './summary.js';
import { Updated } from './updated.js';

// The value axis shows at most this range. The plot cuts off a band that exceeds it, and says so.
const axisMin = -1;
const axisMax = 2;

export class Card {
  #profile = null;
  #signature = null;
  #levels = null;
  #wantsLevels = false;
  #plot = null;
  #peak = 0;
  #name;
  #link;
  #ring = new Ring();
  #shape = h('p', { class: 'shape' });
  #plotHost = h('div', { class: 'plot' });
  #summary = h('p', { class: 'visually-hidden', id: unique('summary') });
  #readout = new Readout();
  #levelsHost = h('div', { class: 'plot levels' });
  #levelText = h('p', { class: 'level-text' });
  #signatureText = h('p', { class: 'visually-hidden', id: unique('signature') });
  #switch = h('button', { class: 'quiet switch', type: 'button', 'aria-pressed': 'false' }, 'Levels');
  #channel = h('span', { class: 'channel' });
  #updated = new Updated();
  #note = h('p', { class: 'note' });
  #waiting = h('p', { class: 'waiting' });

  constructor(name) {
    this.#name = name;
    this.#link = h('a', { href: hrefOf({ profile: name }) }, h('span', { class: 'key' }), h('bdi', null, name));
    const id = unique('card');
    this.node = h('article', { class: `card ${colourOf(name)}`, 'aria-labelledby': id, 'data-profile': name },
      h('div', { class: 'card-head' }, h('h3', { id, title: name }, this.#link), this.#switch, this.#ring.node),
      this.#shape, this.#waiting, this.#plotHost, this.#summary, this.#readout.node, this.#levelsHost, this.#signatureText, this.#levelText, this.#note,
      h('div', { class: 'meta' }, this.#channel, this.#updated.node));
    set(this.#levelsHost, 'aria-describedby', this.#signatureText.id);
    set(this.#switch, 'aria-label', `Levels of ${name}`);
    this.#switch.addEventListener('click', () => this.showLevels(!this.#wantsLevels));
    this.show(null);
  }

  /** showLevels chooses between the levels of the signature, if there is one, and the envelope. */
  showLevels(levels) {
    this.#wantsLevels = levels;
    this.#updateView();
  }

  /** showSignature takes the profile's signature, or null, and the greatest level of each channel. */
  showSignature(signature, maxLevels) {
    this.#signature = signature;
    if (signature !== null) {
      this.#levels ??= new Levels(this.#levelsHost, `${this.#name}, levels of each channel and phase`, (words, chosen) => {
        text(this.#levelText, words);
        this.#levelText.classList.toggle('chosen', chosen);
      });
      this.#levels.show(signature, maxLevels, colourOf(this.#name));
      text(this.#signatureText, describeSignature(signature));
    }
    this.#updateView();
  }

  // Both plots stay in the page, so that each keeps the point that was chosen.
  #updateView() {
    const empty = this.#profile === null;
    const levels = this.#wantsLevels && this.#signature !== null && !empty;
    this.#switch.hidden = empty || this.#signature === null;
    set(this.#switch, 'aria-pressed', String(levels));
    for (const node of [this.#levelsHost, this.#levelText]) node.hidden = !levels;
    for (const node of [this.#plotHost, this.#readout.node]) node.hidden = empty || levels;
  }

  /** focus focuses the link to the detail. */
  focus() { this.#link.focus(); }

  /** setWaiting sets the text of a card without an event. */
  setWaiting(words) { text(this.#waiting, words); }

  /** show takes the profile's event from the store, or null. */
  show(profile) {
    if (profile !== null && profile === this.#profile) return;
    this.#profile = profile;
    const empty = profile === null;
    set(this.#link, 'href', empty ? null : hrefOf({ profile: this.#name }));
    this.#updateView();
    for (const node of [this.#ring.node, this.#channel, this.#updated.node, this.#note]) node.hidden = empty;
    this.#waiting.hidden = !empty;
    if (empty) {
      text(this.#shape, '');
      text(this.#summary, '');
      return;
    }
    text(this.#shape, profile.shape);
    text(this.#summary, summary(profile));
    text(this.#channel, withUnit(profile.channel, profile.unit && `· ${profile.unit}`));
    const missing = [!profile.scaled.lower && 'no quartiles', !profile.raw && 'no raw values'].filter(Boolean).join(' and ');
    text(this.#note, missing && `The event has ${missing}. ${profile.raw ? '' : 'Values are scaled from 0 to 1.'}`.trimEnd());
    this.#note.hidden = missing === '';
    this.#ring.show(profile);
    this.#updated.show(profile);
    this.#peak = peak(profile);
    this.#plot ??= this.#makePlot();
    const layer = { key: this.#name, colour: colourOf(this.#name), ...profile.scaled };
    const { lo, hi } = extent([layer], 0, 1);
    this.#plot.show({
      layers: [layer], phases: profile.phases, lo: Math.max(axisMin, lo), hi: Math.min(axisMax, hi),
      unchosen: this.#peak, describe: (i) => describePoint(profile, i, this.#scale),
    });
    this.#readAt(this.#plot.index);
  }

  /** refresh updates what depends on the time and the connection. */
  refresh(live) {
    this.node.classList.toggle('stale', !live);
    if (this.#profile) this.#updated.refresh(live);
  }

  get #scale() { return this.#profile.raw ? 'raw' : 'scaled'; }

  #makePlot() {
    set(this.#plotHost, 'aria-describedby', this.#summary.id);
    return new Plot(this.#plotHost, `${this.#name}, points of the curve`, (i) => this.#readAt(i));
  }

  #readAt(i) {
    const values = valuesAt(this.#profile, i ?? this.#peak, this.#scale);
    const where = i === null ? `highest, point ${values.point}` : `point ${values.point} of ${this.#profile.points}`;
    this.#readout.show([{ name: values.phase || '–', values }], where, i !== null);
  }
}
