// Light or dark: as the system has it, unless the reader chose otherwise.

const key = 'profiles.theme';
const system = matchMedia('(prefers-color-scheme: dark)');

function chosen() {
  try {
    return localStorage.getItem(key);
  } catch {
    return null; // storage is switched off
  }
}

function remember(theme) {
  try {
    if (theme) localStorage.setItem(key, theme);
    else localStorage.removeItem(key);
  } catch {
    // It then lasts as long as the page.
  }
}

const asSystem = () => (system.matches ? 'dark' : 'light');
const current = () => document.documentElement.dataset.theme ?? asSystem();

function apply(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
}

if (['light', 'dark'].includes(chosen())) apply(chosen());

/** toggle makes a button switch the theme. Back at the system's it follows the system again. */
export function toggle(button) {
  const show = () => {
    button.textContent = 'Dark';
    button.setAttribute('aria-pressed', String(current() === 'dark'));
  };
  button.addEventListener('click', () => {
    const wanted = current() === 'dark' ? 'light' : 'dark';
    const theme = wanted === asSystem() ? null : wanted;
    apply(theme);
    remember(theme);
    show();
  });
  system.addEventListener('change', show);
  show();
}
