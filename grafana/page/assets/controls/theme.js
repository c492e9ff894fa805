// Light or dark: the system's, until somebody chooses. Charts listen for `themechange`.

import { el, icon } from '../dom.js';

const system = matchMedia('(prefers-color-scheme: dark)');

/** Whether the page is dark now. */
export const isDark = () => {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === 'dark' : system.matches;
};

const tell = () => dispatchEvent(new Event('themechange'));
system.addEventListener('change', tell);

/** The button. */
export function themeControl() {
  const button = el('button.button.button-icon', {
    type: 'button',
    onclick: () => {
      const next = isDark() ? 'light' : 'dark';
      document.documentElement.dataset.theme = next;
      localStorage.setItem('gapless-theme', next);
      tell();
    },
  });
  const show = () => {
    const label = isDark() ? 'Use the light theme' : 'Use the dark theme';
    button.replaceChildren(icon(isDark() ? 'sun' : 'moon'));
    button.setAttribute('aria-label', label);
    button.title = label;
  };
  addEventListener('themechange', show);
  show();
  return button;
}
