// The detail of one profile: its envelope on a raw or scaled axis, alone or with
// that of another profile, its points, and their download.

import { peak } from './amplitude.js';
import { h, refill, set, text, unique } from './dom.js';
import { Recordings, describeEmpty, isEmpty } from './doubts.js';
import { csv, fileName, save } from './download.js';
import { EpisodeLines } from './episodelines.js';
import { EpisodePane, arrange, describeChosen, marksOf, minUnusual } from './episodepane.js';
import { Episodes } from './episodes.js';
import { number } from './format.js';
import { entry } from './legend.js';
import { LevelPane } from './levelpane.js';
import { Plot, extent } from './plot.js';
import { Points } from './points.js';
import { Readout, describePoint, valuesAt, whereIs } from './readout.js';
import { Ring } from './ring.js';
import { hrefOf } from './route.js';
import { Sample } from './sample.js';
import { otherStyle } from './style.js';
import { summary } from './summary.js';
import { hasSeconds, inWords, widthsOf } from './time.js';
import { toggle } from './tools.js';
import { Updated } from './updated.js';

const maxChoices = 200;

export class Detail {
  #store;
  #roster;
  #onRoute;
  #route = { profile: null, with: '', scale: '' };
  #plot = null;
  #container;
  #title = h('h2', { tabindex: -1 });
  #ring = new Ring();
  #shape = h('p', { class: 'shape' });
  #updated = new Updated();
  #back = h('a', { href: '#/' }, '← All profiles');
  #waiting = h('p', { class: 'waiting' });
  #waitingFor = '';
  #complete = false; // the store has all events that there are
  #select = h('select', { id: unique('other') });
  #scaleToggle = toggle('Scale', 'scale', { raw: 'Raw', scaled: 'Scaled' }, (value) => this.#choose('scale', value));
  #widthsToggle = toggle('Widths of phases', 'widths', { points: 'Points', seconds: 'Seconds' }, (value) => this.#choose('widths', value));
  #viewToggle = toggle('View', 'view', { curve: 'Curves', levels: 'Levels' }, (value) => this.#choose('view', value));
  #levels = new LevelPane();
  #scaleNote = h('span', { class: 'note' });
  #legend = h('p', { class: 'legend' });
  #axisName = h('p', { class: 'axis-name' });
  #plotHost = h('div', { class: 'plot' });
  #summary = h('p', { class: 'visually-hidden', id: unique('summary') });
  #readout = new Readout();
  #facts = h('dl', { class: 'facts' });
  #factNodes = new Map(); // by name
  #recordings = new Recordings();
  #sample = new Sample();
  #points;
  #urlOf;
  #episodes = new Episodes((name) => this.#urlOf(name, 'json'), () => this.show());
  #pane = new EpisodePane((name, value) => this.#choose(name, value), () => this.#episodes.retry());
  #lines = null;
  #chosen = h('p', { class: 'chosen-episode' });
  #body;
  #envelopes = []; // [{profile, style}], as the plot shows them
  #scale = 'raw';

