// All profiles and models on one page.

import { h, set, text } from './dom.js';
import { Bars } from './bars.js';
import { Card } from './card.js';
import { Cost } from './cost.js';
import { entry } from './key.js';
import { tops } from './levels.js';
import { Suspects } from './suspects.js';
import { known } from './tone.js';

const maxCards = 60;

export class Overview {
  #store;
  #cards = new Map();
  #place;
  #more;
  #bars;
  #cost;
  #suspects;
  #all = h('button', { class: 'quiet', type: 'button', 'aria-pressed': 'false' }, 'Levels of all');
  #live = false;
  #why = '';

  constructor(store) {
    this.#store = store;
    this.#place = document.getElementById('cards');
    this.#more = document.getElementById('more');
    this.#bars = new Bars(document.getElementById('scene8'));
    this.#cost = new Cost(document.getElementById('scene12'));
    this.#suspects = new Suspects(document.getElementById('suspects'));
    document.getElementById('legend6').append(entry('median'), entry('p25 to p75', { band: true, line: false }), h('span', null, '0 and 1: least and greatest of the median'), this.#all);
    this.#all.hidden = true;
    this.#all.addEventListener('click', () => {
      const levels = this.#all.getAttribute('aria-pressed') !== 'true';
      set(this.#all, 'aria-pressed', String(levels));
      for (const card of this.#cards.values()) card.view(levels);
    });
    for (const name of known) this.#add(name);
  }

  /** show draws the kinds of events that changed. */
  show(changed) {
    if (changed.has('attack_profile')) this.#profiles();
    if (changed.has('attack_profile') || changed.has('attack_signature')) this.#sign();
    if (changed.has('model_metric')) this.#bars.show(this.#store.metrics);
    if (changed.has('model_perf')) this.#cost.show(this.#store.perfs);
    if (changed.has('suspects')) this.#suspects.show(this.#store.suspects);
  }

  /** focus puts the focus on a profile's card. */
  focus(name) { this.#cards.get(name)?.focus(); }

  /** wait says what the cards without an event wait for. */
  wait(why) {
    this.#why = why;
    for (const card of this.#cards.values()) card.wait(why);
  }

  tick(live) {
    this.#live = live;
    for (const part of [this.#bars, this.#cost, ...this.#cards.values()]) part.tick(live);
  }

  #profiles() {
    const { profiles } = this.#store;
    for (const [name, card] of this.#cards) {
      if (profiles.has(name) || known.includes(name)) continue;
      card.node.remove();
      this.#cards.delete(name);
    }
    for (const name of profiles.keys()) if (!this.#cards.has(name) && this.#cards.size < maxCards) this.#add(name);
    for (const [name, card] of this.#cards) card.show(profiles.get(name) ?? null);
    const beyond = profiles.size - [...profiles.keys()].filter((name) => this.#cards.has(name)).length;
    this.#more.hidden = beyond === 0;
    text(this.#more, `and ${beyond} more profiles, which are not drawn`);
    this.tick(this.#live);
  }

  // sign gives each card its signature. All are drawn to one scale, so one that changes may change all.
  #sign() {
    const { signatures } = this.#store;
    const scale = tops(signatures.values());
    for (const [name, card] of this.#cards) card.sign(signatures.get(name) ?? null, scale);
    this.#all.hidden = signatures.size === 0;
  }

  #add(name) {
    const card = new Card(name);
    if (this.#all.getAttribute('aria-pressed') === 'true') card.view(true);
    card.wait(this.#why);
    this.#cards.set(name, card);
    this.#place.append(card.node);
  }
}
