// One profile, large: its envelope on a raw or scaled axis, perhaps with
// another laid over it, its points, and their download.

import { h, set, text, unique } from './dom.js';
import { csv, fileName, save } from './download.js';
import { number } from './format.js';
import { entry } from './key.js';
import { Plot, extent } from './plot.js';
import { Points } from './points.js';
import { Readout, at, peak, spoken } from './readout.js';
import { Ring } from './ring.js';
import { Sample } from './sample.js';
import { summary } from './summary.js';
import { known, toneBeside, toneOf } from './tone.js';
import { Updated } from './updated.js';

const maxChoices = 200;

export class Detail {
  #store;
  #go;
  #place = { profile: null, beside: null, scale: null };
  #plot = null;
  #node;
  #title = h('h2', { tabindex: -1 });
  #ring = new Ring();
  #shape = h('p', { class: 'shape' });
  #updated = new Updated();
  #waits = h('p', { class: 'waits' });
  #select = h('select', { id: unique('beside') });
  #raw = h('input', { type: 'radio', name: 'scale', value: 'raw' });
  #scaled = h('input', { type: 'radio', name: 'scale', value: 'scaled' });
  #why = h('span', { class: 'lacks' });
  #legend = h('p', { class: 'legend' });
  #axisName = h('p', { class: 'lacks' });
  #host = h('div', { class: 'plot' });
  #summary = h('p', { class: 'unseen', id: unique('summary') });
  #readout = new Readout();
  #facts = h('dl', { class: 'facts' });
  #sample = new Sample();
  #points = new Points();
  #body;
  #envelopes = []; // [{profile, tone}], what the plot shows
  #scale = 'raw';

