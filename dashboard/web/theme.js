// The light or dark theme: the system's, unless the reader chose one.

const key = 'profiles.theme';
const system = matchMedia('(prefers-color-scheme: dark)');

// What the reader chose: 'light', 'dark' or 'system'.
let choice = 'system';
try {
  choice = known(localStorage.getItem(key));
} catch {
  // The reader has disabled storage: the choice lasts until the page is closed.
}
apply();

function known(value) { return ['light', 'dark'].includes(value) ? value : 'system'; }

function apply() {
  if (choice === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = choice;
}

function choose(value) {
  choice = value;
  apply();
  try {
    localStorage.setItem(key, value);
  } catch {
    // See above.
  }
}

const systemTheme = () => (system.matches ? 'dark' : 'light');

// What the button leads to: from the system's theme to the other one, then to the theme
// that the system has now, which then stays, then back to the system's.
function next() {
  if (choice === 'system') return systemTheme() === 'dark' ? 'light' : 'dark';
  return choice === systemTheme() ? 'system' : systemTheme();
}

const words = { light: 'Use light', dark: 'Use dark', system: 'Follow system' };
const titles = { light: 'The page is light from now on', dark: 'The page is dark from now on', system: 'The page is light or dark as the system is' };

/** makeToggle makes a button switch the theme. Its text says what it will do. Tabs of one browser follow each other. */
export function makeToggle(button) {
  const show = () => {
    button.textContent = words[next()];
    button.title = titles[next()];
  };
  button.addEventListener('click', () => {
    choose(next());
    show();
  });
  addEventListener('storage', (event) => {
    if (event.key !== key) return;
    choice = known(event.newValue);
    apply();
    show();
  });
  system.addEventListener('change', show);
  show();
}
