// Elements in one call, and what every part of the page says to the person.

import { type Trouble, asTrouble } from './trouble.ts';

type Child = Node | string | null | undefined | false;
type Props = Record<string, unknown>;

/** An element. Functions become listeners, true and false an attribute that is there or not. */
export function h<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag, props: Props = {}, ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props))
    if (typeof value === 'function') element.addEventListener(name, value as EventListener);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, String(value));
  element.append(...children.filter(child => child !== null && child !== undefined && child !== false));
  return element;
}

/** An element of a picture. */
export function s(tag: string, props: Record<string, string | number> = {}): SVGElement {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(props)) element.setAttribute(name, String(value));
  return element;
}

export function at<Kind extends HTMLElement = HTMLElement>(id: string): Kind {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no ${id}`);
  return element as Kind;
}

/** Tell a screen reader. */
export function announce(text: string): void {
  at('announcer').textContent = text;
}

const ICONS = { bad: '!', good: '✓', note: 'i' } as const;

/** A notice at the top of the page: replaces the one of the same `topic`. */
export function notice(
  topic: string, tone: keyof typeof ICONS, title: string, lines: string[] = [], items: string[] = [],
): void {
  settle(topic);
  const body = h('div', { class: 'notice-body' },
    h('strong', {}, title),
    ...lines.filter(Boolean).map(line => h('p', {}, line)),
    items.length > 0 && h('ul', {}, ...items.map(item => h('li', {}, item))),
  );
  const close = h('button', { type: 'button', class: 'close', 'aria-label': `Dismiss: ${title}`, click: () => settle(topic) }, '×');
  const card = h('div', { class: `notice ${tone}`, role: tone === 'bad' ? 'alert' : 'status', 'data-topic': topic },
    h('span', { class: 'notice-icon', 'aria-hidden': 'true' }, ICONS[tone]), body, close);
  at('notices').append(card);
  card.scrollIntoView({ block: 'nearest' });
}

/** Take the notices of `topic` away. */
export function settle(topic: string): void {
  for (const card of at('notices').querySelectorAll(`[data-topic="${topic}"]`)) card.remove();
}

export function tellTrouble(topic: string, error: unknown): Trouble {
  const trouble = asTrouble(error);
  if (trouble.kind === 'defect') console.error(error);
  notice(topic, 'bad', trouble.happened, [trouble.means, trouble.todo], trouble.problems.map(problemLine));
  return trouble;
}

const problemLine = ([key, value, says]: [string, unknown, string]): string =>
  says.startsWith('line ') || !key ? says : `${key} = ${JSON.stringify(value)} ${says}`;

/** Save `content` as a file of this computer. */
export function save(name: string, content: BlobPart, type: string): void {
  const url = URL.createObjectURL(new Blob([content], { type }));
  h('a', { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** "2 settings", "1 setting". */
export const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? '' : 's'}`;

export const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/** "3 h 20 min", "45 s". */
export function duration(s: number): string {
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

export const when = (epochS: number): string =>
  new Date(epochS * 1000).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });

