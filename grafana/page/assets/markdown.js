// A part of Markdown: headings, paragraphs, lists, bold, italic, code, links. HTML stays text.

import { el } from './dom.js';
import { anchor, fill } from './links.js';

const INLINE = /\*\*(.+?)\*\*|\*(.+?)\*|`(.+?)`|\[([^\]]+)\]\(([^)\s]+)\)/;

function inline(text, chosen) {
  const nodes = [];
  for (let rest = text; rest;) {
    const found = rest.match(INLINE);
    if (!found) { nodes.push(rest); break; }
    if (found.index) nodes.push(rest.slice(0, found.index));
    const [whole, bold, italic, code, label, address] = found;
    if (bold) nodes.push(el('strong', {}, ...inline(bold, chosen)));
    else if (italic) nodes.push(el('em', {}, ...inline(italic, chosen)));
    else if (code) nodes.push(el('code', {}, code));
    else nodes.push(anchor(label, fill(address, chosen)));
    rest = rest.slice(found.index + whole.length);
  }
  return nodes;
}

/** Markdown as elements. */
export function markdown(text, chosen) {
  const blocks = text.split(/\n{2,}/).filter((block) => block.trim());
  return blocks.map((block) => {
    const heading = block.match(/^(#{1,3})\s+(.*)$/);
    if (heading) return el(`h${heading[1].length}`, {}, ...inline(heading[2], chosen));
    const lines = block.split('\n');
    if (lines.every((line) => /^[-*]\s+/.test(line))) {
      return el('ul', {}, ...lines.map((line) => el('li', {}, ...inline(line.replace(/^[-*]\s+/, ''), chosen))));
    }
    return el('p', {}, ...inline(lines.join(' '), chosen));
  });
}