  /** onRoute(route) is called when the reader chooses another profile to compare with, or another scale. urlOf(name, format) is where the episodes of a profile are. */
  constructor(container, store, roster, onRoute, urlOf) {
    this.#urlOf = urlOf;
    this.#container = container;
    this.#store = store;
    this.#roster = roster;
    this.#onRoute = onRoute;
    const csvButton = h('button', { class: 'quiet', type: 'button', 'aria-label': 'Download CSV' }, 'CSV');
    const jsonButton = h('button', { class: 'quiet', type: 'button', 'aria-label': 'Download JSON' }, 'JSON');
    csvButton.addEventListener('click', () => save(fileName(this.#profile, 'csv'), 'text/csv', csv(this.#profile)));
    jsonButton.addEventListener('click', () => save(fileName(this.#profile, 'json'), 'application/json', this.#profile.data));
    this.#select.addEventListener('change', () => this.#choose('with', this.#select.value));

    this.#points = new Points(csvButton, jsonButton);
    this.#body = h('div', { class: 'detail-body' },
      h('section', { class: 'pane', 'aria-label': 'Plot' },
        h('div', { class: 'controls' },
          h('label', null, 'Compare with', this.#select),
          this.#scaleToggle.node, this.#scaleNote, this.#widthsToggle.node, this.#viewToggle.node),
        this.#levels.node, this.#legend, this.#axisName, this.#plotHost, this.#summary, this.#chosen, this.#readout.node, this.#facts),
      h('div', { class: 'side' }, this.#pane.node, this.#recordings.node, this.#sample.node, this.#points.node));
    container.append(
      h('p', { class: 'back' }, this.#back),
      h('div', { class: 'detail-head' }, this.#title, this.#shape, this.#ring.node, this.#updated.node),
      this.#waiting, this.#body);
    set(this.#plotHost, 'aria-describedby', this.#summary.id);
  }

  /** focus focuses the title. */
  focus() { this.#title.focus(); }

  /** open shows a route. */
  open(route) {
    if (route.profile !== this.#route.profile) this.#discardPlot();
    this.#route = route;
    this.show();
  }

  /** close is called when the reader leaves the detail. */
  close() { this.#episodes.close(); }

  /** setBack sets where the way back leads. */
  setBack(href) { set(this.#back, 'href', href); }

  /** setWaiting sets the text of a profile without an event, and whether the page has all events. Then a name without any is unknown. */
  setWaiting(words, complete) {
    this.#waitingFor = words;
    this.#complete = complete;
    if (this.#profile === null && this.#route.profile !== null) text(this.#waiting, this.#describeMissing());
  }

  #describeMissing() {
    const { profile: name } = this.#route;
    if (!this.#complete || this.#roster.has(name)) return this.#waitingFor;
    return `No profile has the name “${name}”. It may have been removed or renamed: “All profiles” above has those that there are.`;
  }

  /** refresh updates what depends on the time and the connection. */
  refresh(live) {
    this.#container.classList.toggle('stale', !live);
    if (this.#profile) this.#updated.refresh(live);
    this.#lines?.refresh();
  }

  /** show draws the events of the store. */
  show() {
    const { profile: name } = this.#route;
    const profile = this.#profile;
    text(this.#title, name);
    set(this.#container, 'class', `detail ${this.#roster.styleOf(name)}${this.#container.classList.contains('stale') ? ' stale' : ''}`);
    const empty = profile === null || isEmpty(profile);
    this.#waiting.hidden = !empty;
    this.#body.hidden = empty;
    for (const node of [this.#shape, this.#ring.node, this.#updated.node]) node.hidden = profile === null;
    this.#showChoices();
    text(this.#waiting, profile === null ? this.#describeMissing() : describeEmpty(profile));
    if (!profile) return;
    text(this.#shape, profile.shape);
    this.#ring.show(profile);
    this.#updated.show(profile);
    if (empty) {
      this.#episodes.close();
      return;
    }
    this.#episodes.open(profile);
    this.#recordings.show(profile);
    this.#sample.show(this.#store.signatures.get(name) ?? null);
    this.#points.show(profile);
    this.#showFacts(profile);

    const other = this.#other;
    const scale = this.#chooseScale(profile, other);
    const style = this.#roster.styleOf(name);
    this.#envelopes = [{ profile, style }, ...(other ? [{ profile: other, style: otherStyle(this.#roster.styleOf(other.name), style) }] : [])];
    const layers = this.#envelopes.map((e) => ({ key: `${e.profile.name} ${scale}`, style: e.style, n: e.profile.n, used: e.profile.used, ...(scale === 'raw' ? e.profile.raw : e.profile.scaled) }));
    this.#legend.replaceChildren(...this.#envelopes.map((e) => entry(`${e.profile.name}: median${e.profile.scaled.lower ? ', p25 to p75' : ' (no quartiles)'}`, { style: e.style, band: e.profile.scaled.lower !== null })));
    const widths = widthsOf(profile, this.#route.widths);
    this.#widthsToggle.node.hidden = !hasSeconds(profile.phases, profile.points);
    this.#widthsToggle.show(widths);
    text(this.#axisName, `${describeAxis(profile, other, scale)} · ${inWords(widths)}${other && widths === 'seconds' ? ` of ${name}` : ''}`);
    text(this.#summary, this.#envelopes.map((e) => summary(e.profile)).join(' '));
    this.#scale = scale;
    this.#plot ??= this.#newPlot(name);
    const { rows, lines } = this.#showEpisodes(profile, scale);
    const range = roomFor(scale === 'raw' ? extent(layers, 0) : extent(layers, 0, 1), lines, this.#route.episode);
    this.#describeEpisodes(rows, lines, range);
    this.#plot.show({
      layers, phases: profile.phases, widths, ...range, unchosen: peak(profile),
      describe: (i) => this.#envelopes.map((e) => `${other ? `${e.profile.name}, ` : ''}${describePoint(e.profile, sameTime(i, profile, e.profile), scale)}`).join('; '),
    });
    this.#readAt(this.#plot.index);
    this.#showLevels();
  }

  // Shows the levels in place of the curves, if the address says so and the profile has any.
  #showLevels() {
    const { signatures } = this.#store;
    const profiles = this.#envelopes.map(({ profile: { name }, style }) => ({ name, style, signature: signatures.get(name) ?? null })).filter(({ signature }) => signature !== null);
    const hasLevels = signatures.has(this.#route.profile);
    const levels = hasLevels && this.#route.view === 'levels';
    this.#viewToggle.node.hidden = !hasLevels;
    this.#viewToggle.show(levels ? 'levels' : 'curve');
    this.#levels.node.hidden = !levels;
    if (levels) this.#chosen.hidden = true;
    for (const node of [this.#legend, this.#axisName, this.#plotHost, this.#readout.node, this.#scaleToggle.node, this.#scaleNote]) node.hidden = levels;
    if (levels) this.#widthsToggle.node.hidden = true;
    if (levels) this.#levels.show(profiles, signatures.values());
  }

  #newPlot(name) {
    const plot = new Plot(this.#plotHost, `${name}, points of the curve`, (i) => this.#readAt(i));
    this.#lines = new EpisodeLines(this.#plotHost, (id) => this.#choose('episode', id === this.#route.episode ? '' : id));
    plot.onDraw = (box, view) => this.#lines.place(box, view);
    return plot;
  }

  // Shows the list of episodes, and returns its rows, and their curves as the axis shows them, for EpisodeLines.
  #showEpisodes(profile, scale) {
    const { name } = profile;
    const signature = this.#store.signatures.get(name) ?? null;
    const rows = arrange(this.#episodes.list, marksOf(profile, signature, this.#store.suspects.get(name)), { ...this.#route, host: '' });
    const { host, episode } = this.#route;
    this.#pane.show(this.#episodes, rows.filter((row) => host === '' || row.host === host), {
      profile, signature, route: this.#route, hrefOf: (id) => hrefOf({ ...this.#route, episode: id, view: 'curve' }), linkOf: (format) => this.#urlOf(name, format),
    });
    set(this.#container, 'data-episodes', this.#episodes.failure !== '' ? 'failed' : this.#episodes.list ? 'ready' : this.#episodes.waits ? 'waits' : 'none');
    const change = scaling(profile, scale);
    const lines = !change ? [] : rows.filter(({ values }) => values?.length === profile.points)
      .map((row) => ({ id: row.id, words: row.id, values: row.values.map(change), faint: host !== '' && row.host !== host && row.id !== episode, strong: row.marks !== null }));
    this.#lines.show(lines, episode);
    return { rows, lines };
  }

  // Says below the plot which episode is chosen, and why it is marked.
  #describeEpisodes(rows, lines, { lo, hi }) {
    const { episode } = this.#route;
    const row = rows.find(({ id, values }) => id === episode && values !== null);
    const beyond = lines.filter(({ values }) => values.some((v) => v > hi || v < lo)).length;
    const words = describeChosen(this.#episodes, row, episode, beyond);
    const clear = h('a', { href: hrefOf({ ...this.#route, episode: '' }) }, 'All alike');
    refill(this.#chosen, JSON.stringify([row ? hrefOf(this.#route) : '', words]), () => (row ? [h('span', { class: 'key chosen' }), h('strong', null, h('bdi', null, episode)), ` ${words} `, clear] : [words]));
    this.#chosen.hidden = !words && !row;
  }

  #choose(name, value) { this.#onRoute({ ...this.#route, [name]: value }); }

  get #profile() { return this.#store.profiles.get(this.#route.profile) ?? null; }

  get #other() {
    const { profile, with: other } = this.#route;
    const found = other === profile ? undefined : this.#store.profiles.get(other);
    return found && !isEmpty(found) ? found : null;
  }

  // The raw scale needs raw values in the same unit. The default is raw for one profile, and scaled for two.
  #chooseScale(profile, other) {
    const notRaw = !profile.raw ? 'no raw values' : other && !other.raw ? `${other.name} has no raw values`
      : other && other.unit !== profile.unit ? `${other.name} has another unit` : '';
    const scale = notRaw ? 'scaled' : this.#route.scale || (other ? 'scaled' : 'raw');
    this.#scaleToggle.disable('raw', notRaw !== '');
    this.#scaleToggle.show(scale);
    text(this.#scaleNote, notRaw);
    return scale;
  }

  #showChoices() {
    const { profile } = this.#route;
    const other = this.#route.with === profile ? '' : this.#route.with;
    const names = this.#roster.names().filter((name) => name !== profile && name !== other && this.#store.profiles.has(name));
    names.length = Math.min(names.length, maxChoices);
    if (other) names.unshift(other);
    const options = ['', ...names];
    if (options.length !== this.#select.options.length || options.join('\n') !== [...this.#select.options].map((o) => o.value).join('\n')) {
      this.#select.replaceChildren(...options.map((name) => h('option', { value: name }, name === '' ? 'none' : name)));
    }
    this.#select.value = other;
  }

  #readAt(i) {
    const [{ profile }] = this.#envelopes;
    const point = i ?? peak(profile);
    const several = this.#envelopes.length > 1;
    const rows = this.#envelopes.map((e) => {
      const values = valuesAt(e.profile, sameTime(point, profile, e.profile), this.#scale);
      return several ? { name: e.profile.name, style: e.style, values } : { name: values.phase || '–', values };
    });
    const fewer = i === null || several ? '' : rows[0].values.fewer;
    this.#readout.show(rows, `${i === null ? 'peak, ' : ''}${whereIs(profile, point, several)}${fewer}`, i !== null);
    this.#points.mark(i);
  }

  #showFacts(profile) {
    const { raw } = profile;
    const signature = this.#store.signatures.get(profile.name);
    const facts = [
      ['channel', profile.channel], ['unit', profile.unit],
      ['episodes used', profile.used === null ? '' : String(profile.used)],
      ['attempted', profile.attempted ? String(profile.attempted) : ''],
      ['target', profile.target ? String(profile.target) : ''],
      ['median range', raw ? `${number(Math.min(...raw.median))} to ${number(Math.max(...raw.median))}` : ''],
      ['most typical episode', signature?.deepest && this.#link(signature.deepest)],
      [`unusual episodes (from ${minUnusual} on)`, signature?.used >= minUnusual && signature.outliers.length ? h('span', null, `${signature.outlierCount}, most of all `, this.#link(signature.outliers[0].episode)) : ''],
      ['generation', profile.generation],
    ].filter(([, value]) => value);
    const nodes = facts.map(([name, value]) => {
      if (!this.#factNodes.has(name)) this.#factNodes.set(name, h('div', null, h('dt', null, name), h('dd')));
      const node = this.#factNodes.get(name);
      refill(node.lastChild, value.outerHTML ?? value, () => [value]);
      return node;
    });
    if (nodes.length !== this.#facts.children.length || nodes.some((node, i) => node !== this.#facts.children[i])) this.#facts.replaceChildren(...nodes);
  }

  #link(episode) { return h('a', { href: hrefOf({ ...this.#route, episode, view: 'curve' }) }, h('bdi', null, episode)); }

  // Another profile gets a plot of its own: nothing of the old one moves or stays chosen.
  #discardPlot() {
    this.#plot = this.#lines = null;
    const fresh = h('div', { class: 'plot', 'aria-describedby': this.#summary.id });
    this.#plotHost.replaceWith(fresh);
    this.#plotHost = fresh;
  }
}

// The index of the other curve's point that lies at the same place as point i of this one.
const sameTime = (i, profile, other) => Math.min(other.points - 1, Math.floor(((i + 0.5) / profile.points) * other.points));

// describeAxis names what the value axis shows, and the channels.
function describeAxis(profile, other, scale) {
  const axis = scale === 'raw' ? `raw${profile.unit && `, ${profile.unit}`}` : 'scaled: 0 to 1 is the range of each median';
  if (!other || other.channel === profile.channel) return [axis, profile.channel].filter(Boolean).join(', ');
  return `${axis}. Two channels: ${profile.name} is ${profile.channel || 'of an unknown channel'}, ${other.name} is ${other.channel || 'of an unknown channel'}`;
}

// scaling returns the function from a value of an episode to the value axis, or null if the axis can't show it.
function scaling(profile, scale) {
  if (!profile.raw) return null;
  if (scale === 'raw') return (v) => v;
  const lo = Math.min(...profile.raw.median);
  const range = Math.max(...profile.raw.median) - lo;
  return range >= 1e-9 ? (v) => (v - lo) / range : null; // a flat median is drawn as 0
}

// roomFor returns a range with room for lines: all of the chosen one, and of the others up to as much again as the envelopes have.
function roomFor({ lo, hi }, lines, chosen) {
  const most = hi - lo;
  let [low, high] = [lo, hi];
  for (const { id, values } of lines) {
    const room = id === chosen ? Infinity : most;
    for (const v of values) {
      if (v > high) high = Math.min(v, Math.max(high, hi + room));
      if (v < low) low = Math.max(v, Math.min(low, lo - room));
    }
  }
  return { lo: low, hi: high };
}
