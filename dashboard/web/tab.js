// The feed of this tab. Tabs of one browser share a feed by a shared worker. A browser
// without shared workers has a feed in each tab. A hidden tab lets go of its feed.

import { Feed } from './feed.js';

const hiddenAfter = 20_000; // ms that a hidden tab keeps the shared feed
const maxSilence = 60_000; // ms; the worker says every 10 s that it is alive

export class Tab {
  #url;
  #handlers;
  #feed; // has start, stop and retry
  #timer;

  /** handlers are those of Feed, and left(), called when the tab lets go of its feed. */
  constructor(url, handlers) {
    this.#url = url;
    this.#handlers = handlers;
    document.addEventListener('visibilitychange', () => this.#follow());
    addEventListener('pagehide', () => this.#leave());
    addEventListener('pageshow', () => this.#follow());
    // A page that was left may be kept for the way back, and its worker stops with its connection
    // open, perhaps before it has heard that the page left. A page with this handler is not kept.
    addEventListener('unload', () => {});
  }

  run() {
    const fail = () => {
      this.#feed?.stop();
      this.#feed = new Feed(this.#url, this.#handlers);
      this.#follow();
    };
    try {
      this.#feed = new Shared(this.#url, this.#handlers, fail);
    } catch {
      fail(); // there are no shared workers
      return;
    }
    this.#follow();
  }

  #follow() {
    clearTimeout(this.#timer);
    if (!document.hidden) {
      this.#feed.start();
      this.#feed.retry();
    } else if (this.#feed instanceof Shared) this.#timer = setTimeout(() => this.#leave(), hiddenAfter);
    else this.#leave(); // each feed takes one of the few connections
  }

  #leave() {
    this.#feed.stop();
    this.#handlers.left();
  }
}

// The part of a shared feed that is in the tab.
class Shared {
  #port;
  #fail;
  #joined = false;
  #timer;

  // fail is called if the worker can't be started or does not answer.
  constructor(url, handlers, fail) {
    const worker = new SharedWorker('sharedfeed.js', { type: 'module', name: new URL(url, location).href });
    worker.onerror = () => this.#end();
    this.#fail = fail;
    this.#port = worker.port;
    this.#port.onmessage = ({ data: messages }) => {
      if (!this.#joined) return;
      this.#expect();
      for (const [handler, ...rest] of messages) handlers[handler](...rest);
    };
  }

  start() {
    if (this.#joined) return;
    this.#joined = true;
    this.#expect();
    this.#port.postMessage('join');
  }

  stop() {
    if (!this.#joined) return;
    this.#joined = false;
    clearTimeout(this.#timer);
    this.#port.postMessage('leave');
  }

  retry() { this.#port.postMessage('retry'); }

  #expect() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#end(), maxSilence);
  }

  #end() {
    this.stop();
    this.#fail();
  }
}
