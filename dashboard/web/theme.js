// The light or dark theme: the system's, unless the reader chose the other.

const key = 'profiles.theme';
const system = matchMedia('(prefers-color-scheme: dark)');

function chosen() {
  try {
    return localStorage.getItem(key);
  } catch {
    return null; // the reader has disabled storage
  }
}

function remember(theme) {
  try {
    if (theme) localStorage.setItem(key, theme);
    else localStorage.removeItem(key);
  } catch {
    // Storage is disabled: the choice lasts until the page is closed.
  }
}

const systemTheme = () => (system.matches ? 'dark' : 'light');
const current = () => document.documentElement.dataset.theme ?? systemTheme();

function apply(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
}

if (['light', 'dark'].includes(chosen())) apply(chosen());

/** makeToggle makes a button switch the theme. When the system's theme is chosen, the page follows the system again. */
export function makeToggle(button) {
  const show = () => {
    button.textContent = 'Dark';
    button.setAttribute('aria-pressed', String(current() === 'dark'));
  };
  button.addEventListener('click', () => {
    const wanted = current() === 'dark' ? 'light' : 'dark';
    const theme = wanted === systemTheme() ? null : wanted;
    apply(theme);
    remember(theme);
    show();
  });
  system.addEventListener('change', show);
  show();
}
