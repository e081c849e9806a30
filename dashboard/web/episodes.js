// The episodes of one profile's sample: asked of the dashboard while the profile is
// open, and asked again when its event has another digest.

import { episodeList, parse } from './event.js';

const least = 2_000; // ms between two requests
const afterFailure = 10_000; // ms
const patience = 20_000; // ms that a request may take
const maxTries = 5; // while the dashboard has another sample than the event

export class Episodes {
  #urlOf;
  #onChange;
  #name = null;
  #wanted = ''; // generation and digest of the event
  #tries = 0; // for that digest
  #asked = -Infinity; // when the last request began
  #timer = 0;
  #request = null; // its AbortController

  /** What is shown: the last list of the profile ({episodes, all, leftOut}), or null. */
  list = null;

  /** Why the last request failed, in words; '' if it did not. */
  failure = '';

  /** urlOf(name) is where the episodes of a profile are. onChange() is called when list or failure changed. */
  constructor(urlOf, onChange) {
    this.#urlOf = urlOf;
    this.#onChange = onChange;
    document.addEventListener('visibilitychange', () => !document.hidden && this.failure !== '' && this.retry());
  }

  /** Whether a request is on its way, and there is nothing to show yet. */
  get waits() { return this.#name !== null && this.list === null && this.failure === ''; }

  /** open takes the event of the profile that is open. Events that no streamer sent have no episodes. */
  open(profile) {
    const name = profile.ordered && profile.digest !== '' ? profile.name : null;
    if (name !== this.#name) {
      this.close();
      this.#name = name;
    }
    const wanted = `${profile.generation} ${profile.digest}`;
    if (name === null || wanted === this.#wanted) return;
    this.#wanted = wanted;
    this.#tries = 0;
    this.#plan(Math.max(0, this.#asked + least - performance.now()));
  }

  /** close forgets everything. */
  close() {
    clearTimeout(this.#timer);
    this.#request?.abort();
    this.#request = this.#name = this.list = null;
    this.#wanted = this.failure = '';
    this.#asked = -Infinity;
  }

  /** retry asks at once, after a failure. */
  retry() { if (this.#name !== null) this.#plan(0); }

  #plan(pause) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ask(), pause);
  }

  async #ask() {
    if (this.#request) return; // it asks again when that has ended
    const wanted = this.#wanted;
    const request = this.#request = new AbortController();
    this.#asked = performance.now();
    this.#tries++;
    const late = setTimeout(() => request.abort(), patience);
    const { list, failure } = await ask(this.#urlOf(this.#name), request.signal);
    clearTimeout(late);
    if (this.#request !== request) return; // closed meanwhile
    this.#request = null;
    this.failure = failure;
    if (list) this.list = list;
    if (wanted !== this.#wanted || (list && !list.current && this.#tries < maxTries)) this.#plan(least);
    else if (failure !== '' && !document.hidden) this.#plan(afterFailure);
    this.#onChange();
  }
}

// ask returns a list, or why there is none.
async function ask(url, signal) {
  try {
    const answer = await fetch(url, { signal, headers: { Accept: 'application/json' } });
    const body = await answer.text();
    if (answer.ok) return { list: episodeList(parse(body)), failure: '' };
    if (answer.status === 404 && body.startsWith('there is no such page')) return { list: null, failure: 'this dashboard is of an earlier version, which does not send them' };
    const [line] = body.split('\n', 1);
    return { list: null, failure: line.slice(0, 400) || `the dashboard answers ${answer.status}` };
  } catch (error) {
    return { list: null, failure: signal.aborted ? 'the dashboard did not answer in time' : error instanceof TypeError ? 'the dashboard does not answer' : `the answer is not valid: ${error.message}` };
  }
}