  /** go(place) is called when the reader chooses another place within the detail. */
  constructor(node, store, go) {
    this.#node = node;
    this.#store = store;
    this.#go = go;
    const csvButton = h('button', { type: 'button', 'aria-label': 'Download CSV' }, 'CSV');
    const jsonButton = h('button', { type: 'button', 'aria-label': 'Download JSON' }, 'JSON');
    csvButton.addEventListener('click', () => save(fileName(this.#profile, 'csv'), 'text/csv', csv(this.#profile)));
    jsonButton.addEventListener('click', () => save(fileName(this.#profile, 'json'), 'application/json', this.#profile.data));
    this.#select.addEventListener('change', () => this.#go({ ...this.#place, beside: this.#select.value || null }));
    for (const input of [this.#raw, this.#scaled]) input.addEventListener('change', () => this.#go({ ...this.#place, scale: input.value }));

    this.#body = h('div', { class: 'detail-body' },
      h('section', { class: 'pane', 'aria-label': 'Plot' },
        h('div', { class: 'controls' },
          h('label', null, 'Compare with', this.#select),
          h('fieldset', null, h('legend', { class: 'unseen' }, 'Scale'), h('label', null, this.#raw, 'raw'), h('label', null, this.#scaled, 'scaled'), this.#why),
          h('div', { class: 'end' }, csvButton, jsonButton)),
        this.#legend, this.#axisName, this.#host, this.#summary, this.#readout.node, this.#facts),
      h('div', { class: 'side' }, this.#sample.node, this.#points.node));
    node.append(
      h('p', { class: 'crumb' }, h('a', { href: '#/' }, '← All profiles')),
      h('div', { class: 'detail-head' }, this.#title, this.#shape, this.#ring.node, this.#updated.node),
      this.#waits, this.#body);
    set(this.#host, 'aria-describedby', this.#summary.id);
  }

  /** focus puts the focus on the title: the page has become another. */
  focus() { this.#title.focus(); }

  /** open shows a place. */
  open(place) {
    if (place.profile !== this.#place.profile) this.#discard();
    this.#place = place;
    this.show();
  }

  /** wait says why there may be nothing to show. */
  wait(why) { text(this.#waits, why); }

  tick(live) {
    this.#node.classList.toggle('stale', !live);
    if (this.#profile) this.#updated.tick(live);
  }

  /** show draws what the store has now. */
  show() {
    const { profile: name } = this.#place;
    const profile = this.#profile;
    text(this.#title, name);
    set(this.#node, 'class', `detail ${toneOf(name)}${this.#node.classList.contains('stale') ? ' stale' : ''}`);
    this.#waits.hidden = profile !== null;
    for (const node of [this.#body, this.#shape, this.#ring.node, this.#updated.node]) node.hidden = profile === null;
    this.#choices();
    if (!profile) return;
    text(this.#shape, profile.shape);
    this.#ring.show(profile);
    this.#updated.show(profile);
    this.#sample.show(this.#store.signatures.get(name) ?? null);
    this.#points.show(profile);
    this.#factsOf(profile);

    const beside = this.#beside;
    const scale = this.#scaleFor(profile, beside);
    this.#envelopes = [{ profile, tone: toneOf(name) }, ...(beside ? [{ profile: beside, tone: toneBeside(beside.name, name) }] : [])];
    const layers = this.#envelopes.map((e) => ({ key: `${e.profile.name} ${scale}`, tone: e.tone, ...(scale === 'raw' ? e.profile.raw : e.profile.scaled) }));
    this.#legend.replaceChildren(...this.#envelopes.map((e, k) => entry(`${e.profile.name}: median${e.profile.scaled.lower ? ', p25 to p75' : ' (no band was sent)'}`, { tone: e.tone, band: e.profile.scaled.lower !== null, over: k > 0 })));
    text(this.#axisName, scale === 'raw' ? (profile.unit || profile.channel || 'raw') : 'scaled: 0 and 1 are the least and greatest of each median');
    text(this.#summary, this.#envelopes.map((e) => summary(e.profile)).join(' '));
    this.#scale = scale;
    this.#plot ??= new Plot(this.#host, `${name}, points of the curve`, (i) => this.#read(i));
    const reach = scale === 'raw' ? extent(layers, 0) : extent(layers, 0, 1);
    this.#plot.show({
      layers, phases: profile.phases, ...reach, rest: peak(profile),
      describe: (i) => this.#envelopes.map((e) => `${beside ? `${e.profile.name}, ` : ''}${spoken(e.profile, same(i, profile, e.profile), scale)}`).join('; '),
    });
    this.#read(this.#plot.index);
  }

  get #profile() { return this.#store.profiles.get(this.#place.profile) ?? null; }

  get #beside() {
    const { profile, beside } = this.#place;
    return beside === profile ? null : this.#store.profiles.get(beside) ?? null;
  }

  // Raw where both have it, in one unit; two are first shown on the scale that fits both.
  #scaleFor(profile, beside) {
    const why = !profile.raw ? 'raw values were not sent' : beside && !beside.raw ? `${beside.name} has no raw values`
      : beside && beside.unit !== profile.unit ? `${beside.name} has another unit` : '';
    const scale = why ? 'scaled' : this.#place.scale ?? (beside ? 'scaled' : 'raw');
    this.#raw.disabled = why !== '';
    this.#raw.checked = scale === 'raw';
    this.#scaled.checked = scale === 'scaled';
    text(this.#why, why);
    return scale;
  }

  #choices() {
    const { profile, beside } = this.#place;
    const names = [...this.#store.profiles.keys()].filter((name) => name !== profile && name !== beside);
    const order = (name) => (known.includes(name) ? known.indexOf(name) : known.length);
    names.sort((a, b) => order(a) - order(b) || (a < b ? -1 : 1));
    names.length = Math.min(names.length, maxChoices);
    if (beside && beside !== profile) names.unshift(beside);
    const wanted = ['', ...names];
    if (wanted.join('\n') !== [...this.#select.options].map((o) => o.value).join('\n')) {
      this.#select.replaceChildren(...wanted.map((name) => h('option', { value: name }, name === '' ? 'no other' : name)));
    }
    this.#select.value = beside && beside !== profile ? beside : '';
  }

  #read(i) {
    const [{ profile }] = this.#envelopes;
    const point = i ?? peak(profile);
    const several = this.#envelopes.length > 1;
    const rows = this.#envelopes.map((e) => {
      const values = at(e.profile, same(point, profile, e.profile), this.#scale);
      return several ? { name: e.profile.name, tone: e.tone, values } : { name: values.phase || '–', values };
    });
    const phase = several && rows[0].values.phase ? `, ${rows[0].values.phase}` : '';
    this.#readout.show(rows, `${i === null ? `highest, point ${point + 1}` : `point ${point + 1} of ${profile.points}`}${phase}`, i !== null);
    this.#points.mark(i);
  }

  #factsOf(profile) {
    const { raw } = profile;
    const signature = this.#store.signatures.get(profile.name);
    const facts = [
      ['channel', profile.channel], ['unit', profile.unit],
      ['episodes used', profile.used === null ? '' : String(profile.used)],
      ['attempted', profile.attempted ? String(profile.attempted) : ''],
      ['wanted', profile.target ? String(profile.target) : ''],
      ['median from', raw ? `${number(Math.min(...raw.median))} to ${number(Math.max(...raw.median))}` : ''],
      ['nearest to the middle', signature?.deepest],
      ['outside the fence', signature?.outliers.length ? `${signature.outside}, most of all ${signature.outliers[0].episode}` : ''],
      ['generation', profile.generation],
    ].filter(([, value]) => value);
    this.#facts.replaceChildren(...facts.map(([name, value]) => h('div', null, h('dt', null, name), h('dd', null, value))));
  }

  #discard() {
    this.#plot = null;
    const fresh = h('div', { class: 'plot', 'aria-describedby': this.#summary.id });
    this.#host.replaceWith(fresh);
    this.#host = fresh;
  }
}

// The point of another curve that lies where point i of this one does.
const same = (i, profile, other) => Math.min(other.points - 1, Math.floor(((i + 0.5) / profile.points) * other.points));
