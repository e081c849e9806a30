// The overview: a card for each profile, and the models.

import { h, set, text } from './dom.js';
import { Bars } from './bars.js';
import { Card } from './card.js';
import { known } from './colour.js';
import { Cost } from './cost.js';
import { entry } from './legend.js';
import { maxLevels } from './levels.js';
import { Suspects } from './suspects.js';

const maxCards = 60;

export class Overview {
  #store;
  #cards = new Map();
  #host;
  #more;
  #bars;
  #cost;
  #suspects;
  #levelsOfAll = h('button', { class: 'quiet', type: 'button', 'aria-pressed': 'false' }, 'Levels of all');
  #live = false;
  #waiting = '';

  constructor(store) {
    this.#store = store;
    this.#host = document.getElementById('cards');
    this.#more = document.getElementById('more');
    this.#bars = new Bars(document.getElementById('scene8'));
    this.#cost = new Cost(document.getElementById('scene12'));
    this.#suspects = new Suspects(document.getElementById('suspects'));
    document.getElementById('legend6').append(entry('median'), entry('p25 to p75', { band: true, line: false }), h('span', null, '0 to 1: range of the median'), this.#levelsOfAll);
    this.#levelsOfAll.hidden = true;
    this.#levelsOfAll.addEventListener('click', () => {
      const levels = this.#levelsOfAll.getAttribute('aria-pressed') !== 'true';
      set(this.#levelsOfAll, 'aria-pressed', String(levels));
      for (const card of this.#cards.values()) card.showLevels(levels);
    });
    for (const name of known) this.#addCard(name);
  }

  /** show draws the types of events that changed. */
  show(changed) {
    if (changed.has('attack_profile')) this.#showProfiles();
    if (changed.has('attack_profile') || changed.has('attack_signature')) this.#showSignatures();
    if (changed.has('model_metric')) this.#bars.show(this.#store.metrics);
    if (changed.has('model_perf')) this.#cost.show(this.#store.perfs);
    if (changed.has('suspects')) this.#suspects.show(this.#store.suspects);
  }

  /** focus focuses a profile's card. */
  focus(name) { this.#cards.get(name)?.focus(); }

  /** setWaiting sets the text of the cards without an event. */
  setWaiting(words) {
    this.#waiting = words;
    for (const card of this.#cards.values()) card.setWaiting(words);
  }

  /** refresh updates what depends on the time and the connection. */
  refresh(live) {
    this.#live = live;
    for (const part of [this.#bars, this.#cost, ...this.#cards.values()]) part.refresh(live);
  }

  #showProfiles() {
    const { profiles } = this.#store;
    for (const [name, card] of this.#cards) {
      if (profiles.has(name) || known.includes(name)) continue;
      card.node.remove();
      this.#cards.delete(name);
    }
    for (const name of profiles.keys()) if (!this.#cards.has(name) && this.#cards.size < maxCards) this.#addCard(name);
    for (const [name, card] of this.#cards) card.show(profiles.get(name) ?? null);
    const hidden = profiles.size - [...profiles.keys()].filter((name) => this.#cards.has(name)).length;
    this.#more.hidden = hidden === 0;
    text(this.#more, `and ${hidden} more profiles, which are not shown`);
    this.refresh(this.#live);
  }

  // All cards have the same scale, so that one new signature may change all of them.
  #showSignatures() {
    const { signatures } = this.#store;
    const scale = maxLevels(signatures.values());
    for (const [name, card] of this.#cards) card.showSignature(signatures.get(name) ?? null, scale);
    this.#levelsOfAll.hidden = signatures.size === 0;
  }

  #addCard(name) {
    const card = new Card(name);
    if (this.#levelsOfAll.getAttribute('aria-pressed') === 'true') card.showLevels(true);
    card.setWaiting(this.#waiting);
    this.#cards.set(name, card);
    this.#host.append(card.node);
  }
}
