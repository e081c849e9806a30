// The overview: a card for each profile, and the models.

import { sharedAxes } from './amplitude.js';
import { Bars } from './bars.js';
import { Card } from './card.js';
import { Cost } from './cost.js';
import { h, set, text } from './dom.js';
import { entry, levelEntries } from './legend.js';
import { maxLevels } from './levels.js';
import { hrefOf } from './route.js';
import { Suspects } from './suspects.js';
import { ofAccuracies, ofProfiles, ofSpeeds } from './takeaway.js';
import { hasSeconds } from './time.js';
import { Tools } from './tools.js';

// More profiles than this get smaller cards.
const few = 12;

// How many cards a slide has: fewer on a phone.
const perSlide = () => (Math.min(innerWidth, innerHeight) < 480 ? 6 : 12);
const fewOfSlide = { cards: 6, models: 8 }; // more need smaller type

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
  #saves = {}; // the buttons of the models' cards
  #screen; // watches which cards are on the screen
  #ofCurves = [entry('median'), entry('p25 to p75', { band: true, line: false })];
  #ofLevels = levelEntries();
  #thin = entry('fewer episodes', { line: false, thin: true });
  #maxLevels = new Map();
  #live = false;
  #waiting = { profile: '', spec: '' };

  #onSave;

  /** onRoute(route) is called when the reader chooses what the overview shows, onSave(content) when the reader saves something. */
  constructor(store, roster, onRoute, onSave) {
    this.#onSave = onSave;
    this.#store = store;
    this.#roster = roster;
    document.getElementById('legend').append(...this.#ofCurves, this.#thin, ...this.#ofLevels);
    for (const [id, title, contentOf] of [['accuracy', 'Save the accuracy of each model', ofAccuracies], ['speed', 'Save the accuracy against time', ofSpeeds]]) {
      const button = h('button', { class: 'save', type: 'button', 'aria-label': title }, 'Save');
      button.addEventListener('click', () => onSave(contentOf(store)));
      document.getElementById(id).append(button);
      button.hidden = true;
      this.#saves[id] = button;
    }
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

  /** pages is how many slides the profiles take. */
  get pages() { return Math.max(1, Math.ceil(this.#namesOf(this.#route).length / perSlide())); }

  /** isCrowded reports whether a slide has so many cards or models that its type must be smaller. */
  isCrowded({ scene }) {
    const { metrics } = this.#store;
    return scene === '6' ? this.#host.querySelectorAll('.card').length > fewOfSlide.cards : scene === '8' && metrics.size > fewOfSlide.models;
  }

  #namesOf(route) { return this.#roster.arrange(route).flatMap(({ names }) => names); }

  // The cards of a page of slides. A page that is not there any more is the last one.
  #pageOf(route) {
    const at = (Math.min(route.page, this.pages) - 1) * perSlide();
    return [{ title: '', names: this.#namesOf(route).slice(at, at + perSlide()) }];
  }

  /** show draws the types of events that changed. roster is true when another profile came or one went. */
  show(changed, roster) {
    if (roster) this.#arrange();
    if (changed.has('attack_profile')) this.#showProfiles();
    if (changed.has('attack_profile') || changed.has('attack_signature')) this.#showSignatures();
    if (changed.has('model_metric')) this.#bars.show(this.#store.metrics);
    if (changed.has('model_perf') || changed.has('model_metric')) this.#cost.show(this.#store.perfs, this.#store.metrics);
    this.#saves.accuracy.hidden = this.#store.metrics.size === 0;
    this.#saves.speed.hidden = this.#store.perfs.size === 0;
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
    const slide = this.#route.scene !== null;
    this.#arranged = slide ? this.#pageOf(this.#route) : this.#roster.arrange(this.#route);
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
    for (const grid of this.#host.querySelectorAll('.cards')) set(grid, 'data-cards', slide ? grid.children.length : null);
    for (const name of this.#cards.keys()) {
      const card = this.#card(name);
      card.place(this.#roster.styleOf(name), this.#roster.shapeOf(name));
      card.choose(this.#route, this.#hrefOf(name));
    }
    this.#showProfiles();
    this.#showSignatures();
    this.#showNothing();
  }

  // The address of a profile's detail.
  #hrefOf(name) { return hrefOf({ ...this.#route, profile: name, scene: null }); }

  #contentOf(names, title, href) { return ofProfiles(this.#store, this.#roster, this.#route, names, title, href); }

  /** content is what the overview shows, for the menu that saves it. */
  get content() { return this.#contentOf(this.#arranged.flatMap(({ names }) => names), 'profiles', hrefOf(this.#route)); }

  #card(name) {
    if (!this.#cards.has(name)) {
      const card = new Card(name, () => this.#showLegend(), () => this.#onSave(this.#contentOf([name], name, this.#hrefOf(name))));
      card.setWaiting(this.#waiting.profile);
      this.#cards.set(name, card);
      this.#screen.observe(card.node);
    }
    return this.#cards.get(name);
  }

  #showProfiles() {
    const { profiles } = this.#store;
    const axes = sharedAxes(profiles.values());
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

  // The legend has what the cards show: curves, levels or both.
  #showLegend() {
    const cards = [...this.#cards.values()];
    const levels = cards.some((card) => card.showsLevels);
    const curves = cards.length === 0 || cards.some((card) => !card.showsLevels);
    for (const node of this.#ofLevels) node.hidden = !levels;
    for (const node of this.#ofCurves) node.hidden = !curves;
    this.#thin.hidden = !curves || ![...this.#store.profiles.values()].some(({ n, used }) => n?.some((count) => count < used));
  }

  #showTools() {
    this.#showLegend();
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
