// Everything that can go wrong: what happened, what it means, what to do. The names are those of endcall.errors.

import type { Problem } from './settings.ts';

export type Kind =
  | 'no_web_serial' | 'port_busy' | 'no_answer' | 'stranger' | 'mismatch' | 'unplugged' | 'forgotten'
  | 'invalid' | 'damaged' | 'not_verified' | 'locked' | 'call_in_progress' | 'usage' | 'defect';

export class Trouble extends Error {
  readonly kind: Kind;
  readonly happened: string;
  readonly means: string;
  readonly todo: string;
  readonly problems: Problem[];

  constructor(kind: Kind, happened: string, means = '', todo = '', problems: Problem[] = []) {
    super(happened);
    this.kind = kind;
    this.happened = happened;
    this.means = means;
    this.todo = todo;
    this.problems = problems;
  }
}

/** Whatever was thrown, as a Trouble. */
export const asTrouble = (error: unknown): Trouble =>
  error instanceof Trouble
    ? error
    : new Trouble(
        'defect',
        `This page failed: ${error instanceof Error ? error.message : String(error)}`,
        'That is a defect of the page, not of the device.',
        'Reload the page and connect again; if it stays so, use the endcall command.',
      );

export const unplugged = (): Trouble =>
  new Trouble(
    'unplugged',
    'The device went away.',
    'It was unplugged, or it restarted. What it had not confirmed is not in force.',
    'Plug it in again and wait for the ring’s dot: this page connects by itself.',
  );
