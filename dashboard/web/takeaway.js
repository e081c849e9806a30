// What the menu saves: one profile, the profiles that the page shows, or the models.

import { csvOf, events, modelsCSV, safeName } from './download.js';
import { accuraciesFigure, profilesFigure, speedsFigure } from './figure.js';
import { hrefOf } from './route.js';

/** ofProfiles returns what the menu saves of named profiles as a route shows them, for SaveMenu.open. Profiles without an event are left out. */
export function ofProfiles(store, roster, route, names, title, href) {
  const items = names.map((name) => ({ profile: store.profiles.get(name), signature: store.signatures.get(name) ?? null, style: roster.styleOf(name) })).filter(({ profile }) => profile);
  const profiles = items.map(({ profile }) => profile);
  const all = { profiles: [...store.profiles.values()], signatures: [...store.signatures.values()] };
  return {
    title, file: safeName(title), href,
    svg: () => profilesFigure(items, route, all), csv: () => csvOf(profiles), json: () => events(profiles),
  };
}

/** ofAccuracies returns what the menu saves of the accuracies of the models. */
export function ofAccuracies({ metrics }) {
  const models = [...metrics.values()].sort((a, b) => b.metric - a.metric || (a.name < b.name ? -1 : 1));
  return {
    title: 'accuracy of each model', file: 'accuracy', href: hrefOf({ profile: null, scene: '8' }),
    svg: () => accuraciesFigure(models), csv: () => modelsCSV(metrics, new Map()), json: () => events(models),
  };
}

/** ofSpeeds returns what the menu saves of the accuracies against time. */
export function ofSpeeds({ perfs, metrics }) {
  return {
    title: 'accuracy against time', file: 'speed', href: hrefOf({ profile: null, scene: '12' }),
    svg: () => speedsFigure(perfs, metrics), csv: () => modelsCSV(metrics, perfs), json: () => events([...perfs.values()]),
  };
}
