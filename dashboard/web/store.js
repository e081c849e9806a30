// What the page knows: the last event of each profile and model.

import { Refusal, metric, parse, perf, profile, signature, suspects } from './event.js';

const kinds = { attack_profile: profile, attack_signature: signature, model_metric: metric, model_perf: perf, suspects };
const most = 500; // of a kind; anybody may publish any number of names

export class Store {
  #kept = { attack_profile: new Map(), attack_signature: new Map(), model_metric: new Map(), model_perf: new Map(), suspects: new Map() };
  #watchers = new Set();
  #changed = new Set();

  /** How many events were refused, and the last reason. */
  refused = { count: 0, last: '' };

  get profiles() { return this.#kept.attack_profile; }
  get signatures() { return this.#kept.attack_signature; }
  get metrics() { return this.#kept.model_metric; }
  get perfs() { return this.#kept.model_perf; }
  get suspects() { return this.#kept.suspects; }

  /** watch calls back with the kinds that changed, once for all events that came together. */
  watch(callback) { this.#watchers.add(callback); }

  /**
   * apply takes one event as it came. Of one name a later event replaces an
   * earlier one by its sequence; one that can't be drawn replaces nothing.
   */
  apply(type, data, sequence, at = NaN) {
    if (!Object.hasOwn(kinds, type)) return;
    try {
      const event = parse(data);
      if (event.type !== type) throw new Refusal('its type is another than its subject\u2019s');
      const value = kinds[type](event);
      const kept = this.#kept[type];
      const before = kept.get(value.name);
      if (before && sequence < before.sequence) return;
      if (!before && kept.size >= most) throw new Refusal(`there are ${most} of its kind already`);
      kept.set(value.name, { ...value, sequence, data, received: Number.isFinite(at) ? at : Date.now() });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.refused.count++;
      this.refused.last = `${type}: ${error.message}`;
      type = 'refused';
    }
    this.#change(type);
  }

  /** forget drops everything: it is of another life of the stream. */
  forget() {
    for (const kind of Object.keys(this.#kept)) {
      this.#kept[kind].clear();
      this.#change(kind);
    }
    this.refused = { count: 0, last: '' };
    this.#change('refused');
  }

  #change(kind) {
    this.#changed.add(kind);
    if (this.#changed.size > 1) return;
    queueMicrotask(() => {
      const changed = this.#changed;
      this.#changed = new Set();
      for (const watcher of this.#watchers) watcher(changed);
    });
  }
}
