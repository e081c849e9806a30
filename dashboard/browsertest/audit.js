// Checks the accessibility of the page: keyboard, screen reader and contrast. It is
// a small part of what axe-core checks, and returns a sentence for each problem.
(() => {
  const problems = [];
  const visible = (n) => n.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  const hidden = (n) => n.closest('[aria-hidden=true]') !== null;
  const describe = (n) => `${n.tagName.toLowerCase()}${n.id && `#${n.id}`}.${[...n.classList].join('.')} "${n.textContent.trim().slice(0, 30)}"`;
  const report = (n, problem) => problems.push(`${describe(n)}: ${problem}`);
  const byIds = (ids) => ids.split(/\s+/).map((id) => document.getElementById(id));

  // Ids are unique, and references to them are valid.
  const ids = [...document.querySelectorAll('[id]')].map((n) => n.id);
  for (const id of new Set(ids)) if (ids.filter((other) => other === id).length > 1) problems.push(`the id ${id} is there twice`);
  for (const attribute of ['aria-labelledby', 'aria-describedby', 'aria-controls']) {
    for (const n of document.querySelectorAll(`[${attribute}]`)) if (byIds(n.getAttribute(attribute)).includes(null)) report(n, `${attribute} refers to nothing`);
  }

  // Names.
  const name = (n) => {
    const by = n.getAttribute('aria-labelledby');
    if (by) return byIds(by).map((m) => m?.textContent ?? '').join(' ').trim();
    return (n.getAttribute('aria-label') ?? n.closest('label')?.textContent ?? (n.labels?.[0]?.textContent || n.textContent || n.getAttribute('title') || '')).trim();
  };
  const interactive = [...document.querySelectorAll('a[href], button, select, input, textarea, [tabindex]:not([tabindex="-1"]), [role=slider], [role=button]')].filter(visible);
  for (const n of interactive) {
    if (name(n) === '') report(n, 'has no name');
    if (hidden(n)) report(n, 'is hidden from screen readers but takes the focus');
    const { width, height } = n.getBoundingClientRect();
    if (n.matches('button, select, [role=slider]') && (width < 24 || height < 24)) report(n, `is ${width} by ${height} px`);
  }
  for (const n of document.querySelectorAll('[role=slider]')) {
    if (!visible(n)) continue;
    for (const a of ['aria-valuenow', 'aria-valuemin', 'aria-valuemax', 'aria-valuetext', 'aria-describedby']) if (!n.getAttribute(a)) report(n, `lacks ${a}`);
    const [min, now, max] = ['aria-valuemin', 'aria-valuenow', 'aria-valuemax'].map((a) => +n.getAttribute(a));
    if (!(min <= now && now <= max)) report(n, `is at ${now} of ${min} to ${max}`);
    if (byIds(n.getAttribute('aria-describedby') ?? '').every((m) => !m?.textContent.trim())) report(n, 'has an empty description');
  }
  for (const n of document.querySelectorAll('svg, img')) {
    if (!hidden(n) && !(n.getAttribute('role') === 'img' && name(n))) report(n, 'is a picture without role and name that is not hidden');
  }
  for (const n of document.querySelectorAll('[role]')) {
    if (!['alert', 'status', 'slider', 'region', 'img'].includes(n.getAttribute('role'))) report(n, `has the role ${n.getAttribute('role')}`);
  }
  for (const n of document.querySelectorAll('section, [role=region], article[aria-labelledby], fieldset')) {
    if (visible(n) && !n.querySelector(':scope > legend') && !n.hasAttribute('aria-label') && !n.hasAttribute('aria-labelledby')) report(n, 'is a region without a name');
  }
  for (const n of document.querySelectorAll('[style], [onclick], script:not([src])')) {
    if (n.matches('.bar')) continue; // its width is set by the script
    report(n, 'has inline style or script');
  }

  // Landmarks, language, headings, tables, lists.
  for (const [what, selector] of [['main', 'main'], ['banner', 'body > header'], ['footer', 'body > footer'], ['h1', 'h1']]) {
    if ([...document.querySelectorAll(selector)].filter(visible).length !== 1) problems.push(`there is not exactly one ${what}`);
  }
  if (!document.documentElement.lang) problems.push('the page has no language');
  if (!document.title) problems.push('the page has no title');
  for (const n of document.body.children) {
    if (visible(n) && n.textContent.trim() && !n.matches('header, main, footer, .skip, .notice')) report(n, 'lies outside of the landmarks');
  }
  let level = 0;
  for (const n of [...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].filter(visible)) {
    const next = +n.tagName[1];
    if (next > level + 1) report(n, `follows a heading of level ${level}`);
    if (!n.textContent.trim()) report(n, 'is an empty heading');
    level = next;
  }
  for (const n of document.querySelectorAll('table')) {
    if (hidden(n) || !visible(n)) continue;
    for (const th of n.querySelectorAll('th')) if (!th.scope) report(th, 'has no scope');
    if (!n.querySelector('caption') && !n.closest('[aria-labelledby]')) report(n, 'is a table without a name');
  }
  for (const n of document.querySelectorAll('ul')) if ([...n.children].some((m) => m.tagName !== 'LI')) report(n, 'has children that are no items');

  // Contrast: 4.5 for text, 3 for large text and the parts of plots.
  const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = ([r, g, b, a], under) => [r, g, b].map((v, i) => v * a + under[i] * (1 - a));
  const background = (n) => {
    const layers = [];
    for (let m = n; m; m = m.parentElement) layers.unshift(rgba(getComputedStyle(m).backgroundColor));
    return layers.reduce((under, layer) => over(layer, under), [255, 255, 255]);
  };
  const luminance = (c) => {
    const [r, g, b] = c.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => (Math.max(luminance(a), luminance(b)) + 0.05) / (Math.min(luminance(a), luminance(b)) + 0.05);
  const check = (n, colour, least) => {
    const under = background(n);
    const [r, g, b, a] = rgba(colour);
    const ratio = contrast(over([r, g, b, a * +getComputedStyle(n).opacity], under), under);
    if (ratio < least) report(n, `has a contrast of ${ratio.toFixed(2)}, less than ${least}`);
  };
  let texts = 0;
  for (const n of document.querySelectorAll('body *')) {
    const own = [...n.childNodes].some((m) => m.nodeType === 3 && m.textContent.trim());
    if (!own || !visible(n) || n.matches('.visually-hidden, .visually-hidden *, script, noscript *, option, .skip') || n.disabled) continue;
    const style = getComputedStyle(n);
    const size = parseFloat(style.fontSize);
    texts++;
    if (size < 10) report(n, `is ${size} px small`);
    check(n, n.ownerSVGElement ? style.fill : style.color, size >= 24 || (size >= 18.66 && +style.fontWeight >= 700) ? 3 : 4.5);
  }
  if (texts < 15) problems.push(`only ${texts} texts were checked`);
  for (const n of document.querySelectorAll('.plot .median, .legend .median, #connection svg *')) if (visible(n)) check(n, getComputedStyle(n).stroke, 3);
  for (const n of document.querySelectorAll('.plot .model, .bars .bar, .plot .dot:not(.unchosen)')) if (visible(n)) check(n, getComputedStyle(n).fill, 3);
  for (const n of document.querySelectorAll('.key')) if (visible(n)) check(n, getComputedStyle(n).getPropertyValue('background-color'), 1);
  return problems;
})()
