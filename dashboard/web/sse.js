// Server-sent events, read from text as it arrives (the HTML standard, section 9.2).

const maxLine = 16 << 20;

export class Parser {
  #rest = '';
  #type = '';
  #data = [];
  #at = NaN;
  #take;

  /** The last id that was sent: where to go on after a break. */
  id = '';

  /**
   * take is called with each event's type, data and id, and with the time of an
   * `at` field, which is the bridge's own addition (ms since 1970, NaN: none).
   */
  constructor(take) { this.#take = take; }

  /** push takes the next piece of text. */
  push(text) {
    this.#rest += text;
    // A piece may end between the two halves of a line's end.
    const end = this.#rest.endsWith('\r') ? this.#rest.length - 1 : this.#rest.length;
    const lines = this.#rest.slice(0, end).split(/\r\n|\n|\r/);
    this.#rest = lines.pop() + this.#rest.slice(end);
    if (this.#rest.length > maxLine) throw new Error('a line has no end');
    for (const line of lines) this.#line(line);
  }

  #line(line) {
    if (line === '') {
      if (this.#data.length) this.#take(this.#type || 'message', this.#data.join('\n'), this.id, this.#at);
      this.#type = '';
      this.#data = [];
      this.#at = NaN;
      return;
    }
    const colon = line.indexOf(':');
    if (colon === 0) return; // a heartbeat
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') this.#type = value;
    else if (field === 'data') this.#data.push(value);
    else if (field === 'at') this.#at = Number(value);
    else if (field === 'id' && !value.includes('\0')) this.id = value;
  }
}
