// A parser of server-sent events (HTML standard, section 9.2).

const maxLine = 16 << 20;

export class Parser {
  #rest = ''; // text without a line end yet
  #type = '';
  #data = [];
  #at = NaN;
  #onEvent;

  /** The last id that was sent, from which the next connection resumes. */
  id = '';

  /**
   * onEvent(type, data, id, at) is called for each event. at is the value of a field
   * that only the dashboard sends: ms since 1970, or NaN without it.
   */
  constructor(onEvent) { this.#onEvent = onEvent; }

  /** push parses the next piece of text. */
  push(text) {
    this.#rest += text;
    // A piece may end between \r and \n.
    const end = this.#rest.endsWith('\r') ? this.#rest.length - 1 : this.#rest.length;
    const lines = this.#rest.slice(0, end).split(/\r\n|\n|\r/);
    this.#rest = lines.pop() + this.#rest.slice(end);
    if (this.#rest.length > maxLine) throw new Error('a line is too long');
    for (const line of lines) this.#line(line);
  }

  #line(line) {
    if (line === '') {
      if (this.#data.length) this.#onEvent(this.#type || 'message', this.#data.join('\n'), this.id, this.#at);
      this.#type = '';
      this.#data = [];
      this.#at = NaN;
      return;
    }
    const colon = line.indexOf(':');
    if (colon === 0) return; // a comment: the dashboard's heartbeat
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') this.#type = value;
    else if (field === 'data') this.#data.push(value);
    else if (field === 'at') this.#at = Number(value);
    else if (field === 'id' && !value.includes('\0')) this.id = value;
  }
}
