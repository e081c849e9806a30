// The feed of events from the bridge. It uses fetch, since an EventSource hides
// heartbeats and error answers: the feed connects again after silence, and shows
// why it was refused.

import { Parser } from './sse.js';

const maxSilence = 40_000; // ms; the bridge sends a heartbeat every 15 s
const firstPause = 500; // ms
const maxPause = 10_000;

class Refused extends Error {}

export class Feed {
  #url;
  #handlers;
  #id = '';

  /** The stream incarnation that the last id belongs to: the field life of the bridge event. */
  incarnation = '';

  #endPause = () => {};

  /**
   * handlers are
   *   opened()                        called when a connection is open
   *   event(type, data, sequence, at) called for each event; at is when the stream stored it (ms since 1970, or NaN)
   *   broken(reason, refused)         called when the connection ended or failed, before the next try
   */
  constructor(url, handlers) {
    this.#url = url;
    this.#handlers = handlers;
    addEventListener('online', () => this.#endPause());
    document.addEventListener('visibilitychange', () => document.hidden || this.#endPause());
  }

  /** run connects again and again. */
  async run() {
    for (let tries = 0; ; tries++) {
      const opened = () => {
        tries = 0;
        this.#handlers.opened();
      };
      const error = await this.#connect(opened).catch((e) => e);
      this.#handlers.broken(error.message, error instanceof Refused);
      await this.#pause(Math.min(maxPause, firstPause * 2 ** tries));
    }
  }

  // Reads one connection until it ends, which is always an error.
  async #connect(opened) {
    const abort = new AbortController();
    let timer;
    const restartTimer = () => {
      clearTimeout(timer);
      timer = setTimeout(() => abort.abort(new Error(`the bridge sent nothing for ${maxSilence / 1000} s`)), maxSilence);
    };
    restartTimer();
    try {
      const headers = { Accept: 'text/event-stream' };
      if (this.#id) headers['Last-Event-ID'] = this.#id;
      const response = await fetch(this.#address(), { headers, cache: 'no-store', signal: abort.signal });
      if (!response.ok) throw errorOf(response.status, await response.text().catch(() => ''));
      if (!response.headers.get('Content-Type')?.startsWith('text/event-stream')) throw new Error('the server is not a bridge');
      opened();
      const parser = new Parser((type, data, id, at) => {
        this.#id = id;
        this.#handlers.event(type, data, Number(id) || 0, at);
      });
      parser.id = this.#id;
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { value, done } = await reader.read();
        if (done) throw new Error('the bridge closed the connection');
        restartTimer();
        parser.push(value);
      }
    } catch (error) {
      if (error instanceof TypeError) throw new Error('the bridge does not answer');
      throw error;
    } finally {
      clearTimeout(timer);
      abort.abort();
    }
  }

  #address() {
    if (!this.incarnation) return this.#url;
    return `${this.#url}${this.#url.includes('?') ? '&' : '?'}life=${encodeURIComponent(this.incarnation)}`;
  }

  #pause(ms) {
    return new Promise((resolve) => {
      this.#endPause = resolve;
      setTimeout(resolve, ms * (0.75 + Math.random() / 2));
    });
  }
}

function errorOf(status, body) {
  if (status === 401 || status === 403) return new Refused('the bridge requires a token: open the page with ?token=…');
  if (status === 503) return new Error(body.trim().slice(0, 200) || 'the bridge is not ready');
  return new Error(`the bridge answers with status ${status}`);
}
