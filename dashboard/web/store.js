// The last event of each profile and model.

import { InvalidEvent, isRemoval, metric, parse, perf, profile, removal, signature, spec, suspects } from './event.js';

const checks = { attack_profile: profile, attack_signature: signature, model_metric: metric, model_perf: perf, suspects, spec };
const maxEvents = 500; // of each type, since producers may publish any number of names

export class Store {
  #events = Object.fromEntries(Object.keys(checks).map((type) => [type, new Map()]));
  #callbacks = new Set();
  #changed = new Set();

  /** How many events were invalid, and why the last one was. */
  invalid = { count: 0, last: '' };

  get profiles() { return this.#events.attack_profile; }
  get signatures() { return this.#events.attack_signature; }
  get metrics() { return this.#events.model_metric; }
  get perfs() { return this.#events.model_perf; }
  get suspects() { return this.#events.suspects; }

  /** When the last event of a streamer was stored, in ms since 1970; null without one. */
  lastOfStreamer = null;

  /** The wanted spec, or null: a streamer of an earlier version sends none. */
  get spec() { return this.#events.spec.get('wanted') ?? null; }

  /** onChange calls back with the set of types that changed, once for all events that arrived together; 'invalid' is one of them. */
  onChange(callback) { this.#callbacks.add(callback); }

  /**
   * apply takes one event. It replaces or removes the event of the same name that has a
   * lower sequence. An invalid event replaces none.
   */
  apply(type, data, sequence, at = NaN) {
    if (!Object.hasOwn(checks, type)) return;
    try {
      const event = parse(data);
      if (event.type !== type) throw new InvalidEvent('its type differs from its subject');
      const value = isRemoval(event) ? removal(event) : checks[type](event);
      const events = this.#events[type];
      const before = events.get(value.name);
      if (before && sequence < before.sequence) return;
      if (value.removed) {
        events.delete(value.name);
        this.#change(type);
        return;
      }
      if (!before && events.size >= maxEvents) throw new InvalidEvent(`the page keeps no more than ${maxEvents} events of one type`);
      const received = Number.isFinite(at) ? at : Date.now();
      events.set(value.name, { ...value, sequence, data, received });
      if (value.ordered) this.lastOfStreamer = Math.max(this.lastOfStreamer ?? 0, received);
    } catch (error) {
      if (!(error instanceof InvalidEvent)) throw error;
      this.invalid.count++;
      this.invalid.last = `${type}: ${error.message}`;
      type = 'invalid';
    }
    this.#change(type);
  }

  /** clear removes all events. */
  clear() {
    for (const type of Object.keys(this.#events)) {
      this.#events[type].clear();
      this.#change(type);
    }
    this.invalid = { count: 0, last: '' };
    this.lastOfStreamer = null;
    this.#change('invalid');
  }

  #change(type) {
    this.#changed.add(type);
    if (this.#changed.size > 1) return;
    queueMicrotask(() => {
      const changed = this.#changed;
      this.#changed = new Set();
      for (const callback of this.#callbacks) callback(changed);
    });
  }
}
