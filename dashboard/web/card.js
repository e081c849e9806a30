// The card of one profile on the overview: its envelope, or its signature. A card that is
// not on the screen draws no plot.

import { axisOf, describePeak, peak } from './amplitude.js';
import { h, set, text, unique } from './dom.js';
import { Doubt, describeEmpty, isEmpty } from './doubts.js';
import { Levels, describeSignature, howToRead } from './levels.js';
import { Plot, extent } from './plot.js';
import { Readout, describePoint, valuesAt, whereIs } from './readout.js';
import { Ring } from './ring.js';
import { summary } from './summary.js';
import { inWords, widthsOf } from './time.js';
import { Updated } from './updated.js';

// The value axis of scaled values shows at most this range. The plot cuts off a band that exceeds it, and says so.
const axisMin = -1;
const axisMax = 2;

export class Card {
  #profile = null;
  #signature = null;
  #maxLevels = new Map();
  #axes = new Map();
  #style = '';
  #view = { view: 'curve', scale: 'scaled', widths: 'points' };
  #ownLevels = null; // whether this card shows levels, if its reader has chosen so
  #seen = false;
  #drawn = true; // the plots show the present events
  #levels = null;
  #plot = null;
  #name;
  #link;
  #ring = new Ring();
  #shape = h('p', { class: 'shape' });
  #axisName = h('p', { class: 'axis-name' });
  #plotHost = h('div', { class: 'plot' });
  #summary = h('p', { class: 'visually-hidden', id: unique('summary') });
  #readout = new Readout();
  #levelsHost = h('div', { class: 'plot levels' });
  #levelText = h('p', { class: 'level-text' });
  #signatureText = h('p', { class: 'visually-hidden', id: unique('signature') });
  #switch = h('button', { class: 'quiet switch', type: 'button', 'aria-pressed': 'false' }, 'Levels');
  #peak = h('span', { class: 'peak' });
  #updated = new Updated();
  #save = h('button', { class: 'save card-save', type: 'button', title: 'Save a figure or the numbers' }, '↓');
  #axisRow = h('div', { class: 'axis-row' }, this.#axisName, this.#save);
  #note = h('p', { class: 'note' });
  #doubt = new Doubt();
  #waitingFor = '';
  #waiting = h('p', { class: 'waiting' });

