// The card of one profile on the overview.

import { h, set, text, unique } from './dom.js';
import { inUnit } from './format.js';
import { Levels, trust } from './levels.js';
import { Plot, extent } from './plot.js';
import { Readout, at, peak, spoken } from './readout.js';
import { Ring } from './ring.js';
import { write } from './route.js';
import { summary } from './summary.js';
import { toneOf } from './tone.js';
import { Updated } from './updated.js';

const lowest = -1; // of a card's axis; a band that goes beyond is cut, and the plot says so
const highest = 2;

export class Card {
  #profile = null;
  #signature = null;
  #levels = null;
  #wants = false; // the level view, where there is a signature
  #plot = null;
  #rest = 0;
  #name;
  #link;
  #ring = new Ring();
  #shape = h('p', { class: 'shape' });
  #body = h('div', { class: 'plot' });
  #summary = h('p', { class: 'unseen', id: unique('summary') });
  #readout = new Readout();
  #levelBody = h('div', { class: 'plot levels' });
  #said = h('p', { class: 'said' });
  #trust = h('p', { class: 'unseen', id: unique('trust') });
  #switch = h('button', { class: 'quiet switch', type: 'button', 'aria-pressed': 'false' }, 'Levels');
  #channel = h('span', { class: 'channel' });
  #updated = new Updated();
  #lacks = h('p', { class: 'lacks' });
  #waits = h('p', { class: 'waits' });

  constructor(name) {
    this.#name = name;
    this.#link = h('a', { href: write({ profile: name }) }, h('span', { class: 'key' }), h('bdi', null, name));
    const id = unique('card');
    this.node = h('article', { class: `card ${toneOf(name)}`, 'aria-labelledby': id, 'data-profile': name },
      h('div', { class: 'card-head' }, h('h3', { id, title: name }, this.#link), this.#switch, this.#ring.node),
      this.#shape, this.#waits, this.#body, this.#summary, this.#readout.node, this.#levelBody, this.#trust, this.#said, this.#lacks,
      h('div', { class: 'meta' }, this.#channel, this.#updated.node));
    set(this.#levelBody, 'aria-describedby', this.#trust.id);
    set(this.#switch, 'aria-label', `Levels of ${name}`);
    this.#switch.addEventListener('click', () => this.view(!this.#wants));
    this.show(null);
  }

  /** view says whether the card shows levels, as far as it has any, or the envelope. */
  view(levels) {
    this.#wants = levels;
    this.#turn();
  }

  /** sign takes the profile's signature, null where there is none, and the scale of each channel. */
  sign(signature, tops) {
    this.#signature = signature;
    if (signature !== null) {
      this.#levels ??= new Levels(this.#levelBody, `${this.#name}, levels of each channel and phase`, (words, chosen) => {
        text(this.#said, words);
        this.#said.classList.toggle('chosen', chosen);
      });
      this.#levels.show(signature, tops, toneOf(this.#name));
      text(this.#trust, trust(signature));
    }
    this.#turn();
  }

  // turn shows the one view and hides the other. The plots stay, so that a choice in them stays, too.
  #turn() {
    const none = this.#profile === null;
    const levels = this.#wants && this.#signature !== null && !none;
    this.#switch.hidden = none || this.#signature === null;
    set(this.#switch, 'aria-pressed', String(levels));
    for (const node of [this.#levelBody, this.#said]) node.hidden = !levels;
    for (const node of [this.#body, this.#readout.node]) node.hidden = none || levels;
  }

  /** focus puts the focus on the way into the detail. */
  focus() { this.#link.focus(); }

  /** wait says what a card without an event waits for. */
  wait(why) { text(this.#waits, why); }

  /** show takes the profile as the store has it; null: there is none. */
  show(profile) {
    if (profile !== null && profile === this.#profile) return;
    this.#profile = profile;
    const none = profile === null;
    set(this.#link, 'href', none ? null : write({ profile: this.#name }));
    this.#turn();
    for (const node of [this.#ring.node, this.#channel, this.#updated.node, this.#lacks]) node.hidden = none;
    this.#waits.hidden = !none;
    if (none) {
      text(this.#shape, '');
      text(this.#summary, '');
      return;
    }
    text(this.#shape, profile.shape);
    text(this.#summary, summary(profile));
    text(this.#channel, inUnit(profile.channel, profile.unit && `· ${profile.unit}`));
    const lacks = [!profile.scaled.lower && 'no band', !profile.raw && 'no raw scale'].filter(Boolean).join(', ');
    text(this.#lacks, lacks && `Sent with ${lacks}: values 0 to 1.`);
    this.#lacks.hidden = lacks === '';
    this.#ring.show(profile);
    this.#updated.show(profile);
    this.#rest = peak(profile);
    this.#plot ??= this.#makePlot();
    const layer = { key: this.#name, tone: toneOf(this.#name), ...profile.scaled };
    const { lo, hi } = extent([layer], 0, 1);
    this.#plot.show({
      layers: [layer], phases: profile.phases, lo: Math.max(lowest, lo), hi: Math.min(highest, hi),
      rest: this.#rest, describe: (i) => spoken(profile, i, this.#scale),
    });
    this.#read(this.#plot.index);
  }

  /** tick writes what changes with time and the connection. */
  tick(live) {
    this.node.classList.toggle('stale', !live);
    if (this.#profile) this.#updated.tick(live);
  }

  get #scale() { return this.#profile.raw ? 'raw' : 'scaled'; }

  #makePlot() {
    set(this.#body, 'aria-describedby', this.#summary.id);
    return new Plot(this.#body, `${this.#name}, points of the curve`, (i) => this.#read(i));
  }

  #read(i) {
    const values = at(this.#profile, i ?? this.#rest, this.#scale);
    const where = i === null ? `highest, point ${values.point}` : `point ${values.point} of ${this.#profile.points}`;
    this.#readout.show([{ name: values.phase || '–', values }], where, i !== null);
  }
}
