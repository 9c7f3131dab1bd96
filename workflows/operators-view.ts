/** What operators see of a run in the Web UI: the board, and the search attributes that find it in the list. */
import { defineSearchAttributeKey } from '@temporalio/common';
import { setCurrentDetails, upsertSearchAttributes } from '@temporalio/workflow';
import { boardText } from './board.ts';
import type { RunDocumentResult, searchAttributes } from './messages.ts';
import type { RunState } from './run-state.ts';
import { statusOf } from './run-state.ts';

const nameOf = (name: keyof typeof searchAttributes): string => name;
const statusKey = defineSearchAttributeKey(nameOf('WaymarkStatus'), 'KEYWORD');
const waitingKey = defineSearchAttributeKey(nameOf('WaymarkWaitingRole'), 'KEYWORD_LIST');
const failedKey = defineSearchAttributeKey(nameOf('WaymarkFailedStep'), 'KEYWORD_LIST');

/** Enough to find a run by, within Temporal's 2,000 bytes for an attribute. */
const mostValues = 20;
const longestValue = 60;

export interface OperatorsView {
  /** Costs an event only when the run begins or ceases to wait, or to need attention, or does so for somebody else. */
  show(): void;
  /** Search attributes as they stand, as text; for the next execution of the run. */
  readonly shown: string;
  showEnd(outcome: RunDocumentResult['outcome']): void;
}

/** `before`: what the last execution of the run has shown. At the start they are as the client sets them. */
export function operatorsView(state: RunState, before?: string): OperatorsView {
  let shown = before ?? JSON.stringify(['running', [], []]);

  function upsert(status: string, waiting: string[], failed: string[]): void {
    const wanted = JSON.stringify([status, waiting, failed]);
    if (wanted === shown) return;
    shown = wanted;
    upsertSearchAttributes([
      { key: statusKey, value: status },
      { key: waitingKey, value: waiting.length > 0 ? waiting : null },
      { key: failedKey, value: failed.length > 0 ? failed : null },
    ]);
  }

  const failed = () => bounded([...state.failures.values()].map(({ id }) => id));
  // The words are roles joined by `or`, which is no part of a role's name.
  const waiting = () => bounded([...state.waiting].flatMap(({ waitsFor }) => waitsFor.split(/ (?:or|and) /)));

  return {
    get shown() {
      return shown;
    },
    show() {
      setCurrentDetails(boardText(state));
      upsert(state.paused ? 'paused' : statusOf(state), waiting(), failed());
    },
    showEnd(outcome) {
      setCurrentDetails(boardText(state, outcome));
      upsert(outcome, [], failed());
    },
  };
}

function bounded(values: string[]): string[] {
  return [...new Set(values.map((value) => value.slice(0, longestValue)))].sort().slice(0, mostValues);
}