  /** onSwitch() is called when the reader switches this card between curve and levels, onSave() when the reader saves it. */
  constructor(name, onSwitch, onSave) {
    this.#name = name;
    this.#link = h('a', null, h('span', { class: 'key' }), h('bdi', null, name));
    const id = unique('card');
    this.node = h('article', { class: 'card', 'aria-labelledby': id, 'data-profile': name },
      h('div', { class: 'card-head' }, h('h3', { id, title: name }, this.#link), this.#switch, this.#ring.node),
      this.#shape, this.#waiting, this.#axisRow, this.#plotHost, this.#summary, this.#readout.node, this.#levelsHost, this.#signatureText, this.#levelText, this.#note, this.#doubt.node,
      h('div', { class: 'meta' }, this.#peak, this.#updated.node));
    this.#save.addEventListener('click', onSave);
    set(this.#save, 'aria-label', `Save ${name}`);
    set(this.#levelsHost, 'aria-describedby', this.#signatureText.id);
    set(this.#switch, 'aria-label', `Levels of ${name}`);
    this.#switch.addEventListener('click', () => {
      this.#ownLevels = !this.#wantsLevels;
      this.#update();
      onSwitch();
    });
    this.show(null);
  }

  /** place sets what follows from the profile's place in the spec: its style, and the shape that the spec has. */
  place(style, shape) {
    if (style === this.#style && (this.#profile !== null || this.#shape.textContent === shape)) return;
    if (style !== this.#style) for (const [to, names] of [['remove', this.#style], ['add', style]]) this.node.classList[to](...names.split(' ').filter(Boolean));
    this.#style = style;
    if (this.#profile === null) text(this.#shape, shape);
    this.#update();
  }

  /** choose sets what the card shows, as the address says: {view, scale, widths}, and the address of the detail. */
  choose(view, href) {
    set(this.#link, 'href', href);
    if (['view', 'scale', 'widths'].every((name) => view[name] === this.#view[name])) return;
    if (view.view !== this.#view.view) this.#ownLevels = null;
    this.#view = view;
    this.#update();
  }

  /** see sets whether the card is on the screen or near it. */
  see(seen) {
    this.#seen = seen;
    if (seen && !this.#drawn) this.#draw();
  }

  /** focus focuses the link to the detail. */
  focus() { this.#link.focus(); }

  /** setWaiting sets the text of a card without an event. */
  setWaiting(words) {
    this.#waitingFor = words;
    if (this.#profile === null) text(this.#waiting, words);
  }

  /** showsLevels reports whether the card shows levels. */
  get showsLevels() { return !this.#levelsHost.hidden; }

  /** showSignature takes the profile's signature, or null, and the greatest level of each channel. */
  showSignature(signature, maxLevels) {
    if (signature === this.#signature && maxLevels === this.#maxLevels) return;
    this.#signature = signature;
    this.#maxLevels = maxLevels;
    this.#update();
  }

  /** show takes the profile's event from the store, or null, and the axes that cards share. */
  show(profile, axes = new Map()) {
    const before = this.#axis;
    this.#axes = axes;
    if (profile !== null && profile === this.#profile && before?.lo === this.#axis?.lo && before?.hi === this.#axis?.hi) return;
    this.#profile = profile;
    const waits = profile === null;
    this.node.classList.toggle('empty', !waits && isEmpty(profile));
    for (const node of [this.#ring.node, this.#peak, this.#updated.node, this.#note, this.#doubt.node]) node.hidden = waits;
    this.#waiting.hidden = !waits && !isEmpty(profile);
    if (waits) {
      text(this.#waiting, this.#waitingFor);
      text(this.#summary, '');
    } else {
      this.#describe(profile);
    }
    this.#update();
  }

  #describe(profile) {
    text(this.#shape, profile.shape);
    text(this.#summary, summary(profile));
    text(this.#peak, isEmpty(profile) ? '' : describePeak(profile));
    const missing = [!profile.scaled.lower && 'no quartiles', !profile.raw && 'no raw values'].filter(Boolean).join(' and ');
    text(this.#note, missing && `The event has ${missing}. ${profile.raw ? '' : 'Values are scaled from 0 to 1.'}`.trimEnd());
    this.#note.hidden = missing === '' || isEmpty(profile);
    this.#ring.show(profile);
    this.#updated.show(profile);
    text(this.#waiting, isEmpty(profile) ? describeEmpty(profile) : '');
    this.#doubt.show(profile);
  }

  /** refresh updates what depends on the time and the connection. */
  refresh(live) {
    this.node.classList.toggle('stale', !live);
    if (this.#profile && this.#seen) this.#updated.refresh(live);
  }

  get #scale() { return this.#profile.raw && this.#view.scale === 'raw' ? 'raw' : 'scaled'; }

  // The axis of a card that shows raw values, else undefined.
  get #axis() { return this.#profile && this.#scale === 'raw' ? this.#axes.get(axisOf(this.#profile)) : undefined; }

  get #wantsLevels() { return this.#ownLevels ?? this.#view.view === 'levels'; }

  // Shows either plot. Both stay in the page, so that each keeps the point that was chosen.
  #update() {
    const empty = this.#profile === null || isEmpty(this.#profile);
    const levels = this.#wantsLevels && this.#signature !== null && !empty;
    this.#switch.hidden = empty || this.#signature === null;
    set(this.#switch, 'aria-pressed', String(levels));
    for (const node of [this.#levelsHost, this.#levelText]) node.hidden = !levels;
    for (const node of [this.#plotHost, this.#readout.node]) node.hidden = empty || levels;
    this.#axisRow.hidden = empty;
    this.#drawn = empty;
    if (this.#seen && !this.#drawn) this.#draw();
  }

  #draw() {
    this.#drawn = true;
    if (this.#levelsHost.hidden) this.#drawEnvelope(this.#profile);
    else this.#drawLevels();
  }

  #drawEnvelope(profile) {
    const raw = this.#scale === 'raw';
    const widths = widthsOf(profile, this.#view.widths);
    set(this.#axisName, 'title', null);
    text(this.#axisName, `${[profile.channel, raw ? profile.unit : 'scaled'].filter(Boolean).join(', ')} · ${inWords(widths)}`);
    if (!this.#plot) {
      set(this.#plotHost, 'aria-describedby', this.#summary.id);
      this.#plot = new Plot(this.#plotHost, `${this.#name}, points of the curve`, (i) => this.#readAt(i));
    }
    const layer = { key: `${this.#name} ${this.#scale}`, style: this.#style, n: profile.n, used: profile.used, ...profile[this.#scale] };
    const { lo, hi } = raw ? this.#axis : extent([layer], 0, 1);
    this.#plot.show({
      layers: [layer], phases: profile.phases, widths, lo: raw ? lo : Math.max(axisMin, lo), hi: raw ? hi : Math.min(axisMax, hi),
      unchosen: peak(profile), describe: (i) => describePoint(profile, i, profile.raw ? 'raw' : 'scaled'),
    });
    this.#readAt(this.#plot.index);
  }

  #drawLevels() {
    this.#levels ??= new Levels(this.#levelsHost, `${this.#name}, levels of each channel and phase`, (words, chosen) => {
      text(this.#levelText, words);
      this.#levelText.classList.toggle('chosen', chosen);
    });
    text(this.#axisName, 'sorted from high to low, not time · logarithmic');
    set(this.#axisName, 'title', howToRead);
    this.#levels.show(this.#signature, this.#maxLevels, this.#style);
    text(this.#signatureText, describeSignature(this.#signature));
  }

  // Shows the values at a point, or at the peak. They are raw also while the plot is scaled.
  #readAt(i) {
    const profile = this.#profile;
    const values = valuesAt(profile, i ?? peak(profile), profile.raw ? 'raw' : 'scaled');
    this.#readout.show([{ name: values.phase || '–', values }], `${i === null ? 'peak, ' : ''}${whereIs(profile, i ?? peak(profile))}${values.fewer}`, i !== null);
  }
}
