// A text panel: Markdown, with links that keep time range and variables.

import { el } from '../dom.js';
import { markdown } from '../markdown.js';

export function text(panel, body, context) {
  const box = el('div.text');
  body.replaceChildren(box);
  return { update: () => box.replaceChildren(...markdown(panel.options.content, context.chosen())) };
}
