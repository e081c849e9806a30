// The feed of events. It is read with fetch rather than EventSource, which
// hides the heartbeats and the reason of a refusal: here a connection that
// has fallen silent is noticed and made anew, and so is one that was refused.

import { Parser } from './sse.js';

const silence = 40_000; // ms; the bridge sends something every 15 s
const firstPause = 500;
const lastPause = 10_000;

class Refused extends Error {}

export class Feed {
  #url;
  #handlers;
  #id = '';

  /** The life of the stream that the last id is of, as the bridge named it. */
  life = '';

  #wake = () => {};

  /**
   * handlers: event(type, data, sequence, at) for each event, at being when the
   * stream stored it (ms since 1970, or NaN); opened() when a
   * connection stands; broken(reason, refused) when it ended or could not be
   * made, before the next try.
   */
  constructor(url, handlers) {
    this.#url = url;
    this.#handlers = handlers;
    addEventListener('online', () => this.#wake());
    document.addEventListener('visibilitychange', () => document.hidden || this.#wake());
  }

  /** run keeps a connection for as long as the page lives. */
  async run() {
    for (let tries = 0; ; tries++) {
      const opened = () => {
        tries = 0;
        this.#handlers.opened();
      };
      const error = await this.#once(opened).catch((e) => e);
      this.#handlers.broken(error.message, error instanceof Refused);
      await this.#pause(Math.min(lastPause, firstPause * 2 ** tries));
    }
  }

  async #once(opened) {
    const abort = new AbortController();
    let timer;
    const alive = () => {
      clearTimeout(timer);
      timer = setTimeout(() => abort.abort(new Error('the connection fell silent')), silence);
    };
    alive();
    try {
      const headers = { Accept: 'text/event-stream' };
      if (this.#id) headers['Last-Event-ID'] = this.#id;
      const response = await fetch(this.#address(), { headers, cache: 'no-store', signal: abort.signal });
      if (!response.ok) throw refusal(response.status, await response.text().catch(() => ''));
      if (!response.headers.get('Content-Type')?.startsWith('text/event-stream')) throw new Error('what answers is no bridge');
      opened();
      const parser = new Parser((type, data, id, at) => {
        this.#id = id;
        this.#handlers.event(type, data, Number(id) || 0, at);
      });
      parser.id = this.#id;
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { value, done } = await reader.read();
        if (done) throw new Error('the bridge ended the connection');
        alive();
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
    if (!this.life) return this.#url;
    return `${this.#url}${this.#url.includes('?') ? '&' : '?'}life=${encodeURIComponent(this.life)}`;
  }

  #pause(ms) {
    return new Promise((resolve) => {
      this.#wake = resolve;
      setTimeout(resolve, ms * (0.75 + Math.random() / 2));
    });
  }
}

function refusal(status, said) {
  if (status === 401 || status === 403) return new Refused('the bridge wants a token: open the page with ?token=…');
  if (status === 503) return new Error(said.trim().slice(0, 200) || 'the bridge is not ready');
  return new Error(`the bridge answers with status ${status}`);
}
