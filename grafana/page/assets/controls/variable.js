// A variable's control: a few choices as segments, many as a list that can be searched.

import { el, icon } from '../dom.js';
import { arrows, close, toggle } from './popover.js';

const ALL = '$__all';
/** Lists longer than this are cut, and say so: search finds the rest. */
const SHOWN = 200;

/** The control of a file's variable; `choose(values)` is called with what was chosen. */
export function variableControl(variable, choose) {
  return variable.type === 'custom' && !variable.multi ? segments(variable, choose) : list(variable, choose);
}

function segments(variable, choose) {
  const group = el('span.segments', { role: 'radiogroup', 'aria-label': variable.label });
  arrows(group);
  group.addEventListener('keydown', (event) => {
    const at = [...group.children].indexOf(document.activeElement);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1 }[event.key];
    group.children[to]?.focus();
  });
  const element = el('span.variable', { title: variable.description || null },
    el('span.variable-label', {}, variable.label), group);
  return {
    element,
    update({ options, selected }) {
      const focused = group.contains(document.activeElement) && document.activeElement.dataset.value;
      group.replaceChildren(...options.map(({ text, value }) => el('button', {
        type: 'button', role: 'radio', 'aria-checked': String(selected.includes(value)), 'data-value': value,
        onclick: () => choose([value]),
      }, text)));
      if (focused) [...group.children].find((one) => one.dataset.value === focused)?.focus();
    },
  };
}

function list(variable, choose) {
  const text = el('span.chosen-text');
  let known = { options: [], selected: [] };
  const button = el('button.button', {
    type: 'button', 'aria-haspopup': 'dialog', 'aria-expanded': 'false',
    onclick: () => toggle(button, content(), variable.label),
  }, text, icon('caret', 'caret'));
  const element = el('span.variable', { title: variable.description || null },
    el('span.variable-label', {}, variable.label), button);

  function content() {
    let selected = [...known.selected];
    const choices = el('ul', { role: 'listbox', 'aria-label': variable.label, 'aria-multiselectable': String(variable.multi) });
    const note = el('p.hint');
    const search = el('input.search', {
      type: 'search', placeholder: 'Search…', 'aria-label': `Search ${variable.label}`, oninput: () => show(),
      onkeydown: (event) => { if (event.key === 'ArrowDown') { event.preventDefault(); choices.querySelector('button')?.focus(); } },
    });
    arrows(choices);
    const pick = (value) => {
      if (!variable.multi || value === ALL) {
        selected = [value];
        close(true);
      } else {
        selected = selected.includes(value) ? selected.filter((one) => one !== value) : [...selected.filter((one) => one !== ALL), value];
        if (!selected.length) selected = [ALL];
        show(value);
      }
      choose(selected);
    };
    function show(focus) {
      const words = search.value.trim().toLowerCase();
      const all = variable.includeAll && !words ? [{ text: 'All', value: ALL }] : [];
      const found = known.options.filter((one) => one.text.toLowerCase().includes(words));
      choices.replaceChildren(...[...all, ...found.slice(0, SHOWN)].map(({ text: name, value }) => {
        const choice = el('button.choice', {
          type: 'button', role: 'option', 'aria-selected': String(selected.includes(value)), class: variable.multi ? '' : 'is-one', onclick: () => pick(value),
        }, el('span.tick'), name);
        if (value === focus) queueMicrotask(() => choice.focus());
        return el('li', { role: 'none' }, choice);
      }));
      note.textContent = found.length > SHOWN ? `${SHOWN} of ${found.length} shown: search for the others.` : '';
      if (!found.length) note.textContent = words ? 'Nothing has this name.' : 'There is nothing to choose yet.';
    }
    show();
    return el('div', {}, known.options.length > 8 ? search : '', choices, note);
  }

  return {
    element,
    update(resolved) {
      known = resolved;
      const names = resolved.selected.map((value) => (value === ALL ? 'All'
        : resolved.options.find((one) => one.value === value)?.text ?? value));
      text.textContent = names.length > 2 ? `${names[0]} and ${names.length - 1} others` : names.join(', ') || 'None';
      button.title = names.join(', ');
      button.setAttribute('aria-label', `${variable.label}: ${text.textContent}`);
    },
  };
}
