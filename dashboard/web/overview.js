// The overview: a card for each profile, and the models.

import { sharedAxes } from './amplitude.js';
import { Bars } from './bars.js';
import { Card } from './card.js';
import { Cost } from './cost.js';
import { h, text } from './dom.js';
import { entry } from './legend.js';
import { maxLevels } from './levels.js';
import { hrefOf } from './route.js';
import { Suspects } from './suspects.js';
import { hasSeconds } from './time.js';
import { Tools } from './tools.js';

// More profiles than this get smaller cards.
const few = 12;

export class Overview {
  #store;
  #roster;
  #route = null;
  #cards = new Map(); // by name, also those that the route does not show
  #arranged = []; // as the roster returned it
  #host = document.getElementById('cards');
  #nothing = document.getElementById('nothing');
  #tools;
  #bars = new Bars(document.getElementById('accuracy'));
  #cost = new Cost(document.getElementById('speed'));
  #suspects = new Suspects(document.getElementById('suspects'));
  #screen; // watches which cards are on the screen
  #thin = entry('fewer episodes', { line: false, thin: true });
  #maxLevels = new Map();
  #live = false;
  #waiting = { profile: '', spec: '' };

  /** onRoute(route) is called when the reader chooses what the overview shows. */
  constructor(store, roster, onRoute) {
    this.#store = store;
    this.#roster = roster;
    document.getElementById('legend').append(entry('median'), entry('p25 to p75', { band: true, line: false }), this.#thin);
    this.#tools = new Tools(document.getElementById('tools'), document.getElementById('views'), onRoute, () => this.#arrange());
    this.#screen = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        const card = this.#cards.get(target.dataset.profile);
        card?.see(isIntersecting);
        if (isIntersecting) card?.refresh(this.#live);
      }
    }, { rootMargin: '60% 0px' });
  }

  /** open shows a route of the overview. */
  open(route) {
    this.#route = route;
    this.#arrange();
  }

  /** show draws the types of events that changed. roster is true when another profile came or one went. */
  show(changed, roster) {
    if (roster) this.#arrange();
    if (changed.has('attack_profile')) this.#showProfiles();
    if (changed.has('attack_profile') || changed.has('attack_signature')) this.#showSignatures();
    if (changed.has('model_metric')) this.#bars.show(this.#store.metrics);
    if (changed.has('model_perf') || changed.has('model_metric')) this.#cost.show(this.#store.perfs, this.#store.metrics);
    if (changed.has('suspects')) this.#suspects.show(this.#store.suspects);
  }

  /** focus focuses a profile's card. */
  focus(name) { this.#cards.get(name)?.focus(); }

  /** setWaiting sets the texts of cards without an event, and of a page without a spec. */
  setWaiting(words) {
    this.#waiting = words;
    for (const card of this.#cards.values()) card.setWaiting(words.profile);
    this.#showNothing();
  }

  /** refresh updates what depends on the time and the connection. */
  refresh(live) {
    this.#live = live;
    for (const part of [this.#bars, this.#cost, ...this.#cards.values()]) part.refresh(live);
  }

  // Puts the cards that the route shows in their order. Cards that change do not move by
  // themselves: the reader sorts them again.
  #arrange() {
    if (!this.#route) return;
    this.#arranged = this.#roster.arrange(this.#route);
    for (const [name, card] of this.#cards) {
      if (this.#roster.has(name)) continue;
      this.#screen.unobserve(card.node);
      card.node.remove();
      this.#cards.delete(name);
    }
    const grids = this.#arranged.map(({ title, names }) => {
      const cards = names.map((name) => this.#card(name).node);
      const grid = h('div', { class: `cards${this.#roster.size > few ? ' many' : ''}` });
      return { section: title === '' ? grid : h('div', { class: 'profile-group' }, h('h3', { class: 'group-head' }, title, h('span', { class: 'note' }, ` ${names.length}`)), grid), grid, cards };
    });
    // A card that stays where it is keeps the focus.
    const same = grids.length === 1 && this.#arranged[0].title === '' && this.#host.children.length === 1 && this.#host.firstChild.className === grids[0].grid.className;
    if (same) {
      place(this.#host.firstChild, grids[0].cards);
    } else {
      for (const { grid, cards } of grids) grid.append(...cards);
      this.#host.replaceChildren(...grids.map(({ section }) => section));
    }
    for (const name of this.#cards.keys()) {
      const card = this.#card(name);
      card.place(this.#roster.styleOf(name), this.#roster.shapeOf(name));
      card.choose(this.#route, hrefOf({ ...this.#route, profile: name }));
    }
    this.#showProfiles();
    this.#showSignatures();
    this.#showNothing();
  }

  #card(name) {
    if (!this.#cards.has(name)) {
      const card = new Card(name);
      card.setWaiting(this.#waiting.profile);
      this.#cards.set(name, card);
      this.#screen.observe(card.node);
    }
    return this.#cards.get(name);
  }

  #showProfiles() {
    const { profiles } = this.#store;
    const axes = sharedAxes(profiles.values());
    this.#thin.hidden = ![...profiles.values()].some(({ n, used }) => n?.some((count) => count < used));
    for (const [name, card] of this.#cards) card.show(profiles.get(name) ?? null, axes);
    this.#showTools();
    this.refresh(this.#live);
  }

  // All cards have the same scale, so that one new signature may change all of them.
  #showSignatures() {
    const { signatures } = this.#store;
    const scale = maxLevels(signatures.values());
    if (!equal(scale, this.#maxLevels)) this.#maxLevels = scale;
    for (const [name, card] of this.#cards) card.showSignature(signatures.get(name) ?? null, this.#maxLevels);
    this.#showTools();
  }

  #showTools() {
    if (!this.#route) return;
    const namesOf = (groups) => groups.map(({ title, names }) => [title, ...names].join('\n')).join('\n\n');
    this.#tools.show(this.#route, {
      all: this.#roster.size, shown: this.#arranged.reduce((sum, { names }) => sum + names.length, 0), levels: this.#store.signatures.size > 0, seconds: [...this.#store.profiles.values()].some(({ phases, points }) => hasSeconds(phases, points)),
      unsorted: namesOf(this.#roster.arrange(this.#route)) !== namesOf(this.#arranged),
    });
  }

  #showNothing() {
    const shown = this.#arranged.some(({ names }) => names.length > 0);
    this.#nothing.hidden = shown;
    this.#host.hidden = !shown;
    text(this.#nothing, this.#roster.size > 0 ? 'No profile matches. Change the search or what is shown.' : this.#waiting.spec);
  }
}

// place makes nodes the children of a grid. It moves only those that are elsewhere.
function place(grid, nodes) {
  const wanted = new Set(nodes);
  for (const node of [...grid.children]) if (!wanted.has(node)) node.remove();
  nodes.forEach((node, i) => {
    if (grid.children[i] !== node) grid.insertBefore(node, grid.children[i] ?? null);
  });
}

const equal = (a, b) => a.size === b.size && [...a].every(([key, value]) => b.get(key) === value);
