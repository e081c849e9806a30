// The feed of events from the dashboard. It uses fetch, since an EventSource hides
// heartbeats and error answers: the feed connects again after silence, and shows
// why it was refused. It runs in a page or in a shared worker.

import { parse } from './event.js';
import { Parser } from './sse.js';

const maxSilence = 40_000; // ms; the dashboard sends a heartbeat every 15 s
const maxWait = 15_000; // ms until an answer begins
const firstPause = 500; // ms
const maxPause = 10_000;

class Refused extends Error {}

export class Feed {
  #url;
  #handlers;
  #id = '';
  #incarnation = ''; // of the stream that the last id belongs to: the field life of the bridge event
  #running = null; // an AbortController while it runs
  #endPause = () => {};

  /**
   * handlers are
   *   opened()                        called when a connection is open
   *   restarted()                     called when all events that came before are void
   *   event(type, data, sequence, at) called for each event; at is when the stream stored it (ms since 1970, or NaN)
   *   broken(reason, refused)         called when the connection ended or failed, before the next try
   */
  constructor(url, handlers) {
    this.#url = url;
    this.#handlers = handlers;
    addEventListener('online', () => this.retry());
  }

  get incarnation() { return this.#incarnation; }

  /** retry ends a pause between two tries. */
  retry() { this.#endPause(); }

  /** start connects again and again until stop. It goes on after the last event. */
  start() {
    if (this.#running) return;
    this.#running = new AbortController();
    this.#run(this.#running.signal);
  }

  stop() {
    this.#running?.abort(new Error('stopped'));
    this.#running = null;
    this.retry();
  }

  async #run(stopped) {
    for (let tries = 0; !stopped.aborted; tries++) {
      const opened = () => {
        tries = 0;
        this.#handlers.opened();
      };
      const error = await this.#connect(stopped, opened).catch((e) => e);
      if (stopped.aborted) return;
      this.#handlers.broken(error.message, error instanceof Refused);
      await this.#pause(Math.min(maxPause, firstPause * 2 ** tries));
    }
  }

  // Reads one connection until it ends, which is always an error.
  async #connect(stopped, opened) {
    const abort = new AbortController();
    const end = () => abort.abort(stopped.reason);
    stopped.addEventListener('abort', end);
    let timer;
    const expect = (ms, otherwise) => {
      clearTimeout(timer);
      timer = setTimeout(() => abort.abort(new Error(otherwise)), ms);
    };
    expect(maxWait, `no answer for ${maxWait / 1000} s: the dashboard hangs, or this browser has too many connections to it (close other tabs)`);
    try {
      const headers = this.#id ? { 'Last-Event-ID': this.#id } : {};
      const response = await fetch(this.#address(), { headers, cache: 'no-store', signal: abort.signal });
      if (!response.ok) throw errorOf(response.status, await response.text().catch(() => ''));
      if (!response.headers.get('Content-Type')?.startsWith('text/event-stream')) throw new Error('the server is no dashboard of this project');
      const silence = () => expect(maxSilence, `the dashboard sent nothing for ${maxSilence / 1000} s`);
      silence();
      opened();
      const parser = new Parser((type, data, id, at) => {
        if (stopped.aborted) return;
        this.#id = id;
        if (type === 'bridge') this.#noteIncarnation(data);
        this.#handlers.event(type, data, Number(id) || 0, at);
      });
      parser.id = this.#id;
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { value, done } = await reader.read();
        if (done) throw new Error('the dashboard closed the connection');
        silence();
        parser.push(value);
      }
    } catch (error) {
      if (error instanceof TypeError) throw new Error('the dashboard does not answer');
      throw error;
    } finally {
      clearTimeout(timer);
      stopped.removeEventListener('abort', end);
      abort.abort();
    }
  }

  // The dashboard sends all events of another stream incarnation anew.
  #noteIncarnation(data) {
    const { life } = parse(data);
    if (!life) return;
    if (this.#incarnation && life !== this.#incarnation) this.#handlers.restarted();
    this.#incarnation = life;
  }

  #address() {
    if (!this.#incarnation) return this.#url;
    return `${this.#url}${this.#url.includes('?') ? '&' : '?'}life=${encodeURIComponent(this.#incarnation)}`;
  }

  #pause(ms) {
    return new Promise((resolve) => {
      this.#endPause = resolve;
      setTimeout(resolve, ms * (0.75 + Math.random() / 2));
    });
  }
}

function errorOf(status, body) {
  if (status === 401 || status === 403) return new Refused('the dashboard requires a token: open the page with ?token=…');
  if (status === 503) return new Error(body.trim().slice(0, 200) || 'the dashboard is not ready');
  return new Error(`the dashboard answers with status ${status}`);
}
