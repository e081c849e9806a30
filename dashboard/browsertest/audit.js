// What is wrong with a page for who uses a keyboard, a screen reader, or weak
// eyes; a compact audit after the manner of axe-core. It returns sentences.
(() => {
  const wrong = [];
  const seen = (n) => n.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  const hidden = (n) => n.closest('[aria-hidden=true]') !== null;
  const where = (n) => `${n.tagName.toLowerCase()}${n.id && `#${n.id}`}.${[...n.classList].join('.')} "${n.textContent.trim().slice(0, 30)}"`;
  const say = (n, what) => wrong.push(`${where(n)}: ${what}`);
  const byIds = (ids) => ids.split(/\s+/).map((id) => document.getElementById(id));

  // Ids are there once, and those referred to exist.
  const ids = [...document.querySelectorAll('[id]')].map((n) => n.id);
  for (const id of new Set(ids)) if (ids.filter((other) => other === id).length > 1) wrong.push(`the id ${id} is there twice`);
  for (const attribute of ['aria-labelledby', 'aria-describedby', 'aria-controls']) {
    for (const n of document.querySelectorAll(`[${attribute}]`)) if (byIds(n.getAttribute(attribute)).includes(null)) say(n, `${attribute} refers to nothing`);
  }

  // Names.
  const name = (n) => {
    const by = n.getAttribute('aria-labelledby');
    if (by) return byIds(by).map((m) => m?.textContent ?? '').join(' ').trim();
    return (n.getAttribute('aria-label') ?? n.closest('label')?.textContent ?? (n.labels?.[0]?.textContent || n.textContent || n.getAttribute('title') || '')).trim();
  };
  const interactive = [...document.querySelectorAll('a[href], button, select, input, textarea, [tabindex]:not([tabindex="-1"]), [role=slider], [role=button]')].filter(seen);
  for (const n of interactive) {
    if (name(n) === '') say(n, 'has no name');
    if (hidden(n)) say(n, 'is hidden from screen readers but takes the focus');
    const { width, height } = n.getBoundingClientRect();
    if (n.matches('button, select, [role=slider]') && (width < 24 || height < 24)) say(n, `is ${width} by ${height} px`);
  }
  for (const n of document.querySelectorAll('[role=slider]')) {
    if (!seen(n)) continue;
    for (const a of ['aria-valuenow', 'aria-valuemin', 'aria-valuemax', 'aria-valuetext', 'aria-describedby']) if (!n.getAttribute(a)) say(n, `lacks ${a}`);
    const [min, now, max] = ['aria-valuemin', 'aria-valuenow', 'aria-valuemax'].map((a) => +n.getAttribute(a));
    if (!(min <= now && now <= max)) say(n, `is at ${now} of ${min} to ${max}`);
    if (byIds(n.getAttribute('aria-describedby') ?? '').every((m) => !m?.textContent.trim())) say(n, 'has an empty description');
  }
  for (const n of document.querySelectorAll('svg, img')) {
    if (!hidden(n) && !(n.getAttribute('role') === 'img' && name(n))) say(n, 'is a picture without role and name that is not hidden');
  }
  for (const n of document.querySelectorAll('[role]')) {
    if (!['alert', 'status', 'slider', 'region', 'img'].includes(n.getAttribute('role'))) say(n, `has the role ${n.getAttribute('role')}`);
  }
  for (const n of document.querySelectorAll('section, [role=region], article[aria-labelledby], fieldset')) {
    if (seen(n) && !n.querySelector(':scope > legend') && !n.hasAttribute('aria-label') && !n.hasAttribute('aria-labelledby')) say(n, 'is a region without a name');
  }
  for (const n of document.querySelectorAll('[style], [onclick], script:not([src])')) {
    if (n.matches('.bar')) continue; // its width is set by the script
    say(n, 'has inline style or script');
  }

  // Landmarks, language, headings, tables, lists.
  for (const [what, selector] of [['main', 'main'], ['banner', 'body > header'], ['footer', 'body > footer'], ['h1', 'h1']]) {
    if ([...document.querySelectorAll(selector)].filter(seen).length !== 1) wrong.push(`there is not exactly one ${what}`);
  }
  if (!document.documentElement.lang) wrong.push('the page has no language');
  if (!document.title) wrong.push('the page has no title');
  for (const n of document.body.children) {
    if (seen(n) && n.textContent.trim() && !n.matches('header, main, footer, .skip, .notice')) say(n, 'lies outside of the landmarks');
  }
  let level = 0;
  for (const n of [...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].filter(seen)) {
    const next = +n.tagName[1];
    if (next > level + 1) say(n, `follows a heading of level ${level}`);
    if (!n.textContent.trim()) say(n, 'is an empty heading');
    level = next;
  }
  for (const n of document.querySelectorAll('table')) {
    if (hidden(n) || !seen(n)) continue;
    for (const th of n.querySelectorAll('th')) if (!th.scope) say(th, 'has no scope');
    if (!n.querySelector('caption') && !n.closest('[aria-labelledby]')) say(n, 'is a table without a name');
  }
  for (const n of document.querySelectorAll('ul')) if ([...n.children].some((m) => m.tagName !== 'LI')) say(n, 'has children that are no items');

  // Contrast: of text 4.5, of large text and of what a plot is made of 3.
  const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = ([r, g, b, a], under) => [r, g, b].map((v, i) => v * a + under[i] * (1 - a));
  const ground = (n) => {
    const layers = [];
    for (let m = n; m; m = m.parentElement) layers.unshift(rgba(getComputedStyle(m).backgroundColor));
    return layers.reduce((under, layer) => over(layer, under), [255, 255, 255]);
  };
  const light = (c) => {
    const [r, g, b] = c.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
  const check = (n, colour, least) => {
    const under = ground(n);
    const [r, g, b, a] = rgba(colour);
    const ratio = contrast(over([r, g, b, a * +getComputedStyle(n).opacity], under), under);
    if (ratio < least) say(n, `has a contrast of ${ratio.toFixed(2)}, less than ${least}`);
  };
  let texts = 0;
  for (const n of document.querySelectorAll('body *')) {
    const own = [...n.childNodes].some((m) => m.nodeType === 3 && m.textContent.trim());
    if (!own || !seen(n) || n.matches('.unseen, .unseen *, script, noscript *, option, .skip') || n.disabled) continue;
    const style = getComputedStyle(n);
    const size = parseFloat(style.fontSize);
    texts++;
    if (size < 10) say(n, `is ${size} px small`);
    check(n, n.ownerSVGElement ? style.fill : style.color, size >= 24 || (size >= 18.66 && +style.fontWeight >= 700) ? 3 : 4.5);
  }
  if (texts < 20) wrong.push(`only ${texts} texts were looked at`);
  for (const n of document.querySelectorAll('.plot .median, .legend .median, #link svg *')) if (seen(n)) check(n, getComputedStyle(n).stroke, 3);
  for (const n of document.querySelectorAll('.plot .model, .bars .bar, .plot .dot:not(.rest)')) if (seen(n)) check(n, getComputedStyle(n).fill, 3);
  for (const n of document.querySelectorAll('.key')) if (seen(n)) check(n, getComputedStyle(n).getPropertyValue('background-color'), 1);
  return wrong;
})()
