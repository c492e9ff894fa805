// A table panel.

import { rows } from './rows.js';

export function table(panel, body, context) {
  const view = rows(panel, context.chosen, panel.title);
  body.replaceChildren(...view.elements);
  return view;
}
