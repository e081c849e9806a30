// Which profiles there are: those of the wanted spec, in its order, then those that have
// an event and are not in the spec, such as those of other programs. A roster says which
// of them a route shows, in which order.

import { hasDoubt, isEmpty } from './doubts.js';
import { styleAt } from './style.js';

const byName = (a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);

export class Roster {
  #store;
  #entries = new Map(); // by name
  #places = new Map(); // of profiles that are not in the spec: they keep their place while the page is open

  constructor(store) { this.#store = store; }

  /** update reads the store. It reports whether another spec or another profile came, or one went. */
  update() {
    const { spec, profiles } = this.#store;
    const before = this.#entries;
    this.#entries = new Map();
    const add = (name, place, { shape = '', channel = '', group = '' } = {}) => this.#entries.set(name, { name, place, style: styleAt(place), shape, channel, group });
    for (const profile of spec?.profiles ?? []) add(profile.name, this.#entries.size, profile);
    const named = this.#entries.size;
    for (const name of profiles.keys()) {
      if (this.#entries.has(name)) continue;
      if (!this.#places.has(name)) this.#places.set(name, this.#places.size);
      add(name, named + this.#places.get(name));
    }
    return [...before.values()].map(keyOf).join('\n') !== [...this.#entries.values()].map(keyOf).join('\n');
  }

  /** How many profiles there are. */
  get size() { return this.#entries.size; }

  /** has reports whether the spec or an event has a profile of that name. */
  has(name) { return this.#entries.has(name); }

  /** names returns all names, those of the spec first. */
  names() { return [...this.#entries.keys()]; }

  /** styleOf returns the CSS classes of a profile. */
  styleOf(name) { return this.#entries.get(name)?.style ?? styleAt(0); }

  /** shapeOf returns the shape that the spec has. */
  shapeOf(name) { return this.#entries.get(name)?.shape ?? ''; }

  /** arrange returns what a route shows as [{title, names}]: one group without a title, or one for each group. */
  arrange({ find, show, sort, group }) {
    const words = find.toLowerCase().split(/\s+/).filter(Boolean);
    const shown = [...this.#entries.values()].filter((entry) => this.#matches(entry, words) && this.#isShown(entry, show));
    shown.sort((a, b) => this.#compare(a, b, sort) || a.place - b.place);
    if (group === 'none') return [{ title: '', names: shown.map(({ name }) => name) }];
    const groups = new Map();
    for (const entry of shown) {
      const title = group === 'group' ? entry.group : prefixOf(entry.name);
      groups.set(title, [...groups.get(title) ?? [], entry.name]);
    }
    const titles = [...groups.keys()].sort((a, b) => (a === '') - (b === '') || (a < b ? -1 : 1));
    return titles.map((title) => ({ title: title || 'Others', names: groups.get(title) }));
  }

  #matches(entry, words) {
    const profile = this.#store.profiles.get(entry.name);
    const text = [entry.name, entry.group, entry.shape, profile?.shape, entry.channel, profile?.channel].join(' ').toLowerCase();
    return words.every((word) => text.includes(word));
  }

  #isShown({ name }, show) {
    const profile = this.#store.profiles.get(name);
    switch (show) {
      case 'partial': return !!profile && profile.target !== null && !profile.complete;
      case 'doubts': return !!profile && (isEmpty(profile) || hasDoubt(profile));
      case 'waiting': return !profile;
      default: return true;
    }
  }

  // Profiles without a value come last.
  #compare(a, b, sort) {
    const { profiles, signatures } = this.#store;
    const falling = (value) => (value(b.name) ?? -Infinity) - (value(a.name) ?? -Infinity) || 0;
    switch (sort) {
      case 'name': return byName(a, b);
      case 'n': return falling((name) => profiles.get(name)?.used);
      case 'drift': return falling((name) => latestDrift(signatures.get(name)));
      case 'changed': return falling((name) => profiles.get(name)?.updated ?? profiles.get(name)?.received);
      default: return 0;
    }
  }
}

const keyOf = ({ name, place, shape, channel, group }) => JSON.stringify([name, place, shape, channel, group]);

const prefixOf = (name) => /^([^-_]+)[-_]./.exec(name)?.[1] ?? '';

/** latestDrift returns the distance from the latest snapshot of a signature, or null. */
export const latestDrift = (signature) => signature?.drift.findLast(({ distance }) => !Number.isNaN(distance))?.distance ?? null;
